"""Runs the services in a thread, for programs that do something else meanwhile, such as tests."""

from __future__ import annotations

import asyncio
import ssl
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self, TypeVar

from smki_testca.errors import EstateError, InputError
from smki_testca.service.misbehaviour.rule_plan import MisbehaviourRule
from smki_testca.service.services import Services
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from smki_testca.service.estate_access import EstateAccess
    from smki_testca.service.misbehaviour.rule_plan import Plan
    from smki_testca.service.settings import Settings

T = TypeVar("T")

_WITH_CLIENTS = ("adhoc", "batched")
"""The services whose clients must present a certificate."""


def _no_service(message: str, names: Iterable[str], given: str) -> InputError:
    return InputError("service.name", message, use_one_of(list(names), given=given))


class ServicesInThread:
    """The services of an estate in a thread of this process. ``with`` starts and ends them.

    Args:
        access: opens the estate.
        settings: of the services.
        tell: called, in the thread, with a line for each refused client.
    """

    def __init__(
        self,
        access: EstateAccess,
        settings: Settings,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._services = Services(access, settings, tell)
        self._thread = threading.Thread(target=self._run, name="services")
        self._started: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None

    def __enter__(self) -> Self:
        """Start them, and wait until all of them answer.

        Raises:
            EstateError, OutputError: as ``Services`` does.
        """
        self._thread.start()
        try:
            self._started.result()
        except BaseException:  # Ctrl-C, too: the thread is not left behind
            self._thread.join()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End them, and wait for that."""
        if self._loop is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    @property
    def services(self) -> Services:
        """The services. What changes them is called with ``call``."""
        return self._services

    @property
    def served(self) -> dict[str, dict[str, Any]]:
        """The services with their addresses and clients, as ``serve --json`` prints them."""
        return {name: each.as_json() for name, each in self._services.served().items()}

    def url(self, name: str) -> str:
        """The URL of a service: ``adhoc``, ``batched``, ``repository``, ``portal``, ``control``.

        Raises:
            InputError: if there is no such service.
        """
        return str(self._service(name)["url"])

    def client_context(self, name: str) -> ssl.SSLContext:
        """The TLS context of a client of a service: it trusts the server, and has a certificate.

        Raises:
            InputError: if there is no such service, or it has no TLS.
            EstateError: if the estate has no certificate for it.
        """
        service = self._service(name)
        if "ca" not in service:
            with_tls = [each for each, keys in self.served.items() if "ca" in keys]
            raise _no_service(f"The service {name} has no TLS.", with_tls, name)
        context = ssl.create_default_context(cafile=service["ca"])
        if name in _WITH_CLIENTS:
            if "client_certificate" not in service:
                raise EstateError(
                    "service.no_client",
                    f"The estate has no IKI certificate with its key that opens {name}.",
                    "Issue one: smki-testca issue iki --help",
                )
            context.load_cert_chain(service["client_certificate"], service["client_key"])
        return context

    def _service(self, name: str) -> dict[str, Any]:
        served = self.served
        if name not in served:
            raise _no_service(f"There is no service {shown(name)}.", served, name)
        return served[name]

    def misbehave(self, *rules: str) -> None:
        """Have services answer badly from now on, as the rules say; see docs/misbehaviour.md.

        Raises:
            InputError: if a rule cannot be read; then none is in force.
        """
        plan = self._plan()
        plan.add(*map(MisbehaviourRule.parse, rules))

    def behave(self) -> None:
        """End every misbehaviour."""
        self._plan().clear()

    def _plan(self) -> Plan:
        if self._services.context is None:
            raise RuntimeError("the services have not been started")
        return self._services.context.misbehaviour

    def call(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine in the thread of the services, and wait for its result."""
        if self._loop is None:
            raise RuntimeError("the services have not been started")
        return asyncio.run_coroutine_threadsafe(make(), self._loop).result()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # whatever it is, who waits for the start gets it
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with self._services:
            self._started.set_result(None)
            await self._ended.wait()
