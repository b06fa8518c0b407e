"""A case of the corpus: the octets under test, and what a parser must make of them.

A parser is asked one question for each kind of document:

- of a certificate: do you take it, below ``chain``, at the instant ``at``, judged by ``crls`` if
  there are any, as a certificate of the holder, usage and role in ``wanted``?
- of a CSR: do you take it?
- of a CRL: what is the status of the certificate ``about``, by this list alone? The answers are
  ``revoked``, ``good`` and ``unknown`` (see ``ListAnswer``). A parser that refuses the list answers
  ``unknown``. The dangerous answer is ``good`` where the list says ``revoked``, or where the list
  must be refused: a program that drops a bad list and goes on accepts a revoked certificate.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from smki_testca.corpus.defect import Importance, Level, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smki_testca.corpus.defect import Expectation, Need, Stage
    from smki_testca.corpus.difference import Difference
    from smki_testca.lint.findings import Finding


class ListAnswer(StrEnum):
    """A parser's answer on a certificate that it looks up in a CRL."""

    REVOKED = "revoked"
    """The list was taken, and the certificate is on it."""
    GOOD = "good"
    """The certificate may be used: the list was taken and does not list it, or was ignored."""
    UNKNOWN = "unknown"
    """The list was refused, and so nothing is known of the certificate."""


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        id: kebab case, for ever: the name of its base and that of its defect.
        revision: rises when its octets change.
        aliases: ids that it had before.
        title: what it is, one line.
        kind: ``certificate``, ``CRL`` or ``CSR``.
        profile: the name of the profile that the document should follow.
        base: the id of the good case that it is a change of; None for a base itself.
        is_good: whether a parser must take it.
        is_main: whether its base is a main one of its defect; the others are in the corpus only
            where every base is asked for.
        stage: the step that must refuse it; of a good one, the step that might trip over it.
        at_least: the latest step at which refusing it still counts as right.
        expect: what a parser must do, by level.
        finding: what the linter says of it; None for a good one.
        also: the linter's other findings.
        why: what goes wrong in the field if a parser gets it wrong.
        remedy: how its issuer mends it.
        importance: how much it matters.
        needs: what a parser must be able to do.
        at: the instant at which it is judged, ISO 8601, UTC.
        facts: what a reader that accepts it must have read, by name; of a CRL, the ``status`` of
            the certificate that it is ``about``.
        wanted: the holder, usage and role that the document is asked for, by name. They differ
            from ``facts`` only in cases that need ``names``: the document is right in itself, and
            is another's.
        device: what a Device answers to it as a replacement certificate, where that is known.
        change: the one difference from its base, None for a base.
        der: the document under test.
        chain: the CAs above it, DER, the issuer first.
        about: of a CRL, the certificate that its good base revokes, DER.
        crls: CRLs to judge the document by, DER.
    """

    id: str
    title: str
    kind: str
    profile: str
    base: str | None
    is_good: bool
    stage: Stage
    at_least: Stage
    expect: Mapping[Level, Expectation]
    finding: Finding | None
    also: tuple[Finding, ...]
    why: str
    remedy: str
    importance: Importance
    needs: tuple[Need, ...]
    at: str
    facts: Mapping[str, str]
    change: Difference | None
    der: bytes = field(repr=False)
    chain: tuple[bytes, ...] = field(repr=False)
    about: bytes | None = field(default=None, repr=False)
    crls: tuple[bytes, ...] = field(default=(), repr=False)
    revision: int = 1
    is_main: bool = True
    aliases: tuple[str, ...] = ()
    device: tuple[DeviceStatus, ...] = ()
    wanted: Mapping[str, str] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """The digest of the document under test, in lower-case hexadecimal."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def fingerprint(self) -> str:
        """The digest of all its octets, those around the document included, in hexadecimal."""
        around = (self.about or b"", *self.chain, *self.crls)
        digests = b"".join(hashlib.sha256(octets).digest() for octets in (self.der, *around))
        return hashlib.sha256(digests).hexdigest()

    def verdict(self, level: Level) -> Verdict:
        """The verdict that a parser must reach at a level."""
        return self.expect[level].verdict

    def answers(self, level: Level) -> frozenset[ListAnswer]:
        """The right answers of a parser that looks ``about`` up in a CRL, at a level.

        A list that must be taken has one right answer, the one that must be refused leaves the
        certificate unknown, and where no rule says, either of them is right: never another.
        """
        taken = {ListAnswer(self.facts["status"])} if "status" in self.facts else set()
        refused = {ListAnswer.UNKNOWN}
        return frozenset(
            {
                Verdict.ACCEPT: taken,
                Verdict.REJECT: refused,
                Verdict.EITHER: taken | refused,
            }[self.verdict(level)]
        )

    @property
    def is_dangerously_good(self) -> bool:
        """Whether the answer ``good`` would let a revoked certificate pass."""
        return self.kind == "CRL" and ListAnswer.GOOD not in self.answers(Level.RFC5280)

    def as_json(self) -> dict[str, Any]:
        """The case as a JSON object, without its octets."""
        finding = self.finding
        return {
            "id": self.id,
            "revision": self.revision,
            "aliases": list(self.aliases),
            "title": self.title,
            "kind": self.kind,
            "profile": self.profile,
            "base": self.base,
            "good": self.is_good,
            "main": self.is_main,
            "stage": self.stage.value,
            "at_least": self.at_least.value,
            "expect": {level.value: self.expect[level].as_json() for level in Level},
            "finding": None if finding is None else finding.code,
            "also": [each.code for each in self.also],
            "severity": None if finding is None else finding.severity.value,
            "basis": None if finding is None else finding.basis.value,
            "source": None if finding is None else finding.source,
            "why": self.why,
            "remedy": self.remedy,
            "importance": self.importance.value,
            "needs": [need.value for need in self.needs],
            "at": self.at,
            "facts": dict(self.facts),
            "wanted": dict(self.wanted),
            "device": [status.as_json() for status in self.device],
            "change": None if self.change is None else self.change.as_json(),
        }


@dataclass(frozen=True)
class DeviceStatus:
    """The status that a Device answers to a replacement certificate (GBCS, RFC 5934).

    Attributes:
        time_checks: whether the command applies the checks of time (applyTimeBasedCPVChecks).
        status: the number, such as 10.
        name: such as ``noTrustAnchor``.
        basis: how well the answer is known.
        source: where it was read or seen.
    """

    time_checks: bool
    status: int
    name: str
    basis: str
    source: str

    def as_json(self) -> dict[str, Any]:
        """The answer as a JSON object, its attributes as keys."""
        return {
            "time_checks": self.time_checks,
            "status": self.status,
            "name": self.name,
            "basis": self.basis,
            "source": self.source,
        }
