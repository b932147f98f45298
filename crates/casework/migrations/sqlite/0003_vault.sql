-- A case is found again by a digest of its id under the agreement's key: the id itself is sealed.
-- From here on lead.case_id, .explanation, .returned, judgement.reason, opening.opening and program.pair_secret hold
-- sealed blobs; what an older version wrote in the open is sealed when the store is opened.

ALTER TABLE lead ADD COLUMN case_digest BLOB;
CREATE INDEX lead_by_case ON lead (case_digest);

-- What stays when all else about a lead is destroyed: that two records are known not to be of one person. It protects
-- the individual from being looked at again, and says nothing about anybody without the pair secret.
CREATE TABLE not_same (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    pair    BLOB NOT NULL,
    lead    TEXT NOT NULL,                    -- the number of the lead that was judged; it is no more
    expires TEXT
);
CREATE INDEX not_same_by_pair ON not_same (pair);
