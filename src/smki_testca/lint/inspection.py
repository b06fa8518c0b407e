"""Lints and describes documents: what ``lint`` and ``show`` do, for programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smki_testca.clock import SystemClock, in_utc
from smki_testca.errors import InputError
from smki_testca.importers.sources import Documents, Source, reason_of, sources
from smki_testca.lint.chain import gathered
from smki_testca.lint.drawing import draw
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import Linted, LintSettings
from smki_testca.lint.whole_input import lint_all
from smki_testca.x509.view import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from smki_testca.lint.findings import Finding

Input = Path | str | bytes
"""The path of a file or folder, or the octets of a file."""
_OCTETS = "-"


@dataclass(frozen=True, slots=True)
class Description:
    """One certificate, CSR or CRL, field by field.

    Attributes:
        kind: as of a ``Linted``.
        subject: its subject as people read it, such as ``CN=Z1, OU=07``, or the
            issuer of a CRL; ``record.subject`` has it as RFC 4514 writes it.
        fields: the value of each field in words, by its path, such as ``validity.notAfter``; none
            where the document cannot be read.
        findings: what is wrong with it by itself.
    """

    kind: str
    subject: str
    fields: Mapping[str, str]
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, source: Source, linter: Linter) -> Description:
        """Describe a document with a linter."""
        linted = linter.lint(source)
        fields = {line.path: line.value for line in draw(source.data, linted, linter)}
        return cls(linted.kind, linted.subject, fields, linted.findings)

    def as_json(self) -> dict[str, Any]:
        """The document as a JSON object, its attributes as keys."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "fields": dict(self.fields),
            "findings": [finding.as_json() for finding in self.findings],
        }


def lint_documents(
    *inputs: Input,
    at: datetime | None = None,
    environment: str | None = None,
    profile: str | None = None,
    trusted: Iterable[Input] = (),
    profiles: Path | str | None = None,
) -> list[Linted]:
    """Check documents against the rules of their profiles and of RFC 5280, and each other.

    Args:
        inputs: files, folders, or the octets of a file: PEM, DER, base64, ZIPs, PKCS#7 and the
            other forms that ``lint`` reads. What is given as octets is called ``-``.
        at: the instant at which validity is judged, UTC; now by default.
        environment: the test environment, for its policy OIDs; any by default.
        profile: the profile that every certificate must follow; recognised by default.
        trusted: certificates of CAs.
        profiles: the operator's profile directory, if there is one.

    Returns:
        Each document with its findings, in the order of the inputs. A file that cannot be read
        has a finding that says so.

    Raises:
        InputError: if there is no such environment or profile, or an input to trust is no
            certificate.
    """
    settings = _settings(at, environment, profile, trusted, profiles)
    return lint_all(_documents(inputs), settings)


def describe_documents(
    *inputs: Input,
    at: datetime | None = None,
    environment: str | None = None,
    trusted: Iterable[Input] = (),
    profiles: Path | str | None = None,
) -> list[Description]:
    """Read documents field by field, each with what is wrong with it.

    Args:
        inputs: as for ``lint_documents``.
        at: the instant at which validity is judged, UTC; now by default.
        environment: the test environment, for its policy OIDs; any by default.
        trusted: certificates of CAs.
        profiles: the operator's profile directory, if there is one.

    Raises:
        InputError: if a file cannot be read or holds no document, there is no such environment,
            or an input to trust is no certificate.
    """
    documents = list(_documents(inputs))
    for document in documents:
        if document.problem is not None:
            raise InputError(
                document.problem.code,
                f"{document.place} cannot be read: {reason_of(document.problem)}.",
            )
    settings = _settings(at, environment, None, trusted, profiles)
    at_hand = [*settings.trusted, *(document.data for document in documents)]
    linter = Linter(settings, gathered(at_hand, settings.at))
    return [Description.of(document, linter) for document in documents]


def certificates_to_trust(inputs: Iterable[Input]) -> list[bytes]:
    """The certificates in files and folders, DER.

    Raises:
        InputError: if a file holds anything but certificates, or there is none in a folder.
    """
    trusted = []
    for given in inputs:
        name, octets = _named(given)
        certificates = []
        for source in sources([name], octets):
            problem = why_no_certificate(source)
            if not problem:
                certificates.append(source.data)
            elif source.is_named or source.problem is not None:
                raise InputError(
                    "lint.trust",
                    f"{source.place} cannot be trusted: {problem}.",
                    "Give certificates only.",
                )
        if not certificates:
            raise InputError(
                "lint.trust", f"{name} holds no certificate to trust.", "Give certificates only."
            )
        trusted += certificates
    return trusted


def why_no_certificate(source: Source) -> str:
    """The reason for which a document is no certificate, as a clause; empty if it is one."""
    if source.problem is not None:
        return source.problem.message
    kind = kind_of(source.data)
    if kind == "certificate":
        return ""
    return f"it is not a certificate, but {'something else' if kind is None else f'a {kind}'}"


def _settings(
    at: datetime | None,
    environment: str | None,
    profile: str | None,
    trusted: Iterable[Input],
    profiles: Path | str | None,
) -> LintSettings:
    return LintSettings(
        SystemClock().now() if at is None else in_utc(at),
        () if profiles is None else (Path(profiles),),
        environment,
        profile,
        tuple(certificates_to_trust(trusted)),
    )


def _documents(inputs: Iterable[Input]) -> Iterator[Source]:
    for given in inputs:
        name, octets = _named(given)
        yield from Documents([name], octets)


def _named(given: Input) -> tuple[str, bytes | None]:
    """The name of an input for the reader of files, and the octets of one that is no file."""
    if isinstance(given, bytes):
        return _OCTETS, given
    # A file called "-" is not what the reader takes for standard input.
    return (f"./{given}" if str(given) == _OCTETS else str(given)), None
