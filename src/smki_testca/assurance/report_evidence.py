"""The evidence by which a report is judged: its record, and who could influence it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from smki_testca.assurance.assessment_record import AssessmentRecord, Organisation, Person, Report
from smki_testca.assurance.breach import RecordBreach
from smki_testca.assurance.influences import Influence, InfluenceKind, influences
from smki_testca.assurance.severities import gravest_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.assurance.ties import Tie, TieKind, Ties
    from smki_testca.profiles.assurance_terms import AssuranceTerms


@dataclass(frozen=True, slots=True)
class InfluenceLink:
    """An influence on a decision, and the tie of whoever has it; None without one."""

    influence: Influence
    tie: Tie | None


@dataclass(frozen=True)
class ReportEvidence:
    """A report, with all that a rule needs to judge it.

    Attributes:
        record: that the report is in.
        report: to judge.
        terms: what counts.
        ties: of the record.
    """

    record: AssessmentRecord
    report: Report
    terms: AssuranceTerms
    ties: Ties

    @cached_property
    def links(self) -> list[InfluenceLink]:
        """Every influence on every decision of the report."""
        return [
            InfluenceLink(influence, self._tie(influence))
            for decision in self.report.decisions
            for influence in influences(self.record, self.report, decision, self.terms)
        ]

    def linked(self, tie: TieKind, *kinds: InfluenceKind) -> Iterator[RecordBreach]:
        """Yield the breach of each link of a kind of tie, of some kinds of influence or of all.

        Of several that one person or organisation has on one decision, the gravest is yielded.
        """
        gravest: dict[tuple[str, type[Person | Organisation], str], tuple[Influence, Tie]] = {}
        for link in self.links:
            own, influence = link.tie, link.influence
            if own is None or own.kind is not tie or (kinds and influence.kind not in kinds):
                continue
            place = (influence.decision.id, type(influence.by), influence.by.id)
            known = gravest.get(place)
            if known is None or _gravity(influence, own) < _gravity(*known):
                gravest[place] = (influence, own)
        for influence, own in gravest.values():
            yield RecordBreach(
                f"{influence.by.name} {influence.words}, and {own.words}.",
                influence.path,
                influence.by.id,
                influence.decision,
                (*own.grounds, *influence.grounds),
            )

    def _tie(self, influence: Influence) -> Tie | None:
        day = influence.decision.day
        if isinstance(influence.by, Person):
            return self.ties.of_person(influence.by, day)
        return self.ties.of_organisation(influence.by, day)


def _gravity(influence: Influence, tie: Tie) -> tuple[int, int]:
    return gravest_first((*tie.grounds, *influence.grounds))
