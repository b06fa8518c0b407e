"""The matrix of a report: of each stage and importance, how many cases came right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage
from smki_testca.corpus.run.outcomes import CaseOutcome
from smki_testca.corpus.run.report import UNASKED, WRONG

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.corpus.run.report import CaseResult, RunReport

IMPORTANCES = tuple(reversed(Importance))
"""The columns, the one that matters most first."""
HEADING = "wrong, known ones included, of the cases asked"
"""The meaning of the numbers in a cell."""
REMARK = (
    "The totals of two parsers may differ: a case that a parser is not asked is not counted, and"
    " one in which a certificate passes that is revoked, or whose list must be refused, counts as"
    " critical."
)
"""The reason for other totals of the same corpus in another matrix."""


@dataclass(frozen=True)
class MatrixCell:
    """The cases of one stage and importance.

    Attributes:
        asked: how many the target was asked.
        wrong: how many it got wrong, known ones included.
        unknown: how many of these the expectations do not have.
        unasked: how many it was not asked.
    """

    asked: int
    wrong: int
    unknown: int
    unasked: int

    @classmethod
    def of(cls, results: Iterable[CaseResult]) -> MatrixCell:
        """Count cases."""
        outcomes = [result.outcome for result in results]
        unasked = sum(outcome in UNASKED for outcome in outcomes)
        unknown = sum(outcome in WRONG for outcome in outcomes)
        known = outcomes.count(CaseOutcome.KNOWN)
        return cls(len(outcomes) - unasked, unknown + known, unknown, unasked)

    def __str__(self) -> str:
        if not self.asked:
            return "not asked" if self.unasked else "-"
        return f"{self.wrong} of {self.asked}"


def stages(reports: Iterable[RunReport]) -> list[Stage]:
    """The stages of the cases of some reports."""
    present = {result.stage for report in reports for result in report.cases}
    return [stage for stage in Stage if stage in present]


def cell(report: RunReport, stage: Stage | None, importance: Importance | None) -> MatrixCell:
    """The cases of a stage and an importance; None for all of them."""
    return MatrixCell.of(
        result
        for result in report.cases
        if stage in {None, result.stage} and importance in {None, result.importance}
    )
