"""curl and Java call the Device CSR services over mutual TLS."""

from __future__ import annotations

import base64
import re
import subprocess
import time
from pathlib import Path
from shutil import which

import pytest
from lxml import etree

import csrs
from smki_testca.authority.csr_comparison import compare_with_csr
from smki_testca.exporters.export import items
from smki_testca.exporters.registry import FORMATS
from smki_testca.folders import write
from smki_testca.identifiers import SerialNumber
from smki_testca.service.device_csr.schema import MessageSchema
from smki_testca.service.tls import SUITES
from smki_testca.x509.view import view_certificate

pytestmark = [pytest.mark.slow, pytest.mark.interop]

curl_only = pytest.mark.skipif(which("curl") is None, reason="curl is not installed")
java_only = pytest.mark.skipif(which("java") is None, reason="java is not installed")

KNOWN = bytes.fromhex("00db120000000001")
"""A Device of the quickstart's estate that has certificates."""
JAVA_SUITES = {
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
}
"""The suites of SEC App. M G by Java's names."""
PROGRAM = Path(__file__).parent / "Services.java"
XML = ("-H", "Content-Type: application/xml;charset=UTF-8")
PATIENCE = 120
SECONDS = 60
"""After which a batch of two CSRs counts as stuck."""


def b64(der):
    return base64.b64encode(der).decode()


@pytest.fixture
def adhoc_request(tmp_path):
    """A CSR, and the file of the message that submits it."""
    csr = csrs.device(csrs.new_key(), device_id=KNOWN)
    path = tmp_path / "request.xml"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><DeviceCertificateSigningRequest ID="mine">'
        f"<Version>1.0</Version><CertificateSigningRequest>{b64(csr)}</CertificateSigningRequest>"
        "</DeviceCertificateSigningRequest>"
    )
    return csr, path


@pytest.fixture
def batch(tmp_path):
    """CSRs by their IDs in a batch, and the file of the message that submits them."""
    by_id = {
        f"ID{number}": csrs.device(
            csrs.new_key(), device_id=bytes.fromhex("00db1200000088") + bytes([number])
        )
        for number in range(2)
    }
    inside = "".join(f'<DeviceCSR ID="{key}">{b64(csr)}</DeviceCSR>' for key, csr in by_id.items())
    path = tmp_path / "batch.xml"
    path.write_text(f'<SubmitCSRBatch ID="b1"><Version>1.0</Version>{inside}</SubmitCSRBatch>')
    return by_id, path


def read(text, schema=MessageSchema.AD_HOC):
    """A message, which fits its schema."""
    root = etree.fromstring(text)
    assert schema.validator.validate(root), schema.validator.error_log
    return root


def check_certificate(root, csr):
    """Check that an answer has the certificate that a CSR asks for."""
    assert root.findtext("Status") == "SUCCESS", etree.tostring(root)
    assert compare_with_csr(csr, base64.b64decode(root.findtext("Certificate"))) == []


# curl


@curl_only
def test_curl_gets_a_certificate_ad_hoc(serving, adhoc_request):
    csr, path = adhoc_request
    done = serving.curl("adhoc", *XML, "--data-binary", f"@{path}", "--dump-header", "-")
    assert done.returncode == 0, done.stderr
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert re.search(rb"(?i)content-type: application/xml;\s?charset=utf-8", head)
    root = read(body)
    assert root.get("ID") == "mine"
    check_certificate(root, csr)


@curl_only
@pytest.mark.parametrize("suite", SUITES)
def test_curl_gets_an_answer_with_each_suite_of_appendix_m(serving, adhoc_request, suite):
    _, path = adhoc_request
    done = serving.curl("adhoc", *XML, "--ciphers", suite, "--data-binary", f"@{path}", "-v")
    assert done.returncode == 0, done.stderr
    assert f"SSL connection using TLSv1.2 / {suite}".encode() in done.stderr
    assert read(done.stdout).findtext("Status") == "SUCCESS"


@curl_only
def test_curl_sends_several_requests_over_one_connection(serving, adhoc_request):
    _, path = adhoc_request
    url = serving.services["adhoc"]["url"]
    done = serving.curl("adhoc", *XML, "--data-binary", f"@{path}", url, "-v")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"<DeviceCertificateSigningResponse") == 2
    assert done.stderr.count(b"SSL connection using") == 1


@curl_only
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--tls-max", "1.1"), "protocol version|unsupported protocol|no protocols available"),
        (("--tlsv1.3",), "protocol version"),
        (("--ciphers", "AES128-GCM-SHA256"), "handshake failure"),
        (("--cacert", "/dev/null"), "certificate"),
    ],
)
def test_curl_is_told_why_the_handshake_fails(serving, adhoc_request, words, says):
    _, path = adhoc_request
    done = serving.curl("adhoc", *XML, "--data-binary", f"@{path}", *words)
    assert done.returncode != 0
    assert re.search(says, done.stderr.decode(), re.IGNORECASE), done.stderr


@curl_only
def test_curl_without_a_certificate_is_refused(serving, adhoc_request):
    _, path = adhoc_request
    given = serving.services["adhoc"]
    done = subprocess.run(
        ["curl", "-sS", "--cacert", given["ca"], *XML, "--data-binary", f"@{path}", given["url"]],
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode != 0
    assert done.stdout == b""
    assert b"alert" in done.stderr


@curl_only
def test_curl_submits_a_batch_and_fetches_its_result(serving, batch):
    by_id, path = batch
    submit = serving.services["batched"]["submit"].removeprefix(serving.services["batched"]["url"])
    done = serving.curl("batched", *XML, "--data-binary", f"@{path}", path=submit)
    receipt = read(done.stdout, MessageSchema.BATCHED)
    assert receipt.findtext("BatchStatus") == "PENDING", done.stdout
    number = receipt.findtext("BatchId")
    result = serving.services["batched"]["result"].removeprefix(serving.services["batched"]["url"])

    def fetch():
        answer = serving.curl("batched", path=f"{result}?BatchId={number}")
        return read(answer.stdout, MessageSchema.BATCHED)

    check_batch(fetch, by_id)


def check_batch(fetch, by_id):
    """Fetch the result of a batch until it is done, and check it."""
    end = time.monotonic() + SECONDS
    while (root := fetch()).findtext("BatchStatus") != "COMPLETED":
        assert time.monotonic() < end, etree.tostring(root)
        time.sleep(0.3)
    assert root.get("ID") == "b1"
    done = {each.get("ID"): each for each in root.findall("DeviceCertificate")}
    assert set(done) == set(by_id)
    for key, csr in by_id.items():
        check_certificate(done[key], csr)


# Java


@pytest.fixture
def java(serving, tmp_path):
    """Runs the program in Java with a PKCS#12 store of our exporter: its lines."""

    def run(service, url, *bodies):
        given = serving.services[service]
        store = exported(serving, Path(given["client_certificate"]), tmp_path)
        done = subprocess.run(
            [
                *(
                    "java",
                    "-XX:TieredStopAtLevel=1",
                    PROGRAM,
                    store,
                    tmp_path / "phrase",
                    given["ca"],
                ),
                url,
                *bodies,
            ],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def exported(serving, certificate, folder):
    """The PKCS#12 store of a client's certificate, and its passphrase in a file beside it."""
    text = certificate.read_text().split("-----")[2]
    number = view_certificate(base64.b64decode(text)).value("serialNumber")
    assert isinstance(number, int)
    phrase = "a passphrase for Java"
    (folder / "phrase").write_text(phrase)
    with serving.open() as estate:
        record = estate.by_serial(SerialNumber(number))
        files = FORMATS["pkcs12"].files(items(estate, [record], with_keys=True), phrase)
        (path,) = write(files, folder / "stores", force=True)
    return path


@java_only
def test_java_gets_one_certificate_after_another_ad_hoc(serving, java, adhoc_request):
    csr, path = adhoc_request
    lines = java("adhoc", serving.services["adhoc"]["url"], path, path)
    assert [lines[0], lines[2]] == [lines[0]] * 2
    status, code, protocol, suite = lines[0].split()
    assert (status, code, protocol) == ("status", "200", "TLSv1.2")
    assert suite in JAVA_SUITES
    for text in (lines[1], lines[3]):
        check_certificate(read(text.encode()), csr)


@java_only
def test_java_submits_a_batch_and_fetches_its_result(serving, java, batch):
    by_id, path = batch
    head, body = java("batched", serving.services["batched"]["submit"], path)
    assert head.startswith("status 200 TLSv1.2 ")
    number = read(body.encode(), MessageSchema.BATCHED).findtext("BatchId")
    result = f"{serving.services['batched']['result']}?BatchId={number}"

    def fetch():
        return read(java("batched", result)[1].encode(), MessageSchema.BATCHED)

    check_batch(fetch, by_id)


@java_only
def test_java_is_told_that_its_certificate_is_for_another_service(serving, java, adhoc_request):
    _, path = adhoc_request
    head, body = java("batched", serving.services["adhoc"]["url"], path)
    assert head.startswith("status 403 ")
    assert "batch" in body
