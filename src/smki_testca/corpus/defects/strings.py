"""Strings whose octets their type does not have."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, defect
from smki_testca.corpus.document_changes import with_subject
from smki_testca.corpus.elements import edited, retagged
from smki_testca.corpus.parts import ca_subject
from smki_testca.der.encode import PRINTABLE_STRING, UTF8_STRING, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, Parts

BMP_STRING, UNIVERSAL_STRING, NUMERIC_STRING, VISIBLE_STRING = 0x1E, 0x1C, 0x12, 0x1A
_NAMED = ("organisation", "dccki")

_utf8 = partial(
    defect,
    stage=Stage.DER,
    finding="der.string",
    source="RFC 3629 3; X.680 41",
    why="A filter that compares octets and a reader that decodes them see two names.",
)
_alphabet = partial(
    defect,
    stage=Stage.DER,
    finding="der.string",
    source="X.680 41",
    why="Readers map such octets to different characters, or refuse the whole certificate.",
)


def _named(it: CertificateParts, octets: bytes, tag: int = UTF8_STRING) -> bytes:
    """The certificate with another value of the first attribute of its subject."""
    return edited(it, lambda _: tlv(tag, octets), "subject", 0, 0, 1)


# UTF-8


@_utf8("utf8-octet-ff", on=(*_NAMED, "iki"), title="whose name has an octet ff")
def octet_ff(it: CertificateParts, base: Base) -> bytes:
    """An octet that no UTF-8 has is in a UTF8String."""
    del base
    return _named(it, b"Supplier \xff")


@_utf8("utf8-latin-1", on=_NAMED, title="whose name is in Latin-1")
def latin_1(it: CertificateParts, base: Base) -> bytes:
    """An e with acute accent is written e9, as in Latin-1."""
    del base
    return _named(it, b"Caf\xe9 Energy")


@_utf8(
    "utf8-overlong-nul",
    on=_NAMED,
    title="whose name has an overlong NUL",
    importance=Importance.HIGH,
)
def overlong_nul(it: CertificateParts, base: Base) -> bytes:
    """A NUL is written c0 80: a reader that decodes it ends the name there."""
    del base
    return _named(it, b"Supplier\xc0\x80One")


@_utf8(
    "utf8-overlong-solidus",
    on=_NAMED,
    title="whose name has an overlong solidus",
    importance=Importance.HIGH,
)
def overlong_solidus(it: CertificateParts, base: Base) -> bytes:
    """A solidus is written e0 80 af."""
    del base
    return _named(it, b"Supplier\xe0\x80\xafOne")


@_utf8("utf8-surrogate", on=_NAMED, title="whose name has a surrogate")
def surrogate(it: CertificateParts, base: Base) -> bytes:
    """The half of a pair of UTF-16 is written as if it were a character."""
    del base
    return _named(it, b"Supplier \xed\xa0\x80")


@_utf8("utf8-beyond-unicode", on=_NAMED, title="whose name has a character beyond Unicode")
def beyond_unicode(it: CertificateParts, base: Base) -> bytes:
    """The number 110000 is written in four octets."""
    del base
    return _named(it, b"Supplier \xf4\x90\x80\x80")


@_utf8(
    "utf8-cut-off",
    on=_NAMED,
    title="whose name ends within a character",
    importance=Importance.HIGH,
)
def cut_off(it: CertificateParts, base: Base) -> bytes:
    """The last character lacks its last octet: a reader may take the next element's tag."""
    del base
    return _named(it, b"Supplier \xe2\x82")


@_utf8("utf8-lone-continuation", on=_NAMED, title="whose name begins within a character")
def lone_continuation(it: CertificateParts, base: Base) -> bytes:
    """The first octet of the name goes on with a character that was never begun."""
    del base
    return _named(it, b"\x80Supplier")


# Other types


@_alphabet(
    "printable-underscore",
    on=("organisation-issuing-ca", "device-issuing-ca"),
    title="with an underscore in a PrintableString",
)
def printable_underscore(it: CertificateParts, base: Base) -> Parts:
    """The name of the CA has a character that PrintableString lacks."""
    return with_subject(it, ca_subject("07" if base.name.startswith("org") else None, "Z_1"))


@_alphabet(
    "printable-asterisk",
    on=("organisation-issuing-ca", "device-issuing-ca"),
    title="with an asterisk in a PrintableString",
    importance=Importance.LOW,
)
def printable_asterisk(it: CertificateParts, base: Base) -> Parts:
    """The name of the CA is a wildcard, which PrintableString lacks."""
    return with_subject(it, ca_subject("07" if base.name.startswith("org") else None, "Z*"))


@_alphabet(
    "printable-high-bit",
    on=("organisation-issuing-ca", "device-issuing-ca"),
    title="with an octet above 7f in a PrintableString",
)
def printable_high_bit(it: CertificateParts, base: Base) -> bytes:
    """The name of the CA is UTF-8 in a PrintableString."""
    number = 1 if base.name.startswith("org") else 0
    string = tlv(PRINTABLE_STRING, "Zé".encode())
    return edited(it, lambda _: string, "subject", number, 0, 1)


@_alphabet(
    "printable-nul",
    on=("organisation-issuing-ca", "device-issuing-ca"),
    title="with a NUL in a PrintableString",
    also=("subject.characters",),
    importance=Importance.HIGH,
)
def printable_nul(it: CertificateParts, base: Base) -> bytes:
    """A reader in C ends the name of the CA at the NUL: it equals another CA's."""
    number = 1 if base.name.startswith("org") else 0
    return edited(it, lambda _: tlv(PRINTABLE_STRING, b"Z1\x00"), "subject", number, 0, 1)


@_alphabet(
    "dns-name-high-bit",
    on=("dccki",),
    title="whose dNSName has an octet above 7f",
    finding="extensions.subjectAltName.dNSName.form",
    source="RFC 5280 4.2.1.6: IA5String",
    stage=Stage.STRUCTURE,
)
def host_with_high_bit(it: CertificateParts, base: Base) -> bytes:
    """The host is written in UTF-8 in an IA5String."""
    del base
    return edited(
        it, lambda _: tlv(0x82, "gäteway.example".encode()), "extensions.subjectAltName.dNSName"
    )


@_alphabet(
    "bmp-string-odd",
    on=_NAMED,
    title="whose name is a BMPString of an odd number of octets",
    source="X.690 8.23",
    importance=Importance.HIGH,
    why="A reader that takes two octets at a time reads one behind the end.",
)
def odd_bmp_string(it: CertificateParts, base: Base) -> bytes:
    """The last character of the BMPString lacks an octet."""
    del base
    return _named(it, b"\x00S\x00u\x00", BMP_STRING)


@_alphabet(
    "universal-string-odd",
    on=_NAMED,
    title="whose name is a UniversalString of five octets",
    source="X.690 8.23",
    importance=Importance.HIGH,
    why="A reader that takes four octets at a time reads three behind the end.",
)
def odd_universal_string(it: CertificateParts, base: Base) -> bytes:
    """The last character of the UniversalString lacks three octets."""
    del base
    return _named(it, b"\x00\x00\x00S\x00", UNIVERSAL_STRING)


@_alphabet("numeric-string-letters", on=_NAMED, title="whose name is a NumericString of letters")
def numeric_letters(it: CertificateParts, base: Base) -> bytes:
    """The name has characters that NumericString lacks."""
    del base
    return edited(it, lambda octets: retagged(octets, NUMERIC_STRING), "subject", 0, 0, 1)


@_alphabet(
    "ia5-string-high-bit", on=_NAMED, title="whose name is an IA5String with an octet above 7f"
)
def ia5_high_bit(it: CertificateParts, base: Base) -> bytes:
    """The name is UTF-8 in an IA5String."""
    del base
    return _named(it, "Café".encode(), 0x16)


@_alphabet(
    "visible-string-control",
    on=_NAMED,
    also=("subject.value_type",),
    title="whose name is a VisibleString with an escape",
)
def visible_control(it: CertificateParts, base: Base) -> bytes:
    """A control character is in a VisibleString: it clears the screen of who looks."""
    del base
    return _named(it, b"Supplier\x1b[2J", VISIBLE_STRING)
