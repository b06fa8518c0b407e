"""Stores revocations and revocation lists."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from smki_testca.authority.revocation import Reason, Revocation
from smki_testca.clock import from_iso, iso
from smki_testca.estate.audited_table import AuditedTable
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles.model import Hierarchy, Tier

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from smki_testca.estate.audit_entry import Entry
    from smki_testca.estate.database import Database


_REASONS = {reason.value: reason for reason in Reason}
"""The reasons by their names."""


@dataclass(frozen=True, slots=True)
class IssuerName:
    """The CA to which revocations belong: its name within a family, whichever key it has.

    Attributes:
        family: of environments.
        name: the Name of the CA, DER.
    """

    family: str
    name: bytes


@dataclass(frozen=True, slots=True)
class Issue:
    """The issue of one revocation list, without the list.

    Attributes:
        number: the cRLNumber.
        this_update: of the list, UTC.
        next_update: of the list, UTC.
        audit: the number of its audit entry.
    """

    number: int
    this_update: datetime
    next_update: datetime
    audit: int


@dataclass(frozen=True, slots=True)
class RevocationListRecord:
    """One revocation list that the estate issued.

    Attributes:
        der: the list.
        profile: the name of its profile.
        tier: of the CA that signed it: ``issuing`` for a CRL, ``root`` for an ARL.
        issuer: the Name of that CA, DER.
        authority: the serial of the CA certificate whose key signed it.
        number: the cRLNumber.
        count: how many certificates it names.
        audit: the number of its audit entry.
        warnings: one-line warnings about the CA, from the issue of the list; none of a list that
            was read from the estate.
    """

    der: bytes
    profile: str
    family: str
    hierarchy: Hierarchy
    tier: Tier
    issuer: bytes
    authority: SerialNumber
    number: int
    this_update: datetime
    next_update: datetime
    issued_at: datetime
    count: int
    audit: int
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def as_json(self) -> dict[str, Any]:
        """The record as a JSON object, the list itself left out."""
        return {
            "profile": self.profile,
            "family": self.family,
            "hierarchy": str(self.hierarchy),
            "tier": self.tier.value,
            "authority": str(self.authority),
            "number": self.number,
            "this_update": iso(self.this_update),
            "next_update": iso(self.next_update),
            "issued_at": iso(self.issued_at),
            "entries": self.count,
            "sha256": hashlib.sha256(self.der).hexdigest(),
        }


class RevocationStore:
    """The revocations and revocation lists of one estate."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        revocations: Iterable[tuple[IssuerName, Revocation]],
        note: str,
        noted_at: datetime,
        audit: int,
    ) -> None:
        """Store revocations, within the transaction of their audit entry.

        Args:
            revocations: each with the CA that issued the certificate.
            note: the reason, for the certificates' history.
            noted_at: when they are stored, UTC.
            audit: the number of the entry.
        """
        self._database.insert_many(
            "revocations",
            ("serial", "family", "authority", "at", "reason", "note", "noted_at", "audit"),
            (
                (
                    revocation.serial.octets,
                    issuer.family,
                    issuer.name,
                    iso(revocation.at),
                    None if revocation.reason is None else revocation.reason.value,
                    note,
                    iso(noted_at),
                    audit,
                )
                for issuer, revocation in revocations
            ),
        )

    def by_serial(self, serial: SerialNumber) -> Revocation | None:
        """The revocation of a certificate; None if it is not revoked."""
        return self._database.record(
            _revocation,
            "SELECT serial, at, reason FROM revocations WHERE serial = ?",
            (serial.octets,),
        )

    def of_authority(self, issuer: IssuerName, until: datetime | None = None) -> list[Revocation]:
        """The revocations that belong on a CA's list, by serial.

        Args:
            issuer: the CA.
            until: the latest time of a revocation; all by default.
        """
        return self._database.records(
            _revocation,
            "SELECT serial, at, reason FROM revocations WHERE family = ?1 AND authority = ?2"
            " AND (?3 IS NULL OR at <= ?3) ORDER BY serial",
            (issuer.family, issuer.name, None if until is None else iso(until)),
        )

    def next_number(self, issuer: IssuerName) -> int:
        """The number of a CA's next list: higher than all before, whichever key signed those."""
        return int(
            self._database.value(
                "SELECT coalesce(max(number), 0) + 1 FROM revocation_lists"
                " WHERE family = ? AND authority = ?",
                (issuer.family, issuer.name),
            )
        )

    def newest_issue(
        self, issuer: IssuerName, at: datetime, *, unexpired_at: datetime | None = None
    ) -> Issue | None:
        """The newest list of a CA that is valid by a time; None if there is none.

        Args:
            issuer: the CA.
            at: no earlier than its thisUpdate, UTC.
            unexpired_at: no later than its nextUpdate, UTC; where it is None, that may be past.
        """
        end = None if unexpired_at is None else iso(unexpired_at)
        return self._database.record(
            _issue_from_row,
            "SELECT number, this_update, next_update, audit FROM revocation_lists"
            " WHERE family = ?1 AND authority = ?2 AND this_update <= ?3"
            " AND (?4 IS NULL OR next_update >= ?4) ORDER BY number DESC LIMIT 1",
            (issuer.family, issuer.name, iso(at), end),
        )

    def not_listed(self, issuer: IssuerName, listed: Issue | None) -> tuple[int, datetime | None]:
        """The number of revocations that a CA's list lacks, and when the first was stored.

        Args:
            issuer: the CA.
            listed: the list; None for no list, which lacks them all.
        """
        (row,) = self._database.rows(
            "SELECT count(*) AS waiting, min(noted_at) AS first FROM revocations"
            " WHERE family = ?1 AND authority = ?2 AND (?3 IS NULL OR audit > ?3 OR at > ?4)",
            (
                issuer.family,
                issuer.name,
                None if listed is None else listed.audit,
                None if listed is None else iso(listed.this_update),
            ),
        )
        return row["waiting"], None if row["first"] is None else from_iso(row["first"])

    def add_list(self, record: RevocationListRecord) -> None:
        """Store a revocation list, within the transaction that issues it."""
        self._database.insert("revocation_lists", _list_to_row(record))

    def lists(self, *, current_only: bool = False) -> list[RevocationListRecord]:
        """The revocation lists in the order of issue; on request only each CA's newest."""
        newest = (
            " WHERE number = (SELECT max(number) FROM revocation_lists AS other"
            " WHERE (other.family, other.authority)"
            " = (revocation_lists.family, revocation_lists.authority))"
        )
        return self._database.records(
            _list_from_row,
            f"SELECT * FROM revocation_lists{newest if current_only else ''} ORDER BY audit",  # noqa: S608 - our own words
        )

    def list_of(self, issuer: IssuerName, number: int | None = None) -> RevocationListRecord | None:
        """A revocation list of a CA: that of a number, or the newest; None if there is none."""
        return self._database.record(
            _list_from_row,
            "SELECT * FROM revocation_lists WHERE family = ?1 AND authority = ?2"
            " AND (?3 IS NULL OR number = ?3) ORDER BY number DESC LIMIT 1",
            (issuer.family, issuer.name, number),
        )

    def numbers(self, issuer: IssuerName) -> list[int]:
        """The numbers of a CA's revocation lists, the newest first."""
        rows = self._database.rows(
            "SELECT family, authority, number FROM revocation_lists"
            " WHERE family = ? AND authority = ? ORDER BY number DESC",
            (issuer.family, issuer.name),
        )
        return [row["number"] for row in rows]

    def audited(self) -> tuple[AuditedTable, AuditedTable]:
        """The revocations and the revocation lists, as the audit log records them."""
        revocations = AuditedTable(
            "audit.revocation",
            recorded=_recorded,
            rows=self._audited_rows,
            name=lambda serial, _: f"the revocation of {serial}",
        )
        lists = AuditedTable(
            "audit.revocation_list",
            recorded=_recorded_list,
            rows=self._audited_lists,
            name=lambda _, row: f"revocation list {row[0]}",
            lost=lambda entry: f"Entry {entry} of the audit log records a revocation list",
        )
        return revocations, lists

    def _audited_rows(self) -> Iterator[tuple[str, int]]:
        for row in self._database.rows("SELECT serial, audit FROM revocations"):
            yield row["serial"].hex().upper(), row["audit"]

    def _audited_lists(self) -> Iterator[tuple[int, tuple[int, str]]]:
        for row in self._database.rows("SELECT number, der, audit FROM revocation_lists"):
            yield row["audit"], (row["number"], hashlib.sha256(row["der"]).hexdigest())


def _recorded(entry: Entry) -> Iterator[tuple[str, int]]:
    if entry.action in {"revoke", "reject"}:
        for serial in entry.body.get("revoked", ()):
            yield serial, entry.number


def _recorded_list(entry: Entry) -> Iterator[tuple[int, tuple[int, str]]]:
    if entry.action == "crl.issue":
        yield entry.number, (entry.body["number"], entry.body["sha256"])


def _revocation(row: sqlite3.Row) -> Revocation:
    return Revocation(
        SerialNumber.from_octets(row["serial"]),
        from_iso(row["at"]),
        None if row["reason"] is None else _REASONS[row["reason"]],
    )


def _issue_from_row(row: sqlite3.Row) -> Issue:
    return Issue(
        row["number"], from_iso(row["this_update"]), from_iso(row["next_update"]), row["audit"]
    )


def _list_to_row(record: RevocationListRecord) -> dict[str, Any]:
    return {
        "der": record.der,
        "profile": record.profile,
        "family": record.family,
        "hierarchy": str(record.hierarchy),
        "tier": record.tier.value,
        "authority": record.issuer,
        "signed_by": record.authority.octets,
        "number": record.number,
        "this_update": iso(record.this_update),
        "next_update": iso(record.next_update),
        "issued_at": iso(record.issued_at),
        "count": record.count,
        "audit": record.audit,
    }


def _list_from_row(row: sqlite3.Row) -> RevocationListRecord:
    return RevocationListRecord(
        der=row["der"],
        profile=row["profile"],
        family=row["family"],
        hierarchy=Hierarchy(row["hierarchy"]),
        tier=Tier(row["tier"]),
        issuer=row["authority"],
        authority=SerialNumber.from_octets(row["signed_by"]),
        number=row["number"],
        this_update=from_iso(row["this_update"]),
        next_update=from_iso(row["next_update"]),
        issued_at=from_iso(row["issued_at"]),
        count=row["count"],
        audit=row["audit"],
    )
