"""Answers searches for certificates, and retrievals of one.

A search is not written to the audit log: that has what was decided and changed, and a client may
search many times a second, each of which would wait for the disk. The AuditReference of an answer
is the number of the last entry of the log when it was given: it says as of when the answer holds.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from smki_testca.service.context import CONTEXT
from smki_testca.service.repository import published, search_messages
from smki_testca.service.repository.account_admission import Admission
from smki_testca.service.repository.misbehaving import wrong_certificate

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.api import Estate

ADMISSION = web.AppKey("admission", Admission)
"""The key under which the application keeps who is admitted."""
MAX_OCTETS = 1 << 16
"""The longest request."""
BODY_SECONDS = 10.0
"""The time that a client may take to send it."""
_XML = "application/xml"
_TYPES = frozenset({_XML, "text/xml"})


async def search(request: web.Request) -> web.StreamResponse:
    """Answer ``/services/certificatesearch``."""

    def find(estate: Estate, document: bytes) -> tuple[int, bytes]:
        terms = search_messages.search_request(document)
        if terms.alt_name is not None:
            certificates = published.by_alt_name(estate, terms.alt_name)
        else:
            certificates = published.by_subject_name(estate, terms.subject_name or "")
        return _answered(estate, certificates)

    return await _answer(request, find, _failed_search)


async def retrieve(request: web.Request) -> web.StreamResponse:
    """Answer ``/services/retrievecertificate``."""
    wrong = wrong_certificate(request)

    def find(estate: Estate, document: bytes) -> tuple[int, bytes]:
        serial = search_messages.retrieval_request(document)
        certificate = None if serial is None else published.by_serial(estate, serial)
        if certificate is not None and wrong is not None:
            certificate = wrong(estate, certificate)
        return _retrieved(estate, certificate)

    return await _answer(request, find, _failed_retrieval)


def _answered(estate: Estate, certificates: list[published.Published]) -> tuple[int, bytes]:
    reference = _reference(estate)
    if not certificates:
        code, message = search_messages.NOT_FOUND, "No certificate was found."
    elif len(certificates) == published.MOST_FOUND:
        code, message = search_messages.FOUND, f"The first {published.MOST_FOUND} that were found."
    else:
        code, message = search_messages.FOUND, "Success"
    return code, search_messages.search_answer(certificates, code, message, reference)


def _retrieved(estate: Estate, certificate: published.Published | None) -> tuple[int, bytes]:
    code = search_messages.NOT_FOUND if certificate is None else search_messages.FOUND
    message = "No certificate was found." if certificate is None else "Success"
    return code, search_messages.retrieval_answer(certificate, code, message, _reference(estate))


def _failed_search(estate: Estate, reason: str) -> bytes:
    return search_messages.search_answer(
        (), search_messages.BAD_REQUEST, reason, _reference(estate)
    )


def _failed_retrieval(estate: Estate, reason: str) -> bytes:
    return search_messages.retrieval_answer(
        None, search_messages.BAD_REQUEST, reason, _reference(estate)
    )


def _reference(estate: Estate) -> int:
    return estate.audit.head().number


async def _answer(
    request: web.Request,
    find: Callable[[Estate, bytes], tuple[int, bytes]],
    failed: Callable[[Estate, str], bytes],
) -> web.Response:
    """Read a request, and answer it with what is found, or why it cannot be answered."""
    if request.content_type not in _TYPES:
        raise web.HTTPUnsupportedMediaType(text=f"Send XML, with the Content-Type {_XML}.")
    document = await _body(request)
    refusal = await request.app[ADMISSION].refusal_of_search(request)

    def work(estate: Estate) -> tuple[int, bytes]:
        if refusal:
            return search_messages.BAD_REQUEST, failed(estate, refusal)
        try:
            return find(estate, document)
        except search_messages.BadRequestError as error:
            return search_messages.BAD_REQUEST, failed(estate, str(error))

    code, answer = await request.app[CONTEXT].desk.read(work)
    return web.Response(
        status=code,
        body=answer,
        content_type=_XML,
        charset="utf-8",
        headers={"Cache-Control": "no-store"},
    )


async def _body(request: web.Request) -> bytes:
    """The body of a request.

    Raises:
        HTTPException: if it is too long, or takes too long to come.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(
            text=f"The request took over {BODY_SECONDS:.0f} seconds to come."
        ) from None
    except web.HTTPRequestEntityTooLarge:
        raise web.HTTPRequestEntityTooLarge(
            MAX_OCTETS, text=f"A request has at most {MAX_OCTETS:,} octets."
        ) from None
