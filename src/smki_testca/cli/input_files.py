"""Reads the files that a command names, ``-`` for standard input among them."""

from __future__ import annotations

import sys
from pathlib import Path

from smki_testca.errors import InputError
from smki_testca.input_files import unreadable, within

MAX_OCTETS = 16 << 20
"""The longest input file read, in octets."""


def read_input(name: str, limit: int = MAX_OCTETS) -> bytes:
    """Read the octets of a file, or of standard input for ``-``.

    Raises:
        InputError: if it cannot be read or is longer than the limit, in octets.
    """
    with unreadable(name):
        if name == "-" and sys.stdin is None:
            raise InputError("input.unreadable", "Standard input cannot be read: it is closed.")
        if name == "-":
            return within(limit, sys.stdin.buffer, name)
        with Path(name).open("rb") as file:
            return within(limit, file, name)
