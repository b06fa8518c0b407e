"""Stores the statuses of certificates as the repository states them, and their histories.

A new certificate is in use (assumed: by App. M, its subscriber sets the status of a new one). Only
changes of status are stored, so that the certificates of runs need no rows. Expired and revoked
are worked out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from smki_testca.clock import from_iso, iso
from smki_testca.estate.status import LIVING, Status
from smki_testca.identifiers import SerialNumber

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from smki_testca.estate.certificates import CertificateStore, Record, Selection
    from smki_testca.estate.database import Database
    from smki_testca.estate.run_certificates import RunCertificates


@dataclass(frozen=True, slots=True)
class StandingChange:
    """One change in the history of a certificate.

    Attributes:
        status: the new status.
        at: when it took effect, UTC.
        note: the reason.
        audit: the number of its audit entry; None for an expiry.
    """

    status: Status
    at: datetime
    note: str
    audit: int | None

    def as_json(self) -> dict[str, Any]:
        """The change as a JSON object."""
        return {
            "status": self.status.value,
            "at": iso(self.at),
            "note": self.note,
            "audit": self.audit,
        }


# Conditions on rows of the table certificates.
_REVOKED = "serial IN (SELECT serial FROM revocations)"
_LAST_SET = (
    "(SELECT standings.status FROM standings WHERE standings.serial = certificates.serial"
    " ORDER BY number DESC LIMIT 1)"
)


_MOST_AT_A_TIME = 500
"""The certificates whose statuses one query finds."""
_MANY = 50_000
"""So many certificates of runs are found sooner by reading all than one by one."""


class StatusStore:
    """The statuses of one estate's certificates."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def change(
        self, serials: Iterable[SerialNumber], status: Status, at: datetime, note: str, audit: int
    ) -> None:
        """Store a new status of certificates, within the transaction of its audit entry.

        Args:
            serials: of the certificates.
            status: one that can be set.
            at: when it takes effect.
            note: the reason.
            audit: the number of the entry.
        """
        self._database.execute_many(
            "INSERT INTO standings (serial, number, status, at, note, audit)"
            " VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM standings WHERE serial = ?1),"
            " ?2, ?3, ?4, ?5)",
            ((serial.octets, status.value, iso(at), note, audit) for serial in serials),
        )

    def status(self, record: Record, at: datetime) -> Status:
        """The status of a certificate: revoked before expired, and expired before one that was set.

        Args:
            record: the certificate.
            at: the time at which it may have expired.
        """
        serial = record.serial.octets
        if self._database.value("SELECT 1 FROM revocations WHERE serial = ?", (serial,)):
            return Status.REVOKED
        if record.not_after < at:
            return Status.EXPIRED
        last = self._database.record(
            lambda row: Status(row["status"]),
            "SELECT serial, number, status FROM standings WHERE serial = ?"
            " ORDER BY number DESC LIMIT 1",
            (serial,),
        )
        return last or Status.IN_USE

    def history(self, record: Record, at: datetime) -> list[StandingChange]:
        """The changes of a certificate's status, from its issue to a time."""
        serial = record.serial.octets
        changes = [StandingChange(Status.IN_USE, record.issued_at, "issued", record.audit)]
        changes += self._database.records(
            lambda row: _change(Status(row["status"]), row),
            "SELECT serial, number, status, at, note, audit FROM standings WHERE serial = ?"
            " ORDER BY number",
            (serial,),
        )
        revoked = self._database.record(
            lambda row: _change(Status.REVOKED, row),
            "SELECT serial, at, note, audit FROM revocations WHERE serial = ?",
            (serial,),
        )
        if revoked is not None:
            return [*changes, revoked]
        if record.not_after < at:
            changes.append(StandingChange(Status.EXPIRED, record.not_after, "expired", None))
        return changes

    def statuses(self, records: Sequence[Record], at: datetime) -> list[Status]:
        """The statuses of certificates, each as ``status`` returns it; quicker for many."""
        serials = [record.serial.octets for record in records]
        places = ", ".join("?" * len(serials))
        revoked = {
            row["serial"]
            for row in self._database.rows(
                f"SELECT serial FROM revocations WHERE serial IN ({places})",  # noqa: S608 - places
                serials,
            )
        }
        # In the order of their numbers, so that the last one stays.
        last = dict(
            self._database.records(
                lambda row: (row["serial"], Status(row["status"])),
                f"SELECT serial, number, status FROM standings WHERE serial IN ({places})"  # noqa: S608 - places
                " ORDER BY number",
                serials,
            )
        )
        return [
            Status.REVOKED
            if serial in revoked
            else Status.EXPIRED
            if record.not_after < at
            else last.get(serial, Status.IN_USE)
            for record, serial in zip(records, serials, strict=True)
        ]

    def with_statuses(
        self, records: Iterable[Record], at: datetime
    ) -> Iterator[tuple[Record, Status]]:
        """Yield certificates with their statuses: the first at once, then many at a time."""
        remaining, size = iter(records), 1
        while some := list(islice(remaining, size)):
            yield from zip(some, self.statuses(some, at), strict=True)
            size = min(2 * size, _MOST_AT_A_TIME)

    def select(
        self,
        selection: Selection,
        at: datetime,
        certificates: CertificateStore,
        runs: RunCertificates,
    ) -> Iterator[Record]:
        """The certificates that fit a selection, those of runs after the others.

        Only those of the selected statuses are read. In runs, finding those in use takes reading
        them all.
        """
        statuses = selection.statuses
        if statuses is None:
            yield from certificates.each(selection)
            yield from runs.select(selection)
            return
        yield from certificates.each(selection, self.condition(statuses, at))
        for record, status in self.with_statuses(self._candidates(selection, at, runs), at):
            if status in statuses:
                yield record

    def retired(self) -> frozenset[bytes]:
        """The serials, in octets, of all certificates that are revoked or not in use."""
        living = ", ".join(f"'{status.value}'" for status in sorted(LIVING))
        rows = self._database.rows(
            "SELECT serial FROM revocations UNION SELECT serial FROM standings AS last"  # noqa: S608 - our own words
            f" WHERE status NOT IN ({living}) AND number ="
            " (SELECT max(number) FROM standings WHERE standings.serial = last.serial)"
        )
        return frozenset(row["serial"] for row in rows)

    def revoked(self) -> frozenset[bytes]:
        """The serials, in octets, of all certificates that are revoked."""
        rows = self._database.rows("SELECT serial FROM revocations")
        return frozenset(row["serial"] for row in rows)

    def _candidates(
        self, selection: Selection, at: datetime, runs: RunCertificates
    ) -> Iterator[Record]:
        """The certificates of runs that may have a selected status."""
        statuses = selection.statuses or frozenset()
        if not statuses.isdisjoint({Status.IN_USE, Status.EXPIRED}) or selection.is_one_place:
            return runs.select(selection, out_at=at if statuses == {Status.EXPIRED} else None)
        serials = self._serials(statuses)
        if len(serials) > _MANY:
            return runs.select(selection)
        return filter(selection.fits, runs.by_serials(serials))

    def listed(self, statuses: frozenset[Status]) -> list[SerialNumber] | None:
        """The serials of certificates that have, or once had, any of some statuses; in no order.

        Returns:
            None if there are so many that all certificates are read sooner.
        """
        serials = self._serials(statuses)
        return None if len(serials) > _MANY else serials

    def condition(self, statuses: frozenset[Status], at: datetime) -> tuple[str, list[Any]]:
        """The SQL condition of certificates with any of some statuses, and its values."""
        conditions = [self._condition_of(status, at) for status in statuses]
        condition = " OR ".join(f"({condition})" for condition, _ in conditions)
        return condition or "0", [value for _, values in conditions for value in values]

    def _condition_of(self, status: Status, at: datetime) -> tuple[str, list[Any]]:
        if status is Status.REVOKED:
            return _REVOKED, []
        if status is Status.EXPIRED:
            return f"not_after < ? AND NOT {_REVOKED}", [iso(at)]
        last = f"coalesce({_LAST_SET}, 'I') = ?"
        if status is not Status.IN_USE:
            last += " AND serial IN (SELECT serial FROM standings WHERE status = ?)"
        values = [status.value] * (1 if status is Status.IN_USE else 2)
        return f"{last} AND not_after >= ? AND NOT {_REVOKED}", [*values, iso(at)]

    def _serials(self, statuses: frozenset[Status]) -> list[SerialNumber]:
        """The serials of certificates that have, or once had, any of some statuses; in no order.

        There are not many more than so many as are worth looking up one by one.
        """
        queries: list[tuple[str, list[Any]]] = [
            ("SELECT DISTINCT serial FROM standings WHERE status = ? LIMIT ?", [status.value])
            for status in statuses - {Status.REVOKED}
        ]
        if Status.REVOKED in statuses:
            queries.append(("SELECT serial FROM revocations LIMIT ?", []))
        return [
            serial
            for query, values in queries
            for serial in self._database.records(
                lambda row: SerialNumber.from_octets(row["serial"]), query, [*values, _MANY + 1]
            )
        ]


def _change(status: Status, row: sqlite3.Row) -> StandingChange:
    return StandingChange(status, from_iso(row["at"]), row["note"], row["audit"])
