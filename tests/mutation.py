"""Breaks real-shaped documents in seeded ways, and sees what the linter makes of each."""

from __future__ import annotations

import base64
import io
import json
import random
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET  # reads only what this package wrote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

import csrs
from smki_testca.der import encode
from smki_testca.der.read import DerError, Node, read, read_wrapped
from smki_testca.importers.sources import sources
from smki_testca.lint.chain import gathered
from smki_testca.lint.drawing import asn1_lines, draw
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import Settings
from smki_testca.lint.reports import REPORTS
from smki_testca.lint.whole_input import set_findings
from smki_testca.profiles.model import Severity
from smki_testca.x509.keys import key_identifier
from smki_testca.x509.view import view_certificate

AT = datetime.now(UTC) + timedelta(days=1)


MIB = 1 << 20
HUGE = {
    "noise": bytes(range(256)) * (40 << 10),
    "zeros": bytes(10 * MIB),
    "one long element": b"0\x84\x00\x9f\xff\xfa" + bytes(10 * MIB),
    "indefinite lengths": b"0\x80" * (5 * MIB),
    "base64": b"MIIB" * (5 * MIB // 2),
    "base64 that goes wrong at the end": b"A" * 16 + b" " * 10 * MIB + b"!",
    "base64 that goes wrong at the beginning": b" " * 10 * MIB + b"A!",
    "a PEM block without an end": b"-----BEGIN CERTIFICATE-----" + b"A" * 10 * MIB,
    "PEM beginnings of many labels": b"".join(
        b"-----BEGIN A%d-----" % number for number in range(MIB // 2)
    ),
    "dashes": b"-----BEGIN " + b"-" * 10 * MIB,
    "nested JSON": b'{"a":' * (2 * MIB),
    "JSON of one string": b'{"' + b"a" * 10 * MIB + b'"}',
}
"""Files of ten megabytes that hold no document."""


@dataclass(frozen=True)
class Judged:
    """What became of one mutant."""

    findings: int
    codes: frozenset[str]


def documents(certificates):
    """One DER document of every shape: the certificates given, CSRs and a CRL."""
    key = csrs.new_key()
    return [
        *certificates,
        csrs.organisation(key),
        csrs.device(key),
        csrs.iki(csrs.rsa_key()),
        revocation_list(),
    ]


def revocation_list():
    """A CRL with two entries, signed by nobody in particular."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Z1")])
    builder = x509.CertificateRevocationListBuilder().issuer_name(name)
    builder = builder.last_update(AT).next_update(AT + timedelta(days=2))
    builder = builder.add_extension(x509.CRLNumber(7), critical=False)
    for serial in (0x4711, 0x4712):
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(AT)
        builder = builder.add_revoked_certificate(revoked.build())
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def containers(ders):
    """Every file that documents come in."""
    certificates = [x509.load_der_x509_certificate(der) for der in ders[:3]]
    pem = "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, der in enumerate(ders[:3]):
            archive.writestr(f"{number}.csr", base64.b64encode(der))
    store = {"00db123456780004": {"digitalSignature": {"1": {"certificate": pem}}}}
    bundle = pkcs7.serialize_certificates(certificates, serialization.Encoding.DER)
    return [
        pem.encode(),
        base64.b64encode(ders[0]),
        packed.getvalue(),
        json.dumps(store).encode(),
        bundle,
    ]


def device_certificate(certificates):
    """The first Device Certificate."""
    return next(der for der in certificates if bytes.fromhex("06082b06010505070804") in der)


def rebuilt(der, *, subject=None, extensions=None):
    """A certificate with another subject or other extensions; its signature is wrong then."""
    tbs, algorithm, signature = read(der)[0].children
    parts = [part.encoded for part in tbs.children]
    if subject is not None:
        parts[5] = encode.sequence(*subject)
    if extensions is not None:
        parts[-1] = encode.tlv(0xA3, encode.sequence(*extensions))
    return encode.sequence(encode.sequence(*parts), algorithm.encoded, signature.encoded)


def extension(oid, value):
    """An extension that is not critical."""
    return encode.sequence(encode.oid(oid), encode.octet_string(value))


CROWDED = {
    "extensions of one kind": {"extensions": [extension("2.5.29.15", b"\x03\x02\x07\x80")] * 4000},
    "extensions of all kinds": {
        "extensions": [extension(f"1.2.3.{number}", b"\x01\x01\x01") for number in range(3000)]
    },
    "bad integers in wrapped elements": {
        "extensions": [
            extension(f"1.2.3.{number}", encode.sequence(b"\x02\x02\x00\x01" * 10_000))
            for number in range(20)
        ]
    },
    "attributes": {
        "subject": [
            encode.tlv(0x31, encode.sequence(encode.oid(f"1.2.3.{number}"), b"\x0c\x01\xff"))
            for number in range(4000)
        ]
    },
}
"""Subjects and extensions of so many parts that each could be a finding."""


def mutant(seeds, number):
    """The mutant of a number: the same for the same seeds and number."""
    chance = random.Random(number)
    data = chance.choice(seeds)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        data = chance.choice(_MUTATIONS)(data, chance, seeds)
    return data


class Judge:
    """Lints mutants as the command would, and insists on a report of every kind."""

    def __init__(self, trusted):
        self._linter = Linter(Settings(AT, trusted=tuple(trusted)), gathered(trusted))

    def __call__(self, data):
        found = list(sources(["-"], data))
        linted = [self._linter.lint(one, position) for position, one in enumerate(found)]
        set_findings(self._linter, linted, found)
        for one, source in zip(linted, found, strict=True):
            assert all(0 <= (f.offset or 0) <= len(source.data) for f in one.findings)
            draw(source.data, one, self._linter)
            assert all(isinstance(line["text"], str) for line in asn1_lines(source.data))
        assert REPORTS["text"](linted).isprintable() or "\n" in REPORTS["text"](linted)
        assert len(json.loads(REPORTS["json"](linted))["files"]) == len(found)
        assert json.loads(REPORTS["sarif"](linted))["version"] == "2.1.0"
        assert ET.fromstring(REPORTS["junit"](linted)).tag == "testsuite"  # noqa: S314
        every = [finding for one in linted for finding in one.findings]
        assert all(isinstance(finding.severity, Severity) for finding in every)
        return Judged(len(every), frozenset(finding.code for finding in every))


def flip_bits(data, chance, seeds):
    """Turn over one to eight bits."""
    del seeds
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8) if changed else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(data, chance, seeds):
    """Lose the end, or the beginning."""
    del seeds
    at = chance.randint(0, len(data))
    return data[at:] if chance.random() < 0.2 else data[:at]


def insert_noise(data, chance, seeds):
    """Put random octets in somewhere."""
    del seeds
    at = chance.randint(0, len(data))
    return data[:at] + chance.randbytes(chance.choice((1, 2, 8, 300))) + data[at:]


def splice(data, chance, seeds):
    """Go on with another document."""
    other = chance.choice(seeds)
    return data[: chance.randint(0, len(data))] + other[chance.randint(0, len(other)) :]


def lie_about_length(data, chance, seeds):
    """Give an element another length than it has."""
    del seeds
    nodes = _nodes(data)
    if not nodes:
        return data
    at = chance.choice(nodes).offset + 1
    lie = chance.choice(
        [
            bytes((chance.randrange(256),)),
            b"\x80",
            b"\x84\xff\xff\xff\xff",
            b"\x88" + b"\xff" * 8,
            b"\xff",
            b"\x81\x05",
            b"\x82\x00\x05",
        ]
    )
    return data[:at] + lie + data[at + 1 :]


def change_tag(data, chance, seeds):
    """Make an element another type, its content as it was."""
    del seeds
    nodes = _nodes(data)
    if not nodes:
        return data
    at = chance.choice(nodes).offset
    tags = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x16, 0x17, 0x18, 0x1E, 0x1F, 0x24)
    tag = chance.choice((*tags, 0x30, 0x31, 0x80, 0xA0, 0xA3))
    return data[:at] + bytes((tag,)) + data[at + 1 :]


def rebuild(data, chance, seeds):
    """Repeat, drop, exchange, nest, empty or refill an element, every length put right."""
    del seeds
    nodes = _nodes(data)
    if not nodes:
        return data
    target = chance.choice(nodes)
    element = target.encoded
    if target.children and chance.random() < 0.3:
        children = [child.encoded for child in target.children]
        chance.shuffle(children)
        new = encode.tlv(target.tag, b"".join(children))
    else:
        new = chance.choice(
            [
                b"",
                element * chance.choice((2, 3, 40)),
                bytes((target.tag, 0)),
                _nested(element, chance.choice((1, 5, 40, 500))),
                encode.tlv(target.tag, chance.randbytes(chance.choice((1, 8, 200, 5000)))),
                encode.tlv(target.tag, b"\x00" + target.content),
                encode.tlv(target.tag, target.content + chance.choice(_NASTY)),
            ]
        )
    return replaced(nodes[0], target, new)


_NASTY = [text.encode() for text in ("\x1b[31m", "\r\n", "\x00", "\u202e", "\uffff", "[/]", "<&>")]
_MUTATIONS = (
    flip_bits,
    flip_bits,
    cut,
    insert_noise,
    splice,
    lie_about_length,
    change_tag,
    rebuild,
    rebuild,
    rebuild,
)


def _nested(element, depth):
    for _ in range(depth):
        element = encode.tlv(encode.SEQUENCE, element)
    return element


def _nodes(data):
    """Every element, those that OCTET STRINGs wrap included; the outermost first."""
    try:
        root, _ = read(data)
    except DerError:
        return []
    found, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        found.append(node)
        if node.tag == encode.OCTET_STRING:
            inner, anomalies = read_wrapped(node)
            node.children = [inner] if inner is not None and not anomalies else []
        waiting.extend(node.children)
    return found


def replaced(node: Node, target: Node, new: bytes) -> bytes:
    """The element with another one put in the place of a part of it, every length put right."""
    if (node.offset, node.stop) == (target.offset, target.stop):
        return new
    if not node.children or not node.offset <= target.offset < node.stop:
        return node.encoded
    inside = b"".join(replaced(child, target, new) for child in node.children)
    return encode.tlv(node.tag, inside)


def with_field(der: bytes, path: str, new: bytes) -> bytes:
    """A certificate with another element in the place of one of its fields."""
    return replaced(_nodes(der)[0], view_certificate(der).fields[path].node, new)


class Chain:
    """The CAs of an estate with other keys, so that a changed certificate can be signed again.

    Args:
        root: the certificate of a root, DER.
        issuing: the certificate of the CA below it.
    """

    def __init__(self, root: bytes, issuing: bytes) -> None:
        root_key, self._key = csrs.new_key(), csrs.new_key()
        self.root = signed(_with_key(root, root_key), root_key)
        identifier = view_certificate(self.root).octets("extensions.subjectKeyIdentifier")
        rekeyed = _with_authority(_with_key(issuing, self._key), identifier)
        self.issuing = signed(rekeyed, root_key)
        self._identifier = view_certificate(self.issuing).octets("extensions.subjectKeyIdentifier")

    def issue(self, der: bytes, change=None) -> bytes:
        """A certificate under this chain, changed before it is signed."""
        der = _with_authority(der, self._identifier)
        return signed(der if change is None else change(der), self._key)


def signed(der: bytes, key) -> bytes:
    """A certificate signed again, its algorithm outside as inside."""
    tbs = read(der)[0].children[0]
    fields = [one for one in tbs.children if one.tag == encode.SEQUENCE]
    signature = key.sign(tbs.encoded, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    return encode.sequence(tbs.encoded, fields[0].encoded, encode.bit_string(signature))


def _with_key(der, key):
    der = with_field(der, "subjectPublicKeyInfo", csrs.spki(key))
    point = csrs.spki(key)[-65:]
    identifier = encode.octet_string(key_identifier(point, method=2))
    return with_field(der, "extensions.subjectKeyIdentifier", identifier)


def _with_authority(der, identifier):
    path = "extensions.authorityKeyIdentifier.keyIdentifier"
    return with_field(der, path, encode.tlv(0x80, identifier))
