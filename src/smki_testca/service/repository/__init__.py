"""The repository: search and retrieval of certificates, and downloads of what a PKI publishes.

OCSP is left out: SMKI has none.
"""
