"""The keys of ``requirements.toml``, and their types."""

from __future__ import annotations

from smki_testca.profiles.documents import Document, NonEmpty, SourcedTable


class RequirementTable(SourcedTable, frozen=True, kw_only=True):
    """A requirement: a rule of the regime, or a statement of the Government's response."""

    id: NonEmpty
    chapter: NonEmpty
    summary: NonEmpty
    rules: list[NonEmpty] = []
    enforced_in: list[NonEmpty] = []
    tests: list[NonEmpty] = []
    codes: list[NonEmpty] = []
    warnings: list[NonEmpty] = []
    nothing_to_enforce: str = ""


class RequirementsFile(Document, frozen=True):
    """``requirements.toml``."""

    requirement: list[RequirementTable]
