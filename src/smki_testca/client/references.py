"""The client's own references of requests, which services give back with their answers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.text import is_one_line, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

_DIGITS = 16


def reference_of(prefix: str, csrs: Iterable[bytes]) -> str:
    """The reference of a request: the same for the same CSRs, so that one finds it in logs."""
    digest = hashlib.sha256()
    for csr in csrs:
        digest.update(csr)
    return f"{prefix}-{digest.hexdigest()[:_DIGITS]}"


def check_reference(reference: str, most: int) -> None:
    """Check that a request may have a reference.

    Args:
        reference: of the client.
        most: characters.

    Raises:
        InputError: if it is empty or too long, or no XML can hold it.
    """
    if not reference or len(reference) > most or not is_one_line(reference):
        raise InputError(
            "client.reference",
            f"{shown(reference)} cannot be the reference of a request.",
            f"Give one line of 1 to {most} characters.",
        )
