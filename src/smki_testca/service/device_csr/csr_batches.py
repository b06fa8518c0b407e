"""Submits batches of CSRs, shows them to whoever may see them, and gives their results.

Each function works on an open estate: hand it to the desk. After a submission, set
``context.submitted``, so that the batch process looks at it.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, Self

import msgspec

from smki_testca.errors import InputError
from smki_testca.estate.batch_requests import BatchState, Origin, Submission, unknown
from smki_testca.estate.run_tiles import finished_tiles
from smki_testca.issuance.batch import portal, running
from smki_testca.issuance.batch.csr_sources import ZipOfCsrs
from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import time

    from smki_testca.api import Estate
    from smki_testca.estate.batch_requests import BatchRequest
    from smki_testca.estate.stores import Stores
    from smki_testca.register.requests import Delivery
    from smki_testca.service.settings import Window

MAX_NAME = 200
"""The most characters of a ZIP's name that are kept."""


@dataclass(frozen=True, slots=True)
class PortalZip:
    """A ZIP of CSRs in the Portal's form that was checked, with all that is in it.

    Attributes:
        name: without folders, on one line.
        data: its octets.
        csrs: how many it holds.
    """

    name: str
    data: bytes
    csrs: int

    @classmethod
    def read(cls, name: str, data: bytes) -> Self:
        """Check a ZIP. It takes a second for 50,000 CSRs and needs no estate: do it in a thread.

        Args:
            name: of the file, as the browser states it.
            data: its octets.

        Raises:
            InputError: if the ZIP as a whole is refused.
        """
        name = _file_name(name)
        source = ZipOfCsrs(name, data)
        for member in source.members:
            source.read(member.number)
        return cls(name, data, len(source.members))


def _file_name(name: str) -> str:
    """The name of a file without folders, of either kind of system, on one line."""
    last = PurePosixPath(PureWindowsPath(name).as_posix()).name
    return plain(last)[:MAX_NAME].strip(". ") or "batch.zip"


def submit(estate: Estate, submission: Submission) -> int:
    """Store a batch; from then on it is there, once. Gives its BatchId."""
    with estate.transaction():
        return estate.batch_requests.add(submission, estate.clock.now())


def submit_zip(
    estate: Estate,
    zipped: PortalZip,
    *,
    participant: str,
    purpose: str,
    environment: str | None,
    delivery: Delivery,
    peer: Mapping[str, Any],
) -> int:
    """Store a ZIP of the portal as a batch; gives its number.

    Args:
        estate: that will issue.
        zipped: the ZIP.
        participant: for whom it is: its id in the register.
        purpose: the code of a Testing Service.
        environment: the test environment; the estate's first by default.
        delivery: how the certificates reach their holders (R6).
        peer: who submits it, for the audit log.
    """
    submission = Submission(
        origin=Origin.PORTAL,
        reference=zipped.name,
        participant=participant,
        environment=estate.environment(environment),
        purpose=purpose,
        delivery=delivery,
        peer=peer,
        csrs=zipped.csrs,
        content=zipped.data,
    )
    return submit(estate, submission)


def visible(estate: Estate, participant: str | None) -> list[BatchRequest]:
    """The batches that a participant may see, its own, the newest first; of None, the operator's.

    ``issued`` of each says how far its run is, of ``signable``.
    """
    return estate.batch_requests.of(participant)


def find(estate: Estate, number: int, participant: str | None) -> BatchRequest:
    """A batch that a participant may see; None is the operator.

    Raises:
        InputError: if there is none of that number, or it is somebody else's.
    """
    batch = estate.batch_requests.get(number)
    if batch is None or participant not in {None, batch.participant}:
        raise unknown(number)
    return batch


def shown_state(batch: BatchRequest, window: Window | None, at: time) -> BatchState:
    """The state of a batch as SEC App. M states it, the daily window taken into account.

    Args:
        batch: the batch.
        window: in which batches are processed; None for always.
        at: the time of day, UTC.
    """
    is_waiting = batch.state in {BatchState.QUEUED, BatchState.PROCESSING}
    if is_waiting and window is not None and not window.is_open(at):
        return BatchState.PAUSED
    return batch.state


def reject(
    estate: Estate, number: int, participant: str | None, peer: Mapping[str, Any], reason: str
) -> None:
    """Reject a batch, or withdraw one's own: it is not processed further.

    Certificates that its run issued stay issued.

    Args:
        estate: that has the batch.
        number: of the batch.
        participant: who asks; None for the operator.
        peer: who asks, for the audit log.
        reason: in words.

    Raises:
        InputError: if there is no such batch, or it has ended.
    """
    with estate.transaction():
        batch = find(estate, number, participant)
        details = {"reason": plain(reason), "peer": dict(peer)}
        estate.batch_requests.reject(number, estate.clock.now(), details)
        if batch.run is not None:
            running.cancel(estate, batch.run)


def response(estate: Estate, number: int, participant: str | None) -> tuple[str, bytes]:
    """The response to a batch in the Portal's form (SEC App. M F): the name of the ZIP, and it.

    Raises:
        InputError: if there is no such batch, it is not complete, or was so over 30 days ago.
    """
    batch = find(estate, number, participant)
    report = result_of(estate, batch).report
    issued = {}
    if batch.run is not None:
        issued = dict(estate.run_certificates.numbered(estate.runs.get(batch.run)))
    return f"{report.name}-response.zip", portal.response(report, issued)


@dataclass(frozen=True, slots=True)
class ProcessedCsr:
    """One CSR of a batch, and its outcome.

    Attributes:
        name: the ID of its DeviceCSR, or the name of its file.
        status: of the CSR.
        certificate: DER; None if there is none.
        code: what is wrong as the Portal's report states it, such as ``CR:SIGN``; empty if there
            is a certificate.
        reason: the same in words.
    """

    name: str
    status: portal.ReportedOutcome
    certificate: bytes | None = None
    code: str = ""
    reason: str = ""


class BatchResult:
    """The result of a batch that is complete.

    Args:
        estate: that has the batch.
        batch: it.
        report: on its CSRs.
    """

    def __init__(self, estate: Stores, batch: BatchRequest, report: portal.PortalReport) -> None:
        self.report = report
        self._estate = estate
        self._batch = batch

    def outcomes(self) -> Iterator[ProcessedCsr]:
        """Yield what came of each CSR, in the order in which they were submitted.

        Memory does not grow with the certificates: few tiles are open at a time.

        Raises:
            EstateError: if a tile is missing or was changed.
        """
        reasons = {number: text for number, _, _, text in self.report.problems}
        certificates = self._certificates()
        for number, name, status, code in self.report.lines:
            if status is portal.ReportedOutcome.SUCCESS:
                _, der = next(certificates)
                yield ProcessedCsr(name, status, der)
            else:
                yield ProcessedCsr(name, status, None, code, reasons[number])

    def _certificates(self) -> Iterator[tuple[int, bytes]]:
        """The certificates in the order of their CSRs: that of a section's rows is the same."""
        if self._batch.run is None:
            return iter(())
        run = self._estate.runs.get(self._batch.run)
        sections: dict[int, list[Any]] = {}
        for tile in finished_tiles(self._estate.tiles, run):
            sections.setdefault(tile.section, []).append(tile)

        def of_section(tiles: list[Any]) -> Iterator[tuple[int, bytes]]:
            for tile in tiles:
                opened = self._estate.tiles.open(tile)
                for place, line in enumerate(opened.extra().lines):
                    yield line, opened.der(place)

        return heapq.merge(*map(of_section, sections.values()))


def result_of(estate: Estate, batch: BatchRequest) -> BatchResult:
    """The result of a batch.

    Raises:
        InputError: if it is not complete, or was so over 30 days ago.
    """
    if batch.state is not BatchState.COMPLETED:
        raise InputError(
            "batch_request.no_result",
            f"Batch {batch.id} has no result: it is {batch.state}.",
            "Ask again once it is COMPLETED." if not batch.state.has_ended else "",
        )
    if not batch.is_result_kept(estate.clock.now()):
        raise InputError(
            "batch_request.no_result",
            f"The result of batch {batch.id} is no longer kept: results are for 30 days.",
        )
    encoded = estate.batch_requests.report(batch.id)
    if encoded is None:
        raise unknown(batch.id)
    return BatchResult(estate, batch, msgspec.msgpack.decode(encoded, type=portal.PortalReport))
