"""Stores the statuses of certificates as the repository states them, and their histories.

A new certificate is in use (assumed: by App. M, its subscriber sets the status of a new one). Only
changes of status are stored, so that the certificates of runs need no rows. Expired and revoked
are worked out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.clock import from_iso, iso
from smki_testca.estate.status import LIVING, Status
from smki_testca.identifiers import SerialNumber

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
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
            changes.append(StandingChange(Status.EXPIRED, record.not_after, "ran out", None))
        return changes

    def select(
        self,
        selection: Selection,
        at: datetime,
        certificates: CertificateStore,
        runs: RunCertificates,
    ) -> Iterator[Record]:
        """The certificates that fit a selection, those of runs after the others.

        Only those of the selected status are read. In runs, finding those in use takes reading
        them all.
        """
        status = selection.status
        if status is None:
            yield from certificates.select(selection)
            yield from runs.select(selection)
            return
        yield from certificates.select(selection, self._condition(status, at))
        if status in {Status.IN_USE, Status.EXPIRED} or selection.is_one_place:
            candidates = runs.select(selection, out_at=at if status is Status.EXPIRED else None)
        else:
            candidates = filter(selection.fits, runs.by_serials(self._serials(status)))
        for record in candidates:
            if self.status(record, at) is status:
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

    def _condition(self, status: Status, at: datetime) -> tuple[str, list[Any]]:
        if status is Status.REVOKED:
            return _REVOKED, []
        if status is Status.EXPIRED:
            return f"not_after < ? AND NOT {_REVOKED}", [iso(at)]
        last = f"coalesce({_LAST_SET}, 'I') = ?"
        if status is not Status.IN_USE:
            last += " AND serial IN (SELECT serial FROM standings WHERE status = ?)"
        values = [status.value] * (1 if status is Status.IN_USE else 2)
        return f"{last} AND not_after >= ? AND NOT {_REVOKED}", [*values, iso(at)]

    def _serials(self, status: Status) -> list[SerialNumber]:
        """The serials of certificates that have, or once had, a status; in no order."""
        query, values = "SELECT serial FROM revocations", []
        if status is not Status.REVOKED:
            query = "SELECT DISTINCT serial FROM standings WHERE status = ?"
            values = [status.value]
        return self._database.records(
            lambda row: SerialNumber.from_octets(row["serial"]), query, values
        )


def _change(status: Status, row: sqlite3.Row) -> StandingChange:
    return StandingChange(status, from_iso(row["at"]), row["note"], row["audit"])
