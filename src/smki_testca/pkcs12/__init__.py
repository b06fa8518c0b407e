"""PKCS#12 stores (RFC 7292), read and written."""
