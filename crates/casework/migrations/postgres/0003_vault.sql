-- A case is found again by a digest of its id under the agreement's key: the id itself is sealed.

ALTER TABLE lead ADD COLUMN case_digest BYTEA;
CREATE INDEX lead_by_case ON lead (case_digest);

-- What stays when all else about a lead is destroyed: that two records are known not to be of one person. It protects
-- the individual from being looked at again, and says nothing about anybody without the pair secret.
CREATE TABLE not_same (
    number  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pair    BYTEA NOT NULL,
    lead    TEXT COLLATE "C" NOT NULL,        -- the number of the lead that was judged; it is no more
    expires TEXT COLLATE "C"
);
CREATE INDEX not_same_by_pair ON not_same (pair);
