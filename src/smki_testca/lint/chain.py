"""Finds the issuer of a certificate or CRL by its signature; the rules of issuers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives import hashes

from smki_testca.der import encode
from smki_testca.der.read import DerError
from smki_testca.lint.findings import Breach
from smki_testca.lint.rule import PUBLISHED, rule
from smki_testca.lint.strict import ecdsa_integers
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis
from smki_testca.x509.keys import PublicKey, load_public_key, signature_fits
from smki_testca.x509.view import View, normalised_name, view_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from smki_testca.lint.certificate import Certificate
    from smki_testca.lint.crl import RevocationList

_DIGESTS: dict[bytes, hashes.HashAlgorithm] = {
    encode.oid(oid): digest
    for digest, *oids in (
        (hashes.SHA1(), "1.2.840.10045.4.1", "1.2.840.113549.1.1.5"),  # noqa: S303 - to check it
        (hashes.SHA224(), "1.2.840.10045.4.3.1", "1.2.840.113549.1.1.14"),
        (hashes.SHA256(), "1.2.840.10045.4.3.2", "1.2.840.113549.1.1.11"),
        (hashes.SHA384(), "1.2.840.10045.4.3.3", "1.2.840.113549.1.1.12"),
        (hashes.SHA512(), "1.2.840.10045.4.3.4", "1.2.840.113549.1.1.13"),
    )
    for oid in oids
}
_KEY_IDENTIFIER = re.compile(
    rb"\x06\x03\x55\x1d\x0e(?:\x01\x01.)?\x04.\x04([\x00-\x7f])", re.DOTALL
)
_MAX_CANDIDATES = 64
"""The most possible issuers that are tried. Real documents have one or two, hostile ones many."""


class PossibleIssuer:
    """A certificate that may have issued others, parsed when first needed."""

    def __init__(self, der: bytes) -> None:
        self.der = der

    @cached_property
    def view(self) -> View:
        """The fields of the certificate."""
        return view_certificate(self.der)

    @cached_property
    def key(self) -> PublicKey | None:
        """The public key; None where it cannot be read."""
        try:
            return load_public_key(self.view.octets("subjectPublicKeyInfo") or b"")
        except DerError:
            return None

    @property
    def is_ca(self) -> bool:
        """Whether basicConstraints says that it is a CA."""
        return self.view.value("extensions.basicConstraints.cA") is True

    def may(self, usage: str) -> bool:
        """Whether keyUsage includes a usage, such as ``keyCertSign``."""
        usages = self.view.value("extensions.keyUsage")
        return isinstance(usages, tuple) and usage in usages


@dataclass(slots=True)
class Issuers:
    """The certificates at hand that may have issued others.

    Attributes:
        by_key: all of them, by subjectKeyIdentifier.
        by_name: the CAs, by their normalised subject.
    """

    by_key: dict[bytes, list[PossibleIssuer]] = field(default_factory=dict)
    by_name: dict[object, list[PossibleIssuer]] = field(default_factory=dict)
    _known: set[bytes] = field(default_factory=set)

    def add(self, der: bytes) -> None:
        """Add a certificate; one that cannot be read is ignored.

        Only CAs are found by name; an end entity is found by its key identifier, so that a
        certificate it wrongly issued is recognised.
        """
        if der in self._known:
            return
        self._known.add(der)
        certificate = PossibleIssuer(der)
        identifier = key_identifier_of(der)
        if identifier is not None:
            self.by_key.setdefault(identifier, []).append(certificate)
        if b"\x06\x03\x55\x1d\x13" not in der:
            return
        try:
            subject = certificate.view.fields.get("subject")
        except DerError:
            return
        if subject is not None and certificate.is_ca:
            self.by_name.setdefault(normalised_name(subject.node), []).append(certificate)

    @property
    def ders(self) -> list[bytes]:
        """The certificates, DER, those with a key identifier first."""
        groups = (*self.by_key.values(), *self.by_name.values())
        return list(dict.fromkeys(issuer.der for group in groups for issuer in group))

    def candidates(self, view: View) -> list[PossibleIssuer]:
        """The certificates that a document names as issuer: by key identifier, then by name."""
        identifier = view.octets("extensions.authorityKeyIdentifier.keyIdentifier")
        candidates = list(self.by_key.get(identifier or b"", ()))
        issuer = view.fields.get("issuer")
        if issuer is not None:
            candidates += self.by_name.get(normalised_name(issuer.node), ())
        return list(dict.fromkeys(candidates))[:_MAX_CANDIDATES]


def key_identifier_of(der: bytes) -> bytes | None:
    """A certificate's subjectKeyIdentifier, found by its octets without reading the rest."""
    match = _KEY_IDENTIFIER.search(der)
    if match is None:
        return None
    length = match[1][0]
    return der[match.end() : match.end() + length]


class Verdict(Enum):
    """The result of verifying a signature against the possible issuers."""

    UNTRIED = auto()
    RIGHT = auto()
    UNKNOWN_ISSUER = auto()
    NOT_BY_NAMED_ISSUER = auto()
    NOT_BY_ITSELF = auto()
    BY_ITSELF = auto()


class Signer(NamedTuple):
    """The signer of a document, as far as it is known.

    Attributes:
        verdict: the result of the search.
        issuer: the CA that signed; None for a root, and where no signer was found.
    """

    verdict: Verdict = Verdict.UNTRIED
    issuer: PossibleIssuer | None = None


NOBODY = Signer()
"""The signer of a document before any search."""


def signer_of(view: View, issuers: Issuers) -> Signer:
    """Find the certificate whose key a document is signed with."""
    is_certificate = view.kind == "certificate"
    fits = _signature_test(view)
    own_key = view.octets("subjectPublicKeyInfo") or b""
    may_name_own_key = is_certificate and _may_name_own_key(view)
    if may_name_own_key and view.octets("issuer") == view.octets("subject"):
        key = load_public_key(own_key)
        return Signer(Verdict.RIGHT if key is None or fits(key) else Verdict.NOT_BY_ITSELF)
    candidates = [issuer for issuer in issuers.candidates(view) if issuer.key is not None]
    for candidate in candidates:
        if fits(candidate.key):
            return Signer(Verdict.RIGHT, candidate)
    if may_name_own_key and fits(load_public_key(own_key)):
        return Signer(Verdict.BY_ITSELF)
    return Signer(Verdict.NOT_BY_NAMED_ISSUER if candidates else Verdict.UNKNOWN_ISSUER)


@rule(
    "signature.invalid", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 6.1.3",
    meaning="The signature does not fit the key that should have made it.",
    remedy="Get the certificate again from its issuer; some octet changed.",
    good="the certificate as it was issued", bad="one bit of it changed",
)  # fmt: skip
def signature(document: Certificate | RevocationList) -> Iterator[Breach]:
    """Find a signature that its signer did not make."""
    offset = document.view.root.children[2].offset
    if document.signer.verdict is Verdict.NOT_BY_ITSELF:
        message = "the signature is not by the certificate's key"
        yield Breach("signature.invalid", offset, message)
    elif document.signer.verdict is Verdict.NOT_BY_NAMED_ISSUER:
        message = f"the signature is not by the issuer that the {document.view.kind} names"
        yield Breach("signature.invalid", offset, message)


@rule(
    "issuer.self_signed", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 6.1.3",
    meaning="It names another as issuer, but is signed with its own key.",
    remedy="Have it issued by the CA that it names.",
    good="signed by Z1", bad="issuer Z1, signed by itself",
)  # fmt: skip
def self_signed(document: Certificate | RevocationList) -> Iterator[Breach]:
    """Find a certificate that is signed with its own key and names another issuer."""
    if document.signer.verdict is Verdict.BY_ITSELF:
        message = "the certificate names another as issuer, but is signed with its own key"
        yield Breach("issuer.self_signed", _issuer_offset(document.view), message)


@rule(
    "issuer.unknown", Severity.NOTICE, Basis.SPECIFIED, "RFC 5280 6.1",
    meaning="The issuer is not at hand, so the signature was not checked.",
    remedy="Give the CA's certificates with --trust.",
    good="linted with --trust chain.pem", bad="linted alone",
)  # fmt: skip
def unknown_issuer(document: Certificate | RevocationList) -> Iterator[Breach]:
    """Report that the signature was not checked."""
    if document.signer.verdict is Verdict.UNKNOWN_ISSUER:
        message = "the issuer is not among the certificates at hand, so the signature is unchecked"
        yield Breach("issuer.unknown", _issuer_offset(document.view), message)


def _issuer_offset(view: View) -> int:
    issuer = view.fields.get("issuer")
    return 0 if issuer is None else issuer.node.offset


@rule(
    "issuer.name_differs", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 6.1.3 (a)(4)",
    meaning="The issuer's name is not the subject of the CA that signed it.",
    remedy="Write the CA's subject as the issuer.",
    good="OU=07, CN=Z1 under Z1", bad="OU=07, CN=Z2 under Z1",
)  # fmt: skip
@rule(
    "issuer.octets_differ", Severity.WARNING, Basis.OBSERVED, PUBLISHED,
    meaning="The issuer's name equals the CA's subject in value, but not octet for octet.",
    remedy="Copy the CA's subject as it stands.",
    good="PrintableString in both", bad="UTF8String in one of them",
)  # fmt: skip
def issuer_name(document: Certificate | RevocationList) -> Iterator[Breach]:
    """Compare the issuer's name with the subject of the CA that signed."""
    if document.signer.issuer is None:
        return
    named = document.view.fields["issuer"].node
    subject = document.signer.issuer.view.fields["subject"].node
    if named.encoded == subject.encoded:
        return
    if normalised_name(named) != normalised_name(subject):
        message = "the issuer's name is not the subject of its CA"
        yield Breach("issuer.name_differs", named.offset, message)
    else:
        message = "the issuer's name equals the CA's subject, but not octet for octet"
        yield Breach("issuer.octets_differ", named.offset, message)


@rule(
    "issuer.not_a_ca", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 6.1.4 (k)",
    meaning="An end entity issued it.", remedy="Have it issued by a CA of its hierarchy.",
    good="a Device Certificate under the Issuing DCA",
    bad="a Device Certificate under a supplier's key",
)  # fmt: skip
def not_a_ca(certificate: Certificate) -> Iterator[Breach]:
    """Find an issuer that is an end entity."""
    issuer = certificate.signer.issuer
    if issuer is not None and not issuer.is_ca:
        message = "the issuer is no CA: its certificate does not say so"
        yield Breach("issuer.not_a_ca", _issuer_offset(certificate.view), message)


@rule(
    "issuer.key_usage", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 6.1.4 (n)",
    meaning="The issuer's keyUsage lacks keyCertSign.", remedy="Have it issued by a CA that may.",
    good="keyCertSign, cRLSign", bad="digitalSignature only",
)  # fmt: skip
def issuer_key_usage(certificate: Certificate) -> Iterator[Breach]:
    """Find a CA whose keyUsage does not allow it to issue."""
    issuer = certificate.issuing_ca
    if issuer is not None and not issuer.may("keyCertSign"):
        message = "the issuer's keyUsage does not allow it to issue"
        yield Breach("issuer.key_usage", _issuer_offset(certificate.view), message)


@rule(
    "issuer.wrong_hierarchy", Severity.ERROR, Basis.SPECIFIED, "GBCS v0.8.1 s.12",
    meaning="A CA of another hierarchy issued it.",
    remedy="Have it issued by the CA of its own hierarchy.",
    good="an Organisation Certificate under the Issuing OCA",
    bad="a Device Certificate under the Issuing OCA",
)  # fmt: skip
def issuer_hierarchy(certificate: Certificate) -> Iterator[Breach]:
    """Find a CA of another hierarchy than the profile's."""
    actual, expected = certificate.issuer_hierarchy, certificate.profile.hierarchy
    if certificate.issuing_ca is not None and actual != expected:
        message = f"a CA of the {actual} hierarchy issued it, not one of {expected}"
        yield Breach("issuer.wrong_hierarchy", _issuer_offset(certificate.view), message)


@rule(
    "issuer.path_length", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.2.1.9",
    meaning="The issuer's pathLenConstraint allows no CA below it.",
    remedy="Have the CA issued by the root.",
    good="an end entity below pathLen 0", bad="a CA below pathLen 0",
)  # fmt: skip
def path_length(certificate: Certificate) -> Iterator[Breach]:
    """Find a CA below a CA whose pathLenConstraint is 0."""
    issuer = certificate.issuing_ca
    if issuer is None or certificate.view.value("extensions.basicConstraints.cA") is not True:
        return
    if issuer.view.value("extensions.basicConstraints.pathLenConstraint") == 0:
        message = "the issuer's pathLenConstraint 0 allows no CA below it"
        yield Breach("issuer.path_length", _issuer_offset(certificate.view), message)


def _signature_test(view: View) -> Callable[[PublicKey | None], bool]:
    """A test whether a key made the signature, with a digest that the document names."""
    signature = minimal_signature(view)
    algorithms = [view.signature_algorithm]
    if "signature" in view.fields:
        algorithms.append(view.fields["signature"].node)
    digests = {
        digest.name: digest
        for algorithm in algorithms
        for digest in [_DIGESTS.get(algorithm.children[0].encoded if algorithm.children else b"")]
        if digest is not None
    }

    def fits(key: PublicKey | None) -> bool:
        return key is not None and any(
            signature_fits(key, signature, view.signed.encoded, digest)
            for digest in digests.values() or (None,)
        )

    return fits


def minimal_signature(view: View) -> bytes:
    """The signature with padded INTEGERs made minimal, so that only its value counts."""
    if view.signature[:1] != b"\x30":
        return view.signature
    pair = ecdsa_integers(view.signature)
    if pair is None:
        return view.signature
    numbers = (int.from_bytes(number.content, signed=True) for number in pair)
    return encode.sequence(*(encode.integer(number) for number in numbers))


def is_by_own_key(view: View) -> bool | None:
    """Whether a document's own key made its signature; None where the key cannot be used."""
    key = load_public_key(view.octets("subjectPublicKeyInfo") or b"")
    return None if key is None else _signature_test(view)(key)


def _may_name_own_key(view: View) -> bool:
    identifier = view.octets("extensions.authorityKeyIdentifier.keyIdentifier")
    return identifier is None or identifier == view.octets("extensions.subjectKeyIdentifier")


def gathered(ders: Iterable[bytes]) -> Issuers:
    """The possible issuers among certificates in DER."""
    issuers = Issuers()
    for der in ders:
        issuers.add(der)
    return issuers


CHECKERS: tuple[Callable[[Certificate | RevocationList], Iterator[Breach]], ...] = (
    signature,
    self_signed,
    unknown_issuer,
    issuer_name,
)
"""The checkers of the signer of any document."""
OF_CERTIFICATE: tuple[Callable[[Certificate], Iterator[Breach]], ...] = (
    not_a_ca,
    issuer_key_usage,
    issuer_hierarchy,
    path_length,
)
"""The checkers of whether the issuer of a certificate may issue it."""
