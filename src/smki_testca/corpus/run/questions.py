"""Questions to a target: one document each, and what it is to be judged by."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CERTIFICATE, CRL, CSR = "certificate", "CRL", "CSR"
"""The kinds of documents."""
_LABELS = {CERTIFICATE: "CERTIFICATE", CRL: "X509 CRL", CSR: "CERTIFICATE REQUEST"}


@dataclass(frozen=True)
class Question:
    """One document to judge.

    Attributes:
        id: of the case.
        kind: ``certificate``, ``CRL`` or ``CSR``.
        at: the instant to judge it at, ISO 8601, UTC.
        expected: the identity that is expected in it, by name: ``eui64``, ``usage``, ``role``.
        der: the document.
        chain: the CAs between it and the root, DER, the issuer first.
        root: the CA to trust, DER; None for a CSR.
        crls: of a certificate, the CRLs to judge it by, DER.
        about: of a CRL, the certificate whose status is asked, DER.
    """

    id: str
    kind: str
    at: str
    expected: Mapping[str, str] = field(default_factory=dict)
    der: bytes = field(default=b"", repr=False)
    chain: tuple[bytes, ...] = field(default=(), repr=False)
    root: bytes | None = field(default=None, repr=False)
    crls: tuple[bytes, ...] = field(default=(), repr=False)
    about: bytes | None = field(default=None, repr=False)

    @property
    def certificate(self) -> bytes | None:
        """The certificate that is judged, be it by a CRL; None for a CSR."""
        return {CERTIFICATE: self.der, CRL: self.about}.get(self.kind)

    @property
    def lists(self) -> tuple[bytes, ...]:
        """The CRLs that are judged, or judged by."""
        return (self.der,) if self.kind == CRL else self.crls


def pem(documents: Iterable[bytes], kind: str = CERTIFICATE) -> bytes:
    """Documents of one kind in PEM, one after the other; what is in them does not matter."""
    label = _LABELS[kind].encode()
    return b"".join(
        b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label, _lines(der), label)
        for der in documents
    )


def _lines(der: bytes) -> bytes:
    text = base64.b64encode(der)
    return b"".join(text[place : place + 64] + b"\n" for place in range(0, len(text), 64))
