-- Cases: what is kept of one is its steps, and where it stands is their fold. case_file has what lists are drawn from;
-- nothing in it says anything about a person but that there is a case. What a step holds is sealed.

CREATE TABLE terms (
    agreement TEXT PRIMARY KEY,               -- its digest
    terms     TEXT NOT NULL                   -- JSON: what it asks of a case
);

CREATE TABLE case_file (
    id        TEXT PRIMARY KEY REFERENCES lead (id),
    agreement TEXT NOT NULL,                  -- whose terms it was opened under; empty: the strictest
    stage     TEXT NOT NULL CHECK (stage IN ('lead', 'reviewed', 'verifying', 'verified', 'refuted', 'noticed',
                  'contested', 'hearing', 'decided', 'action', 'correction', 'closed')),
    due       INTEGER,                        -- in seconds; NULL: closed, nothing is due
    assigned  TEXT NOT NULL DEFAULT '',       -- an officer; empty: nobody
    county    TEXT NOT NULL DEFAULT '',
    worker    TEXT NOT NULL DEFAULT '',
    weight    REAL NOT NULL,
    version   INTEGER NOT NULL DEFAULT 0,     -- how many steps it has taken
    opened_at TEXT NOT NULL,
    closed_at INTEGER                         -- in seconds
);
-- Each list is read along one of these, what is due first coming first.
CREATE INDEX case_by_due ON case_file (due, id) WHERE due IS NOT NULL;
CREATE INDEX case_by_stage ON case_file (stage, due, id) WHERE due IS NOT NULL;
CREATE INDEX case_by_officer ON case_file (assigned, due, id) WHERE due IS NOT NULL;
CREATE INDEX case_by_county ON case_file (county, due, id) WHERE due IS NOT NULL AND county <> '';
CREATE INDEX case_by_worker ON case_file (worker, due, id) WHERE due IS NOT NULL AND worker <> '';
CREATE INDEX case_by_closing ON case_file (closed_at, id) WHERE closed_at IS NOT NULL;

CREATE TABLE step (
    file    TEXT NOT NULL REFERENCES case_file (id),
    number  INTEGER NOT NULL,                 -- counted from one
    at      TEXT NOT NULL,
    by      TEXT NOT NULL,                    -- an officer, (individual) or (machine)
    kind    TEXT NOT NULL,
    payload BLOB NOT NULL,                    -- the step (JSON), sealed
    PRIMARY KEY (file, number)
) WITHOUT ROWID;

CREATE TABLE tally (
    what    TEXT NOT NULL,                    -- standing, reached, left, seconds, outcome
    of_whom TEXT NOT NULL,                    -- a reviewer; empty: the program
    name    TEXT NOT NULL,                    -- a stage or an outcome
    n       INTEGER NOT NULL,
    PRIMARY KEY (what, of_whom, name)
) WITHOUT ROWID;

CREATE TABLE correction (
    file            TEXT NOT NULL REFERENCES case_file (id),
    number          INTEGER NOT NULL,         -- of the step that ordered it
    recipient       TEXT NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    next            INTEGER,                  -- in seconds; NULL: acknowledged
    sent_at         TEXT,
    acknowledged_at TEXT,
    PRIMARY KEY (file, number, recipient)
) WITHOUT ROWID;
CREATE INDEX correction_due ON correction (next, file) WHERE next IS NOT NULL;

CREATE TABLE notice (
    file     TEXT PRIMARY KEY REFERENCES case_file (id),
    language TEXT NOT NULL,
    how      TEXT,
    letter   TEXT NOT NULL,                   -- SHA-256
    state    TEXT NOT NULL CHECK (state IN ('drafted', 'printed', 'served', 'returned')),
    at       INTEGER NOT NULL                 -- since when, in seconds
);
CREATE INDEX notice_by_state ON notice (state, at, file);

CREATE TABLE read_log (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    file   TEXT REFERENCES case_file (id),    -- NULL: of no one case
    by     TEXT NOT NULL,
    what   TEXT NOT NULL,
    at     TEXT NOT NULL
);
CREATE INDEX read_by_case ON read_log (file, number);

CREATE TABLE paper (
    file       TEXT NOT NULL REFERENCES case_file (id),
    digest     TEXT NOT NULL,                 -- SHA-256 of its bytes
    media_type TEXT NOT NULL,
    title      BLOB NOT NULL,                 -- sealed
    at         TEXT NOT NULL,
    bytes      BLOB NOT NULL,                 -- sealed
    PRIMARY KEY (file, digest)
);

-- A lead that was open before there were cases is a case at its first stage.
INSERT INTO case_file (id, agreement, stage, due, weight, opened_at)
SELECT lead.id, coalesce(json_extract(run.inputs, '$.agreement'), ''), 'lead',
       CAST(strftime('%s', lead.opened_at) AS INTEGER) + 30 * 86400, lead.weight, lead.opened_at
FROM lead JOIN run ON run.id = lead.run WHERE lead.stage = 'open' AND lead.opened_at IS NOT NULL;
INSERT INTO tally (what, of_whom, name, n) SELECT 'standing', '', 'lead', count(*) FROM case_file WHERE true;
INSERT INTO tally (what, of_whom, name, n) SELECT 'reached', '', 'lead', count(*) FROM case_file WHERE true;
