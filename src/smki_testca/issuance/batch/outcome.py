"""The outcome of a batch: what is issued, or would be, and why the rest is not."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from smki_testca.errors import Refusal
from smki_testca.text import counted, is_or_are

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from smki_testca.authority.csr import Remarks
    from smki_testca.estate.runs import Run
    from smki_testca.estate.terms import Terms
    from smki_testca.issuance.batch.planning import BatchPlan
    from smki_testca.issuance.batch.row_requests import RowProblem


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """The outcome of a batch.

    Attributes:
        run: the run that issues it; None if nothing is issued, or for a dry run.
        count: the number of certificates that are issued, or would be.
        rows: the number of rows that they are for; of a range, 0.
        problems: the rows that cannot be issued, each with its line and error: the first 50,000.
        problem_count: the number of all such rows.
        skipped: the lines of rows that are skipped whole, because their certificates are there.
        skipped_count: the number of certificates that are skipped.
        skipped_in_progress: how many of these are there not yet: other runs will issue them.
        retired: the number of certificates in use that the new ones retire.
        columns: the operator's own columns of the rows, in the order of their first use.
        warnings: what the participants should read, each line once: the first 1,000.
        warnings_not_listed: the number of warnings beside these.
        remarks: on the CSRs of rows that are issued, by line, where there is anything to say.
        terms: of the run, or of the run that there would be.
        is_range: whether the batch is a range of Device IDs.
    """

    run: Run | None
    count: int
    rows: int
    problems: tuple[RowProblem, ...]
    problem_count: int
    skipped: Sequence[int]
    skipped_count: int
    skipped_in_progress: int
    retired: int
    columns: tuple[str, ...]
    warnings: tuple[str, ...]
    warnings_not_listed: int
    remarks: Mapping[int, Remarks]
    terms: Terms
    is_range: bool

    @classmethod
    def of(cls, plan: BatchPlan, run: Run | None, *, is_issued: bool) -> BatchOutcome:
        """The outcome of a plan that is closed.

        Args:
            plan: of the batch.
            run: that it became, if it did.
            is_issued: whether what can be issued is, or would be.
        """
        return cls(
            run,
            plan.count if is_issued else 0,
            plan.rows if is_issued else 0,
            tuple(plan.problems),
            plan.problem_count,
            plan.skipped,
            plan.skipped_count,
            plan.skipped_in_progress,
            plan.retired if is_issued else 0,
            plan.columns,
            tuple(plan.warnings),
            plan.warnings_not_listed,
            plan.remarks,
            plan.terms(),
            plan.is_range,
        )

    def check(self) -> None:
        """Raise the first problem as an error, if there is one.

        Raises:
            SmkiTestcaError: an ``InputError`` or a ``Refusal`` whose message names the line, and
                says how many others are wrong.
        """
        if not self.problems:
            return
        first, others = self.problems[0], self.problem_count - 1
        error = first.error
        more = f" {counted(others, 'more line')} {is_or_are(others)} wrong, too." if others else ""
        message = f"Line {first.line}: {error.message}{more}"
        if isinstance(error, Refusal):
            raise Refusal((replace(error.reasons[0], reason=message), *error.reasons[1:]))
        error = copy(error)
        error.args, error.message = (message,), message
        raise error
