"""CAs, and certificates after issue: status, revocation, CRLs, expiry, import, holders."""
