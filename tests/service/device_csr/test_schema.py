"""The schemas take the messages that Appendix M shows, and nothing that is nearly one."""

import re

import pytest
from lxml import etree

from smki_testca.service.device_csr.schema import MessageSchema

CSR = "MIIBDTCBtAIBADAAMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"
CERTIFICATE = "MIIBuTCCAV+gAwIBAgIQ"

REQUEST = f"""<?xml version="1.0" encoding="utf-8"?>
<DeviceCertificateSigningRequest ID="clientId1">
  <Version>1.0</Version>
  <CertificateSigningRequest>{CSR}</CertificateSigningRequest>
</DeviceCertificateSigningRequest>"""

RESPONSE = f"""<?xml version="1.0" encoding="utf-8"?>
<DeviceCertificateSigningResponse ID="clientid1">
  <Version>1.0</Version>
  <Build>1.1.4</Build>
  <TransactionId>12345</TransactionId>
  <Status>SUCCESS</Status>
  <Certificate>{CERTIFICATE}</Certificate>
</DeviceCertificateSigningResponse>"""

RESPONSE_TO_WRONG_XML = """<?xml version="1.0" encoding="utf-8"?>
<DeviceCertificateSigningResponse>
  <Version>1.0</Version>
  <Build>1.1.4</Build>
  <TransactionId>12344</TransactionId>
  <Status>FORMAT_ERROR</Status>
  <Error>
    <ErrorCode>FM:123</ErrorCode>
    <ErrorText>An XML format error</ErrorText>
  </Error>
</DeviceCertificateSigningResponse>"""

RESPONSE_WITH_ERROR = """<?xml version="1.0" encoding="utf-8"?>
<DeviceCertificateSigningResponse ID="clientid1">
  <Version>1.0</Version>
  <Build>1.1.4</Build>
  <TransactionId>12345</TransactionId>
  <Status>CSR_ERROR</Status>
  <Error>
    <ErrorCode>CR:9999</ErrorCode>
    <ErrorText>Request for duplicate certificate not permitted</ErrorText>
  </Error>
</DeviceCertificateSigningResponse>"""

BATCH = f"""<?xml version="1.0" encoding="utf-8"?>
<SubmitCSRBatch ID="b1999">
  <Version>1.0</Version>
  <DeviceCSR ID="ID0">{CSR}</DeviceCSR>
  <DeviceCSR ID="ID1">{CSR}</DeviceCSR>
  <DeviceCSR ID="ID2">{CSR}</DeviceCSR>
</SubmitCSRBatch>"""

RECEIPT = """<?xml version="1.0" encoding="utf-8"?>
<SubmitCSRBatchStatus ID="b1999">
  <Version>1.0</Version>
  <Build>2.0.8</Build>
  <BatchStatus>PENDING</BatchStatus>
  <BatchId>1234</BatchId>
</SubmitCSRBatchStatus>"""

RECEIPT_OF_WRONG_XML = """<?xml version="1.0" encoding="utf-8"?>
<SubmitCSRBatchStatus>
  <Version>1.0</Version>
  <Build>2.0.8</Build>
  <BatchStatus>FORMAT_ERROR</BatchStatus>
  <Error>
    <ErrorCode>FM:AA1</ErrorCode>
    <ErrorText>Invalid XML in request</ErrorText>
  </Error>
</SubmitCSRBatchStatus>"""

RECEIPT_OF_TOO_MANY = """<?xml version="1.0" encoding="UTF-8"?>
<SubmitCSRBatchStatus ID="b1999">
  <Version>1.0</Version>
  <Build>2.0.8</Build>
  <BatchStatus>FORMAT_ERROR</BatchStatus>
  <Error>
    <ErrorCode>FM:AA2</ErrorCode>
    <ErrorText>Number of submitted CSRs exceeds maximum volume</ErrorText>
  </Error>
</SubmitCSRBatchStatus>"""

RECEIPT_WITH_ERROR = """<?xml version="1.0" encoding="utf-8"?>
<SubmitCSRBatchStatus ID="b1999">
  <Version>1.0</Version>
  <Build>2.0.8</Build>
  <BatchStatus>WORKFLOW_ERROR</BatchStatus>
  <Error>
    <ErrorCode>WF:BB2</ErrorCode>
    <ErrorText>An internal error.</ErrorText>
  </Error>
</SubmitCSRBatchStatus>"""

RESULT_PENDING = """<?xml version="1.0" encoding="UTF-8"?>
<CSRBatchResult ID="b1999">
  <Version>1.0</Version>
  <Build>2.0.8</Build>
  <BatchStatus>PENDING</BatchStatus>
  <BatchId>1234</BatchId>
</CSRBatchResult>"""

RESULT = f"""<?xml version="1.0" encoding="UTF-8"?>
<CSRBatchResult ID="b1999">
  <Version>1.0</Version>
  <Build>2.0.8</Build>
  <BatchStatus>COMPLETED</BatchStatus>
  <BatchId>1234</BatchId>
  <DeviceCertificate ID="ID000000">
    <Status>SUCCESS</Status>
    <Certificate>{CERTIFICATE}</Certificate>
  </DeviceCertificate>
  <DeviceCertificate ID="ID000001">
    <Status>CSR_ERROR</Status>
    <Error>
      <ErrorCode>CR:CC1</ErrorCode>
      <ErrorText>Wrong CSR OID</ErrorText>
    </Error>
  </DeviceCertificate>
  <DeviceCertificate ID="ID000002">
    <Status>SUCCESS</Status>
    <Certificate>{CERTIFICATE}</Certificate>
  </DeviceCertificate>
</CSRBatchResult>"""

RESULT_UNKNOWN = """<?xml version="1.0" encoding="UTF-8"?>
<CSRBatchResult>
  <Version>1.0</Version>
  <Build>2.0.8</Build>
  <BatchStatus>FORMAT_ERROR</BatchStatus>
  <Error>
    <ErrorCode>FM:AA3</ErrorCode>
    <ErrorText>Unknown BatchId</ErrorText>
  </Error>
</CSRBatchResult>"""

RESULT_WITH_ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<CSRBatchResult>
  <Version>1.0</Version>
  <Build>2.0.8</Build>
  <BatchStatus>WORKFLOW_ERROR</BatchStatus>
  <Error>
    <ErrorCode>WF:BB1</ErrorCode>
    <ErrorText>An Internal Error</ErrorText>
  </Error>
</CSRBatchResult>"""

AD_HOC = (REQUEST, RESPONSE, RESPONSE_TO_WRONG_XML, RESPONSE_WITH_ERROR)
BATCHED = (
    *(BATCH, RECEIPT, RECEIPT_OF_WRONG_XML, RECEIPT_OF_TOO_MANY, RECEIPT_WITH_ERROR),
    *(RESULT_PENDING, RESULT, RESULT_UNKNOWN, RESULT_WITH_ERROR),
)


def is_valid(schema, text):
    return schema.validator.validate(etree.fromstring(text.encode("utf-8")))


@pytest.mark.parametrize("text", AD_HOC)
def test_the_examples_of_the_ad_hoc_service_fit_its_schema_alone(text):
    assert is_valid(MessageSchema.AD_HOC, text)
    assert not is_valid(MessageSchema.BATCHED, text)


@pytest.mark.parametrize("text", BATCHED)
def test_the_examples_of_the_batched_service_fit_its_schema_alone(text):
    assert is_valid(MessageSchema.BATCHED, text)
    assert not is_valid(MessageSchema.AD_HOC, text)


def test_every_status_of_the_tables_has_its_place():
    for status in ("UNKNOWN_DEVICE", "ISSUANCE_ANOMALY", "CA_ERROR", "WORKFLOW_ERROR"):
        text = RESPONSE_WITH_ERROR.replace("CSR_ERROR", status)
        assert is_valid(MessageSchema.AD_HOC, text), status
    for status in ("REJECTED", "PARSING", "QUEUED", "PROCESSING", "PAUSED", "TAMPERED"):
        assert is_valid(MessageSchema.BATCHED, RESULT_PENDING.replace("PENDING", status)), status
    for status in ("ISSUANCE_ANOMALY", "INELIGIBLE", "CA_ERROR", "WORKFLOW_ERROR"):
        assert is_valid(MessageSchema.BATCHED, RESULT.replace("CSR_ERROR", status)), status


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        # The request of the Ad Hoc service.
        (REQUEST, ' ID="clientId1"', ""),
        (REQUEST, 'ID="clientId1"', 'ID=""'),
        (REQUEST, "clientId1", "c" * 33),
        (REQUEST, "clientId1", 'c" id="c'),
        (REQUEST, "<Version>1.0</Version>", "<Version>1.1</Version>"),
        (REQUEST, "<Version>1.0</Version>", "<Version> 1.0 </Version>"),
        (REQUEST, "<Version>1.0</Version>", ""),
        (REQUEST, CSR, "-----BEGIN CERTIFICATE REQUEST-----"),
        (REQUEST, CSR, CSR + "="),
        (REQUEST, CSR, "TUlJ_w=="),
        (REQUEST, "Signing", "signing"),
        (REQUEST, "<Version>", "text<Version>"),
        (
            REQUEST,
            "</DeviceC",
            "<CertificateSigningRequest>AAAA</CertificateSigningRequest></DeviceC",
        ),
        (REQUEST, "Request ID", 'Request xmlns="urn:dcc" ID'),
        # The response.
        (RESPONSE, "12345", "0"),
        (RESPONSE, "12345", "1.5"),
        (RESPONSE, "SUCCESS", "success"),
        (RESPONSE, "SUCCESS", "INELIGIBLE"),
        (RESPONSE, "SUCCESS", "PENDING"),
        (RESPONSE, "<Build>1.1.4</Build>", ""),
        (RESPONSE, "</DeviceC", "<Error><ErrorCode>CR:1</ErrorCode><ErrorText/></Error></DeviceC"),
        (RESPONSE, "clientid1", "c" * 33),
        (RESPONSE_WITH_ERROR, "CR:9999", "CR9999"),
        (RESPONSE_WITH_ERROR, "CR:9999", "cr:9999"),
        (RESPONSE_WITH_ERROR, "CR:9999", "CRR:9999"),
        (RESPONSE_WITH_ERROR, "CR:9999", "CR:"),
        (RESPONSE_WITH_ERROR, "CR:9999", "CR:12345678"),
        (RESPONSE_WITH_ERROR, "CR:9999", "CR:99-9"),
        # A batch.
        (BATCH, ' ID="b1999"', ""),
        (BATCH, "b1999", "b" * 257),
        (BATCH, ' ID="ID0"', ""),
        (BATCH, "ID0", "0"),
        (BATCH, "ID0", "I D0"),
        (BATCH, "ID0", "I" * 101),
        (BATCH, "ID1", "ID0"),
        (BATCH, "DeviceCSR", "DeviceCsr"),
        (BATCH, "1.0<", "2.0<"),
        # Its receipt, and its result.
        (RECEIPT, "PENDING", "QUEUED"),
        (RECEIPT, "1234", "-1"),
        (RECEIPT, "<BatchId>1234</BatchId>", ""),
        (RECEIPT, "b1999", ""),
        (RESULT, "COMPLETED", "COMPLETE"),
        (RESULT, "CSR_ERROR", "UNKNOWN_DEVICE"),
        (RESULT, "CSR_ERROR", "FORMAT_ERROR"),
        (RESULT, ' ID="ID000001"', ""),
        (RESULT, "ID000001", "ID000000"),
        (RESULT, "<BatchId>1234</BatchId>", ""),
        (RESULT, f"<Certificate>{CERTIFICATE}</Certificate>", ""),
        (RESULT_UNKNOWN, "</Error>", "</Error><BatchId>1</BatchId>"),
    ],
)
def test_what_is_nearly_a_message_fits_no_schema(text, old, new):
    schema = MessageSchema.AD_HOC if text in AD_HOC else MessageSchema.BATCHED
    changed = text.replace(old, new)
    assert changed != text
    assert not is_valid(schema, changed)


def test_a_batch_without_a_csr_is_none():
    assert not is_valid(MessageSchema.BATCHED, re.sub("<DeviceCSR.*\n", "", BATCH))


def test_the_schemas_state_their_version_and_service_in_their_names():
    assert {each.value for each in MessageSchema} == {
        path.name for path in MessageSchema.AD_HOC.path.parent.iterdir()
    }
    assert all(each.value.endswith("-1.0.xsd") for each in MessageSchema)
