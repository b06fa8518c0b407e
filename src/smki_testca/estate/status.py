"""The status of a certificate, as the repository states it."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from smki_testca.errors import InputError
from smki_testca.text import shown, use_one_of


class Status(StrEnum):
    """A status: the repository's letter for it (observed), and a word for people."""

    PENDING = "P"
    IN_USE = "I"
    NOT_IN_USE = "N"
    EXPIRED = "E"
    REVOKED = "R"

    @property
    def word(self) -> str:
        """``pending``, ``in-use``, ``not-in-use``, ``expired`` or ``revoked``."""
        return self.name.lower().replace("_", "-")

    @property
    def settable(self) -> bool:
        """Whether it can be set; the others follow from revocation and expiry."""
        return self not in {Status.EXPIRED, Status.REVOKED}

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a letter or a word, in either case.

        Raises:
            InputError: if it is neither.
        """
        for status in cls:
            if text.lower() in {status.value.lower(), status.word}:
                return status
        raise InputError(
            "status.unknown",
            f"There is no status {shown(text)}.",
            use_one_of((f"{status.word} ({status.value})" for status in cls), given=text),
        )


LIVING = frozenset({Status.PENDING, Status.IN_USE})
"""The statuses of a certificate that is of use."""
