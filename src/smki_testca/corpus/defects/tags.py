"""Identifier octets that are wrong: class, constructed bit, high tag form, another type."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.changes import with_value
from smki_testca.corpus.defect import Importance, Stage, defect
from smki_testca.corpus.elements import content_of, edited, element, elements_of, holding, retagged
from smki_testca.der.encode import (
    BIT_STRING,
    OCTET_STRING,
    SEQUENCE,
    SET,
    UTF8_STRING,
    octet_string,
    tlv,
)

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import Certificate, Parts, RevocationList

EACH_KIND = ("device", "organisation-crl", "device-csr")
_ENDS = ("organisation",)

_CONSTRUCTED = 0x20
_CONTEXT, _APPLICATION, _PRIVATE = 0x80, 0x40, 0xC0

_der = partial(defect, stage=Stage.DER)
_class = partial(
    _der,
    source="X.690 8.1.2.2; RFC 5280 A.1",
    why="A reader that looks at the number of a tag alone takes an element for another type.",
)
_form = partial(
    _der,
    source="X.690 8.1.2.5",
    why="A reader that ignores the constructed bit and one that follows it read two contents.",
)
_parts = partial(
    _der,
    finding="der.constructed_string",
    source="X.690 10.2",
    why="A reader that does not join the parts takes their headers for content.",
)
_type = partial(
    _der,
    stage=Stage.STRUCTURE,
    why="A reader that passes over the type of an element reads a value that is none.",
)


# The class


@_class(
    "serial-context-class",
    on=_ENDS,
    title="whose serialNumber has a tag of the context class",
    finding="serialNumber.unreadable",
)
def serial_of_context_class(it: Certificate, base: Base) -> bytes:
    """The identifier octet of the serial is 82."""
    del base
    return edited(it, lambda octets: retagged(octets, _CONTEXT | 2), "serialNumber")


@_class(
    "serial-application-class",
    on=_ENDS,
    title="whose serialNumber has a tag of the application class",
    finding="serialNumber.unreadable",
)
def serial_of_application_class(it: Certificate, base: Base) -> bytes:
    """The identifier octet of the serial is 42."""
    del base
    return edited(it, lambda octets: retagged(octets, _APPLICATION | 2), "serialNumber")


@_class(
    "validity-private-class",
    on=_ENDS,
    title="whose validity has a tag of the private class",
    finding="der.structure",
)
def validity_of_private_class(it: Certificate, base: Base) -> bytes:
    """The identifier octet of the validity is f0."""
    del base
    return edited(it, lambda octets: retagged(octets, _PRIVATE | SEQUENCE), "signed", 4)


@_class(
    "version-other-tag",
    on=_ENDS,
    title="whose version is tagged [1]",
    finding="der.structure",
)
def version_with_other_tag(it: Certificate, base: Base) -> bytes:
    """The version stands in [1], which is a unique identifier's, in place of [0]."""
    del base
    return edited(it, lambda octets: retagged(octets, 0xA1), "signed", 0)


@_class(
    "extensions-other-tag",
    on=("organisation",),
    title="whose extensions are tagged [4]",
    finding="structure.TBSCertificate",
    importance=Importance.HIGH,
)
def extensions_with_other_tag(it: Certificate, base: Base) -> bytes:
    """The extensions stand in [4]: a reader that passes over it sees no extension."""
    del base
    return edited(it, lambda octets: retagged(octets, 0xA4), "signed", 7)


@_class(
    "extensions-other-tag",
    on=("device",),
    title="whose extensions are tagged [4]",
    finding="structure.TBSCertificate",
    also=("subject.empty",),
    importance=Importance.CRITICAL,
)
def device_extensions_with_other_tag(it: Certificate, base: Base) -> bytes:
    """The extensions stand in [4]: a reader that passes over it sees no Device."""
    return extensions_with_other_tag(it, base)


@_class(
    "crl-extensions-other-tag",
    on=("organisation-crl", "iki-arl"),
    title="whose extensions are tagged [3], as those of certificates",
    finding="structure.TBSCertList",
)
def list_extensions_with_other_tag(it: RevocationList, base: Base) -> bytes:
    """The extensions stand in [3] in place of [0]."""
    del base
    return edited(it, lambda octets: retagged(octets, 0xA3), "signed", 6)


@_class(
    "attributes-other-tag",
    on=("device-csr", "organisation-csr"),
    title="whose attributes are tagged [1]",
    finding="der.structure",
)
def attributes_with_other_tag(it: Parts, base: Base) -> bytes:
    """The attributes stand in [1] in place of [0]."""
    del base
    return edited(it, lambda octets: retagged(octets, 0xA1), "signed", 3)


# The constructed bit


@_form(
    "serial-constructed",
    on=_ENDS,
    title="whose serialNumber is constructed",
    finding="serialNumber.unreadable",
)
def serial_constructed(it: Certificate, base: Base) -> bytes:
    """The serial is an INTEGER in a constructed INTEGER, which BER does not have."""
    del base
    return edited(it, lambda octets: tlv(octets[0] | _CONSTRUCTED, octets), "serialNumber")


@_form(
    "critical-constructed",
    on=_ENDS,
    title="whose criticality is a constructed BOOLEAN",
    finding="structure.Extension",
    also=("extensions.keyUsage.critical",),
)
def critical_constructed(it: Certificate, base: Base) -> bytes:
    """The BOOLEAN of keyUsage holds a BOOLEAN."""
    del base
    return edited(it, lambda octets: tlv(octets[0] | _CONSTRUCTED, octets), "extensions", 0, 1)


@_form(
    "extension-oid-constructed",
    on=_ENDS,
    title="whose keyUsage has a constructed OBJECT IDENTIFIER",
    finding="structure.Extension",
    also=("extensions.unknown_critical",),
)
def oid_constructed(it: Certificate, base: Base) -> bytes:
    """The identifier of keyUsage is an OBJECT IDENTIFIER in a constructed one."""
    del base
    return edited(it, lambda octets: tlv(octets[0] | _CONSTRUCTED, octets), "extensions", 0, 0)


@_form(
    "signed-primitive",
    on=EACH_KIND,
    title="whose signed part is a primitive SEQUENCE",
    finding="der.structure",
)
def signed_primitive(it: Parts, base: Base) -> bytes:
    """The identifier octet of the signed part is 10."""
    del base
    return edited(it, lambda octets: retagged(octets, SEQUENCE & ~_CONSTRUCTED), "signed")


@_form(
    "document-primitive",
    on=EACH_KIND,
    title="that is a primitive SEQUENCE",
    finding="der.structure",
)
def document_primitive(it: Parts, base: Base) -> bytes:
    """The first octet of the document is 10."""
    del base
    return edited(it, lambda octets: retagged(octets, SEQUENCE & ~_CONSTRUCTED), "document")


@_form(
    "subject-primitive",
    on=("organisation",),
    title="whose subject is a primitive SEQUENCE",
    finding="der.structure",
)
def subject_primitive(it: Certificate, base: Base) -> bytes:
    """The identifier octet of the subject is 10."""
    del base
    return edited(it, lambda octets: retagged(octets, SEQUENCE & ~_CONSTRUCTED), "subject")


@_form(
    "extensions-primitive",
    on=("organisation",),
    title="whose extensions are in a primitive [3]",
    finding="structure.TBSCertificate",
    importance=Importance.HIGH,
)
def extensions_primitive(it: Certificate, base: Base) -> bytes:
    """The identifier octet around the extensions is 83: a reader may see none."""
    del base
    return edited(it, lambda octets: retagged(octets, 0x83), "signed", 7)


@_form(
    "extensions-primitive",
    on=("device",),
    title="whose extensions are in a primitive [3]",
    finding="structure.TBSCertificate",
    also=("subject.empty",),
    importance=Importance.CRITICAL,
)
def device_extensions_primitive(it: Certificate, base: Base) -> bytes:
    """The identifier octet around the extensions is 83: the Device has no name then."""
    return extensions_primitive(it, base)


@_form(
    "key-identifier-constructed",
    on=("organisation", "organisation-crl"),
    title="whose keyIdentifier is constructed",
    finding="structure.AuthorityKeyIdentifier",
)
def key_identifier_constructed(it: Parts, base: Base) -> bytes:
    """The [0] of authorityKeyIdentifier is EXPLICIT: an OCTET STRING stands in it."""
    del base
    return edited(
        it,
        lambda octets: tlv(0xA0, octet_string(content_of(octets))),
        "extensions.authorityKeyIdentifier.keyIdentifier",
    )


@_form(
    "other-name-primitive",
    on=("device", "device-csr"),
    title="whose otherName is primitive",
    finding="structure.GeneralNames",
    importance=Importance.HIGH,
)
def other_name_primitive(it: Parts, base: Base) -> bytes:
    """The [0] of the otherName says that nothing is in it."""
    del base
    return edited(it, lambda octets: retagged(octets, 0x80), "extensions.subjectAltName", 0)


@_form(
    "dns-name-constructed",
    on=("dccki",),
    title="whose dNSName is constructed",
    finding="structure.GeneralNames",
)
def dns_name_constructed(it: Parts, base: Base) -> bytes:
    """The [2] of the dNSName is EXPLICIT: an IA5String stands in it."""
    del base
    return edited(
        it,
        lambda octets: tlv(0xA2, tlv(0x16, content_of(octets))),
        "extensions.subjectAltName.dNSName",
    )


# Strings in parts


@_parts(
    "extension-value-in-parts",
    on=(*_ENDS, "organisation-crl"),
    title="whose first extension has its value in two parts",
    importance=Importance.HIGH,
)
def extension_value_in_parts(it: Parts, base: Base) -> bytes:
    """The OCTET STRING of an extension is written in two, as BER allows."""
    del base

    def in_parts(octets: bytes) -> bytes:
        whole = content_of(octets)
        return tlv(OCTET_STRING | _CONSTRUCTED, octet_string(whole[:2]) + octet_string(whole[2:]))

    return edited(it, in_parts, "extensions", 0, -1)


@_parts(
    "signature-in-parts",
    on=("device", "organisation-crl", "device-csr"),
    title="whose signatureValue is written in parts",
    finding="der.structure",
)
def signature_in_parts(it: Parts, base: Base) -> bytes:
    """The BIT STRING of the signature holds a BIT STRING."""
    del base
    return edited(it, lambda octets: tlv(BIT_STRING | _CONSTRUCTED, octets), "signatureValue")


@_parts(
    "key-usage-in-parts",
    on=_ENDS,
    title="whose keyUsage is written in parts",
)
def key_usage_in_parts(it: Certificate, base: Base) -> bytes:
    """The BIT STRING of keyUsage is a constructed one that holds a BIT STRING."""
    del base
    return edited(it, lambda octets: tlv(BIT_STRING | _CONSTRUCTED, octets), "extensions.keyUsage")


@_parts(
    "name-in-parts",
    on=("organisation", "iki"),
    title="whose subject has a string in two parts",
)
def name_in_parts(it: Certificate, base: Base) -> bytes:
    """The value of the first attribute is a UTF8String of two UTF8Strings."""
    del base

    def in_parts(octets: bytes) -> bytes:
        whole = content_of(octets)
        first, second = tlv(UTF8_STRING, whole[:5]), tlv(UTF8_STRING, whole[5:])
        return tlv(UTF8_STRING | _CONSTRUCTED, first + second)

    return edited(it, in_parts, "subject", 0, 0, 1)


@_parts(
    "hardware-serial-in-parts",
    on=("device", "device-csr"),
    title="whose hwSerialNum is written in two parts",
    importance=Importance.CRITICAL,
)
def hardware_serial_in_parts(it: Parts, base: Base) -> bytes:
    """The Device ID is in two OCTET STRINGs: a reader may take headers for a part of it."""
    del base

    def in_parts(octets: bytes) -> bytes:
        whole = content_of(octets)
        return tlv(OCTET_STRING | _CONSTRUCTED, octet_string(whole[:4]) + octet_string(whole[4:]))

    return edited(it, in_parts, "extensions.subjectAltName.hardwareModuleName.hwSerialNum")


# The high tag form


@_der(
    "tag-high-form",
    on=EACH_KIND,
    title="whose outermost tag is in the high form",
    finding="der.tag",
    source="X.690 8.1.2.2",
    why="A reader of more than one octet of tag takes it for a SEQUENCE, another for garbage.",
)
def high_tag_form(it: Parts, base: Base) -> bytes:
    """The tag of a SEQUENCE is written 3f 10: a number of 30 or less takes one octet."""
    del base
    return edited(it, lambda octets: b"\x3f\x10" + octets[1:], "document")


@_der(
    "tag-high-form-inside",
    on=("organisation", "organisation-crl"),
    title="with an INTEGER whose tag is in the high form",
    finding="der.tag",
    source="X.690 8.1.2.2",
    why="A reader of more than one octet of tag takes it for an INTEGER, another for garbage.",
)
def high_tag_form_inside(it: Parts, base: Base) -> bytes:
    """The tag of the first INTEGER is written 1f 02."""
    place = ("signed", 1) if base.document.label == "CERTIFICATE" else ("signed", 0)
    return edited(it, lambda octets: b"\x1f\x02" + octets[1:], *place)


@_der(
    "tag-endless",
    on=("device", "organisation-crl"),
    title="with a tag in the high form that never ends",
    finding="der.tag",
    source="X.690 8.1.2.4",
    importance=Importance.HIGH,
    why="A reader that looks for the end of the tag reads on, and overflows a number.",
)
def endless_tag(it: Parts, base: Base) -> bytes:
    """Every octet of the serial, and of its tag, says that the tag goes on."""
    place = ("signed", 1) if base.document.label == "CERTIFICATE" else ("signed", 0)
    return edited(it, lambda octets: b"\x1f" + b"\xff" * (len(octets) - 1), *place)


@_der(
    "end-of-contents-inside",
    on=(*_ENDS, "organisation-crl"),
    title="with end-of-contents octets in a SEQUENCE of definite length",
    finding="structure.Extensions",
    also=("extensions.unexpected",),
    source="X.690 8.1.5",
    why="A reader of BER ends the list there, and passes over what follows.",
    importance=Importance.HIGH,
)
def end_of_contents_inside(it: Parts, base: Base) -> bytes:
    """Two zero octets stand before the first extension."""
    del base
    return edited(
        it, lambda octets: holding(octets, b"\x00\x00" + content_of(octets)), "extensions"
    )


# Another type


@_type(
    "key-usage-octet-string",
    on=(*_ENDS, "organisation-issuing-ca"),
    title="whose keyUsage is an OCTET STRING",
    finding="extensions.keyUsage.unreadable",
    source="RFC 5280 4.2.1.3",
)
def key_usage_as_octets(it: Certificate, base: Base) -> bytes:
    """The identifier octet in the value of keyUsage is 04."""
    del base
    return edited(it, lambda octets: retagged(octets, OCTET_STRING), "extensions.keyUsage")


@_type(
    "hardware-type-octets",
    on=("device", "device-csr"),
    title="whose hwType is an OCTET STRING",
    finding={
        "": "extensions.subjectAltName.hardwareModuleName.hwType.unreadable",
        "device-csr": "structure.HardwareModuleName",
    },
    source="RFC 4108 5",
)
def hardware_type_as_octets(it: Parts, base: Base) -> bytes:
    """The hwType has another type than OBJECT IDENTIFIER."""
    del base
    return edited(
        it,
        lambda octets: retagged(octets, OCTET_STRING),
        "extensions.subjectAltName.hardwareModuleName.hwType",
    )


@_type(
    "path-length-enumerated",
    on=("organisation-issuing-ca", "device-issuing-ca", "dccki-issuing-ca"),
    title="whose pathLenConstraint is an ENUMERATED",
    finding="structure.BasicConstraints",
    source="RFC 5280 4.2.1.9",
    importance=Importance.HIGH,
)
def path_length_enumerated(it: Certificate, base: Base) -> bytes:
    """A reader that passes over the element takes the CA for one without a limit."""
    del base
    return edited(
        it,
        lambda octets: retagged(octets, 0x0A),
        "extensions.basicConstraints.pathLenConstraint",
    )


@_type(
    "ca-integer",
    on=("organisation-issuing-ca", "device-issuing-ca"),
    title="whose cA is an INTEGER",
    finding="structure.BasicConstraints",
    also=("extensions.basicConstraints.path_length",),
    source="RFC 5280 4.2.1.9",
)
def ca_as_integer(it: Certificate, base: Base) -> Certificate:
    """The cA of basicConstraints is an INTEGER of -1, whose octet is that of TRUE."""
    del base
    length = element(it, "extensions.basicConstraints.pathLenConstraint")
    return with_value(it, "basicConstraints", tlv(SEQUENCE, b"\x02\x01\xff" + length))


@_type(
    "reason-integer",
    on=("organisation-crl", "organisation-arl"),
    title="with an entry whose reasonCode is an INTEGER",
    finding="structure.CRLReason",
    source="RFC 5280 5.3.1",
)
def reason_as_integer(it: RevocationList, base: Base) -> bytes:
    """The reason is an INTEGER in place of an ENUMERATED."""
    del base
    return edited(it, lambda octets: retagged(octets, 0x02), "revokedCertificates", 0, 2, 0, 1, 0)


@_type(
    "crl-number-octets",
    on=("organisation-crl", "iki-crl"),
    title="whose cRLNumber is an OCTET STRING",
    finding="extensions.cRLNumber.unreadable",
    source="RFC 5280 5.2.3",
)
def crl_number_as_octets(it: RevocationList, base: Base) -> bytes:
    """The number has another type than INTEGER."""
    del base
    return edited(it, lambda octets: retagged(octets, OCTET_STRING), "extensions.cRLNumber")


@_type(
    "validity-set",
    on=_ENDS,
    title="whose validity is a SET",
    finding="der.structure",
    source="RFC 5280 4.1.2.5",
)
def validity_as_set(it: Certificate, base: Base) -> bytes:
    """The two times are in a SET, which has no order."""
    del base
    return edited(it, lambda octets: retagged(octets, SET), "signed", 4)


@_type(
    "time-as-text",
    on=_ENDS,
    title="that begins at a time in a PrintableString",
    finding="validity.notBefore.unreadable",
    source="RFC 5280 4.1.2.5",
)
def time_as_text(it: Certificate, base: Base) -> bytes:
    """The octets of notBefore are right, and their type is none of time."""
    del base
    return edited(it, lambda octets: retagged(octets, 0x13), "validity.notBefore")


@_type(
    "subject-set",
    on=("organisation",),
    title="whose subject is a SET",
    finding="der.structure",
    source="RFC 5280 4.1.2.4",
)
def subject_as_set(it: Certificate, base: Base) -> bytes:
    """The RDNs of the subject are in a SET."""
    del base
    return edited(it, lambda octets: retagged(octets, SET), "subject")


@_type(
    "rdn-sequence",
    on=("organisation", "dccki", "organisation-csr"),
    title="with an RDN that is a SEQUENCE",
    finding="structure.Name",
    source="RFC 5280 4.1.2.4",
)
def rdn_as_sequence(it: Certificate, base: Base) -> bytes:
    """The last RDN of the subject is a SEQUENCE in place of a SET."""
    del base
    return edited(it, lambda octets: retagged(octets, SEQUENCE), "subject", 2)


@_type(
    "extensions-set",
    on=(*_ENDS, "organisation-crl"),
    title="whose extensions are in a SET",
    finding="structure.Extensions",
    also=("extensions.order",),
    source="RFC 5280 4.1",
)
def extensions_as_set(it: Parts, base: Base) -> bytes:
    """The extensions are in a SET, in the order of their octets."""
    del base
    return edited(it, lambda octets: tlv(SET, b"".join(sorted(elements_of(octets)))), "extensions")


@_type(
    "extension-value-bit-string",
    on=_ENDS,
    title="whose first extension has its value in a BIT STRING",
    finding="structure.Extension",
    also=("extensions.keyUsage.unreadable",),
    source="RFC 5280 4.1",
)
def extension_value_as_bits(it: Parts, base: Base) -> bytes:
    """The value of an extension is in a BIT STRING in place of an OCTET STRING."""
    del base
    return edited(
        it, lambda octets: tlv(BIT_STRING, b"\x00" + content_of(octets)), "extensions", 0, -1
    )


@_type(
    "key-octet-string",
    on=("device", "dccki", "device-csr"),
    title="whose subjectPublicKey is an OCTET STRING",
    finding="structure.SubjectPublicKeyInfo",
    source="RFC 5280 4.1.2.7",
)
def key_as_octets(it: Parts, base: Base) -> bytes:
    """The key is in an OCTET STRING, its first zero octet with it."""
    del base
    return edited(it, lambda octets: retagged(octets, OCTET_STRING), "subjectPublicKeyInfo", 1)


@_type(
    "signature-octet-string",
    on=EACH_KIND,
    title="whose signatureValue is an OCTET STRING",
    finding="der.structure",
    source="RFC 5280 4.1.1.3",
)
def signature_as_octets(it: Parts, base: Base) -> bytes:
    """The signature is in an OCTET STRING in place of a BIT STRING."""
    del base
    return edited(it, lambda octets: retagged(octets, OCTET_STRING), "signatureValue")
