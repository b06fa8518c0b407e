"""CAs, and certificates after their issue: status, revocation, CRLs, expiry, import, who is who."""
