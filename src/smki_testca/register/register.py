"""The register: all participants and agreements, with look-ups and the rules for changes.

A register is a value: each change returns a new one, so that a failure leaves the old one whole.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Self

from smki_testca.errors import AlreadySoError, InputError
from smki_testca.profiles.model import ParticipantKind
from smki_testca.register.blocks import Block, Blocks
from smki_testca.register.participants import AllocatedId
from smki_testca.register.rules import check_binding, check_kind, check_participant
from smki_testca.text import counted, shown
from smki_testca.toml_places import below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date

    from smki_testca.identifiers import Eui64, IdRange, RegistryEntry, Signifier
    from smki_testca.register.agreements import Agreement
    from smki_testca.register.participants import Participant
    from smki_testca.roles import UserRole


@dataclass(frozen=True)
class Register:
    """Participants by id, agreements by reference.

    What it is asked for often is indexed when it is first asked for.

    Attributes:
        central: the SEC's Registry Entries, for User, DCC and RDP IDs and never for Device IDs.
    """

    central: tuple[RegistryEntry, ...]
    participants: Mapping[str, Participant] = field(default_factory=dict)
    agreements: Mapping[str, Agreement] = field(default_factory=dict)

    @cached_property
    def exceptional(self) -> tuple[IdRange, ...]:
        """The ranges of organisations outside the SEC's entries."""
        return tuple(
            organisation.range
            for participant in self.participants.values()
            for organisation in participant.ranges
            if organisation.exception is not None
        )

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
        return list(self._agreements_by_participant.get(participant, ()))

    @cached_property
    def _agreements_by_participant(self) -> dict[str, list[Agreement]]:
        bound: dict[str, list[Agreement]] = {}
        for agreement in self.agreements.values():
            bound.setdefault(agreement.participant, []).append(agreement)
        return bound

    def holder_of_signifier(self, signifier: Signifier) -> Participant | None:
        """The Party or RDP that a Signifier identifies (R8)."""
        return self._named(self._signifiers.get(signifier))

    def holder_of_id(self, eui64: Eui64) -> Participant | None:
        """The participant to which a User, DCC or RDP ID was allocated."""
        return self._named(self._allocations.get(eui64))

    def holder_of_range(self, eui64: Eui64) -> Participant | None:
        """The participant in whose range an ID lies, allocated or not."""
        return self._named(self._exclusive_entries.ranges.holder(eui64))

    def holder_of_device_id(self, eui64: Eui64) -> Participant | None:
        """The participant under whose own Registry Entry a Device ID lies."""
        return self._named(self._exclusive_entries.entries.holder(eui64))

    def device_entries_of_others(
        self, ids: IdRange, participant: Participant
    ) -> list[tuple[Participant, RegistryEntry]]:
        """Other participants' Registry Entries that share an ID with a range, and whose each is."""
        for own in participant.registry_entries:
            if ids.first in own and ids.last in own:
                return []
        return [
            (self.participants[holder], block.entry)
            for block, holder in self._exclusive_entries.entries.in_range(ids)
            if holder != participant.id
        ]

    @cached_property
    def dccs(self) -> tuple[str, ...]:
        """The participants of kind dcc; an earlier version took more than one (R23)."""
        kinds = {name: participant.kind for name, participant in self.participants.items()}
        return tuple(sorted(name for name in kinds if kinds[name] is ParticipantKind.DCC))

    def _named(self, name: str | None) -> Participant | None:
        return None if name is None else self.participants[name]

    @cached_property
    def _signifiers(self) -> dict[Signifier, str]:
        return {
            participant.signifier: participant.id
            for participant in self.participants.values()
            if participant.signifier is not None
        }

    @cached_property
    def _allocations(self) -> dict[Eui64, str]:
        return {
            allocated.eui64: participant.id
            for participant in self.participants.values()
            for allocated in participant.ids
        }

    @cached_property
    def _exclusive_entries(self) -> _ExclusiveEntries:
        return _ExclusiveEntries(self.participants.values())

    def holders_of_market_participant(self, identifier: str) -> list[Participant]:
        """The Parties that a Market Participant ID identifies, in any scheme."""
        return [
            participant
            for participant in self.participants.values()
            if any(market.identifier == identifier for market in participant.market_participant_ids)
        ]

    def with_participants(
        self, arriving: Iterable[Participant], known: Mapping[str, Participant] | None = None
    ) -> Self:
        """The register with these participants added or updated.

        An existing participant can gain IDs and change its User Roles, name, Market
        Participant IDs and Registry Entries. It keeps every ID that was allocated, even if
        the update does not list it.

        Args:
            arriving: the participants.
            known: those that there were; what an earlier version took of them may stay. By
                default those of the register.

        Raises:
            InputError: for a Signifier, range, Registry Entry or Market Participant ID that
                another participant has, a range in another's exclusive Registry Entry, a second
                DCC, a Signifier or organisation number that changes, one id given twice, or a
                participant that breaks a rule of its own. It has the
                key path in a file of these participants.
        """
        known = self.participants if known is None else known
        merged = dict(self.participants)
        # Its own, because it changes with each participant that arrives.
        exclusive = _ExclusiveEntries(merged.values())
        seen: set[str] = set()
        for place, participant in enumerate(arriving):
            with below("participant", place):
                if participant.id in seen:
                    raise InputError(
                        "participant.twice", f"Participant {participant.id} is given twice."
                    ).at("id")
                seen.add(participant.id)
                check_participant(participant)
                self._check_entries(participant)
                exclusive.check(participant, known.get(participant.id))
                before = merged.get(participant.id)
                merged[participant.id] = _updated(before, participant)
                exclusive.replace(before, merged[participant.id])
                _check_market_participants(merged[participant.id])
        return replace(self, participants=merged)

    def with_correction(self, participant: Participant) -> Self:
        """The register with a participant in the place of that with the same id.

        Raises:
            InputError: for whatever would be refused of a participant that is new.
        """
        return self.without(participant.id).with_participants([participant], self.participants)

    def without(self, name: str) -> Self:
        """The register without a participant. Its agreements stay.

        Raises:
            InputError: if there is none of that id.
        """
        removed = self.participant(name)
        others = {
            participant.id: participant
            for participant in self.participants.values()
            if participant is not removed
        }
        return replace(self, participants=others)

    def with_agreements(self, arriving: Iterable[Agreement]) -> Self:
        """The register with these agreements added; an existing one must be identical.

        Raises:
            InputError: if a reference is taken, or the participant is not in the register or of
                a kind that the agreement does not bind. It has the key path in a file of these
                agreements.
        """
        merged = dict(self.agreements)
        for place, agreement in enumerate(arriving):
            with below("agreement", place):
                with below("participant"):
                    participant = self.participant(agreement.participant)
                if merged.get(agreement.reference) == agreement:
                    continue
                check_binding(agreement, participant)
                if agreement.reference in merged:
                    raise InputError(
                        "agreement.reference",
                        f"The register has an agreement {agreement.reference} with other terms.",
                        "Replace it: smki-testca agreement replace FILE; or give the new agreement"
                        " another reference.",
                    ).at("reference")
                merged[agreement.reference] = agreement
        return replace(self, agreements=merged)

    def with_suspension(self, reference: str, *, suspended: bool) -> Self:
        """The register with an agreement suspended or resumed.

        Raises:
            InputError: if there is no such agreement, or it is in that state already.
        """
        agreement = self.agreement(reference)
        if agreement.suspended == suspended:
            state = "suspended already" if suspended else "not suspended"
            raise AlreadySoError("agreement.state", f"Agreement {reference} is {state}.")
        changed = replace(agreement, suspended=suspended)
        return replace(self, agreements={**self.agreements, reference: changed})

    def with_replacement(self, agreement: Agreement) -> Self:
        """The register with an agreement in the place of that with the same reference.

        One that is suspended stays suspended.

        Raises:
            InputError: if there is none of that reference, it binds another participant, or is of
                a kind that does not bind it. It has the key path in the agreement's table.
        """
        with below("reference"):
            before = self.agreement(agreement.reference)
        if agreement.participant != before.participant:
            raise InputError(
                "agreement.participant",
                f"Agreement {before.reference} binds {before.participant}; a replacement cannot"
                f" bind {agreement.participant}.",
                "Give the other participant's agreement another reference, and add it:"
                " smki-testca agreement add FILE",
            ).at("participant")
        check_binding(agreement, self.participant(agreement.participant))
        changed = replace(agreement, suspended=agreement.suspended or before.suspended)
        return replace(self, agreements={**self.agreements, before.reference: changed})

    def with_end(self, reference: str, last: date) -> Self:
        """The register with an agreement that is in force up to a day, and no longer.

        Raises:
            InputError: if there is no such agreement, it begins later, or it ends by then already.
        """
        agreement = self.agreement(reference)
        if last < agreement.start:
            raise InputError(
                "agreement.dates",
                f"Agreement {reference} cannot end on {last}, before it begins on"
                f" {agreement.start}.",
            )
        if agreement.end is not None and agreement.end <= last:
            # An earlier end is another state than the one asked for.
            kind = AlreadySoError if agreement.end == last else InputError
            raise kind(
                "agreement.state",
                f"Agreement {reference} ends on {agreement.end} already.",
                "To prolong it: smki-testca agreement replace FILE",
            )
        changed = replace(agreement, end=last)
        return replace(self, agreements={**self.agreements, reference: changed})

    def with_allocation(self, name: str, role: UserRole, eui64: Eui64) -> Self:
        """The register with one ID of a participant's ranges allocated, for a User Role.

        Raises:
            InputError: if the ID lies outside its ranges or is allocated already, or the User
                Role belongs to another kind of participant.
        """
        participant = self.participant(name)
        if not any(eui64 in organisation.range for organisation in participant.ranges):
            raise InputError(
                "allocation.outside_range",
                f"The ID {eui64} lies outside the ranges of {name} (R12).",
                "See its ranges: smki-testca --json register show " + name,
            )
        if participant.allocated(eui64) is not None:
            raise InputError(
                "allocation.taken",
                f"The ID {eui64} is allocated to {name} already.",
                "To change its User Roles: smki-testca register import FILE",
            )
        return self._allocated(participant, role, [eui64])

    def allocate(
        self,
        name: str,
        role: UserRole,
        count: int,
        is_spent: Callable[[Eui64], bool] = lambda _: False,
    ) -> tuple[Self, list[Eui64]]:
        """Allocate the next IDs of a participant's ranges and map them to a User Role.

        Allocation continues after the highest allocated ID, ascending; at the end of a range
        it takes the unused IDs before it. An ID for which a certificate was issued is spent: it
        is never allocated again.

        Args:
            name: of the participant.
            role: that the IDs will serve.
            count: how many IDs.
            is_spent: whether a certificate was issued for an ID that is not allocated.

        Raises:
            InputError: if the User Role belongs to another kind of participant, the participant
                has no range, or too few IDs are left.
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
            if eui64 not in taken and not is_spent(eui64)
        )
        chosen = list(islice(free, count))
        if len(chosen) < count:
            raise InputError(
                "allocation.exhausted",
                f"The ranges of {name} have {counted(len(chosen), 'ID')} left, not {count}.",
                "Give the participant another organisation number.",
            )
        return self._allocated(participant, role, chosen), chosen

    def _allocated(self, participant: Participant, role: UserRole, chosen: list[Eui64]) -> Self:
        """The register with IDs that are free allocated to a participant, for a User Role."""
        check_kind(participant, role)
        ids = (*participant.ids, *(AllocatedId(eui64, (role,)) for eui64 in chosen))
        changed = replace(
            participant, ids=tuple(sorted(ids, key=lambda allocation: allocation.eui64))
        )
        return replace(self, participants={**self.participants, participant.id: changed})

    def _check_entries(self, arriving: Participant) -> None:
        """Check the entries of a participant against the SEC's, and its ranges with each other."""
        in_order = sorted(
            ((organisation.range, place) for place, organisation in enumerate(arriving.ranges)),
            key=lambda each: each[0].first,
        )
        for (preceding, place_of_one), (following, place) in pairwise(in_order):
            if preceding.overlaps(following):
                raise InputError(
                    "id_range.overlap", f"Two ranges of participant {arriving.id} overlap."
                ).at("ranges", max(place_of_one, place))
        for place, organisation in enumerate(arriving.ranges):
            if organisation.entry in self.central:
                if organisation.exception is not None:
                    raise InputError(
                        "id_range.exception",
                        f"Participant {arriving.id} has a range under {organisation.entry} by"
                        " exception, but the entry is the SEC's.",
                        "Leave the exception out.",
                    ).at("ranges", place, "exception")
            elif organisation.exception is None or any(
                organisation.entry.overlaps(central) for central in self.central
            ):
                raise InputError(
                    "id_range.entry",
                    f"Participant {arriving.id} has a range under {organisation.entry}, which is"
                    " not a Registry Entry for User, DCC and RDP IDs.",
                    "Use an entry of environments.toml, or state the reason as exception.",
                ).at("ranges", place, "registry-entry")
        for place, entry in enumerate(arriving.registry_entries):
            if any(entry.overlaps(central) for central in self.central):
                raise InputError(
                    "registry_entry.central",
                    f"Participant {arriving.id} cannot have the Registry Entry {entry}: it is the"
                    " SEC's, and never for Devices (R11).",
                ).at("registry-entries", place)


class _ExclusiveEntries:
    """The entries that only one participant may have: Signifiers, ranges and the like.

    Attributes:
        ranges: of organisations, with the participants' ids.
        entries: the Registry Entries of Device IDs, with the participants' ids.
    """

    def __init__(self, participants: Iterable[Participant]) -> None:
        self.ranges = Blocks()
        self.entries = Blocks()
        self._signifiers: dict[Signifier, str] = {}
        self._market_participants: dict[tuple[str, str], str] = {}
        self._exclusive: set[Block] = set()
        self._dccs: set[str] = set()
        for participant in participants:
            self.replace(None, participant)

    def replace(self, before: Participant | None, after: Participant) -> None:
        """Take what a participant had, and give it what it has now."""
        if before is not None:
            self.ranges.remove(map(Block.of_organisation, before.ranges))
            self.entries.remove(map(Block.of_entry, before.registry_entries))
            self._exclusive -= set(map(Block.of_entry, before.exclusive_entries))
            self._dccs.discard(before.id)
            for market in before.market_participant_ids:
                key = (market.scheme, market.identifier)
                if self._market_participants.get(key) == before.id:
                    del self._market_participants[key]
        self.ranges.add(map(Block.of_organisation, after.ranges), after.id)
        self.entries.add(map(Block.of_entry, after.registry_entries), after.id)
        self._exclusive |= set(map(Block.of_entry, after.exclusive_entries))
        if after.signifier is not None:
            self._signifiers[after.signifier] = after.id
        for market in after.market_participant_ids:
            self._market_participants[market.scheme, market.identifier] = after.id
        if after.kind is ParticipantKind.DCC:
            self._dccs.add(after.id)

    def check(self, arriving: Participant, known: Participant | None) -> None:
        """Check that nobody else has what a participant arrives with.

        An earlier version took ranges in an exclusive Registry Entry of another's: those that a
        participant is known to have may stay.

        Raises:
            InputError: naming what, and who has it.
        """
        signifier = arriving.signifier
        holder = None if signifier is None else self._signifiers.get(signifier)
        if holder not in {None, arriving.id}:
            raise InputError(
                "signifier.taken",
                f"Participant {arriving.id} cannot have the Signifier {signifier}: it is"
                f" {holder}'s (R9).",
            ).at("signifier")
        other_dcc = min(self._dccs - {arriving.id}, default=None)
        if arriving.kind is ParticipantKind.DCC and other_dcc is not None:
            raise InputError(
                "participant.dcc",
                f"Participant {arriving.id} cannot be the DCC: {other_dcc} is, and there is one"
                " DCC (R23).",
                f"Give the IDs to {other_dcc}, or register {arriving.id} as of another kind.",
            ).at("kind")
        for place, market in enumerate(arriving.market_participant_ids):
            other = self._market_participants.get((market.scheme, market.identifier), arriving.id)
            if other != arriving.id:
                raise InputError(
                    "participant.market_taken",
                    f"Participant {arriving.id} cannot have the Market Participant ID"
                    f" {market.identifier} ({market.scheme}): it is {other}'s (R14).",
                ).at("market-participant-ids", place, "identifier")
        for place, organisation in enumerate(arriving.ranges):
            taken = self.ranges.overlapping(Block.of_organisation(organisation), arriving.id)
            if taken is not None:
                raise InputError(
                    "id_range.overlap",
                    f"The range {organisation.range} of {arriving.id} overlaps"
                    f" {taken[0].range} of {taken[1]} (R12).",
                ).at("ranges", place)
        for place, entry in enumerate(arriving.registry_entries):
            taken = self.entries.overlapping(Block.of_entry(entry), arriving.id)
            if taken is not None:
                raise InputError(
                    "registry_entry.taken",
                    f"The Registry Entry {entry} of {arriving.id} overlaps one of {taken[1]}.",
                ).at("registry-entries", place)
        self._check_apart(arriving, known)

    def _check_apart(self, arriving: Participant, known: Participant | None) -> None:
        """Check that nobody's range lies in an entry that another keeps to itself (R11, R24).

        Ranges by exception may lie among the Device IDs of others: such are published.
        """
        ranges = () if known is None else known.ranges
        for place, organisation in enumerate(arriving.ranges):
            for block, holder in self.entries.in_range(organisation.range):
                exclusive = block in self._exclusive and holder != arriving.id
                if exclusive and organisation not in ranges:
                    raise InputError(
                        "id_range.in_exclusive_entry",
                        f"Participant {arriving.id} cannot have the range {organisation.range}: it"
                        f" lies in the Registry Entry {block.entry} of {holder}, which is"
                        " exclusive (R24).",
                        "Give it a range under another entry.",
                    ).at("ranges", place)
        exclusive_before = frozenset() if known is None else known.exclusive_entries
        for entry in sorted(arriving.exclusive_entries - exclusive_before, key=str):
            place = arriving.registry_entries.index(entry)
            taken = self.ranges.overlapping(Block.of_entry(entry), arriving.id)
            if taken is not None:
                raise InputError(
                    "id_range.in_exclusive_entry",
                    f"The Registry Entry {entry} of {arriving.id} cannot be exclusive: the range"
                    f" {taken[0].range} in it is {taken[1]}'s (R24).",
                    f"If the range is wrong: smki-testca register correct {taken[1]} --range"
                    " ENTRY:NUMBER",
                ).at("registry-entries", place)


def _check_market_participants(participant: Participant) -> None:
    allocated = {allocation.eui64 for allocation in participant.ids}
    for place, market in enumerate(participant.market_participant_ids):
        for place_of_id, eui64 in enumerate(market.ids):
            if eui64 not in allocated:
                raise InputError(
                    "participant.market_id",
                    f"Market Participant ID {market.identifier} of {participant.id} maps to"
                    f" {eui64}, which is not allocated to it.",
                ).at("market-participant-ids", place, "ids", place_of_id)


def _updated(present: Participant | None, arriving: Participant) -> Participant:
    if present is None:
        return arriving
    if (present.kind, present.signifier) != (arriving.kind, arriving.signifier):
        raise InputError(
            "participant.changed",
            f"Participant {present.id} is registered as {_in_words(present)}, and was to become"
            f" {_in_words(arriving)}; an import does not change that.",
            "If it was wrong: smki-testca register correct"
            f" {present.id}{_options_that_make(present, arriving)}",
        ).at("kind" if present.kind != arriving.kind else "signifier")
    if not set(present.ranges) <= set(arriving.ranges):
        raise InputError(
            "participant.changed",
            f"Participant {present.id} cannot lose a range that was allocated to it.",
            f"If it was wrong: smki-testca register correct {present.id} --range ENTRY:NUMBER",
        ).at("ranges" if arriving.ranges else "id")
    ids = {allocation.eui64: allocation for allocation in (*present.ids, *arriving.ids)}
    return replace(arriving, ids=tuple(ids[eui64] for eui64 in sorted(ids)))


def _in_words(participant: Participant) -> str:
    """The kind and the Signifier of a participant."""
    signifier = participant.signifier
    having = "without a Signifier" if signifier is None else f"with the Signifier {signifier}"
    return f"of kind {participant.kind} {having}"


def _options_that_make(present: Participant, arriving: Participant) -> str:
    """The options that give a participant the kind and the Signifier that it arrives with."""
    options = "" if present.kind is arriving.kind else f" --kind {arriving.kind}"
    # A kind without a Signifier loses it by itself.
    if arriving.signifier not in {None, present.signifier}:
        options += f" --signifier {shlex.quote(str(arriving.signifier))}"
    return options
