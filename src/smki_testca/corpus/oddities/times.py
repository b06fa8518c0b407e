"""Oddities of validity."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Need, Stage, oddity
from smki_testca.corpus.document_changes import but
from smki_testca.corpus.parts import lasting
from smki_testca.corpus.pki import AT
from smki_testca.der.encode import sequence, time
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_ORGANISATIONS = ("organisation", "organisation-ka")
_ROOTS = ("organisation-root-ca", "device-root-ca", "dccki-root-ca", "iki-root-ca")
_ISSUING = ("organisation-issuing-ca", "device-issuing-ca", "dccki-issuing-ca", "iki-issuing-ca")
_BORDER = "RFC 5280 4.1.2.5: UTCTime to 2049, GeneralizedTime from 2050"
_INCLUSIVE = "RFC 5280 4.1.2.5: from notBefore to notAfter, inclusive"


@oddity(
    "ten-years-and-a-day",
    on=(*_ORGANISATIONS, "iki"),
    title="that lasts ten years and a day",
    stage=Stage.PROFILE,
    source="measured on published GB test certificates: 24 of 54 last that long",
    basis=Basis.OBSERVED,
    why="A reader that counts ten years by the second refuses half of the certificates.",
)
def ten_years_and_a_day(it: CertificateParts, base: Base) -> CertificateParts:
    """From 00:00:00 to 23:59:59 of the same date ten years on."""
    del base
    return but(it, validity=lasting("2026-01-01", "2036-01-01T23:59:59"))


@oddity(
    "last-utc-time",
    on=(*_ORGANISATIONS, "iki"),
    title="that ends in the last second of 2049",
    stage=Stage.STRUCTURE,
    source=_BORDER,
    why="It is the last second of UTCTime: a reader that turns the century elsewhere sees 1949.",
    needs=(Need.TIME,),
    at="2042-07-01T12:00:00",
)
def last_utc_time(it: CertificateParts, base: Base) -> CertificateParts:
    """NotAfter is the UTCTime 491231235959Z."""
    del base
    return but(it, validity=lasting("2040-06-01", "2049-12-31T23:59:59"))


@oddity(
    "first-generalized-time",
    on=(*_ORGANISATIONS, "iki"),
    title="that ends in the first second of 2050",
    stage=Stage.STRUCTURE,
    source=_BORDER,
    why="notBefore is a UTCTime, notAfter a GeneralizedTime: a reader must know both.",
    needs=(Need.TIME,),
    at="2042-07-01T12:00:00",
)
def first_generalized_time(it: CertificateParts, base: Base) -> CertificateParts:
    """NotAfter is the GeneralizedTime 20500101000000Z."""
    del base
    return but(it, validity=lasting("2040-06-01", "2050-01-01T00:00:00"))


@oddity(
    "last-utc-time",
    on=_ISSUING,
    title="that ends in the last second of 2049",
    stage=Stage.STRUCTURE,
    source=_BORDER,
    why="It is the last second of UTCTime: a reader that turns the century elsewhere sees 1949.",
)
def ca_last_utc_time(it: CertificateParts, base: Base) -> CertificateParts:
    """NotAfter is the UTCTime 491231235959Z."""
    del base
    return but(it, validity=lasting("2025-01-01", "2049-12-31T23:59:59"))


@oddity(
    "first-generalized-time",
    on=_ISSUING,
    title="that ends in the first second of 2050",
    stage=Stage.STRUCTURE,
    source=_BORDER,
    why="notBefore is a UTCTime, notAfter a GeneralizedTime: a reader must know both.",
)
def ca_first_generalized_time(it: CertificateParts, base: Base) -> CertificateParts:
    """NotAfter is the GeneralizedTime 20500101000000Z."""
    del base
    return but(it, validity=lasting("2025-01-01", "2050-01-01T00:00:00"))


@oddity(
    "begins-in-2050",
    on=_ROOTS,
    title="that begins in 2050",
    stage=Stage.STRUCTURE,
    source=_BORDER,
    why="Both dates are GeneralizedTimes: a reader must know them in both places.",
    importance=Importance.MEDIUM,
    needs=(Need.TIME,),
    at="2060-07-01T12:00:00",
)
def begins_in_2050(it: CertificateParts, base: Base) -> CertificateParts:
    """From 2050 to 2099."""
    del base
    return but(it, validity=lasting("2050-01-01", "2099-12-31T23:59:59"))


@oddity(
    "begins-in-1999",
    on=_ROOTS,
    title="that begins in the last second of 1999",
    stage=Stage.STRUCTURE,
    source="RFC 5280 4.1.2.5.1: a year of 50 or above is of the last century",
    why="A reader that adds 2000 to every year finds it not valid yet.",
    importance=Importance.MEDIUM,
)
def begins_in_1999(it: CertificateParts, base: Base) -> CertificateParts:
    """NotBefore is the UTCTime 991231235959Z."""
    del base
    return but(it, validity=lasting("1999-12-31T23:59:59", "2049-12-31T23:59:59"))


@oddity(
    "begins-in-1950",
    on=_ROOTS,
    title="that begins in the first second of 1950",
    stage=Stage.STRUCTURE,
    source="RFC 5280 4.1.2.5.1: a year of 50 or above is of the last century",
    why="It is before the clock of most programs begins: a reader without sign sees 2086.",
    importance=Importance.LOW,
    notices=("validity.notAfter.period",),
)
def begins_in_1950(it: CertificateParts, base: Base) -> CertificateParts:
    """NotBefore is the UTCTime 500101000000Z."""
    del base
    return but(it, validity=lasting("1950-01-01", "2069-12-31T23:59:59"))


@oddity(
    "without-expiry",
    on=("device-root-ca", "device-issuing-ca"),
    title="without a well-defined expiry",
    stage=Stage.STRUCTURE,
    source="RFC 5280 4.1.2.5: 99991231235959Z",
    why="A reader that counts seconds in 32 bits finds it expired; Devices live below it.",
    notices=("validity.notAfter.period",),
)
def without_expiry(it: CertificateParts, base: Base) -> CertificateParts:
    """NotAfter is 99991231235959Z, as of every Device Certificate."""
    del base
    return but(it, validity=lasting("2020-01-01", "9999-12-31T23:59:59"))


@oddity(
    "after-2038",
    on=("dccki-issuing-ca", "iki-issuing-ca"),
    title="that ends a second after the 32-bit clock",
    stage=Stage.STRUCTURE,
    source=_BORDER,
    why="A reader that counts seconds in 31 bits sees 1901.",
)
def after_2038(it: CertificateParts, base: Base) -> CertificateParts:
    """NotAfter is 2038-01-19T03:14:08Z."""
    del base
    return but(it, validity=lasting("2020-01-01", "2038-01-19T03:14:08"))


@oddity(
    "last-second",
    on=("organisation", "dccki", "iki"),
    title="in its last second",
    stage=Stage.USE,
    source=_INCLUSIVE,
    why="A reader that leaves the last second out refuses it a second too soon.",
    importance=Importance.LOW,
    notices=("validity.ends_soon",),
    needs=(Need.TIME,),
)
def last_second(it: CertificateParts, base: Base) -> CertificateParts:
    """NotAfter is the instant of the case."""
    del base
    return but(it, validity=sequence(time(AT - timedelta(days=365)), time(AT)))


@oddity(
    "first-second",
    on=("organisation", "device", "dccki", "iki"),
    title="in its first second",
    stage=Stage.USE,
    source=_INCLUSIVE,
    why="A certificate is used in the moment in which it is made: clocks agree to a second.",
    importance=Importance.MEDIUM,
    needs=(Need.TIME,),
)
def first_second(it: CertificateParts, base: Base) -> CertificateParts:
    """NotBefore is the instant of the case."""
    device = base.profile == "device"
    end = AT.replace(year=9999, month=12, day=31, hour=23, minute=59, second=59)
    return but(it, validity=sequence(time(AT), time(end if device else AT + timedelta(days=700))))


@oddity(
    "of-one-second",
    on=("organisation", "iki"),
    title="that is valid for this one second",
    stage=Stage.USE,
    source=_INCLUSIVE,
    why="A reader that wants the end after the beginning refuses it.",
    importance=Importance.LOW,
    notices=("validity.ends_soon",),
    needs=(Need.TIME,),
)
def of_one_second(it: CertificateParts, base: Base) -> CertificateParts:
    """Both dates are the instant of the case."""
    del base
    return but(it, validity=sequence(time(AT), time(AT)))


@oddity(
    "ends-on-a-leap-day",
    on=("organisation", "iki"),
    title="that ends on 29 February",
    stage=Stage.STRUCTURE,
    source="RFC 5280 4.1.2.5",
    why="A reader that does not know leap years refuses it.",
    importance=Importance.MEDIUM,
)
def ends_on_a_leap_day(it: CertificateParts, base: Base) -> CertificateParts:
    """NotAfter is in 2028."""
    del base
    return but(it, validity=lasting("2026-01-01", "2028-02-29T23:59:59"))
