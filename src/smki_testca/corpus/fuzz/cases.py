"""Makes cases of disagreements, which ``corpus run`` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Defect, Expectation, Importance, Level, Stage, Verdict
from smki_testca.corpus.run.target_answers import LOST
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.build import Builder
    from smki_testca.corpus.case import Case
    from smki_testca.corpus.fuzz.disagreements import Disagreement
    from smki_testca.corpus.parts import Parts

_SOURCE = "what the corpus demands for the findings of the linter"


def cases_of(builder: Builder, disagreements: Sequence[Disagreement]) -> list[Case]:
    """The cases of disagreements, their good documents first."""
    bases = {each.changed.mutation.material.base.name: each for each in disagreements}
    return [
        *(builder.good(builder.bases[name]) for name in bases),
        *(
            builder.case(_defect(each), each.changed.mutation.material.base)
            for each in disagreements
        ),
    ]


def _defect(disagreement: Disagreement) -> Defect:
    """The change of a disagreement, declared as the corpus declares its defects."""
    changed, judgement = disagreement.changed, disagreement.judgement
    base, der = changed.mutation.material.base, changed.question.der
    expected = {
        level: Expectation(verdict, Basis.ASSUMED, _SOURCE)
        for level, verdict in judgement.verdicts.items()
    }

    def make(_: Parts, __: Base) -> bytes:
        return der

    return Defect(
        name=changed.question.id.removeprefix(f"{base.name}-"),
        on=(base.name,),
        mains=1,
        title=changed.mutation.title,
        stage=judgement.stage,
        at_least=Stage.USE,
        findings={"": judgement.codes},
        rfc5280=expected[Level.RFC5280],
        gbcs=expected[Level.GBCS],
        why=_why(disagreement),
        remedy="",
        importance=_importance(disagreement),
        needs=tuple(sorted(judgement.needs)),
        revision=1,
        aliases=(),
        at=None,
        facts=changed.facts,
        is_good=False,
        make=make,
    )


def _why(disagreement: Disagreement) -> str:
    first = next(iter(disagreement.judgement.findings), None)
    message = "nothing is wrong with it" if first is None else first.message.rstrip(".")
    return f"A parser under test answered {disagreement.answer.seen}; the linter says: {message}."


def _importance(disagreement: Disagreement) -> Importance:
    is_grave = (
        disagreement.answer.seen in LOST
        or Verdict.REJECT in disagreement.judgement.verdicts.values()
    )
    return Importance.HIGH if is_grave else Importance.MEDIUM
