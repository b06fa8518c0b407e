-- The estate's one file. Times are UTC in ISO 8601; octets are BLOBs.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE participants (
    id TEXT PRIMARY KEY,
    record BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE agreements (
    reference TEXT PRIMARY KEY,
    record BLOB NOT NULL
) WITHOUT ROWID;

-- What each flow had said when it was last notified.
CREATE TABLE notifications (
    flow TEXT NOT NULL,
    number INTEGER NOT NULL,
    at TEXT NOT NULL,
    said BLOB NOT NULL,
    PRIMARY KEY (flow, number)
) WITHOUT ROWID;

-- Append-only, each entry chained to the one before it.
CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    action TEXT NOT NULL,
    body TEXT NOT NULL,
    previous BLOB NOT NULL,
    digest BLOB NOT NULL
);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- Private keys, sealed; id is the SHA-256 of the SubjectPublicKeyInfo.
CREATE TABLE keys (
    id BLOB PRIMARY KEY,
    sealed BLOB NOT NULL,
    secret INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE certificates (
    serial BLOB PRIMARY KEY,
    der BLOB NOT NULL,
    profile TEXT NOT NULL,
    hierarchy TEXT NOT NULL,
    tier TEXT NOT NULL,
    family TEXT NOT NULL,
    environment TEXT NOT NULL,
    category TEXT,
    participant TEXT REFERENCES participants (id),
    eui64 BLOB,
    role INTEGER,
    usage TEXT NOT NULL,
    label TEXT,
    key_id BLOB NOT NULL,
    issuer BLOB NOT NULL,
    not_before TEXT NOT NULL,
    not_after TEXT NOT NULL,
    issued_at TEXT NOT NULL,
    audit INTEGER NOT NULL REFERENCES audit (number)
);
CREATE INDEX certificates_by_eui64 ON certificates (eui64);
CREATE INDEX certificates_by_participant ON certificates (participant, category);
CREATE INDEX certificates_by_label ON certificates (label);
CREATE INDEX certificates_by_authority ON certificates (family, hierarchy, tier)
WHERE tier <> 'end-entity';

-- Runs of many certificates; secrets are sealed under the estate key. The report is what a batch
-- of CSRs is answered with beside the certificates.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    created TEXT NOT NULL,
    finished TEXT,
    terms BLOB NOT NULL,
    serial_key BLOB NOT NULL,
    secrets BLOB NOT NULL,
    report BLOB
);

-- The tiles of runs; a tile without a digest is still to be cut. rows are empty for a range.
CREATE TABLE tiles (
    run INTEGER NOT NULL REFERENCES runs (id),
    number INTEGER NOT NULL,
    section INTEGER NOT NULL,
    first INTEGER NOT NULL,
    first_row INTEGER NOT NULL,
    count INTEGER NOT NULL,
    rows BLOB,
    digest BLOB NOT NULL,
    audit INTEGER REFERENCES audit (number),
    PRIMARY KEY (run, number)
) WITHOUT ROWID;

-- Which rows have an EUI-64, for runs that are no range.
CREATE TABLE row_ids (
    eui64 BLOB NOT NULL,
    run INTEGER NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (eui64, run, row)
) WITHOUT ROWID;
