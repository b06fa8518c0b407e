"""The audit log: every decision and change, append-only, each entry chained to the one before."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from smki_testca.clock import from_iso
from smki_testca.errors import EstateError
from smki_testca.estate.audit_entry import Entry
from smki_testca.estate.database import RESTORE, damaged, name_of_row
from smki_testca.estate.row_sums import HEAD, RowSum
from smki_testca.estate.tables import declared
from smki_testca.numbers import check_number
from smki_testca.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from smki_testca.clock import Clock
    from smki_testca.estate.audited_table import AuditedTable
    from smki_testca.estate.database import Database

_FIRST = bytes(32)
_body_text = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
_SUM_CHANGED = "the sum of its rows was changed"
# Every entry with the digests of the tables that its transaction changed, if it was its last.
_ENTRIES = """\
SELECT audit.number, at, action, body, previous, digest, audit_states.digests AS after
FROM audit LEFT JOIN audit_states ON audit_states.number = audit.number"""
_END = """\
SELECT audit.number, digest, audit_states.digests AS after
FROM audit LEFT JOIN audit_states ON audit_states.number = audit.number
ORDER BY audit.number DESC LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the log.

    Attributes:
        number: of the last entry.
        digest: SHA-256, hexadecimal, that follows from every entry and from the rows of all tables.
    """

    number: int
    digest: str

    def as_json(self) -> dict[str, Any]:
        """The head as a JSON object."""
        return {"number": self.number, "digest": self.digest}


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of the verification of a whole log.

    Attributes:
        entries: how many there are.
        remarks: one line for each oddity that is no fault, such as time that runs backward.
    """

    entries: int
    remarks: tuple[str, ...]


_Digests = str | tuple[str, str]
"""The digest of a table after a transaction, or those before and after it.

Estates that the first programs of format 3 wrote to have some without the one before.
"""


@dataclass(frozen=True, slots=True)
class _Bound:
    """The last digest of a table that the log has, and the number of its entry."""

    digest: str
    number: int


@dataclass(frozen=True, slots=True)
class _Link:
    """An entry as it is stored, with the digests of the tables that its transaction changed."""

    entry: Entry
    text: str
    previous: bytes
    after: str | None
    digests: dict[str, _Digests]

    @property
    def octets(self) -> bytes:
        """The link that the next entry continues from."""
        return _link_after(bytes.fromhex(self.entry.digest), self.after)


class AuditLog:
    """The log of one estate.

    Each transaction that changes rows ends with an entry, and with the digest of each table that it
    changed. So the log covers every row of the estate.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._tables: tuple[AuditedTable, ...] = ()
        self._suspects: dict[str, Callable[[], Iterable[str]]] = {}
        self._before = 0
        self._appended: tuple[int, bytes] | None = None
        database.on_begin = self._begin
        database.on_commit = self._bind_rows
        database.on_rollback.append(self._forget)

    def account_for(
        self, *tables: AuditedTable, suspects: Mapping[str, Callable[[], Iterable[str]]]
    ) -> None:
        """Register tables to verify with the log.

        Args:
            tables: those whose rows the entries name, in the order of their verification.
            suspects: for tables by name, what finds the rows that contradict themselves: each as
                the subject and verb of a sentence.
        """
        self._tables = tables
        self._suspects = dict(suspects)

    def append(self, at: datetime, action: str, body: dict[str, Any]) -> int:
        """Add an entry, within the transaction of the change that it records.

        Returns:
            Its number.

        Raises:
            EstateError: if the end of the log was changed.
        """
        # After an entry of this transaction, nobody else can have changed the end.
        last, previous = self._appended or self._end()
        if self._appended is None and last and previous != self._recorded_head():
            raise _broken(f"is cut off or was changed after entry {last}")
        number = last + 1
        text = _body_text(body)
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
        self._set_head(digest)
        self._appended = number, digest
        return number

    def entries(self, last: int | None = None) -> list[Entry]:
        """The entries in order.

        Args:
            last: how many of the last ones, 1 or more; all by default.

        Raises:
            InputError: for a number of none.
        """
        if last is not None:
            check_number("The number of entries", last, 1)
        links = self._database.records(
            _link, f"{_ENTRIES} ORDER BY audit.number DESC LIMIT ?", (-1 if last is None else last,)
        )
        return [link.entry for link in reversed(links)]

    def entries_of(self, *actions: str) -> list[Entry]:
        """The entries of some actions, in order."""
        places = ", ".join("?" * len(actions))
        links = self._database.records(
            _link, f"{_ENTRIES} WHERE action IN ({places}) ORDER BY audit.number", actions
        )
        return [link.entry for link in links]

    def latest(
        self,
        size: int,
        *,
        before: int | None = None,
        action: str = "",
        naming: tuple[str, Collection[str]] | None = None,
    ) -> list[Entry]:
        """Entries, the newest first.

        Args:
            size: the most entries.
            before: the number that all are below; any by default.
            action: of the entries; ``batch`` is that of ``batch.tile``, too. Any if empty.
            naming: a word, and actions of which only those entries are given whose bodies have the
                word as a text of its own.
        """
        conditions: list[str] = ["1"]
        values: list[Any] = []
        if before is not None:
            conditions.append("audit.number < ?")
            values.append(before)
        if action:
            # The character after the dot ends what begins with the action and a dot.
            conditions.append("(action = ? OR action > ? AND action < ?)")
            values += [action, f"{action}.", f"{action}/"]
        if naming is not None:
            word, actions = naming
            places = ", ".join("?" * len(actions))
            conditions.append(f"(action NOT IN ({places}) OR instr(body, ?))")
            values += [*actions, json.dumps(word, ensure_ascii=False)]
        where = " AND ".join(conditions)
        links = self._database.records(
            _link, f"{_ENTRIES} WHERE {where} ORDER BY audit.number DESC LIMIT ?", [*values, size]
        )
        return [link.entry for link in links]

    def recent_actions(self, count: int) -> list[str]:
        """The actions of so many of the newest entries, each once."""
        rows = self._database.rows(
            "SELECT DISTINCT action FROM"
            " (SELECT action FROM audit ORDER BY number DESC LIMIT ?) ORDER BY action",
            (count,),
        )
        return [row["action"] for row in rows]

    def entry(self, number: int) -> Entry:
        """The entry of that number.

        Raises:
            EstateError: if there is none.
        """
        link = self._database.record(_link, f"{_ENTRIES} WHERE audit.number = ?", (number,))
        if link is None:
            raise _broken(f"is broken at entry {number}")
        return link.entry

    def head(self) -> Head:
        """The end of the log now: keep its digest elsewhere, and pass it to ``verify`` later.

        Raises:
            EstateError: if the end of the log was changed.
        """
        with self._database.snapshot():
            number, link = self._end()
            recorded = self._recorded_head()
        if link != recorded:
            raise _broken("is cut off or was changed at its end")
        return Head(number, link.hex())

    def state(self, number: int) -> Head | None:
        """The state of the log after an entry, as ``head`` gave it then; None without the entry."""
        entry = self._database.record(
            _end,
            "SELECT audit.number, digest, audit_states.digests AS after FROM audit"
            " LEFT JOIN audit_states ON audit_states.number = audit.number"
            " WHERE audit.number = ?",
            (number,),
        )
        return None if entry is None else Head(entry[0], entry[1].hex())

    def last_number(self) -> int:
        """The number of the last entry; 0 if there is none."""
        return int(self._database.value("SELECT coalesce(max(number), 0) FROM audit"))

    def newest_digest(self) -> bytes:
        """The digest of the last entry: while it is the same, nothing else was recorded."""
        if self._appended is not None:
            return self._appended[1]
        digest: bytes = self._database.value(
            "SELECT digest FROM audit ORDER BY number DESC LIMIT 1"
        )
        return digest

    def verify(self, head: str | None = None) -> int:
        """Check the whole estate; see ``examine``.

        Returns:
            The number of entries.

        Raises:
            EstateError: for the first fault.
        """
        return self.examine(head).entries

    def examine(self, head: str | None = None) -> Verification:
        """Check the chain of entries, every row against it, and the file's schema and structure.

        All of that is read as it is at one moment; other processes wait with what they commit.

        Args:
            head: the digest of an earlier head, hexadecimal: the log must continue from it.

        Raises:
            EstateError: for the first fault.
        """
        with self._database.snapshot():
            return self._examine(head)

    def _examine(self, head: str | None) -> Verification:
        recorded: list[dict[Any, Any]] = [{} for _ in self._tables]
        bound: dict[str, _Bound] = {}
        remarks: list[str] = []
        is_continued = head is None
        last: Entry | None = None
        for link in self._chain():
            entry = link.entry
            # An entry's own digest does not cover the rows that are bound to it.
            is_continued |= head == link.octets.hex()
            remarks += _remarks(last, entry)
            _bind(bound, link)
            for table, rows in zip(self._tables, recorded, strict=True):
                rows.update(_recorded(table, entry))
                _remove(rows, table, entry)
            last = entry
        if not is_continued:
            raise EstateError(
                "audit.head",
                f"The audit log does not continue from {str(head)[:64]}.",
                "This is another estate, or an older copy of it, or its log was rewritten.",
            )
        for table, rows in zip(self._tables, recorded, strict=True):
            table.verify(rows)
        self._verify_rows(bound)
        self._verify_file()
        return Verification(0 if last is None else last.number, tuple(remarks))

    # The chain.

    def _chain(self) -> Iterator[_Link]:
        """Yields every entry after checking its digest and the entry before it."""
        previous, expected = _FIRST, 1
        for link in self._database.records(_link, f"{_ENTRIES} ORDER BY audit.number"):
            entry = link.entry
            digest = _digest(link.previous, entry.number, entry.at, entry.action, link.text)
            fits = entry.number == expected and link.previous == previous
            if not fits or entry.digest != digest.hex():
                raise _broken(f"is broken at entry {expected}")
            previous, expected = link.octets, expected + 1
            yield link
        if previous != self._recorded_head():
            raise _broken(f"is cut off after entry {expected - 1}")
        last = self._database.value("SELECT coalesce(max(number), 0) FROM audit_states")
        if last >= expected:
            raise _broken(f"is cut off after entry {expected - 1}")

    def _end(self) -> tuple[int, bytes]:
        """The number of the last entry, and what the next one continues from."""
        return self._database.record(_end, _END) or (0, _FIRST)

    def _recorded_head(self) -> bytes | None:
        head: bytes | None = self._database.value("SELECT value FROM meta WHERE name = ?", (HEAD,))
        return head

    def _set_head(self, digest: bytes) -> None:
        self._database.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (HEAD, digest),
        )

    # The rows.

    def _begin(self) -> None:
        self._appended = None
        # Only the table audit is in estates of every format, and one may be upgraded now.
        self._before = int(self._database.value("SELECT coalesce(max(number), 0) FROM audit"))

    def _bind_rows(self) -> None:
        """Bind the rows that a transaction changed to its last entry, before it is committed."""
        changes = self._database.row_sums.take_changes()
        if not changes:
            self._appended = None
            return
        number, _ = self._end()
        if number == self._before:
            number = self.append(self._clock.now(), "estate.change", {"tables": sorted(changes)})
        digests = {}
        for table, change in sorted(changes.items()):
            before = self._bound_sum(table)
            after = before.plus(change)
            # What it was before is bound, too: the sum may be changed just for this transaction.
            digests[table] = (before.digest(table), after.digest(table))
            self._database.execute(
                "INSERT INTO row_sums (name, rows, sum, audit) VALUES (?1, ?2, ?3, ?4)"
                " ON CONFLICT (name) DO UPDATE SET rows = ?2, sum = ?3, audit = ?4",
                (table, after.rows, after.octets, number),
            )
        text = json.dumps(digests, separators=(",", ":"))
        self._appended = None  # others may go on from here
        self._database.insert("audit_states", {"number": number, "digests": text})
        _, link = self._end()
        self._set_head(link)

    def _forget(self) -> None:
        """Look up the end of the log again: entries were taken back."""
        self._appended = None

    def _bound_sum(self, table: str) -> RowSum:
        """The sum of a table before this transaction, after a look at what the log records of it.

        Otherwise the next change would bind rows to the log that were changed behind its back.
        """
        row = self._database.row(
            "SELECT name, rows, sum, audit FROM row_sums WHERE name = ?", (table,)
        )
        if row is None:
            return RowSum()
        known = RowSum(row["rows"], int.from_bytes(row["sum"]))
        digests = self._database.record(
            lambda row: _digests(row["digests"]),
            "SELECT number, digests FROM audit_states WHERE number = ?",
            (row["audit"],),
        )
        last = None if digests is None else digests.get(table)
        if last is None or _after(last) != known.digest(table):
            raise _changed(table, _SUM_CHANGED)
        return known

    def _verify_rows(self, bound: dict[str, _Bound]) -> None:
        """Check the rows of every table against the digests that the log has last."""
        present = self._database.summed_tables()
        summed = {
            row["name"]: (row["rows"], row["sum"], row["audit"])
            for row in self._database.rows("SELECT name, rows, sum, audit FROM row_sums")
        }
        for table in sorted({*present, *bound, *summed}):
            if table not in present:
                raise _changed(table, "the table is missing")
            row_sum = self._database.sum_of_rows(table)
            last = bound.get(table)
            expected = RowSum().digest(table) if last is None else last.digest
            if row_sum.digest(table) != expected:
                suspects = self._suspects.get(table)
                reasons = [] if suspects is None else list(suspects())
                reasons += self._strays(table)
                raise _changed(table, *reasons[:1] or self._difference(table, row_sum, expected))
            row = None if last is None else (row_sum.rows, row_sum.octets, last.number)
            if summed.get(table) != row:
                raise _changed(table, _SUM_CHANGED)
            if not self._database.are_numbered_in_turn(table):
                raise _changed(table, "the order of its rows was changed")

    def _strays(self, table: str) -> Iterator[str]:
        """The rows that refer to entries which the log does not have."""
        known = declared().tables.get(table)
        if known is None or "audit" not in known.columns:
            return
        for row in self._database.rows(
            f"SELECT {', '.join(known.key)} FROM {table} WHERE audit NOT BETWEEN 1 AND ?",  # noqa: S608 - declared names
            (self._end()[0],),
        ):
            yield f"{name_of_row(known, row)} refers to no entry of the log"

    def _difference(self, table: str, row_sum: RowSum, expected: str) -> list[str]:
        row = self._database.row(
            "SELECT name, rows, sum, audit FROM row_sums WHERE name = ?", (table,)
        )
        known = RowSum() if row is None else RowSum(row["rows"], int.from_bytes(row["sum"]))
        if known.digest(table) == expected and known.rows != row_sum.rows:
            return [f"it has {counted(row_sum.rows, 'row')}, and the log has {known.rows}"]
        return ["a row was changed"]

    def _verify_file(self) -> None:
        self._database.check_schema()
        faults = self._database.file_faults()
        if faults:
            raise damaged(self._database.path, faults[0])


def _link(row: sqlite3.Row) -> _Link:
    body = json.loads(row["body"])
    if not isinstance(body, dict):
        raise TypeError("its body is not an object")
    entry = Entry(row["number"], row["at"], row["action"], body, row["digest"].hex())
    after = row["after"]
    try:
        digests = {} if after is None else _digests(after)
    except (msgspec.MsgspecError, TypeError) as error:
        raise _broken(f"is broken after entry {entry.number}") from error
    return _Link(entry, row["body"], row["previous"], after, digests)


def _end(row: sqlite3.Row) -> tuple[int, bytes]:
    return row["number"], _link_after(row["digest"], row["after"])


def _digests(text: str) -> dict[str, _Digests]:
    """The digests of the tables that a transaction changed, by name."""
    return msgspec.json.decode(text, type=dict[str, _Digests])


def _after(digests: _Digests) -> str:
    return digests if isinstance(digests, str) else digests[1]


def _bind(bound: dict[str, _Bound], link: _Link) -> None:
    """Take the digests of an entry, after a look at whether it continues from those before."""
    for table, digests in link.digests.items():
        if not isinstance(digests, str):
            last = bound.get(table)
            expected = RowSum().digest(table) if last is None else last.digest
            if digests[0] != expected:
                number = link.entry.number
                raise _changed(table, f"entry {number} continues from rows that no entry records")
        bound[table] = _Bound(_after(digests), link.entry.number)


def _link_after(digest: bytes, after: str | None) -> bytes:
    """The link that the next entry continues from: a digest over an entry and its rows."""
    if after is None:
        return digest
    # An entry's own digest is over an array, which this never is.
    return hashlib.sha256(digest + after.encode("utf-8")).digest()


def _recorded(table: AuditedTable, entry: Entry) -> list[tuple[Any, Any]]:
    try:
        return list(table.recorded(entry))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise unreadable_entry(entry.number) from error


def _remove(rows: dict[Any, Any], table: AuditedTable, entry: Entry) -> None:
    """Remove the rows whose removal an entry records from those recorded before."""
    try:
        for key in table.removed(entry):
            del rows[key]
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise unreadable_entry(entry.number) from error


def _remarks(before: Entry | None, entry: Entry) -> Iterator[str]:
    if before is not None and from_iso(entry.at) < from_iso(before.at):
        yield (
            f"Entry {entry.number} of the audit log is of {entry.at}, before entry {before.number}"
            f" of {before.at}."
        )


def unreadable_entry(number: int) -> EstateError:
    """The error for an entry whose details are not those of its action."""
    return _broken(f"cannot be read at entry {number}")


def _broken(predicate: str) -> EstateError:
    return EstateError("audit.broken", f"The audit log {predicate}.", RESTORE)


def _changed(table: str, reason: str) -> EstateError:
    return EstateError(
        "audit.rows",
        f"The table {table} differs from the audit log: {reason}.",
        RESTORE,
    )


def _digest(previous: bytes, number: int, at: str, action: str, body: str) -> bytes:
    text = json.dumps([number, at, action, body], ensure_ascii=False)
    return hashlib.sha256(previous + text.encode("utf-8")).digest()
