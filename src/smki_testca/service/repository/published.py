"""Certificates as the repository states them: found by EUI-64, name or serial number.

It has the certificates of Devices and Organisations, those of their CAs included. Certificates of
the other PKIs are published only where they are CAs'.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import Eui64, SerialNumber
from smki_testca.profiles.model import Hierarchy, ParticipantKind, Tier
from smki_testca.roles import KeyUsage
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.status import Status
    from smki_testca.estate.stores import Stores

HIERARCHIES = frozenset({Hierarchy.DEVICE, Hierarchy.ORGANISATION})
"""The hierarchies whose certificates are found; which others the DCC's repository has is not
published, and its client asks for these (assumed)."""
MOST_FOUND = 1000
"""The most certificates that a search finds."""
_USAGES = {KeyUsage.DIGITAL_SIGNATURE.value: "DS", KeyUsage.KEY_AGREEMENT.value: "KA"}


@dataclass(frozen=True, slots=True)
class Published:
    """A certificate as the repository describes it.

    Attributes:
        serial: of the certificate.
        alt_name: the EUI-64 of a Device; None of others.
        subject_name: the commonName of an organisation or a CA, or else its EUI-64; None of a
            Device.
        status: now.
        role: the RemotePartyRole code; None if it has none.
        usage: ``DS`` or ``KA``; None of a CA.
        is_manufacturing: whether a manufacturer holds the certificate of a Device (assumed: what
            the flag means is not published).
        der: the certificate.
    """

    serial: SerialNumber
    alt_name: str | None
    subject_name: str | None
    status: Status
    role: int | None
    usage: str | None
    is_manufacturing: bool
    der: bytes


def by_alt_name(estate: Stores, eui64: Eui64) -> list[Published]:
    """The certificates of the Device with an EUI-64, in the order of their issue."""
    records = estate.select(Selection(eui64=eui64))
    return _published(
        estate, (record for record in records if record.hierarchy == Hierarchy.DEVICE)
    )


def by_subject_name(estate: Stores, name: str) -> list[Published]:
    """The certificates of the organisations and CAs with a name, in the order of their issue.

    Args:
        estate: that has them.
        name: a commonName, or an EUI-64 with hyphens: the DCC's client takes either.
    """
    try:
        eui64 = Eui64.parse(name) if "-" in name else None
    except InputError:
        eui64 = None
    return _published(estate, _organisations(estate, name, eui64))


def by_serial(estate: Stores, serial: SerialNumber) -> Published | None:
    """The certificate with a serial number; None if there is none in the repository."""
    record = estate.by_serial(serial)
    if record is None or record.hierarchy not in HIERARCHIES:
        return None
    return next(iter(_published(estate, [record])))


def _organisations(estate: Stores, name: str, eui64: Eui64 | None) -> Iterator[Record]:
    """The certificates with a name: of organisations, and of CAs of both hierarchies."""
    profiles = [
        profile.name
        for profile in estate.library.profiles
        if profile.hierarchy in HIERARCHIES
        and (profile.hierarchy == Hierarchy.ORGANISATION or profile.tier is not Tier.END_ENTITY)
    ]
    for record in estate.select(Selection(profile=profiles)):
        if record.name == name or (eui64 is not None and record.eui64 == eui64):
            yield record


def _published(estate: Stores, records: Iterable[Record]) -> list[Published]:
    certificates = list(estate.with_statuses(islice(records, MOST_FOUND)))
    makers = _manufacturers(estate) if any(_is_device(record) for record, _ in certificates) else ()
    return [_of(estate, record, status, makers) for record, status in certificates]


def _of(estate: Stores, record: Record, status: Status, makers: Collection[str]) -> Published:
    is_device = _is_device(record)
    eui64 = None if record.eui64 is None else str(record.eui64)
    # A CA's role is in its subject alone.
    profile = estate.library.profile(record.profile)
    role = profile.role_in(view_certificate(record.der), estate.library.roles)
    return Published(
        record.serial,
        eui64 if is_device else None,
        None if is_device else record.name or eui64 or "",
        status,
        None if role is None else role.code,
        _USAGES.get(record.usage),
        is_device and (record.participant or "") in makers,
        record.der,
    )


def _is_device(record: Record) -> bool:
    return record.hierarchy == Hierarchy.DEVICE and record.tier is Tier.END_ENTITY


def _manufacturers(estate: Stores) -> frozenset[str]:
    return frozenset(
        participant.id
        for participant in estate.register.load().participants.values()
        if participant.kind is ParticipantKind.MANUFACTURER
    )
