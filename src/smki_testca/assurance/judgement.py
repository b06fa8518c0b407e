"""Judges a record: its verdict on each report, and what is wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from heapq import nsmallest
from typing import TYPE_CHECKING, Any

# Each of these two modules declares its rules when it is imported.
from smki_testca.assurance import consistency, independence
from smki_testca.assurance.breach import RecordBreach
from smki_testca.assurance.record_finding import RecordFinding
from smki_testca.assurance.record_rules import RECORD_RULES, REPORT_RULES, ReportVerdict
from smki_testca.assurance.report_evidence import ReportEvidence
from smki_testca.assurance.severities import least, least_known
from smki_testca.assurance.ties import Ties
from smki_testca.lint.linted import Linted
from smki_testca.profiles.model import SEVERITY_RANK, Severity
from smki_testca.roles import Basis
from smki_testca.text import counted
from smki_testca.toml_places import dotted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from smki_testca.assurance.assessment_record import AssessmentRecord, Report
    from smki_testca.lint.rule import Rule
    from smki_testca.profiles.assurance_terms import AssuranceTerms, Term

DECLARING = (independence, consistency)
"""The modules that declare rules."""
RECORD_KIND = "assurance-record"
"""The kind of document that a record as a whole is in a report of the linter."""
REPORT_KIND = "smki-assessment-report"
"""The kind of document that one of its reports is."""
INDEPENDENCE = "independence."
"""The start of the codes of the rules of independence."""
RULE = "R19"
"""The rule of the regime that the rules of independence enforce."""

MOST_OF_A_RULE = 1_000
"""The most findings of a rule, in a whole record; a further one tells how many are left out."""


@dataclass(frozen=True, slots=True)
class JudgedReport:
    """One report, judged.

    Attributes:
        report: the report.
        verdict: what the record shows of it.
        findings: in the order of a report of the linter: the gravest first.
        counts: of all findings of each severity, those that are left out included.
    """

    report: Report
    verdict: ReportVerdict
    findings: tuple[RecordFinding, ...]
    counts: Mapping[Severity, int]

    def count(self, severity: Severity) -> int:
        """The number of findings of a severity, those that are left out included."""
        return self.counts.get(severity, 0)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        report = self.report
        name = f"The SMKI Assessment Report {report.id} ({report.stage.name}, "
        name += f"{report.state})"
        if self.verdict is ReportVerdict.NOT_INDEPENDENT:
            return f"{name} was not independent: {counted(self.count(Severity.ERROR), 'error')}."
        if self.verdict is ReportVerdict.NOT_SHOWN:
            errors = counted(self.count(Severity.ERROR), "error")
            yet = " yet" if report.is_under_way else ""
            return f"{name} cannot be shown to be independent{yet}: {errors}."
        doubts = [counted(self.count(Severity.WARNING), "warning")]
        if any(notice.code.startswith(INDEPENDENCE) for notice in self._notices):
            doubts.append(counted(self.count(Severity.NOTICE), "notice"))
        elif not self.count(Severity.WARNING):
            return f"{name} was independent."
        remarks = " and ".join(doubt for doubt in doubts if not doubt.startswith("0 "))
        return f"{name} was independent as far as is specified: {remarks}."

    @property
    def _notices(self) -> list[RecordFinding]:
        return [finding for finding in self.findings if finding.severity is Severity.NOTICE]

    def as_json(self) -> dict[str, Any]:
        """The verdict as a JSON object; the findings are with the files."""
        return {
            "report": self.report.id,
            "stage": self.report.stage.name,
            "outcome": None if self.report.outcome is None else self.report.outcome.value,
            "verdict": self.verdict.value,
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts of a record on its reports.

    Attributes:
        record: the record.
        reports: its reports, in the order of the record.
        findings: those that concern the record as a whole.
        by_shipped_terms: whether what counts is as shipped, and no operator changed it.
    """

    record: AssessmentRecord
    reports: tuple[JudgedReport, ...]
    findings: tuple[RecordFinding, ...]
    by_shipped_terms: bool = True

    @property
    def terms(self) -> str:
        """``shipped``, or ``changed`` where what counts is not as shipped."""
        return "shipped" if self.by_shipped_terms else "changed"

    @property
    def verdict(self) -> ReportVerdict:
        """The worst verdict on a report."""
        worst_first = list(ReportVerdict)
        return min((report.verdict for report in self.reports), key=worst_first.index)

    @property
    def sentence(self) -> str:
        """The verdict on all reports in one sentence."""
        if len(self.reports) == 1:
            return self.reports[0].sentence
        counts = Counter(report.verdict for report in self.reports)
        independent, not_independent = (
            f"{counts[verdict]} {'was' if counts[verdict] == 1 else 'were'}"
            for verdict in (ReportVerdict.INDEPENDENT, ReportVerdict.NOT_INDEPENDENT)
        )
        return (
            f"Of {len(self.reports)} SMKI Assessment Reports, {independent} independent,"
            f" {not_independent} not, and {counts[ReportVerdict.NOT_SHOWN]} cannot be shown to be."
        )

    @property
    def documents(self) -> list[Linted]:
        """The record and each report with their findings, as reports of the linter take them."""
        scheme = self.record.organisations[self.record.scheme.organisation].name
        whole = Linted(self.record.origin, 0, RECORD_KIND, scheme, self.findings)
        return [
            whole,
            *(
                Linted(
                    self.record.origin,
                    number,
                    REPORT_KIND,
                    f"{report.report.stage.name}, {report.report.state}: {report.verdict}",
                    report.findings,
                    name=report.report.id,
                )
                for number, report in enumerate(self.reports, 1)
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """The verdicts as a JSON object."""
        return {
            "verdict": self.verdict.value,
            "sentence": self.sentence,
            "terms": self.terms,
            "reports": [report.as_json() for report in self.reports],
        }


def judge(
    record: AssessmentRecord, terms: AssuranceTerms, *, by_shipped_terms: bool = True
) -> Judgement:
    """Judge every report of a record.

    Args:
        record: the record.
        terms: what counts, and how well that is known.
        by_shipped_terms: whether these are as shipped, for reports to say so.
    """
    ties, listed_by_code = Ties(record, terms), Counter[str]()
    reports = tuple(
        _judge_report(ReportEvidence(record, report, terms, ties), listed_by_code)
        for report in record.reports
    )
    findings = [
        finding
        for rule in RECORD_RULES.values()
        for finding in _listed_findings(
            record, None, rule.rule, rule.find(record), Counter(), listed_by_code
        )
    ]
    return Judgement(record, reports, tuple(findings), by_shipped_terms)


def _judge_report(evidence: ReportEvidence, listed_by_code: Counter[str]) -> JudgedReport:
    findings: list[RecordFinding] = []
    verdicts = {ReportVerdict.INDEPENDENT}
    counts: Counter[Severity] = Counter()
    for rule in REPORT_RULES.values():
        of_rule: Counter[Severity] = Counter()
        breaches = rule.find(evidence)
        findings += _listed_findings(
            evidence.record, evidence.report, rule.rule, breaches, of_rule, listed_by_code
        )
        if of_rule[Severity.ERROR]:
            verdicts.add(rule.tells)
        counts += of_rule
    verdict = next(verdict for verdict in ReportVerdict if verdict in verdicts)
    findings.sort(key=lambda finding: SEVERITY_RANK[finding.severity])
    return JudgedReport(evidence.report, verdict, tuple(findings), counts)


def _listed_findings(
    record: AssessmentRecord,
    report: Report | None,
    rule: Rule,
    breaches: Iterable[RecordBreach],
    counts: Counter[Severity],
    listed_by_code: Counter[str],
) -> list[RecordFinding]:
    """The findings of a rule, the gravest first: as many as are listed, and one for the others.

    Args:
        record: that is judged.
        report: that the breaches are of; None for the record as a whole.
        rule: the rule.
        breaches: of it, in any order; they are looked at once and not kept.
        counts: is added to: all of them, by severity.
        listed_by_code: is added to: how many findings of each rule the whole record has.
    """

    def counted_one(breach: RecordBreach) -> tuple[object, ...]:
        severity = _evidence_of(rule, breach.grounds)[0]
        counts[severity] += 1
        return (SEVERITY_RANK[severity], *_order(breach))

    listable = max(MOST_OF_A_RULE - listed_by_code[rule.code], 0)
    # With one more, the gravest of those that are left out is known as well.
    first = nsmallest(listable + 1, breaches, key=counted_one)
    findings = [_finding(record, report, rule, breach) for breach in first[:listable]]
    if len(first) > listable:
        more = counts.total() - listable
        others = RecordBreach(
            f"{more:,} more of this kind {'is' if more == 1 else 'are'} not listed.",
            () if report is None else report.path,
            grounds=first[listable].grounds,
        )
        findings.append(_finding(record, report, rule, others))
    listed_by_code[rule.code] += len(findings)
    return findings


def _finding(
    record: AssessmentRecord, report: Report | None, rule: Rule, breach: RecordBreach
) -> RecordFinding:
    """Combine a breach with its rule."""
    severity, basis, source = _evidence_of(rule, breach.grounds)
    return RecordFinding(
        rule.code,
        severity,
        dotted(breach.path),
        None,
        breach.message,
        basis,
        source,
        rule.remedy,
        line=record.line(breach.path),
        report=None if report is None else report.id,
        decision=None if breach.decision is None else breach.decision.id,
        person=breach.person,
        rule=RULE if rule.code.startswith(INDEPENDENCE) else None,
    )


def _evidence_of(rule: Rule, grounds: Sequence[Term]) -> tuple[Severity, Basis, str]:
    """The severity and the basis of a breach, and the source of that.

    A breach of independence is what its terms are: they are data. A record that contradicts itself
    is never graver or better known than its rule.
    """
    if not grounds:
        return rule.severity, rule.basis, rule.source
    severity, term = least(grounds), least_known(grounds)
    if not rule.code.startswith(INDEPENDENCE):
        severity = max(severity, rule.severity, key=SEVERITY_RANK.__getitem__)
        term_counts = term.basis is not Basis.SPECIFIED and rule.basis is Basis.SPECIFIED
    else:
        term_counts = {term.basis, rule.basis} != {Basis.SPECIFIED}
    known = term if term_counts else rule
    return severity, known.basis, known.source


def _order(breach: RecordBreach) -> tuple[object, ...]:
    """Sorts the breaches of a rule in a way that does not depend on the order of tables."""
    decision = breach.decision
    day = ("", "") if decision is None else (str(decision.day), decision.id)
    return (*day, breach.person or "", breach.message)
