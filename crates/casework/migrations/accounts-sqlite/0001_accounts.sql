-- Who may come in: officers' accounts and roles, sessions, keys of other systems, one-time codes, and what was tried.
-- A file of its own beside the case store, so that signing in never waits for a case's transaction and a copy of the
-- cases holds nobody's means of signing in. Instants are seconds since 1970, UTC. Secrets are hashed, or sealed.

CREATE TABLE account (
    officer     TEXT PRIMARY KEY,
    name        TEXT NOT NULL,                -- as shown in the console
    password    TEXT,                         -- argon2id, as a PHC string; NULL: signs in elsewhere, or is a system
    code_secret BLOB,                         -- sealed secret of RFC 6238
    code_step   INTEGER NOT NULL DEFAULT 0,   -- the last step whose code was taken: none is taken twice
    issuer      TEXT,                         -- OpenID Connect: who vouches, and its name for the officer
    issued_as   TEXT,
    made_at     INTEGER NOT NULL,
    closed_at   INTEGER,
    UNIQUE (issuer, issued_as)
);

CREATE TABLE role (
    officer TEXT NOT NULL REFERENCES account (officer),
    program TEXT NOT NULL,                    -- roles are given per agreement, by its program's name
    role    TEXT NOT NULL,
    PRIMARY KEY (officer, program, role)
) WITHOUT ROWID;

CREATE TABLE recovery_code (
    officer TEXT NOT NULL REFERENCES account (officer),
    hash    BLOB NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (officer, hash)
) WITHOUT ROWID;

CREATE TABLE session (
    hash     BLOB PRIMARY KEY,                -- SHA-256 of the secret, which only the browser has
    holder   TEXT NOT NULL,                   -- the officer, or the case whose person it is
    kind     TEXT NOT NULL CHECK (kind IN ('officer', 'individual')),
    begun_at INTEGER NOT NULL,
    seen_at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX session_by_holder ON session (kind, holder);
CREATE INDEX session_by_seen ON session (seen_at);

CREATE TABLE access_key (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    officer    TEXT NOT NULL REFERENCES account (officer),
    hash       BLOB NOT NULL UNIQUE,
    made_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
);

CREATE TABLE one_time_code (
    hash       BLOB PRIMARY KEY,              -- HMAC of case (or officer) and code
    holder     TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('officer', 'individual')),
    made_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) WITHOUT ROWID;
CREATE INDEX one_time_code_by_holder ON one_time_code (kind, holder);

CREATE TABLE attempt (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    kind    TEXT NOT NULL CHECK (kind IN ('officer', 'individual')),
    holder  BLOB NOT NULL,                    -- keyed digest of what was typed: a slip may be a password
    address BLOB NOT NULL,                    -- keyed digest of where it came from
    at      INTEGER NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX attempt_by_holder ON attempt (kind, holder, at);
CREATE INDEX attempt_by_time ON attempt (at);

-- What another party's node sent and was taken: nothing signed is taken twice, and a message that comes again gets the
-- same answer again.
CREATE TABLE received (
    party  TEXT NOT NULL,
    number TEXT NOT NULL,                     -- the sender's own, unique
    digest BLOB NOT NULL,                     -- SHA-256 of the message as it came
    body   BLOB NOT NULL,                     -- sealed: it is about a person
    at     INTEGER NOT NULL,
    PRIMARY KEY (party, number)
) WITHOUT ROWID;
CREATE INDEX received_by_time ON received (at);
