"""The plan of bringing an estate to what a kit says: what is added, renewed, left and different."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from smki_testca.clock import iso
from smki_testca.estate.runs import State

if TYPE_CHECKING:
    from datetime import datetime

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.status import Status
    from smki_testca.identifiers import SerialNumber
    from smki_testca.kits.comparison import KitCertificate
    from smki_testca.register.agreements import Agreement
    from smki_testca.register.participants import Participant

UNFINISHED = "unfinished"
"""The reason of a certificate that a run of an earlier application issues."""
LISTED_ADDITIONS = 10_000
"""The most additions, and the most renewals, that are listed as JSON or as a table."""


@dataclass(frozen=True, slots=True)
class KitAddition:
    """One thing that the estate lacked.

    Attributes:
        kind: ``authority``, ``participant``, ``agreement`` or ``certificate``.
        reason: ``missing``; or of a certificate, the status of what there is in its place, or
            ``unfinished`` where an earlier run issues it.
        name: of a certificate, its EUI-64, common name or system name; of others, their name.
        role: the name of its RemotePartyRole, if it has one.
        serial: of the new certificate; None in a plan, and for those of a run.
    """

    kind: str
    reason: str
    environment: str | None = None
    label: str | None = None
    profile: str | None = None
    participant: str | None = None
    name: str | None = None
    role: str | None = None
    usage: str | None = None
    serial: SerialNumber | None = None

    @classmethod
    def of_authority(cls, record: Record) -> KitAddition:
        """A CA."""
        return cls(
            "authority", "missing", record.environment, None, record.profile, name=record.label
        )

    @classmethod
    def of_participant(cls, participant: Participant) -> KitAddition:
        """A participant."""
        return cls("participant", "missing", participant=participant.id, name=participant.name)

    @classmethod
    def of_agreement(cls, agreement: Agreement) -> KitAddition:
        """An agreement."""
        return cls(
            "agreement", "missing", participant=agreement.participant, name=agreement.reference
        )

    @classmethod
    def of_certificate(cls, certificate: KitCertificate, reason: str) -> KitAddition:
        """A certificate that the kit asks for."""
        subject = certificate.subject
        texts = subject.as_json()
        eui64, role = subject.embedded_id, subject.remote_party_role
        own = ", ".join(text for key, text in texts.items() if text and key != "role")
        name = texts.get("common_name") or texts.get("system_name") or own or None
        return cls(
            "certificate",
            reason,
            certificate.environment,
            certificate.label,
            subject.profile,
            certificate.participant,
            name if eui64 is None else str(eui64),
            None if role is None else role.name,
            None if certificate.usage is None else certificate.usage.value,
        )

    def issued_as(self, serial: SerialNumber) -> KitAddition:
        """The same, with the serial number of the new certificate."""
        return replace(self, serial=serial)

    def as_json(self) -> dict[str, Any]:
        """The addition as a JSON object."""
        return {
            "kind": self.kind,
            "reason": self.reason,
            "environment": self.environment,
            "label": self.label,
            "profile": self.profile,
            "participant": self.participant,
            "name": self.name,
            "role": self.role,
            "usage": self.usage,
            "serial": None if self.serial is None else str(self.serial),
        }


@dataclass(frozen=True, slots=True)
class KitRun:
    """A run that is not complete: of an earlier application, or with certificates of the kit.

    Attributes:
        run: its id.
        state: running or interrupted.
        remaining: how many certificates it will still issue.
        asked: how many of them the kit asks for, and the estate does not have.
        resumed: whether the application completes it: an earlier application began it, and the kit
            asks for all that remains.
    """

    run: int
    state: State
    remaining: int
    asked: int
    resumed: bool

    @property
    def remedy(self) -> str:
        """The remedy where it is not resumed."""
        again = ", and apply the kit again" if self.asked else ""
        if self.state is State.RUNNING:
            return f"Wait until it is done{again}."
        return (
            f"Complete it: smki-testca batch resume {self.run}; or end it: smki-testca batch cancel"
            f" {self.run}{again}."
        )

    def as_json(self) -> dict[str, Any]:
        """The run as a JSON object."""
        return {
            "run": self.run,
            "state": self.state.value,
            "remaining": self.remaining,
            "asked": self.asked,
            "resumed": self.resumed,
            "remedy": None if self.resumed else self.remedy,
        }


@dataclass(frozen=True, slots=True)
class KitRenewal:
    """One certificate that ends soon, or has ended.

    Attributes:
        record: the certificate.
        has_ended: whether it has ended.
        successor: the serial number of its renewal; None in a plan.
    """

    record: Record
    has_ended: bool
    successor: SerialNumber | None = None

    @property
    def reason(self) -> str:
        """``due`` or ``expired``."""
        return "expired" if self.has_ended else "due"

    def as_json(self) -> dict[str, Any]:
        """The renewal as a JSON object: the record, why, and what renews it."""
        return {
            **self.record.as_json(),
            "reason": self.reason,
            "successor": None if self.successor is None else str(self.successor),
        }


@dataclass(frozen=True, slots=True)
class KitLeftover:
    """One certificate of the kit's participants that is not in the kit; it is not touched."""

    record: Record
    status: Status

    def as_json(self) -> dict[str, Any]:
        """The certificate's record, with its status."""
        return {**self.record.as_json(), "status": self.status.value}


@dataclass(frozen=True, slots=True)
class KitDifference:
    """One thing that the estate has otherwise than the kit says; it is not changed.

    Attributes:
        kind: ``participant``, ``agreement`` or ``certificate``.
        name: the participant's id, the agreement's reference, or the certificate's serial number.
        key: what differs, as ``as_json`` of the participant or agreement calls it.
        in_estate: what the estate says.
        in_kit: what the kit says; of a list, what the estate lacks of it.
        remedy: how to change it.
    """

    kind: str
    name: str
    key: str
    in_estate: Any
    in_kit: Any
    remedy: str

    def as_json(self) -> dict[str, Any]:
        """The difference as a JSON object."""
        return {
            "kind": self.kind,
            "name": self.name,
            "key": self.key,
            "estate": self.in_estate,
            "kit": self.in_kit,
            "remedy": self.remedy,
        }


@dataclass(slots=True)
class KitPlan:
    """The plan of applying a kit to an estate, or its record.

    Attributes:
        kit: the kit's name.
        before: what ends before this time was due.
        dry_run: whether nothing was done.
        leftovers_not_listed: how many leftovers there are beside those listed.
        changed: what the estate has otherwise than the kit says.
        run: the run that issues the missing Devices; None if there is none.
        unfinished: runs of earlier applications and of others that are not complete.
        warnings: what the participants should read, each line once.
    """

    kit: str
    before: datetime
    dry_run: bool
    additions: list[KitAddition] = field(default_factory=list)
    renewals: list[KitRenewal] = field(default_factory=list)
    leftovers: list[KitLeftover] = field(default_factory=list)
    leftovers_not_listed: int = 0
    changed: list[KitDifference] = field(default_factory=list)
    run: int | None = None
    unfinished: list[KitRun] = field(default_factory=list)
    warnings: dict[str, None] = field(default_factory=dict)

    @property
    def does_something(self) -> bool:
        """Whether the estate lacks anything, a certificate is due, or a run is resumed."""
        return bool(self.additions or self.renewals or self.resumed)

    @property
    def resumed(self) -> list[KitRun]:
        """The runs that the application completes."""
        return [each for each in self.unfinished if each.resumed]

    @property
    def is_short(self) -> bool:
        """Whether the estate differs from the kit afterwards, or waits for a run of others."""
        waits = any(each.asked and not each.resumed for each in self.unfinished)
        return bool(self.changed) or waits

    def as_json(self) -> dict[str, Any]:
        """The plan as a JSON object."""
        unlisted = {
            "additions": len(self.additions[LISTED_ADDITIONS:]),
            "renewals": len(self.renewals[LISTED_ADDITIONS:]),
            "leftovers": self.leftovers_not_listed,
        }
        return {
            "kit": self.kit,
            "dry_run": self.dry_run,
            "before": iso(self.before),
            "additions": [each.as_json() for each in self.additions[:LISTED_ADDITIONS]],
            "renewals": [each.as_json() for each in self.renewals[:LISTED_ADDITIONS]],
            "leftovers": [each.as_json() for each in self.leftovers],
            "changed": [each.as_json() for each in self.changed],
            "run": self.run,
            "unfinished": [each.as_json() for each in self.unfinished],
            "warnings": list(self.warnings),
            **{f"{name}_not_listed": count for name, count in unlisted.items() if count},
        }
