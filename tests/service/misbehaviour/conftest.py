"""Services whose applications are small, so that it is plain what misbehaviour changes."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from smki_testca.api import Estate
from smki_testca.service import applications, misbehaviour
from smki_testca.service.context import CONTEXT, Context
from smki_testca.service.estate_access import EstateAccess
from smki_testca.service.failures import plain_failures
from smki_testca.service.in_thread import ServicesInThread
from smki_testca.service.misbehaviour import control
from smki_testca.service.settings import Listener, Settings

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = f"<answer>{'x' * 1000}</answer>"
"""What the applications answer."""


def small_application(context: Context) -> web.Application:
    """An application that answers every path; below ``/stream``, in parts."""
    app = web.Application(middlewares=[plain_failures])
    app[CONTEXT] = context

    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        mode = misbehaviour.content_mode(request)
        headers = {} if mode is None else {"Mode": str(mode)}
        if request.path == "/empty":
            return web.Response(status=204)
        if not request.path.startswith("/stream"):
            whole = web.Response(text=DOCUMENT, content_type="application/xml", headers=headers)
            whole.set_cookie("taste", "sweet", httponly=True)
            return whole
        response = web.StreamResponse(headers={"Content-Type": "application/xml"})
        response.content_length = len(DOCUMENT)
        await response.prepare(request)
        for start in range(0, len(DOCUMENT), 100):
            await response.write(DOCUMENT[start : start + 100].encode())
        await response.write_eof()
        return response

    app.router.add_route("*", "/{path:.*}", answer)
    return app


@dataclass(frozen=True)
class Small:
    """Running services of small applications."""

    estate: Path
    running: ServicesInThread
    told: list[str]
    document: bytes = DOCUMENT.encode()
    opened: list[Any] = field(default_factory=list)
    """What a test leaves open."""

    def port(self, name: str) -> int:
        """The port of a service; ``repository-https`` for that one."""
        name, _, secure = name.partition("-")
        service = self.running.served[name]
        url = service["https_url" if secure else "url"]
        return int(url.split(":")[2].partition("/")[0])

    def client(self, name: str = "adhoc") -> ssl.SSLContext:
        """The TLS context of a client of a service."""
        service = self.running.served[name]
        context = ssl.create_default_context(cafile=service["ca"])
        if "client_key" in service:
            context.load_cert_chain(service["client_certificate"], service["client_key"])
        return context

    def get(
        self, name: str = "repository", path: str = "/a", method: str = "GET"
    ) -> http.client.HTTPResponse:
        """Ask a service for a path; the answer's body is to be read."""
        connection: http.client.HTTPConnection
        if name in {"adhoc", "batched"}:
            connection = http.client.HTTPSConnection(
                "localhost", self.port(name), timeout=30, context=self.client(name)
            )
        else:
            connection = http.client.HTTPConnection("localhost", self.port(name), timeout=30)
        self.opened.append(connection)
        connection.request(method, path)
        answer = connection.getresponse()
        self.opened.append(answer)
        return answer

    def control(
        self, method: str, path: str, content: Any = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Call the control listener; gives the status and the JSON."""
        connection = http.client.HTTPConnection("localhost", self.port("control"), timeout=30)
        body = content if isinstance(content, bytes | None) else json.dumps(content).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            given = {"Content-Type": "application/json"} | given
        connection.request(method, path, body, given)
        with contextlib.closing(connection), connection.getresponse() as response:
            return response.status, json.loads(response.read())

    def misbehave(self, *rules: str, seed: int | None = None) -> None:
        """Add rules."""
        status, answer = self.control(
            "POST", "/misbehaviour", {"rules": rules} | ({} if seed is None else {"seed": seed})
        )
        assert status == 201, answer

    def entries(self) -> list[dict[str, Any]]:
        """What the audit log has of misbehaviour."""
        passphrase = (self.estate / "passphrase").read_text("utf-8").strip()
        with Estate.open(self.estate, passphrase) as estate:
            return [entry.body for entry in estate.audit.entries_of("service.misbehaviour")]


@pytest.fixture(scope="session")
def running_small(tmp_path_factory, quickstart_original):
    directory = tmp_path_factory.mktemp("small") / "estate"
    shutil.copytree(quickstart_original, directory)
    passphrase = (directory / "passphrase").read_text("utf-8").strip()
    told: list[str] = []
    thread = ServicesInThread(
        EstateAccess(directory, passphrase), Settings(port_base=0), told.append
    )
    factories = dict.fromkeys(Listener, small_application)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            applications, "FACTORIES", factories | {Listener.CONTROL: control.application}
        )
        thread.__enter__()
    yield Small(directory, thread, told)
    thread.__exit__()


@pytest.fixture
def small(running_small):
    """Services of small applications, without rules."""
    yield running_small
    while running_small.opened:
        running_small.opened.pop().close()
    running_small.control("DELETE", "/misbehaviour")
    running_small.told.clear()
