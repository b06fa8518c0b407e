"""What was revoked, and the revocation lists that tell of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from smki_testca.clock import iso
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles.model import Hierarchy, Tier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.authority.crl import Revocation
    from smki_testca.estate.database import Database


@dataclass(frozen=True, slots=True)
class IssuerName:
    """The CA that revocations belong to: its name within a family, whichever key it has.

    Attributes:
        family: of environments.
        name: the Name of the CA, DER.
    """

    family: str
    name: bytes


@dataclass(frozen=True, slots=True)
class RevocationListRecord:
    """One revocation list that was issued.

    Attributes:
        der: its octets.
        profile: the name of its profile.
        tier: of the CA that signed it: ``issuing`` for a CRL, ``root`` for an ARL.
        issuer: the Name of that CA, DER.
        authority: the serial of the CA certificate whose key signed it.
        number: the cRLNumber.
        count: how many certificates it names.
        audit: the number of the audit entry that tells of it.
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

    def as_json(self) -> dict[str, Any]:
        """The record as a JSON object, the list itself left out."""
        return {
            "profile": self.profile,
            "family": self.family,
            "hierarchy": self.hierarchy.value,
            "tier": self.tier.value,
            "authority": str(self.authority),
            "number": self.number,
            "this_update": iso(self.this_update),
            "next_update": iso(self.next_update),
            "issued_at": iso(self.issued_at),
            "entries": self.count,
            "sha256": hashlib.sha256(self.der).hexdigest(),
        }


_LIST_COLUMNS = (
    "der, profile, family, hierarchy, tier, authority, signed_by, number, this_update,"
    " next_update, issued_at, count, audit"
)


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
        """Keep revocations, within the transaction of their audit entry.

        Args:
            revocations: each with the CA that issued the certificate.
            note: why, for the certificates' history.
            noted_at: when the estate learnt of them, UTC.
            audit: the number of the entry.
        """
        self._database.execute_many(
            "INSERT INTO revocations VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    one.serial.value.to_bytes(16),
                    issuer.family,
                    issuer.name,
                    iso(one.at),
                    None if one.reason is None else one.reason.value,
                    note,
                    iso(noted_at),
                    audit,
                )
                for issuer, one in revocations
            ),
        )

    def by_serial(self, serial: SerialNumber) -> Revocation | None:
        """The revocation of a certificate; None for one that is not revoked."""
        rows = self._database.rows(
            "SELECT serial, at, reason FROM revocations WHERE serial = ?",
            (serial.value.to_bytes(16),),
        )
        return next(iter(_revocations(rows)), None)

    def of_authority(self, issuer: IssuerName, until: datetime | None = None) -> list[Revocation]:
        """What belongs on a CA's list, by serial.

        Args:
            issuer: the CA.
            until: leave out what was revoked after this time.
        """
        rows = self._database.rows(
            "SELECT serial, at, reason FROM revocations WHERE family = ?1 AND authority = ?2"
            " AND (?3 IS NULL OR at <= ?3) ORDER BY serial",
            (issuer.family, issuer.name, None if until is None else iso(until)),
        )
        return _revocations(rows)

    def next_number(self, issuer: IssuerName) -> int:
        """The number of a CA's next list: above all before it, whichever key signed those."""
        return int(
            self._database.value(
                "SELECT coalesce(max(number), 0) + 1 FROM revocation_lists"
                " WHERE family = ? AND authority = ?",
                (issuer.family, issuer.name),
            )
        )

    def add_list(self, record: RevocationListRecord) -> None:
        """Keep a revocation list, within the transaction that issues it."""
        self._database.execute(
            f"INSERT INTO revocation_lists ({_LIST_COLUMNS})"  # noqa: S608 - a constant
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.der,
                record.profile,
                record.family,
                record.hierarchy.value,
                record.tier.value,
                record.issuer,
                record.authority.value.to_bytes(16),
                record.number,
                iso(record.this_update),
                iso(record.next_update),
                iso(record.issued_at),
                record.count,
                record.audit,
            ),
        )

    def lists(self, *, current_only: bool = False) -> list[RevocationListRecord]:
        """The revocation lists in the order of their issue; only each CA's newest, if asked."""
        newest = (
            " WHERE number = (SELECT max(number) FROM revocation_lists AS other"
            " WHERE (other.family, other.authority)"
            " = (revocation_lists.family, revocation_lists.authority))"
        )
        rows = self._database.rows(
            f"SELECT {_LIST_COLUMNS} FROM revocation_lists"  # noqa: S608 - our own words
            f"{newest if current_only else ''} ORDER BY audit"
        )
        return [_list(row) for row in rows]


def _revocations(rows: Iterable[tuple[bytes, str, str | None]]) -> list[Revocation]:
    # Its imports are more than most commands need.
    from smki_testca.authority.crl import Reason, Revocation  # noqa: PLC0415

    reasons: dict[str | None, Reason | None] = {one.value: one for one in Reason}
    reasons[None] = None
    return [
        Revocation(
            SerialNumber(int.from_bytes(serial)), datetime.fromisoformat(at), reasons[reason]
        )
        for serial, at, reason in rows
    ]


def _list(row: tuple[Any, ...]) -> RevocationListRecord:
    return RevocationListRecord(
        der=row[0],
        profile=row[1],
        family=row[2],
        hierarchy=Hierarchy(row[3]),
        tier=Tier(row[4]),
        issuer=row[5],
        authority=SerialNumber(int.from_bytes(row[6])),
        number=row[7],
        this_update=datetime.fromisoformat(row[8]),
        next_update=datetime.fromisoformat(row[9]),
        issued_at=datetime.fromisoformat(row[10]),
        count=row[11],
        audit=row[12],
    )
