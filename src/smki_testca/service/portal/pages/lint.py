"""Lints uploaded files, and shows the fields of each document beside its findings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING

from smki_testca.importers.sources import Documents, reason_of
from smki_testca.lint.chain import gathered
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import LintSettings
from smki_testca.lint.sheet import Sheet
from smki_testca.service.portal.form import Problem
from smki_testca.service.portal.page_declaration import Page, Route

if TYPE_CHECKING:
    from aiohttp import web

    from smki_testca.importers.sources import Source
    from smki_testca.service.portal.visit import Visit

MAX_FILE = 2 << 20
"""The most octets of what is linted here."""
MAX_DOCUMENTS = 50
"""The most documents that are linted here; the command takes any number."""
_STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class LintedFile:
    """The documents of a file, linted.

    Attributes:
        sheets: of its documents, the first ``MAX_DOCUMENTS``.
        unreadable: why parts of it cannot be read.
        is_cut: whether there are more documents.
    """

    sheets: list[Sheet]
    unreadable: list[str]
    is_cut: bool


async def _show(visit: Visit) -> web.StreamResponse:
    return _page(visit)


async def _lint(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    upload, text = form.file("file"), form.text("text")
    data = text.encode() if upload is None or not upload.data else upload.data
    if not data:
        return _page(visit, (Problem("file", "Choose a file, or paste something below."),))
    trusted = await visit.read(
        lambda estate: [record.der for record in estate.certificates.authorities()]
    )
    name = "the text" if upload is None or not upload.data else upload.name
    # It takes a second for a large file: others do not wait for it.
    result = await asyncio.to_thread(_linted, visit, data, trusted)
    return visit.page("linted.html", result=result, name=name, most=MAX_DOCUMENTS)


def _linted(visit: Visit, data: bytes, trusted: list[bytes]) -> LintedFile:
    """Lint the documents of a file by themselves, with the estate's CAs trusted."""
    documents = Documents((_STANDARD_INPUT,), data)
    sources: list[Source] = list(islice(documents, MAX_DOCUMENTS + 1))
    readable = [each for each in sources[:MAX_DOCUMENTS] if each.problem is None]
    context = visit.context
    settings = LintSettings(context.clock.now(), context.library.overrides)
    issuers = gathered([*trusted, *(each.data for each in readable)], settings.at)
    linter = Linter(settings, issuers, context.library)
    return LintedFile(
        [Sheet.of(each, linter) for each in readable],
        [reason_of(each.problem) for each in sources if each.problem is not None],
        len(sources) > MAX_DOCUMENTS,
    )


def _page(visit: Visit, problems: tuple[Problem, ...] = ()) -> web.StreamResponse:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK
    return visit.page("lint.html", status=status, problems=problems)


PAGE = Page(
    Route.get("/lint", _show),
    Route.post("/lint", _lint, most=MAX_FILE),
    title="Lint",
    place=60,
)
