"""Values that DER forbids: of BOOLEAN, INTEGER, OBJECT IDENTIFIER, BIT STRING, NULL and SET OF."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.defects.other_names import OF_ITS_TYPE
from smki_testca.corpus.document_changes import added, but, with_critical, with_subject, with_value
from smki_testca.corpus.elements import content_of, edited, element, holding
from smki_testca.corpus.groups import led_by
from smki_testca.corpus.parts import FALSE, POLICY, attribute, identifier
from smki_testca.der.encode import BOOLEAN, INTEGER, NULL, OID, SET, oid, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, Parts, RevocationListParts

_ENDS = ("organisation",)
_CAS = ("organisation-issuing-ca", "device-issuing-ca", "dccki-root-ca")

_der = partial(defect, stage=Stage.DER)
_boolean = partial(
    _der,
    finding="der.boolean",
    source="X.690 11.1",
    why="A reader that compares with ff takes it for FALSE, another for TRUE: a critical extension"
    " is ignored, or a CA is not one.",
)
_integer = partial(
    _der,
    finding="der.integer_not_minimal",
    source="X.690 8.3.2",
    why="Two readers of one number disagree: the one compares octets, the other values.",
)
_oid = partial(
    _der,
    finding="der.oid",
    source="X.690 8.19.2",
    why="A reader that ignores the padding takes it for an identifier that it is not.",
)
_default = partial(
    _der,
    finding="der.default_encoded",
    source="X.690 11.5",
    importance=Importance.LOW,
    why="DER has one encoding of each value; with two, digests of equal documents differ.",
)


# BOOLEAN


@_boolean(
    "critical-one",
    on=(*_ENDS, "organisation-issuing-ca", "dccki", "device-csr"),
    title="whose keyUsage is critical by a BOOLEAN of 01",
    importance=Importance.HIGH,
)
def critical_one(it: Parts, base: Base) -> Parts:
    """TRUE is written 01, as BER allows."""
    del base
    return with_critical(it, "keyUsage", tlv(BOOLEAN, b"\x01"))


@_boolean("critical-seven-bits", on=_ENDS, title="whose keyUsage is critical by a BOOLEAN of 7f")
def critical_seven_bits(it: CertificateParts, base: Base) -> CertificateParts:
    """TRUE is written 7f: only the highest bit is missing."""
    del base
    return with_critical(it, "keyUsage", tlv(BOOLEAN, b"\x7f"))


@_boolean(
    "critical-empty",
    on=("device", "organisation"),
    title="whose criticality of keyUsage has no content",
    source="X.690 8.2.1",
    importance=Importance.HIGH,
)
def critical_empty(it: CertificateParts, base: Base) -> CertificateParts:
    """The BOOLEAN has no octet: a reader that takes the next one reads a tag."""
    del base
    return with_critical(it, "keyUsage", tlv(BOOLEAN, b""))


@_boolean(
    "critical-two-octets",
    on=_ENDS,
    title="whose criticality of keyUsage has two octets",
    source="X.690 8.2.1",
)
def critical_two_octets(it: CertificateParts, base: Base) -> CertificateParts:
    """The BOOLEAN has the octets ff 00: the first says TRUE, the last FALSE."""
    del base
    return with_critical(it, "keyUsage", tlv(BOOLEAN, b"\xff\x00"))


@_boolean(
    "ca-one",
    on=led_by("dccki-root-ca", _CAS),
    title="whose cA is a BOOLEAN of 01",
    importance=Importance.HIGH,
)
def ca_one(it: CertificateParts, base: Base) -> CertificateParts:
    """The cA of basicConstraints is written 01, as BER allows."""
    del base
    length = element(it, "extensions.basicConstraints.pathLenConstraint")
    return with_value(it, "basicConstraints", sequence(tlv(BOOLEAN, b"\x01"), length))


# DEFAULT


@_default(
    "critical-false",
    on=(*_ENDS, "organisation-issuing-ca", "dccki", "organisation-crl"),
    title="whose authorityKeyIdentifier says critical FALSE",
)
def critical_false(it: Parts, base: Base) -> Parts:
    """FALSE is the DEFAULT of critical, and is written out."""
    del base
    return with_critical(it, "authorityKeyIdentifier", FALSE)


@_default(
    "ca-false-written",
    on=("organisation", "device"),
    title="whose basicConstraints says cA FALSE",
    finding="der.default_encoded",
    also=("extensions.basicConstraints.ca_false",),
)
def ca_false_written(it: CertificateParts, base: Base) -> CertificateParts:
    """FALSE is the DEFAULT of cA, and is written out; without it nothing would be wrong (O12)."""
    del base
    return added(it, "basicConstraints", sequence(FALSE), critical=True)


# INTEGER


@_integer(
    "serial-padded",
    on=(*_ENDS, "organisation-issuing-ca", "dccki", "iki"),
    title="whose serialNumber has a needless zero octet in front",
    importance=Importance.HIGH,
    why="A CRL lists the serial without the octet: who compares octets lets the revoked pass.",
)
def serial_padded(it: CertificateParts, base: Base) -> CertificateParts:
    """The highest bit of the serial is not set, and a zero octet comes before it."""
    del base
    return but(it, serial=tlv(INTEGER, b"\x00" + content_of(it.serial)))


@_integer(
    "serial-empty",
    on=("device", "organisation"),
    title="whose serialNumber has no content",
    source="X.690 8.3.1",
)
def serial_empty(it: CertificateParts, base: Base) -> CertificateParts:
    """The INTEGER has no octet."""
    del base
    return but(it, serial=tlv(INTEGER, b""))


@_integer(
    "version-padded",
    on=(*_ENDS, "organisation-crl", "device-csr"),
    title="whose version has a needless zero octet in front",
)
def version_padded(it: Parts, base: Base) -> bytes:
    """The version takes two octets."""
    del base
    return edited(it, lambda octets: holding(octets, b"\x00" + content_of(octets)), "version")


@_integer(
    "version-empty",
    on=(*_ENDS, "organisation-crl", "device-csr"),
    title="whose version has no content",
    source="X.690 8.3.1",
)
def version_empty(it: Parts, base: Base) -> bytes:
    """The INTEGER of the version has no octet."""
    del base
    return edited(it, lambda octets: holding(octets, b""), "version")


@_integer(
    "path-length-padded",
    on=led_by("dccki-root-ca", _CAS),
    title="whose pathLenConstraint has a needless zero octet in front",
)
def path_length_padded(it: CertificateParts, base: Base) -> bytes:
    """The number of CAs that may follow takes two octets."""
    del base
    return edited(
        it,
        lambda octets: holding(octets, b"\x00" + content_of(octets)),
        "extensions.basicConstraints.pathLenConstraint",
    )


@_integer(
    "path-length-empty",
    on=led_by("dccki-root-ca", _CAS),
    title="whose pathLenConstraint has no content",
    source="X.690 8.3.1",
    importance=Importance.HIGH,
    why="A reader that takes no octet for no limit lets any number of CAs follow.",
)
def path_length_empty(it: CertificateParts, base: Base) -> bytes:
    """The INTEGER of pathLenConstraint has no octet."""
    del base
    return edited(
        it, lambda octets: holding(octets, b""), "extensions.basicConstraints.pathLenConstraint"
    )


@_integer(
    "crl-number-padded",
    on=("iki-arl", "organisation-crl"),
    title="whose cRLNumber has a needless zero octet in front",
)
def crl_number_padded(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The number 7 takes two octets."""
    del base
    return with_value(it, "cRLNumber", tlv(INTEGER, b"\x00\x07"))


@_integer(
    "reason-padded",
    on=("organisation-crl",),
    title="with an entry whose reasonCode has a needless zero octet in front",
    source="X.690 8.4",
    also=("crl.reason_unknown",),
)
def reason_padded(it: RevocationListParts, base: Base) -> bytes:
    """The ENUMERATED of the reason takes two octets."""
    del base
    return edited(
        it,
        lambda octets: holding(octets, b"\x00" + content_of(octets)),
        *("revokedCertificates", 0, 2, 0, 1, 0),
    )


# OBJECT IDENTIFIER


def _padded_arc(octets: bytes) -> bytes:
    """An OBJECT IDENTIFIER whose last arc begins with 80."""
    content = content_of(octets)
    start = max(n for n in range(1, len(content)) if content[n - 1] < 0x80)
    return holding(octets, content[:start] + b"\x80" + content[start:])


def _unended(octets: bytes) -> bytes:
    """An OBJECT IDENTIFIER whose last octet says that another follows."""
    content = content_of(octets)
    return holding(octets, content[:-1] + bytes((content[-1] | 0x80,)))


@_oid(
    "policy-arc-padded",
    on=(*_ENDS, "organisation-issuing-ca", "dccki"),
    title="whose policyIdentifier has a padded arc",
)
def policy_arc_padded(it: CertificateParts, base: Base) -> bytes:
    """The last arc of the policy begins with 80."""
    del base
    return edited(it, _padded_arc, "extensions.certificatePolicies.policyIdentifier")


@_oid("policy-arc-unended", on=_ENDS, title="whose policyIdentifier never ends")
def policy_arc_unended(it: CertificateParts, base: Base) -> bytes:
    """The last octet of the policy says that another follows."""
    del base
    return edited(it, _unended, "extensions.certificatePolicies.policyIdentifier")


@_oid(
    "policy-empty-oid",
    on=_ENDS,
    title="whose policyIdentifier has no content",
    source="X.690 8.19.1",
)
def policy_without_content(it: CertificateParts, base: Base) -> CertificateParts:
    """The OBJECT IDENTIFIER of the policy has no octet."""
    del base
    return with_value(it, "certificatePolicies", sequence(sequence(tlv(OID, b""))))


@_oid(
    "extension-oid-padded",
    on=("organisation",),
    title="whose keyUsage has an identifier with a padded arc",
    importance=Importance.HIGH,
)
def extension_oid_padded(it: CertificateParts, base: Base) -> bytes:
    """The last arc of the identifier of keyUsage begins with 80."""
    del base
    return edited(it, _padded_arc, "extensions", 0, 0)


@_oid(
    "hardware-type-padded",
    on=("device", "device-csr"),
    title="whose hwType has a padded arc",
    rfc5280=Verdict.EITHER,
    source=OF_ITS_TYPE,
)
def hardware_type_padded(it: Parts, base: Base) -> bytes:
    """The last arc of hwType begins with 80."""
    del base
    return edited(it, _padded_arc, "extensions.subjectAltName.hardwareModuleName.hwType")


@_oid(
    "hardware-type-empty",
    on=("device", "device-csr"),
    title="whose hwType has no content",
    rfc5280=Verdict.EITHER,
    source=OF_ITS_TYPE,
)
def hardware_type_empty(it: Parts, base: Base) -> bytes:
    """The OBJECT IDENTIFIER of hwType has no octet."""
    del base
    return edited(
        it,
        lambda octets: holding(octets, b""),
        "extensions.subjectAltName.hardwareModuleName.hwType",
    )


@_oid(
    "attribute-type-padded",
    on=("organisation", "dccki"),
    title="with an attribute of the subject whose type has a padded arc",
)
def attribute_type_padded(it: CertificateParts, base: Base) -> bytes:
    """The last arc of the type of an attribute begins with 80."""
    del base
    return edited(it, _padded_arc, "subject", 1, 0, 0)


@_oid(
    "curve-arc-padded",
    on=("device", "device-csr"),
    title="whose curve has an identifier with a padded arc",
)
def curve_arc_padded(it: Parts, base: Base) -> bytes:
    """The last arc of prime256v1 begins with 80."""
    del base
    return edited(it, _padded_arc, "subjectPublicKeyInfo", 0, 1)


@_der(
    "extension-oid-wraps",
    on=("organisation",),
    title="with an extension whose last arc is that of keyUsage plus 2 to the power of 32",
    finding="extensions.keyUsage.missing",
    also=("extensions.unknown_critical",),
    stage=Stage.PROFILE,
    at_least=Stage.PATH,
    source="RFC 5280 4.2: a critical extension that is not recognised",
    importance=Importance.HIGH,
    why="A reader that keeps an arc in 32 bits takes it for keyUsage, which it is not.",
)
def extension_oid_wraps(it: CertificateParts, base: Base) -> bytes:
    """The identifier of keyUsage becomes 2.5.29.4294967311, which no reader knows."""
    del base
    return edited(it, lambda _: oid(f"2.5.29.{15 + 2**32}"), "extensions", 0, 0)


@_der(
    "policy-oid-wraps",
    on=("organisation",),
    title="whose policyIdentifier has a last arc that is 2 to the power of 64 too large",
    finding="extensions.certificatePolicies.policyIdentifier.policy",
    stage=Stage.PROFILE,
    rfc5280=Verdict.ACCEPT,
    source="X.690 8.19: arcs have no limit; RFC 5280 6.1: any policy by default",
    why="A reader that keeps an arc in 64 bits takes it for the policy of the hierarchy.",
)
def policy_oid_wraps(it: CertificateParts, base: Base) -> CertificateParts:
    """Another policy, which is the right one if its last arc loses its high bits."""
    del base
    stem, _, arc = POLICY.rpartition(".")
    return with_value(
        it, "certificatePolicies", sequence(sequence(oid(f"{stem}.{int(arc) + 2**64}")))
    )


# NULL


@_der(
    "null-with-content",
    on=("dccki", "iki", "dccki-issuing-ca"),
    title="whose key has a NULL with content",
    finding="der.null",
    source="X.690 8.8.2",
    why="Octets hide where a reader looks for none.",
)
def null_with_content(it: CertificateParts, base: Base) -> bytes:
    """The NULL of the RSA key's AlgorithmIdentifier holds an octet."""
    del base
    return edited(it, lambda _: tlv(NULL, b"\x00"), "subjectPublicKeyInfo", 0, 1)


# SET OF


@_der(
    "set-order",
    on=("organisation",),
    title="with two attributes in one RDN, the larger first",
    finding="der.set_order",
    also=("subject.multi_valued",),
    source="X.690 11.6",
    why="Names that are compared octet by octet differ though they are equal.",
)
def set_order(it: CertificateParts, base: Base) -> bytes:
    """CN and OU share an RDN, in descending order of their octets."""
    del base
    unit = attribute("organizationalUnitName", "02")
    named = attribute("commonName", "Supplier One")
    return with_subject(it, sequence(tlv(SET, named + unit), identifier())).der
