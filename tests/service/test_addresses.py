"""Where the services are served, and for which names the servers' certificate is."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

import pytest

from smki_testca.errors import EstateError, InputError
from smki_testca.service.settings import Settings, host_name

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound to it here


def test_all_addresses_are_told_by_names_that_can_be_called():
    everywhere = Settings(bind=EVERYWHERE)
    own = host_name(socket.gethostname())
    assert everywhere.host == own
    assert EVERYWHERE not in everywhere.certified
    named = Settings(bind=EVERYWHERE, host_names=("ca.example.test",))
    assert named.host == "ca.example.test"
    assert own in named.certified


def test_one_address_is_told_as_it_is_and_this_machine_as_localhost():
    assert Settings(bind="192.0.2.7").certified == ("192.0.2.7",)
    assert Settings(bind="2001:db8::7").host == "[2001:db8::7]"
    assert Settings(host_names=("ca.example.test",)).host == "localhost"


@pytest.mark.parametrize("name", ["", "foo bar", "https://a", "a:8080", "ü.example", "a..b", "-a"])
def test_what_is_no_name_of_a_host_is_refused(name):
    with pytest.raises(InputError) as refused:
        host_name(name)
    assert refused.value.code == "service.host_name"


@pytest.mark.slow
def test_the_servers_certificate_is_for_the_names_that_were_given(serve):
    serving = serve(host_names=("ca.example.test",))
    trusting = ssl.create_default_context(cafile=serving.services["repository"]["ca"])
    port = urlsplit(serving.services["repository"]["https_url"]).port
    for name in ("ca.example.test", "localhost", "127.0.0.1"):
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            trusting.wrap_socket(plain, server_hostname=name) as tls,
        ):
            assert tls.version() == "TLSv1.2"


@pytest.mark.slow
@pytest.mark.parametrize("address", ["203.0.113.9", "nowhere.invalid"])
def test_an_address_that_this_machine_does_not_have(serve, address):
    with pytest.raises(EstateError) as failed:
        serve(bind=address)
    assert failed.value.code == "service.address"
    assert "--bind" in failed.value.remedy


@pytest.mark.slow
def test_a_port_that_is_taken(serve, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr("smki_testca.service.settings.Listener.port", lambda *_: port)
        with pytest.raises(EstateError, match="portal cannot be served") as failed:
            serve()
    assert failed.value.code == "service.port"
    assert "attempting" not in failed.value.message
