"""Changes of one part of a document; each takes a document and returns it changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from smki_testca.corpus.parts import CertificateParts, CsrParts, Extension, Parts, extension
from smki_testca.corpus.signing_keys import key_identifier_of
from smki_testca.der.encode import octet_string

if TYPE_CHECKING:
    from smki_testca.corpus.signing_keys import CorpusSigner

    Document = TypeVar("Document", bound=Parts)
    Named = TypeVar("Named", bound=CertificateParts | CsrParts)


def but(document: Document, **parts: Any) -> Document:
    """The document with these parts in place of others."""
    return replace(document, **parts)


def with_subject(document: Named, subject: bytes) -> Named:
    """The certificate or CSR with another subject; a root's issuer follows it."""
    parts = {"subject": subject}
    if isinstance(document, CertificateParts) and document.is_self_issued:
        parts["issuer"] = subject
    return but(document, **parts)


def with_extension(document: Document, name: str, value: Extension) -> Document:
    """The document with an extension in place of the one of that name, or after the others."""
    return replace(document, extensions={**document.extensions, name: value})


def with_critical(document: Document, name: str, octets: bytes) -> Document:
    """The document with another criticality of an extension, as it is written (b"" for none)."""
    value = replace(document.extensions[name], critical=octets)
    return with_extension(document, name, value)


def with_value(document: Document, name: str, value: bytes) -> Document:
    """The document with another value of an extension."""
    return with_extension(document, name, replace(document.extensions[name], value=value))


def added(document: Document, name: str, value: bytes, *, critical: bool = False) -> Document:
    """The document with one more extension, at the end; by its name or OID."""
    return with_extension(document, name, extension(name, value, critical=critical))


def without(document: Document, name: str) -> Document:
    """The document without an extension."""
    others = {key: value for key, value in document.extensions.items() if key != name}
    return replace(document, extensions=others)


def rekeyed(
    certificate: CertificateParts, spki: bytes, signer: CorpusSigner | None = None
) -> CertificateParts:
    """The certificate with another public key and its key identifier.

    Args:
        certificate: what is changed.
        spki: the key, a SubjectPublicKeyInfo.
        signer: the signer of a root from now on; others keep theirs.
    """
    identified = with_value(
        certificate, "subjectKeyIdentifier", octet_string(key_identifier_of(spki))
    )
    own = signer if certificate.is_self_issued and signer else certificate.signer
    return replace(identified, spki=spki, signer=own)
