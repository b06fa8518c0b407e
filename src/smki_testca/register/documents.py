"""Reads files of participants and agreements, and converts both to and from records."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import msgspec

from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64, IdRange, OrganisationBitsError, RegistryEntry, Signifier
from smki_testca.profiles.documents import Count, Document, NonEmpty, decode
from smki_testca.profiles.library import met_in
from smki_testca.profiles.model import ParticipantKind
from smki_testca.register.agreements import Agreement, AgreementKind
from smki_testca.register.blocks import Block, Blocks
from smki_testca.register.participants import (
    SIGNIFIED,
    AllocatedId,
    MarketParticipantId,
    OrganisationRange,
    Participant,
)
from smki_testca.register.rules import check_participant
from smki_testca.text import is_blank, shown, use_one_of
from smki_testca.toml_places import Place, below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from smki_testca.profiles import Library
    from smki_testca.roles import Roles

_SHORT_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_RESERVED_NAME = "ca"
_ORGANISATION_NUMBER = re.compile(r"[0-9A-Fa-f]{1,10}", re.ASCII)
DEFAULT_ORGANISATION_BITS = 12

_S = TypeVar("_S")
_T = TypeVar("_T")

Line = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class RangeTable(Document, frozen=True, kw_only=True):
    """An organisation number under a Registry Entry; ``exception`` says why it is no SEC one."""

    registry_entry: NonEmpty
    organisation_number: NonEmpty
    organisation_bits: Count = DEFAULT_ORGANISATION_BITS
    exception: Line | None = None


class IdTable(Document, frozen=True, kw_only=True):
    """An allocated ID and the User Roles it serves."""

    eui64: NonEmpty
    user_roles: list[NonEmpty] = []


class MarketParticipantIdTable(Document, frozen=True, kw_only=True):
    """A Market Participant ID."""

    scheme: Literal["MRA", "UNC"]
    identifier: Line
    role_code: Line
    ids: list[NonEmpty] = []


class RegistryEntryTable(Document, frozen=True, kw_only=True):
    """A Registry Entry; ``exclusive`` refuses its Device IDs to everybody else (R24)."""

    value: NonEmpty
    exclusive: bool = False


class ParticipantTable(Document, frozen=True, kw_only=True):
    """A participant."""

    id: NonEmpty
    name: Line
    kind: ParticipantKind
    signifier: str | None = None
    ranges: list[RangeTable] = []
    ids: list[IdTable] = []
    market_participant_ids: list[MarketParticipantIdTable] = []
    registry_entries: list[NonEmpty | RegistryEntryTable] = []


class AgreementTable(Document, frozen=True, kw_only=True):
    """An agreement; ``from`` and ``until`` are the first and last days in force."""

    reference: Line
    participant: NonEmpty
    kind: AgreementKind
    from_: date = msgspec.field(name="from")
    until: date | None = None
    suspended: bool = False
    purposes: list[NonEmpty]
    categories: list[NonEmpty]
    environments: list[NonEmpty]
    obligations: list[NonEmpty] = []
    remote_delivery: bool = False


class RegisterFile(Document, frozen=True, kw_only=True):
    """A file of participants, agreements, or both."""

    participant: list[ParticipantTable] = []
    agreement: list[AgreementTable] = []


def read_file(
    data: bytes, origin: str, library: Library
) -> tuple[list[Participant], list[Agreement]]:
    """Read a TOML file of ``[[participant]]`` and ``[[agreement]]`` tables.

    Raises:
        InputError: naming the table and what is wrong with it.
    """
    document = decode(data, RegisterFile, origin)
    whole = Place(origin, data=data)
    return (
        [
            located_participant(table, library.roles, whole.within("participant", number))
            for number, table in enumerate(document.participant)
        ],
        [
            checked_agreement(table, library, whole.within("agreement", number))
            for number, table in enumerate(document.agreement)
        ],
    )


def participant_to_record(participant: Participant) -> bytes:
    """Write a participant as the estate stores it: JSON of the same shape as its table."""
    return msgspec.json.encode(
        ParticipantTable(
            id=participant.id,
            name=participant.name,
            kind=participant.kind,
            signifier=participant.signifier.text if participant.signifier else None,
            ranges=[
                RangeTable(
                    registry_entry=str(organisation.entry),
                    organisation_number=f"{organisation.organisation_number:X}",
                    organisation_bits=organisation.organisation_bits,
                    exception=organisation.exception,
                )
                for organisation in participant.ranges
            ],
            ids=[
                IdTable(
                    eui64=str(allocated.eui64),
                    user_roles=[role.code for role in allocated.user_roles],
                )
                for allocated in participant.ids
            ],
            market_participant_ids=[
                MarketParticipantIdTable(
                    scheme="MRA" if market.scheme == "MRA" else "UNC",
                    identifier=market.identifier,
                    role_code=market.role_code,
                    ids=[str(eui64) for eui64 in market.ids],
                )
                for market in participant.market_participant_ids
            ],
            registry_entries=[
                RegistryEntryTable(value=str(entry), exclusive=True)
                if entry in participant.exclusive_entries
                else str(entry)
                for entry in participant.registry_entries
            ],
        )
    )


def participant_from_record(record: bytes, roles: Roles) -> Participant:
    """Read a participant that ``participant_to_record`` wrote."""
    parsed = participant(msgspec.json.decode(record, type=ParticipantTable), roles)
    # An earlier version took one User Role twice, by its name and by its code.
    ids = tuple(
        AllocatedId(allocated.eui64, tuple(dict.fromkeys(allocated.user_roles)))
        for allocated in parsed.ids
    )
    return parsed if ids == parsed.ids else replace(parsed, ids=ids)


def agreement_to_record(agreement: Agreement) -> bytes:
    """Write an agreement as the estate stores it: JSON of the same shape as its table."""
    return msgspec.json.encode(
        AgreementTable(
            reference=agreement.reference,
            participant=agreement.participant,
            kind=agreement.kind,
            from_=agreement.start,
            until=agreement.end,
            suspended=agreement.suspended,
            purposes=list(agreement.purposes),
            categories=list(agreement.categories),
            environments=list(agreement.environments),
            obligations=list(agreement.obligations),
            remote_delivery=agreement.remote_delivery,
        )
    )


def agreement_from_record(record: bytes) -> Agreement:
    """Read an agreement that ``agreement_to_record`` wrote."""
    return _agreement(msgspec.json.decode(record, type=AgreementTable))


def participant(table: ParticipantTable, roles: Roles) -> Participant:
    """Parse one participant's table.

    Raises:
        InputError: for a malformed identifier, an ID outside the ranges, IDs that are not
            ascending, or a Signifier that is missing or that its kind cannot have.
            ``rules`` has the rules that only an arriving participant must keep.
    """
    if not _SHORT_NAME.fullmatch(table.id) or table.id == _RESERVED_NAME:
        raise InputError(
            "participant.id",
            f"{shown(table.id)} is not a participant id.",
            "Use up to 64 lower-case letters, digits, dots, hyphens and underscores, and not"
            f" {_RESERVED_NAME!r}, which is the CAs' folder in an export.",
        ).at("id")
    if (table.kind in SIGNIFIED) != (table.signifier is not None):
        needs = "needs a" if table.kind in SIGNIFIED else "has no"
        raise InputError(
            "participant.signifier", f"A participant of kind {table.kind} {needs} Signifier."
        ).at("signifier" if table.signifier is not None else "kind")
    entries = [
        RegistryEntryTable(value=entry) if isinstance(entry, str) else entry
        for entry in table.registry_entries
    ]
    parsed = Participant(
        table.id,
        table.name,
        table.kind,
        None if table.signifier is None else _at("signifier", Signifier.parse, table.signifier),
        _each("ranges", organisation_range, table.ranges),
        _each(
            "ids",
            lambda id_table: AllocatedId(
                _at("eui64", Eui64.parse, id_table.eui64),
                _each("user-roles", roles.user_role, id_table.user_roles),
            ),
            table.ids,
        ),
        _each(
            "market-participant-ids",
            lambda market: MarketParticipantId(
                market.scheme,
                market.identifier,
                market.role_code,
                _each("ids", Eui64.parse, market.ids),
            ),
            table.market_participant_ids,
        ),
        _each("registry-entries", lambda entry: RegistryEntry.parse(entry.value), entries),
        frozenset(RegistryEntry.parse(entry.value) for entry in entries if entry.exclusive),
    )
    _check_ids(parsed)
    return parsed


def _at(key: str, parse: Callable[[_S], _T], stated: _S) -> _T:
    """The value of one key; an error says where it is."""
    with below(key):
        return parse(stated)


def _each(key: str, parse: Callable[[_S], _T], stated: Iterable[_S]) -> tuple[_T, ...]:
    """The values of an array; an error says where it is."""
    parsed = []
    for place, value in enumerate(stated):
        with below(key, place):
            parsed.append(parse(value))
    return tuple(parsed)


def organisation_range(table: RangeTable) -> OrganisationRange:
    """Parse the range of an organisation number under a Registry Entry.

    Raises:
        InputError: for a malformed entry, or a number that is none or does not fit its bits.
    """
    entry = _at("registry-entry", RegistryEntry.parse, table.registry_entry)
    if not _ORGANISATION_NUMBER.fullmatch(table.organisation_number):
        raise InputError(
            "id_range.organisation_number",
            f"The organisation number {shown(table.organisation_number)} is not hexadecimal.",
        ).at("organisation-number")
    number = int(table.organisation_number, 16)
    bits = table.organisation_bits
    try:
        ids = IdRange.of_organisation(entry, number, bits)
    except OrganisationBitsError as error:
        is_default = bits == DEFAULT_ORGANISATION_BITS
        raise error.at("registry-entry" if is_default else "organisation-bits") from None
    except InputError as error:
        raise error.at("organisation-number") from None
    return OrganisationRange(entry, number, bits, ids, table.exception)


def _check_ids(participant: Participant) -> None:
    if participant.kind not in SIGNIFIED and (participant.ids or participant.ranges):
        raise InputError(
            "participant.ids",
            f"A participant of kind {participant.kind} has no User, DCC or RDP IDs (R7).",
            "Give it registry-entries for its Device IDs.",
        ).at("ids" if participant.ids else "ranges")
    for place, (earlier, later) in enumerate(pairwise(participant.ids), 1):
        if earlier.eui64 >= later.eui64:
            wrong = (
                "is listed twice" if earlier.eui64 == later.eui64 else f"follows {earlier.eui64}"
            )
            raise InputError(
                "participant.id_order",
                f"The ID {later.eui64} {wrong}.",
                "List IDs once each, ascending in hexadecimal.",
            ).at("ids", place)
    ranges_of_ids = Blocks()
    ranges_of_ids.add(map(Block.of_organisation, participant.ranges), participant.id)
    for place, allocated in enumerate(participant.ids):
        if ranges_of_ids.holder(allocated.eui64) is None:
            ranges = "; ".join(str(organisation.range) for organisation in participant.ranges)
            raise InputError(
                "participant.id_outside_range",
                f"The ID {allocated.eui64} lies outside the ranges of the organisation (R12):"
                f" {ranges or 'it has none'}.",
            ).at("ids", place)


def located_participant(table: ParticipantTable, roles: Roles, where: Place) -> Participant:
    """Parse one participant's table of a file.

    Raises:
        InputError: as ``participant`` does, or for a rule that an arriving participant breaks;
            the message names the file, the line and the participant.
    """
    with met_in(where.called(f"participant {table.id}")):
        parsed = participant(table, roles)
        check_participant(parsed)
        return parsed


def checked_agreement(table: AgreementTable, library: Library, where: Place) -> Agreement:
    """Parse one agreement's table of a file.

    Raises:
        InputError: if its reference is blank, it ends before it begins, covers nothing, or names
            a purpose, category, environment or obligation that there is not, or one twice.
    """
    if is_blank(table.reference):
        raise InputError(
            "agreement.blank",
            f"{where.within('reference')}: an agreement of {table.participant} has a blank"
            " reference.",
            "Write a name by which people find it.",
        )
    where = where.called(f"agreement {table.reference}")
    if table.until is not None and table.until < table.from_:
        raise InputError(
            "agreement.dates",
            f"{where.within('until')}: it ends on {table.until}, before it begins on"
            f" {table.from_}.",
        )
    categories = [category.name for category in library.categories]
    for noun, key, values, names in (
        ("purpose", "purposes", table.purposes, library.testing_services),
        ("category", "categories", table.categories, categories),
        ("environment", "environments", table.environments, library.environments),
    ):
        if not values:
            raise InputError(
                f"agreement.{noun}",
                f"{where.within(key)} names no {noun}: it would cover nothing.",
                use_one_of(names),
            )
        _check_known(values, names, where.within(key), noun)
    _check_known(table.obligations, library.obligations, where.within("obligations"), "obligation")
    return _agreement(table)


def _agreement(table: AgreementTable) -> Agreement:
    return Agreement(
        table.reference,
        table.participant,
        table.kind,
        table.from_,
        table.until,
        table.suspended,
        tuple(table.purposes),
        tuple(table.categories),
        tuple(table.environments),
        tuple(table.obligations),
        table.remote_delivery,
    )


def _check_known(values: Sequence[str], known: Iterable[str], where: Place, noun: str) -> None:
    """Check that what an agreement covers (R3, R6) is known, and named once."""
    known = list(known)
    for place, value in enumerate(values):
        if value in values[:place]:
            raise InputError(
                "agreement.twice",
                f"{where.within(place)} names the {noun} {shown(value)} twice.",
                "Name it once.",
            )
        if value not in known:
            raise InputError(
                f"agreement.{noun}",
                f"{where.within(place)} names the unknown {noun} {shown(value)}.",
                use_one_of(known, given=value) or f"No {noun} is defined: name none.",
            )
