"""Identifier octets that are wrong: class, constructed bit, high tag form, another type."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.defects.other_names import OF_ITS_TYPE
from smki_testca.corpus.elements import content_of, edited, holding, retagged
from smki_testca.der.encode import (
    BIT_STRING,
    OCTET_STRING,
    SEQUENCE,
    UTF8_STRING,
    octet_string,
    tlv,
)

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, Parts, RevocationListParts

EACH_KIND = ("device", "organisation-crl", "device-csr")
_ENDS = ("organisation",)

_CONSTRUCTED = 0x20
_CONTEXT, _APPLICATION, _PRIVATE = 0x80, 0x40, 0xC0

_der = partial(defect, stage=Stage.DER)
_class = partial(
    # DER allows any class in any place: only who knows the type that is due sees it.
    defect,
    stage=Stage.STRUCTURE,
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


# The class


@_class(
    "serial-context-class",
    on=_ENDS,
    title="whose serialNumber has a tag of the context class",
    finding="serialNumber.unreadable",
)
def serial_of_context_class(it: CertificateParts, base: Base) -> bytes:
    """The identifier octet of the serial is 82."""
    del base
    return edited(it, lambda octets: retagged(octets, _CONTEXT | 2), "serialNumber")


@_class(
    "serial-application-class",
    on=_ENDS,
    title="whose serialNumber has a tag of the application class",
    finding="serialNumber.unreadable",
)
def serial_of_application_class(it: CertificateParts, base: Base) -> bytes:
    """The identifier octet of the serial is 42."""
    del base
    return edited(it, lambda octets: retagged(octets, _APPLICATION | 2), "serialNumber")


@_class(
    "validity-private-class",
    on=_ENDS,
    title="whose validity has a tag of the private class",
    finding="der.structure",
)
def validity_of_private_class(it: CertificateParts, base: Base) -> bytes:
    """The identifier octet of the validity is f0."""
    del base
    return edited(it, lambda octets: retagged(octets, _PRIVATE | SEQUENCE), "signed", 4)


@_class(
    "version-other-tag",
    on=_ENDS,
    title="whose version is tagged [1]",
    finding="der.structure",
)
def version_with_other_tag(it: CertificateParts, base: Base) -> bytes:
    """The version is in [1], which is a unique identifier's, in place of [0]."""
    del base
    return edited(it, lambda octets: retagged(octets, 0xA1), "signed", 0)


@_class(
    "extensions-other-tag",
    on=("organisation",),
    title="whose extensions are tagged [4]",
    finding="structure.TBSCertificate",
    importance=Importance.HIGH,
)
def extensions_with_other_tag(it: CertificateParts, base: Base) -> bytes:
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
def device_extensions_with_other_tag(it: CertificateParts, base: Base) -> bytes:
    """The extensions stand in [4]: a reader that passes over it sees no Device."""
    del base
    return edited(it, lambda octets: retagged(octets, 0xA4), "signed", 7)


@_class(
    "crl-extensions-other-tag",
    on=("iki-arl", "organisation-crl"),
    title="whose extensions are tagged [3], as those of certificates",
    finding="structure.TBSCertList",
)
def list_extensions_with_other_tag(it: RevocationListParts, base: Base) -> bytes:
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
def serial_constructed(it: CertificateParts, base: Base) -> bytes:
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
def critical_constructed(it: CertificateParts, base: Base) -> bytes:
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
def oid_constructed(it: CertificateParts, base: Base) -> bytes:
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
def subject_primitive(it: CertificateParts, base: Base) -> bytes:
    """The identifier octet of the subject is 10."""
    del base
    return edited(it, lambda octets: retagged(octets, SEQUENCE & ~_CONSTRUCTED), "subject")


@_form(
    "extensions-primitive",
    on=("organisation",),
    title="whose extensions are in a primitive [3]",
    finding="structure.TBSCertificate",
    importance=Importance.HIGH,
    stage=Stage.STRUCTURE,
)
def extensions_primitive(it: CertificateParts, base: Base) -> bytes:
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
    stage=Stage.STRUCTURE,
)
def device_extensions_primitive(it: CertificateParts, base: Base) -> bytes:
    """The identifier octet around the extensions is 83: the Device has no name then."""
    del base
    return edited(it, lambda octets: retagged(octets, 0x83), "signed", 7)


@_form(
    "key-identifier-constructed",
    on=("organisation", "organisation-crl"),
    title="whose keyIdentifier is constructed",
    finding="structure.AuthorityKeyIdentifier",
    stage=Stage.STRUCTURE,
)
def key_identifier_constructed(it: Parts, base: Base) -> bytes:
    """The [0] of authorityKeyIdentifier is EXPLICIT: an OCTET STRING is in it."""
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
    stage=Stage.STRUCTURE,
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
    stage=Stage.STRUCTURE,
)
def dns_name_constructed(it: Parts, base: Base) -> bytes:
    """The [2] of the dNSName is EXPLICIT: an IA5String is in it."""
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
def key_usage_in_parts(it: CertificateParts, base: Base) -> bytes:
    """The BIT STRING of keyUsage is a constructed one that holds a BIT STRING."""
    del base
    return edited(it, lambda octets: tlv(BIT_STRING | _CONSTRUCTED, octets), "extensions.keyUsage")


@_parts(
    "name-in-parts",
    on=("organisation", "iki"),
    title="whose subject has a string in two parts",
)
def name_in_parts(it: CertificateParts, base: Base) -> bytes:
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
    rfc5280=Verdict.EITHER,
    source=OF_ITS_TYPE,
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
