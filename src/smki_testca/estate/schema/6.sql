-- Format 6: keys that are in tokens.

-- Key pairs in PKCS#11 tokens. The id is the SHA-256 of the SubjectPublicKeyInfo. The URI (RFC 7512)
-- names the token and the key in it; nothing secret is here.
CREATE TABLE token_keys (
    id BLOB PRIMARY KEY,
    uri TEXT NOT NULL,
    public_key BLOB NOT NULL,
    holder TEXT NOT NULL
) WITHOUT ROWID;
