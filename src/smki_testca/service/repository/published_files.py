"""The files that the repository offers: certificates, chains and revocation lists, in every form.

A file has the media type that is registered for its content, where one is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from smki_testca.der import encode
from smki_testca.exporters.credential import Credential
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.revocations import RevocationListRecord

_PEM = "application/x-pem-file"
"""Of one PEM block: none is registered, and programs know this one."""


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file to answer with.

    Attributes:
        data: its octets.
        media_type: of the octets.
        modified: when they became what they are, UTC.
        until: when they may be another's, UTC; None if they never change.
    """

    data: bytes
    media_type: str
    modified: datetime
    until: datetime | None = None

    @property
    def tag(self) -> str:
        """The entity tag, without quotes: the SHA-256 of the octets."""
        return hashlib.sha256(self.data).hexdigest()


def _pkcs7(records: Sequence[Record]) -> bytes:
    first, *above = records
    credential = Credential(first, tuple(above))
    return pkcs7.serialize_certificates([credential.certificate, *credential.issuers], Encoding.DER)


def _pem_chain(records: Sequence[Record]) -> bytes:
    return b"".join(to_pem(record.der) for record in records)


def _pki_path(records: Sequence[Record]) -> bytes:
    # The root comes first.
    return encode.sequence(*(record.der for record in reversed(records)))


_ALONE: Mapping[str, tuple[str, Callable[[bytes], bytes]]] = {
    "certificate.cer": ("application/pkix-cert", bytes),  # RFC 2585
    "certificate.pem": (_PEM, to_pem),
}
"""The files of one certificate: the media type, and what makes it."""
_CHAINS: Mapping[str, tuple[str, Callable[[Sequence[Record]], bytes]]] = {
    "chain.pem": ("application/pem-certificate-chain", _pem_chain),  # RFC 8555 9.1
    "chain.p7c": ("application/pkcs7-mime; smime-type=certs-only", _pkcs7),  # RFC 8551 3.2.2
    "chain.pkipath": ("application/pkix-pkipath", _pki_path),  # RFC 6066 10.1
}
"""The files of a certificate with the CAs above it."""
CERTIFICATE_FILES = (*_ALONE, *_CHAINS)
"""The names of the files of a certificate."""
_LIST_FORMS: Mapping[str, str] = {"crl": "application/pkix-crl", "pem": _PEM}
"""The endings of the files of a revocation list, and their media types (RFC 2585)."""
LIST_ENDINGS = tuple(_LIST_FORMS)
"""The endings of the files of a revocation list."""


def certificate_file(name: str, records: Sequence[Record], until: datetime | None) -> PublishedFile:
    """A file of a certificate.

    Args:
        name: one of ``CERTIFICATE_FILES``.
        records: the certificate and the CAs above it, the root last.
        until: when it may be another's; None if it never changes.
    """
    if name in _ALONE:
        media_type, make = _ALONE[name]
        return PublishedFile(make(records[0].der), media_type, records[0].issued_at, until)
    chain_type, make_chain = _CHAINS[name]
    modified = max(record.issued_at for record in records)
    return PublishedFile(make_chain(records), chain_type, modified, until)


def has_chain(name: str) -> bool:
    """Whether a file of a certificate has the CAs above it, and so changes as one is renewed."""
    return name in _CHAINS


def list_file(ending: str, record: RevocationListRecord, *, is_latest: bool) -> PublishedFile:
    """A file of a revocation list.

    Args:
        ending: one of ``LIST_ENDINGS``.
        record: the list.
        is_latest: whether it is asked for as the latest one, which is another once the next is
            issued: at its nextUpdate at the latest.
    """
    data = record.der if ending == "crl" else to_pem(record.der, "X509 CRL")
    until = record.next_update if is_latest else None
    return PublishedFile(data, _LIST_FORMS[ending], record.issued_at, until)
