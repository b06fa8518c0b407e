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

-- The identity of the certificate that an imported key came with: no other gets it. NULL: imported
-- by an earlier format; empty: it came with certificates of several.
ALTER TABLE external_keys ADD COLUMN holder BLOB;

-- Whether the profile weakened a rule, as an experimental environment allows (R20).
ALTER TABLE certificates ADD COLUMN experimental INTEGER NOT NULL DEFAULT 0;
-- The sum over the rows of each table, as it was with an entry of the audit log.
CREATE TABLE row_sums (
    name TEXT PRIMARY KEY,
    rows INTEGER NOT NULL,
    sum BLOB NOT NULL,
    audit INTEGER NOT NULL REFERENCES audit (number)
) WITHOUT ROWID;

-- The digests of the sums that a transaction changed, with its last entry of the audit log. The
-- chain of entries covers them.
CREATE TABLE audit_states (
    number INTEGER PRIMARY KEY REFERENCES audit (number),
    digests TEXT NOT NULL
);
CREATE TRIGGER audit_states_are_not_changed BEFORE UPDATE ON audit_states
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_states_are_not_cut BEFORE DELETE ON audit_states
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
