"""Changes one attribute of a subject and leaves the others as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.document_changes import with_subject
from smki_testca.corpus.parts import UTF8, rdn
from smki_testca.der.encode import sequence
from smki_testca.der.read import read
from smki_testca.x509.names import ATTRIBUTE_NAMES
from smki_testca.x509.values import oid_of
from smki_testca.x509.view import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smki_testca.corpus.parts import CertificateParts

COMMON_NAME = "commonName"
UNIT = "organizationalUnitName"
ORGANISATION = "organizationName"
IDENTIFIER = "x500UniqueIdentifier"


def relatives(document: CertificateParts) -> dict[str, bytes]:
    """The RDNs of a subject by the name of their attribute, in their order; DER each."""
    rdns = {}
    for node in read(document.subject)[0].children:
        oid = oid_of(node.children[0].children[0])
        rdns[ATTRIBUTE_NAMES[oid or ""]] = node.encoded
    return rdns


def attribute_text(document: CertificateParts, name: str) -> str:
    """The text of an attribute that the subject has."""
    node = read(relatives(document)[name])[0]
    return text_of(node.children[0].children[1]) or ""


def with_relatives(document: CertificateParts, rdns: Mapping[str, bytes]) -> CertificateParts:
    """The certificate with these RDNs as its subject; a root's issuer follows it."""
    return with_subject(document, sequence(*rdns.values()))


def with_attribute(
    document: CertificateParts, name: str, value: str | bytes, tag: int = UTF8
) -> CertificateParts:
    """The certificate with another value of an attribute, where it is, or after the others."""
    return with_relatives(document, {**relatives(document), name: rdn(name, value, tag)})


def without_attribute(document: CertificateParts, name: str) -> CertificateParts:
    """The certificate without an attribute of its subject."""
    others = {key: rdn for key, rdn in relatives(document).items() if key != name}
    return with_relatives(document, others)
