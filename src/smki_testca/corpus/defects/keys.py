"""Public keys on a curve that cannot be used, or are written in a form that profiles lack."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import but, rekeyed
from smki_testca.corpus.elements import elements_of
from smki_testca.corpus.groups import SMKI_ROOTS
from smki_testca.corpus.signing_keys import EC_PUBLIC_KEY, P256_CURVE, ec_key, spki_from
from smki_testca.der.encode import NULL, bit_string, integer, octet_string, oid, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, CsrParts

P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_BASE_POINT = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
_Y_OF_ZERO = 0x66485C780E2F83D72433BD5D84A06BB6541C2AF31DAE871728BF856A174F93F4
"""The y of the point of P-256 whose x is 0."""
_ENDS = ("organisation",)
_WITH_CAS = (*_ENDS, "organisation-issuing-ca", "device-issuing-ca")

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
_form = partial(
    defect,
    stage=Stage.PROFILE,
    at_least=Stage.USE,
    finding="subjectPublicKeyInfo.form",
    why="A reader that takes the 65 octets from their usual place takes others.",
)


def _point(it: CertificateParts | CsrParts) -> bytes:
    """The uncompressed point of a document's key."""
    return elements_of(it.spki)[1][-65:]


def _keyed(it: CertificateParts, octets: bytes, curve: str = P256_CURVE) -> CertificateParts:
    """The certificate with any octets as point, and their key identifier."""
    return rekeyed(it, spki_from(octets, curve))


# Points that are none


@_unusable(
    "point-off-curve",
    on=_WITH_CAS,
    title="whose point is not on the curve",
    importance=Importance.CRITICAL,
)
def off_curve(it: CertificateParts, base: Base) -> CertificateParts:
    """The last bit of y is the other one."""
    del base
    point = _point(it)
    return _keyed(it, point[:-1] + bytes((point[-1] ^ 1,)))


@_unusable(
    "point-on-twist",
    on=("device-ka", "organisation-ka"),
    title="whose x is that of no point",
    importance=Importance.CRITICAL,
)
def on_twist(it: CertificateParts, base: Base) -> CertificateParts:
    """No y fits x on P-256; on its twist, whose order has small factors, one does."""
    del base
    x = int.from_bytes(_point(it)[1:33])
    while pow(x**3 - 3 * x + _B, (P256_PRIME - 1) // 2, P256_PRIME) == 1:
        x += 1
    return _keyed(it, b"\x04" + x.to_bytes(32) + _point(it)[33:])


@_unusable("point-zeros", on=_ENDS, title="whose point is (0, 0)")
def point_of_zeros(it: CertificateParts, base: Base) -> CertificateParts:
    """Both coordinates are 0, which is how some libraries write infinity."""
    del base
    return _keyed(it, b"\x04" + bytes(64))


@_unusable("point-ones", on=("device",), title="whose point is all ones")
def point_of_ones(it: CertificateParts, base: Base) -> CertificateParts:
    """Each octet of both coordinates is ff, as in flash that was erased."""
    del base
    return _keyed(it, b"\x04" + b"\xff" * 64)


@_unusable(
    "point-infinity",
    on=(*_ENDS, "device-issuing-ca"),
    title="whose point is infinity",
    source="RFC 5480 2.2; SEC 1 3.2.2.1",
    importance=Importance.CRITICAL,
)
def infinity(it: CertificateParts, base: Base) -> CertificateParts:
    """The point is the single octet 00: every secret agreed with it is the same."""
    del base
    return _keyed(it, b"\x00")


@_unusable(
    "point-infinity-padded",
    on=_ENDS,
    title="whose point is 00 and 64 octets of 0",
    source="RFC 5480 2.2",
    importance=Importance.CRITICAL,
)
def padded_infinity(it: CertificateParts, base: Base) -> CertificateParts:
    """The octet of infinity is filled up to the length of a point."""
    del base
    return _keyed(it, bytes(65))


@_unusable(
    "point-x-above-prime", on=_ENDS, title="whose x is the prime of the field", source="SEC 1 2.3.6"
)
def x_above_prime(it: CertificateParts, base: Base) -> CertificateParts:
    """The x is p in place of 0: on the curve for whoever reduces it."""
    del base
    return _keyed(it, b"\x04" + P256_PRIME.to_bytes(32) + _Y_OF_ZERO.to_bytes(32))


@_unusable(
    "point-prefix-05",
    on=(*_WITH_CAS, *SMKI_ROOTS),
    title="whose point begins with 05",
    source="RFC 5480 2.2",
)
def prefix_05(it: CertificateParts, base: Base) -> CertificateParts:
    """No form of a point begins with 05."""
    del base
    return _keyed(it, b"\x05" + _point(it)[1:])


@_unusable("point-prefix-00", on=_ENDS, title="whose point begins with 00", source="RFC 5480 2.2")
def prefix_00(it: CertificateParts, base: Base) -> CertificateParts:
    """The octet of infinity comes before two coordinates."""
    del base
    return _keyed(it, b"\x00" + _point(it)[1:])


@_unusable(
    "point-prefix-02-long", on=_ENDS, title="whose compressed point has a y", source="SEC 1 2.3.4"
)
def compressed_with_y(it: CertificateParts, base: Base) -> CertificateParts:
    """The point begins with 02 and has the 64 octets of an uncompressed one."""
    del base
    return _keyed(it, b"\x02" + _point(it)[1:])


@_unusable(
    "point-no-prefix", on=_ENDS, title="whose point lacks its first octet", source="SEC 1 2.3.4"
)
def no_prefix(it: CertificateParts, base: Base) -> CertificateParts:
    """The point is 64 octets, x and y, as hardware writes it."""
    del base
    return _keyed(it, _point(it)[1:])


@_unusable("point-short", on=_ENDS, title="whose point lacks its last octet", source="SEC 1 2.3.4")
def point_short(it: CertificateParts, base: Base) -> CertificateParts:
    """The point has 64 octets: a reader of 65 takes one behind it."""
    del base
    return _keyed(it, _point(it)[:-1])


@_unusable(
    "point-long",
    on=(*_ENDS, "device-ka"),
    title="whose point has an octet more",
    source="SEC 1 2.3.4",
)
def point_long(it: CertificateParts, base: Base) -> CertificateParts:
    """A zero octet follows the point in the BIT STRING."""
    del base
    return _keyed(it, _point(it) + b"\x00")


@_unusable("point-half", on=_ENDS, title="whose point has no y", source="SEC 1 2.3.4")
def point_half(it: CertificateParts, base: Base) -> CertificateParts:
    """The point is 04 and x."""
    del base
    return _keyed(it, _point(it)[:33])


@_unusable("point-prefix-alone", on=_ENDS, title="whose point is 04 alone", source="SEC 1 2.3.4")
def point_prefix_alone(it: CertificateParts, base: Base) -> CertificateParts:
    """The point has no coordinate."""
    del base
    return _keyed(it, b"\x04")


@_unusable("point-empty", on=_ENDS, title="whose point is empty", source="SEC 1 2.3.4")
def point_empty(it: CertificateParts, base: Base) -> CertificateParts:
    """The BIT STRING of the key has no bit."""
    del base
    return _keyed(it, b"")


@_unusable(
    "point-5000-octets",
    on=("device",),
    title="whose point has 5,000 octets",
    source="SEC 1 2.3.4",
    importance=Importance.CRITICAL,
    why="A reader that copies the point into a buffer of 65 octets writes beyond it.",
)
def point_of_5000_octets(it: CertificateParts, base: Base) -> CertificateParts:
    """The point begins rightly and goes on."""
    del base
    return _keyed(it, _point(it) + b"\x41" * 4935)


@_unusable(
    "point-in-octet-string",
    on=_ENDS,
    title="whose point is wrapped in an OCTET STRING",
    source="RFC 5480 2.2",
    importance=Importance.MEDIUM,
)
def point_in_octet_string(it: CertificateParts, base: Base) -> CertificateParts:
    """The BIT STRING holds 04 41 and the point, as PKCS#11 writes it."""
    del base
    return _keyed(it, octet_string(_point(it)))


@_unusable(
    "request-point-off-curve",
    on=("device-csr", "organisation-csr"),
    title="whose point is not on the curve",
    finding="csr.key",
    importance=Importance.CRITICAL,
)
def request_off_curve(it: CsrParts, base: Base) -> CsrParts:
    """The last bit of y is the other one; nobody can verify the CSR's signature."""
    del base
    point = _point(it)
    return but(it, spki=spki_from(point[:-1] + bytes((point[-1] ^ 1,))))


# Other forms of the right key


@_form(
    "point-compressed",
    on=(*_WITH_CAS, "device", *SMKI_ROOTS),
    title="whose point is compressed",
    rfc5280=Verdict.EITHER,
    source="RFC 5480 2.2: readers MAY support compressed points",
)
def compressed(it: CertificateParts, base: Base) -> CertificateParts:
    """The point is 02 or 03 and x: right, and not as GBCS has it."""
    del base
    point = _point(it)
    return _keyed(it, bytes((2 + point[-1] % 2,)) + point[1:33])


@_form(
    "point-hybrid",
    on=(*_ENDS, "device"),
    title="whose point is hybrid",
    source="RFC 5480 2.2: readers MUST reject other first octets than 02, 03 and 04",
)
def hybrid(it: CertificateParts, base: Base) -> CertificateParts:
    """The point is 06 or 07, x and y."""
    del base
    point = _point(it)
    return _keyed(it, bytes((6 + point[-1] % 2,)) + point[1:])


@_unusable(
    "point-hybrid-wrong",
    on=_ENDS,
    title="whose point is hybrid, with the other sign",
    source="RFC 5480 2.2; SEC 1 2.3.4",
)
def hybrid_of_other_sign(it: CertificateParts, base: Base) -> CertificateParts:
    """The first octet of the hybrid point says that y is odd where it is even, or the reverse."""
    del base
    point = _point(it)
    return _keyed(it, bytes((7 - point[-1] % 2,)) + point[1:])


def _explicit(point: bytes, base_point: bytes = _BASE_POINT) -> bytes:
    """A SubjectPublicKeyInfo that spells P-256 out (X9.62 ECParameters, version 1)."""
    field = sequence(oid("1.2.840.10045.1.1"), integer(P256_PRIME))
    curve = sequence(octet_string((P256_PRIME - 3).to_bytes(32)), octet_string(_B.to_bytes(32)))
    numbers = (integer(1), field, curve, octet_string(base_point), integer(_ORDER), integer(1))
    return sequence(sequence(oid(EC_PUBLIC_KEY), sequence(*numbers)), bit_string(point))


@_form(
    "curve-explicit",
    on=(*_ENDS, "device"),
    title="whose curve is spelled out",
    source="RFC 5480 2.1.1: specifiedCurve MUST NOT be used in PKIX",
    importance=Importance.HIGH,
)
def curve_explicit(it: CertificateParts, base: Base) -> CertificateParts:
    """The parameters of P-256 stand in place of its name."""
    del base
    return rekeyed(it, _explicit(_point(it)))


@_unusable(
    "curve-explicit-other-generator",
    on=(*_ENDS, "organisation-issuing-ca"),
    title="whose curve is spelled out with a base point of its own",
    source="RFC 5480 2.1.1: specifiedCurve MUST NOT be used in PKIX",
    importance=Importance.CRITICAL,
    why="Whoever chooses the base point knows a private key of any public one (CVE-2020-0601).",
)
def curve_of_other_generator(it: CertificateParts, base: Base) -> CertificateParts:
    """The base point of the curve is the public key itself: its private key is 1."""
    del base
    return rekeyed(it, _explicit(_point(it), _point(it)))


def _with_parameters(point: bytes, *parameters: bytes) -> bytes:
    return sequence(sequence(oid(EC_PUBLIC_KEY), *parameters), bit_string(point))


@_unusable(
    "curve-implicit",
    on=_ENDS,
    title="whose curve is NULL",
    source="RFC 5480 2.1.1: implicitCurve MUST NOT be used in PKIX",
    why="A reader that takes P-256 for granted calculates on a curve that nobody named.",
)
def curve_implicit(it: CertificateParts, base: Base) -> CertificateParts:
    """The parameters say that the curve is named elsewhere."""
    del base
    return rekeyed(it, _with_parameters(_point(it), tlv(NULL, b"")))


@_unusable(
    "curve-missing",
    on=_ENDS,
    title="whose key names no curve",
    source="RFC 5480 2.1.1: the parameters MUST always be present",
    why="A reader that takes P-256 for granted calculates on a curve that nobody named.",
)
def curve_missing(it: CertificateParts, base: Base) -> CertificateParts:
    """The AlgorithmIdentifier of the key has no parameters."""
    del base
    return rekeyed(it, _with_parameters(_point(it)))


@_unusable(
    "curve-unknown",
    on=_ENDS,
    title="whose curve nobody knows",
    source="RFC 5480 2.1.1.1",
    rfc5280=Verdict.EITHER,
    importance=Importance.MEDIUM,
    why="A reader that takes P-256 for granted calculates on a curve that nobody named.",
)
def curve_unknown(it: CertificateParts, base: Base) -> CertificateParts:
    """The name of the curve is under an arc for examples."""
    del base
    return _keyed(it, _point(it), "2.999.1")


@_unusable(
    "curve-name-twice",
    on=("device",),
    title="whose curve is named twice",
    finding="structure.AlgorithmIdentifier",
    source="RFC 5280 4.1.1.2",
    why="A reader that takes P-256 for granted calculates on a curve that nobody named.",
)
def curve_twice(it: CertificateParts, base: Base) -> CertificateParts:
    """A second name of the curve follows the first."""
    del base
    curve = oid(P256_CURVE)
    return rekeyed(it, _with_parameters(_point(it), curve, curve))


@_unusable(
    "curve-of-other-name",
    on=_ENDS,
    title="whose point is of another curve than it names",
    why="The point is on no curve that is named: what is calculated with it proves nothing.",
)
def point_of_other_curve(it: CertificateParts, base: Base) -> CertificateParts:
    """The point is one of secp256k1, whose points have 65 octets, too."""
    return _keyed(it, ec_key(base.name, ec.SECP256K1()).point)


@_unusable(
    "curve-of-longer-point",
    on=_ENDS,
    title="whose point is of P-384, under the name of P-256",
    why="A reader that takes 65 octets from where they should be has a point that is none.",
)
def point_of_p384(it: CertificateParts, base: Base) -> CertificateParts:
    """The point has 97 octets."""
    return _keyed(it, ec_key(base.name, ec.SECP384R1()).point)
