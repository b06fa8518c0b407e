"""Signatures that are not the issuer's, or are not written as their algorithm demands."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes

from smki_testca.corpus.changes import but
from smki_testca.corpus.defect import Importance, Stage, Verdict, defect, oddity
from smki_testca.corpus.elements import content_of, edited, element, elements_of
from smki_testca.corpus.keys import ec_key, entropy, rsa_key, signed_with_short_number
from smki_testca.corpus.parts import (
    DEVICE_ID,
    ECDSA_NULL,
    ECDSA_SHA256,
    ECDSA_SHA384,
    RSA_NO_PARAMETERS,
    RSA_SHA256,
    SUPPLIER_ID,
    usages,
)
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
    from smki_testca.corpus.parts import Certificate, Parts, RevocationList

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order n of the base point of P-256 (FIPS 186-4 D.1.2.3)."""
_ECDSA = ("device", "organisation", "organisation-issuing-ca", "organisation-crl")
_ENDS = ("organisation",)
_RSA = ("dccki", "dccki-crl")

_invalid = partial(
    defect,
    stage=Stage.SIGNATURE,
    at_least=Stage.PATH,
    finding="signature.invalid",
    source="RFC 5280 6.1.3 (a)(1)",
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
    finding="signature.malformed",
    source="RFC 5758 3.2; RFC 3279 2.2.3",
    importance=Importance.HIGH,
    why="A meter that takes it and a head-end that refuses it disagree about one certificate.",
)
_length = partial(
    _invalid,
    on=_RSA,
    source="RFC 8017 8.2.2",
    importance=Importance.HIGH,
    why="A signature that has several forms can be changed by anybody without being refused.",
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


@_form("signature-no-number", on=_ENDS, title="whose signature is an empty SEQUENCE")
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
)
def number_cut_off(it: Parts, base: Base) -> Parts:
    """The INTEGER of s claims more octets than the signature has."""
    del base
    signature = it.signer.sign(it.tbs)
    return but(it, signature=signature[:1] + bytes((len(signature) - 4,)) + signature[2:-2])


@_form("signature-in-octet-string", on=_ENDS, title="whose signature is wrapped in an OCTET STRING")
def in_octet_string(it: Parts, base: Base) -> Parts:
    """An OCTET STRING stands around the SEQUENCE of r and s."""
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
)
def no_content(it: Parts, base: Base) -> bytes:
    """The BIT STRING of the signature has not even the octet of unused bits."""
    del base
    return edited(it, lambda _: tlv(BIT_STRING, b""), "signatureValue")


# Not the issuer's


@_invalid(
    "signature-bit",
    on=(*_ECDSA, "device-issuing-ca", "dccki", "dccki-crl", "iki"),
    title="with one bit of its signature changed",
)
def one_bit(it: Parts, base: Base) -> bytes:
    """The last bit of the signature is the other one (O6)."""
    del base
    return it.der[:-1] + bytes((it.der[-1] ^ 1,))


@_invalid(
    "signed-by-another-key",
    on=(*_ENDS, "organisation-issuing-ca", "device-issuing-ca"),
    title="that another key signed",
)
def by_another_key(it: Certificate, base: Base) -> Certificate:
    """The issuer is named, and did not sign."""
    del base
    return replace(it, signature=ec_key("stranger").sign(it.tbs))


@_invalid("signed-by-another-rsa-key", on=("dccki", "iki"), title="that another key signed")
def by_another_rsa_key(it: Certificate, base: Base) -> Certificate:
    """The issuer is named; the key of another hierarchy's CA signed."""
    other = "iki-issuing-ca" if base.name == "dccki" else "dccki-issuing-ca"
    return replace(it, signature=rsa_key(other).sign(it.tbs))


@_invalid(
    "signature-of-another",
    on=(*_ENDS, "organisation-crl"),
    title="with the signature of another document",
)
def of_another(it: Parts, base: Base) -> Parts:
    """The signature is the issuer's, over other octets."""
    del base
    return but(it, signature=it.signer.sign(b"another document"))


@_invalid(
    "signature-of-the-whole",
    on=("device",),
    title="whose signature covers only the content of its signed part",
)
def without_header(it: Certificate, base: Base) -> Certificate:
    """The tag and length of the signed part were left out when it was signed."""
    del base
    return replace(it, signature=it.signer.sign(content_of(it.tbs)))


@_invalid("signature-random", on=("dccki", "iki"), title="whose signature is random")
def random_octets(it: Certificate, base: Base) -> Certificate:
    """The signature has the right length, and nothing to do with the key."""
    return replace(it, signature=b"\x01" + entropy(base.name).octets(255))


def _changed(it: Parts, before: bytes, after: bytes) -> bytes:
    """The document, octets of its signed part changed after it was signed."""
    return it.der.replace(before, after, 1)


@_invalid(
    "usage-changed",
    on=("device",),
    title="whose keyUsage became nonRepudiation after it was signed",
    finding="signature.invalid",
    also=("extensions.keyUsage.value",),
)
def usage_changed(it: Certificate, base: Base) -> bytes:
    """The bit of the usage moved by one, and nobody signed again (O7)."""
    del base
    return _changed(it, usages("digitalSignature"), usages("nonRepudiation"))


@_invalid(
    "usage-exchanged",
    on=(*_ENDS, "organisation-supplier"),
    title="whose usage became keyAgreement after it was signed",
)
def usage_exchanged(it: Certificate, base: Base) -> bytes:
    """The usage is another right one, and nobody signed again."""
    del base
    return _changed(it, usages("digitalSignature"), usages("keyAgreement"))


@_invalid(
    "identity-changed", on=("device",), title="whose Device ID was changed after it was signed"
)
def identity_changed(it: Certificate, base: Base) -> bytes:
    """The last octet of the EUI-64 is another."""
    del base
    return _changed(it, DEVICE_ID, DEVICE_ID[:-1] + b"\xa5")


@_invalid(
    "identifier-changed",
    on=("organisation", "organisation-ka"),
    title="whose identifier was changed after it was signed",
)
def identifier_changed(it: Certificate, base: Base) -> bytes:
    """The last octet of the EUI-64 is another."""
    del base
    return _changed(it, SUPPLIER_ID, SUPPLIER_ID[:-1] + b"\x01")


@_invalid(
    "serial-changed",
    on=_ENDS,
    title="whose serialNumber was changed after it was signed",
)
def serial_changed(it: Certificate, base: Base) -> bytes:
    """The last bit of the serial is the other one: a revoked certificate is on no list then."""
    del base
    return _changed(it, it.serial, it.serial[:-1] + bytes((it.serial[-1] ^ 1,)))


@_invalid(
    "validity-changed",
    on=("organisation", "dccki", "organisation-issuing-ca"),
    title="whose notAfter was changed after it was signed",
)
def validity_changed(it: Certificate, base: Base) -> bytes:
    """It ends an hour earlier than its issuer said."""
    del base
    return _changed(it, b"1231235959Z", b"1231225959Z")


@_invalid(
    "entry-changed",
    on=("organisation-crl", "dccki-crl"),
    title="with an entry that was changed after it was signed",
)
def entry_changed(it: RevocationList, base: Base) -> bytes:
    """The serial of the only entry is another: the revoked certificate passes."""
    del base
    serial = element(it, "revokedCertificates", 0, 0)
    return _changed(it, serial, serial[:-1] + bytes((serial[-1] ^ 1,)))


@_invalid(
    "entry-removed",
    on=("organisation-crl", "organisation-arl"),
    title="from which an entry was removed after it was signed",
)
def entry_removed(it: RevocationList, base: Base) -> bytes:
    """The list lacks its only entry, and has the signature of the whole."""
    del base
    return replace(it, entries=()).with_tbs(replace(it, entries=()).tbs, it.signer.sign(it.tbs))


# Algorithms


@_invalid(
    "digest-sha-384",
    on=_ECDSA,
    title="that was signed over its SHA-384",
    importance=Importance.HIGH,
)
def signed_with_sha384(it: Parts, base: Base) -> Parts:
    """The algorithm says SHA-256."""
    del base
    return but(it, digest=hashes.SHA384())


@_invalid(
    "digest-sha-1",
    on=("device", "dccki"),
    title="that was signed over its SHA-1",
    importance=Importance.HIGH,
)
def signed_with_sha1(it: Parts, base: Base) -> Parts:
    """The algorithm says SHA-256."""
    del base
    return but(it, digest=hashes.SHA1())  # noqa: S303


_differ = partial(
    defect,
    stage=Stage.SIGNATURE,
    finding="signature.algorithms_differ",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.1.1.2: both MUST be the same; 6.1 does not compare them",
    importance=Importance.HIGH,
    why="The algorithm outside is not signed: who verifies by it can be led to a weaker one.",
)


@_differ("algorithms-differ", on=_ECDSA, title="whose outer algorithm is ecdsa-with-SHA384")
def outer_differs(it: Parts, base: Base) -> Parts:
    """The algorithm inside is ecdsa-with-SHA256, and it was signed so."""
    del base
    return but(it, outer=ECDSA_SHA384)


@_differ("outer-algorithm-null", on=_ECDSA, title="whose outer algorithm alone has NULL parameters")
def outer_null(it: Parts, base: Base) -> Parts:
    """The AlgorithmIdentifier outside has NULL, the one inside has none."""
    del base
    return but(it, outer=ECDSA_NULL)


@_differ("outer-algorithm-rsa", on=_ENDS, title="whose outer algorithm is sha256WithRSAEncryption")
def outer_rsa(it: Parts, base: Base) -> Parts:
    """The algorithm inside is ecdsa-with-SHA256, and it was signed so."""
    del base
    return but(it, outer=RSA_SHA256)


@_differ(
    "outer-algorithm-ecdsa",
    also=("signature.malformed",),
    on=_RSA,
    title="whose outer algorithm is ecdsa-with-SHA256",
)
def outer_ecdsa(it: Parts, base: Base) -> Parts:
    """The algorithm inside is sha256WithRSAEncryption, and it was signed so."""
    del base
    return but(it, outer=ECDSA_SHA256)


_parameters = partial(
    defect,
    stage=Stage.SIGNATURE,
    at_least=Stage.PATH,
    why="Seen in published certificates (O2): OpenSSL and Java take what other libraries do not"
    " load.",
)


@_parameters(
    "algorithm-null-parameters",
    on=_ECDSA,
    title="whose algorithms have NULL parameters",
    finding="signature.parameters_null",
    rfc5280=Verdict.EITHER,
    source="RFC 5758 3.2: the encoding MUST omit the parameters",
)
def null_parameters(it: Parts, base: Base) -> Parts:
    """NULL follows ecdsa-with-SHA256, inside and outside (O2)."""
    del base
    return but(it, algorithm=ECDSA_NULL)


@oddity(
    "algorithm-no-parameters",
    on=("dccki", "iki", "dccki-crl"),
    title="whose algorithms lack their NULL parameters",
    stage=Stage.SIGNATURE,
    source="RFC 4055 5: NULL MUST be there, and implementations MUST accept its absence",
    why="Whoever compares the AlgorithmIdentifier octet by octet refuses what others issue.",
    importance=Importance.LOW,
)
def no_parameters(it: Parts, base: Base) -> Parts:
    """No NULL follows sha256WithRSAEncryption, inside and outside."""
    del base
    return but(it, algorithm=RSA_NO_PARAMETERS)


@_parameters(
    "algorithm-curve-parameters",
    on=_ENDS,
    title="whose algorithms name the curve as parameters",
    finding="signature.value",
    rfc5280=Verdict.EITHER,
    source="RFC 5758 3.2: the encoding MUST omit the parameters",
)
def curve_parameters(it: Certificate, base: Base) -> Certificate:
    """The name of prime256v1 follows ecdsa-with-SHA256, inside and outside."""
    del base
    made = sequence(oid("1.2.840.10045.4.3.2"), oid("1.2.840.10045.3.1.7"))
    return replace(it, algorithm=made)


_other = partial(
    defect,
    stage=Stage.SIGNATURE,
    at_least=Stage.PATH,
    finding="signature.value",
    why="A verifier that knows no such algorithm must not take the signature for good.",
)


@_other(
    "algorithm-sha-1",
    on=_ENDS,
    title="that is signed with ecdsa-with-SHA1",
    rfc5280=Verdict.EITHER,
    source="RFC 3279 2.2.3; RFC 8603 and NIST SP 800-131A: no longer",
    importance=Importance.HIGH,
)
def with_sha1(it: Certificate, base: Base) -> Certificate:
    """The signature is right, with a digest of which two documents can be made."""
    del base
    made = sequence(oid("1.2.840.10045.4.1"))
    return replace(it, algorithm=made, digest=hashes.SHA1())  # noqa: S303


@_other(
    "algorithm-unknown",
    on=(*_ENDS, "organisation-crl"),
    title="that is signed with an algorithm that nobody knows",
    source="RFC 5280 6.1.3 (a)(1)",
    importance=Importance.CRITICAL,
)
def unknown_algorithm(it: Parts, base: Base) -> Parts:
    """The OBJECT IDENTIFIER is under an arc for examples."""
    del base
    return but(it, algorithm=sequence(oid("2.999.1")))


@_other(
    "algorithm-none",
    on=_ENDS,
    also=("signature.invalid",),
    title="without a signature, as its algorithm says",
    source="RFC 5280 6.1.3 (a)(1)",
    importance=Importance.CRITICAL,
)
def no_algorithm(it: Certificate, base: Base) -> Certificate:
    """The algorithm is id-alg-noSignature (RFC 9925), the signature empty."""
    del base
    return replace(it, algorithm=sequence(oid("1.3.6.1.5.5.7.6.36")), signature=b"")


@_other(
    "algorithm-digest-alone",
    on=_ENDS,
    title="whose algorithm is SHA-256",
    source="RFC 5280 6.1.3 (a)(1)",
    importance=Importance.CRITICAL,
)
def digest_alone(it: Certificate, base: Base) -> Certificate:
    """The algorithm is a digest, which anybody computes, in place of a signature's."""
    del base
    return replace(it, algorithm=sequence(oid("2.16.840.1.101.3.4.2.1"), tlv(NULL, b"")))


# RSA


@_length("signature-short", title="whose signature lacks its first octet")
def short(it: Parts, base: Base) -> Parts:
    """The signature has 255 octets."""
    del base
    return but(it, signature=it.signer.sign(it.tbs)[1:])


@_length("signature-long", title="whose signature has a zero octet in front")
def long(it: Parts, base: Base) -> Parts:
    """The signature has 257 octets, and is the same number."""
    del base
    return but(it, signature=b"\x00" + it.signer.sign(it.tbs))


@_length("signature-octet-more", title="whose signature has a zero octet behind")
def octet_more(it: Parts, base: Base) -> Parts:
    """The signature has 257 octets; its first 256 are right."""
    del base
    return but(it, signature=it.signer.sign(it.tbs) + b"\x00")


@_length("signature-zero", title="whose signature is 0", importance=Importance.CRITICAL)
def zero(it: Parts, base: Base) -> Parts:
    """The signature is 256 zero octets: any power of it is 0."""
    del base
    return but(it, signature=bytes(256))


@_length("signature-one", title="whose signature is 1", importance=Importance.CRITICAL)
def one(it: Parts, base: Base) -> Parts:
    """The signature is the number 1: any power of it is 1."""
    del base
    return but(it, signature=bytes(255) + b"\x01")


@_length(
    "signature-as-integer",
    title="whose signature is wrapped in an INTEGER",
    source="RFC 3279 2.2.1",
)
def as_integer(it: Parts, base: Base) -> Parts:
    """An INTEGER stands in the BIT STRING, as in signatures of DSA."""
    del base
    return but(it, signature=integer(int.from_bytes(it.signer.sign(it.tbs))))
