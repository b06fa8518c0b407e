"""One CSR is submitted, and its certificate checked, against services that answer anything."""

from __future__ import annotations

import base64
import re

import pytest

import bad_servers
import csrs
from bad_servers import answers, response, serving
from smki_testca.client import adhoc_request
from smki_testca.client.address import Address
from smki_testca.client.caller import ServiceCaller
from smki_testca.client.service_errors import ServiceError
from smki_testca.client.trace import Step, Trace
from smki_testca.errors import ExitCode
from smki_testca.x509.pem import to_pem

REFERENCE = "ours"


@pytest.fixture(scope="module")
def asked():
    """A CSR, and a certificate for it, for another key, and for another Device."""
    key, other = csrs.new_key(), csrs.new_key()
    request = csrs.device(key)
    return {
        "csr": request,
        "right": bad_servers.device_certificate(key),
        "other_key": bad_servers.device_certificate(other),
        "other_device": bad_servers.device_certificate(
            key, device_id=bytes.fromhex("00db120000000099")
        ),
    }


def signing_response(content, status="SUCCESS", reference=f' ID="{REFERENCE}"'):
    return (
        f"<DeviceCertificateSigningResponse{reference}><Version>1.0</Version><Build>7</Build>"
        f"<TransactionId>12</TransactionId><Status>{status}</Status>{content}"
        "</DeviceCertificateSigningResponse>"
    ).encode()


def certificate(der):
    return f"<Certificate>{base64.b64encode(der).decode()}</Certificate>"


def error(code="CR:KEY", text="The key is wrong."):
    return f"<Error><ErrorCode>{code}</ErrorCode><ErrorText>{text}</ErrorText></Error>"


def submit(asked, octets):
    """What the client makes of an answer."""
    with serving(answers(octets)) as port:
        address, trace = Address.parse(f"http://localhost:{int(port)}"), Trace()
        answer = adhoc_request.submit(ServiceCaller(20), address, asked["csr"], REFERENCE, trace)
    return answer, trace, port.requests


def fails(code, asked, octets, *, step=Step.ANSWER, exit_code=ExitCode.SERVICE):
    with pytest.raises(ServiceError) as caught:
        submit(asked, octets)
    assert (caught.value.code, caught.value.step) == (code, step), caught.value.message
    assert caught.value.exit_code is exit_code
    assert caught.value.message.isprintable()
    return caught.value


def test_a_certificate_for_the_csr_is_given_with_what_the_service_says_of_itself(asked):
    answer, trace, requests = submit(asked, response(signing_response(certificate(asked["right"]))))
    assert answer.certificate.der == asked["right"]
    assert answer.certificate.device == "00-DB-12-00-00-00-00-05"
    assert (answer.transaction, answer.build) == ("12", "7")
    assert trace.passed[-1].step is Step.CHECK
    ((head, body),) = requests
    assert head.startswith(b"POST /1.0/DeviceCSR/SubmitDeviceCSR HTTP/1.1\r\n")
    assert b"Content-Type: application/xml;charset=UTF-8" in head
    text = re.search(rb"<CertificateSigningRequest>([^<]+)</CertificateSigningRequest>", body)
    assert text is not None
    assert base64.b64decode(text[1], validate=True) == asked["csr"]
    assert f'ID="{REFERENCE}"'.encode() in body


def test_white_space_in_the_base64_of_a_certificate_is_passed_over(asked):
    text = to_pem(asked["right"]).decode().split("-----")[2]
    answer, *_ = submit(asked, response(signing_response(f"<Certificate>{text}</Certificate>")))
    assert answer.certificate.der == asked["right"]


def test_a_path_in_the_url_is_used_as_it_is(asked):
    octets = response(signing_response(certificate(asked["right"])))
    with serving(answers(octets)) as port:
        address = Address.parse(f"http://localhost:{int(port)}/a/b?c=d")
        adhoc_request.submit(ServiceCaller(20), address, asked["csr"], REFERENCE, Trace())
        assert port.requests[0][0].startswith(b"POST /a/b?c=d HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "status",
    [
        *("UNKNOWN_DEVICE", "ISSUANCE_ANOMALY", "CSR_ERROR", "CA_ERROR"),
        *("FORMAT_ERROR", "WORKFLOW_ERROR"),
    ],
)
def test_a_refusal_is_told_with_status_code_and_text(asked, status):
    refused = fails(
        "client.service_refused",
        asked,
        response(signing_response(error(), status)),
        exit_code=ExitCode.REFUSED,
    )
    assert f"{status} CR:KEY: The key is wrong." in refused.message
    assert refused.remedy
    assert refused.as_json()["error"]["service"] == {
        "status": status,
        "code": "CR:KEY",
        "text": "The key is wrong.",
        "transaction": "12",
    }


def test_a_refusal_without_our_reference_is_told_as_well(asked):
    octets = response(signing_response(error(), "FORMAT_ERROR", reference=""))
    fails("client.service_refused", asked, octets, exit_code=ExitCode.REFUSED)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"not XML", "not XML"),
        (b"<html><body>Busy</html>", "<html>"),
        (b"<!DOCTYPE html><html></html>", "DOCTYPE"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "DOCTYPE"),
        ("<a/>".encode("utf-16"), "UTF-8"),
        (b"\xff\xfe\xfd", "not XML"),
    ],
)
def test_what_is_no_xml(asked, body, says):
    assert says in fails("client.not_xml", asked, response(body, media_type="text/html")).message


def test_another_document(asked):
    octets = response(b"<CSRBatchResult/>")
    assert "CSRBatchResult" in fails("client.other_document", asked, octets).message


@pytest.mark.parametrize(
    "body",
    [
        signing_response(""),
        signing_response(error("KEY"), "CSR_ERROR"),
        signing_response(error(), "NEVER_HEARD_OF"),
        signing_response(certificate(b"a") + error()),
        b"<DeviceCertificateSigningResponse/>",
    ],
)
def test_a_document_that_does_not_fit_the_schema(asked, body):
    assert "line 1" in fails("client.schema", asked, response(body)).message


def test_a_certificate_that_is_not_base64(asked):
    fails("client.base64", asked, response(signing_response("<Certificate>!</Certificate>")))


@pytest.mark.parametrize(
    ("status", "inside"), [("SUCCESS", error()), ("CSR_ERROR", certificate(b"a"))]
)
def test_an_answer_that_contradicts_itself(asked, status, inside):
    fails("client.contradiction", asked, response(signing_response(inside, status)))


def test_an_answer_to_another_request(asked):
    body = signing_response(certificate(asked["right"]), reference=' ID="theirs"')
    assert "theirs" in fails("client.other_request", asked, response(body)).message


NIL = '<Certificate xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>'


@pytest.mark.parametrize("inside", [certificate(b""), certificate(b"0\x03\x02\x01\x05"), NIL])
def test_success_without_a_certificate(asked, inside):
    fails("client.no_certificate", asked, response(signing_response(inside)), step=Step.CHECK)


@pytest.mark.parametrize(
    ("which", "code", "says"),
    [
        ("other_key", "client.other_csr", "public key"),
        ("other_device", "client.other_device", "00-DB-12-00-00-00-00-99"),
    ],
)
def test_a_certificate_that_the_csr_does_not_ask_for(asked, which, code, says):
    octets = response(signing_response(certificate(asked[which])))
    failed = fails(code, asked, octets, step=Step.CHECK)
    assert says in failed.message
    assert "Reject it" in failed.remedy


def test_the_steps_before_a_failure_are_in_its_json(asked):
    with pytest.raises(ServiceError) as caught:
        submit(asked, response(b"nothing"))
    document = caught.value.as_json()
    assert document["error"]["step"] == "answer"
    steps = [each["step"] for each in document["connection"]["steps"]]
    assert steps == ["resolve", "connect", "request", "answer"]
    assert document["connection"]["tls"] is None


def test_an_answer_longer_than_is_read(asked):
    octets = response(b" " * (adhoc_request.MAX_ANSWER_OCTETS + 1))
    fails("client.too_long", asked, octets)


def test_entities_in_numbers_cost_nothing(asked):
    bomb = b"<!DOCTYPE a [" + b"".join(
        b'<!ENTITY e%d "%s">' % (level, b"&e%d;" % (level - 1) * 10) for level in range(1, 9)
    )
    fails("client.not_xml", asked, response(bomb + b"]><a>&e8;</a>"))
