"""Whatever octets a service answers with, a call ends with an answer or with one clear error."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bad_servers
import csrs
from smki_testca.client import adhoc_request, csr_batch, list_download
from smki_testca.client.address import Address
from smki_testca.client.caller import ServiceAnswer, ServiceCaller
from smki_testca.client.csr_batch import BatchAddresses, BatchCsr
from smki_testca.client.handshake import PresentedCertificate
from smki_testca.client.repository_account import RepositoryAccount
from smki_testca.client.repository_query import RepositoryClient
from smki_testca.client.service_errors import ServiceError
from smki_testca.client.trace import Trace

BASE = Address.parse("http://localhost:1")
LIST = Address.parse("http://localhost:1/a.crl")
KEY = csrs.new_key()
CSR = csrs.device(KEY)
DER = bad_servers.device_certificate(KEY)
CERTIFICATE = base64.b64encode(DER).decode()
HEAD = "<Version>1.0</Version><Build>7</Build>"
BATCH = [BatchCsr("a", "a", CSR)]


def adhoc(caller):
    adhoc_request.submit(caller, BASE, CSR, "r", Trace())


def submission(caller):
    csr_batch.submit(caller, BatchAddresses.of(BASE), BATCH, "r", Trace())


def result(caller):
    csr_batch.outcomes_of(csr_batch.ask(caller, BatchAddresses.of(BASE), 1, Trace()), BATCH)


def search(caller):
    RepositoryClient(caller, BASE).search("A", Trace())


def retrieval(caller):
    RepositoryClient(caller, BASE).retrieve("4D", Trace())


def crl(caller):
    issuers = [bad_servers.authority().der]
    list_download.download(caller, LIST, RepositoryAccount(), issuers, bad_servers.NOW, Trace())


CALLS = {
    adhoc: f"<DeviceCertificateSigningResponse>{HEAD}<TransactionId>1</TransactionId>"
    f"<Status>SUCCESS</Status><Certificate>{CERTIFICATE}</Certificate>"
    "</DeviceCertificateSigningResponse>",
    submission: f"<SubmitCSRBatchStatus>{HEAD}<BatchStatus>PENDING</BatchStatus>"
    "<BatchId>1</BatchId></SubmitCSRBatchStatus>",
    result: f"<CSRBatchResult>{HEAD}<BatchStatus>COMPLETED</BatchStatus><BatchId>1</BatchId>"
    f'<DeviceCertificate ID="a"><Status>SUCCESS</Status><Certificate>{CERTIFICATE}</Certificate>'
    "</DeviceCertificate></CSRBatchResult>",
    search: "<CertificateSearchResponse><ResponseCode>200</ResponseCode><Result>"
    "<CertificateSerial>4D</CertificateSerial></Result></CertificateSearchResponse>",
    retrieval: "<CertificateDataResponse><ResponseCode>200</ResponseCode><CertificateResponse>"
    f"<CertificateBody>{CERTIFICATE}</CertificateBody></CertificateResponse>"
    "</CertificateDataResponse>",
    crl: bad_servers.revocation_list(),
}


class Fake(ServiceCaller):
    """A caller that gets the octets of a test."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        object.__setattr__(self, "body", body)

    def call(self, _request, _trace):
        return ServiceAnswer(200, "OK", "application/xml", self.body)  # type: ignore[attr-defined]


def good(call):
    octets = CALLS[call]
    return octets if isinstance(octets, bytes) else octets.encode()


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_the_answers_that_are_damaged_below_are_good(call):
    call(Fake(good(call)))


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
@given(data=st.data())
def test_a_damaged_answer_is_an_answer_or_one_clear_error(call, data):
    octets = good(call)
    place = data.draw(st.integers(0, len(octets)))
    length = data.draw(st.integers(0, 40))
    put = data.draw(st.binary(max_size=40) | st.sampled_from(PIECES))
    damaged = octets[:place] + put + octets[place + length :]
    failure = None
    try:
        call(Fake(damaged))
    except ServiceError as error:
        failure = error
    assert failure is None or (failure.message.isprintable() and failure.remedy)


PIECES = (
    b"&a;",
    b"<!---->",
    b"<![CDATA[x]]>",
    b"<?x?>",
    b"&#0;",
    b"&#x202e;",
    b"9" * 5000,
    b"<a>" * 2000,
    b' xmlns="urn:a"',
)


@pytest.mark.slow
@pytest.mark.parametrize("call", [adhoc, result, retrieval], ids=lambda call: call.__name__)
@given(place=st.integers(0, len(DER) - 1), octet=st.integers(0, 255))
def test_a_damaged_certificate_is_a_certificate_or_one_clear_error(call, place, octet):
    damaged = bytearray(DER)
    damaged[place] = octet
    body = good(call).replace(CERTIFICATE.encode(), base64.b64encode(damaged))
    with contextlib.suppress(ServiceError):
        call(Fake(body))
    described = PresentedCertificate.of(bytes(damaged))
    assert len(described.sha256) == 64
