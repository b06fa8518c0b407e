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
MAX_BLANK_ROWS = 2_000_000
"""The most rows of nothing; a sheet of a workbook has about a million rows."""
_WHITE = " \t\r\n"


class BlankRows:
    """Counts the rows of nothing in a manifest, which has a limit of them.

    Args:
        path: of the manifest, for messages.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0

    def add(self) -> None:
        """Count one.

        Raises:
            InputError: if there are too many.
        """
        self._count += 1
        if self._count > MAX_BLANK_ROWS:
            raise InputError(
                "manifest.too_long",
                f"{self._path} has over {MAX_BLANK_ROWS:,} blank rows.",
                "Remove them.",
            )


class BoundedLines:
    """The lines of a text file. Between rows, blank lines are passed over.

    Attributes:
        number: of the line read last, from 1.
        first: of the first line of the row that it belongs to.
    """

    def __init__(self, path: Path, file: TextIO, blanks: BlankRows) -> None:
        self._path = path
        self._read = file.readline
        self._blanks = blanks
        self._characters = 0
        self.number = self.first = 0
        self._nothing = _WHITE

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._read(MAX_ROW_CHARACTERS + 1)
        if not self._characters:
            # Here, because nothing that comes after passes over a million lines in no time.
            while line and not line.strip(self._nothing) and len(line) <= MAX_ROW_CHARACTERS:
                self.number += 1
                self._blanks.add()
                line = self._read(MAX_ROW_CHARACTERS + 1)
            self.first = self.number + 1
        self._characters += len(line)
        if self._characters > MAX_ROW_CHARACTERS:
            begun = f", which begins on line {self.first}," if self.number >= self.first else ""
            raise InputError(
                "manifest.row",
                f"{self._path}, line {self.number + 1}: the row{begun} is longer than"
                f" {MAX_ROW_CHARACTERS:,} characters.",
                "Is a quotation mark in it not closed?" if begun else "",
            )
        if not line:
            raise StopIteration
        self.number += 1
        return line

    def pass_over(self, characters: str) -> None:
        """Take lines of these characters for blank, too."""
        self._nothing = _WHITE + characters

    def end_row(self) -> None:
        """Begin to count again: a row has ended."""
        self._characters = 0

    def pass_row(self) -> None:
        """Count the row that has ended as one of nothing."""
        self.end_row()
        self._blanks.add()
