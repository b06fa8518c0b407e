"""The Ad Hoc Device CSR Web Service: one CSR in, one certificate out (SEC App. M 2.4, A and B)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from smki_testca.errors import InputError
from smki_testca.service.callers import AccessDeniedError
from smki_testca.service.context import CONTEXT
from smki_testca.service.desk import is_unwritable
from smki_testca.service.device_csr import codes
from smki_testca.service.device_csr.caller_admission import refusals_recorded
from smki_testca.service.device_csr.csr_answers import CHARSET, CONTENT_TYPE, signing_response
from smki_testca.service.device_csr.csr_reading import DeviceCsrReader
from smki_testca.service.device_csr.replacement import AdHocOutcome, AdHocRequest, ReplacementIssuer
from smki_testca.service.device_csr.submitted_messages import FormatError, signing_request
from smki_testca.service.failures import plain_failures
from smki_testca.service.misbehaviour.middleware import content_mode
from smki_testca.service.paths import ADHOC_PATH
from smki_testca.service.settings import Listener
from smki_testca.service.tls import peer_address, peer_certificate

if TYPE_CHECKING:
    from smki_testca.authority.csr import Csr
    from smki_testca.service.context import Context

MAX_OCTETS = 1 << 17
"""The longest request: a CSR of the greatest length fits."""
UNRECORDED = 2**31 - 1
"""The TransactionId where nothing can be recorded: no entry of an audit log has this number."""
_CONTENT_TYPES = frozenset({CONTENT_TYPE, "text/xml"})
_HEADERS = {"Content-Type": f"{CONTENT_TYPE};charset={CHARSET}"}
_READER = web.AppKey("reader", DeviceCsrReader)
_ISSUER = web.AppKey("replacement", ReplacementIssuer)


def application(context: Context) -> web.Application:
    """The application of the service."""
    interface = context.library.interfaces[Listener.ADHOC]
    app = web.Application(
        client_max_size=MAX_OCTETS, middlewares=[plain_failures, refusals_recorded(interface)]
    )
    app[CONTEXT] = context
    app[_READER] = DeviceCsrReader(context.library)
    app[_ISSUER] = ReplacementIssuer(interface, context.settings.purpose)
    for path in (ADHOC_PATH, "/"):
        app.router.add_post(path, _submit)
    return app


async def _submit(request: web.Request) -> web.Response:
    """Answer a DeviceCertificateSigningRequest."""
    context = request.app[CONTEXT]
    _check_type(request)
    request_id, csr = _read(await request.read(), request.app[_READER])
    mode = content_mode(request)
    adhoc_request = AdHocRequest(peer_certificate(request), peer_address(request), csr, mode)
    outcome = await _outcome(request.app, adhoc_request)
    body = signing_response(context.build, outcome.transaction, outcome.result, request_id)
    return web.Response(body=body, headers=_HEADERS)


async def _outcome(app: web.Application, request: AdHocRequest) -> AdHocOutcome:
    """The outcome of a request, once it is safe on the disk.

    An error is recorded, too, where that is possible.

    Raises:
        AccessDeniedError: if the client may not use the service.
    """
    context, issuer = app[CONTEXT], app[_ISSUER]
    try:
        return await context.desk.write(lambda estate: issuer.answer(estate, request))
    except AccessDeniedError:
        raise
    except Exception as error:  # noqa: BLE001 - each request has its answer
        context.tell(f"{Listener.ADHOC}: {type(error).__name__}: {error}")
        failed = replace(request, csr=error)
        unrecorded = AdHocOutcome(UNRECORDED, codes.of_request(error))
        if is_unwritable(error):
            return unrecorded  # to try that again at once would hold up everybody else
    try:
        return await context.desk.write(lambda estate: issuer.answer(estate, failed))
    except AccessDeniedError:
        raise
    except Exception as error:  # noqa: BLE001 - a client gets an answer whatever fails
        context.tell(f"{Listener.ADHOC}: not recorded: {type(error).__name__}: {error}")
        return unrecorded


def _read(body: bytes, reader: DeviceCsrReader) -> tuple[str | None, Csr | InputError]:
    """The ID of a request, and its CSR, or why that cannot be read."""
    try:
        request = signing_request(body)
    except FormatError as error:
        return error.request_id, error
    try:
        return request.id, reader.read(request.csr)
    except InputError as error:
        return request.id, error


def _check_type(request: web.Request) -> None:
    """Check what the client says that it sends (SEC App. M A).

    Raises:
        HTTPUnsupportedMediaType: if it is not XML in UTF-8.
    """
    charset = request.charset or CHARSET
    if request.content_type not in _CONTENT_TYPES or charset.upper() != CHARSET:
        raise web.HTTPUnsupportedMediaType(
            text=f"The request is not of type {CONTENT_TYPE};charset={CHARSET}. Send it with that"
            " Content-Type."
        )
