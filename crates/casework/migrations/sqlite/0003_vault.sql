-- A case is found again by a digest of its id under the agreement's key: the id itself is sealed.
-- From here on lead.case_id, .explanation, .returned, judgement.reason, opening.opening and program.pair_secret hold
-- sealed blobs; what an older version wrote in the open is sealed when the store is opened.

ALTER TABLE lead ADD COLUMN case_digest BLOB;
CREATE INDEX lead_by_case ON lead (case_digest);
