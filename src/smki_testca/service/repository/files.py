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


@dataclass(frozen=True, slots=True)
class _Form:
    """A form of a certificate.

    Attributes:
        media_type: of the file.
        has_chain: whether the CAs above the certificate are in it.
        make: its octets, from the certificate and the CAs above it, the root last.
    """

    media_type: str
    has_chain: bool
    make: Callable[[Sequence[Record]], bytes]


def _pkcs7(records: Sequence[Record]) -> bytes:
    first, *above = records
    credential = Credential(first, tuple(above))
    return pkcs7.serialize_certificates([credential.certificate, *credential.issuers], Encoding.DER)


_CERTIFICATES: Mapping[str, _Form] = {
    # RFC 2585.
    "certificate.cer": _Form("application/pkix-cert", False, lambda all_: all_[0].der),
    "certificate.pem": _Form(_PEM, False, lambda all_: to_pem(all_[0].der)),
    # RFC 8555 9.1.
    "chain.pem": _Form(
        "application/pem-certificate-chain",
        True,
        lambda all_: b"".join(to_pem(one.der) for one in all_),
    ),
    # RFC 8551 3.2.2.
    "chain.p7c": _Form("application/pkcs7-mime; smime-type=certs-only", True, _pkcs7),
    # RFC 6066 10.1: the root comes first.
    "chain.pkipath": _Form(
        "application/pkix-pkipath",
        True,
        lambda all_: encode.sequence(*(one.der for one in reversed(all_))),
    ),
}
CERTIFICATE_FILES = tuple(_CERTIFICATES)
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
        until: when it may be another's; a certificate alone by its serial number never changes.
    """
    form = _CERTIFICATES[name]
    parts = records if form.has_chain else records[:1]
    modified = max(record.issued_at for record in parts)
    return PublishedFile(form.make(parts), form.media_type, modified, until)


def changes(name: str) -> bool:
    """Whether a file of a certificate changes when a CA above it is renewed."""
    return _CERTIFICATES[name].has_chain


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
