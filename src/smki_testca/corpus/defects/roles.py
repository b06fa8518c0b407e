"""Breaches of the RemotePartyRole: two upper-case hexadecimal digits in OU.

A Device puts a certificate into the cell of a role, so a role that two readers read differently is
two holders.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import with_value
from smki_testca.corpus.groups import ORGANISATIONS
from smki_testca.corpus.parts import PRINTABLE, rdn, usages
from smki_testca.corpus.subjects import (
    UNIT,
    relatives,
    with_attribute,
    with_relatives,
    without_attribute,
)
from smki_testca.der.encode import integer

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_PATH = "subject.organizationalUnitName"
_NO_RULE = "a rule of the SEC alone: to RFC 5280 an OU is text"
_NO_ROLE: dict[str, str | None] = {"role": None}
role_defect = partial(
    defect,
    stage=Stage.PROFILE,
    at_least=Stage.USE,
    rfc5280=Verdict.ACCEPT,
    source=_NO_RULE,
    importance=Importance.HIGH,
)


def _role(base: Base) -> str:
    return base.facts.role or ""


@role_defect(
    "role-decimal",
    on=(
        "organisation-other",
        "organisation-other-ka",
        "organisation-xml-sign",
        "organisation-rdp-file-sign",
        "organisation-dsp-xml-sign",
    ),
    mains=5,
    title="whose role is in decimal",
    finding=f"{_PATH}.role_decimal",
    why="Three digits stand where two belong, such as 137 for 89: DCC's key store answers"
    ' "invalid subject", and a reader of two digits reads another role, such as 13.',
    facts=_NO_ROLE,
)
def role_decimal(it: CertificateParts, base: Base) -> CertificateParts:
    """The code is written as the repository's web service writes it (O4)."""
    return with_attribute(it, UNIT, str(int(_role(base), 16)))


@role_defect(
    "role-one-digit",
    on=(
        "organisation",
        "organisation-recovery",
        "organisation-network-operator-ka",
        "organisation-load-controller",
        "iki",
    ),
    title="whose role has one digit",
    finding=f"{_PATH}.role_decimal",
    why="The zero before it is left out: a reader that pads on the right reads the role 20.",
    facts=_NO_ROLE,
)
def role_one_digit(it: CertificateParts, base: Base) -> CertificateParts:
    """The leading zero is left out."""
    return with_attribute(it, UNIT, _role(base)[1:])


@role_defect(
    "role-lower-case",
    on=("organisation-other", "organisation-other-ka"),
    title="whose role is in lower case",
    finding=f"{_PATH}.form",
    why="A comparison of octets with 7F fails: one reader finds the holder, another does not.",
    importance=Importance.MEDIUM,
)
def role_lower_case(it: CertificateParts, base: Base) -> CertificateParts:
    """The digit F is an f."""
    return with_attribute(it, UNIT, _role(base).lower())


@role_defect(
    "role-7f",
    on=("iki",),
    title="whose role is 7f, in lower case",
    finding=f"{_PATH}.form",
    why="A comparison of octets with 7F fails: one service finds the holder, another does not.",
    importance=Importance.MEDIUM,
    facts={"role": "7F"},
)
def role_7f(it: CertificateParts, _: Base) -> CertificateParts:
    """The role is another one, and its digit F is an f."""
    return with_attribute(it, UNIT, "7f")


@role_defect(
    "role-unknown",
    on=("organisation", "iki", "organisation-ka"),
    title="whose role is FE, which is none",
    finding=f"{_PATH}.role",
    why="A reader that takes what it does not know for a default gives a stranger a cell.",
    facts={"role": "FE"},
)
def role_unknown(it: CertificateParts, _: Base) -> CertificateParts:
    """No role has this code."""
    return with_attribute(it, UNIT, "FE")


@role_defect(
    "role-past-the-cells",
    on=("organisation", "organisation-load-controller-ka"),
    title="whose role is 09, which is none",
    finding=f"{_PATH}.role",
    why="It is the first code after those of the cells: a table that is read one too far has it.",
    facts={"role": "09"},
)
def role_past_the_cells(it: CertificateParts, _: Base) -> CertificateParts:
    """The code is one above the last of a cell."""
    return with_attribute(it, UNIT, "09")


@role_defect(
    "role-reserved",
    on=("organisation", "organisation-xml-sign"),
    title="whose role is 81",
    finding=f"{_PATH}.role",
    why="80 to 86 are said to be set aside for SMETS1 and file signing, and nobody read for whom:"
    " a reader that knows no such role must not guess one.",
    importance=Importance.MEDIUM,
    facts={"role": "81"},
)
def role_reserved(it: CertificateParts, _: Base) -> CertificateParts:
    """The code is one that was set aside."""
    return with_attribute(it, UNIT, "81")


@role_defect(
    "role-of-root",
    on=("organisation", "iki", "organisation-ka"),
    title="whose role is 00, that of a root",
    finding=f"{_PATH}.role_of_ca",
    why="An organisation is taken for a root, whose key is what everything else hangs on.",
    importance=Importance.CRITICAL,
    facts={"role": "00"},
)
def role_of_root(it: CertificateParts, _: Base) -> CertificateParts:
    """The code is that of the Root OCA."""
    return with_attribute(it, UNIT, "00")


@role_defect(
    "role-of-issuing-ca",
    on=("organisation", "iki", "organisation-ka"),
    title="whose role is 07, that of an Issuing CA",
    finding=f"{_PATH}.role_of_ca",
    why="An organisation is taken for a CA: whatever it signs would be trusted.",
    importance=Importance.CRITICAL,
    facts={"role": "07"},
)
def role_of_issuing_ca(it: CertificateParts, _: Base) -> CertificateParts:
    """The code is that of an Issuing OCA."""
    return with_attribute(it, UNIT, "07")


@role_defect(
    "role-and-space",
    on=("organisation", "iki"),
    title="whose role is followed by a space",
    finding=f"{_PATH}.role",
    why="A comparison that drops spaces finds the role, a comparison of octets does not.",
    importance=Importance.MEDIUM,
    facts=_NO_ROLE,
)
def role_and_space(it: CertificateParts, base: Base) -> CertificateParts:
    """A space follows the two digits."""
    return with_attribute(it, UNIT, f"{_role(base)} ")


@role_defect(
    "role-after-space",
    on=("organisation",),
    title="whose role follows a space",
    finding=f"{_PATH}.role",
    why="A reader of numbers skips the space, a reader of two characters reads the role 0.",
    importance=Importance.MEDIUM,
    facts=_NO_ROLE,
)
def role_after_space(it: CertificateParts, base: Base) -> CertificateParts:
    """A space comes before the two digits."""
    return with_attribute(it, UNIT, f" {_role(base)}")


@role_defect(
    "role-underline",
    on=("organisation",),
    title="whose role is 0_2",
    finding=f"{_PATH}.role",
    why="A program in Python takes the underline for a mark between digits, others for no number.",
    importance=Importance.LOW,
    facts=_NO_ROLE,
)
def role_underline(it: CertificateParts, _: Base) -> CertificateParts:
    """An underline is between the digits."""
    return with_attribute(it, UNIT, "0_2")


@role_defect(
    "role-0x",
    on=("organisation", "organisation-other"),
    title="whose role begins with 0x",
    finding=f"{_PATH}.role",
    why="A program that converts numbers finds the role, a comparison of text does not.",
    importance=Importance.MEDIUM,
    facts=_NO_ROLE,
)
def role_0x(it: CertificateParts, base: Base) -> CertificateParts:
    """The digits have the prefix of C."""
    return with_attribute(it, UNIT, f"0x{_role(base)}")


@role_defect(
    "role-letter-o",
    on=("organisation", "organisation-ka"),
    title="whose role has the letter O for a zero",
    finding=f"{_PATH}.role",
    why="People read the role in it, programs do not: nobody sees why it is refused.",
    importance=Importance.MEDIUM,
    facts=_NO_ROLE,
)
def role_letter_o(it: CertificateParts, base: Base) -> CertificateParts:
    """O2 looks like 02."""
    return with_attribute(it, UNIT, _role(base).replace("0", "O", 1))


@role_defect(
    "role-wide-digits",
    on=("organisation",),
    title="whose role is in full-width digits",
    finding=f"{_PATH}.role",
    why="A comparison that folds characters finds the role, a comparison of octets does not.",
    importance=Importance.MEDIUM,
    facts=_NO_ROLE,
)
def role_wide_digits(it: CertificateParts, _: Base) -> CertificateParts:
    """The digits are those of East Asian text."""
    return with_attribute(it, UNIT, "\uff10\uff12")


@role_defect(
    "role-name",
    on=("organisation", "organisation-network-operator"),
    title="whose role is a name",
    finding=f"{_PATH}.role",
    why="DUIS names roles in words: a reader of two characters reads another role, or none.",
    importance=Importance.MEDIUM,
    facts=_NO_ROLE,
)
def role_name(it: CertificateParts, base: Base) -> CertificateParts:
    """It is a word of DUIS."""
    word = "Supplier" if _role(base) == "02" else "NetworkOperator"
    return with_attribute(it, UNIT, word)


@role_defect(
    "role-three-digits",
    on=("organisation", "organisation-recovery"),
    title="whose role has three digits",
    finding=f"{_PATH}.role_decimal",
    why="A reader of two digits reads the role 00, that of a root.",
    importance=Importance.CRITICAL,
    facts=_NO_ROLE,
)
def role_three_digits(it: CertificateParts, base: Base) -> CertificateParts:
    """A zero comes before the two digits."""
    return with_attribute(it, UNIT, f"0{_role(base)}")


@role_defect(
    "role-printable-string",
    on=ORGANISATIONS,
    title="whose role is a PrintableString",
    finding=f"{_PATH}.encoding",
    source="RFC 5280 4.1.2.4 allows PrintableString",
    why="A comparison of octets with the UTF8String that was expected fails.",
    importance=Importance.LOW,
)
def role_printable_string(it: CertificateParts, base: Base) -> CertificateParts:
    """It is of the other type of string."""
    return with_attribute(it, UNIT, _role(base), PRINTABLE)


@role_defect(
    "role-integer",
    on=("organisation", "iki"),
    title="whose role is an INTEGER",
    finding=f"{_PATH}.unreadable",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 A.1: an OU is a DirectoryString; no rule has readers check",
    why="A reader that does not look at the type takes the octet 02 for the text, or for the role.",
    facts=_NO_ROLE,
    stage=Stage.STRUCTURE,
)
def role_integer(it: CertificateParts, base: Base) -> CertificateParts:
    """It is a number."""
    return with_attribute(it, UNIT, integer(int(_role(base), 16)))


@role_defect(
    "role-missing",
    on=(
        "organisation",
        "iki",
        "organisation-access-control-broker",
        "organisation-recovery",
        "organisation-load-controller",
        "organisation-other",
        "organisation-ka",
    ),
    mains=3,
    title="without a role",
    finding=f"{_PATH}.missing",
    why="A reader that takes no role for any lets a stranger act in each of them.",
    importance=Importance.CRITICAL,
    facts=_NO_ROLE,
)
def role_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The attribute is left out."""
    return without_attribute(it, UNIT)


@role_defect(
    "role-twice",
    on=(*ORGANISATIONS, "organisation-network-operator-ka"),
    title="with two roles",
    finding="subject.duplicate",
    why="One reader takes the first OU, another the last: the one sees a supplier, the other a"
    " Network Operator, whose wrong certificate one electricity meter in ten was once"
    " estimated to carry.",
    importance=Importance.CRITICAL,
    facts=_NO_ROLE,
)
def role_twice(it: CertificateParts, base: Base) -> CertificateParts:
    """Another role comes before the right one."""
    other = "03" if base.facts.role == "02" else "02"
    rdns = {}
    for key, relative in relatives(it).items():
        if key == UNIT:
            rdns["another"] = rdn(UNIT, other)
        rdns[key] = relative
    return with_relatives(it, rdns)


# Roles that are none of the holder's


@role_defect(
    "role-of-recovery",
    on=("organisation-network-operator", "organisation-other"),
    title="whose role is recovery, and whose ID is none of the DCC's",
    finding="role.holder",
    why="The key in the cell of recovery may replace nearly every other (replacement mode 8).",
    importance=Importance.CRITICAL,
    facts={"role": "01"},
)
def role_of_recovery(it: CertificateParts, _: Base) -> CertificateParts:
    """The role is one that the DCC alone holds."""
    return with_attribute(it, UNIT, "01")


@role_defect(
    "role-of-broker",
    on=("organisation-ka", "organisation-other-ka"),
    title="whose role is access control broker, and whose ID is none of the DCC's",
    finding="role.holder",
    why="The holder's key takes the broker's place in its cell: the Device agrees keys with a"
    " stranger.",
    importance=Importance.CRITICAL,
    facts={"role": "04"},
)
def role_of_broker(it: CertificateParts, _: Base) -> CertificateParts:
    """The role is one that the DCC alone holds."""
    return with_attribute(it, UNIT, "04")


@role_defect(
    "role-of-transitional-cos",
    on=("organisation", "organisation-load-controller"),
    title="whose role is transitional CoS, and whose ID is none of the DCC's",
    finding="role.holder",
    why="The holder can put another supplier into a meter's cells (replacement mode 7).",
    importance=Importance.CRITICAL,
    facts={"role": "05"},
)
def role_of_transitional_cos(it: CertificateParts, _: Base) -> CertificateParts:
    """The role is one that the DCC alone holds."""
    return with_attribute(it, UNIT, "05")


@role_defect(
    "role-of-wan-provider",
    on=("organisation",),
    title="whose role is WAN provider, and whose ID is none of the DCC's",
    finding="role.holder",
    why="The holder can replace the root of a Communications Hub (replacement mode 1).",
    importance=Importance.CRITICAL,
    facts={"role": "06"},
)
def role_of_wan_provider(it: CertificateParts, _: Base) -> CertificateParts:
    """The role is one that the DCC alone holds."""
    return with_attribute(it, UNIT, "06")


@role_defect(
    "role-of-dsp",
    on=("organisation", "organisation-xml-sign"),
    title="whose role is that of the DSP's XML, and whose ID is none of the DCC's",
    finding="role.holder",
    why="What a User signs is taken for an answer of the DCC's systems.",
    importance=Importance.HIGH,
    facts={"role": "89"},
)
def role_of_dsp(it: CertificateParts, _: Base) -> CertificateParts:
    """The role is one that the DCC alone holds."""
    return with_attribute(it, UNIT, "89")


@role_defect(
    "usage-not-of-role",
    on=(
        "organisation-recovery",
        "organisation-transitional-cos",
        "organisation-wan-provider",
        "organisation-xml-sign",
        "organisation-rdp-file-sign",
        "organisation-dsp-xml-sign",
    ),
    mains=6,
    title="whose key is for key agreement, which its role has no use for",
    finding="role.usage",
    source="RFC 5280 4.2.1.3 allows any bit",
    why="Nobody of this role agrees on keys: a reader that goes by the role alone takes a key that"
    " signs nothing for the one that does.",
    facts={"usage": "key-agreement"},
)
def usage_not_of_role(it: CertificateParts, _: Base) -> CertificateParts:
    """The one bit of keyUsage is that of the other usage."""
    return with_value(it, "keyUsage", usages("keyAgreement"))
