"""Finds certificates that expire soon, or have expired and were not renewed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from smki_testca.clock import iso
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.issuance.renewal import is_current
from smki_testca.profiles.model import Tier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores


class ExpiringKind(StrEnum):
    """The kind of certificate that expires."""

    CERTIFICATE = "certificate"
    AUTHORITY = "authority"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Expiring:
    """One certificate that expires.

    Attributes:
        kind: an end entity's certificate, a CA's, or an external one.
        id: the serial number, 32 hexadecimal digits; of an external certificate its SHA-256,
            because several issuers may use the same serial.
        name: for people: the label, the EUI-64 or the id.
        participant: the holder; None for CAs and external certificates.
        profile: of the certificate; of an external one the nearest.
        not_after: its last second, UTC.
    """

    kind: ExpiringKind
    id: str
    name: str
    participant: str | None
    profile: str
    not_after: datetime

    def as_json(self) -> dict[str, Any]:
        """The entry as a JSON object."""
        return {
            "kind": self.kind.value,
            "id": self.id,
            "name": self.name,
            "participant": self.participant,
            "profile": self.profile,
            "not_after": iso(self.not_after),
        }


def running_out(estate: Stores, before: datetime) -> list[Expiring]:
    """The certificates that expire before a time and were not renewed; see ``Estate.expiring``."""
    expiring = [_of_record(record) for record in _records(estate, before)]
    expiring += _externals(estate, before)
    return sorted(expiring, key=lambda entry: (entry.not_after, entry.name, entry.id))


def _records(estate: Stores, before: datetime) -> Iterator[Record]:
    for record in estate.select(Selection(expires_before=before)):
        if record.tier is Tier.END_ENTITY:
            is_needed = is_current(estate, record)
        else:
            renewed = estate.certificates.newest(record).serial != record.serial
            is_needed = not renewed and estate.status(record) is not Status.REVOKED
        if is_needed:
            yield record


def _of_record(record: Record) -> Expiring:
    is_ca = record.tier is not Tier.END_ENTITY
    eui64 = None if record.eui64 is None else str(record.eui64)
    return Expiring(
        ExpiringKind.AUTHORITY if is_ca else ExpiringKind.CERTIFICATE,
        str(record.serial),
        record.label or eui64 or str(record.serial),
        record.participant,
        record.profile,
        record.not_after,
    )


def _externals(estate: Stores, before: datetime) -> Iterator[Expiring]:
    for record in estate.externals.select():
        end = record.not_after
        if end is not None and end < before and not record.re_signed:
            sha256 = record.sha256.hex()
            yield Expiring(ExpiringKind.EXTERNAL, sha256, record.name, None, record.profile, end)
