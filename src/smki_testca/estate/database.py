"""The SQLite file of an estate: creates, opens and upgrades it, and runs transactions."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Self

from smki_testca.errors import EstateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

FORMAT = 3
"""The version of the schema; an estate of a later one is refused."""
APPLICATION_ID = 0x534D4B49
"""``SMKI``: identifies an estate among SQLite files."""
WAIT_SECONDS = 30.0
"""The longest time that a process waits for another's transaction."""


class Database:
    """An open estate file."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def create(cls, path: Path) -> Self:
        """Create the file, readable by its owner only.

        Raises:
            EstateError: if there is one already, or it cannot be created.
        """
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError as error:
            raise EstateError("estate.exists", f"{path} exists already.") from error
        except OSError as error:
            raise EstateError(
                "estate.unwritable", f"{path} cannot be made: {error.strerror}."
            ) from error
        database = cls(path, _connect(path))
        with database.transaction():
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.upgrade()
        return database

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file without writing to it.

        Raises:
            EstateError: if there is none, or it is no estate, damaged or of a newer format.
        """
        try:
            exists = path.is_file()
        except OSError as error:
            raise EstateError(
                "estate.unusable",
                f"The estate in {path.parent} cannot be used: {error.strerror}.",
                "See that the name is right, and permission.",
            ) from error
        if not exists:
            raise EstateError(
                "estate.missing",
                f"There is no estate in {path.parent}.",
                "Make one with: smki-testca init DIR, or name another with --estate DIR.",
            )
        with _translated(path):
            database = cls(path, _connect(path))
        try:
            database._check(path)
        except BaseException:
            database.close()
            raise
        return database

    def _check(self, path: Path) -> None:
        if self.value("PRAGMA application_id") != APPLICATION_ID:
            raise EstateError("estate.foreign", f"{path} is no estate file.")
        if self.format > FORMAT:
            raise EstateError(
                "estate.newer",
                f"The estate in {path.parent} has format {self.format}; this program knows up to"
                f" {FORMAT}.",
                "Install a newer smki-testca.",
            )

    @property
    def format(self) -> int:
        """The version of the schema that the file has."""
        return int(self.value("PRAGMA user_version"))

    def upgrade(self) -> None:
        """Apply the later versions of the schema, within a transaction."""
        for version in range(self.format + 1, FORMAT + 1):
            for statement in _statements(version):
                self.execute(statement)
        self.execute(f"PRAGMA user_version = {FORMAT}")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction: all changes within it happen, or none; other processes wait.

        A transaction within another can fail alone, and is committed with the other.

        Raises:
            EstateError: if another process holds the estate too long, or the file is damaged.
        """
        if self._connection.in_transaction:
            with self._savepoint():
                yield
            return
        with _translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                # If the disk is full, SQLite has rolled back already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextlib.contextmanager
    def _savepoint(self) -> Iterator[None]:
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO part")
                self._connection.execute("RELEASE part")
            raise
        self._connection.execute("RELEASE part")

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Execute a statement, within a transaction."""
        self._connection.execute(statement, values)

    def execute_many(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        """Execute a statement for each of many values, within a transaction."""
        self._connection.executemany(statement, values)

    def insert(self, table: str, values: Mapping[str, Any]) -> None:
        """Add a row, its values by column, within a transaction."""
        self.insert_many(table, tuple(values), [tuple(values.values())])

    def insert_many(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Add many rows, within a transaction.

        Args:
            table: the table's name.
            columns: that the rows have values for.
            rows: the values of each row, in the order of the columns.
        """
        places = ", ".join("?" * len(columns))
        self.execute_many(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})",  # noqa: S608 - our own names
            rows,
        )

    def rows(
        self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[sqlite3.Row]:
        """All rows of a query; a row gives its values by the names of their columns."""
        with _translated(self.path):
            return self._connection.execute(statement, values).fetchall()

    def row(
        self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        with _translated(self.path):
            row: sqlite3.Row | None = self._connection.execute(statement, values).fetchone()
        return row

    def value(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        """The first value of the first row of a query; None if there is no row."""
        row = self.row(statement, values)
        return None if row is None else row[0]


def _statements(version: int) -> Iterator[str]:
    """The SQL statements that upgrade an estate to a version from the one before."""
    schema = files("smki_testca.estate").joinpath("schema", f"{version}.sql")
    statement = ""
    for line in schema.read_text("utf-8").splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into estate errors."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise EstateError(
                "estate.locked",
                f"Another process held the estate in {path.parent} for over"
                f" {WAIT_SECONDS:.0f} seconds.",
                "Wait for it to end and try again.",
            ) from error
        raise EstateError(
            "estate.unusable",
            f"The estate in {path.parent} cannot be used: {error}.",
            "See that there is room on the disk, and permission.",
        ) from error
    except sqlite3.DatabaseError as error:
        raise EstateError(
            "estate.damaged", f"The estate in {path.parent} is damaged: {error}."
        ) from error
