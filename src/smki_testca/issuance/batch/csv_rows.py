"""Reads CSV (RFC 4180), and what spreadsheets make of it.

The delimiter is a comma, a semicolon, a tab or a vertical bar: the one that the header has most,
or the one that a first line ``sep=;`` states. Rows and columns of nothing are passed over.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.text import counted, shown
from smki_testca.text_files import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from smki_testca.issuance.batch.bounded_lines import BoundedLines

DELIMITERS = ",;\t|"
"""The characters that may stand between cells, the usual one first."""

_STATED = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_BLANK = re.compile(rf'[{DELIMITERS}"\s]*')
_APOSTROPHE = "'"
"""The mark that keeps a spreadsheet from taking a cell for a number or a formula."""
_MARKED_ROW = "it has a byte order mark, as if files had been joined"


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row.

    Attributes:
        number: of its last line in the file, from 1.
        cells: those that are not empty, by column; none in a row of nothing.
        problem: why the row cannot be read; empty if it can.
    """

    number: int
    cells: dict[str, str]
    problem: str = ""


def rows(
    path: Path, texts: BoundedLines, named: Callable[[list[str]], list[str]]
) -> Iterator[CsvRow]:
    """Yield the rows below the header.

    Args:
        path: of the file, for messages.
        texts: its lines.
        named: gives the column that each cell of the header names; no cell is blank.

    Raises:
        InputError: if it is no CSV; the message names the line.
    """
    header_line, delimiter = _header_line(path, texts)
    reader = csv.reader(chain([header_line], texts), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        columns = iter(named([cell for cell in header if cell.strip()]))
        names = [next(columns) if cell.strip() else None for cell in header]
        width = len(names)
        is_named = None not in names
        texts.end_row()
        texts.pass_over(delimiter)
        for row in reader:
            texts.end_row()
            if row[0].startswith(MARK):
                cells, problem = [], _MARKED_ROW
            elif len(row) == width and is_named:
                cells, problem = row, ""
            else:
                cells, problem = _fitted(row, names)
            present = {
                name: value
                for name, value in zip(names, cells, strict=False)
                if value and name and value != _APOSTROPHE
            }
            for name, value in present.items():
                if value[0] == _APOSTROPHE:
                    present[name] = value[1:]
            yield CsvRow(texts.number, {} if problem else present, problem)
    except csv.Error as error:
        raise _not_csv(path, texts, str(error)) from error


def _not_csv(path: Path, texts: BoundedLines, cause: str) -> InputError:
    """The error for a row that the parser cannot take."""
    where = f"{path}, line {texts.number}"
    if cause == "unexpected end of data":
        return InputError(
            "manifest.csv",
            f"{where}: the file ends within quotation marks, in the row that begins on line"
            f" {texts.first}.",
            "Close the quotation mark, or double one that is part of a cell.",
        )
    remedy = "Double a quotation mark that is part of a cell." if '"' in cause else ""
    return InputError("manifest.csv", f"{where}: {cause}.", remedy)


def _header_line(path: Path, texts: BoundedLines) -> tuple[str, str]:
    """The first line that is not blank, and the delimiter."""
    delimiter = ""
    texts.pass_over(DELIMITERS)
    for line in texts:
        if line.startswith(MARK):
            raise InputError(
                "manifest.csv",
                f"{path}, line {texts.number}: there is a byte order mark in the header.",
                "Save it as UTF-8 with one byte order mark at most.",
            )
        stated = _STATED.fullmatch(line)
        if stated is not None:
            delimiter = stated[1]
            if delimiter not in DELIMITERS:
                raise InputError(
                    "manifest.csv",
                    f"{path}, line {texts.number}: sep= states the delimiter {shown(delimiter)}.",
                    "Use a comma, a semicolon, a tab or a vertical bar.",
                )
        elif _BLANK.fullmatch(line) is None:
            _check_stated(path, texts.number, delimiter, line)
            return line, delimiter or max(DELIMITERS, key=line.count)
        texts.pass_row()
    return "", delimiter or DELIMITERS[0]


def _check_stated(path: Path, number: int, stated: str, header: str) -> None:
    """Check that the delimiter that a first line states is that of the header."""
    used = max(DELIMITERS, key=header.count)
    if stated and stated not in header and used in header:
        raise InputError(
            "manifest.csv",
            f"{path}, line {number}: the header has {shown(used)} between its columns, and the"
            f" line above it, sep={stated}, states {shown(stated)}.",
            f"Write sep={used}, or take that line out.",
        )


def _fitted(cells: list[str], names: list[str | None]) -> tuple[list[str], str]:
    """A row's cells without those of columns of nothing; and what is wrong with them."""
    if not any(map(str.strip, cells)):
        return [], ""
    while len(cells) > len(names) and not cells[-1].strip():
        cells.pop()
    if len(cells) > len(names) or any(name is not None for name in names[len(cells) :]):
        return [], f"it has {counted(len(cells), 'cell')} where the header has {len(names)}"
    for number, (name, cell) in enumerate(zip(names, cells, strict=False), 1):
        if name is None and cell.strip():
            return [], f"its cell {number}, {shown(cell)}, is in a column without a name"
    return cells, ""
