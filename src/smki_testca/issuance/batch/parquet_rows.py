"""Reads the rows of a Parquet manifest in a process of its own, whose memory has a limit.

A few octets of Parquet can unpack to any number, and no metadata can be trusted to say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError, UsageError
from smki_testca.workers import WorkerEndedError, limit_memory, ordered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_MEMORY = 512 << 20
"""The most memory that reading takes beyond what Python and pyarrow start with, in octets; where
the system can limit it."""
ROWS_AT_A_TIME = 1_000
_MAX_OCTETS_OF_CHARACTER = 4
_PAGES_OCTETS = 1 << 20

Row = tuple[dict[str, str], str]
"""The cells of a row that are not null, by column; and why it cannot be read, or nothing."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file, in order."""

    names: list[str]


def rows(path: Path, max_characters: int) -> Iterator[Columns | list[Row]]:
    """Yield the columns, then the rows, some at a time.

    Args:
        path: of the manifest.
        max_characters: where to cut the text of a cell.

    Raises:
        InputError: if it is no Parquet file, or reading it takes too much memory.
        UsageError: without the extra that reads Parquet.
    """
    try:
        for chunk in ordered(1, _next_chunk, count(), _open_in_worker, path, max_characters):
            if chunk is None:
                return
            yield chunk
    except WorkerEndedError as error:
        raise InputError(
            "manifest.parquet",
            f"{path} cannot be read within {MAX_MEMORY >> 20} MiB of memory.",
            "Write it with smaller row groups, or as CSV.",
        ) from error


_chunks_left: Iterator[Columns | list[Row]] = iter(())
"""In the worker: the chunks of the file that are not read yet."""


def _open_in_worker(path: Path, max_characters: int) -> None:
    global _chunks_left  # noqa: PLW0603 - a worker reads one file
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: F401, PLC0415 - its import takes memory, too
    except ImportError as error:
        raise UsageError(
            "usage",
            "Reading Parquet needs the extra [bulk].",
            "Install it: pip install 'smki-testca[bulk]'",
        ) from error
    # The other pools reserve more than they use.
    pa.set_memory_pool(pa.system_memory_pool())
    limit_memory(MAX_MEMORY)
    _chunks_left = _read(path, max_characters)


def _next_chunk(_: int) -> Columns | list[Row] | None:
    return next(_chunks_left, None)


def _read(path: Path, max_characters: int) -> Iterator[Columns | list[Row]]:
    from pyarrow import lib, parquet  # noqa: PLC0415 - an extra

    try:
        file = parquet.ParquetFile(path, pre_buffer=False)
        names = file.schema_arrow.names
        yield Columns(names)
        if names:
            _check_sizes(path, file.metadata, max_characters)
            for batch in file.iter_batches(ROWS_AT_A_TIME, use_threads=False):
                columns = [
                    _cells(name, column, max_characters)
                    for name, column in zip(names, batch.columns, strict=True)
                ]
                yield [_row(names, cells) for cells in zip(*columns, strict=True)]
    except lib.ArrowMemoryError:
        raise
    except lib.ArrowException as error:
        raise InputError(
            "manifest.parquet", f"{path} is not a Parquet file: {_cause(error)}."
        ) from error


def _cause(error: Exception) -> str:
    """The library's message, on one line without its full stop."""
    return " ".join(str(error).split()).rstrip(".")


def _check_sizes(path: Path, metadata: Any, max_characters: int) -> None:
    """Check that no column is longer than its rows can be.

    The metadata may state too little: then the limit of the worker's memory stops the reading.
    """
    for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
        longest = group.num_rows * max_characters * _MAX_OCTETS_OF_CHARACTER + _PAGES_OCTETS
        for number in range(group.num_columns):
            column = group.column(number)
            if column.total_uncompressed_size > longest:
                raise InputError(
                    "manifest.parquet",
                    f"{path} is not read: its column {column.path_in_schema[:40]!r} takes"
                    f" {column.total_uncompressed_size:,} octets for {group.num_rows:,} rows.",
                    f"A cell has at most {max_characters:,} characters.",
                )


def _cells(name: str, column: Any, max_characters: int) -> list[str | _NotText | None]:
    """The cells of a column. Those of another type than text are not converted."""
    from pyarrow import types  # noqa: PLC0415 - an extra

    kind = column.type
    inner = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_null(kind):
        return [None] * len(column)
    if not (types.is_string(inner) or types.is_large_string(inner) or types.is_string_view(inner)):
        not_text = _NotText(f"a cell holds no text: {name} is of type {str(kind)[:80]}")
        return [not_text if valid else None for valid in column.is_valid().to_pylist()]
    return [None if text is None else text[: max_characters + 1] for text in column.to_pylist()]


class _NotText(str):
    """The reason for which a cell cannot be read."""

    __slots__ = ()


def _row(names: list[str], cells: tuple[str | _NotText | None, ...]) -> Row:
    problem = next((cell for cell in cells if isinstance(cell, _NotText)), None)
    if problem is not None:
        return {}, str(problem)
    return {name: cell for name, cell in zip(names, cells, strict=True) if cell is not None}, ""
