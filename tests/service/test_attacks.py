"""Hostile clients get one clear answer, or are hung up on, and the services go on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import zlib

import pytest

from smki_testca.service import listening

POSTS = {
    "adhoc": "/1.0/DeviceCSR/SubmitDeviceCSR",
    "batched": "/1.0/PortalCSRBatch/SubmitCSRBatch",
    "repository": "/services/certificatesearch?apikey=test",
    "portal": "/submit",
    "control": "/misbehaviour",
}
"""A path of each service that takes a body."""
SERVICES = list(POSTS)
MEGABYTE = 2**20


def connect(services, name):
    """A connection to a service, with the client's certificate where it has one."""
    service = services[name]
    port = int(service["url"].split(":")[2].partition("/")[0])
    plain = socket.create_connection(("localhost", port), timeout=60)
    if "ca" not in service or service["url"].startswith("http:"):
        return plain
    context = ssl.create_default_context(cafile=service["ca"])
    if "client_key" in service:
        context.load_cert_chain(service["client_certificate"], service["client_key"])
    return context.wrap_socket(plain, server_hostname="localhost")


def send(services, name, *parts):
    """The answer to some octets, which a server may refuse to read to their end."""
    with connect(services, name) as client:
        try:
            for part in parts:
                client.sendall(part)
        except OSError:
            pass  # it has said what it has to say
        return read(client)


def read(client):
    answer = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while part := client.recv(65536):
            answer += part
    return answer


def head(method, target, *fields):
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def status(answer):
    first, _, _ = answer.partition(b"\r\n")
    assert first.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")), answer[:200]
    return int(first[9:12])


@pytest.fixture
def services(serving, request):
    """Running services; the one that a test attacks, or the repository, answers at the end."""
    yield serving.services
    name = request.node.callspec.params["name"] if hasattr(request.node, "callspec") else "adhoc"
    assert status(send(serving.services, name, head("GET", "/nothing-here"))) == 404


# Bodies.

TYPES = {"control": "application/json", "portal": "application/x-www-form-urlencoded"}


def post(name, *fields):
    return head("POST", POSTS[name], f"Content-Type: {TYPES.get(name, 'application/xml')}", *fields)


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_a_body_of_41_megabytes_is_refused(services, name):
    size = 41 * MEGABYTE
    parts = (b"x" * MEGABYTE for _ in range(41))
    answer = send(services, name, post(name, f"Content-Length: {size}"), *parts)

    assert status(answer) == 413


@pytest.mark.parametrize("name", ["adhoc", "repository", "control"])
def test_a_body_of_no_stated_length_is_refused_once_it_is_too_long(services, name):
    parts = (b"100000\r\n" + b"x" * MEGABYTE + b"\r\n" for _ in range(41))
    coded = post(name, "Transfer-Encoding: chunked")
    answer = send(services, name, coded, *parts, b"0\r\n\r\n")

    assert status(answer) == 413


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adhoc", "repository", "control"])
def test_a_compressed_body_counts_as_what_it_is_inside(services, name):
    packing = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(packing.compress(bytes(MEGABYTE)) for _ in range(41)) + packing.flush()
    assert len(packed) < 64 * 1024
    fields = "Content-Encoding: gzip", f"Content-Length: {len(packed)}"
    answer = send(services, name, post(name, *fields), packed)

    assert status(answer) == 413


@pytest.mark.parametrize("name", SERVICES)
def test_a_client_that_hangs_up_in_the_middle_of_a_body_is_let_go(services, name):
    with connect(services, name) as client:
        client.sendall(post(name, "Content-Length: 1000") + b"<a>")


# Heads.


NO_REQUESTS = {
    "a long field": head("GET", "/", "X: " + "a" * 100_000),
    "many fields": head("GET", "/", *[f"X-{number}: a" for number in range(10_000)]),
    "a long path": head("GET", "/" + "a" * 100_000),
    "garbage": b"\x00\x01garbage\r\n\r\n",
    "no end": b"G" * 100_000,
    "length and chunks": head("POST", "/", "Content-Length: 3", "Transfer-Encoding: chunked"),
    "two lengths": head("POST", "/", "Content-Length: 3", "Content-Length: 4") + b"abcd",
    "negative length": head("POST", "/", "Content-Length: -3"),
    "a length that is no number": head("POST", "/", "Content-Length: 1e3"),
    "a bad chunk": head("POST", "/", "Transfer-Encoding: chunked") + b"zz\r\n",
    "no host": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
    "another version": b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_what_is_no_request_is_refused(services, name):
    for what, octets in NO_REQUESTS.items():
        answer = send(services, name, octets)
        assert status(answer) in {400, 404, 405, 413, 414, 415, 417, 431, 505}, what
        assert b"Traceback" not in answer, what
        assert b"aiohttp" not in answer, what
        assert answer.partition(b"\r\n\r\n")[0].count(b"Server: smki-testca\r\n") == 1, what


@pytest.mark.parametrize("name", ["adhoc", "batched", "repository", "portal"])
def test_what_cannot_be_read_as_http_is_told_in_one_line(services, name):
    for what in ("garbage", "negative length", "another version"):
        answer = send(services, name, NO_REQUESTS[what])
        assert status(answer) == 400, what
        assert answer.endswith(b"\r\n\r\nThe request cannot be read as HTTP.\n"), what


def test_what_cannot_be_read_as_http_is_told_in_json_by_the_control_listener(services):
    answer = send(services, "control", NO_REQUESTS["garbage"])
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert error["code"] == "control.http"
    assert error["message"] == "The request cannot be read as HTTP."


@pytest.mark.parametrize("name", SERVICES)
def test_methods_that_nobody_needs_are_refused(services, name):
    for method in ("TRACE", "CONNECT", "PROPFIND", "PATCH"):
        assert status(send(services, name, head(method, "/"))) in {400, 403, 404, 405, 421}


PATHS = [
    "/../../../../../../etc/passwd",
    "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/static/../../../../../../etc/passwd",
    "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2fservice/tls.py",
    "/static/..%5c..%5ctls.py",
    "/static//etc/passwd",
    "/static/%00",
    "/ca/../../../etc/passwd",
    "/ca/device/..%2f..%2f..%2fetc%2fpasswd/certificate.pem",
    "/certificate/..%2f..%2fpassphrase/certificate.pem",
    "/passphrase",
    "/estate.db",
    "/%ff%fe",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_paths_lead_to_no_file_of_the_machine(services, name):
    for path in PATHS:
        answer = send(services, name, head("GET", path))
        assert status(answer) in {400, 404, 405}, path
        assert b"root:" not in answer, path
        assert b"import " not in answer, path


@pytest.mark.parametrize(
    ("name", "refused"), [("portal", 421), ("repository", 421), ("control", 403)]
)
def test_a_name_that_leads_here_by_chance_is_not_answered(services, name, refused):
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil:1"):
        octets = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        assert status(send(services, name, octets)) == refused, host


# Clients that are slow, or many.


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_a_head_that_does_not_come_in_time_is_told_so(services, serving, name, monkeypatch):
    monkeypatch.setattr(listening, "HEAD_SECONDS", 0.5)
    serving.told.clear()
    with connect(services, name) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: local")
        answer = read(client)

    assert status(answer) == 408
    assert answer.endswith(b"The head of the request did not come in time.\n")
    (line,) = serving.told
    assert line.startswith(f"{name}: 127.0.0.1:")
    assert line.endswith("sent no request within 0.5 seconds")


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_a_client_that_says_nothing_is_hung_up_on(services, name, monkeypatch):
    monkeypatch.setattr(listening, "HEAD_SECONDS", 0.5)
    with connect(services, name) as client:
        assert status(read(client)) == 408


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_a_body_that_does_not_come_in_time_is_told_so(services, serving, name, monkeypatch):
    monkeypatch.setattr(listening, "BODY_SECONDS", 0.5)
    serving.told.clear()
    with connect(services, name) as client:
        client.sendall(post(name, "Content-Length: 100") + b"<a>")
        answer = read(client)

    assert status(answer) == 408
    (line,) = serving.told
    assert line.endswith("did not send all of a body within 0.5 seconds")


def test_a_hundred_idle_clients_hold_nobody_up(services):
    with contextlib.ExitStack() as ends:
        for _ in range(100):
            client = ends.enter_context(connect(services, "repository"))
            client.sendall(b"POST /services/certificatesearch HTTP/1.1\r\nHost: ")
        assert status(send(services, "repository", head("GET", "/nothing-here"))) == 404


def test_many_requests_at_once_on_one_connection_are_answered_in_turn(services):
    with connect(services, "repository") as client:
        one = b"GET /nothing-here HTTP/1.1\r\nHost: localhost\r\n\r\n"
        client.sendall(one * 199 + head("GET", "/nothing-here"))
        assert read(client).count(b"HTTP/1.1 404") == 200


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_serve_ends_whatever_its_clients_do(quickstart, name):
    command = [sys.executable, "-m", "smki_testca", "--estate", str(quickstart), "--json", "serve"]
    command += ["--port-base", "0", "--misbehave", "portal=never", "--misbehave", "/certi*=slow"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server,
        contextlib.ExitStack() as ends,
    ):
        services = json.loads(server.stdout.readline())["services"]
        for service in ("adhoc", "batched", "repository"):
            client = ends.enter_context(connect(services, service))
            client.sendall(post(service, "Content-Length: 100") + b"<a>")
        for service, octets in {
            "portal": head("GET", "/"),
            "repository": b"GET / HTTP/1.1\r\nHost",
            "control": head("GET", "/health").replace(b"close", b"keep-alive"),
        }.items():
            ends.enter_context(connect(services, service)).sendall(octets)
        server.send_signal(getattr(signal, name))
        _, said = server.communicate(timeout=60)

    assert server.returncode == 0, said
    assert b"ending" in said
    assert b"Traceback" not in said
