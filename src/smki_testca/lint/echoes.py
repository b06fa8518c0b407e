"""Leaves out findings that only repeat another finding of the same fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.profiles.model import SEVERITY_RANK, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.lint.findings import Finding

_OF_BROKEN_OCTETS = frozenset(
    {"unreadable", "encoding", "missing", "octets", "unused_bits", "value", "sole"}
)
"""The ways in which a row is broken by a field whose octets are no DER."""
_CODES_OF_BROKEN_OCTETS = frozenset(
    {
        "subjectPublicKeyInfo.key",
        "subjectPublicKeyInfo.form",
        "issuer.name_differs",
        "extensions.keyUsage.no_usage",
    }
)
_CODES_OF_REQUESTS = frozenset({"csr.key", "csr.device_id", "csr.identifier", "csr.version"})
"""The rules that a CSR's field breaks, too, if its octets are no DER."""
_OF_REQUESTS = frozenset(
    f"structure.{name}"
    for name in ("SubjectPublicKeyInfo", "GeneralNames", "OtherName", "HardwareModuleName")
)
"""The structures whose faults leave a CSR without what the rules of CSRs look for."""
_BROKEN = ("der.", "structure.")
_OF_WRONG_EXTENSIONS = frozenset(
    {
        "extensions.unknown_critical",
        "extensions.critical_unsupported",
        "extensions.only_for_cas",
        "extensions.basicConstraints.end_entity",
        "extensions.subjectAltName.hardware_module",
    }
)
_REQUIRED = {
    "extensions.certificatePolicies.duplicate": {"sole"},
    "extensions.policyMappings.any_policy": {"present", "value", "unreadable"},
    "extensions.authorityKeyIdentifier.half": {"sole", "present", "missing"},
    "extensions.must_not_be_critical": {"critical", "present"},
    "extensions.must_be_critical": {"critical", "present"},
    "extensions.keyUsage.no_usage": {"value"},
    "extensions.keyUsage.signs_certificates": {"value"},
    "extensions.general_name": {"sole", "form", "value", "unreadable", "present"},
    "extensions.cRLDistributionPoints.reasons_only": {"present"},
    "subject.value_type": {"unreadable", "encoding"},
    "subject.too_long": {"length"},
    "subject.country": {"encoding", "length", "value", "form"},
    "subject.empty": {"missing"},
}
"""The ways in which rows of the same field report a fault that a rule of RFC 5280 reports."""
_FOLLOWING = {
    "subject.order": "subject.duplicate",
    "validity.notAfter.value": "validity.order",
}
"""Findings of rows that follow from what a rule has found, by that rule's code."""
_OF_KEY = "extensions.subjectKeyIdentifier.value"
_WHOLE = frozenset({"structure.TBSCertificate", "structure.TBSCertList"})
"""The findings that also say that the list of extensions is not in its place."""
_LENGTH = "extensions.basicConstraints.pathLenConstraint"
_AUTHORITY = "extensions.basicConstraints.cA"
_LENGTH_CODE = "extensions.basicConstraints.path_length"
_NAMED_BY_ROWS = ("structure.", _LENGTH_CODE)


def gravest(findings: list[Finding], rows: list[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Of a rule of RFC 5280 and a row that find the same fault, keep one: the row if an error."""
    required = [finding for finding in findings if finding.code in _REQUIRED]
    if not required:
        return findings, rows
    named = [
        finding
        for finding in required
        if any(row.severity is Severity.ERROR and _is_same(finding, row) for row in rows)
    ]
    others = [
        row
        for row in rows
        if row.severity is Severity.ERROR or not any(_is_same(finding, row) for finding in required)
    ]
    return [finding for finding in findings if finding not in named], others


def _is_same(finding: Finding, row: Finding) -> bool:
    """Whether a row reports the fault that a rule of RFC 5280 reports."""
    aspect = row.code.rsplit(".", 1)[1]
    if finding.code == "subject.empty" and row.path == "extensions.subjectAltName":
        return aspect in {"critical", "missing"}
    is_within = f"{row.path}.".startswith(f"{finding.path}.")
    return is_within and aspect in _REQUIRED[finding.code]


def of_rules(findings: list[Finding]) -> list[Finding]:
    """The findings of rules without those that only repeat another of them."""
    return _without_second_list(_without_broken_fields(_without_invalid_signature(findings)))


def _without_invalid_signature(findings: list[Finding]) -> list[Finding]:
    """Leave out that a signature is invalid where it is malformed."""
    if not any(finding.code == "signature.malformed" for finding in findings):
        return findings
    return [finding for finding in findings if finding.code != "signature.invalid"]


def _without_broken_fields(findings: list[Finding]) -> list[Finding]:
    """Leave out breaches by the key and the issuer where their octets are broken."""
    broken = {f.path for f in findings if f.code.startswith(_BROKEN)}
    return [
        finding
        for finding in findings
        if finding.code not in _CODES_OF_BROKEN_OCTETS or finding.path not in broken
    ]


def of_request(findings: list[Finding]) -> list[Finding]:
    """The findings of a CSR without those by a field whose octets are broken."""
    broken = [
        finding.path
        for finding in findings
        if finding.path and (finding.code.startswith("der.") or finding.code in _OF_REQUESTS)
    ]
    return [
        finding
        for finding in without_other_names(findings, ())
        if finding.code not in _CODES_OF_REQUESTS
        or not any(
            f"{path}.".startswith(f"{finding.path}.") or f"{finding.path}.".startswith(f"{path}.")
            for path in broken
        )
    ]


def _without_second_list(findings: list[Finding]) -> list[Finding]:
    """Leave out that each extension is there twice where the whole list of them is."""
    excess = [f.offset for f in findings if f.code == "structure.TBSCertificate"]
    return [
        finding
        for finding in findings
        if finding.code != "extensions.duplicate"
        or not any((start or 0) <= (finding.offset or 0) for start in excess)
    ]


def without_other_names(findings: list[Finding], rows: Iterable[Finding]) -> list[Finding]:
    """Leave out breaches of structures that an error of DER or of a row names already."""
    if not any(finding.code.startswith(_NAMED_BY_ROWS) for finding in findings):
        return findings
    errors = [row for row in rows if row.severity is Severity.ERROR]
    places = {f.offset for f in findings if f.code.startswith("der.")}
    places |= {row.offset for row in errors if row.code.endswith((".unreadable", ".encoding"))}
    missing = [f"{row.path}." for row in errors if row.code.endswith(".missing")]
    is_no_ca = any(row.path == _AUTHORITY for row in errors)

    def is_named(finding: Finding) -> bool:
        if finding.code == _LENGTH_CODE:
            return is_no_ca
        if not finding.code.startswith("structure."):
            return False
        if finding.offset is None:
            return any(path.startswith(f"{finding.path}.") for path in missing)
        return finding.offset in places

    return [finding for finding in findings if not is_named(finding)]


def without_defaults(findings: list[Finding], rows: Iterable[Finding]) -> list[Finding]:
    """Leave out that a DEFAULT is written where a row forbids that value."""
    values = {row.path for row in rows if row.code.endswith(".value")}
    return [
        finding
        for finding in findings
        if finding.code != "der.default_encoded" or finding.path not in values
    ]


def rows_without_echoes(
    rows: list[Finding], findings: list[Finding], *, has_extensions: bool = True
) -> list[Finding]:
    """Leave out the findings of rows that repeat other findings.

    Args:
        rows: the findings of rows.
        findings: of rules.
        has_extensions: whether any extension was read.
    """
    if not rows:
        return rows
    broken = {
        finding.path
        for finding in findings
        if finding.code.startswith("der.")
        and finding.code != "der.default_encoded"
        and finding.path
    }
    codes = {finding.code for finding in findings}
    wrong_extensions = {f.path for f in findings if f.code in _OF_WRONG_EXTENSIONS}
    structures = [finding for finding in findings if finding.code.startswith("structure.")]
    misshapen = {finding.path for finding in structures}
    empty = {finding.path for finding in findings if finding.code == "subject.empty_attribute"}
    is_misplaced = not has_extensions and codes & _WHOLE
    remaining = []
    for finding in rows:
        if is_misplaced and finding.path.startswith("extensions."):
            continue
        if any(_is_by_structure(finding, structure) for structure in structures):
            continue
        if finding.code == _OF_KEY and "structure.SubjectPublicKeyInfo" in codes:
            continue
        if finding.path in empty or _FOLLOWING.get(finding.code) in codes:
            continue
        if finding.code == "extensions.unexpected" and codes & _OF_WRONG_EXTENSIONS:
            continue
        if finding.code.endswith(".present") and finding.path in wrong_extensions:
            continue
        if finding.path == _LENGTH and finding.code.endswith(".value") and _LENGTH_CODE in codes:
            continue
        of_authority_key = finding.path.startswith("extensions.authorityKeyIdentifier")
        if of_authority_key and "issuer.self_signed" in codes:
            continue
        aspect = finding.code.rsplit(".", 1)[1]
        if aspect in {"sole", "value"} and finding.path in misshapen:
            continue
        echoes = any(
            f"{path}.".startswith(f"{finding.path}.") or finding.path.startswith(f"{path}.")
            for path in broken
        )
        if not (echoes and aspect in _OF_BROKEN_OCTETS):
            remaining.append(finding)
    return _most_severe(remaining)


def _is_by_structure(row: Finding, structure: Finding) -> bool:
    """Whether a row finds something missing or unreadable only because a structure is broken.

    An error of a row says more than that an element of the structure is missing, or that it is of
    another type: ``without_other_names`` leaves the structure out then.
    """
    if not f"{row.path}.".startswith(f"{structure.path}.") or not structure.path:
        return False
    aspect, is_error = row.code.rsplit(".", 1)[1], row.severity is Severity.ERROR
    if aspect == "missing":
        return structure.offset is not None or not is_error
    return aspect == "unreadable" and not is_error


def _most_severe(rows: list[Finding]) -> list[Finding]:
    """The most severe finding of each fault that two rows, or parts of one extension, report."""
    missing = {row.path for row in rows if row.code.endswith(".missing")}
    misplaced = any(
        row.code.startswith("subject.") and row.path != "subject"
        for row in rows
        if row.code.endswith(".order")
    )
    no_ca = any(row.path == _AUTHORITY for row in rows)
    wrong = {row.path for row in rows if row.code.endswith(".value")}
    by_fault: dict[str, Finding] = {}
    for finding in sorted(rows, key=lambda row: SEVERITY_RANK[row.severity]):
        whole, _, _ = finding.path.rpartition(".")
        aspect = finding.code.rsplit(".", 1)[1]
        if aspect == "sole" and any(path.startswith(f"{finding.path}.") for path in missing):
            continue
        if finding.code == "subject.order" and misplaced:
            continue
        if finding.code == f"{_LENGTH}.missing" and no_ca:
            continue
        if aspect == "octets" and finding.path in wrong:
            continue
        is_part = aspect == "missing" and whole.startswith("extensions.")
        by_fault.setdefault(f"{whole}.missing" if is_part else finding.code, finding)
    return list(by_fault.values())
