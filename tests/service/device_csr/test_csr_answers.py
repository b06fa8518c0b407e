"""The answers are right by their schema, whatever they hold, and say what they are to say."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from smki_testca.service.device_csr import csr_answers
from smki_testca.service.device_csr.csr_answers import (
    PREFIXES,
    AdHocStatus,
    BatchStatus,
    CsrAnswer,
    CsrStatus,
    ErrorElement,
)
from smki_testca.service.device_csr.schema import MessageSchema

any_text = st.text(st.characters(codec=None, categories=None), max_size=60)
values = st.from_regex(r"[A-Za-z0-9]{1,7}", fullmatch=True)
# What a parser of XML gives: its characters, white space among them.
request_ids = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), min_size=1
)


def failures(statuses):
    errors = [status for status in statuses if status.value in PREFIXES]
    return st.builds(
        lambda status, value, text: ErrorElement(status, f"{PREFIXES[status.value]}:{value}", text),
        *(st.sampled_from(errors), values, any_text),
    )


def read(schema, document):
    root = etree.fromstring(document)
    schema.validator.assertValid(root)
    return root


@given(
    any_text,
    st.integers(1),
    st.one_of(st.binary(), failures(AdHocStatus)),
    st.none() | request_ids.map(lambda text: text[:32]),
)
def test_every_answer_to_a_request_is_right_by_the_schema(build, number, outcome, request_id):
    document = csr_answers.signing_response(build, number, outcome, request_id)
    root = read(MessageSchema.AD_HOC, document)
    assert root.get("ID") == request_id
    assert root.findtext("TransactionId") == str(number)
    if isinstance(outcome, bytes):
        assert base64.b64decode(root.findtext("Certificate"), validate=True) == outcome
    else:
        assert root.findtext("Status") == outcome.status
        assert root.findtext("Error/ErrorCode") == outcome.code


@given(any_text, st.one_of(st.integers(1), failures([*BatchStatus][-2:])), st.none() | request_ids)
def test_every_receipt_of_a_batch_is_right_by_the_schema(build, outcome, reference):
    reference = reference and reference[:256]
    root = read(MessageSchema.BATCHED, csr_answers.batch_receipt(build, outcome, reference))
    assert root.get("ID") == reference
    if isinstance(outcome, ErrorElement):
        assert root.findtext("Error/ErrorCode") == outcome.code
        again = csr_answers.batch_failure(build, outcome, reference)
        assert read(MessageSchema.BATCHED, again).findtext("BatchStatus") == outcome.status
    else:
        assert root.findtext("BatchId") == str(outcome)


@pytest.mark.slow
@given(
    any_text,
    st.sampled_from([status for status in BatchStatus if status.value not in PREFIXES]),
    request_ids,
    st.lists(st.one_of(st.binary(), failures(CsrStatus)), max_size=5),
)
def test_every_result_of_a_batch_is_right_by_the_schema(build, status, reference, outcomes):
    certificates = [CsrAnswer(f"c{n}", outcome) for n, outcome in enumerate(outcomes)]
    parts = csr_answers.batch_result(build, 7, status, reference[:256], certificates)
    root = read(MessageSchema.BATCHED, b"".join(parts))
    assert [each.get("ID") for each in root.iter("DeviceCertificate")] == [
        each.id for each in certificates
    ]
    assert root.findtext("BatchStatus") == status


def test_an_id_comes_back_as_it_was_sent():
    sent = '<a\n" b\t\r&'
    document = csr_answers.signing_response("1", 1, b"", sent)
    assert etree.fromstring(document).get("ID") == sent


def test_a_text_shows_what_xml_cannot_hold():
    failure = ErrorElement(CsrStatus.CSR_ERROR, "CR:1", "\x00 \ud800 \ufffe \x1b[31m <b> ]]>")
    (document,) = csr_answers.batch_result(
        "1", 1, BatchStatus.COMPLETED, "b", [CsrAnswer("a", failure)]
    )
    text = etree.fromstring(document).findtext(".//ErrorText")
    assert text == r"\x00 \ud800 \ufffe \x1b[31m <b> ]]>"


def test_a_text_of_many_faults_is_cut():
    failure = ErrorElement(AdHocStatus.CSR_ERROR, "CR:1", "fault. " * 100_000)
    document = csr_answers.signing_response("1", 1, failure)
    assert len(document) < 3_000
    assert read(MessageSchema.AD_HOC, document).findtext("Error/ErrorText").endswith("…")


def test_a_long_result_comes_in_parts_and_each_certificate_is_taken_when_its_turn_comes():
    taken = []

    def certificates():
        for number in range(1_000):
            taken.append(number)
            yield CsrAnswer(f"i{number}", bytes(500))

    parts = csr_answers.batch_result("1", 1, BatchStatus.COMPLETED, "b", certificates())
    first = next(parts)
    assert len(taken) < 200
    root = read(MessageSchema.BATCHED, first + b"".join(parts))
    assert len(root.findall("DeviceCertificate")) == 1_000


@pytest.mark.parametrize("code", ["CR:", "CR:12345678", "CR:A-1", "CA:1", "cr:1", "CR:1\n"])
def test_a_code_that_the_schema_or_the_status_does_not_allow_is_a_mistake(code):
    with pytest.raises(ValueError, match="is not an error code of CSR_ERROR"):
        ErrorElement(AdHocStatus.CSR_ERROR, code, "")


def test_the_statuses_are_those_of_the_schemas():
    def enumerated(schema, name):
        tree = etree.parse(schema.path)
        return tree.xpath(f"//*[@name='{name}']//@value")

    assert sorted(AdHocStatus) == sorted(enumerated(MessageSchema.AD_HOC, "Status"))
    assert sorted(CsrStatus) == sorted(enumerated(MessageSchema.BATCHED, "CsrStatus"))
    assert sorted(BatchStatus) == sorted(enumerated(MessageSchema.BATCHED, "BatchStatus"))
