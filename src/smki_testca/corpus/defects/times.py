"""Times in forms that RFC 5280 does not have, and times that no calendar has."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, defect
from smki_testca.corpus.elements import edited
from smki_testca.der.encode import GENERALIZED_TIME, UTC_TIME, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, Parts, RevocationListParts

_START, _END = "validity.notBefore", "validity.notAfter"
_UTC = ("organisation",)
_LISTS = ("organisation-crl", "organisation-arl")

_form = partial(
    defect,
    stage=Stage.DER,
    finding="der.time_form",
    source="RFC 5280 4.1.2.5.1, 4.1.2.5.2; X.690 11.7, 11.8",
    why="Readers take such a time for different instants, or read beyond its end.",
)
_calendar = partial(
    defect,
    stage=Stage.DER,
    at_least=Stage.PATH,
    finding={
        "organisation-crl": "thisUpdate.unreadable",
        "": "validity.notBefore.unreadable",
    },
    source="X.680 46 and 47: no such time",
    importance=Importance.HIGH,
    why="A reader that carries over takes it for a later time, another for none: expired or"
    " endless.",
)


def _utc(text: bytes) -> bytes:
    return tlv(UTC_TIME, text)


def _generalized(text: bytes) -> bytes:
    return tlv(GENERALIZED_TIME, text)


def _starting(it: Parts, octets: bytes) -> bytes:
    """The document with another notBefore; a CRL with another thisUpdate."""
    return edited(it, lambda _: octets, _START if it.label == "CERTIFICATE" else "thisUpdate")


def _ending(it: Parts, octets: bytes) -> bytes:
    """The document with another notAfter; a CRL with another nextUpdate."""
    return edited(it, lambda _: octets, _END if it.label == "CERTIFICATE" else "nextUpdate")


# Forms of UTCTime


@_form(
    "time-no-seconds",
    on=(*_UTC, "organisation-issuing-ca", "dccki", "organisation-crl"),
    title="that begins at a UTCTime without seconds",
)
def no_seconds(it: Parts, base: Base) -> bytes:
    """The first time ends with its minutes, as BER allows."""
    del base
    return _starting(it, _utc(b"2601010000Z"))


@_form(
    "time-offset", on=(*_UTC, "organisation-crl"), title="that begins at a UTCTime with an offset"
)
def offset(it: Parts, base: Base) -> bytes:
    """The first time ends with +0000 in place of Z."""
    del base
    return _starting(it, _utc(b"260101000000+0000"))


@_form("time-lower-case-z", on=_UTC, title="that begins at a UTCTime whose Z is small")
def small_z(it: CertificateParts, base: Base) -> bytes:
    """The first time ends with z."""
    del base
    return _starting(it, _utc(b"260101000000z"))


@_form("time-no-z", on=(*_UTC, "organisation-crl"), title="that begins at a UTCTime without Z")
def no_z(it: Parts, base: Base) -> bytes:
    """The first time does not say that it is UTC."""
    del base
    return _starting(it, _utc(b"260101000000"))


@_form("time-fraction-utc", on=_UTC, title="that begins at a UTCTime with a fraction")
def utc_fraction(it: CertificateParts, base: Base) -> bytes:
    """The first time has tenths of a second, which no UTCTime has."""
    del base
    return _starting(it, _utc(b"260101000000.0Z"))


@_form(
    "time-empty",
    on=(*_UTC, "organisation-crl"),
    title="that begins at a UTCTime of no content",
    importance=Importance.HIGH,
)
def no_content(it: Parts, base: Base) -> bytes:
    """The first time has no octet."""
    del base
    return _starting(it, _utc(b""))


@_form("time-letters", on=_UTC, title="that begins at a UTCTime of letters")
def letters(it: CertificateParts, base: Base) -> bytes:
    """The first time has letters in place of digits: arithmetic on them gives some number."""
    del base
    return _starting(it, _utc(b"26O1O1OOOOOOZ"))


@_form("time-spaces", on=_UTC, title="that begins at a UTCTime with spaces")
def spaces(it: CertificateParts, base: Base) -> bytes:
    """The first time has spaces in place of leading zeros, which scanf takes."""
    del base
    return _starting(it, _utc(b"26 1 1000000Z"))


@_form("time-sign", on=_UTC, title="that begins at a UTCTime with a sign")
def sign(it: CertificateParts, base: Base) -> bytes:
    """The year of the first time is written -1, which atoi takes."""
    del base
    return _starting(it, _utc(b"-10101000000Z"))


@_form("time-nul", on=_UTC, title="that begins at a UTCTime with a NUL at its end")
def nul(it: CertificateParts, base: Base) -> bytes:
    """A zero octet follows the Z of the first time."""
    del base
    return _starting(it, _utc(b"260101000000Z\x00"))


@_form(
    "time-four-digit-year-utc", on=_UTC, title="that begins at a UTCTime of a year in four digits"
)
def four_digits_in_utc(it: CertificateParts, base: Base) -> bytes:
    """The content of a GeneralizedTime is in a UTCTime: 2026 may be read as month 26."""
    del base
    return _starting(it, _utc(b"20260101000000Z"))


# Forms of GeneralizedTime


@_form(
    "time-generalized-no-z",
    on=("device",),
    title="that ends at a GeneralizedTime without Z",
    importance=Importance.HIGH,
)
def generalized_no_z(it: CertificateParts, base: Base) -> bytes:
    """The last time is local, it says: of whom?"""
    del base
    return _ending(it, _generalized(b"99991231235959"))


@_form(
    "time-generalized-fraction",
    on=("device",),
    title="that ends at a GeneralizedTime with a fraction",
    revision=2,
)
def generalized_fraction(it: CertificateParts, base: Base) -> bytes:
    """The last time has tenths of a second, as X.690 allows, and RFC 5280 does not."""
    del base
    return _ending(it, _generalized(b"99991231235959.5Z"))


@_form(
    "time-generalized-offset",
    on=("device",),
    title="that ends at a GeneralizedTime with an offset",
    revision=2,
)
def generalized_offset(it: CertificateParts, base: Base) -> bytes:
    """The last time ends with +0100 in place of Z."""
    del base
    return _ending(it, _generalized(b"99991231235959+0100"))


@_form(
    "time-generalized-no-seconds",
    on=("device",),
    title="that ends at a GeneralizedTime without seconds",
    revision=2,
)
def generalized_no_seconds(it: CertificateParts, base: Base) -> bytes:
    """The last time ends with its minutes."""
    del base
    return _ending(it, _generalized(b"999912312359Z"))


@_form(
    "time-two-digit-year-generalized",
    on=("organisation",),
    title="that ends at a GeneralizedTime of a year in two digits",
)
def two_digits_in_generalized(it: CertificateParts, base: Base) -> bytes:
    """The content of a UTCTime is in a GeneralizedTime: the year may be read as 3512."""
    del base
    return _ending(it, _generalized(b"351231235959Z"))


@_form(
    "revocation-date-no-seconds",
    on=_LISTS,
    also=("crl.entry",),
    title="with an entry whose date has no seconds",
)
def revocation_without_seconds(it: RevocationListParts, base: Base) -> bytes:
    """The revocationDate ends with its minutes."""
    del base
    return edited(it, lambda _: _utc(b"2606150000Z"), "revokedCertificates", 0, 1)


@_form("next-update-no-z", on=_LISTS, title="whose nextUpdate has no Z")
def next_update_without_z(it: RevocationListParts, base: Base) -> bytes:
    """The nextUpdate does not say that it is UTC."""
    del base
    return _ending(it, _utc(b"260703000000"))


# No such time


@_calendar("time-thirteenth-month", on=("organisation-crl",), title="that begins in month 13")
def thirteenth_month(it: Parts, base: Base) -> bytes:
    """The first time is in the thirteenth month of 2025: January of 2026 by carrying over."""
    del base
    return _starting(it, _utc(b"251301000000Z"))


@_calendar("time-month-zero", on=_UTC, title="that begins in month 0")
def month_zero(it: CertificateParts, base: Base) -> bytes:
    """The first time is in the month before January: an index of -1 in a table of days."""
    del base
    return _starting(it, _utc(b"260001000000Z"))


@_calendar("time-day-zero", on=_UTC, title="that begins on day 0")
def day_zero(it: CertificateParts, base: Base) -> bytes:
    """The first time is on the day before the first of January."""
    del base
    return _starting(it, _utc(b"260100000000Z"))


@_calendar("time-thirtieth-of-february", on=(*_UTC, "dccki"), title="that begins on 30 February")
def thirtieth_of_february(it: CertificateParts, base: Base) -> bytes:
    """The first time is on a day that no February has."""
    del base
    return _starting(it, _utc(b"260230000000Z"))


@_calendar(
    "time-leap-day-of-no-leap-year",
    on=(*_UTC, "organisation-crl"),
    title="that begins on 29 February of a year that has none",
)
def leap_day_of_no_leap_year(it: Parts, base: Base) -> bytes:
    """The first time is on 29 February 2026, which is no leap year."""
    del base
    return _starting(it, _utc(b"260229000000Z"))


@_calendar(
    "time-leap-day-2100",
    on=("organisation-root-ca", "device"),
    title="that ends on 29 February 2100",
    finding="validity.notAfter.unreadable",
)
def leap_day_of_2100(it: CertificateParts, base: Base) -> bytes:
    """2100 is divisible by four and is no leap year."""
    del base
    return _ending(it, _generalized(b"21000229000000Z"))


@_calendar("time-hour-24", on=(*_UTC, "organisation-crl"), title="that begins at 24:00:00")
def hour_24(it: Parts, base: Base) -> bytes:
    """The first time is at hour 24, which some readers take for midnight."""
    del base
    return _starting(it, _utc(b"260101240000Z"))


@_calendar("time-minute-60", on=_UTC, title="that begins at minute 60")
def minute_60(it: CertificateParts, base: Base) -> bytes:
    """The first time is at minute 60."""
    del base
    return _starting(it, _utc(b"260101006000Z"))


@_calendar("time-second-61", on=_UTC, title="that begins at second 61")
def second_61(it: CertificateParts, base: Base) -> bytes:
    """The first time is at second 61: not even a leap second."""
    del base
    return _starting(it, _utc(b"260101000061Z"))


@_calendar(
    "time-end-thirteenth-month",
    on=("organisation", "device", "dccki"),
    title="that ends in month 13",
    finding="validity.notAfter.unreadable",
)
def end_in_thirteenth_month(it: CertificateParts, base: Base) -> bytes:
    """The last time cannot be: a reader that skips it takes the certificate for endless."""
    del base
    return _ending(it, _utc(b"351331235959Z"))
