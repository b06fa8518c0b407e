"""A listener and clients that take their time."""

import asyncio
import socket
import time

import pytest
from aiohttp import web

from smki_testca.service import listening
from smki_testca.service.failures import line_of

BODY = bytes(50 * 2**20)


async def served(talk, told):
    """What a conversation with a listener gives; its application answers with much."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=BODY)

    app = web.Application()
    app.router.add_get("/", answer)
    patience = listening.Patience(app, told.append)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    opened = listening.listening_socket("127.0.0.1", 0)
    await listening.Site(runner, opened, None, patience, line_of).start()
    try:
        return await asyncio.to_thread(talk, opened.getsockname()[1])
    finally:
        await runner.cleanup()


@pytest.fixture
def told():
    return []


def ask(port):
    client = socket.create_connection(("localhost", port), timeout=60)
    client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return client


@pytest.mark.slow
def test_a_client_that_reads_nothing_of_its_answer_is_hung_up_on(monkeypatch, told):
    monkeypatch.setattr(listening, "STUCK_SECONDS", 0.4)

    def talk(port):
        with ask(port) as client:
            deadline = time.monotonic() + 60
            while not told and time.monotonic() < deadline:
                time.sleep(0.05)
            got = 0
            try:
                while part := client.recv(2**20):
                    got += len(part)
            except ConnectionError:
                pass
            return got

    assert asyncio.run(served(talk, told)) < len(BODY)
    (line,) = told
    assert line.startswith("127.0.0.1:")
    assert line.endswith("read nothing of an answer for 0.4 seconds")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_connection_knows_where_it_comes_from(host):
    with listening.listening_socket(host, 0) as opened:
        port = opened.getsockname()[1]
        with socket.create_connection((host, port)) as client:
            accepted, _ = opened.accept()
            with accepted:
                own = listening.address_text(client.getsockname())
                assert listening.PEER.get() == own


def test_addresses_are_written_as_in_urls():
    assert listening.address_text(("127.0.0.1", 80)) == "127.0.0.1:80"
    assert listening.address_text(("::1", 80, 0, 0)) == "[::1]:80"


def test_a_client_that_reads_slowly_gets_all_of_its_answer(monkeypatch, told):
    monkeypatch.setattr(listening, "STUCK_SECONDS", 5)

    def talk(port):
        got = 0
        with ask(port) as client:
            while part := client.recv(2**16):
                got += len(part)
        return got

    assert asyncio.run(served(talk, told)) > len(BODY)
    assert told == []
