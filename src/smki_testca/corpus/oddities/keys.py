"""Oddities of keys and signatures: values that come by chance, once in many."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, oddity
from smki_testca.corpus.document_changes import but, rekeyed
from smki_testca.corpus.parts import lasting, serial_of
from smki_testca.corpus.signing_keys import ec_key
from smki_testca.der.read import read
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_SIGNED = ("organisation", "device", "device-ka", "organisation-issuing-ca")
_KEYED = ("organisation", "organisation-ka", "device", "device-ka")
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256."""
_VALUES = "RFC 3279 2.2.3, X.690 8.3: r and s are INTEGERs of as many octets as they need"
_ONE_IN = "It comes by chance: a reader that refuses it fails now and then."


def _signed_with(
    it: CertificateParts, name: str, is_wanted: Callable[[bytes, bytes], bool]
) -> CertificateParts:
    """The certificate with the first serial number for which r and s are as wanted."""
    for number in count():
        tried = but(it, serial=serial_of(f"{name} {number}"))
        r, s = (each.content for each in read(tried.signer.sign(tried.tbs))[0].children)
        if is_wanted(r, s):
            return tried
    raise AssertionError  # there is always a next number


@oddity(
    "signature-of-high-s",
    on=_SIGNED,
    title="whose signature has an s in the upper half",
    stage=Stage.SIGNATURE,
    source="FIPS 186-5 6.4: s from 1 to n - 1; RFC 5758 3.2",
    why="Libraries for digital currencies take the lower half only: they refuse every other one.",
)
def signature_of_high_s(it: CertificateParts, base: Base) -> CertificateParts:
    """S above half of the order of the group."""
    del base
    return _signed_with(it, "high s", lambda _, s: int.from_bytes(s) > _ORDER // 2)


@oddity(
    "signature-of-low-s",
    on=_SIGNED,
    title="whose signature has an s in the lower half",
    stage=Stage.SIGNATURE,
    source="FIPS 186-5 6.4: s from 1 to n - 1; RFC 5758 3.2",
    why="It is as right as one in the upper half.",
    importance=Importance.MEDIUM,
)
def signature_of_low_s(it: CertificateParts, base: Base) -> CertificateParts:
    """S below half of the order of the group."""
    del base
    return _signed_with(it, "low s", lambda _, s: int.from_bytes(s) <= _ORDER // 2)


@oddity(
    "signature-of-short-r",
    on=_SIGNED,
    title="whose signature has an r of 31 octets",
    stage=Stage.SIGNATURE,
    source=_VALUES,
    why=f"{_ONE_IN} One in 256 has an r that short.",
)
def signature_of_short_r(it: CertificateParts, base: Base) -> CertificateParts:
    """R below 2 to the power of 247."""
    del base
    return _signed_with(it, "short r", lambda r, _: len(r) == 31)


@oddity(
    "signature-of-short-s",
    on=_SIGNED,
    title="whose signature has an s of 31 octets",
    stage=Stage.SIGNATURE,
    source=_VALUES,
    why=f"{_ONE_IN} One in 256 has an s that short.",
)
def signature_of_short_s(it: CertificateParts, base: Base) -> CertificateParts:
    """S below 2 to the power of 247."""
    del base
    return _signed_with(it, "short s", lambda _, s: len(s) == 31)


@oddity(
    "signature-of-33-and-33",
    on=_SIGNED,
    title="whose signature has an r and an s of 33 octets",
    stage=Stage.SIGNATURE,
    source=_VALUES,
    why="Both have a zero octet before their first bit: the longest signature that there is.",
)
def signature_of_33_and_33(it: CertificateParts, base: Base) -> CertificateParts:
    """Both begin with 00 and a set bit; 72 octets in all."""
    del base
    return _signed_with(it, "33 and 33", lambda r, s: len(r) == len(s) == 33)


@oddity(
    "signature-of-32-and-32",
    on=_SIGNED,
    title="whose signature has an r and an s of 32 octets",
    stage=Stage.SIGNATURE,
    source=_VALUES,
    why="Neither has a zero octet before it: a reader that always drops one loses a digit.",
)
def signature_of_32_and_32(it: CertificateParts, base: Base) -> CertificateParts:
    """Both have their first bit clear; 70 octets in all."""
    del base
    return _signed_with(it, "32 and 32", lambda r, s: len(r) == len(s) == 32)


@oddity(
    "key-of-short-x",
    on=_KEYED,
    title="whose point has a zero octet at the beginning of x",
    stage=Stage.STRUCTURE,
    source="SEC 1 2.3.3, RFC 5480 2.2: 32 octets for each coordinate",
    why="A reader that turns x into a number and back loses an octet: one key in 256.",
)
def key_of_short_x(it: CertificateParts, base: Base) -> CertificateParts:
    """04 00 and so on."""
    del base
    return rekeyed(it, ec_key("of zeros 164").spki)


@oddity(
    "key-of-short-y",
    on=_KEYED,
    title="whose point has a zero octet at the beginning of y",
    stage=Stage.STRUCTURE,
    source="SEC 1 2.3.3, RFC 5480 2.2: 32 octets for each coordinate",
    why="A reader that turns y into a number and back loses an octet: one key in 256.",
)
def key_of_short_y(it: CertificateParts, base: Base) -> CertificateParts:
    """Y is below 2 to the power of 248."""
    del base
    return rekeyed(it, ec_key("of zeros 416").spki)


@oddity(
    "renewed-with-its-key",
    on=("organisation", "organisation-ka", "device", "device-ka", "dccki", "iki"),
    title="that is renewed without a new key",
    stage=Stage.USE,
    source="seen in published GB test certificates",
    basis=Basis.OBSERVED,
    why="A Device answers success to it: a reader that wants a new key keeps an old certificate.",
)
def renewed_with_its_key(it: CertificateParts, base: Base) -> CertificateParts:
    """Another serial and validity, the same subject, key and key identifier (O9)."""
    ends = {"device": "9999-12-31T23:59:59", "dccki": "2028-01-31"}
    period = lasting("2026-02-01", ends.get(base.profile, "2036-01-31"))
    return but(it, serial=serial_of(f"{base.name} renewed"), validity=period)


@oddity(
    "renewed-with-a-new-key",
    on=("organisation", "organisation-ka", "device", "device-ka"),
    title="that is renewed with a new key",
    stage=Stage.USE,
    source="RFC 5280 6.1",
    why="A reader that pins the key of a holder refuses each renewal.",
)
def renewed_with_a_new_key(it: CertificateParts, base: Base) -> CertificateParts:
    """Another serial, validity and key, the same subject."""
    end = "9999-12-31T23:59:59" if base.profile == "device" else "2036-01-31"
    other = rekeyed(it, ec_key(f"{base.name} renewed").spki)
    period = lasting("2026-02-01", end)
    return but(other, serial=serial_of(f"{base.name} renewed again"), validity=period)


@oddity(
    "prepayment-twin",
    on=("organisation-ka", "organisation-supplier-ka"),
    title="for prepayment, with the subject and usage of the ordinary one",
    stage=Stage.USE,
    source="seen in published GB test certificates and in RTDS 4.5.0",
    basis=Basis.OBSERVED,
    why="The cells for both hold one subject: a look-up by it finds the wrong key.",
)
def prepayment_twin(it: CertificateParts, base: Base) -> CertificateParts:
    """Another serial and key (O11): nothing else tells the two apart."""
    other = rekeyed(it, ec_key(f"{base.name} for prepayment").spki)
    return but(other, serial=serial_of(f"{base.name} for prepayment"))


@oddity(
    "key-of-its-other-usage",
    on=("organisation-ka", "device-ka"),
    title="with the key of its holder's certificate for signatures",
    stage=Stage.USE,
    source="RFC 5280 4.2.1.3: no rule forbids a key two certificates",
    basis=Basis.ASSUMED,
    why="A reader that files certificates by key identifier overwrites the one with the other.",
    importance=Importance.MEDIUM,
)
def key_of_its_other_usage(it: CertificateParts, base: Base) -> CertificateParts:
    """One key pair for digital signature and key agreement."""
    return rekeyed(it, ec_key(base.name.removesuffix("-ka")).spki)
