"""Defects of time: certificates that are right, but not now."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Need, Stage, Verdict, defect
from smki_testca.corpus.defects.path_changes import ISSUING
from smki_testca.corpus.document_changes import but
from smki_testca.corpus.parts import lasting, serial_of
from smki_testca.corpus.pki import AT
from smki_testca.der.encode import sequence, time

if TYPE_CHECKING:
    from datetime import datetime

    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_ORGANISATIONS = ("organisation", "organisation-ka")
_DEVICES = ("device", "device-ka")
_TEN_YEARS = (*_ORGANISATIONS, "iki")
_WHY_EXPIRED = "Its key may be lost or given away since: nobody watches it any more."
_SOURCE = "RFC 5280 6.1.3 (a)(2)"


def _from_to(start: datetime, end: datetime) -> bytes:
    return sequence(time(start), time(end))


@defect(
    "expired",
    on=(*_TEN_YEARS, "dccki"),
    title="that expired in October 2025",
    stage=Stage.USE,
    finding="validity.expired",
    source=_SOURCE,
    why=_WHY_EXPIRED,
    importance=Importance.HIGH,
    needs=(Need.TIME,),
)
def expired(it: CertificateParts, base: Base) -> CertificateParts:
    """It was valid from 30 October 2015, or 2023, to 29 October 2025 (O10)."""
    start = "2023-10-30" if base.profile == "dccki" else "2015-10-30"
    return but(it, validity=lasting(start, "2025-10-29T23:59:59"))


@defect(
    "expired",
    on=_DEVICES,
    title="that expired in October 2025",
    stage=Stage.USE,
    finding="validity.expired",
    also=("validity.notAfter.value",),
    source=_SOURCE,
    why=_WHY_EXPIRED,
    importance=Importance.HIGH,
    needs=(Need.TIME,),
)
def device_expired(it: CertificateParts, base: Base) -> CertificateParts:
    """It has an expiry, which no Device Certificate has, and that has passed."""
    del base
    return but(it, validity=lasting("2015-10-30", "2025-10-29T23:59:59"))


@defect(
    "expired",
    on=ISSUING,
    title="that expired in 2025",
    stage=Stage.USE,
    finding="validity.expired",
    source=_SOURCE,
    why="The CA may have given its key up: nobody watches it any more.",
    importance=Importance.HIGH,
    needs=(Need.TIME,),
)
def ca_expired(it: CertificateParts, base: Base) -> CertificateParts:
    """It was valid until the end of last year."""
    del base
    return but(it, validity=lasting("2020-01-01", "2025-12-31T23:59:59"))


@defect(
    "expired-a-second-ago",
    on=(*_TEN_YEARS, "dccki"),
    title="that expired a second ago",
    stage=Stage.USE,
    finding="validity.expired",
    source=f"{_SOURCE}, 4.1.2.5",
    why="A reader that compares days, or local time, takes it for hours longer.",
    importance=Importance.MEDIUM,
    needs=(Need.TIME,),
)
def expired_a_second_ago(it: CertificateParts, base: Base) -> CertificateParts:
    """NotAfter is one second before the instant of the case."""
    start = AT - timedelta(days=365)
    del base
    return but(it, validity=_from_to(start, AT - timedelta(seconds=1)))


@defect(
    "not-yet-valid",
    on=(*_TEN_YEARS, "dccki", *_DEVICES, *ISSUING),
    title="that is valid from next year on",
    stage=Stage.USE,
    finding="validity.not_yet_valid",
    source=_SOURCE,
    why="It is used before it is meant to be, or a clock is wrong.",
    importance=Importance.MEDIUM,
    needs=(Need.TIME,),
)
def not_yet_valid(it: CertificateParts, base: Base) -> CertificateParts:
    """NotBefore is on 1 January 2027."""
    ends = {"dccki": "2028-12-31T23:59:59", "device": "9999-12-31T23:59:59"}
    late = "2044-12-31T23:59:59" if base.name in ISSUING else "2036-12-31T23:59:59"
    return but(it, validity=lasting("2027-01-01", ends.get(base.profile, late)))


@defect(
    "valid-in-a-second",
    on=("organisation", "device", "dccki", "iki"),
    title="that is valid from a second later on",
    stage=Stage.USE,
    finding="validity.not_yet_valid",
    source=f"{_SOURCE}, 4.1.2.5",
    why="A reader that compares days, or local time, takes it for hours too soon.",
    importance=Importance.LOW,
    needs=(Need.TIME,),
)
def valid_in_a_second(it: CertificateParts, base: Base) -> CertificateParts:
    """NotBefore is one second after the instant of the case."""
    end = "9999-12-31T23:59:59Z" if base.profile == "device" else "2028-07-01T00:00:00Z"
    return but(it, validity=_from_to(AT + timedelta(seconds=1), AT.fromisoformat(end)))


@defect(
    "ends-before-it-begins",
    on=(*_TEN_YEARS, "dccki", *ISSUING),
    title="that ends before it begins",
    stage=Stage.USE,
    finding="validity.order",
    source=f"{_SOURCE}: no instant lies in it",
    why="A reader that checks one of the dates alone takes it.",
    importance=Importance.MEDIUM,
    needs=(Need.TIME,),
)
def ends_before_it_begins(it: CertificateParts, base: Base) -> CertificateParts:
    """From December 2026 to January 2026, around the instant of the case."""
    del base
    return but(it, validity=lasting("2026-12-01", "2026-01-01"))


@defect(
    "ends-before-it-begins",
    on=_DEVICES,
    title="that ends before it begins",
    stage=Stage.USE,
    finding="validity.order",
    source=f"{_SOURCE}: no instant lies in it",
    why="A reader that checks one of the dates alone takes it.",
    importance=Importance.MEDIUM,
    needs=(Need.TIME,),
)
def device_ends_before_it_begins(it: CertificateParts, base: Base) -> CertificateParts:
    """From December 2026 to January 2026, around the instant of the case."""
    del base
    return but(it, validity=lasting("2026-12-01", "2026-01-01"))


@defect(
    "renewed-since",
    on=(*_ORGANISATIONS, "dccki", "iki"),
    title="that a later certificate has renewed",
    stage=Stage.USE,
    finding="",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 6.1: a renewal does not end the certificate before it",
    gbcs=Verdict.EITHER,
    gbcs_source="not read: whether a Device refuses the certificate that it has replaced",
    why="Who holds the old key takes the place of the new one, as long as the old one is valid.",
    remedy="Revoke a certificate whose key must not be used any more.",
    importance=Importance.LOW,
    needs=(Need.NAMES, Need.TIME),
)
def renewed_since(it: CertificateParts, base: Base) -> CertificateParts:
    """The older of two certificates of a holder: an earlier serial and validity."""
    older = lasting("2025-01-01", "2026-12-31T23:59:59")
    return but(it, serial=serial_of(f"{base.name} before its renewal"), validity=older)
