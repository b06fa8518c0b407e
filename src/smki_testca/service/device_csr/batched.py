"""The Batched Device CSR Web Service (SEC App. M 2.5, C and D): batches, and their results."""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from aiohttp import web

from smki_testca.errors import InputError, SmkiTestcaError
from smki_testca.estate.batch_requests import BatchRequest, BatchState, Origin, Submission
from smki_testca.profiles.model import Interface
from smki_testca.register.requests import Delivery
from smki_testca.service.context import CONTEXT
from smki_testca.service.device_csr import (
    batch_misbehaviour,
    codes,
    csr_answers,
    csr_batches,
    submitted_messages,
)
from smki_testca.service.device_csr.batch_keeper import BatchKeeper
from smki_testca.service.device_csr.caller_admission import (
    admitted,
    record,
    refusals_recorded,
    write_entry,
)
from smki_testca.service.device_csr.csr_answers import BatchStatus, CsrAnswer, ErrorElement
from smki_testca.service.device_csr.received import received
from smki_testca.service.failures import plain_failures
from smki_testca.service.misbehaviour import content_mode
from smki_testca.service.paths import RESULT_PATH, SUBMIT_PATH
from smki_testca.service.settings import Listener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from smki_testca.api import Estate
    from smki_testca.service.callers import Caller
    from smki_testca.service.context import Context
    from smki_testca.service.misbehaviour.modes import Mode
    from smki_testca.service.settings import Window

MAX_OCTETS = 40_000_000
"""The longest submission: 50,000 CSRs take about 24 MB."""
_AT_ONCE = 1
"""The submissions that are read or results that are made at a time: each may be of 50,000."""
_IN_MEMORY = 1 << 20
"""The longest answer that is made without a temporary file."""
_CHUNK = 1 << 18
_ANSWER = {"Content-Type": "application/xml;charset=UTF-8"}
_TYPES = {"application/xml", "text/xml"}
_BATCH_ID = re.compile(r"[0-9]{1,19}", re.ASCII)
_SUBMIT, _RESULT = "SubmitCSRBatch", "CSRBatchResult"

KEEPER = web.AppKey("keeper", BatchKeeper)
"""The key under which the application has what keeps its batch process."""
_BOUND = web.AppKey("bound", asyncio.Semaphore)
_INTERFACE = web.AppKey("interface", Interface)


def application(context: Context) -> web.Application:
    """The application of the service; it keeps the batch process while it runs."""
    interface = context.library.interfaces[Listener.BATCHED]
    app = web.Application(middlewares=[plain_failures, refusals_recorded(interface)])
    app[CONTEXT] = context
    app[_INTERFACE] = interface
    app[_BOUND] = asyncio.Semaphore(_AT_ONCE)
    for path in (SUBMIT_PATH, "/"):
        app.router.add_post(path, _submit)
    for path in (RESULT_PATH, "/"):
        app.router.add_get(path, _result, allow_head=False)
    app.cleanup_ctx.append(_keep_process)
    return app


async def _keep_process(app: web.Application) -> AsyncIterator[None]:
    context = app[CONTEXT]

    async def has_work() -> bool:
        return await context.desk.read(lambda estate: bool(estate.batch_requests.unfinished()))

    window = context.settings.batch_window
    keeper = BatchKeeper(context.access, window, has_work, context.submitted, context.tell)
    app[KEEPER] = keeper
    async with keeper:
        yield


async def _submit(request: web.Request) -> web.StreamResponse:
    """Take a batch: it is safe on the disk when its BatchId is answered."""
    context = request.app[CONTEXT]
    caller = await admitted(request, request.app[_INTERFACE], _SUBMIT)
    _check_type(request)
    failure = batch_misbehaviour.failure_of(content_mode(request))
    reference: str | None = None
    if failure is None:
        try:
            async with received(request, MAX_OCTETS) as message, request.app[_BOUND]:
                batch = await asyncio.to_thread(
                    lambda: submitted_messages.csr_batch(message.read())
                )
                submission = _submission(caller, batch)
                number = await context.desk.write(
                    lambda estate: csr_batches.submit(estate, submission)
                )
        except (web.HTTPException, web.RequestPayloadError, ConnectionError):
            raise  # it is too long, or did not come whole
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is Appendix M's
            failure, reference = codes.of_submission(error), getattr(error, "request_id", None)
            _tell(context, error)
        else:
            context.submitted.set()
            return _answer(csr_answers.batch_receipt(context.build, number, batch.id))
    await _record(request, caller, _SUBMIT, failure)
    return _answer(csr_answers.batch_receipt(context.build, failure, reference))


def _submission(caller: Caller, batch: submitted_messages.CsrBatch) -> Submission:
    return Submission(
        origin=Origin.WEB_SERVICE,
        reference=batch.id,
        participant=caller.participant,
        environment=caller.environment,
        purpose=caller.purpose,
        delivery=Delivery.REMOTE,
        peer=caller.as_json(),
        csrs=batch.count,
        content=batch.document,
    )


def _check_type(request: web.Request) -> None:
    """Check what the client says that it sends (SEC App. M C).

    Raises:
        HTTPUnsupportedMediaType: if it is not XML in UTF-8.
    """
    charset = request.charset or csr_answers.CHARSET
    if request.content_type not in _TYPES or charset.upper() != csr_answers.CHARSET:
        raise web.HTTPUnsupportedMediaType(
            text="The request is not of type application/xml;charset=UTF-8. Send it with that"
            " Content-Type."
        )


async def _result(request: web.Request) -> web.StreamResponse:
    """Tell the state of a batch, and its certificates once it is complete."""
    context = request.app[CONTEXT]
    caller = await admitted(request, request.app[_INTERFACE], _RESULT)
    number, mode = _batch_id(request), content_mode(request)
    failure = batch_misbehaviour.failure_of(mode)
    if failure is None:
        answers = _BatchAnswers(context.build, context.settings.batch_window, mode)
        try:
            batch = await context.desk.write(lambda estate: answers.look_up(estate, caller, number))
            # A short answer does not wait for long ones.
            is_long = batch.state is BatchState.COMPLETED
            async with request.app[_BOUND] if is_long else contextlib.nullcontext():
                file, length = await context.desk.read(lambda estate: answers.write(estate, batch))
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is Appendix M's
            failure = codes.of_query(error)
            _tell(context, error)
        else:
            with file:
                return await _send(request, file, length)
    await _record(request, caller, _RESULT, failure, batch=number)
    return _answer(csr_answers.batch_failure(context.build, failure))


def _tell(context: Context, error: Exception) -> None:
    """Tell the operator of an error that is not the client's."""
    if isinstance(error, InputError):
        return
    text = (
        error.message if isinstance(error, SmkiTestcaError) else f"{type(error).__name__}: {error}"
    )
    context.tell(f"error: {text}")


async def _record(
    request: web.Request,
    caller: Caller,
    operation: str,
    failure: ErrorElement[BatchStatus],
    **more: Any,
) -> None:
    """Record an error that is answered; where the estate cannot be written, tell the operator."""
    body = {"request": operation, "status": failure.status.value, "code": failure.code, **more}
    context = request.app[CONTEXT]
    if context.desk.failure is not None:
        return  # to try that again at once would hold up everybody else
    try:
        await record(context, Listener.BATCHED, body | {"peer": caller.as_json()})
    except Exception as error:  # noqa: BLE001 - the client has its answer all the same
        _tell(context, error)


def _batch_id(request: web.Request) -> int | None:
    """The BatchId of a query; None if it states none that a batch could have."""
    stated = request.query.getall("BatchId", [])
    is_number = len(stated) == 1 and _BATCH_ID.fullmatch(stated[0])
    return int(stated[0]) if is_number else None


@dataclass(frozen=True, slots=True)
class _BatchAnswers:
    """The answers about a batch, read from the estate.

    Attributes:
        build: the version of this program.
        window: in which batches are processed.
        mode: how to misbehave, if so.
    """

    build: str
    window: Window | None
    mode: Mode | None

    def look_up(self, estate: Estate, caller: Caller, number: int | None) -> BatchRequest:
        """Find a batch of the caller's, and record the state that it is answered with.

        Raises:
            InputError: if it has none of that number, or its result is no longer kept.
        """
        batch = None if number is None else estate.batch_requests.get(number)
        if (
            batch is None
            or batch.participant != caller.participant
            or batch.origin is not Origin.WEB_SERVICE
            or not batch.is_result_kept(estate.clock.now())
        ):
            raise InputError(
                "csr_message.batch_id",
                "Unknown BatchId.",
                "Ask for one that was answered to you; results are kept for 30 days.",
            )
        state = self._state(estate, batch)
        body = {"request": _RESULT, "status": state.value, "batch": number}
        write_entry(estate, Listener.BATCHED, body | {"peer": caller.as_json()})
        return batch

    def write(self, estate: Estate, batch: BatchRequest) -> tuple[IO[bytes], int]:
        """Write the answer about a batch to a file, in memory if it is short; gives its length.

        So memory does not grow with the certificates, and a slow client does not hold up the
        estate.
        """
        file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - it is closed when it was sent
        try:
            status = BatchStatus(self._state(estate, batch).value)
            certificates = (
                self._certificates(estate, batch) if status is BatchStatus.COMPLETED else ()
            )
            for part in csr_answers.batch_result(
                self.build, batch.id, status, batch.reference, certificates
            ):
                file.write(part)
            length = file.tell()
            file.seek(0)
        except BaseException:  # also where the request is cancelled: the file is temporary
            file.close()
            raise
        return file, length

    def _state(self, estate: Estate, batch: BatchRequest) -> BatchState:
        state = csr_batches.shown_state(batch, self.window, estate.clock.now().time())
        return batch_misbehaviour.state_of(self.mode, state)

    def _certificates(self, estate: Estate, batch: BatchRequest) -> Iterator[CsrAnswer]:
        result = csr_batches.result_of(estate, batch)
        for outcome in batch_misbehaviour.changed(self.mode, estate, result.outcomes):
            refused = batch_misbehaviour.refused(self.mode, outcome)
            if refused is not None:
                yield refused
            elif outcome.certificate is not None:
                yield CsrAnswer(outcome.name, outcome.certificate)
            else:
                failure = codes.of_csr(outcome.status, outcome.code, outcome.reason)
                yield CsrAnswer(outcome.name, failure)


async def _send(request: web.Request, file: IO[bytes], length: int) -> web.StreamResponse:
    """Send an answer from its file."""
    response = web.StreamResponse(headers=_ANSWER)
    response.content_length = length
    await response.prepare(request)
    while part := await asyncio.to_thread(file.read, _CHUNK):
        await response.write(part)
    await response.write_eof()
    return response


def _answer(document: bytes) -> web.Response:
    return web.Response(body=document, headers=_ANSWER)
