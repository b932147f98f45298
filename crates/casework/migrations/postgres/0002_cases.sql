-- Cases: what is kept of one is its steps, and where it stands is their fold. case_file has what lists are drawn from;
-- nothing in it says anything about a person but that there is a case. What a step holds is sealed.

CREATE TABLE terms (
    agreement TEXT COLLATE "C" PRIMARY KEY,   -- its digest
    terms     TEXT NOT NULL                   -- JSON: what it asks of a case
);

CREATE TABLE case_file (
    id        TEXT COLLATE "C" PRIMARY KEY REFERENCES lead (id) DEFERRABLE,
    agreement TEXT NOT NULL,                  -- whose terms it was opened under; empty: the strictest
    stage     TEXT COLLATE "C" NOT NULL CHECK (stage IN ('lead', 'reviewed', 'verifying', 'verified', 'refuted',
                  'noticed', 'contested', 'hearing', 'decided', 'action', 'correction', 'closed')),
    due       BIGINT,                         -- in seconds; NULL: closed, nothing is due
    assigned  TEXT COLLATE "C" NOT NULL DEFAULT '', -- an officer; empty: nobody
    county    TEXT COLLATE "C" NOT NULL DEFAULT '',
    worker    TEXT COLLATE "C" NOT NULL DEFAULT '',
    weight    DOUBLE PRECISION NOT NULL,
    version   BIGINT NOT NULL DEFAULT 0,      -- how many steps it has taken
    opened_at TEXT NOT NULL,
    closed_at BIGINT                          -- in seconds
);
-- Each list is read along one of these, what is due first coming first.
CREATE INDEX case_by_due ON case_file (due, id) WHERE due IS NOT NULL;
CREATE INDEX case_by_stage ON case_file (stage, due, id) WHERE due IS NOT NULL;
CREATE INDEX case_by_officer ON case_file (assigned, due, id) WHERE due IS NOT NULL;
CREATE INDEX case_by_county ON case_file (county, due, id) WHERE due IS NOT NULL AND county <> '';
CREATE INDEX case_by_worker ON case_file (worker, due, id) WHERE due IS NOT NULL AND worker <> '';
CREATE INDEX case_by_closing ON case_file (closed_at, id) WHERE closed_at IS NOT NULL;

CREATE TABLE step (
    file    TEXT COLLATE "C" NOT NULL REFERENCES case_file (id) DEFERRABLE,
    number  BIGINT NOT NULL,                  -- counted from one
    at      TEXT NOT NULL,
    by      TEXT NOT NULL,                    -- an officer, (individual) or (machine)
    kind    TEXT NOT NULL,
    payload BYTEA NOT NULL,                   -- the step (JSON), sealed
    PRIMARY KEY (file, number)
);

CREATE TABLE tally (
    what    TEXT COLLATE "C" NOT NULL,        -- standing, reached, left, seconds, outcome
    of_whom TEXT COLLATE "C" NOT NULL,        -- a reviewer; empty: the program
    name    TEXT COLLATE "C" NOT NULL,        -- a stage or an outcome
    n       BIGINT NOT NULL,
    PRIMARY KEY (what, of_whom, name)
);

CREATE TABLE correction (
    file            TEXT COLLATE "C" NOT NULL REFERENCES case_file (id) DEFERRABLE,
    number          BIGINT NOT NULL,          -- of the step that ordered it
    recipient       TEXT COLLATE "C" NOT NULL,
    attempts        BIGINT NOT NULL DEFAULT 0,
    next            BIGINT,                   -- in seconds; NULL: acknowledged
    sent_at         TEXT,
    acknowledged_at TEXT,
    PRIMARY KEY (file, number, recipient)
);
CREATE INDEX correction_due ON correction (next, file) WHERE next IS NOT NULL;

CREATE TABLE notice (
    file     TEXT COLLATE "C" PRIMARY KEY REFERENCES case_file (id) DEFERRABLE,
    language TEXT NOT NULL,
    how      TEXT,
    letter   TEXT NOT NULL,                   -- SHA-256
    state    TEXT COLLATE "C" NOT NULL CHECK (state IN ('drafted', 'printed', 'served', 'returned')),
    at       BIGINT NOT NULL                  -- since when, in seconds
);
CREATE INDEX notice_by_state ON notice (state, at, file);

CREATE TABLE read_log (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file   TEXT COLLATE "C" REFERENCES case_file (id) DEFERRABLE, -- NULL: of no one case
    by     TEXT NOT NULL,
    what   TEXT NOT NULL,
    at     TEXT NOT NULL
);
CREATE INDEX read_by_case ON read_log (file, number);

CREATE TABLE paper (
    file       TEXT COLLATE "C" NOT NULL REFERENCES case_file (id) DEFERRABLE,
    digest     TEXT COLLATE "C" NOT NULL,     -- SHA-256 of its bytes
    media_type TEXT NOT NULL,
    title      BYTEA NOT NULL,                -- sealed
    at         TEXT NOT NULL,
    bytes      BYTEA NOT NULL,                -- sealed
    PRIMARY KEY (file, digest)
);
