"""Exports the Devices of a run as one SQLite file."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.run_formats.device_table import rows, schema
from smki_testca.exporters.run_formats.run_format import (
    NAME_COLUMN,
    ExportContext,
    PathFormat,
    RunTraits,
)

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.exporters.run_formats.run_content import Part, RunDevice

_TYPES: Final = {str: "TEXT", bool: "INTEGER", bytes: "BLOB"}
_PAGE_OCTETS: Final = 1 << 14
"""A row has some 2.5 kB, of which one would fit in a page of the usual size."""
VERSION: Final = 1
"""The version of the tables, ``user_version`` of the file."""


class DeviceSqlite(PathFormat):
    """A table ``devices`` with a row for each Device, and ``export`` with what all share."""

    traits = RunTraits(
        name="device-sqlite",
        summary="one SQLite file with a row for each Device",
        keys=FormatNeed.OPTIONAL,
        passphrase=FormatNeed.OPTIONAL,
        suffix=".sqlite",
        can_seal=False,
    )

    def make(self, path: Path, part: Part[RunDevice], context: ExportContext) -> None:
        """Write the file.

        Raises:
            OSError: if it cannot be written.
        """
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                _fill(connection, part, context)
        except sqlite3.OperationalError as error:
            raise OSError(*_as_system_error(error)) from error


def _fill(connection: sqlite3.Connection, part: Part[RunDevice], context: ExportContext) -> None:
    keys, columns = context.keys, schema(context)
    # The file is not seen before it is whole, so that it needs no journal.
    for pragma in (
        f"page_size = {_PAGE_OCTETS}",
        "journal_mode = OFF",
        "synchronous = OFF",
        f"user_version = {VERSION}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN")
    declared = ", ".join(f"{_quoted(name)} {_TYPES[kind]}" for name, kind in columns.items())
    connection.execute(f"CREATE TABLE devices ({declared})")
    connection.execute("CREATE TABLE export (name TEXT PRIMARY KEY, value) WITHOUT ROWID")
    connection.executemany(
        "INSERT INTO export VALUES (?, ?)",
        [
            ("run", context.rows.run.id),
            ("key_form", keys.form.value if keys.are_written else None),
            ("keys_encrypted", keys.encryption is not None),
        ],
    )
    places = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO devices VALUES ({places})", rows(part, context))  # noqa: S608 - places alone
    connection.execute("CREATE UNIQUE INDEX devices_by_eui64 ON devices (eui64)")
    if NAME_COLUMN in columns:
        connection.execute(f"CREATE INDEX devices_by_name ON devices ({NAME_COLUMN})")
    connection.execute("COMMIT")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _as_system_error(error: sqlite3.OperationalError) -> tuple[int, str]:
    """The system's number and words for an error of SQLite."""
    is_full = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL
    number = errno.ENOSPC if is_full else errno.EIO
    return number, os.strerror(number)
