"""Checks whole numbers that a program or a command line gives."""

from __future__ import annotations

from typing import Final

from smki_testca.errors import InputError

LARGEST: Final = (1 << 63) - 1
"""The largest whole number that SQLite can hold."""


def check_number(subject: str, number: int, least: int, most: int = LARGEST) -> int:
    """Check that a number is in a range, and return it.

    Args:
        subject: the beginning of the message, such as ``The number of parts``.
        number: to check.
        least: the least that is taken.
        most: the most.

    Raises:
        InputError: if it is not in the range.
    """
    if least <= number <= most:
        return number
    is_open = most == LARGEST and number < least
    bounds = f"{least:,} or more" if is_open else f"{least:,} to {most:,}"
    raise InputError("number.range", f"{subject} is {number}.", f"Use {bounds}.")
