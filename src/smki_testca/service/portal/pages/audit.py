"""Shows the audit log, page by page, and whether it is whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.errors import EstateError
from smki_testca.estate.audit_owners import NAMING, AuditOwners
from smki_testca.estate.entry_text import entry_text
from smki_testca.service.portal.page_declaration import Page, Route
from smki_testca.service.portal.unanswered import Unanswered

if TYPE_CHECKING:
    from datetime import datetime

    from aiohttp import web

    from smki_testca.api import Estate
    from smki_testca.estate.audit import Head
    from smki_testca.estate.audit_entry import Entry
    from smki_testca.service.portal.viewer import Viewer
    from smki_testca.service.portal.visit import Visit

SIZE = 50
"""The entries on a page."""
MAX_READ = 4_000
"""A page that is not full ends after so many entries were read for it."""
_AT_A_TIME = 200
_RECENT = 1_000
"""The actions of so many of the newest entries are suggested for the filter."""
_MAX_DETAILS = 300
"""The most characters of an entry's details in the list."""
_MAX_TEXT = 64 * 1024
"""The most characters of an entry's body that its page shows."""
_VERIFICATION = "audit.verification"


class AuditLine(NamedTuple):
    """An entry in the list."""

    number: int
    at: str
    action: str
    owners: list[str]
    details: str


@dataclass(frozen=True, slots=True)
class AuditPage:
    """A page of the log.

    Attributes:
        onward: below which number the next page begins; None if there is none.
        is_cut: whether the page ended before it was full, although there may be more.
    """

    lines: list[AuditLine]
    onward: int | None
    is_cut: bool


@dataclass(frozen=True, slots=True)
class LastVerification:
    """The result of the last verification of the whole log.

    Attributes:
        problem: what is wrong, and what to do; empty if it is whole.
    """

    at: datetime
    entries: int
    remarks: tuple[str, ...]
    problem: str


async def _list(visit: Visit) -> web.StreamResponse:
    action = visit.query("action")
    participant = visit.query("participant") if visit.viewer.is_operator else ""
    before = visit.number("before", 0) or None

    def find(estate: Estate) -> tuple[AuditPage, list[str], Head | str]:
        entries = _find(estate, visit.viewer, action, participant, before)
        actions = estate.audit.recent_actions(_RECENT) if visit.viewer.is_operator else []
        return entries, actions, _head(estate)

    entries, actions, head = await visit.read(find)
    query = {"action": action, "participant": participant}
    return visit.page(
        "audit.html",
        entries=entries,
        action=action,
        participant=participant,
        actions=actions,
        is_head=not isinstance(head, str),
        head=head,
        verification=visit.portal.memory.get(_VERIFICATION),
        size=SIZE,
        first=None if before is None else visit.link(**query),
        next=None if entries.onward is None else visit.link(**query, before=entries.onward),
    )


def _find(
    estate: Estate, viewer: Viewer, action: str, participant: str, before: int | None
) -> AuditPage:
    """The entries that the viewer sees and asked for; those of a participant are its alone."""
    owners = AuditOwners(estate)
    word = viewer.participant or participant
    lines: list[AuditLine] = []
    read = 0
    while read < MAX_READ:
        entries = estate.audit.latest(
            _AT_A_TIME, before=before, action=action, naming=(word, NAMING) if word else None
        )
        for entry in entries:
            of = owners.of(entry)
            if viewer.sees_entry(of) and (not participant or participant in of):
                if len(lines) == SIZE:
                    return AuditPage(lines, lines[-1].number, is_cut=False)
                lines.append(_line(entry, of))
        if len(entries) < _AT_A_TIME:
            return AuditPage(lines, None, is_cut=False)
        before, read = entries[-1].number, read + len(entries)
    return AuditPage(lines, before, is_cut=True)


def _line(entry: Entry, owners: frozenset[str]) -> AuditLine:
    details = entry_text(entry, _MAX_DETAILS)
    return AuditLine(entry.number, entry.at, entry.action, sorted(owners), details)


def _head(estate: Estate) -> Head | str:
    """The end of the log; or what is wrong with it."""
    try:
        return estate.audit.head()
    except EstateError as error:
        return f"{error.message} {error.remedy}"


async def _show(visit: Visit) -> web.StreamResponse:
    number = visit.part("number")

    def find(estate: Estate) -> tuple[Entry, frozenset[str]]:
        last = estate.audit.latest(1)
        is_number = number.isascii() and number.isdigit() and len(number) < 16
        if is_number and last and 1 <= int(number) <= last[0].number:
            entry = estate.audit.entry(int(number))
            owners = AuditOwners(estate).of(entry)
            if visit.viewer.sees_entry(owners):
                return entry, owners
        raise Unanswered.missing(
            "There is no such entry of the audit log, or it is not yours to see.",
            "Look for it on the page Audit.",
        )

    entry, owners = await visit.read(find)
    text = json.dumps(entry.body, indent=2, ensure_ascii=False, sort_keys=True)
    return visit.page(
        "audit_entry.html",
        entry=entry,
        owners=sorted(owners),
        text=text[:_MAX_TEXT],
        is_cut=len(text) > _MAX_TEXT,
        serials=_serials(entry),
    )


def _serials(entry: Entry) -> list[str]:
    """The serials of the certificates that an entry issued, the first of them."""
    certificates = entry.body.get("certificates")
    if not isinstance(certificates, list):
        return []
    serials = [each.get("serial") for each in certificates[:SIZE] if isinstance(each, dict)]
    return [serial for serial in serials if isinstance(serial, str)]


async def _verify(visit: Visit) -> web.StreamResponse:
    await visit.form()
    if not visit.viewer.is_operator:
        raise Unanswered(
            HTTPStatus.FORBIDDEN,
            "Only the operator verifies the audit log.",
            "Ask the operator to do it.",
        )

    def examine(estate: Estate) -> LastVerification:
        now = estate.clock.now()
        try:
            verification = estate.audit.examine()
        except EstateError as error:
            return LastVerification(now, 0, (), f"{error.message} {error.remedy}")
        return LastVerification(now, verification.entries, verification.remarks, "")

    visit.portal.memory[_VERIFICATION] = await visit.read_long(examine)
    return visit.see("/audit#verification")


PAGE = Page(
    Route.get("/audit", _list),
    Route.post("/audit/verify", _verify),
    Route.get("/audit/{number}", _show),
    title="Audit",
    place=80,
)
