-- Disputes that other parties have raised about our records, and how far our answers are.

CREATE TABLE dispute (
    party       TEXT NOT NULL,
    number      TEXT NOT NULL,                -- the sender's own, unique
    digest      BLOB NOT NULL,                -- SHA-256 of the message as it came
    body        BLOB NOT NULL,                -- sealed: it is about a person
    at          INTEGER NOT NULL,
    due         INTEGER NOT NULL,             -- by when it must be answered, in seconds
    answer      BLOB,                         -- sealed
    answered_at INTEGER,
    attempts    INTEGER NOT NULL DEFAULT 0,
    next        INTEGER,                      -- in seconds; NULL: not answered yet, or acknowledged
    PRIMARY KEY (party, number)
);
CREATE INDEX dispute_next ON dispute (next) WHERE next IS NOT NULL;
