"""Signatures that the issuer did not make over this document with this algorithm."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, defect
from smki_testca.corpus.document_changes import but
from smki_testca.corpus.elements import content_of, element
from smki_testca.corpus.groups import led_by
from smki_testca.corpus.parts import DEVICE_ID, SUPPLIER_ID, usages
from smki_testca.corpus.signing_keys import ec_key, entropy, rsa_key
from smki_testca.der.encode import integer

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, Parts, RevocationListParts

_ECDSA = ("device", "organisation", "organisation-issuing-ca", "organisation-crl")
_ENDS = ("organisation",)
_RSA = ("dccki", "dccki-crl")

_invalid = partial(
    defect,
    stage=Stage.SIGNATURE,
    at_least=Stage.PATH,
    finding="signature.invalid",
    source="RFC 5280 6.1.3 (a)(1); of a CRL, 6.3.3 (g)",
    importance=Importance.CRITICAL,
    why="Whoever can change a document, or make one up, has it accepted.",
)
_length = partial(
    _invalid,
    on=_RSA,
    source="RFC 8017 8.2.2",
    importance=Importance.HIGH,
    why="A signature that has several forms can be changed by anybody without being refused.",
)


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
def by_another_key(it: CertificateParts, base: Base) -> CertificateParts:
    """The issuer is named, and did not sign."""
    del base
    return replace(it, signature=ec_key("stranger").sign(it.tbs))


@_invalid("signed-by-another-rsa-key", on=("dccki", "iki"), title="that another key signed")
def by_another_rsa_key(it: CertificateParts, base: Base) -> CertificateParts:
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
    "signature-without-header",
    on=("device",),
    title="whose signature covers only the content of its signed part",
)
def without_header(it: CertificateParts, base: Base) -> CertificateParts:
    """The tag and length of the signed part were left out when it was signed."""
    del base
    return replace(it, signature=it.signer.sign(content_of(it.tbs)))


@_invalid("signature-random", on=("dccki", "iki"), title="whose signature is random")
def random_octets(it: CertificateParts, base: Base) -> CertificateParts:
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
def usage_changed(it: CertificateParts, base: Base) -> bytes:
    """The bit of the usage moved by one, and nobody signed again (O7)."""
    del base
    return _changed(it, usages("digitalSignature"), usages("nonRepudiation"))


@_invalid(
    "usage-exchanged",
    on=(*_ENDS, "organisation-supplier"),
    title="whose usage became keyAgreement after it was signed",
)
def usage_exchanged(it: CertificateParts, base: Base) -> bytes:
    """The usage is another right one, and nobody signed again."""
    del base
    return _changed(it, usages("digitalSignature"), usages("keyAgreement"))


@_invalid(
    "identity-changed", on=("device",), title="whose Device ID was changed after it was signed"
)
def identity_changed(it: CertificateParts, base: Base) -> bytes:
    """The last octet of the EUI-64 is another."""
    del base
    return _changed(it, DEVICE_ID, DEVICE_ID[:-1] + b"\xa5")


@_invalid(
    "identifier-changed",
    on=("organisation", "organisation-ka"),
    title="whose identifier was changed after it was signed",
)
def identifier_changed(it: CertificateParts, base: Base) -> bytes:
    """The last octet of the EUI-64 is another."""
    del base
    return _changed(it, SUPPLIER_ID, SUPPLIER_ID[:-1] + b"\x01")


@_invalid(
    "serial-changed",
    on=_ENDS,
    title="whose serialNumber was changed after it was signed",
)
def serial_changed(it: CertificateParts, base: Base) -> bytes:
    """The last bit of the serial is the other one: a revoked certificate is on no list then."""
    del base
    return _changed(it, it.serial, it.serial[:-1] + bytes((it.serial[-1] ^ 1,)))


@_invalid(
    "validity-changed",
    on=("organisation", "dccki", "organisation-issuing-ca"),
    title="whose notAfter was changed after it was signed",
)
def validity_changed(it: CertificateParts, base: Base) -> bytes:
    """It ends an hour earlier than its issuer said."""
    del base
    return _changed(it, b"1231235959Z", b"1231225959Z")


@_invalid(
    "entry-changed",
    on=("organisation-crl", "dccki-crl"),
    source="RFC 5280 6.3.3 (g)",
    facts={"status": "good"},
    title="with an entry that was changed after it was signed",
)
def entry_changed(it: RevocationListParts, base: Base) -> bytes:
    """The serial of the only entry is another: the revoked certificate passes."""
    del base
    serial = element(it, "revokedCertificates", 0, 0)
    return _changed(it, serial, serial[:-1] + bytes((serial[-1] ^ 1,)))


@_invalid(
    "entry-removed",
    on=("organisation-crl", "organisation-arl"),
    source="RFC 5280 6.3.3 (g)",
    facts={"status": "good"},
    title="from which an entry was removed after it was signed",
)
def entry_removed(it: RevocationListParts, base: Base) -> bytes:
    """The list lacks its only entry, and has the signature of the whole."""
    del base
    return replace(it, entries=()).with_tbs(replace(it, entries=()).tbs, it.signer.sign(it.tbs))


# RSA


@_length(
    "signature-short", on=led_by("dccki-crl", _RSA), title="whose signature lacks its first octet"
)
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


@_length(
    "signature-zero",
    on=led_by("dccki-crl", _RSA),
    title="whose signature is 0",
    importance=Importance.CRITICAL,
    why="A verifier that does not check all of the padding takes it, for any document.",
)
def zero(it: Parts, base: Base) -> Parts:
    """The signature is 256 zero octets: any power of it is 0."""
    del base
    return but(it, signature=bytes(256))


@_length(
    "signature-one",
    title="whose signature is 1",
    importance=Importance.CRITICAL,
    why="A verifier that does not check all of the padding takes it, for any document.",
)
def number_one(it: Parts, base: Base) -> Parts:
    """The signature is the number 1: any power of it is 1."""
    del base
    return but(it, signature=bytes(255) + b"\x01")


@_length(
    "signature-as-integer",
    title="whose signature is wrapped in an INTEGER",
    source="RFC 3279 2.2.1",
)
def as_integer(it: Parts, base: Base) -> Parts:
    """An INTEGER is in the BIT STRING, as in signatures of DSA."""
    del base
    return but(it, signature=integer(int.from_bytes(it.signer.sign(it.tbs))))
