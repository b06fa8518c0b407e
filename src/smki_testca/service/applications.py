"""The application behind each listener, and the paths that others need to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.service.repository import app as repository
from smki_testca.service.settings import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import web

    from smki_testca.service.context import Context

ADHOC_PATH = "/1.0/DeviceCSR/SubmitDeviceCSR"
"""Of the Ad Hoc service; assumed, for SEC App. M leaves it to the SMKI User Guide."""
SUBMIT_PATH = "/1.0/PortalCSRBatch/SubmitCSRBatch"
RESULT_PATH = "/1.0/PortalCSRBatch/CSRBatchResult"
"""Of the Batched service (SEC App. M C and D)."""

FACTORIES: Mapping[Listener, Callable[[Context], web.Application]] = {
    Listener.REPOSITORY: repository.application,
    Listener.REPOSITORY_TLS: repository.application,
}
