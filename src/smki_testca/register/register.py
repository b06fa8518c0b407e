"""The register: every participant and agreement, found every way, changed only as the rules allow.

A register is a value: what changes it returns a new one, so that a fault leaves the old one whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Self

from smki_testca.errors import InputError
from smki_testca.register.participants import AllocatedId
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from smki_testca.identifiers import Eui64, IdRange, RegistryEntry, Signifier
    from smki_testca.register.agreements import Agreement
    from smki_testca.register.participants import Participant
    from smki_testca.roles import UserRole


@dataclass(frozen=True, slots=True)
class Register:
    """Participants by id, agreements by reference.

    Attributes:
        central: the Registry Entries from which User, DCC and RDP IDs come, never Device IDs.
        exceptional: the ranges of organisations that lie elsewhere all the same.
    """

    central: tuple[RegistryEntry, ...]
    participants: Mapping[str, Participant] = field(default_factory=dict)
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    exceptional: tuple[IdRange, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        # Worked out once: the gate asks for every row of a batch.
        elsewhere = tuple(
            organisation.range
            for one in self.participants.values()
            for organisation in one.ranges
            if organisation.exception is not None
        )
        object.__setattr__(self, "exceptional", elsewhere)

    def participant(self, name: str) -> Participant:
        """The participant of that id.

        Raises:
            InputError: if there is none.
        """
        found = self.participants.get(name)
        if found is None:
            raise InputError(
                "participant.unknown",
                f"The register has no participant {shown(name)}.",
                "See: smki-testca register show",
            )
        return found

    def agreement(self, reference: str) -> Agreement:
        """The agreement of that reference.

        Raises:
            InputError: if there is none.
        """
        found = self.agreements.get(reference)
        if found is None:
            raise InputError(
                "agreement.unknown",
                f"The register has no agreement {shown(reference)}.",
                "See: smki-testca agreement show",
            )
        return found

    def agreements_of(self, participant: str) -> list[Agreement]:
        """The agreements that bind a participant."""
        return [one for one in self.agreements.values() if one.participant == participant]

    def holder_of_signifier(self, signifier: Signifier) -> Participant | None:
        """The Party or RDP that a Signifier identifies (R8)."""
        return next((p for p in self.participants.values() if p.signifier == signifier), None)

    def holder_of_id(self, eui64: Eui64) -> Participant | None:
        """The participant to which a User, DCC or RDP ID was allocated."""
        return next((p for p in self.participants.values() if p.allocated(eui64)), None)

    def holder_of_range(self, eui64: Eui64) -> Participant | None:
        """The participant in whose range an ID lies, allocated or not."""
        return next(
            (
                one
                for one in self.participants.values()
                if any(eui64 in organisation.range for organisation in one.ranges)
            ),
            None,
        )

    def holder_of_device_id(self, eui64: Eui64) -> Participant | None:
        """The participant under whose own Registry Entry a Device ID lies."""
        return next(
            (
                one
                for one in self.participants.values()
                if any(eui64 in entry for entry in one.registry_entries)
            ),
            None,
        )

    def holders_of_market_participant(self, identifier: str) -> list[Participant]:
        """The Parties that a Market Participant ID stands for, in any scheme."""
        return [
            one
            for one in self.participants.values()
            if any(market.identifier == identifier for market in one.market_participant_ids)
        ]

    def with_participants(self, arriving: Iterable[Participant]) -> Self:
        """The register with these participants added, or brought up to date.

        A participant that is there already may gain IDs and change its User Roles, name,
        Market Participant IDs and Registry Entries. What was allocated stays: IDs missing
        from the newcomer are kept.

        Raises:
            InputError: for a Signifier, range or Registry Entry that is another's, a Signifier
                or organisation number that changes, or one id given twice.
        """
        merged = dict(self.participants)
        seen: set[str] = set()
        for one in arriving:
            if one.id in seen:
                raise InputError("participant.twice", f"Participant {one.id} is given twice.")
            seen.add(one.id)
            self._check_against_others(one, merged)
            merged[one.id] = _brought_up_to_date(merged.get(one.id), one)
            _check_market_participants(merged[one.id])
        return replace(self, participants=merged)

    def with_agreements(self, arriving: Iterable[Agreement]) -> Self:
        """The register with these agreements added; one that is there already must be the same.

        Raises:
            InputError: if a reference is taken, or the participant is not in the register.
        """
        merged = dict(self.agreements)
        for one in arriving:
            self.participant(one.participant)
            if one.reference in merged and merged[one.reference] != one:
                raise InputError(
                    "agreement.reference",
                    f"Agreement {one.reference} is in the register already, with other terms.",
                    "Give the new agreement a reference of its own.",
                )
            merged[one.reference] = one
        return replace(self, agreements=merged)

    def with_suspension(self, reference: str, *, suspended: bool) -> Self:
        """The register with an agreement suspended or resumed.

        Raises:
            InputError: if there is no such agreement, or it stands so already.
        """
        agreement = self.agreement(reference)
        if agreement.suspended == suspended:
            state = "suspended" if suspended else "not suspended"
            raise InputError("agreement.state", f"Agreement {reference} is {state} already.")
        changed = replace(agreement, suspended=suspended)
        return replace(self, agreements={**self.agreements, reference: changed})

    def allocate(self, name: str, role: UserRole, count: int) -> tuple[Self, list[Eui64]]:
        """Allocate the next IDs of a participant's ranges and map them to a User Role.

        They follow the highest ID allocated, counting up in hexadecimal; at the end of the
        range come those passed over. An ID is never allocated twice.

        Raises:
            InputError: if the participant has no range, or too few IDs are left.
        """
        participant = self.participant(name)
        if not participant.ranges:
            raise InputError(
                "allocation.no_range", f"Participant {name} has no ID range to allocate from."
            )
        taken = {one.eui64 for one in participant.ids}
        free = (
            eui64
            for organisation in participant.ranges
            for eui64 in organisation.range.ascending_after(
                max((one for one in taken if one in organisation.range), default=None)
            )
            if eui64 not in taken
        )
        chosen = list(islice(free, count))
        if len(chosen) < count:
            raise InputError(
                "allocation.exhausted",
                f"The ranges of {name} have {len(chosen)} IDs left, not {count}.",
                "Give the participant another organisation number.",
            )
        ids = (*participant.ids, *(AllocatedId(eui64, (role,)) for eui64 in chosen))
        changed = replace(participant, ids=tuple(sorted(ids, key=lambda one: one.eui64)))
        return replace(self, participants={**self.participants, name: changed}), chosen

    def _check_against_others(
        self, arriving: Participant, present: Mapping[str, Participant]
    ) -> None:
        own = [organisation.range for organisation in arriving.ranges]
        for number, one in enumerate(own):
            if any(one.overlaps(other) for other in own[number + 1 :]):
                raise InputError(
                    "id_range.overlap", f"Two ranges of participant {arriving.id} overlap."
                )
        for organisation in arriving.ranges:
            if organisation.entry in self.central:
                if organisation.exception is not None:
                    raise InputError(
                        "id_range.exception",
                        f"Participant {arriving.id} has a range under {organisation.entry} by"
                        " exception, which is no exception: the entry is the SEC's.",
                    )
            elif organisation.exception is None or any(
                organisation.entry.overlaps(central) for central in self.central
            ):
                raise InputError(
                    "id_range.entry",
                    f"Participant {arriving.id} has a range under {organisation.entry}, which is"
                    " no Registry Entry for User, DCC and RDP IDs.",
                    "They are listed in environments.toml; a range that test material has far"
                    " from them says why in its exception.",
                )
        for entry in arriving.registry_entries:
            if any(entry.overlaps(central) for central in self.central):
                raise InputError(
                    "registry_entry.central",
                    f"Participant {arriving.id} cannot have the Registry Entry {entry}: it is the"
                    " SEC's, and never for Devices (R11).",
                )
        for other in present.values():
            if other.id != arriving.id:
                _check_apart(arriving, other)


def _check_apart(arriving: Participant, other: Participant) -> None:
    if arriving.signifier is not None and arriving.signifier == other.signifier:
        raise InputError(
            "signifier.taken",
            f"Participant {arriving.id} cannot have the Signifier {arriving.signifier}: it is"
            f" {other.id}'s (R9).",
        )
    for mine in arriving.ranges:
        for theirs in other.ranges:
            if mine.range.overlaps(theirs.range):
                raise InputError(
                    "id_range.overlap",
                    f"The range {mine.range} of {arriving.id} overlaps {theirs.range} of"
                    f" {other.id} (R12).",
                )
    for entry in arriving.registry_entries:
        if any(entry.overlaps(taken) for taken in other.registry_entries):
            raise InputError(
                "registry_entry.taken",
                f"The Registry Entry {entry} of {arriving.id} overlaps one of {other.id}.",
            )


def _check_market_participants(participant: Participant) -> None:
    for market in participant.market_participant_ids:
        for eui64 in market.ids:
            if participant.allocated(eui64) is None:
                raise InputError(
                    "participant.market_id",
                    f"Market Participant ID {market.identifier} of {participant.id} maps to"
                    f" {eui64}, which is not allocated to it.",
                )


def _brought_up_to_date(present: Participant | None, arriving: Participant) -> Participant:
    if present is None:
        return arriving
    if (present.kind, present.signifier) != (arriving.kind, arriving.signifier):
        raise InputError(
            "participant.changed",
            f"Participant {present.id} is a {present.kind} with the Signifier"
            f" {present.signifier}; neither can change.",
        )
    if not set(present.ranges) <= set(arriving.ranges):
        raise InputError(
            "participant.changed",
            f"Participant {present.id} cannot lose a range that was allocated to it.",
        )
    ids = {one.eui64: one for one in (*present.ids, *arriving.ids)}
    return replace(arriving, ids=tuple(ids[eui64] for eui64 in sorted(ids)))
