"""Influences: who could influence a decision of a report, and how the record shows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from smki_testca.profiles.assurance_terms import SUPERVISED
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.assurance.record import (
        Decision,
        Organisation,
        Oversight,
        Person,
        Record,
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
    """The person or organisation supervises, appointed or paid somebody who took part."""


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
    record: Record, report: Report, decision: Decision, terms: AssuranceTerms
) -> Iterator[Influence]:
    """Yield the influences on a decision of a report."""
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
    yield from _of_board(record, report, decision, taking_part, terms)
    for person in sorted(taking_part):
        yield from _over(record, person, decision)


def takes_part(decision: Decision) -> bool:
    """Whether the record says of anybody that they took part in a decision."""
    return any(part.kind.counts and part.kind.basis is Basis.SPECIFIED for part in decision.parts)


def _of_board(
    record: Record,
    report: Report,
    decision: Decision,
    taking_part: set[str],
    terms: AssuranceTerms,
) -> Iterator[Influence]:
    """Yield those of board members who took no part, and are not known to be recused."""
    seen: set[str] = set()
    for seat in record.seats:
        if seat.person in taking_part | seen or not seat.period.covers(decision.day):
            continue
        seen.add(seat.person)
        if any(part.person == seat.person and part.kind.recuses for part in decision.parts):
            continue
        recusals = [
            one for one in report.recusals if one.person == seat.person and one.is_of(decision)
        ]
        kind, words = _board_member(decision, recusals)
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
    in_time = [one for one in recusals if one.day <= decision.day]
    if not recusals:
        return InfluenceKind.BOARD, f"{on_board} without a recusal from {decision}"
    if not in_time:
        first = min(one.day for one in recusals)
        return InfluenceKind.BOARD, f"{on_board} with a recusal from {decision} of {first} only"
    written = [one.recorded for one in in_time]
    if any(one is None or one <= decision.day for one in written):
        return None, ""
    first = min(one for one in written if one is not None)
    return (
        InfluenceKind.LATE_RECORD,
        f"{on_board}, and the recusal from {decision} was recorded on {first} only",
    )


def _over(record: Record, person: str, decision: Decision) -> Iterator[Influence]:
    """Yield those of whoever is over a person who took part: managers also through others."""
    name = record.people[person].name
    seen: set[str] = {person}
    left = [person]
    while left:
        below = left.pop()
        for one in record.oversight:
            if one.of != below or not one.kind.counts or not one.period.covers(decision.day):
                continue
            is_managing = one.kind.name == SUPERVISED and one.person is not None
            if below != person and not is_managing:
                continue
            through = "" if below == person else f" through {record.people[below].name}"
            words = f"{one.kind.name} {name}{through}, who took part in {decision}"
            yield Influence(
                InfluenceKind.OVERSIGHT, _by(record, one), decision, (one.kind,), words, one.path
            )
            if is_managing and one.person is not None and one.person not in seen:
                seen.add(one.person)
                left.append(one.person)


def _by(record: Record, one: Oversight) -> Person | Organisation:
    if one.person is not None:
        return record.people[one.person]
    return record.organisations[one.organisation or ""]
