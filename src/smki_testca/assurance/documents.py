"""The schema of a record: its tables, their keys and the types of these."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec

from smki_testca.assurance.assessment_record import OrganisationKind, Outcome
from smki_testca.profiles.documents import Document

Id = Annotated[
    str,
    msgspec.Meta(
        pattern="^[a-z0-9][a-z0-9._-]{0,63}\\Z",
        extra={
            "rule": "Write up to 64 lower-case letters, digits, dots, hyphens and underscores;"
            " begin with a letter or digit."
        },
    ),
]
"""Up to 64 lower-case letters, digits, dots, hyphens and underscores."""
Line = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=200,
        pattern="[^\\W_]",
        extra={"rule": "Write at least one letter or digit."},
    ),
]
"""A text that people can read: not of blanks, nor of characters that nobody sees."""
Word = Annotated[str, msgspec.Meta(min_length=1)]
"""A term of ``assurance-terms.toml``."""


class PeriodTable(Document, frozen=True, kw_only=True):
    """Something that has a first and a last day, either of which may be missing."""

    from_: date | None = msgspec.field(default=None, name="from")
    until: date | None = None


class SchemeTable(Document, frozen=True, kw_only=True):
    """The scheme."""

    organisation: Id
    approved_by_smki_pma: date | None = None


class ParentTable(PeriodTable, frozen=True, kw_only=True):
    """A parent of an organisation."""

    organisation: Id


class OrganisationTable(PeriodTable, frozen=True, kw_only=True):
    """An organisation."""

    id: Id
    name: Line
    kind: OrganisationKind
    parent: list[ParentTable] = []


class PostTable(PeriodTable, frozen=True, kw_only=True):
    """A post of a person."""

    kind: Word
    organisation: Id | None = None
    accepted: date | None = None


class ManagerTable(PeriodTable, frozen=True, kw_only=True):
    """A line manager of a person."""

    person: Id


class PersonTable(Document, frozen=True, kw_only=True):
    """A person."""

    id: Id
    name: Line
    post: list[PostTable] = []
    reports_to: list[ManagerTable] = []


class BoardTable(PeriodTable, frozen=True, kw_only=True):
    """A seat on the scheme's board."""

    person: Id


class OversightTable(PeriodTable, frozen=True, kw_only=True):
    """The person or organisation that appointed or paid a person."""

    of: Id
    kind: Word
    person: Id | None = None
    organisation: Id | None = None


class PartTable(Document, frozen=True, kw_only=True):
    """A person's part in a decision."""

    person: Id
    how: Word


class DecisionTable(Document, frozen=True, kw_only=True):
    """A decision of a report."""

    id: Id
    kind: Word
    on: date
    part: list[PartTable] = []


class RecusalTable(Document, frozen=True, kw_only=True):
    """A recusal from a decision of a report, or from all of them."""

    person: Id
    decision: Id | None = None
    on: date
    recorded: date | None = None
    how: Line


class ReportTable(Document, frozen=True, kw_only=True):
    """A report."""

    id: Id
    stage: Word
    subject: Line
    outcome: Outcome | None = None
    caveats: list[Line] = []
    failures: list[Line] = []
    completed: date | None = None
    provided_to_dcc: date | None = None
    provided_to_smki_pma: date | None = None
    decision: list[DecisionTable] = []
    recusal: list[RecusalTable] = []


class RecordFile(Document, frozen=True, kw_only=True):
    """A record."""

    scheme: SchemeTable
    organisation: list[OrganisationTable]
    person: list[PersonTable] = []
    board: list[BoardTable] = []
    oversight: list[OversightTable] = []
    report: list[ReportTable]
