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

    def has_ended(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.end is not None and self.end < today

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


@dataclass(frozen=True, slots=True)
class AgreementChange:
    """One change in the history of an agreement, as the audit log has it.

    Attributes:
        audit: the number of the entry.
        at: when it was made, UTC, ISO 8601.
        change: ``replace``, ``end``, ``suspend`` or ``resume``.
        before: the terms that differ, as they were before, by the keys of ``Agreement.as_json``.
        after: the same terms as they were from then on.
    """

    audit: int
    at: str
    change: str
    before: dict[str, Any]
    after: dict[str, Any]

    @classmethod
    def of_entry(cls, number: int, at: str, action: str, body: dict[str, Any]) -> AgreementChange:
        """The change that an entry of the audit log records.

        Raises:
            AttributeError, LookupError, TypeError: if the body is not that of its action.
        """
        change = action.removeprefix("agreement.")
        # Of a suspension, the entry has the reference alone.
        before = body.get("before", {"suspended": change == "resume"})
        after = body.get("after", {"suspended": change == "suspend"})
        differing = [name for name in after if before.get(name) != after[name]]
        return cls(
            number,
            at,
            change,
            {name: before.get(name) for name in differing},
            {name: after[name] for name in differing},
        )

    def as_json(self) -> dict[str, Any]:
        """The change as a JSON object."""
        return {
            "audit": self.audit,
            "at": self.at,
            "change": self.change,
            "before": self.before,
            "after": self.after,
        }
