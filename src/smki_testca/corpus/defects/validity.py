"""Breaches of the validity: how the two times are written, and how far apart they are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import but
from smki_testca.corpus.elements import element
from smki_testca.corpus.groups import (
    DEVICES,
    ENDS,
    ROOTS,
    RSA,
    RSA_ENDS,
    RSA_ISSUING,
    SMKI_CAS,
    SMKI_ISSUING,
    SMKI_ROOTS,
)
from smki_testca.corpus.parts import at
from smki_testca.der.encode import GENERALIZED_TIME, UTC_TIME, sequence, time, tlv
from smki_testca.der.read import read

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_WHICH_TYPE = "RFC 5280 4.1.2.5: CAs must write UTCTime to 2049; readers must process both types"
_NO_TIME = "X.680 46.3, 47.3; RFC 5280 6.1.3 (a)(2): no current time is within it"
validity_defect = partial(defect, stage=Stage.PROFILE)


def _with_start(it: CertificateParts, start: bytes) -> CertificateParts:
    """The certificate with another notBefore."""
    _, end = read(it.validity)[0].children
    return but(it, validity=sequence(start, end.encoded))


def _with_end(it: CertificateParts, end: bytes) -> CertificateParts:
    """The certificate with another notAfter."""
    start, _ = read(it.validity)[0].children
    return but(it, validity=sequence(start.encoded, end))


@validity_defect(
    "not-before-generalized-time",
    on=("organisation-ka", *SMKI_CAS, *RSA, "device"),
    title="whose notBefore is a GeneralizedTime before 2050",
    finding="validity.notBefore.encoding",
    rfc5280=Verdict.EITHER,
    source=_WHICH_TYPE,
    why="A reader that takes its first two digits for the year reads 2020, and may take a future"
    " certificate for a valid one.",
    importance=Importance.LOW,
)
def not_before_generalized_time(it: CertificateParts, _: Base) -> CertificateParts:
    """The same instant is written in the other type."""
    start, _end = read(it.validity)[0].children
    return _with_start(it, tlv(GENERALIZED_TIME, b"20" + start.content))


@validity_defect(
    "not-before-month-13",
    on=("organisation-ka", *RSA_ENDS, "organisation-issuing-ca", "device-issuing-ca", *SMKI_ROOTS),
    title="whose notBefore is in a thirteenth month",
    finding="validity.notBefore.unreadable",
    source=_NO_TIME,
    why="A reader that adds months up carries it into the next year, another takes it for no"
    " limit.",
    importance=Importance.MEDIUM,
    stage=Stage.DER,
    at_least=Stage.PATH,
)
def not_before_month_13(it: CertificateParts, _: Base) -> CertificateParts:
    """The month is 13."""
    return _with_start(it, tlv(UTC_TIME, b"251301000000Z"))


@validity_defect(
    "not-before-hour-24",
    on=("device", "organisation"),
    title="whose notBefore is at 24 o'clock",
    finding="validity.notBefore.unreadable",
    source=_NO_TIME,
    why="One reader takes it for the next day, another refuses it: clocks that agree differ.",
    importance=Importance.LOW,
    stage=Stage.DER,
    at_least=Stage.PATH,
)
def not_before_hour_24(it: CertificateParts, _: Base) -> CertificateParts:
    """The hour is 24."""
    return _with_start(it, tlv(UTC_TIME, b"251231240000Z"))


@validity_defect(
    "not-after-generalized-time",
    on=("organisation", *RSA_ENDS, *SMKI_ISSUING, *RSA_ISSUING),
    title="whose notAfter is a GeneralizedTime before 2050",
    finding="validity.notAfter.encoding",
    rfc5280=Verdict.EITHER,
    source=_WHICH_TYPE,
    why="A reader that takes its first two digits for the year reads 2020, and the certificate"
    " has expired.",
    importance=Importance.LOW,
)
def not_after_generalized_time(it: CertificateParts, _: Base) -> CertificateParts:
    """The same instant is written in the other type."""
    _start, end = read(it.validity)[0].children
    return _with_end(it, tlv(GENERALIZED_TIME, b"20" + end.content))


@validity_defect(
    "not-after-generalized-time-of-2045",
    on=ROOTS,
    title="whose notAfter is in 2045, in a GeneralizedTime",
    finding="validity.notAfter.encoding",
    rfc5280=Verdict.EITHER,
    source=_WHICH_TYPE,
    why="A reader that takes its first two digits for the year reads 2020, and the root has"
    " expired.",
    importance=Importance.LOW,
)
def not_after_generalized_time_of_2045(it: CertificateParts, _: Base) -> CertificateParts:
    """The end is earlier, before 2050, and in the type for later years."""
    return _with_end(it, tlv(GENERALIZED_TIME, b"20451231235959Z"))


@validity_defect(
    "not-after-utc-time-of-2069",
    on=("organisation-root-ca", "device-root-ca", "dccki-root-ca"),
    title="whose notAfter of 2069 is a UTCTime",
    finding="validity.order",
    source="RFC 5280 4.1.2.5.1: 69 is 1969; 6.1 does not look at the validity of a trust anchor",
    rfc5280=Verdict.EITHER,
    why="A reader that takes two digits for this century runs on after others have stopped.",
    importance=Importance.MEDIUM,
)
def not_after_utc_time_of_2069(it: CertificateParts, _: Base) -> CertificateParts:
    """The century is left out, so that it ended before it began."""
    return _with_end(it, tlv(UTC_TIME, b"691231235959Z"))


@validity_defect(
    "not-after-30-february",
    on=(*ENDS, "device-ka", "dccki", "iki", *SMKI_CAS),
    title="whose notAfter is on 30 February",
    finding="validity.notAfter.unreadable",
    source=_NO_TIME,
    why="A reader that carries the days over takes it, another takes it for no limit.",
    importance=Importance.MEDIUM,
    stage=Stage.DER,
    at_least=Stage.PATH,
    revision=2,
)
def not_after_30_february(it: CertificateParts, _: Base) -> CertificateParts:
    """The day is none of its month; the year and the time of day stay."""
    end = read(element(it, "validity.notAfter"))[0]
    return _with_end(it, tlv(end.tag, end.content[:-11] + b"0230" + end.content[-7:]))


@validity_defect(
    "not-after-29-february-2100",
    on=("organisation",),
    title="whose notAfter is on 29 February 2100",
    finding="validity.notAfter.unreadable",
    source=_NO_TIME,
    why="2100 is not a leap year: a reader that divides by four takes a day that does not exist.",
    importance=Importance.LOW,
    stage=Stage.DER,
    at_least=Stage.PATH,
)
def not_after_29_february_2100(it: CertificateParts, _: Base) -> CertificateParts:
    """The year is no leap year."""
    return _with_end(it, tlv(GENERALIZED_TIME, b"21000229000000Z"))


@validity_defect(
    "not-after-missing",
    on=(*ENDS, "dccki", *SMKI_CAS),
    title="without a notAfter",
    finding="validity.notAfter.missing",
    stage=Stage.STRUCTURE,
    source="RFC 5280 4.1: Validity has two times",
    why="A reader that reads on takes the next element for a time, or for no limit.",
    importance=Importance.MEDIUM,
)
def not_after_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The second time is left out."""
    start, _end = read(it.validity)[0].children
    return but(it, validity=sequence(start.encoded))


_LONGER = {
    "organisation": "2036-01-02",
    "dccki": "2028-01-02",
    "iki": "2036-01-02",
    "organisation-root-ca": "2070-01-02",
    "device-root-ca": "2070-01-02",
    "dccki-root-ca": "2070-01-02",
    "iki-root-ca": "2070-01-02",
    "organisation-issuing-ca": "2045-01-02",
    "device-issuing-ca": "2045-01-02",
    "dccki-issuing-ca": "2045-01-02",
    "iki-issuing-ca": "2045-01-02",
}


@validity_defect(
    "lasts-a-day-longer",
    on=tuple(_LONGER),
    title="that lasts a day longer than its kind does",
    finding="validity.notAfter.period",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.1.2.5 states no longest validity",
    why="A key is trusted for longer than its policy says.",
    importance=Importance.LOW,
)
def lasts_a_day_longer(it: CertificateParts, base: Base) -> CertificateParts:
    """The end is a day after the longest that the profile allows."""
    return _with_end(it, time(at(_LONGER[base.name])))


@validity_defect(
    "never-expires",
    on=("organisation", "organisation-recovery", "organisation-issuing-ca"),
    title="that has no well-defined expiry",
    finding="validity.notAfter.period",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.1.2.5 allows 99991231235959Z",
    why="Only a Device's certificate is without an end: an organisation's key stays in the cells"
    " of meters until somebody notices.",
    importance=Importance.MEDIUM,
)
def never_expires(it: CertificateParts, _: Base) -> CertificateParts:
    """The end is that of a Device Certificate."""
    return _with_end(it, time(at("9999-12-31T23:59:59")))


@validity_defect(
    "expires-in-2036",
    on=DEVICES,
    title="that expires in 2036",
    finding="validity.notAfter.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.1.2.5 allows any end",
    why="The meter outlives its certificate: on that day head-ends stop talking to it.",
    importance=Importance.HIGH,
)
def expires_in_2036(it: CertificateParts, _: Base) -> CertificateParts:
    """The end is that of an Organisation Certificate."""
    return _with_end(it, time(at("2036-01-01")))


@validity_defect(
    "expires-in-generalized-time",
    on=("device",),
    title="that expires in 2035, in a GeneralizedTime",
    finding="validity.notAfter.encoding",
    rfc5280=Verdict.EITHER,
    source=_WHICH_TYPE,
    why="A Device whose reader expects a GeneralizedTime takes it, and has an end.",
    importance=Importance.MEDIUM,
)
def expires_in_generalized_time(it: CertificateParts, _: Base) -> CertificateParts:
    """The end is before 2050 and of the type for later years."""
    return _with_end(it, tlv(GENERALIZED_TIME, b"20351231235959Z"))


@validity_defect(
    "ends-a-second-early",
    on=("device",),
    title="that ends a second before 9999 does",
    finding="validity.notAfter.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.1.2.5 allows any end",
    why="Only 99991231235959Z means that there is no end: a reader that looks at the year alone"
    " does not see the difference.",
    importance=Importance.LOW,
)
def ends_a_second_early(it: CertificateParts, _: Base) -> CertificateParts:
    """The last second is left out."""
    return _with_end(it, tlv(GENERALIZED_TIME, b"99991231235958Z"))
