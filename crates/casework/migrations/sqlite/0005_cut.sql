-- What joins a case to one individual of the source, whichever of that individual's records is paired; and the bonds that
-- corrections of wrong links have cut. No later run joins the two again, as long as the row stands; it outlives its lead,
-- and says nothing about anybody without the pair secret.

ALTER TABLE lead ADD COLUMN bond BLOB;
CREATE INDEX lead_by_bond ON lead (bond);

CREATE TABLE cut (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    bond   BLOB NOT NULL,
    lead   TEXT NOT NULL,                     -- the number of the lead whose case was corrected; it may be no more
    at     TEXT NOT NULL
);
CREATE INDEX cut_by_bond ON cut (bond);
CREATE INDEX cut_by_lead ON cut (lead);
