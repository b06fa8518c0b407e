"""The rules that one participant or agreement must keep, whoever else is in the register.

They are checked when it arrives, or a participant gets a User Role. Their errors have the key path
in the table of the participant or agreement. A register of an earlier
version that breaks them still opens; there the gate refuses what rests on it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.profiles.model import ParticipantKind
from smki_testca.register.agreements import AgreementKind
from smki_testca.register.participants import SIGNIFIED
from smki_testca.text import is_blank, is_one_line, shown
from smki_testca.toml_places import below

if TYPE_CHECKING:
    from smki_testca.register.agreements import Agreement
    from smki_testca.register.participants import AllocatedId, Participant
    from smki_testca.roles import UserRole
    from smki_testca.toml_places import KeyPath


BINDING = {
    ParticipantKind.PARTY: (AgreementKind.SEC_ACCESSION, AgreementKind.BILATERAL),
    ParticipantKind.DCC: (AgreementKind.SEC_ACCESSION, AgreementKind.BILATERAL),
    ParticipantKind.RDP: (AgreementKind.RDP_ARRANGEMENT, AgreementKind.BILATERAL),
    ParticipantKind.MANUFACTURER: (AgreementKind.BILATERAL,),
    ParticipantKind.OTHER: (AgreementKind.BILATERAL,),
}
"""The kinds of agreement that bind each kind of participant; accession is for Parties (R2)."""


def check_binding(agreement: Agreement, participant: Participant) -> None:
    """Check that an agreement is of a kind that binds its participant (R2).

    Raises:
        InputError: if it is not.
    """
    if agreement.kind not in BINDING[participant.kind]:
        raise InputError(
            "agreement.kind",
            f"Agreement {agreement.reference} is of kind {agreement.kind}, which does not bind"
            f" {participant.id}, a participant of kind {participant.kind} (R2).",
            f"Agreements of kind {' or '.join(BINDING[participant.kind])} bind it.",
        ).at("kind")


def check_participant(participant: Participant) -> None:
    """Check one participant.

    Raises:
        InputError: for a text without a visible character, a User Role of another kind of
            participant or listed twice, a Registry Entry or a Market Participant ID listed twice,
            or a Market Participant ID of a participant that can have no User ID.
    """
    _check_texts(participant)
    for number, allocated in enumerate(participant.ids):
        with below("ids", number, "user-roles"):
            _check_roles(participant, allocated)
    in_order = sorted(enumerate(participant.registry_entries), key=lambda each: each[1].range.first)
    for (place, entry), (place_of_other, other) in pairwise(in_order):
        if entry.overlaps(other):
            raise InputError(
                "registry_entry.twice",
                f"Participant {participant.id} lists the Registry Entry {entry} twice."
                if entry == other
                else f"The Registry Entries {entry} and {other} of {participant.id} overlap.",
                "List each once.",
            ).at("registry-entries", max(place, place_of_other))
    _check_market_participant_ids(participant)


def _check_roles(participant: Participant, allocated: AllocatedId) -> None:
    """Check the User Roles that one ID of a participant serves."""
    for place, role in enumerate(allocated.user_roles):
        with below(place):
            check_kind(participant, role)
        if role in allocated.user_roles[:place]:
            raise InputError(
                "participant.role_twice",
                f"The ID {allocated.eui64} of {participant.id} lists the User Role {role.name}"
                " twice.",
                f"List it once: its name is {role.name}, its abbreviation {role.code}.",
            ).at(place)


def check_kind(participant: Participant, role: UserRole) -> None:
    """Check that a participant is of the kind that a User Role belongs to (R23).

    Raises:
        InputError: if it is not.
    """
    if not participant.can_hold(role):
        raise InputError(
            "user_role.kind",
            f"The User Role {role.name} belongs to participants of kind {role.kind}, and"
            f" {participant.id} is of kind {participant.kind} (R23).",
            "Give it a User Role of its own kind; roles.toml says which kind each belongs to.",
        )


def _check_texts(participant: Participant) -> None:
    """Check that each text of a participant shows something, and shows as it is."""
    texts: list[tuple[KeyPath, str | None]] = [
        (("name",), participant.name),
        (("signifier",), None if participant.signifier is None else participant.signifier.text),
        *(
            (("ranges", place, "exception"), organisation.exception)
            for place, organisation in enumerate(participant.ranges)
        ),
    ]
    for path, text in texts:
        if text is not None and is_blank(text):
            raise InputError(
                "participant.blank",
                f"The {path[-1]} of participant {participant.id} is blank.",
                "Write it out, or leave the key out where that is allowed.",
            ).at(*path)
        if text is not None and not is_one_line(text):
            raise InputError(
                "participant.text",
                f"The {path[-1]} {shown(text)} of participant {participant.id} has a control"
                " character, a line break or a mark that turns the direction of writing.",
                "Write it without.",
            ).at(*path)


def _check_market_participant_ids(participant: Participant) -> None:
    if participant.market_participant_ids and participant.kind not in SIGNIFIED:
        raise InputError(
            "participant.market_id",
            f"{participant.id}, a participant of kind {participant.kind}, has no User IDs, and so"
            " no Market Participant IDs (R14).",
            "Leave market-participant-ids out.",
        ).at("market-participant-ids")
    seen: set[tuple[str, str, str]] = set()
    for place, market in enumerate(participant.market_participant_ids):
        for key, text in (("identifier", market.identifier), ("role-code", market.role_code)):
            # With a space, it would be another than the one that is meant.
            if not text.isprintable() or text != text.strip() or is_blank(text):
                raise InputError(
                    "participant.market_text",
                    f"The {key} {shown(text)} of a Market Participant ID of {participant.id} is"
                    " blank, or has spaces around it or control characters.",
                    "Write it as its scheme does.",
                ).at("market-participant-ids", place, key)
        entry = (market.scheme, market.identifier, market.role_code)
        repetition = "is listed twice" if entry in seen else "lists an ID twice"
        if entry in seen or len(set(market.ids)) < len(market.ids):
            raise InputError(
                "participant.market_twice",
                f"The Market Participant ID {market.identifier} ({market.scheme}, role code"
                f" {market.role_code}) of {participant.id} {repetition}.",
                "List each once.",
            ).at("market-participant-ids", place, "identifier" if entry in seen else "ids")
        seen.add(entry)
