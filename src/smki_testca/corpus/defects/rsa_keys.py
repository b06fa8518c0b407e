"""RSA public keys that cannot be used, are too weak, or are written wrongly."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import rekeyed
from smki_testca.corpus.elements import content_of, elements_of
from smki_testca.der.encode import (
    BIT_STRING,
    INTEGER,
    NULL,
    bit_string,
    integer,
    oid,
    sequence,
    tlv,
)

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_ON = ("dccki",)
_RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
_WITH_NULL = sequence(oid(_RSA_ENCRYPTION), tlv(NULL, b""))

_unusable = partial(
    defect,
    on=_ON,
    stage=Stage.STRUCTURE,
    at_least=Stage.USE,
    finding="subjectPublicKeyInfo.key",
    rfc5280=Verdict.EITHER,
    source="RFC 8017 3.1 says what a key is; no rule has a reader of certificates check it",
    importance=Importance.HIGH,
    why="With such a key anybody signs, or the arithmetic of the verifier fails.",
)
_type = partial(
    defect,
    on=_ON,
    stage=Stage.PROFILE,
    at_least=Stage.USE,
    finding="subjectPublicKeyInfo.type",
    also=(),
    rfc5280=Verdict.EITHER,
    source="RFC 3279 2.3.1 has no least length",
    why="A reader with a buffer for 2,048 bits writes beyond it, or trusts a key that is broken.",
)


def _modulus(it: CertificateParts) -> int:
    """The modulus of the certificate's key."""
    key = content_of(elements_of(it.spki)[1])[1:]
    return int.from_bytes(content_of(elements_of(key)[0]))


def _of_key(it: CertificateParts, key: bytes) -> CertificateParts:
    """The certificate with these octets as its RSAPublicKey."""
    return rekeyed(it, sequence(_WITH_NULL, bit_string(key)))


def _of(it: CertificateParts, modulus: int, exponent: int = 65537) -> CertificateParts:
    return _of_key(it, sequence(integer(modulus), integer(exponent)))


# Exponents


@_unusable("exponent-one", title="whose exponent is 1", importance=Importance.CRITICAL)
def exponent_one(it: CertificateParts, base: Base) -> CertificateParts:
    """Every number is its own signature."""
    del base
    return _of(it, _modulus(it), 1)


@_unusable("exponent-zero", title="whose exponent is 0", importance=Importance.CRITICAL)
def exponent_zero(it: CertificateParts, base: Base) -> CertificateParts:
    """Every signature becomes 1."""
    del base
    return _of(it, _modulus(it), 0)


@_unusable("exponent-even", title="whose exponent is 2")
def exponent_even(it: CertificateParts, base: Base) -> CertificateParts:
    """No private exponent belongs to an even one."""
    del base
    return _of(it, _modulus(it), 2)


@_unusable("exponent-negative", title="whose exponent is negative")
def exponent_negative(it: CertificateParts, base: Base) -> CertificateParts:
    """The exponent is -65537."""
    del base
    return _of(it, _modulus(it), -65537)


# Moduli


@_unusable("modulus-even", title="whose modulus is even")
def modulus_even(it: CertificateParts, base: Base) -> CertificateParts:
    """Arithmetic in the form of Montgomery needs an odd modulus, and may not end."""
    del base
    return _of(it, _modulus(it) - 1)


@_unusable("modulus-zero", title="whose modulus is 0", importance=Importance.CRITICAL)
def modulus_zero(it: CertificateParts, base: Base) -> CertificateParts:
    """A modulus of zero: a reader that reduces by it divides by zero."""
    del base
    return _of(it, 0)


@_unusable("modulus-one", title="whose modulus is 1", importance=Importance.CRITICAL)
def modulus_one(it: CertificateParts, base: Base) -> CertificateParts:
    """Every number is 0 modulo 1."""
    del base
    return _of(it, 1)


@_unusable("modulus-negative", title="whose modulus lacks its zero octet in front")
def modulus_negative(it: CertificateParts, base: Base) -> CertificateParts:
    """The modulus is negative: without its sign it is right."""
    del base
    return _of(it, _modulus(it) - 2**2048)


@_type("modulus-512", title="whose modulus has 512 bits", importance=Importance.HIGH)
def modulus_512(it: CertificateParts, base: Base) -> CertificateParts:
    """The modulus is the beginning of the right one: factored in hours."""
    del base
    return _of(it, _modulus(it) >> (2048 - 512) | 1)


@_type("modulus-1024", title="whose modulus has 1,024 bits", importance=Importance.HIGH)
def modulus_1024(it: CertificateParts, base: Base) -> CertificateParts:
    """The modulus is the beginning of the right one."""
    del base
    return _of(it, _modulus(it) >> 1024 | 1)


@_type("modulus-4096", title="whose modulus has 4,096 bits")
def modulus_4096(it: CertificateParts, base: Base) -> CertificateParts:
    """The modulus is the square of the right one."""
    del base
    return _of(it, _modulus(it) ** 2)


@_type("modulus-2047", title="whose modulus has 2,047 bits")
def modulus_2047(it: CertificateParts, base: Base) -> CertificateParts:
    """The modulus has the right number of octets, and a bit less."""
    del base
    return _of(it, _modulus(it) >> 1 | 1)


# How it is written


_form = partial(
    _unusable,
    rfc5280=Verdict.REJECT,
    source="RFC 3279 2.3.1; X.690 8.3.2",
    importance=Importance.MEDIUM,
    why="Two readers find different keys, or one of them none, in the same octets.",
)


@_form(
    "modulus-padded",
    title="whose modulus has a needless zero octet in front",
)
def modulus_padded(it: CertificateParts, base: Base) -> CertificateParts:
    """Two zero octets stand before the modulus."""
    del base
    modulus = tlv(INTEGER, bytes(2) + _modulus(it).to_bytes(256))
    return _of_key(it, sequence(modulus, integer(65537)))


@_form(
    "exponent-padded",
    title="whose exponent has a needless zero octet in front",
)
def exponent_padded(it: CertificateParts, base: Base) -> CertificateParts:
    """The exponent is written 00 01 00 01."""
    del base
    return _of_key(it, sequence(integer(_modulus(it)), tlv(INTEGER, b"\x00\x01\x00\x01")))


@_form("exponent-empty", title="whose exponent has no content", source="X.690 8.3.1")
def exponent_empty(it: CertificateParts, base: Base) -> CertificateParts:
    """The INTEGER of the exponent has no octet."""
    del base
    return _of_key(it, sequence(integer(_modulus(it)), tlv(INTEGER, b"")))


@_form(
    "rsa-key-trailing-octet",
    title="whose key has an octet after its RSAPublicKey",
    source="RFC 3279 2.3.1",
)
def trailing_octet(it: CertificateParts, base: Base) -> CertificateParts:
    """A zero octet follows the SEQUENCE in the BIT STRING."""
    del base
    return _of_key(it, sequence(integer(_modulus(it)), integer(65537)) + b"\x00")


@_form("rsa-key-third-number", title="whose key has a third number", source="RFC 3279 2.3.1")
def third_number(it: CertificateParts, base: Base) -> CertificateParts:
    """The RSAPublicKey holds modulus, exponent and 0."""
    del base
    return _of_key(it, sequence(integer(_modulus(it)), integer(65537), integer(0)))


@_form("rsa-key-modulus-alone", title="whose key has no exponent", source="RFC 3279 2.3.1")
def modulus_alone(it: CertificateParts, base: Base) -> CertificateParts:
    """The RSAPublicKey holds only the modulus."""
    del base
    return _of_key(it, sequence(integer(_modulus(it))))


@_form(
    "rsa-key-reversed",
    title="whose exponent comes before its modulus",
    rfc5280=Verdict.EITHER,
    source="RFC 8017 3.1: e is less than n",
    importance=Importance.HIGH,
)
def numbers_reversed(it: CertificateParts, base: Base) -> CertificateParts:
    """The modulus is 65537, the exponent has 2,048 bits."""
    del base
    return _of(it, 65537, _modulus(it))


@_form("rsa-key-empty", title="whose key is an empty SEQUENCE", source="RFC 3279 2.3.1")
def key_of_nothing(it: CertificateParts, base: Base) -> CertificateParts:
    """The RSAPublicKey is 30 00."""
    del base
    return _of_key(it, sequence())


@_form(
    "rsa-key-cut-off",
    title="whose key is cut off",
    source="X.690 8.1.3",
    importance=Importance.HIGH,
)
def key_cut_off(it: CertificateParts, base: Base) -> CertificateParts:
    """The last octet of the RSAPublicKey is lost: its length says one more."""
    del base
    return _of_key(it, sequence(integer(_modulus(it)), integer(65537))[:-1])


@_form(
    "rsa-key-no-bits",
    title="whose subjectPublicKey has no content",
    finding="der.bit_string",
    source="X.690 8.6.2.3",
)
def no_bits(it: CertificateParts, base: Base) -> CertificateParts:
    """The BIT STRING has not even the octet of unused bits."""
    del base
    return rekeyed(it, sequence(_WITH_NULL, tlv(BIT_STRING, b"")))


@defect(
    "key-without-null",
    on=_ON,
    title="whose RSA key lacks its NULL",
    stage=Stage.PROFILE,
    at_least=Stage.USE,
    finding="subjectPublicKeyInfo.form",
    rfc5280=Verdict.EITHER,
    source="RFC 3279 2.3.1: the parameters MUST be NULL",
    importance=Importance.LOW,
    why="A reader that compares the algorithm's octets refuses what another takes.",
)
def without_null(it: CertificateParts, base: Base) -> CertificateParts:
    """The AlgorithmIdentifier of the key has no parameters."""
    del base
    key = sequence(integer(_modulus(it)), integer(65537))
    return rekeyed(it, sequence(sequence(oid(_RSA_ENCRYPTION)), bit_string(key)))
