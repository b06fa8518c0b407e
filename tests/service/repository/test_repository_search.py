"""Search and retrieval answer as the DCC's client expects."""

from __future__ import annotations

import base64
import socket
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from smki_testca.authority.revocation import Reason
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.identifiers import Eui64
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.service.repository import certificate_search, published, search_messages
from smki_testca.service.repository.certificate_search import MAX_OCTETS

METER = "00-DB-12-00-00-00-00-01"
SUPPLIER = "90-B3-D5-1F-30-01-00-00"


def device(text):
    return f"<CertificateSubjectAltName>{text}</CertificateSubjectAltName>"


def named(text):
    return f"<CertificateSubjectName>{text}</CertificateSubjectName>"


def results(answer):
    """The results of a search, each as the texts of its elements by their names."""
    assert answer.status == 200, answer.text
    root = answer.xml
    assert root.tag == "CertificateSearchResponse"
    assert [child.tag for child in root][:3] == [
        "ResponseCode",
        "ResponseMessage",
        "AuditReference",
    ]
    assert root.findtext("ResponseCode") == "200"
    return [{child.tag: child.text for child in result} for result in root.findall("Result")]


def code_of(answer):
    """The code of an answer, the same in HTTP and in the message."""
    assert answer.headers["Content-Type"].startswith("application/xml")
    assert str(answer.status) == answer.xml.findtext("ResponseCode")
    return answer.status


def records(serving, **selection):
    with serving.open() as estate:
        return list(estate.select(Selection(**selection)))


@pytest.mark.parametrize("text", [METER, METER.lower(), f"\n {METER} <!-- x -->"])
def test_a_device_is_found_by_its_eui_64_with_hyphens_in_any_case(repository, serving, text):
    issued = records(serving, eui64=Eui64.parse(METER))
    found = results(repository.search(device(text)))
    assert [one["CertificateSerial"] for one in found] == [str(one.serial) for one in issued]
    assert {one["CertificateUsage"] for one in found} == {"DS", "KA"}
    # Other tests may have had it replaced by its supplier.
    makers = {str(one.serial) for one in issued if one.participant == "meters-one"}
    for one in found:
        assert list(one) == [
            *("CertificateSerial", "CertificateSubjectAltName", "CertificateStatus"),
            *("CertificateUsage", "ManufacturingFlag"),
        ]
        assert one["CertificateSubjectAltName"] == METER
        assert one["CertificateStatus"] == "I"
        assert one["ManufacturingFlag"] == str(one["CertificateSerial"] in makers).lower()


def test_an_organisation_is_found_by_its_name_or_by_its_eui_64(repository, serving):
    with serving.open() as estate:
        issued = [
            record
            for record in estate.select(Selection(eui64=Eui64.parse(SUPPLIER)))
            if record.hierarchy == Hierarchy.ORGANISATION
        ]
        names = {record.name for record in issued}
    found = results(repository.search(named(SUPPLIER)))
    assert {one["CertificateSerial"] for one in found} == {str(one.serial) for one in issued}
    assert {one["CertificateSubjectName"] for one in found} == {name or SUPPLIER for name in names}
    assert {one["CertificateRole"] for one in found} == {str(one.role) for one in issued}
    assert all("CertificateSubjectAltName" not in one for one in found)
    assert all(one["ManufacturingFlag"] == "false" for one in found)


@pytest.mark.parametrize(("name", "role"), [("Z1", "7"), ("ZA", "0"), ("DZ1", None)])
def test_a_ca_is_found_by_its_name_with_its_role_and_no_usage(repository, name, role):
    (found,) = results(repository.search(named(name)))
    assert (found["CertificateSubjectName"], found.get("CertificateRole")) == (name, role)
    assert "CertificateUsage" not in found


@pytest.mark.shows("¶26", "R5")
def test_a_certificate_is_retrieved_by_its_serial_number_in_every_form(repository, serving):
    record = records(serving, eui64=Eui64.parse(METER))[0]
    digits = str(record.serial)
    shortest, longest = f"{record.serial.value:x}", f"{record.serial.value:064X}"
    for text in (digits, digits.lower(), shortest, longest, f" {digits}\n"):
        answer = repository.retrieve(text)
        assert code_of(answer) == 200
        assert answer.xml.tag == "CertificateDataResponse"
        response = answer.xml.find("CertificateResponse")
        fields = {child.tag: child.text for child in response}
        body = fields.pop("CertificateBody")
        assert base64.b64decode(body, validate=True) == record.der
        assert fields == next(
            one
            for one in results(repository.search(device(METER)))
            if one["CertificateSerial"] == digits
        )


@pytest.mark.parametrize("serial", ["1", "0", "f" * 32, "7" * 64])
def test_a_serial_number_of_no_certificate_is_not_found(repository, serial):
    answer = repository.retrieve(serial)
    assert code_of(answer) == 402
    assert answer.xml.find("CertificateResponse") is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "inner",
    [
        device("00-DB-12-00-00-00-FF-FF"),
        device(SUPPLIER),  # a User's is in no subjectAltName
        named("nobody"),
        named(METER),
        named("z1"),
        named("Root ICA ZAZ1 Test"),
    ],
)
def test_what_the_repository_does_not_have_is_not_found(repository, inner):
    answer = repository.search(inner)
    assert code_of(answer) == 402
    assert answer.xml.find("Result") is None


def test_certificates_of_other_pkis_are_not_retrieved(repository, serving):
    for profile in ("iki", "dccki"):
        record = records(serving, profile=profile)[0]
        assert code_of(repository.retrieve(record.serial)) == 402
        assert repository.get(f"/certificate/{record.serial}/certificate.cer").status == 404


BAD_SEARCHES = {
    "nothing": "",
    "both names": device(METER) + named("Z1"),
    "twice": device(METER) * 2,
    "an empty name": named(" "),
    "no hyphens": device(METER.replace("-", "")),
    "seven octets": device(METER[:-3]),
    "no EUI-64": device("a meter"),
    "another element": "<CertificateStatus>I</CertificateStatus>",
    "an element in it": device(f"<b>{METER}</b>"),
    "a long name": named("a" * 257),
    "a namespace": f'<x:CertificateSubjectName xmlns:x="urn:x">{METER}</x:CertificateSubjectName>',
    "nil": '<CertificateSubjectName xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xsi:nil="true"/>',
    "an entity": named("&all;"),
}


@pytest.mark.slow
@pytest.mark.parametrize("inner", BAD_SEARCHES.values(), ids=BAD_SEARCHES)
def test_bad_search_parameters_are_answered_with_401_and_the_reason(repository, inner):
    answer = repository.search(inner)
    assert code_of(answer) == 401
    assert answer.xml.findtext("ResponseMessage").endswith(".")


BAD_DOCUMENTS = {
    "empty": b"",
    "no XML": b"serial=1",
    "another root": b"<CertificateDataRequest/>",
    "cut off": b"<CertificateSearchRequest><CertificateSubjectName>Z1",
    "UTF-16": f"<CertificateSearchRequest>{named('Z1')}</CertificateSearchRequest>".encode(
        "utf-16"
    ),
    "Latin-1": b'<?xml version="1.0" encoding="ISO-8859-1"?><CertificateSearchRequest/>',
    "not UTF-8": b"<CertificateSearchRequest>\xff</CertificateSearchRequest>",
    "a document type": b'<!DOCTYPE CertificateSearchRequest SYSTEM "file:///etc/passwd">'
    b"<CertificateSearchRequest/>",
    "an entity bomb": b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    b"<CertificateSearchRequest><CertificateSubjectName>&b;</CertificateSubjectName>"
    b"</CertificateSearchRequest>",
    "XInclude": b'<CertificateSearchRequest><xi:include xmlns:xi="http://www.w3.org/2001/XInclude"'
    b' href="file:///etc/passwd" parse="text"/></CertificateSearchRequest>',
    "deep": b"<CertificateSearchRequest>" + b"<a>" * 5000 + b"</a>" * 5000,
}


@pytest.mark.slow
@pytest.mark.parametrize("document", BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS)
def test_a_document_that_is_no_request_is_answered_with_401(repository, document):
    answer = repository.post("/services/certificatesearch?apikey=any", document)
    assert code_of(answer) == 401
    assert "root:" not in answer.text
    assert len(answer.body) < 1500


@pytest.mark.slow
@pytest.mark.parametrize("serial", ["", "xyz", "0x1", "-1", "1 2", "1" * 65, "1:2"])
def test_what_is_no_serial_number_is_answered_with_401(repository, serial):
    assert code_of(repository.retrieve(serial)) == 401


def test_the_api_key_must_be_there_even_where_any_will_do(repository):
    for path in ("/services/certificatesearch", "/services/certificatesearch?apikey="):
        answer = repository.post(path, b"<CertificateSearchRequest/>")
        assert code_of(answer) == 401
        assert "apikey" in answer.text


def test_other_requests_get_a_plain_line(repository):
    long = repository.post("/services/certificatesearch?apikey=a", b" " * (MAX_OCTETS + 1))
    form = repository.post("/services/certificatesearch?apikey=a", b"a=b", "text/plain")
    read = repository.get("/services/certificatesearch?apikey=a")
    none = repository.post("/services/other", b"")
    assert [one.status for one in (long, form, read, none)] == [413, 415, 405, 404]
    assert read.headers["Allow"] == "POST"
    for one in (long, form, read, none):
        assert one.headers["Content-Type"].startswith("text/plain")
        assert len(one.text.splitlines()) == 1


def test_the_same_is_served_over_https(repository, secure):
    for inner in (device(METER), named("nobody")):
        assert secure.search(inner).body == repository.search(inner).body


@pytest.mark.slow
def test_every_status_is_answered_as_it_is_now(serve, client):
    serving = serve()
    asked = client(serving)
    meter = Eui64.parse(METER)

    def statuses():
        return {one["CertificateStatus"] for one in results(asked.search(device(METER)))}

    with serving.open() as estate:
        estate.set_status(Selection(eui64=meter), Status.PENDING)
        assert statuses() == {"P"}
        estate.set_status(Selection(eui64=meter), Status.NOT_IN_USE)
        assert statuses() == {"N"}
        estate.revoke(Selection(eui64=Eui64.parse(SUPPLIER)), Reason.SUPERSEDED)
    found = results(asked.search(named(SUPPLIER)))
    assert {one["CertificateStatus"] for one in found} == {"R"}


def test_an_expired_certificate_is_answered_as_expired(estate):
    (record,) = (one for one in estate.select(Selection(label="Z1-supplier-ds")))
    estate._clock = type("Later", (), {"now": lambda _: record.not_after + timedelta(seconds=1)})()  # noqa: SLF001 - as if it were later
    assert published.by_serial(estate, record.serial).status is Status.EXPIRED


def test_the_audit_reference_is_the_last_entry_and_a_search_adds_none(repository, serving):
    with serving.open() as estate:
        head = estate.audit.head().number
        first = repository.search(device(METER))
        again = repository.retrieve("1")
        assert estate.audit.head().number == head
    references = [one.xml.findtext("AuditReference") for one in (first, again)]
    assert references == [str(head)] * 2


def test_names_that_xml_cannot_have_do_not_break_an_answer(estate):
    record = next(one for one in estate.select(Selection()) if one.tier is Tier.ROOT)
    one = published.Published(
        serial=record.serial,
        alt_name=None,
        subject_name="a\x00<b>\x0b\ud800&",
        status=Status.IN_USE,
        role=None,
        usage=None,
        is_manufacturing=False,
        der=b"",
    )
    answer = search_messages.search_answer([one], 200, "Success", 1)
    assert b"&lt;b&gt;" in answer
    assert b"\x0b" not in answer


def test_the_host_that_a_client_names_is_in_no_answer(repository):
    for path in ("/", "/ca/ZAZ1/organisation/Z1/chain.pem", "/nothing"):
        answer = repository.get(path, Host="evil.test")
        assert b"evil" not in answer.body
        assert "Location" not in answer.headers


@pytest.mark.slow
def test_a_body_that_does_not_come_is_not_waited_for(repository, monkeypatch):
    monkeypatch.setattr(certificate_search, "BODY_SECONDS", 0.2)
    address = urlsplit(repository.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(
            b"POST /services/certificatesearch?apikey=a HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/xml\r\nContent-Length: 100\r\n\r\n<Certificate"
        )
        answer = connection.recv(1 << 16)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert code_of(repository.search(named("Z1"))) == 200
