"""The record of an assessment: who decided what, and whom they work for.

Every value says with ``path`` where in the file it is. Names in the file have become the values
that they name, and a name that stands for nothing was an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from smki_testca.text_files import decode
from smki_testca.toml_places import lines_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from smki_testca.assurance.period import Period
    from smki_testca.profiles.assurance_terms import DecisionTerm, PartTerm, PostTerm, Term
    from smki_testca.toml_places import KeyPath


class OrganisationKind(StrEnum):
    """The kind of an organisation in an assessment."""

    DCC = "dcc"
    DCC_SERVICE_PROVIDER = "dcc-service-provider"
    SCHEME = "scheme"
    ASSESSOR = "assessor"
    OTHER = "other"


ASSESSED = {
    OrganisationKind.DCC: "the DCC",
    OrganisationKind.DCC_SERVICE_PROVIDER: "a DCC Service Provider",
}
"""The organisations whose directors and employees may have no influence (R19), in words."""


class Outcome(StrEnum):
    """The outcome of a report (SMKI Compliance Policy 4.4, as the SEC's glossary quotes it)."""

    APPROVED = "approved"
    APPROVED_WITH_CAVEATS = "approved-with-caveats"
    NOT_APPROVED = "not-approved"

    @property
    def words(self) -> str:
        """The outcome as people write it."""
        return self.value.replace("-", " ", 1).replace("with-", "with ")


@dataclass(frozen=True, slots=True)
class Ownership:
    """An organisation's parent, for a period.

    Attributes:
        parent: the id of the organisation that owns or controls it.
    """

    parent: str
    period: Period
    path: KeyPath


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation.

    Attributes:
        period: the days on which it is of its kind, such as those of a provider's contract.
        parents: the organisations that own or control it.
    """

    id: str
    name: str
    kind: OrganisationKind
    period: Period
    parents: tuple[Ownership, ...]
    path: KeyPath


@dataclass(frozen=True, slots=True)
class Post:
    """A person's post with an organisation, for a period.

    Attributes:
        kind: such as employee or director.
        organisation: its id; None for a post without employer.
        accepted: the day on which the person agreed to begin; None if it is not recorded.
    """

    kind: PostTerm
    organisation: str | None
    period: Period
    accepted: date | None
    path: KeyPath


@dataclass(frozen=True, slots=True)
class Person:
    """A person with every post that the record has of them."""

    id: str
    name: str
    posts: tuple[Post, ...]
    path: KeyPath


@dataclass(frozen=True, slots=True)
class Seat:
    """A person's seat on the scheme's board."""

    person: str
    period: Period
    path: KeyPath


@dataclass(frozen=True, slots=True)
class Oversight:
    """The supervision, appointment or payment of a person who may take part in decisions.

    Attributes:
        of: the id of that person.
        person: the id of the person who does; None for an organisation.
        organisation: the id of the organisation that does; None for a person.
    """

    kind: Term
    of: str
    person: str | None
    organisation: str | None
    period: Period
    path: KeyPath


@dataclass(frozen=True, slots=True)
class DecisionPart:
    """A person's part in a decision."""

    person: str
    kind: PartTerm
    path: KeyPath


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision of a report."""

    id: str
    kind: DecisionTerm
    day: date
    parts: tuple[DecisionPart, ...]
    path: KeyPath

    def __str__(self) -> str:
        return f"{self.id} ({self.kind.name} of {self.day})"


@dataclass(frozen=True, slots=True)
class Recusal:
    """A person's recusal from a decision, or from the whole of a report.

    Attributes:
        decision: the id of the decision; None for every one of the report.
        day: on which the person withdrew.
        recorded: the day on which it was written down; None if that is not known.
        how: where it is recorded, such as the minutes.
    """

    person: str
    decision: str | None
    day: date
    recorded: date | None
    how: str
    path: KeyPath

    def is_of(self, decision: Decision) -> bool:
        """Whether it is from this decision."""
        return self.decision is None or self.decision == decision.id


@dataclass(frozen=True, slots=True)
class Report:
    """An SMKI Assessment Report.

    Attributes:
        outcome: the outcome; None while there is none yet.
        caveats: those with which it approves.
        failures: those of the DCC to comply that it identifies.
        completed: the day on which it was complete; None while it is not.
        to_dcc: the day on which the DCC got it; None if it is not recorded.
        to_smki_pma: the day on which the SMKI PMA got it; None if it is not recorded.
    """

    id: str
    stage: Term
    subject: str
    outcome: Outcome | None
    caveats: tuple[str, ...]
    failures: tuple[str, ...]
    completed: date | None
    to_dcc: date | None
    to_smki_pma: date | None
    decisions: tuple[Decision, ...]
    recusals: tuple[Recusal, ...]
    path: KeyPath

    @property
    def is_under_way(self) -> bool:
        """Whether it has no outcome yet, or is not complete."""
        return self.outcome is None or self.completed is None

    @property
    def state(self) -> str:
        """The outcome in words, or that it is under way."""
        return "under way" if self.is_under_way or self.outcome is None else self.outcome.words

    @property
    def outcome_decisions(self) -> list[Decision]:
        """The decisions that set the outcome."""
        return [decision for decision in self.decisions if decision.kind.stage == "outcome"]


@dataclass(frozen=True, slots=True)
class Scheme:
    """The independent assurance scheme.

    Attributes:
        organisation: the id of the organisation that it is.
        approved: the day on which the SMKI PMA approved it; None if it is not recorded.
    """

    organisation: str
    approved: date | None
    path: KeyPath


@dataclass(frozen=True)
class AssessmentRecord:
    """The whole of a record.

    Attributes:
        origin: the name of its file.
        data: its octets.
        organisations: by id.
        people: by id.
    """

    origin: str
    data: bytes = field(repr=False)
    scheme: Scheme
    organisations: Mapping[str, Organisation]
    people: Mapping[str, Person]
    board: tuple[Seat, ...]
    oversight: tuple[Oversight, ...]
    reports: tuple[Report, ...]

    @cached_property
    def seats(self) -> list[Seat]:
        """Every seat on the scheme's board, those of directors of the scheme included."""
        directors = [
            Seat(person.id, post.period, post.path)
            for person in self.people.values()
            for post in person.posts
            if post.kind.name == "director" and post.organisation == self.scheme.organisation
        ]
        return [*self.board, *directors]

    @cached_property
    def over(self) -> Mapping[str, list[Oversight]]:
        """The oversights that count, by the id of the person whom they are of."""
        over: dict[str, list[Oversight]] = {}
        for oversight in self.oversight:
            if oversight.kind.counts:
                over.setdefault(oversight.of, []).append(oversight)
        return over

    @cached_property
    def _lines(self) -> Mapping[KeyPath, int]:
        return lines_of(decode(self.data, self.origin))

    def line(self, path: KeyPath) -> int | None:
        """The line on which a key, a table or an element of an array begins, if it is found."""
        return self._lines.get(path)
