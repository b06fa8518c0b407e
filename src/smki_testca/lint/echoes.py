"""Leaves out findings that only repeat another one of the same fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.profiles.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.lint.findings import Finding

_OF_BROKEN_OCTETS = frozenset(
    {"unreadable", "encoding", "missing", "octets", "unused_bits", "value", "sole"}
)
"""The ways in which a row is broken by a field whose octets are no DER."""
_CODES_OF_BROKEN_OCTETS = frozenset({"subjectPublicKeyInfo.key", "issuer.name_differs"})


def without_invalid_signature(found: list[Finding]) -> list[Finding]:
    """Leave out that a signature is invalid where it is malformed."""
    if not any(one.code == "signature.malformed" for one in found):
        return found
    return [one for one in found if one.code != "signature.invalid"]


def without_broken_fields(found: list[Finding]) -> list[Finding]:
    """Leave out breaches by the key and the issuer where their octets are no DER."""
    broken = {one.path for one in found if one.code.startswith("der.")}
    if not broken:
        return found
    return [
        one for one in found if one.code not in _CODES_OF_BROKEN_OCTETS or one.path not in broken
    ]


def without_defaults(found: list[Finding], rows: Iterable[Finding]) -> list[Finding]:
    """Leave out that a DEFAULT is written where a row forbids that value."""
    values = {one.path for one in rows if one.code.endswith(".value")}
    return [one for one in found if one.code != "der.default_encoded" or one.path not in values]


def rows_without_echoes(rows: list[Finding], found: list[Finding]) -> list[Finding]:
    """Leave out the rows' findings that repeat what was found of a field's octets."""
    if not rows:
        return rows
    broken = {
        one.path
        for one in found
        if one.code.startswith("der.") and one.code != "der.default_encoded" and one.path
    }
    is_self_signed = any(one.code == "issuer.self_signed" for one in found)
    has_unknown_critical = any(one.code == "extensions.unknown_critical" for one in found)
    kept = []
    for finding in rows:
        if finding.code == "extensions.unexpected" and has_unknown_critical:
            continue
        if is_self_signed and finding.path.startswith("extensions.authorityKeyIdentifier"):
            continue
        aspect = finding.code.rsplit(".", 1)[1]
        echoes = any(
            finding.path == path or path.startswith(f"{finding.path}.") for path in broken
        ) or any(finding.path.startswith(f"{path}.") for path in broken)
        if not (echoes and aspect in _OF_BROKEN_OCTETS):
            kept.append(finding)
    return _one_for_each(kept)


def _one_for_each(rows: list[Finding]) -> list[Finding]:
    """The gravest of the findings that two rows, or the parts of one structure, have alike."""
    missing = {one.path for one in rows if one.code.endswith(".missing")}
    misplaced = any(
        one.code.startswith("subject.") and one.path != "subject"
        for one in rows
        if one.code.endswith(".order")
    )
    kept: dict[str, Finding] = {}
    for finding in sorted(rows, key=lambda one: list(Severity).index(one.severity)):
        whole, _, _ = finding.path.rpartition(".")
        aspect = finding.code.rsplit(".", 1)[1]
        if aspect == "sole" and any(path.startswith(f"{finding.path}.") for path in missing):
            continue
        if finding.code == "subject.order" and misplaced:
            continue
        is_part = aspect == "missing" and whole.startswith("extensions.")
        kept.setdefault(f"{whole}.missing" if is_part else finding.code, finding)
    return list(kept.values())
