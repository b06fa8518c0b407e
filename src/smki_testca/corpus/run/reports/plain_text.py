"""Reports in text, in lines of 80 characters at most."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage
from smki_testca.corpus.run.outcomes import CaseOutcome
from smki_testca.roles import Basis
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from smki_testca.corpus.run.report import CaseResult, RunReport

WIDTH = 80
_SHORT = {
    CaseOutcome.RIGHT: "right",
    CaseOutcome.EITHER: "either",
    CaseOutcome.RIGHT_LATE: "late",
    CaseOutcome.RIGHT_WRONG_REASON: "reason",
    CaseOutcome.WRONG: "wrong",
    CaseOutcome.WRONG_FACTS: "facts",
    CaseOutcome.KNOWN: "known",
    CaseOutcome.VACUOUS: "vacuous",
    CaseOutcome.NOT_APPLICABLE: "n/a",
}
"""The headings of the table."""
MOST_LISTED = 50
"""So many cases that fail a run are listed; the other reports have all."""


def as_text(report: RunReport) -> str:
    """The report of a run: a table of stages and outcomes, then what fails it."""
    return "\n".join([*_heading(report), "", *_table(report), *_lists(report), ""])


def _heading(report: RunReport) -> Iterator[str]:
    yield from wrapped(f"{report.title}: {counted(len(report.cases), 'case')}, {report.level}")


def _table(report: RunReport) -> list[str]:
    rows = [["stage", *_SHORT.values()]]
    for stage in Stage:
        results = [result for result in report.cases if result.stage is stage]
        if results:
            rows.append([stage.value, *_counts(results)])
    rows.append(["all", *_counts(report.cases)])
    return columns(rows)


def _counts(results: Iterable[CaseResult]) -> list[str]:
    outcomes = [result.outcome for result in results]
    return [str(outcomes.count(outcome) or "-") for outcome in _SHORT]


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _lists(report: RunReport) -> Iterator[str]:
    failed = [result for result in report.cases if result.failed]
    others = [result for result in report.cases if result.is_wrong and not result.failed]
    yield from _listed("These fail the run:", failed)
    yield from _listed(f"Wrong, of less than {report.fail_on} importance:", others)
    if report.differences:
        yield from ("", "Since the last run:")
        for difference in report.differences[:MOST_LISTED]:
            before, after = (
                "absent" if outcome is None else outcome.value
                for outcome in (difference.before, difference.after)
            )
            yield from wrapped(f"{difference.id}: {before} -> {after}", "  ")
        yield from _more(len(report.differences))
    yield ""
    if failed:
        yield f"The run fails: {counted(len(failed), 'case')} of {len(report.cases)}."
    else:
        yield "The run passes."


def _listed(heading: str, results: Sequence[CaseResult]) -> Iterator[str]:
    if not results:
        return
    yield from ("", heading)
    worst_first = sorted(results, key=lambda result: -list(Importance).index(result.importance))
    for result in worst_first[:MOST_LISTED]:
        mark = "  (assumed)" if result.basis is Basis.ASSUMED else ""
        yield from wrapped(f"{result.importance:<8}  {result.id}{mark}", "  ")
        yield from wrapped(f"{result.title}: {result.words}", " " * 12)
    yield from _more(len(results))


def _more(number: int) -> Iterator[str]:
    if number > MOST_LISTED:
        yield f"  and {number - MOST_LISTED} more; --save FILE writes all"


def wrapped(text: str, indent: str = "") -> list[str]:
    """A text in lines that fit; what has no space is cut at the edge."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if len(indent) > 2 else indent + "  ",
        break_on_hyphens=False,
    )
