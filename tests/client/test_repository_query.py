"""Search and retrieval, against repositories that answer anything."""

from __future__ import annotations

import base64

import pytest

import bad_servers
import csrs
from bad_servers import answers, response, serving
from smki_testca.client.address import Address
from smki_testca.client.caller import ServiceCaller
from smki_testca.client.repository_account import RepositoryAccount
from smki_testca.client.repository_query import RepositoryClient
from smki_testca.client.service_errors import ServiceError
from smki_testca.client.trace import Trace
from smki_testca.errors import ExitCode, InputError

DEVICE = "00-DB-12-00-00-00-00-05"
FIELDS = (
    "<CertificateSerial>{serial}</CertificateSerial>"
    f"<CertificateSubjectAltName>{DEVICE}</CertificateSubjectAltName>"
    "<CertificateStatus>I</CertificateStatus><CertificateUsage>KA</CertificateUsage>"
    "<ManufacturingFlag>false</ManufacturingFlag>"
)


def document(name, content="", code="200", message="OK"):
    return (
        f"<{name}><ResponseCode>{code}</ResponseCode><ResponseMessage>{message}</ResponseMessage>"
        f"<AuditReference>1</AuditReference>{content}</{name}>"
    ).encode()


def found(content="", **more):
    return document("CertificateSearchResponse", content, **more)


def result(serial="AB"):
    return f"<Result>{FIELDS.format(serial=serial)}</Result>"


@pytest.fixture(scope="module")
def certificate():
    return bad_servers.device_certificate(csrs.new_key())


def retrieved(der):
    body = f"<CertificateBody>{base64.b64encode(der).decode()}</CertificateBody>"
    inside = f"<CertificateResponse>{FIELDS.format(serial='4D')}{body}</CertificateResponse>"
    return document("CertificateDataResponse", inside)


def ask(octets, call, value, *, api_key="", path=""):
    with serving(answers(octets)) as port:
        address = Address.parse(f"http://localhost:{int(port)}{path}")
        client = RepositoryClient(ServiceCaller(20), address, RepositoryAccount(api_key))
        return getattr(client, call)(value, Trace()), port.requests


def fails(code, octets, call, value, exit_code=ExitCode.SERVICE):
    with pytest.raises(ServiceError) as caught:
        ask(octets, call, value)
    assert caught.value.code == code, caught.value.message
    assert caught.value.exit_code is exit_code
    return caught.value


def test_a_device_is_searched_by_its_id():
    (one, two), ((head, body),) = ask(response(found(result() + result("CD"))), "search", DEVICE)
    assert one.as_json() == {
        "serial": "AB",
        "name": DEVICE,
        "status": "I",
        "role": "",
        "usage": "KA",
        "manufacturing": "false",
    }
    assert two.serial == "CD"
    assert head.startswith(b"POST /services/certificatesearch?apikey=any HTTP/1.1\r\n")
    assert f"<CertificateSubjectAltName>{DEVICE}</CertificateSubjectAltName>".encode() in body


def test_an_organisation_is_searched_by_its_name():
    _, ((_, body),) = ask(response(found()), "search", "Z1-supplier & <sons>")
    wanted = b"<CertificateSubjectName>Z1-supplier &amp; &lt;sons&gt;</CertificateSubjectName>"
    assert wanted in body


def test_an_organisation_is_searched_by_its_eui64_if_one_says_so():
    with serving(answers(response(found()))) as port:
        client = RepositoryClient(ServiceCaller(20), Address.parse(f"http://localhost:{int(port)}"))
        client.search(DEVICE, Trace(), is_organisation=True)
        assert f"<CertificateSubjectName>{DEVICE}</".encode() in port.requests[0][1]
    nothing = response(found(code="402"))
    told = fails("client.nothing_found", nothing, "search", DEVICE, ExitCode.REFUSED)
    assert "--organisation" in told.remedy


def test_the_api_key_is_sent_in_the_query_and_in_no_message():
    with serving(answers(response(b"", "500 No", ""))) as port:
        client = RepositoryClient(
            ServiceCaller(20),
            Address.parse(f"http://localhost:{int(port)}"),
            RepositoryAccount("se cret&"),
        )
        with pytest.raises(ServiceError) as caught:
            client.search(DEVICE, Trace())
        assert port.requests[0][0].startswith(
            b"POST /services/certificatesearch?apikey=se%20cret%26 HTTP/1.1"
        )
    assert "cret" not in str(caught.value.as_json())


def test_a_search_takes_a_name_and_a_password_over_tls_alone(tmp_path):
    account = RepositoryAccount(name="me", password="pass")  # noqa: S106 - of a test
    plain = Address.parse("http://localhost:1")
    with pytest.raises(InputError) as caught:
        RepositoryClient(ServiceCaller(20), plain, account).search(DEVICE, Trace())
    assert caught.value.code == "client.password_in_clear"
    with serving(answers(response(found())), tls=bad_servers.context(tmp_path)) as port:
        caller = ServiceCaller(20, (bad_servers.authority().der,))
        address = Address.parse(f"https://localhost:{int(port)}")
        RepositoryClient(caller, address, account).search(DEVICE, Trace())
    ((head, _),) = port.requests
    assert b"Authorization: Basic " + base64.b64encode(b"me:pass") in head


def test_a_certificate_is_retrieved_by_its_number(certificate):
    (one, gotten), ((head, body),) = ask(response(retrieved(certificate)), "retrieve", "4d")
    assert one.status == "I"
    assert gotten.der == certificate
    assert head.startswith(b"POST /services/retrievecertificate?apikey=any HTTP/1.1\r\n")
    assert b"<CertificateSerial>4D</CertificateSerial>" in body


def test_leading_zeros_of_a_serial_number_do_not_matter(certificate):
    (_, gotten), _ = ask(response(retrieved(certificate)), "retrieve", "00004D")
    assert gotten.der == certificate


def test_another_certificate_than_was_asked_for(certificate):
    fails("client.other_serial", response(retrieved(certificate)), "retrieve", "4E")


@pytest.mark.parametrize("status", ["402 Payment Required", "200 OK"])
def test_nothing_found(status):
    octets = response(found(code="402", message="No certificate"), status)
    told = fails("client.nothing_found", octets, "search", DEVICE, ExitCode.REFUSED)
    assert "No certificate" in told.message


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (response(found(code="401", message="Bad name"), "401 Unauthorized"), "Bad name"),
        (response(b"The URL has no apikey.\n", "401 No", "text/plain"), "no apikey"),
        (response(b"", "401 Nobody", ""), "Nobody"),
        (response(found(code="", message="")), "no ResponseCode"),
    ],
)
def test_a_query_that_is_refused(octets, says):
    told = fails("client.query_refused", octets, "search", DEVICE, ExitCode.REFUSED)
    assert says in told.message
    assert "--api-key-file" in told.remedy


def test_access_that_is_denied():
    octets = response(b"Not you.", "403 Forbidden", "text/plain")
    fails("client.denied", octets, "search", DEVICE, ExitCode.REFUSED)


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (response(b"", "503 Busy", ""), "client.http_status"),
        (response(b"<html>"), "client.not_xml"),
        (response(document("CertificateSearchResponse")), "client.other_document"),
        (response(document("CertificateDataResponse")), "client.incomplete"),
        (response(retrieved(b"")), "client.no_certificate"),
    ],
)
def test_an_answer_that_is_of_no_use(octets, code):
    fails(code, octets, "retrieve", "4D")


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 257])
def test_a_name_that_nothing_has_is_not_asked_for(name):
    with pytest.raises(InputError) as caught:
        ask(response(found()), "search", name)
    assert caught.value.code == "client.name"


@pytest.mark.parametrize("serial", ["", "0x4D", "xyz", "1" * 65])
def test_a_serial_number_that_is_none_is_not_asked_for(serial):
    with pytest.raises(InputError) as caught:
        ask(response(found()), "retrieve", serial)
    assert caught.value.code == "serial.form"
