"""Trial tokens, and estates whose CAs have their keys in one."""

from token_estates import token_estate, token_estate_original  # noqa: F401 - fixtures
from tokens import faulty, pkcs11_fault, softhsm, token  # noqa: F401 - fixtures
