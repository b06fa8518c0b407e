"""Who issued a certificate: the signature under the issuer, and whether it may issue at all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes

from smki_testca.der import encode
from smki_testca.der.read import DerError
from smki_testca.lint.strict import ecdsa_integers
from smki_testca.x509.keys import PublicKey, load_public_key, signature_fits
from smki_testca.x509.view import View, normalised_name, view_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from smki_testca.profiles.model import Hierarchy, Profile

Breach = tuple[str, int, str]
"""A rule's code, the octet at fault, and what is wrong."""

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
"""How many possible issuers are tried: real ones have one or two, hostile input many."""


class PossibleIssuer:
    """A certificate that may have issued others; read when it is first needed."""

    def __init__(self, der: bytes) -> None:
        self.der = der

    @cached_property
    def view(self) -> View:
        """Its fields."""
        return view_certificate(self.der)

    @cached_property
    def key(self) -> PublicKey | None:
        """Its public key, if that can be read."""
        try:
            return load_public_key(self.view.octets("subjectPublicKeyInfo") or b"")
        except DerError:
            return None

    @property
    def is_ca(self) -> bool:
        """Whether its basicConstraints say so."""
        return self.view.value("extensions.basicConstraints.cA") is True


@dataclass(slots=True)
class Issuers:
    """Every certificate at hand that may be somebody's issuer.

    Attributes:
        by_key: by subjectKeyIdentifier.
        by_name: CAs only, by their subject as names are compared.
    """

    by_key: dict[bytes, list[PossibleIssuer]] = field(default_factory=dict)
    by_name: dict[object, list[PossibleIssuer]] = field(default_factory=dict)
    _known: set[bytes] = field(default_factory=set)

    def add(self, der: bytes) -> None:
        """Take in a certificate; what cannot be read is passed over.

        Only CAs are found by name; an end entity is found by its key identifier, so that a
        certificate it wrongly issued can be told.
        """
        if der in self._known:
            return
        self._known.add(der)
        one = PossibleIssuer(der)
        identifier = key_identifier_of(der)
        if identifier is not None:
            self.by_key.setdefault(identifier, []).append(one)
        if b"\x06\x03\x55\x1d\x13" not in der:
            return
        try:
            subject = one.view.fields.get("subject")
        except DerError:
            return
        if subject is not None and one.is_ca:
            self.by_name.setdefault(normalised_name(subject.node), []).append(one)

    def candidates(self, view: View) -> list[PossibleIssuer]:
        """Those that a certificate points at, by key identifier first, then by name."""
        identifier = view.octets("extensions.authorityKeyIdentifier.keyIdentifier")
        found = list(self.by_key.get(identifier or b"", ()))
        issuer = view.fields.get("issuer")
        if issuer is not None:
            found += self.by_name.get(normalised_name(issuer.node), ())
        return list({id(one): one for one in found}.values())[:_MAX_CANDIDATES]


def key_identifier_of(der: bytes) -> bytes | None:
    """A certificate's subjectKeyIdentifier, found by its octets without reading the rest."""
    match = _KEY_IDENTIFIER.search(der)
    if match is None:
        return None
    length = match[1][0]
    return der[match.end() : match.end() + length]


def issuer_of(view: View, issuers: Issuers) -> tuple[PossibleIssuer | None, list[Breach]]:
    """Find who signed a certificate.

    Returns:
        The issuer, where its signature fits, and what is wrong otherwise.
    """
    names_itself = view.octets("issuer") == view.octets("subject")
    issuer_offset = view.fields["issuer"].node.offset if "issuer" in view.fields else 0
    signature_offset = view.root.children[2].offset

    fits = _signature_test(view)
    if names_itself and _points_at_itself(view):
        own_key = load_public_key(view.octets("subjectPublicKeyInfo") or b"")
        if own_key is None or fits(own_key):
            return None, []
        return None, [
            ("signature.invalid", signature_offset, "the signature is not by the certificate's key")
        ]
    candidates = [one for one in issuers.candidates(view) if one.key is not None]
    for candidate in candidates:
        if fits(candidate.key):
            return candidate, []
    own_key = load_public_key(view.octets("subjectPublicKeyInfo") or b"")
    if _points_at_itself(view) and fits(own_key):
        message = "the certificate names another as issuer, but is signed with its own key"
        return None, [("issuer.self_signed", issuer_offset, message)]
    if candidates:
        message = "the signature is not by the issuer that the certificate names"
        return None, [("signature.invalid", signature_offset, message)]
    message = "the issuer is not among the certificates at hand, so the signature is unchecked"
    return None, [("issuer.unknown", issuer_offset, message)]


def issuer_breaches(
    view: View, profile: Profile, issuer: PossibleIssuer, hierarchy: Hierarchy
) -> Iterator[Breach]:
    """What is wrong with the issuer of a certificate, its signature being right."""
    named = view.fields["issuer"].node
    yield from _name_breaches(view, issuer)
    if not issuer.is_ca:
        yield (
            "issuer.not_a_ca",
            named.offset,
            "the issuer is no CA: its certificate does not say so",
        )
        return
    usage = issuer.view.value("extensions.keyUsage")
    if not isinstance(usage, tuple) or "keyCertSign" not in usage:
        yield "issuer.key_usage", named.offset, "the issuer's keyUsage does not allow it to issue"
    if hierarchy != profile.hierarchy:
        message = f"a CA of the {hierarchy} hierarchy issued it, not one of {profile.hierarchy}"
        yield "issuer.wrong_hierarchy", named.offset, message
    is_ca = view.value("extensions.basicConstraints.cA") is True
    if is_ca and issuer.view.value("extensions.basicConstraints.pathLenConstraint") == 0:
        message = "the issuer's pathLenConstraint 0 allows no CA below it"
        yield "issuer.path_length", named.offset, message


def _signature_test(view: View) -> Callable[[PublicKey | None], bool]:
    """Whether a document is signed by a key, by the digest that it names inside or outside."""
    signature = minimal_signature(view)
    algorithms = [view.signature_algorithm]
    if "signature" in view.fields:
        algorithms.append(view.fields["signature"].node)
    digests = {
        digest.name: digest
        for one in algorithms
        for digest in [_DIGESTS.get(one.children[0].encoded if one.children else b"")]
        if digest is not None
    }

    def fits(key: PublicKey | None) -> bool:
        return key is not None and any(
            signature_fits(key, signature, view.signed.encoded, digest)
            for digest in digests.values() or (None,)
        )

    return fits


def minimal_signature(view: View) -> bytes:
    """The signature with padded INTEGERs made minimal, so that only its value is judged."""
    if view.signature[:1] != b"\x30":
        return view.signature
    pair = ecdsa_integers(view.signature)
    if pair is None:
        return view.signature
    numbers = (int.from_bytes(number.content, signed=True) for number in pair)
    return encode.sequence(*(encode.integer(number) for number in numbers))


def _points_at_itself(view: View) -> bool:
    identifier = view.octets("extensions.authorityKeyIdentifier.keyIdentifier")
    return identifier is None or identifier == view.octets("extensions.subjectKeyIdentifier")


def gathered(ders: Iterable[bytes]) -> Issuers:
    """The issuers among these certificates."""
    issuers = Issuers()
    for der in ders:
        issuers.add(der)
    return issuers


def revocation_issuer_breaches(view: View, issuer: PossibleIssuer) -> Iterator[Breach]:
    """What is wrong with the issuer of a CRL, its signature being right."""
    yield from _name_breaches(view, issuer)
    usage = issuer.view.value("extensions.keyUsage")
    if not isinstance(usage, tuple) or "cRLSign" not in usage:
        message = "the issuer's keyUsage does not allow it to sign CRLs"
        yield "crl.issuer_key_usage", view.fields["issuer"].node.offset, message


def _name_breaches(view: View, issuer: PossibleIssuer) -> Iterator[Breach]:
    named = view.fields["issuer"].node
    subject = issuer.view.fields["subject"].node
    if normalised_name(named) != normalised_name(subject):
        yield "issuer.name_differs", named.offset, "the issuer's name is not the subject of its CA"
    elif named.encoded != subject.encoded:
        message = "the issuer's name equals the CA's subject, but not octet for octet"
        yield "issuer.octets_differ", named.offset, message


def revocation_issuer(view: View, issuers: Issuers) -> tuple[PossibleIssuer | None, list[Breach]]:
    """Find who signed a CRL, as ``issuer_of`` does for a certificate."""
    offset = view.fields["issuer"].node.offset
    candidates = [one for one in issuers.candidates(view) if one.key is not None]
    fits = _signature_test(view)
    for candidate in candidates:
        if fits(candidate.key):
            return candidate, []
    if candidates:
        message = "the signature is not by the issuer that the CRL names"
        return None, [("signature.invalid", view.root.children[2].offset, message)]
    message = "the issuer is not among the certificates at hand, so the signature is unchecked"
    return None, [("issuer.unknown", offset, message)]
