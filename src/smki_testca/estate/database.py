"""The SQLite file of an estate: creates, opens and upgrades it, and runs transactions."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, Any, Self, TypeVar

from smki_testca.errors import EstateError
from smki_testca.estate import tables
from smki_testca.estate.row_sums import BY_RUN, RowSum, RowSums
from smki_testca.estate_files import APPLICATION_ID
from smki_testca.files import sync_folder
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

T = TypeVar("T")

FORMAT = tables.FORMAT
"""The version of the schema; an estate of a later one is refused."""
FIRST_WITH_SUMS = 3
"""The first version whose rows are summed up."""
WAIT_SECONDS = 30.0
"""The longest time that a process waits for another's transaction."""
RESTORE = "Restore a copy of the estate's directory that audit verify accepts."
"""The remedy where something in the file was changed."""

_WRONG_TEXT = "Could not decode to UTF-8"
"""The start of the message of Python's sqlite3 where a text is not UTF-8."""
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNUSABLE = {
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM),
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH),
}
"""Errors of SQLite that say nothing about the file's content."""
_NAMES_OF_TYPES = {bytes: "octets", str: "text", int: "a whole number", type(None): "empty"}


class Database:
    """An open estate file."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, *, dry_run: bool = False
    ) -> None:
        self.path = path
        self.dry_run = dry_run
        """Whether nothing is ever committed: see ``open``."""
        self._connection = connection
        self.row_sums = RowSums(connection)
        self._checked_schema: int | None = None
        self._is_within = False
        self.on_begin: Callable[[], None] = _nothing
        """Called when a transaction has begun."""
        self.on_commit: Callable[[], None] = _nothing
        """Called before a transaction is committed."""
        self._is_closed = False
        self.on_rollback: list[Callable[[], None]] = []
        """Called in turn when a part of a transaction was taken back, or all of it."""

    @classmethod
    def create(cls, path: Path) -> Self:
        """Create the file, readable by its owner only.

        Raises:
            EstateError: if there is one already, or it cannot be created.
        """
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            sync_folder(path.parent)
        except FileExistsError as error:
            raise EstateError("estate.exists", f"{path} exists already.") from error
        except OSError as error:
            raise EstateError(
                "estate.unwritable", f"{path} cannot be made: {error.strerror}."
            ) from error
        with _translated(path):
            database = cls(path, _connect(path))
        with database.transaction():
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.upgrade()
        return database

    @classmethod
    def open(cls, path: Path, *, dry_run: bool = False, called: Path | None = None) -> Self:
        """Open the file without writing to it.

        Args:
            path: of the file.
            dry_run: whether to take back every change when the file is closed. The first
                transaction that succeeds stays open until then: what comes after it reads its
                changes, and other processes wait before they write.
            called: the path that later messages name; by default ``path``. For a temporary copy
                of a file, it is the path of that file.

        Raises:
            EstateError: if there is none, or it is no estate, damaged or of a newer format.
        """
        try:
            exists = path.is_file()
        except OSError as error:
            raise EstateError(
                "estate.unusable",
                f"The estate in {path.parent} cannot be used: {error.strerror}.",
                "Check the name and your permission.",
            ) from error
        if not exists:
            raise EstateError(
                "estate.missing",
                f"There is no estate in {path.parent}.",
                "Make one with: smki-testca init DIR, or name another with --estate DIR.",
            )
        with _reading(path):
            database = cls(called or path, _connect(path), dry_run=dry_run)
        try:
            database._check(path)
        except BaseException:  # also after Ctrl-C: the caller never gets it to close
            database.close()
            raise
        return database

    def _check(self, path: Path) -> None:
        if self.value("PRAGMA application_id") != APPLICATION_ID:
            raise EstateError("estate.foreign", f"{path} is not the file of an estate.")
        if self.format > FORMAT:
            raise EstateError(
                "estate.newer",
                f"The estate in {path.parent} has format {self.format}; this program knows up to"
                f" {FORMAT}.",
                "Install a newer smki-testca.",
            )
        if self.format < 1:
            raise damaged(path, f"it has format {self.format}, which no version made")

    @property
    def format(self) -> int:
        """The version of the schema that the file has."""
        return int(self.value("PRAGMA user_version"))

    def upgrade(self) -> None:
        """Apply the later versions of the schema, within a transaction.

        An estate of a format before 3 has no sums of its rows; those of an upgraded one are of
        the rows that it has now. Later formats add tables, which are empty.
        """
        has_sums = self.format >= FIRST_WITH_SUMS
        for version in range(self.format + 1, FORMAT + 1):
            for statement in tables.statements(version):
                self.execute(statement)
        self.execute(f"PRAGMA user_version = {FORMAT}")
        if has_sums:
            self.row_sums.follow()
        else:
            self.row_sums.start()

    def close(self) -> None:
        """Close the file, if it is open. What is not committed is taken back: all of a dry run."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            if self._connection.in_transaction:
                with _translated(self.path):
                    self._connection.execute("ROLLBACK")
                self._tell_rollback()
        finally:
            self._connection.close()

    def _tell_rollback(self) -> None:
        for tell in self.on_rollback:
            tell()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is going on; that which holds a dry run together is none."""
        return self._is_within

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction: all changes within it happen, or none; other processes wait.

        A transaction within another can fail alone, and is committed with the other.

        Raises:
            EstateError: if another process holds the estate too long, or the file is damaged, or
                its schema is not that of its format.
        """
        if self._connection.in_transaction:
            # Part of one; or, after the first of a dry run, another one.
            whole = contextlib.nullcontext() if self._is_within else self._whole()
            with _translated(self.path), self._savepoint(), whole:
                yield
            return
        self._refuse_lost()
        with _translated(self.path):
            # Only a file that somebody changed has another mode; see _connect.
            if not self.dry_run:
                self._connection.execute("PRAGMA journal_mode = DELETE")
            mark = self.row_sums.mark()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._refuse_foreign_schema()
                self.row_sums.follow()
                with self._whole():
                    yield
                if not self.dry_run:
                    self._connection.execute("COMMIT")
            except BaseException:
                # Whatever ends it, Ctrl-C too, nothing of it stays. If the disk is full, SQLite
                # has rolled back already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                self.row_sums.go_back(mark)
                self._tell_rollback()
                raise

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """One whole transaction, with what is called at its ends."""
        self._is_within = True
        try:
            self.on_begin()
            yield
            self._refuse_lost()
            self.on_commit()
        finally:
            self._is_within = False

    def _refuse_lost(self) -> None:
        """Go on with no transaction that SQLite has rolled back, as it does if the disk is full.

        What came after it would be committed by itself.
        """
        if self._is_within and not self._connection.in_transaction:
            raise EstateError(
                "estate.unusable",
                f"The estate in {self.path.parent} cannot be used: what was to be written was taken"
                " back.",
                "Check that the disk has space and that you have permission.",
            )

    def check_writable(self) -> None:
        """Write what the file has already, to see whether it can be written.

        Raises:
            EstateError: if it cannot.
        """
        with self.transaction():
            self.execute(f"PRAGMA user_version = {self.format}")

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read the state of one moment, whatever other processes commit meanwhile.

        They wait with that until the end. Nothing can be written within.

        Raises:
            EstateError: if another process holds the estate too long, or the file is damaged.
        """
        if self._connection.in_transaction:
            yield
            return
        with _reading(self.path):
            self._connection.execute("PRAGMA query_only = ON")
            self._connection.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            # After some errors, SQLite has rolled back already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._connection.execute("PRAGMA query_only = OFF")

    def copy(self, path: Path) -> None:
        """Copy the file as it is at one moment, for its owner only; others wait before they commit.

        Args:
            path: of the copy, which must not exist yet. It need not be safe on the disk afterwards.

        Raises:
            EstateError: if another process holds the estate too long, or the disk is full.
        """
        with _translated(self.path), self.snapshot():
            # The moment begins with the first look. Without it, the copying would wait for ever.
            self.value("SELECT count(*) FROM sqlite_master")
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            except OSError as error:
                raise EstateError(
                    "estate.unwritable", f"{path} cannot be made: {error.strerror}."
                ) from error
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as target:
                target.execute("PRAGMA synchronous = OFF")
                target.execute("PRAGMA journal_mode = OFF")
                self._connection.backup(target)

    def _refuse_foreign_schema(self) -> None:
        """Check the schema before a transaction changes anything, unless it was checked before.

        A foreign trigger could change rows in the transaction: the log would tell of them as if
        the program had made that change.
        """
        version = int(self._connection.execute("PRAGMA main.schema_version").fetchone()[0])
        if version != self._checked_schema:
            self.check_schema()
            self._checked_schema = version

    @contextlib.contextmanager
    def _savepoint(self) -> Iterator[None]:
        mark = self.row_sums.mark()
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:  # whatever ends it, Ctrl-C too, nothing of it stays
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO part")
                self._connection.execute("RELEASE part")
            self.row_sums.go_back(mark)
            self._tell_rollback()
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
        if table in BY_RUN:
            rows = list(rows)
            self.row_sums.add_to_runs(table, columns, rows)
        places = ", ".join("?" * len(columns))
        self.execute_many(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})",  # noqa: S608 - our own names
            rows,
        )

    def rows(
        self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[sqlite3.Row]:
        """All rows of a query; a row gives its values by the names of their columns.

        Raises:
            EstateError: if the file is damaged, or a value is not of its column's type.
        """
        with _reading(self.path):
            try:
                cursor = self._connection.execute(statement, values)
                rows = cursor.fetchall()
            except sqlite3.OperationalError as error:
                if not str(error).startswith(_WRONG_TEXT):
                    raise
                cursor, rows = self._with_wrong_text(statement, values)
        columns = tuple(column for column, *_ in cursor.description)
        for column, types in tables.types_of(statement, columns):
            for row in rows:
                if type(row[column]) not in types:
                    expected = " or ".join(_NAMES_OF_TYPES[kind] for kind in types)
                    raise self._damaged_row(statement, row, f"{column} is not {expected}")
        return rows

    def _with_wrong_text(
        self, statement: str, values: Sequence[Any] | Mapping[str, Any]
    ) -> tuple[sqlite3.Cursor, list[sqlite3.Row]]:
        """The rows of a query, with octets for a text that is not UTF-8."""
        self._connection.text_factory = _text_or_octets
        try:
            cursor = self._connection.execute(statement, values)
            return cursor, cursor.fetchall()
        finally:
            self._connection.text_factory = str

    def records(
        self,
        parse: Callable[[sqlite3.Row], T],
        statement: str,
        values: Sequence[Any] | Mapping[str, Any] = (),
    ) -> list[T]:
        """The values that are parsed from all rows of a query.

        Args:
            parse: reads one row; whatever it raises means that the row is damaged.
            statement: the query. Its row should have the primary key of the table, for the error.
            values: of the query.

        Raises:
            EstateError: if the file or a row is damaged.
        """
        return [self._parsed(parse, row, statement) for row in self.rows(statement, values)]

    def record(
        self,
        parse: Callable[[sqlite3.Row], T],
        statement: str,
        values: Sequence[Any] | Mapping[str, Any] = (),
    ) -> T | None:
        """The value that is parsed from the first row of a query, or None; see ``records``."""
        row = self.row(statement, values)
        return None if row is None else self._parsed(parse, row, statement)

    def _parsed(self, parse: Callable[[sqlite3.Row], T], row: sqlite3.Row, statement: str) -> T:
        try:
            return parse(row)
        except EstateError:
            raise
        except Exception as error:
            # No reader foresees everything that a damaged row can hold, and each error means that.
            reason = str(error) or type(error).__name__
            raise self._damaged_row(statement, row, reason) from error

    def _damaged_row(self, statement: str, row: sqlite3.Row, reason: str) -> EstateError:
        # The table that the row is of has the most of its columns; others are in its conditions.
        table = max(
            tables.tables_of(statement), key=lambda table: len(table.columns.keys() & {*row.keys()})
        )
        which = f"{name_of_row(table, row)} in its table {table.name}"
        return damaged(self.path, f"{which} cannot be read: {reason}")

    def row(
        self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        return next(iter(self.rows(statement, values)), None)

    def value(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        """The first value of the first row of a query; None if there is no row."""
        row = self.row(statement, values)
        return None if row is None else row[0]

    def sum_of_rows(self, table: str) -> RowSum:
        """The sum over the rows that a table has now.

        Raises:
            EstateError: if the table or a row of it is damaged.
        """
        try:
            with _reading(self.path):
                return self.row_sums.of_table(table)
        except EstateError:
            self.rows(f"SELECT * FROM {table}")  # noqa: S608 - its error names the row
            raise

    def summed_tables(self) -> list[str]:
        """The tables of the file whose rows are summed, by name."""
        with _reading(self.path):
            return self.row_sums.tables()

    def are_numbered_in_turn(self, table: str) -> bool:
        """Whether the rows of a table have the numbers of its lists: 1, 2 and so on.

        True also for tables that have no such numbers beside their columns.
        """
        known = tables.declared().tables.get(table)
        if known is None or not known.has_row_numbers:
            return True
        first, last, count = self.rows(
            f"SELECT coalesce(min(rowid), 1), coalesce(max(rowid), 0), count(*) FROM {table}"  # noqa: S608 - a declared name
        )[0]
        return (first, last) == (1, count)

    def number_in_turn(self, table: str) -> None:
        """Number the rows of a table 1, 2 and so on again, in their order, after some were deleted.

        Within a transaction.
        """
        numbers = [row["rowid"] for row in self.rows(f"SELECT rowid FROM {table} ORDER BY rowid")]  # noqa: S608 - our own name
        # Upward: the number that a row gets is free by then.
        self.execute_many(
            f"UPDATE {table} SET rowid = ? WHERE rowid = ?",  # noqa: S608 - our own name
            [(place, number) for place, number in enumerate(numbers, 1) if place != number],
        )

    def check_schema(self) -> None:
        """Check that the file has exactly what the schema of its format declares.

        Raises:
            EstateError: for the first table, index, trigger or view that it has besides, lacks or
                has otherwise.
        """
        with _reading(self.path):
            existing = tables.objects(self._connection)
            declared = tables.declared(min(self.format, FORMAT)).objects
        if existing != declared:
            kind, name, _ = min(existing ^ declared, key=repr)
            present, expected = (
                (kind, name) in {description[:2] for description in objects}
                for objects in (existing, declared)
            )
            change = "changed" if present and expected else "added" if present else "removed"
            raise EstateError(
                "audit.schema",
                "The estate's file has another schema than this version makes:"
                f" {kind} {shown(str(name))[1:-1]} was {change}.",
                RESTORE,
            )

    def file_faults(self) -> list[str]:
        """The faults that SQLite finds in the file, one line each."""
        with _reading(self.path):
            checked = [text for (text,) in self._connection.execute("PRAGMA integrity_check(1)")]
            missing = self._connection.execute("PRAGMA foreign_key_check").fetchall()
        faults = [] if checked == ["ok"] else checked
        return faults + [
            f"a row of {table} refers to none of {other}" for table, _, other, _ in missing
        ]


def damaged(path: Path, reason: str) -> EstateError:
    """The error for a file whose content cannot be read.

    Args:
        path: of the file.
        reason: why, without a full stop.
    """
    return EstateError(
        "estate.damaged", f"The estate in {path.parent} is damaged: {reason}.", RESTORE
    )


def _connect(path: Path) -> sqlite3.Connection:
    # An absolute path never begins with "file:" and is not ":memory:": a directory may have any
    # name, but SQLite would take such a relative one for a URI.
    connection = sqlite3.connect(
        os.path.abspath(path),  # noqa: PTH100 - unlike Path.absolute, for str with ".." as is
        timeout=WAIT_SECONDS,
        isolation_level=None,
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    # REPLACE deletes rows, and the sums of rows must follow that.
    connection.execute("PRAGMA recursive_triggers = ON")
    # With a rollback journal, a transaction is committed when its journal is gone: only EXTRA
    # waits until that is safe on the disk.
    connection.execute("PRAGMA synchronous = EXTRA")
    # What is deleted is overwritten with zeros: private keys and wrapped keys are among it.
    connection.execute("PRAGMA secure_delete = ON")
    # Pages and functions of a file that somebody may have changed are not trusted.
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _nothing() -> None:
    """Does nothing."""


def _text_or_octets(octets: bytes) -> str | bytes:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets


def name_of_row(table: tables.Table, row: sqlite3.Row) -> str:
    """A row for an error's message: by those columns of the table's key that it has."""
    given = [column for column in table.key if column in row.keys()]  # noqa: SIM118 - a Row iterates over its values
    key = ", ".join(f"{column} {_shown(row[column])}" for column in given)
    return f"the row with {key}" if key else "a row"


def _shown(value: Any) -> str:
    """A value of a key for an error's message."""
    return value.hex().upper() if isinstance(value, bytes) else shown(str(value))


class _translated:  # noqa: N801 - used as a context manager, whose like are functions
    """Turns SQLite's errors into estate errors.

    A class, because one is entered for each statement: a generator takes several times as long.
    """

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        """Raise the estate's error for one of SQLite."""
        if isinstance(error, sqlite3.ProgrammingError) and "thread" in str(error):
            raise _of_another_thread(self._path) from error
        if isinstance(error, sqlite3.DatabaseError):
            raise _estate_error(self._path, error) from error


class _reading(_translated):  # noqa: N801 - as above
    """Turns whatever a damaged file does to SQLite and to Python's reading into estate errors."""

    __slots__ = ()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Raise the estate's error for one of SQLite, or of Python's reading."""
        super().__exit__(kind, error, at)
        if isinstance(error, MemoryError):
            raise damaged(self._path, "it needs more memory than there is") from error
        if isinstance(error, UnicodeDecodeError):
            # Python cannot read SQLite's message, which quotes the schema.
            raise damaged(self._path, "its schema is not UTF-8") from error


def _of_another_thread(path: Path) -> EstateError:
    """The error of an open estate that another thread uses than the one that opened it."""
    return EstateError(
        "estate.thread",
        f"The estate in {path.parent} was opened in another thread than the one that uses it.",
        "Open it in each thread that uses it.",
    )


def _estate_error(path: Path, error: sqlite3.DatabaseError) -> EstateError:
    """The estate's error for one of SQLite."""
    # The low octet is the error, the others say more of it.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code in _LOCKED:
        return EstateError(
            "estate.locked",
            f"Another process was writing to the estate in {path.parent} for over"
            f" {WAIT_SECONDS:.0f} seconds.",
            "Wait for it to end and try again.",
        )
    if code in _UNUSABLE:
        return EstateError(
            "estate.unusable",
            f"The estate in {path.parent} cannot be used: {error}.",
            "Check that the disk has space and that you have permission.",
        )
    return damaged(path, str(error))
