"""Manifests: one row for each certificate, in CSV, JSON lines or Parquet, read as a stream."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, AnyStr, Generic

import msgspec

from smki_testca.errors import InputError, UsageError
from smki_testca.issuance.batch import parquet_rows
from smki_testca.profiles.inputs import INPUT_TYPES, USAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from smki_testca.profiles import Library

_BEFORE = ("profile", "participant", "purpose", "environment")
_AFTER = ("label", "public-key-file", "csr-file")


def columns(library: Library) -> tuple[str, ...]:
    """The columns a manifest may have: those of every request, and each certificate type's inputs.

    All hold text. An empty cell counts as absent.
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


MAX_ROWS = 100_000_000
"""The most certificates of one run."""
MAX_CELL_CHARACTERS = 1_024
"""The longest cell."""
MAX_ROW_CHARACTERS = 1 << 20
"""The longest row of a CSV or JSON lines manifest, as it is written."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a manifest.

    Attributes:
        number: its line in the file, from 1; for Parquet its row, from 1.
        cells: the cells that are not empty, by column.
        problem: why the row cannot be read; empty if it can.
    """

    number: int
    cells: dict[str, str]
    problem: str = ""


def lines(path: Path, known: tuple[str, ...]) -> Iterator[Line]:
    """Read the rows of a manifest: CSV, JSON lines or Parquet by the file name's ending.

    Args:
        path: of the manifest.
        known: the columns that it may have.

    Raises:
        InputError: if the file cannot be read, has unknown columns or too many rows.
        UsageError: for another ending, or Parquet without the extra that reads it.
    """
    readers = {".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet}
    reader = readers.get(path.suffix)
    if reader is None:
        raise UsageError(
            "usage", f"{path} is no manifest: its name ends in none of {', '.join(readers)}."
        )
    try:
        for count, line in enumerate(reader(path, known), 1):
            if count > MAX_ROWS:
                raise InputError(
                    "manifest.too_long",
                    f"{path} has over {MAX_ROWS:,} rows.",
                    "Issue it in several runs.",
                )
            yield line
    except OSError as error:
        raise InputError(
            "input.unreadable", f"{path} cannot be read: {error.strerror or error}."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError("input.encoding", f"{path} is not UTF-8.") from error


def _csv(path: Path, known: tuple[str, ...]) -> Iterator[Line]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        texts = _BoundedLines(path, file)
        reader = csv.reader(texts, strict=True)
        try:
            header = next(reader, [])
            _check_columns(path, header, known)
            texts.end_row()
            for cells in reader:
                texts.end_row()
                if not cells:
                    continue
                if len(cells) != len(header):
                    problem = f"it has {len(cells)} cells where the header has {len(header)}"
                    yield Line(reader.line_num, {}, problem)
                    continue
                yield _line(reader.line_num, dict(zip(header, cells, strict=True)))
        except csv.Error as error:
            raise InputError("manifest.csv", f"{path}, line {reader.line_num}: {error}.") from error


class _BoundedLines(Generic[AnyStr]):
    """The lines of a text file; it reads no more of a row than may be in one."""

    def __init__(self, path: Path, file: IO[AnyStr]) -> None:
        self._path = path
        self._read: Callable[[int], AnyStr] = file.readline
        self._number = 0
        self._characters = 0

    def __iter__(self) -> Iterator[AnyStr]:
        return self

    def __next__(self) -> AnyStr:
        line = self._read(MAX_ROW_CHARACTERS + 1)
        self._number += 1
        self._characters += len(line)
        if self._characters > MAX_ROW_CHARACTERS:
            raise InputError(
                "manifest.row",
                f"{self._path}, line {self._number}: the row is longer than"
                f" {MAX_ROW_CHARACTERS:,} characters.",
            )
        if not line:
            raise StopIteration
        return line

    def end_row(self) -> None:
        """Begin to count again: a row has ended."""
        self._characters = 0


def _json_lines(path: Path, known: tuple[str, ...]) -> Iterator[Line]:
    with path.open("rb") as file:
        texts = _BoundedLines(path, file)
        for number, text in enumerate(texts, 1):
            texts.end_row()
            if not text.strip():
                continue
            try:
                cells = msgspec.json.decode(text, type=dict[str, str])
            except (msgspec.ValidationError, msgspec.DecodeError) as error:
                yield Line(number, {}, f"it is no object of texts ({error})")
                continue
            if number == 1 or not cells.keys() <= set(known):
                _check_columns(path, list(cells), known)
            yield _line(number, cells)


def _parquet(path: Path, known: tuple[str, ...]) -> Iterator[Line]:
    if not path.is_file():
        raise InputError("manifest.parquet", f"{path} is no Parquet file: it is no file.")
    number = 0
    for some in parquet_rows.rows(path, MAX_CELL_CHARACTERS):
        if isinstance(some, parquet_rows.Columns):
            _check_columns(path, some.names, known)
            continue
        for cells, problem in some:
            number += 1
            yield Line(number, {}, problem) if problem else _line(number, cells)


def _check_columns(path: Path, columns: list[str], known: tuple[str, ...]) -> None:
    for column in columns:
        if column not in known or columns.count(column) > 1:
            wrong = "twice" if column in known else "which is not known"
            raise InputError(
                "manifest.column",
                f"{path} has the column {column[:40]!r} {wrong}.",
                f"Known are {', '.join(known)}.",
            )


def _line(number: int, cells: dict[str, str]) -> Line:
    present = {name: value for name, value in cells.items() if value}
    for name, value in present.items():
        if len(value) > MAX_CELL_CHARACTERS:
            problem = f"its {name} has over {MAX_CELL_CHARACTERS} characters"
            return Line(number, {}, problem)
    return Line(number, present)
