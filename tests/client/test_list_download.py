"""A revocation list is downloaded and checked, whatever a repository gives."""

from __future__ import annotations

import base64

import pytest

import bad_servers
import csrs
from bad_servers import answers, authority, issued, response, revocation_list, serving
from smki_testca.client import list_download
from smki_testca.client.address import Address
from smki_testca.client.caller import ServiceCaller
from smki_testca.client.repository_account import RepositoryAccount
from smki_testca.client.service_errors import ServiceError
from smki_testca.client.trace import Step, Trace
from smki_testca.errors import ExitCode, InputError
from smki_testca.x509.pem import to_pem

ISSUERS = (authority().der,)
NOBODY = RepositoryAccount()


def download(octets, *, issuers=ISSUERS, account=NOBODY, path="/a.crl"):
    with serving(answers(octets)) as port:
        address = Address.parse(f"http://localhost:{int(port)}{path}")
        found = list_download.download(
            ServiceCaller(20), address, account, issuers, bad_servers.NOW, Trace()
        )
    return found, port.requests


def fails(code, body, issuers=ISSUERS):
    with pytest.raises(ServiceError) as caught:
        download(response(body), issuers=issuers)
    assert (caught.value.code, caught.value.step) == (code, Step.CHECK), caught.value.message
    assert caught.value.exit_code is ExitCode.SERVICE
    return caught.value


@pytest.mark.parametrize("form", [lambda der: der, lambda der: to_pem(der, "X509 CRL")])
def test_a_list_that_holds_is_given_with_what_it_says(form):
    der = revocation_list(issued("client"))
    found, ((head, _),) = download(response(form(der), media_type="application/pkix-crl"))
    assert found.der == der
    assert found.is_verified
    assert (found.issuer, found.number, found.entries) == ("CN=Test CA", 7, 1)
    assert head.startswith(b"GET /a.crl HTTP/1.1\r\n")


def test_without_the_cas_certificate_the_signature_is_not_checked_and_that_is_said():
    found, _ = download(response(revocation_list(key=csrs.new_key())), issuers=())
    assert not found.is_verified
    assert found.as_json()["signature_checked"] is False


def test_a_stale_list():
    assert "nextUpdate" in fails("client.list_stale", revocation_list(begin=-3, end=-2)).message


def test_a_list_that_is_not_valid_yet():
    assert "thisUpdate" in fails("client.list_future", revocation_list(begin=2, end=3)).message


def test_a_list_with_another_signature():
    fails("client.list_signature", revocation_list(key=csrs.new_key()))


def test_a_list_of_a_ca_that_is_not_at_hand():
    assert "Other" in fails("client.list_issuer", revocation_list(ca="Other")).message


@pytest.mark.parametrize("body", [b"", b"<html>", authority().der, b"0\x03\x02\x01\x05"])
def test_what_is_no_list(body):
    fails("client.no_list", body)


def test_a_file_of_two_lists():
    two = to_pem(revocation_list(), "X509 CRL") + to_pem(revocation_list(number=8), "X509 CRL")
    assert "2 documents" in fails("client.no_list", two).message


def test_a_list_that_is_not_there():
    with pytest.raises(ServiceError) as caught:
        download(response(b"There is no CA.", "404 Not Found", "text/plain"))
    assert caught.value.code == "client.http_status"
    assert "There is no CA" in caught.value.message


def test_an_api_key_goes_into_the_query():
    _, ((head, _),) = download(response(revocation_list()), account=RepositoryAccount("key"))
    assert head.startswith(b"GET /a.crl?apikey=key HTTP/1.1\r\n")


def test_a_password_is_sent_over_tls_alone(tmp_path):
    account = RepositoryAccount(name="me", password="pass")  # noqa: S106 - of a test
    with pytest.raises(InputError) as caught:
        download(response(revocation_list()), account=account)
    assert caught.value.code == "client.password_in_clear"
    with serving(answers(response(revocation_list())), tls=bad_servers.context(tmp_path)) as port:
        address = Address.parse(f"https://localhost:{int(port)}/a.crl")
        caller = ServiceCaller(20, ISSUERS)
        list_download.download(caller, address, account, ISSUERS, bad_servers.NOW, Trace())
    ((head, _),) = port.requests
    assert b"Authorization: Basic " + base64.b64encode(b"me:pass") in head


@pytest.mark.parametrize(("name", "password"), [("a:b", "c"), ("a\nb", "c"), ("a", "b\x00")])
def test_a_name_or_password_that_basic_cannot_send(name, password):
    with pytest.raises(InputError) as caught:
        download(response(b""), account=RepositoryAccount(name=name, password=password))
    assert caught.value.code == "client.user"


def test_a_base_names_no_list():
    with pytest.raises(InputError) as caught:
        download(response(revocation_list()), path="")
    assert caught.value.code == "client.url"
