"""Every way in which a call of a service can fail has its own code, and one clear line."""

from __future__ import annotations

import socket
import ssl
import threading
import time

import pytest

import bad_servers
from bad_servers import answers, authority, context, issued, response, serving
from smki_testca.client import caller
from smki_testca.client.address import Address
from smki_testca.client.caller import ServiceCaller, ServiceRequest, check_status
from smki_testca.client.credentials import Credentials
from smki_testca.client.handshake import TlsVersion
from smki_testca.client.service_errors import ServiceError
from smki_testca.client.timed_socket import TimedSocket
from smki_testca.client.trace import Step, Trace
from smki_testca.errors import ExitCode
from smki_testca.x509.pem import to_pem

SOON = 1.0
"""The seconds of a step that is to time out; the others end in time on a busy machine, too."""
LIMIT = 1000
OURS = (authority().der,)


def call(port, *, scheme="https", host="localhost", path="/", method="GET", body=None, **how):
    """The answer of a server on this machine, and the trace."""
    how = {"seconds": 20.0, "authorities": OURS, **how}
    trace = Trace()
    address = Address.parse(f"{scheme}://{host}:{int(port)}{path}")
    answer = ServiceCaller(**how).call(ServiceRequest(method, address, LIMIT, body), trace)
    check_status(answer)
    return answer, trace


def fails(code, step, port, *, exit_code=ExitCode.SERVICE, **how):
    """The error of a call that fails in a step."""
    with pytest.raises(ServiceError) as caught:
        call(port, **how)
    error = caught.value
    assert (error.code, error.exit_code) == (code, exit_code), error.message
    assert error.step in {step, ""}
    assert "\n" not in error.message
    assert "_ssl.c" not in error.message
    assert error.remedy
    return error


@pytest.fixture
def client(tmp_path):
    """Makes the credentials of a client."""

    def made(label="client", ca="Test CA", **more):
        return Credentials.read(*issued(label, ca, **more).files(tmp_path, label), None)

    return made


OK = answers(response(b"<a/>"))


def test_a_call_that_goes_well_tells_each_step_and_what_tls_agreed_on(tmp_path, client):
    with serving(OK, tls=context(tmp_path, clients="Test CA")) as port:
        answer, trace = call(port, credentials=client())
    assert answer.body == b"<a/>"
    assert [each.step for each in trace.passed] == list(Step)[:5]
    tls = trace.as_json()["tls"]
    assert tls["version"] == "TLSv1.3"
    assert tls["suite"].startswith("TLS_")
    assert tls["server_certificate"]["subject"] == "CN=localhost"
    assert tls["server_certificate"]["issuer"] == "CN=Test CA"
    assert len(tls["server_certificate"]["sha256"]) == 64
    assert tls["client_certificate_asked_for"]
    assert tls["client_certificate_sent"] == "CN=client"


@pytest.mark.parametrize("version", TlsVersion)
def test_one_version_of_tls_can_be_insisted_on(tmp_path, version):
    with serving(OK, tls=context(tmp_path)) as port:
        _, trace = call(port, version=version)
    assert trace.tls is not None
    assert trace.tls.version == f"TLSv{version.value}"
    assert not trace.tls.is_asked
    assert trace.tls.sent is None


def test_without_tls_there_is_no_such_step():
    with serving(OK) as port:
        _, trace = call(port, scheme="http")
    assert Step.TLS not in [each.step for each in trace.passed]
    assert trace.as_json()["tls"] is None


def test_a_name_that_is_not_found():
    error = fails("client.name_not_found", "resolve", 1, host="nowhere.invalid")
    assert "nowhere.invalid" in error.message


@pytest.mark.slow
def test_a_name_for_which_no_server_answers_in_time(monkeypatch):
    ended = threading.Event()

    def wait(*_, **__):
        ended.wait(bad_servers.SECONDS)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    fails("client.timeout", "resolve", 1, seconds=SOON)
    ended.set()


def test_a_connection_that_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert str(port) in fails("client.connection_refused", "connect", port).message


@pytest.mark.slow
def test_a_connection_that_is_never_taken(monkeypatch):
    def wait(connection, _place):
        time.sleep(connection.gettimeout())
        raise TimeoutError

    monkeypatch.setattr(socket.socket, "connect", wait)
    fails("client.timeout", "connect", 1, seconds=SOON)


def test_a_host_that_cannot_be_reached(monkeypatch):
    def fail(_connection, _place):
        raise OSError(113, "No route to host")

    monkeypatch.setattr(socket.socket, "connect", fail)
    assert "No route to host" in fails("client.unreachable", "connect", 1).message


@pytest.mark.slow
def test_a_handshake_that_takes_too_long():
    with serving(bad_servers.never) as port:
        error = fails("client.timeout", "tls", port, seconds=SOON)
    assert "handshake" in error.message


@pytest.mark.slow
def test_a_handshake_that_drips_for_ever_times_out():
    def behave(connection, _requests):
        connection.recv(1 << 16)
        connection.sendall(b"\x16\x03\x03\x40\x00")
        for _ in range(1000):
            connection.sendall(b"a")
            time.sleep(SOON / 20)

    with serving(behave) as port:
        fails("client.timeout", "tls", port, seconds=SOON)


def test_a_server_that_closes_in_the_handshake():
    with serving(lambda connection, _: connection.recv(1 << 16)) as port:
        fails("client.reset", "tls", port)


def test_a_server_that_does_not_speak_tls():
    def behave(connection, _requests):
        connection.recv(1 << 16)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.recv(1)

    with serving(behave) as port:
        fails("client.not_tls", "tls", port)


def test_a_server_of_a_ca_that_is_not_trusted(tmp_path):
    with serving(OK, tls=context(tmp_path)) as port:
        error = fails("client.server_untrusted", "tls", port, authorities=(authority("Other").der,))
    assert "issued by CN=Test CA" in error.message
    assert error.connection is not None
    tls = error.connection["tls"]
    assert tls["server_certificate"]["subject"] == "CN=localhost"
    assert tls["client_certificate_asked_for"] is None


def test_a_server_that_the_system_does_not_trust(tmp_path):
    with serving(OK, tls=context(tmp_path)) as port:
        fails("client.server_untrusted", "tls", port, authorities=None)


def test_a_server_of_another_name(tmp_path):
    server = issued("other", host="other.example")
    with serving(OK, tls=context(tmp_path, server)) as port:
        error = fails("client.server_name", "tls", port)
    assert "localhost" in error.message


def test_a_server_that_is_called_by_another_address(tmp_path):
    with serving(OK, tls=context(tmp_path)) as port:
        fails("client.server_name", "tls", port, host="127.0.0.1")


def test_a_server_whose_certificate_has_expired(tmp_path):
    server = issued(begin=-3, end=-2)
    with serving(OK, tls=context(tmp_path, server)) as port:
        error = fails("client.server_expired", "tls", port)
    assert server.certificate.not_valid_after_utc.strftime("%Y-%m-%d") in error.message


def test_a_server_whose_certificate_is_not_valid_yet(tmp_path):
    with serving(OK, tls=context(tmp_path, issued(begin=2, end=3))) as port:
        fails("client.server_future", "tls", port)


def test_a_server_with_a_certificate_for_something_else(tmp_path):
    # A CA's own, which no server has.
    with serving(OK, tls=context(tmp_path, authority())) as port:
        error = fails("client.server_certificate", "tls", port, authorities=OURS)
    assert error.message


@pytest.mark.parametrize(
    ("server", "ours"),
    [(ssl.TLSVersion.TLSv1_2, TlsVersion.V1_3), (ssl.TLSVersion.TLSv1_3, TlsVersion.V1_2)],
)
def test_no_version_of_tls_in_common(tmp_path, server, ours):
    with serving(OK, tls=context(tmp_path, version=server)) as port:
        fails("client.tls_version", "tls", port, version=ours)


def test_no_cipher_suite_in_common(tmp_path):
    tls = context(tmp_path, version=ssl.TLSVersion.TLSv1_2)
    tls.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")  # and its key is on a curve
    with serving(OK, tls=tls) as port:
        fails("client.tls_suite", "tls", port)


VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@VERSIONS
def test_a_server_that_asks_for_a_certificate_and_gets_none(tmp_path, version):
    with serving(OK, tls=context(tmp_path, clients="Test CA", version=version)) as port:
        step = "tls" if version is ssl.TLSVersion.TLSv1_2 else "answer"
        code = "client.certificate_missing"
        error = fails(code, step, port, exit_code=ExitCode.REFUSED)
    assert "--cert" in error.remedy


@VERSIONS
@pytest.mark.parametrize(
    ("alert", "more"),
    [
        ("unknown_ca", {"ca": "Other"}),
        ("certificate_expired", {"begin": -3, "end": -2}),
        ("certificate_revoked", {}),
    ],
)
def test_a_server_that_refuses_our_certificate_with_an_alert(
    tmp_path, client, version, alert, more
):
    lists = b""
    if alert == "certificate_revoked":
        lists = to_pem(bad_servers.revocation_list(issued("client")), "X509 CRL")
    tls = context(tmp_path, clients="Test CA", lists=lists, version=version)
    with serving(OK, tls=tls) as port, pytest.raises(ServiceError) as caught:
        call(port, credentials=client(**more), method="POST", body=b"x" * 100)
    error = caught.value
    assert error.code == "client.certificate_refused", error.message
    assert error.exit_code is ExitCode.REFUSED
    assert alert in error.message
    assert error.connection is not None
    assert error.connection["tls"]["client_certificate_sent"] == "CN=client"


def test_another_alert_is_told_by_its_name():
    internal_error = bytes.fromhex("15030300020250")

    def behave(connection, _requests):
        connection.recv(1 << 16)
        connection.sendall(internal_error)
        connection.recv(1)

    with serving(behave) as port:
        error = fails("client.tls_alert", "tls", port)
    assert "internal_error" in error.message


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_never_answers(tmp_path, scheme):
    tls = context(tmp_path) if scheme == "https" else None
    with serving(bad_servers.never, tls=tls) as port:
        error = fails("client.timeout", "answer", port, scheme=scheme, seconds=SOON)
    assert f"{SOON:g} s" in error.message


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("behaviour", [bad_servers.closes, bad_servers.resets])
def test_a_server_that_ends_the_connection_without_an_answer(tmp_path, scheme, behaviour):
    tls = context(tmp_path) if scheme == "https" else None
    with serving(behaviour, tls=tls) as port:
        fails("client.reset", "answer", port, scheme=scheme)


@pytest.mark.slow
def test_headers_that_drip_for_ever_time_out():
    def behave(connection, requests):
        requests.append(bad_servers.read_request(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(1000):
            connection.sendall(f"X-{number}: a\r\n".encode())
            time.sleep(SOON / 20)

    with serving(behave) as port:
        fails("client.timeout", "answer", port, scheme="http", seconds=SOON)


@pytest.mark.slow
def test_a_body_that_drips_for_ever_times_out(monkeypatch):
    monkeypatch.setattr(caller, "BODY_TIMES", 1)

    def behave(connection, requests):
        requests.append(bad_servers.read_request(connection))
        connection.sendall(response(Content_Length=LIMIT))
        for _ in range(LIMIT):
            connection.sendall(b"a")
            time.sleep(SOON / 20)

    with serving(behave) as port:
        fails("client.timeout", "answer", port, scheme="http", seconds=SOON)


@pytest.mark.slow
def test_a_request_that_nobody_reads_times_out():
    ended = threading.Event()
    with serving(lambda *_: ended.wait(bad_servers.SECONDS)) as port:
        try:
            fails(
                "client.timeout",
                "request",
                port,
                scheme="http",
                method="POST",
                body=b"x" * (1 << 25),
                seconds=SOON,
            )
        finally:
            ended.set()


@pytest.fixture
def cut_off(monkeypatch):
    """Makes each request fail once it was sent, as where a server reads no more."""
    send = TimedSocket.sendall

    def fail(self, data):
        send(self, data)
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(TimedSocket, "sendall", fail)


@pytest.mark.usefixtures("cut_off")
def test_an_answer_to_a_request_that_could_not_be_sent_is_told():
    with serving(answers(response(b"over 40 MB\n", "413 Too Large", "text/plain"))) as port:
        error = fails("client.http_status", "", port, scheme="http")
    assert "over 40 MB" in error.message


@pytest.mark.usefixtures("cut_off")
def test_a_request_that_could_not_be_sent_and_has_no_answer():
    with serving(bad_servers.closes) as port:
        error = fails("client.reset", "request", port, scheme="http")
    assert "before it had the whole request: Broken pipe" in error.message


def test_an_answer_before_the_whole_request_was_read_is_told():
    def behave(connection, _requests):
        connection.recv(100)
        connection.sendall(response(b"over 40 MB\n", "413 Too Large", "text/plain"))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 16):
            pass

    with serving(behave) as port:
        error = fails(
            "client.http_status", "", port, scheme="http", method="POST", body=b"x" * (1 << 22)
        )
    assert "HTTP 413 Too Large: over 40 MB." in error.message


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "octets",
    [
        response(b"<a/>", Content_Length=100),
        response(b"20\r\n<a/>", Transfer_Encoding="chunked"),
    ],
)
def test_a_body_that_is_cut_off(tmp_path, scheme, octets):
    tls = context(tmp_path) if scheme == "https" else None
    with serving(answers(octets), tls=tls) as port:
        error = fails("client.short", "answer", port, scheme=scheme)
    assert "cut off" in error.message


@pytest.mark.parametrize(
    "octets",
    [
        response(b"a" * (LIMIT + 1)),
        response(Content_Length=1 << 60),
        response(b"%x\r\n%s" % (LIMIT + 1, b"a" * (LIMIT + 1)), Transfer_Encoding="chunked"),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"a" * (LIMIT + 1),
    ],
)
def test_a_body_that_is_too_long(octets):
    with serving(answers(octets)) as port:
        error = fails("client.too_long", "answer", port, scheme="http")
    assert "1,000 octets" in error.message


def test_a_body_of_just_the_limit_is_read():
    with serving(answers(response(b"a" * LIMIT))) as port:
        answer, _ = call(port, scheme="http")
    assert len(answer.body) == LIMIT


def test_a_body_that_is_compressed():
    with serving(answers(response(b"x", Content_Encoding="gzip"))) as port:
        fails("client.compressed", "answer", port, scheme="http")


@pytest.mark.parametrize(
    "octets",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000 + b"\r\n\r\n",
    ],
)
def test_what_is_not_http(octets):
    with serving(answers(octets)) as port:
        fails("client.not_http", "answer", port, scheme="http")


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_access_that_is_denied_is_told_with_the_services_own_words(status):
    octets = response(b"The certificate is revoked.\nmore", status, "text/plain; charset=utf-8")
    with serving(answers(octets)) as port:
        error = fails("client.denied", "", port, scheme="http", exit_code=ExitCode.REFUSED)
    assert error.message == (
        f"The service denies access (HTTP {status}): The certificate is revoked."
    )


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oh", "503 Busy", "204 None"])
def test_any_other_status(status):
    with serving(answers(response(b"", status, ""))) as port:
        error = fails("client.http_status", "", port, scheme="http")
    assert f"HTTP {status}" in error.message


def test_a_redirection_is_told_and_not_followed():
    octets = response(b"", "302 Found", "", Location="http://elsewhere.example/")
    with serving(answers(octets)) as port:
        error = fails("client.redirect", "", port, scheme="http")
        assert len(port.requests) == 1
    assert "elsewhere.example" in error.message


def test_hostile_words_of_a_service_neither_add_lines_nor_control_a_terminal():
    octets = response(b"\x1b[31mred\x07", "403 \x1b[2J", "text/plain")
    with serving(answers(octets)) as port:
        error = fails("client.denied", "", port, scheme="http", exit_code=ExitCode.REFUSED)
    assert error.message.isprintable()
