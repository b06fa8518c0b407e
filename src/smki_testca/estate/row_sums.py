"""Sums over the rows of each table, which bind every row to the audit log.

A sum is a multiset hash (AdHash: Bellare and Micciancio, EUROCRYPT 1997): each row is hashed to a
number of 2,048 bits, and the numbers are added. So a sum follows each change without a look at
other rows, and rows in any order have the same sum.

The numbers are that long because rows with a given sum can be found by Wagner's algorithm for the
generalised birthday problem (CRYPTO 2002): in 2^31 steps with numbers of 256 bits. With 2,048 bits
it takes 2^90 steps and 2^45 rows, and 2^117 steps with a million rows.

The rows of two tables are added with each run, many at once, and never change. They count as one
row for each run, since a number for each would cost a batch a tenth of its time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

OF_THE_LOG = frozenset({"audit", "audit_states", "row_sums"})
"""Tables without a sum: the chain of the audit log covers them."""
BY_RUN = frozenset({"row_ids", "row_keys"})
"""Tables whose rows are summed run by run."""
HEAD = "audit-head"
"""The row of ``meta`` that is no part of its sum, since it covers the sums."""

_OCTETS = 256
_MODULUS = 1 << (8 * _OCTETS)
_FUNCTION = "smki_testca_row"
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class RowSum:
    """The sum over the rows of one table.

    Attributes:
        rows: how many there are.
        value: the sum of their hashes, below 2^2048.
    """

    rows: int = 0
    value: int = 0

    def plus(self, other: RowSum) -> RowSum:
        """The sum over the rows of both; the rows of a sum may be negative, as of a change."""
        return RowSum(self.rows + other.rows, (self.value + other.value) % _MODULUS)

    @property
    def octets(self) -> bytes:
        """The value in 256 octets, big-endian."""
        return self.value.to_bytes(_OCTETS)

    def digest(self, table: str) -> str:
        """SHA-256 over the sum and the name of its table, hexadecimal."""
        return hashlib.sha256(_encode((table, self.rows, self.octets))).hexdigest()


@dataclass(slots=True)
class _RunRows:
    """The rows of one run in one table, in ascending order of their numbers in the run."""

    count: int = 0
    last: tuple[Any, ...] = ()
    hasher: Any = field(default_factory=hashlib.sha256)

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows, in ascending order, each with its number in the run first."""
        self.count += len(rows)
        self.last = rows[-1]
        self.hasher.update(b"".join(map(_encode, rows)))

    def copy(self) -> _RunRows:
        """A copy that changes independently of this one."""
        return _RunRows(self.count, self.last, self.hasher.copy())

    def sum(self, table: str, run: int) -> RowSum:
        """The sum over them: that of one row with their number and digest."""
        return RowSum(self.count, _number(table, (run, self.count, self.hasher.digest())))


def _number(table: str, values: Sequence[Any]) -> int:
    """The hash of a row; MessagePack tells types and ends of values apart."""
    return int.from_bytes(hashlib.shake_256(_encode((table, values))).digest(_OCTETS))


class RowSums:
    """Follows the changes of rows that one connection makes, and sums up whole tables.

    Args:
        connection: to the estate's file; nothing is changed until ``follow``.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._schema_version: int | None = None
        self._changes: dict[str, RowSum] = {}
        self._runs: dict[tuple[str, int], _RunRows] = {}

    # The changes of one transaction.

    def follow(self) -> None:
        """Follow every change of rows from now on, within a transaction.

        Triggers of this connection alone do so, for each table that the file has: none can be
        forgotten.
        """
        version = self._connection.execute("PRAGMA main.schema_version").fetchone()[0]
        if version == self._schema_version:
            return
        if self._schema_version is None:
            self._connection.create_function(_FUNCTION, -1, self._note)
        self._unfollow()
        for table in self.tables():
            for statement in _triggers(table, self._columns(table)):
                self._connection.execute(statement)
        self._schema_version = version

    def start(self) -> None:
        """Take every row that the file has for a change, within the transaction of an upgrade."""
        self._changes = {table: self.of_table(table) for table in self.tables()}
        self._runs = {}
        self.follow()

    def mark(self) -> tuple[Any, ...]:
        """The changes until now, for ``go_back``."""
        runs = {key: rows.copy() for key, rows in self._runs.items()}
        return dict(self._changes), runs, self._schema_version

    def go_back(self, mark: tuple[Any, ...]) -> None:
        """Forget the changes since a mark: the transaction, or a part of it, was rolled back."""
        self._changes, self._runs, self._schema_version = mark

    def add_to_runs(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Note rows that are added to a table of those that are summed by run.

        Args:
            table: its name.
            columns: that the rows have values for, in their order.
            rows: higher, within each run, than those added before.
        """
        places = [columns.index(column) for column in _run_columns(columns)]
        runs: dict[int, list[tuple[Any, ...]]] = {}
        for row in rows:
            run, *values = [row[place] for place in places]
            runs.setdefault(run, []).append(tuple(values))
        for run, added in runs.items():
            before = self._runs.setdefault((table, run), _RunRows())
            added.sort()
            if not before.last < added[0]:
                raise ValueError("the rows of a run are added in ascending order")
            before.add(added)

    def take_changes(self) -> dict[str, RowSum]:
        """The change of each table's sum since the last call or the start."""
        for (table, run), rows in self._runs.items():
            self._add(table, rows.sum(table, run))
        changes, self._changes, self._runs = self._changes, {}, {}
        return {table: change for table, change in changes.items() if change != RowSum()}

    def _note(self, sign: int, table: str, *values: Any) -> None:
        number = _number(table, values)
        self._add(table, RowSum(1, number) if sign > 0 else RowSum(-1, -number))

    def _add(self, table: str, change: RowSum) -> None:
        self._changes[table] = self._changes.get(table, RowSum()).plus(change)

    def _unfollow(self) -> None:
        for (name,) in self._connection.execute("SELECT name FROM temp.sqlite_master").fetchall():
            self._connection.execute(f"DROP TRIGGER temp.{name}")

    # Whole tables.

    def tables(self) -> list[str]:
        """The tables of the file that have a sum, by name."""
        rows = self._connection.execute(
            "SELECT name FROM main.sqlite_master WHERE type = 'table'"
            " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        )
        return [name for (name,) in rows if name not in OF_THE_LOG]

    def of_table(self, table: str) -> RowSum:
        """The sum over the rows that a table has now."""
        columns = self._columns(table)
        if table in BY_RUN:
            return self._of_runs(table, _run_columns(columns))
        condition = f" WHERE name <> '{HEAD}'" if table == "meta" else ""
        rows = self._connection.execute(
            f"SELECT {', '.join(columns)} FROM main.{table}{condition}"  # noqa: S608 - names of columns
        )
        total = count = 0
        for count, row in enumerate(rows, 1):  # noqa: B007 - the number of rows
            total += _number(table, tuple(row))
        return RowSum(count, total % _MODULUS)

    def _of_runs(self, table: str, columns: Sequence[str]) -> RowSum:
        listed = ", ".join(columns)
        rows = self._connection.execute(
            f"SELECT {listed} FROM main.{table} ORDER BY {listed}"  # noqa: S608 - names of columns
        )
        total = RowSum()
        for run, own in groupby(rows, itemgetter(0)):
            collected = _RunRows()
            for row in own:
                collected.add([tuple(row)[1:]])
            total = total.plus(collected.sum(table, run))
        return total

    def _columns(self, table: str) -> list[str]:
        rows = self._connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
        # Sorted, because an estate that was upgraded may have them in another order.
        return sorted(name for (name,) in rows)


def _run_columns(columns: Iterable[str]) -> list[str]:
    """The columns of a table summed by run, in the order by which its rows are sorted."""
    return ["run", "row", *sorted(set(columns) - {"run", "row"})]


def _triggers(table: str, columns: Sequence[str]) -> Iterator[str]:
    """The SQL of triggers that follow the changes of a table's rows."""
    old, new = (", ".join(f"{state}.{column}" for column in columns) for state in ("old", "new"))
    add = f"SELECT {_FUNCTION}(1, '{table}', {new});"
    remove = f"SELECT {_FUNCTION}(-1, '{table}', {old});"
    if table in BY_RUN:
        add = ""
        remove = "SELECT RAISE(ABORT, 'the rows of runs do not change');"
    for event, actions in (("INSERT", add), ("UPDATE", remove + add), ("DELETE", remove)):
        if actions:
            changed = "old" if event == "DELETE" else "new"
            condition = f"WHEN {changed}.name <> '{HEAD}' " if table == "meta" else ""
            yield (
                f"CREATE TEMP TRIGGER follows_{event.lower()}_{table}"
                f" AFTER {event} ON main.{table} {condition}BEGIN {actions} END"
            )
