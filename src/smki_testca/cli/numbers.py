"""The types of whole numbers on the command line: none is larger than SQLite can hold."""

from __future__ import annotations

import re
from typing import Any

import click

from smki_testca.numbers import LARGEST

_DIGITS = re.compile(r"[+-]?[0-9]+", re.ASCII)


class Number(click.IntRange):
    """A whole number in a range. Help and errors name a bound only where it is a limit of ours."""

    name = "whole number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read digits, and a sign before them: Python's int() takes ``1_0`` and `` 10``, too."""
        if isinstance(value, str) and not _DIGITS.fullmatch(value):
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return super().convert(value, param, ctx)

    def _describe_range(self) -> str:
        if self.max is not None and self.max < LARGEST:
            return super()._describe_range()
        return "" if self.min is None or self.min < 0 else f"x>={self.min}"


NUMBER = Number(-LARGEST - 1, LARGEST)
"""Any whole number; what uses it checks its range."""


def number_from(least: int, most: int = LARGEST) -> Number:
    """A whole number in a range."""
    return Number(least, most)
