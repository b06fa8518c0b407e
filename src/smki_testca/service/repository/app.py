"""The application of the repository, the same over HTTP and HTTPS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from smki_testca.service.context import CONTEXT, Context
from smki_testca.service.failures import plain_failures
from smki_testca.service.hosts import is_host_served
from smki_testca.service.repository import certificate_search, downloads
from smki_testca.service.repository.account_admission import Admission
from smki_testca.service.repository.index_page import index
from smki_testca.service.repository.published_files import CERTIFICATE_FILES, LIST_ENDINGS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SEARCH_PATH = "/services/certificatesearch"
RETRIEVE_PATH = "/services/retrievecertificate"
"""As the DCC's client has them (observed)."""
_FILES = "|".join(name.replace(".", r"\.") for name in CERTIFICATE_FILES)
_ENDINGS = "|".join(LIST_ENDINGS)
_AUTHORITY = "/ca/{family}/{hierarchy}/{name}"


def application(context: Context) -> web.Application:
    """The repository of running services."""
    app = web.Application(
        middlewares=[plain_failures, _for_its_hosts], client_max_size=certificate_search.MAX_OCTETS
    )
    app[CONTEXT] = context
    app[certificate_search.ADMISSION] = Admission(context)
    app.router.add_post(SEARCH_PATH, certificate_search.search)
    app.router.add_post(RETRIEVE_PATH, certificate_search.retrieve)
    for path, handler in {
        "/": index,
        f"{_AUTHORITY}/{{file:{_FILES}}}": downloads.of_authority,
        f"{_AUTHORITY}/crl/{{number:{downloads.LATEST}|[0-9]{{1,18}}}}.{{ending:{_ENDINGS}}}": (
            downloads.of_list
        ),
        f"/certificate/{{serial}}/{{file:{_FILES}}}": downloads.of_certificate,
    }.items():
        app.router.add_get(path, _for_accounts(handler))
    return app


@web.middleware
async def _for_its_hosts(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a request that names a host which the repository has."""
    if not is_host_served(request.host, request.app[CONTEXT].settings):
        raise web.HTTPMisdirectedRequest(
            text="The repository does not answer for this host. Use localhost, the address or the"
            " host name of the machine that serves it."
        )
    return await handler(request)


def _for_accounts(handler: Handler) -> Handler:
    """A handler of downloads that asks first who it is, where others than this machine call."""

    async def admitted(request: web.Request) -> web.StreamResponse:
        refusal = await request.app[certificate_search.ADMISSION].refusal_of_download(request)
        return refusal or await handler(request)

    return admitted
