"""The repository: search and retrieval of certificates, and downloads of what a PKI publishes.

No certificate need come from one, but the connection to one can be tested (R5).

OCSP is left out: SMKI has none.
"""
