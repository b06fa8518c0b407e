"""The certificate and private key with which a client says who it is."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from smki_testca.errors import InputError
from smki_testca.importers.sources import sources
from smki_testca.input_files import read_regular
from smki_testca.lint.inspection import why_no_certificate
from smki_testca.service.own_chain import load_chain
from smki_testca.text_files import utf8
from smki_testca.x509 import untrusted
from smki_testca.x509.name_text import subject_text
from smki_testca.x509.private_keys import public_key_info
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from smki_testca.x509.keys import PrivateKey

_MAX_KEY_OCTETS = 1 << 16


@dataclass(frozen=True, slots=True)
class Credentials:
    """A certificate with its chain, and the private key of the certificate.

    Attributes:
        chain: the certificate, then those that the file holds besides, DER.
        key: the private key.
    """

    chain: tuple[bytes, ...]
    key: PrivateKey = field(repr=False)

    @classmethod
    def read(cls, certificate: Path, key: Path, passphrase: str | None) -> Self:
        """Read them from files.

        Args:
            certificate: the file of the certificate, PEM or DER; CAs may follow it.
            key: the file of the private key, PEM.
            passphrase: that opens it; None if it is not encrypted.

        Raises:
            InputError: if a file cannot be used, or they do not belong together.
        """
        chain = tuple(certificates_in(certificate))
        private = _private_key(key, passphrase)
        spki = view_certificate(chain[0]).octets("subjectPublicKeyInfo")
        if public_key_info(private) != spki:
            raise InputError(
                "client.key_mismatch",
                f"The key in {key} is not that of the first certificate in {certificate}.",
                "Name the two that belong together.",
            )
        return cls(chain, private)

    @property
    def subject(self) -> str:
        """The subject of the certificate, as text."""
        return subject_text(view_certificate(self.chain[0]))

    def load_into(self, context: ssl.SSLContext) -> None:
        """Give them to a TLS context.

        Raises:
            InputError: if OpenSSL does not take them, for a weak key or signature for example.
        """
        try:
            load_chain(context, self.chain, self.key)
        except ssl.SSLError as error:
            reason = (error.reason or str(error)).replace("_", " ").lower()
            raise InputError(
                "client.weak",
                f"OpenSSL does not take the client's certificate and key: {reason}.",
                "Use a certificate with an RSA key of 2048 bits or P-256, signed with SHA-256.",
            ) from error


def certificates_in(path: Path) -> Sequence[bytes]:
    """The certificates in a file, in their order, DER.

    Raises:
        InputError: if it holds anything else, or none.
    """
    credentials = []
    problem = "it holds none"
    for source in sources([str(path)]):
        problem = why_no_certificate(source)
        if problem:
            break
        credentials.append(source.data)
    if problem:
        raise InputError(
            "client.certificates",
            f"{path} cannot be used as a file of certificates: {problem}.",
            "Give certificates only, in PEM or DER.",
        )
    return credentials


def _private_key(path: Path, passphrase: str | None) -> PrivateKey:
    """Read a private key in PEM.

    Raises:
        InputError: if it cannot be read, or opened.
    """
    text = utf8(read_regular(path, _MAX_KEY_OCTETS))
    is_encrypted = b"ENCRYPTED" in text
    if is_encrypted and passphrase is None:
        raise InputError(
            "client.key_passphrase",
            f"The private key in {path} is encrypted.",
            "Name a file with its passphrase: --key-passphrase-file FILE",
        )
    secret = passphrase.encode("utf-8") if is_encrypted and passphrase is not None else None
    try:
        key = untrusted.call(serialization.load_pem_private_key, text, secret)
    except InputError as error:
        if is_encrypted and b"-----BEGIN" in text:
            raise InputError(
                "client.key_passphrase",
                f"The passphrase does not open the private key in {path}.",
                "Give the passphrase with which it was written.",
            ) from error
        raise InputError(
            "client.key",
            f"{path} is not a private key in PEM.",
            "Convert it with: openssl pkcs8 -topk8",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise InputError("client.key", f"The key in {path} is neither RSA nor on a curve.")
    return key
