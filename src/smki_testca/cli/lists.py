"""Prints lists item by item, as they come: chosen columns, sorted if asked for, the first few."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from smki_testca.cli.output import print_json_list, print_rows, say
from smki_testca.errors import UsageError
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from smki_testca.cli.output import Column
    from smki_testca.cli.session import Session


class ListTerms(NamedTuple):
    """The terms of a list: what it shows, and in which order.

    Attributes:
        columns: the names of the columns, as given; none for those by default.
        sort: the names of the columns by which to sort, the first one first, with a hyphen before
            for the reverse.
        limit: the most rows; None for all.
    """

    columns: tuple[str, ...]
    sort: tuple[str, ...]
    limit: int | None


def print_list(
    session: Session,
    terms: ListTerms,
    name: str,
    items: Iterable[Any],
    known: Mapping[str, Column[Any]],
    default: Sequence[str],
    as_json: Callable[[Any], Mapping[str, Any]],
) -> None:
    """Print items as they come, as JSON or as a table.

    Args:
        session: the global options.
        terms: what to show.
        name: the key of the list in JSON, and the noun for the items.
        items: in the order in which they are listed unless they are sorted.
        known: every column that there is.
        default: the names of the columns to show unless others are asked for.
        as_json: the JSON object of an item.

    Raises:
        UsageError: if there is no column of a name.
    """
    columns = [_column(known, column) for column in terms.columns or default]
    keys = [(_column(known, column.removeprefix("-")), column[:1] == "-") for column in terms.sort]
    if session.as_json:
        print_json_list(name, _ordered(items, keys, terms.limit, lambda i: json.dumps(as_json(i))))
        return

    def cells(item: Any) -> str:
        return json.dumps([column.text(item) for column in columns])

    rows: Iterable[Sequence[str]]
    if keys:
        rows = map(json.loads, _ordered(items, keys, terms.limit, cells))
    else:
        rows = ([column.text(item) for column in columns] for item in islice(items, terms.limit))
    remedy = "Choose with --columns."
    if not print_rows(columns, rows, whole=bool(terms.columns), remedy=remedy):
        say("Nothing fits the selection.", err=True)


def _column(known: Mapping[str, Column[Any]], name: str) -> Column[Any]:
    if name not in known:
        raise UsageError(
            "usage", f"There is no column {shown(name)}.", use_one_of(known, given=name)
        )
    return known[name]


def _ordered(
    items: Iterable[Any],
    keys: Sequence[tuple[Column[Any], bool]],
    limit: int | None,
    printed: Callable[[Any], str],
) -> Iterator[str]:
    """Yield items as they are printed, sorted by columns, each of them upward or downward.

    A million of them do not fit into memory, so that SQLite sorts them, in a file of its own.
    """
    if not keys:
        yield from map(printed, islice(items, limit))
        return
    names = [f"key{place}" for place in range(len(keys))]
    order = ", ".join(
        f"{name} DESC" if downward else name
        for name, (_, downward) in zip(names, keys, strict=True)
    )
    rows = ((*(column.text(item) for column, _ in keys), printed(item)) for item in items)
    places = ", ".join("?" * (len(names) + 1))
    with closing(sqlite3.connect("")) as database:
        database.execute(f"CREATE TABLE item ({', '.join(names)}, printed)")
        database.executemany(f"INSERT INTO item VALUES ({places})", rows)  # noqa: S608 - places
        statement = f"SELECT printed FROM item ORDER BY {order}, rowid LIMIT ?"  # noqa: S608 - our own names
        for (text,) in database.execute(statement, (-1 if limit is None else limit,)):
            yield text
