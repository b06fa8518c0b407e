"""Judges the answer of a target to a case."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Level, Stage, Verdict
from smki_testca.corpus.run.questions import CRL
from smki_testca.corpus.run.target_answers import Behaviour

if TYPE_CHECKING:
    from smki_testca.corpus.run.loaded_corpus import LoadedCase
    from smki_testca.corpus.run.target_answers import TargetAnswer


class CaseOutcome(StrEnum):
    """The outcome of a case."""

    RIGHT = "right"
    """It did what the case demands."""
    EITHER = "either"
    """No rule that was read demands the one or the other."""
    RIGHT_LATE = "right-late"
    """It refused, in a later step than it should have."""
    RIGHT_WRONG_REASON = "right-wrong-reason"
    """It refused, in a step before the one in which the defect is."""
    WRONG = "wrong"
    """It accepted what it must refuse, refused what it must accept, crashed or hung."""
    WRONG_FACTS = "wrong-facts"
    """It rightly accepted, and read something else than is there."""
    KNOWN = "known"
    """It is wrong, and the expectations say so, with a reason."""
    VACUOUS = "vacuous"
    """Not asked: the target refuses the good base, so a refusal would prove nothing."""
    NOT_APPLICABLE = "not-applicable"
    """Not asked: the target lacks a capability."""


_ORDER = list(Stage)
_IDENTITIES = {
    "eui64": re.compile("[0-9A-F]{16}"),
    "role": re.compile("[0-9A-F]{2}"),
    "usage": re.compile("DIGITALSIGNATURE|KEYAGREEMENT"),
}
"""The facts that say whose a document is, as ``_plain`` writes their values."""
_STATUS_OF_GOOD_BASE = Behaviour.REVOKED.value


@dataclass(frozen=True)
class CaseJudgement:
    """The outcome of a case, with the reason.

    Attributes:
        outcome: of the case.
        note: why, where the outcome does not say.
        is_dangerous: whether a certificate passed that is revoked, or may be: that matters most.
    """

    outcome: CaseOutcome
    note: str = ""
    is_dangerous: bool = False


def judge(case: LoadedCase, answer: TargetAnswer, level: Level) -> CaseJudgement:
    """Judge an answer by what a case demands at a level."""
    verdict = case.verdicts[level]
    if answer.seen in {Behaviour.CRASHED, Behaviour.HUNG, Behaviour.ERROR}:
        return CaseJudgement(CaseOutcome.WRONG)
    if case.kind == CRL and case.question.about is not None:
        return _by_list(case, answer, verdict)
    if answer.seen is Behaviour.ACCEPTED:
        if verdict is Verdict.REJECT:
            return CaseJudgement(CaseOutcome.WRONG)
        return _accepted(case, answer, verdict)
    if verdict is Verdict.ACCEPT:
        return CaseJudgement(CaseOutcome.WRONG)
    return _refused(case, answer, verdict)


def is_taken(case: LoadedCase, answer: TargetAnswer, level: Level) -> bool:
    """Whether a target takes a good base, so that refusing a change of it proves something."""
    return judge(case, answer, level).outcome in {CaseOutcome.RIGHT, CaseOutcome.WRONG_FACTS}


def _accepted(case: LoadedCase, answer: TargetAnswer, verdict: Verdict) -> CaseJudgement:
    wrong = [
        f"{name} is {case.facts[name]}, and it read {value}"
        for name, value in answer.facts.items()
        if name in case.facts and _plain(value) != _plain(case.facts[name])
    ]
    wrong += [
        f"it has no {name}, and it read {value}"
        for name, value in answer.facts.items()
        if _is_invented(case, name, value)
    ]
    if wrong:
        return CaseJudgement(CaseOutcome.WRONG_FACTS, "; ".join(wrong))
    return CaseJudgement(CaseOutcome.EITHER if verdict is Verdict.EITHER else CaseOutcome.RIGHT)


def _is_invented(case: LoadedCase, name: str, value: str) -> bool:
    """Whether a target read an identity in a document that has none.

    The good base has one, and without it GBCS demands that the document is refused. A value that no
    identity can have, such as the 14 digits of an identifier that is too short, is the document's
    own and misleads nobody.
    """
    if name not in case.lost or case.verdicts[Level.GBCS] is not Verdict.REJECT:
        return False
    shape = _IDENTITIES.get(name)
    return shape is not None and shape.fullmatch(_plain(value)) is not None


def _plain(value: str) -> str:
    """A fact without what readers write in different ways: case, hyphens and colons."""
    return value.upper().replace("-", "").replace(":", "")


def _refused(case: LoadedCase, answer: TargetAnswer, verdict: Verdict) -> CaseJudgement:
    if verdict is Verdict.EITHER:
        return CaseJudgement(CaseOutcome.EITHER)
    stage = answer.stage
    if stage is None:
        return CaseJudgement(CaseOutcome.RIGHT)
    if _ORDER.index(stage) > _ORDER.index(case.at_least):
        return CaseJudgement(CaseOutcome.RIGHT_LATE, f"refused at {stage}, due at {case.at_least}")
    if _ORDER.index(stage) < _ORDER.index(case.stage):
        return CaseJudgement(
            CaseOutcome.RIGHT_WRONG_REASON, f"refused at {stage}, and the defect is at {case.stage}"
        )
    return CaseJudgement(CaseOutcome.RIGHT)


def _by_list(case: LoadedCase, answer: TargetAnswer, verdict: Verdict) -> CaseJudgement:
    """Judge what a target says of a certificate by a CRL."""
    status = case.facts.get("status", _STATUS_OF_GOOD_BASE)
    if answer.seen is Behaviour.REJECTED:
        return (
            CaseJudgement(CaseOutcome.WRONG, "the list is refused")
            if verdict is Verdict.ACCEPT
            else _refused(case, answer, verdict)
        )
    if answer.seen is Behaviour.ACCEPTED and verdict is Verdict.REJECT:
        note = "the list must be refused, and the certificate is accepted"
        return CaseJudgement(CaseOutcome.WRONG, note, is_dangerous=True)
    if answer.seen is Behaviour.ACCEPTED and status == Behaviour.REVOKED.value:
        note = "the revoked certificate is accepted"
        return CaseJudgement(CaseOutcome.WRONG, note, is_dangerous=True)
    if verdict is Verdict.REJECT:
        return CaseJudgement(CaseOutcome.WRONG, "the list is taken")
    if answer.seen is Behaviour.REVOKED and status != Behaviour.REVOKED.value:
        return CaseJudgement(CaseOutcome.WRONG, "the certificate is not revoked")
    return CaseJudgement(CaseOutcome.EITHER if verdict is Verdict.EITHER else CaseOutcome.RIGHT)
