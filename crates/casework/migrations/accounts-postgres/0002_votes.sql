-- How the members of the board voted, the last vote of each on a subject. That a vote was cast is in the ledger; who cast
-- it is committed to there, and shown from here.
CREATE TABLE vote (
    subject TEXT NOT NULL,                    -- what on, by its digest
    title   TEXT NOT NULL,                    -- what on, in words
    member  TEXT NOT NULL,
    is_for  BOOLEAN NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (subject, member)
);
