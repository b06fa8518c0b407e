"""The application behind each listener."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.service.device_csr import adhoc, batched
from smki_testca.service.misbehaviour import control
from smki_testca.service.portal import app as portal
from smki_testca.service.repository import app as repository
from smki_testca.service.settings import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import web

    from smki_testca.service.context import Context

FACTORIES: Mapping[Listener, Callable[[Context], web.Application]] = {
    Listener.PORTAL: portal.application,
    Listener.ADHOC: adhoc.application,
    Listener.BATCHED: batched.application,
    Listener.REPOSITORY: repository.application,
    Listener.REPOSITORY_TLS: repository.application,
    Listener.PORTAL_TLS: portal.application,
    Listener.CONTROL: control.application,
}
