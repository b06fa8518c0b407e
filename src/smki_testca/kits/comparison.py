"""Compares the certificates of a kit with those of an estate.

A certificate of the estate is one that the kit asks for if these are the same: profile,
participant, environment, subject, key usage and label. A Signifier does not count: it follows from
the register. What a run will still issue counts where there is no certificate yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import LIVING, Status
from smki_testca.issuance.renewal import is_current
from smki_testca.profiles.inputs import SIGNIFIER
from smki_testca.profiles.model import Tier
from smki_testca.profiles.subject import Subject
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.runs import Run
    from smki_testca.identifiers import SerialNumber
    from smki_testca.kits.faults import Faults
    from smki_testca.kits.kit import Kit
    from smki_testca.kits.kit_requests import KitRequest
    from smki_testca.profiles import Library
    from smki_testca.profiles.inputs import InputValue
    from smki_testca.profiles.model import Profile
    from smki_testca.register.requests import Request
    from smki_testca.roles import KeyUsage
    from smki_testca.toml_places import Place

LISTED_LEFTOVERS = 10_000
"""The most leftovers that are listed; the others are counted."""
_SETTLED = timedelta(days=1)
"""The age from which a certificate can be due: one just issued never is, however long the period.
"""

MISSING = "missing"
EXPIRED = "expired"
DUE = "due"


@dataclass(frozen=True, slots=True)
class KitCertificate:
    """One certificate that a kit asks for.

    Attributes:
        place: of its table in the kit file.
        is_device: whether it is issued in a run.
    """

    participant: str
    purpose: str
    environment: str
    subject: Subject
    usage: KeyUsage | None
    label: str | None
    place: Place
    is_device: bool = False

    def request(self, estate: Estate) -> Request:
        """The request for it."""
        usages = () if self.usage is None else (self.usage,)
        return estate.request(
            self.participant, self.purpose, self.subject, usages, environment=self.environment
        )


class _Key(NamedTuple):
    """The parts of a certificate that are compared, but its subject."""

    profile: str
    participant: str | None
    environment: str
    usage: str | None
    label: str | None


_Inputs = frozenset[tuple[str, "InputValue"]]
"""The inputs of a subject that are compared, by name."""


_ByKey = dict[_Key, dict[_Inputs, list["KitCertificate"]]]
"""The certificates that a kit asks for, by the values that are compared."""


class _Issued(NamedTuple):
    """A certificate of the estate that the kit asks for."""

    serial: SerialNumber
    not_before: datetime
    not_after: datetime
    status: Status


@dataclass(slots=True)
class KitComparison:
    """The certificates of a kit that an estate lacks or is to renew, and those it has beside them.

    Attributes:
        missing: each with the reason: ``missing``, or the status of what there is in its place.
        unfinished: each with the id of the run that will still issue it.
        due: each with the certificate that ends soon, or has ended.
        leftovers: certificates of the kit's participants that are in use or pending, and are not
            in the kit: the first ``LISTED_LEFTOVERS``, each with its status.
        unlisted: how many there are beside these.
    """

    missing: list[tuple[KitCertificate, str]] = field(default_factory=list)
    unfinished: list[tuple[KitCertificate, int]] = field(default_factory=list)
    due: list[tuple[KitCertificate, Record]] = field(default_factory=list)
    leftovers: list[tuple[Record, Status]] = field(default_factory=list)
    unlisted: int = 0

    def _leave(self, record: Record, status: Status) -> None:
        if len(self.leftovers) < LISTED_LEFTOVERS:
            self.leftovers.append((record, status))
        else:
            self.unlisted += 1


def certificates(
    kit: Kit, library: Library, devices: int | None, faults: Faults
) -> Iterator[KitCertificate]:
    """Yield the certificates that a kit asks for, those of Devices after the others.

    Args:
        kit: the kit.
        library: the profiles.
        devices: the number of Devices of each type in each environment; None for the kit's.
        faults: gets the requests that lack an input, or have one that is malformed.
    """
    for request in kit.requests:
        profile = library.end_entity_profile(request.profile)
        with faults.collected_at(request.place, request.label):
            subject = Subject.parse(profile, request.inputs, library.roles)
            yield from _of_request(request, subject)
    for group, device in kit.device_certificates(devices):
        yield KitCertificate(
            group.participant,
            group.purpose,
            device.environment,
            group.subject.with_identifier(device.device_id),
            device.usage,
            device.label,
            group.place,
            is_device=True,
        )


def _of_request(request: KitRequest, subject: Subject) -> Iterator[KitCertificate]:
    """Yield the certificate of each usage of a request."""
    for usage in request.usages or (None,):
        yield KitCertificate(
            request.participant,
            request.purpose,
            request.environment,
            subject,
            usage,
            request.label,
            request.place,
        )


def compare(
    estate: Estate,
    kit_certificates: Iterable[KitCertificate],
    participants: Iterable[str],
    runs: Iterable[Run],
    before: datetime,
) -> KitComparison:
    """Compare what a kit asks for with what an estate has, or will have.

    Args:
        estate: the estate.
        kit_certificates: the certificates of the kit.
        participants: of the kit; what else they have are leftovers.
        runs: of the estate, that are not complete.
        before: a certificate that ends before this time is due.
    """
    library = estate.library
    by_key: _ByKey = {}
    for certificate in kit_certificates:
        profile = library.profile(certificate.subject.profile)
        key = _Key(
            profile.name,
            certificate.participant,
            certificate.environment,
            certificate.usage,
            certificate.label,
        )
        by_inputs = by_key.setdefault(key, {})
        by_inputs.setdefault(_inputs(profile, certificate.subject), []).append(certificate)
    comparison = KitComparison()
    records_of: dict[tuple[_Key, _Inputs], list[_Issued]] = {}
    for participant in participants:
        for record in estate.select(Selection(participant=participant)):
            place = _place(library, record, by_key)
            status = estate.status(record)
            if place is not None:
                each = _Issued(record.serial, record.not_before, record.not_after, status)
                records_of.setdefault(place, []).append(each)
            elif status in LIVING and record.tier is Tier.END_ENTITY:
                comparison._leave(record, status)  # noqa: SLF001 - its own module
    unfinished: dict[tuple[_Key, _Inputs], list[int]] = {}
    for run in runs:
        for asked_place in _unfinished(estate, run, by_key):
            unfinished.setdefault(asked_place, []).append(run.id)
    for key, by_inputs in by_key.items():
        for inputs, equal in by_inputs.items():
            there, in_runs = (
                records_of.get((key, inputs), []),
                iter(unfinished.get((key, inputs), ())),
            )
            _settle(estate, comparison, equal, there, in_runs, before)
    return comparison


def _settle(
    estate: Estate,
    comparison: KitComparison,
    kit_certificates: list[KitCertificate],
    issued: list[_Issued],
    in_runs: Iterator[int],
    before: datetime,
) -> None:
    """Assign the certificates found to equal ones of the kit: the newest of those in use first.

    After them come those that runs will still issue, of which ``in_runs`` has the ids.
    """
    now = estate.clock.now()
    living = [each for each in reversed(issued) if each.status in LIVING]
    for each in living[len(kit_certificates) :]:
        comparison._leave(_record(estate, each.serial), each.status)  # noqa: SLF001 - its own module
    expired = [
        record
        for each in reversed(issued)
        if each.status is Status.EXPIRED
        and is_current(estate, record := _record(estate, each.serial))
    ]
    replaced = [each.status.word for each in issued if each.status not in LIVING]
    for number, certificate in enumerate(kit_certificates):
        if number < len(living):
            each = living[number]
            if each.not_after < before and each.not_before <= now - _SETTLED:
                comparison.due.append((certificate, _record(estate, each.serial)))
        elif (run := next(in_runs, None)) is not None:
            comparison.unfinished.append((certificate, run))
        elif expired:
            comparison.due.append((certificate, expired.pop(0)))
        else:
            comparison.missing.append((certificate, replaced[-1] if replaced else MISSING))


def _record(estate: Estate, serial: SerialNumber) -> Record:
    record = estate.by_serial(serial)
    if record is None:  # it was read a moment ago, in the same transaction
        raise KeyError(serial)
    return record


def _unfinished(estate: Estate, run: Run, by_key: _ByKey) -> Iterator[tuple[_Key, _Inputs]]:
    """The keys of the certificates that a run will still issue and the kit asks for."""
    from smki_testca.issuance.batch.unfinished_rows import requests_of  # noqa: PLC0415 - seldom needed

    without_labels = {key._replace(label=None) for key in by_key}
    for tile in estate.tiles.of_run(run.id, done=False):
        section = run.terms.section(tile.section)
        if section.profile not in estate.library.profile_names:
            continue
        profile = estate.library.profile(section.profile)
        usage = section.usage if profile.takes_usage else None
        of_section = _Key(profile.name, section.participant, section.environment, usage, None)
        if of_section not in without_labels:
            continue
        for row, request in requests_of(estate, section, [tile]):
            label = row.label or run.terms.label_of(section, row.eui64)
            key, inputs = of_section._replace(label=label), _inputs(profile, request.subject)
            if inputs in by_key.get(key, ()):
                yield key, inputs


def _place(library: Library, record: Record, by_key: _ByKey) -> tuple[_Key, _Inputs] | None:
    """The key of a certificate that the kit asks for; None for any other."""
    if record.tier is not Tier.END_ENTITY or record.profile not in library.profile_names:
        return None
    profile = library.profile(record.profile)
    usage = record.usage if profile.takes_usage else None
    key = _Key(record.profile, record.participant, record.environment, usage, record.label)
    if key not in by_key:
        return None
    try:
        subject, _ = Subject.from_view(profile, view_certificate(record.der), library.roles)
    except InputError:  # issued from another version of the profile
        return None
    inputs = _inputs(profile, subject)
    return (key, inputs) if inputs in by_key[key] else None


def _inputs(profile: Profile, subject: Subject) -> _Inputs:
    """The inputs that the certificate shows, without the Signifier."""
    names = {each.type.name for each in profile.subject_inputs if each.path is not None}
    return frozenset(
        (name, value)
        for name, value in subject.inputs.items()
        if name in names and name != SIGNIFIER and value != ""
    )
