"""Writes the golden corpus: one file for each case, and the CAs that the cases trust.

    python tests/golden/make.py [FOLDER]

Certificates are put together from their parts, so that any part can be broken, and signed with
keys from a fixed seed: every run writes the same octets. README.md tells what a case is.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
import sys
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from smki_testca.der import read
from smki_testca.der.encode import (
    BIT_STRING,
    BOOLEAN,
    GENERALIZED_TIME,
    IA5_STRING,
    INTEGER,
    NULL,
    OID,
    PRINTABLE_STRING,
    SEQUENCE,
    SET,
    UTC_TIME,
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
from smki_testca.entropy import SeededEntropy
from smki_testca.x509.names import (
    ATTRIBUTES,
    CRL_EXTENSIONS,
    EXTENSIONS,
    KEY_PURPOSES,
    KEY_USAGE_BITS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Change = Callable[["Certificate"], "Certificate"]

E, W, N = "error", "warning", "notice"

# Keys


def entropy(name: str) -> SeededEntropy:
    """The stream of octets of this name."""
    return SeededEntropy(f"golden corpus: {name}".encode())


@cache
def ec_key(name: str, curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """The elliptic-curve key of this name; on P-256 by default."""
    number = int.from_bytes(entropy(name).octets(31))
    return ec.derive_private_key(number, curve or ec.SECP256R1())


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """The RSA key of this name, its primes sought in a stream of octets."""
    stream = entropy(name)
    p, q = _prime(stream), _prime(stream)
    d = pow(65537, -1, math.lcm(p - 1, q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p,
        q,
        d,
        rsa.rsa_crt_dmp1(d, p),
        rsa.rsa_crt_dmq1(d, q),
        rsa.rsa_crt_iqmp(p, q),
        rsa.RSAPublicNumbers(65537, p * q),
    )
    return numbers.private_key()


_SMALL_PRIMES = [n for n in range(3, 2000, 2) if all(n % m for m in range(3, n, 2))]


def _prime(stream: SeededEntropy) -> int:
    number = int.from_bytes(stream.octets(128)) | 3 << 1022 | 1
    while True:
        small = any(number % prime == 0 for prime in _SMALL_PRIMES)
        if not small and number % 65537 != 1 and pow(2, number - 1, number) == 1:
            return number
        number += 2


Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def spki_of(key: Key) -> bytes:
    """The SubjectPublicKeyInfo of a key."""
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The uncompressed point of a key."""
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def spki_from(point: bytes, curve: str = "1.2.840.10045.3.1.7") -> bytes:
    """A SubjectPublicKeyInfo of any octets as point."""
    return sequence(sequence(oid("1.2.840.10045.2.1"), oid(curve)), bit_string(point))


def identifier_of(spki: bytes) -> bytes:
    """The key identifier of a key: method (2) of RFC 5280 for a curve, method (1) for RSA."""
    digest = hashlib.sha1(read(spki)[0].children[1].content[1:], usedforsecurity=False).digest()
    if oid("1.2.840.113549.1.1.1") in spki[:32]:
        return digest
    return bytes((0x40 | digest[12] & 0x0F,)) + digest[13:]


# Algorithms

ECDSA_SHA256 = sequence(oid("1.2.840.10045.4.3.2"))
ECDSA_SHA384 = sequence(oid("1.2.840.10045.4.3.3"))
RSA_NO_PARAMETERS = sequence(oid("1.2.840.113549.1.1.11"))
ECDSA_NULL = sequence(oid("1.2.840.10045.4.3.2"), tlv(NULL, b""))
RSA_SHA256 = sequence(oid("1.2.840.113549.1.1.11"), tlv(NULL, b""))


def signed(key: Key, data: bytes, digest: hashes.HashAlgorithm | None = None) -> bytes:
    """A signature that the same key and data always give."""
    digest = digest or hashes.SHA256()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), digest)
    return key.sign(data, ec.ECDSA(digest, deterministic_signing=True))


# Parts

UTF8, PRINTABLE = UTF8_STRING, PRINTABLE_STRING
POLICY = "1.2.826.0.1.8641679.1.2.1.4"
OTHER_POLICY = "2.5.29.32.0"
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"
SUPPLIER_ID = bytes.fromhex("90b3d51f30010000")
DEVICE_ID = bytes.fromhex("00db1234567890a4")


def at(moment: str) -> datetime:
    """An instant from its ISO 8601 form."""
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


def serial_of(name: str) -> bytes:
    """A serial number of 16 octets whose first digit is 4 to 7."""
    drawn = entropy(f"serial of {name}").octets(16)
    return tlv(INTEGER, bytes((0x40 | drawn[0] & 0x3F,)) + drawn[1:])


def attribute(name: str, value: str | bytes, tag: int = UTF8) -> bytes:
    """One AttributeTypeAndValue; octets are written as they are."""
    element = value if isinstance(value, bytes) else text(tag, value)
    return sequence(oid(ATTRIBUTES[name]), element)


def rdn(name: str, value: str | bytes, tag: int = UTF8) -> bytes:
    """A RelativeDistinguishedName of one attribute."""
    return set_of([attribute(name, value, tag)])


def identifier(octets: bytes = SUPPLIER_ID, unused_bits: int = 0) -> bytes:
    """The RDN of 2.5.4.45."""
    return rdn("x500UniqueIdentifier", bit_string(octets, unused_bits))


def organisation_subject(
    name: str | None = "Supplier One", role: str = "02", eui64: bytes = SUPPLIER_ID
) -> bytes:
    """The subject of an Organisation Certificate."""
    named = [] if name is None else [rdn("commonName", name)]
    return sequence(*named, rdn("organizationalUnitName", role), identifier(eui64))


def ca_subject(role: str | None, name: str, tag: int = PRINTABLE) -> bytes:
    """The subject of an SMKI CA."""
    unit = [] if role is None else [rdn("organizationalUnitName", role, tag)]
    return sequence(*unit, rdn("commonName", name, tag))


@dataclass(frozen=True)
class Extension:
    """An extension: its OID, its criticality as it is written, its value."""

    oid: bytes
    critical: bytes
    value: bytes

    @property
    def encoded(self) -> bytes:
        """The whole extension."""
        return sequence(self.oid, self.critical, octet_string(self.value))


TRUE, FALSE = boolean(value=True), boolean(value=False)


def extension(name: str, value: bytes, *, critical: bool = False) -> Extension:
    """An extension by its name, or its OID."""
    return Extension(oid(EXTENSIONS.get(name, name)), TRUE if critical else b"", value)


def usages(*wanted: str) -> bytes:
    """A keyUsage."""
    return named_bits(KEY_USAGE_BITS.index(one) for one in wanted)


def authority_key(octets: bytes) -> bytes:
    """An authorityKeyIdentifier of a keyIdentifier alone."""
    return sequence(tlv(0x80, octets))


def policies(*wanted: str) -> bytes:
    """A certificatePolicies without qualifiers."""
    return sequence(*(sequence(oid(one)) for one in wanted))


def hardware(
    serial: bytes | None = None, hw_type: bytes | None = None, eui64: bytes = DEVICE_ID
) -> bytes:
    """A GeneralName that is a hardwareModuleName; its two parts as they are given."""
    module = sequence(
        oid(HW_TYPE) if hw_type is None else hw_type,
        octet_string(eui64) if serial is None else serial,
    )
    return tlv(0xA0, oid("1.3.6.1.5.5.7.8.4") + tlv(0xA0, module))


def dns(name: bytes) -> bytes:
    """A GeneralName that is a dNSName."""
    return tlv(0x82, name)


URL = tlv(0x86, b"http://test.example/")
STRANGE = {
    "extKeyUsage": sequence(oid(KEY_PURPOSES["clientAuth"])),
    "cRLDistributionPoints": sequence(sequence(tlv(0xA0, tlv(0xA0, URL)))),
    "authorityInfoAccess": sequence(sequence(oid("1.3.6.1.5.5.7.48.1"), URL)),
    "issuerAltName": sequence(dns(b"ca.example")),
}
"""Extensions that no SMKI certificate has, and a value of each."""


@dataclass(frozen=True)
class Certificate:
    """A certificate as its parts, each of them DER, and the key that signs it."""

    kind: str
    serial: bytes
    issuer: bytes
    validity: bytes
    subject: bytes
    spki: bytes
    extensions: dict[str, Extension]
    key: Key
    version: bytes = tlv(0xA0, integer(2))
    algorithm: bytes = ECDSA_SHA256
    outer: bytes | None = None
    unique_ids: bytes = b""
    digest: hashes.HashAlgorithm | None = None

    @property
    def der(self) -> bytes:
        """The certificate, signed."""
        return self.with_signature(signed(self.key, self.tbs, self.digest))

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
            tlv(0xA3, sequence(*(one.encoded for one in self.extensions.values()))),
        )

    def with_signature(self, signature: bytes) -> bytes:
        """The certificate with any octets as its signature."""
        return sequence(self.tbs, self.outer or self.algorithm, bit_string(signature))

    @property
    def key_identifier(self) -> bytes:
        """What its subjectKeyIdentifier should hold."""
        return identifier_of(self.spki)


def but(**parts: Any) -> Change:
    """The change that puts these parts in place of others."""
    return lambda one: replace(one, **parts)


def subject(octets: bytes) -> Change:
    """The change to another subject; a root's issuer follows it."""

    def change(one: Certificate) -> Certificate:
        is_root = one.issuer == one.subject
        return replace(one, subject=octets, issuer=octets if is_root else one.issuer)

    return change


def critical(name: str, octets: bytes) -> Change:
    """The change of an extension's criticality, as it is written."""
    return lambda one: _extended(one, name, replace(one.extensions[name], critical=octets))


def value(name: str, octets: bytes) -> Change:
    """The change of an extension's value."""
    return lambda one: _extended(one, name, replace(one.extensions[name], value=octets))


def without(name: str) -> Change:
    """The change that leaves an extension out."""
    return lambda one: replace(
        one, extensions={key: it for key, it in one.extensions.items() if key != name}
    )


def extended(name: str, octets: bytes, *, critical: bool = False) -> Change:
    """The change that puts an extension at the end."""
    return lambda one: _extended(one, name, extension(name, octets, critical=critical))


def _extended(one: Certificate, name: str, made: Extension) -> Certificate:
    return replace(one, extensions={**one.extensions, name: made})


def reordered(one: Certificate) -> Certificate:
    """The change that puts the first extension last."""
    first, *rest = one.extensions.items()
    return replace(one, extensions=dict([*rest, first]))


def rekeyed(spki: bytes, key: Key | None = None) -> Change:
    """The change to another public key and its key identifier; a root signs with the key."""

    def change(one: Certificate) -> Certificate:
        is_root = one.issuer == one.subject
        changed = value("subjectKeyIdentifier", octet_string(identifier_of(spki)))(one)
        return replace(changed, spki=spki, key=key if is_root and key else one.key)

    return change


def both(*changes: Change) -> Change:
    """Several changes, one after another."""

    def change(one: Certificate) -> Certificate:
        for each in changes:
            one = each(one)
        return one

    return change


def lasting(start: str, end: str) -> bytes:
    """A validity."""
    return sequence(time(at(start)), time(at(end)))


def starting(element: bytes, end: str) -> bytes:
    """A validity whose notBefore is any element."""
    return sequence(element, time(at(end)))


# The good parents

_CA_USAGE = ("keyCertSign", "cRLSign")


def _ca(kind: str, name: bytes, key: Key, years: str, parent: Certificate | None) -> Certificate:
    spki = spki_of(key)
    smki = kind.startswith(("organisation", "device"))
    length = 1 if parent is None else 0
    pointer = (
        {}
        if parent is None
        else {
            "authorityKeyIdentifier": extension(
                "authorityKeyIdentifier", authority_key(parent.key_identifier)
            )
        }
    )
    signer = key if parent is None else KEYS[parent.kind]
    return Certificate(
        kind,
        serial_of(kind),
        name if parent is None else parent.subject,
        lasting("2020-01-01", years),
        name,
        spki,
        {
            "keyUsage": extension("keyUsage", usages(*_CA_USAGE), critical=True),
            "basicConstraints": extension(
                "basicConstraints", sequence(TRUE, integer(length)), critical=True
            ),
            "certificatePolicies": extension(
                "certificatePolicies", policies(POLICY), critical=smki
            ),
            "subjectKeyIdentifier": extension(
                "subjectKeyIdentifier", octet_string(identifier_of(spki))
            ),
            **pointer,
        },
        signer,
        algorithm=ECDSA_SHA256 if smki else RSA_SHA256,
    )


KEYS: dict[str, Key] = {
    **{
        kind: ec_key(kind)
        for kind in (
            "organisation-root-ca",
            "organisation-issuing-ca",
            "device-root-ca",
            "device-issuing-ca",
        )
    },
    **{
        kind: rsa_key(kind)
        for kind in ("dccki-root-ca", "dccki-issuing-ca", "iki-root-ca", "iki-issuing-ca")
    },
}


def _plain_ca(name: str) -> bytes:
    return sequence(rdn("organizationName", "smki-testca"), rdn("commonName", name))


def _pair(hierarchy: str, root_name: bytes, issuing_name: bytes) -> list[Certificate]:
    root_kind, issuing_kind = f"{hierarchy}-root-ca", f"{hierarchy}-issuing-ca"
    root = _ca(root_kind, root_name, KEYS[root_kind], "2069-12-31T23:59:59", None)
    end = "2044-12-31T23:59:59"
    return [root, _ca(issuing_kind, issuing_name, KEYS[issuing_kind], end, root)]


ROOT_OCA, ISSUING_OCA = _pair("organisation", ca_subject("00", "ZA"), ca_subject("07", "Z1"))
ROOT_DCA, ISSUING_DCA = _pair("device", ca_subject(None, "DZ"), ca_subject(None, "DZ1"))
ROOT_DCCKICA, ISSUING_DCCKICA = _pair(
    "dccki", _plain_ca("Root DCCKICA ZAZ1 Test"), _plain_ca("EII DCCKICA ZAZ1 Test")
)
ROOT_ICA, ISSUING_ICA = _pair(
    "iki", _plain_ca("Root ICA ZAZ1 Test"), _plain_ca("Issuing ICA ZAZ1 Test")
)
TRUSTED = [
    ROOT_OCA,
    ISSUING_OCA,
    ROOT_DCA,
    ISSUING_DCA,
    ROOT_DCCKICA,
    ISSUING_DCCKICA,
    ROOT_ICA,
    ISSUING_ICA,
]


def _end_entity(
    kind: str, name: str, parent: Certificate, end: str, subject: bytes, spki: bytes
) -> Certificate:
    smki = kind in {"organisation", "device"}
    return Certificate(
        kind,
        serial_of(name),
        parent.subject,
        lasting("2026-01-01", end),
        subject,
        spki,
        {
            "keyUsage": extension("keyUsage", usages("digitalSignature"), critical=True),
            "subjectKeyIdentifier": extension(
                "subjectKeyIdentifier", octet_string(identifier_of(spki))
            ),
            "certificatePolicies": extension(
                "certificatePolicies", policies(POLICY), critical=smki
            ),
            "authorityKeyIdentifier": extension(
                "authorityKeyIdentifier", authority_key(parent.key_identifier)
            ),
        },
        KEYS[parent.kind],
        algorithm=parent.algorithm,
    )


def organisation(
    name: str = "organisation",
    *,
    subject: bytes | None = None,
    usage: str = "digitalSignature",
    key: str = "",
) -> Certificate:
    """An Organisation Certificate under Z1, and nothing wrong with it."""
    spki = spki_of(ec_key(key or name))
    made = _end_entity(
        "organisation",
        name,
        ISSUING_OCA,
        "2035-12-31T23:59:59",
        organisation_subject() if subject is None else subject,
        spki,
    )
    return value("keyUsage", usages(usage))(made)


def device(
    name: str = "device",
    *,
    eui64: bytes = DEVICE_ID,
    usage: str = "digitalSignature",
    key: str = "",
) -> Certificate:
    """A Device Certificate under DZ1, and nothing wrong with it."""
    end = "9999-12-31T23:59:59"
    made = _end_entity("device", name, ISSUING_DCA, end, sequence(), spki_of(ec_key(key or name)))
    made = value("keyUsage", usages(usage))(made)
    before = dict(made.extensions)
    names = extension("subjectAltName", sequence(hardware(eui64=eui64)), critical=True)
    order = ("keyUsage", "subjectKeyIdentifier", "subjectAltName", "certificatePolicies")
    before["subjectAltName"] = names
    placed = {one: before[one] for one in (*order, "authorityKeyIdentifier")}
    return replace(made, extensions=placed)


def _plain(kind: str, parent: Certificate, end: str, subject: bytes, *purposes: str) -> Certificate:
    made = _end_entity(kind, kind, parent, end, subject, spki_of(rsa_key(kind)))
    before = dict(made.extensions)
    allowed = sequence(*(oid(KEY_PURPOSES[one]) for one in purposes))
    before["extKeyUsage"] = extension("extKeyUsage", allowed)
    order = ["keyUsage", "extKeyUsage"]
    if kind == "dccki":
        before["subjectAltName"] = extension("subjectAltName", sequence(dns(b"gateway.example")))
        order.append("subjectAltName")
    order += ["certificatePolicies", "subjectKeyIdentifier", "authorityKeyIdentifier"]
    return replace(made, extensions={one: before[one] for one in order})


def three_names(first: str = "Supplier One", unit: str = "02", name: str = "adhoc-1") -> bytes:
    """The subject of a DCCKI or IKI certificate."""
    return sequence(
        rdn("organizationName", first),
        rdn("organizationalUnitName", unit),
        rdn("commonName", name),
    )


def dccki() -> Certificate:
    """A DCCKI Infrastructure Certificate, and nothing wrong with it."""
    names = three_names(unit="SUP1", name="gateway.example")
    made = _plain(
        "dccki", ISSUING_DCCKICA, "2027-12-31T23:59:59", names, "clientAuth", "serverAuth"
    )
    return value("keyUsage", usages("digitalSignature", "keyEncipherment"))(made)


def iki() -> Certificate:
    """An IKI Certificate, and nothing wrong with it."""
    return _plain("iki", ISSUING_ICA, "2035-12-31T23:59:59", three_names(), "clientAuth")


ORGANISATION, DEVICE, DCCKI, IKI = organisation(), device(), dccki(), iki()
GOOD = {one.kind: one for one in (*TRUSTED, ORGANISATION, DEVICE, DCCKI, IKI)}
CA_NAMES = {
    "organisation-root-ca": "ZA",
    "organisation-issuing-ca": "Z1",
    "device-root-ca": "DZ",
    "device-issuing-ca": "DZ1",
}
TITLES = {
    "organisation-root-ca": "A Root OCA Certificate",
    "organisation-issuing-ca": "An Issuing OCA Certificate",
    "organisation": "An Organisation Certificate",
    "device-root-ca": "A Root DCA Certificate",
    "device-issuing-ca": "An Issuing DCA Certificate",
    "device": "A Device Certificate",
    "dccki-root-ca": "A Root DCCKICA Certificate",
    "dccki-issuing-ca": "An Issuing DCCKICA Certificate",
    "dccki": "A DCCKI Infrastructure Certificate",
    "iki-root-ca": "A Root ICA Certificate",
    "iki-issuing-ca": "An Issuing ICA Certificate",
    "iki": "An IKI Certificate",
}

# Cases

CASES: dict[str, bytes] = {}


def pem(der: bytes, label: str = "CERTIFICATE") -> bytes:
    """A PEM block of any octets."""
    lines = base64.encodebytes(der).decode("ascii").replace("\n", "")
    broken = "\n".join(lines[n : n + 64] for n in range(0, len(lines), 64))
    return f"-----BEGIN {label}-----\n{broken}\n-----END {label}-----\n".encode()


def case(
    name: str,
    about: str,
    expects: Iterable[str],
    *documents: Certificate | bytes,
    octets: bytes | None = None,
    **heads: str,
) -> None:
    """Write down a case.

    Args:
        name: of its file.
        about: what is in it, one line.
        expects: the findings, each ``[INDEX ]CODE SEVERITY``.
        documents: certificates, or PEM blocks.
        octets: of an input that is no PEM, in place of documents.
        heads: the other lines of its head; ``held_to`` is written ``as``.
    """
    if name in CASES:
        raise ValueError(name)
    lines = [f"about: {about}", *(f"expects: {one}" for one in expects)]
    lines += [f"{'as' if key == 'held_to' else key}: {text}" for key, text in heads.items()]
    head = "".join(f"{line}\n" for line in lines).encode()
    if octets is None:
        body = b"".join(pem(one.der) if isinstance(one, Certificate) else one for one in documents)
    else:
        digits = octets.hex()
        rows = [digits[n : n + 64] for n in range(0, len(digits), 64)]
        body = "".join(f"{row}\n" for row in ["hex:", *rows]).encode()
    CASES[name] = head + b"\n" + body


def broken(
    name: str,
    severities: dict[str, str],
    about: str,
    change: Change,
    *,
    code: str = "",
    also: str = "",
) -> None:
    """Write down one case for each kind of certificate, with one change and one finding.

    Args:
        name: ``PATH-ASPECT`` of the row broken; the case is called ``KIND-PATH-ASPECT``.
        severities: by the kind of certificate.
        about: what is wrong, after "A Device Certificate".
        change: what breaks it.
        code: of the finding, if it is not the one that the name tells.
        also: another finding of the same fault.
    """
    path, _, aspect = name.partition("-")
    others = [also] if also else []
    for kind, severity in severities.items():
        case(
            f"{kind}-{name}",
            f"{TITLES[kind]} {about}",
            [f"{code or f'{path}.{aspect}'} {severity}", *others],
            change(GOOD[kind]),
        )


ROOTS = ("organisation-root-ca", "device-root-ca")
ISSUING = ("organisation-issuing-ca", "device-issuing-ca")
CAS, ENDS = (*ROOTS, *ISSUING), ("organisation", "device")
SIX, ISSUED = (*CAS, *ENDS), (*ISSUING, *ENDS)
OCAS, DCAS = ("organisation-root-ca", "organisation-issuing-ca"), ("device-root-ca", ISSUING[1])


def all_of(kinds: Iterable[str], severity: str) -> dict[str, str]:
    """One severity for all these kinds."""
    return dict.fromkeys(kinds, severity)


def each_by_its_basis(kinds: Iterable[str] = SIX) -> dict[str, str]:
    """Warnings where certificates were seen, notices for those that nobody saw."""
    seen = {"organisation-issuing-ca", *ENDS}
    return {kind: W if kind in seen else N for kind in kinds}


def fixed_integer(octets: int) -> bytes:
    """A positive INTEGER of so many octets."""
    return tlv(INTEGER, b"\x41" * octets)


def good_cases() -> None:
    """Certificates of every profile, CSRs and a CRL with nothing wrong."""
    for kind, one in GOOD.items():
        case(f"good-{kind}", f"{TITLES[kind]} as it should be", [], one)
    case(
        "good-organisation-key-agreement",
        "An Organisation Certificate for key agreement, without a common name",
        [],
        organisation("ka", subject=organisation_subject(None), usage="keyAgreement"),
    )
    rtds = value("certificatePolicies", policies("1.2.826.0.1.1800000.1.2.1.4"))(DEVICE)
    case(
        "good-device-rtds",
        "A Device Certificate with the other policy of the environment",
        [],
        rtds,
    )
    case("good-chain", "A Device Certificate and its chain", [], DEVICE, ISSUING_DCA, ROOT_DCA)
    case("good-csr-organisation", "An Organisation CSR", [], ORGANISATION_CSR)
    case("good-csr-device", "A Device CSR", [], DEVICE_CSR)
    case("good-csr-iki", "An IKI CSR", [], IKI_CSR)
    for kind, crl in CRLS.items():
        case(f"good-{kind}", f"{CRL_TITLES[kind]} as it should be", [], crl_pem(crl))
    private = ec_key("organisation").private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    case(
        "good-with-private-key",
        "A certificate with its private key, which is passed over unread",
        [],
        private,
        ORGANISATION,
    )


def row_cases() -> None:
    """Every row of the six SMKI profiles, broken once in each way."""
    errors = all_of(SIX, E)
    broken("version-value", errors, "of version 2", but(version=tlv(0xA0, integer(1))))
    broken("version-missing", errors, "without a version", but(version=b""))
    broken(
        "version-unreadable",
        all_of(ENDS, E),
        "whose version is an OCTET STRING",
        but(version=tlv(0xA0, octet_string(b"\x02"))),
    )
    negative = tlv(INTEGER, b"\x90" + b"\x41" * 15)
    broken("serialNumber-value", errors, "with a negative serial", but(serial=negative))
    broken(
        "serialNumber-octets",
        errors,
        "with a serial of 17 octets",
        but(serial=fixed_integer(17)),
    )
    broken(
        "serialNumber-octets-short",
        all_of(SIX, W),
        "with a serial of 15 octets",
        but(serial=fixed_integer(15)),
        code="serialNumber.octets",
    )
    broken(
        "serialNumber-unreadable",
        all_of(ENDS, E),
        "with a serial of 300 octets",
        but(serial=fixed_integer(300)),
    )
    broken(
        "signature-parameters_null",
        errors,
        "with NULL parameters of ecdsa-with-SHA256",
        but(algorithm=ECDSA_NULL),
    )
    broken(
        "signature-value",
        errors,
        "signed with ecdsa-with-SHA384",
        but(algorithm=ECDSA_SHA384, digest=hashes.SHA384()),
    )
    broken(
        "issuer-name_differs",
        all_of(ISSUED, E),
        "whose issuer is not the subject of its CA",
        lambda one: replace(one, issuer=ca_subject("07", "Z2")),
    )
    broken(
        "issuer-self_signed",
        all_of(ROOTS, E),
        "that names another as issuer",
        but(issuer=ca_subject("00", "ZB")),
    )
    _validity_cases()
    _subject_cases()
    _key_cases()
    _extension_cases()
    unique = bit_string(SUPPLIER_ID)[2:]
    for tag, path in ((0x81, "issuerUniqueID"), (0x82, "subjectUniqueID")):
        broken(
            f"{path}-present",
            all_of(SIX, W),
            f"with an {path}" if tag == 0x81 else f"with a {path}",
            but(unique_ids=tlv(tag, unique)),
        )


def _validity_cases() -> None:
    ends = {"organisation": "2035-12-31", "device": "9999-12-31T23:59:59"}
    for kind in SIX:
        end = ends.get(kind, "2069-12-31" if kind in ROOTS else "2044-12-31")
        generalized = tlv(GENERALIZED_TIME, b"20260101000000Z")
        broken(
            "validity.notBefore-encoding",
            {kind: E},
            "whose notBefore of 2026 is a GeneralizedTime",
            but(validity=starting(generalized, end)),
        )
        broken(
            "validity.notBefore-unreadable",
            {kind: E},
            "whose notBefore is in a thirteenth month",
            but(validity=starting(tlv(UTC_TIME, b"261301000000Z"), end)),
        )
    start = time(at("2026-01-01"))
    severity = {**all_of(CAS, N), "organisation": W, "device": E}
    dated = {kind: one for kind, one in severity.items() if kind not in {*ROOTS, "device"}}
    late = tlv(GENERALIZED_TIME, b"20351231235959Z")
    broken(
        "validity.notAfter-encoding",
        dict.fromkeys(dated, E),
        "whose notAfter of 2035 is a GeneralizedTime",
        but(validity=sequence(start, late)),
    )
    broken(
        "validity.notAfter-unreadable",
        all_of(SIX, E),
        "whose notAfter is on 30 February",
        but(validity=sequence(start, tlv(GENERALIZED_TIME, b"20600230000000Z"))),
    )
    broken(
        "validity.notAfter-missing",
        all_of(SIX, E),
        "without a notAfter",
        but(validity=sequence(start)),
    )
    periods = {**all_of(ROOTS, "2076-01-02"), **all_of(ISSUING, "2051-01-02")}
    for kind, end in {**periods, "organisation": "2036-01-02"}.items():
        broken(
            "validity.notAfter-period",
            {kind: severity[kind]},
            "that lasts a day longer than its kind does",
            but(validity=lasting("2026-01-01", end)),
        )
    broken(
        "validity.notAfter-value",
        {"device": E},
        "that has an expiry",
        but(validity=lasting("2026-01-01", "2036-01-01")),
    )


def _subject_cases() -> None:
    for kind in OCAS:
        role, name = "00" if kind in ROOTS else "07", CA_NAMES[kind]
        unit = rdn("organizationalUnitName", role, PRINTABLE)
        called = rdn("commonName", name, PRINTABLE)
        path = "subject.organizationalUnitName"
        broken("subject-order", {kind: N}, "with CN before OU", subject(sequence(called, unit)))
        broken(
            "subject-unexpected",
            {kind: N},
            "with a country in its subject",
            subject(sequence(rdn("countryName", "GB", PRINTABLE), unit, called)),
        )
        broken(f"{path}-value", {kind: W}, "whose OU is 02", subject(ca_subject("02", name)))
        broken(
            f"{path}-encoding",
            {kind: W},
            "whose OU is a UTF8String",
            subject(sequence(rdn("organizationalUnitName", role), called)),
        )
        broken(f"{path}-missing", {kind: W}, "without OU", subject(sequence(called)))
        broken(
            f"{path}-unreadable",
            {kind: E},
            "whose OU is an INTEGER",
            subject(sequence(rdn("organizationalUnitName", integer(7)), called)),
            code="subject.value_type",
        )
    for kind in CAS:
        role = {"organisation-root-ca": "00", "organisation-issuing-ca": "07"}.get(kind)
        units = [] if role is None else [rdn("organizationalUnitName", role, PRINTABLE)]
        severity = {kind: W if role else N}
        broken(
            "subject.commonName-length",
            severity,
            "whose CN has five characters",
            subject(ca_subject(role, "ZAZ12")),
        )
        broken(
            "subject.commonName-encoding",
            severity,
            "whose CN is a UTF8String",
            subject(sequence(*units, rdn("commonName", CA_NAMES[kind]))),
        )
        broken(
            "subject.commonName-unreadable",
            {kind: E},
            "whose CN is an INTEGER",
            subject(sequence(*units, rdn("commonName", integer(1)))),
            code="subject.value_type",
        )
        if kind != "device-root-ca":  # its issuer would be empty, too
            broken(
                "subject.commonName-missing",
                severity if units else {kind: E},
                "without CN",
                subject(sequence(*units)),
                code="" if units else "subject.empty",
            )
    for kind in DCAS:
        broken(
            "subject-unexpected",
            {kind: N},
            "with an OU",
            subject(ca_subject("07", CA_NAMES[kind])),
        )
    broken(
        "subject-unexpected",
        {"device": E},
        "with a common name",
        subject(sequence(rdn("commonName", "Meter"))),
    )
    _organisation_subject_cases()


def _organisation_subject_cases() -> None:
    kind = "organisation"
    named, unit = rdn("commonName", "Supplier One"), rdn("organizationalUnitName", "02")
    for name, severity, about, octets in (
        ("subject-order", N, "with OU before CN", sequence(unit, named, identifier())),
        (
            "subject-unexpected",
            N,
            "with an organisation name",
            sequence(rdn("organizationName", "Supplier"), named, unit, identifier()),
        ),
        (
            "subject.commonName-length",
            N,
            "whose CN has 17 characters",
            organisation_subject("S" * 17),
        ),
        (
            "subject.commonName-length-most",
            E,
            "whose CN has 65 characters",
            organisation_subject("S" * 65),
        ),
        (
            "subject.commonName-encoding",
            N,
            "whose CN is a PrintableString",
            sequence(rdn("commonName", "Supplier One", PRINTABLE), unit, identifier()),
        ),
        (
            "subject.commonName-unreadable",
            E,
            "whose CN is an INTEGER",
            sequence(rdn("commonName", integer(1)), unit, identifier()),
        ),
        (
            "subject.organizationalUnitName-role",
            E,
            "whose OU is FE, which is no role",
            organisation_subject(role="FE"),
        ),
        (
            "subject.organizationalUnitName-role-space",
            E,
            "whose OU is 02 and a space",
            organisation_subject(role="02 "),
        ),
        (
            "subject.organizationalUnitName-role-underline",
            E,
            "whose OU is 0_2",
            organisation_subject(role="0_2"),
        ),
        (
            "subject.organizationalUnitName-role_of_ca-root",
            E,
            "whose OU is 00, the role of a root",
            organisation_subject(role="00"),
        ),
        (
            "subject.organizationalUnitName-role_of_ca",
            E,
            "whose OU is 07, the role of an Issuing CA",
            organisation_subject(role="07"),
        ),
        (
            "subject.x500UniqueIdentifier-null",
            E,
            "whose identifier is all zeros",
            organisation_subject(eui64=bytes(8)),
        ),
        (
            "subject.x500UniqueIdentifier-null-ones",
            E,
            "whose identifier is all ones",
            organisation_subject(eui64=b"\xff" * 8),
        ),
        (
            "subject.organizationalUnitName-form",
            E,
            "whose OU is 7f, in lower case",
            organisation_subject(role="7f"),
        ),
        (
            "subject.organizationalUnitName-encoding",
            N,
            "whose OU is a PrintableString",
            sequence(named, rdn("organizationalUnitName", "02", PRINTABLE), identifier()),
        ),
        (
            "subject.organizationalUnitName-unreadable",
            E,
            "whose OU is an INTEGER",
            sequence(named, rdn("organizationalUnitName", integer(2)), identifier()),
        ),
        (
            "subject.organizationalUnitName-missing",
            E,
            "without OU",
            sequence(named, identifier()),
        ),
        (
            "subject.x500UniqueIdentifier-octets",
            E,
            "whose identifier has seven octets",
            organisation_subject(eui64=SUPPLIER_ID[:7]),
        ),
        (
            "subject.x500UniqueIdentifier-unused_bits",
            E,
            "whose identifier has four unused bits",
            sequence(named, unit, identifier(SUPPLIER_ID, 4)),
        ),
        (
            "subject.x500UniqueIdentifier-unreadable",
            E,
            "whose identifier is an OCTET STRING",
            sequence(named, unit, rdn("x500UniqueIdentifier", octet_string(SUPPLIER_ID))),
        ),
        (
            "subject.x500UniqueIdentifier-missing",
            E,
            "without an identifier",
            sequence(named, unit),
        ),
        (
            "subject.x500UniqueIdentifier-last",
            E,
            "whose identifier comes before OU",
            sequence(named, identifier(), unit),
        ),
    ):
        path, aspect = name.split("-")[:2]
        code = f"{path}.{'order' if aspect == 'last' else aspect}"
        broken(name, {kind: severity}, about, subject(octets), code=code)


def _key_cases() -> None:
    other = ec_key("P-384", ec.SECP384R1())
    broken(
        "subjectPublicKeyInfo-type",
        all_of(SIX, E),
        "with a key on P-384",
        rekeyed(spki_of(other), other),
    )
    point = b"\x05" + point_of(ec_key("organisation"))[1:]
    broken(
        "subjectPublicKeyInfo-key",
        all_of(SIX, E),
        "whose point begins with 05",
        rekeyed(spki_from(point)),
    )

    _key_form_cases()


def _key_form_cases() -> None:
    key = ec_key("organisation")
    compressed = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    hybrid = bytes((compressed[0] + 4,)) + point_of(key)[1:]
    for form, about, spki in (
        ("compressed", "with a compressed point", spki_from(compressed)),
        ("hybrid", "with a hybrid point", spki_from(hybrid)),
        ("explicit", "with explicit curve parameters", explicit_spki(point_of(key))),
    ):
        broken(
            f"subjectPublicKeyInfo-form-{form}",
            all_of(SIX if form == "compressed" else ENDS, E),
            about,
            rekeyed(spki, key),
            code="subjectPublicKeyInfo.form",
        )
    modulus = (
        rsa_key("iki")
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    )
    broken(
        "subjectPublicKeyInfo-form-rsa",
        {"iki": E},
        "whose RSA key lacks its NULL",
        but(spki=sequence(sequence(oid("1.2.840.113549.1.1.1")), bit_string(modulus))),
        code="subjectPublicKeyInfo.form",
    )


def explicit_spki(point: bytes) -> bytes:
    """A SubjectPublicKeyInfo that spells P-256 out (X9.62 ECParameters, version 1)."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = bytes.fromhex("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b")
    base = bytes.fromhex(
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
    )
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    field = sequence(oid("1.2.840.10045.1.1"), integer(prime))
    curve = sequence(octet_string((prime - 3).to_bytes(32)), octet_string(b))
    numbers = (integer(1), field, curve, octet_string(base), integer(order), integer(1))
    return sequence(sequence(oid("1.2.840.10045.2.1"), sequence(*numbers)), bit_string(point))


def _extension_cases() -> None:
    broken("extensions-order", all_of(SIX, N), "with keyUsage last", reordered)
    unknown = extended("1.2.826.0.1.99999", tlv(NULL, b""))
    broken("extensions-unexpected", all_of(SIX, N), "with an unknown extension", unknown)
    for name, octets in STRANGE.items():
        path = f"extensions.{name}"
        strange = extended(name, octets)
        broken(f"{path}-present", all_of(SIX, W), f"with {name}", strange)
    path, errors = "extensions.keyUsage", all_of(SIX, E)
    broken(
        f"{path}-value",
        all_of(CAS, E),
        "that may not sign CRLs",
        value("keyUsage", usages("keyCertSign")),
    )
    pair = usages("digitalSignature", "keyAgreement")
    broken(f"{path}-value", all_of(ENDS, E), "with two usages", value("keyUsage", pair))
    broken(f"{path}-critical", errors, "whose keyUsage is not critical", critical("keyUsage", b""))
    broken(f"{path}-missing", errors, "without keyUsage", without("keyUsage"))
    broken(
        f"{path}-unreadable",
        errors,
        "whose keyUsage is an INTEGER",
        value("keyUsage", integer(3)),
    )
    _constraint_cases()
    _policy_cases()
    _key_identifier_cases()
    _hardware_cases()


def _constraint_cases() -> None:
    name, path = "basicConstraints", "extensions.basicConstraints"
    errors = all_of(CAS, E)
    broken(f"{path}-critical", errors, f"whose {name} is not critical", critical(name, b""))
    broken(f"{path}-missing", errors, f"without {name}", without(name))
    for kind in CAS:
        length = integer(1 if kind in ROOTS else 0)
        wrong = integer(2 if kind in ROOTS else 1)
        broken(
            f"{path}.cA-missing",
            {kind: E},
            "without cA",
            value(name, sequence(length)),
        )
        broken(
            f"{path}.cA-value",
            {kind: E},
            "whose cA is FALSE",
            value(name, sequence(FALSE, length)),
        )
        severity = {kind: W if kind == "organisation-issuing-ca" else N}
        part = f"{path}.pathLenConstraint"
        broken(
            f"{part}-value", severity, "with another pathLen", value(name, sequence(TRUE, wrong))
        )
        broken(f"{part}-missing", severity, "without pathLen", value(name, sequence(TRUE)))
        broken(
            f"{part}-unreadable",
            severity,
            "with a pathLen of 300 octets",
            value(name, sequence(TRUE, fixed_integer(300))),
        )
    broken(
        f"{path}-ca_false",
        all_of(ENDS, N),
        f"with an empty {name}",
        extended(name, sequence(), critical=True),
    )
    broken(
        f"{path}-present",
        all_of(ENDS, N),
        f"with a {name} of a pathLen alone",
        extended(name, sequence(integer(0)), critical=True),
        also=f"{path}.path_length error",
    )
    broken(
        f"{path}-path_length",
        all_of(ROOTS, E),
        "whose pathLen 0 allows no CA below it",
        value(name, sequence(TRUE, integer(0))),
    )
    broken(
        f"{path}-path_length-negative",
        all_of(ROOTS, E),
        "with a pathLen of -1",
        value(name, sequence(TRUE, tlv(INTEGER, b"\xff"))),
        code=f"{path}.path_length",
    )


def _policy_cases() -> None:
    name, path = "certificatePolicies", "extensions.certificatePolicies"
    errors = all_of(SIX, E)
    broken(f"{path}-critical", errors, f"whose {name} is not critical", critical(name, b""))
    broken(f"{path}-missing", errors, f"without {name}", without(name))
    broken(f"{path}-sole", errors, "with two policies", value(name, policies(POLICY, OTHER_POLICY)))
    practice = sequence(oid("1.3.6.1.5.5.7.2.1"), text(IA5_STRING, "http://test.example/"))
    qualified = sequence(sequence(oid(POLICY), sequence(practice)))
    broken(
        f"{path}-sole-qualifier",
        errors,
        "with a policy qualifier",
        value(name, qualified),
        code=f"{path}.sole",
    )
    part, severities = f"{path}.policyIdentifier", each_by_its_basis()
    broken(f"{part}-policy", severities, "with anyPolicy", value(name, policies(OTHER_POLICY)))
    broken(
        f"{part}-missing",
        errors,
        "with a policy of nothing",
        value(name, sequence(sequence())),
        code="structure.PolicyInformation",
    )
    broken(
        f"{part}-unreadable",
        errors,
        "whose policy is an INTEGER",
        value(name, sequence(sequence(integer(4)))),
        code="structure.PolicyInformation",
    )


def _key_identifier_cases() -> None:
    name, path = "subjectKeyIdentifier", "extensions.subjectKeyIdentifier"
    errors, issued = all_of(SIX, E), all_of(ISSUED, E)
    broken(f"{path}-critical", errors, f"whose {name} is critical", critical(name, TRUE))
    broken(f"{path}-missing", errors, f"without {name}", without(name))
    broken(
        f"{path}-octets",
        errors,
        f"whose {name} has 20 octets",
        value(name, octet_string(b"\x41" * 20)),
    )
    broken(
        f"{path}-value",
        errors,
        f"whose {name} is that of another key",
        value(name, octet_string(b"\x41" * 8)),
    )
    broken(
        f"{path}-unreadable",
        errors,
        f"whose {name} is an INTEGER",
        value(name, integer(4)),
    )
    broken(
        f"{path}-unreadable-bare",
        errors,
        f"whose {name} is 8 octets without their OCTET STRING",
        lambda one: value(name, one.key_identifier)(one),
        code=f"{path}.unreadable",
    )
    name, path = "authorityKeyIdentifier", "extensions.authorityKeyIdentifier"
    broken(f"{path}-critical", issued, f"whose {name} is critical", critical(name, TRUE))
    broken(f"{path}-missing", issued, f"without {name}", without(name))
    for kind in ISSUED:
        one = GOOD[kind]
        pointer = one.extensions[name].value[2:]
        full = sequence(pointer, tlv(0xA1, tlv(0xA4, one.issuer)), tlv(0x82, b"\x41" * 16))
        broken(f"{path}-sole", {kind: E}, f"whose {name} tells a serial", value(name, full))
    part = f"{path}.keyIdentifier"
    broken(
        f"{part}-missing",
        issued,
        "with a serial in its place",
        value(name, sequence(tlv(0x82, b"\x41" * 16))),
    )
    broken(
        f"{part}-octets",
        issued,
        "of 20 octets",
        value(name, authority_key(b"\x41" * 20)),
    )
    broken(f"{part}-value", issued, "of another key", value(name, authority_key(b"\x41" * 8)))
    for kind in ROOTS:
        one = GOOD[kind]
        broken(
            f"{path}-present",
            {kind: N},
            f"with an {name}",
            extended(name, authority_key(one.key_identifier)),
        )


def _hardware_cases() -> None:
    name, path = "subjectAltName", "extensions.subjectAltName"
    kind = {"device": E}
    broken(f"{path}-critical", kind, f"whose {name} is not critical", critical(name, b""))
    broken(f"{path}-missing", kind, f"without {name}", without(name))
    second = sequence(hardware(), dns(b"meter.example"))
    broken(f"{path}-sole", kind, "with a dNSName, too", value(name, second))
    module = f"{path}.hardwareModuleName"
    for part, aspect, about, octets in (
        ("hwType", "missing", "without hwType", hardware(hw_type=b"")),
        ("hwType", "unreadable", "whose hwType is text", hardware(hw_type=text(UTF8, "meter"))),
        ("hwType", "form", "whose hwType is 0.0", hardware(hw_type=oid("0.0"))),
        ("hwSerialNum", "null", "whose ID is all zeros", hardware(eui64=bytes(8))),
        ("hwSerialNum", "null-ones", "whose ID is all ones", hardware(eui64=b"\xff" * 8)),
        ("hwSerialNum", "missing", "without hwSerialNum", hardware(b"")),
        ("hwSerialNum", "octets", "whose ID has six octets", hardware(octet_string(bytes(6)))),
        ("hwSerialNum", "unreadable", "whose ID is text", hardware(text(UTF8, "00db1234"))),
    ):
        broken(
            f"{module}.{part}-{aspect}",
            kind,
            about,
            value(name, sequence(octets)),
            code=f"{module}.{part}.{aspect.split('-')[0]}",
        )
    broken(
        f"{module}.hwType-missing-dns",
        kind,
        "with a dNSName in place of its ID",
        value(name, sequence(dns(b"meter.example"))),
        code=f"{module}.hwType.missing",
    )


def other_profile_cases() -> None:
    """The rows that only DCCKI and IKI profiles have."""
    name, path = "extKeyUsage", "extensions.extKeyUsage"
    both_kinds = all_of(("dccki", "iki"), N)
    broken(f"{path}-critical", both_kinds, f"whose {name} is critical", critical(name, TRUE))
    broken(f"{path}-missing", both_kinds, f"without {name}", without(name))
    broken(
        f"{path}-unreadable",
        all_of(("dccki", "iki"), E),
        f"whose {name} is an INTEGER",
        value(name, integer(2)),
        code="structure.ExtKeyUsageSyntax",
    )
    broken(
        f"{path}-value",
        both_kinds,
        "for e-mail",
        value(name, sequence(oid(KEY_PURPOSES["emailProtection"]))),
    )
    broken(
        "extensions.subjectAltName.dNSName-form",
        {"dccki": E},
        "whose host name holds a space",
        value("subjectAltName", sequence(dns(b"gate way.example"))),
    )
    path = "subject.organizationName"
    unit, named = rdn("organizationalUnitName", "02"), rdn("commonName", "adhoc-1")
    broken(f"{path}-missing", {"iki": E}, "without O", subject(sequence(unit, named)))
    for aspect, about, octets in (
        ("encoding", "whose O is a PrintableString", text(PRINTABLE, "Supplier One")),
        ("length", "whose O has 65 characters", text(UTF8, "S" * 65)),
        ("unreadable", "whose O is an INTEGER", integer(1)),
    ):
        names = sequence(rdn("organizationName", octets), unit, named)
        broken(f"{path}-{aspect}", {"iki": E}, about, subject(names))
    for kind, called in (
        ("dccki-issuing-ca", "EII DCCKICA ZAZ1 Test"),
        ("iki-issuing-ca", "Issuing ICA ZAZ1 Test"),
    ):
        names = sequence(rdn("organizationName", "Somebody"), rdn("commonName", called))
        broken(f"{path}-value", {kind: N}, "with another maker", subject(names))
    path = "subject.organizationalUnitName"
    broken(
        f"{path}-length",
        {"dccki": E},
        "whose Signifier has 65 characters",
        subject(three_names(unit="S" * 65, name="gateway.example")),
        code="subject.too_long",
    )
    for aspect, role in (
        ("role", "FE"),
        ("role_decimal", "137"),
        ("role_of_ca", "07"),
        ("form", "7f"),
    ):
        broken(
            f"{path}-{aspect}", {"iki": E}, f"whose OU is {role}", subject(three_names(unit=role))
        )
    broken(
        "extensions.keyUsage-value",
        {"dccki": N, "iki": E},
        "for key agreement",
        value("keyUsage", usages("keyAgreement")),
    )
    p256 = spki_of(ec_key("iki"))
    hashed = hashlib.sha1(point_of(ec_key("iki")), usedforsecurity=False).digest()
    broken(
        "subjectPublicKeyInfo-type",
        all_of(("dccki", "iki"), E),
        "with a key on P-256",
        both(but(spki=p256), value("subjectKeyIdentifier", octet_string(hashed))),
    )
    broken(
        "serialNumber-octets",
        all_of(("dccki", "iki-issuing-ca"), E),
        "with a serial of 21 octets",
        but(serial=fixed_integer(21)),
    )


def contingency_key_cases() -> None:
    """The wrapped contingency key of a root, with its parts and without."""
    name, kind = "wrappedApexContinKey", "organisation-root-ca"
    path, wrapped = f"extensions.{name}", octet_string(bytes(range(104)))
    algorithm = sequence(oid("2.16.840.1.101.3.4.1.45"))
    good = sequence(algorithm, wrapped)
    numbered = sequence(sequence(integer(1)), wrapped)
    case("good-contingency-key", "A root with its key", [], extended(ROOTED, good)(ROOT_OCA))
    first = {"first": extension(ROOTED, good), **ROOT_OCA.extensions}
    about = "A root with its key before everything else"
    case("good-contingency-key-first", about, [], replace(ROOT_OCA, extensions=first))
    for part, aspect, about, octets in (
        ("wrapAlgorithm", "missing", "without its algorithm", sequence(wrapped)),
        ("wrapAlgorithm", "unreadable", "whose algorithm is a number", numbered),
        ("wrappedContinPubKey", "missing", "without the wrapped key", sequence(algorithm)),
        (
            "wrappedContinPubKey",
            "unreadable",
            "of no octets",
            sequence(algorithm, octet_string(b"")),
        ),
    ):
        broken(
            f"{path}.{part}-{aspect}",
            {kind: E},
            f"with a contingency key {about}",
            extended(ROOTED, octets),
            also="" if octets != numbered else "structure.AlgorithmIdentifier error",
        )
    case(
        "structure-ApexContingencyKey",
        "A Root OCA Certificate with a third element in its contingency key",
        ["structure.ApexContingencyKey error"],
        extended(ROOTED, sequence(algorithm, wrapped, MORE))(ROOT_OCA),
    )
    case(
        f"{kind}-{path}-critical",
        "A Root OCA Certificate whose contingency key is critical",
        [f"{path}.critical notice", "extensions.unknown_critical error"],
        extended(ROOTED, good, critical=True)(ROOT_OCA),
    )
    case(
        f"organisation-{path}-unexpected",
        "An Organisation Certificate with a contingency key",
        ["extensions.unexpected notice"],
        extended(ROOTED, good)(ORGANISATION),
    )


ROOTED = "1.3.6.1.5.5.7.1.20"


def name_cases() -> None:
    """The rules for the attributes of a subject."""
    parts = set_of([attribute("organizationalUnitName", "02"), _IDENTIFIED])
    for name, code, about, octets in (
        ("empty-attribute", "empty_attribute error", "an empty CN", organisation_subject("")),
        ("spaces", "empty_attribute error", "a CN of spaces", organisation_subject("   ")),
        ("no-break", "empty_attribute error", "a CN of U+00A0", organisation_subject("\xa0")),
        ("no-character", "characters error", "U+FFFF in it", organisation_subject("A\uffffB")),
        ("private", "characters error", "U+E000 in its CN", organisation_subject("One\ue000")),
        ("nul", "characters error", "NUL in its CN", organisation_subject("One\0Two")),
        ("control", "characters error", "a line break in its CN", organisation_subject("One\nTwo")),
        (
            "direction",
            "characters error",
            "a CN that is read from right to left",
            organisation_subject("One\u202eowT"),
        ),
        ("multi-valued", "multi_valued warning", "OU and identifier in one RDN", sequence(parts)),
    ):
        case(
            f"subject-{name}",
            f"An Organisation Certificate with {about}",
            [f"subject.{code}"],
            organisation(subject=octets),
        )
    case(
        "role-holder",
        "A supplier's identifier with the role of recovery, which the DCC alone holds",
        ["role.holder notice"],
        organisation(subject=organisation_subject(None, "01")),
    )
    recovery = bytes.fromhex("90b3d51f30000001")
    case(
        "role-usage",
        "A key agreement certificate of recovery, which only signs",
        ["role.usage notice"],
        organisation(
            subject=organisation_subject(None, "01", recovery), usage="keyAgreement", key="ka"
        ),
    )


_IDENTIFIED = attribute("x500UniqueIdentifier", bit_string(SUPPLIER_ID))


def other_pki_cases() -> None:
    """Certificates that belong to none of the PKIs, and some that do, however broken."""
    site = sequence(rdn("commonName", "www.example"))
    maker = sequence(rdn("organizationName", "Maker"), rdn("commonName", "Maker Root R1"))
    signer = rsa_key("somebody else's CA")
    identifier_of_signer = authority_key(identifier_of(spki_of(signer)))
    web = replace(
        DCCKI,
        issuer=maker,
        subject=site,
        key=signer,
        extensions={
            **DCCKI.extensions,
            "certificatePolicies": extension("certificatePolicies", policies("2.23.140.1.2.1")),
            "authorityKeyIdentifier": extension("authorityKeyIdentifier", identifier_of_signer),
        },
    )
    root = replace(
        both(rekeyed(spki_of(signer), signer))(GOOD["dccki-root-ca"]),
        issuer=maker,
        subject=maker,
        key=signer,
    )
    root = without("certificatePolicies")(root)
    attestation = without("certificatePolicies")(without("subjectAltName")(DEVICE))
    attestation = replace(
        attestation,
        issuer=sequence(rdn("commonName", "Attestation PAI"), _MATTER),
        subject=sequence(rdn("commonName", "Lamp"), _MATTER),
        key=ec_key("somebody else's CA"),
        extensions={
            **attestation.extensions,
            "subjectKeyIdentifier": extension("subjectKeyIdentifier", octet_string(bytes(20))),
            "authorityKeyIdentifier": extension("authorityKeyIdentifier", authority_key(bytes(20))),
        },
    )
    named = extension("subjectAltName", sequence(hardware(octet_string(b"SN-000123-4567"))))
    module = replace(attestation, extensions={**attestation.extensions, "subjectAltName": named})
    padded = extension("keyUsage", tlv(BIT_STRING, b"\x00\x80"), critical=True)
    no_der = replace(web, extensions={**web.extensions, "keyUsage": padded})
    for name, about, one in (
        ("web", "A web site's certificate", web),
        ("ber", "A web site's certificate, its keyUsage no DER: one finding", no_der),
        ("root", "The root of another PKI", root),
        ("attestation", "The certificate of a lamp", attestation),
        ("module", "A hardware module that is no Device", module),
    ):
        case(f"other-pki-{name}", about, ["certificate.other_pki error"], one)
    case("other-pki-given", "One of each, told of once each", _TWICE, web, attestation)
    strange = sequence(rdn("commonName", "My Own CA"))
    unknown = ["issuer.unknown notice"]
    empty = "subject.organizationalUnitName.missing error"
    case(
        "recognised-empty-subject",
        "An Organisation Certificate with an empty subject, issued by nobody known",
        [empty, "subject.x500UniqueIdentifier.missing error", *unknown],
        replace(ORGANISATION, subject=sequence(), issuer=strange),
        trust="none",
    )
    other = value("certificatePolicies", policies(OTHER_POLICY))
    case(
        "recognised-by-its-identifier",
        "An Organisation Certificate of unknown CA and policy",
        [*unknown, "eui64.look_alike notice"],
        replace(other(ORGANISATION), issuer=strange),
        trust="none",
        environment="none",
    )
    case(
        "recognised-by-its-habits",
        "A Device Certificate of unknown CA and policy, without its ID",
        ["extensions.subjectAltName.missing error", *unknown],
        without("subjectAltName")(replace(other(DEVICE), issuer=strange)),
        trust="none",
        environment="none",
    )
    case(
        "recognised-by-its-issuer",
        "A certificate of no known name, policy or ID, but by the key of DZ1",
        _OF_ISSUER,
        replace(without("certificatePolicies")(without("subjectAltName")(DEVICE)), issuer=strange),
    )


_MATTER = set_of([sequence(oid("1.3.6.1.4.1.37244.2.1"), text(UTF8, "FFF1"))])
_TWICE = ["0 certificate.other_pki error", "1 certificate.other_pki error"]
_OF_ISSUER = [
    "extensions.certificatePolicies.missing error",
    "extensions.subjectAltName.missing error",
    "issuer.name_differs error",
]


# Signatures with a shape


def _with_short_number() -> tuple[Certificate, bytes]:
    """A certificate whose signature begins with a number of 31 octets at most."""
    for attempt in count():
        one = organisation(f"padded {attempt}")
        signature = signed(one.key, one.tbs)
        r = int.from_bytes(signature[4 : 4 + signature[3]])
        if r >> 247 == 0:
            return one, signature
    raise AssertionError


def _padded(signature: bytes) -> bytes:
    """An ECDSA signature with each INTEGER of fewer than 32 octets filled up with zeros."""
    start, numbers = 2, []
    while start < len(signature):
        length = signature[start + 1]
        number = signature[start + 2 : start + 2 + length]
        numbers.append(tlv(INTEGER, number.rjust(32, b"\x00")))
        start += 2 + length
    return sequence(*numbers)


def published_cases() -> None:
    """The defects of published certificates, O1 to O18, made with our own keys."""
    one, signature = _with_short_number()
    case(
        "o01-signature-padded",
        "A signature whose INTEGERs are padded to 32 octets: BER, though valid",
        ["signature.integer_padded error"],
        pem(one.with_signature(_padded(signature))),
    )
    case(
        "o02-null-parameters",
        "ecdsa-with-SHA256 with NULL parameters, inside and outside",
        ["signature.parameters_null error"],
        but(algorithm=ECDSA_NULL)(ORGANISATION),
    )
    names_another = both(
        but(
            issuer=ca_subject("07", "Z1", UTF8),
            key=ec_key("organisation"),
            validity=lasting("2026-01-01", "2126-01-01"),
        ),
        without("authorityKeyIdentifier"),
    )
    case(
        "o03-self-signed",
        "Names Z1 as issuer, as UTF8String, but is self-signed; no AKI; 100 years",
        ["issuer.self_signed error", "validity.notAfter.period warning"],
        names_another(ORGANISATION),
    )
    case(
        "o03-issuer-utf8string",
        "Issuer as UTF8String where the CA's subject is PrintableString",
        ["issuer.octets_differ warning"],
        but(issuer=ca_subject("07", "Z1", UTF8))(ORGANISATION),
    )
    case(
        "o04-role-decimal",
        "OU holds the role in decimal, 137 for 89",
        ["subject.organizationalUnitName.role_decimal error"],
        organisation(subject=organisation_subject(role="137")),
    )
    pointer = extension("authorityKeyIdentifier", authority_key(ORGANISATION.key_identifier))
    unlawful = both(
        but(issuer=ORGANISATION.subject, key=ec_key("organisation")),
        without("subjectKeyIdentifier"),
        lambda it: _extended(it, "authorityKeyIdentifier", pointer),
    )
    case(
        "o05-issued-by-end-entity",
        "A Device Certificate signed by an Organisation key; no SKI",
        [
            "1 issuer.not_a_ca error",
            "1 extensions.subjectKeyIdentifier.missing error",
        ],
        ORGANISATION,
        unlawful(DEVICE),
    )
    flipped = bytearray(ISSUING_OCA.der)
    flipped[-1] ^= 1
    case(
        "o06-signature-bit",
        "One bit of the signature of an Issuing OCA Certificate changed",
        ["signature.invalid error"],
        pem(bytes(flipped)),
    )
    right, wrong = usages("digitalSignature"), usages("nonRepudiation")
    case(
        "o07-non-repudiation",
        "keyUsage of a Device Certificate changed to nonRepudiation afterwards",
        ["extensions.keyUsage.value error", "signature.invalid error"],
        pem(DEVICE.der.replace(octet_string(right), octet_string(wrong))),
    )
    stranger = both(
        but(issuer=ca_subject(None, "E357"), key=ec_key("stranger")),
        value("authorityKeyIdentifier", authority_key(identifier_of(spki_of(ec_key("stranger"))))),
    )
    case(
        "o08-issuer-unknown",
        "Right in itself, but its issuer is not at hand",
        ["issuer.unknown notice"],
        stranger(DEVICE),
    )
    renewed = but(serial=serial_of("renewed"), validity=lasting("2026-06-01", "2036-01-01"))
    case(
        "o09-renewal-same-key",
        "A renewal with the same key: nothing wrong, only told",
        ["1 set.renewal_same_key notice"],
        ORGANISATION,
        renewed(ORGANISATION),
    )
    case(
        "o10-expired",
        "Ran out in October 2025",
        ["validity.expired warning"],
        but(validity=lasting("2015-10-30", "2025-10-29T23:59:59"))(ORGANISATION),
    )
    case(
        "o11-key-agreement-pair",
        "Two key agreement certificates of one subject, ordinary and prepayment",
        ["1 set.key_agreement_pair notice"],
        organisation("ordinary", usage="keyAgreement"),
        organisation("prepayment", usage="keyAgreement"),
    )
    case(
        "o12-ca-false",
        "basicConstraints with CA:FALSE in an end entity: tolerated",
        ["extensions.basicConstraints.ca_false notice"],
        extended("basicConstraints", sequence(), critical=True)(DEVICE),
    )
    case(
        "o13-policies-not-critical",
        "certificatePolicies of a Device Certificate not critical",
        ["extensions.certificatePolicies.critical error"],
        critical("certificatePolicies", b"")(DEVICE),
    )
    case(
        "o14-serial-leading-zero",
        "A serial that begins with a zero digit, 0f48…",
        ["serial.leading_zero_nibble notice"],
        but(serial=tlv(INTEGER, b"\x0f\x48" + b"\x41" * 14))(ORGANISATION),
    )
    case(
        "o15-typo",
        "A frozen slip of spelling in CN",
        ["subject.commonName.typo notice"],
        organisation(subject=organisation_subject("Elec Distributer", "03")),
    )
    case(
        "o16-decimal-counting",
        "IDs counted in decimal: …09 is followed by …10",
        ["1 set.decimal_counting notice"],
        *(
            organisation(name, subject=organisation_subject(eui64=SUPPLIER_ID[:7] + last))
            for name, last in (("ninth", b"\x09"), ("tenth", b"\x10"))
        ),
    )
    case(
        "o17-look-alike",
        "An ID under 90-B3-D5-1F-3 where 70-B3-D5-1F-3 is meant",
        ["eui64.look_alike notice"],
        ORGANISATION,
        environment="UIT-A",
    )
    unit, named = rdn("organizationalUnitName", "02"), rdn("commonName", "Supplier One")
    for name, about, code, names in (
        ("not-last", "comes before OU", "order", sequence(named, identifier(), unit)),
        ("missing", "is missing", "missing", sequence(named, unit)),
        ("octets", "has nine octets", "octets", organisation_subject(eui64=SUPPLIER_ID + b"\x01")),
        (
            "unused-bits",
            "has unused bits",
            "unused_bits",
            sequence(named, unit, identifier(SUPPLIER_ID, 4)),
        ),
    ):
        case(
            f"o18-identifier-{name}",
            f"2.5.4.45 {about}",
            [f"subject.x500UniqueIdentifier.{code} error"],
            organisation(subject=names),
        )


def indefinite(der: bytes) -> bytes:
    """A long element with an indefinite length in place of its own."""
    return der[:1] + b"\x80" + der[4:] + b"\x00\x00"


def reader_cases() -> None:
    """Malformed input that some readers accept and others do not."""
    case(
        "reader-trailing-byte",
        "An octet follows the certificate",
        ["der.trailing_octets error"],
        pem(DEVICE.der + b"\x00"),
    )
    case(
        "reader-ber-true",
        "TRUE written as 01",
        ["der.boolean error"],
        critical("keyUsage", tlv(BOOLEAN, b"\x01"))(DEVICE),
    )
    case(
        "reader-explicit-critical-false",
        "critical FALSE written out",
        ["der.default_encoded error"],
        critical("subjectKeyIdentifier", FALSE)(DEVICE),
    )
    case(
        "reader-v2-with-extensions",
        "Version 2, with extensions",
        ["version.value error"],
        but(version=tlv(0xA0, integer(1)))(DEVICE),
    )
    case(
        "reader-algorithms-differ",
        "ecdsa-with-SHA256 inside, ecdsa-with-SHA384 outside",
        ["signature.algorithms_differ error"],
        but(outer=ECDSA_SHA384)(DEVICE),
    )
    case(
        "reader-indefinite-length",
        "The outermost length is indefinite",
        ["der.length_indefinite error"],
        pem(indefinite(DEVICE.der)),
    )
    endless = tlv(GENERALIZED_TIME, b"99991231235959")
    case(
        "reader-time-without-z",
        "A GeneralizedTime without Z",
        ["der.time_form error"],
        but(validity=sequence(time(at("2026-01-01")), endless))(DEVICE),
    )
    case(
        "reader-point-prefix",
        "The public point begins with 05",
        ["subjectPublicKeyInfo.key error"],
        rekeyed(spki_from(b"\x05" + point_of(ec_key("device"))[1:]))(DEVICE),
    )


def strict_cases() -> None:
    """Everything that DER forbids, and octets that cannot be read at all."""
    whole = DEVICE.der
    cut = pem(whole[:-10])
    case("der-truncated", "The last ten octets are lost", ["der.truncated error"], cut)
    length = pem(b"\x30\x89" + bytes(9))
    case("der-length", "A length of nine octets", ["der.length error"], length)
    tag = pem(b"\x3f\x81\x00" + bytes(5))
    case("der-tag", "A tag number above 30", ["der.tag error"], tag)
    nested = b""
    for _ in range(40):
        nested = sequence(nested)
    case("der-too-deep", "Forty SEQUENCEs in one another", ["der.too_deep error"], pem(nested))
    case(
        "der-too-many",
        "20,001 elements",
        ["der.too_many error"],
        octets=zipped({"many.der": sequence(tlv(NULL, b"") * 20_001)}),
    )
    two = pem(sequence(sequence(), sequence()))
    case("der-structure", "A SEQUENCE of two elements", ["der.structure error"], two)
    keyless = replace(DEVICE, spki=b"")
    case("der-structure-no-key", "A certificate without a key", ["der.structure error"], keyless)
    serialless = replace(DEVICE, serial=b"")
    case(
        "der-structure-no-serial",
        "A certificate without a serial",
        ["der.structure error"],
        serialless,
    )
    long = whole[:1] + b"\x83\x00" + whole[2:4] + whole[4:]
    case(
        "der-length-not-minimal",
        "The outermost length in one octet more than it needs",
        ["der.length_not_minimal error"],
        pem(long),
    )
    usage = usages("digitalSignature")
    case(
        "der-trailing-octets-wrapped",
        "An octet follows the keyUsage in its OCTET STRING",
        ["der.trailing_octets error"],
        value("keyUsage", usage + b"\x00")(DEVICE),
    )
    case(
        "der-truncated-wrapped",
        "The keyUsage is cut off in its OCTET STRING",
        ["der.truncated error"],
        value("keyUsage", usage[:-1])(DEVICE),
    )
    serial = tlv(INTEGER, b"\x00" + DEVICE.serial[2:])
    case(
        "der-integer-not-minimal",
        "A serial with a zero octet in front",
        ["der.integer_not_minimal error"],
        replace(DEVICE, serial=serial),
    )
    case(
        "der-integer-empty",
        "A serial of no octets",
        ["der.integer_not_minimal error"],
        replace(DEVICE, serial=tlv(INTEGER, b"")),
    )
    modulus = (
        rsa_key("iki")
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    )
    algorithm = sequence(oid("1.2.840.113549.1.1.1"), tlv(NULL, b"\x00"))
    case(
        "der-null",
        "The NULL in an RSA key has content",
        ["der.null error"],
        replace(IKI, spki=sequence(algorithm, bit_string(modulus))),
    )
    arcs = oid(POLICY)[2:]
    case(
        "der-oid",
        "The last arc of the policy begins with 80",
        ["der.oid error"],
        value("certificatePolicies", sequence(sequence(tlv(OID, arcs[:-1] + b"\x80" + arcs[-1:]))))(
            DEVICE
        ),
    )
    case(
        "der-oid-policy-unended",
        "The last arc of the policy never ends",
        ["der.oid error"],
        value("certificatePolicies", sequence(sequence(tlv(OID, arcs + b"\x81"))))(DEVICE),
    )
    case(
        "der-bit-string-named",
        "A keyUsage with trailing zero bits",
        ["der.bit_string error"],
        value("keyUsage", tlv(BIT_STRING, b"\x00\x80"))(DEVICE),
    )
    case(
        "der-bit-string-unused",
        "Unused bits of the subject's identifier are set",
        ["der.bit_string error"],
        organisation(
            subject=sequence(
                rdn("organizationalUnitName", "02"), identifier(SUPPLIER_ID[:7] + b"\x0f", 4)
            )
        ),
    )
    case(
        "der-string",
        "A UTF8String that is no UTF-8",
        ["der.string error"],
        organisation(
            subject=sequence(
                rdn("commonName", tlv(UTF8, b"Supplier \xff")),
                rdn("organizationalUnitName", "02"),
                identifier(),
            )
        ),
    )
    case(
        "der-string-printable",
        "An underscore in a PrintableString",
        ["der.string error"],
        subject(ca_subject("07", "Z_1"))(ISSUING_OCA),
    )
    case(
        "der-time-form",
        "A UTCTime without seconds",
        ["der.time_form error"],
        but(validity=starting(tlv(UTC_TIME, b"2601010000Z"), "9999-12-31T23:59:59"))(DEVICE),
    )
    named = attribute("commonName", "Supplier One")
    unit = attribute("organizationalUnitName", "02")
    case(
        "der-set-order",
        "One RDN of two attributes, the larger first",
        ["der.set_order error", "subject.multi_valued warning"],
        organisation(subject=sequence(tlv(SET, named + unit), identifier())),
    )
    parts = tlv(0x20 | UTF8, text(UTF8, "Supplier ") + text(UTF8, "One"))
    case(
        "der-constructed-string",
        "A common name written in two parts",
        ["der.constructed_string error"],
        organisation(
            subject=sequence(
                rdn("commonName", parts), rdn("organizationalUnitName", "02"), identifier()
            )
        ),
    )
    case(
        "der-default-version",
        "Version 1 written out",
        ["version.value error"],
        but(version=tlv(0xA0, integer(0)))(DEVICE),
    )
    case(
        "der-default-ca-false",
        "cA FALSE written out in an end entity",
        ["der.default_encoded error", "extensions.basicConstraints.ca_false notice"],
        extended("basicConstraints", sequence(FALSE), critical=True)(DEVICE),
    )
    for name in ("certificatePolicies", "subjectAltName", "authorityKeyIdentifier"):
        case(
            f"der-empty-{name}",
            f"{name} is an empty SEQUENCE",
            ["der.empty_sequence error"],
            value(name, sequence())(DEVICE),
        )
    case(
        "der-empty-extensions",
        "The SEQUENCE of extensions is empty",
        ["der.empty_sequence error"],
        replace(DEVICE, extensions={}),
    )
    case(
        "der-empty-issuer",
        "The issuer is an empty SEQUENCE",
        ["der.empty_sequence error"],
        but(issuer=sequence())(DEVICE),
    )


def resigned(one: Certificate, tbs: bytes) -> bytes:
    """A PEM block of a certificate with another TBSCertificate, signed."""
    return pem(signed_document(tbs, one.algorithm, signed(one.key, tbs)))


def signed_document(tbs: bytes, algorithm: bytes, signature: bytes) -> bytes:
    """A signed document of these parts."""
    return sequence(tbs, algorithm, bit_string(signature))


@dataclass(frozen=True)
class LongExtension(Extension):
    """An extension with a NULL after its value."""

    @property
    def encoded(self) -> bytes:
        """The whole extension."""
        return sequence(self.oid, self.critical, octet_string(self.value), tlv(NULL, b""))


MORE = tlv(NULL, b"")


def structure_cases() -> None:
    """Every structure with an element too many, or one of another type."""
    content = read(DEVICE.tbs)[0].content
    extensions = b"".join(one.encoded for one in DEVICE.extensions.values())
    body = content[: -len(tlv(0xA3, sequence(extensions)))]
    usage = DEVICE.extensions["keyUsage"]
    long = LongExtension(usage.oid, usage.critical, usage.value)
    names = read(organisation_subject())[0].content
    unit, called = rdn("organizationalUnitName", "02"), rdn("commonName", "Supplier One")
    attribute_of_three = set_of(
        [sequence(oid(ATTRIBUTES["organizationalUnitName"]), text(UTF8, "02"), MORE)]
    )
    dates = read(DEVICE.validity)[0].content
    pair = tlv(0xA0, integer(2) + integer(2))
    for name, about, made in (
        ("TBSCertificate", "an element after the extensions", sequence(content, MORE)),
        (
            "Extensions",
            "two lists of extensions in [3]",
            sequence(body, tlv(0xA3, sequence(extensions) + sequence(extensions))),
        ),
    ):
        case(
            f"structure-{name}",
            f"A Device Certificate with {about}",
            [f"structure.{name} error"],
            resigned(DEVICE, made),
        )
    algorithm = sequence(oid("1.2.840.10045.4.3.2"), MORE, MORE)
    for name, about, one in (
        ("Version", "with two versions", but(version=pair)(DEVICE)),
        (
            "Validity",
            "with a third time",
            but(validity=sequence(dates, time(at("2040-01-01"))))(DEVICE),
        ),
        (
            "SubjectPublicKeyInfo",
            "with an element after its key",
            but(spki=sequence(read(DEVICE.spki)[0].content, MORE))(DEVICE),
        ),
        ("Extension", "with a fourth element in keyUsage", _extended(DEVICE, "keyUsage", long)),
        ("Name", "with a NULL in its subject", subject(sequence(names, MORE))(ORGANISATION)),
        (
            "RelativeDistinguishedName",
            "with an empty RDN",
            subject(sequence(called, tlv(SET, b""), unit, identifier()))(ORGANISATION),
        ),
        (
            "AttributeTypeAndValue",
            "with a third element in OU",
            subject(sequence(called, attribute_of_three, identifier()))(ORGANISATION),
        ),
    ):
        case(f"structure-{name}", f"A certificate {about}", [f"structure.{name} error"], one)
    case(
        "structure-AlgorithmIdentifier",
        "A Device Certificate whose algorithms have two parameters",
        ["structure.AlgorithmIdentifier error"] * 2,
        but(algorithm=algorithm)(DEVICE),
    )
    _extension_structure_cases()
    _crl_structure_cases()
    _csr_structure_cases()


def _extension_structure_cases() -> None:
    module = sequence(oid(HW_TYPE), octet_string(DEVICE_ID))
    module_name = oid("1.3.6.1.5.5.7.8.4")
    long_module = sequence(oid(HW_TYPE), octet_string(DEVICE_ID), MORE)
    practice = oid("1.3.6.1.5.5.7.2.1")
    host = dns(b"ca.example")
    ours = oid(POLICY)
    for name, extension_name, octets in (
        ("GeneralNames", "subjectAltName", sequence(hardware(), MORE)),
        (
            "OtherName",
            "subjectAltName",
            sequence(tlv(0xA0, module_name + tlv(0xA0, module + module))),
        ),
        (
            "HardwareModuleName",
            "subjectAltName",
            sequence(tlv(0xA0, module_name + tlv(0xA0, long_module))),
        ),
        ("CertificatePolicies", "certificatePolicies", sequence(sequence(ours), MORE)),
        ("PolicyInformation", "certificatePolicies", sequence(sequence(ours, MORE))),
        ("PolicyQualifiers", "certificatePolicies", sequence(sequence(ours, sequence(MORE)))),
        (
            "PolicyQualifierInfo",
            "certificatePolicies",
            sequence(sequence(ours, sequence(sequence(practice, MORE, MORE)))),
        ),
        (
            "AuthorityKeyIdentifier",
            "authorityKeyIdentifier",
            sequence(tlv(0x80, ISSUING_DCA.key_identifier), MORE),
        ),
    ):
        case(
            f"structure-{name}",
            f"A Device Certificate whose {extension_name} has a {name} with an element too many",
            [f"structure.{name} error"],
            value(extension_name, octets)(DEVICE),
        )
    length = sequence(TRUE, integer(0), integer(0))
    case(
        "structure-BasicConstraints",
        "An Issuing DCA Certificate with a third element in basicConstraints",
        ["structure.BasicConstraints error"],
        value("basicConstraints", length)(ISSUING_DCA),
    )
    full = tlv(0xA0, tlv(0xA0, URL))
    for name, extension_name, octets in (
        ("EDIPartyName", "issuerAltName", sequence(tlv(0xA5, MORE))),
        ("CRLDistributionPoints", "cRLDistributionPoints", sequence(MORE)),
        ("DistributionPoint", "cRLDistributionPoints", sequence(sequence(full, MORE))),
        (
            "DistributionPointName",
            "cRLDistributionPoints",
            sequence(sequence(tlv(0xA0, tlv(0xA0, URL) + MORE))),
        ),
        ("FreshestCRL", "freshestCRL", sequence(sequence(full), MORE)),
        ("AuthorityInfoAccessSyntax", "authorityInfoAccess", sequence(MORE)),
        (
            "AccessDescription",
            "authorityInfoAccess",
            sequence(sequence(oid("1.3.6.1.5.5.7.48.1"), URL, MORE)),
        ),
        ("SubjectInfoAccessSyntax", "subjectInfoAccess", sequence(MORE)),
        ("SubjectDirectoryAttributes", "subjectDirectoryAttributes", sequence(MORE)),
        ("PolicyMappings", "policyMappings", sequence(MORE)),
        ("PolicyMapping", "policyMappings", sequence(sequence(ours, ours, ours))),
        ("NameConstraints", "nameConstraints", sequence(tlv(0xA0, sequence(host)), MORE)),
        ("GeneralSubtrees", "nameConstraints", sequence(tlv(0xA0, MORE))),
        ("GeneralSubtree", "nameConstraints", sequence(tlv(0xA0, sequence(host, MORE)))),
        ("PolicyConstraints", "policyConstraints", sequence(tlv(0x80, b"\x00"), MORE)),
        ("InhibitAnyPolicy", "inhibitAnyPolicy", MORE),
    ):
        present = extension_name in STRANGE
        row = f"extensions.{extension_name}.present" if present else "extensions.unexpected"
        case(
            f"structure-{name}",
            f"An Issuing DCA Certificate whose {extension_name} has a broken {name}",
            [f"structure.{name} error", f"{row} {W if present else N}"],
            extended(extension_name, octets, critical=extension_name in LIMITS)(ISSUING_DCA),
        )


def _crl_structure_cases() -> None:
    content = read(read(CRL.der)[0].children[0].encoded)[0].content
    tbs = sequence(content, MORE)
    case(
        "structure-TBSCertList",
        "A CRL with an element after its extensions",
        ["structure.TBSCertList error"],
        pem(signed_document(tbs, CRL.algorithm, signed(CRL.key, tbs)), "X509 CRL"),
    )
    for name, extension_name, octets in (
        ("BaseCRLNumber", "deltaCRLIndicator", MORE),
        (
            "IssuingDistributionPoint",
            "issuingDistributionPoint",
            sequence(tlv(0x82, b"\xff"), MORE),
        ),
    ):
        case(
            f"structure-{name}",
            f"A CRL whose {extension_name} is no {name}",
            [f"structure.{name} error", f"extensions.{extension_name}.present notice"],
            crl_pem(crl_extended(extension_name, octets)(CRL)),
        )
    for name, number, octets, also in (
        ("CRLReason", "2.5.29.21", integer(4), ""),
        (
            "InvalidityDate",
            "2.5.29.24",
            integer(4),
            "revokedCertificates.invalidityDate.present notice",
        ),
    ):
        listed = entry(REVOKED, "2026-11-30", extension(number, octets))
        case(
            f"structure-{name}",
            f"A CRL with an entry whose {name} is an INTEGER",
            [f"structure.{name} error", *([also] if also else [])],
            crl_pem(replace(CRL, entries=(listed,))),
        )


def _csr_structure_cases() -> None:
    names, key = organisation_subject(), REQUESTER
    asked = sequence(ASKED.encoded)
    request = oid("1.2.840.113549.1.9.14")
    info = sequence(integer(0), names, spki_of(key))
    for name, about, attributes, also in (
        (
            "Attributes",
            "with a NULL among its attributes",
            sequence(request, set_of([asked])) + MORE,
            "csr.attributes",
        ),
        (
            "Attribute",
            "with a third element in its extensionRequest",
            sequence(request, set_of([asked]), MORE),
            "",
        ),
        (
            "ExtensionRequest",
            "with two values in its extensionRequest",
            sequence(request, set_of([asked, asked])),
            "",
        ),
    ):
        body = read(info)[0].content + tlv(0xA0, attributes)
        made = signed_document(sequence(body), ECDSA_SHA256, signed(key, sequence(body)))
        case(
            f"structure-{name}",
            f"An Organisation CSR {about}",
            [f"structure.{name} error", *([f"{also} error"] if also else [])],
            pem(made, "CERTIFICATE REQUEST"),
        )
    whole = sequence(read(info)[0].content, tlv(0xA0, sequence(request, set_of([asked]))), MORE)
    case(
        "structure-CertificationRequestInfo",
        "An Organisation CSR with an element after its attributes",
        ["structure.CertificationRequestInfo error"],
        pem(signed_document(whole, ECDSA_SHA256, signed(key, whole)), "CERTIFICATE REQUEST"),
    )
    bare = extension("subjectKeyIdentifier", bytes(8))
    for name, about, extension_asked in (
        ("SubjectKeyIdentifier", "a bare subjectKeyIdentifier", bare),
        ("ExtKeyUsageSyntax", "extKeyUsage as a NULL", extension("extKeyUsage", MORE)),
        ("CRLNumber", "a cRLNumber as a NULL", extension("cRLNumber", MORE)),
    ):
        case(
            f"structure-{name}",
            f"A CSR that asks for {about}",
            [f"structure.{name} error", "csr.extension error"],
            csr(key, names, ASKED, extension_asked),
        )
    case(
        "structure-KeyUsage",
        "A CSR that asks for a keyUsage as an INTEGER",
        ["structure.KeyUsage error", "csr.key_usage error"],
        csr(key, names, extension("keyUsage", integer(3), critical=True)),
    )
    case(
        "csr-signature-padded",
        "A CSR whose signature has a padded INTEGER",
        ["signature.integer_padded error"],
        _with_padded_signature(ORGANISATION_CSR),
    )


def _with_padded_signature(request: bytes) -> bytes:
    der = base64.b64decode(b"".join(request.splitlines()[1:-1]))
    info, algorithm, signature = read(der)[0].children
    numbers = read(signature.content[1:])[0].children
    padded = sequence(*(tlv(INTEGER, b"\x00\x00" + number.content) for number in numbers))
    return pem(signed_document(info.encoded, algorithm.encoded, padded), "CERTIFICATE REQUEST")


LIMITS = {"nameConstraints", "policyConstraints", "inhibitAnyPolicy"}
"""The extensions that RFC 5280 has CAs mark critical."""


def required_cases() -> None:
    """What RFC 5280 requires of certificates whose rows are assumed."""
    names = DCCKI.extensions["subjectAltName"].value
    key = DCCKI.extensions["authorityKeyIdentifier"].value
    constraints = sequence(tlv(0xA0, sequence(dns(b"ca.example"))))
    mapping = sequence(sequence(oid(POLICY), oid("2.5.29.32.0")))
    point = sequence(sequence(tlv(0x81, b"\x01\x06")))
    unexpected = "extensions.unexpected notice"
    for name, about, expects, one in (
        (
            "extensions.certificatePolicies.duplicate",
            "with one policy twice",
            [],
            value("certificatePolicies", policies(POLICY, POLICY))(DCCKI),
        ),
        (
            "extensions.authorityKeyIdentifier.half",
            "whose authorityKeyIdentifier has an issuer and no serial number",
            [],
            value(
                "authorityKeyIdentifier",
                sequence(read(key)[0].children[0].encoded, tlv(0xA1, tlv(0xA4, DCCKI.issuer))),
            )(DCCKI),
        ),
        (
            "extensions.must_not_be_critical",
            "with a critical subjectKeyIdentifier",
            [],
            critical("subjectKeyIdentifier", TRUE)(DCCKI),
        ),
        (
            "extensions.must_be_critical",
            "with nameConstraints that are not critical",
            [unexpected],
            extended("nameConstraints", constraints)(ISSUING_DCA),
        ),
        (
            "extensions.policyMappings.any_policy",
            "that maps a policy to anyPolicy",
            [unexpected],
            extended("policyMappings", mapping)(ISSUING_DCA),
        ),
        (
            "extensions.keyUsage.no_usage",
            "with a keyUsage of no bit",
            [],
            value("keyUsage", tlv(BIT_STRING, b"\x00"))(DCCKI),
        ),
        (
            "extensions.keyUsage.signs_certificates",
            "of an end entity for signing certificates",
            [],
            value("keyUsage", usages("keyCertSign"))(DCCKI),
        ),
        (
            "extensions.general_name",
            "with an iPAddress of three octets",
            [],
            value(
                "subjectAltName",
                sequence(*(one.encoded for one in read(names)[0].children), tlv(0x87, b"\x7f" * 3)),
            )(DCCKI),
        ),
        (
            "extensions.cRLDistributionPoints.reasons_only",
            "with a point of distribution of reasons only",
            [unexpected],
            extended("cRLDistributionPoints", point)(DCCKI),
        ),
        (
            "subject.country",
            "whose country has three letters",
            ["subject.unexpected notice"],
            subject(sequence(rdn("countryName", "GBR", PRINTABLE), read(DCCKI.subject)[0].content))(
                DCCKI
            ),
        ),
    ):
        case(f"required-{name}", f"A certificate {about}", [f"{name} error", *expects], one)


def constraint_cases() -> None:
    """A CA whose constraints are not evaluated."""
    constraints = sequence(tlv(0xA0, sequence(dns(b"other.test"))))
    constrained = both(
        rekeyed(spki_of(ec_key("constrained"))),
        but(serial=serial_of("constrained"), subject=ca_subject("07", "OC")),
        extended("nameConstraints", constraints, critical=True),
    )(ISSUING_OCA)
    below = both(
        but(issuer=constrained.subject, key=ec_key("constrained")),
        value("authorityKeyIdentifier", authority_key(constrained.key_identifier)),
    )(ORGANISATION)
    case(
        "issuer-constraints",
        "An Organisation Certificate below a CA with critical nameConstraints",
        [
            "0 extensions.unexpected notice",
            "1 issuer.constraints_not_evaluated warning",
        ],
        constrained,
        below,
    )


def critical_cases() -> None:
    """Extensions for which RFC 5280 has a reader refuse the document."""
    constraints = sequence(tlv(0xA0, sequence(dns(b"ca.example"))))
    for name, about, code, one in (
        (
            "unsupported",
            "with a critical issuerAltName",
            "extensions.critical_unsupported",
            extended("issuerAltName", STRANGE["issuerAltName"], critical=True)(DEVICE),
        ),
        (
            "nameConstraints",
            "with critical nameConstraints",
            "extensions.only_for_cas",
            extended("nameConstraints", constraints, critical=True)(DEVICE),
        ),
        (
            "cRLNumber",
            "with a critical cRLNumber",
            "extensions.unknown_critical",
            extended("cRLNumber", integer(7), critical=True)(DEVICE),
        ),
        (
            "long-oid",
            "with a critical extension whose OID has 65 octets",
            "extensions.unknown_critical",
            extended(".".join(["1.2", *["3"] * 64]), MORE, critical=True)(DEVICE),
        ),
        (
            "hardware-module",
            "of an organisation with a hardwareModuleName",
            "extensions.subjectAltName.hardware_module",
            extended("subjectAltName", sequence(hardware()), critical=True)(ORGANISATION),
        ),
    ):
        case(f"extensions-critical-{name}", f"A certificate {about}", [f"{code} error"], one)
    for name in ("deltaCRLIndicator", "issuingDistributionPoint"):
        made = crl_extended(name, CRL_STRANGE[name])(CRL)
        case(
            f"crl-critical-{name}",
            f"A CRL with a critical {name}, which no reader has to support",
            ["extensions.critical_unsupported error"],
            crl_pem(crl_critical(name)(made)),
        )


def chain_cases() -> None:
    """Issuers, signatures, validity, names and numbers."""
    raw = signed(DEVICE.key, DEVICE.tbs)
    numbers = raw[4 : 4 + raw[3]][-32:] + raw[-32:]
    case(
        "signature-malformed",
        "r and s side by side, 64 octets",
        ["signature.malformed error"],
        pem(DEVICE.with_signature(numbers)),
    )
    case(
        "signature-invalid-key",
        "Signed by another key than its issuer's",
        ["signature.invalid error"],
        but(key=ec_key("stranger"))(DEVICE),
    )
    case(
        "signature-invalid-root",
        "A root signed by another key than its own",
        ["signature.invalid error"],
        but(key=ec_key("stranger"))(ROOT_OCA),
    )
    case(
        "signature-real-sha384",
        "Signed with SHA-384 and named so outside; SHA-256 inside",
        ["signature.algorithms_differ error"],
        but(outer=ECDSA_SHA384, digest=hashes.SHA384())(DEVICE),
    )
    case(
        "issuer-unknown-untrusted",
        "The same certificate as in good-device, but no CA is at hand",
        ["issuer.unknown notice"],
        DEVICE,
        trust="none",
    )
    case(
        "signature-by-an-unknown-algorithm",
        "Signed by an algorithm that nobody knows, as it says",
        ["signature.value error"],
        but(algorithm=sequence(oid("1.2.3")))(DEVICE),
    )
    case(
        "held-to-another-profile",
        "A Root OCA Certificate held to the profile of issuing CAs",
        [
            "issuer.self_signed error",
            "extensions.basicConstraints.pathLenConstraint.value warning",
            "subject.organizationalUnitName.value warning",
            "validity.notAfter.period notice",
        ],
        ROOT_OCA,
        held_to="organisation-issuing-ca",
    )
    for kind in (*ENDS, "dccki", "iki"):
        case(
            f"{kind}-says-it-is-a-ca",
            f"{TITLES[kind]} with cA TRUE, below pathLen 0",
            ["extensions.basicConstraints.end_entity error"],
            extended("basicConstraints", sequence(TRUE), critical=True)(GOOD[kind]),
        )
        case(
            f"{kind}-says-it-is-an-issuing-ca",
            f"{TITLES[kind]} with the basicConstraints of an issuing CA, but not critical",
            ["extensions.basicConstraints.end_entity error"],
            extended("basicConstraints", sequence(TRUE, integer(0)))(GOOD[kind]),
        )
    spki = spki_of(ec_key("lesser"))
    lesser = both(
        rekeyed(spki),
        value("keyUsage", usages("cRLSign")),
        but(serial=serial_of("lesser"), subject=ca_subject("07", "OB")),
    )(ISSUING_OCA)
    under_lesser = both(
        but(issuer=lesser.subject, key=ec_key("lesser")),
        value("authorityKeyIdentifier", authority_key(lesser.key_identifier)),
    )
    case(
        "issuer-key-usage",
        "Issued by a CA whose keyUsage lacks keyCertSign",
        ["0 extensions.keyUsage.value error", "1 issuer.key_usage error"],
        lesser,
        under_lesser(ORGANISATION),
    )
    misplaced = both(
        but(issuer=ISSUING_OCA.subject, key=KEYS["organisation-issuing-ca"]),
        value("authorityKeyIdentifier", authority_key(ISSUING_OCA.key_identifier)),
    )
    case(
        "issuer-wrong-hierarchy",
        "A Device Certificate issued by the Issuing OCA",
        ["issuer.wrong_hierarchy error"],
        misplaced(DEVICE),
    )
    below = both(
        rekeyed(spki),
        misplaced,
        but(serial=serial_of("below"), subject=ca_subject("07", "OB")),
    )
    case(
        "issuer-path-length",
        "A CA below Z1, whose pathLen is 0",
        ["issuer.path_length error"],
        below(ISSUING_OCA),
    )
    _issuer_cases()
    sub_ca = below(ISSUING_OCA)
    under_sub_ca = both(
        but(issuer=sub_ca.subject, key=ec_key("lesser")),
        value("authorityKeyIdentifier", authority_key(sub_ca.key_identifier)),
    )
    case(
        "issuer-path-length-above",
        "An Organisation Certificate below a CA below Z1, whose pathLen is 0",
        ["0 issuer.path_length error", "1 issuer.path_length error"],
        sub_ca,
        under_sub_ca(ORGANISATION),
    )
    unusable = both(
        rekeyed(spki_from(b"\x05" + point_of(ec_key("lesser"))[1:])),
        but(serial=serial_of("unusable"), subject=ca_subject("07", "OB")),
    )(ISSUING_OCA)
    case(
        "issuer-of-unusable-key",
        "The issuer's key cannot be used, so the signature is unchecked",
        ["0 subjectPublicKeyInfo.key error", "1 issuer.unknown notice"],
        unusable,
        both(
            but(issuer=unusable.subject, key=ec_key("lesser")),
            value("authorityKeyIdentifier", authority_key(unusable.key_identifier)),
        )(ORGANISATION),
    )
    for name, about, finding, start, end in (
        ("order", "Ends before it begins", "order error", "2026-01-01", "2025-01-01"),
        ("expired", "Ran out", "expired warning", "2020-01-01", "2026-11-30"),
        ("future", "Begins next year", "not_yet_valid warning", "2027-01-01", "2036-01-01"),
        ("soon", "Runs out in 90 days", "ends_soon notice", "2020-01-01", "2027-03-01"),
    ):
        case(
            f"validity-{name}",
            about,
            [f"validity.{finding}"],
            but(validity=lasting(start, end))(ORGANISATION),
        )
    case(
        "validity-ten-years-and-a-day",
        "From the beginning of a day to the end of the same day ten years later",
        [],
        but(validity=lasting("2026-01-01", "2036-01-01T23:59:59"))(ORGANISATION),
    )
    long_enough = but(validity=lasting("2020-01-01", "2027-03-02"))
    case("validity-not-soon", "Runs out in 91 days", [], long_enough(ORGANISATION))
    case(
        "validity-at",
        "The same as validity-expired, judged while it was valid",
        [],
        but(validity=lasting("2020-01-01", "2026-11-30"))(ORGANISATION),
        at="2024-06-01T12:00:00Z",
    )
    again = extension("keyUsage", usages("keyAgreement"), critical=True)
    case(
        "extensions-duplicate",
        "Two keyUsages",
        ["extensions.duplicate error"],
        _extended(DEVICE, "keyUsage again", again),
    )
    case(
        "extensions-unknown-critical",
        "A critical extension that nobody knows",
        ["extensions.unknown_critical error"],
        extended("1.2.826.0.1.99999", tlv(NULL, b""), critical=True)(DEVICE),
    )
    twice = sequence(
        rdn("commonName", "Supplier One"),
        rdn("organizationalUnitName", "02"),
        rdn("organizationalUnitName", "03"),
        identifier(),
    )
    case(
        "subject-duplicate",
        "Two OUs",
        ["subject.duplicate warning"],
        organisation(subject=twice),
    )
    case(
        "serial-high-bit",
        "A serial of 16 octets whose first bit is set, so that a zero octet goes before it",
        ["serialNumber.octets error"],
        but(serial=tlv(INTEGER, b"\x00\x8f" + b"\x41" * 15))(ORGANISATION),
    )
    elsewhere = organisation_subject(eui64=DEVICE_ID)
    case(
        "eui64-not-central",
        "An Organisation Certificate with a manufacturer's ID",
        ["eui64.not_central notice"],
        organisation(subject=elsewhere),
    )
    for name, entry in (("assigned", "70"), ("look-alike", "90")):
        case(
            f"device-id-central-{name}",
            f"A Device Certificate with an ID under {entry}-B3-D5-1F-3",
            ["device_id.central error"],
            device(eui64=bytes.fromhex(f"{entry}b3d51f30010000")),
        )
    assigned = organisation_subject(eui64=bytes.fromhex("70b3d51f30010000"))
    case(
        "eui64-assigned",
        "An ID under the SEC's own entry is right in every environment",
        [],
        organisation(subject=assigned),
        environment="none",
    )
    case(
        "policy-without-environment",
        "Any policy will do where no environment is told; the ID then looks alike",
        ["eui64.look_alike notice"],
        value("certificatePolicies", policies(OTHER_POLICY))(ORGANISATION),
        environment="none",
    )


def _issuer_cases() -> None:
    """Issuers that are others than they seem."""
    namesake = rekeyed(spki_of(ec_key("another Z1")))(ISSUING_OCA)
    by_namesake = both(
        but(key=ec_key("another Z1")),
        value("authorityKeyIdentifier", authority_key(namesake.key_identifier)),
    )
    case(
        "issuer-namesake",
        "Issued by a CA called Z1 that is not at hand; another Z1 is",
        ["issuer.unknown notice"],
        by_namesake(ORGANISATION),
    )
    crl_of_namesake = replace(
        CRL,
        key=ec_key("another Z1"),
        extensions={
            **CRL.extensions,
            "authorityKeyIdentifier": extension(
                "authorityKeyIdentifier", authority_key(namesake.key_identifier)
            ),
        },
    )
    case(
        "issuer-namesake-crl",
        "A CRL of a CA called Z1 that is not at hand; another Z1 is",
        ["issuer.unknown notice"],
        crl_pem(crl_of_namesake),
    )
    case(
        "set-namesakes",
        "CRLs of two CAs called Z1 with one number, and their certificates with one serial",
        [
            "1 issuer.unknown notice",
            "3 issuer.unknown notice",
            "3 set.serial_of_another_issuer warning",
        ],
        crl_pem(CRL),
        crl_pem(crl_of_namesake),
        ORGANISATION,
        both(by_namesake, rekeyed(spki_of(ec_key("of a namesake"))))(ORGANISATION),
    )
    case(
        "set-device-of-two-pkis",
        "A Device with a certificate in each of two PKIs",
        ["1 issuer.unknown notice"],
        DEVICE,
        both(by_namesake, but(serial=serial_of("of a namesake")))(device("elsewhere")),
    )
    case(
        "issuer-self-signed-with-aki",
        "Names Z1 and its key identifier, but is signed with its own key",
        ["issuer.self_signed error"],
        but(key=ec_key("organisation"))(ORGANISATION),
    )
    pointer = value("authorityKeyIdentifier", authority_key(ORGANISATION.key_identifier))
    alone = but(issuer=ORGANISATION.subject, key=ec_key("organisation"))
    case(
        "issuer-self-signed-organisation",
        "An Organisation Certificate that names itself as issuer and is signed with its own key",
        ["issuer.self_signed error"],
        both(alone, without("authorityKeyIdentifier"))(ORGANISATION),
    )
    case(
        "issuer-self-signed-organisation-aki",
        "The same with its own key identifier as authorityKeyIdentifier",
        ["issuer.self_signed error"],
        both(alone, pointer)(ORGANISATION),
    )
    own_issuing = but(issuer=ISSUING_OCA.subject, key=KEYS[ISSUING_OCA.kind])
    own_pointer = value("authorityKeyIdentifier", authority_key(ISSUING_OCA.key_identifier))
    for name, change in (("", without("authorityKeyIdentifier")), ("-aki", own_pointer)):
        case(
            f"issuer-self-signed-issuing-ca{name}",
            "An Issuing OCA, OU 07, that is signed with its own key",
            ["issuer.self_signed error"],
            both(own_issuing, change)(ISSUING_OCA),
        )
    for name, code, start, end in (
        ("expired", "expired", "2020-01-01", "2025-01-01"),
        ("not-yet-valid", "not_yet_valid", "2027-01-01", "2040-01-01"),
    ):
        other_time = but(validity=lasting(start, end), serial=serial_of(name))(ISSUING_OCA)
        of_ca = f"validity.{code} warning"
        told = f"issuer.{code} warning"
        case(
            f"issuer-{name}",
            "An Organisation Certificate, below a CA that is not valid",
            [f"0 {told}", f"1 {of_ca}"],
            ORGANISATION,
            other_time,
            ROOT_OCA,
            trust="none",
        )
        case(
            f"issuer-{name}-and-renewed",
            "The same where another certificate of the CA is valid",
            [f"1 {of_ca}", "2 set.renewal_same_key notice"]
            if code == "expired"
            else [f"1 {of_ca}", "1 set.renewal_same_key notice"],
            ORGANISATION,
            other_time,
            ISSUING_OCA,
            ROOT_OCA,
            trust="none",
        )
    for name, one, root, finding in (
        ("organisation", ORGANISATION, ROOT_OCA, "root error"),
        ("device", DEVICE, ROOT_DCA, "root error"),
        ("dccki", DCCKI, ROOT_DCCKICA, "root_assumed warning"),
        ("iki", IKI, ROOT_ICA, "root_assumed warning"),
    ):
        by_root = both(
            but(issuer=root.subject, key=KEYS[root.kind]),
            value("authorityKeyIdentifier", authority_key(root.key_identifier)),
        )
        case(f"issuer-root-{name}", "Issued by the root", [f"issuer.{finding}"], by_root(one))
    case(
        "key-of-its-ca",
        "A Device Certificate with the key of the Issuing DCA",
        ["subjectPublicKeyInfo.of_a_ca error"],
        rekeyed(ISSUING_DCA.spki)(DEVICE),
    )
    case(
        "key-of-another-ca",
        "A Device Certificate with the key of the Issuing OCA",
        ["subjectPublicKeyInfo.of_a_ca error"],
        rekeyed(ISSUING_OCA.spki)(DEVICE),
    )


def set_cases() -> None:
    """Rules over several certificates."""
    _copy_cases()
    _shared_key_cases()
    first = organisation("first")
    second = organisation("second", subject=organisation_subject("Supplier Two"))
    case(
        "set-serial-twice",
        "Two certificates of Z1 with one serial",
        ["1 set.serial_twice error"],
        first,
        replace(second, serial=first.serial),
    )
    case(
        "set-serial-of-another-issuer",
        "A certificate of Z1 and one of DZ1 with one serial",
        ["1 set.serial_of_another_issuer warning"],
        first,
        replace(DEVICE, serial=first.serial),
    )
    case("set-same-certificate-twice", "One certificate twice is no finding", [], first, first)
    ninth, tenth = (
        organisation(name, subject=organisation_subject(eui64=SUPPLIER_ID[:7] + last))
        for name, last in (("ninth", b"\x09"), ("in hexadecimal", b"\x0a"))
    )
    case("set-hexadecimal-counting", "…09 is followed by …0A", [], ninth, tenth)


def _copy_cases() -> None:
    """Copies, which renew nothing and are no evidence against another."""
    flipped = bytearray(ORGANISATION.der)
    flipped[-1] ^= 1
    case(
        "set-broken-copy-first",
        "A certificate of which one bit changed, and the certificate as it was issued",
        ["0 signature.invalid error"],
        pem(bytes(flipped)),
        ORGANISATION,
    )
    later = ORGANISATION.tbs.replace(b"351231235959Z", b"361231235959Z")
    changed = sequence(
        later, ORGANISATION.algorithm, bit_string(signed(ORGANISATION.key, ORGANISATION.tbs))
    )
    case(
        "set-broken-copy-last",
        "A certificate, and a copy of it with a later end",
        ["1 signature.invalid error", "1 validity.notAfter.period warning"],
        ORGANISATION,
        pem(changed),
    )
    case(
        "set-broken-copy-unknown",
        "The same where no CA is at hand: the copies have one serial, and neither renews the other",
        [
            "0 issuer.unknown notice",
            "1 issuer.unknown notice",
            "0 set.serial_twice error",
            "1 validity.notAfter.period warning",
        ],
        ORGANISATION,
        pem(changed),
        trust="none",
    )
    case(
        "set-signed-twice",
        "A certificate signed twice, so that only the signatures differ",
        [],
        ORGANISATION,
        pem(ORGANISATION.with_signature(_other_signature(ORGANISATION))),
    )
    renewed = but(serial=serial_of("renewed"), validity=lasting("2026-06-01", "2036-01-01"))
    case(
        "set-same-key-same-day",
        "Two certificates of one key and subject that begin on one day: neither renews the other",
        ["1 set.renewal_same_key notice"],
        but(serial=serial_of("same day"))(ORGANISATION),
        ORGANISATION,
    )
    case(
        "set-renewal-first",
        "A renewal with the same key before what it renews",
        ["0 set.renewal_same_key notice"],
        renewed(ORGANISATION),
        ORGANISATION,
    )


def _other_signature(one: Certificate) -> bytes:
    """Another signature of the same key: r and the order of the curve less s."""
    r, s = utils.decode_dss_signature(signed(one.key, one.tbs))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    return utils.encode_dss_signature(r, order - s)


def _shared_key_cases() -> None:
    """Keys in several certificates."""
    other = bytes.fromhex("00db1234567890a5")
    agreement = device("agreement", usage="keyAgreement")
    case("set-device-ds-and-ka", "A Device's DS and KA", [], DEVICE, agreement)
    case(
        "set-device-key-shared",
        "One key in two Devices",
        ["1 set.key_of_device_shared warning"],
        DEVICE,
        device("second", eui64=other, key="device"),
    )
    case(
        "set-device-key-of-organisation",
        "One key in a Device and an organisation",
        ["1 set.key_of_device_shared warning"],
        ORGANISATION,
        device("second", eui64=other, key="organisation"),
    )
    case(
        "set-device-one-key",
        "One key for a Device's DS and KA",
        ["1 set.key_of_two_usages warning"],
        DEVICE,
        but(validity=lasting("2026-01-02", "9999-12-31T23:59:59"))(
            device("agreement", usage="keyAgreement", key="device")
        ),
    )
    for usage in ("digitalSignature", "keyAgreement"):
        first, second = device("first", usage=usage), device("again", usage=usage)
        case(
            f"set-device-twice-{usage}",
            f"Two certificates of one Device for {usage}, valid from one moment",
            ["1 set.device_twice warning"],
            second,
            first,
        )
        renewed = but(validity=lasting("2026-01-02", "9999-12-31T23:59:59"))(second)
        for order, pair in (("", (first, renewed)), ("-turned", (renewed, first))):
            case(
                f"set-device-renewed-{usage}{order}",
                f"A Device's certificate for {usage} and a later one with a new key: no finding",
                [],
                *pair,
            )
    case(
        "set-device-renewed-same-key",
        "A Device's certificate renewed with its key: told, not wrong",
        ["1 set.renewal_same_key notice"],
        DEVICE,
        but(
            serial=serial_of("device again"),
            validity=lasting("2026-01-02", "9999-12-31T23:59:59"),
        )(DEVICE),
    )
    supplier_two = organisation_subject("Supplier Two", eui64=SUPPLIER_ID[:7] + b"\x02")
    one, two = organisation("one"), organisation("two", subject=supplier_two, key="one")
    for order, pair in (("", (one, two)), ("-turned", (two, one))):
        two_at = pair.index(two)
        case(
            f"set-organisation-key-shared{order}",
            "One key in the certificates of two EUI-64s",
            [f"{two_at} set.key_of_organisation_shared warning"],
            *pair,
        )
    case(
        "set-organisation-two-keys",
        "Two EUI-64s, and a key for each",
        [],
        one,
        organisation("two", subject=supplier_two),
    )
    _csr_key_cases(other, supplier_two)


def _csr_key_cases(other: bytes, supplier_two: bytes) -> None:
    """Keys in CSRs and in certificates.

    Args:
        other: the ID of a second Device.
        supplier_two: the subject of an organisation with an EUI-64 of its own.
    """
    agreement = extension("keyUsage", usages("keyAgreement"), critical=True)
    second = extension("subjectAltName", sequence(hardware(eui64=other)), critical=True)
    shared = ["1 set.key_of_device_shared warning"]
    names = organisation_subject()
    of_device, of_organisation = ec_key("device"), ec_key("organisation")
    for name, about, expected, documents in (
        (
            "devices",
            "Two CSRs of two Devices",
            shared,
            (DEVICE_CSR, csr(REQUESTER, sequence(), ASKED, second)),
        ),
        (
            "device-certificate",
            "A Device's certificate, and another Device's CSR",
            shared,
            (DEVICE, csr(of_device, sequence(), ASKED, second)),
        ),
        (
            "usages",
            "A Device's CSRs for DS and KA",
            ["0 set.key_of_two_usages warning"],
            (DEVICE_CSR, csr(REQUESTER, sequence(), agreement, ASKED_NAME)),
        ),
        (
            "organisations",
            "An organisation's CSR, and another's certificate",
            ["0 set.key_of_organisation_shared warning"],
            (csr(of_organisation, supplier_two, ASKED), ORGANISATION),
        ),
        (
            "own-device",
            "A Device's CSR and its certificate: right",
            [],
            (DEVICE, csr(of_device, sequence(), ASKED, ASKED_NAME)),
        ),
        (
            "own-organisation",
            "An organisation's CSR and its certificate: right",
            [],
            (csr(of_organisation, names, ASKED), ORGANISATION),
        ),
        (
            "forged",
            "A CSR that its key did not sign proves nothing",
            ["1 csr.signature error"],
            (DEVICE, csr(REQUESTER, sequence(), ASKED, second, spki=spki_of(of_device))),
        ),
    ):
        case(f"set-csr-key-{name}", f"One key: {about}", expected, *documents)


# CSRs


def csr(
    key: Key,
    subject: bytes,
    *asked: Extension,
    version: bytes = integer(0),
    algorithm: bytes | None = None,
    digest: hashes.HashAlgorithm | None = None,
    attributes: tuple[bytes, ...] = (),
    spki: bytes | None = None,
) -> bytes:
    """A CSR as a PEM block."""
    extensions = sequence(*(one.encoded for one in asked))
    request = sequence(oid("1.2.840.113549.1.9.14"), set_of([extensions]))
    info = sequence(
        version,
        subject,
        spki or spki_of(key),
        tlv(0xA0, b"".join(sorted((request, *attributes)))),
    )
    usual = RSA_SHA256 if isinstance(key, rsa.RSAPrivateKey) else ECDSA_SHA256
    signature = signed(key, info, digest)
    return pem(sequence(info, algorithm or usual, bit_string(signature)), "CERTIFICATE REQUEST")


ASKED = extension("keyUsage", usages("digitalSignature"), critical=True)
ASKED_NAME = extension("subjectAltName", sequence(hardware()), critical=True)
REQUESTER = ec_key("requester")
ORGANISATION_CSR = csr(REQUESTER, organisation_subject(), ASKED)
DEVICE_CSR = csr(REQUESTER, sequence(), ASKED, ASKED_NAME)
IKI_CSR = csr(rsa_key("iki"), three_names(), ASKED)


def with_raw_signature(block: bytes) -> bytes:
    """A CSR on P-256, its signature written as r and s, 32 octets each."""
    parts = read(base64.b64decode(b"".join(block.split(b"\n")[1:-2])))[0].children
    numbers = read(parts[2].content[1:])[0].children
    raw = b"".join(int.from_bytes(number.content).to_bytes(32) for number in numbers)
    return pem(sequence(parts[0].encoded, parts[1].encoded, bit_string(raw)), "CERTIFICATE REQUEST")


def csr_cases() -> None:
    """Every fault of a CSR."""
    names = organisation_subject()
    p384 = ec_key("P-384", ec.SECP384R1())
    challenge = sequence(oid("1.2.840.113549.1.9.7"), set_of([text(PRINTABLE, "secret")]))
    purposes = extension("extKeyUsage", STRANGE["extKeyUsage"], critical=True)
    loose = extension("keyUsage", usages("digitalSignature"))
    pair = extension("keyUsage", usages("digitalSignature", "keyAgreement"), critical=True)
    by_name = extension("subjectAltName", sequence(dns(b"meter.example")), critical=True)
    more = extension("subjectAltName", sequence(hardware(), dns(b"m.example")), critical=True)
    key = REQUESTER
    unit = rdn("organizationalUnitName", "02")
    turned = sequence(identifier(), unit)
    shared = sequence(set_of([attribute("organizationalUnitName", "02"), _IDENTIFIED]))
    nobody = extension("subjectAltName", sequence(hardware(eui64=bytes(8))), critical=True)
    untyped = extension("subjectAltName", sequence(hardware(hw_type=oid("0.0"))), critical=True)
    for name, about, request in (
        ("version", "of version 2", csr(key, names, ASKED, version=integer(2))),
        ("key", "with a key on P-384", csr(p384, names, ASKED)),
        (
            "algorithm",
            "signed with ecdsa-with-SHA384",
            csr(key, names, ASKED, algorithm=ECDSA_SHA384, digest=hashes.SHA384()),
        ),
        (
            "signature",
            "signed with another key",
            csr(key, names, ASKED, spki=spki_of(ec_key("stranger"))),
        ),
        ("attributes", "with a password", csr(key, names, ASKED, attributes=(challenge,))),
        ("extension", "for extKeyUsage", csr(key, names, ASKED, purposes)),
        ("extension-twice", "for keyUsage twice", csr(key, names, ASKED, ASKED)),
        ("criticality", "whose keyUsage is not critical", csr(key, names, loose)),
        (
            "subject",
            "with a country",
            csr(key, sequence(rdn("countryName", "GB", PRINTABLE), unit, identifier()), ASKED),
        ),
        ("subject-lacks", "without an identifier", csr(key, sequence(unit), ASKED)),
        ("key_usage", "for two usages", csr(key, names, pair)),
        (
            "identifier",
            "with an ID of six octets",
            csr(key, organisation_subject(eui64=SUPPLIER_ID[:6]), ASKED),
        ),
        ("role", "whose OU is a word", csr(key, organisation_subject(role="supplier"), ASKED)),
        ("role-of-ca", "whose OU is 07", csr(key, organisation_subject(role="07"), ASKED)),
        ("subject_order", "with the identifier first", csr(key, turned, ASKED)),
        ("subject_order-rdn", "with OU and identifier in one RDN", csr(key, shared, ASKED)),
        ("subject_value", "with an empty CN", csr(key, organisation_subject(""), ASKED)),
        ("subject_value-spaces", "whose CN is spaces", csr(key, organisation_subject("  "), ASKED)),
        ("subject_value-private", "with U+E000", csr(key, organisation_subject("\ue000"), ASKED)),
        ("subject_value-nul", "with NUL", csr(key, organisation_subject("A\0B"), ASKED)),
        ("subject_value-long", "of 65 letters", csr(key, organisation_subject("S" * 65), ASKED)),
        ("identifier-null", "of nobody", csr(key, organisation_subject(eui64=bytes(8)), ASKED)),
        ("device_id-null", "of no Device", csr(key, sequence(), ASKED, nobody)),
        ("device_id-type", "whose hwType is 0.0", csr(key, sequence(), ASKED, untyped)),
        ("device_id", "of a Device by a dNSName", csr(key, sequence(), ASKED, by_name)),
        ("device_id-nobody", "that names nobody", csr(key, sequence(), ASKED)),
        ("device_id-more", "of a Device with two names", csr(key, sequence(), ASKED, more)),
    ):
        code = name.split("-")[0]
        case(f"csr-{name}", f"A CSR {about}", [f"csr.{code} error"], request)
    case(
        "csr-iki-key-agreement",
        "An IKI CSR for key agreement",
        ["csr.key_usage error"],
        csr(
            rsa_key("iki"),
            three_names(),
            extension("keyUsage", usages("keyAgreement"), critical=True),
        ),
    )
    case(
        "csr-device-not-critical",
        "The criticality in a Device CSR is not validated",
        [],
        csr(key, sequence(), loose, extension("subjectAltName", sequence(hardware()))),
    )
    tls = extension("keyUsage", usages("digitalSignature", "keyEncipherment"), critical=True)
    host = extension("subjectAltName", sequence(dns(b"gateway.example")))
    cn = rdn("commonName", "gateway.example")
    version = sequence(oid("1.3.6.1.4.1.311.13.2.3"), set_of([text(IA5_STRING, "10.0.26100.2")]))
    client = sequence(oid("1.3.6.1.4.1.311.21.20"), set_of([sequence(integer(9))]))
    compressed = bytes((2 + (point_of(key)[-1] & 1),)) + point_of(key)[1:33]
    curve_null = sequence(oid("1.2.840.10045.2.1"), tlv(NULL, b""))
    without_curve = sequence(curve_null, bit_string(point_of(key)))
    rsa_bits = read(spki_of(rsa_key("iki")))[0].children[1].encoded
    without_null = sequence(sequence(oid("1.2.840.113549.1.1.1")), rsa_bits)
    for name, about, expected, request in (
        (
            "algorithm-parameters-null",
            "with NULL parameters after ecdsa-with-SHA256, as mbedTLS 2 writes it",
            ["csr.algorithm_parameters warning"],
            csr(key, sequence(), ASKED, ASKED_NAME, algorithm=ECDSA_NULL),
        ),
        (
            "algorithm-parameters-none",
            "without the parameters of sha256WithRSAEncryption",
            ["csr.algorithm_parameters warning"],
            csr(rsa_key("iki"), three_names(), ASKED, algorithm=RSA_NO_PARAMETERS),
        ),
        (
            "identifier-text",
            "whose EUI-64 is text, as OpenSSL's command line writes it",
            ["csr.subject error"],
            csr(key, sequence(unit, rdn("x500UniqueIdentifier", "90B3D51F30010000")), ASKED),
        ),
        (
            "subject-key-identifier",
            "for a subjectKeyIdentifier, as keytool always asks for",
            ["csr.extension error"],
            csr(key, names, extension("subjectKeyIdentifier", octet_string(bytes(20))), ASKED),
        ),
        (
            "dccki-host",
            "for a DCCKI certificate with a host name",
            [],
            csr(rsa_key("iki"), three_names(unit="SUP1"), tls, host),
        ),
        (
            "dccki-without-signifier",
            "for a DCCKI certificate that leaves the Signifier to the register",
            [],
            csr(rsa_key("iki"), sequence(rdn("organizationName", "One"), cn), tls),
        ),
        (
            "attributes-windows",
            "with Windows' attributes, as certreq always adds",
            ["csr.attributes error"],
            csr(key, names, ASKED, attributes=(version, client)),
        ),
        (
            "key-compressed",
            "whose point is compressed",
            ["csr.key error"],
            csr(key, sequence(), ASKED, ASKED_NAME, spki=spki_from(compressed)),
        ),
        (
            "key-without-curve",
            "whose EC key has NULL for the name of its curve",
            ["csr.key error"],
            csr(key, sequence(), ASKED, ASKED_NAME, spki=without_curve),
        ),
        (
            "key-rsa-without-null",
            "whose RSA key lacks its NULL parameters",
            ["csr.key error"],
            csr(rsa_key("iki"), three_names(), ASKED, spki=without_null),
        ),
        (
            "signature-raw",
            "whose signature is r and s side by side",
            ["csr.signature error"],
            with_raw_signature(DEVICE_CSR),
        ),
    ):
        case(f"csr-{name}", f"A CSR {about}", expected, request)
    no_name = extension(
        "subjectAltName", sequence(hardware(), tlv(0xA4, oid("1.2.3"))), critical=True
    )
    case(
        "structure-GeneralName",
        "A Device CSR with a directoryName that is no Name",
        ["csr.device_id error", "structure.GeneralName error"],
        csr(key, sequence(), ASKED, no_name),
    )
    case(
        "csr-ber-true",
        "A CSR with TRUE written as 01",
        ["der.boolean error"],
        csr(key, names, replace(ASKED, critical=tlv(BOOLEAN, b"\x01"))),
    )


# CRLs


@dataclass(frozen=True)
class RevocationList:
    """A CRL as its parts, each of them DER, and the key that signs it."""

    kind: str
    signer: Certificate
    key: Key
    algorithm: bytes
    next_update: bytes
    entries: tuple[bytes, ...]
    extensions: dict[str, Extension]
    version: bytes = integer(1)
    issuer: bytes | None = None
    this_update: bytes = time(datetime(2026, 11, 30, 12, tzinfo=UTC))
    outer: bytes | None = None
    listed: bytes | None = None

    @property
    def der(self) -> bytes:
        """The CRL, signed."""
        listed = self.listed
        if listed is None:
            listed = sequence(*self.entries) if self.entries else b""
        extensions = b"".join(one.encoded for one in self.extensions.values())
        tbs = sequence(
            self.version,
            self.algorithm,
            self.signer.subject if self.issuer is None else self.issuer,
            self.this_update,
            self.next_update,
            listed,
            tlv(0xA0, sequence(extensions)) if extensions else b"",
        )
        return sequence(tbs, self.outer or self.algorithm, bit_string(signed(self.key, tbs)))


def crl_pem(one: RevocationList) -> bytes:
    """A CRL as a PEM block."""
    return pem(one.der, "X509 CRL")


def entry(
    serial: bytes,
    revoked: bytes | str = "2026-11-30",
    *extensions: Extension,
) -> bytes:
    """An entry of a CRL."""
    date = revoked if isinstance(revoked, bytes) else time(at(revoked))
    more = sequence(*(one.encoded for one in extensions)) if extensions else b""
    return sequence(serial, date, more)


def reason(code: int, *, critical: bool = False) -> Extension:
    """A reasonCode."""
    return extension("2.5.29.21", tlv(0x0A, bytes((code,))), critical=critical)


REVOKED = serial_of("revoked")
LAST_UPDATES = {"crl": time(at("2026-12-02T12:00:00")), "arl": time(at("2027-11-30T12:00:00"))}
CRL_TITLES = {
    "organisation-crl": "An Organisation CRL",
    "organisation-arl": "An Organisation ARL",
    "dccki-crl": "A DCCKI CRL",
    "dccki-arl": "A DCCKI ARL",
    "iki-crl": "An IKI CRL",
    "iki-arl": "An IKI ARL",
}
CRL_SIGNERS = {
    "organisation-crl": ISSUING_OCA,
    "organisation-arl": ROOT_OCA,
    "dccki-crl": ISSUING_DCCKICA,
    "dccki-arl": ROOT_DCCKICA,
    "iki-crl": ISSUING_ICA,
    "iki-arl": ROOT_ICA,
}


def revocation_list(kind: str, signer: Certificate, key: Key | None = None) -> RevocationList:
    """A CRL with nothing wrong, of one entry whose reason is superseded."""
    return RevocationList(
        kind,
        signer,
        key or KEYS[signer.kind],
        signer.algorithm,
        LAST_UPDATES[kind[-3:]],
        (entry(REVOKED, "2026-11-30", reason(4)),),
        {
            "authorityKeyIdentifier": extension(
                "authorityKeyIdentifier", authority_key(signer.key_identifier)
            ),
            "cRLNumber": extension("cRLNumber", integer(7)),
        },
    )


CRLS = {kind: revocation_list(kind, signer) for kind, signer in CRL_SIGNERS.items()}
CRL = CRLS["organisation-crl"]


def crl_broken(
    kinds: Iterable[str],
    name: str,
    about: str,
    severity: str,
    change: Callable[[RevocationList], RevocationList],
) -> None:
    """A case of each kind of CRL that breaks one row; its name tells the code of the finding."""
    told = ".".join(name.rsplit("-", 1))
    for kind in kinds:
        one = change(CRLS[kind])
        case(f"{kind}-{name}", f"{CRL_TITLES[kind]} {about}", [f"{told} {severity}"], crl_pem(one))


def crl_extended(name: str, octets: bytes) -> Callable[[RevocationList], RevocationList]:
    """The change that puts an extension at the end of a CRL, or another value in its place."""

    def change(one: RevocationList) -> RevocationList:
        return replace(one, extensions={**one.extensions, name: extension(CRL_OIDS[name], octets)})

    return change


def crl_critical(name: str) -> Callable[[RevocationList], RevocationList]:
    """The change that makes an extension of a CRL critical."""

    def change(one: RevocationList) -> RevocationList:
        made = replace(one.extensions[name], critical=TRUE)
        return replace(one, extensions={**one.extensions, name: made})

    return change


def crl_without(name: str) -> Callable[[RevocationList], RevocationList]:
    """The change that leaves an extension of a CRL out."""
    return lambda one: replace(
        one, extensions={key: it for key, it in one.extensions.items() if key != name}
    )


def crl_but(**parts: Any) -> Callable[[RevocationList], RevocationList]:
    """The change that puts these parts of a CRL in place of others."""
    return lambda one: replace(one, **parts)


CRL_OIDS = {**EXTENSIONS, **CRL_EXTENSIONS}
CRL_STRANGE = {
    "deltaCRLIndicator": integer(6),
    "issuingDistributionPoint": sequence(tlv(0x82, b"\xff")),
    "freshestCRL": sequence(sequence(tlv(0xA0, tlv(0xA0, URL)))),
    "issuerAltName": sequence(dns(b"ca.example")),
    "authorityInfoAccess": sequence(sequence(oid("1.3.6.1.5.5.7.48.2"), URL)),
}
"""Extensions that none of our CRLs has, and a value of each."""


def crl_row_cases() -> None:
    """Every row of the CRL profiles, broken once; those of the Organisation CRL in each way."""
    every = tuple(CRLS)
    first = ("organisation-crl",)
    crl_broken(every, "version-value", "of version 3", E, crl_but(version=integer(2)))
    crl_broken(first, "version-missing", "without a version", E, crl_but(version=b""))
    crl_broken(
        ("organisation-crl", "organisation-arl"),
        "signature-parameters_null",
        "with NULL parameters of ecdsa-with-SHA256",
        E,
        crl_but(algorithm=ECDSA_NULL),
    )
    crl_broken(
        every[2:],
        "signature-algorithms_differ",
        "whose signature algorithm lacks NULL inside",
        E,
        crl_but(algorithm=sequence(oid("1.2.840.113549.1.1.11")), outer=RSA_SHA256),
    )
    crl_broken(
        every,
        "issuer-name_differs",
        "whose issuer is not the subject of its CA",
        E,
        crl_but(issuer=ca_subject("07", "Z9")),
    )
    generalized = tlv(GENERALIZED_TIME, b"20261130120000Z")
    crl_broken(
        every,
        "thisUpdate-encoding",
        "whose thisUpdate of 2026 is a GeneralizedTime",
        E,
        crl_but(this_update=generalized),
    )
    crl_broken(
        first,
        "thisUpdate-unreadable",
        "whose thisUpdate is in a thirteenth month",
        E,
        crl_but(this_update=tlv(UTC_TIME, b"261301120000Z")),
    )
    crl_broken(every, "nextUpdate-missing", "without nextUpdate", E, crl_but(next_update=b""))
    crl_broken(
        first,
        "nextUpdate-unreadable",
        "whose nextUpdate is on 30 February",
        E,
        crl_but(next_update=tlv(UTC_TIME, b"270230120000Z")),
    )
    crl_broken(
        first,
        "nextUpdate-encoding",
        "whose nextUpdate of 2026 is a GeneralizedTime",
        E,
        crl_but(next_update=tlv(GENERALIZED_TIME, b"20261202120000Z")),
    )
    for kind in every:
        late = "2026-12-02T12:00:01" if kind.endswith("crl") else "2027-11-30T12:00:01"
        crl_broken(
            (kind,),
            "nextUpdate-period",
            "that lasts a second longer than its kind does",
            N,
            crl_but(next_update=time(at(late))),
        )
    _crl_entry_cases(every, first)
    _crl_extension_cases(every, first)


def _crl_entry_cases(every: tuple[str, ...], first: tuple[str, ...]) -> None:
    part = "revokedCertificates"
    negative = tlv(INTEGER, b"\x90" + b"\x41" * 15)
    crl_broken(
        every,
        f"{part}.userCertificate-value",
        "with a negative serial",
        E,
        crl_but(entries=(entry(negative),)),
    )
    crl_broken(
        first,
        f"{part}.userCertificate-octets",
        "with a serial of 17 octets",
        E,
        crl_but(entries=(entry(fixed_integer(17)),)),
    )
    crl_broken(
        every,
        f"{part}.revocationDate-encoding",
        "with a revocationDate of 2026 as a GeneralizedTime",
        E,
        crl_but(entries=(entry(REVOKED, tlv(GENERALIZED_TIME, b"20261130000000Z")),)),
    )
    crl_broken(
        every,
        f"{part}.reasonCode-critical",
        "with a critical reasonCode",
        E,
        crl_but(entries=(entry(REVOKED, "2026-11-30", reason(4, critical=True)),)),
    )
    crl_broken(
        every,
        f"{part}.reasonCode-value",
        "that suspends a certificate",
        N,
        crl_but(entries=(entry(REVOKED, "2026-11-30", reason(6)),)),
    )
    date = extension("2.5.29.24", tlv(GENERALIZED_TIME, b"20261129000000Z"))
    crl_broken(
        every,
        f"{part}.invalidityDate-present",
        "with an invalidityDate",
        N,
        crl_but(entries=(entry(REVOKED, "2026-11-30", date),)),
    )
    issuer = extension("2.5.29.29", sequence(tlv(0xA4, ISSUING_DCA.subject)))
    crl_broken(
        every,
        f"{part}.certificateIssuer-present",
        "that lists a certificate of another CA",
        N,
        crl_but(entries=(entry(REVOKED, "2026-11-30", issuer),)),
    )
    issuer = replace(issuer, critical=TRUE)
    case(
        "crl-entry-certificateIssuer-critical",
        "An entry with a critical certificateIssuer, which no reader has to support",
        ["extensions.critical_unsupported error"],
        crl_pem(replace(CRL, entries=(entry(REVOKED, "2026-11-30", issuer),))),
    )


def _crl_extension_cases(every: tuple[str, ...], first: tuple[str, ...]) -> None:
    def reordered(one: RevocationList) -> RevocationList:
        return replace(one, extensions=dict(reversed(one.extensions.items())))

    key, number = "authorityKeyIdentifier", "cRLNumber"
    crl_broken(every, "extensions-order", "with cRLNumber before the key", N, reordered)
    crl_broken(
        first,
        "extensions-unexpected",
        "with a keyUsage",
        N,
        crl_extended("keyUsage", usages("cRLSign")),
    )
    crl_broken(every, f"extensions.{key}-critical", "with a critical key", E, crl_critical(key))
    crl_broken(
        first,
        f"extensions.{key}-missing",
        "without authorityKeyIdentifier",
        E,
        crl_without(key),
    )
    crl_broken(
        every,
        f"extensions.{key}.keyIdentifier-missing",
        "whose authorityKeyIdentifier holds a serial alone",
        E,
        crl_extended(key, sequence(tlv(0x82, b"\x07"))),
    )
    crl_broken(
        first,
        f"extensions.{key}.keyIdentifier-value",
        "with the key identifier of another CA",
        E,
        crl_extended(key, authority_key(ISSUING_DCA.key_identifier)),
    )
    crl_broken(
        every, f"extensions.{number}-value", "numbered -1", E, crl_extended(number, integer(-1))
    )
    crl_broken(
        first,
        f"extensions.{number}-octets",
        "with a number of 21 octets",
        E,
        crl_extended(number, integer(1 << 160)),
    )
    crl_broken(
        first,
        f"extensions.{number}-unreadable",
        "whose number is an OCTET STRING",
        E,
        crl_extended(number, octet_string(b"\x07")),
    )
    crl_broken(first, f"extensions.{number}-missing", "without a number", E, crl_without(number))
    crl_broken(
        first,
        f"extensions.{number}-critical",
        "with a critical number",
        E,
        crl_critical(number),
    )
    for name, octets in CRL_STRANGE.items():
        crl_broken(
            every,
            f"extensions.{name}-present",
            f"with {'an' if name[0] in 'aeiou' else 'a'} {name}",
            N,
            crl_extended(name, octets),
        )


def crl_cases() -> None:
    """Every fault of a CRL that is none of its profile's rows."""
    stranger = replace(CRL, issuer=ca_subject("07", "Y1"), key=ec_key("stranger"))
    unknown = "issuer.unknown notice"
    for name, about, findings, one in (
        ("version", "without a version", ["crl.version error"], crl_but(version=b"")),
        (
            "next_update",
            "without nextUpdate",
            ["crl.next_update error"],
            crl_but(next_update=b""),
        ),
        ("number", "without cRLNumber", ["crl.number error"], crl_without("cRLNumber")),
        (
            "number_range",
            "numbered -1",
            ["crl.number_range error"],
            crl_extended("cRLNumber", integer(-1)),
        ),
        (
            "authority_key",
            "without authorityKeyIdentifier",
            ["crl.authority_key error"],
            crl_without("authorityKeyIdentifier"),
        ),
    ):
        case(
            f"crl-{name}",
            f"A CRL of nobody we know, {about}",
            [unknown, *findings],
            crl_pem(one(stranger)),
            trust="none",
        )
    case("crl-unknown", "A CRL of nobody we know", [unknown], crl_pem(stranger), trust="none")
    case("crl-issuer-unknown", "No CA at hand", [unknown], GOOD_CRL, trust="none")
    _crl_time_cases()
    _crl_issuer_cases()
    _crl_list_cases()
    _crl_reason_cases()


def _crl_time_cases() -> None:
    for name, about, finding, change in (
        (
            "stale",
            "whose nextUpdate has passed",
            "crl.stale warning",
            crl_but(next_update=time(at("2026-11-30T23:59:59"))),
        ),
        (
            "update_order",
            "whose nextUpdate is its thisUpdate",
            "crl.update_order error",
            crl_but(next_update=time(at("2026-11-30T12:00:00"))),
        ),
        (
            "future",
            "of tomorrow",
            "crl.future warning",
            crl_but(this_update=time(at("2026-12-02")), next_update=time(at("2026-12-04"))),
        ),
    ):
        case(f"crl-{name}", f"A CRL {about}", [finding], crl_pem(change(CRL)))


def _crl_issuer_cases() -> None:
    invalid = replace(CRL, key=ec_key("stranger"))
    case("crl-signature", "A CRL signed by another", ["signature.invalid error"], crl_pem(invalid))
    of_devices = revocation_list("device-crl", ISSUING_DCA)
    case(
        "crl-hierarchy",
        "A CRL of the Issuing DCA: Devices have a status instead",
        ["crl.hierarchy notice"],
        crl_pem(of_devices),
    )
    by_end_entity = revocation_list("organisation-crl", ORGANISATION, ec_key("organisation"))
    case(
        "crl-issuer_key_usage",
        "A CRL signed by an Organisation",
        ["0 crl.issuer_key_usage error"],
        crl_pem(by_end_entity),
        ORGANISATION,
    )
    utf8 = ca_subject("07", "Z1", UTF8)
    case(
        "crl-octets_differ",
        "A CRL whose issuer is a UTF8String, other than the CA's subject",
        ["issuer.octets_differ warning"],
        crl_pem(replace(CRL, issuer=utf8)),
    )
    case(
        "crl-held-to-a-profile",
        "A CRL held to the profile of ARLs, under which it might last longer",
        ["revokedCertificates.reasonCode.value notice"],
        crl_pem(replace(CRL, entries=(entry(REVOKED, "2026-11-30", reason(3)),))),
        held_to="organisation-arl",
    )


def _crl_list_cases() -> None:
    other = serial_of("another that is revoked")
    unknown = extension("1.2.3", b"\x05\x00", critical=True)
    twice = {"again": CRL.extensions["cRLNumber"]}
    for name, about, finding, change in (
        ("empty", "whose list is there and empty", "crl.empty error", crl_but(listed=sequence())),
        (
            "entry",
            "with an entry that has no date",
            "crl.entry error",
            crl_but(entries=(sequence(REVOKED),)),
        ),
        (
            "entry-date",
            "with an entry of a thirteenth month",
            "crl.entry error",
            crl_but(entries=(entry(REVOKED, tlv(UTC_TIME, b"261330000000Z")),)),
        ),
        (
            "entry-more",
            "with an entry that has two dates",
            "crl.entry error",
            crl_but(entries=(sequence(REVOKED, time(at("2026-11-30")), time(at("2026-11-30"))),)),
        ),
        (
            "entry-extension",
            "with an extension of an entry that has no value",
            "crl.entry error",
            crl_but(
                entries=(
                    sequence(REVOKED, time(at("2026-11-30")), sequence(sequence(oid("1.2.3")))),
                )
            ),
        ),
        (
            "serial_twice",
            "that lists a serial twice",
            "crl.serial_twice error",
            crl_but(entries=(entry(REVOKED), entry(other), entry(REVOKED, "2026-11-29"))),
        ),
        (
            "revoked_later",
            "that lists what was revoked after it",
            "crl.revoked_later warning",
            crl_but(entries=(entry(REVOKED), entry(other, "2026-11-30T12:00:01"))),
        ),
        (
            "extension-twice",
            "with two cRLNumbers",
            "extensions.duplicate error",
            lambda one: replace(one, extensions={**one.extensions, **twice}),
        ),
        (
            "extension-critical",
            "with an unknown critical extension",
            "extensions.unknown_critical error",
            lambda one: replace(one, extensions={**one.extensions, "unknown": unknown}),
        ),
        (
            "entry-extension-twice",
            "with two reasonCodes in an entry",
            "extensions.duplicate error",
            crl_but(entries=(entry(REVOKED, "2026-11-30", reason(4), reason(4)),)),
        ),
        (
            "entry-extension-critical",
            "with an unknown critical extension in an entry",
            "extensions.unknown_critical error",
            crl_but(entries=(entry(REVOKED, "2026-11-30", unknown),)),
        ),
        (
            "entry-ber",
            "with critical FALSE written out in an entry",
            "der.default_encoded error",
            crl_but(entries=(entry(REVOKED, "2026-11-30", replace(reason(4), critical=FALSE)),)),
        ),
        (
            "entry-integer",
            "with a padded serial",
            "der.integer_not_minimal error",
            crl_but(entries=(entry(tlv(INTEGER, b"\x00\x41" + b"\x42" * 14)),)),
        ),
        (
            "entry-cut",
            "with an entry whose length is too long",
            "der.truncated error",
            crl_but(listed=sequence(entry(REVOKED)[:-1])),
        ),
    ):
        case(f"crl-{name}", f"A CRL {about}", [finding], crl_pem(change(CRL)))
    many = replace(CRL, entries=(entry(REVOKED),) * 250_001)
    case(
        "crl-too_many_entries",
        "A CRL of 250,001 entries, all of one serial, in a ZIP",
        ["crl.serial_twice error", "crl.too_many_entries error"],
        octets=zipped({"many.crl": many.der}),
    )


def _crl_reason_cases() -> None:
    for name, about, code, finding in (
        ("unspecified", "says unspecified", 0, "crl.reason_unspecified warning"),
        ("remove", "says removeFromCRL", 8, "crl.reason_remove error"),
        ("unknown", "is 7", 7, "crl.reason_unknown error"),
    ):
        one = replace(CRL, entries=(entry(REVOKED, "2026-11-30", reason(code)),))
        case(f"crl-reason_{name}", f"A reasonCode that {about}", [finding], crl_pem(one))


def crl_set_cases() -> None:
    """CRLs and certificates together."""
    listed = but(serial=REVOKED)(organisation("revoked"))
    case(
        "set-revoked",
        "A certificate, and the CRL that lists it",
        ["0 validity.revoked warning"],
        listed,
        GOOD_CRL,
    )
    before = replace(CRL, entries=(entry(REVOKED, "2025-12-31"),))
    case(
        "set-revoked_before_issue",
        "A certificate, and a CRL that revokes it from the day before it begins",
        ["0 validity.revoked warning", "1 set.revoked_before_issue warning"],
        listed,
        crl_pem(before),
    )
    forged = replace(CRL, key=ec_key("stranger"))
    case(
        "set-revoked-by-nobody",
        "A certificate, and a CRL that its CA did not sign",
        ["1 signature.invalid error"],
        listed,
        crl_pem(forged),
    )
    later = replace(
        CRL,
        this_update=time(at("2026-11-30T18:00:00")),
        entries=(),
        extensions={**CRL.extensions, "cRLNumber": extension("cRLNumber", integer(8))},
    )
    case(
        "set-revoked-no-more",
        "A certificate that only the older of two CRLs lists",
        [],
        listed,
        crl_pem(later),
        GOOD_CRL,
    )
    same = replace(later, extensions=CRL.extensions)
    case(
        "set-crl_number",
        "Two CRLs of one CA with one number",
        ["1 set.crl_number error"],
        GOOD_CRL,
        crl_pem(same),
    )


GOOD_CRL = crl_pem(CRL)


# Inputs


def zipped(entries: dict[str, bytes], compression: int = zipfile.ZIP_BZIP2) -> bytes:
    """A ZIP, the same on every machine."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression, compresslevel=9) as archive:
        for name, octets in entries.items():
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3
            entry.compress_type = compression
            archive.writestr(entry, octets)
    return made.getvalue()


def pkcs7(*certificates: Certificate) -> bytes:
    """A SignedData of certificates alone, DER."""
    data = sequence(oid("1.2.840.113549.1.7.1"))
    bundle = tlv(0xA0, b"".join(one.der for one in certificates))
    signed_data = sequence(integer(1), tlv(SET, b""), data, bundle, tlv(SET, b""))
    return sequence(oid("1.2.840.113549.1.7.2"), tlv(0xA0, signed_data))


def pkcs7_ber(*certificates: Certificate) -> bytes:
    """The same in BER: indefinite lengths, and content in segments."""

    def indefinite(tag: int, content: bytes) -> bytes:
        return bytes((tag, 0x80)) + content + b"\x00\x00"

    content = indefinite(0x24, octet_string(b"con") + octet_string(b"tent"))
    data = indefinite(SEQUENCE, oid("1.2.840.113549.1.7.1") + indefinite(0xA0, content))
    bundle = indefinite(0xA0, b"".join(one.der for one in certificates))
    fields = integer(1) + tlv(SET, b"") + data + bundle + tlv(SET, b"")
    signed_data = indefinite(0xA0, indefinite(SEQUENCE, fields))
    return indefinite(SEQUENCE, oid("1.2.840.113549.1.7.2") + signed_data)


def input_cases() -> None:
    """Every form of input, and what is none."""
    late = but(validity=lasting("2020-01-01", "2026-11-30"))(organisation("late"))
    expired = "validity.expired warning"
    case("input-der", "One certificate in DER", [expired], octets=late.der)
    bare = base64.b64encode(late.der)
    case("input-base64", "One certificate in bare base64", [expired], octets=bare)
    several = zipped(
        {"a.csr": b"".join(DEVICE_CSR.split(b"\n")[1:-2]), "b.crt": bare, "c.pem": pem(late.der)},
        zipfile.ZIP_STORED,
    )
    case(
        "input-zip", "A ZIP of a CSR and one certificate twice", [expired, expired], octets=several
    )
    case(
        "input-pkcs7",
        "PKCS#7 of two certificates, the second expired",
        [f"1 {expired}"],
        octets=pkcs7(ORGANISATION, late),
    )
    case(
        "input-pkcs7-ber",
        "PKCS#7 of two certificates in BER, the second expired",
        [f"1 {expired}"],
        octets=pkcs7_ber(ORGANISATION, late),
    )
    trusted = late.der + sequence(tlv(0x0C, b"an alias"))
    case(
        "input-trusted",
        "A certificate before OpenSSL's trust settings",
        [expired],
        pem(trusted, "TRUSTED CERTIFICATE"),
    )
    case(
        "input-text-of-zero",
        "PEM below a line that begins with the digit 0, which is a SEQUENCE's tag, too",
        [expired],
        octets=b"0: Certificate\n" + pem(late.der),
    )
    digits = late.der.hex(":").upper().encode()
    case("input-hexadecimal", "One certificate in hexadecimal", [expired], octets=digits)
    case(
        "input-der-stream",
        "Two certificates in DER one after the other, the second expired",
        [f"1 {expired}"],
        octets=ORGANISATION.der + late.der,
    )
    noise = entropy("noise").octets(200)
    kind = "document.unknown_kind error"
    case("document-noise", "Octets of no kind", [kind], octets=b"\x00" + noise)
    case("document-text", "A text", [kind], octets=b"A certificate should be here.\n")
    case("document-label", "A PEM block of an unknown label", [kind], pem(b"\x30\x00", "SECRET"))
    utf_16 = pem(late.der).decode().encode("utf-16-le")
    case("document-utf-16", "A certificate in PEM in UTF-16", [kind], octets=utf_16)
    public_key = pem(spki_of(ec_key("public")), "PUBLIC KEY")
    java = bytes.fromhex("feedfeed0000000200000000")
    case("document-jks", "A key store of Java", [kind], octets=java)
    case("document-public-key", "A public key", [kind], public_key)
    case(
        "document-hexadecimal",
        "Hexadecimal without its last digit",
        ["document.hexadecimal error"],
        octets=late.der.hex().encode()[:-1],
    )
    case(
        "document-nothing",
        "A ZIP of a text",
        ["document.nothing error"],
        octets=zipped({"README.txt": b"A certificate should be here.\n"}, zipfile.ZIP_STORED),
    )
    case("document-json", "JSON that is no key store", [kind], octets=b'{"a": [1, 2]}')
    text = pem(DEVICE.der).replace(b"\n-----END", b"A\n-----END")
    case("document-base64", "Base64 with one character too many", ["document.base64 error"], text)
    case(
        "document-pem-unended",
        "A PEM block without an end",
        ["document.base64 error"],
        octets=pem(DEVICE.der)[:-20],
    )
    whole = zipped({"a.der": DEVICE.der}, zipfile.ZIP_STORED)
    case("document-zip", "A ZIP cut off", ["document.zip error"], octets=whole[:-30])
    case(
        "document-too-long",
        "A file of more than 1 MiB in a ZIP",
        ["document.too_long error"],
        octets=zipped({"long.der": sequence(tlv(NULL, b"") * (1 << 19))}),
    )


def main() -> None:
    """Write the corpus into the folder given, or into this script's own."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent
    for write in (
        good_cases,
        row_cases,
        other_profile_cases,
        contingency_key_cases,
        name_cases,
        other_pki_cases,
        published_cases,
        reader_cases,
        strict_cases,
        structure_cases,
        required_cases,
        constraint_cases,
        critical_cases,
        chain_cases,
        set_cases,
        csr_cases,
        crl_row_cases,
        crl_cases,
        crl_set_cases,
        input_cases,
    ):
        write()
    (folder / "cases").mkdir(parents=True, exist_ok=True)
    for name, octets in CASES.items():
        (folder / "cases" / f"{name}.pem").write_bytes(octets)
    (folder / "trust.pem").write_bytes(b"".join(pem(one.der) for one in TRUSTED))


if __name__ == "__main__":
    main()
