"""Services that run in this process."""

from serving import serve, serving  # noqa: F401 - fixtures
from token_estates import token_estate_original  # noqa: F401 - a fixture
from tokens import pkcs11_fault, softhsm  # noqa: F401 - fixtures
