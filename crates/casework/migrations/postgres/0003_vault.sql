-- A case is found again by a digest of its id under the agreement's key: the id itself is sealed.

ALTER TABLE lead ADD COLUMN case_digest BYTEA;
CREATE INDEX lead_by_case ON lead (case_digest);
