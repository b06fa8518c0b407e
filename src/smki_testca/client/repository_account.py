"""The account with which a client uses a repository."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.text import is_one_line

if TYPE_CHECKING:
    from smki_testca.client.address import Address


@dataclass(frozen=True, slots=True)
class RepositoryAccount:
    """An account at a repository, as a client uses it.

    Attributes:
        api_key: of an account; empty for none.
        name: of an account; empty for none.
        password: of the account.
    """

    api_key: str = ""
    name: str = ""
    password: str = ""

    @property
    def is_none(self) -> bool:
        """Whether it is none."""
        return not (self.api_key or self.name)

    def check(self, address: Address) -> None:
        """Check that it can be sent to an address.

        Raises:
            InputError: if it would send a password without TLS, or HTTP Basic cannot have it.
        """
        if ":" in self.name or not is_one_line(self.name + self.password):
            raise InputError(
                "client.user",
                "HTTP Basic takes no name with a colon, and no control characters (RFC 7617 2).",
                "Name another account.",
            )
        if self.name and not address.is_tls:
            raise InputError(
                "client.password_in_clear",
                "A password is sent over TLS only, and the URL begins with http://.",
                "Use https://, or an API key.",
            )

    def headers(self) -> dict[str, str]:
        """The header of HTTP Basic (RFC 7617), if there is a name."""
        if not self.name:
            return {}
        text = base64.b64encode(f"{self.name}:{self.password}".encode()).decode("ascii")
        return {"Authorization": f"Basic {text}"}


NOBODY = RepositoryAccount()
"""No account."""
