-- Whoever makes an account, or gives it new means, has seen them: until the officer has chosen others, nothing else is
-- open to them.
ALTER TABLE account ADD COLUMN must_change INTEGER NOT NULL DEFAULT 0;
