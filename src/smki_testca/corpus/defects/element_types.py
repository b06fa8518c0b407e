"""Elements of another type than their place in the document demands."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.defects.other_names import OF_ITS_TYPE
from smki_testca.corpus.document_changes import with_value
from smki_testca.corpus.elements import content_of, edited, element, elements_of, retagged
from smki_testca.der.encode import BIT_STRING, OCTET_STRING, SEQUENCE, SET, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, Parts, RevocationListParts

EACH_KIND = ("device", "organisation-crl", "device-csr")
_ENDS = ("organisation",)

_der = partial(defect, stage=Stage.DER)
_type = partial(
    _der,
    stage=Stage.STRUCTURE,
    why="A reader that passes over the type of an element reads a value that is none.",
)


# Another type


@_type(
    "key-usage-octet-string",
    on=(*_ENDS, "organisation-issuing-ca"),
    title="whose keyUsage is an OCTET STRING",
    finding="extensions.keyUsage.unreadable",
    source="RFC 5280 4.2.1.3",
)
def key_usage_as_octets(it: CertificateParts, base: Base) -> bytes:
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
    rfc5280=Verdict.EITHER,
    source=OF_ITS_TYPE,
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
def path_length_enumerated(it: CertificateParts, base: Base) -> bytes:
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
def ca_as_integer(it: CertificateParts, base: Base) -> CertificateParts:
    """The cA of basicConstraints is an INTEGER of -1, whose octet is that of TRUE."""
    del base
    length = element(it, "extensions.basicConstraints.pathLenConstraint")
    return with_value(it, "basicConstraints", tlv(SEQUENCE, b"\x02\x01\xff" + length))


@_type(
    "reason-integer",
    on=("organisation-arl", "organisation-crl"),
    title="with an entry whose reasonCode is an INTEGER",
    finding="structure.CRLReason",
    source="RFC 5280 5.3.1",
)
def reason_as_integer(it: RevocationListParts, base: Base) -> bytes:
    """The reason is an INTEGER in place of an ENUMERATED."""
    del base
    return edited(it, lambda octets: retagged(octets, 0x02), "revokedCertificates", 0, 2, 0, 1, 0)


@_type(
    "crl-number-octets",
    on=("iki-crl", "organisation-crl"),
    title="whose cRLNumber is an OCTET STRING",
    finding="extensions.cRLNumber.unreadable",
    source="RFC 5280 5.2.3",
)
def crl_number_as_octets(it: RevocationListParts, base: Base) -> bytes:
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
def validity_as_set(it: CertificateParts, base: Base) -> bytes:
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
def time_as_text(it: CertificateParts, base: Base) -> bytes:
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
def subject_as_set(it: CertificateParts, base: Base) -> bytes:
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
def rdn_as_sequence(it: CertificateParts, base: Base) -> bytes:
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
