-- Format 3: a key has one holder, runs have an identity.

-- 'authority' for the CAs of the estate, or 'participant ID'. The sealed key opens under this name
-- only. NULL: sealed by an earlier format, under its id alone.
ALTER TABLE keys ADD COLUMN holder TEXT;
CREATE INDEX certificates_by_key ON certificates (key_id);

-- Public keys that were brought to runs, by the SHA-256 of the SubjectPublicKeyInfo.
CREATE TABLE row_keys (
    key_id BLOB NOT NULL,
    run INTEGER NOT NULL,
    row INTEGER NOT NULL,
    participant TEXT NOT NULL,
    PRIMARY KEY (key_id, run, row)
) WITHOUT ROWID;

-- 16 random octets, in the name of the run's folder. NULL: made by an earlier format, whose
-- folders are named by the number alone.
ALTER TABLE runs ADD COLUMN identity BLOB;
