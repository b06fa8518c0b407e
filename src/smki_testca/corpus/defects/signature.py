"""Signatures that are not the issuer's, or are not written as their algorithm demands."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, defect
from smki_testca.corpus.document_changes import but
from smki_testca.corpus.elements import content_of, edited, elements_of
from smki_testca.corpus.signing_keys import signed_with_short_number
from smki_testca.der.encode import BIT_STRING, INTEGER, bit_string, integer, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import Parts

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order n of the base point of P-256 (FIPS 186-4 D.1.2.3)."""
_ECDSA = ("device", "organisation", "organisation-issuing-ca", "organisation-crl")
_ENDS = ("organisation",)
_invalid = partial(
    defect,
    stage=Stage.SIGNATURE,
    at_least=Stage.PATH,
    finding="signature.invalid",
    source="RFC 5280 6.1.3 (a)(1); of a CRL, 6.3.3 (g)",
    importance=Importance.CRITICAL,
    why="Whoever can change a document, or make one up, has it accepted.",
)
_range = partial(
    _invalid,
    source="X9.62 7.4.1; SEC 1 4.1.4: r and s are in 1 to n - 1",
    why="A verifier that does not check the range accepts forged signatures, or two forms of one.",
)
_form = partial(
    defect,
    stage=Stage.SIGNATURE,
    at_least=Stage.PATH,
    finding="signature.malformed",
    source="RFC 5758 3.2; RFC 3279 2.2.3",
    importance=Importance.HIGH,
    why="A meter that takes it and a head-end that refuses it disagree about one certificate.",
)


def _numbers(it: Parts) -> tuple[int, int]:
    """The r and s of an ECDSA signature."""
    r, s = elements_of(it.signer.sign(it.tbs))
    return int.from_bytes(content_of(r)), int.from_bytes(content_of(s))


def _of(it: Parts, r: int, s: int) -> Parts:
    """The document with these numbers as its signature."""
    return but(it, signature=sequence(integer(r), integer(s)))


def _padded(octets: bytes) -> bytes:
    """An INTEGER with a zero octet in front that it does not need."""
    return tlv(INTEGER, b"\x00" + content_of(octets))


# Padded INTEGERs


@_form(
    "signature-padded",
    on=(*_ECDSA, "device-csr"),
    title="whose signature has an INTEGER padded to 32 octets",
    finding="signature.integer_padded",
    source="X.690 8.3.2",
    why="Seen in published certificates (O1): OpenSSL, Java and Node refuse what mbedTLS, GnuTLS"
    " and BearSSL take.",
)
def signature_padded(it: Parts, base: Base) -> Parts:
    """The number r has 31 octets, and is filled up to 32 with a zero octet."""
    del base
    r, s = elements_of(signed_with_short_number(it.signer, it.tbs))
    return but(it, signature=sequence(_padded(r), s))


@_form(
    "signature-s-padded",
    on=("device", "organisation-crl"),
    title="whose signature has a padded second INTEGER",
    finding="signature.integer_padded",
    source="X.690 8.3.2",
)
def s_padded(it: Parts, base: Base) -> Parts:
    """The number s has a zero octet more than it needs."""
    del base
    r, s = elements_of(it.signer.sign(it.tbs))
    return but(it, signature=sequence(r, _padded(s)))


@_form(
    "signature-long-length",
    on=("device", "organisation-crl"),
    title="whose signature has a SEQUENCE with a long length",
    source="X.690 10.1",
)
def long_length(it: Parts, base: Base) -> Parts:
    """The length of the SEQUENCE inside the signature is in the long form."""
    del base
    content = content_of(it.signer.sign(it.tbs))
    return but(it, signature=bytes((0x30, 0x81, len(content))) + content)


@_form(
    "signature-indefinite",
    on=("device", "organisation-crl"),
    title="whose signature has a SEQUENCE of indefinite length",
    source="X.690 10.1",
)
def indefinite_length(it: Parts, base: Base) -> Parts:
    """The SEQUENCE inside the signature ends with two zero octets."""
    del base
    return but(it, signature=b"\x30\x80" + content_of(it.signer.sign(it.tbs)) + b"\x00\x00")


# Out of range


@_range("signature-zeros", on=_ECDSA, title="whose signature is r = 0, s = 0")
def zeros(it: Parts, base: Base) -> Parts:
    """Both numbers are 0: without a check it fits every document and key (CVE-2022-21449)."""
    del base
    return _of(it, 0, 0)


@_range("signature-r-zero", on=_ENDS, title="whose signature has r = 0")
def r_zero(it: Parts, base: Base) -> Parts:
    """The number r is 0."""
    del base
    return _of(it, 0, _numbers(it)[1])


@_range("signature-s-zero", on=_ENDS, title="whose signature has s = 0")
def s_zero(it: Parts, base: Base) -> Parts:
    """The number s is 0, which has no inverse."""
    del base
    return _of(it, _numbers(it)[0], 0)


@_range("signature-r-order", on=_ENDS, title="whose signature has r = n")
def r_order(it: Parts, base: Base) -> Parts:
    """The number r is the order, which is 0 modulo the order."""
    del base
    return _of(it, P256_ORDER, _numbers(it)[1])


@_range("signature-s-order", on=_ENDS, title="whose signature has s = n")
def s_order(it: Parts, base: Base) -> Parts:
    """The number s is the order, which is 0 modulo the order."""
    del base
    return _of(it, _numbers(it)[0], P256_ORDER)


@_range("signature-orders", on=_ECDSA, title="whose signature is r = n, s = n")
def orders(it: Parts, base: Base) -> Parts:
    """Both numbers are the order: 0 where a check compares with 0 before it reduces."""
    del base
    return _of(it, P256_ORDER, P256_ORDER)


@_range(
    "signature-r-plus-order",
    on=_ENDS,
    title="whose signature has r + n in place of r",
    importance=Importance.HIGH,
)
def r_plus_order(it: Parts, base: Base) -> Parts:
    """The number r is right modulo the order, and above it."""
    del base
    r, s = _numbers(it)
    return _of(it, r + P256_ORDER, s)


@_range(
    "signature-s-plus-order",
    on=(*_ENDS, "organisation-crl"),
    title="whose signature has s + n in place of s",
    importance=Importance.HIGH,
)
def s_plus_order(it: Parts, base: Base) -> Parts:
    """The number s is right modulo the order, and above it."""
    del base
    r, s = _numbers(it)
    return _of(it, r, s + P256_ORDER)


@_range(
    "signature-r-negative",
    on=(*_ENDS, "organisation-crl"),
    title="whose signature has a negative r",
    importance=Importance.HIGH,
)
def r_negative(it: Parts, base: Base) -> Parts:
    """The number r lacks 2 to the power of 256: without its sign it is right."""
    del base
    r, s = _numbers(it)
    return _of(it, r - 2**256, s)


@_range(
    "signature-s-negative",
    on=(*_ENDS, "organisation-crl"),
    title="whose signature has a negative s",
    importance=Importance.HIGH,
)
def s_negative(it: Parts, base: Base) -> Parts:
    """The number s lacks 2 to the power of 256: without its sign it is right."""
    del base
    r, s = _numbers(it)
    return _of(it, r, s - 2**256)


@_range("signature-ones", on=_ENDS, title="whose signature is r = 1, s = 1")
def ones(it: Parts, base: Base) -> Parts:
    """Both numbers are in range, and no one's signature."""
    del base
    return _of(it, 1, 1)


@_range(
    "signature-swapped",
    on=("organisation",),
    title="whose signature has s before r",
    source="RFC 3279 2.2.3",
)
def numbers_swapped(it: Parts, base: Base) -> Parts:
    """The two numbers have changed places."""
    del base
    r, s = _numbers(it)
    return _of(it, s, r)


@_range(
    "signature-300-octets",
    on=("device",),
    title="whose signature has a number of 300 octets",
    source="SEC 1 4.1.4",
)
def long_number(it: Parts, base: Base) -> Parts:
    """The number r has 300 octets: a reader with a buffer of 32 writes beyond it."""
    del base
    return _of(it, int.from_bytes(b"\x41" * 300), _numbers(it)[1])


# Another form


@_form("signature-raw", on=_ECDSA, title="whose signature is r and s side by side")
def raw(it: Parts, base: Base) -> Parts:
    """The signature is 64 octets, as hardware and JOSE write it."""
    del base
    r, s = _numbers(it)
    return but(it, signature=r.to_bytes(32) + s.to_bytes(32))


@_form(
    "signature-trailing-octet",
    on=(*_ECDSA, "device-csr"),
    title="whose signature has an octet after its SEQUENCE",
)
def trailing_octet(it: Parts, base: Base) -> Parts:
    """A zero octet follows the SEQUENCE of r and s in the BIT STRING."""
    del base
    return but(it, signature=it.signer.sign(it.tbs) + b"\x00")


@_form("signature-third-number", on=_ECDSA, title="whose signature has a third INTEGER")
def third_number(it: Parts, base: Base) -> Parts:
    """The SEQUENCE holds r, s and 0."""
    del base
    return but(it, signature=sequence(content_of(it.signer.sign(it.tbs)), integer(0)))


@_form("signature-one-number", on=_ENDS, title="whose signature is r alone")
def one_number(it: Parts, base: Base) -> Parts:
    """The SEQUENCE lacks s."""
    del base
    return but(it, signature=sequence(integer(_numbers(it)[0])))


@_form(
    "signature-no-number",
    on=_ENDS,
    title="whose signature is an empty SEQUENCE",
    why="A verifier that finds nothing to verify must not take that for right.",
)
def no_number(it: Parts, base: Base) -> Parts:
    """The SEQUENCE holds neither r nor s."""
    del base
    return but(it, signature=sequence())


@_form("signature-set", on=("organisation",), title="whose signature is a SET")
def numbers_in_set(it: Parts, base: Base) -> Parts:
    """The numbers are in a SET in place of a SEQUENCE."""
    del base
    return but(it, signature=tlv(0x31, content_of(it.signer.sign(it.tbs))))


@_form(
    "signature-number-empty",
    on=_ENDS,
    title="whose signature has an INTEGER of no content",
    source="X.690 8.3.1",
)
def number_of_nothing(it: Parts, base: Base) -> Parts:
    """The INTEGER of s has no octet."""
    del base
    return but(it, signature=sequence(integer(_numbers(it)[0]), tlv(INTEGER, b"")))


@_form(
    "signature-number-cut-off",
    on=_ENDS,
    title="whose signature has an INTEGER that is cut off",
    source="X.690 8.1.3",
    importance=Importance.CRITICAL,
    why="A verifier that believes the length reads memory behind the signature.",
)
def number_cut_off(it: Parts, base: Base) -> Parts:
    """The INTEGER of s claims more octets than the signature has."""
    del base
    signature = it.signer.sign(it.tbs)
    return but(it, signature=signature[:1] + bytes((len(signature) - 4,)) + signature[2:-2])


@_form("signature-in-octet-string", on=_ENDS, title="whose signature is wrapped in an OCTET STRING")
def in_octet_string(it: Parts, base: Base) -> Parts:
    """An OCTET STRING is around the SEQUENCE of r and s."""
    del base
    return but(it, signature=tlv(0x04, it.signer.sign(it.tbs)))


@_form(
    "signature-unused-bits",
    on=(*_ECDSA, "dccki"),
    title="whose signature has unused bits",
    finding="signature.malformed",
    source="RFC 5280 4.1.1.3; X.690 8.6.2",
)
def unused_bits(it: Parts, base: Base) -> bytes:
    """The BIT STRING of the signature says that its last bit is unused; that bit is 0."""
    del base
    signature = it.signer.sign(it.tbs)
    even = signature[:-1] + bytes((signature[-1] & 0xFE,))
    return edited(it, lambda _: bit_string(even, 1), "signatureValue")


@_form(
    "signature-empty",
    on=(*_ECDSA, "dccki"),
    title="whose signature is empty",
    importance=Importance.CRITICAL,
    finding={"dccki": "signature.invalid", "": "signature.malformed"},
    why="A verifier that finds nothing to verify must not take that for right.",
)
def empty(it: Parts, base: Base) -> Parts:
    """The BIT STRING of the signature has no bit."""
    del base
    return but(it, signature=b"")


@_form(
    "signature-no-content",
    on=("device", "organisation-crl"),
    title="whose signature has no content",
    also=("der.bit_string",),
    source="X.690 8.6.2.3",
    importance=Importance.CRITICAL,
    why="A verifier that finds nothing to verify must not take that for right.",
)
def no_content(it: Parts, base: Base) -> bytes:
    """The BIT STRING of the signature has not even the octet of unused bits."""
    del base
    return edited(it, lambda _: tlv(BIT_STRING, b""), "signatureValue")
