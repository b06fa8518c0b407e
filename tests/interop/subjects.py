"""Certificates with whatever subject, signed with their own keys, for what clients refuse."""

from __future__ import annotations

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID, ObjectIdentifier


def role(text):
    return x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, text)


def identifier(eui64):
    octets = bytes.fromhex(f"00{eui64}")
    return x509.NameAttribute(ObjectIdentifier("2.5.4.45"), octets, _type=_ASN1Type.BitString)


def certificate(*attributes):
    """A certificate for digital signature, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(attributes)
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    never = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    usage = x509.KeyUsage(digital_signature=True, **dict.fromkeys((*others, *never), False))
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=1))
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return made, key
