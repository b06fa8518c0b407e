"""Ties: what links a person or an organisation to the DCC or a DCC Service Provider on a day."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from smki_testca.assurance.assessment_record import ASSESSED
from smki_testca.assurance.relations import Relations
from smki_testca.assurance.severities import gravest_first
from smki_testca.profiles.assurance_terms import SEED_POSTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from smki_testca.assurance.assessment_record import AssessmentRecord, Organisation, Person, Post
    from smki_testca.assurance.relations import Relation
    from smki_testca.profiles.assurance_terms import AssuranceTerms, Term

_GROUP_WORDS = {
    "subsidiary": "a subsidiary of",
    "parent": "a parent of",
    "sister": "in one group with",
}


class TieKind(Enum):
    """The kind of a tie: what makes it, the best known first."""

    SEED_POST = auto()
    """An employee or director of the DCC or a DCC Service Provider, as the seed says."""
    OTHER_POST = auto()
    """Another post with one of these."""
    GROUP = auto()
    """A post with a company of the same group."""
    LEFT = auto()
    """A post that had ended a little before."""
    OFFER = auto()
    """A post that was to come, and was already accepted."""
    JOINS = auto()
    """A post that began a little later."""


_When = tuple[TieKind, "Term | None", str]
"""The kind of a post's tie, the term that it rests on, and its words."""


@dataclass(frozen=True, slots=True)
class Tie:
    """A tie of a person, or of an organisation itself.

    Attributes:
        kind: what makes it.
        grounds: the terms that it rests on, the most particular one first.
        words: for a message, after the person: ``was an employee of …``.
        order: what orders ties that are equally grave, whatever the order of the record.
    """

    kind: TieKind
    grounds: tuple[Term, ...]
    words: str
    order: tuple[str, ...]


class Ties:
    """Finds the ties of a record; each is looked for once.

    Args:
        record: the record.
        terms: which posts, groups and days count.
    """

    def __init__(self, record: AssessmentRecord, terms: AssuranceTerms) -> None:
        self._record = record
        self._terms = terms
        self._of_person: dict[tuple[str, date], Tie | None] = {}
        self._relations = Relations(record, terms)

    def of_person(self, person: Person, day: date) -> Tie | None:
        """The gravest tie of a person on a day; None if there is none."""
        place = (person.id, day)
        if place not in self._of_person:
            ties = (tie for post in person.posts for tie in self._of_post(post, day))
            self._of_person[place] = min(ties, key=_rank, default=None)
        return self._of_person[place]

    def of_organisation(self, organisation: Organisation, day: date) -> Tie | None:
        """The gravest tie of an organisation itself on a day; None if there is none."""
        nearest = self._relations.on(organisation.id, day)
        if nearest is None:
            return None
        assessed, relation = nearest
        if relation is None:
            return Tie(TieKind.SEED_POST, (), f"is {ASSESSED[assessed.kind]}", ())
        words = f"was then {_GROUP_WORDS[relation.name]} {_titled(assessed)}"
        return Tie(TieKind.GROUP, (relation,), words, ())

    def _of_post(self, post: Post, day: date) -> Iterator[Tie]:
        if post.organisation is None or not post.kind.counts:
            return
        organisation = self._record.organisations[post.organisation]
        when, nearest = self._when(post, day), self._relations.on(organisation.id, day)
        if when is not None and nearest is not None:
            yield self._tie(post, organisation, when, nearest)
            return
        before = self._relations.before(organisation.id, day, post.period)
        if before is not None and (when := self._until(before[0], post, day)) is not None:
            yield self._tie(post, organisation, when, before[1])
        after = self._relations.after(organisation.id, day, post.period)
        if after is not None and (when := self._since(after[0], post, day)) is not None:
            yield self._tie(post, organisation, when, after[1])

    def _tie(self, post: Post, organisation: Organisation, when: _When, related: Relation) -> Tie:
        kind, ground, words = when
        assessed, relation = related
        where = _titled(organisation)
        if relation is not None:
            where = f"{organisation.name}, {_GROUP_WORDS[relation.name]} {_titled(assessed)}"
        return Tie(
            TieKind.GROUP if kind is TieKind.SEED_POST and relation is not None else kind,
            # What is most particular to the tie comes first: a finding names its source.
            tuple(term for term in (ground, relation, post.kind) if term is not None),
            words.format(post=f"{_article(post.kind.name)} {post.kind.name}", where=where),
            (organisation.id, assessed.id, post.kind.name, str(post.period)),
        )

    def _until(self, last: date, post: Post, day: date) -> _When | None:
        """The same where the organisation was related up to a day only, or the post was."""
        window, days = self._terms.window["left"], (day - last).days
        if window.days is not None and days > window.days:
            return None
        words = f"had been {{post}} of {{where}} up to {_days(days)} before ({post.period})"
        return TieKind.LEFT, window, words

    def _since(self, first: date, post: Post, day: date) -> _When | None:
        """The same where the organisation is related only from a day, or the post is."""
        days = (first - day).days
        if post.accepted is not None and post.accepted <= day and first == post.period.start:
            window, kind = self._terms.window["offer"], TieKind.OFFER
            words = f"had accepted on {post.accepted} to become {{post}} of {{where}}"
        else:
            window, kind = self._terms.window["joins"], TieKind.JOINS
            words = f"came to be {{post}} of {{where}} {_days(days)} later"
        if window.days is not None and days > window.days:
            return None
        return kind, window, f"{words} ({post.period})"

    def _when(self, post: Post, day: date) -> _When | None:
        """The kind of a post's tie on a day, if any, the term that it rests on, and its words."""
        period, windows = post.period, self._terms.window
        if period.covers(day):
            is_seeds = post.kind.name in SEED_POSTS
            kind = TieKind.SEED_POST if is_seeds else TieKind.OTHER_POST
            return kind, None, f"was {{post}} of {{where}} that day ({period})"
        if period.end is not None and period.end < day:
            days = (day - period.end).days
            if (window := windows["left"]).days is None or days <= window.days:
                words = f"had left {{where}} {_days(days)} before, as {{post}} ({period})"
                return TieKind.LEFT, window, words
            return None
        if period.start is None:
            return None
        days = (period.start - day).days
        if post.accepted is not None and post.accepted <= day:
            window, kind = windows["offer"], TieKind.OFFER
            words = f"had accepted on {post.accepted} to become {{post}} of {{where}} ({period})"
        else:
            window, kind = windows["joins"], TieKind.JOINS
            words = f"became {{post}} of {{where}} {_days(days)} later ({period})"
        return (kind, window, words) if window.days is None or days <= window.days else None


def _rank(tie: Tie) -> tuple[object, ...]:
    return (*gravest_first(tie.grounds), tie.kind.value, tie.order)


def _titled(organisation: Organisation) -> str:
    """An organisation with what it is: ``Example Ltd, a DCC Service Provider``."""
    title = ASSESSED.get(organisation.kind)
    return organisation.name if title is None else f"{organisation.name} ({title})"


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _days(count: int) -> str:
    return "one day" if count == 1 else f"{count} days"
