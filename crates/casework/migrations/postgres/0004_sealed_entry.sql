-- Entries that are kept from the individual for a time under a cited power. When a seal ends, it stands in the seal; a row
-- goes with its lead.

CREATE TABLE sealed_entry (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lead   TEXT COLLATE "C" NOT NULL REFERENCES lead (id) DEFERRABLE,
    entry  BIGINT NOT NULL,                   -- where the ledger holds it
    seal   BYTEA NOT NULL                     -- power, authority, from and until (JSON), sealed
);
CREATE INDEX sealed_entry_by_lead ON sealed_entry (lead);
