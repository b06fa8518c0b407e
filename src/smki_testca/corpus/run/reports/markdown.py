"""Reports as Markdown, for a page or a pull request: of one run, or of several side by side."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smki_testca.corpus.run.outcomes import CaseOutcome
from smki_testca.corpus.run.report import WRONG
from smki_testca.corpus.run.reports.matrix import HEADING, IMPORTANCES, REMARK, cell, stages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from smki_testca.corpus.run.report import CaseResult, RunReport

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")


def as_markdown(reports: Sequence[RunReport]) -> str:
    """The reports of runs as Markdown: outcomes, the matrix, and what is wrong."""
    lines = [f"# {_plain(' and '.join(report.title for report in reports))}", ""]
    lines += _table(
        ("target", "level", *(outcome.value for outcome in CaseOutcome), "run"),
        (
            (
                _plain(report.title),
                report.level.value,
                *map(str, report.summary().values()),
                "fails" if report.failed else "passes",
            )
            for report in reports
        ),
    )
    for report in reports:
        lines += ["", f"## {_plain(report.title)}: {HEADING}", ""]
        lines += _table(
            ("stage", *IMPORTANCES, "all"),
            (
                (
                    "all" if stage is None else stage.value,
                    *(str(cell(report, stage, each)) for each in (*IMPORTANCES, None)),
                )
                for stage in (*stages([report]), None)
            ),
        )
    lines += ["", REMARK]
    lines += _wrong(reports)
    for report in reports:
        lines += _differences(report)
    return "\n".join(lines) + "\n"


def _wrong(reports: Sequence[RunReport]) -> Iterator[str]:
    """The cases that any target got wrong, and what each did."""
    by_target = [{result.id: result for result in report.cases} for report in reports]
    every = {result.id: result for report in reports for result in report.cases}
    rows = [
        (
            f"`{result.id}`",
            _plain(result.title),
            result.stage.value,
            result.importance.value,
            result.demand,
            *(_answer(results.get(result.id)) for results in by_target),
        )
        for result in every.values()
        if any(_matters(results.get(result.id)) for results in by_target)
    ]
    if rows:
        names = [_plain(report.title) for report in reports]
        yield from ("", "## What is wrong", "")
        yield from _table(("case", "what it is", "stage", "importance", "expected", *names), rows)


def _matters(result: CaseResult | None) -> bool:
    return result is not None and (
        result.outcome in WRONG or result.outcome is CaseOutcome.KNOWN or result.failed
    )


def _answer(result: CaseResult | None) -> str:
    if result is None:
        return "absent"
    seen = "not asked" if result.seen is None else result.seen.value
    mark = {CaseOutcome.KNOWN: " (known)", CaseOutcome.WRONG_FACTS: " (wrong facts)"}
    if result.stale:
        return f"{seen} (expected to be wrong)"
    return (
        f"**{seen}**"
        if result.outcome is CaseOutcome.WRONG
        else seen + mark.get(result.outcome, "")
    )


def _differences(report: RunReport) -> Iterator[str]:
    if not report.differences:
        return
    yield from ("", f"## {_plain(report.title)}: since the last run", "")
    yield from _table(
        ("case", "then", "now"),
        (
            (
                f"`{each.id}`",
                *(
                    "absent" if outcome is None else outcome.value
                    for outcome in (each.before, each.after)
                ),
            )
            for each in report.differences
        ),
    )


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for cells in (heading, ["---"] * len(heading), *rows):
        yield f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """A text in which nothing is markup."""
    return _SPECIAL.sub(r"\\\1", text)
