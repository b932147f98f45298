-- Who may come in: officers' accounts and roles, sessions, keys of other systems, one-time codes, and what was tried.
-- A schema of its own beside the cases' one, so that signing in never waits for a case's transaction and a copy of the
-- cases holds nobody's means of signing in. Instants are seconds since 1970, UTC. Secrets are hashed, or sealed.

CREATE TABLE account (
    officer     TEXT COLLATE "C" PRIMARY KEY,
    name        TEXT NOT NULL,                -- as shown in the console
    password    TEXT,                         -- argon2id, as a PHC string; NULL: signs in elsewhere, or is a system
    code_secret BYTEA,                         -- sealed secret of RFC 6238
    code_step   BIGINT NOT NULL DEFAULT 0,   -- the last step whose code was taken: none is taken twice
    issuer      TEXT,                         -- OpenID Connect: who vouches, and its name for the officer
    issued_as   TEXT,
    made_at     BIGINT NOT NULL,
    closed_at   BIGINT,
    UNIQUE (issuer, issued_as)
);

CREATE TABLE role (
    officer TEXT COLLATE "C" NOT NULL REFERENCES account (officer),
    program TEXT NOT NULL,                    -- roles are given per agreement, by its program's name
    role    TEXT NOT NULL,
    PRIMARY KEY (officer, program, role)
);

CREATE TABLE recovery_code (
    officer TEXT COLLATE "C" NOT NULL REFERENCES account (officer),
    hash    BYTEA NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (officer, hash)
);

CREATE TABLE session (
    hash     BYTEA PRIMARY KEY,                -- SHA-256 of the secret, which only the browser has
    holder   TEXT NOT NULL,                   -- the officer, or the case whose person it is
    kind     TEXT NOT NULL CHECK (kind IN ('officer', 'individual')),
    begun_at BIGINT NOT NULL,
    seen_at  BIGINT NOT NULL
);
CREATE INDEX session_by_holder ON session (kind, holder);
CREATE INDEX session_by_seen ON session (seen_at);

CREATE TABLE access_key (
    number     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    officer    TEXT COLLATE "C" NOT NULL REFERENCES account (officer),
    hash       BYTEA NOT NULL UNIQUE,
    made_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE TABLE one_time_code (
    hash       BYTEA PRIMARY KEY,              -- HMAC of case (or officer) and code
    holder     TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('officer', 'individual')),
    made_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);
CREATE INDEX one_time_code_by_holder ON one_time_code (kind, holder);

CREATE TABLE attempt (
    number  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind    TEXT NOT NULL CHECK (kind IN ('officer', 'individual')),
    holder  BYTEA NOT NULL,                    -- keyed digest of what was typed: a slip may be a password
    address BYTEA NOT NULL,                    -- keyed digest of where it came from
    at      BIGINT NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX attempt_by_holder ON attempt (kind, holder, at);
CREATE INDEX attempt_by_time ON attempt (at);

-- What another party's node sent and was taken: nothing signed is taken twice, and a message that comes again gets the
-- same answer again.
CREATE TABLE received (
    party  TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C" NOT NULL,                     -- the sender's own, unique
    digest BYTEA NOT NULL,                     -- SHA-256 of the message as it came
    body   BYTEA NOT NULL,                     -- sealed: it is about a person
    at     BIGINT NOT NULL,
    PRIMARY KEY (party, number)
);
CREATE INDEX received_by_time ON received (at);
