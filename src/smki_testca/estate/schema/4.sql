-- Format 4: runs replace certificates.

-- Which certificate was replaced by one that a run issued, which is in a tile and no row of the
-- table certificates.
CREATE TABLE replacements (
    predecessor BLOB NOT NULL,
    successor BLOB NOT NULL,
    audit INTEGER NOT NULL REFERENCES audit (number),
    PRIMARY KEY (predecessor, successor)
) WITHOUT ROWID;
CREATE INDEX replacements_by_successor ON replacements (successor);
