"""Finds the issuer of a certificate or CRL by its signature."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives import hashes

from smki_testca.der import encode
from smki_testca.der.read import DerError
from smki_testca.lint.strict import ecdsa_integers
from smki_testca.x509.keys import PublicKey, key_id, load_public_key, signature_fits
from smki_testca.x509.view import View, normalised_name, view_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

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
"""The most possible issuers of one key or name that are tried. Real documents have one or two."""
_MAX_PATH = 16
"""The most CAs above a certificate that are considered. Real paths have two."""


class PossibleIssuer:
    """A certificate that may have issued others, parsed when first needed."""

    def __init__(self, der: bytes) -> None:
        self.der = der

    @cached_property
    def view(self) -> View:
        """The fields of the certificate."""
        return view_certificate(self.der)

    @property
    def spki(self) -> bytes:
        """The SubjectPublicKeyInfo, DER."""
        return self.view.octets("subjectPublicKeyInfo") or b""

    @cached_property
    def key(self) -> PublicKey | None:
        """The public key; None where it cannot be read."""
        try:
            return load_public_key(self.spki)
        except DerError:
            return None

    @property
    def is_ca(self) -> bool:
        """Whether basicConstraints says that it is a CA."""
        return self.view.value("extensions.basicConstraints.cA") is True

    @property
    def names_itself(self) -> bool:
        """Whether its issuer has its own name (self-issued, RFC 5280 3.2)."""
        return names_itself(self.view)

    @property
    def is_root(self) -> bool:
        """Whether it names itself and its own key, and not an older key of its name."""
        return self.names_itself and _may_name_own_key(self.view)

    @property
    def period(self) -> tuple[datetime, datetime] | None:
        """The validity; None where it cannot be read."""
        start, end = self.view.instant("validity.notBefore"), self.view.instant("validity.notAfter")
        return None if start is None or end is None else (start, end)

    def is_valid_at(self, instant: datetime | None) -> bool:
        """Whether an instant is in its validity; also where either is not known."""
        period = self.period
        return instant is None or period is None or period[0] <= instant <= period[1]

    def may(self, usage: str) -> bool:
        """Whether keyUsage includes a usage, such as ``keyCertSign``."""
        usages = self.view.value("extensions.keyUsage")
        return isinstance(usages, tuple) and usage in usages


@dataclass(slots=True)
class Issuers:
    """The certificates at hand that may have issued others; ``gathered`` puts them in order.

    Attributes:
        by_key: all of them, by subjectKeyIdentifier.
        by_name: the CAs, by their normalised subject.
        by_public_key: the CAs, by the id of their public key.
        at: the instant at which the one of several certificates of a CA is valid that is preferred.
    """

    by_key: dict[bytes, list[PossibleIssuer]] = field(default_factory=dict)
    by_name: dict[object, list[PossibleIssuer]] = field(default_factory=dict)
    by_public_key: dict[bytes, list[PossibleIssuer]] = field(default_factory=dict)
    at: datetime | None = None
    _verdicts: dict[bytes, SignatureVerdict] = field(default_factory=dict)
    _issuers: dict[bytes, PossibleIssuer | None] = field(default_factory=dict)

    def add(self, der: bytes) -> None:
        """Add a certificate; one that cannot be read is ignored.

        Only CAs are found by name; an end entity is found by its key identifier, so that a
        certificate it wrongly issued is recognised.
        """
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
            identifier = key_id(certificate.spki)
            self.by_public_key.setdefault(identifier, []).append(certificate)

    @property
    def ders(self) -> list[bytes]:
        """The certificates, DER, those with a key identifier first."""
        groups = (*self.by_key.values(), *self.by_name.values())
        return list(dict.fromkeys(issuer.der for group in groups for issuer in group))

    def candidates(self, view: View) -> Iterator[list[PossibleIssuer]]:
        """The certificates that may have issued a document: those of its issuer's key, of its name.

        A certificate is in the first group that it belongs to.
        """
        identifier = view.octets("extensions.authorityKeyIdentifier.keyIdentifier")
        of_key = self.by_key.get(identifier or b"", [])[:_MAX_CANDIDATES]
        yield of_key
        issuer = view.fields.get("issuer")
        of_name = [] if issuer is None else self.by_name.get(normalised_name(issuer.node), [])
        yield [candidate for candidate in of_name[:_MAX_CANDIDATES] if candidate not in of_key]

    def is_sound(self, issuer: PossibleIssuer) -> bool:
        """Whether the signature of one of the certificates at hand may be right."""
        if issuer.der not in self._verdicts:
            self._verdicts[issuer.der] = _search(issuer.view, self).verdict
        return self._verdicts[issuer.der] not in _INVALID

    def path_from(self, issuer: PossibleIssuer | None) -> tuple[PossibleIssuer, ...]:
        """An issuer and those above it, as far as they are known, the root last."""
        path: list[PossibleIssuer] = []
        while issuer is not None and issuer not in path and len(path) < _MAX_PATH:
            path.append(issuer)
            if issuer.der not in self._issuers:
                self._issuers[issuer.der] = signer_of(issuer.view, self).issuer
            issuer = self._issuers[issuer.der]
        return tuple(path)

    def ca_of_key(self, spki: bytes) -> PossibleIssuer | None:
        """A CA at hand that has a public key, and may issue certificates with it."""
        owners = self.by_public_key.get(key_id(spki), [])[:_MAX_CANDIDATES] if spki else []
        able = (owner for owner in owners if owner.may("keyCertSign"))
        return next((owner for owner in able if self.is_sound(owner)), None)


def key_identifier_of(der: bytes) -> bytes | None:
    """A certificate's subjectKeyIdentifier, found by its octets without reading the rest."""
    match = _KEY_IDENTIFIER.search(der)
    if match is None:
        return None
    length = match[1][0]
    return der[match.end() : match.end() + length]


class SignatureVerdict(Enum):
    """The result of verifying a signature against the possible issuers."""

    UNTRIED = auto()
    RIGHT = auto()
    UNKNOWN_ISSUER = auto()
    NOT_BY_NAMED_ISSUER = auto()
    NOT_BY_ITSELF = auto()
    BY_ITSELF = auto()


_INVALID = frozenset({SignatureVerdict.NOT_BY_NAMED_ISSUER, SignatureVerdict.NOT_BY_ITSELF})


class DocumentSigner(NamedTuple):
    """The signer of a document, as far as it is known.

    Attributes:
        verdict: the result of the search.
        issuer: the CA that signed; None for a root, and where no signer was found.
        remark: why a certificate at hand that looks like the issuer's is not it; may be empty.
    """

    verdict: SignatureVerdict = SignatureVerdict.UNTRIED
    issuer: PossibleIssuer | None = None
    remark: str = ""

    @property
    def is_sound(self) -> bool:
        """Whether the document may be as it was signed; otherwise it is evidence of nothing."""
        return self.verdict not in _INVALID


NOBODY = DocumentSigner()
"""The signer of a document before any search."""


def signer_of(view: View, issuers: Issuers) -> DocumentSigner:
    """Find the certificate whose key a document is signed with.

    This is how the whole program decides which certificate issued a document. A certificate of the
    issuer's name is not the issuer where its subjectKeyIdentifier is not the document's
    authorityKeyIdentifier: many PKIs have a CA called Z1. A certificate whose own signature is
    invalid, such as a broken copy of a CA, makes no signature invalid.
    """
    search = _search(view, issuers)
    if search.verdict is SignatureVerdict.NOT_BY_NAMED_ISSUER and not any(
        map(issuers.is_sound, search.named)
    ):
        remark = "a certificate of it is, but that one's own signature is invalid"
        return DocumentSigner(SignatureVerdict.UNKNOWN_ISSUER, remark=remark)
    remark = "a CA of its name is, but has another key" if search.namesakes else ""
    return DocumentSigner(search.verdict, _best(search.fitting, view, issuers), remark)


class _Search(NamedTuple):
    """The result of trying the keys of a document's possible issuers.

    Attributes:
        verdict: what follows, if every possible issuer is as it was signed.
        fitting: the issuers whose key fits the signature.
        named: the issuers that the document names, where none fits.
        namesakes: the certificates of the issuer's name that have another key, where none fits.
    """

    verdict: SignatureVerdict
    fitting: Sequence[PossibleIssuer] = ()
    named: Sequence[PossibleIssuer] = ()
    namesakes: Sequence[PossibleIssuer] = ()


def _search(view: View, issuers: Issuers) -> _Search:
    fits = _signature_test(view)
    is_certificate = view.kind == "certificate"
    own_octets = view.octets("subjectPublicKeyInfo") or b""
    own_key = cache(lambda: load_public_key(own_octets))
    is_self_issued = is_certificate and names_itself(view)
    if is_self_issued and fits(own_key()):
        return _Search(SignatureVerdict.RIGHT)
    unfit: list[PossibleIssuer] = []
    for group in issuers.candidates(view):
        # An end entity of the same key is no issuer, but as much the certificate itself.
        candidates = [
            candidate
            for candidate in group
            if candidate.key is not None and (candidate.is_ca or candidate.spki != own_octets)
        ]
        fitting = [candidate for candidate in candidates if fits(candidate.key)]
        if fitting:
            return _Search(SignatureVerdict.RIGHT, fitting)
        unfit += candidates
    if is_certificate and fits(own_key()):
        return _Search(SignatureVerdict.BY_ITSELF)
    if is_self_issued and _may_name_own_key(view):
        return _Search(
            SignatureVerdict.UNTRIED if own_key() is None else SignatureVerdict.NOT_BY_ITSELF
        )
    named = [candidate for candidate in unfit if not _has_another_key(candidate, view)]
    verdict = SignatureVerdict.NOT_BY_NAMED_ISSUER if named else SignatureVerdict.UNKNOWN_ISSUER
    return _Search(
        verdict, named=named, namesakes=[candidate for candidate in unfit if candidate not in named]
    )


def _best(fitting: Sequence[PossibleIssuer], view: View, issuers: Issuers) -> PossibleIssuer | None:
    """The certificate of the issuer's key that suits a document best; a renewed CA has several."""
    if len(fitting) < 2:
        return next(iter(fitting), None)
    usage = "cRLSign" if view.kind == "CRL" else "keyCertSign"
    issuer = view.octets("issuer")
    return min(
        fitting,
        key=lambda candidate: (
            not candidate.is_ca,
            not candidate.may(usage),
            candidate.view.octets("subject") != issuer,
            not issuers.is_sound(candidate),
            not candidate.is_valid_at(issuers.at),
        ),
    )


def _has_another_key(candidate: PossibleIssuer, view: View) -> bool:
    """Whether a document names an issuer's key by another identifier than a candidate's."""
    named = view.octets("extensions.authorityKeyIdentifier.keyIdentifier")
    identifier = candidate.view.octets("extensions.subjectKeyIdentifier")
    return named is not None and identifier is not None and named != identifier


def names_itself(view: View) -> bool:
    """Whether a certificate's issuer has its own name (self-issued, RFC 5280 3.2)."""
    return view.octets("issuer") == view.octets("subject")


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


def gathered(ders: Iterable[bytes], at: datetime | None = None) -> Issuers:
    """The possible issuers among certificates in DER; in whatever order they come.

    Args:
        ders: the certificates.
        at: the instant at which an issuer of several certificates should be valid.
    """
    issuers = Issuers(at=at)
    for der in sorted(set(ders)):
        issuers.add(der)
    return issuers
