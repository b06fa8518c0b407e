"""Rules of RFC 5280 for every certificate (MUST), whatever the rows of its profile say.

The rows of some profiles are assumed, so that a breach of them is a notice. These rules are not:
where one of them and a row find the same fault, ``echoes`` leaves the graver finding.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from smki_testca.lint.findings import Breach
from smki_testca.lint.rule import rule
from smki_testca.profiles.model import Severity, Tier
from smki_testca.roles import Basis
from smki_testca.text import counted
from smki_testca.x509 import names
from smki_testca.x509.fields import STRING_TAGS
from smki_testca.x509.values import oid_of
from smki_testca.x509.view import labelled_attributes, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smki_testca.der import Node
    from smki_testca.lint.certificate import CheckedCertificate
    from smki_testca.x509.view import View

_ANY_POLICY = "2.5.29.32.0"
_MUST_BE_CRITICAL = {
    "nameConstraints": "4.2.1.10",
    "policyConstraints": "4.2.1.11",
    "inhibitAnyPolicy": "4.2.1.14",
}
_NOT_CRITICAL = {"authorityKeyIdentifier": "4.2.1.1", "subjectKeyIdentifier": "4.2.1.2"}
_LONGEST = {
    "commonName": 64,
    "serialNumber": 64,
    "localityName": 128,
    "stateOrProvinceName": 128,
    "organizationName": 64,
    "organizationalUnitName": 64,
    "title": 64,
}
"""The upper bounds of RFC 5280 A.1, in characters."""
_PRINTABLE = STRING_TAGS["PrintableString"]
_STRINGS = frozenset({0x0C, 0x12, 0x13, 0x14, 0x16, 0x1C, 0x1E})
_HOST = re.compile(r"[!-~]+", re.ASCII)
_MAILBOX = re.compile(r"[^@\s]+@[^@\s]+|\"[^\"]+\"@[^@\s]+", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!-~]+", re.ASCII)


def _is_ca(view: View) -> bool:
    return view.value("extensions.basicConstraints.cA") is True


def _children(view: View, path: str) -> list[Node]:
    """The elements in the value of an extension; none where it is missing."""
    field = view.fields.get(path)
    return [] if field is None else list(field.node.children)


@rule(
    "extensions.certificatePolicies.duplicate", Severity.ERROR, Basis.SPECIFIED,
    "RFC 5280 4.2.1.4",
    meaning="A policy is in certificatePolicies more than once.", remedy="State it once.",
    good="one policy", bad="one policy twice",
)  # fmt: skip
def repeated_policies(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find a policy that is there more than once, at its second place."""
    path = "extensions.certificatePolicies"
    seen: Counter[str] = Counter()
    for policy in _children(certificate.view, path):
        oid = oid_of(policy.children[0]) if policy.children else None
        if oid is None:
            continue
        seen[oid] += 1
        if seen[oid] == 2:
            message = f"the policy {oid} is there more than once"
            yield Breach("extensions.certificatePolicies.duplicate", policy.offset, message, path)


@rule(
    "extensions.policyMappings.any_policy", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.2.1.5",
    meaning="A policy is mapped to or from anyPolicy.", remedy="Leave that mapping out.",
    good="1.2.3.4 to 1.2.3.5", bad="1.2.3.4 to 2.5.29.32.0",
)  # fmt: skip
def mapped_any_policy(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find a mapping to or from anyPolicy."""
    path = "extensions.policyMappings"
    # In an end entity it has no place at all: extensions.only_for_cas.
    if not _is_ca(certificate.view):
        return
    for mapping in _children(certificate.view, path):
        if _ANY_POLICY in map(oid_of, mapping.children):
            message = "a policy is mapped to or from anyPolicy"
            yield Breach("extensions.policyMappings.any_policy", mapping.offset, message, path)


@rule(
    "extensions.authorityKeyIdentifier.half", Severity.ERROR, Basis.SPECIFIED,
    "RFC 5280 4.2.1.1, A.2",
    meaning="The authorityKeyIdentifier has an authorityCertIssuer without an"
    " authorityCertSerialNumber, or the other way round.",
    remedy="Leave both out: the keyIdentifier is enough.",
    good="a keyIdentifier", bad="a keyIdentifier and an authorityCertIssuer",
)  # fmt: skip
def half_authority(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find an authorityKeyIdentifier with one of issuer and serial number."""
    path = "extensions.authorityKeyIdentifier"
    halves = [part for part in _children(certificate.view, path) if part.tag in {0xA1, 0x82}]
    if len({part.tag for part in halves}) == 1:
        is_issuer = halves[0].tag == 0xA1
        message = (
            "the authorityKeyIdentifier has an"
            f" {'authorityCertIssuer' if is_issuer else 'authorityCertSerialNumber'} without an"
            f" {'authorityCertSerialNumber' if is_issuer else 'authorityCertIssuer'}"
        )
        yield Breach("extensions.authorityKeyIdentifier.half", halves[0].offset, message, path)


@rule(
    "extensions.must_not_be_critical", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.2.1.1, 4.2.1.2",
    meaning="A key identifier is critical.", remedy="Mark it not critical.",
    good="a subjectKeyIdentifier, not critical", bad="a subjectKeyIdentifier, critical",
)  # fmt: skip
@rule(
    "extensions.must_be_critical", Severity.ERROR, Basis.SPECIFIED,
    "RFC 5280 4.2.1.10, 4.2.1.11, 4.2.1.14",
    meaning="An extension that limits what a CA may issue is not critical.",
    remedy="Mark it critical.",
    good="nameConstraints, critical", bad="nameConstraints, not critical",
)  # fmt: skip
def criticality(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find extensions whose criticality RFC 5280 fixes and that have the other one."""
    view = certificate.view
    # In an end entity they have no place at all: extensions.only_for_cas.
    of_ca = _MUST_BE_CRITICAL if _is_ca(view) else {}
    for name, clause in of_ca.items():
        if not view.criticality.get(name, True):
            path = f"extensions.{name}"
            message = f"the extension {name} must be critical ({clause})"
            yield Breach("extensions.must_be_critical", certificate.offset(path), message, path)
    for name, clause in _NOT_CRITICAL.items():
        if view.criticality.get(name):
            path = f"extensions.{name}"
            message = f"the extension {name} must not be critical ({clause})"
            yield Breach("extensions.must_not_be_critical", certificate.offset(path), message, path)


@rule(
    "extensions.keyUsage.no_usage", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.2.1.3",
    meaning="The keyUsage has no bit set.", remedy="Set the bit of its use, or leave it out.",
    good="digitalSignature", bad="03 01 00",
)  # fmt: skip
@rule(
    "extensions.keyUsage.signs_certificates", Severity.ERROR, Basis.SPECIFIED,
    "RFC 5280 4.2.1.3, 4.2.1.9",
    meaning="The keyUsage has keyCertSign, and the certificate is not a CA's.",
    remedy="Leave keyCertSign out.",
    good="digitalSignature in an end entity", bad="keyCertSign in an end entity",
)  # fmt: skip
def key_usage(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find a keyUsage of nothing, and one that only a CA may have."""
    view, path = certificate.view, "extensions.keyUsage"
    value = view.value(path)
    if value == ():
        message = "the keyUsage has no bit set"
        yield Breach("extensions.keyUsage.no_usage", certificate.offset(path), message, path)
    elif (
        isinstance(value, tuple)
        and "keyCertSign" in value
        # Of a CA, rows of its profile report that basicConstraints does not say so.
        and certificate.profile.tier is Tier.END_ENTITY
        and not _is_ca(view)
    ):
        message = "the keyUsage has keyCertSign, and the certificate is not a CA's"
        offset = certificate.offset(path)
        yield Breach("extensions.keyUsage.signs_certificates", offset, message, path)


@rule(
    "extensions.general_name", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.2.1.6, 4.2.1.7",
    meaning="A name in subjectAltName or issuerAltName is empty, or is not valid for its type: an"
    " iPAddress of neither 4 nor 16 octets, a URI without a scheme, a mailbox without @, or what"
    " is not ASCII.",
    remedy="Write the name as its type demands, or leave it out.",
    good="dNSName gateway.example", bad="iPAddress of 3 octets",
)  # fmt: skip
def general_names(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find names in the two extensions of names that cannot be what their type says."""
    for extension in ("subjectAltName", "issuerAltName"):
        path = f"extensions.{extension}"
        for name in _children(certificate.view, path):
            fault = _name_fault(name)
            if fault is not None:
                yield Breach("extensions.general_name", name.offset, fault, path)


def _name_fault(name: Node) -> str | None:
    """The reason for which a GeneralName is none of its type; None without one."""
    name_type, content = _GENERAL_NAMES.get(name.tag, ""), name.content
    if name.tag == 0xA4:
        is_empty = len(name.children) == 1 and not name.children[0].content
        return "the directoryName is empty" if is_empty else None
    if not name_type:
        return None
    if not content:
        return f"the {name_type} is empty"
    if name.tag == 0x87:
        is_right = len(content) in {4, 16}
        return (
            None if is_right else f"the iPAddress has {counted(len(content), 'octet')}, not 4 or 16"
        )
    if name.tag == 0x88:
        return None if oid_of(name) is not None else "the registeredID is not an OBJECT IDENTIFIER"
    pattern = {0x81: _MAILBOX, 0x82: _HOST, 0x86: _URI}[name.tag]
    text = content.decode("latin-1")
    if not text.isascii():
        return f"the {name_type} is not ASCII"
    return None if pattern.fullmatch(text) else f"the {name_type} does not have the form of one"


_GENERAL_NAMES = {
    0x81: "rfc822Name",
    0x82: "dNSName",
    0x86: "URI",
    0x87: "iPAddress",
    0x88: "registeredID",
}


@rule(
    "extensions.cRLDistributionPoints.reasons_only", Severity.ERROR, Basis.SPECIFIED,
    "RFC 5280 4.2.1.13",
    meaning="A DistributionPoint consists of reasons only.",
    remedy="Say where the CRL is, or leave the point out.",
    good="a distributionPoint", bad="reasons alone",
)  # fmt: skip
def reasons_only(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find a point of distribution that says neither where the CRL is nor whose it is."""
    for extension in ("cRLDistributionPoints", "freshestCRL"):
        path = f"extensions.{extension}"
        for point in _children(certificate.view, path):
            if [part.tag for part in point.children] == [0x81]:
                message = "a DistributionPoint consists of reasons only"
                yield Breach(
                    "extensions.cRLDistributionPoints.reasons_only", point.offset, message, path
                )


@rule(
    "subject.value_type", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.1.2.4, A.1",
    meaning="An attribute of the subject is not a string.", remedy="Write it as a UTF8String.",
    good="UTF8String Z1", bad="NULL",
)  # fmt: skip
@rule(
    "subject.too_long", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 A.1: upper bounds",
    meaning="An attribute of the subject has more characters than its upper bound.",
    remedy="Shorten it: a common name, for one, has at most 64 characters.",
    good="a CN of 64 characters", bad="a CN of 65 characters",
)  # fmt: skip
@rule(
    "subject.country", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 A.1: X520countryName",
    meaning="The countryName is not a PrintableString of two characters.",
    remedy="Write the two letters of ISO 3166.",
    good="PrintableString GB", bad="PrintableString GBR",
)  # fmt: skip
def attribute_values(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find attributes of the subject that are not of their type or size."""
    subject = certificate.view.fields.get("subject")
    for relative in () if subject is None else subject.node.children:
        for label, value in labelled_attributes(relative):
            if label not in names.ATTRIBUTES or label == "x500UniqueIdentifier":
                continue
            path, text = f"subject.{label}", text_of(value)
            if value.tag & ~0x20 not in _STRINGS:
                message = f"the subject's {label} is not a string"
                yield Breach("subject.value_type", value.offset, message, path)
            elif label == "countryName" and (value.tag != _PRINTABLE or len(value.content) != 2):
                message = "the subject's countryName is not a PrintableString of two characters"
                yield Breach("subject.country", value.offset, message, path)
            elif text is not None and len(text) > _LONGEST.get(label, len(text)):
                message = (
                    f"the subject's {label} has {len(text)} characters; at most {_LONGEST[label]}"
                    " are right"
                )
                yield Breach("subject.too_long", value.offset, message, path)


@rule(
    "subject.empty", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.1.2.6, 4.2.1.6",
    meaning="The subject is empty, in a CA's certificate or in one without a critical"
    " subjectAltName: it names nobody.",
    remedy="Write the holder's name, or, of an end entity, a critical subjectAltName.",
    good="an empty subject and a critical subjectAltName", bad="a CA with an empty subject",
)  # fmt: skip
def empty_subject(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find an empty subject where RFC 5280 demands one that is not, or a critical other name."""
    view = certificate.view
    subject = view.fields.get("subject")
    if subject is None or subject.node.content:
        return
    has_no_extension = "extensions" in view.fields and not view.extension_order
    if certificate.profile.tier is not Tier.END_ENTITY:
        message = "the subject of a CA is empty"
    elif not view.criticality.get("subjectAltName") and not has_no_extension:
        message = "the subject is empty, and there is no critical subjectAltName"
    else:
        return
    yield Breach("subject.empty", subject.node.offset, message, "subject")


CHECKERS: tuple[Callable[[CheckedCertificate], Iterator[Breach]], ...] = (
    repeated_policies,
    mapped_any_policy,
    half_authority,
    criticality,
    key_usage,
    general_names,
    reasons_only,
    attribute_values,
    empty_subject,
)
"""The checkers of what RFC 5280 requires of a certificate."""
