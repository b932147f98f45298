-- Which group of each subgroup of the agreement a case is in (JSON), sealed for the lead's row; the case has the very cell of
-- its lead. It is counted with the outcomes (tally, `group`: the subgroup's name, a blank, and the group), and for nothing else.

ALTER TABLE lead ADD COLUMN groups BLOB;
ALTER TABLE case_file ADD COLUMN groups BLOB;
