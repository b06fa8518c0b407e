"""Defects of CSRs: the name that they ask for, of an Organisation, a Device or another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance
from smki_testca.corpus.defects.csr_defect import csr_defect
from smki_testca.corpus.document_changes import but, with_value, without
from smki_testca.corpus.parts import (
    PRINTABLE,
    SUPPLIER_ID,
    CsrParts,
    attribute,
    dns,
    hardware,
    identifier,
    organisation_subject,
    rdn,
    three_names,
)
from smki_testca.der.encode import bit_string, oid, sequence, set_of
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base


_UNIT = rdn("organizationalUnitName", "02")

_ORGANISATION = ("organisation-csr",)


@csr_defect(
    "subject-country",
    on=_ORGANISATION,
    title="with a country",
    finding="csr.subject",
    why="A CA that copies the subject issues a name that no client expects.",
)
def subject_country(it: CsrParts, base: Base) -> CsrParts:
    """C=GB in place of a common name."""
    del base
    return but(it, subject=sequence(rdn("countryName", "GB", PRINTABLE), _UNIT, identifier()))


@csr_defect(
    "subject-without-identifier",
    on=_ORGANISATION,
    title="without an identifier",
    finding="csr.subject",
    why="Whose certificate it will be is not said.",
    importance=Importance.HIGH,
    facts={"eui64": None},
)
def subject_without_identifier(it: CsrParts, base: Base) -> CsrParts:
    """CN and OU alone."""
    del base
    return but(it, subject=sequence(rdn("commonName", "Supplier One"), _UNIT))


@csr_defect(
    "subject-without-role",
    on=_ORGANISATION,
    title="without a role",
    finding="csr.subject",
    why="What its holder may do is not said.",
    importance=Importance.HIGH,
    facts={"role": None},
)
def subject_without_role(it: CsrParts, base: Base) -> CsrParts:
    """CN and identifier alone."""
    del base
    return but(it, subject=sequence(rdn("commonName", "Supplier One"), identifier()))


@csr_defect(
    "subject-two-identifiers",
    on=_ORGANISATION,
    title="with two identifiers",
    finding="csr.subject",
    why="Two readers read two holders.",
    importance=Importance.CRITICAL,
    facts={"eui64": None},
)
def subject_two_identifiers(it: CsrParts, base: Base) -> CsrParts:
    """Another supplier's identifier before its own."""
    del base
    other = identifier(bytes.fromhex("90b3d51f30030000"))
    named = sequence(rdn("commonName", "Supplier One"), _UNIT, other, identifier())
    return but(it, subject=named)


@csr_defect(
    "identifier-text",
    on=_ORGANISATION,
    title="whose identifier is text, as OpenSSL's command line writes it",
    finding="csr.subject",
    why="Clients match the octets of a BIT STRING: the certificate would be nobody's.",
    facts={"eui64": None},
)
def identifier_text(it: CsrParts, base: Base) -> CsrParts:
    """A UTF8String of hexadecimal digits."""
    del base
    named = rdn("x500UniqueIdentifier", "90B3D51F30010000")
    return but(it, subject=sequence(rdn("commonName", "Supplier One"), _UNIT, named))


@csr_defect(
    "identifier-of-six-octets",
    on=_ORGANISATION,
    title="with an ID of six octets",
    finding="csr.identifier",
    why="It is a MAC address, no EUI-64.",
    facts={"eui64": None},
)
def identifier_of_six_octets(it: CsrParts, base: Base) -> CsrParts:
    """A BIT STRING of 48 bits."""
    del base
    return but(it, subject=organisation_subject(eui64=SUPPLIER_ID[:6]))


@csr_defect(
    "identifier-of-nobody",
    on=_ORGANISATION,
    title="with an ID of zeros",
    finding="csr.identifier",
    why="Eight octets of zeros stand for no identifier.",
    source="RTDS 4.5.0 message vectors: zeros in an empty cell; of a CSR nothing was read",
    basis=Basis.ASSUMED,
    facts={"eui64": bytes(8).hex()},
)
def identifier_of_nobody(it: CsrParts, base: Base) -> CsrParts:
    """Eight octets of zeros."""
    del base
    return but(it, subject=organisation_subject(eui64=bytes(8)))


@csr_defect(
    "identifier-unused-bits",
    on=_ORGANISATION,
    title="whose ID has unused bits",
    finding="csr.identifier",
    why="Clients match 03 09 00 and eight octets: the certificate would be nobody's.",
    facts={"eui64": None},
)
def identifier_unused_bits(it: CsrParts, base: Base) -> CsrParts:
    """Four unused bits."""
    del base
    named = identifier(SUPPLIER_ID, 4)
    return but(it, subject=sequence(rdn("commonName", "Supplier One"), _UNIT, named))


@csr_defect(
    "subject-order",
    on=_ORGANISATION,
    title="with the identifier first",
    finding="csr.subject_order",
    why="Clients look for the identifier at the end, and pass over a certificate without it.",
)
def subject_order(it: CsrParts, base: Base) -> CsrParts:
    """2.5.4.45, then CN and OU."""
    del base
    return but(it, subject=sequence(identifier(), rdn("commonName", "Supplier One"), _UNIT))


@csr_defect(
    "subject-in-one-rdn",
    on=_ORGANISATION,
    title="with OU and identifier in one RDN",
    finding="csr.subject_order",
    why="Clients look for the identifier at the end, and pass over a certificate without it.",
)
def subject_in_one_rdn(it: CsrParts, base: Base) -> CsrParts:
    """A SET of two attributes."""
    del base
    shared = set_of(
        [
            attribute("organizationalUnitName", "02"),
            attribute("x500UniqueIdentifier", bit_string(SUPPLIER_ID)),
        ]
    )
    return but(it, subject=sequence(rdn("commonName", "Supplier One"), shared))


def _role(name: str, role: str, title: str, why: str, importance: Importance) -> None:
    @csr_defect(
        name, on=_ORGANISATION, title=title, finding="csr.role", why=why, importance=importance
    )
    def role_is(it: CsrParts, base: Base) -> CsrParts:
        del base
        return but(it, subject=organisation_subject(role=role))


_role("role-word", "supplier", "whose OU is a word", "No client knows it.", Importance.MEDIUM)

_role(
    "role-of-a-ca",
    "07",
    "whose OU is 07, an issuing authority's",
    "Its holder would pass for a CA.",
    Importance.HIGH,
)

_role(
    "role-of-the-root",
    "00",
    "whose OU is 00, the root's",
    "Its holder would pass for a root.",
    Importance.HIGH,
)

_role(
    "role-decimal",
    "137",
    "whose OU is 137, the decimal of 89",
    "A reader takes it for another role, or for none.",
    Importance.MEDIUM,
)


def _named(
    name: str, text_in_name: str, title: str, why: str, basis: Basis = Basis.ASSUMED
) -> None:
    @csr_defect(
        name,
        on=_ORGANISATION,
        title=title,
        finding="csr.subject_value",
        why=why,
        source="RFC 5280 7.1 and A.1; SEC App. M F, G",
        basis=basis,
    )
    def name_is(it: CsrParts, base: Base) -> CsrParts:
        del base
        return but(it, subject=organisation_subject(text_in_name))


_SHOWN = "Two programs show two names for it."

_named("name-empty", "", "with an empty common name", "A name that says nothing.")

_named("name-spaces", "  ", "whose common name is spaces", "A name that says nothing.")

_named("name-private", "\ue000", "with U+E000, for private use, in its common name", _SHOWN)

_named("name-nul", "A\0B", "with NUL in its common name", "C programs read the part before it.")

_named(
    "name-turned",
    "One\u202eowT",
    "with a common name that is read from right to left",
    _SHOWN,
)

_named(
    "name-of-65-characters",
    "S" * 65,
    "with a common name of 65 characters",
    "A reader with room for 64 cuts it, or writes past its end.",
    Basis.SPECIFIED,
)

_DEVICE = ("device-csr",)


@csr_defect(
    "device-by-host-name",
    on=_DEVICE,
    title="that names the Device by a dNSName",
    finding="csr.device_id",
    why="The certificate would name no Device.",
    facts={"eui64": None},
)
def device_by_host_name(it: CsrParts, base: Base) -> CsrParts:
    """A dNSName in place of the hardwareModuleName."""
    del base
    return with_value(it, "subjectAltName", sequence(dns(b"meter.example")))


@csr_defect(
    "device-of-no-name",
    on=_DEVICE,
    title="that names nobody",
    finding="csr.device_id",
    why="The certificate would name no Device.",
    importance=Importance.HIGH,
    facts={"eui64": None},
)
def device_of_no_name(it: CsrParts, base: Base) -> CsrParts:
    """The subjectAltName is left out."""
    del base
    return without(it, "subjectAltName")


@csr_defect(
    "device-with-host-name",
    on=_DEVICE,
    title="of a Device with a dNSName, too",
    finding="csr.device_id",
    why="Its holder would pass for a host, too.",
)
def device_with_host_name(it: CsrParts, base: Base) -> CsrParts:
    """A dNSName after the hardwareModuleName."""
    del base
    return with_value(it, "subjectAltName", sequence(hardware(), dns(b"m.example")))


@csr_defect(
    "two-devices",
    on=_DEVICE,
    title="of two Devices",
    finding="csr.device_id",
    why="Two readers read two Devices.",
    importance=Importance.CRITICAL,
    facts={"eui64": None},
)
def two_devices(it: CsrParts, base: Base) -> CsrParts:
    """Another Device's hardwareModuleName after its own."""
    del base
    other = hardware(eui64=bytes.fromhex("00db1234567890b7"))
    return with_value(it, "subjectAltName", sequence(hardware(), other))


@csr_defect(
    "device-of-zeros",
    on=_DEVICE,
    title="whose Device ID is zeros",
    finding="csr.device_id",
    why="Eight octets of zeros stand for no identifier.",
    source="RTDS 4.5.0 message vectors: zeros in an empty cell; of a CSR nothing was read",
    basis=Basis.ASSUMED,
    facts={"eui64": bytes(8).hex()},
)
def device_of_zeros(it: CsrParts, base: Base) -> CsrParts:
    """HwSerialNum is eight octets of zeros."""
    del base
    return with_value(it, "subjectAltName", sequence(hardware(eui64=bytes(8))))


@csr_defect(
    "device-of-six-octets",
    on=_DEVICE,
    title="whose Device ID has six octets",
    finding="csr.device_id",
    why="It is a MAC address, no EUI-64.",
    facts={"eui64": None},
)
def device_of_six_octets(it: CsrParts, base: Base) -> CsrParts:
    """HwSerialNum is six octets."""
    del base
    return with_value(it, "subjectAltName", sequence(hardware(eui64=bytes.fromhex("00db12345678"))))


@csr_defect(
    "device-of-no-type",
    on=_DEVICE,
    title="whose hwType is 0.0",
    finding="csr.device_id",
    why="The first arcs name no manufacturer's hardware.",
    source="RFC 4108 5: hwType is the manufacturer's to choose; that it names one is assumed",
    basis=Basis.ASSUMED,
)
def device_of_no_type(it: CsrParts, base: Base) -> CsrParts:
    """HwType is the OID 0.0."""
    del base
    return with_value(it, "subjectAltName", sequence(hardware(hw_type=oid("0.0"))))


@csr_defect(
    "device-with-subject",
    on=_DEVICE,
    title="of a Device with a common name",
    finding="csr.subject",
    why="The subject of a Device Certificate is empty: a copied name breaks GBCS.",
)
def device_with_subject(it: CsrParts, base: Base) -> CsrParts:
    """CN=Meter."""
    del base
    return but(it, subject=sequence(rdn("commonName", "Meter")))


@csr_defect(
    "role-word",
    on=("iki-csr",),
    title="whose OU is a word",
    finding="csr.role",
    why="The interface does not know the role.",
    facts={"role": None},
)
def iki_role_word(it: CsrParts, base: Base) -> CsrParts:
    """OU=supplier."""
    del base
    return but(it, subject=three_names(unit="supplier"))


@csr_defect(
    "subject-without-name",
    on=("iki-csr",),
    title="without a common name",
    finding="csr.subject",
    why="Which system is authorised is not said.",
)
def iki_without_name(it: CsrParts, base: Base) -> CsrParts:
    """O and OU alone."""
    del base
    return but(it, subject=sequence(rdn("organizationName", "Supplier One"), _UNIT))


@csr_defect(
    "subject-without-name",
    on=("dccki-csr",),
    title="without a common name",
    finding="csr.subject",
    why="Which host or system it is for is not said.",
)
def dccki_without_name(it: CsrParts, base: Base) -> CsrParts:
    """O and OU alone."""
    del base
    unit = rdn("organizationalUnitName", "SUP1")
    return but(it, subject=sequence(rdn("organizationName", "Supplier One"), unit))
