"""Relations: what an organisation is, day by day, to the DCC or a DCC Service Provider."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date, timedelta
from typing import TYPE_CHECKING

from smki_testca.assurance.assessment_record import ASSESSED
from smki_testca.assurance.severities import gravest_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from smki_testca.assurance.assessment_record import AssessmentRecord, Organisation
    from smki_testca.assurance.period import Period
    from smki_testca.profiles.assurance_terms import AssuranceTerms, Term

    Relation = tuple[Organisation, Term | None]
    """The DCC or provider that an organisation is, with None, or the one that it is related to."""
    _Graph = Mapping[str, list[str]]

_ONE_DAY = timedelta(1)


class Relations:
    """Finds the relations of a record's organisations.

    They change only on the first day of a period or after its last: the days between two such
    changes are a span. Each span is looked at once, in steps that grow with the record's parents.

    Args:
        record: the record.
        terms: which relations in a group count.
    """

    def __init__(self, record: AssessmentRecord, terms: AssuranceTerms) -> None:
        self._organisations = record.organisations
        self._terms = terms
        changes = {date.min}
        for organisation in record.organisations.values():
            for period in (organisation.period, *(link.period for link in organisation.parents)):
                changes |= {period.start} if period.start is not None else set()
                if period.end is not None and period.end < date.max:
                    changes.add(period.end + _ONE_DAY)
        self._first = sorted(changes)
        """The first day of each span."""
        self._of: dict[str, dict[int, Relation]] = {}
        """Of each organisation with any, its relation in each span that has one, in order."""
        for place, day in enumerate(self._first):
            for name, relation in self._all_on(day).items():
                self._of.setdefault(name, {})[place] = relation
        self._places = {name: list(relations) for name, relations in self._of.items()}

    def on(self, name: str, day: date) -> Relation | None:
        """The relation of an organisation on a day that makes the gravest tie, if any."""
        return self._of.get(name, {}).get(bisect_right(self._first, day) - 1)

    def before(self, name: str, day: date, within: Period) -> tuple[date, Relation] | None:
        """The last day of a period before a day on which there is one, and that relation."""
        if day == date.min:
            return None
        last = day - _ONE_DAY if within.end is None else min(day - _ONE_DAY, within.end)
        places = self._places.get(name, [])
        number = bisect_right(places, bisect_right(self._first, last) - 1) - 1
        if number < 0:
            return None
        place = places[number]
        if place + 1 < len(self._first):
            last = min(last, self._first[place + 1] - _ONE_DAY)
        return (last, self._of[name][place]) if within.covers(last) else None

    def after(self, name: str, day: date, within: Period) -> tuple[date, Relation] | None:
        """The first day of a period after a day on which there is one, and that relation."""
        if day == date.max:
            return None
        first = day + _ONE_DAY if within.start is None else max(day + _ONE_DAY, within.start)
        places = self._places.get(name, [])
        number = bisect_left(places, bisect_right(self._first, first) - 1)
        if number == len(places):
            return None
        first = max(first, self._first[places[number]])
        return (first, self._of[name][places[number]]) if within.covers(first) else None

    def _all_on(self, day: date) -> dict[str, Relation]:
        """The relation of each organisation that has one on a day."""
        assessed = sorted(
            organisation.id
            for organisation in self._organisations.values()
            if organisation.kind in ASSESSED and organisation.period.covers(day)
        )
        above: dict[str, list[str]] = {}
        below: dict[str, list[str]] = {}
        for organisation in self._organisations.values() if assessed else ():
            for link in organisation.parents:
                if link.period.covers(day):
                    above.setdefault(organisation.id, []).append(link.parent)
                    below.setdefault(link.parent, []).append(organisation.id)
        parents = _reached(((name, name) for name in assessed), above)
        subsidiaries = _reached(((name, name) for name in assessed), below)
        owners = sorted((origin, name) for name, origin in parents.items())
        sisters = {
            name: origin
            for name, origin in _reached(owners, below).items()
            if origin not in {subsidiaries.get(name), parents.get(name)}
        }
        relations: dict[str, Relation] = {}
        group = self._terms.group
        for term, related in (
            (group["subsidiary"], subsidiaries),
            (group["parent"], parents),
            (group["sister"], sisters),
        ):
            for name, origin in related.items() if term.counts else ():
                relation = (self._organisations[origin], term)
                if name not in relations or _order(relation) < _order(relations[name]):
                    relations[name] = relation
        return {**relations, **{name: (self._organisations[name], None) for name in assessed}}


def _order(relation: Relation) -> tuple[object, ...]:
    nearest, term = relation
    return (gravest_first(() if term is None else (term,)), nearest.id)


def _reached(starts: Iterable[tuple[str, str]], graph: _Graph) -> dict[str, str]:
    """The names that are reached from others, each with the origin of the first that reaches it.

    Args:
        starts: an origin and the name where it starts, in order; a start alone is not reached.
        graph: the next names of each.
    """
    reached: dict[str, str] = {}
    for origin, start in starts:
        unvisited = [start]
        while unvisited:
            for name in graph.get(unvisited.pop(), ()):
                if name not in reached:
                    reached[name] = origin
                    unvisited.append(name)
    return reached
