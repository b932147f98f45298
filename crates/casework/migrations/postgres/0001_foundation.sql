-- The case store of one program in one schema: leads, judgements, the register of disclosures, openings, and the outbox
-- whose rows the ledger drains in order. What is personal is here, sealed by the vault, and never in the ledger.
--
-- The tables and their columns are those of migrations/sqlite under the same numbers, so that a store can be copied from
-- one database to the other; references can wait for the end of a transaction for its sake. Texts compare byte by byte.

CREATE TABLE program (
    only_row     BIGINT PRIMARY KEY CHECK (only_row = 1),
    environment  TEXT NOT NULL,               -- test or production: what was made under one never serves the other
    pair_secret  BYTEA NOT NULL               -- sealed; 32 random bytes: names a pair across cycles, useless elsewhere
);

CREATE TABLE filed (
    agreement TEXT COLLATE "C" PRIMARY KEY    -- digest of an agreement that the ledger says was filed here
);

CREATE TABLE run (
    id           TEXT COLLATE "C" PRIMARY KEY, -- the cycle, and a number for a run that was started again
    cycle        TEXT COLLATE "C" NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('started', 'planned', 'finished', 'abandoned')),
    started_at   TEXT COLLATE "C" NOT NULL,
    finished_at  TEXT COLLATE "C",
    inputs       TEXT NOT NULL,               -- JSON: digest of each file, of the agreement and of the recipe
    summary      TEXT                         -- JSON: counts and what the report shows
);
CREATE UNIQUE INDEX one_live_run_a_cycle ON run (cycle) WHERE state <> 'abandoned';

CREATE TABLE lead (
    id               TEXT COLLATE "C" PRIMARY KEY,
    run              TEXT COLLATE "C" NOT NULL REFERENCES run (id) DEFERRABLE,
    cycle            TEXT COLLATE "C" NOT NULL,
    pair             BYTEA NOT NULL,          -- HMAC of the two record ids under pair_secret
    case_id          BYTEA NOT NULL,          -- sealed; the recipient's own
    source_record    BIGINT NOT NULL,         -- record references: row numbers of this run's files
    recipient_record BIGINT NOT NULL,
    weight           DOUBLE PRECISION NOT NULL,
    probability      DOUBLE PRECISION NOT NULL,
    explanation      BYTEA NOT NULL,          -- sealed; JSON
    returned_digest  BYTEA NOT NULL,          -- HMAC of the returned values under pair_secret: has anything changed?
    returned         BYTEA,                   -- sealed; JSON; NULL until released
    stage            TEXT NOT NULL CHECK (stage IN ('planned', 'held', 'open', 'reviewed', 'closed')),
    chunk            BIGINT,                  -- the release it belongs to
    reopens          TEXT COLLATE "C" REFERENCES lead (id) DEFERRABLE,
    opened_at        TEXT COLLATE "C",
    UNIQUE (run, pair)
);
CREATE INDEX lead_by_pair ON lead (pair);
CREATE INDEX lead_by_stage ON lead (stage);

CREATE TABLE judgement (
    number      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lead        TEXT COLLATE "C" NOT NULL REFERENCES lead (id) DEFERRABLE,
    pair        BYTEA NOT NULL,
    judgement   TEXT NOT NULL CHECK (judgement IN ('same', 'not-same', 'unsure')),
    reason      BYTEA NOT NULL,               -- sealed
    officer     TEXT NOT NULL,
    at          TEXT COLLATE "C" NOT NULL,
    expires     TEXT COLLATE "C",
    reversed_by BIGINT REFERENCES judgement (number) DEFERRABLE
);
CREATE INDEX judgement_by_pair ON judgement (pair);

CREATE TABLE disclosure (
    id           TEXT COLLATE "C" PRIMARY KEY,
    run          TEXT COLLATE "C" NOT NULL REFERENCES run (id) DEFERRABLE,
    chunk        BIGINT NOT NULL,
    prepared_at  TEXT COLLATE "C" NOT NULL,
    recipient    TEXT NOT NULL,
    purpose      TEXT NOT NULL,
    elements     TEXT NOT NULL,               -- JSON list
    persons      BIGINT NOT NULL,
    leaf         BYTEA NOT NULL,              -- the very entry; the ledger must hold it before anything is released
    ledger_index BIGINT,
    released_at  TEXT COLLATE "C",
    withdrawn_at TEXT COLLATE "C"
);
-- A chunk goes out once: what was withdrawn never went out, and only then may there be another.
CREATE UNIQUE INDEX one_live_disclosure_a_chunk ON disclosure (run, chunk) WHERE withdrawn_at IS NULL;

CREATE TABLE opening (
    number     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    disclosure TEXT COLLATE "C" REFERENCES disclosure (id) DEFERRABLE, -- NULL: of an act on the lead, such as who reviewed it
    lead       TEXT COLLATE "C" REFERENCES lead (id) DEFERRABLE,       -- NULL: of no one lead, such as who read a list
    opening    BYTEA NOT NULL                 -- sealed; JSON: field, key, value
);
CREATE INDEX opening_by_disclosure ON opening (disclosure);
CREATE INDEX opening_by_lead ON opening (lead);

CREATE TABLE stay (
    number      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mark        TEXT NOT NULL UNIQUE,         -- what the ledger calls it
    stay        TEXT NOT NULL,                -- JSON, as the agreement crate reads it
    recorded_at TEXT COLLATE "C" NOT NULL,
    lifted_at   TEXT COLLATE "C",
    lifted_by   TEXT
);

CREATE TABLE outbox (
    number       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    second       BIGINT NOT NULL,             -- of the entry's time; never less than the line's before it
    leaf         BYTEA NOT NULL,
    ledger_index BIGINT UNIQUE
);
CREATE INDEX outbox_waiting ON outbox (number) WHERE ledger_index IS NULL;
