-- Format 5: the services: accounts, batches of CSRs that were submitted, and server certificates.

-- Who may use the repository and the portal with a name and a password, or an API key. Without a
-- participant it is the operator's.
CREATE TABLE accounts (
    name TEXT PRIMARY KEY,
    participant TEXT,
    password BLOB NOT NULL,
    api_key BLOB NOT NULL UNIQUE,
    created TEXT NOT NULL
) WITHOUT ROWID;

-- Failed attempts to sign in, until one succeeds; they lock the account.
CREATE TABLE account_failures (
    account TEXT NOT NULL REFERENCES accounts (name),
    number INTEGER NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (account, number)
) WITHOUT ROWID;

-- Batches that were submitted, of the web service or of the portal. The id is the BatchId. The run
-- that signs it is there once the batch was parsed, unless none of its CSRs can be signed.
CREATE TABLE batch_requests (
    id INTEGER PRIMARY KEY,
    origin TEXT NOT NULL,
    reference TEXT NOT NULL,
    participant TEXT NOT NULL,
    environment TEXT NOT NULL,
    purpose TEXT NOT NULL,
    delivery TEXT NOT NULL,
    peer TEXT NOT NULL,
    csrs INTEGER NOT NULL,
    digest BLOB NOT NULL,
    state TEXT NOT NULL,
    received TEXT NOT NULL,
    finished TEXT,
    run INTEGER REFERENCES runs (id),
    report BLOB
);
CREATE INDEX batch_requests_by_run ON batch_requests (run);

-- What was submitted, until it is parsed.
CREATE TABLE batch_contents (
    batch INTEGER PRIMARY KEY REFERENCES batch_requests (id),
    content BLOB NOT NULL
);

-- The certificates of the servers, and of the CA that issues only these; their keys are sealed.
CREATE TABLE service_certificates (
    name TEXT PRIMARY KEY,
    der BLOB NOT NULL,
    sealed BLOB NOT NULL
) WITHOUT ROWID;
