"""The Batched service as curl sees it, over mutual TLS, with the process that makes its runs."""

import shutil
import time

import pytest
from lxml import etree

import submissions
from batches import PATIENCE
from smki_testca.service.paths import RESULT_PATH, SUBMIT_PATH

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.mark.slow
def test_curl_submits_a_batch_and_fetches_its_certificates(serving, tmp_path):
    message = tmp_path / "batch.xml"
    message.write_bytes(submissions.message(submissions.good(2, first=0x700), "b-curl"))

    def asked(path, *words):
        done = serving.curl("batched", *words, path=path)
        assert done.returncode == 0, done.stderr
        return etree.fromstring(done.stdout)

    xml = ("-H", "Content-Type: application/xml;charset=UTF-8")
    receipt = asked(SUBMIT_PATH, *xml, "--data-binary", f"@{message}")
    assert (receipt.get("ID"), receipt.findtext("BatchStatus")) == ("b-curl", "PENDING")
    number = receipt.findtext("BatchId")
    until = time.monotonic() + PATIENCE
    root = receipt
    while root.findtext("BatchStatus") != "COMPLETED":
        assert time.monotonic() < until
        root = asked(f"{RESULT_PATH}?BatchId={number}")
        time.sleep(0.05)
    assert [row.findtext("Status") for row in root.findall("DeviceCertificate")] == ["SUCCESS"] * 2
    with serving.open() as estate:
        estate.audit.verify()
