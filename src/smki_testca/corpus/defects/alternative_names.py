"""Breaches of subjectAltName, the only name of a Device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict
from smki_testca.corpus.defects.alternative_name_defect import NAME, PATH, device_name_defect, named
from smki_testca.corpus.defects.other_names import OF_ITS_TYPE
from smki_testca.corpus.document_changes import but, with_critical, without
from smki_testca.corpus.groups import DEVICES
from smki_testca.corpus.parts import (
    DEVICE_ID,
    HW_TYPE,
    ca_subject,
    dns,
    hardware,
    organisation_subject,
    rdn,
)
from smki_testca.der.encode import UTF8_STRING, bit_string, octet_string, oid, sequence, text, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_MODULE = f"{PATH}.hardwareModuleName"
_NOBODY: dict[str, str | None] = {"eui64": None}


@device_name_defect(
    "san-not-critical",
    on=DEVICES,
    title="whose subjectAltName is not critical",
    finding=f"{PATH}.critical",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.6: CAs must mark it critical below an empty subject",
    why="A reader that knows no subjectAltName takes a certificate that names nobody.",
    importance=Importance.MEDIUM,
)
def san_not_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """The criticality of the only name of a Device is left out."""
    return with_critical(it, NAME, b"")


@device_name_defect(
    "san-missing",
    on=DEVICES,
    title="without subjectAltName",
    finding=f"{PATH}.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.1.2.6, 4.2.1.6: CAs must name the holder in one of the two",
    why="It names nobody, and any Device could present it.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def san_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The extension is left out; the subject is empty as ever."""
    return without(it, NAME)


@device_name_defect(
    "san-with-host",
    on=DEVICES,
    title="with a host name besides its hardwareModuleName",
    finding=f"{PATH}.sole",
    source="RFC 5280 4.2.1.6 allows several names",
    why="A TLS library that knows host names takes the meter for a server of that name.",
)
def san_with_host(it: CertificateParts, _: Base) -> CertificateParts:
    """A dNSName follows the Device's name."""
    return named(it, hardware(), dns(b"meter.example"))


@device_name_defect(
    "san-with-two-modules",
    on=DEVICES,
    title="with two hardwareModuleNames",
    finding=f"{PATH}.sole",
    source="RFC 5280 4.2.1.6 allows several names",
    why="One reader takes the first name, another the last: two readers read two Devices.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def san_with_two_modules(it: CertificateParts, _: Base) -> CertificateParts:
    """The name of another Device follows the right one."""
    return named(it, hardware(), hardware(eui64=DEVICE_ID[:7] + b"\xa5"))


@device_name_defect(
    "san-with-another-first",
    on=("device",),
    title="with another Device's hardwareModuleName before its own",
    finding=f"{PATH}.sole",
    source="RFC 5280 4.2.1.6 allows several names",
    why="One reader takes the first name, another the last: two readers read two Devices.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def san_with_another_first(it: CertificateParts, _: Base) -> CertificateParts:
    """The right name comes after that of another Device."""
    return named(it, hardware(eui64=DEVICE_ID[:7] + b"\xa5"), hardware())


@device_name_defect(
    "san-host-alone",
    on=DEVICES,
    title="with a host name in place of its hardwareModuleName",
    finding=f"{_MODULE}.hwType.missing",
    source="RFC 5280 4.2.1.6 allows any name",
    why="Whoever looks for the Device's ID finds none, or takes the text for it.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def san_host_alone(it: CertificateParts, _: Base) -> CertificateParts:
    """The only name is a dNSName."""
    return named(it, dns(b"meter.example"))


@device_name_defect(
    "san-directory-name",
    on=("device",),
    title="with a directoryName in place of its hardwareModuleName",
    finding=f"{_MODULE}.hwType.missing",
    source="RFC 5280 4.2.1.6 allows any name",
    why="Whoever looks for the Device's ID finds none.",
    facts=_NOBODY,
)
def san_directory_name(it: CertificateParts, _: Base) -> CertificateParts:
    """The only name is a distinguished name."""
    return named(it, tlv(0xA4, ca_subject(None, "Meter")))


@device_name_defect(
    "san-other-name-of-another-kind",
    on=DEVICES,
    title="whose only name is an otherName of another kind",
    finding=f"{_MODULE}.hwType.missing",
    source="RFC 5280 4.2.1.6 allows any name",
    why="A reader that takes any otherName for a hardwareModuleName reads a Device's ID in"
    " what is a user's name.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def san_other_name_of_another_kind(it: CertificateParts, _: Base) -> CertificateParts:
    """The value is that of a hardwareModuleName; its OID is that of a principal name."""
    module = sequence(oid(HW_TYPE), octet_string(DEVICE_ID))
    return named(it, tlv(0xA0, oid("1.3.6.1.4.1.311.20.2.3") + tlv(0xA0, module)))


@device_name_defect(
    "san-and-common-name",
    on=DEVICES,
    title="with a common name besides",
    finding="subject.unexpected",
    source="RFC 5280 4.1.2.6 allows both",
    why="A reader that goes by the subject reads another name than one that goes by the"
    " hardwareModuleName.",
    importance=Importance.HIGH,
)
def san_and_common_name(it: CertificateParts, _: Base) -> CertificateParts:
    """The subject, which should be empty, has a common name."""
    return but(it, subject=sequence(rdn("commonName", "Meter")))


@device_name_defect(
    "subject-identifier",
    on=("device",),
    title="with the identifier of an organisation in its subject",
    finding="subject.unexpected",
    source="RFC 5280 4.1.2.6 allows both",
    why="A reader of organisations takes the meter for a supplier.",
    importance=Importance.CRITICAL,
)
def subject_identifier(it: CertificateParts, _: Base) -> CertificateParts:
    """The subject, which should be empty, is that of an organisation."""
    return but(it, subject=organisation_subject())


@device_name_defect(
    "hw-type-missing",
    on=DEVICES,
    title="without hwType",
    finding=f"{_MODULE}.hwType.missing",
    rfc5280=Verdict.EITHER,
    source=OF_ITS_TYPE,
    why="A reader of the second element finds none, and reads past the end.",
    importance=Importance.MEDIUM,
)
def hw_type_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The first element is left out."""
    return named(it, hardware(hw_type=b""))


@device_name_defect(
    "hw-type-text",
    on=("device",),
    title="whose hwType is text",
    finding=f"{_MODULE}.hwType.unreadable",
    why="A reader that does not look at the type takes letters for an OID.",
    importance=Importance.LOW,
)
def hw_type_text(it: CertificateParts, _: Base) -> CertificateParts:
    """It is of another type."""
    return named(it, hardware(hw_type=text(UTF8_STRING, "meter")))


@device_name_defect(
    "hw-type-two-arcs",
    on=("device",),
    title="whose hwType is 0.0",
    finding=f"{_MODULE}.hwType.form",
    why="It names no manufacturer's hardware: a program that sorts Devices by it mixes them.",
    importance=Importance.LOW,
)
def hw_type_two_arcs(it: CertificateParts, _: Base) -> CertificateParts:
    """The OID has two arcs only."""
    return named(it, hardware(hw_type=oid("0.0")))


@device_name_defect(
    "device-id-missing",
    on=DEVICES,
    title="without hwSerialNum",
    finding=f"{_MODULE}.hwSerialNum.missing",
    rfc5280=Verdict.EITHER,
    source=OF_ITS_TYPE,
    why="It names a kind of hardware and no Device: any of that kind could present it.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def device_id_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The second element is left out."""
    return named(it, hardware(b""))


@device_name_defect(
    "device-id-6-octets",
    on=("device",),
    title="whose Device ID has six octets",
    finding=f"{_MODULE}.hwSerialNum.octets",
    why="A reader of eight octets takes two of whatever follows for the end of the ID.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def device_id_6_octets(it: CertificateParts, _: Base) -> CertificateParts:
    """It is an EUI-48."""
    return named(it, hardware(eui64=DEVICE_ID[:6]))


@device_name_defect(
    "device-id-7-octets",
    on=DEVICES,
    title="whose Device ID has seven octets",
    finding=f"{_MODULE}.hwSerialNum.octets",
    why="A reader of eight octets takes one of whatever follows for the last of the ID.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def device_id_7_octets(it: CertificateParts, _: Base) -> CertificateParts:
    """The last octet is left out."""
    return named(it, hardware(eui64=DEVICE_ID[:7]))


@device_name_defect(
    "device-id-9-octets",
    on=DEVICES,
    title="whose Device ID has nine octets",
    finding=f"{_MODULE}.hwSerialNum.octets",
    why="One reader takes the first eight octets, another the last: they read two Devices.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def device_id_9_octets(it: CertificateParts, _: Base) -> CertificateParts:
    """An octet follows the ID."""
    return named(it, hardware(eui64=DEVICE_ID + b"\x01"))


@device_name_defect(
    "device-id-empty",
    on=("device",),
    title="whose Device ID is empty",
    finding=f"{_MODULE}.hwSerialNum.octets",
    why="A reader of eight octets takes those of whatever follows for the ID.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def device_id_empty(it: CertificateParts, _: Base) -> CertificateParts:
    """The OCTET STRING has no octet."""
    return named(it, hardware(octet_string(b"")))


@device_name_defect(
    "device-id-in-hexadecimal",
    on=("device",),
    title="whose Device ID is 16 hexadecimal digits",
    finding=f"{_MODULE}.hwSerialNum.octets",
    why="A reader of text reads it right, a reader of octets reads 30 30 44 42…: two Devices.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def device_id_in_hexadecimal(it: CertificateParts, _: Base) -> CertificateParts:
    """The OCTET STRING holds the ASCII of the digits."""
    return named(it, hardware(eui64=DEVICE_ID.hex().upper().encode("ascii")))


@device_name_defect(
    "device-id-with-hyphens",
    on=("device",),
    title="whose Device ID is text with hyphens",
    finding=f"{_MODULE}.hwSerialNum.octets",
    why="A reader of text reads it right, a reader of octets does not.",
    facts=_NOBODY,
)
def device_id_with_hyphens(it: CertificateParts, _: Base) -> CertificateParts:
    """The OCTET STRING holds 00-DB-12-34-56-78-90-A4."""
    return named(it, hardware(eui64=DEVICE_ID.hex("-").upper().encode("ascii")))


@device_name_defect(
    "device-id-text",
    on=("device",),
    title="whose Device ID is a UTF8String",
    finding=f"{_MODULE}.hwSerialNum.unreadable",
    rfc5280=Verdict.EITHER,
    source=OF_ITS_TYPE,
    why="A reader that does not look at the type takes eight letters for the ID.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
    stage=Stage.STRUCTURE,
)
def device_id_text(it: CertificateParts, _: Base) -> CertificateParts:
    """It is of another type, and of eight octets."""
    return named(it, hardware(text(UTF8_STRING, "00db1234")))


@device_name_defect(
    "device-id-bit-string",
    on=DEVICES,
    title="whose Device ID is a BIT STRING",
    finding=f"{_MODULE}.hwSerialNum.unreadable",
    rfc5280=Verdict.EITHER,
    source=OF_ITS_TYPE,
    why="It is written as an organisation's is: a reader of either type takes it, another does"
    " not, or reads an octet 00 before it.",
    facts=_NOBODY,
    stage=Stage.STRUCTURE,
)
def device_id_bit_string(it: CertificateParts, _: Base) -> CertificateParts:
    """It is of the type of 2.5.4.45."""
    return named(it, hardware(bit_string(DEVICE_ID)))


@device_name_defect(
    "device-id-zeros",
    on=DEVICES,
    title="whose Device ID is all zeros",
    finding=f"{_MODULE}.hwSerialNum.null",
    why="It is what a memory that was never written holds: every such Device has the same ID.",
    importance=Importance.CRITICAL,
    facts={"eui64": "0" * 16},
)
def device_id_zeros(it: CertificateParts, _: Base) -> CertificateParts:
    """No bit is set."""
    return named(it, hardware(eui64=bytes(8)))


@device_name_defect(
    "device-id-ones",
    on=("device",),
    title="whose Device ID is all ones",
    finding=f"{_MODULE}.hwSerialNum.null",
    why="Erased flash holds it, and it means every station: each such Device has the same ID.",
    importance=Importance.CRITICAL,
    facts={"eui64": "F" * 16},
)
def device_id_ones(it: CertificateParts, _: Base) -> CertificateParts:
    """Every bit is set."""
    return named(it, hardware(eui64=b"\xff" * 8))


@device_name_defect(
    "device-id-of-the-sec",
    on=DEVICES,
    title="whose Device ID lies under the SEC's own Registry Entry",
    finding="device_id.central",
    source="a rule of the SEC alone: RFC 5280 knows no Device IDs",
    why="A meter has a supplier's ID: commands of the one are taken for replies of the other.",
    importance=Importance.CRITICAL,
    facts={"eui64": "70B3D51F30010000"},
)
def device_id_of_the_sec(it: CertificateParts, _: Base) -> CertificateParts:
    """It is one that only Users, RDPs and the DCC have."""
    return named(it, hardware(eui64=bytes.fromhex("70b3d51f30010000")))


@device_name_defect(
    "device-id-look-alike",
    on=("device",),
    title="whose Device ID lies under the look-alike of the SEC's Registry Entry",
    finding="device_id.central",
    source="a rule of the SEC alone: RFC 5280 knows no Device IDs",
    why="The published test set gives 90-B3-D5-1F-3 to organisations: the meter has the ID of one.",
    importance=Importance.CRITICAL,
    facts={"eui64": "90B3D51F30010000"},
)
def device_id_look_alike(it: CertificateParts, _: Base) -> CertificateParts:
    """It is that of a supplier of the test set."""
    return named(it, hardware(eui64=bytes.fromhex("90b3d51f30010000")))
