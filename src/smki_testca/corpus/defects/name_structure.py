"""Alternative names, purposes and rarer extensions with an element too many, too few or none."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.changes import added, with_value
from smki_testca.corpus.defect import Importance, Stage, defect
from smki_testca.corpus.elements import appended, content_of, doubled, edited, holding, swapped
from smki_testca.corpus.parts import dns
from smki_testca.der.encode import NULL, octet_string, oid, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import Certificate, Parts, Request, RevocationList

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
_module = "extensions.subjectAltName.hardwareModuleName"


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
