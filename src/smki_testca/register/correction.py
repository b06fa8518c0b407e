"""Corrections of what the register says of a participant: its kind, name, Signifier, ranges, IDs.

An import brings a participant up to date, and keeps what identifies it. A correction is for what
was wrong from the beginning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.register import documents
from smki_testca.register.participants import SIGNIFIED, Participant
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.identifiers import Eui64, RegistryEntry, Signifier
    from smki_testca.profiles.model import ParticipantKind
    from smki_testca.register.participants import MarketParticipantId, OrganisationRange
    from smki_testca.roles import Roles

MAX_NAME_CHARACTERS = 64
"""The longest trading name."""
_RANGE = re.compile(r"(?P<entry>[^:]+):(?P<number>[0-9A-Fa-f]+)(:(?P<bits>[0-9]{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction of a participant. What is None or empty stays as it is.

    Attributes:
        kind: with one that has no Signifier, the participant loses its Signifier, ranges and IDs.
        name: the trading name.
        signifier: in the place of the one that it has.
        ranges: in the place of all that it has; IDs outside them are withdrawn.
        withdrawn: IDs that it was not to have. A Market Participant ID that maps to no other goes
            with them.
    """

    kind: ParticipantKind | None = None
    name: str | None = None
    signifier: Signifier | None = None
    ranges: tuple[OrganisationRange, ...] = ()
    withdrawn: frozenset[Eui64] = frozenset()

    def of(self, participant: Participant, roles: Roles) -> Participant:
        """The participant as corrected.

        Raises:
            InputError: if its kind needs a Signifier or cannot have what is given, an ID to
                withdraw is not allocated to it, or the name cannot be one.
        """
        self._check_withdrawal(participant)
        kind = self.kind or participant.kind
        keeps = kind in SIGNIFIED
        ranges = self.ranges or (participant.ranges if keeps else ())
        changed = replace(
            participant,
            kind=kind,
            name=participant.name if self.name is None else _checked_name(self.name),
            signifier=self.signifier or (participant.signifier if keeps else None),
            ranges=ranges,
            ids=tuple(
                allocated
                for allocated in participant.ids
                if allocated.eui64 not in self.withdrawn
                and any(allocated.eui64 in organisation.range for organisation in ranges)
            ),
        )
        changed = replace(changed, market_participant_ids=tuple(_markets(changed, keeps=keeps)))
        # Read again as from a file: one place says what a participant of its kind must have.
        record = documents.participant_to_record(changed)
        return documents.participant_from_record(record, roles)

    def _check_withdrawal(self, participant: Participant) -> None:
        for eui64 in sorted(self.withdrawn):
            if participant.allocated(eui64) is None:
                raise InputError(
                    "participant.withdrawal",
                    f"The ID {eui64} is not allocated to {participant.id}.",
                    f"See: smki-testca register show {participant.id}",
                )


def _markets(changed: Participant, *, keeps: bool) -> Iterator[MarketParticipantId]:
    """The Market Participant IDs that still map to IDs, with those alone."""
    for market in changed.market_participant_ids:
        ids = tuple(eui64 for eui64 in market.ids if changed.allocated(eui64) is not None)
        # Without IDs it would map to all of them.
        if keeps and (ids or not market.ids):
            yield replace(market, ids=ids)


def _checked_name(name: str) -> str:
    if not name.strip() or len(name) > MAX_NAME_CHARACTERS:
        raise InputError(
            "participant.name",
            f"{shown(name)} is not a trading name, which has 1 to {MAX_NAME_CHARACTERS} characters"
            " and is not blank.",
        )
    return name


def parse_range(
    text: str, exception: str | None, central: tuple[RegistryEntry, ...]
) -> OrganisationRange:
    """Read a range: ``ENTRY:NUMBER`` or ``ENTRY:NUMBER:BITS``, such as ``90-B3-D5-1F-3:0A1``.

    Args:
        text: the Registry Entry, the organisation number in hexadecimal, and how many bits it has.
        exception: why the organisation has a range under an entry that is none of the SEC's.
        central: the SEC's entries.

    Raises:
        InputError: if it has another form, or there is no such entry or number.
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        raise InputError(
            "id_range.form",
            f"{shown(text)} is not the range of an organisation.",
            "Write the Registry Entry, the organisation number and, if it has not"
            f" {documents.DEFAULT_ORGANISATION_BITS} bits, how many: 90-B3-D5-1F-3:0A1.",
        )
    table = documents.RangeTable(
        registry_entry=match["entry"],
        organisation_number=match["number"],
        organisation_bits=int(match["bits"] or documents.DEFAULT_ORGANISATION_BITS),
    )
    parsed = documents.organisation_range(table)
    return parsed if parsed.entry in central else replace(parsed, exception=exception)
