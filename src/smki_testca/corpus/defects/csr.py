"""Defects of CSRs: what a CA, or its registration authority, must not issue a certificate for.

RFC 2986 alone forbids few of them. SEC Appendix M says what a CSR for the SMKI and the IKI holds;
of one for the DCCKI that is assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.corpus.defect import Importance, Need, Stage, Verdict, defect
from smki_testca.corpus.document_changes import (
    added,
    but,
    with_critical,
    with_extension,
    with_value,
    without,
)
from smki_testca.corpus.parts import (
    ECDSA_NULL,
    ECDSA_SHA384,
    PRINTABLE,
    RSA_NO_PARAMETERS,
    RSA_SHA256,
    SUPPLIER_ID,
    TRUE,
    CsrParts,
    attribute,
    dns,
    extension,
    hardware,
    identifier,
    organisation_subject,
    rdn,
    three_names,
    usages,
)
from smki_testca.corpus.signing_keys import ec_key, rsa_key, spki_from
from smki_testca.der.encode import (
    IA5_STRING,
    NULL,
    bit_string,
    integer,
    octet_string,
    oid,
    sequence,
    set_of,
    text,
    tlv,
)
from smki_testca.der.read import read
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smki_testca.corpus.bases import Base

    Make = Callable[[CsrParts, Base], CsrParts]

REQUESTS = ("organisation-csr", "device-csr", "iki-csr", "dccki-csr")
_SMKI = ("organisation-csr", "device-csr")
_RSA = ("iki-csr", "dccki-csr")
_PORTAL_PAGES = "SEC App. M"
_PORTAL = f"{_PORTAL_PAGES} F, G"
_UNIT = rdn("organizationalUnitName", "02")


def _asked(  # noqa: PLR0913 - a defect is stated in full
    name: str,
    *,
    on: tuple[str, ...],
    title: str,
    finding: str,
    why: str,
    source: str = _PORTAL,
    stage: Stage = Stage.PROFILE,
    rfc: str = "RFC 2986 4.1",
    rfc5280: Verdict = Verdict.ACCEPT,
    importance: Importance = Importance.MEDIUM,
    also: tuple[str, ...] = (),
    facts: Mapping[str, str | None] | None = None,
    basis: Basis = Basis.SPECIFIED,
) -> Callable[[Make], Make]:
    """Declare a defect that SEC Appendix M forbids, unless that is assumed.

    Of a DCCKI CSR, that it does is always assumed. What any library must refuse, a program of this
    field must refuse, too, and that is known as well.
    """

    def declare(make: Make) -> Make:
        of_dccki = (basis, source)
        if rfc5280 is Verdict.REJECT:
            of_dccki = (Basis.SPECIFIED, rfc)
        elif _PORTAL_PAGES in source:
            of_dccki = (Basis.ASSUMED, f"of the SMKI and the IKI: {source}")
        for bases, known, read_in in (
            (tuple(each for each in on if each != "dccki-csr"), basis, source),
            (tuple(each for each in on if each == "dccki-csr"), *of_dccki),
        ):
            if bases:
                defect(
                    name,
                    on=bases,
                    title=title,
                    stage=stage,
                    finding=finding,
                    also=also,
                    rfc5280=rfc5280,
                    source=rfc,
                    gbcs=Verdict.REJECT,
                    gbcs_basis=known,
                    gbcs_source=read_in,
                    why=why,
                    importance=importance,
                    facts=facts,
                )(make)
        return make

    return declare


# Its version, key and signature


@_asked(
    "version",
    on=REQUESTS,
    title="of version 2",
    finding="csr.version",
    why="It is not a CSR of the format that is known: its parts may mean something else.",
    source="SEC App. M F; RFC 2986 4.1",
    rfc="RFC 2986 4.1: the version is 0 for this format; no rule for readers",
    rfc5280=Verdict.EITHER,
    importance=Importance.LOW,
)
def version(it: CsrParts, base: Base) -> CsrParts:
    """INTEGER 2 in place of 0."""
    del base
    return but(it, version=integer(2))


@_asked(
    "key-p384",
    on=_SMKI,
    title="with a key on P-384",
    finding="csr.key",
    why="No Device can use the key: it knows P-256 alone.",
    importance=Importance.HIGH,
)
def key_p384(it: CsrParts, base: Base) -> CsrParts:
    """A key on another curve, which also signs."""
    del base
    key = ec_key("P-384", ec.SECP384R1())
    return but(it, spki=key.spki, signer=key)


@_asked(
    "key-compressed",
    on=_SMKI,
    title="whose point is compressed",
    finding="csr.key",
    why="The certificate would carry the point as it is, and Devices read 65 octets.",
    rfc="RFC 5480 2.2: an implementation MAY support compressed points",
    rfc5280=Verdict.EITHER,
    importance=Importance.MEDIUM,
)
def key_compressed(it: CsrParts, base: Base) -> CsrParts:
    """02 or 03 and 32 octets."""
    del base
    point = it.spki[-65:]
    return but(it, spki=spki_from(bytes((2 + (point[-1] & 1),)) + point[1:33]))


@_asked(
    "key-without-curve",
    on=_SMKI,
    title="whose key has NULL for the name of its curve",
    finding="csr.key",
    why="Which curve the point is on is guessed.",
    rfc="RFC 5480 2.1.1: the curve is named",
    rfc5280=Verdict.REJECT,
)
def key_without_curve(it: CsrParts, base: Base) -> CsrParts:
    """NULL parameters of id-ecPublicKey."""
    del base
    algorithm = sequence(oid("1.2.840.10045.2.1"), tlv(NULL, b""))
    return but(it, spki=sequence(algorithm, bit_string(it.spki[-65:])))


@_asked(
    "key-rsa-without-null",
    on=_RSA,
    title="whose RSA key lacks its NULL parameters",
    finding="csr.key",
    why="The certificate would carry the key as it is, and strict readers refuse it.",
    rfc="RFC 3279 2.3.1: the parameters are NULL; no rule for readers",
    rfc5280=Verdict.EITHER,
    importance=Importance.LOW,
)
def key_rsa_without_null(it: CsrParts, base: Base) -> CsrParts:
    """RsaEncryption without parameters."""
    del base
    bits = read(it.spki)[0].children[1].encoded
    return but(it, spki=sequence(sequence(oid("1.2.840.113549.1.1.1")), bits))


@_asked(
    "by-another-key",
    on=REQUESTS,
    title="that is signed with another key than its own",
    finding="csr.signature",
    why="Who asks does not show that it has the key: it may ask for somebody else's.",
    stage=Stage.SIGNATURE,
    source="SEC App. M 2.3.1.2; RFC 2986 4.2",
    rfc="RFC 2986 4.2",
    rfc5280=Verdict.REJECT,
    importance=Importance.CRITICAL,
)
def by_another_key(it: CsrParts, base: Base) -> CsrParts:
    """The key inside is a stranger's."""
    del base
    return but(it, signer=rsa_key("iki-root-ca") if it.algorithm == RSA_SHA256 else ec_key("other"))


@_asked(
    "key-of-another",
    on=REQUESTS,
    title="for the key of somebody else",
    finding="csr.signature",
    why="Who asks gets a certificate for a key that another has, and claims what that one signed.",
    stage=Stage.SIGNATURE,
    source="SEC App. M 2.3.1.2; RFC 2986 4.2",
    rfc="RFC 2986 4.2",
    rfc5280=Verdict.REJECT,
    importance=Importance.CRITICAL,
)
def key_of_another(it: CsrParts, base: Base) -> CsrParts:
    """The key inside is replaced; the signature is by the key before."""
    del base
    other = rsa_key("iki-root-ca") if it.algorithm == RSA_SHA256 else ec_key("stranger")
    return but(it, spki=other.spki)


@_asked(
    "signature-raw",
    on=_SMKI,
    title="whose signature is r and s side by side",
    finding="csr.signature",
    why="It is the form of a signature elsewhere (IEEE P1363): two readers, two verdicts.",
    stage=Stage.SIGNATURE,
    source="SEC App. M 2.3.1.2; RFC 2986 4.2",
    rfc="RFC 5758 3.2, RFC 3279 2.2.3: Ecdsa-Sig-Value",
    rfc5280=Verdict.REJECT,
)
def signature_raw(it: CsrParts, base: Base) -> CsrParts:
    """64 octets in place of a SEQUENCE of two INTEGERs."""
    del base
    numbers = read(it.signer.sign(it.tbs))[0].children
    raw = b"".join(int.from_bytes(number.content).to_bytes(32) for number in numbers)
    return but(it, signature=raw)


@_asked(
    "algorithm-sha384",
    on=_SMKI,
    title="signed with ecdsa-with-SHA384",
    finding="csr.algorithm",
    why="It is not a CSR of the format that is agreed: the portal refuses it.",
    importance=Importance.LOW,
)
def algorithm_sha384(it: CsrParts, base: Base) -> CsrParts:
    """Signed with SHA-384, and says so."""
    del base
    return but(it, algorithm=ECDSA_SHA384, digest=hashes.SHA384())


@defect(
    "algorithm-parameters-null",
    on=_SMKI,
    title="with NULL parameters after ecdsa-with-SHA256, as mbedTLS 2 writes it",
    stage=Stage.PROFILE,
    finding="csr.algorithm_parameters",
    rfc5280=Verdict.EITHER,
    source="RFC 5758 3.2: the parameters are absent; no rule for readers",
    why="A factory's tool writes it so: who refuses it gets no certificates.",
    importance=Importance.LOW,
)
def algorithm_parameters_null(it: CsrParts, base: Base) -> CsrParts:
    """05 00 after the algorithm's OID."""
    del base
    return but(it, algorithm=ECDSA_NULL)


@defect(
    "algorithm-parameters-none",
    on=_RSA,
    title="without the parameters of sha256WithRSAEncryption",
    stage=Stage.PROFILE,
    finding="csr.algorithm_parameters",
    rfc5280=Verdict.EITHER,
    source="RFC 4055 5: the parameters are NULL; readers take them absent",
    why="A tool writes it so: who refuses it gets no certificates.",
    importance=Importance.LOW,
)
def algorithm_parameters_none(it: CsrParts, base: Base) -> CsrParts:
    """The algorithm's OID alone."""
    del base
    return but(it, algorithm=RSA_NO_PARAMETERS)


# Its attributes and extensions


@_asked(
    "attributes-password",
    on=REQUESTS,
    title="with a challengePassword",
    finding="csr.attributes",
    why="A password travels in clear, and stays in every archive of CSRs.",
    rfc="RFC 2986 4.1, RFC 2985 5.4.1: an attribute that may be there",
)
def attributes_password(it: CsrParts, base: Base) -> CsrParts:
    """A second attribute."""
    del base
    challenge = sequence(oid("1.2.840.113549.1.9.7"), set_of([text(PRINTABLE, "secret")]))
    return but(it, attributes=(challenge,))


@_asked(
    "attributes-windows",
    on=REQUESTS,
    title="with Windows' attributes, as certreq always adds",
    finding="csr.attributes",
    why="The portal refuses it, and its user finds out on the day that the key is needed.",
    importance=Importance.LOW,
)
def attributes_windows(it: CsrParts, base: Base) -> CsrParts:
    """The version of Windows and the client's data."""
    del base
    system = sequence(oid("1.3.6.1.4.1.311.13.2.3"), set_of([text(IA5_STRING, "10.0.26100.2")]))
    client = sequence(oid("1.3.6.1.4.1.311.21.20"), set_of([sequence(integer(9))]))
    return but(it, attributes=(system, client))


@_asked(
    "extension-purpose",
    on=_SMKI,
    title="for an extKeyUsage",
    finding="csr.extension",
    why="A CA that copies what is asked for issues a purpose that no policy has.",
)
def extension_purpose(it: CsrParts, base: Base) -> CsrParts:
    """A critical extKeyUsage of serverAuth."""
    del base
    return added(it, "extKeyUsage", sequence(oid("1.3.6.1.5.5.7.3.1")), critical=True)


@_asked(
    "extension-ca",
    on=REQUESTS,
    title="for the basicConstraints of a CA",
    finding="csr.extension",
    why="A CA that copies what is asked for makes another CA.",
    importance=Importance.CRITICAL,
)
def extension_ca(it: CsrParts, base: Base) -> CsrParts:
    """CA TRUE."""
    del base
    return added(it, "basicConstraints", sequence(TRUE), critical=True)


@_asked(
    "extension-policy",
    on=_SMKI,
    title="for a policy",
    finding="csr.extension",
    why="A CA that copies what is asked for issues a live policy.",
    importance=Importance.HIGH,
)
def extension_policy(it: CsrParts, base: Base) -> CsrParts:
    """CertificatePolicies of another arc."""
    del base
    return added(
        it, "certificatePolicies", sequence(sequence(oid("1.2.826.0.1.99999.1"))), critical=True
    )


@_asked(
    "extension-key-identifier",
    on=REQUESTS,
    title="for a subjectKeyIdentifier, as keytool always asks for",
    finding="csr.extension",
    why="A CA that copies it issues another key identifier than the key's.",
    importance=Importance.LOW,
)
def extension_key_identifier(it: CsrParts, base: Base) -> CsrParts:
    """20 octets of zeros, before everything else."""
    del base
    key_identifier = extension("subjectKeyIdentifier", octet_string(bytes(20)))
    return but(it, extensions={"subjectKeyIdentifier": key_identifier, **it.extensions})


@_asked(
    "extension-twice",
    on=REQUESTS,
    title="for keyUsage twice",
    finding="csr.extension",
    why="Two readers read two usages.",
    rfc="RFC 5280 4.2: a rule for CAs, which goes for certificates",
    rfc5280=Verdict.EITHER,
)
def extension_twice(it: CsrParts, base: Base) -> CsrParts:
    """The same extension again, at the end."""
    del base
    return with_extension(it, "keyUsage again", it.extensions["keyUsage"])


@_asked(
    "key-usage-not-critical",
    on=("organisation-csr",),
    title="whose keyUsage is not critical",
    finding="csr.criticality",
    why="The portal refuses it.",
    source="SEC App. M F",
    importance=Importance.LOW,
)
def key_usage_not_critical(it: CsrParts, base: Base) -> CsrParts:
    """The criticality is left out."""
    del base
    return with_critical(it, "keyUsage", b"")


@_asked(
    "key-usage-two",
    on=("organisation-csr", "device-csr"),
    title="for two usages",
    finding="csr.key_usage",
    why="One key for two usages: a signature may open what key agreement closed.",
    importance=Importance.HIGH,
    facts={"usage": None},
)
def key_usage_two(it: CsrParts, base: Base) -> CsrParts:
    """DigitalSignature and keyAgreement."""
    del base
    return with_value(it, "keyUsage", usages("digitalSignature", "keyAgreement"))


@_asked(
    "key-usage-of-a-ca",
    on=("organisation-csr", "device-csr", "iki-csr"),
    title="for signing certificates",
    finding="csr.key_usage",
    why="A CA that copies what is asked for makes another CA.",
    importance=Importance.CRITICAL,
    facts={"usage": None},
)
def key_usage_of_a_ca(it: CsrParts, base: Base) -> CsrParts:
    """KeyCertSign."""
    del base
    return with_value(it, "keyUsage", usages("keyCertSign"))


@_asked(
    "key-usage-agreement",
    on=("iki-csr",),
    title="for key agreement",
    finding="csr.key_usage",
    why="An RSA key agrees on nothing; the interface wants digitalSignature.",
)
def key_usage_agreement(it: CsrParts, base: Base) -> CsrParts:
    """KeyAgreement in place of digitalSignature."""
    del base
    return with_value(it, "keyUsage", usages("keyAgreement"))


@_asked(
    "without-key-usage",
    on=("device-csr",),
    title="without a keyUsage",
    finding="csr.key_usage",
    why="What the key is for is guessed.",
    facts={"usage": None},
)
def without_key_usage(it: CsrParts, base: Base) -> CsrParts:
    """The extension is left out."""
    del base
    return without(it, "keyUsage")


@_asked(
    "without-key-usage",
    on=("organisation-csr", "iki-csr"),
    title="without a keyUsage, and so without an extensionRequest",
    finding="csr.key_usage",
    also=("csr.attributes",),
    why="What the key is for is guessed.",
    facts={"usage": None},
)
def without_extensions(it: CsrParts, base: Base) -> CsrParts:
    """The only extension is left out, and the attribute that holds it."""
    del base
    return without(it, "keyUsage")


# The subject of an Organisation


_ORGANISATION = ("organisation-csr",)


@_asked(
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


@_asked(
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


@_asked(
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


@_asked(
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


@_asked(
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


@_asked(
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


@_asked(
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


@_asked(
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


@_asked(
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


@_asked(
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
    @_asked(name, on=_ORGANISATION, title=title, finding="csr.role", why=why, importance=importance)
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
    @_asked(
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


# The name of a Device


_DEVICE = ("device-csr",)


@_asked(
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


@_asked(
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


@_asked(
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


@_asked(
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


@_asked(
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


@_asked(
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


@_asked(
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


@_asked(
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


# The subject of an IKI or a DCCKI CSR


@_asked(
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


@_asked(
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


@_asked(
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


# Whose it is: the CSR is right, and who asks may not have what it asks for (docs/refusals.md)


def _refused(
    name: str,
    *,
    on: str,
    title: str,
    rule: str,
    why: str,
    facts: Mapping[str, str | None],
    basis: Basis = Basis.SPECIFIED,
) -> Callable[[Make], Make]:
    """Declare a CSR that the gate refuses to whoever is wanted."""
    stated = defect(
        name,
        on=(on,),
        title=title,
        stage=Stage.USE,
        finding="",
        rfc5280=Verdict.ACCEPT,
        source="RFC 2986 1: whether to issue is the CA's to decide",
        gbcs=Verdict.REJECT,
        gbcs_basis=basis,
        gbcs_source=rule,
        why=why,
        remedy="Ask for what the register says is the participant's.",
        importance=Importance.HIGH,
        needs=(Need.NAMES,),
        facts=facts,
    )

    def declare(make: Make) -> Make:
        stated(make)
        return make

    return declare


@_refused(
    "of-the-sec",
    on="device-csr",
    title="whose Device ID lies under the SEC's Registry Entry",
    rule="SEC Response 2015 ¶33 (R11): the SEC's Registry Entry is never for Devices",
    why="A Device would have the ID of a User, or of the DCC.",
    facts={"eui64": "70B3D51F30010000"},
)
def of_the_sec(it: CsrParts, base: Base) -> CsrParts:
    """70-B3-D5-1F-30-01-00-00 in hwSerialNum."""
    del base
    named = hardware(eui64=bytes.fromhex("70b3d51f30010000"))
    return with_value(it, "subjectAltName", sequence(named))


@_refused(
    "of-another-device",
    on="device-csr",
    title="of another Device than the one that is wanted",
    rule="SEC Response 2015 ¶33 (R11): Device IDs are under the maker's own Registry Entry",
    why="A manufacturer gets a certificate for another's Device.",
    facts={"eui64": "00DB1234567890B7"},
)
def of_another_device(it: CsrParts, base: Base) -> CsrParts:
    """Another Device ID in hwSerialNum."""
    del base
    named = hardware(eui64=bytes.fromhex("00db1234567890b7"))
    return with_value(it, "subjectAltName", sequence(named))


@_refused(
    "of-another-organisation",
    on="organisation-csr",
    title="with the ID of another organisation",
    rule="R12: an ID lies in the range of the organisation that uses it",
    why="An organisation gets a certificate with which it speaks as another.",
    facts={"eui64": "90B3D51F30030000"},
)
def of_another_organisation(it: CsrParts, base: Base) -> CsrParts:
    """Another ID in 2.5.4.45."""
    del base
    return but(it, subject=organisation_subject(eui64=bytes.fromhex("90b3d51f30030000")))


@_refused(
    "of-another-role",
    on="organisation-csr",
    title="for another role than the one that is wanted",
    rule="R13: the Party says which User Role each of its IDs serves",
    why="A supplier gets a certificate of a network operator.",
    facts={"role": "03"},
)
def of_another_role(it: CsrParts, base: Base) -> CsrParts:
    """OU 03 in place of 02."""
    del base
    return but(it, subject=organisation_subject(role="03"))


@_refused(
    "of-another-signifier",
    on="dccki-csr",
    title="with another's Signifier",
    rule="R8: Signifiers identify who set up the TLS of a DCC Gateway Connection; that a CSR with"
    " another's is refused is assumed",
    basis=Basis.ASSUMED,
    why="A Party gets a certificate with which it connects as another.",
    facts={"signifier": "SUP2"},
)
def of_another_signifier(it: CsrParts, base: Base) -> CsrParts:
    """SUP2 in OU."""
    del base
    return but(it, subject=three_names(unit="SUP2", name="gateway.example"))
