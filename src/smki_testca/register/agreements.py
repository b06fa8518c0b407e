"""Agreements: the terms on which a participant may have Test Certificates (R1, R2, R3, R6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date


class AgreementKind(StrEnum):
    """The kinds of agreement that bind a participant."""

    SEC_ACCESSION = "sec-accession"
    RDP_ARRANGEMENT = "rdp-arrangement"
    BILATERAL = "bilateral"


@dataclass(frozen=True, slots=True)
class Agreement:
    """One agreement of one participant.

    Attributes:
        reference: unique in the register.
        participant: the id of the participant it binds.
        start: the first day in force.
        end: the last day in force; None where it has no end.
        suspended: whether it is suspended now.
        purposes: the Testing Services it covers.
        categories: the categories of Test Certificates it covers.
        environments: the test environments it covers.
        obligations: the security obligations accepted.
        remote_delivery: whether certificates may be delivered over a Gateway Connection.
    """

    reference: str
    participant: str
    kind: AgreementKind
    start: date
    end: date | None
    suspended: bool
    purposes: tuple[str, ...]
    categories: tuple[str, ...]
    environments: tuple[str, ...]
    obligations: tuple[str, ...]
    remote_delivery: bool

    def as_json(self) -> dict[str, Any]:
        """The agreement as a JSON object."""
        return {
            "reference": self.reference,
            "participant": self.participant,
            "kind": self.kind.value,
            "from": self.start.isoformat(),
            "until": None if self.end is None else self.end.isoformat(),
            "suspended": self.suspended,
            "purposes": list(self.purposes),
            "categories": list(self.categories),
            "environments": list(self.environments),
            "obligations": list(self.obligations),
            "remote_delivery": self.remote_delivery,
        }
