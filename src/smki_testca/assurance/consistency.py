"""Rules of consistency: a record that contradicts itself, or leaves out what a report must have.

No verdict depends on them. They say which part of a record to look at again.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from smki_testca.assurance.assessment_record import OrganisationKind, Outcome
from smki_testca.assurance.breach import RecordBreach
from smki_testca.assurance.record_rules import GLOSSARY, NOT_READ, ONE_DCC, of_record, of_report
from smki_testca.lint.rule import Rule
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from smki_testca.assurance.assessment_record import AssessmentRecord, Post
    from smki_testca.assurance.report_evidence import ReportEvidence

_ONE_DAY = 1


@of_report(
    Rule(
        "assessment.caveats", Severity.WARNING, Basis.SPECIFIED, GLOSSARY,
        "The outcome and the caveats contradict each other: a report that approves with caveats"
        " has some, and no other has any.",
        "List each caveat in caveats, or correct the outcome.",
        'outcome = "approved-with-caveats" with one caveat',
        'outcome = "approved" with one caveat, or approved-with-caveats with none',
    )
)  # fmt: skip
def caveats(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find a report whose outcome and caveats contradict each other."""
    report = evidence.report
    if report.outcome is not None and bool(report.caveats) != (
        report.outcome is Outcome.APPROVED_WITH_CAVEATS
    ):
        count = len(report.caveats)
        has = f"has {counted(count, 'caveat')}" if count else "lists none"
        yield RecordBreach(
            f"The report {report.id} is {report.outcome.words}, but {has}.",
            (*report.path, "caveats") if report.caveats else (*report.path, "outcome"),
            grounds=(report.stage,),
        )


@of_report(
    Rule(
        "assessment.failures", Severity.NOTICE, Basis.SPECIFIED, GLOSSARY,
        "A report does not approve, and identifies no failure of the DCC to comply; or it approves"
        " without caveats, and identifies one.",
        "List each failure in failures, or correct the outcome.",
        'outcome = "not-approved" with one failure',
        'outcome = "not-approved" without failures, or "approved" with one',
    )
)  # fmt: skip
def failures(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find a report whose outcome and failures contradict each other."""
    report = evidence.report
    if report.outcome is Outcome.APPROVED and report.failures and not report.caveats:
        yield RecordBreach(
            f"The report {report.id} is approved, but lists"
            f" {counted(len(report.failures), 'failure')} and no caveat.",
            (*report.path, "failures"),
            grounds=(report.stage,),
        )
    if report.outcome is Outcome.NOT_APPROVED and not report.failures:
        yield RecordBreach(
            f"The report {report.id} is not approved, but lists no failure.",
            (*report.path, "outcome"),
            grounds=(report.stage,),
        )


@of_report(
    Rule(
        "assessment.dates", Severity.WARNING, Basis.ASSUMED, f"{NOT_READ}: the order of decisions",
        "Days are out of order: a draft, review or moderation after the last decision on the"
        " outcome, an approval or appeal before the first, or a report that was complete before its"
        " outcome was decided.",
        "Correct the dates.",
        "reviewed, then decided, then complete",
        "decided, then reviewed",
    )
)  # fmt: skip
def dates(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find decisions, and a completion, that are out of order."""
    report = evidence.report
    days = [decision.day for decision in report.outcome_decisions]
    if not days:
        return
    first, last = min(days), max(days)
    for decision in report.decisions:
        if decision.kind.stage == "before" and decision.day > last:
            yield RecordBreach(
                f"The decision {decision} is after the outcome, which was decided on {last}.",
                (*decision.path, "on"),
                decision=decision,
            )
        if decision.kind.stage == "after" and decision.day < first:
            yield RecordBreach(
                f"The decision {decision} is before the outcome, which was decided on {first}.",
                (*decision.path, "on"),
                decision=decision,
            )
    if report.completed is not None and report.completed < last:
        yield RecordBreach(
            f"The report {report.id} was complete on {report.completed}, before its outcome was"
            f" decided on {last}.",
            (*report.path, "completed"),
        )


@of_report(
    Rule(
        "assessment.provided", Severity.NOTICE, Basis.SPECIFIED, GLOSSARY,
        "The record does not show that both the DCC and the SMKI PMA were given the report once it"
        " was complete.",
        "Record the days in provided-to-dcc and provided-to-smki-pma.",
        "both days, on which the report was complete or later",
        "one of them is missing, or before that day",
    )
)  # fmt: skip
def provided(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find a report that was not given to both, or too early."""
    report, completed = evidence.report, evidence.report.completed
    for key, name, day in (
        ("provided-to-dcc", "the DCC", report.to_dcc),
        ("provided-to-smki-pma", "the SMKI PMA", report.to_smki_pma),
    ):
        if completed is None:
            if day is not None:
                yield RecordBreach(
                    f"{name[0].upper()}{name[1:]} was given the report {report.id} on {day}, and"
                    " the record does not say when it was complete.",
                    (*report.path, key),
                    grounds=(report.stage,),
                )
        elif day is None:
            yield RecordBreach(
                f"The record has no date on which {name} was given the report {report.id}.",
                report.path,
                grounds=(report.stage,),
            )
        elif day < completed:
            yield RecordBreach(
                f"{name[0].upper()}{name[1:]} was given the report {report.id} on {day}, before it"
                f" was complete on {completed}.",
                (*report.path, key),
                grounds=(report.stage,),
            )


@of_report(
    Rule(
        "assessment.recusal", Severity.WARNING, Basis.ASSUMED, f"{NOT_READ}: what a recusal is",
        "Somebody was recused from a decision, and took part in it.",
        "Correct what the person did, or the recusal.",
        "a person who is recused does nothing else in the decision",
        "a person who is recused votes",
    )
)  # fmt: skip
def recusal(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find persons who took part in a decision from which they were recused."""
    for decision in evidence.report.decisions:
        recused = {part.person for part in decision.parts if part.kind.recuses}
        recused |= {
            recusal.person
            for recusal in evidence.report.recusals
            if recusal.is_of(decision) and recusal.day <= decision.day
        }
        for part in decision.parts:
            if part.person in recused and part.kind.counts:
                yield RecordBreach(
                    f"{evidence.record.people[part.person].name} was recused from {decision}, and"
                    f" took part ({part.kind.name}) in it.",
                    part.path,
                    part.person,
                    decision,
                    (part.kind,),
                )


@of_record(
    Rule(
        "assessment.dccs", Severity.WARNING, Basis.SPECIFIED, ONE_DCC,
        "Two organisations were the DCC on one day.",
        "Correct the kind of all but one, or the days on which they were the DCC.",
        "one organisation of kind dcc, or a second one from the day after its last",
        "two of kind dcc without days",
    )
)  # fmt: skip
def dccs(record: AssessmentRecord) -> Iterator[RecordBreach]:
    """Find each DCC whose days overlap those of another before it in the record."""
    organisations = [
        organisation
        for organisation in record.organisations.values()
        if organisation.kind is OrganisationKind.DCC
    ]
    organisations.sort(key=lambda organisation: organisation.id)
    for place, organisation in enumerate(organisations):
        other = next(
            (each for each in organisations[:place] if each.period.meets(organisation.period)), None
        )
        if other is not None:
            yield RecordBreach(
                f"{other.name} ({other.period}) and {organisation.name} ({organisation.period})"
                " are both the DCC.",
                (*organisation.path, "kind"),
                organisation.id,
            )


@of_record(
    Rule(
        "assessment.overlap", Severity.NOTICE, Basis.ASSUMED, f"{NOT_READ}: how posts go together",
        "Somebody was an employee of two organisations at once.",
        "Correct the dates, if it was not so.",
        "one employment ends the day before the next begins",
        "one employment ends a week after the next began",
    )
)  # fmt: skip
def overlap(record: AssessmentRecord) -> Iterator[RecordBreach]:
    """Find posts that began before the longest of those with another organisation had ended."""
    for person in record.people.values():
        employed = [post for post in person.posts if post.kind.name == "employee"]
        # Those that last the longest of two organisations: one of them is another's than the next.
        longest: dict[str | None, Post] = {}
        for post in sorted(employed, key=_order):
            for other in longest.values():
                if post.organisation != other.organisation and post.period.meets(other.period):
                    yield RecordBreach(
                        f"{person.name} was an employee of {_employer(record, other)}"
                        f" ({other.period}) and of {_employer(record, post)} ({post.period}) at"
                        " once.",
                        post.path,
                        person.id,
                    )
                    break
            known = longest.get(post.organisation)
            if known is None or _end(known) < _end(post):
                longest[post.organisation] = post
            longest = dict(sorted(longest.items(), key=lambda each: _end(each[1]))[-2:])


@of_record(
    Rule(
        "assessment.gap", Severity.NOTICE, Basis.ASSUMED, f"{NOT_READ}: how posts go together",
        "Between two posts of somebody are days of which nothing is known.",
        "Record what the person did then; no-employer if they worked for nobody.",
        "one post begins the day after the other ended",
        "one post begins a month after the other ended",
    )
)  # fmt: skip
def gap(record: AssessmentRecord) -> Iterator[RecordBreach]:
    """Find the days between two posts of a person."""
    for person in record.people.values():
        posts = sorted(person.posts, key=_order)
        ends: date | None = None
        for before, after in pairwise(posts):
            if before.period.end is None:
                break
            ends = before.period.end if ends is None else max(ends, before.period.end)
            start = after.period.start
            if start is not None and (start - ends).days > _ONE_DAY:
                yield RecordBreach(
                    f"The record does not say whom {person.name} worked for between {ends} and"
                    f" {start}.",
                    after.path,
                    person.id,
                )


def _order(post: Post) -> tuple[str, str, str]:
    """Sorts posts by the day on which they begin; those without a day come first."""
    start, end = post.period.start, post.period.end
    return (str(start or ""), str(end or "9999-12-31"), post.organisation or "")


def _end(post: Post) -> str:
    return str(post.period.end or "9999-12-31")


def _employer(record: AssessmentRecord, post: Post) -> str:
    return record.organisations[post.organisation or ""].name
