"""The tables, indexes and triggers that the schema declares, and the types of columns."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = 6
"""The version of the schema: the number of its last file."""

SchemaObject = tuple[str, str, str | None]
"""A table, index, trigger or view: its type, its name and its SQL, which some indexes lack."""

_TYPES: dict[str, type] = {"TEXT": str, "BLOB": bytes, "INTEGER": int}
_TABLE_NAMES = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)")
# It holds a digest and keys, and the name of an environment.
_OF_TWO_TYPES = {("meta", "value"): (bytes, str)}


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the schema.

    Attributes:
        name: of the table.
        columns: the types of the values that each column may have; None is among them if the
            column may be empty.
        key: the columns of the primary key.
        has_row_numbers: whether SQLite numbers the rows beside the columns, in the order of their
            insertion.
    """

    name: str
    columns: dict[str, tuple[type, ...]]
    key: tuple[str, ...]
    has_row_numbers: bool


@dataclass(frozen=True, slots=True)
class Schema:
    """The whole schema.

    Attributes:
        objects: every table, index and trigger, SQLite's own indexes included.
        tables: by name.
    """

    objects: frozenset[SchemaObject]
    tables: dict[str, Table]


def statements(version: int) -> Iterator[str]:
    """The SQL statements that upgrade an estate to a version from the one before."""
    schema = files("smki_testca.estate").joinpath("schema", f"{version}.sql")
    statement = ""
    for line in schema.read_text("utf-8").splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def objects(connection: sqlite3.Connection) -> frozenset[SchemaObject]:
    """Everything that the schema of a file has, with what is named as if SQLite had made it."""
    rows = connection.execute("SELECT type, name, sql FROM main.sqlite_master")
    return frozenset((kind, name, sql) for kind, name, sql in rows)


@cache
def declared(version: int = FORMAT) -> Schema:
    """The schema of an estate of a format, by default of this version's; format 0 is empty."""
    with closing(sqlite3.connect(":memory:")) as memory:
        for each in range(1, version + 1):
            for statement in statements(each):
                memory.execute(statement)
        existing = objects(memory)
        tables = {
            name: _table(memory, name, sql) for kind, name, sql in existing if kind == "table"
        }
    return Schema(existing, tables)


def _table(connection: sqlite3.Connection, name: str, sql: str | None) -> Table:
    columns, key = {}, []
    for column, declared_type, is_required, place in connection.execute(
        'SELECT name, type, "notnull", pk FROM pragma_table_info(?)', (name,)
    ):
        types = _OF_TWO_TYPES.get((name, column), (_TYPES[declared_type],))
        columns[column] = types if is_required or place else (*types, type(None))
        if place:
            key.append((place, column))
    keys = tuple(column for _, column in sorted(key))
    is_number = len(keys) == 1 and columns[keys[0]] == (int,)
    has_row_numbers = not is_number and not (sql or "").endswith("WITHOUT ROWID")
    return Table(name, columns, keys, has_row_numbers)


@cache
def tables_of(statement: str) -> tuple[Table, ...]:
    """The tables that an SQL statement names, in its order."""
    known = declared().tables
    names = dict.fromkeys(_TABLE_NAMES.findall(statement))
    return tuple(known[name] for name in names if name in known)


@cache
def types_of(statement: str, columns: tuple[str, ...]) -> tuple[tuple[str, tuple[type, ...]], ...]:
    """The types that values in a statement's columns must have; columns it works out have none."""
    types: dict[str, tuple[type, ...]] = {}
    for column in columns:
        for table in tables_of(statement):
            if column in table.columns:
                types[column] = (*types.get(column, ()), *table.columns[column])
    return tuple(types.items())
