"""Breaches of subjectAltName in the certificates of others than Devices, such as hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Verdict
from smki_testca.corpus.defects.alternative_name_defect import NAME, PATH, device_name_defect, named
from smki_testca.corpus.document_changes import added, with_critical
from smki_testca.corpus.groups import RSA_ENDS, SMKI_ISSUING
from smki_testca.corpus.parts import TRUE, dns, hardware
from smki_testca.der.encode import sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts


@device_name_defect(
    "hardware-module",
    on=("organisation", *RSA_ENDS, "organisation-ka", *SMKI_ISSUING),
    title="with the hardwareModuleName of a Device",
    finding=f"{PATH}.hardware_module",
    source="RFC 5280 4.2.1.6 allows any name",
    why="A reader that looks for the name of a Device first takes the holder for a meter.",
    importance=Importance.CRITICAL,
)
def hardware_module(it: CertificateParts, base: Base) -> CertificateParts:
    """The name of a Device is added, or follows the host."""
    if base.name == "dccki":
        return named(it, dns(b"gateway.example"), hardware())
    return added(it, NAME, sequence(hardware()), critical=True)


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
    return added(it, NAME, sequence(dns(b"gateway.example")))


@device_name_defect(
    "san-critical",
    on=("dccki",),
    title="whose subjectAltName is critical",
    finding=f"{PATH}.critical",
    source="RFC 5280 4.2.1.6 leaves the criticality to the CA where the subject is not empty",
    why="Nothing follows for those who know the extension; others refuse the certificate.",
    importance=Importance.LOW,
)
def san_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """The extension is marked critical."""
    return with_critical(it, NAME, TRUE)


@device_name_defect(
    "host-with-space",
    on=("dccki",),
    title="whose host name holds a space",
    finding=f"{PATH}.dNSName.form",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.6: CAs must write it in preferred syntax; no rule has readers check",
    why="A comparison that stops at the space finds another host.",
    importance=Importance.MEDIUM,
)
def host_with_space(it: CertificateParts, _: Base) -> CertificateParts:
    """A space is in the first label."""
    return named(it, dns(b"gate way.example"))


@device_name_defect(
    "host-with-nul",
    on=("dccki",),
    title="whose host name holds a NUL",
    finding=f"{PATH}.dNSName.form",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.6: CAs must write it in preferred syntax; no rule has readers check",
    why="A comparison of C strings stops at the NUL: the holder of other.example is taken for"
    " gateway.example.",
    importance=Importance.CRITICAL,
)
def host_with_nul(it: CertificateParts, _: Base) -> CertificateParts:
    """A NUL follows the right name, and another domain follows the NUL."""
    return named(it, dns(b"gateway.example\x00.other.example"))


@device_name_defect(
    "host-wildcard-inside",
    on=("dccki",),
    title="whose host name has an asterisk inside",
    finding=f"{PATH}.dNSName.form",
    rfc5280=Verdict.EITHER,
    source="RFC 6125 6.4.3: readers should not match it; RFC 5280 4.2.1.6 leaves it open",
    why="A reader that takes it for any text takes the holder for every host of the domain.",
    importance=Importance.HIGH,
)
def host_wildcard_inside(it: CertificateParts, _: Base) -> CertificateParts:
    """The asterisk is not a whole label."""
    return named(it, dns(b"gate*.example"))


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
    return named(it, dns(b"gateway.example"), tlv(0x87, b"\x7f\x00\x00"))


@device_name_defect(
    "host-empty",
    on=("dccki",),
    title="with an empty host name besides",
    finding=f"{PATH}.dNSName.form",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.6: a dNSName of a space must not be used; no rule has readers check",
    why="A comparison that takes nothing for any host takes the holder for every one.",
    importance=Importance.MEDIUM,
)
def host_empty(it: CertificateParts, _: Base) -> CertificateParts:
    """A second dNSName has no character."""
    return named(it, dns(b"gateway.example"), dns(b""))


@device_name_defect(
    "host-not-ascii",
    on=("dccki",),
    title="whose host name is not ASCII",
    finding=f"{PATH}.dNSName.form",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 7.2: CAs must write it in ASCII; no rule has readers check",
    why="A letter that looks like another names another host.",
    importance=Importance.MEDIUM,
)
def host_not_ascii(it: CertificateParts, _: Base) -> CertificateParts:
    """The first letter a is U+0430."""
    return named(it, dns("g\u0430teway.example".encode()))


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
    return named(it, dns(b"gateway.example"), tlv(0x86, b"/gateway"))


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
    return named(it, dns(b"gateway.example"), tlv(0x81, b"other.example"))


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
    return named(it, dns(b"gateway.example"), tlv(0xA4, sequence()))
