"""Receives long messages: so memory does not grow with how many clients send one at a time."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_IN_MEMORY = 1 << 18
"""The longest message that is kept without a temporary file, in octets."""


@asynccontextmanager
async def received(request: web.Request, most: int) -> AsyncIterator[IO[bytes]]:
    """The body of a request, at its start, in a file that goes at the end.

    Args:
        request: that has it.
        most: the most octets.

    Raises:
        HTTPRequestEntityTooLarge: if it announces more, or sends more; no more of it is read.
        OSError: if it cannot be stored.
    """
    if request.content_length is not None and request.content_length > most:
        raise web.HTTPRequestEntityTooLarge(most)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        length = 0
        async for part in request.content.iter_any():
            length += len(part)
            if length > most:
                raise web.HTTPRequestEntityTooLarge(most)
            if length <= _IN_MEMORY:
                file.write(part)
            else:
                await asyncio.to_thread(file.write, part)
        file.seek(0)
        yield file
