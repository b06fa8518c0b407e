"""Breaches of an organisation's identifier: the EUI-64 in 2.5.4.45, last in its subject.

Readers find a holder by these octets, and some look for ``03 09 00`` and eight octets at the end
of the subject (dossier: observed); whoever reads other octets reads another holder.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.groups import OCAS, ORGANISATIONS
from smki_testca.corpus.parts import PRINTABLE, SUPPLIER_ID, attribute, identifier, rdn
from smki_testca.corpus.subjects import (
    COMMON_NAME,
    IDENTIFIER,
    UNIT,
    attribute_text,
    relatives,
    with_attribute,
    with_relatives,
    without_attribute,
)
from smki_testca.der.encode import bit_string, octet_string, set_of

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_PATH = "subject.x500UniqueIdentifier"
_OTHER_ID = bytes.fromhex("90b3d51f30020000")
_NO_RULE = "RFC 5280 4.1.2.4 does not name 2.5.4.45 among the attributes that readers must know"
_TYPE = "X.520: a UniqueIdentifier is a BIT STRING; RFC 5280 tells no reader to check"
identifier_defect = partial(
    defect,
    stage=Stage.PROFILE,
    at_least=Stage.USE,
    rfc5280=Verdict.ACCEPT,
    source=_NO_RULE,
    importance=Importance.HIGH,
)
_NOBODY: dict[str, str | None] = {"eui64": None}
_EVERY_ROLE = (
    "organisation",
    "organisation-ka",
    "organisation-recovery",
    "organisation-network-operator",
    "organisation-access-control-broker-ka",
    "organisation-transitional-cos",
    "organisation-wan-provider",
    "organisation-load-controller",
    "organisation-other-ka",
    "organisation-xml-sign",
    "organisation-rdp-file-sign",
    "organisation-dsp-xml-sign",
)


def _with_bits(it: CertificateParts, octets: bytes, unused_bits: int = 0) -> CertificateParts:
    """The certificate with any octets as its identifier."""
    return with_relatives(it, {**relatives(it), IDENTIFIER: identifier(octets, unused_bits)})


def _own(base: Base) -> bytes:
    """The identifier of a good document."""
    return bytes.fromhex(base.facts.eui64 or "")


@identifier_defect(
    "id-missing",
    on=_EVERY_ROLE,
    mains=12,
    title="without an identifier",
    finding=f"{_PATH}.missing",
    why="It names nobody: clients skip it in silence, and a Device that takes it has a cell of no"
    " holder.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def id_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The attribute is left out (O18)."""
    return without_attribute(it, IDENTIFIER)


@identifier_defect(
    "id-before-role",
    on=(*ORGANISATIONS, "organisation-supplier", "organisation-access-control-broker"),
    title="whose identifier comes before its role",
    finding=f"{_PATH}.order",
    why="Clients that take the last attribute for the identifier skip the certificate in silence.",
)
def id_before_role(it: CertificateParts, _: Base) -> CertificateParts:
    """The two change places (O18)."""
    names = relatives(it)
    unit, own = names.pop(UNIT), names.pop(IDENTIFIER)
    return with_relatives(it, {**names, IDENTIFIER: own, UNIT: unit})


@identifier_defect(
    "id-first",
    on=("organisation",),
    title="whose identifier is the first attribute",
    finding=f"{_PATH}.order",
    why="Clients that take the last attribute for the identifier skip the certificate in silence.",
    importance=Importance.MEDIUM,
)
def id_first(it: CertificateParts, _: Base) -> CertificateParts:
    """It comes before the common name."""
    names = relatives(it)
    return with_relatives(it, {IDENTIFIER: names.pop(IDENTIFIER), **names})


@identifier_defect(
    "id-7-octets",
    on=("organisation", "organisation-network-operator-ka"),
    title="whose identifier has seven octets",
    finding=f"{_PATH}.octets",
    why="A reader of eight octets takes one of whatever follows for the last of the identifier.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def id_7_octets(it: CertificateParts, base: Base) -> CertificateParts:
    """The last octet is left out."""
    return _with_bits(it, _own(base)[:7])


@identifier_defect(
    "id-9-octets",
    on=("organisation", "organisation-other-ka"),
    title="whose identifier has nine octets",
    finding=f"{_PATH}.octets",
    why="One reader takes the first eight octets, another the last: they read two holders.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def id_9_octets(it: CertificateParts, base: Base) -> CertificateParts:
    """An octet follows the identifier (O18)."""
    return _with_bits(it, _own(base) + b"\x01")


@identifier_defect(
    "id-6-octets",
    on=("organisation",),
    title="whose identifier is an EUI-48",
    finding=f"{_PATH}.octets",
    why="A reader of eight octets takes two of whatever follows for the last of the identifier.",
    facts=_NOBODY,
)
def id_6_octets(it: CertificateParts, base: Base) -> CertificateParts:
    """It is as long as the address of a network card."""
    return _with_bits(it, _own(base)[:6])


@identifier_defect(
    "id-empty",
    on=("organisation",),
    title="whose identifier is empty",
    finding=f"{_PATH}.octets",
    why="A reader of eight octets takes those of whatever follows for the identifier.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def id_empty(it: CertificateParts, _: Base) -> CertificateParts:
    """The BIT STRING has no bit."""
    return _with_bits(it, b"")


@identifier_defect(
    "id-in-hexadecimal",
    on=("organisation", "organisation-supplier"),
    title="whose identifier is 16 hexadecimal digits",
    finding=f"{_PATH}.octets",
    why="A reader of text reads it right, a reader of octets reads 39 30 42 33…: two holders.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def id_in_hexadecimal(it: CertificateParts, base: Base) -> CertificateParts:
    """The BIT STRING holds the ASCII of the digits."""
    return _with_bits(it, _own(base).hex().encode("ascii"))


@identifier_defect(
    "id-unused-bits",
    on=("organisation", "organisation-xml-sign"),
    title="whose identifier has four unused bits",
    finding=f"{_PATH}.unused_bits",
    why="It is 60 bits long: one reader takes it for the holder's, another for none.",
    facts=_NOBODY,
)
def id_unused_bits(it: CertificateParts, _: Base) -> CertificateParts:
    """Four bits of zero are said to be none (O18)."""
    return _with_bits(it, SUPPLIER_ID, 4)


@identifier_defect(
    "id-octet-string",
    on=("organisation", "organisation-network-operator"),
    title="whose identifier is an OCTET STRING",
    finding=f"{_PATH}.unreadable",
    rfc5280=Verdict.EITHER,
    source=_TYPE,
    why="Clients that look for 03 09 00 skip it in silence; others read the same eight octets.",
    facts=_NOBODY,
    stage=Stage.STRUCTURE,
)
def id_octet_string(it: CertificateParts, base: Base) -> CertificateParts:
    """It is of another type."""
    return with_attribute(it, IDENTIFIER, octet_string(_own(base)))


@identifier_defect(
    "id-text",
    on=("organisation", "organisation-other"),
    title="whose identifier is text",
    finding=f"{_PATH}.unreadable",
    rfc5280=Verdict.EITHER,
    source=_TYPE,
    why="A reader that does not look at the type takes the first eight letters for the identifier.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
    stage=Stage.STRUCTURE,
)
def id_text(it: CertificateParts, base: Base) -> CertificateParts:
    """It is written as people write it, 90-B3-D5-1F-30-01-00-00."""
    return with_attribute(it, IDENTIFIER, _own(base).hex("-").upper(), PRINTABLE)


@identifier_defect(
    "id-zeros",
    on=("organisation", "organisation-ka", "organisation-recovery"),
    title="whose identifier is all zeros",
    finding=f"{_PATH}.null",
    why="Eight zeros stand for the cell of a root: a holder's certificate would take its place.",
    importance=Importance.CRITICAL,
    facts={"eui64": "0" * 16},
)
def id_zeros(it: CertificateParts, _: Base) -> CertificateParts:
    """No bit is set."""
    return _with_bits(it, bytes(8))


@identifier_defect(
    "id-ones",
    on=("organisation", "organisation-wan-provider"),
    title="whose identifier is all ones",
    finding=f"{_PATH}.null",
    why="Eight octets ff mean every station: what is meant for one holder is sent to all.",
    importance=Importance.CRITICAL,
    facts={"eui64": "F" * 16},
)
def id_ones(it: CertificateParts, _: Base) -> CertificateParts:
    """Every bit is set."""
    return _with_bits(it, b"\xff" * 8)


@identifier_defect(
    "id-twice",
    on=("organisation", "organisation-network-operator"),
    title="with two identifiers",
    finding="subject.duplicate",
    why="One reader takes the first, another the last: two readers read two holders, and a meter"
    " trusts the wrong Network Operator.",
    importance=Importance.CRITICAL,
)
def id_twice(it: CertificateParts, _: Base) -> CertificateParts:
    """The identifier of another holder comes before the right one, which is the last attribute."""
    names = relatives(it)
    last = names.pop(IDENTIFIER)
    other = identifier(SUPPLIER_ID[:6] + b"\x77\x00")
    return with_relatives(it, {**names, "another": other, IDENTIFIER: last})


@identifier_defect(
    "id-with-role",
    on=("organisation", "organisation-supplier"),
    title="with role and identifier in one RDN",
    finding="subject.multi_valued",
    source="RFC 5280 4.1.2.4: an RDN is a set of attributes",
    why="It is another name. A reader of one attribute in each RDN finds the role alone.",
)
def id_with_role(it: CertificateParts, base: Base) -> CertificateParts:
    """The two attributes are one RelativeDistinguishedName."""
    names = relatives(it)
    del names[UNIT], names[IDENTIFIER]
    both = set_of(
        [
            attribute(UNIT, base.facts.role or ""),
            attribute(IDENTIFIER, bit_string(_own(base))),
        ]
    )
    return with_relatives(it, {**names, "both": both})


@identifier_defect(
    "id-with-name",
    on=("organisation",),
    title="with another's identifier beside its name in one RDN",
    finding="subject.multi_valued",
    also=("subject.duplicate",),
    source="RFC 5280 4.1.2.4: an RDN is a set of attributes",
    why="One reader takes the first identifier, another the last: they read two holders.",
    importance=Importance.CRITICAL,
    facts=_NOBODY,
)
def id_with_name(it: CertificateParts, _: Base) -> CertificateParts:
    """A second identifier is hidden in the RDN of the common name."""
    named = attribute(COMMON_NAME, attribute_text(it, COMMON_NAME))
    hidden = attribute(IDENTIFIER, bit_string(_OTHER_ID))
    return with_relatives(it, {**relatives(it), COMMON_NAME: set_of([named, hidden])})


@identifier_defect(
    "id-in-serial-number",
    on=("organisation",),
    title="whose identifier is in the attribute serialNumber",
    finding=f"{_PATH}.missing",
    also=("subject.unexpected",),
    why="2.5.4.5 is where other PKIs write identifiers: a reader of both takes it, another finds"
    " no identifier.",
    facts=_NOBODY,
)
def id_in_serial_number(it: CertificateParts, base: Base) -> CertificateParts:
    """Text in 2.5.4.5 takes the place of 2.5.4.45."""
    names = relatives(it)
    digits = _own(base).hex().upper()
    return with_relatives(
        it,
        {
            key: rdn("serialNumber", digits, PRINTABLE) if key == IDENTIFIER else relative
            for key, relative in names.items()
        },
    )


@identifier_defect(
    "id-like-attribute",
    on=("organisation",),
    title="whose identifier is in an attribute 2.5.4.45.0",
    finding=f"{_PATH}.missing",
    also=("subject.unexpected",),
    why="A reader that compares OIDs up to the shorter one's end reads an identifier that is none.",
    facts=_NOBODY,
)
def id_like_attribute(it: CertificateParts, base: Base) -> CertificateParts:
    """The OID of the attribute is one arc longer."""
    names = relatives(it)
    del names[IDENTIFIER]
    return with_relatives(it, {**names, "like": rdn("2.5.4.45.0", bit_string(_own(base)))})


# Identifiers that are none of the SEC's


@identifier_defect(
    "id-look-alike",
    on=(*ORGANISATIONS, "organisation-supplier"),
    title="whose identifier lies under a look-alike of the SEC's Registry Entry",
    finding="eui64.not_central",
    source="a rule of the SEC alone: RFC 5280 knows no Entity Identifiers",
    why="90-B3-D5-1F-3 was taken for 70-B3-D5-1F-3 before, and the ID was not accepted;"
    " 90-B3-D5-F1-3 looks like either, and nobody was ever given it.",
    facts={"eui64": "90B3D5F130010000"},
)
def id_look_alike(it: CertificateParts, _: Base) -> CertificateParts:
    """Two digits of the prefix are exchanged (O17)."""
    return _with_bits(it, bytes.fromhex("90b3d5f130010000"))


_reversed = partial(
    identifier_defect,
    "id-reversed",
    title="whose identifier has its octets in reverse order",
    finding="eui64.not_central",
    source="a rule of the SEC alone: RFC 5280 knows no Entity Identifiers",
    why="ZigBee sends EUI-64s with the last octet first: a reader that turns it round on the way"
    " reads a holder whom the certificate does not name.",
    importance=Importance.CRITICAL,
)


@_reversed(on=("organisation",), facts={"eui64": "000001301FD5B390"})
@_reversed(
    on=("organisation-access-control-broker-ka",),
    mains=0,
    facts={"eui64": "020000301FD5B390"},
)
def id_reversed(it: CertificateParts, base: Base) -> CertificateParts:
    """The first octet comes last."""
    return _with_bits(it, _own(base)[::-1])


@identifier_defect(
    "id-of-a-device",
    on=("organisation", "organisation-supplier-ka"),
    title="whose identifier is a Device's",
    finding="eui64.not_central",
    source="a rule of the SEC alone: RFC 5280 knows no Entity Identifiers",
    why="A meter's ID acts as a supplier: replies to the one are taken for commands of the other.",
    importance=Importance.CRITICAL,
    facts={"eui64": "00DB1234567890A4"},
)
def id_of_a_device(it: CertificateParts, _: Base) -> CertificateParts:
    """It lies under a manufacturer's Registry Entry."""
    return _with_bits(it, bytes.fromhex("00db1234567890a4"))


@identifier_defect(
    "identifier",
    on=OCAS,
    title="with the identifier of an organisation",
    finding="subject.unexpected",
    why="A CA is taken for a supplier: a key that issues certificates would go into the cell of one"
    " that signs commands.",
)
def identifier_of_ca(it: CertificateParts, _: Base) -> CertificateParts:
    """2.5.4.45 comes last, as in an Organisation Certificate."""
    return _with_bits(it, SUPPLIER_ID)
