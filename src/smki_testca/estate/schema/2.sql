-- Format 2: what happens to certificates after their issue.

-- The statuses that certificates were set to, in order; one that has none is in use. That it is
-- expired or revoked is not kept here: it is worked out.
CREATE TABLE standings (
    serial BLOB NOT NULL,
    number INTEGER NOT NULL,
    status TEXT NOT NULL,
    at TEXT NOT NULL,
    note TEXT NOT NULL,
    audit INTEGER NOT NULL REFERENCES audit (number),
    PRIMARY KEY (serial, number)
) WITHOUT ROWID;
CREATE INDEX standings_by_status ON standings (status);

-- Certificates revoked. authority is the Name of the CA that issued them, DER: with the family it
-- says on whose list they belong, whichever key the CA has by then.
CREATE TABLE revocations (
    serial BLOB PRIMARY KEY,
    family TEXT NOT NULL,
    authority BLOB NOT NULL,
    at TEXT NOT NULL,
    reason TEXT,
    note TEXT NOT NULL,
    noted_at TEXT NOT NULL,
    audit INTEGER NOT NULL REFERENCES audit (number)
) WITHOUT ROWID;
CREATE INDEX revocations_by_authority ON revocations (family, authority);

-- Revocation lists issued. The numbers of one CA name rise, whatever its key; signed_by is the
-- serial of the CA certificate whose key signed.
CREATE TABLE revocation_lists (
    family TEXT NOT NULL,
    authority BLOB NOT NULL,
    number INTEGER NOT NULL,
    der BLOB NOT NULL,
    profile TEXT NOT NULL,
    hierarchy TEXT NOT NULL,
    tier TEXT NOT NULL,
    signed_by BLOB NOT NULL,
    this_update TEXT NOT NULL,
    next_update TEXT NOT NULL,
    issued_at TEXT NOT NULL,
    count INTEGER NOT NULL,
    audit INTEGER NOT NULL REFERENCES audit (number),
    PRIMARY KEY (family, authority, number)
);

-- Which certificate was renewed, or which CA's own certificate, and what took its place.
CREATE TABLE successions (
    predecessor BLOB NOT NULL,
    successor BLOB NOT NULL REFERENCES certificates (serial),
    audit INTEGER NOT NULL REFERENCES audit (number),
    PRIMARY KEY (predecessor, successor)
) WITHOUT ROWID;
CREATE INDEX successions_by_successor ON successions (successor);

-- Other people's certificates, by the SHA-256 of their DER; what cannot be read of one is NULL.
-- serial has the content octets as they stand, however many.
CREATE TABLE externals (
    sha256 BLOB PRIMARY KEY,
    der BLOB NOT NULL,
    source TEXT NOT NULL,
    imported_at TEXT NOT NULL,
    label TEXT,
    key_id BLOB,
    serial BLOB,
    profile TEXT NOT NULL,
    eui64 BLOB,
    role INTEGER,
    usage TEXT,
    not_before TEXT,
    not_after TEXT,
    audit INTEGER NOT NULL REFERENCES audit (number)
);
CREATE INDEX externals_by_key ON externals (key_id);

-- Their private keys, sealed, apart from the estate's own; id is the SHA-256 of the
-- SubjectPublicKeyInfo.
CREATE TABLE external_keys (
    id BLOB PRIMARY KEY,
    sealed BLOB NOT NULL
) WITHOUT ROWID;

-- The estate's own certificates that were issued for the key and subject of another's.
CREATE TABLE re_signings (
    serial BLOB PRIMARY KEY REFERENCES certificates (serial),
    external BLOB NOT NULL REFERENCES externals (sha256)
) WITHOUT ROWID;
CREATE INDEX re_signings_by_external ON re_signings (external);
