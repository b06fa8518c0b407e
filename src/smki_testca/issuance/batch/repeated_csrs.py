"""Finds a CSR that comes once more in the same source."""

from __future__ import annotations

import hashlib

from smki_testca.errors import InputError

REMEMBERED = 50_000
"""With how many CSRs before it one is compared: with all of a ZIP, a folder or a table."""


def digest_of(der: bytes) -> bytes:
    """The digest by which a CSR is known.

    Args:
        der: the CSR, DER: it may come once in PEM, and once in base64.
    """
    return hashlib.blake2b(der, digest_size=16).digest()


class RepeatedCsrs:
    """The CSRs of a source so far: the newest ``REMEMBERED`` of them."""

    def __init__(self) -> None:
        self._places: dict[bytes, str] = {}

    def check(self, digest: bytes) -> None:
        """Check that no earlier CSR is the same: it would make two certificates of one key.

        Raises:
            InputError: if one is.
        """
        place = self._places.get(digest)
        if place is not None:
            raise InputError(
                "csr.twice",
                f"The CSR is the same as that of {place}.",
                "Leave it out: one key gets one certificate.",
            )

    def add(self, digest: bytes, place: str) -> None:
        """Add a CSR, with the name of its place for messages."""
        if len(self._places) >= REMEMBERED:
            del self._places[next(iter(self._places))]
        self._places[digest] = place
