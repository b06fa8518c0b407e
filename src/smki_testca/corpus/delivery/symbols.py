"""Gives cases their names in C."""

from __future__ import annotations

import hashlib

PREFIX = "SMKI_CASE_"
_MAX_NAME = 63
"""C99 5.2.4.1 distinguishes so many characters of an identifier."""
_DIGITS = 8


def symbol(case_id: str) -> str:
    """The name of a case in C: it depends on its id alone, and is no longer than C99 reads.

    Args:
        case_id: kebab case.
    """
    name = PREFIX + case_id.replace("-", "_").upper()
    if len(name) <= _MAX_NAME:
        return name
    digest = hashlib.sha256(case_id.encode()).hexdigest()[:_DIGITS].upper()
    return f"{name[: _MAX_NAME - _DIGITS - 1].rstrip('_')}_{digest}"
