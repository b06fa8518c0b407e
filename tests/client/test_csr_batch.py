"""A batch is submitted, asked for until it is done, and checked, whatever a service answers."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

import bad_servers
import csrs
from bad_servers import answers, closes, response, serving
from smki_testca.client import csr_batch
from smki_testca.client.address import Address
from smki_testca.client.caller import ServiceCaller
from smki_testca.client.csr_batch import BatchAddresses, BatchCsr, WaitingTerms
from smki_testca.client.service_errors import ServiceError, ServiceFaultError
from smki_testca.client.trace import Trace
from smki_testca.errors import ExitCode, InputError
from smki_testca.issuance.batch.csr_sources import CsrsByName
from smki_testca.service.device_csr.csr_answers import BatchStatus

BATCH = 42
CALLER = ServiceCaller(20)


@pytest.fixture(scope="module")
def asked():
    """Two CSRs, and the certificates for them."""
    keys = [csrs.new_key(), csrs.new_key()]
    source = CsrsByName({f"{number}.csr": csrs.device(key) for number, key in enumerate(keys, 1)})
    return csr_batch.csrs_of(source), [bad_servers.device_certificate(key) for key in keys]


def receipt(content="<BatchStatus>PENDING</BatchStatus><BatchId>42</BatchId>"):
    return response(
        f'<SubmitCSRBatchStatus ID="r"><Version>1.0</Version><Build>7</Build>{content}'
        "</SubmitCSRBatchStatus>".encode()
    )


def result(status="COMPLETED", content="", batch=BATCH):
    number = "" if batch is None else f"<BatchId>{batch}</BatchId>"
    return response(
        '<CSRBatchResult ID="r"><Version>1.0</Version><Build>7</Build>'
        f"<BatchStatus>{status}</BatchStatus>{number}{content}</CSRBatchResult>".encode()
    )


def issued(key, der):
    text = base64.b64encode(der).decode()
    inside = f"<Status>SUCCESS</Status><Certificate>{text}</Certificate>"
    return f'<DeviceCertificate ID="{key}">{inside}</DeviceCertificate>'


def error(code="FM:AA1", text="No."):
    return f"<Error><ErrorCode>{code}</ErrorCode><ErrorText>{text}</ErrorText></Error>"


def refused(key, status="CSR_ERROR", code="CR:KEY"):
    return (
        f'<DeviceCertificate ID="{key}"><Status>{status}</Status>{error(code)}</DeviceCertificate>'
    )


def addresses(port):
    return BatchAddresses.of(Address.parse(f"http://localhost:{int(port)}"))


def submit(octets, batch):
    with serving(answers(octets)) as port:
        number = csr_batch.submit(CALLER, addresses(port), batch, "r", Trace())
    return number, port.requests


def ask(octets):
    with serving(answers(octets)) as port:
        return csr_batch.ask(CALLER, addresses(port), BATCH, Trace()), port.requests


def fails(code, call, *arguments, exit_code=ExitCode.SERVICE):
    with pytest.raises(ServiceError) as caught:
        call(*arguments)
    assert caught.value.code == code, caught.value.message
    assert caught.value.exit_code is exit_code
    return caught.value


def test_a_batch_is_submitted_whole_with_an_id_for_each_csr(asked):
    batch, _ = asked
    number, ((head, body),) = submit(receipt(), batch)
    assert number == BATCH
    assert head.startswith(b"POST /1.0/PortalCSRBatch/SubmitCSRBatch HTTP/1.1\r\n")
    sent = re.findall(rb'<DeviceCSR ID="([^"]+)">([^<]+)</DeviceCSR>', body)
    assert [key.decode() for key, _ in sent] == ["csr-000001", "csr-000002"]
    assert [base64.b64decode(text, validate=True) for _, text in sent] == [
        each.der for each in batch
    ]


def test_a_batch_that_is_refused_is_told_with_status_code_and_text(asked):
    octets = receipt(f"<BatchStatus>FORMAT_ERROR</BatchStatus>{error('FM:AA2', 'Too many')}")
    told = fails("client.service_refused", submit, octets, asked[0], exit_code=ExitCode.REFUSED)
    assert "FORMAT_ERROR FM:AA2: Too many." in told.message


@pytest.mark.parametrize(
    "content",
    [
        "<BatchStatus>PENDING</BatchStatus>" + error(),
        "<BatchStatus>FORMAT_ERROR</BatchStatus><BatchId>1</BatchId>",
    ],
)
def test_a_receipt_that_contradicts_itself(asked, content):
    fails("client.contradiction", submit, receipt(content), asked[0])


def test_a_batch_id_of_any_length_costs_nothing(asked):
    number = "9" * 100_000
    content = f"<BatchStatus>PENDING</BatchStatus><BatchId>{number}</BatchId>"
    fails("client.batch_id", submit, receipt(content), asked[0])
    fails("client.batch_id", ask, result(batch=number))


def test_the_result_is_asked_for_by_the_batch_id():
    state, ((head, _),) = ask(result("QUEUED"))
    assert state.status is BatchStatus.QUEUED
    assert head.startswith(b"GET /1.0/PortalCSRBatch/CSRBatchResult?BatchId=42 HTTP/1.1\r\n")


def test_an_unknown_batch_has_a_code_of_its_own():
    octets = result("FORMAT_ERROR", error("FM:AA3", "Unknown BatchId"), batch=None)
    told = fails("client.batch_unknown", ask, octets, exit_code=ExitCode.REFUSED)
    assert "Unknown BatchId" in told.message


@pytest.mark.parametrize(
    ("octets", "code", "exit_code"),
    [
        (result("REJECTED"), "client.batch_rejected", ExitCode.REFUSED),
        (result("TAMPERED"), "client.batch_tampered", ExitCode.REFUSED),
        (
            result("WORKFLOW_ERROR", error("WF:BB1"), batch=None),
            "client.service_refused",
            ExitCode.REFUSED,
        ),
        (result(batch=43), "client.other_batch", ExitCode.SERVICE),
        (result(content=error(), batch=None), "client.contradiction", ExitCode.SERVICE),
        (result("DONE"), "client.schema", ExitCode.SERVICE),
        (
            result(content=refused("a") + refused("a")),
            "client.schema",
            ExitCode.SERVICE,
        ),
        (receipt(), "client.other_document", ExitCode.SERVICE),
    ],
)
def test_a_result_that_is_of_no_use(octets, code, exit_code):
    fails(code, ask, octets, exit_code=exit_code)


class Told(list[Any]):
    """Collects what is told while a batch is waited for."""

    def waiting(self, *, limit=None, is_reached=True):
        times = iter(range(1000))
        return WaitingTerms(
            1, limit, self.append, is_reached, lambda _: None, lambda: float(next(times))
        )


def wait(behaviours, waiting):
    with serving(*behaviours) as port:
        return csr_batch.wait_for(CALLER, addresses(port), BATCH, Trace(), waiting)


def test_a_batch_is_asked_for_until_it_is_done():
    states = ["PENDING", "PARSING", "QUEUED", "PAUSED", "PROCESSING", "COMPLETED"]
    told = Told()
    state = wait([answers(result(each)) for each in states], told.waiting())
    assert state.status is BatchStatus.COMPLETED
    assert told == states[:-1]


def test_a_service_that_is_away_for_a_while_is_asked_again():
    told = Told()
    busy = answers(response(b"", "503 Busy", ""))
    state = wait([answers(result("QUEUED")), closes, busy, answers(result())], told.waiting())
    assert state.status is BatchStatus.COMPLETED
    assert [each.code for each in told[1:]] == ["client.reset", "client.http_status"]


def test_a_service_that_stays_away_is_given_up():
    told = Told()
    with pytest.raises(ServiceFaultError) as caught:
        wait([closes], told.waiting())
    assert caught.value.code == "client.reset"
    assert len(told) == csr_batch.PATIENCE


def test_a_service_that_never_answered_is_asked_once():
    told = Told()
    with pytest.raises(ServiceFaultError):
        wait([closes], told.waiting(is_reached=False))
    assert told == []


def test_a_batch_that_is_pending_for_ever_is_given_up_with_its_number():
    told = Told()
    with pytest.raises(ServiceFaultError) as caught:
        wait([answers(result("PENDING"))], told.waiting(limit=3))
    assert caught.value.code == "client.batch_waiting"
    assert "--batch-id 42" in caught.value.remedy


def outcomes(content, batch=()):
    state, _ = ask(result(content=content))
    return csr_batch.outcomes_of(state, batch)


def test_each_certificate_is_held_to_its_csr(asked):
    batch, (first, _) = asked
    good, bad = outcomes(issued("csr-000001", first) + refused("csr-000002"), batch)
    assert good.name == "1.csr"
    assert good.certificate is not None
    assert good.certificate.der == first
    assert bad.certificate is None
    assert bad.verdict is not None
    assert bad.verdict.as_json() == {"status": "CSR_ERROR", "code": "CR:KEY", "text": "No."}
    csr_batch.check_no_mismatch([good, bad])


def test_certificates_that_are_swapped_are_no_success(asked):
    batch, (first, second) = asked
    swapped = outcomes(issued("csr-000001", second) + issued("csr-000002", first), batch)
    assert [each.certificate for each in swapped] == [None, None]
    told = fails("client.batch_mismatch", csr_batch.check_no_mismatch, swapped)
    assert "2 certificates" in told.message
    assert "1.csr" in told.message


def test_without_the_csrs_certificates_are_named_by_their_ids(asked):
    _, (first, _) = asked
    (one,) = outcomes(issued("a", first))
    assert one.name == "a"


@pytest.mark.parametrize("keys", [["csr-000001"], ["csr-000001", "csr-000002", "x"], ["x", "y"]])
def test_a_result_for_other_csrs_is_told(asked, keys):
    fails("client.batch_incomplete", outcomes, "".join(map(refused, keys)), asked[0])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (issued("csr-000001", b"0\x03\x02\x01\x05"), "client.no_certificate"),
        (refused("csr-000001", "SUCCESS"), "client.contradiction"),
    ],
)
def test_a_result_that_makes_no_sense(asked, content, code):
    told = fails(code, outcomes, content + refused("csr-000002"), asked[0])
    assert told.message


def test_a_csr_that_cannot_be_read_submits_nothing():
    with pytest.raises(InputError) as caught:
        csr_batch.csrs_of(CsrsByName({"a": csrs.device(csrs.new_key()), "b": b"0\x03\x02\x01\x05"}))
    assert caught.value.code == "client.csr"
    assert "b in csrs" in caught.value.message


@pytest.mark.parametrize(
    ("url", "result_url", "submit_path", "result_path"),
    [
        (
            "https://a",
            None,
            "/1.0/PortalCSRBatch/SubmitCSRBatch",
            "/1.0/PortalCSRBatch/CSRBatchResult",
        ),
        ("https://a/x/SubmitCSRBatch", None, "/x/SubmitCSRBatch", "/x/CSRBatchResult"),
        ("https://a/x/CSRBatchResult", None, "/x/SubmitCSRBatch", "/x/CSRBatchResult"),
        ("https://a/x", "https://a/y", "/x", "/y"),
        ("https://a", "https://a/y", "/1.0/PortalCSRBatch/SubmitCSRBatch", "/y"),
    ],
)
def test_both_addresses_follow_from_one_or_are_given(url, result_url, submit_path, result_path):
    other = None if result_url is None else Address.parse(result_url)
    both = BatchAddresses.of(Address.parse(url), other)
    assert (both.submit.path, both.result.path) == (submit_path, result_path)


def test_an_address_from_which_the_other_does_not_follow():
    with pytest.raises(InputError) as caught:
        BatchAddresses.of(Address.parse("https://a/x"))
    assert caught.value.code == "client.result_url"


@pytest.mark.slow
def test_a_result_of_50_000_certificates_is_read(asked):
    batch, (first, _) = asked
    many = [BatchCsr(f"csr-{number:06d}", str(number), batch[0].der) for number in range(50_000)]
    content = "".join(issued(each.id, first) for each in many)
    found = outcomes(content, many)
    assert len(found) == len(many)
    assert all(each.certificate is not None for each in found)
