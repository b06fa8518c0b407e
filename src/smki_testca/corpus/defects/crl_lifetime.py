"""Defects of CRLs: when they are valid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.defects.crl_bases import CRLS, LISTS, serial_in_question
from smki_testca.corpus.document_changes import but
from smki_testca.corpus.parts import RevocationListParts, at, entry, reason
from smki_testca.der.encode import time
from smki_testca.der.read import read

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base


@defect(
    "stale",
    on=LISTS,
    title="whose nextUpdate has passed",
    stage=Stage.USE,
    finding="crl.stale",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 6.3.3 (a): the list is to be replaced by a newer one",
    why="What was revoked since is not on it: who keeps an old list back frees a certificate.",
    importance=Importance.HIGH,
)
def stale(it: RevocationListParts, base: Base) -> RevocationListParts:
    """NextUpdate was a year ago, and thisUpdate two days before that."""
    del base
    this_update, next_update = time(at("2025-06-29")), time(at("2025-07-01"))
    gone = at("2025-06-15")
    dated = tuple(entry(_serial_in(each), time(gone), reason(4)) for each in it.entries)
    return but(it, this_update=this_update, next_update=next_update, entries=dated)


def _serial_in(listed: bytes) -> bytes:
    """The serial number in an entry."""
    return read(listed)[0].children[0].encoded


@defect(
    "stale-a-second-ago",
    on=CRLS,
    title="whose nextUpdate was a second ago",
    stage=Stage.USE,
    finding="crl.stale",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 6.3.3 (a): the list is to be replaced by a newer one",
    why="A reader that compares days, or local time, uses it for hours longer.",
    importance=Importance.LOW,
)
def stale_a_second_ago(it: RevocationListParts, base: Base) -> RevocationListParts:
    """NextUpdate is one second before the instant of the case."""
    del base
    return but(it, next_update=time(at("2026-07-01T11:59:59")))


@defect(
    "future",
    on=LISTS,
    title="of tomorrow",
    stage=Stage.USE,
    finding="crl.future",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.4: no rule for readers",
    why="A clock is wrong, or somebody prepared lists in advance that miss what is revoked since.",
    importance=Importance.LOW,
)
def future(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ThisUpdate is 12 hours after the instant of the case."""
    del base
    later = time(at("2026-07-04" if it.profile.endswith("crl") else "2027-06-29"))
    return but(it, this_update=time(at("2026-07-02")), next_update=later)


@defect(
    "without-next-update",
    on=LISTS,
    title="without nextUpdate",
    stage=Stage.PROFILE,
    finding="nextUpdate.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.5: a rule for CAs; readers may process such a list",
    why="The list never grows old: who keeps newer ones back frees a certificate.",
    importance=Importance.MEDIUM,
)
def without_next_update(it: RevocationListParts, base: Base) -> RevocationListParts:
    """NextUpdate is left out."""
    del base
    return but(it, next_update=b"")


@defect(
    "next-update-first",
    on=CRLS,
    title="whose nextUpdate is its thisUpdate",
    stage=Stage.USE,
    finding="crl.update_order",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 6.3.3 (a), 5.1.2.5",
    why="The list was out of date when it was made.",
    importance=Importance.LOW,
)
def next_update_first(it: RevocationListParts, base: Base) -> RevocationListParts:
    """Both are midnight."""
    del base
    return but(it, next_update=it.this_update)


@defect(
    "revoked-after-the-list",
    on=CRLS,
    title="that lists what was revoked after it",
    stage=Stage.USE,
    finding="crl.revoked_later",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 6.3.3 (j): the date is not compared",
    why="Readers that compare the dates take a certificate that others refuse.",
    importance=Importance.MEDIUM,
)
def revoked_after_the_list(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The revocationDate is in August."""
    return but(it, entries=(entry(serial_in_question(base), "2026-08-01", reason(4)),))
