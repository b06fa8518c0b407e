"""Identifies the one participant that an ID, a Signifier or a subject belongs to.

The TLS of a Gateway Connection identifies the Party that set it up by its Signifier (R16); that
Party then acts through its own IDs (R15).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64, Signifier
from smki_testca.text import shown

if TYPE_CHECKING:
    from smki_testca.profiles.model import Profile
    from smki_testca.register.participants import AllocatedId, Participant
    from smki_testca.register.register import Register
    from smki_testca.roles import Roles
    from smki_testca.x509.view import View


@dataclass(frozen=True, slots=True)
class Answer:
    """The participant that an identifier belongs to.

    Attributes:
        participant: the holder.
        by: the kind of identifier: ``eui64``, ``device-id``, ``signifier`` or ``participant-name``.
        value: that identifier.
        ids: the ID asked about, or all IDs of the holder of a Signifier or name.
        issued_here: for a certificate, whether a CA of this estate signed it; None otherwise.
    """

    participant: Participant
    by: str
    value: str
    ids: tuple[AllocatedId, ...]
    issued_here: bool | None = None

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
                {**allocated.as_json(), "remote_party_roles": _held_roles(roles, (allocated,))}
                for allocated in self.ids
            ],
            "user_roles": [role.name for role in served.values()],
            "remote_party_roles": _held_roles(roles, self.ids),
            "market_participant_ids": [
                market.as_json()
                for market in participant.market_participant_ids
                if not market.ids or concerned & set(market.ids)
            ],
            "issued_here": self.issued_here,
        }


def _held_roles(roles: Roles, ids: tuple[AllocatedId, ...]) -> list[str]:
    """The RemotePartyRoles that IDs may hold, by the User Roles they serve."""
    served = {role.code for allocated in ids for role in allocated.user_roles}
    return [role.name for role in roles.remote_party_roles if served & set(role.held_by)]


def whois_id(register: Register, eui64: Eui64) -> Answer:
    """Find the holder of a User, DCC, RDP or Device ID.

    Raises:
        InputError: if it has none.
    """
    holder = register.holder_of_id(eui64)
    if holder is not None:
        allocated = holder.allocated(eui64)
        return Answer(holder, "eui64", str(eui64), () if allocated is None else (allocated,))
    maker = register.holder_of_device_id(eui64)
    if maker is not None:
        return Answer(maker, "device-id", str(eui64), ())
    owner = register.holder_of_range(eui64)
    hint = f" It lies in the range of {owner.id}, but is not allocated." if owner else ""
    raise InputError("whois.nobody", f"Nobody in the register has the ID {eui64}.{hint}")


def whois_signifier(register: Register, signifier: Signifier) -> Answer:
    """Find the holder of a Signifier.

    Raises:
        InputError: if it has none.
    """
    holder = register.holder_of_signifier(signifier)
    if holder is None:
        raise InputError(
            "whois.nobody", f"Nobody in the register has the Signifier {shown(signifier.text)}."
        )
    return Answer(holder, "signifier", signifier.text, holder.ids)


def whois_subject(register: Register, view: View, profile: Profile) -> Answer:
    """Find the participant that the subject of a certificate of a profile identifies.

    Raises:
        InputError: if the subject has no identifier of a participant, or it has no holder.
    """
    for name in ("eui64", "device-id"):
        field = profile.field_of(name)
        if field is not None and (octets := view.octets(field.path)) is not None:
            answer = whois_id(register, Eui64.from_octets(octets))
            return Answer(answer.participant, name, answer.value, answer.ids)
    field = profile.field_of("signifier")
    if field is not None and (text := view.text(field.path)) is not None:
        return whois_signifier(register, Signifier.parse(text))
    field = profile.field_of("participant-name")
    if field is not None and (text := view.text(field.path)) is not None:
        holders = [
            participant
            for participant in register.participants.values()
            if participant.name == text
        ]
        if len(holders) == 1:
            return Answer(holders[0], "participant-name", text, holders[0].ids)
    raise InputError(
        "whois.no_identifier",
        f"The certificate (of profile {profile.name}) carries no identifier of a participant.",
    )
