"""Manifests: a row for each Device or holder, in CSV, JSON lines or Parquet, read as a stream."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from smki_testca.errors import InputError, UsageError
from smki_testca.input_files import open_regular
from smki_testca.issuance.batch import csv_rows, parquet_rows
from smki_testca.issuance.batch.bounded_lines import BlankRows, BoundedLines
from smki_testca.issuance.batch.column_names import ColumnNames
from smki_testca.profiles.inputs import INPUT_TYPES, USAGE
from smki_testca.schema_words import json_in_words
from smki_testca.text import is_one_line
from smki_testca.text_files import MARK, broken_text, open_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from smki_testca.profiles import Library

_MARKS_OF_PAIR = 4
"""The quotation marks of a key and its text in JSON."""
_BEFORE = ("profile", "participant", "purpose", "environment")
_AFTER = ("label", "public-key-file", "csr-file")


def columns(library: Library) -> tuple[str, ...]:
    """The columns a manifest may have: those of every request, and each certificate type's inputs.

    The operator's own come beside them. All hold text. An empty cell counts as absent.
    """
    types = {
        input_type.name: input_type
        for profile in library.end_entity_profiles
        for input_type in profile.input_types
    }
    places = {name: place for place, name in enumerate(INPUT_TYPES)}
    names = sorted(types, key=lambda name: places.get(name, len(places)))
    options = [types[name].option for name in names]
    # Beside the role, where people look for it.
    options.insert(options.index("role") + 1 if "role" in options else 0, USAGE)
    return (*_BEFORE, *options, *_AFTER)


def fillable(library: Library) -> tuple[str, ...]:
    """The columns whose empty cells a command or a program may fill: those of no single row."""
    of_rows = {*_AFTER} | {
        input_type.option
        for profile in library.end_entity_profiles
        for input_type in profile.input_types
        if input_type.is_identifier
    }
    return tuple(name for name in columns(library) if name not in of_rows)


MAX_ROWS = 100_000_000
"""The most certificates of one run."""
MAX_CELL_CHARACTERS = 1_024
"""The longest cell."""
_OF_SPREADSHEETS = {".xlsx", ".xlsm", ".xls", ".ods", ".tsv", ".txt"}
_AS_CSV = "Save it as CSV; in Excel as 'CSV UTF-8'."


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """One row of a manifest.

    Attributes:
        number: its line in the file, from 1; for Parquet its row, from 1.
        cells: the cells that are not empty, by column.
        problem: why the row cannot be read; empty if it can.
        columns: the cells of the operator's own columns that are not empty.
    """

    number: int
    cells: dict[str, str]
    problem: str = ""
    columns: dict[str, str] = field(default_factory=dict)


def digest(path: Path) -> str:
    """SHA-256 of a manifest, hexadecimal.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def lines(path: Path, known: tuple[str, ...]) -> Iterator[ManifestLine]:
    """Read the rows of a manifest: CSV, JSON lines or Parquet by the file name's ending.

    Rows of nothing are passed over.

    Args:
        path: of the manifest.
        known: the columns that it may have.

    Raises:
        InputError: if the file cannot be read, has unknown columns or too many rows.
        UsageError: for another ending, or Parquet without the extra that reads it.
    """
    readers = {".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet}
    ending = path.suffix.lower()
    reader = readers.get(ending)
    if reader is None:
        raise UsageError(
            "usage",
            f"{path} is not a manifest: its name ends with none of {', '.join(readers)}.",
            _AS_CSV if ending in _OF_SPREADSHEETS else "",
        )
    try:
        blanks = BlankRows(path)
        yield from _counted(path, reader(path, ColumnNames(path, known), blanks), blanks)
    except OSError as error:
        raise _unreadable(path, error) from error
    except UnicodeDecodeError as error:
        broken = broken_text(path)
        broken.remedy = _AS_CSV if ending == ".csv" else broken.remedy
        raise broken from error


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError("input.unreadable", f"{path} cannot be read: {error.strerror or error}.")


def _counted(path: Path, rows: Iterator[ManifestLine], blanks: BlankRows) -> Iterator[ManifestLine]:
    """Yield the rows that are not blank, as many as a run may have."""
    count = 0
    for line in rows:
        if not line.problem and _is_blank(line):
            blanks.add()
            continue
        count += 1
        if count > MAX_ROWS:
            raise InputError(
                "manifest.too_long",
                f"{path} has over {MAX_ROWS:,} rows.",
                "Issue it in several runs.",
            )
        yield line


def _is_blank(line: ManifestLine) -> bool:
    return all(map(str.isspace, line.cells.values())) and all(
        map(str.isspace, line.columns.values())
    )


def _csv(path: Path, columns: ColumnNames, blanks: BlankRows) -> Iterator[ManifestLine]:
    with open_text(path) as file:
        for row in csv_rows.rows(path, BoundedLines(path, file, blanks), columns.named):
            yield checked(row.number, row.cells, columns, row.problem)


def _json_lines(path: Path, columns: ColumnNames, blanks: BlankRows) -> Iterator[ManifestLine]:
    # A line that is not UTF-8 is a problem of that line alone.
    with open_text(path, newline="\n", errors="surrogateescape") as file:
        texts = BoundedLines(path, file, blanks)
        for text in texts:
            texts.end_row()
            if not text.strip():
                blanks.add()
                continue
            try:
                cells = msgspec.json.decode(text, type=dict[str, str])
            except UnicodeEncodeError:
                yield ManifestLine(texts.number, {}, "it is not UTF-8")
                continue
            except (msgspec.ValidationError, msgspec.DecodeError) as error:
                is_marked = text.startswith(MARK)
                cause = "it has a byte order mark, as if files had been joined"
                cause = cause if is_marked else json_in_words(error)
                yield ManifestLine(texts.number, {}, f"it is not an object of texts: {cause}")
                continue
            try:
                if text.count('"') != _MARKS_OF_PAIR * len(cells):
                    _check_pairs(text, columns)
                if not cells.keys() <= columns.known:
                    cells = dict(zip(columns.named(list(cells)), cells.values(), strict=True))
            except InputError as error:
                fault = error.message.removeprefix(f"{path} ")
                message = f"{path}, line {texts.number}, {fault}"
                raise InputError(error.code, message, error.remedy) from error
            yield checked(texts.number, present(cells), columns)


def _check_pairs(text: str, columns: ColumnNames) -> None:
    """Check that no key of a JSON object stands twice; the parser keeps the last of them."""
    json.loads(
        text, strict=False, object_pairs_hook=lambda pairs: columns.named([key for key, _ in pairs])
    )


def _parquet(path: Path, columns: ColumnNames, _: BlankRows) -> Iterator[ManifestLine]:
    if not path.is_file():
        raise InputError("manifest.parquet", f"{path} is not a Parquet file: it is not a file.")
    number = 0
    names: dict[str, str] = {}
    for some in parquet_rows.rows(path, MAX_CELL_CHARACTERS):
        if isinstance(some, parquet_rows.Columns):
            names = dict(zip(some.names, columns.named(some.names), strict=True))
            continue
        for stated, problem in some:
            number += 1
            cells = {names[name]: text for name, text in stated.items()}
            yield checked(number, present(cells), columns, problem)


def present(cells: dict[str, str]) -> dict[str, str]:
    """The cells that are not empty."""
    return {name: value for name, value in cells.items() if value}


def checked(
    number: int, cells: dict[str, str], names: ColumnNames, problem: str = ""
) -> ManifestLine:
    """A line of its cells, the operator's own columns apart."""
    if max(map(len, cells.values()), default=0) > MAX_CELL_CHARACTERS:
        name = next(name for name, value in cells.items() if len(value) > MAX_CELL_CHARACTERS)
        problem = f"its {name} has over {MAX_CELL_CHARACTERS} characters"
    columns = {name: cells.pop(name) for name in names.own if name in cells}
    for name, value in columns.items():
        # Lists and exports give it back as it is.
        if not value.isprintable() and not is_one_line(value):
            problem = f"its {name} has a line break or another control character"
    return (
        ManifestLine(number, {}, problem) if problem else ManifestLine(number, cells, "", columns)
    )
