"""Provides a certificate, its private key and the CAs above it as PEM, DER and objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.estate.token_keys import stays_in_token
from smki_testca.x509.pem import to_pem
from smki_testca.x509.private_keys import from_pkcs8

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from smki_testca.estate.certificates import Record
    from smki_testca.x509.keys import PrivateKey


@dataclass(frozen=True, repr=False)
class Credential:
    """A certificate with its private key and the CAs above it.

    Attributes:
        record: the certificate, with its data in the estate.
        chain: the CAs above it, the issuing one first, the root last.
        pkcs8: the private key, PKCS#8 DER; None for a CA, and where the estate has none.
    """

    record: Record
    chain: tuple[Record, ...]
    pkcs8: bytes | None = None

    @property
    def der(self) -> bytes:
        """The certificate, DER."""
        return self.record.der

    @property
    def pem(self) -> bytes:
        """The certificate, one PEM block."""
        return _pem((self.record,))

    @property
    def chain_pem(self) -> bytes:
        """The certificate and the CAs above it without the root, as a server presents them."""
        return _pem((self.record, *self.chain[:-1]))

    @property
    def root_pem(self) -> bytes:
        """The root, as a client trusts it. Of a root, the certificate itself."""
        return _pem(((self.record, *self.chain)[-1],))

    @property
    def key_pem(self) -> bytes:
        """The private key, unencrypted PKCS#8 PEM.

        Raises:
            InputError: if the estate has none.
            EstateError: if it is in a PKCS#11 token.
        """
        return to_pem(self._pkcs8(), "PRIVATE KEY")

    @property
    def certificate(self) -> Certificate:
        """The certificate as an object of ``cryptography``."""
        return _load(self.record)

    @property
    def issuers(self) -> tuple[Certificate, ...]:
        """The CAs above it as objects of ``cryptography``, the root last."""
        return tuple(_load(record) for record in self.chain)

    @property
    def private_key(self) -> PrivateKey:
        """The private key as an object of ``cryptography``: P-256, or RSA of 2048 bits.

        Raises:
            InputError: if the estate has none.
            EstateError: if it is in a PKCS#11 token.
        """
        return from_pkcs8(self._pkcs8())

    def _pkcs8(self) -> bytes:
        if self.record.key_uri is not None:
            raise stays_in_token(str(self.record.serial))
        if self.pkcs8 is None:
            raise InputError(
                "credential.no_key",
                f"The estate has no private key for the certificate {self.record.serial}.",
                "Its holder brought only the public key, and has the private key.",
            )
        return self.pkcs8

    def __repr__(self) -> str:
        # Short, and without the key: tests that fail print it.
        record = self.record
        holder = record.eui64 or record.label
        parts = (record.profile, holder, record.usage, f"serial {record.serial}")
        return f"<{type(self).__name__} {' '.join(str(part) for part in parts if part)}>"


def _pem(records: tuple[Record, ...]) -> bytes:
    return b"".join(to_pem(record.der) for record in records)


def _load(record: Record) -> Certificate:
    from cryptography import x509  # noqa: PLC0415 - a third party that is slow to import

    return x509.load_der_x509_certificate(record.der)
