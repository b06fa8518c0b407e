"""The certificate of the servers, and the CA that issues nothing else.

Live servers have certificates of a public CA (SEC App. M 2.4); here, a CA of the estate's own takes
its place, outside the test PKIs. Clients trust its certificate. Both are RSA 2048 with SHA-256
(SEC App. M G), and their keys are sealed in the estate.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from smki_testca.x509 import private_keys
from smki_testca.x509.names import KeyType

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from smki_testca.api import Estate

NAME = "smki-testca servers TEST ONLY"
"""The commonName of the CA; it cannot pass for a live one (R20)."""
CA_DAYS = 3650
SERVER_DAYS = 365
"""The days for which the certificates are valid; a server's is renewed in the last tenth."""
_LOCAL = ("localhost", "127.0.0.1", "::1")
_ANOTHER_HOST = "another-host.example"
_CA, _SERVER = "ca", "server"
_BITS = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """The certificate of the servers.

    Attributes:
        der: the certificate.
        key: its private key.
        authority: the certificate of the CA above it, DER, which clients trust.
    """

    der: bytes
    key: RSAPrivateKey
    authority: bytes


def server_certificate(estate: Estate, names: Iterable[str]) -> ServerCertificate:
    """The certificate of the servers of an estate; it is made where there is none for all names.

    Args:
        estate: that keeps it.
        names: names and IP addresses that clients call, beside those of this machine alone.

    Raises:
        EstateError: if the passphrase is wrong, or the estate cannot be written.
    """
    hosts = tuple(dict.fromkeys((*_LOCAL, *names)))
    now = estate.clock.now()
    with estate.transaction():
        authority = _current(estate, _CA, now)
        if authority is None:
            authority = _keep(estate, _CA, *_authority(estate, now))
        server = _current(estate, _SERVER, now)
        if server is None or not _is_for(server[0], hosts) or not _issued(authority[0], server[0]):
            server = _keep(estate, _SERVER, *_server(estate, *authority, hosts, now))
    return ServerCertificate(server[0], server[1], authority[0])


def false_certificates(
    estate: Estate, current: ServerCertificate, names: Iterable[str]
) -> dict[str, ServerCertificate]:
    """Certificates that clients must refuse, by the name of the misbehaviour that presents them.

    They are of the key of the current one, and but for what is wrong with each, for its names.
    """
    hosts = tuple(dict.fromkeys((*_LOCAL, *names)))
    authority = x509.load_der_x509_certificate(current.authority).subject
    now = estate.clock.now()
    with estate.transaction():
        issuer = _current(estate, _CA, now)
    if issuer is None:
        raise ValueError("there is a server certificate without its CA")
    signer, own = issuer[1], current.key
    ended = now - timedelta(days=SERVER_DAYS + 1)
    stranger = _rsa(private_keys.generate(KeyType.RSA2048, estate.entropy))
    certificates = {
        "expired-server-certificate": _leaf(estate, authority, signer, own, hosts, ended),
        "wrong-host-certificate": _leaf(estate, authority, signer, own, (_ANOTHER_HOST,), now),
        "untrusted-server-certificate": _leaf(estate, authority, stranger, own, hosts, now),
    }
    return {
        name: ServerCertificate(der, own, current.authority) for name, der in certificates.items()
    }


def _current(estate: Estate, name: str, now: datetime) -> tuple[bytes, RSAPrivateKey] | None:
    """A certificate and its key; None if there is none, or it runs out soon."""
    pair = estate.service_certificates.get(name)
    if pair is None:
        return None
    der, pkcs8 = pair
    known = x509.load_der_x509_certificate(der)
    lasts = known.not_valid_after_utc - known.not_valid_before_utc
    if not known.not_valid_before_utc <= now < known.not_valid_after_utc - lasts / 10:
        return None
    return der, _rsa(private_keys.from_pkcs8(pkcs8))


def _keep(estate: Estate, name: str, der: bytes, key: RSAPrivateKey) -> tuple[bytes, RSAPrivateKey]:
    estate.service_certificates.keep(name, der, private_keys.to_pkcs8(key))
    return der, key


def _authority(estate: Estate, now: datetime) -> tuple[bytes, RSAPrivateKey]:
    """A new CA of servers."""
    key = _rsa(private_keys.generate(KeyType.RSA2048, estate.entropy))
    name = _name(NAME)
    builder = _builder(estate, name, name, key, now, CA_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
    return _signed(builder, key), key


def _server(
    estate: Estate, authority: bytes, signer: RSAPrivateKey, hosts: tuple[str, ...], now: datetime
) -> tuple[bytes, RSAPrivateKey]:
    """A new certificate of the servers."""
    key = _rsa(private_keys.generate(KeyType.RSA2048, estate.entropy))
    above = x509.load_der_x509_certificate(authority)
    return _leaf(estate, above.subject, signer, key, hosts, now), key


def _leaf(
    estate: Estate,
    issuer: x509.Name,
    signer: RSAPrivateKey,
    key: RSAPrivateKey,
    hosts: tuple[str, ...],
    now: datetime,
) -> bytes:
    """A certificate of a server's key."""
    builder = _builder(estate, _name(hosts[0]), issuer, key, now, SERVER_DAYS)
    names = x509.SubjectAlternativeName(list(map(_general_name, hosts)))
    builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    builder = builder.add_extension(_usage("digital_signature", "key_encipherment"), critical=True)
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = builder.add_extension(purposes, critical=False)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = builder.add_extension(above, critical=False)
    return _signed(builder, signer)


def _builder(
    estate: Estate,
    subject: x509.Name,
    issuer: x509.Name,
    key: RSAPrivateKey,
    now: datetime,
    days: int,
) -> x509.CertificateBuilder:
    # Clients whose clock is a little behind are to trust it, too.
    since = now - timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(estate.entropy.octets(16)) >> 1 or 1)
        .not_valid_before(since)
        .not_valid_after(since + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _signed(builder: x509.CertificateBuilder, key: RSAPrivateKey) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _usage(*bits: str) -> x509.KeyUsage:
    """A keyUsage extension with these bits."""
    none = dict.fromkeys(_BITS, False)
    return x509.KeyUsage(**{**none, **dict.fromkeys(bits, True)})


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _is_for(der: bytes, hosts: tuple[str, ...]) -> bool:
    """Whether a certificate names all these hosts."""
    extensions = x509.load_der_x509_certificate(der).extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(map(_general_name, hosts)) <= set(names)


def _issued(authority: bytes, der: bytes) -> bool:
    """Whether a CA issued a certificate: its own may have been made anew since."""
    issuer = x509.load_der_x509_certificate(authority)
    try:
        x509.load_der_x509_certificate(der).verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError):
        return False
    return True


def _rsa(key: object) -> RSAPrivateKey:
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the keys of servers are RSA keys")
    return key
