"""Breaches of the serial number: positive, of 16 octets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import but
from smki_testca.corpus.groups import (
    ENDS,
    EVERY,
    RSA,
    SMKI,
    SMKI_ROOTS,
)
from smki_testca.corpus.parts import fixed_integer
from smki_testca.der.encode import INTEGER, integer, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_GRACEFULLY = "RFC 5280 4.1.2.2: CAs must not write it; readers should handle it gracefully"
serial_defect = partial(defect, stage=Stage.PROFILE, importance=Importance.LOW)


@serial_defect(
    "serial-negative",
    on=(*ENDS, "organisation-issuing-ca", "dccki", "iki", "device-issuing-ca", *SMKI_ROOTS),
    title="with a negative serial number",
    finding="serialNumber.value",
    rfc5280=Verdict.EITHER,
    source=_GRACEFULLY,
    why="Programs that read it as a positive number look for another certificate, and do not find"
    " it on a CRL.",
)
def serial_negative(it: CertificateParts, _: Base) -> CertificateParts:
    """Its first bit is set."""
    return but(it, serial=tlv(INTEGER, b"\x90" + b"\x41" * 15))


@serial_defect(
    "serial-zero",
    on=(*ENDS, "dccki"),
    title="with the serial number 0",
    finding="serialNumber.value",
    rfc5280=Verdict.EITHER,
    source=_GRACEFULLY,
    why="Everybody accepts it, and nothing follows but that a program may take 0 for none.",
)
def serial_zero(it: CertificateParts, _: Base) -> CertificateParts:
    """It is the one octet 00."""
    return but(it, serial=integer(0))


@serial_defect(
    "serial-17-octets",
    on=SMKI,
    title="with a serial number of 17 octets",
    finding="serialNumber.octets",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.1.2.2: readers must handle 20 octets",
    why="A reader with room for the 16 octets of the rule cuts it short, and takes two"
    " certificates for one.",
)
def serial_17_octets(it: CertificateParts, _: Base) -> CertificateParts:
    """It is an octet longer than the rule allows."""
    return but(it, serial=fixed_integer(17))


@serial_defect(
    "serial-21-octets",
    on=(*RSA, *ENDS),
    title="with a serial number of 21 octets",
    finding="serialNumber.octets",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.1.2.2: CAs must not write it; readers must handle 20 octets",
    why="A reader with room for 20 octets cuts it short or writes past its end.",
)
def serial_21_octets(it: CertificateParts, _: Base) -> CertificateParts:
    """It is an octet longer than RFC 5280 allows."""
    return but(it, serial=fixed_integer(21))


@serial_defect(
    "serial-15-octets",
    on=EVERY,
    title="with a serial number of 15 octets",
    finding="serialNumber.octets",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.1.2.2: readers must handle up to 20 octets",
    why="A program that looks for 32 digits does not find it.",
)
def serial_15_octets(it: CertificateParts, _: Base) -> CertificateParts:
    """It is an octet shorter than every one that was seen."""
    return but(it, serial=fixed_integer(15))


@serial_defect(
    "serial-300-octets",
    on=(*ENDS, "dccki"),
    title="with a serial number of 300 octets",
    finding="serialNumber.unreadable",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.1.2.2: CAs must not write it; readers must handle 20 octets",
    why="A reader that copies it to where 20 octets have room writes past the end.",
    importance=Importance.HIGH,
)
def serial_300_octets(it: CertificateParts, _: Base) -> CertificateParts:
    """Its length takes three octets to write."""
    return but(it, serial=fixed_integer(300))
