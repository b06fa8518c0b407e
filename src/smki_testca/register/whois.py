"""Who stands behind an ID, a Signifier or a subject: one Party or RDP, never a group.

The TLS of a Gateway Connection identifies whoever set it up by its Signifier (R16); what that
Party may do, it does through its own IDs (R15).
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
    """Who it is.

    Attributes:
        participant: the one participant behind what was asked about.
        by: what it was found by: ``eui64``, ``device-id``, ``signifier`` or ``participant-name``.
        value: that identifier.
        ids: the IDs concerned: the one asked about, or all of a Signifier's holder.
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
        served = {role.code: role for one in self.ids for role in one.user_roles}
        concerned = {one.eui64 for one in self.ids}
        return {
            "participant": participant.id,
            "name": participant.name,
            "kind": participant.kind.value,
            "signifier": None if participant.signifier is None else participant.signifier.text,
            "found_by": self.by,
            "value": self.value,
            "ids": [
                {**one.as_json(), "remote_party_roles": _held(roles, (one,))} for one in self.ids
            ],
            "user_roles": [role.name for role in served.values()],
            "remote_party_roles": _held(roles, self.ids),
            "market_participant_ids": [
                one.as_json()
                for one in participant.market_participant_ids
                if not one.ids or concerned & set(one.ids)
            ],
            "issued_here": self.issued_here,
        }


def _held(roles: Roles, ids: tuple[AllocatedId, ...]) -> list[str]:
    """The RemotePartyRoles that IDs may hold, by the User Roles they serve."""
    served = {role.code for one in ids for role in one.user_roles}
    return [one.name for one in roles.remote_party_roles if served & set(one.held_by)]


def whois_id(register: Register, eui64: Eui64) -> Answer:
    """Who stands behind a User, DCC, RDP or Device ID.

    Raises:
        InputError: if nobody does.
    """
    holder = register.holder_of_id(eui64)
    if holder is not None:
        allocated = holder.allocated(eui64)
        return Answer(holder, "eui64", str(eui64), () if allocated is None else (allocated,))
    maker = register.holder_of_device_id(eui64)
    if maker is not None:
        return Answer(maker, "device-id", str(eui64), ())
    owner = register.holder_of_range(eui64)
    hint = f" It lies in the range of {owner.id}, which was not allocated it." if owner else ""
    raise InputError("whois.nobody", f"Nobody in the register has the ID {eui64}.{hint}")


def whois_signifier(register: Register, signifier: Signifier) -> Answer:
    """Who stands behind a Signifier.

    Raises:
        InputError: if nobody does.
    """
    holder = register.holder_of_signifier(signifier)
    if holder is None:
        raise InputError(
            "whois.nobody", f"Nobody in the register has the Signifier {shown(signifier.text)}."
        )
    return Answer(holder, "signifier", signifier.text, holder.ids)


def whois_subject(register: Register, view: View, profile: Profile) -> Answer:
    """Who stands behind the subject of a certificate that follows a profile.

    Raises:
        InputError: if it carries no identifier of a participant, or nobody has that one.
    """
    for name, field in ((name, profile.field_of(name)) for name in ("eui64", "device-id")):
        octets = None if field is None else view.octets(field.path)
        if octets is not None:
            answer = whois_id(register, Eui64.from_octets(octets))
            return Answer(answer.participant, name, answer.value, answer.ids)
    field = profile.field_of("signifier")
    text = None if field is None else view.text(field.path)
    if text is not None:
        return whois_signifier(register, Signifier.parse(text))
    field = profile.field_of("participant-name")
    text = None if field is None else view.text(field.path)
    if text is not None:
        holders = [one for one in register.participants.values() if one.name == text]
        if len(holders) == 1:
            return Answer(holders[0], "participant-name", text, holders[0].ids)
    raise InputError(
        "whois.no_identifier",
        f"The certificate (of profile {profile.name}) carries no identifier of a participant.",
    )
