"""Identifies the participant that an identifier or the subject of a certificate belongs to.

The TLS of a Gateway Connection identifies the Party that set it up by its Signifier (R16); that
Party then acts through its own IDs (R15). An ID means what the certificate type says: a User, DCC
or RDP ID is whose it was allocated to, and a Device ID whose Registry Entry it lies under (R11).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from smki_testca.clock import iso
from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64, Signifier
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from smki_testca.identifiers import RegistryEntry
    from smki_testca.profiles.model import Profile
    from smki_testca.register.participants import AllocatedId, Participant
    from smki_testca.register.register import Register
    from smki_testca.roles import Roles
    from smki_testca.x509.view import View

NAMED = 3
"""The most participants with a shared name that an error names."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A certificate that was presented, and what the estate knows of it.

    Attributes:
        profile: the nearest certificate profile.
        is_authority: whether it is a CA's.
        serial: the serial number, hexadecimal; None if it cannot be read.
        issued_here: whether a CA of this estate signed it.
        issued_to: the participant that it was issued to; None unless the estate has a record of it.
        status: of a certificate of this estate the word for its status; of another ``expired`` or
            ``not-yet-valid`` by its dates, or else None: nobody here knows whether it is revoked.
        not_before, not_after: None if they cannot be read.
        revoked_at: None if it is not revoked, as far as the estate knows.
    """

    profile: str
    is_authority: bool
    serial: str | None
    issued_here: bool
    issued_to: str | None
    status: str | None
    not_before: datetime | None
    not_after: datetime | None
    revoked_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """The certificate as a JSON object."""
        return {
            "profile": self.profile,
            "authority": self.is_authority,
            "serial": self.serial,
            "issued_here": self.issued_here,
            "issued_to": self.issued_to,
            "status": self.status,
            "not_before": None if self.not_before is None else iso(self.not_before),
            "not_after": None if self.not_after is None else iso(self.not_after),
            "revoked_at": None if self.revoked_at is None else iso(self.revoked_at),
        }


@dataclass(frozen=True, slots=True)
class WhoisAnswer:
    """The participant that an identifier belongs to.

    Attributes:
        participant: the holder.
        by: the kind of identifier: ``eui64``, ``device-id``, ``signifier``, ``participant-name``,
            ``participant``, ``market-participant-id``, ``registry-entry``, ``serial``; or
            ``issued-to`` where a certificate's subject does not tell, but the estate's record of
            it.
        value: that identifier.
        ids: the ID asked about, or all IDs of the holder of a Signifier or name.
        certificate: the certificate, if one was asked about.
    """

    participant: Participant
    by: str
    value: str
    ids: tuple[AllocatedId, ...]
    certificate: Presented | None = None

    @property
    def issued_here(self) -> bool | None:
        """For a certificate, whether a CA of this estate signed it; None otherwise."""
        return None if self.certificate is None else self.certificate.issued_here

    def as_json(self, roles: Roles) -> dict[str, Any]:
        """The answer as a JSON object."""
        participant = self.participant
        served = {role.code: role for allocated in self.ids for role in allocated.user_roles}
        concerned = {allocated.eui64 for allocated in self.ids}
        return {
            "participant": participant.id,
            "name": participant.name,
            "kind": participant.kind.value,
            "signifier": None if participant.signifier is None else participant.signifier.text,
            "found_by": self.by,
            "value": self.value,
            "ids": [
                {
                    **allocated.as_json(),
                    "remote_party_roles": _held_roles(roles, participant, (allocated,)),
                }
                for allocated in self.ids
            ],
            "user_roles": [role.name for role in served.values()],
            "remote_party_roles": _held_roles(roles, participant, self.ids),
            "market_participant_ids": [
                market.as_json()
                for market in participant.market_participant_ids
                if not market.ids or concerned & set(market.ids)
            ],
            "registry_entries": list(map(str, participant.registry_entries)),
            "issued_here": self.issued_here,
            **({} if self.certificate is None else {"certificate": self.certificate.as_json()}),
        }


@dataclass(frozen=True, slots=True)
class WhoisUnanswered:
    """The reason why nobody is named for one certificate of several.

    Attributes:
        reason: the error that it alone would give.
        certificate: None if it cannot be read.
    """

    reason: InputError
    certificate: Presented | None = None

    @property
    def is_authority(self) -> bool:
        """Whether it is a CA's certificate, which no participant has."""
        return self.certificate is not None and self.certificate.is_authority

    def as_json(self) -> dict[str, Any]:
        """The reason as a JSON object, with the certificate."""
        certificate = None if self.certificate is None else self.certificate.as_json()
        return {"certificate": certificate, **self.reason.as_json()}


def _held_roles(roles: Roles, participant: Participant, ids: tuple[AllocatedId, ...]) -> list[str]:
    """The RemotePartyRoles that IDs may hold, by the User Roles they serve for their holder."""
    user_roles = (role for allocated in ids for role in allocated.user_roles)
    # One of another kind of participant holds nothing (R23); an earlier version took it.
    served = {role.code for role in user_roles if participant.can_hold(role)}
    return [role.name for role in roles.remote_party_roles if served & set(role.held_by)]


def whois_id(register: Register, eui64: Eui64) -> WhoisAnswer:
    """Find the holder of an ID of any kind: a User, DCC, RDP or Device ID.

    Raises:
        InputError: if it has none.
    """
    if register.holder_of_id(eui64) is None and register.holder_of_device_id(eui64) is not None:
        return whois_device_id(register, eui64)
    return whois_user_id(register, eui64)


def whois_user_id(register: Register, eui64: Eui64) -> WhoisAnswer:
    """Find the participant that a User, DCC or RDP ID was allocated to (R7).

    Raises:
        InputError: if there is none.
    """
    holder = register.holder_of_id(eui64)
    if holder is not None:
        allocated = holder.allocated(eui64)
        return WhoisAnswer(holder, "eui64", str(eui64), () if allocated is None else (allocated,))
    hint = ""
    if (owner := register.holder_of_range(eui64)) is not None:
        hint = f" It lies in the range of {owner.id}, but is not allocated."
    elif (maker := register.holder_of_device_id(eui64)) is not None:
        hint = f" It lies under a Registry Entry of {maker.id}, which is for Device IDs."
    raise InputError("whois.nobody", f"Nobody in the register has the ID {eui64}.{hint}")


def whois_device_id(register: Register, eui64: Eui64) -> WhoisAnswer:
    """Find the participant under whose Registry Entry a Device ID lies (R11).

    Raises:
        InputError: if there is none.
    """
    maker = register.holder_of_device_id(eui64)
    if maker is not None:
        return WhoisAnswer(maker, "device-id", str(eui64), ())
    hint = ""
    if (holder := register.holder_of_id(eui64)) is not None:
        hint = f" It is allocated to {holder.id}, as an ID that is never a Device's (R11)."
    raise InputError(
        "whois.nobody",
        f"The Device ID {eui64} lies under no participant's Registry Entry.{hint}",
    )


def whois_registry_entry(register: Register, entry: RegistryEntry) -> WhoisAnswer:
    """Find the participant whose Registry Entry an entry is, or lies in.

    Raises:
        InputError: if there is none.
    """
    first = entry.range.first
    maker = register.holder_of_device_id(first)
    if maker is not None and any(
        first in own and own.bits <= entry.bits for own in maker.registry_entries
    ):
        return WhoisAnswer(maker, "registry-entry", str(entry), ())
    hint = ""
    if any(entry.overlaps(central) for central in register.central):
        hint = " It is the SEC's, for the IDs of organisations: ask by one of these."
    raise InputError(
        "whois.nobody", f"Nobody in the register has the Registry Entry {entry}.{hint}"
    )


def whois_signifier(register: Register, signifier: Signifier) -> WhoisAnswer:
    """Find the holder of a Signifier.

    Raises:
        InputError: if it has none.
    """
    holder = register.holder_of_signifier(signifier)
    if holder is None:
        raise InputError(
            "whois.nobody", f"Nobody in the register has the Signifier {shown(signifier.text)}."
        )
    return WhoisAnswer(holder, "signifier", signifier.text, holder.ids)


def whois_name(register: Register, name: str) -> WhoisAnswer:
    """Find the participant with a trading name.

    Raises:
        InputError: if nobody has it, or several have.
    """
    holders = [each for each in register.participants.values() if each.name == name]
    if not holders:
        raise InputError("whois.nobody", f"Nobody in the register has the name {shown(name)}.")
    if len(holders) > 1:
        others = " and others" if len(holders) > NAMED else ""
        raise InputError(
            "whois.ambiguous",
            f"The name {shown(name)} is that of {', '.join(each.id for each in holders[:NAMED])}"
            f"{others}.",
            "Ask by a Signifier or an ID, which have one holder.",
        )
    return WhoisAnswer(holders[0], "participant-name", name, holders[0].ids)


def whois_term(register: Register, term: str) -> list[WhoisAnswer]:
    """Find whose Signifier, participant id or Market Participant ID a text is, compared exactly.

    Returns:
        An answer for each participant, the likeliest first; none if it is nobody's.
    """
    answers: dict[str, WhoisAnswer] = {}
    for answer in _named(register, term):
        answers.setdefault(answer.participant.id, answer)
    return list(answers.values())


def _named(register: Register, term: str) -> Iterator[WhoisAnswer]:
    try:
        holder = register.holder_of_signifier(Signifier.parse(term))
    except InputError:
        holder = None
    if holder is not None:
        yield WhoisAnswer(holder, "signifier", term, holder.ids)
    participant = register.participants.get(term)
    if participant is not None:
        yield WhoisAnswer(participant, "participant", term, participant.ids)
    for party in register.holders_of_market_participant(term):
        mappings = [each for each in party.market_participant_ids if each.identifier == term]
        mapped = {eui64 for each in mappings for eui64 in each.ids}
        is_of_all = not all(each.ids for each in mappings)
        ids = tuple(each for each in party.ids if is_of_all or each.eui64 in mapped)
        yield WhoisAnswer(party, "market-participant-id", term, ids)


def whois_subject(register: Register, view: View, profile: Profile) -> WhoisAnswer:
    """Find the participant that the subject of a certificate of a profile identifies.

    Raises:
        InputError: if the subject has no identifier of a participant, or it has not one holder.
    """
    for name, find in (("eui64", whois_user_id), ("device-id", whois_device_id)):
        field = profile.field_of(name)
        if field is not None and (octets := view.octets(field.path)) is not None:
            answer = find(register, Eui64.from_octets(octets))
            return replace(answer, by=name)
    field = profile.field_of("signifier")
    if field is not None and (text := view.text(field.path)) is not None:
        return whois_signifier(register, Signifier.parse(text))
    field = profile.field_of("participant-name")
    if field is not None and (text := view.text(field.path)) is not None:
        return whois_name(register, text)
    raise InputError(
        "whois.no_identifier",
        f"The certificate (of profile {profile.name}) carries no identifier of a participant.",
    )
