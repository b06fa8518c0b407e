"""Public keys of another curve or algorithm than the profiles have."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import rekeyed
from smki_testca.corpus.elements import content_of, elements_of
from smki_testca.corpus.groups import SMKI_CAS
from smki_testca.corpus.signing_keys import ec_key, entropy, rsa_key, spki_from
from smki_testca.der.encode import bit_string, sequence

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_ENDS = ("organisation",)
_unusable = partial(
    defect,
    stage=Stage.STRUCTURE,
    at_least=Stage.USE,
    finding="subjectPublicKeyInfo.key",
    source="RFC 5480 2.2; SEC 1 2.3.4",
    importance=Importance.HIGH,
    why="With a key that is not a point of the curve a verdict on a signature is worth nothing, and"
    " key agreement gives the other private key away, bit by bit.",
)
_type = partial(
    defect,
    stage=Stage.PROFILE,
    at_least=Stage.USE,
    finding="subjectPublicKeyInfo.type",
    rfc5280=Verdict.EITHER,
    source="RFC 5480 2.1.1.1 has the curve; no reader has to know it",
    why="A meter that reads 65 octets of a longer point has half of a key.",
)


def _point(it: CertificateParts) -> bytes:
    """The uncompressed point of a certificate's key."""
    return elements_of(it.spki)[1][-65:]


@_type("key-p384", on=(*_ENDS, *SMKI_CAS), title="whose key is on P-384")
def key_on_p384(it: CertificateParts, base: Base) -> CertificateParts:
    """The key is right, on a larger curve."""
    return rekeyed(it, ec_key(base.name, ec.SECP384R1()).spki)


@_type("key-p521", on=_ENDS, title="whose key is on P-521")
def key_on_p521(it: CertificateParts, base: Base) -> CertificateParts:
    """The key is right, on a larger curve."""
    return rekeyed(it, ec_key(base.name, ec.SECP521R1()).spki)


@_type(
    "key-p224",
    on=("device",),
    title="whose key is on P-224",
    why="A meter that reads 65 octets of a shorter point reads beyond its end.",
)
def key_on_p224(it: CertificateParts, base: Base) -> CertificateParts:
    """The key is right, on a smaller curve."""
    private = ec.derive_private_key(
        int.from_bytes(entropy(base.name).octets(27)), ec.SECP224R1()
    ).public_key()
    return rekeyed(it, _public(private))


@_type(
    "key-secp256k1",
    on=_ENDS,
    title="whose key is on secp256k1",
    rfc5280=Verdict.EITHER,
    source="RFC 5480 2.1.1.1 does not list the curve",
    importance=Importance.HIGH,
    why="The points of both curves have 65 octets: who does not read the name takes it for P-256.",
)
def key_on_secp256k1(it: CertificateParts, base: Base) -> CertificateParts:
    """The key is right, on another curve of the same length."""
    return rekeyed(it, ec_key(base.name, ec.SECP256K1()).spki)


@_type(
    "key-brainpool",
    on=_ENDS,
    title="whose key is on brainpoolP256r1",
    rfc5280=Verdict.EITHER,
    source="RFC 5639 4; RFC 5480 2.1.1.1 does not list the curve",
    importance=Importance.HIGH,
    why="The points of both curves have 65 octets: who does not read the name takes it for P-256.",
)
def key_on_brainpool(it: CertificateParts, base: Base) -> CertificateParts:
    """The key is right, on another curve of the same length."""
    return rekeyed(it, ec_key(base.name, ec.BrainpoolP256R1()).spki)


@_type(
    "key-rsa",
    on=_ENDS,
    also=("extensions.subjectKeyIdentifier.octets",),
    title="whose key is RSA",
    source="RFC 3279 2.3.1 has it; no reader has to know it",
    why="A meter that takes any key for a point reads one that nobody made.",
)
def key_of_rsa(it: CertificateParts, base: Base) -> CertificateParts:
    """The key is right, and of no curve."""
    del base
    return rekeyed(it, rsa_key("dccki").spki)


@_unusable(
    "key-ed25519",
    on=_ENDS,
    title="whose key is Ed25519",
    stage=Stage.PROFILE,
    rfc5280=Verdict.EITHER,
    source="RFC 8410 4 has it; no reader has to know it",
    importance=Importance.LOW,
    why="A meter that reads 65 octets of a shorter key reads what follows it.",
)
def key_of_ed25519(it: CertificateParts, base: Base) -> CertificateParts:
    """The key is right, of another algorithm, without parameters."""
    private = ed25519.Ed25519PrivateKey.from_private_bytes(entropy(base.name).octets(32))
    return rekeyed(it, _public(private.public_key()))


@_unusable(
    "key-ecdh",
    on=("device-ka", "organisation-ka"),
    title="whose key is of id-ecDH",
    stage=Stage.PROFILE,
    rfc5280=Verdict.EITHER,
    source="RFC 5480 2.1.2: readers MAY support it; GBCS has id-ecPublicKey",
    importance=Importance.LOW,
    why="A reader that compares the algorithm's octets refuses what another takes.",
)
def key_of_ecdh(it: CertificateParts, base: Base) -> CertificateParts:
    """The key is right, and is for key agreement alone by its algorithm."""
    del base
    spki = spki_from(_point(it), algorithm="1.3.132.1.12")
    return rekeyed(it, spki)


@_unusable(
    "key-algorithm-unknown",
    on=_ENDS,
    title="whose key has an algorithm that nobody knows",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.1.2.7",
    importance=Importance.MEDIUM,
    why="A reader that passes over the algorithm takes the octets for a key that they are not.",
)
def key_algorithm_unknown(it: CertificateParts, base: Base) -> CertificateParts:
    """The algorithm of the key is under an arc for examples."""
    del base
    spki = spki_from(_point(it), algorithm="2.999.1")
    return rekeyed(it, spki)


@_unusable(
    "key-algorithm-signature",
    on=_ENDS,
    title="whose key has the algorithm of a signature",
    source="RFC 5480 2.1",
    importance=Importance.MEDIUM,
    why="A reader that passes over the algorithm takes the octets for a key that they are not.",
)
def key_algorithm_of_signature(it: CertificateParts, base: Base) -> CertificateParts:
    """The algorithm of the key is ecdsa-with-SHA256."""
    del base
    spki = spki_from(_point(it), algorithm="1.2.840.10045.4.3.2")
    return rekeyed(it, spki)


@_unusable(
    "key-unused-bit",
    on=_ENDS,
    title="whose subjectPublicKey has an unused bit",
    source="RFC 5480 2.2; X.690 8.6.2",
    why="A reader that does not look at the unused bits finds a point, which is another or none.",
)
def key_unused_bit(it: CertificateParts, base: Base) -> CertificateParts:
    """The BIT STRING of the key says that its last bit is unused; that bit is 0."""
    del base
    algorithm, bits = elements_of(it.spki)
    point = content_of(bits)[1:]
    key_bits = bit_string(point[:-1] + bytes((point[-1] & 0xFE,)), 1)
    return rekeyed(it, sequence(algorithm, key_bits))


def _public(key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@_unusable(
    "key-of-its-ca",
    on=("organisation", "device"),
    title="whose key is its CA's",
    stage=Stage.PROFILE,
    rfc5280=Verdict.EITHER,
    finding="subjectPublicKeyInfo.of_a_ca",
    source="RFC 5280 4.2.1.9: such a key MUST NOT verify certificates; the CA's has to",
    why="Whoever holds the key of the end entity is the CA.",
)
def key_of_its_ca(it: CertificateParts, base: Base) -> CertificateParts:
    """The end entity has the key of the CA that issued it."""
    return rekeyed(it, base.chain[0].spki)
