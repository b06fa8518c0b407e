"""Rules of independence: who must not be able to influence a report, and what must be known.

The seed says that no director or employee of the DCC or of a DCC Service Provider can influence the
outcome of an SMKI Assessment Report. Each rule below is one way in which a record can show that
somebody could, or fail to show that nobody could.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.assurance.assessment_record import ASSESSED, OrganisationKind, Person
from smki_testca.assurance.breach import RecordBreach
from smki_testca.assurance.influences import InfluenceKind, takes_part
from smki_testca.assurance.record_rules import NOT_READ, SEED, ReportVerdict, of_report
from smki_testca.assurance.severities import gravest_first
from smki_testca.assurance.ties import TieKind
from smki_testca.lint.rule import Rule
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.assurance.influences import Influence
    from smki_testca.assurance.report_evidence import ReportEvidence

_REPLACE = "Let somebody without such a tie take the decision again."
_SHOW = (
    "Show why that is without influence, or let the decision be taken again without it. If you know"
    " the real rule, put it into assurance-terms.toml."
)


@of_report(
    Rule(
        "independence.part", Severity.ERROR, Basis.SPECIFIED, SEED,
        "An employee or director of the DCC or of a DCC Service Provider took part in a decision of"
        " the report.",
        _REPLACE,
        "an employee of the scheme votes",
        "an employee of a DCC Service Provider votes",
    ),
    ReportVerdict.NOT_INDEPENDENT,
)  # fmt: skip
def part(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find persons with such a post among those who took part."""
    yield from evidence.linked(TieKind.SEED_POST, InfluenceKind.PART)


@of_report(
    Rule(
        "independence.board", Severity.ERROR, Basis.SPECIFIED, SEED,
        "An employee or director of the DCC or of a DCC Service Provider was on the scheme's board"
        " when a decision was made, and the record does not show that they were recused from it by"
        " then.",
        "Record the recusal with its date. If there was none by then, let the decision be taken"
        " again after one.",
        "a director of a provider is on the board, and recused from the report before its first"
        " decision",
        "the same without a recusal, or with one after the decision",
    ),
    ReportVerdict.NOT_INDEPENDENT,
)  # fmt: skip
def board(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find persons with such a post on the board."""
    yield from evidence.linked(TieKind.SEED_POST, InfluenceKind.BOARD)


@of_report(
    Rule(
        "independence.presence", Severity.WARNING, Basis.ASSUMED, f"{NOT_READ}: who has influence",
        "An employee or director of the DCC or of a DCC Service Provider advised on a decision, or"
        " was there.",
        _SHOW,
        "the DCC answers questions before the review begins",
        "an employee of the DCC advises on the outcome, or sits in the meeting",
    ),
    ReportVerdict.NOT_INDEPENDENT,
)  # fmt: skip
def presence(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find persons with such a post among those who advised or were there."""
    yield from evidence.linked(TieKind.SEED_POST, InfluenceKind.PRESENCE)


@of_report(
    Rule(
        "independence.late_record", Severity.WARNING, Basis.ASSUMED,
        f"{NOT_READ}: by when a recusal is written down",
        "The recusal of a board member who is an employee or director of the DCC or of a DCC"
        " Service Provider was written down only after the decision.",
        "Add what shows that the person withdrew in time, such as the minutes of the meeting.",
        "recorded by the day of the decision",
        "recorded a week after it",
    ),
    ReportVerdict.NOT_INDEPENDENT,
)  # fmt: skip
def late_record(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find board members with such a post whose recusal was recorded late."""
    yield from evidence.linked(TieKind.SEED_POST, InfluenceKind.LATE_RECORD)


@of_report(
    Rule(
        "independence.oversight", Severity.WARNING, Basis.ASSUMED,
        f"{NOT_READ}: who has influence on an assessor",
        "The DCC, a DCC Service Provider, or an employee or director of one, supervises, appointed"
        " or paid somebody who took part in a decision or was on the scheme's board at it without a"
        " recusal.",
        _SHOW,
        "the scheme appoints the assessor",
        "the line manager of the assessor is an employee of a DCC Service Provider",
    ),
    ReportVerdict.NOT_INDEPENDENT,
)  # fmt: skip
def oversight(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find whoever of these is over somebody who took part."""
    yield from evidence.linked(TieKind.SEED_POST, InfluenceKind.OVERSIGHT)


@of_report(
    Rule(
        "independence.scheme_itself", Severity.WARNING, Basis.ASSUMED,
        f"{NOT_READ}: from whom the scheme itself is independent",
        "The scheme itself was the DCC or a DCC Service Provider when a decision was made.",
        _SHOW,
        "the scheme is an organisation of kind scheme",
        "the scheme is an organisation of kind dcc-service-provider",
    ),
    ReportVerdict.NOT_INDEPENDENT,
)  # fmt: skip
def scheme_itself(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find decisions on whose day the scheme was the DCC or a provider."""
    yield from evidence.linked(TieKind.SEED_POST, InfluenceKind.SCHEME)


@of_report(
    Rule(
        "independence.post", Severity.WARNING, Basis.ASSUMED,
        f"{NOT_READ}: the seed names directors and employees only",
        "Somebody who could influence a decision had another post with the DCC or a DCC Service"
        " Provider, such as that of a contractor.",
        _SHOW,
        "a contractor of the scheme reviews",
        "a contractor of a DCC Service Provider reviews",
    ),
    ReportVerdict.NOT_INDEPENDENT,
)  # fmt: skip
def post(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find persons with another post there."""
    yield from evidence.linked(TieKind.OTHER_POST)


@of_report(
    Rule(
        "independence.group", Severity.WARNING, Basis.ASSUMED,
        f"{NOT_READ}: the seed names the DCC and DCC Service Providers only",
        "Whoever could influence a decision belongs to a parent, a subsidiary or a sister company"
        " of the DCC or of a DCC Service Provider, or is one; or the scheme itself is one.",
        _SHOW,
        "an employee of a company that was sold before the decision votes",
        "an employee of a subsidiary of a DCC Service Provider votes",
    ),
    ReportVerdict.NOT_INDEPENDENT,
)  # fmt: skip
def group(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find ties through a group of companies."""
    yield from evidence.linked(TieKind.GROUP)


@of_report(
    Rule(
        "independence.left", Severity.WARNING, Basis.ASSUMED,
        f"{NOT_READ}: a cooling-off period",
        "Somebody who could influence a decision had left the DCC, a DCC Service Provider or a"
        " company of its group only a little before, or their employer had been one until then.",
        _SHOW,
        "the reviewer left the provider three years before",
        "the reviewer left the provider the day before",
    ),
    ReportVerdict.NOT_INDEPENDENT,
)  # fmt: skip
def left(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find persons whose post there ended a little before the decision."""
    yield from evidence.linked(TieKind.LEFT)


@of_report(
    Rule(
        "independence.offer", Severity.WARNING, Basis.ASSUMED,
        f"{NOT_READ}: posts that are to come",
        "Somebody who could influence a decision had already accepted a post with the DCC, a DCC"
        " Service Provider or a company of its group.",
        _SHOW,
        "the offer is accepted after the decision",
        "the offer is accepted before the decision, to begin after it",
    ),
    ReportVerdict.NOT_INDEPENDENT,
)  # fmt: skip
def offer(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find persons who had accepted a post there by the day of the decision."""
    yield from evidence.linked(TieKind.OFFER)


@of_report(
    Rule(
        "independence.joins", Severity.WARNING, Basis.ASSUMED,
        f"{NOT_READ}: posts that are to come",
        "Somebody who could influence a decision began a post with the DCC, a DCC Service Provider"
        " or a company of its group a little after it, and had not yet accepted it as far as the"
        " record shows, or their employer became one.",
        "Record in accepted when the person agreed to begin. If the employer became one, show why"
        " that was without influence.",
        "the voter joins a provider a year later",
        "the voter joins a provider a week later",
    ),
    ReportVerdict.NOT_INDEPENDENT,
)  # fmt: skip
def joins(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find persons whose post there began a little after the decision."""
    yield from evidence.linked(TieKind.JOINS)


@of_report(
    Rule(
        "independence.dcc", Severity.ERROR, Basis.SPECIFIED, SEED,
        "The record does not say which organisation was the DCC when a decision was made, so that"
        " nobody can say who was a director or employee of it.",
        "Add the DCC as an organisation of kind dcc, on the days on which it was.",
        "an organisation of kind dcc, without days",
        "none, or one whose days ended before the decision",
    ),
    ReportVerdict.NOT_SHOWN,
)  # fmt: skip
def dcc(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find a report, or decisions of one, without the DCC."""
    yield from _without(evidence, OrganisationKind.DCC)


@of_report(
    Rule(
        "independence.providers", Severity.WARNING, Basis.ASSUMED,
        f"{NOT_READ}: whether there is always a DCC Service Provider",
        "The record names no DCC Service Provider for the day of a decision, so that nobody can say"
        " who was a director or employee of one.",
        "Add each DCC Service Provider as an organisation of kind dcc-service-provider, with the"
        " days on which it was one.",
        "an organisation of kind dcc-service-provider, without days",
        "none, or one whose contract ended before the decision",
    ),
    ReportVerdict.NOT_SHOWN,
)  # fmt: skip
def providers(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find a report, or decisions of one, without any DCC Service Provider."""
    yield from _without(evidence, OrganisationKind.DCC_SERVICE_PROVIDER)


def _without(evidence: ReportEvidence, kind: OrganisationKind) -> Iterator[RecordBreach]:
    """Yield the report if the record has no organisation of a kind, else each such decision."""
    title = ASSESSED[kind]
    of_kind = [
        organisation
        for organisation in evidence.record.organisations.values()
        if organisation.kind is kind
    ]
    if not of_kind:
        yield RecordBreach(
            f"The record does not say which organisation is {title}.", evidence.report.path
        )
        return
    for decision in evidence.report.decisions:
        if not any(organisation.period.covers(decision.day) for organisation in of_kind):
            yield RecordBreach(
                f"The record does not say which organisation was {title} on the day of {decision}.",
                decision.path,
                decision=decision,
            )


@of_report(
    Rule(
        "independence.employer", Severity.ERROR, Basis.SPECIFIED, SEED,
        "Nobody can say that somebody who could influence a decision was no employee or director of"
        " the DCC or of a DCC Service Provider: the record has no post of theirs on that day"
        " that says whom they worked for.",
        "Record whom the person worked for that day; no-employer if they worked for nobody.",
        "each person has a post that covers the day of the decision",
        "the only post of a voter ended a month before the decision",
    ),
    ReportVerdict.NOT_SHOWN,
)  # fmt: skip
def employer(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find persons without a post on the day, each once for each decision."""
    gravest: dict[tuple[str, str], Influence] = {}
    for link in evidence.links:
        influence, day = link.influence, link.influence.decision.day
        person = influence.by
        if not isinstance(person, Person) or any(
            post.kind.work and post.period.covers(day) for post in person.posts
        ):
            continue
        place = (influence.decision.id, person.id)
        if place not in gravest or _gravity(influence) < _gravity(gravest[place]):
            gravest[place] = influence
    for influence in gravest.values():
        yield RecordBreach(
            f"{influence.by.name} {influence.words}, and the record does not say whom they worked"
            " for that day.",
            influence.path,
            influence.by.id,
            influence.decision,
            influence.grounds,
        )


def _gravity(influence: Influence) -> tuple[int, int]:
    return gravest_first(influence.grounds)


@of_report(
    Rule(
        "independence.outcome", Severity.ERROR, Basis.SPECIFIED, SEED,
        "The record has no decision that set the outcome, so that nobody can say who could"
        " influence it.",
        "Add the decision of kind outcome, with its date and who took part.",
        "a decision of kind outcome",
        "a draft and a review only",
    ),
    ReportVerdict.NOT_SHOWN,
)  # fmt: skip
def outcome(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find a report without a decision on the outcome."""
    report = evidence.report
    if not report.outcome_decisions and not report.is_under_way:
        yield RecordBreach(f"No decision sets the outcome of the report {report.id}.", report.path)


@of_report(
    Rule(
        "independence.under_way", Severity.ERROR, Basis.SPECIFIED, SEED,
        "The report has no outcome yet, or is not complete, so that somebody can still influence"
        " it.",
        "Go on with the record. When the assessment ends, add outcome and completed, and the"
        " decision of kind outcome.",
        "outcome and completed",
        "one of the two only",
    ),
    ReportVerdict.NOT_SHOWN,
)  # fmt: skip
def under_way(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find a report that is not complete."""
    report = evidence.report
    if report.is_under_way:
        lacking = [
            words
            for words, stated in (
                ("no outcome yet", report.outcome),
                ("no day on which it was complete", report.completed),
            )
            if stated is None
        ]
        message = f"The assessment is under way: the report {report.id} has {' and '.join(lacking)}"
        yield RecordBreach(f"{message}.", report.path)


@of_report(
    Rule(
        "independence.nobody", Severity.ERROR, Basis.SPECIFIED, SEED,
        "A decision has nobody who took part in it, so that nobody can say who could influence it.",
        "Record each person who took part, and how.",
        "a decision that two persons voted on",
        "a decision from which one person is recused, and nobody else is named",
    ),
    ReportVerdict.NOT_SHOWN,
)  # fmt: skip
def nobody(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find decisions in which nobody took part."""
    for decision in evidence.report.decisions:
        if not takes_part(decision):
            yield RecordBreach(
                f"The record does not say who took part in {decision}.",
                decision.path,
                decision=decision,
            )


@of_report(
    Rule(
        "independence.scheme", Severity.ERROR, Basis.SPECIFIED, SEED,
        "The record does not show that the SMKI PMA approved the scheme.",
        "Record in approved-by-smki-pma when it did.",
        "a date in approved-by-smki-pma",
        "no date there",
    ),
    ReportVerdict.NOT_SHOWN,
)  # fmt: skip
def scheme(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find a scheme without the date of its approval."""
    record_scheme = evidence.record.scheme
    if record_scheme.approved is None:
        name = evidence.record.organisations[record_scheme.organisation].name
        message = f"The record has no date for the SMKI PMA's approval of {name}."
        yield RecordBreach(message, record_scheme.path, record_scheme.organisation)


@of_report(
    Rule(
        "independence.scheme_late", Severity.WARNING, Basis.ASSUMED,
        f"{NOT_READ}: by when the scheme is approved",
        "The SMKI PMA approved the scheme only after a decision on the outcome.",
        "Correct the date, if it is wrong, or show that the approval holds for earlier decisions.",
        "approved on the day of the outcome",
        "approved a day after it",
    ),
    ReportVerdict.NOT_SHOWN,
)  # fmt: skip
def scheme_late(evidence: ReportEvidence) -> Iterator[RecordBreach]:
    """Find decisions on the outcome before the approval of the scheme."""
    record_scheme = evidence.record.scheme
    name = evidence.record.organisations[record_scheme.organisation].name
    for decision in evidence.report.outcome_decisions:
        if record_scheme.approved is not None and record_scheme.approved > decision.day:
            yield RecordBreach(
                f"The SMKI PMA approved {name} on {record_scheme.approved}, after {decision}.",
                (*record_scheme.path, "approved-by-smki-pma"),
                record_scheme.organisation,
                decision,
            )
