"""Oddities of serial numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, oddity
from smki_testca.corpus.document_changes import but
from smki_testca.der.encode import INTEGER, integer, tlv
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_ENDS = ("organisation", "device", "dccki", "iki")
_PLAIN = ("dccki", "iki", "dccki-issuing-ca", "iki-issuing-ca")
_RANGE = "RFC 5280 4.1.2.2: a positive INTEGER of at most 20 octets"


@oddity(
    "serial-leading-zero",
    on=("organisation", "organisation-ka", "device", "device-ka", "iki"),
    title="whose serial begins with a zero digit",
    stage=Stage.USE,
    source="seen in published GB test certificates",
    basis=Basis.OBSERVED,
    why="Programs that drop the leading zero of its hexadecimal form do not find it again.",
    notices=("serial.leading_zero_nibble",),
)
def serial_leading_zero(it: CertificateParts, base: Base) -> CertificateParts:
    """0f48…, 16 octets (O14)."""
    del base
    return but(it, serial=tlv(INTEGER, b"\x0f\x48" + b"\x41" * 14))


@oddity(
    "serial-of-high-bits",
    on=_ENDS,
    title="whose serial is the greatest of 16 octets",
    stage=Stage.STRUCTURE,
    source=f"{_RANGE}; GBCS v0.8.1 s.12: at most 16",
    why="A reader that computes with it in fewer bits, or with a sign, finds another certificate.",
)
def serial_of_high_bits(it: CertificateParts, base: Base) -> CertificateParts:
    """7f and 15 times ff."""
    del base
    return but(it, serial=tlv(INTEGER, b"\x7f" + b"\xff" * 15))


@oddity(
    "serial-with-sign-octet",
    on=_ENDS,
    title="whose serial has a zero octet before its first bit, 16 in all",
    stage=Stage.DER,
    source=f"X.690 8.3; {_RANGE}",
    why="Without the zero octet the serial is negative; a reader that calls it padded refuses it.",
)
def serial_with_sign_octet(it: CertificateParts, base: Base) -> CertificateParts:
    """00 8f and 14 octets: 15 octets of value."""
    del base
    return but(it, serial=tlv(INTEGER, b"\x00\x8f" + b"\x41" * 14))


@oddity(
    "serial-of-zeros",
    on=_ENDS,
    title="whose serial is a one and 15 octets of zeros",
    stage=Stage.STRUCTURE,
    source=_RANGE,
    why="A reader that takes the serial for a string ends at its first zero octet.",
)
def serial_of_zeros(it: CertificateParts, base: Base) -> CertificateParts:
    """40 and 15 times 00."""
    del base
    return but(it, serial=tlv(INTEGER, b"\x40" + bytes(15)))


@oddity(
    "serial-of-one-octet",
    on=_PLAIN,
    title="whose serial is 1",
    stage=Stage.STRUCTURE,
    source=_RANGE,
    why="A reader that wants 16 octets refuses the first certificate that a CA issued.",
    importance=Importance.MEDIUM,
    notices=("serialNumber.octets", "serial.leading_zero_nibble"),
)
def serial_of_one_octet(it: CertificateParts, base: Base) -> CertificateParts:
    """INTEGER 1."""
    del base
    return but(it, serial=integer(1))


@oddity(
    "serial-of-eight-octets",
    on=_PLAIN,
    title="whose serial has eight octets",
    stage=Stage.STRUCTURE,
    source=_RANGE,
    why="A reader that wants 16 octets refuses it.",
    importance=Importance.MEDIUM,
    notices=("serialNumber.octets",),
)
def serial_of_eight_octets(it: CertificateParts, base: Base) -> CertificateParts:
    """Eight octets, the first of them below 80."""
    del base
    return but(it, serial=tlv(INTEGER, bytes.fromhex("4142434445464748")))


@oddity(
    "serial-of-20-octets",
    on=_PLAIN,
    title="whose serial has 20 octets",
    stage=Stage.STRUCTURE,
    source=f"{_RANGE}; readers handle 20",
    why="A reader with room for 16 octets cuts it, or writes past its end.",
    notices=("serialNumber.octets",),
)
def serial_of_20_octets(it: CertificateParts, base: Base) -> CertificateParts:
    """7f and 19 times ff: the greatest that RFC 5280 allows."""
    del base
    return but(it, serial=tlv(INTEGER, b"\x7f" + b"\xff" * 19))


@oddity(
    "serial-like-an-id",
    on=("organisation", "organisation-ka"),
    title="whose serial holds the octets of another supplier's identifier",
    stage=Stage.USE,
    source=f"{_RANGE}; SEC App. M F: the identifier is an attribute of the subject",
    why="A reader that searches for 03 09 00 finds another supplier, for the serial comes first.",
    importance=Importance.CRITICAL,
)
def serial_like_an_id(it: CertificateParts, base: Base) -> CertificateParts:
    """03 09 00 and 90-B3-D5-1F-30-03-00-00 inside 16 octets."""
    del base
    decoy = b"\x03\x09\x00" + bytes.fromhex("90b3d51f30030000")
    return but(it, serial=tlv(INTEGER, b"\x4f\x41" + decoy + b"\x41\x41\x41"))


@oddity(
    "serial-like-an-id",
    on=("device", "device-ka"),
    title="whose serial holds the octets of another Device's ID",
    stage=Stage.USE,
    source=f"{_RANGE}; GBCS v0.8.1 s.12: the Device ID is in the subjectAltName",
    why="A reader that searches for 04 08 finds another Device, for the serial comes first.",
    importance=Importance.CRITICAL,
)
def serial_like_a_device_id(it: CertificateParts, base: Base) -> CertificateParts:
    """04 08 and 00-DB-12-34-56-78-90-B7 inside 16 octets."""
    del base
    decoy = b"\x04\x08" + bytes.fromhex("00db1234567890b7")
    return but(it, serial=tlv(INTEGER, b"\x4f\x41" + decoy + b"\x41\x41\x41\x41"))
