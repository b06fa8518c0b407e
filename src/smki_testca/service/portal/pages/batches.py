"""Shows the batches of CSRs: how far each is, what came of it, and the response to download."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.estate.batch_requests import BatchState
from smki_testca.service.device_csr import csr_batches
from smki_testca.service.portal.choices import purpose_text
from smki_testca.service.portal.page_declaration import Page, Route
from smki_testca.service.portal.unanswered import Unanswered
from smki_testca.service.tls import peer_address
from smki_testca.text import counted

if TYPE_CHECKING:
    from aiohttp import web

    from smki_testca.api import Estate
    from smki_testca.estate.batch_requests import BatchRequest
    from smki_testca.service.portal.visit import Visit

SIZE = 50
"""The batches on a page."""
MAX_PROBLEMS = 100
"""The most CSRs without a certificate that a page lists; the response has all."""
_FEW = 1_000
"""So many CSRs are done in seconds."""
_MEANINGS = {
    BatchState.PENDING: "It was submitted, and waits.",
    BatchState.PARSING: "Its CSRs are read.",
    BatchState.QUEUED: "Its CSRs were read, and wait for the run.",
    BatchState.PROCESSING: "Its certificates are being issued.",
    BatchState.PAUSED: "It waits for the daily window in which batches are processed.",
    BatchState.COMPLETED: "Everything that can be issued is issued.",
    BatchState.REJECTED: "It was rejected, or its run cancelled. What was issued stays issued.",
    BatchState.TAMPERED: "What was submitted changed before it was read. Nothing was issued.",
}


@dataclass(frozen=True, slots=True)
class ShownBatch:
    """A batch as the page shows it.

    Attributes:
        batch: it.
        state: the daily window taken into account.
        percent: of its certificates that are issued.
    """

    batch: BatchRequest
    state: BatchState
    percent: int

    @classmethod
    def of(cls, visit: Visit, batch: BatchRequest) -> ShownBatch:
        """A batch at the time of a visit."""
        window = visit.context.settings.batch_window
        state = csr_batches.shown_state(batch, window, visit.context.clock.now().time())
        done = 100 if state is BatchState.COMPLETED else 0
        return cls(batch, state, batch.issued * 100 // batch.signable if batch.signable else done)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes of the CSRs of a batch.

    Attributes:
        counts: how many CSRs have each status, by the status.
        problems: the first that have no certificate.
    """

    counts: dict[str, int]
    problems: list[csr_batches.ProcessedCsr]

    @classmethod
    def of(cls, estate: Estate, batch: BatchRequest) -> Outcomes | None:
        """Those of a batch; None if it has no result, or not any more."""
        if batch.state is not BatchState.COMPLETED or not batch.is_result_kept(estate.clock.now()):
            return None
        report = csr_batches.result_of(estate, batch).report
        counts: dict[str, int] = {}
        for _, _, status, _ in report.lines:
            counts[status.value] = counts.get(status.value, 0) + 1
        codes = {number: code for number, _, _, code in report.lines}
        statuses = {number: status for number, _, status, _ in report.lines}
        problems = [
            csr_batches.ProcessedCsr(name, statuses[number], None, codes[number], text)
            for number, name, _, text in islice(report.problems, MAX_PROBLEMS)
        ]
        return cls(counts, problems)


async def _list(visit: Visit) -> web.StreamResponse:
    visible = await visit.read(lambda estate: csr_batches.visible(estate, visit.viewer.participant))
    number = visit.number("page")
    shown = [ShownBatch.of(visit, each) for each in visible[(number - 1) * SIZE : number * SIZE]]
    more = len(visible) > number * SIZE
    return visit.page(
        "batches.html",
        shown=shown,
        total=len(visible),
        first=visit.link() if number > 1 else None,
        next=visit.link(page=number + 1) if more else None,
    )


async def _show(visit: Visit) -> web.StreamResponse:
    number, participant = _number(visit), visit.viewer.participant

    def find(estate: Estate) -> tuple[BatchRequest, Outcomes | None]:
        batch = _visible_batch(estate, number, participant)
        return batch, Outcomes.of(estate, batch)

    batch, outcomes = await visit.read(find)
    shown = ShownBatch.of(visit, batch)
    return visit.page(
        "batch.html",
        shown=shown,
        batch=batch,
        meaning=_MEANINGS[shown.state],
        when=_when(visit, shown),
        purpose=purpose_text(visit.context.library, batch.purpose),
        outcomes=outcomes,
        most=MAX_PROBLEMS,
    )


def _when(visit: Visit, shown: ShownBatch) -> str:
    """When there will be more to see of a batch that goes on, in words."""
    batch, window = shown.batch, visit.context.settings.batch_window
    if shown.state is BatchState.PAUSED and window is not None:
        return f"after {window.opens:%H:%M} UTC, when the window opens"
    passed = (visit.context.clock.now() - batch.received).total_seconds()
    if not batch.issued or passed <= 0:
        # Nothing tells yet how quick this machine is.
        return "in a few seconds" if batch.csrs <= _FEW else "in a minute"
    left = passed * (batch.signable - batch.issued) / batch.issued
    if left <= 60:
        return "within a minute"
    return f"in about {counted(round(left / 60), 'minute')}, if it goes on as it did"


async def _response(visit: Visit) -> web.StreamResponse:
    number, participant = _number(visit), visit.viewer.participant

    def make(estate: Estate) -> tuple[str, bytes]:
        _visible_batch(estate, number, participant)
        return csr_batches.response(estate, number, participant)

    name, data = await visit.read(make)
    return visit.download(data, name, "application/zip")


async def _reject(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    number, participant = _number(visit), visit.viewer.participant
    peer = {"address": peer_address(visit.request), "viewer": visit.viewer.how}
    reason = form.text("reason") or "none was given"

    def reject(estate: Estate) -> None:
        _visible_batch(estate, number, participant)
        csr_batches.reject(estate, number, participant, peer, reason)

    await visit.write(reject)
    return visit.see(f"/batches/{number}")


def _visible_batch(estate: Estate, number: int, participant: str | None) -> BatchRequest:
    """A batch that a participant may see.

    Raises:
        Unanswered: if there is none of that number, or it is somebody else's.
    """
    try:
        return csr_batches.find(estate, number, participant)
    except InputError as error:
        raise Unanswered.missing(error.message, "See the page Batches.") from error


def _number(visit: Visit) -> int:
    """The number of a batch in the path.

    Raises:
        Unanswered: if it is none.
    """
    text = visit.part("number")
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Unanswered(HTTPStatus.NOT_FOUND, "There is no such batch.", "See the page Batches.")
    return int(text)


PAGE = Page(
    Route.get("/batches", _list),
    Route.get("/batches/{number}", _show),
    Route.get("/batches/{number}/response", _response),
    Route.post("/batches/{number}/reject", _reject),
    title="Batches",
    place=40,
)
