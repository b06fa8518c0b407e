"""Runs the services: opens every listener, keeps what they trust up to date, and ends them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

import smki_testca
from smki_testca.errors import EstateError, SmkiTestcaError, is_of_pin
from smki_testca.service import applications, client_files, misbehaviour, paths
from smki_testca.service.client_folder import client_folder
from smki_testca.service.client_trust import ClientTrust, client_trust
from smki_testca.service.context import Context
from smki_testca.service.desk import Desk
from smki_testca.service.example_requests import example_device
from smki_testca.service.failures import line_of, plain_failures
from smki_testca.service.listening import Patience, Site, listening_socket, name_server
from smki_testca.service.misbehaviour import control
from smki_testca.service.misbehaviour.rule_plan import Plan
from smki_testca.service.server_certificate import (
    ServerCertificate,
    false_certificates,
    server_certificate,
)
from smki_testca.service.settings import Listener, Settings
from smki_testca.service.tls import ServerContext

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from smki_testca.api import Estate
    from smki_testca.identifiers import Eui64
    from smki_testca.service.client_files import ClientFiles
    from smki_testca.service.estate_access import EstateAccess

END_SECONDS = 2.0
"""The time for requests that are being answered once the services are to end.

Whoever waits for a client then, such as for the rest of a body, is given as long again.
"""
_WATCH_SECONDS = 1.0
"""The time after which the estate is asked for newer revocation lists."""
_LOOPBACK = "127.0.0.1"
_CLIENTS = {
    Listener.ADHOC: ssl.CERT_REQUIRED,
    Listener.BATCHED: ssl.CERT_REQUIRED,
    Listener.PORTAL_TLS: ssl.CERT_OPTIONAL,
    Listener.REPOSITORY_TLS: ssl.CERT_NONE,
}
"""The listeners over TLS, and whether their clients present certificates."""


@dataclass(frozen=True, slots=True)
class Served:
    """A service that answers.

    Attributes:
        url: where.
        more: other addresses, by name.
        client: the files of a client with which to try it; None where it needs none, or the
            estate has none.
        authority: the file of the CA that clients trust; None without TLS.
        device: a Device that the estate has a certificate of, to search for; None for none.
        needs_account: whether whoever searches needs an account.
    """

    url: str
    more: dict[str, str]
    client: ClientFiles | None = None
    authority: Path | None = None
    device: Eui64 | None = None
    needs_account: bool = False

    def as_json(self) -> dict[str, Any]:
        """The service as ``serve --json`` prints it."""
        files: dict[str, Path | None] = {"ca": self.authority}
        if self.client is not None:
            files |= {
                "client_certificate": self.client.certificate,
                "client_key": self.client.key,
                "example_request": self.client.request,
            }
        written = {name: str(path) for name, path in files.items() if path is not None}
        return {"url": self.url, **self.more, **written}


class Services:
    """The services of one estate in this process. ``async with`` starts and ends them.

    Args:
        access: opens the estate.
        settings: of the services.
        tell: called with a line for each refused client, and whatever else an operator should see.
        between: see ``Desk``.

    Raises:
        InputError: if a rule of misbehaviour cannot be read.
    """

    def __init__(
        self,
        access: EstateAccess,
        settings: Settings,
        tell: Callable[[str], None],
        between: Callable[[Estate], None] | None = None,
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._access = access
        self._plan = Plan.parse(settings.misbehaviours, settings.seed)
        self._desk = Desk(access.open, between)
        self._ends = contextlib.AsyncExitStack()
        self._contexts: list[ServerContext] = []
        self._clients: dict[str, ClientFiles] = {}
        self._authority: Path | None = None
        self._device: Eui64 | None = None
        self._has_accounts = False
        self._trust: ClientTrust | None = None
        self.context: Context | None = None

    async def __aenter__(self) -> Self:
        """Start every listener.

        Raises:
            EstateError: if the estate cannot be used, or a port is in use.
            OutputError: if the files of clients cannot be written.
        """
        async with contextlib.AsyncExitStack() as ends:
            self._desk.start()
            ends.push_async_callback(asyncio.to_thread, self._desk.close)
            await self._start(ends)
            self._ends = ends.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End them; requests that are being answered may take ``END_SECONDS``."""
        await self._ends.aclose()

    async def _start(self, ends: contextlib.AsyncExitStack) -> None:
        settings = self._settings
        desk = self._desk
        await desk.write(lambda estate: estate.check_writable())
        await self._try_tokens()
        names = settings.certified
        server = await desk.write(lambda estate: server_certificate(estate, names))
        false = await desk.write(lambda estate: false_certificates(estate, server, names))
        self._trust = await desk.read(client_trust)
        await self._write_client_files(ends, server)
        library, clock = await desk.read(lambda estate: (estate.library, estate.clock))
        self.context = Context(
            settings,
            desk,
            library,
            clock,
            self._access,
            smki_testca.__version__,
            self._plan,
            self._tell,
        )
        runners: list[web.AppRunner] = []
        ends.push_async_callback(_end, runners)
        for listener, factory in applications.FACTORIES.items():
            if listener is Listener.PORTAL and not settings.is_local:
                continue  # a password is never sent in the clear
            application = factory(self.context)
            if listener is not Listener.CONTROL:
                misbehaviour.install(application, listener.service)
            address = await self._listen(
                runners, listener, application, self._tls(self.context, listener, server, false)
            )
            self.context.addresses[listener] = address
        self.context.served.update({name: each.as_json() for name, each in self.served().items()})
        watching = asyncio.create_task(self._watch())
        ends.callback(watching.cancel)

    async def _try_tokens(self) -> None:
        """Open the CAs' keys that are in tokens.

        The services start without a token, which may come later, but not with a wrong PIN.

        Raises:
            EstateError: if a PIN is wrong, or locked.
        """
        for error in await self._desk.write(_errors_of_tokens):
            if is_of_pin(error):  # no later attempt would mend that
                raise error
            self._tell(f"warning: {error.message} {error.remedy}")

    async def _write_client_files(
        self, ends: contextlib.AsyncExitStack, server: ServerCertificate
    ) -> None:
        """Write the files with which to try the services, into a folder that goes at the end."""
        folder = self._settings.client_folder
        if folder is None:
            folder = ends.enter_context(client_folder())
        chosen, may_issue = folder, self._settings.issue_clients
        await asyncio.to_thread(chosen.mkdir, mode=0o700, parents=True, exist_ok=True)
        self._authority = client_files.write_authority(chosen, server.authority)

        def write(estate: Estate) -> dict[str, ClientFiles]:
            written = {
                name: client_files.write_client(
                    estate, interface, chosen, may_issue=may_issue, purpose=self._settings.purpose
                )
                for name, interface in estate.library.interfaces.items()
            }
            self._device = example_device(estate)
            self._has_accounts = estate.accounts.exist()
            return {name: files for name, files in written.items() if files is not None}

        self._clients = await self._desk.write(write)

    async def _listen(
        self,
        runners: list[web.AppRunner],
        listener: Listener,
        application: web.Application,
        context: ServerContext | None,
    ) -> str:
        """Open one listener; gives its URL, without a path."""
        settings = self._settings
        host = _LOOPBACK if listener is Listener.CONTROL or settings.is_local else settings.bind
        patience = Patience(application, lambda line: self._tell(f"{listener}: {line}"))
        application.middlewares.insert(0, plain_failures)  # of whatever fails before the handler
        application.on_response_prepare.append(name_server)
        runner = web.AppRunner(application, shutdown_timeout=END_SECONDS)
        await runner.setup()
        runners.append(runner)
        port = listener.port(settings.port_base)
        try:
            listening = listening_socket(host, port)
        except OSError as error:
            raise _not_bound(error, listener, host, port) from error
        failed = control.no_request if listener is Listener.CONTROL else line_of
        await Site(runner, listening, context, patience, failed).start()
        name = "localhost" if host == _LOOPBACK else settings.host
        scheme = "http" if context is None else "https"
        _, port, *_ = runner.addresses[0]
        return f"{scheme}://{name}:{port}"

    def _tls(
        self,
        context: Context,
        listener: Listener,
        server: ServerCertificate,
        false: dict[str, ServerCertificate],
    ) -> ServerContext | None:
        """The TLS context of a listener; None for one without TLS."""
        if listener not in _CLIENTS:
            return None
        server_context = ServerContext(
            server, false, _CLIENTS[listener], lambda line: self._tell(f"{listener}: {line}")
        )
        misbehaviour.install_handshakes(server_context, context, listener.service)
        if _CLIENTS[listener] is not ssl.CERT_NONE and self._trust is not None:
            server_context.take_trust(self._trust.authorities, self._trust.current_lists)
            self._contexts.append(server_context)
        return server_context

    async def _watch(self) -> None:
        """Take newer CAs and revocation lists into the listeners' contexts, for good."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if self._desk.failure is not None:
                await self._try_to_write()
            try:
                trust = await self._desk.read(client_trust)
            except SmkiTestcaError as error:
                self._tell(f"warning: {error.message}")
                continue
            if trust != self._trust:
                self._trust = trust
                for context in self._contexts:
                    context.take_trust(trust.authorities, trust.current_lists)

    async def _try_to_write(self) -> None:
        """See whether an estate that could not be written can be now."""
        with contextlib.suppress(SmkiTestcaError):
            await self._desk.write(lambda estate: estate.check_writable())
            self._tell("the estate can be written again")

    def served(self) -> dict[str, Served]:
        """The services that answer, by name, in the order in which they are printed."""
        if self.context is None:
            return {}
        addresses, authority = self.context.addresses, self._authority
        return {
            "adhoc": Served(
                addresses[Listener.ADHOC] + paths.ADHOC_PATH,
                {},
                self._clients.get("adhoc"),
                authority,
            ),
            "batched": Served(
                addresses[Listener.BATCHED],
                {
                    "submit": addresses[Listener.BATCHED] + paths.SUBMIT_PATH,
                    "result": addresses[Listener.BATCHED] + paths.RESULT_PATH,
                },
                self._clients.get("batched"),
                authority,
            ),
            "repository": Served(
                addresses[Listener.REPOSITORY],
                {"https_url": addresses[Listener.REPOSITORY_TLS]},
                None,
                authority,
                self._device,
                self._has_accounts or not self._settings.is_local,
            ),
            "portal": Served(
                addresses.get(Listener.PORTAL, addresses[Listener.PORTAL_TLS]),
                {"https_url": addresses[Listener.PORTAL_TLS]},
                None,
                authority,
            ),
            "control": Served(addresses[Listener.CONTROL], {}),
        }


def _errors_of_tokens(estate: Estate) -> list[EstateError]:
    """The errors for which issuing CAs with keys in tokens cannot sign now."""
    errors = []
    for record in estate.authorities.issuing_in_tokens():
        try:
            estate.authorities.signer(record)
        except EstateError as error:
            errors.append(error)
    return errors


def _not_bound(error: OSError, listener: Listener, host: str, port: int) -> EstateError:
    """The error for a port that cannot be opened."""
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return EstateError(
            "service.address",
            f"This machine has no address {host} to serve at.",
            "Name one that it has with --bind ADDRESS; 0.0.0.0 is all of them.",
        )
    # The standard library adds to strerror what is said here already.
    reason = os.strerror(error.errno) if error.errno else str(error)
    return EstateError(
        "service.port",
        f"The {listener.words} cannot be served at {host} port {port}: {reason}.",
        "Choose others with --port-base N, or any free ones with --port-base 0.",
    )


async def _end(runners: list[web.AppRunner]) -> None:
    """End all listeners at once: what one waits for, the others need not."""
    await asyncio.gather(*(runner.cleanup() for runner in runners))
