"""Reads what a form submits: fields and files, each within a limit."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, MultipartReader, StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError

from smki_testca.service.portal.unanswered import Unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FIELDS = 100
"""The most fields and files of one form."""
MAX_FIELD = 64 * 1024
"""The most octets of one field that is no file, such as a CSR that was pasted."""
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was chosen in a form.

    Attributes:
        name: of the file, as the browser has it: text of the visitor's, and no path.
        data: its octets.
    """

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with a field of a form.

    Attributes:
        field: its name, which is its id on the page, too; empty for the form as a whole.
        message: what is wrong, and what to do.
    """

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Form:
    """A submitted form: the last value of each field, and the files that were chosen."""

    values: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The text of a field without white space around it; empty if it was left empty."""
        return self.values.get(name, "").strip()

    def file(self, name: str) -> Upload | None:
        """A file that was chosen; None if none was."""
        return self.files.get(name)


async def read_form(request: web.Request, most: int) -> Form:
    """Read a form.

    Args:
        request: that submits it.
        most: the most octets of its body.

    Raises:
        Unanswered: if it is too large, or not a form.
    """
    if request.content_length is not None and request.content_length > most:
        raise _too_large(most)
    match request.content_type:
        case "application/x-www-form-urlencoded":
            return _fields(await _octets(request, most))
        case "multipart/form-data":
            body = await _octets(request, most)
            # In a thread: of what is there already, aiohttp would read all in one turn of the loop.
            return await asyncio.to_thread(_parts, request.headers, body, most)
    raise Unanswered(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"A form is submitted here, not {request.content_type}.",
        "Use the form of the page.",
    )


async def _octets(request: web.Request, most: int) -> bytes:
    """The whole body, every octet of which counts: also those between the parts."""
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > most:
                raise _too_large(most)
    except (web.RequestPayloadError, HttpProcessingError) as error:
        raise _unreadable() from error
    return bytes(body)


def _fields(body: bytes) -> Form:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise _unreadable() from error
    if any(len(value.encode()) > MAX_FIELD for _, value in pairs):
        raise _too_large(MAX_FIELD)
    return Form({name: _with_newlines(value) for name, value in pairs})


def _parts(headers: Mapping[str, str], body: bytes, most: int) -> Form:
    """The fields and files of a body of several parts; it takes a while."""
    try:
        return asyncio.run(_parts_of(headers, body, most))
    except Unanswered:
        raise
    except Exception as error:
        # aiohttp has many errors for what is no form: AssertionError, and warnings, are among them.
        raise _unreadable() from error


async def _parts_of(headers: Mapping[str, str], body: bytes, most: int) -> Form:
    _check_beginning(headers, body)
    values: dict[str, str] = {}
    files: dict[str, Upload] = {}
    # No octet waits for others: so there is nothing to pause.
    content = StreamReader(BaseProtocol(asyncio.get_running_loop()), len(body) + 1)
    for start in range(0, len(body), _CHUNK):
        content.feed_data(body[start : start + _CHUNK])
    content.feed_eof()
    reader, parts = MultipartReader(headers, content), 0
    while (part := await reader.next()) is not None:
        parts += 1
        if parts > MAX_FIELDS:
            raise _too_large(most)
        if not isinstance(part, BodyPartReader) or not part.name:
            raise _unreadable()
        is_file = part.filename is not None
        data = await _part(part, most if is_file else MAX_FIELD)
        if not is_file:
            values[part.name] = _with_newlines(data.decode("utf-8"))
        elif part.filename or data:
            files[part.name] = Upload(part.filename or "", data)
    return Form(values, files)


def _check_beginning(headers: Mapping[str, str], body: bytes) -> None:
    """Check that a body begins with its first part: browsers write nothing before it."""
    head = Message()
    head["Content-Type"] = headers.get("Content-Type", "")
    boundary = head.get_boundary()
    if boundary is None or not body.startswith(b"--" + boundary.encode()):
        raise _unreadable()


async def _part(part: BodyPartReader, most: int) -> bytes:
    body = bytearray()
    while chunk := await part.read_chunk(_CHUNK):
        body += chunk
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


def _with_newlines(text: str) -> str:
    """The text with newlines as people type them: a browser sends CR and LF for each."""
    return text.replace("\r\n", "\n")


def _too_large(most: int) -> Unanswered:
    size = f"{most // 1024**2} MiB" if most >= 1024**2 else f"{most // 1024} KiB"
    return Unanswered(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"What was submitted is larger than the {size} that this form takes.",
        "Submit less at a time.",
    )


def _unreadable() -> Unanswered:
    return Unanswered(
        HTTPStatus.BAD_REQUEST, "The form cannot be read.", "Submit it again from its page."
    )
