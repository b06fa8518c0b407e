"""A DCC Gateway Connection in small: mutual TLS over loopback with DCCKI certificates."""

from __future__ import annotations

import socket
import ssl
import threading

import pytest

from smki_testca.api import Estate
from smki_testca.identifiers import Signifier
from smki_testca.lifecycle.whois import whois_certificate

SECONDS = 10
GATEWAY = ("dcc", "dccki-dcc-gateway")
SUPPLIER = ("supplier-one", "dccki-supplier-one")


def tree(estate):
    return estate / "export" / "pem" / "ZAZ1" / "dccki"


@pytest.fixture
def context(tmp_path):
    """Makes an end of the connection: its own certificate and chain, and the root it trusts."""

    def make(side, identity, estate, trusted):
        purpose = ssl.PROTOCOL_TLS_SERVER if side == "server" else ssl.PROTOCOL_TLS_CLIENT
        made = ssl.SSLContext(purpose)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.verify_mode = ssl.CERT_REQUIRED
        made.verify_flags |= ssl.VERIFY_X509_STRICT
        made.load_verify_locations(tree(trusted) / "ca" / "Root-DCCKICA-ZAZ1-Test.pem")
        if identity is not None:
            holder, name = identity
            own = tree(estate) / holder / f"{name}.pem"
            chain = tree(estate) / "ca" / "EII-DCCKICA-ZAZ1-Test-chain.pem"
            both = tmp_path / f"{side}.pem"
            both.write_bytes(own.read_bytes() + chain.read_bytes())
            made.load_cert_chain(both, own.with_suffix(".key"))
        return made

    return make


def handshake(server, client, name="gateway.dcc.test"):
    """What each end sees: the peer's certificate in DER, or the error it ended in."""
    seen = {}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SECONDS)

        def serve():
            try:
                connection, _ = listener.accept()
                connection.settimeout(SECONDS)
                with connection, server.wrap_socket(connection, server_side=True) as wrapped:
                    seen["client"] = wrapped.getpeercert(binary_form=True)
                    seen["cipher"] = wrapped.cipher()[0]
                    wrapped.sendall(b"served")
            except OSError as error:
                seen["client"] = error

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname(), SECONDS) as connection,
                client.wrap_socket(connection, server_hostname=name) as wrapped,
            ):
                seen["server"] = wrapped.getpeercert(binary_form=True)
                # In TLS 1.3 a client learns only here that the server turned it away.
                assert wrapped.recv(16) == b"served"
        except OSError as error:
            seen["server"] = error
        thread.join(SECONDS)
        assert not thread.is_alive()
    return seen


@pytest.fixture(params=["quickstart", "p256_original"], ids=["RSA 2048", "P-256"])
def home(request):
    """An estate to do with as a test likes, with keys of each type."""
    return request.getfixturevalue(request.param)


def test_two_dccki_certificates_make_a_mutual_connection(context, home):
    seen = handshake(
        context("server", GATEWAY, home, home), context("client", SUPPLIER, home, home)
    )
    assert isinstance(seen["client"], bytes), seen
    assert isinstance(seen["server"], bytes), seen
    with Estate.open(home, lambda: "not needed") as estate:
        register = estate.register.load()
        for der, signifier, holder in (
            (seen["client"], "TPTY-SUPPLIER-ONE", "supplier-one"),
            (seen["server"], "TDCC", "dcc"),
        ):
            answer = whois_certificate(estate, der)
            assert (answer.by, answer.value) == ("signifier", signifier)
            assert answer.participant.id == holder
            assert answer.issued_here is True
            found = register.holder_of_signifier(Signifier(answer.value))
            assert found == answer.participant


def test_the_peer_is_its_party_through_the_command_as_well(context, command, quickstart, tmp_path):
    seen = handshake(
        context("server", GATEWAY, quickstart, quickstart),
        context("client", ("rdp-one", "dccki-rdp-one"), quickstart, quickstart),
    )
    presented = tmp_path / "peer.der"
    presented.write_bytes(seen["client"])
    outcome = command("--json", "--estate", quickstart, "register", "whois", presented)
    assert outcome.code == 0
    assert (outcome.json["participant"], outcome.json["signifier"]) == ("rdp-one", "TRDP-ONE")


@pytest.mark.slow
def test_a_client_of_another_estate_is_turned_away(context, home, other_original):
    seen = handshake(
        context("server", GATEWAY, home, home), context("client", SUPPLIER, other_original, home)
    )
    assert isinstance(seen["client"], ssl.SSLCertVerificationError), seen
    assert isinstance(seen["server"], OSError)


@pytest.mark.slow
def test_a_server_of_another_estate_is_not_trusted(context, home, other_original):
    seen = handshake(
        context("server", GATEWAY, other_original, home), context("client", SUPPLIER, home, home)
    )
    assert isinstance(seen["server"], ssl.SSLCertVerificationError), seen
    assert isinstance(seen["client"], OSError)


def test_a_client_without_a_certificate_is_turned_away(context, quickstart):
    seen = handshake(
        context("server", GATEWAY, quickstart, quickstart),
        context("client", None, quickstart, quickstart),
    )
    assert isinstance(seen["client"], ssl.SSLError), seen


def test_the_host_name_must_be_the_certificates(context, quickstart):
    seen = handshake(
        context("server", GATEWAY, quickstart, quickstart),
        context("client", SUPPLIER, quickstart, quickstart),
        name="gateway.supplier-one.test",
    )
    assert isinstance(seen["server"], ssl.SSLCertVerificationError), seen


def test_the_suites_of_the_smki_services_are_agreed_on(context, quickstart):
    server = context("server", GATEWAY, quickstart, quickstart)
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    client = context("client", SUPPLIER, quickstart, quickstart)
    client.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    seen = handshake(server, client)
    assert seen.get("cipher") == "ECDHE-RSA-AES128-GCM-SHA256", seen
