"""The register: all participants and agreements, with look-ups and the rules for changes.

A register is a value: each change returns a new one, so that a failure leaves the old one whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Self

from smki_testca.errors import InputError
from smki_testca.register.participants import AllocatedId
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from smki_testca.identifiers import Eui64, IdRange, RegistryEntry, Signifier
    from smki_testca.register.agreements import Agreement
    from smki_testca.register.participants import Participant
    from smki_testca.roles import UserRole


@dataclass(frozen=True, slots=True)
class Register:
    """Participants by id, agreements by reference.

    Attributes:
        central: the SEC's Registry Entries, for User, DCC and RDP IDs and never for Device IDs.
        exceptional: the ranges of organisations outside those entries.
    """

    central: tuple[RegistryEntry, ...]
    participants: Mapping[str, Participant] = field(default_factory=dict)
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    exceptional: tuple[IdRange, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        # Computed once: the gate reads it for every row of a batch.
        elsewhere = tuple(
            organisation.range
            for participant in self.participants.values()
            for organisation in participant.ranges
            if organisation.exception is not None
        )
        object.__setattr__(self, "exceptional", elsewhere)

    def participant(self, name: str) -> Participant:
        """The participant of that id.

        Raises:
            InputError: if there is none.
        """
        participant = self.participants.get(name)
        if participant is None:
            raise InputError(
                "participant.unknown",
                f"The register has no participant {shown(name)}.",
                "See: smki-testca register show",
            )
        return participant

    def agreement(self, reference: str) -> Agreement:
        """The agreement of that reference.

        Raises:
            InputError: if there is none.
        """
        agreement = self.agreements.get(reference)
        if agreement is None:
            raise InputError(
                "agreement.unknown",
                f"The register has no agreement {shown(reference)}.",
                "See: smki-testca agreement show",
            )
        return agreement

    def agreements_of(self, participant: str) -> list[Agreement]:
        """The agreements that bind a participant."""
        return [
            agreement
            for agreement in self.agreements.values()
            if agreement.participant == participant
        ]

    def holder_of_signifier(self, signifier: Signifier) -> Participant | None:
        """The Party or RDP that a Signifier identifies (R8)."""
        return self._first_participant(lambda participant: participant.signifier == signifier)

    def holder_of_id(self, eui64: Eui64) -> Participant | None:
        """The participant to which a User, DCC or RDP ID was allocated."""
        return self._first_participant(lambda participant: participant.allocated(eui64) is not None)

    def holder_of_range(self, eui64: Eui64) -> Participant | None:
        """The participant in whose range an ID lies, allocated or not."""
        return self._first_participant(
            lambda participant: any(
                eui64 in organisation.range for organisation in participant.ranges
            )
        )

    def holder_of_device_id(self, eui64: Eui64) -> Participant | None:
        """The participant under whose own Registry Entry a Device ID lies."""
        return self._first_participant(
            lambda participant: any(eui64 in entry for entry in participant.registry_entries)
        )

    def _first_participant(self, is_holder: Callable[[Participant], bool]) -> Participant | None:
        return next(filter(is_holder, self.participants.values()), None)

    def holders_of_market_participant(self, identifier: str) -> list[Participant]:
        """The Parties that a Market Participant ID identifies, in any scheme."""
        return [
            participant
            for participant in self.participants.values()
            if any(market.identifier == identifier for market in participant.market_participant_ids)
        ]

    def with_participants(self, arriving: Iterable[Participant]) -> Self:
        """The register with these participants added or updated.

        An existing participant can gain IDs and change its User Roles, name, Market
        Participant IDs and Registry Entries. It keeps every ID that was allocated, even if
        the update does not list it.

        Raises:
            InputError: for a Signifier, range or Registry Entry that another participant has,
                a Signifier or organisation number that changes, or one id given twice.
        """
        merged = dict(self.participants)
        seen: set[str] = set()
        for participant in arriving:
            if participant.id in seen:
                raise InputError(
                    "participant.twice", f"Participant {participant.id} is given twice."
                )
            seen.add(participant.id)
            self._check_against_others(participant, merged)
            merged[participant.id] = _updated(merged.get(participant.id), participant)
            _check_market_participants(merged[participant.id])
        return replace(self, participants=merged)

    def with_agreements(self, arriving: Iterable[Agreement]) -> Self:
        """The register with these agreements added; an existing one must be identical.

        Raises:
            InputError: if a reference is taken, or the participant is not in the register.
        """
        merged = dict(self.agreements)
        for agreement in arriving:
            self.participant(agreement.participant)
            if agreement.reference in merged and merged[agreement.reference] != agreement:
                raise InputError(
                    "agreement.reference",
                    f"The register has an agreement {agreement.reference} with other terms.",
                    "Give the new agreement another reference.",
                )
            merged[agreement.reference] = agreement
        return replace(self, agreements=merged)

    def with_suspension(self, reference: str, *, suspended: bool) -> Self:
        """The register with an agreement suspended or resumed.

        Raises:
            InputError: if there is no such agreement, or it is in that state already.
        """
        agreement = self.agreement(reference)
        if agreement.suspended == suspended:
            state = "suspended" if suspended else "not suspended"
            raise InputError("agreement.state", f"Agreement {reference} is {state} already.")
        changed = replace(agreement, suspended=suspended)
        return replace(self, agreements={**self.agreements, reference: changed})

    def allocate(self, name: str, role: UserRole, count: int) -> tuple[Self, list[Eui64]]:
        """Allocate the next IDs of a participant's ranges and map them to a User Role.

        Allocation continues after the highest allocated ID, ascending; at the end of a range
        it takes the unused IDs before it. An ID is never allocated twice.

        Raises:
            InputError: if the participant has no range, or too few IDs are left.
        """
        participant = self.participant(name)
        if not participant.ranges:
            raise InputError(
                "allocation.no_range", f"Participant {name} has no ID range to allocate from."
            )
        taken = {allocation.eui64 for allocation in participant.ids}
        free = (
            eui64
            for organisation in participant.ranges
            for eui64 in organisation.range.ascending_after(
                max((known for known in taken if known in organisation.range), default=None)
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
        changed = replace(
            participant, ids=tuple(sorted(ids, key=lambda allocation: allocation.eui64))
        )
        return replace(self, participants={**self.participants, name: changed}), chosen

    def _check_against_others(
        self, arriving: Participant, present: Mapping[str, Participant]
    ) -> None:
        ranges = [organisation.range for organisation in arriving.ranges]
        for number, id_range in enumerate(ranges):
            if any(id_range.overlaps(other) for other in ranges[number + 1 :]):
                raise InputError(
                    "id_range.overlap", f"Two ranges of participant {arriving.id} overlap."
                )
        for organisation in arriving.ranges:
            if organisation.entry in self.central:
                if organisation.exception is not None:
                    raise InputError(
                        "id_range.exception",
                        f"Participant {arriving.id} has a range under {organisation.entry} by"
                        " exception, but the entry is the SEC's.",
                        "Leave the exception out.",
                    )
            elif organisation.exception is None or any(
                organisation.entry.overlaps(central) for central in self.central
            ):
                raise InputError(
                    "id_range.entry",
                    f"Participant {arriving.id} has a range under {organisation.entry}, which is"
                    " not a Registry Entry for User, DCC and RDP IDs.",
                    "Use an entry of environments.toml, or state the reason as exception.",
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
                _check_disjoint(arriving, other)


def _check_disjoint(arriving: Participant, other: Participant) -> None:
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


def _updated(present: Participant | None, arriving: Participant) -> Participant:
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
    ids = {allocation.eui64: allocation for allocation in (*present.ids, *arriving.ids)}
    return replace(arriving, ids=tuple(ids[eui64] for eui64 in sorted(ids)))
