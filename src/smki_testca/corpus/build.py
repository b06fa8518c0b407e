"""Makes the cases: applies every defect to its bases, and has the linter say what is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.clock import iso
from smki_testca.corpus import declared
from smki_testca.corpus.bases import Base, bases
from smki_testca.corpus.case import Case
from smki_testca.corpus.defect import (
    Changed,
    Defect,
    Expectation,
    Importance,
    Level,
    Need,
    Stage,
    Verdict,
)
from smki_testca.corpus.device_answers import DeviceStatuses
from smki_testca.corpus.difference import Difference, difference
from smki_testca.corpus.facts import facts_in, view_of
from smki_testca.corpus.parts import (
    RSA_SHA256,
    CertificateParts,
    CsrParts,
    Parts,
    RevocationListParts,
    at,
)
from smki_testca.corpus.pki import corpus_pki
from smki_testca.importers.sources import Source
from smki_testca.lint.chain import gathered
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import LintSettings
from smki_testca.lint.whole_input import set_findings
from smki_testca.profiles import Library
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.corpus.pki import Pki
    from smki_testca.lint.findings import Finding

_KINDS = {CertificateParts: "certificate", RevocationListParts: "CRL", CsrParts: "CSR"}
_LIBRARY_SOURCES = {
    CertificateParts: "RFC 5280 4 and 6.1 forbid nothing in it",
    RevocationListParts: "RFC 5280 5 and 6.3 forbid nothing in it",
    CsrParts: "RFC 2986 4 forbids nothing in it",
}
_FROM_BEST = (Basis.SPECIFIED, Basis.OBSERVED, Basis.ASSUMED)
_PORTAL = ("organisation", "device", "iki")
"""The hierarchies whose CSRs SEC Appendix M describes."""
ENVIRONMENT = "ZAZ1"
"""The test environment of the corpus' own CAs."""


def corpus(
    pki: Pki | None = None,
    environment: str | None = ENVIRONMENT,
    *,
    every_base: bool = False,
) -> list[Case]:
    """Every case: the good bases first, then the oddities, then the defects.

    Args:
        pki: the CAs that issue them; the corpus' own by default.
        environment: the test environment whose policies the linter allows.
        every_base: whether to make each defect of every base that it is declared on, rather than
            of its main ones alone.
    """
    return list(Builder(pki or corpus_pki(), environment).cases(every_base=every_base))


class Builder:
    """Makes cases under some CAs.

    Args:
        pki: the CAs.
        environment: the test environment whose policies the linter allows.
    """

    def __init__(self, pki: Pki, environment: str | None) -> None:
        self.bases = bases(pki)
        self._trusted = tuple(authority.der for authority in pki.authorities.values())
        self._environment = environment
        self._at = pki.at
        self._library = Library()
        self._linters: dict[tuple[str, tuple[bytes, ...]], Linter] = {}
        self._device_answers = DeviceStatuses(self._library, environment)

    def cases(self, *, every_base: bool = False) -> Iterator[Case]:
        """The cases: the good bases first, then the oddities, then the defects.

        Args:
            every_base: whether to make each defect of every base that it is declared on.
        """
        for base in self.bases.values():
            yield self.good(base)
        every = [defect for namesakes in declared.DEFECTS.values() for defect in namesakes]
        for is_good in (True, False):
            for defect in every:
                if defect.is_good is is_good:
                    names = defect.on if every_base else defect.main_bases
                    yield from (self.case(defect, self.bases[name]) for name in names)

    def case(self, defect: Defect, base: Base) -> Case:
        """The case that a defect makes of a base."""
        result = defect.make(base.document, base)
        changed = result if isinstance(result, Changed) else Changed(result)
        document = changed.document
        der = document if isinstance(document, bytes) else document.der
        chain = base.chain if changed.chain is None else tuple(changed.chain)
        about = changed.about or base.about
        crls = tuple(revocations.der for revocations in changed.crls)
        instant = self._at if defect.at is None else at(defect.at)
        is_list = isinstance(base.document, RevocationListParts)
        codes = defect.findings_on(base.name)
        findings = self._findings(der, base, chain, crls, iso(instant))
        own = (
            next((finding for finding in findings if finding.code == codes[0]), None)
            if codes and not defect.is_good
            else None
        )
        stated = base.facts.as_json() if is_list else facts_in(base, view_of(base, der))
        stated = {**stated, **defect.facts}
        facts = {name: value for name, value in stated.items() if value is not None}
        needs = _needs(base, defect.needs, crls)
        expected = base.facts.as_json() if Need.NAMES in needs else facts
        return Case(
            id=f"{'good-' if defect.is_good else ''}{base.name}-{defect.name}",
            title=f"{base.title} {defect.title}",
            kind=_KINDS[type(base.document)],
            profile=base.profile,
            is_main=base.name in defect.main_bases,
            base=f"good-{base.name}",
            is_good=defect.is_good,
            stage=defect.stage,
            at_least=defect.at_least,
            expect={
                Level.RFC5280: defect.rfc5280,
                Level.GBCS: self._of_this_field(base, defect, own),
            },
            finding=own,
            also=tuple(finding for finding in findings if finding is not own),
            why=defect.why,
            remedy=defect.remedy or ("" if own is None else own.remedy),
            importance=defect.importance,
            needs=needs,
            at=iso(instant),
            facts=facts,
            wanted=expected,
            change=_change(base, der, chain, crls),
            der=der,
            chain=tuple(authority.der for authority in chain),
            crls=crls,
            about=None if about is None else about.der,
            revision=defect.revision,
            aliases=tuple(f"{base.name}-{alias}" for alias in defect.aliases),
            device=self._device_answers.statuses(base, der, chain, instant, expected, defect.name),
        )

    def good(self, base: Base) -> Case:
        """The case that a good base is."""
        source = _LIBRARY_SOURCES[type(base.document)]
        taken = Expectation(Verdict.ACCEPT, Basis.SPECIFIED, source)
        der, facts = base.document.der, base.facts.as_json()
        return Case(
            id=f"good-{base.name}",
            title=f"{base.title} as it should be",
            kind=_KINDS[type(base.document)],
            profile=base.profile,
            base=None,
            is_good=True,
            stage=Stage.USE,
            at_least=Stage.USE,
            expect={Level.RFC5280: taken, Level.GBCS: self._of_profile(base)},
            finding=None,
            also=self._findings(der, base, base.chain, (), iso(self._at)),
            why="A parser that refuses it refuses every certificate of its kind.",
            remedy="",
            importance=Importance.CRITICAL,
            needs=_needs(base, (), ()),
            at=iso(self._at),
            facts=facts,
            wanted=facts,
            change=None,
            der=der,
            chain=tuple(authority.der for authority in base.chain),
            about=None if base.about is None else base.about.der,
            device=self._device_answers.statuses(base, der, base.chain, self._at, facts),
        )

    def linter(self, base: Base) -> Linter:
        """The linter that judges changes of a good base: it has all CAs at hand."""
        chain = tuple(authority.der for authority in base.chain)
        return self._linter(iso(self._at), chain, set())

    def _of_this_field(self, base: Base, defect: Defect, own: Finding | None) -> Expectation:
        """The expectation of a program of this field for a change of a base."""
        expectation = defect.gbcs or _of_this_field(base, defect.rfc5280, own)
        of_base = self._of_profile(base)
        if not defect.is_good or of_base.basis is not Basis.ASSUMED:
            return expectation
        # That an oddity must be taken is no better known than that its good base must be.
        return replace(
            expectation, basis=of_base.basis, source=f"{expectation.source}; {of_base.source}"
        )

    def _of_profile(self, base: Base) -> Expectation:
        """That a program of this field must take a good base is as well known as its profile."""
        profile = base.profile
        if isinstance(base.document, CsrParts):
            basis = Basis.SPECIFIED if profile in _PORTAL else Basis.ASSUMED
            source = "SEC App. M F, G" if profile in _PORTAL else "its profile is assumed"
            return Expectation(Verdict.ACCEPT, basis, source)
        document = self._library.any_profile(profile)
        worst = max(document.rows, key=lambda row: _FROM_BEST.index(row.basis))
        source = f"the profile that it follows; of {worst.field.path}: {worst.source}"
        return Expectation(Verdict.ACCEPT, worst.basis, source)

    def _findings(
        self,
        der: bytes,
        base: Base,
        chain: Sequence[CertificateParts],
        crls: Sequence[bytes],
        instant: str,
    ) -> tuple[Finding, ...]:
        """The linter's findings on a document and its CRLs, and on a chain that is changed."""
        usual = {authority.der for authority in base.chain}
        above = tuple(authority.der for authority in chain)
        around = (*(above if set(above) != usual else ()), *crls)
        linter = self._linter(instant, above, usual - set(above))
        sources = [Source("-", n, each) for n, each in enumerate((der, *around))]
        linted = [linter.lint(source, n) for n, source in enumerate(sources)]
        together = set_findings(linter, linted, sources).get(0, ()) if crls else ()
        of_others = [each for document in linted[1:] for each in document.findings]
        return (*linted[0].findings, *together, *of_others)

    def _linter(self, instant: str, above: tuple[bytes, ...], gone: set[bytes]) -> Linter:
        """A linter that has the CAs of a chain at hand, and the corpus' others but some."""
        linter = self._linters.get((instant, above))
        if linter is None:
            others = (authority for authority in self._trusted if authority not in gone)
            trusted = tuple(dict.fromkeys((*above, *others)))
            settings = LintSettings(
                at(instant.rstrip("Z")), environment=self._environment, trusted=trusted
            )
            linter = Linter(settings, gathered(trusted, settings.at), self._library)
            self._linters[instant, above] = linter
        return linter


def _of_this_field(base: Base, rfc5280: Expectation, finding: Finding | None) -> Expectation:
    """The expectation of a program of this field, from that of any and from the finding."""
    if rfc5280.verdict is Verdict.REJECT:
        return rfc5280
    # No rule of the SMKI for readers of CRLs was read: that a CA broke a rule with its list does
    # not allow them to ignore it.
    is_list = isinstance(base.document, RevocationListParts)
    if finding is not None and finding.severity is Severity.ERROR and not is_list:
        # The rule is read; that a Device must refuse its breach is not (dossier: devices).
        return Expectation(Verdict.REJECT, Basis.ASSUMED, finding.source)
    source = rfc5280.source if finding is None else finding.source
    return Expectation(Verdict.EITHER, Basis.ASSUMED, source)


def _needs(base: Base, needs: tuple[Need, ...], crls: tuple[bytes, ...]) -> tuple[Need, ...]:
    """The abilities that a case needs of a parser: those of its kind and its own."""
    document = base.document
    of_kind = {RevocationListParts: (Need.CRL, Need.TIME), CsrParts: (Need.CSR,)}.get(
        type(document), ()
    )
    by_rsa = (Need.RSA,) if document.algorithm == RSA_SHA256 else ()
    by_crls = (Need.CRL, Need.TIME) if crls else ()
    return tuple(dict.fromkeys((*of_kind, *by_rsa, *by_crls, *needs)))


def _change(
    base: Base, der: bytes, chain: Sequence[CertificateParts], crls: Sequence[bytes]
) -> Difference | None:
    """The one difference from the base: of the document, of a CA above it, or a CRL with it."""
    change = difference(_der(base.document), der)
    if change is not None:
        return change
    for number, (before, after) in enumerate(zip(base.chain, chain, strict=False)):
        above = difference(before.der, after.der)
        if above is not None:
            return above.below(f"chain[{number}]")
    if not crls:
        return None
    return Difference("added", "", 0, b"", crls[0], resigned=False).below("crls[0]")


def _der(document: Parts) -> bytes:
    return document.der
