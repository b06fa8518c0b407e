"""Breaches of the names in a subject: which attributes, of which type, how long, in which order."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.groups import (
    DCAS,
    OCAS,
    ORGANISATIONS,
    RSA,
    RSA_CAS,
    RSA_ENDS,
    SMKI_CAS,
    SMKI_ISSUING,
    SMKI_ROOTS,
    led_by,
)
from smki_testca.corpus.parts import PRINTABLE, UTF8, rdn
from smki_testca.corpus.subjects import (
    COMMON_NAME,
    ORGANISATION,
    UNIT,
    attribute_text,
    relatives,
    with_attribute,
    with_relatives,
    without_attribute,
)
from smki_testca.der.encode import integer, tlv
from smki_testca.der.read import read

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_ANY_NAME = "RFC 5280 4.1.2.4, 4.1.2.6 leave the attributes and their order to the CA"
_ANY_STRING = "RFC 5280 4.1.2.4 allows both types of string"
_BOUNDS = "RFC 5280 A.1: upper bounds; no rule has readers check"
_STRINGS = "RFC 5280 A.1: a DirectoryString; no rule has readers check"
_INVISIBLE = "RFC 5280 7.1 compares names as RFC 4518 prepares them; none is to be refused for it"
_OTHER_NAME = (
    "A comparison of octets with the name that was expected fails: whatever names it as issuer has"
    " no path."
)
name_defect = partial(
    defect,
    stage=Stage.PROFILE,
    at_least=Stage.PATH,
    rfc5280=Verdict.ACCEPT,
    source=_ANY_NAME,
    importance=Importance.LOW,
)


def _in_other_type(it: CertificateParts, name: str) -> CertificateParts:
    """The certificate with the same text of an attribute in the other type of string."""
    node_tag = relatives(it)[name]
    tag = UTF8 if bytes((PRINTABLE,)) == _tag_of(node_tag) else PRINTABLE
    return with_attribute(it, name, attribute_text(it, name), tag)


def _tag_of(relative: bytes) -> bytes:
    value = read(relative)[0].children[0].children[1]
    return value.encoded[:1]


def _reversed(it: CertificateParts) -> CertificateParts:
    return with_relatives(it, dict(reversed(relatives(it).items())))


# Order, and attributes that do not belong there


@name_defect(
    "names-reversed",
    on=("organisation-issuing-ca", *RSA_ENDS, "organisation-root-ca", *RSA_CAS),
    title="whose subject has its attributes in reverse order",
    finding="subject.order",
    why=_OTHER_NAME,
)
def names_reversed(it: CertificateParts, _: Base) -> CertificateParts:
    """The first attribute comes last."""
    return _reversed(it)


@name_defect(
    "role-before-name",
    on=ORGANISATIONS,
    title="whose role comes before its name",
    finding="subject.order",
    why="A reader that takes attributes by their place reads the name for the role.",
)
def role_before_name(it: CertificateParts, _: Base) -> CertificateParts:
    """CN and OU change places; the identifier stays the last."""
    names = relatives(it)
    return with_relatives(it, {UNIT: names.pop(UNIT), **names})


@name_defect(
    "country",
    on=("organisation", *SMKI_ISSUING, *RSA, *SMKI_ROOTS),
    title="with a country in its subject",
    finding="subject.unexpected",
    why="A reader that takes attributes by their place reads the country for the role or the name.",
)
def country(it: CertificateParts, _: Base) -> CertificateParts:
    """C=GB comes first."""
    return with_relatives(it, {"countryName": rdn("countryName", "GB", PRINTABLE), **relatives(it)})


@name_defect(
    "country-of-three-letters",
    on=("dccki",),
    title="with a country of three letters in its subject",
    finding="subject.country",
    also=("subject.unexpected",),
    rfc5280=Verdict.EITHER,
    source="RFC 5280 A.1: a country has two letters; no rule has readers check",
    why="Nothing follows but that its issuer does not check what it signs.",
)
def country_of_three_letters(it: CertificateParts, _: Base) -> CertificateParts:
    """C=GBR comes first."""
    rdns = {"countryName": rdn("countryName", "GBR", PRINTABLE), **relatives(it)}
    return with_relatives(it, rdns)


@name_defect(
    "organisation-name",
    on=("organisation",),
    title="with an organisation name in its subject",
    finding="subject.unexpected",
    why="A reader that takes attributes by their place reads the name for the role.",
)
def organisation_name(it: CertificateParts, _: Base) -> CertificateParts:
    """O comes first."""
    return with_relatives(it, {ORGANISATION: rdn(ORGANISATION, "Supplier"), **relatives(it)})


@name_defect(
    "unit",
    on=DCAS,
    title="with a role in its subject",
    finding="subject.unexpected",
    why="The CA of Devices looks like one of organisations: a reader that sorts CAs by their role"
    " lets it issue Organisation Certificates.",
    importance=Importance.MEDIUM,
)
def unit(it: CertificateParts, _: Base) -> CertificateParts:
    """An OU 07 comes first, as in an Issuing OCA."""
    return with_relatives(it, {UNIT: rdn(UNIT, "07", PRINTABLE), **relatives(it)})


@name_defect(
    "name-twice",
    on=("organisation", "iki"),
    title="with two common names",
    finding="subject.duplicate",
    why="One reader shows the first name, another the last: people see two holders.",
    importance=Importance.HIGH,
)
def name_twice(it: CertificateParts, _: Base) -> CertificateParts:
    """The name of another holder comes before the right one."""
    rdns = {}
    for key, relative in relatives(it).items():
        if key == COMMON_NAME:
            rdns["another"] = rdn(COMMON_NAME, "Supplier Two")
        rdns[key] = relative
    return with_relatives(it, rdns)


# The OU of a CA, and of a DCCKI certificate


@name_defect(
    "ca-role-of-supplier",
    on=OCAS,
    title="whose role is that of a supplier",
    finding="subject.organizationalUnitName.value",
    source="a rule of the SEC alone: to RFC 5280 an OU is text",
    why="A reader that goes by the role takes the CA for a supplier, and its key for one of a"
    " supplier's cell.",
    importance=Importance.HIGH,
)
def ca_role_of_supplier(it: CertificateParts, _: Base) -> CertificateParts:
    """The OU is 02."""
    return with_attribute(it, UNIT, "02", PRINTABLE)


@name_defect(
    "ca-role-of-the-other",
    on=OCAS,
    title="whose role is that of the other tier",
    finding="subject.organizationalUnitName.value",
    source="a rule of the SEC alone: to RFC 5280 an OU is text",
    why="An Issuing CA is taken for a root, or a root for an Issuing CA: the wrong one goes into"
    " the cell of the root.",
    importance=Importance.HIGH,
)
def ca_role_of_the_other(it: CertificateParts, _: Base) -> CertificateParts:
    """A root's OU is 07, an Issuing CA's is 00."""
    return with_attribute(it, UNIT, "07" if it.is_self_issued else "00", PRINTABLE)


@name_defect(
    "unit-in-other-type",
    on=("organisation-issuing-ca", *RSA_ENDS, "organisation-root-ca"),
    title="whose OU is in the other type of string",
    finding="subject.organizationalUnitName.encoding",
    source=_ANY_STRING,
    why=_OTHER_NAME,
)
def unit_in_other_type(it: CertificateParts, _: Base) -> CertificateParts:
    """The same text is a PrintableString in place of a UTF8String, or the other way round."""
    return _in_other_type(it, UNIT)


@name_defect(
    "unit-missing",
    on=("organisation-issuing-ca", "dccki", "organisation-root-ca"),
    title="without OU",
    finding="subject.organizationalUnitName.missing",
    source="a rule of the SEC alone: to RFC 5280 an OU is text that may be absent",
    why="Nothing says what the CA is, or whose Signifier a gateway acts for.",
    importance=Importance.MEDIUM,
    facts={"signifier": None},
)
def unit_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The attribute is left out."""
    return without_attribute(it, UNIT)


@name_defect(
    "unit-integer",
    on=("organisation-issuing-ca", "dccki", "organisation-root-ca"),
    title="whose OU is an INTEGER",
    finding="subject.value_type",
    rfc5280=Verdict.EITHER,
    source=_STRINGS,
    why="A reader that does not look at the type takes an octet for the text.",
    facts={"signifier": None},
    stage=Stage.STRUCTURE,
)
def unit_integer(it: CertificateParts, _: Base) -> CertificateParts:
    """It is a number."""
    return with_attribute(it, UNIT, integer(7))


@name_defect(
    "signifier-65-characters",
    on=("dccki",),
    title="whose Signifier has 65 characters",
    finding="subject.too_long",
    rfc5280=Verdict.EITHER,
    source=_BOUNDS,
    why="A program with room for 64 characters cuts it short, and reads another holder's.",
    importance=Importance.MEDIUM,
    facts={"signifier": "S" * 65},
)
def signifier_65_characters(it: CertificateParts, _: Base) -> CertificateParts:
    """It is a character longer than the upper bound."""
    return with_attribute(it, UNIT, "S" * 65)


# Common names


@name_defect(
    "ca-name-5-characters",
    on=led_by("device-root-ca", SMKI_CAS),
    title="whose name has five characters",
    finding="subject.commonName.length",
    source="a rule of this field: RFC 5280 A.1 allows 64 characters",
    why="A reader with room for four characters cuts it short: ZAZ12 becomes ZAZ1, another CA.",
    importance=Importance.MEDIUM,
)
def ca_name_5_characters(it: CertificateParts, _: Base) -> CertificateParts:
    """It is a character longer than any that was seen."""
    return with_attribute(it, COMMON_NAME, "ZAZ12", PRINTABLE)


@name_defect(
    "name-17-characters",
    on=("organisation",),
    title="whose name has 17 characters",
    finding="subject.commonName.length",
    source="RFC 5280 A.1 allows 64 characters",
    why="The longest seen has 16: a program with room for them cuts it short.",
)
def name_17_characters(it: CertificateParts, _: Base) -> CertificateParts:
    """It is a character longer than any that was seen."""
    return with_attribute(it, COMMON_NAME, "S" * 17)


@name_defect(
    "name-65-characters",
    on=("organisation", "dccki", "iki", "dccki-issuing-ca", "iki-root-ca"),
    title="whose name has 65 characters",
    finding={
        "": "subject.too_long",
        "organisation": "subject.commonName.length",
        "iki": "subject.commonName.length",
    },
    rfc5280=Verdict.EITHER,
    source=_BOUNDS,
    why="A program with room for 64 characters cuts it short or writes past the end.",
    importance=Importance.MEDIUM,
)
def name_65_characters(it: CertificateParts, _: Base) -> CertificateParts:
    """It is a character longer than the upper bound."""
    return with_attribute(it, COMMON_NAME, "S" * 65)


@name_defect(
    "name-in-other-type",
    on=("organisation", *SMKI_ISSUING, *RSA, *SMKI_ROOTS),
    title="whose name is in the other type of string",
    finding="subject.commonName.encoding",
    source=_ANY_STRING,
    why=_OTHER_NAME,
)
def name_in_other_type(it: CertificateParts, _: Base) -> CertificateParts:
    """The same text is a PrintableString in place of a UTF8String, or the other way round."""
    return _in_other_type(it, COMMON_NAME)


@name_defect(
    "name-teletex",
    on=("organisation-issuing-ca", "iki"),
    title="whose name is a TeletexString",
    finding="subject.commonName.encoding",
    source="RFC 5280 4.1.2.4 allows it for older subjects only; readers should know it",
    why=_OTHER_NAME,
)
def name_teletex(it: CertificateParts, _: Base) -> CertificateParts:
    """The same text is of a type that new subjects do not have."""
    return with_attribute(it, COMMON_NAME, attribute_text(it, COMMON_NAME), 0x14)


@name_defect(
    "name-bmp-string",
    on=("organisation",),
    title="whose name is a BMPString",
    finding="subject.commonName.encoding",
    source="RFC 5280 4.1.2.4 allows it for older subjects only; readers should know it",
    why="Every other octet is 00: a program that shows C strings shows one letter of it.",
)
def name_bmp_string(it: CertificateParts, _: Base) -> CertificateParts:
    """The same text is of a type of two octets to a character."""
    wide = attribute_text(it, COMMON_NAME).encode("utf-16-be")
    return with_attribute(it, COMMON_NAME, tlv(0x1E, wide))


@name_defect(
    "name-integer",
    on=("organisation", "organisation-issuing-ca", "iki", "device-issuing-ca", *SMKI_ROOTS),
    title="whose name is an INTEGER",
    finding={
        "": "subject.value_type",
        "organisation": "subject.commonName.unreadable",
        "iki": "subject.commonName.unreadable",
    },
    rfc5280=Verdict.EITHER,
    source=_STRINGS,
    why="A program that does not look at the type shows an octet as text.",
    stage=Stage.STRUCTURE,
)
def name_integer(it: CertificateParts, _: Base) -> CertificateParts:
    """It is a number."""
    return with_attribute(it, COMMON_NAME, integer(1))


@name_defect(
    "name-missing",
    on=(
        "dccki-root-ca",
        "organisation-issuing-ca",
        *RSA_ENDS,
        "organisation-root-ca",
        "iki-issuing-ca",
    ),
    title="without a common name",
    finding="subject.commonName.missing",
    why="A certificate is known by its serial and the CN of its issuer: below such a CA, by its"
    " serial alone.",
    importance=Importance.MEDIUM,
)
def name_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The attribute is left out."""
    return without_attribute(it, COMMON_NAME)


@name_defect(
    "subject-empty",
    on=("device-issuing-ca",),
    title="with an empty subject",
    finding="subject.empty",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.1.2.6: a CA's must not be empty; no rule has readers check",
    why="Whatever it issues names no issuer: any CA of no name could have issued it.",
    importance=Importance.HIGH,
)
@name_defect(
    "subject-empty",
    on=("organisation", "organisation-supplier-ka"),
    title="with an empty subject",
    finding="subject.x500UniqueIdentifier.missing",
    also=("subject.organizationalUnitName.missing",),
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.1.2.6, 4.2.1.6: CAs must name the holder in one of the two",
    why="It names nobody: an organisation without a role or an identifier is in any cell.",
    importance=Importance.CRITICAL,
    facts={"eui64": None, "role": None},
)
@name_defect(
    "subject-empty",
    on=("dccki",),
    title="with an empty subject",
    finding="subject.empty",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.1.2.6, 4.2.1.6: CAs must name the holder in one of the two",
    why="It names a host and nobody who answers for it.",
    importance=Importance.HIGH,
    facts={"signifier": None},
)
def subject_empty(it: CertificateParts, _: Base) -> CertificateParts:
    """The subject is that of a Device, 30 00."""
    return with_relatives(it, {})


# The names of DCCKI and IKI


@name_defect(
    "organisation-missing",
    on=("dccki", "iki", "iki-root-ca", "dccki-issuing-ca"),
    title="without an organisation name",
    finding="subject.organizationName.missing",
    why="Nothing says in words who the holder is.",
)
def organisation_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The attribute is left out."""
    return without_attribute(it, ORGANISATION)


@name_defect(
    "organisation-in-other-type",
    on=("iki", "dccki", "iki-issuing-ca"),
    title="whose organisation name is in the other type of string",
    finding="subject.organizationName.encoding",
    source=_ANY_STRING,
    why=_OTHER_NAME,
)
def organisation_in_other_type(it: CertificateParts, _: Base) -> CertificateParts:
    """The same text is a PrintableString."""
    return _in_other_type(it, ORGANISATION)


@name_defect(
    "organisation-65-characters",
    on=RSA_ENDS,
    title="whose organisation name has 65 characters",
    finding={"dccki": "subject.too_long", "iki": "subject.organizationName.length"},
    rfc5280=Verdict.EITHER,
    source=_BOUNDS,
    why="A program with room for 64 characters cuts it short or writes past the end.",
)
def organisation_65_characters(it: CertificateParts, _: Base) -> CertificateParts:
    """It is a character longer than the upper bound."""
    return with_attribute(it, ORGANISATION, "S" * 65)


@name_defect(
    "organisation-integer",
    on=RSA_ENDS,
    title="whose organisation name is an INTEGER",
    finding={"dccki": "subject.value_type", "iki": "subject.organizationName.unreadable"},
    rfc5280=Verdict.EITHER,
    source=_STRINGS,
    why="A program that does not look at the type shows an octet as text.",
    stage=Stage.STRUCTURE,
)
def organisation_integer(it: CertificateParts, _: Base) -> CertificateParts:
    """It is a number."""
    return with_attribute(it, ORGANISATION, integer(1))


@name_defect(
    "another-maker",
    on=RSA_CAS,
    title="with the name of another maker",
    finding="subject.organizationName.value",
    why="People take the CA for another's, and what it issued for that party's.",
)
def another_maker(it: CertificateParts, _: Base) -> CertificateParts:
    """O is Somebody."""
    return with_attribute(it, ORGANISATION, "Somebody")


# Characters that are not shown


@name_defect(
    "name-empty",
    on=("organisation", "iki"),
    title="whose name has no character",
    finding="subject.empty_attribute",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 A.1: SIZE (1..MAX); no rule has readers check",
    why="A program that takes an empty name for no name shows the next attribute as the holder.",
)
def name_empty(it: CertificateParts, _: Base) -> CertificateParts:
    """The string is empty."""
    return with_attribute(it, COMMON_NAME, "")


@name_defect(
    "name-of-spaces",
    on=("organisation",),
    title="whose name is three spaces",
    finding="subject.empty_attribute",
    source=_INVISIBLE,
    why="Nobody sees it, and a comparison of names takes it for one space or for none.",
)
def name_of_spaces(it: CertificateParts, _: Base) -> CertificateParts:
    """There is nothing but spaces."""
    return with_attribute(it, COMMON_NAME, "   ")


@name_defect(
    "name-of-no-break-space",
    on=("organisation",),
    title="whose name is a no-break space",
    finding="subject.empty_attribute",
    source=_INVISIBLE,
    why="Nobody sees it, and a comparison of names takes it for a space.",
)
def name_of_no_break_space(it: CertificateParts, _: Base) -> CertificateParts:
    """There is nothing but U+00A0."""
    return with_attribute(it, COMMON_NAME, "\xa0")


@name_defect(
    "name-with-nul",
    on=("organisation", "iki"),
    title="whose name holds a NUL",
    finding="subject.characters",
    source=_INVISIBLE,
    why="A comparison of C strings stops at the NUL: the holder is taken for Supplier One.",
    importance=Importance.HIGH,
)
def name_with_nul(it: CertificateParts, _: Base) -> CertificateParts:
    """More text follows the right name and a NUL."""
    return with_attribute(it, COMMON_NAME, "Supplier One\0Two")


@name_defect(
    "name-with-line-break",
    on=("organisation",),
    title="whose name holds a line break",
    finding="subject.characters",
    source=_INVISIBLE,
    why="A log that writes names has a line of the holder's choice in it.",
    importance=Importance.MEDIUM,
)
def name_with_line_break(it: CertificateParts, _: Base) -> CertificateParts:
    """The text has two lines."""
    return with_attribute(it, COMMON_NAME, "One\nTwo")


@name_defect(
    "name-from-right-to-left",
    on=("organisation",),
    title="whose name is shown from right to left",
    finding="subject.characters",
    source=_INVISIBLE,
    why="People read another name than programs compare.",
    importance=Importance.MEDIUM,
)
def name_from_right_to_left(it: CertificateParts, _: Base) -> CertificateParts:
    """A mark turns the direction of what follows."""
    return with_attribute(it, COMMON_NAME, "One\u202eowT")


@name_defect(
    "name-with-noncharacter",
    on=("organisation",),
    title="whose name holds U+FFFF",
    finding="subject.characters",
    source=_INVISIBLE,
    why="A program that keeps text in 16-bit units takes it for the end.",
)
def name_with_noncharacter(it: CertificateParts, _: Base) -> CertificateParts:
    """A code point that is no character is inside."""
    return with_attribute(it, COMMON_NAME, "A\uffffB")


@name_defect(
    "name-with-private-character",
    on=("organisation",),
    title="whose name holds a character for private use",
    finding="subject.characters",
    source=_INVISIBLE,
    why="It looks different on every system, or like nothing.",
)
def name_with_private_character(it: CertificateParts, _: Base) -> CertificateParts:
    """U+E000 follows the name."""
    return with_attribute(it, COMMON_NAME, "One\ue000")
