"""Makes the CAs of an estate those that the corpus is issued by; their keys stay in the estate."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes

from smki_testca.corpus.parts import CertificateParts, Extension
from smki_testca.corpus.pki import AT, HIERARCHIES, Pki
from smki_testca.der.read import Node, read
from smki_testca.errors import InputError
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.x509.names import EXTENSION_NAMES
from smki_testca.x509.values import oid_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.authority.signers import Signer
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores

_TIERS = {Tier.ROOT: "root", Tier.ISSUING: "issuing"}
_WITH_VALUE = 3
"""The parts of an extension whose criticality is written."""


class EstateSigner:
    """Signs for the corpus with the key of an estate's CA.

    Args:
        signer: of the CA.
    """

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    @property
    def spki(self) -> bytes:
        """The SubjectPublicKeyInfo, DER."""
        return self._signer.public_key

    def sign(self, data: bytes, digest: hashes.HashAlgorithm | None = None) -> bytes:
        """The signature's octets over the data.

        Raises:
            InputError: if another digest than SHA-256 is asked for: a CA's key signs with no other.
        """
        if digest is not None and not isinstance(digest, hashes.SHA256):
            raise InputError(
                "corpus.signer",
                f"A CA of an estate signs with SHA-256, not with {digest.name}.",
                "Take this case from the corpus itself: leave out --estate.",
            )
        return self._signer.sign(data)


def authorities_of(estate: Stores, environment: str | None = None) -> list[Record]:
    """The certificates of the CAs of an estate that the corpus is issued by.

    Args:
        estate: whose CAs they are.
        environment: the name of the environment; the estate's first by default.

    Raises:
        EstateError: if the estate has no CAs of a hierarchy.
    """
    known = estate.library.environment(estate.environment(environment))
    return [
        estate.authorities.newest(known, hierarchy, tier)
        for hierarchy in map(Hierarchy, HIERARCHIES)
        for tier in _TIERS
    ]


def estate_pki(estate: Stores, environment: str | None = None) -> Pki:
    """The CAs of an environment of an estate.

    Documents are judged when all of them are valid.

    Args:
        estate: whose CAs they are; it must be unlocked.
        environment: the name of the environment; the estate's first by default.

    Raises:
        EstateError: if the estate has no CAs of a hierarchy, or a key is missing.
    """
    known = estate.library.environment(estate.environment(environment))
    authorities: dict[str, CertificateParts] = {}
    signers: dict[str, EstateSigner] = {}
    begins = AT
    above: EstateSigner | None = None
    for record in authorities_of(estate, environment):
        profile = f"{record.hierarchy.value}-{_TIERS[record.tier]}-ca"
        signer = signers[profile] = EstateSigner(estate.authorities.signer(record))
        is_root = record.tier is Tier.ROOT
        authorities[profile] = _parts(record.der, profile, signer if is_root else above or signer)
        begins = max(begins, record.not_before + timedelta(days=1))
        above = signer
    policies = {hierarchy.value: known.policies[hierarchy].default for hierarchy in known.policies}
    return Pki(authorities, signers, policies, begins)


def _parts(der: bytes, profile: str, signer: EstateSigner) -> CertificateParts:
    """A CA Certificate as its parts; its signature is made again unless that gives another."""
    root, _ = read(der)
    tbs, algorithm, signature = root.children
    version, serial, _, issuer, validity, subject, spki, extensions = tbs.children
    certificate = CertificateParts(
        profile,
        serial.encoded,
        issuer.encoded,
        validity.encoded,
        subject.encoded,
        spki.encoded,
        dict(_extensions(extensions)),
        signer,
        version=version.encoded,
        algorithm=algorithm.encoded,
    )
    if certificate.der == der:
        return certificate
    # Signed before ECDSA was deterministic, or by a key that is elsewhere.
    return CertificateParts(**{**vars(certificate), "signature": signature.content[1:]})


def _extensions(extensions: Node) -> Iterator[tuple[str, Extension]]:
    for extension in extensions.children[0].children:
        oid, *critical, value = extension.children
        dotted = oid_of(oid) or ""
        written = critical[0].encoded if critical else b""
        name = EXTENSION_NAMES.get(dotted, dotted)
        yield name, Extension(oid.encoded, written, value.content)
