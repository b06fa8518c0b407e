"""The Ad Hoc service over mutual TLS: what becomes of every kind of request."""

import base64
import contextlib
import http.client
import json
import sqlite3
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from lxml import etree

import csrs
from smki_testca.authority.revocation import Reason
from smki_testca.errors import EstateError
from smki_testca.estate import database
from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import SerialNumber
from smki_testca.issuance.issuance import Issuance
from smki_testca.roles import KeyUsage
from smki_testca.service.device_csr.csr_answers import AdHocStatus
from smki_testca.service.device_csr.schema import MessageSchema
from smki_testca.x509.view import view_certificate

OID_HARDWARE_MODULE = "extensions.subjectAltName.hardwareModuleName.hwSerialNum"
XML = {"Content-Type": "application/xml;charset=UTF-8"}
KNOWN = bytes.fromhex("00db120000000001")
NEW = bytes.fromhex("00db1200000000f1")


class Client:
    """A kept connection to the service."""

    def __init__(self, serving, identity="adhoc"):
        service, own = serving.services["adhoc"], serving.services[identity]
        context = ssl.create_default_context(cafile=service["ca"])
        context.load_cert_chain(own["client_certificate"], own["client_key"])
        self.address = urlsplit(service["url"])
        self.connection = http.client.HTTPSConnection(
            self.address.hostname, self.address.port, context=context, timeout=60
        )

    def call(self, body, path=None, method="POST", headers=XML):
        """The HTTP response, and its body."""
        self.connection.request(method, path or self.address.path, body, headers)
        response = self.connection.getresponse()
        return response, response.read()

    def submit(self, body, **more):
        """The answer as XML that fits the schema."""
        response, content = self.call(body, **more)
        assert (response.status, response.headers["Content-Type"]) == (200, XML["Content-Type"])
        root = etree.fromstring(content)
        MessageSchema.AD_HOC.validator.assertValid(root)
        return root

    def sign(self, csr, request_id="c1", **more):
        """The answer to a CSR, DER."""
        return self.submit(request(csr, request_id), **more)


def request(csr, request_id="c1"):
    text = base64.b64encode(csr).decode()
    return (
        f'<DeviceCertificateSigningRequest ID="{request_id}"><Version>1.0</Version>'
        f"<CertificateSigningRequest>{text}</CertificateSigningRequest>"
        "</DeviceCertificateSigningRequest>"
    )


def device_csr(device_id=KNOWN, key=None, **more):
    return csrs.device(key or csrs.new_key(), device_id=device_id, **more)


def certificate_of(root):
    assert root.findtext("Status") == "SUCCESS", etree.tostring(root)
    return base64.b64decode(root.findtext("Certificate"))


def code_of(root):
    return root.findtext("Status"), root.findtext("Error/ErrorCode")


def entry_of(serving, root):
    with serving.open() as estate:
        return estate.audit.entry(int(root.findtext("TransactionId")))


@pytest.fixture
def connect():
    """Connects clients to services, until the end of the test."""
    with contextlib.ExitStack() as ends:

        def start(serving, identity="adhoc"):
            client = Client(serving, identity)
            ends.callback(client.connection.close)
            return client

        yield start


@pytest.fixture
def client(serving, connect):
    return connect(serving)


@pytest.mark.parametrize("path", [None, "/"])
def test_a_csr_becomes_a_certificate_that_says_the_same(client, path):
    csr = device_csr(usage="ds")
    answer = client.sign(csr, "my reference", path=path)
    certificate = x509.load_der_x509_certificate(certificate_of(answer))
    asked = x509.load_der_x509_csr(csr)
    assert certificate.public_key() == asked.public_key()
    names = [
        each.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        for each in (asked, certificate)
    ]
    assert names[0] == names[1]
    assert answer.get("ID") == "my reference"
    assert answer.findtext("Build")


@pytest.mark.shows("T6.4-2")
def test_the_transaction_is_the_audit_entry_that_tells_of_it(serving, client):
    csr = device_csr()
    entry = entry_of(serving, client.sign(csr))
    assert entry.action == "issue"
    assert base64.b64decode(entry.body["csr"]["der"]) == csr
    peer, asked = entry.body["peer"], entry.body["request"]
    assert asked["delivery"] == "remote"
    assert (peer["participant"], asked["participant"]) == ("supplier-one", "supplier-one")
    assert peer["address"].startswith("127.0.0.1:")
    assert peer.keys() == {"address", "participant", "serial", "system"}
    with serving.open() as estate:
        assert estate.audit.verify() >= entry.number


def test_only_a_device_that_had_a_certificate_gets_another(serving, client):
    client.sign(device_csr())
    refused = client.sign(device_csr(NEW))
    assert code_of(refused) == ("UNKNOWN_DEVICE", "UD:FIRST")
    assert "00-DB-12-00-00-00-00-F1" in refused.findtext("Error/ErrorText")
    entry = entry_of(serving, refused)
    assert entry.action == "service.adhoc"
    assert entry.body["peer"]["participant"] == "supplier-one"
    # Another process issues the first one: it counts at once.
    with serving.open() as estate:
        issue_to(estate, NEW, "digital-signature")
    certificate_of(client.sign(device_csr(NEW)))


def issue_to(estate, device_id, usage, count=1):
    with estate.transaction():
        for _ in range(count):
            subject = estate.subject("device", device_id=device_id.hex(), hw_type=csrs.HW_TYPE)

            estate.issue(
                estate.request(
                    "meters-one", "device-and-user-system-tests", subject, (KeyUsage(usage),)
                )
            )


@pytest.mark.slow
@pytest.mark.shows("R21")
def test_there_are_at_most_a_hundred_for_a_device(serving, client):
    device_id = bytes.fromhex("00db1200000000f2")
    with serving.open() as estate:
        issue_to(estate, device_id, "key-agreement", 99)
    certificate_of(client.sign(device_csr(device_id)))
    refused = client.sign(device_csr(device_id))
    assert code_of(refused) == ("ISSUANCE_ANOMALY", "CA:LIMIT")
    entry = entry_of(serving, refused)
    assert (entry.action, entry.body["granted"]) == ("issue", False)
    assert entry.body["peer"]["participant"] == "supplier-one"
    certificate_of(client.sign(device_csr()))


def broken(csr):
    return csr[:-1] + bytes((csr[-1] ^ 1,))


@pytest.mark.parametrize(
    ("csr", "code"),
    [
        (broken(device_csr()), "CR:SIGN"),
        (b"", "CR:FORM"),
        (b"not a CSR", "CR:FORM"),
        (csrs.pem(device_csr()), "CR:FORM"),
        (csrs.organisation(csrs.new_key()), "CR:FORM"),
        (csrs.raw(csrs.new_key(), (), csrs.device_extensions(usage=csrs.BOTH_USAGES)), "CR:USAGE"),
    ],
    ids=["signature", "empty", "text", "pem", "organisation", "usage"],
)
def test_a_csr_that_cannot_be_used_is_answered_by_its_id(serving, client, csr, code):
    certificate_of(client.sign(device_csr()))
    refused = client.sign(csr)
    assert (*code_of(refused), refused.get("ID")) == ("CSR_ERROR", code, "c1")
    assert entry_of(serving, refused).body["code"] == code


def test_the_criticality_of_extensions_is_not_looked_at(client):
    extensions = csrs.device_extensions(KNOWN, critical=False)
    der = certificate_of(client.sign(csrs.raw(csrs.new_key(), (), extensions)))
    assert view_certificate(der).criticality["keyUsage"]


@pytest.mark.parametrize(
    "body",
    [
        *("", "<a/>", "no XML", request(device_csr()).replace("1.0<", "2.0<")),
        "<!DOCTYPE a>" + request(device_csr()),
        request(device_csr()).encode("utf-16"),
    ],
)
def test_a_request_that_cannot_be_read_is_answered_without_an_id(serving, client, body):
    refused = client.submit(body)
    assert (*code_of(refused), refused.get("ID")) == ("FORMAT_ERROR", "FM:AA1", None)
    assert entry_of(serving, refused).body["status"] == "FORMAT_ERROR"


def test_base64_with_line_breaks_is_answered_by_its_id(client):
    body = request(device_csr()).replace("Request>M", "Request>\nM")
    refused = client.submit(body)
    assert (*code_of(refused), refused.get("ID")) == ("FORMAT_ERROR", "FM:BASE64", "c1")


@pytest.mark.slow
def test_what_the_gate_refuses_is_a_workflow_error_as_long_as_it_does(serve, connect):
    serving = serve()
    client = connect(serving)
    certificate_of(client.sign(device_csr()))
    with serving.open() as estate:
        (reference,) = [
            each.reference for each in estate.register.load().agreements_of("supplier-one")
        ]
        estate.register.set_suspended(reference, suspended=True)
    refused = client.sign(device_csr())
    assert code_of(refused) == ("WORKFLOW_ERROR", "WF:R2")
    assert f"agreement resume {reference}" in refused.findtext("Error/ErrorText")
    with serving.open() as estate:
        estate.register.set_suspended(reference, suspended=False)
    certificate_of(client.sign(device_csr()))


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ({"method": "GET", "body": None}, 405),
        ({"method": "PUT"}, 405),
        ({"path": "/1.0/PortalCSRBatch/SubmitCSRBatch"}, 404),
        ({"path": "/../../etc/passwd"}, 404),
        ({"headers": {"Content-Type": "text/plain"}}, 415),
        ({"headers": {"Content-Type": "application/xml;charset=UTF-16"}}, 415),
        ({"headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 415),
        ({"body": b"<" * 200_000}, 413),
    ],
)
def test_what_is_no_request_of_the_service_is_told_in_a_plain_line(serving, client, call, status):
    response, content = client.call(**{"body": request(device_csr())} | call)
    entry = last_entry(serving)
    assert (entry.action, entry.body["status"]) == ("service.adhoc", f"HTTP {status}")
    assert entry.body["request"].startswith(f"{call.get('method', 'POST')} /")
    assert entry.body["peer"]["participant"] == "supplier-one"
    assert response.status == status
    assert response.headers.get_content_type() == "text/plain"
    assert content.count(b"\n") == 1
    advice = {404: "Compare the path", 405: "Use POST.", 413: "131,072 octets", 415: "Send it"}
    assert advice[status].encode() in content
    if status == 405:
        assert response.headers["Allow"] == "POST"
    certificate_of(client.sign(device_csr()))


def last_entry(serving):
    with serving.open() as estate:
        (entry,) = estate.audit.entries(1)
    return entry


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"headers": {"Content-Type": "text/plain"}},
        {"method": "GET", "body": None},
        {"path": "/none"},
        {"body": b"<" * 200_000},
    ],
    ids=["right", "type", "method", "path", "length"],
)
def test_the_certificate_of_another_interface_opens_nothing(serving, connect, call):
    response, content = connect(serving, "batched").call(**{"body": request(device_csr())} | call)
    assert response.status == 403
    assert b"Ad Hoc Device CSR Web Service" in content
    entry = last_entry(serving)
    assert (entry.action, entry.body["status"]) == ("service.adhoc", "DENIED")
    assert entry.body["code"] == "access.interface"
    peer = entry.body["peer"]
    assert peer["address"].startswith("127.0.0.1:")
    assert serial_of(serving.services["batched"]) == SerialNumber.parse(peer["serial"])
    assert (peer["participant"], peer["system"]) == ("supplier-one", "batch-client")


def serial_of(service):
    pem = Path(service["client_certificate"]).read_bytes()
    return SerialNumber(x509.load_pem_x509_certificate(pem).serial_number)


@pytest.mark.slow
def test_a_client_whose_certificate_is_revoked_gets_nothing_any_more(serve, connect):
    serving = serve()
    client = connect(serving)
    certificate_of(client.sign(device_csr()))
    with serving.open() as estate:
        record = estate.by_serial(serial_of(serving.services["adhoc"]))
        estate.revoke(Selection(serial=record.serial), Reason.KEY_COMPROMISE)
    response, content = client.call(request(device_csr()))
    assert response.status == 403
    assert b"revoked" in content


def test_requests_at_once_get_each_their_own_certificate(serving, connect):
    keys = [csrs.new_key() for _ in range(24)]

    def sign_some(mine):
        client = connect(serving)
        return [client.sign(device_csr(key=key), f"n{keys.index(key)}") for key in mine]

    with ThreadPoolExecutor(6) as pool:
        parts = pool.map(sign_some, [keys[start::6] for start in range(6)])
        answers = [answer for part in parts for answer in part]
    for answer in answers:
        key = keys[int(answer.get("ID")[1:])]
        certificate = x509.load_der_x509_certificate(certificate_of(answer))
        assert certificate.public_key() == key.public_key()
    assert len({answer.findtext("TransactionId") for answer in answers}) == len(keys)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("secret"), "CA:FAULT"),
        (EstateError("estate.damaged", "The estate is damaged."), "CA:ESTATE"),
    ],
)
def test_an_internal_error_is_one_of_the_ca_and_the_operator_is_told(
    serving, client, monkeypatch, error, code
):
    def fail(*_args, **_more):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Issuance, "issue", fail)
        refused = client.sign(device_csr())
    assert code_of(refused) == ("CA_ERROR", code)
    assert "secret" not in refused.findtext("Error/ErrorText")
    assert str(error) in serving.told[-1]
    assert entry_of(serving, refused).body["code"] == code
    certificate_of(client.sign(device_csr()))


@pytest.fixture
def patient(serve, monkeypatch):
    """Services that do not wait long for a lock of the estate."""
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.5)
    return serve()


def health(serving):
    answer = serving.curl("control", path="/health")
    return json.loads(answer.stdout)


@pytest.mark.slow
def test_while_the_estate_is_locked_a_request_is_answered_by_the_ca(patient, connect):
    client = connect(patient)
    with contextlib.closing(sqlite3.connect(patient.estate / "estate.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = client.sign(device_csr())
        assert code_of(refused) == ("CA_ERROR", "CA:ESTATE")
        assert refused.findtext("TransactionId") == "2147483647"
        assert health(patient)["error"]["code"] == "estate.locked"
    deadline = time.monotonic() + 60
    while "error" in health(patient):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "the estate can be written again" in patient.told
    certificate_of(client.sign(device_csr()))


@pytest.mark.slow
def test_once_the_estate_is_removed_a_request_is_answered_by_the_ca(serve, connect):
    serving = serve()
    client = connect(serving)
    assert health(serving)["status"] == "ok"
    (serving.estate / "estate.sqlite").unlink()
    assert health(serving)["error"]["code"] == "service.estate_gone"
    refused = client.sign(device_csr())
    assert code_of(refused) == ("CA_ERROR", "CA:ESTATE")
    assert "internal" not in " ".join(serving.told)


@pytest.mark.slow
def test_an_estate_that_cannot_be_written_is_not_served(serve, quickstart, monkeypatch):
    with serve().open():
        pass  # the certificates that a first start makes are there
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.2)
    with contextlib.closing(sqlite3.connect(quickstart / "estate.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(EstateError) as raised:
            serve()
    assert raised.value.code == "estate.locked"


@pytest.fixture
def misbehaving(serve, connect):
    """Services that follow some rules, and a client of theirs."""

    def start(*rules):
        serving = serve(misbehaviours=rules)
        return serving, connect(serving)

    return start


@pytest.mark.slow
def test_every_error_of_appendix_m_can_be_asked_for(misbehaving):
    statuses = [status for status in AdHocStatus if status is not AdHocStatus.SUCCESS]
    rules = [f"adhoc=error:{status}:1" for status in statuses]
    serving, client = misbehaving(*rules, "adhoc=error:CSR_ERROR:CR:9999:1")
    for status in statuses:
        answer = client.sign(device_csr())
        assert answer.findtext("Status") == status
        assert entry_of(serving, answer).body["status"] == status
    assert code_of(client.sign(device_csr())) == ("CSR_ERROR", "CR:9999")
    certificate_of(client.sign(device_csr()))


@pytest.mark.slow
def test_a_wrong_certificate_has_another_key_and_one_of_another_device_another_id(misbehaving):
    serving, client = misbehaving("adhoc=wrong-certificate:1", "adhoc=other-device:1")
    csr = device_csr()
    key = x509.load_der_x509_csr(csr).public_key()
    answer = client.sign(csr)
    wrong = certificate_of(answer)
    assert view_certificate(wrong).octets(OID_HARDWARE_MODULE) == KNOWN
    assert x509.load_der_x509_certificate(wrong).public_key() != key
    # The right one was issued all the same.
    with serving.open() as estate:
        (issued,) = entry_of(serving, answer).body["certificates"]
        assert estate.audit.verify()
    assert issued
    other = view_certificate(certificate_of(client.sign(csr)))
    assert other.octets(OID_HARDWARE_MODULE) not in (None, KNOWN)
    right = x509.load_der_x509_certificate(certificate_of(client.sign(csr)))
    assert right.public_key() == key


@pytest.mark.slow
def test_an_answer_may_be_xml_that_is_broken(misbehaving):
    _, client = misbehaving("adhoc=bad-xml:1")
    response, content = client.call(request(device_csr()))
    assert response.status == 200
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(content)
