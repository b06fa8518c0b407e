"""Breaches of subjectAltName: the only name of a Device, and the host of a DCCKI certificate."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.defects.other_names import OF_ITS_TYPE
from smki_testca.corpus.document_changes import added, but, with_critical, with_value, without
from smki_testca.corpus.groups import DEVICES, RSA_ENDS, SMKI_ISSUING
from smki_testca.corpus.parts import (
    DEVICE_ID,
    HW_TYPE,
    TRUE,
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

_NAME, _PATH = "subjectAltName", "extensions.subjectAltName"
_MODULE = f"{_PATH}.hardwareModuleName"
_NO_RULE = "a rule of GBCS alone: RFC 5280 4.2.1.6 leaves other names to their own definition"
_NOBODY: dict[str, str | None] = {"eui64": None}
device_name_defect = partial(
    defect,
    stage=Stage.PROFILE,
    at_least=Stage.USE,
    rfc5280=Verdict.ACCEPT,
    source=_NO_RULE,
    importance=Importance.HIGH,
)


def _named(it: CertificateParts, *names: bytes) -> CertificateParts:
    return with_value(it, _NAME, sequence(*names))


@device_name_defect(
    "san-not-critical",
    on=DEVICES,
    title="whose subjectAltName is not critical",
    finding=f"{_PATH}.critical",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.6: CAs must mark it critical below an empty subject",
    why="A reader that knows no subjectAltName takes a certificate that names nobody.",
    importance=Importance.MEDIUM,
)
def san_not_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """The criticality of the only name of a Device is left out."""
    return with_critical(it, _NAME, b"")


@device_name_defect(
    "san-missing",
    on=DEVICES,
    title="without subjectAltName",
    finding=f"{_PATH}.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.1.2.6, 4.2.1.6: CAs must name the holder in one of the two",
    why="It names nobody, and any Device could present it.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def san_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The extension is left out; the subject is empty as ever."""
    return without(it, _NAME)


@device_name_defect(
    "san-with-host",
    on=DEVICES,
    title="with a host name besides its hardwareModuleName",
    finding=f"{_PATH}.sole",
    source="RFC 5280 4.2.1.6 allows several names",
    why="A TLS library that knows host names takes the meter for a server of that name.",
)
def san_with_host(it: CertificateParts, _: Base) -> CertificateParts:
    """A dNSName follows the Device's name."""
    return _named(it, hardware(), dns(b"meter.example"))


@device_name_defect(
    "san-with-two-modules",
    on=DEVICES,
    title="with two hardwareModuleNames",
    finding=f"{_PATH}.sole",
    source="RFC 5280 4.2.1.6 allows several names",
    why="One reader takes the first name, another the last: two readers read two Devices.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def san_with_two_modules(it: CertificateParts, _: Base) -> CertificateParts:
    """The name of another Device follows the right one."""
    return _named(it, hardware(), hardware(eui64=DEVICE_ID[:7] + b"\xa5"))


@device_name_defect(
    "san-with-another-first",
    on=("device",),
    title="with another Device's hardwareModuleName before its own",
    finding=f"{_PATH}.sole",
    source="RFC 5280 4.2.1.6 allows several names",
    why="One reader takes the first name, another the last: two readers read two Devices.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def san_with_another_first(it: CertificateParts, _: Base) -> CertificateParts:
    """The right name comes after that of another Device."""
    return _named(it, hardware(eui64=DEVICE_ID[:7] + b"\xa5"), hardware())


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
    return _named(it, dns(b"meter.example"))


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
    return _named(it, tlv(0xA4, ca_subject(None, "Meter")))


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
    return _named(it, tlv(0xA0, oid("1.3.6.1.4.1.311.20.2.3") + tlv(0xA0, module)))


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


# The parts of a hardwareModuleName


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
    return _named(it, hardware(hw_type=b""))


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
    return _named(it, hardware(hw_type=text(UTF8_STRING, "meter")))


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
    return _named(it, hardware(hw_type=oid("0.0")))


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
    return _named(it, hardware(b""))


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
    return _named(it, hardware(eui64=DEVICE_ID[:6]))


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
    return _named(it, hardware(eui64=DEVICE_ID[:7]))


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
    return _named(it, hardware(eui64=DEVICE_ID + b"\x01"))


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
    return _named(it, hardware(octet_string(b"")))


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
    return _named(it, hardware(eui64=DEVICE_ID.hex().upper().encode("ascii")))


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
    return _named(it, hardware(eui64=DEVICE_ID.hex("-").upper().encode("ascii")))


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
    return _named(it, hardware(text(UTF8_STRING, "00db1234")))


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
    return _named(it, hardware(bit_string(DEVICE_ID)))


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
    return _named(it, hardware(eui64=bytes(8)))


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
    return _named(it, hardware(eui64=b"\xff" * 8))


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
    return _named(it, hardware(eui64=bytes.fromhex("70b3d51f30010000")))


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
    return _named(it, hardware(eui64=bytes.fromhex("90b3d51f30010000")))


# In other certificates


@device_name_defect(
    "hardware-module",
    on=("organisation", *RSA_ENDS, "organisation-ka", *SMKI_ISSUING),
    title="with the hardwareModuleName of a Device",
    finding=f"{_PATH}.hardware_module",
    source="RFC 5280 4.2.1.6 allows any name",
    why="A reader that looks for the name of a Device first takes the holder for a meter.",
    importance=Importance.CRITICAL,
)
def hardware_module(it: CertificateParts, base: Base) -> CertificateParts:
    """The name of a Device is added, or follows the host."""
    if base.name == "dccki":
        return _named(it, dns(b"gateway.example"), hardware())
    return added(it, _NAME, sequence(hardware()), critical=True)


@device_name_defect(
    "host-name",
    on=("organisation", "iki"),
    title="with a host name",
    finding="extensions.unexpected",
    source="RFC 5280 4.2.1.6 allows any name",
    why="A TLS library takes the holder for a server of that name.",
    importance=Importance.MEDIUM,
)
def host_name(it: CertificateParts, _: Base) -> CertificateParts:
    """A dNSName is added."""
    return added(it, _NAME, sequence(dns(b"gateway.example")))


@device_name_defect(
    "san-critical",
    on=("dccki",),
    title="whose subjectAltName is critical",
    finding=f"{_PATH}.critical",
    source="RFC 5280 4.2.1.6 leaves the criticality to the CA where the subject is not empty",
    why="Nothing follows for those who know the extension; others refuse the certificate.",
    importance=Importance.LOW,
)
def san_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """The extension is marked critical."""
    return with_critical(it, _NAME, TRUE)


@device_name_defect(
    "host-with-space",
    on=("dccki",),
    title="whose host name holds a space",
    finding=f"{_PATH}.dNSName.form",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.6: CAs must write it in preferred syntax; no rule has readers check",
    why="A comparison that stops at the space finds another host.",
    importance=Importance.MEDIUM,
)
def host_with_space(it: CertificateParts, _: Base) -> CertificateParts:
    """A space is in the first label."""
    return _named(it, dns(b"gate way.example"))


@device_name_defect(
    "host-with-nul",
    on=("dccki",),
    title="whose host name holds a NUL",
    finding=f"{_PATH}.dNSName.form",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.6: CAs must write it in preferred syntax; no rule has readers check",
    why="A comparison of C strings stops at the NUL: the holder of other.example is taken for"
    " gateway.example.",
    importance=Importance.CRITICAL,
)
def host_with_nul(it: CertificateParts, _: Base) -> CertificateParts:
    """A NUL follows the right name, and another domain follows the NUL."""
    return _named(it, dns(b"gateway.example\x00.other.example"))


@device_name_defect(
    "host-wildcard-inside",
    on=("dccki",),
    title="whose host name has an asterisk inside",
    finding=f"{_PATH}.dNSName.form",
    rfc5280=Verdict.EITHER,
    source="RFC 6125 6.4.3: readers should not match it; RFC 5280 4.2.1.6 leaves it open",
    why="A reader that takes it for any text takes the holder for every host of the domain.",
    importance=Importance.HIGH,
)
def host_wildcard_inside(it: CertificateParts, _: Base) -> CertificateParts:
    """The asterisk is not a whole label."""
    return _named(it, dns(b"gate*.example"))


@device_name_defect(
    "address-3-octets",
    on=("dccki",),
    title="with an iPAddress of three octets",
    finding="extensions.general_name",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.6: it must have 4 octets or 16; no rule has readers check",
    why="A reader of four octets takes one of whatever follows for the last of the address.",
    importance=Importance.MEDIUM,
)
def address_3_octets(it: CertificateParts, _: Base) -> CertificateParts:
    """An address with an octet too few follows the host."""
    return _named(it, dns(b"gateway.example"), tlv(0x87, b"\x7f\x00\x00"))


@device_name_defect(
    "host-empty",
    on=("dccki",),
    title="with an empty host name besides",
    finding=f"{_PATH}.dNSName.form",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.6: a dNSName of a space must not be used; no rule has readers check",
    why="A comparison that takes nothing for any host takes the holder for every one.",
    importance=Importance.MEDIUM,
)
def host_empty(it: CertificateParts, _: Base) -> CertificateParts:
    """A second dNSName has no character."""
    return _named(it, dns(b"gateway.example"), dns(b""))


@device_name_defect(
    "host-not-ascii",
    on=("dccki",),
    title="whose host name is not ASCII",
    finding=f"{_PATH}.dNSName.form",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 7.2: CAs must write it in ASCII; no rule has readers check",
    why="A letter that looks like another names another host.",
    importance=Importance.MEDIUM,
)
def host_not_ascii(it: CertificateParts, _: Base) -> CertificateParts:
    """The first letter a is U+0430."""
    return _named(it, dns("g\u0430teway.example".encode()))


@device_name_defect(
    "uri-without-scheme",
    on=("dccki",),
    title="with a URI without a scheme",
    finding="extensions.general_name",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.6: it must be absolute; no rule has readers check",
    why="Programs complete it as they like, and read different hosts.",
    importance=Importance.LOW,
)
def uri_without_scheme(it: CertificateParts, _: Base) -> CertificateParts:
    """A relative URI follows the host."""
    return _named(it, dns(b"gateway.example"), tlv(0x86, b"/gateway"))


@device_name_defect(
    "mailbox-without-at",
    on=("dccki",),
    title="with a mailbox without @",
    finding="extensions.general_name",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.6: it must be a Mailbox of RFC 2821; no rule has readers check",
    why="A program that takes it for a host takes the holder for that host.",
    importance=Importance.LOW,
)
def mailbox_without_at(it: CertificateParts, _: Base) -> CertificateParts:
    """An rfc822Name that is a host follows the host."""
    return _named(it, dns(b"gateway.example"), tlv(0x81, b"other.example"))


@device_name_defect(
    "directory-name-empty",
    on=("dccki",),
    title="with an empty directoryName",
    finding="extensions.general_name",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.6: a name must not be empty; no rule has readers check",
    why="A comparison of names that finds nothing to differ takes the holder for anybody.",
    importance=Importance.LOW,
)
def directory_name_empty(it: CertificateParts, _: Base) -> CertificateParts:
    """A distinguished name of no attribute follows the host."""
    return _named(it, dns(b"gateway.example"), tlv(0xA4, sequence()))
