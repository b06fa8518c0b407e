"""The settings of a run of the linter, and its result for each document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from smki_testca.importers.sources import place_in

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from smki_testca.lint.findings import Finding
    from smki_testca.lint.sets import CertificateFacts, CrlFacts, RequestFacts


@dataclass(frozen=True, slots=True)
class LintSettings:
    """The settings of a run.

    Attributes:
        at: the instant at which validity is checked, UTC.
        profiles: the operator's profile directories.
        environment: the name of the environment whose policies are allowed; None for any.
        as_profile: the profile that every certificate must follow; None to recognise it.
        trusted: certificates of CAs, DER.
    """

    at: datetime
    profiles: tuple[Path, ...] = ()
    environment: str | None = None
    as_profile: str | None = None
    trusted: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Linted:
    """One document and its findings.

    Attributes:
        file: the file that holds it.
        index: its place in the file, from 0.
        kind: the name of a certificate's or CRL's profile, ``certificate`` or ``crl`` for one that
            follows none, ``csr-organisation`` and the like (``csr-A or B`` where the content does
            not tell), or ``unknown``.
        subject: its subject as people read it, or the issuer of a CRL; empty where there is none.
        findings: its findings, in the order of a report.
        facts: the parts of a certificate that are compared with others.
        listing: the parts of a CRL that are compared with others.
        request: the parts of a CSR that are compared with other documents.
        name: its name in a key store; None where it has none.
    """

    file: str
    index: int
    kind: str
    subject: str
    findings: tuple[Finding, ...]
    facts: CertificateFacts | None = field(default=None, repr=False)
    listing: CrlFacts | None = field(default=None, repr=False)
    request: RequestFacts | None = field(default=None, repr=False)
    name: str | None = None

    @property
    def place(self) -> str:
        """The file, and the document's place in it where it is not the first or has a name."""
        return place_in(self.file, self.index, self.name)

    def as_json(self) -> dict[str, Any]:
        """The document as a JSON object: file, index, kind, subject, findings, name if any."""
        return {
            "file": self.file,
            "index": self.index,
            "kind": self.kind,
            "subject": self.subject,
            "findings": [finding.as_json() for finding in self.findings],
            **({} if self.name is None else {"name": self.name}),
        }
