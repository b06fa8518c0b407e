"""Ties: what links a person or an organisation to the DCC or a DCC Service Provider on a day."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from smki_testca.assurance.record import ASSESSED
from smki_testca.assurance.severities import gravest_first
from smki_testca.profiles.assurance_terms import SEED_POSTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from smki_testca.assurance.record import Organisation, Person, Post, Record
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

    def __init__(self, record: Record, terms: AssuranceTerms) -> None:
        self._record = record
        self._terms = terms
        self._of_person: dict[tuple[str, date], Tie | None] = {}
        self._of_organisation: dict[tuple[str, date], tuple[Organisation, Term | None] | None] = {}
        self._above: dict[tuple[str, date], frozenset[str]] = {}

    def of_person(self, person: Person, day: date) -> Tie | None:
        """The gravest tie of a person on a day; None if there is none."""
        place = (person.id, day)
        if place not in self._of_person:
            ties = (tie for post in person.posts if (tie := self._of_post(post, day)) is not None)
            self._of_person[place] = min(ties, key=_rank, default=None)
        return self._of_person[place]

    def of_organisation(self, organisation: Organisation, day: date) -> Tie | None:
        """The gravest tie of an organisation itself on a day; None if there is none."""
        nearest = self._nearest(organisation, day)
        if nearest is None:
            return None
        assessed, relation = nearest
        if relation is None:
            return Tie(TieKind.SEED_POST, (), f"is {ASSESSED[assessed.kind]}", ())
        words = f"was then {_GROUP_WORDS[relation.name]} {_titled(assessed)}"
        return Tie(TieKind.GROUP, (relation,), words, ())

    def _of_post(self, post: Post, day: date) -> Tie | None:
        if post.organisation is None or not post.kind.counts:
            return None
        organisation = self._record.organisations[post.organisation]
        when, nearest = self._when(post, day), self._nearest(organisation, day)
        if when is None or nearest is None:
            return None
        (kind, ground, words), (assessed, relation) = when, nearest
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

    def _when(self, post: Post, day: date) -> tuple[TieKind, Term | None, str] | None:
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

    def _nearest(
        self, organisation: Organisation, day: date
    ) -> tuple[Organisation, Term | None] | None:
        """The DCC or the provider that an organisation is, with None, or the one nearest to it.

        That is one of its group on the day, with the relation that makes the gravest tie.
        """
        place = (organisation.id, day)
        if place not in self._of_organisation:
            self._of_organisation[place] = min(
                self._related(organisation, day),
                key=lambda found: (
                    () if found[1] is None else gravest_first((found[1],)),
                    found[0].id,
                ),
                default=None,
            )
        return self._of_organisation[place]

    def _related(
        self, organisation: Organisation, day: date
    ) -> Iterator[tuple[Organisation, Term | None]]:
        own = self._owners(organisation.id, day)
        for other in self._record.organisations.values():
            if other.kind not in ASSESSED or not other.period.covers(day):
                continue
            theirs = self._owners(other.id, day)
            if other.id == organisation.id:
                yield other, None
                continue
            if other.id in own:
                relation = self._terms.group["subsidiary"]
            elif organisation.id in theirs:
                relation = self._terms.group["parent"]
            elif own & theirs:
                relation = self._terms.group["sister"]
            else:
                continue
            if relation.counts:
                yield other, relation

    def _owners(self, name: str, day: date) -> frozenset[str]:
        """The organisations that own one on a day, themselves or through others."""
        place = (name, day)
        if place not in self._above:
            found: set[str] = set()
            left = [name]
            while left:
                for link in self._record.organisations[left.pop()].parents:
                    if link.period.covers(day) and link.parent not in found:
                        found.add(link.parent)
                        left.append(link.parent)
            self._above[place] = frozenset(found)
        return self._above[place]


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
