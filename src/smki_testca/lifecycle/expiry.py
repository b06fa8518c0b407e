"""What runs out soon, or has run out with nothing in its place."""

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


class Kind(StrEnum):
    """What it is that runs out."""

    CERTIFICATE = "certificate"
    AUTHORITY = "authority"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Expiring:
    """One certificate that runs out.

    Attributes:
        kind: an end entity's certificate, a CA's own, or an external one.
        id: the serial number, 32 hexadecimal digits; of an external one its SHA-256, for serials
            of several issuers may be the same.
        name: for a person: the label, or the EUI-64, or the id.
        participant: the holder; None for a CA and for external ones.
        profile: of an external one the profile it comes nearest to.
        not_after: its last second, UTC.
    """

    kind: Kind
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
    """What runs out before a time and nothing took the place of; see ``Estate.expiring``."""
    found = [_of_record(one) for one in _records(estate, before)]
    found += _externals(estate, before)
    return sorted(found, key=lambda one: (one.not_after, one.name, one.id))


def _records(estate: Stores, before: datetime) -> Iterator[Record]:
    for record in estate.select(Selection(expires_before=before)):
        if record.tier is Tier.END_ENTITY:
            wanted = is_current(estate, record)
        else:
            renewed = estate.certificates.newest(record).serial != record.serial
            wanted = not renewed and estate.status(record) is not Status.REVOKED
        if wanted:
            yield record


def _of_record(record: Record) -> Expiring:
    is_ca = record.tier is not Tier.END_ENTITY
    eui64 = None if record.eui64 is None else str(record.eui64)
    return Expiring(
        Kind.AUTHORITY if is_ca else Kind.CERTIFICATE,
        str(record.serial),
        record.label or eui64 or str(record.serial),
        record.participant,
        record.profile,
        record.not_after,
    )


def _externals(estate: Stores, before: datetime) -> Iterator[Expiring]:
    for one in estate.externals.select(Selection()):
        if one.not_after is not None and one.not_after < before and not one.re_signed:
            sha256 = one.sha256.hex()
            yield Expiring(Kind.EXTERNAL, sha256, one.name, None, one.profile, one.not_after)
