"""The audit log: every decision and change, append-only, each entry chained to the one before."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.errors import EstateError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from smki_testca.estate.database import Database

_FIRST = bytes(32)
_HEAD = "audit-head"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    Attributes:
        number: counts from 1.
        at: UTC, ISO 8601.
        action: the kind of decision or change, such as ``issue``.
        body: the details.
        digest: SHA-256 over the digest before it and this entry, hexadecimal.
    """

    number: int
    at: str
    action: str
    body: dict[str, Any]
    digest: str

    def as_json(self) -> dict[str, Any]:
        """The entry as a JSON object."""
        return {
            "number": self.number,
            "at": self.at,
            "action": self.action,
            "body": self.body,
            "digest": self.digest,
        }


@dataclass(frozen=True, slots=True)
class AuditedTable:
    """A table of the estate that must agree with the audit log.

    A row is a key with a value; both must be the same in the table and in the log.

    Attributes:
        code: of the error where they differ.
        recorded: gives the rows that an entry records.
        rows: gives the rows that the table holds.
        name: describes a row for an error.
        lost: starts the error for a key that only the log has; by default from the row's name.
    """

    code: str
    recorded: Callable[[Entry], Iterable[tuple[Any, Any]]]
    rows: Callable[[], Iterable[tuple[Any, Any]]]
    name: Callable[[Any, Any], str]
    lost: Callable[[Any], str] | None = None

    def verify(self, recorded: dict[Any, Any]) -> None:
        """Compare the table with the rows that the log records.

        Raises:
            EstateError: for the first row that differs, or is in only one of them.
        """
        for key, value in self.rows():
            if recorded.pop(key, None) != value:
                raise EstateError(
                    self.code, f"The audit log does not tell of {self.name(key, value)}."
                )
        if recorded:
            key = min(recorded)
            tells = f"The audit log tells of {self.name(key, recorded[key])}"
            if self.lost is not None:
                tells = self.lost(key)
            raise EstateError(self.code, f"{tells}, which the estate lacks.")


class AuditLog:
    """The log of one estate."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tables: tuple[AuditedTable, ...] = ()

    def account_for(self, *tables: AuditedTable) -> None:
        """Register tables to verify with the log, in this order."""
        self._tables = tables

    def append(self, at: datetime, action: str, body: dict[str, Any]) -> int:
        """Add an entry, within the transaction of the change that it records.

        Returns:
            Its number.
        """
        last = self._database.row("SELECT number, digest FROM audit ORDER BY number DESC LIMIT 1")
        number, previous = (1, _FIRST) if last is None else (last["number"] + 1, last["digest"])
        text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        instant = at.isoformat().replace("+00:00", "Z")
        digest = _digest(previous, number, instant, action, text)
        self._database.insert(
            "audit",
            {
                "number": number,
                "at": instant,
                "action": action,
                "body": text,
                "previous": previous,
                "digest": digest,
            },
        )
        self._database.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (_HEAD, digest),
        )
        return int(number)

    def entries(self, last: int | None = None) -> list[Entry]:
        """The entries in order.

        Args:
            last: how many of the last ones; all by default.
        """
        rows = self._database.rows(
            "SELECT * FROM (SELECT * FROM audit ORDER BY number DESC LIMIT ?) ORDER BY number",
            (-1 if last is None else last,),
        )
        return [_entry(row) for row in rows]

    def entry(self, number: int) -> Entry:
        """The entry of that number.

        Raises:
            EstateError: if there is none.
        """
        row = self._database.row("SELECT * FROM audit WHERE number = ?", (number,))
        if row is None:
            raise EstateError("audit.broken", f"The audit log is broken at entry {number}.")
        return _entry(row)

    def verify(self) -> int:
        """Check that the chain is complete, and that the estate's tables agree with the log.

        Returns:
            The number of entries.

        Raises:
            EstateError: for the first entry, certificate, tile, revocation, revocation list or
                external certificate that does not agree.
        """
        count = 0
        recorded: list[dict[Any, Any]] = [{} for _ in self._tables]
        for count, entry in enumerate(self._chain(), 1):  # noqa: B007 - the number of entries
            for table, rows in zip(self._tables, recorded, strict=True):
                rows.update(table.recorded(entry))
        for table, rows in zip(self._tables, recorded, strict=True):
            table.verify(rows)
        return count

    def _chain(self) -> Iterator[Entry]:
        """Yields every entry after checking its digest and the entry before it."""
        previous, expected = _FIRST, 1
        for row in self._database.rows("SELECT * FROM audit ORDER BY number"):
            number = row["number"]
            fits = number == expected and row["previous"] == previous
            digest = _digest(previous, number, row["at"], row["action"], row["body"])
            if not fits or row["digest"] != digest:
                raise EstateError("audit.broken", f"The audit log is broken at entry {expected}.")
            previous, expected = digest, expected + 1
            yield _entry(row)
        if previous != self._database.value("SELECT value FROM meta WHERE name = ?", (_HEAD,)):
            raise EstateError(
                "audit.broken", f"The audit log is cut off after entry {expected - 1}."
            )


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        row["number"], row["at"], row["action"], json.loads(row["body"]), row["digest"].hex()
    )


def _digest(previous: bytes, number: int, at: str, action: str, body: str) -> bytes:
    text = json.dumps([number, at, action, body], ensure_ascii=False)
    return hashlib.sha256(previous + text.encode("utf-8")).digest()
