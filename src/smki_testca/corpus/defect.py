"""Declares defects: the metadata is above the function that makes the change.

    @defect("san-not-critical", on=("device",), stage=Stage.PROFILE, …)
    def san_not_critical(it: CertificateParts, base: Base) -> CertificateParts: …

A defect makes one case of each base that it is declared on: ``device-san-not-critical``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, Parts, RevocationListParts

    Make = Callable[[Any, Base], Parts | bytes | "Changed"]


class Stage(StrEnum):
    """The steps in which a parser judges a document; each can refuse it."""

    DER = "der"
    STRUCTURE = "structure"
    PROFILE = "profile"
    SIGNATURE = "signature"
    PATH = "path"
    USE = "use"


class Verdict(StrEnum):
    """The verdict that a parser must reach on a document."""

    REJECT = "reject"
    ACCEPT = "accept"
    EITHER = "either"
    """No rule that was read demands the one or the other."""


class Importance(StrEnum):
    """The importance of a case."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Level(StrEnum):
    """Against which rules a parser is judged."""

    RFC5280 = "rfc5280"
    """The duties of any X.509 library: X.690, RFC 5280 and the algorithms' RFCs."""
    GBCS = "gbcs"
    """The further duties of a Device or a program of this field."""


class Need(StrEnum):
    """The abilities that a case may need of a parser."""

    CRL = "crl"
    """Judge a certificate by a CRL."""
    CSR = "csr"
    """Read a CSR."""
    TIME = "time"
    """Judge at a given time, rather than at the time of its clock."""
    CHAIN = "chain"
    """Build and verify a path."""
    RSA = "rsa"
    """Verify RSA signatures."""
    NAMES = "names"
    """Compare what the document says with what was asked for: its holder, usage and role."""


@dataclass(frozen=True)
class Expectation:
    """The verdict expected at one level, and its basis."""

    verdict: Verdict
    basis: Basis
    source: str

    def as_json(self) -> dict[str, str]:
        """The expectation as a JSON object, its attributes as keys."""
        return {
            "verdict": self.verdict.value,
            "basis": self.basis.value,
            "source": self.source,
        }


@dataclass(frozen=True)
class Changed:
    """A case whose change is not in the document itself.

    Attributes:
        document: the document under test: its parts, or its octets.
        chain: the CAs above it, where they differ from the base's.
        crls: CRLs to judge the document by.
        about: of a CRL, the certificate whose status is asked, where it differs from the base's.
    """

    document: Parts | bytes
    chain: Sequence[CertificateParts] | None = None
    crls: Sequence[RevocationListParts] = ()
    about: CertificateParts | None = None


@dataclass(frozen=True)
class Defect:
    """A change that breaks a document, or an oddity that does not.

    Attributes:
        name: kebab case, for ever; a case's id is its base's name and this.
        on: the names of the bases that it is made of, the main ones first: the corpus has the
            others only where every base is asked for.
        mains: how many of them are main ones.
        title: what is changed, after "A Device Certificate": "whose keyUsage is not critical".
        stage: the step that must refuse it; of an oddity, the step that might trip over it.
        at_least: the latest step at which refusing it still counts as right.
        findings: the linter's codes, the case's own first: for each base, or under "" for all.
        rfc5280: what any library must do.
        gbcs: what a program of this field must do; None to follow the finding.
        why: what goes wrong in the field if it is accepted (or refused, if it is an oddity).
        remedy: how its issuer mends it; empty for the remedy of the rule.
        importance: how much it matters.
        needs: what a parser must be able to do.
        revision: rises when octets change.
        aliases: names that it had before.
        at: the instant at which it is judged, ISO 8601, where it is not the usual one.
        facts: what an accepting reader must have read: of a CRL, where its status differs from the
            base's; of others, what is read in the octets is stated here once more, or not at all.
        is_good: whether it is an oddity, which a parser must take.
        make: the function that makes the change.
    """

    name: str
    on: tuple[str, ...]
    mains: int
    title: str
    stage: Stage
    at_least: Stage
    findings: Mapping[str, tuple[str, ...]]
    rfc5280: Expectation
    gbcs: Expectation | None
    why: str
    remedy: str
    importance: Importance
    needs: tuple[Need, ...]
    revision: int
    aliases: tuple[str, ...]
    at: str | None
    facts: Mapping[str, str | None]
    is_good: bool
    make: Make = field(repr=False)

    @property
    def main_bases(self) -> tuple[str, ...]:
        """The bases that the corpus has it on, unless every base is asked for.

        None if it matters little: hardly any parser refuses it, and nothing follows.
        """
        return () if self.importance is Importance.LOW else self.first_bases

    @property
    def first_bases(self) -> tuple[str, ...]:
        """The bases that it is on where it is asked for, though it may matter little."""
        return self.on[: self.mains]

    def findings_on(self, base: str) -> tuple[str, ...]:
        """The linter's codes for the case of a base, the case's own first."""
        return self.findings.get(base, self.findings.get("", ()))


DEFECTS: dict[str, list[Defect]] = {}
"""Everything declared so far by its name: all of it once ``corpus.declared`` is imported. Several
may share a name if no base has two of them: what a defect means differs between bases."""


def defect(  # noqa: PLR0913 - a defect is stated in full
    name: str,
    *,
    on: tuple[str, ...],
    title: str,
    stage: Stage,
    finding: str | Mapping[str, str],
    source: str,
    why: str,
    rfc5280: Verdict = Verdict.REJECT,
    gbcs: Verdict | None = None,
    gbcs_basis: Basis = Basis.ASSUMED,
    gbcs_source: str = "",
    importance: Importance = Importance.MEDIUM,
    at_least: Stage | None = None,
    also: tuple[str, ...] = (),
    remedy: str = "",
    needs: tuple[Need, ...] = (),
    mains: int = 1,
    revision: int = 1,
    aliases: tuple[str, ...] = (),
    at: str | None = None,
    facts: Mapping[str, str | None] | None = None,
) -> Callable[[Make], Make]:
    """Declare a defect above the function that makes it; see ``Defect``.

    Args:
        name: kebab case.
        on: the names of bases, the main ones first.
        title: what is changed, after "A Device Certificate".
        stage: the step that must refuse it.
        finding: the linter's code, for all bases or for each (the others have that under ""). Empty
            where a document is right in itself, and wrong for what it is used for only: a parser
            then needs ``Need.NAMES``, and ``remedy`` is stated.
        source: the clause that the verdict of ``rfc5280`` rests on.
        why: what goes wrong in the field if it is accepted.
        rfc5280: what any library must do. REJECT only where ``source`` demands it; ACCEPT where
            it is none of a library's business; EITHER where no rule read says.
        gbcs: what a program of this field must do; left out, it follows from ``rfc5280`` and the
            severity of the finding.
        gbcs_basis: of ``gbcs``.
        gbcs_source: of ``gbcs``.
        importance: how much it matters.
        at_least: the latest step at which refusing still counts as right; ``stage`` by default.
        also: further findings of the linter that the same change brings.
        remedy: how its issuer mends it; the rule's own by default.
        needs: what a parser must be able to do.
        mains: how many of the bases are main ones.
        revision: rises when octets change.
        aliases: names that it had before.
        at: the instant at which it is judged, ISO 8601.
        facts: what an accepting reader must have read, where that differs from the base's.

    Raises:
        ValueError: if a base has a case of that name already.
    """
    own = {"": finding} if isinstance(finding, str) else finding
    if "" in own.values() and not (Need.NAMES in needs and remedy):
        raise ValueError(f"{name} states no finding: it then needs names and states its remedy")
    basis = Basis.ASSUMED if rfc5280 is Verdict.EITHER else Basis.SPECIFIED
    demanded = None if gbcs is None else Expectation(gbcs, gbcs_basis, gbcs_source)
    return _declaring(
        {
            "name": name,
            "on": on,
            "mains": mains,
            "title": title,
            "stage": stage,
            "at_least": at_least or stage,
            "findings": {base: (code, *also) if code else also for base, code in own.items()},
            "rfc5280": Expectation(rfc5280, basis, source),
            "gbcs": demanded,
            "why": why,
            "remedy": remedy,
            "importance": importance,
            "needs": needs,
            "revision": revision,
            "aliases": aliases,
            "at": at,
            "facts": facts or {},
            "is_good": False,
        }
    )


def oddity(  # noqa: PLR0913 - an oddity is stated in full
    name: str,
    *,
    on: tuple[str, ...],
    title: str,
    stage: Stage,
    source: str,
    why: str,
    basis: Basis = Basis.SPECIFIED,
    importance: Importance = Importance.HIGH,
    notices: tuple[str, ...] = (),
    needs: tuple[Need, ...] = (),
    mains: int = 1,
    revision: int = 1,
    aliases: tuple[str, ...] = (),
    at: str | None = None,
    facts: Mapping[str, str | None] | None = None,
) -> Callable[[Make], Make]:
    """Declare an oddity that is no defect: a parser must take it.

    Args:
        name: kebab case.
        on: the names of bases, the main ones first.
        title: what is odd, after "A Device Certificate".
        stage: the step that might trip over it.
        source: the clause that allows it, or where it was seen.
        why: what goes wrong in the field if it is refused.
        basis: how well it is known that it must be taken.
        importance: how much it matters.
        notices: what the linter remarks on it; never a warning or an error.
        needs: what a parser must be able to do.
        mains: how many of the bases are main ones.
        revision: rises when octets change.
        aliases: names that it had before.
        at: the instant at which it is judged, ISO 8601.
        facts: what a reader must have read, where that differs from the base's.

    Raises:
        ValueError: if a base has a case of that name already.
    """
    taken = Expectation(Verdict.ACCEPT, basis, source)
    return _declaring(
        {
            "name": name,
            "on": on,
            "mains": mains,
            "title": title,
            "stage": stage,
            "at_least": stage,
            "findings": {"": notices},
            "rfc5280": taken,
            "gbcs": taken,
            "why": why,
            "remedy": "",
            "importance": importance,
            "needs": needs,
            "revision": revision,
            "aliases": aliases,
            "at": at,
            "facts": facts or {},
            "is_good": True,
        }
    )


def _declaring(attributes: Mapping[str, Any]) -> Callable[[Make], Make]:
    def declare(make: Make) -> Make:
        declared = Defect(**attributes, make=make)
        namesakes = DEFECTS.setdefault(declared.name, [])
        taken = {base for other in namesakes for base in other.on} & set(declared.on)
        if taken:
            raise ValueError(f"two defects make {min(taken)}-{declared.name}")
        namesakes.append(declared)
        return make

    return declare
