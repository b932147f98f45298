-- Individuals who come in by an issuer that vouches for them, once the code of a letter has let them in. Whom the issuer
-- knows is kept as a digest alone, and no longer than the letter's codes count.
CREATE TABLE issued_individual (
    hash       BLOB PRIMARY KEY,              -- HMAC of the issuer and its name for them
    holder     TEXT NOT NULL,                 -- the case
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
