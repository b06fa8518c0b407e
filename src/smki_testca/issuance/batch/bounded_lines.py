"""Reads the lines of a manifest, and no more of a row than may be in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

MAX_ROW_CHARACTERS = 1 << 20
"""The longest row of a CSV or JSON lines manifest, as it is written."""


class BoundedLines:
    """The lines of a text file.

    Attributes:
        number: of the line read last, from 1.
    """

    def __init__(self, path: Path, file: TextIO) -> None:
        self._path = path
        self._read = file.readline
        self._characters = 0
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._read(MAX_ROW_CHARACTERS + 1)
        self._characters += len(line)
        if self._characters > MAX_ROW_CHARACTERS:
            raise InputError(
                "manifest.row",
                f"{self._path}, line {self.number + 1}: the row is longer than"
                f" {MAX_ROW_CHARACTERS:,} characters.",
            )
        if not line:
            raise StopIteration
        self.number += 1
        return line

    def end_row(self) -> None:
        """Begin to count again: a row has ended."""
        self._characters = 0
