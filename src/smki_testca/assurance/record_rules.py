"""Declares rules for records: the metadata is above the function that detects a breach."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from smki_testca.assurance.assessment_record import AssessmentRecord
    from smki_testca.assurance.breach import RecordBreach
    from smki_testca.assurance.report_evidence import ReportEvidence
    from smki_testca.lint.rule import Rule

    FindInReport = Callable[[ReportEvidence], Iterable[RecordBreach]]
    FindInRecord = Callable[[AssessmentRecord], Iterable[RecordBreach]]

SEED = "seed ch. 5 (R19)"
"""A source: what the January 2015 response concludes."""
GLOSSARY = "SMKI Compliance Policy 4.4, as the SEC's glossary quotes it"
"""A source: the text of the Stage 1 Assurance Report in the glossary of the SEC."""
ONE_DCC = "seed (R23: there is one DCC)"
"""A source: the regime has one DCC."""
NOT_READ = "not read"
"""A source: nobody here could read the rule."""


class ReportVerdict(StrEnum):
    """The verdict of a record on a report, the worst first."""

    NOT_INDEPENDENT = "not-independent"
    NOT_SHOWN = "not-shown"
    INDEPENDENT = "independent"


@dataclass(frozen=True, slots=True)
class ReportRule:
    """A rule for each report of a record.

    Attributes:
        rule: its metadata, those of the linter's rules.
        find: yields its breaches.
        tells: the verdict on a report that has an error by this rule.
    """

    rule: Rule
    find: FindInReport
    tells: ReportVerdict


@dataclass(frozen=True, slots=True)
class RecordRule:
    """A rule for a record as a whole; no verdict depends on it."""

    rule: Rule
    find: FindInRecord


REPORT_RULES: dict[str, ReportRule] = {}
"""The rules for reports, by code: all of them once ``judgement`` is imported."""
RECORD_RULES: dict[str, RecordRule] = {}
"""The rules for records, by code: all of them once ``judgement`` is imported."""


def of_report(
    rule: Rule, tells: ReportVerdict = ReportVerdict.INDEPENDENT
) -> Callable[[FindInReport], FindInReport]:
    """Declare a rule above the function that finds its breaches in a report."""

    def declare(find: FindInReport) -> FindInReport:
        REPORT_RULES[rule.code] = ReportRule(rule, find, tells)
        return find

    return declare


def of_record(
    rule: Rule,
) -> Callable[[FindInRecord], FindInRecord]:
    """Declare a rule above the function that finds its breaches in a record as a whole."""

    def declare(find: FindInRecord) -> FindInRecord:
        RECORD_RULES[rule.code] = RecordRule(rule, find)
        return find

    return declare


def rules() -> list[Rule]:
    """The metadata of every rule: those on which the worst verdicts depend come first."""
    worst_first = list(ReportVerdict)
    of_reports = sorted(
        REPORT_RULES.values(), key=lambda declared: worst_first.index(declared.tells)
    )
    return [declared.rule for declared in of_reports] + [
        declared.rule for declared in RECORD_RULES.values()
    ]
