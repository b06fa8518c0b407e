"""The linter as the judge of what a parser must do with a changed document.

The linter says what is wrong. The corpus says, by the code of each finding, what that demands of a
parser: where all its defects of a code are to be rejected, so is the change; where all may be
taken, so may the change. A code of which the corpus says different things, or nothing, demands
neither the one nor the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.corpus.declared import DEFECTS
from smki_testca.corpus.defect import Level, Need, Stage, Verdict
from smki_testca.corpus.parts import RevocationList
from smki_testca.importers.sources import Source
from smki_testca.lint.engine import form_breaches
from smki_testca.profiles.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.build import Builder
    from smki_testca.corpus.defect import Defect
    from smki_testca.lint.findings import Finding
    from smki_testca.x509.view import View

_STAGES = list(Stage)


@dataclass(frozen=True)
class Demand:
    """What a finding demands of any library.

    Attributes:
        verdict: what it must do.
        stage: the step that must refuse, the first one where the corpus has several.
        needs: what a parser must be able to do for that.
    """

    verdict: Verdict = Verdict.EITHER
    stage: Stage = Stage.PROFILE
    needs: frozenset[Need] = frozenset()


_NONE = Demand()


@dataclass(frozen=True)
class Judgement:
    """What a parser must do with a document, and why.

    Attributes:
        verdicts: what it must do, by level.
        findings: what the linter says of the document; the one that matters most is the first.
        stage: the step that must refuse it.
        needs: what a parser must be able to do for that.
    """

    verdicts: Mapping[Level, Verdict]
    findings: tuple[Finding, ...]
    stage: Stage
    needs: frozenset[Need]

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the findings, each once."""
        return tuple(dict.fromkeys(finding.code for finding in self.findings))


class Oracle:
    """Judges changed documents.

    Args:
        builder: makes the cases of the corpus; its linters judge.
        capabilities: what the parser can do: what takes more demands nothing of it.
    """

    def __init__(self, builder: Builder, capabilities: frozenset[Need]) -> None:
        self._linters = {name: builder.linter(base) for name, base in builder.bases.items()}
        self._demands = {
            code: demand if demand.needs <= capabilities else _NONE
            for code, demand in demands().items()
        }

    def may_have_to_be_taken(self, view: View) -> bool:
        """Whether the form of a document is right enough that a parser may have to take it.

        This takes a fraction of the time of ``judge``.
        """
        return all(
            self._demand(breach.code).verdict is Verdict.ACCEPT for breach in form_breaches(view)
        )

    def judge(self, base: Base, der: bytes) -> Judgement:
        """What a parser must do with a change of a good document."""
        found = self._linters[base.name].lint(Source("-", 0, der)).findings
        # The gravest for a library comes first: it is what the case is about.
        findings = tuple(sorted(found, key=lambda each: _ORDER[self._demand(each.code).verdict]))
        first = self._demand(findings[0].code) if findings else Demand(stage=Stage.USE)
        library = self._of_library(findings)
        return Judgement(
            {Level.RFC5280: library, Level.GBCS: self._of_field(base, library, findings)},
            findings,
            first.stage,
            first.needs if first.verdict is Verdict.REJECT else frozenset(),
        )

    def _demand(self, code: str) -> Demand:
        return self._demands.get(code, _NONE)

    def _of_library(self, findings: Sequence[Finding]) -> Verdict:
        """What any library must do: the gravest that a finding demands."""
        verdicts = [self._demand(finding.code).verdict for finding in findings]
        return min(verdicts, key=_ORDER.__getitem__, default=Verdict.ACCEPT)

    def _of_field(self, base: Base, library: Verdict, findings: Sequence[Finding]) -> Verdict:
        """What a program of this field must do, as the cases of the corpus have it."""
        if library is Verdict.REJECT or not findings:
            return library
        own = [each for each in findings if self._demands.get(each.code) is not _NONE]
        is_list = isinstance(base.document, RevocationList)
        if not is_list and any(each.severity is Severity.ERROR for each in own):
            return Verdict.REJECT
        is_plain = all(each.severity is Severity.NOTICE for each in findings)
        return library if is_plain else Verdict.EITHER


_ORDER = {Verdict.REJECT: 0, Verdict.EITHER: 1, Verdict.ACCEPT: 2}


def demands() -> dict[str, Demand]:
    """What the corpus demands of a library, by the code of a finding."""
    said: dict[str, list[Defect]] = {}
    for namesakes in DEFECTS.values():
        for defect in namesakes:
            if Need.NAMES in defect.needs:
                continue  # right in itself: it is what was asked for that is not
            for code in {codes[0] for codes in defect.findings.values() if codes}:
                said.setdefault(code, []).append(defect)
    return {code: _demanded(defects) for code, defects in said.items()}


def _demanded(defects: Sequence[Defect]) -> Demand:
    """What all defects of a code demand."""
    verdicts = {defect.rfc5280.verdict for defect in defects}
    stages = {defect.stage for defect in defects}
    needs = {need for defect in defects for need in defect.needs}
    if stages & {Stage.SIGNATURE, Stage.PATH}:
        needs.add(Need.CHAIN)
    verdict = min(verdicts) if len(verdicts) == 1 else Verdict.EITHER
    return Demand(verdict, min(stages, key=_STAGES.index), frozenset(needs))
