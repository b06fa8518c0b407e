"""The application behind each listener."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.service.device_csr import adhoc
from smki_testca.service.paths import ADHOC_PATH, RESULT_PATH, SUBMIT_PATH
from smki_testca.service.settings import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import web

    from smki_testca.service.context import Context

FACTORIES: Mapping[Listener, Callable[[Context], web.Application]] = {
    Listener.ADHOC: adhoc.application,
}

__all__ = ["ADHOC_PATH", "FACTORIES", "RESULT_PATH", "SUBMIT_PATH"]
