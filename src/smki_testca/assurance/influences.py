"""Influences: who could influence a decision of a report, and how the record shows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from smki_testca.profiles.assurance_terms import PAID, SUPERVISED
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from smki_testca.assurance.assessment_record import (
        AssessmentRecord,
        Decision,
        Organisation,
        Oversight,
        Person,
        Recusal,
        Report,
    )
    from smki_testca.profiles.assurance_terms import AssuranceTerms, Term
    from smki_testca.toml_places import KeyPath


class InfluenceKind(Enum):
    """The kind of an influence: what gives it."""

    PART = auto()
    """The person took part in the decision."""
    PRESENCE = auto()
    """The person advised or was there; whether that is influence was read nowhere."""
    BOARD = auto()
    """The person was on the scheme's board, and the record shows no recusal by that day."""
    LATE_RECORD = auto()
    """The same, with a recusal that was written down only later."""
    OVERSIGHT = auto()
    """The person or organisation supervises, appointed or paid somebody who took part, or was on
    the board without a recusal."""
    SCHEME = auto()
    """The organisation is the scheme itself."""


@dataclass(frozen=True, slots=True)
class Influence:
    """An influence on one decision.

    Attributes:
        kind: what gives it.
        by: the person or the organisation that has it.
        decision: the decision.
        grounds: the terms that it rests on.
        words: for a message, after the name: ``took part in …``.
        path: where the record shows it.
    """

    kind: InfluenceKind
    by: Person | Organisation
    decision: Decision
    grounds: tuple[Term, ...]
    words: str
    path: KeyPath


def influences(
    record: AssessmentRecord, report: Report, decision: Decision, terms: AssuranceTerms
) -> Iterator[Influence]:
    """Yield the influences on a decision of a report.

    The steps grow with the links of the record, not with their square: a record within the limits
    may have each of them where it costs most.
    """
    parts = [part for part in decision.parts if part.kind.counts]
    for part in parts:
        is_known = part.kind.basis is Basis.SPECIFIED
        yield Influence(
            InfluenceKind.PART if is_known else InfluenceKind.PRESENCE,
            record.people[part.person],
            decision,
            (part.kind,),
            f"took part ({part.kind.name}) in {decision}",
            part.path,
        )
    taking_part = {part.person for part in parts if part.kind.basis is Basis.SPECIFIED}
    of_board = list(_influences_of_board(record, report, decision, taking_part, terms))
    yield from of_board
    board = {seat.by.id for seat in of_board}
    yield from _influences_by_oversight(record, taking_part, board, decision)
    scheme = record.organisations[record.scheme.organisation]
    words = f"is the scheme of {decision}"
    yield Influence(InfluenceKind.SCHEME, scheme, decision, (), words, record.scheme.path)


def takes_part(decision: Decision) -> bool:
    """Whether the record says of anybody that they took part in a decision."""
    return any(part.kind.counts and part.kind.basis is Basis.SPECIFIED for part in decision.parts)


def _influences_of_board(
    record: AssessmentRecord,
    report: Report,
    decision: Decision,
    taking_part: set[str],
    terms: AssuranceTerms,
) -> Iterator[Influence]:
    """Yield those of board members who took no part, and are not known to be recused."""
    seen: set[str] = set()
    recused = {part.person for part in decision.parts if part.kind.recuses}
    withdrawn: dict[str, list[Recusal]] = {}
    for recusal in report.recusals:
        if recusal.is_of(decision):
            withdrawn.setdefault(recusal.person, []).append(recusal)
    for seat in record.seats:
        if seat.person in taking_part or seat.person in seen:
            continue
        if not seat.period.covers(decision.day):
            continue
        seen.add(seat.person)
        if seat.person in recused:
            continue
        kind, words = _board_member(decision, withdrawn.get(seat.person, []))
        if kind is None:
            continue
        late = terms.recusal["recorded-late"]
        if kind is InfluenceKind.LATE_RECORD and not late.counts:
            continue
        grounds = (late,) if kind is InfluenceKind.LATE_RECORD else ()
        person = record.people[seat.person]
        yield Influence(kind, person, decision, grounds, words, seat.path)


def _board_member(decision: Decision, recusals: list[Recusal]) -> tuple[InfluenceKind | None, str]:
    """The influence that recusals leave to a board member, if any, and its words."""
    on_board = "was on the scheme's board"
    in_time = [recusal for recusal in recusals if recusal.day <= decision.day]
    if not recusals:
        return InfluenceKind.BOARD, f"{on_board} without a recusal from {decision}"
    if not in_time:
        first = min(recusal.day for recusal in recusals)
        return InfluenceKind.BOARD, f"{on_board} with a recusal from {decision} of {first} only"
    written = [recusal.recorded for recusal in in_time]
    if any(day is None or day <= decision.day for day in written):
        return None, ""
    first = min(day for day in written if day is not None)
    return (
        InfluenceKind.LATE_RECORD,
        f"{on_board}, and the recusal from {decision} was recorded on {first} only",
    )


@dataclass(frozen=True, slots=True)
class _ManagementChain:
    """A chain of managers above a person with influence.

    Attributes:
        start: the id of that person.
        top: the id of the manager that the chain has reached, or of the person.
        involvement: what the person did, for a message: ``took part in``.
    """

    start: str
    top: str
    involvement: str


def _influences_by_oversight(
    record: AssessmentRecord, taking_part: set[str], board: set[str], decision: Decision
) -> Iterator[Influence]:
    """Yield those of whoever is over a person with influence: managers also through others.

    The shortest chains come first, and each person is passed once: whoever is over several persons
    is there once for each kind of oversight.
    """
    chains = [_ManagementChain(name, name, "took part in") for name in sorted(taking_part)]
    chains += [
        _ManagementChain(name, name, "was on the scheme's board at") for name in sorted(board)
    ]
    passed = {chain.top for chain in chains}
    seen: set[tuple[str, str | None, str | None]] = set()
    for chain in chains:
        for oversight in record.over.get(chain.top, ()):
            is_managing = oversight.kind.name == SUPERVISED and oversight.person is not None
            afterwards = _words_for_later(oversight, decision.day)
            if afterwards is None or not (is_managing or chain.top == chain.start):
                continue
            if (oversight.kind.name, oversight.person, oversight.organisation) not in seen:
                seen.add((oversight.kind.name, oversight.person, oversight.organisation))
                is_direct = chain.top == chain.start
                through = "" if is_direct else f" through {record.people[chain.top].name}"
                words = (
                    f"{oversight.kind.name} {record.people[chain.start].name}{through}, who"
                    f" {chain.involvement} {decision}{afterwards}"
                )
                yield Influence(
                    *(
                        InfluenceKind.OVERSIGHT,
                        _overseer(record, oversight),
                        decision,
                        (oversight.kind,),
                    ),
                    *(words, oversight.path),
                )
            if is_managing and oversight.person is not None and oversight.person not in passed:
                passed.add(oversight.person)
                chains.append(_ManagementChain(chain.start, oversight.person, chain.involvement))


def _words_for_later(oversight: Oversight, day: date) -> str | None:
    """Words for an oversight that began after a day, none for another; None if it does not count.

    Supervision is influence while it lasts. Whoever was appointed or paid remains so, and can know
    beforehand who is going to pay.
    """
    if oversight.kind.name == SUPERVISED:
        return "" if oversight.period.covers(day) else None
    if not oversight.period.begins_after(day):
        return ""
    return f", afterwards ({oversight.period})" if oversight.kind.name == PAID else None


def _overseer(record: AssessmentRecord, oversight: Oversight) -> Person | Organisation:
    if oversight.person is not None:
        return record.people[oversight.person]
    return record.organisations[oversight.organisation or ""]
