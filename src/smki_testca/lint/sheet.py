"""A document as people read it: a title, each field beside what is wrong with it, fingerprints."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

from smki_testca.der.read import DerError
from smki_testca.lint.drawing import SIGNATURE
from smki_testca.lint.inspection import Description
from smki_testca.text import plain
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from smki_testca.importers.sources import Source
    from smki_testca.lint.engine import Linter
    from smki_testca.lint.findings import Finding
    from smki_testca.profiles.model import Severity

FINGERPRINTS = {
    "serial_decimal": "Decimal serial",
    "sha256": "SHA-256",
    "sha1_base64": "SHA-1, base64",
}
"""The names of the fingerprints, for people."""


class SheetRow(NamedTuple):
    """A field of a document.

    Attributes:
        path: such as ``validity.notAfter``.
        value: in words; empty where it is missing, or has no value of its own.
        findings: what is wrong with it.
    """

    path: str
    value: str
    findings: tuple[Finding, ...]

    @property
    def severities(self) -> tuple[Severity, ...]:
        """Those of its findings."""
        return tuple(finding.severity for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One certificate, CSR or CRL.

    Attributes:
        title: its type and its subject.
        rows: the fields.
        description: what the rows are made from; it has the findings.
    """

    title: str
    rows: tuple[SheetRow, ...]
    description: Description

    @classmethod
    def of(cls, source: Source, linter: Linter) -> Self:
        """Describe a document with a linter."""
        description = Description.of(source, linter)
        return cls(_title(description, linter), tuple(_rows(description)), description)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings on it by itself."""
        return self.description.findings


def fingerprints(data: bytes) -> Mapping[str, str | None]:
    """The digests of a document, and its serial number in decimal, as other programs print them.

    Args:
        data: the document, DER.
    """
    try:
        serial = view_certificate(data).value("serialNumber")
    except DerError:
        serial = None
    sha1 = hashlib.sha1(data, usedforsecurity=False)
    return {
        "serial_decimal": str(serial) if isinstance(serial, int) else None,
        "sha256": hashlib.sha256(data).hexdigest(),
        "sha1_base64": base64.b64encode(sha1.digest()).decode("ascii"),
    }


def _rows(description: Description) -> list[SheetRow]:
    findings: dict[str, list[Finding]] = {}
    for finding in description.findings:
        of_signature = finding.code.removeprefix("csr.").startswith("signature")
        path = finding.path or (SIGNATURE if of_signature else "")
        findings.setdefault(path, []).append(finding)
    rows = [
        SheetRow(path, plain(value), tuple(findings.pop(path, ())))
        for path, value in description.fields.items()
    ]
    # The paths that are left have no line: they are missing, or have no value of their own.
    for path, of_path in findings.items():
        if path:
            rows.insert(_place(path, rows), SheetRow(path, "", tuple(of_path)))
    return rows


def _place(path: str, rows: Sequence[SheetRow]) -> int:
    """The place for the row of a field without one: before its parts, or after its siblings."""
    for place, row in enumerate(rows):
        if row.path.startswith(f"{path}."):
            return place
    while "." in path:
        path = path.rpartition(".")[0]
        beside = [place for place, row in enumerate(rows) if f"{row.path}.".startswith(f"{path}.")]
        if beside:
            return beside[-1] + 1
    return len(rows)


def _title(description: Description, linter: Linter) -> str:
    kind = description.kind
    if kind == "crl":
        name = "Certificate Revocation List"
    elif kind == "certificate":
        name = "Certificate of another PKI"
    elif kind in linter.library.revocation_list_profile_names:
        name = linter.library.revocation_list_profile(kind).title
    elif kind == "unknown":
        name = "Unknown document"
    elif kind.startswith("csr-"):
        name = f"CSR: {' or '.join(_titles_of_request(kind, linter))}"
    else:
        name = linter.library.profile(kind).title
    return plain(f"{name} {description.subject}".rstrip())


def _titles_of_request(kind: str, linter: Linter) -> list[str]:
    """The titles of the certificate types that a CSR may ask for."""
    names = kind.removeprefix("csr-").split(" or ")
    known = [each for each in linter.library.end_entity_profiles if each.name in names]
    return [each.title for each in known] or ["unknown certificate type"]
