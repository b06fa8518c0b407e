"""Each error of ours is one of Appendix M, and says what to do."""

import re
from pathlib import Path

import pytest

from smki_testca.errors import EstateError, InputError, Refusal, RefusalReason
from smki_testca.issuance.batch import portal
from smki_testca.service.device_csr import codes
from smki_testca.service.device_csr.submitted_messages import csr_batch, signing_request


def reason(code="delivery.not_agreed", rule="R6"):
    return RefusalReason(code, rule, "It is not agreed.", "Agree on it.")


ANOMALY = Refusal((reason("device_id.issuance_anomaly", "R21"),))


def error_of(read, document):
    with pytest.raises(InputError) as caught:
        read(document)
    return caught.value


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InputError("csr.signature", "Wrong."), "CSR_ERROR", "CR:SIGN"),
        (InputError("csr.encoding", "Wrong."), "CSR_ERROR", "CR:FORM"),
        (InputError("key.held", "Held."), "CSR_ERROR", "CR:KEY"),
        (InputError("device_id.first", "First."), "UNKNOWN_DEVICE", "UD:FIRST"),
        (ANOMALY, "ISSUANCE_ANOMALY", "CA:LIMIT"),
        (Refusal((reason(),)), "WORKFLOW_ERROR", "WF:R6"),
        (Refusal((reason(), *ANOMALY.reasons)), "WORKFLOW_ERROR", "WF:R6"),
        (EstateError("estate.locked", "Locked."), "CA_ERROR", "CA:ESTATE"),
        (KeyError("x"), "CA_ERROR", "CA:FAULT"),
        (error_of(signing_request, b"<a/>"), "FORMAT_ERROR", "FM:AA1"),
    ],
)
def test_an_error_is_a_status_and_a_code_of_the_ad_hoc_service(error, status, code):
    failure = codes.of_request(error)
    assert (failure.status, failure.code) == (status, code)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InputError("csr.signature", "Wrong."), "CSR_ERROR", "CR:SIGN"),
        (ANOMALY, "ISSUANCE_ANOMALY", "CA:LIMIT"),
        (Refusal((reason(),)), "INELIGIBLE", "IN:R6"),
    ],
)
def test_an_outcome_of_the_portal_is_a_status_of_the_batched_service(error, status, code):
    failure = codes.of_csr(*portal.outcome(error), "text")
    assert (failure.status, failure.code, failure.text) == (status, code, "text")


def test_a_batch_that_is_not_accepted_has_the_codes_of_the_examples():
    invalid = error_of(csr_batch, b"<SubmitCSRBatch/>")
    assert codes.of_submission(invalid).code == "FM:AA1"
    assert codes.of_query(InputError("csr_message.batch_id", "Unknown.")).code == "FM:AA3"
    assert codes.of_submission(OSError()).code == "WF:BB2"
    assert codes.of_query(EstateError("estate.locked", "Locked.")).code == "WF:BB1"


def test_every_reason_of_a_refusal_and_its_remedy_are_told():
    error = Refusal((reason(), RefusalReason("x.y", "R8", "Another.", "Do it.")))
    assert codes.of_request(error).text == "It is not agreed. Agree on it. Another. Do it."


def test_what_is_wrong_with_the_server_tells_a_client_no_path_and_no_more():
    error = EstateError("estate.damaged", "The estate in /home/me is damaged.", "Restore it.")
    assert "/home/me" not in codes.of_request(error).text
    assert "estate.damaged" in codes.of_request(error).text
    assert "secret" not in codes.of_request(ValueError("secret")).text


def test_the_page_has_every_code_with_its_status_and_basis():
    page = Path(__file__).parents[3].joinpath("docs/adhoc-service.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    told = {
        code: (status.strip("`"), basis)
        for status, codes_of_row, _, basis in rows
        for code in re.findall(r"`([A-Z]{2}:[A-Z0-9]*)`", codes_of_row)
    }
    of_batches = {"csr_message.too_many", "csr_message.batch_id"}
    for name, known in codes.CODES.items():
        if name not in of_batches:
            assert told.pop(known.code) == (known.status, known.basis)
    of_csrs = {*portal.ERROR_CODES.values(), "CR:FORM"}
    assert {code for code in told if code.startswith("CR:")} == of_csrs
    others = {code: status for code, (status, _) in told.items() if code not in of_csrs}
    assert others == {
        "CA:LIMIT": "ISSUANCE_ANOMALY",
        "WF:": "WORKFLOW_ERROR",
        "WF:R2": "WORKFLOW_ERROR",
        "CA:ESTATE": "CA_ERROR",
        "CA:FAULT": "CA_ERROR",
    }
