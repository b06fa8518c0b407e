"""Extensions whose values have an element too many, too few, twice, empty or of another type."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.changes import added, but, with_value
from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.elements import (
    appended,
    content_of,
    doubled,
    edited,
    element,
    holding,
    swapped,
    without_element,
)
from smki_testca.corpus.parts import TRUE, dns
from smki_testca.der.encode import NULL, integer, octet_string, oid, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import Certificate, Parts, Request, RevocationList

_ENDS = ("organisation",)
_EACH_KIND = ("organisation", "organisation-crl")
_ISSUING = ("organisation-issuing-ca", "device-issuing-ca")
_MORE = tlv(NULL, b"")

_broken = partial(
    defect,
    stage=Stage.STRUCTURE,
    source="RFC 5280 4.2",
    why="A reader that stops after the element that it knows does not see the rest.",
)
_empty = partial(
    _broken,
    finding="der.empty_sequence",
    why="An empty list says nothing: a reader takes it for no restriction, or for none allowed.",
)
_twice = partial(
    _broken,
    finding="extensions.duplicate",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2: no extension more than once; 6.1 does not look for that",
    importance=Importance.HIGH,
    why="Two readers of one certificate read two values: the first, or the last.",
)
_module = "extensions.subjectAltName.hardwareModuleName"


def _sibling(it: Certificate, name: str, value: bytes) -> bytes:
    """The certificate with a second extension of a name, with another value, at the end."""
    second = replace(it.extensions[name], value=value).encoded
    return edited(it, partial(appended, more=second), "extensions")


# The list of extensions


@_empty(
    "extensions-empty",
    on=(*_ENDS, "organisation-issuing-ca", "dccki"),
    title="whose list of extensions is empty",
    source="RFC 5280 4.1: SIZE (1..MAX)",
    importance=Importance.HIGH,
)
def extensions_empty(it: Certificate, base: Base) -> Certificate:
    """The [3] holds 30 00."""
    del base
    return but(it, extensions={})


@_empty(
    "crl-extensions-empty",
    on=("organisation-crl", "iki-arl"),
    title="whose list of extensions is empty",
    source="RFC 5280 5.1: Extensions",
)
def list_extensions_empty(it: RevocationList, base: Base) -> bytes:
    """The [0] holds 30 00."""
    del base
    return edited(it, partial(holding, content=b""), "extensions")


@_broken(
    "extension-fourth-element",
    on=(*_EACH_KIND, "device-csr"),
    title="whose first extension has an element more",
    finding="structure.Extension",
    source="RFC 5280 4.1",
)
def fourth_element(it: Parts, base: Base) -> bytes:
    """A NULL follows the value of the extension."""
    del base
    return edited(it, partial(appended, more=_MORE), "extensions", 0)


@_broken(
    "extension-critical-twice",
    on=_ENDS,
    title="whose keyUsage says twice that it is critical",
    finding="structure.Extension",
    also=("extensions.keyUsage.unreadable",),
    source="RFC 5280 4.1",
)
def critical_twice(it: Certificate, base: Base) -> bytes:
    """Two BOOLEANs stand in the extension."""
    del base
    return edited(it, partial(doubled, number=1), "extensions", 0)


@_broken(
    "extension-critical-last",
    on=_ENDS,
    title="whose keyUsage says after its value that it is critical",
    finding="structure.Extension",
    also=("extensions.keyUsage.critical",),
    source="RFC 5280 4.1",
)
def critical_last(it: Certificate, base: Base) -> bytes:
    """The BOOLEAN and the OCTET STRING have changed places."""
    del base
    return edited(it, partial(swapped, number=1), "extensions", 0)


@_broken(
    "extension-without-value",
    on=_ENDS,
    title="whose keyUsage has no value",
    finding="structure.Extension",
    also=("extensions.keyUsage.unreadable",),
    source="RFC 5280 4.1",
)
def without_value(it: Certificate, base: Base) -> bytes:
    """The extension ends after its criticality."""
    del base
    return edited(it, partial(without_element, number=2), "extensions", 0)


@_broken(
    "extension-without-oid",
    on=_ENDS,
    title="whose first extension has no identifier",
    finding="structure.Extension",
    also=("extensions.unexpected",),
    source="RFC 5280 4.1",
)
def without_oid(it: Certificate, base: Base) -> bytes:
    """The extension begins with its criticality."""
    del base
    return edited(it, partial(without_element, number=0), "extensions", 0)


@_broken(
    "extension-empty",
    on=_ENDS,
    title="with an extension that is an empty SEQUENCE",
    finding="structure.Extension",
    also=("extensions.unexpected",),
    source="RFC 5280 4.1",
)
def extension_empty(it: Certificate, base: Base) -> bytes:
    """The list of extensions ends with 30 00."""
    del base
    return edited(it, partial(appended, more=sequence()), "extensions")


@_broken(
    "extension-value-empty",
    on=(*_ENDS, "organisation-issuing-ca"),
    title="whose keyUsage has a value of no octets",
    finding="extensions.keyUsage.unreadable",
    source="RFC 5280 4.2: the DER encoding of an ASN.1 value",
)
def value_empty(it: Certificate, base: Base) -> Certificate:
    """The OCTET STRING of keyUsage is empty."""
    del base
    return with_value(it, "keyUsage", b"")


@_broken(
    "extension-value-wrapped-twice",
    on=_ENDS,
    title="whose certificatePolicies is wrapped twice",
    finding="structure.CertificatePolicies",
    source="RFC 5280 4.2.1.4",
)
def wrapped_twice(it: Certificate, base: Base) -> Certificate:
    """An OCTET STRING stands in the OCTET STRING, and the policies in it."""
    del base
    return with_value(
        it, "certificatePolicies", octet_string(it.extensions["certificatePolicies"].value)
    )


# Twice


@_twice(
    "key-usage-twice",
    on=(*_ENDS, "organisation-ka", "organisation-issuing-ca"),
    title="with keyUsage twice",
)
def key_usage_twice(it: Certificate, base: Base) -> bytes:
    """The second keyUsage is the first one's octets."""
    del base
    return _sibling(it, "keyUsage", it.extensions["keyUsage"].value)


@_twice(
    "key-usage-contradicts",
    on=_ENDS,
    title="with a second keyUsage that says keyAgreement",
    importance=Importance.CRITICAL,
)
def key_usage_contradicts(it: Certificate, base: Base) -> bytes:
    """The first keyUsage is digitalSignature."""
    del base
    return _sibling(it, "keyUsage", b"\x03\x02\x03\x08")


@_twice(
    "san-twice",
    on=("device", "dccki"),
    title="with subjectAltName twice",
    importance=Importance.CRITICAL,
)
def names_twice(it: Certificate, base: Base) -> bytes:
    """The second subjectAltName names another."""
    del base
    name = "subjectAltName"
    value = it.extensions[name].value
    return _sibling(it, name, value[:-1] + bytes((value[-1] ^ 1,)))


@_twice(
    "constraints-twice",
    on=_ISSUING,
    title="with basicConstraints twice",
    importance=Importance.CRITICAL,
)
def constraints_twice(it: Certificate, base: Base) -> bytes:
    """The second basicConstraints has no pathLenConstraint."""
    del base
    return _sibling(it, "basicConstraints", sequence(TRUE))


@_twice("policies-extension-twice", on=_ENDS, title="with certificatePolicies twice")
def policies_twice(it: Certificate, base: Base) -> bytes:
    """The second certificatePolicies is the first one's octets."""
    del base
    return _sibling(it, "certificatePolicies", it.extensions["certificatePolicies"].value)


@_twice("ski-twice", on=_ENDS, title="with subjectKeyIdentifier twice")
def key_identifier_twice(it: Certificate, base: Base) -> bytes:
    """The second subjectKeyIdentifier is another."""
    del base
    return _sibling(it, "subjectKeyIdentifier", octet_string(b"\x41" * 8))


# keyUsage, key identifiers


@_broken(
    "ski-twice-wrapped",
    on=_ENDS,
    title="whose subjectKeyIdentifier is wrapped once too often",
    finding="extensions.subjectKeyIdentifier.octets",
    source="RFC 5280 4.2.1.2",
    rfc5280=Verdict.EITHER,
    importance=Importance.LOW,
)
def key_identifier_wrapped(it: Certificate, base: Base) -> Certificate:
    """The identifier is 04 08 and the right one."""
    del base
    return with_value(
        it, "subjectKeyIdentifier", octet_string(it.extensions["subjectKeyIdentifier"].value)
    )


@_broken(
    "aki-more",
    on=(*_EACH_KIND, "dccki"),
    title="with an element after its keyIdentifier",
    finding="structure.AuthorityKeyIdentifier",
    source="RFC 5280 4.2.1.1",
)
def authority_key_more(it: Parts, base: Base) -> bytes:
    """A NULL follows the keyIdentifier."""
    del base
    return edited(it, partial(appended, more=_MORE), "extensions.authorityKeyIdentifier")


@_broken(
    "aki-bare",
    on=_EACH_KIND,
    title="whose authorityKeyIdentifier is an OCTET STRING",
    finding="structure.AuthorityKeyIdentifier",
    source="RFC 5280 4.2.1.1",
)
def authority_key_bare(it: Parts, base: Base) -> Parts:
    """The value has the form of a subjectKeyIdentifier."""
    del base
    identifier = content_of(element(it, "extensions.authorityKeyIdentifier.keyIdentifier"))
    return with_value(it, "authorityKeyIdentifier", octet_string(identifier))


@_empty(
    "aki-empty",
    on=(*_EACH_KIND, "dccki"),
    title="whose authorityKeyIdentifier is empty",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.1: all of it is OPTIONAL; keyIdentifier MUST be there",
    importance=Importance.LOW,
)
def authority_key_empty(it: Parts, base: Base) -> Parts:
    """The value is 30 00."""
    del base
    return with_value(it, "authorityKeyIdentifier", sequence())


# basicConstraints


@_broken(
    "constraints-more",
    on=_ISSUING,
    title="with a third element in its basicConstraints",
    finding="structure.BasicConstraints",
    source="RFC 5280 4.2.1.9",
)
def constraints_more(it: Certificate, base: Base) -> bytes:
    """A second pathLenConstraint of 0 follows the first."""
    del base
    return edited(it, partial(appended, more=integer(0)), "extensions.basicConstraints")


@_broken(
    "constraints-reversed",
    on=_ISSUING,
    title="whose pathLenConstraint comes before cA",
    finding="structure.BasicConstraints",
    source="RFC 5280 4.2.1.9",
    importance=Importance.HIGH,
)
def constraints_reversed(it: Certificate, base: Base) -> bytes:
    """The two elements have changed places: a reader may take it for no CA."""
    del base
    return edited(it, partial(swapped, number=0), "extensions.basicConstraints")


@_broken(
    "constraints-bare",
    on=_ISSUING,
    title="whose basicConstraints is a BOOLEAN",
    finding="structure.BasicConstraints",
    source="RFC 5280 4.2.1.9",
    importance=Importance.HIGH,
)
def constraints_bare(it: Certificate, base: Base) -> Certificate:
    """TRUE stands in the value without a SEQUENCE around it."""
    del base
    return with_value(it, "basicConstraints", TRUE)


# certificatePolicies


@_empty(
    "policies-empty",
    on=(*_ENDS, "organisation-issuing-ca", "dccki"),
    title="whose certificatePolicies is empty",
    source="RFC 5280 4.2.1.4: SIZE (1..MAX)",
)
def policies_empty(it: Certificate, base: Base) -> Certificate:
    """The value is 30 00."""
    del base
    return with_value(it, "certificatePolicies", sequence())


@_broken(
    "policies-more",
    on=_ENDS,
    title="with a NULL in its certificatePolicies",
    finding="structure.CertificatePolicies",
    source="RFC 5280 4.2.1.4",
)
def policies_more(it: Certificate, base: Base) -> bytes:
    """A NULL follows the only policy."""
    del base
    return edited(it, partial(appended, more=_MORE), "extensions.certificatePolicies")


@_broken(
    "policy-bare",
    on=_ENDS,
    title="whose policy has no SEQUENCE around it",
    finding="structure.CertificatePolicies",
    source="RFC 5280 4.2.1.4",
)
def policy_bare(it: Certificate, base: Base) -> bytes:
    """The OBJECT IDENTIFIER stands in the list itself."""
    del base
    return edited(it, content_of, "extensions.certificatePolicies", 0)


@_broken(
    "policy-more",
    on=_ENDS,
    title="with a NULL after its policyIdentifier",
    finding="structure.PolicyInformation",
    source="RFC 5280 4.2.1.4",
)
def policy_more(it: Certificate, base: Base) -> bytes:
    """The PolicyInformation holds a NULL in the place of qualifiers."""
    del base
    return edited(it, partial(appended, more=_MORE), "extensions.certificatePolicies", 0)


@_broken(
    "policy-qualifiers-null",
    on=_ENDS,
    title="whose policy qualifiers hold a NULL",
    finding="structure.PolicyQualifiers",
    source="RFC 5280 4.2.1.4",
)
def qualifiers_null(it: Certificate, base: Base) -> bytes:
    """The list of qualifiers has an element that is none."""
    del base
    return edited(it, partial(appended, more=sequence(_MORE)), "extensions.certificatePolicies", 0)


@_empty(
    "policy-qualifiers-empty",
    on=_ENDS,
    title="whose list of policy qualifiers is empty",
    source="RFC 5280 4.2.1.4: SIZE (1..MAX)",
    importance=Importance.LOW,
)
def qualifiers_empty(it: Certificate, base: Base) -> bytes:
    """30 00 follows the policyIdentifier."""
    del base
    return edited(it, partial(appended, more=sequence()), "extensions.certificatePolicies", 0)


@_broken(
    "policy-qualifier-third-element",
    on=_ENDS,
    title="with a policy qualifier of three elements",
    finding="structure.PolicyQualifierInfo",
    source="RFC 5280 4.2.1.4",
)
def qualifier_of_three(it: Certificate, base: Base) -> bytes:
    """Two NULLs follow the identifier of the qualifier."""
    del base
    qualifier = sequence(oid("1.3.6.1.5.5.7.2.1"), _MORE, _MORE)
    return edited(
        it, partial(appended, more=sequence(qualifier)), "extensions.certificatePolicies", 0
    )


# subjectAltName


@_empty(
    "san-empty",
    on=("device", "dccki"),
    title="whose subjectAltName is empty",
    source="RFC 5280 4.2.1.6: at least one name",
    importance=Importance.HIGH,
)
def names_empty(it: Certificate, base: Base) -> Certificate:
    """The value is 30 00."""
    del base
    return with_value(it, "subjectAltName", sequence())


@_broken(
    "san-null",
    on=("device", "dccki"),
    title="with a NULL in its subjectAltName",
    finding="structure.GeneralNames",
    source="RFC 5280 4.2.1.6",
)
def null_in_names(it: Certificate, base: Base) -> bytes:
    """A NULL follows the only name."""
    del base
    return edited(it, partial(appended, more=_MORE), "extensions.subjectAltName")


@_broken(
    "san-unknown-choice",
    on=("device", "dccki"),
    title="with a name of the kind [9] in its subjectAltName",
    finding="structure.GeneralNames",
    source="RFC 5280 4.2.1.6",
)
def name_of_unknown_kind(it: Certificate, base: Base) -> bytes:
    """GeneralName ends with [8]."""
    del base
    return edited(it, partial(appended, more=tlv(0x89, b"name")), "extensions.subjectAltName")


@_broken(
    "other-name-two-values",
    on=("device", "device-csr"),
    title="whose otherName has two values",
    finding="structure.OtherName",
    source="RFC 5280 4.2.1.6",
    importance=Importance.CRITICAL,
)
def two_values(it: Parts, base: Base) -> bytes:
    """Two hardwareModuleNames stand in the [0] of one otherName: two readers read two Devices."""
    del base
    return edited(it, partial(doubled, number=0), "extensions.subjectAltName", 0, 1)


@_broken(
    "hardware-third-element",
    on=("device", "device-csr"),
    title="whose hardwareModuleName has a third element",
    finding="structure.HardwareModuleName",
    source="RFC 4108 5",
)
def third_of_hardware(it: Parts, base: Base) -> bytes:
    """A NULL follows hwSerialNum."""
    del base
    return edited(it, partial(appended, more=_MORE), "extensions.subjectAltName", 0, 1, 0)


@_broken(
    "hardware-serial-twice",
    on=("device", "device-csr"),
    title="with hwSerialNum twice",
    finding="structure.HardwareModuleName",
    source="RFC 4108 5",
    importance=Importance.CRITICAL,
)
def hardware_serial_twice(it: Parts, base: Base) -> bytes:
    """A second Device ID follows the first."""
    del base
    return edited(
        it,
        partial(appended, more=octet_string(b"\x00\xdb" + b"\x12" * 6)),
        "extensions.subjectAltName",
        0,
        1,
        0,
    )


@_broken(
    "hardware-reversed",
    on=("device",),
    title="whose hwSerialNum comes before hwType",
    finding=f"{_module}.hwType.unreadable",
    also=("extensions.subjectAltName.hardwareModuleName.hwSerialNum.unreadable",),
    source="RFC 4108 5",
    importance=Importance.HIGH,
)
def hardware_reversed(it: Certificate, base: Base) -> bytes:
    """The two elements have changed places."""
    del base
    return edited(it, partial(swapped, number=0), "extensions.subjectAltName", 0, 1, 0)


@_broken(
    "hardware-implicit",
    on=("device", "device-csr"),
    title="whose otherName has an IMPLICIT value",
    finding="structure.OtherName",
    source="RFC 5280 4.2.1.6: [0] EXPLICIT",
    importance=Importance.HIGH,
)
def hardware_implicit(it: Parts, base: Base) -> bytes:
    """The [0] holds hwType and hwSerialNum themselves, without a SEQUENCE around them."""
    del base
    return edited(it, content_of, "extensions.subjectAltName", 0, 1, 0)


# extKeyUsage


@_empty(
    "purposes-empty",
    on=("dccki", "iki"),
    title="whose extKeyUsage is empty",
    source="RFC 5280 4.2.1.12: SIZE (1..MAX)",
    importance=Importance.HIGH,
)
def purposes_empty(it: Certificate, base: Base) -> Certificate:
    """The value is 30 00."""
    del base
    return with_value(it, "extKeyUsage", sequence())


@_broken(
    "purposes-null",
    on=("dccki", "iki"),
    title="with a NULL in its extKeyUsage",
    finding="structure.ExtKeyUsageSyntax",
    source="RFC 5280 4.2.1.12",
)
def purposes_null(it: Certificate, base: Base) -> bytes:
    """A NULL follows the purposes."""
    del base
    return edited(it, partial(appended, more=_MORE), "extensions.extKeyUsage")


# Extensions that no profile has

_unexpected = partial(
    _broken, on=("dccki-issuing-ca", "iki-issuing-ca"), also=("extensions.unexpected",)
)
_FULL_NAME = tlv(0xA0, tlv(0xA0, tlv(0x86, b"http://ca.example/list.crl")))


def _with(it: Certificate, name: str, value: bytes, *, critical: bool = False) -> Certificate:
    return added(it, name, value, critical=critical)


@_unexpected(
    "crl-points-null",
    title="whose cRLDistributionPoints holds a NULL",
    finding="structure.CRLDistributionPoints",
    source="RFC 5280 4.2.1.13",
)
def points_null(it: Certificate, base: Base) -> Certificate:
    """The list of distribution points has an element that is none."""
    del base
    return _with(it, "cRLDistributionPoints", sequence(_MORE))


@_unexpected(
    "crl-point-more",
    title="whose DistributionPoint has an element more",
    finding="structure.DistributionPoint",
    source="RFC 5280 4.2.1.13",
)
def point_more(it: Certificate, base: Base) -> Certificate:
    """A NULL follows the name of the distribution point."""
    del base
    return _with(it, "cRLDistributionPoints", sequence(sequence(_FULL_NAME, _MORE)))


@_unexpected(
    "access-null",
    title="whose authorityInfoAccess holds a NULL",
    finding="structure.AuthorityInfoAccessSyntax",
    source="RFC 5280 4.2.2.1",
)
def access_null(it: Certificate, base: Base) -> Certificate:
    """The list of access descriptions has an element that is none."""
    del base
    return _with(it, "authorityInfoAccess", sequence(_MORE))


@_unexpected(
    "access-more",
    title="whose AccessDescription has an element more",
    finding="structure.AccessDescription",
    source="RFC 5280 4.2.2.1",
)
def access_more(it: Certificate, base: Base) -> Certificate:
    """A NULL follows the location."""
    del base
    location = tlv(0x86, b"http://ca.example/")
    return _with(
        it, "authorityInfoAccess", sequence(sequence(oid("1.3.6.1.5.5.7.48.1"), location, _MORE))
    )


@_unexpected(
    "policy-mapping-third",
    title="whose PolicyMapping has three policies",
    finding="structure.PolicyMapping",
    source="RFC 5280 4.2.1.5",
)
def mapping_of_three(it: Certificate, base: Base) -> Certificate:
    """A policy is mapped to two others."""
    del base
    policy = oid("1.2.826.0.1.8641679.1.2.1.4")
    return _with(it, "policyMappings", sequence(sequence(policy, policy, policy)))


@_unexpected(
    "name-constraints-more",
    on=("dccki-issuing-ca", "organisation-issuing-ca", "device-issuing-ca"),
    title="whose nameConstraints has an element more",
    finding="structure.NameConstraints",
    source="RFC 5280 4.2.1.10",
    importance=Importance.HIGH,
)
def name_constraints_more(it: Certificate, base: Base) -> Certificate:
    """A NULL follows the permitted subtrees."""
    del base
    permitted = tlv(0xA0, sequence(dns(b"example")))
    return _with(it, "nameConstraints", sequence(permitted, _MORE), critical=True)


@_unexpected(
    "policy-constraints-more",
    on=("dccki-issuing-ca", "organisation-issuing-ca", "device-issuing-ca"),
    title="whose policyConstraints has an element more",
    finding="structure.PolicyConstraints",
    source="RFC 5280 4.2.1.11",
    importance=Importance.HIGH,
)
def policy_constraints_more(it: Certificate, base: Base) -> Certificate:
    """A NULL follows requireExplicitPolicy."""
    del base
    return _with(it, "policyConstraints", sequence(tlv(0x80, b"\x00"), _MORE), critical=True)


@_unexpected(
    "inhibit-any-null",
    title="whose inhibitAnyPolicy is a NULL",
    finding="structure.InhibitAnyPolicy",
    source="RFC 5280 4.2.1.14",
)
def inhibit_null(it: Certificate, base: Base) -> Certificate:
    """The value has another type than INTEGER."""
    del base
    return _with(it, "inhibitAnyPolicy", _MORE, critical=True)


# CRLs and CSRs


@_broken(
    "crl-number-null",
    on=("organisation-crl", "organisation-arl"),
    title="whose cRLNumber is a NULL",
    finding="extensions.cRLNumber.unreadable",
    source="RFC 5280 5.2.3",
)
def crl_number_null(it: RevocationList, base: Base) -> RevocationList:
    """The value has another type than INTEGER."""
    del base
    return with_value(it, "cRLNumber", _MORE)


@_broken(
    "distribution-point-more",
    on=("organisation-crl",),
    title="whose issuingDistributionPoint has an element more",
    finding="structure.IssuingDistributionPoint",
    also=("extensions.issuingDistributionPoint.present",),
    source="RFC 5280 5.2.5",
)
def distribution_point_more(it: RevocationList, base: Base) -> RevocationList:
    """A NULL follows onlyContainsCACerts."""
    del base
    return added(it, "issuingDistributionPoint", sequence(tlv(0x82, b"\xff"), _MORE))


@_broken(
    "request-extensions-empty",
    on=("device-csr", "organisation-csr"),
    title="whose list of extensions is empty",
    finding="der.empty_sequence",
    also=("csr.key_usage",),
    source="RFC 5280 4.1: SIZE (1..MAX)",
)
def request_extensions_empty(it: Request, base: Base) -> bytes:
    """The extensionRequest holds 30 00."""
    del base
    return edited(it, partial(holding, content=b""), "extensions")
