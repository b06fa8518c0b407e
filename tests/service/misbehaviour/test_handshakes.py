import socket
import ssl
import time

import pytest

from smki_testca.service.misbehaviour.modes import ALERTS

WORDS = {
    "no_application_protocol": "no application protocol",
    "unrecognized_name": "unrecognized name",
    "inappropriate_fallback": "inappropriate fallback",
}


def handshake(small, service="adhoc"):
    """What a client meets: the reason of an error, or None."""
    port = small.port(service)
    context = small.client(service.partition("-")[0])
    try:
        with (
            socket.create_connection(("localhost", port), timeout=30) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            secure.sendall(b"GET /a HTTP/1.0\r\nHost: localhost\r\n\r\n")
            assert secure.recv(15) == b"HTTP/1.0 200 OK"
    except ssl.SSLError as error:
        return getattr(error, "verify_message", None) or str(error)
    return None


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_reaches_the_client_and_the_next_one_gets_in(small, name):
    small.misbehave(f"adhoc=alert:{name}:1")
    met = handshake(small)

    assert f"alert number {ALERTS[name].number}" in met or name.replace("_", " ") in met
    assert handshake(small) is None
    (line,) = small.told
    assert line.startswith("adhoc: 127.0.0.1:")
    assert line.endswith(f"was refused: misbehaviour alert:{name}")


@pytest.mark.slow
@pytest.mark.parametrize("service", ["batched", "repository-https", "portal-https"])
@pytest.mark.parametrize("name", ["certificate_revoked", "handshake_failure"])
def test_every_service_with_tls_sends_alerts(small, name, service):
    small.misbehave(f"{service.partition('-')[0]}=alert:{name}:1")

    assert name.replace("_", " ") in handshake(small, service)
    assert handshake(small, service) is None


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("expired-server-certificate", "certificate has expired"),
        ("wrong-host-certificate", "Hostname mismatch"),
        ("untrusted-server-certificate", "unable to get local issuer certificate"),
    ],
)
def test_a_false_server_certificate_is_refused_by_a_good_client(small, mode, words):
    small.misbehave(f"adhoc={mode}:1")

    assert words in handshake(small)
    assert handshake(small) is None


def test_a_careless_client_is_served_behind_a_false_server_certificate(small):
    small.misbehave("adhoc=expired-server-certificate:1")
    context = small.client()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("localhost", small.port("adhoc")), timeout=30) as plain,
        context.wrap_socket(plain) as secure,
    ):
        secure.sendall(b"GET /a HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert secure.recv(15) == b"HTTP/1.0 200 OK"


def test_handshakes_are_in_the_audit_log(small):
    rule = "adhoc=alert:access_denied:7"
    small.misbehave(rule)
    handshake(small)
    entries, deadline = [], time.monotonic() + 60
    while not entries and time.monotonic() < deadline:
        # It is written while the handshake goes on: perhaps after its end.
        entries = [entry for entry in small.entries() if entry["rule"] == rule]
    (entry,) = entries

    assert (entry["service"], entry["mode"]) == ("adhoc", "alert:access_denied")
    assert "path" not in entry
    assert entry["peer"]["address"].startswith("127.0.0.1:")
