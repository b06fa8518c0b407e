"""Reads a list of the IDs that should have certificates: any CSV with a column for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch import csv_rows
from smki_testca.issuance.batch.bounded_lines import BlankRows, BoundedLines
from smki_testca.roles import KeyUsage
from smki_testca.text_files import broken_text, open_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

ID_COLUMNS = ("device-id", "id", "eui64")
"""The columns that may hold the ID, the first that is there; as people write them."""
USAGE = "usage"
BOTH = "both"
"""In the column usage: a certificate of each usage. An empty cell means the same."""
_BOTH_USAGES = tuple(usage.value for usage in KeyUsage)


@dataclass(frozen=True, slots=True)
class IdList:
    """A list of IDs.

    Attributes:
        path: of the file.
        id_column: the place of the IDs' column.
        usage_column: the place of the usages' column; None if there is none.
    """

    path: Path
    id_column: str
    usage_column: str | None

    @property
    def has_usages(self) -> bool:
        """Whether it says which usages each ID should have."""
        return self.usage_column is not None

    @classmethod
    def of_file(cls, path: Path) -> IdList:
        """Read the header of a list.

        Raises:
            InputError: if it cannot be read, or has no column for IDs.
        """
        columns: list[str] = []

        def noted(header: list[str]) -> list[str]:
            columns.extend(_names(header))
            return columns

        for _ in _rows(path, noted):
            break
        id_column = next((name for name in ID_COLUMNS if name in columns), None)
        if id_column is None:
            raise InputError(
                "list.column",
                f"{path} has no column for IDs.",
                f"Name one {' or '.join(ID_COLUMNS)}.",
            )
        several = [name for name in ID_COLUMNS if name in columns]
        if len(several) > 1:
            raise InputError(
                "list.column",
                f"{path} has several columns for IDs: {', '.join(several)}.",
                "Leave one.",
            )
        return cls(path, id_column, USAGE if USAGE in columns else None)

    def entries(self) -> Iterator[tuple[int, Eui64, tuple[str | None, ...]]]:
        """Yield the line of each ID, the ID and its usages: None where the list has no usages.

        Raises:
            InputError: for the first row that cannot be read; the message names its line.
        """
        for row in _rows(self.path, _names):
            where = f"{self.path}, line {row.number}"
            if row.problem:
                raise InputError("manifest.line", f"{where} cannot be read: {row.problem}.")
            if not row.cells:
                continue
            if self.id_column not in row.cells:
                raise InputError("list.row", f"{where} has no {self.id_column}.")
            try:
                eui64 = Eui64.parse(row.cells[self.id_column])
                usages = self._usages(row.cells.get(USAGE, BOTH))
            except InputError as error:
                raise InputError("list.row", f"{where}: {error.message}", error.remedy) from error
            yield row.number, eui64, usages

    def _usages(self, text: str) -> tuple[str | None, ...]:
        if not self.has_usages:
            return (None,)
        return _BOTH_USAGES if text == BOTH else (KeyUsage.parse(text).value,)


def _names(header: Sequence[str]) -> list[str]:
    """The names of the columns: those known as they are spelt here, each other by its place."""
    known = {_key(name): name for name in (*ID_COLUMNS, USAGE)}
    names: list[str] = []
    for place, cell in enumerate(header):
        name = known.get(_key(cell), "")
        names.append(f"column {place}" if not name or name in names else name)
    return names


def _key(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()


def _rows(path: Path, named: Callable[[list[str]], list[str]]) -> Iterator[csv_rows.CsvRow]:
    try:
        with open_text(path) as file:
            lines = BoundedLines(path, file, BlankRows(path))
            yield from csv_rows.rows(path, lines, named)
    except OSError as error:
        raise InputError(
            "input.unreadable", f"{path} cannot be read: {error.strerror or error}."
        ) from error
    except UnicodeDecodeError as error:
        raise broken_text(path) from error
