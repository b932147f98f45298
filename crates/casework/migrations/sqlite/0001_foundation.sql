-- The case store of one program's folder: leads, judgements, the register of disclosures, openings, and the outbox
-- whose rows the ledger drains in order. What is personal is here and never in the ledger.

CREATE TABLE program (
    only_row     INTEGER PRIMARY KEY CHECK (only_row = 1),
    environment  TEXT NOT NULL,               -- test or production: what was made under one never serves the other
    pair_secret  BLOB NOT NULL                -- 32 random bytes: names a pair across cycles, useless elsewhere
);

CREATE TABLE filed (
    agreement TEXT PRIMARY KEY                -- digest of an agreement that the ledger says was filed here
);

CREATE TABLE run (
    id           TEXT PRIMARY KEY,            -- the cycle, and a number for a run that was started again
    cycle        TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('started', 'planned', 'finished', 'abandoned')),
    started_at   TEXT NOT NULL,
    finished_at  TEXT,
    inputs       TEXT NOT NULL,               -- JSON: digest of each file, of the agreement and of the recipe
    summary      TEXT                         -- JSON: counts and what the report shows
);
CREATE UNIQUE INDEX one_live_run_a_cycle ON run (cycle) WHERE state <> 'abandoned';

CREATE TABLE lead (
    id               TEXT PRIMARY KEY,
    run              TEXT NOT NULL REFERENCES run (id),
    cycle            TEXT NOT NULL,
    pair             BLOB NOT NULL,           -- HMAC of the two record ids under pair_secret
    case_id          TEXT NOT NULL,           -- the recipient's own
    source_record    INTEGER NOT NULL,        -- record references: row numbers of this run's files
    recipient_record INTEGER NOT NULL,
    weight           REAL NOT NULL,
    probability      REAL NOT NULL,
    explanation      TEXT NOT NULL,           -- JSON
    returned_digest  BLOB NOT NULL,           -- HMAC of the returned values under pair_secret: has anything changed?
    returned         TEXT,                    -- JSON; NULL until released
    stage            TEXT NOT NULL CHECK (stage IN ('planned', 'held', 'open', 'reviewed', 'closed')),
    chunk            INTEGER,                 -- the release it belongs to
    reopens          TEXT REFERENCES lead (id),
    opened_at        TEXT,
    UNIQUE (run, pair)
);
CREATE INDEX lead_by_pair ON lead (pair);
CREATE INDEX lead_by_stage ON lead (stage);

CREATE TABLE judgement (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    lead        TEXT NOT NULL REFERENCES lead (id),
    pair        BLOB NOT NULL,
    judgement   TEXT NOT NULL CHECK (judgement IN ('same', 'not-same', 'unsure')),
    reason      TEXT NOT NULL,
    officer     TEXT NOT NULL,
    at          TEXT NOT NULL,
    expires     TEXT,
    reversed_by INTEGER REFERENCES judgement (number)
);
CREATE INDEX judgement_by_pair ON judgement (pair);

CREATE TABLE disclosure (
    id           TEXT PRIMARY KEY,
    run          TEXT NOT NULL REFERENCES run (id),
    chunk        INTEGER NOT NULL,
    prepared_at  TEXT NOT NULL,
    recipient    TEXT NOT NULL,
    purpose      TEXT NOT NULL,
    elements     TEXT NOT NULL,               -- JSON list
    persons      INTEGER NOT NULL,
    leaf         BLOB NOT NULL,               -- the very entry; the ledger must hold it before anything is released
    ledger_index INTEGER,
    released_at  TEXT,
    withdrawn_at TEXT
);
-- A chunk goes out once: what was withdrawn never went out, and only then may there be another.
CREATE UNIQUE INDEX one_live_disclosure_a_chunk ON disclosure (run, chunk) WHERE withdrawn_at IS NULL;

CREATE TABLE opening (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    disclosure TEXT REFERENCES disclosure (id), -- NULL: of an act on the lead, such as who reviewed it
    lead       TEXT REFERENCES lead (id),       -- NULL: of no one lead, such as who read a list
    opening    TEXT NOT NULL                    -- JSON: field, key, value
);
CREATE INDEX opening_by_disclosure ON opening (disclosure);
CREATE INDEX opening_by_lead ON opening (lead);

CREATE TABLE stay (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    mark        TEXT NOT NULL UNIQUE,         -- what the ledger calls it
    stay        TEXT NOT NULL,                -- JSON, as the agreement crate reads it
    recorded_at TEXT NOT NULL,
    lifted_at   TEXT,
    lifted_by   TEXT
);

CREATE TABLE outbox (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    second       INTEGER NOT NULL,            -- of the entry's time; never less than the line's before it
    leaf         BLOB NOT NULL,
    ledger_index INTEGER UNIQUE
);
CREATE INDEX outbox_waiting ON outbox (number) WHERE ledger_index IS NULL;
