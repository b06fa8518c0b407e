"""The types of whole numbers on the command line: none is larger than SQLite can hold."""

from __future__ import annotations

import click

_LARGEST = (1 << 63) - 1

NUMBER = click.IntRange(-_LARGEST - 1, _LARGEST)
"""Any whole number; what uses it checks its range."""


def number_from(least: int, most: int = _LARGEST) -> click.IntRange:
    """A whole number in a range."""
    return click.IntRange(least, most)
