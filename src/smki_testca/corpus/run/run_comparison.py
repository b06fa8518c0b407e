"""Compares the reports of several targets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from smki_testca.corpus.run.reports.matrix import HEADING, IMPORTANCES, REMARK, cell, stages
from smki_testca.corpus.run.reports.plain_text import MOST_LISTED, columns, wrapped
from smki_testca.errors import InputError
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.corpus.run.report import CaseResult, RunReport


@dataclass(frozen=True)
class RunComparison:
    """Reports of several targets, of one corpus and one level.

    Attributes:
        reports: one for each target.
    """

    reports: tuple[RunReport, ...]

    @classmethod
    def of(cls, reports: Sequence[RunReport], names: Sequence[str] = ()) -> RunComparison:
        """Compare reports.

        Args:
            reports: one for each target.
            names: what messages call them, such as their files; their targets by default.

        Raises:
            InputError: if they are of different levels or corpora.
        """
        named = zip(reports, names or [each.title for each in reports], strict=True)
        for (before, first), (after, second) in pairwise(named):
            for noun, value, other in (
                ("levels", before.level.value, after.level.value),
                ("corpora", before.corpus, after.corpus),
            ):
                if value != other:
                    raise InputError(
                        "corpus.report",
                        f"{first} and {second} were run at different {noun}: {value[:12]} and"
                        f" {other[:12]}.",
                        "Run one of them again.",
                    )
        return cls(tuple(reports))

    def by_case(self) -> dict[str, list[CaseResult | None]]:
        """The results of each target by case; None where its report lacks the case."""
        by_target = [{result.id: result for result in report.cases} for report in self.reports]
        ids = dict.fromkeys(case for results in by_target for case in results)
        return {case: [results.get(case) for results in by_target] for case in ids}

    def differing(self) -> dict[str, list[CaseResult | None]]:
        """The cases with which the targets that were asked did not all do the same."""
        return {
            case: results
            for case, results in self.by_case().items()
            if len({result.seen for result in results if result and result.seen}) > 1
        }

    def as_json(self) -> dict[str, Any]:
        """The comparison as a JSON object."""
        return {
            "level": self.reports[0].level.value,
            "corpus": self.reports[0].corpus,
            "targets": [_target(report) for report in self.reports],
            "cases": [
                {"id": case, "answers": [_answer(result) for result in results]}
                for case, results in self.by_case().items()
            ],
            "differing": list(self.differing()),
        }


def as_comparison_text(comparison: RunComparison) -> str:
    """The comparison in text: a table for each target, then the cases on which they differ."""
    lines: list[str] = []
    for report in comparison.reports:
        rows = [["stage", *(each.value for each in IMPORTANCES), "all"]]
        rows += [
            [
                "all" if stage is None else stage.value,
                *(str(cell(report, stage, each)) for each in (*IMPORTANCES, None)),
            ]
            for stage in (*stages([report]), None)
        ]
        lines += [*wrapped(f"{report.title}: {HEADING}"), *columns(rows), ""]
    lines += [*wrapped(REMARK), ""]
    differing = comparison.differing()
    lines.append(f"{counted(len(differing), 'case')} answered in different ways.")
    for case, results in list(differing.items())[:MOST_LISTED]:
        lines += wrapped(case, "  ")
        seen = [
            f"{report.title}: {result.seen.value}"
            for report, result in zip(comparison.reports, results, strict=True)
            if result is not None and result.seen is not None
        ]
        lines += wrapped(", ".join(seen), "      ")
    if len(differing) > MOST_LISTED:
        lines.append(f"  and {len(differing) - MOST_LISTED} more; --html FILE has all")
    return "\n".join(lines) + "\n"


def _target(report: RunReport) -> dict[str, Any]:
    summary = {outcome.value: count for outcome, count in report.summary().items()}
    return {
        "target": report.target,
        "name": report.name,
        "failed": report.failed,
        "summary": summary,
    }


def _answer(result: CaseResult | None) -> dict[str, Any] | None:
    if result is None:
        return None
    return {
        "outcome": result.outcome.value,
        "seen": None if result.seen is None else result.seen.value,
        "code": result.code,
    }
