"""Trial tokens, and estates whose CAs have their keys in one."""

from token_estates import token_estate, token_estate_original  # noqa: F401 - fixtures
from tokens import softhsm  # noqa: F401 - a fixture
