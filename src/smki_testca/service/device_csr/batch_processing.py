"""Makes of each submitted batch what becomes of it: parses it, stores its run, and issues.

The state of a batch is in the estate alone. So it does not matter where a process was killed:
whoever comes next goes on from there, and two at once do no more harm than double work.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

import msgspec

from smki_testca.authority.csr import OF_PORTAL_ZIP, OF_WEB_SERVICE
from smki_testca.errors import AlreadySoError, InputError, SmkiTestcaError
from smki_testca.estate.batch_requests import BatchState, Origin
from smki_testca.issuance.batch import running
from smki_testca.issuance.batch.engines import LocalEngine
from smki_testca.issuance.batch.signing import SigningOptions, begin_signing
from smki_testca.service.device_csr.submitted_csrs import source_of
from smki_testca.workers import how_many

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from smki_testca.api import Estate
    from smki_testca.estate.batch_requests import BatchRequest
    from smki_testca.issuance.batch.portal import PortalReport
    from smki_testca.service.settings import Window

AGAIN_SECONDS = 30.0
"""The time to wait with a batch after an error that may pass, such as a refusal of the gate."""

_UNPARSED = {BatchState.PENDING, BatchState.PARSING}
_WAITING = {BatchState.QUEUED, BatchState.PROCESSING}
_REMEDIES = {Origin.PORTAL: OF_PORTAL_ZIP, Origin.WEB_SERVICE: OF_WEB_SERVICE}
"""The remedies for a CSR that cannot be used, by where it was submitted."""


class ProcessingEnded(Exception):  # noqa: N818 - it is no error
    """The process is to end: what is being made is left as it is."""


class _WindowClosed(Exception):  # noqa: N818 - it is no error
    """The daily window closed while a batch was processed."""


class BatchProcessing:
    """The processing of the batches of one estate.

    Args:
        estate: that issues.
        window: the time of day in which batches are processed; None for always.
        tell: called with a line for each error.
        check: called often; what it raises ends the work at once.
        workers: the number of processes; as many as there are cores by default.
        monotonic: tells when a batch that failed is tried again.
    """

    def __init__(
        self,
        estate: Estate,
        window: Window | None,
        tell: Callable[[str], None],
        check: Callable[[], None],
        *,
        workers: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._estate = estate
        self._window = window
        self._tell = tell
        self._check = check
        self._workers = how_many(workers)
        self._monotonic = monotonic
        self._again: dict[int, float] = {}

    def work(self) -> None:
        """Do all that can be done now, the oldest batch first: one step after the other.

        While the window is closed, batches are parsed all the same.
        """
        while (batch := next(self._due(), None)) is not None:
            step = self._parse if batch.state in _UNPARSED else self._process
            self._attempt(step, batch)

    def _due(self) -> Iterator[BatchRequest]:
        """The batches of which something can be done now, the oldest first."""
        for batch in self._estate.batch_requests.unfinished():
            is_waiting = batch.state in _WAITING and not self._is_open()
            if not is_waiting and self._monotonic() >= self._again.get(batch.id, 0.0):
                yield batch

    def _attempt(self, work: Callable[[BatchRequest], None], batch: BatchRequest) -> None:
        """Work on a batch. The operator reads of an error, and the others are not held up."""
        self._check()
        try:
            work(batch)
        except ProcessingEnded:
            raise
        except (AlreadySoError, _WindowClosed):
            # Another process was quicker, or somebody rejected it: what it is now is in the estate.
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            self._again[batch.id] = self._monotonic() + AGAIN_SECONDS
            is_ours = isinstance(error, SmkiTestcaError)
            self._tell(f"batch {batch.id}: {error if is_ours else f'internal error: {error!r}'}")

    def _is_open(self) -> bool:
        return self._window is None or self._window.is_open(self._estate.clock.now().time())

    def _parse(self, batch: BatchRequest) -> None:
        """Read the CSRs of a batch, and store the run that signs them."""
        estate, requests = self._estate, self._estate.batch_requests
        with estate.transaction():
            if not requests.begin_parsing(batch.id, estate.clock.now()):
                return
        content = requests.content(batch.id)
        digest = None if content is None else hashlib.sha256(content).digest()
        if content is None or digest != batch.digest:
            with estate.transaction():
                stated = None if digest is None else digest.hex()
                requests.find_tampered(batch.id, estate.clock.now(), stated)
            return
        options = SigningOptions(
            participant=batch.participant,
            purpose=batch.purpose,
            environment=batch.environment,
            delivery=batch.delivery,
            devices_only=batch.origin is Origin.WEB_SERVICE,
        )

        def keep(run: int | None, report: PortalReport) -> None:
            now = estate.clock.now()
            if run is None:
                encoded = msgspec.msgpack.encode(report)
                requests.complete_without_run(batch.id, encoded, now)
            else:
                requests.keep_run(batch.id, run, now)

        try:
            source = source_of(batch, content)
            begin_signing(
                estate,
                source,
                options,
                workers=self._workers,
                watch=self._checked,
                on_store=keep,
                remedies=_REMEDIES[batch.origin],
            )
        except AlreadySoError:
            raise
        except InputError as error:
            # It was looked at when it was submitted, so that few reasons are left: it has none
            # that a second attempt would mend.
            with estate.transaction():
                requests.reject(batch.id, estate.clock.now(), {"reason": error.message})

    def _process(self, batch: BatchRequest) -> None:
        """Make the certificates of a batch, or what is left of them."""
        estate, requests = self._estate, self._estate.batch_requests
        if batch.run is not None and not batch.state.has_ended:
            with estate.transaction():
                if not requests.begin_processing(batch.id, estate.clock.now()):
                    return
            try:
                running.resume(estate, batch.run, LocalEngine(self._workers), self._progress)
            except InputError:
                # Cancelled, or done by somebody else: the run itself says which.
                if estate.runs.get(batch.run).is_unfinished:
                    raise
        with estate.transaction():
            requests.settle(batch.id, estate.clock.now())

    def _checked(self, csrs: Iterable[Any]) -> Iterator[Any]:
        """The same CSRs, and a check at every hundredth."""
        for number, csr in enumerate(csrs):
            if number % 100 == 0:
                self._check()
            yield csr

    def _progress(self, done: int, count: int) -> None:
        self._check()
        if done < count and not self._is_open():
            raise _WindowClosed
