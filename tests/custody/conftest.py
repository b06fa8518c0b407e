"""An estate whose Organisation and IKI CAs have their keys in a trial token."""

from custodies import custody, custody_original, keys_in  # noqa: F401 - fixtures
from tokens import softhsm  # noqa: F401 - a fixture
