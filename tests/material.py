"""Certificates, private keys and stores in every form, and what reading them gives."""

from __future__ import annotations

import io
import json
import zipfile
from shutil import which

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

import csrs
from estates import certificates_in
from smki_testca.der import encode
from smki_testca.errors import InputError
from smki_testca.importers.intake import take_in
from smki_testca.importers.sources import sources

needs_openssl = pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed")


PHRASE, OTHER = "pässwörd", "another"


def pairs_in(estate):
    """Certificates of a supplier, each with its private key: by the names of their files."""
    folder = estate / "export" / "pem" / "ZAZ1" / "organisation" / "supplier-one"
    found = {}
    for path in certificates_in(folder):
        (one,) = sources([str(path)])
        key = serialization.load_pem_private_key(path.with_suffix(".key").read_bytes(), None)
        found[path.stem] = (one.data, key)
    assert len(found) >= 3
    return found


def pem(der, header="CERTIFICATE"):
    return csrs.pem(der, header=header)


def pkcs8(key, passphrase=None, encoding=serialization.Encoding.PEM):
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, encryption)


def take(data, **options):
    return take_in(["-"], data, **options)


def refused(data, **options):
    with pytest.raises(InputError) as caught:
        take(data, **options)
    assert caught.value.message.isprintable()
    return caught.value.code


def numbers(key):
    return None if key is None else key.private_numbers()


def same(found, pair):
    return found.der == pair[0] and numbers(found.key) == numbers(pair[1])


def key_store(entries, eui64="90b3d51f30010000"):
    return json.dumps({eui64: {"digitalSignature": entries}}).encode()


def entry(der, key, name):
    return {"certificate": pem(der).decode(), "privateKey": key, "name": name, "role": 2}


def store(pair, passphrase, others=(), name=b"a friend"):
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return pkcs12.serialize_key_and_certificates(
        name,
        pair[1],
        x509.load_der_x509_certificate(pair[0]),
        [x509.load_der_x509_certificate(der) for der in others],
        encryption,
    )


def safe_bag(kind, value):
    oid = encode.oid(f"1.2.840.113549.1.12.10.1.{kind}")
    return encode.sequence(oid, encode.tlv(0xA0, value))


def certificate_bag(der):
    oid = encode.oid("1.2.840.113549.1.9.22.1")
    return safe_bag(3, encode.sequence(oid, encode.tlv(0xA0, encode.octet_string(der))))


def content(octets):
    oid = encode.oid("1.2.840.113549.1.7.1")
    return encode.sequence(oid, encode.tlv(0xA0, encode.octet_string(octets)))


def plain_store(*bags):
    safe = encode.sequence(content(encode.sequence(*bags)))
    return encode.sequence(encode.integer(3), content(safe))


def nested(bag, depth):
    for _ in range(depth):
        bag = safe_bag(6, encode.sequence(bag))
    return bag


def locked_key(derivation, iterations_or_cost):
    """An encrypted PKCS#8 key that asks for so much work; what it holds does not matter."""
    if derivation == "pbkdf2":
        oid, numbers = "1.2.840.113549.1.5.12", [iterations_or_cost]
    else:
        oid, numbers = "1.3.6.1.4.1.11591.4.11", [iterations_or_cost, 8, 1]
    parameters = encode.sequence(encode.octet_string(bytes(8)), *map(encode.integer, numbers))
    cipher = encode.sequence(encode.oid("2.16.840.1.101.3.4.1.2"), encode.octet_string(bytes(16)))
    scheme = encode.sequence(
        encode.oid("1.2.840.113549.1.5.13"),
        encode.sequence(encode.sequence(encode.oid(oid), parameters), cipher),
    )
    return encode.sequence(scheme, encode.octet_string(bytes(32)))


def sources_in(data):
    return list(sources(["-"], data))


def documents_in(data):
    """The documents in these octets; there must be no problem."""
    every = sources_in(data)
    assert [one.problem for one in every] == [None] * len(every)
    assert [one.index for one in every] == list(range(len(every)))
    return [one.data for one in every]


def problem_codes(data):
    return [one.problem and one.problem.code for one in sources_in(data)]


def zipped(entries, compression=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return packed.getvalue()
