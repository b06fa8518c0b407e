"""PKCS#12 stores (RFC 7292) with any number of private keys: reading and writing them."""
