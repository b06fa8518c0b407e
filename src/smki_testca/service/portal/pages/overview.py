"""Shows the PKI as a tree, counts its certificates, and tells what expires and what is due."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.clock import years_after
from smki_testca.estate.status import Status
from smki_testca.service.portal.authority_trees import family_trees
from smki_testca.service.portal.page_declaration import Page, Route
from smki_testca.service.portal.pages.revocation_lists import newest_lists
from smki_testca.service.portal.timeline import Timeline, spans_from

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from aiohttp import web

    from smki_testca.api import Estate
    from smki_testca.estate.inventory import ExpiringGroup, Kind
    from smki_testca.lifecycle.due_lists import DueList
    from smki_testca.profiles import Library
    from smki_testca.service.portal.authority_trees import Family
    from smki_testca.service.portal.pages.revocation_lists import ShownList
    from smki_testca.service.portal.viewer import Viewer
    from smki_testca.service.portal.visit import Visit

YEARS = (1, 2, 5, 10)
"""The numbers of years ahead for which to ask what expires."""
MAX_ENDINGS = 50
"""The most certificates, or groups of a run, in the table of what expires."""


@dataclass(frozen=True, slots=True)
class CountRow:
    """The certificates of one type, counted by status."""

    hierarchy: str
    profile: str
    title: str
    by_status: list[int]
    total: int


class Service(NamedTuple):
    """An address of the services.

    Attributes:
        name: of the service, as ``serve`` and the documents have it.
        description: of what it is for.
        is_linked: whether a browser shows anything there.
    """

    name: str
    description: str
    address: str
    is_linked: bool


_DESCRIPTIONS = {
    "adhoc": {"url": "Ad Hoc Device CSR Web Service (SEC App. M 2.4)"},
    "batched": {
        "submit": "Batched Device CSR Web Service (SEC App. M 2.5): SubmitCSRBatch",
        "result": "Batched Device CSR Web Service: CSRBatchResult",
    },
    "repository": {
        "url": "search, retrieval and downloads of certificates and CRLs",
        "https_url": "the same over HTTPS",
    },
    "portal": {"url": "these pages", "https_url": "the same over HTTPS"},
    "control": {"url": "changes the misbehaviour, for this machine alone"},
}
"""The purposes of a service's addresses, by the keys of ``serve --json``."""


@dataclass(frozen=True, slots=True)
class Overview:
    """The content of the page."""

    families: list[Family]
    counts: list[CountRow]
    timeline: Timeline
    endings: list[ExpiringGroup]
    due: list[tuple[DueList, str]]
    lists: list[ShownList]
    now: datetime


async def _overview(visit: Visit) -> web.StreamResponse:
    years = visit.number("years", YEARS[0])
    years = years if years in YEARS else YEARS[0]
    shown = await visit.read_long(lambda estate: _collect(estate, visit.viewer, years))
    return visit.page(
        "overview.html",
        shown=shown,
        statuses=list(Status),
        years=years,
        spans=YEARS,
        most=MAX_ENDINGS,
        services=list(_services(visit)),
    )


def _services(visit: Visit) -> Iterator[Service]:
    """The services that answer, as far as the viewer may use them."""
    for name, served in visit.context.served.items():
        if name == "control" and not visit.is_operator:
            continue
        is_for_browsers = name in {"portal", "repository"}
        for key, description in _DESCRIPTIONS.get(name, {"url": ""}).items():
            if key in served:
                yield Service(name, description, served[key], is_linked=is_for_browsers)


def _collect(estate: Estate, viewer: Viewer, years: int) -> Overview:
    now = estate.clock.now()
    before = years_after(now, years)
    kinds = estate.inventory.counts(now, viewer.participant)
    due = estate.due_revocation_lists() if viewer.is_operator else []
    return Overview(
        family_trees(estate, kinds),
        _count_rows(kinds, estate.library),
        Timeline.of(_by_month(kinds), spans_from(now, years)),
        estate.inventory.endings(now, before, MAX_ENDINGS, viewer.participant),
        [(each, each.why(now)) for each in due],
        newest_lists(estate),
        now,
    )


def _count_rows(kinds: Counter[Kind], library: Library) -> list[CountRow]:
    by_type: dict[tuple[str, str], Counter[Status]] = {}
    for kind, count in kinds.items():
        by_type.setdefault((str(kind.hierarchy), kind.profile), Counter())[kind.status] += count
    return [
        CountRow(
            hierarchy,
            profile,
            library.profile(profile).title,
            [counts[status] for status in Status],
            counts.total(),
        )
        for (hierarchy, profile), counts in sorted(by_type.items())
    ]


def _by_month(kinds: Counter[Kind]) -> Counter[str]:
    """The number of certificates that end in each month, and are to be renewed until then."""
    months: Counter[str] = Counter()
    for kind, count in kinds.items():
        if kind.is_due:
            months[kind.month] += count
    return months


PAGE = Page(Route.get("/", _overview), title="Overview", place=10)
