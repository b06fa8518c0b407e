"""Testing Participants and the identifiers allocated to them (R7 to R18)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.profiles.model import ParticipantKind

if TYPE_CHECKING:
    from smki_testca.identifiers import Eui64, IdRange, RegistryEntry, Signifier
    from smki_testca.roles import RemotePartyRole, UserRole

SIGNIFIED = frozenset({ParticipantKind.PARTY, ParticipantKind.RDP, ParticipantKind.DCC})
"""The kinds of participant that have a Signifier (R8, R9)."""


@dataclass(frozen=True, slots=True)
class AllocatedId:
    """An allocated User, DCC or RDP ID, and the User Roles it serves.

    Attributes:
        eui64: allocated by the Panel.
        user_roles: stated by the participant (R13); empty until then.
    """

    eui64: Eui64
    user_roles: tuple[UserRole, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The ID as a JSON object."""
        return {
            "eui64": str(self.eui64),
            "user_roles": [role.name for role in self.user_roles],
            "user_role_codes": [role.code for role in self.user_roles],
        }


@dataclass(frozen=True, slots=True)
class MarketParticipantId:
    """An identifier under the MRA or the UNC, with its role code (R14).

    Attributes:
        scheme: ``MRA`` or ``UNC``.
        identifier: as that scheme writes it.
        role_code: as that scheme writes it.
        ids: the User IDs it maps to; empty for all User IDs of the Party.
    """

    scheme: str
    identifier: str
    role_code: str
    ids: tuple[Eui64, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The identifier as a JSON object."""
        return {
            "scheme": self.scheme,
            "identifier": self.identifier,
            "role_code": self.role_code,
            "ids": [str(eui64) for eui64 in self.ids],
        }


@dataclass(frozen=True, slots=True)
class OrganisationRange:
    """The ID range that an organisation number gives under a Registry Entry (R10, R12).

    Attributes:
        exception: why the entry is not one of the SEC's; None where it is.
    """

    entry: RegistryEntry
    organisation_number: int
    organisation_bits: int
    range: IdRange
    exception: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The range as a JSON object."""
        digits = (self.organisation_bits + 3) // 4
        return {
            "registry_entry": str(self.entry),
            "organisation_number": f"{self.organisation_number:0{digits}X}",
            "organisation_bits": self.organisation_bits,
            "first": str(self.range.first),
            "last": str(self.range.last),
            **({} if self.exception is None else {"exception": self.exception}),
        }


@dataclass(frozen=True, slots=True)
class Participant:
    """A Testing Participant (R1).

    Attributes:
        id: short name, unique in the register.
        name: the trading name.
        signifier: of a Party, an RDP or the DCC; None for the others.
        ranges: of its User, DCC or RDP IDs.
        ids: allocated to it, ascending.
        market_participant_ids: of a Party.
        registry_entries: of its Device IDs.
        exclusive_entries: those of them under which nobody else may have a Device Certificate
            (R24).
    """

    id: str
    name: str
    kind: ParticipantKind
    signifier: Signifier | None = None
    ranges: tuple[OrganisationRange, ...] = ()
    ids: tuple[AllocatedId, ...] = ()
    market_participant_ids: tuple[MarketParticipantId, ...] = ()
    registry_entries: tuple[RegistryEntry, ...] = ()
    exclusive_entries: frozenset[RegistryEntry] = frozenset()

    def can_hold(self, role: UserRole) -> bool:
        """Whether a User Role belongs to participants of this kind (R23)."""
        return role.kind == self.kind

    def serves(self, role: RemotePartyRole) -> bool:
        """Whether one of its IDs serves a User Role of its kind that holds a RemotePartyRole."""
        return any(
            each.code in role.held_by and self.can_hold(each)
            for allocated in self.ids
            for each in allocated.user_roles
        )

    def allocated(self, eui64: Eui64) -> AllocatedId | None:
        """The allocation of an ID to this participant, if there is one."""
        return next((allocation for allocation in self.ids if allocation.eui64 == eui64), None)

    def as_json(self) -> dict[str, Any]:
        """The participant as a JSON object."""
        return {
            "id": self.id,
            "name": self.name,
            "kind": self.kind.value,
            "signifier": None if self.signifier is None else self.signifier.text,
            "ranges": [organisation.as_json() for organisation in self.ranges],
            "ids": [allocation.as_json() for allocation in self.ids],
            "market_participant_ids": [market.as_json() for market in self.market_participant_ids],
            "registry_entries": [str(entry) for entry in self.registry_entries],
            **(
                {"exclusive_registry_entries": sorted(map(str, self.exclusive_entries))}
                if self.exclusive_entries
                else {}
            ),
        }
