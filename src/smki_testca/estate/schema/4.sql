-- Format 4: runs replace certificates, and manifests have columns of the operator's own.

-- Which certificate was replaced by one that a run issued, which is in a tile and no row of the
-- table certificates.
CREATE TABLE replacements (
    predecessor BLOB NOT NULL,
    successor BLOB NOT NULL,
    audit INTEGER NOT NULL REFERENCES audit (number),
    PRIMARY KEY (predecessor, successor)
) WITHOUT ROWID;
CREATE INDEX replacements_by_successor ON replacements (successor);

-- The operator's own columns of certificates that were issued alone and renew those of a run, as an
-- object in JSON. Those of runs are in their tiles.
CREATE TABLE certificate_columns (
    serial BLOB PRIMARY KEY REFERENCES certificates (serial),
    columns TEXT NOT NULL
) WITHOUT ROWID;
