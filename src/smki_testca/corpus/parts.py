"""Documents as their parts, each of them DER, so that any one can be changed before signing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from smki_testca.corpus.signing_keys import entropy, key_identifier_of
from smki_testca.der.encode import (
    INTEGER,
    NULL,
    PRINTABLE_STRING,
    UTF8_STRING,
    bit_string,
    boolean,
    integer,
    named_bits,
    octet_string,
    oid,
    sequence,
    set_of,
    text,
    time,
    tlv,
)
from smki_testca.x509.names import ATTRIBUTES, CRL_EXTENSIONS, EXTENSIONS, KEY_USAGE_BITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives import hashes

    from smki_testca.corpus.signing_keys import CorpusSigner

UTF8, PRINTABLE = UTF8_STRING, PRINTABLE_STRING
ECDSA_SHA256 = sequence(oid("1.2.840.10045.4.3.2"))
ECDSA_SHA384 = sequence(oid("1.2.840.10045.4.3.3"))
ECDSA_NULL = sequence(oid("1.2.840.10045.4.3.2"), tlv(NULL, b""))
RSA_SHA256 = sequence(oid("1.2.840.113549.1.1.11"), tlv(NULL, b""))
RSA_NO_PARAMETERS = sequence(oid("1.2.840.113549.1.1.11"))
TRUE, FALSE = boolean(value=True), boolean(value=False)

POLICY = "1.2.826.0.1.8641679.1.2.1.4"
"""The test policy of the Organisation and Device hierarchies (dossier: observed)."""
ANY_POLICY = "2.5.29.32.0"
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"
SUPPLIER_ID = bytes.fromhex("90b3d51f30010000")
DEVICE_ID = bytes.fromhex("00db1234567890a4")


@dataclass(frozen=True)
class Extension:
    """An extension: its OID, its criticality as it is written, its value; DER each."""

    oid: bytes
    critical: bytes
    value: bytes

    @property
    def encoded(self) -> bytes:
        """The whole extension."""
        return sequence(self.oid, self.critical, octet_string(self.value))


def _encoded(extensions: Mapping[str, Extension]) -> bytes:
    return sequence(*(extension.encoded for extension in extensions.values()))


@dataclass(frozen=True)
class CertificateParts:
    """A certificate (RFC 5280 4.1) and the signer of it.

    Attributes:
        profile: the name of the profile that it follows, such as ``device``.
        extensions: by name, in their order.
        outer: the AlgorithmIdentifier outside, where it differs from the one inside.
        digest: the hash algorithm to sign with, where it is not SHA-256.
        signature: the signature's octets in place of the signer's.
    """

    profile: str
    serial: bytes
    issuer: bytes
    validity: bytes
    subject: bytes
    spki: bytes
    extensions: Mapping[str, Extension]
    signer: CorpusSigner = field(repr=False)
    version: bytes = tlv(0xA0, integer(2))
    algorithm: bytes = ECDSA_SHA256
    outer: bytes | None = None
    unique_ids: bytes = b""
    digest: hashes.HashAlgorithm | None = None
    signature: bytes | None = None

    label = "CERTIFICATE"
    """Of its PEM block (RFC 7468)."""

    @property
    def tbs(self) -> bytes:
        """The part that is signed."""
        return sequence(
            self.version,
            self.serial,
            self.algorithm,
            self.issuer,
            self.validity,
            self.subject,
            self.spki,
            self.unique_ids,
            tlv(0xA3, _encoded(self.extensions)),
        )

    @property
    def der(self) -> bytes:
        """The certificate, signed."""
        signature = self.signature
        if signature is None:
            signature = self.signer.sign(self.tbs, self.digest)
        return self.with_tbs(self.tbs, signature)

    def with_tbs(self, tbs: bytes, signature: bytes | None = None) -> bytes:
        """The certificate with any octets as its signed part, signed if no signature is given."""
        if signature is None:
            signature = self.signer.sign(tbs, self.digest)
        return sequence(tbs, self.outer or self.algorithm, bit_string(signature))

    @property
    def key_identifier(self) -> bytes:
        """The subjectKeyIdentifier that it should have."""
        return key_identifier_of(self.spki)

    @property
    def is_self_issued(self) -> bool:
        """Whether it is a root: issuer and subject are the same."""
        return self.issuer == self.subject


@dataclass(frozen=True)
class RevocationListParts:
    """A CRL (RFC 5280 5.1) and the signer of it.

    Attributes:
        profile: the name of the profile that it follows, such as ``organisation-crl``.
        entries: the revoked certificates, DER each; see ``entry``.
        revoked_certificates: any octets in place of the SEQUENCE of entries.
    """

    profile: str
    issuer: bytes
    this_update: bytes
    next_update: bytes
    entries: tuple[bytes, ...]
    extensions: Mapping[str, Extension]
    signer: CorpusSigner = field(repr=False)
    version: bytes = integer(1)
    algorithm: bytes = ECDSA_SHA256
    outer: bytes | None = None
    revoked_certificates: bytes | None = None
    digest: hashes.HashAlgorithm | None = None
    signature: bytes | None = None

    label = "X509 CRL"

    @property
    def tbs(self) -> bytes:
        """The part that is signed."""
        revoked_certificates = self.revoked_certificates
        if revoked_certificates is None:
            revoked_certificates = sequence(*self.entries) if self.entries else b""
        extensions = tlv(0xA0, _encoded(self.extensions)) if self.extensions else b""
        return sequence(
            self.version,
            self.algorithm,
            self.issuer,
            self.this_update,
            self.next_update,
            revoked_certificates,
            extensions,
        )

    @property
    def der(self) -> bytes:
        """The CRL, signed."""
        return self.with_tbs(self.tbs, self.signature)

    def with_tbs(self, tbs: bytes, signature: bytes | None = None) -> bytes:
        """The CRL with any octets as its signed part, signed if no signature is given."""
        if signature is None:
            signature = self.signer.sign(tbs, self.digest)
        return sequence(tbs, self.outer or self.algorithm, bit_string(signature))


@dataclass(frozen=True)
class CsrParts:
    """A CSR (RFC 2986 4.1), signed by its own key.

    Attributes:
        profile: the name of the certificate profile that it asks for, such as ``device``.
        extensions: those that it asks for, by name; no extensionRequest if there is none.
        attributes: its other attributes, DER each.
    """

    profile: str
    subject: bytes
    spki: bytes
    extensions: Mapping[str, Extension]
    signer: CorpusSigner = field(repr=False)
    version: bytes = integer(0)
    attributes: tuple[bytes, ...] = ()
    algorithm: bytes = ECDSA_SHA256
    digest: hashes.HashAlgorithm | None = None
    signature: bytes | None = None

    label = "CERTIFICATE REQUEST"

    @property
    def tbs(self) -> bytes:
        """The part that is signed: the CertificationRequestInfo."""
        request = sequence(oid("1.2.840.113549.1.9.14"), set_of([_encoded(self.extensions)]))
        every = sorted((*([request] if self.extensions else ()), *self.attributes))
        return sequence(self.version, self.subject, self.spki, tlv(0xA0, b"".join(every)))

    @property
    def der(self) -> bytes:
        """The CSR, signed."""
        return self.with_tbs(self.tbs, self.signature)

    def with_tbs(self, tbs: bytes, signature: bytes | None = None) -> bytes:
        """The CSR with any octets as its signed part, signed if no signature is given."""
        if signature is None:
            signature = self.signer.sign(tbs, self.digest)
        return sequence(tbs, self.algorithm, bit_string(signature))


Parts = CertificateParts | RevocationListParts | CsrParts
"""A document of one of the three kinds."""


# Elements


def at(moment: str) -> datetime:
    """An instant, UTC, from its ISO 8601 form."""
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


def serial_of(name: str) -> bytes:
    """A serial number of 16 octets whose first hexadecimal digit is 4 to 7."""
    drawn = entropy(f"serial of {name}").octets(16)
    return tlv(INTEGER, bytes((0x40 | drawn[0] & 0x3F,)) + drawn[1:])


def attribute(name: str, value: str | bytes, tag: int = UTF8) -> bytes:
    """One AttributeTypeAndValue; octets are written as they are."""
    element = value if isinstance(value, bytes) else text(tag, value)
    return sequence(oid(ATTRIBUTES.get(name, name)), element)


def rdn(name: str, value: str | bytes, tag: int = UTF8) -> bytes:
    """A RelativeDistinguishedName of one attribute."""
    return set_of([attribute(name, value, tag)])


def identifier(octets: bytes = SUPPLIER_ID, unused_bits: int = 0) -> bytes:
    """The RDN of x500UniqueIdentifier (2.5.4.45), which holds an Entity Identifier."""
    return rdn("x500UniqueIdentifier", bit_string(octets, unused_bits))


def organisation_subject(
    name: str | None = "Supplier One", role: str = "02", eui64: bytes = SUPPLIER_ID
) -> bytes:
    """The subject of an Organisation Certificate."""
    named = [] if name is None else [rdn("commonName", name)]
    return sequence(*named, rdn("organizationalUnitName", role), identifier(eui64))


def ca_subject(role: str | None, name: str, tag: int = PRINTABLE) -> bytes:
    """The subject of an SMKI CA; ``role`` is its OU, if it has one."""
    unit = [] if role is None else [rdn("organizationalUnitName", role, tag)]
    return sequence(*unit, rdn("commonName", name, tag))


def three_names(first: str = "Supplier One", unit: str = "02", name: str = "adhoc-1") -> bytes:
    """The subject of a DCCKI or IKI certificate: O, OU, CN."""
    return sequence(
        rdn("organizationName", first),
        rdn("organizationalUnitName", unit),
        rdn("commonName", name),
    )


def extension(name: str, value: bytes, *, critical: bool = False) -> Extension:
    """An extension by its name, or its OID."""
    known = {**CRL_EXTENSIONS, **EXTENSIONS}
    return Extension(oid(known.get(name, name)), TRUE if critical else b"", value)


def usages(*bits: str) -> bytes:
    """A keyUsage of these bits, by name."""
    return named_bits(KEY_USAGE_BITS.index(bit) for bit in bits)


def authority_key(octets: bytes) -> bytes:
    """An authorityKeyIdentifier of a keyIdentifier alone."""
    return sequence(tlv(0x80, octets))


def policies(*oids: str) -> bytes:
    """A certificatePolicies without qualifiers."""
    return sequence(*(sequence(oid(policy)) for policy in oids))


def hardware(
    serial: bytes | None = None, hw_type: bytes | None = None, eui64: bytes = DEVICE_ID
) -> bytes:
    """A GeneralName that is a hardwareModuleName (RFC 4108 5).

    Args:
        serial: the element hwSerialNum, in place of the EUI-64.
        hw_type: the element hwType, in place of the usual OID.
        eui64: the Device ID, 8 octets.
    """
    module = sequence(
        oid(HW_TYPE) if hw_type is None else hw_type,
        octet_string(eui64) if serial is None else serial,
    )
    return tlv(0xA0, oid("1.3.6.1.5.5.7.8.4") + tlv(0xA0, module))


def dns(name: bytes) -> bytes:
    """A GeneralName that is a dNSName."""
    return tlv(0x82, name)


def lasting(start: str, end: str) -> bytes:
    """A validity, from and to instants in ISO 8601."""
    return sequence(time(at(start)), time(at(end)))


def fixed_integer(octets: int) -> bytes:
    """A positive INTEGER of so many octets."""
    return tlv(INTEGER, b"\x41" * octets)


def entry(serial: bytes, revoked: bytes | str = "2026-01-15", *extensions: Extension) -> bytes:
    """An entry of a CRL."""
    date = revoked if isinstance(revoked, bytes) else time(at(revoked))
    more = sequence(*(each.encoded for each in extensions)) if extensions else b""
    return sequence(serial, date, more)


def reason(code: int, *, critical: bool = False) -> Extension:
    """A reasonCode (RFC 5280 5.3.1)."""
    return extension("2.5.29.21", tlv(0x0A, bytes((code,))), critical=critical)
