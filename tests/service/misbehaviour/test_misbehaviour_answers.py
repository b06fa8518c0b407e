import http.client
import socket
import threading
import time

import pytest
from lxml import etree

from smki_testca.service.misbehaviour.modes import DEFAULT_SECONDS

PATHS = ["/a", "/stream"]


@pytest.mark.parametrize("service", ["adhoc", "repository"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("mode", ["reset", "reset-after"])
def test_reset_drops_the_connection(small, mode, path, service):
    small.misbehave(f"{service}={mode}:1")

    with pytest.raises((ConnectionError, OSError)):
        small.get(service, path)
    assert small.get(service, path).read() == small.document


@pytest.mark.parametrize("service", ["adhoc", "repository"])
@pytest.mark.parametrize("path", PATHS)
def test_short_sends_half_behind_the_length_of_all(small, path, service):
    small.misbehave(f"{service}=short:1")
    answer = small.get(service, path)

    with pytest.raises(http.client.IncompleteRead) as caught:
        answer.read()
    assert int(answer.headers["Content-Length"]) == len(small.document)
    assert small.document.startswith(caught.value.partial)
    assert len(caught.value.partial) == len(small.document) // 2


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_slow_sends_all_in_small_parts(small, path):
    small.misbehave("repository=slow:0.6s:1")
    answer = small.get("repository", path)
    began = time.monotonic()
    parts = []
    while part := answer.read1(65536):
        parts.append(part)

    assert b"".join(parts) == small.document
    assert len(parts) > 10
    assert time.monotonic() - began > 0.3


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["short", "slow:0.1s"])
def test_a_damaged_answer_keeps_its_head(small, mode):
    good = small.get()
    small.misbehave(f"repository={mode}:1")
    bad = small.get()

    assert bad.status == good.status
    assert good.headers["Set-Cookie"] == "taste=sweet; HttpOnly; Path=/"
    assert {**bad.headers, "Date": ""} == {**good.headers, "Date": ""}


@pytest.mark.parametrize(("method", "path"), [("HEAD", "/a"), ("GET", "/empty")])
def test_without_a_body_short_is_nothing_and_slow_is_as_it_should_be(small, method, path):
    small.misbehave("repository=slow:10s:1", "repository=short:1")
    assert small.get("repository", path, method).read() == b""
    with pytest.raises(ConnectionError):
        small.get("repository", path, method)


@pytest.mark.parametrize("path", PATHS)
def test_bad_xml_has_the_right_length_and_no_end(small, path):
    small.misbehave("repository:/services/*=bad-xml")
    assert small.get("repository", path).read() == small.document, "not an XML service"
    small.misbehave("adhoc=bad-xml:1")
    answer = small.get("adhoc", path)
    body = answer.read()

    assert answer.status == 200
    assert small.document.startswith(body)
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(body)


def test_503_says_when_to_come_again(small):
    small.misbehave("portal=503:1")
    answer = small.get("portal")

    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert answer.read().decode().endswith("asked for.\n")


@pytest.mark.slow
def test_never_ends_when_the_client_hangs_up(small):
    small.misbehave("repository=never:1")
    with socket.create_connection(("localhost", small.port("repository"))) as client:
        client.sendall(b"GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.recv(1)

    assert small.get().status == 200


def test_content_modes_are_left_to_the_handler(small):
    small.misbehave("adhoc=error:CSR_ERROR:1", "adhoc=reset:1")

    assert small.get("adhoc").headers["Mode"] == "error:CSR_ERROR:CR:TEST"
    with pytest.raises((ConnectionError, OSError)):
        small.get("adhoc")
    assert small.get("adhoc").headers["Mode"] is None


def test_each_is_in_the_audit_log_before_it_happens(small):
    before = len(small.entries())
    small.misbehave("adhoc:/a*=503:1", "repository:/b=never:1")
    small.get("adhoc", "/abc").read()
    with socket.create_connection(("localhost", small.port("repository"))) as client:
        client.sendall(b"GET /b HTTP/1.1\r\nHost: localhost\r\n\r\n")
        deadline = time.monotonic() + 20
        while len(small.entries()) < before + 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    first, second = small.entries()[before:]

    assert first["rule"] == "adhoc:/a*=503:1"
    assert (first["service"], first["path"], first["mode"]) == ("adhoc", "/abc", "503")
    assert first["peer"]["address"].startswith("127.0.0.1:")
    assert len(first["peer"]["serial"]) == 32
    assert (second["service"], second["path"], second["mode"]) == ("repository", "/b", "never")
    assert set(second["peer"]) == {"address"}


def test_good_requests_go_on_while_others_are_answered_badly(small):
    small.misbehave(f"repository:/slow=slow:{DEFAULT_SECONDS:g}s")
    slow = threading.Thread(target=lambda: small.get("repository", "/slow"))
    slow.start()
    try:
        assert [small.get("repository", "/a").status for _ in range(5)] == [200] * 5
    finally:
        slow.join()
