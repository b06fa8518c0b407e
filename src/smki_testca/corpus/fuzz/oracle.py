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
from smki_testca.corpus.defect import Changed, Level, Need, Stage, Verdict
from smki_testca.corpus.parts import CertificateParts, RevocationListParts
from smki_testca.importers.sources import Source
from smki_testca.lint.engine import form_breaches
from smki_testca.profiles.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.build import Builder
    from smki_testca.corpus.defect import Defect
    from smki_testca.lint.findings import Finding
    from smki_testca.x509.view import View

_STAGES = list(Stage)


@dataclass(frozen=True)
class Demand:
    """The demand that a finding makes of any library.

    Attributes:
        verdict: what it must do.
        stage: the step that must refuse, the first one where the corpus has several.
        needs: what a parser must be able to do for that.
    """

    verdict: Verdict = Verdict.EITHER
    stage: Stage = Stage.PROFILE
    needs: frozenset[Need] = frozenset()


_NONE = Demand()
_NOTHING_WRONG = Demand(Verdict.ACCEPT, Stage.USE)


@dataclass(frozen=True)
class OracleJudgement:
    """The verdict that a parser must reach on a document, with the reason.

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
        self._groups = {name: _group(base) for name, base in builder.bases.items()}
        self._demands = {
            place: demand if demand.needs <= capabilities else _NONE
            for place, demand in demands(builder.bases).items()
        }

    def may_have_to_be_taken(self, base: Base, view: View) -> bool:
        """Whether the form of a document is right enough that a parser may have to take it.

        This takes a fraction of the time of ``judge``.
        """
        return all(
            self._demand(base, breach.code).verdict is Verdict.ACCEPT
            for breach in form_breaches(view)
        )

    def judge(self, base: Base, der: bytes) -> OracleJudgement:
        """The verdict that a parser must reach on a change of a good document."""
        unsorted = self._linters[base.name].lint(Source("-", 0, der)).findings
        demands = {finding.code: self._demand(base, finding.code) for finding in unsorted}
        # The gravest for a library comes first: it is what the case is about.
        findings = tuple(sorted(unsorted, key=lambda each: _ORDER[demands[each.code].verdict]))
        first = demands[findings[0].code] if findings else _NOTHING_WRONG
        return OracleJudgement(
            {
                Level.RFC5280: first.verdict,
                Level.GBCS: _of_field(base, first.verdict, findings, demands),
            },
            findings,
            first.stage,
            first.needs if first.verdict is Verdict.REJECT else frozenset(),
        )

    def _demand(self, base: Base, code: str) -> Demand:
        return self._demands.get(
            (self._groups[base.name], code), self._demands.get(("", code), _NONE)
        )


def _of_field(
    base: Base, library: Verdict, findings: Sequence[Finding], demands: Mapping[str, Demand]
) -> Verdict:
    """The verdict of a program of this field, as the corpus' cases have it."""
    if library is Verdict.REJECT or not findings:
        return library
    is_list = isinstance(base.document, RevocationListParts)
    # What the target cannot see, or the corpus does not know, demands nothing of it.
    known = [finding for finding in findings if demands[finding.code] is not _NONE]
    if not is_list and any(finding.severity is Severity.ERROR for finding in known):
        return Verdict.REJECT
    is_plain = all(finding.severity is Severity.NOTICE for finding in findings)
    return library if is_plain else Verdict.EITHER


_ORDER = {Verdict.REJECT: 0, Verdict.EITHER: 1, Verdict.ACCEPT: 2}


def _group(base: Base) -> str:
    """The group of a good document: its kind, where a root is a kind of its own."""
    document = base.document
    if isinstance(document, CertificateParts) and document.is_self_issued:
        return "root"
    return document.label


def demands(bases: Mapping[str, Base]) -> dict[tuple[str, str], Demand]:
    """The demands that the corpus makes of a library, by code.

    Args:
        bases: the good documents.

    Returns:
        The demands by the group of a good document and the code of a finding, and by the code
        alone, under "", for a group that has no defect of it.
    """
    defects_by_code: dict[tuple[str, str], list[Defect]] = {}
    for defect in _of_documents(bases):
        for name in defect.on:
            codes = defect.findings_on(name)
            if codes:
                for group in ("", _group(bases[name])):
                    defects_by_code.setdefault((group, codes[0]), []).append(defect)
    return {place: _demanded(defects) for place, defects in defects_by_code.items()}


def _of_documents(bases: Mapping[str, Base]) -> Iterator[Defect]:
    """The defects and oddities whose change is in the document itself, as all of a search are."""
    for namesakes in DEFECTS.values():
        for defect in namesakes:
            base = bases[defect.on[0]]
            # A document that is right in itself, and not what was asked for, says nothing.
            is_right = Need.NAMES in defect.needs
            if not is_right and not isinstance(defect.make(base.document, base), Changed):
                yield defect


def _demanded(defects: Sequence[Defect]) -> Demand:
    """The demand that all defects of a code make."""
    verdicts = {defect.rfc5280.verdict for defect in defects}
    stages = {defect.stage for defect in defects}
    needs = {need for defect in defects for need in defect.needs}
    if stages & {Stage.SIGNATURE, Stage.PATH}:
        needs.add(Need.CHAIN)
    verdict = min(verdicts) if len(verdicts) == 1 else Verdict.EITHER
    return Demand(verdict, min(stages, key=_STAGES.index), frozenset(needs))
