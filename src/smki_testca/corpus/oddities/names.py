"""Oddities of subjects and of the names and identifiers in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, oddity
from smki_testca.corpus.document_changes import with_value
from smki_testca.corpus.parts import (
    SUPPLIER_ID,
    dns,
    hardware,
    organisation_subject,
    three_names,
)
from smki_testca.der.encode import oid, sequence
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_ORGANISATIONS = ("organisation", "organisation-ka")
_DEVICES = ("device", "device-ka")
_OPTIONAL = "SEC App. M F: the common name is optional"
_CUT = "A reader with less room cuts the name, or writes past its end."


@oddity(
    "without-common-name",
    on=_ORGANISATIONS,
    title="without a common name",
    stage=Stage.PROFILE,
    source=_OPTIONAL,
    why="A reader that shows or wants the common name finds none.",
    importance=Importance.CRITICAL,
)
def without_common_name(it: CertificateParts, base: Base) -> CertificateParts:
    """OU and identifier alone."""
    del base
    return replace(it, subject=organisation_subject(None))


@oddity(
    "name-of-one-character",
    on=_ORGANISATIONS,
    title="with a common name of one character",
    stage=Stage.STRUCTURE,
    source="RFC 5280 A.1: 1 to 64 characters",
    why="A reader that wants more refuses it.",
    importance=Importance.LOW,
)
def name_of_one_character(it: CertificateParts, base: Base) -> CertificateParts:
    """CN=S."""
    del base
    return replace(it, subject=organisation_subject("S"))


@oddity(
    "name-of-16-characters",
    on=_ORGANISATIONS,
    title="with a common name of 16 characters",
    stage=Stage.STRUCTURE,
    source="measured on published GB test certificates: the longest seen",
    basis=Basis.OBSERVED,
    why="A reader with room for 15 and an end cuts it.",
)
def name_of_16_characters(it: CertificateParts, base: Base) -> CertificateParts:
    """The longest seen."""
    del base
    return replace(it, subject=organisation_subject("Supplier One Ltd"))


@oddity(
    "name-of-64-characters",
    on=_ORGANISATIONS,
    title="with a common name of 64 characters",
    stage=Stage.STRUCTURE,
    source="RFC 5280 A.1: ub-common-name",
    why=_CUT,
    notices=("subject.commonName.length",),
)
def name_of_64_characters(it: CertificateParts, base: Base) -> CertificateParts:
    """The longest that RFC 5280 allows."""
    del base
    return replace(it, subject=organisation_subject("S" * 64))


@oddity(
    "name-of-256-octets",
    on=_ORGANISATIONS,
    title="with a common name of 64 characters in 256 octets",
    stage=Stage.STRUCTURE,
    source="RFC 5280 A.1: ub-common-name counts characters",
    why=f"{_CUT} Its length takes three octets.",
    importance=Importance.MEDIUM,
    notices=("subject.commonName.length",),
)
def name_of_256_octets(it: CertificateParts, base: Base) -> CertificateParts:
    """64 times a character that UTF-8 writes in four octets."""
    del base
    return replace(it, subject=organisation_subject("\U0001d516" * 64))


@oddity(
    "name-of-other-letters",
    on=_ORGANISATIONS,
    title="with letters in its common name that ASCII does not have",
    stage=Stage.STRUCTURE,
    source="RFC 5280 4.1.2.6: UTF8String",
    why="Welsh names have a circumflex: a reader of ASCII refuses them, or shows others.",
    importance=Importance.MEDIUM,
)
def name_of_other_letters(it: CertificateParts, base: Base) -> CertificateParts:
    """CN=Cyflenwr Dŵr Tŷ."""
    del base
    return replace(it, subject=organisation_subject("Cyflenwr Dŵr Tŷ"))


@oddity(
    "name-like-an-id",
    on=_ORGANISATIONS,
    title="whose common name is another supplier's ID as text",
    stage=Stage.USE,
    source="SEC App. M F: the identifier is 2.5.4.45, and the common name is any text",
    why="A reader that takes the first thing that looks like an ID reads another supplier.",
)
def name_like_an_id(it: CertificateParts, base: Base) -> CertificateParts:
    """CN=90B3D51F30030000."""
    del base
    return replace(it, subject=organisation_subject("90B3D51F30030000"))


@oddity(
    "name-like-a-role",
    on=_ORGANISATIONS,
    title="whose common name is the code of another role",
    stage=Stage.USE,
    source="SEC App. M F: the role is OU, and the common name is any text",
    why="A reader that takes the first two digits of the subject reads another role.",
)
def name_like_a_role(it: CertificateParts, base: Base) -> CertificateParts:
    """CN=03 before OU=02."""
    del base
    return replace(it, subject=organisation_subject("03"))


@oddity(
    "name-with-signs",
    on=_ORGANISATIONS,
    title="with signs in its common name that are escaped in text",
    stage=Stage.USE,
    source="RFC 4514 2.4; RFC 5280 4.1.2.6",
    why="A reader that splits the name's text at commas or at plus signs reads other parts.",
    importance=Importance.MEDIUM,
)
def name_with_signs(it: CertificateParts, base: Base) -> CertificateParts:
    """A comma, OU= and a plus sign inside the common name."""
    del base
    return replace(it, subject=organisation_subject("One, OU=03+CN=#"))


@oddity(
    "typo",
    on=("organisation-network-operator", "organisation-network-operator-ka"),
    title="with a slip of spelling in its common name",
    stage=Stage.USE,
    source="seen in published GB test certificates",
    basis=Basis.OBSERVED,
    why="The slip is frozen in certificates that are in use: nothing compares it.",
    importance=Importance.MEDIUM,
    notices=("subject.commonName.typo",),
)
def typo(it: CertificateParts, base: Base) -> CertificateParts:
    """CN=Elec Distributer (O15)."""
    holder = bytes.fromhex(base.facts.eui64 or "")
    return replace(it, subject=organisation_subject("Elec Distributer", "03", holder))


@oddity(
    "id-counted-in-decimal",
    on=_ORGANISATIONS,
    title="whose ID ends in 10, for …09 is the one before it",
    stage=Stage.USE,
    source="seen in published GB test certificates",
    basis=Basis.OBSERVED,
    why="IDs that were counted in decimal are in use: to the reader they are octets.",
    importance=Importance.MEDIUM,
    facts={"eui64": (SUPPLIER_ID[:7] + b"\x10").hex().upper()},
)
def id_counted_in_decimal(it: CertificateParts, base: Base) -> CertificateParts:
    """The last octet is 16, where 10 was counted (O16)."""
    del base
    return replace(it, subject=organisation_subject(eui64=SUPPLIER_ID[:7] + b"\x10"))


@oddity(
    "id-of-the-sec",
    on=_ORGANISATIONS,
    title="with an ID under the SEC's own Registry Entry",
    stage=Stage.USE,
    source="IEEE register: 70-B3-D5-1F-3 is the SEC's",
    why="A reader that pins the look-alike of the published test set refuses every live ID.",
    importance=Importance.CRITICAL,
    facts={"eui64": "70B3D51F30010000"},
)
def id_of_the_sec(it: CertificateParts, base: Base) -> CertificateParts:
    """70-B3-D5-1F-30-01-00-00."""
    del base
    return replace(it, subject=organisation_subject(eui64=bytes.fromhex("70b3d51f30010000")))


@oddity(
    "id-of-another-range",
    on=_ORGANISATIONS,
    title="with an ID outside the SEC's Registry Entries",
    stage=Stage.USE,
    source="SEC Response 2015 ¶31 to 33 (R10): ranges by exception",
    basis=Basis.ASSUMED,
    why="An organisation may have another range by exception; the ID begins with zeros.",
    importance=Importance.MEDIUM,
    notices=("eui64.not_central",),
    facts={"eui64": "0000000000010000"},
)
def id_of_another_range(it: CertificateParts, base: Base) -> CertificateParts:
    """00-00-00-00-00-01-00-00."""
    del base
    return replace(it, subject=organisation_subject(eui64=bytes.fromhex("0000000000010000")))


@oddity(
    "id-of-high-bits",
    on=_ORGANISATIONS,
    title="whose ID ends in octets of ones",
    stage=Stage.USE,
    source="IEEE: an EUI-64 is 8 octets of any value; SEC App. M F",
    why="A reader that computes with it in 63 bits, or in floating point, reads another holder.",
    facts={"eui64": "90B3D51F3FFFFFFE"},
)
def id_of_high_bits(it: CertificateParts, base: Base) -> CertificateParts:
    """90-B3-D5-1F-3F-FF-FF-FE."""
    del base
    return replace(it, subject=organisation_subject(eui64=bytes.fromhex("90b3d51f3ffffffe")))


def _device(it: CertificateParts, eui64: str) -> CertificateParts:
    return with_value(it, "subjectAltName", sequence(hardware(eui64=bytes.fromhex(eui64))))


@oddity(
    "id-of-zeros-and-one",
    on=_DEVICES,
    title="whose Device ID begins with seven octets of zeros",
    stage=Stage.USE,
    source="GBCS v0.8.1 s.12; RFC 4108 5: an OCTET STRING",
    why="A reader that drops leading zeros, or ends at the first, reads another Device.",
    facts={"eui64": "0000000000000001"},
)
def id_of_zeros_and_one(it: CertificateParts, base: Base) -> CertificateParts:
    """00-00-00-00-00-00-00-01."""
    del base
    return _device(it, "0000000000000001")


@oddity(
    "id-of-high-bits",
    on=_DEVICES,
    title="whose Device ID has every bit but the last",
    stage=Stage.USE,
    source="GBCS v0.8.1 s.12; RFC 4108 5: an OCTET STRING",
    why="A reader that computes with it in 63 bits, or in floating point, reads another Device.",
    facts={"eui64": "FFFFFFFFFFFFFFFE"},
)
def device_id_of_high_bits(it: CertificateParts, base: Base) -> CertificateParts:
    """FF-FF-FF-FF-FF-FF-FF-FE."""
    del base
    return _device(it, "fffffffffffffffe")


@oddity(
    "id-like-der",
    on=_DEVICES,
    title="whose Device ID looks like an element of DER",
    stage=Stage.STRUCTURE,
    source="GBCS v0.8.1 s.12; RFC 4108 5: an OCTET STRING",
    why="A reader that searches for 04 08 finds the ID in the wrong place.",
    facts={"eui64": "0408040804080408"},
)
def id_like_der(it: CertificateParts, base: Base) -> CertificateParts:
    """04-08-04-08-04-08-04-08."""
    del base
    return _device(it, "0408040804080408")


@oddity(
    "id-like-text",
    on=_DEVICES,
    title="whose Device ID is eight characters of text",
    stage=Stage.USE,
    source="GBCS v0.8.1 s.12; RFC 4108 5: an OCTET STRING",
    why="A reader that guesses whether a serial is text shows METER-01, and compares that.",
    importance=Importance.MEDIUM,
    facts={"eui64": b"METER-01".hex().upper()},
)
def id_like_text(it: CertificateParts, base: Base) -> CertificateParts:
    """The octets of METER-01."""
    del base
    return _device(it, b"METER-01".hex())


def _type(it: CertificateParts, dotted: str) -> CertificateParts:
    return with_value(it, "subjectAltName", sequence(hardware(hw_type=oid(dotted))))


@oddity(
    "type-of-another-maker",
    on=_DEVICES,
    title="whose hwType is another manufacturer's",
    stage=Stage.PROFILE,
    source="GBCS v0.8.1 s.12; RFC 4108 5: the manufacturer's own OID",
    why="A reader that pins one hwType refuses every other manufacturer's Devices.",
    importance=Importance.CRITICAL,
)
def type_of_another_maker(it: CertificateParts, base: Base) -> CertificateParts:
    """An OID under the private enterprises."""
    del base
    return _type(it, "1.3.6.1.4.1.99999.1.1")


@oddity(
    "type-of-great-arcs",
    on=_DEVICES,
    title="whose hwType has arcs of more than 32 and 64 bits",
    stage=Stage.STRUCTURE,
    source="X.690 8.19: an arc may be of any size",
    why="A reader that keeps arcs in 32 bits refuses it, or reads another type.",
    importance=Importance.MEDIUM,
)
def type_of_great_arcs(it: CertificateParts, base: Base) -> CertificateParts:
    """2.25 and a UUID of 128 bits, as anybody may make one (X.667)."""
    del base
    return _type(it, "2.25.329800735698586629295641978511506172918")


@oddity(
    "type-of-arc-2-999",
    on=_DEVICES,
    title="whose hwType begins with 2.999",
    stage=Stage.STRUCTURE,
    source="X.690 8.19.4: the first octets hold two arcs",
    why="A reader that divides the first octet by 40 reads another type.",
    importance=Importance.LOW,
)
def type_of_arc_2_999(it: CertificateParts, base: Base) -> CertificateParts:
    """2.999.1, whose two first arcs take two octets."""
    del base
    return _type(it, "2.999.1")


@oddity(
    "type-of-many-arcs",
    on=_DEVICES,
    title="whose hwType has 40 arcs",
    stage=Stage.STRUCTURE,
    source="X.690 8.19: any number of arcs",
    why="A reader with room for fewer arcs refuses it, or writes past its end.",
    importance=Importance.MEDIUM,
)
def type_of_many_arcs(it: CertificateParts, base: Base) -> CertificateParts:
    """1.3.6.1.4.1.99999 and 33 more."""
    del base
    return _type(it, "1.3.6.1.4.1.99999" + ".1" * 33)


_LONG_HOST = ".".join(("h" * 63, "h" * 63, "h" * 63, "h" * 53 + ".example"))


@oddity(
    "host-of-253-characters",
    on=("dccki",),
    title="with a host name of 253 characters",
    stage=Stage.STRUCTURE,
    source="RFC 1034 3.1; RFC 5280 4.2.1.6",
    why="A reader with less room cuts the name, and compares a part of it.",
    importance=Importance.MEDIUM,
)
def host_of_253_characters(it: CertificateParts, base: Base) -> CertificateParts:
    """Labels of 63 characters, the longest name that there is."""
    del base
    return with_value(it, "subjectAltName", sequence(dns(_LONG_HOST.encode())))


@oddity(
    "longest-names",
    on=("iki",),
    title="whose names have 64 characters each",
    stage=Stage.STRUCTURE,
    source="RFC 5280 A.1: ub-organization-name, ub-common-name",
    why=_CUT,
    importance=Importance.MEDIUM,
)
def longest_names(it: CertificateParts, base: Base) -> CertificateParts:
    """O and CN of 64 characters."""
    del base
    return replace(it, subject=three_names("S" * 64, "02", "a" * 64))
