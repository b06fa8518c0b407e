"""Trial tokens."""

from tokens import faulty, pkcs11_fault, softhsm, token, tokens  # noqa: F401 - fixtures
