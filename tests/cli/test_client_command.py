"""The command ``client``: what it prints and writes, and how it ends, against small servers."""

from __future__ import annotations

import base64
import csv
import importlib
import json

import pytest

import bad_servers
import csrs
from bad_servers import answers, authority, issued, response, serving
from smki_testca.authority.csr import MAX_OCTETS
from smki_testca.client.batch_report import file_names
from smki_testca.errors import OutputError

RESPONSE = (
    "<DeviceCertificateSigningResponse{id}><Version>1.0</Version><Build>7</Build>"
    "<TransactionId>12</TransactionId><Status>{status}</Status>{content}"
    "</DeviceCertificateSigningResponse>"
)
ERROR = "<Error><ErrorCode>{code}</ErrorCode><ErrorText>{text}</ErrorText></Error>"


def b64(der):
    return base64.b64encode(der).decode()


@pytest.fixture
def key():
    return csrs.new_key()


@pytest.fixture
def csr(tmp_path, key):
    """The file of a CSR."""
    path = tmp_path / "meter.csr"
    path.write_bytes(csrs.pem(csrs.device(key)))
    return path


@pytest.fixture
def over_tls(tmp_path):
    """The options and the TLS of a server that asks for a certificate."""
    certificate, private = issued("client").files(tmp_path)
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority().pem)
    options = ("--ca", ca, "--cert", certificate, "--key", private, "--timeout", 20)
    return options, bad_servers.context(tmp_path, clients="Test CA")


def success(key, status="SUCCESS"):
    certificate = f"<Certificate>{b64(bad_servers.device_certificate(key))}</Certificate>"
    return response(RESPONSE.format(id="", status=status, content=certificate).encode())


def refusal(status="CSR_ERROR", code="CR:KEY", text="No."):
    content = ERROR.format(code=code, text=text)
    return response(RESPONSE.format(id="", status=status, content=content).encode())


def url(port, scheme="http"):
    return f"{scheme}://localhost:{int(port)}"


def test_a_csr_becomes_a_certificate_and_each_step_is_told(command, csr, key, over_tls):
    options, tls = over_tls
    with serving(answers(success(key)), tls=tls) as port:
        outcome = command("client", "adhoc", csr, "--url", url(port, "https"), *options)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("-----BEGIN CERTIFICATE-----\n")
    told = [line.split(":")[0] for line in outcome.err.splitlines() if not line.startswith(" ")]
    assert told == ["resolve", "connect", "tls", "request", "answer", "check"]
    assert "server certificate: CN=localhost,\n    issued by CN=Test CA,\n" in outcome.err
    assert "client certificate: asked for, sent CN=client" in outcome.err


def test_json_has_the_certificate_and_the_connection(command, csr, key, over_tls):
    options, tls = over_tls
    with serving(answers(success(key)), tls=tls) as port:
        words = ("client", "adhoc", csr, "--url", url(port, "https"), *options)
        outcome = command("--json", *words)
    assert (outcome.code, outcome.err) == (0, "")
    document = outcome.json
    assert document["certificate"]["device"] == "00-DB-12-00-00-00-00-05"
    assert document["pem"].startswith("-----BEGIN")
    assert document["connection"]["tls"]["client_certificate_sent"] == "CN=client"


def test_a_csr_on_standard_input_and_the_certificate_in_a_file(command, csr, key, tmp_path):
    out = tmp_path / "meter.pem"
    with serving(answers(success(key))) as port:
        words = ("client", "adhoc", "-", "--url", url(port), "--out", out)
        outcome = command(*words, stdin=csr.read_bytes())
        again = command(*words, stdin=csr.read_bytes())
        assert len(port.requests) == 1, "what would be overwritten is not even asked for"
    assert outcome.code == 0, outcome.err
    assert out.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----\n")
    assert str(out) in outcome.out
    assert again.code == 4
    assert "--force" in again.err


def test_a_certificate_that_cannot_be_written_is_printed_for_it_is_issued(
    command, csr, key, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise OutputError("output.failed", "The disk is full.", "Free space.")

    module = importlib.import_module("smki_testca.cli.client.adhoc")
    monkeypatch.setattr(module, "write_file", fail)
    with serving(answers(success(key))) as port:
        outcome = command("client", "adhoc", csr, "--url", url(port), "--out", tmp_path / "a.pem")
    assert outcome.code == 5
    assert "-----BEGIN CERTIFICATE-----\n" in outcome.err
    assert "The certificate is issued" in outcome.err


def test_a_refusal_ends_with_3_and_says_what_the_service_said(command, csr):
    with serving(answers(refusal(text="The key\n\x7f\u202e is wrong."))) as port:
        outcome = command("client", "adhoc", csr, "--url", url(port))
    assert outcome.code == 3
    last = outcome.err.splitlines()[-1]
    assert last.startswith("error: The service refuses: CSR_ERROR CR:KEY: The key")
    assert last.isprintable()


@pytest.mark.slow
def test_a_fault_ends_with_6_and_json_says_in_which_step(command, csr, tmp_path):
    with serving(answers(success(csrs.new_key())), tls=bad_servers.context(tmp_path)) as port:
        words = ("client", "adhoc", csr, "--url", url(port, "https"))
        outcome, as_json = command(*words), command("--json", *words)
    assert outcome.code == as_json.code == 6
    assert "  server certificate: CN=localhost" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("error: The server's certificate")
    assert as_json.json["error"]["code"] == "client.server_untrusted"
    assert as_json.json["error"]["step"] == "tls"
    seen = as_json.json["connection"]["tls"]["server_certificate"]["subject"]
    assert seen == "CN=localhost"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "--url"),
        (("--url", "https://a", "--cert", "c"), 2, "belong together"),
        (("--url", "https://a", "--key-passphrase-file", "c"), 2, "needs --key"),
        (("--url", "a"), 4, "not the URL"),
        (("--url", "https://a", "--ca", "nothing"), 4, "nothing"),
        (("--url", "https://a", "--timeout", "0"), 2, "timeout"),
        (("--url", "https://a", "--timeout", "nan"), 2, "nan"),
        (("--url", "https://a", "--timeout", "inf"), 2, "inf"),
        (("--url", "https://a", "--tls", "1.1"), 2, "1.1"),
        (("--url", "https://a", "--insecure"), 2, "--insecure"),
        (("--url", "http://a", "--reference", "x" * 33), 4, "32 characters"),
    ],
)
def test_wrong_options_are_one_clear_line_and_nothing_is_sent(
    command, csr, one_line, words, code, says
):
    outcome = command("client", "adhoc", csr, *words)
    assert outcome.code == code
    assert says in one_line(outcome)


@pytest.mark.parametrize("content", [b"", b"text", b"0\x03\x02\x01\x05"])
def test_a_file_that_is_no_csr_is_not_sent(command, tmp_path, one_line, content):
    path = tmp_path / "a.csr"
    path.write_bytes(content)
    outcome = command("client", "adhoc", path, "--url", "http://localhost:1")
    assert outcome.code == 4
    one_line(outcome)


@pytest.mark.parametrize("octets", [MAX_OCTETS + 1, MAX_OCTETS + 2])
def test_a_file_that_is_longer_than_any_csr_is_not_sent(command, tmp_path, octets):
    path = tmp_path / "a.csr"
    path.write_bytes(bytes(octets))
    outcome = command("--json", "client", "adhoc", path, "--url", "http://localhost:1")
    assert outcome.code == 4
    error = outcome.json["error"]
    assert error["code"] == "input.too_long"
    assert error["message"] == f"{path} is longer than {MAX_OCTETS} octets."


def test_an_encrypted_key_opens_with_a_file(command, csr, key, over_tls, tmp_path):
    options, tls = over_tls
    certificate, private = issued("client").files(tmp_path, "sealed", b"open sesame")
    phrase = tmp_path / "phrase"
    phrase.write_text("open sesame\n")
    own = ("--cert", certificate, "--key", private, "--key-passphrase-file", phrase)
    with serving(answers(success(key)), tls=tls) as port:
        outcome = command("client", "adhoc", csr, "--url", url(port, "https"), *options[:2], *own)
    assert outcome.code == 0, outcome.err


def test_without_the_extra_it_says_what_to_install(command, csr, monkeypatch, one_line):
    monkeypatch.setattr("smki_testca.cli.client.calling.find_spec", lambda _name: None)
    outcome = command("client", "adhoc", csr, "--url", "http://localhost:1")
    assert outcome.code == 2
    assert "smki-testca[service]" in one_line(outcome)


# Batches


def of_batch(batch, outcomes):
    """The behaviours of a service: it takes a batch, and is done at the second question."""
    head = "<Version>1.0</Version><Build>7</Build>"

    def result(status, content=""):
        return response(
            f"<CSRBatchResult>{head}<BatchStatus>{status}</BatchStatus>"
            f"<BatchId>{batch}</BatchId>{content}</CSRBatchResult>".encode()
        )

    receipt = (
        f"<SubmitCSRBatchStatus>{head}<BatchStatus>PENDING</BatchStatus>"
        f"<BatchId>{batch}</BatchId></SubmitCSRBatchStatus>"
    )
    inside = "".join(
        f'<DeviceCertificate ID="{key}"><Status>{status}</Status>{content}</DeviceCertificate>'
        for key, status, content in outcomes
    )
    return [
        answers(response(receipt.encode())),
        answers(result("QUEUED")),
        answers(result("COMPLETED", inside)),
    ]


def certificate_of(key):
    return f"<Certificate>{b64(bad_servers.device_certificate(key))}</Certificate>"


@pytest.fixture
def folder(tmp_path):
    """A folder of two CSRs, and their keys."""
    keys = [csrs.new_key(), csrs.new_key()]
    path = tmp_path / "requests"
    path.mkdir()
    for name, key in zip("ab", keys, strict=True):
        (path / f"{name}.csr").write_bytes(csrs.pem(csrs.device(key)))
    return path, keys


REFUSED = ERROR.format(code="CR:KEY", text="=No")


def test_a_batch_is_submitted_waited_for_and_written(command, folder, tmp_path):
    path, (first, second) = folder
    done = [
        ("csr-000001", "SUCCESS", certificate_of(first)),
        ("csr-000002", "SUCCESS", certificate_of(second)),
    ]
    out = tmp_path / "out"
    with serving(*of_batch(9, done)) as port:
        words = ("client", "batch", path, "--url", url(port), "--out", out, "--poll", "0.1")
        outcome = command(*words)
    assert outcome.code == 0, outcome.err
    assert sorted(each.name for each in out.iterdir()) == ["a.crt", "b.crt", "report.csv"]
    assert "--batch-id 9" in outcome.err
    assert "batch: QUEUED" in outcome.err
    assert outcome.out.startswith("2 certificates of 2 CSRs")


@pytest.mark.slow
def test_a_batch_of_which_csrs_are_refused_ends_with_1_and_says_which(command, folder, tmp_path):
    path, (first, _) = folder
    done = [
        ("csr-000001", "SUCCESS", certificate_of(first)),
        ("csr-000002", "CSR_ERROR", REFUSED),
    ]
    for as_json in ((), ("--json",)):
        out = tmp_path / f"out{len(as_json)}"
        with serving(*of_batch(9, done)) as port:
            words = ("client", "batch", path, "--url", url(port), "--out", out, "--poll", "0.1")
            outcome = command(*as_json, *words)
        assert outcome.code == 1
        with (out / "report.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["status"] for row in rows] == ["SUCCESS", "CSR_ERROR"]
        assert rows[1]["text"] == "'=No", "a spreadsheet takes it for text"
        assert not (out / "b.crt").exists()
        if as_json:
            assert outcome.json["batch_id"] == 9
            assert (outcome.json["success"], outcome.json["refused"]) == (1, 1)
            assert outcome.json["problems"][0]["service"]["code"] == "CR:KEY"
        else:
            assert "warning: b.csr: CSR_ERROR CR:KEY =No" in outcome.err


def test_certificates_that_are_swapped_are_not_written_and_it_ends_with_6(
    command, folder, tmp_path
):
    path, (first, second) = folder
    done = [
        ("csr-000001", "SUCCESS", certificate_of(second)),
        ("csr-000002", "SUCCESS", certificate_of(first)),
    ]
    out = tmp_path / "out"
    with serving(*of_batch(9, done)) as port:
        words = ("client", "batch", path, "--url", url(port), "--out", out, "--poll", "0.1")
        outcome = command(*words)
    assert outcome.code == 6
    assert "2 certificates of the batch are not for the CSRs" in outcome.err
    assert [each.name for each in out.iterdir()] == ["report.csv"]


def test_a_batch_can_be_submitted_now_and_fetched_later(command, folder, tmp_path):
    path, (first, second) = folder
    done = [
        ("csr-000001", "SUCCESS", certificate_of(first)),
        ("csr-000002", "SUCCESS", certificate_of(second)),
    ]
    with serving(*of_batch(9, done)) as port:
        now = command("client", "batch", path, "--url", url(port), "--submit-only")
        assert (now.code, now.out) == (0, "9\n")
        words = ("client", "batch", "--url", url(port), "--batch-id", 9, "--poll", "0.1")
        bare = command(*words, "--out", tmp_path / "bare")
        again = command(*words, path, "--out", tmp_path / "out")
    assert bare.code == again.code == 0, bare.err + again.err
    assert (tmp_path / "bare" / "csr-000001.crt").exists()
    assert (tmp_path / "out" / "a.crt").exists()


def test_files_that_are_no_csrs_are_named_and_not_submitted(command, folder):
    path, _ = folder
    (path / "readme.txt").write_text("x")
    with serving(*of_batch(9, [])) as port:
        words = ("client", "batch", path, "--url", url(port), "--submit-only")
        outcome = command(*words)
        assert b"csr-000003" not in port.requests[0][1]
    with serving(*of_batch(9, [])) as port:
        as_json = command("--json", *words[:3], "--url", url(port), "--submit-only")
    assert "readme.txt skipped" in outcome.err
    assert as_json.json["passed_over"] == 1
    assert as_json.json["passed_over_files"][0]["file"] == "readme.txt"


@pytest.mark.slow
def test_a_batch_that_takes_too_long_is_given_up_with_6(command, tmp_path):
    _, waiting, _ = of_batch(9, [])
    with serving(waiting) as port:
        outcome = command(
            *("client", "batch", "--url", url(port), "--batch-id", 9),
            *("--out", tmp_path / "out", "--poll", "0.1", "--wait", "0.3"),
        )
    assert outcome.code == 6
    assert "--batch-id 9" in outcome.err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--batch-id", "1"),
        ("--batch-id", "1", "--submit-only"),
        ("--batch-id", "1", "--reference", "a", "--out", "o"),
        ("a.zip",),
        ("a.zip", "--submit-only", "--out", "o"),
    ],
)
def test_options_of_a_batch_that_do_not_go_together(command, one_line, words):
    outcome = command("client", "batch", "--url", "http://localhost:1", *words)
    assert outcome.code == 2
    one_line(outcome)


def test_a_result_that_would_overwrite_a_file_is_told_before_anything_is_submitted(
    command, folder, tmp_path
):
    path, _ = folder
    out = tmp_path / "out"
    out.mkdir()
    (out / "b.crt").write_text("mine")
    with serving(*of_batch(9, [])) as port:
        outcome = command("client", "batch", path, "--url", url(port), "--out", out)
        assert port.requests == []
    assert outcome.code == 4
    assert "b.crt" in outcome.err


def test_names_that_differ_in_case_alone_are_two_files():
    names = file_names([("1", "a.csr"), ("2", "A.CSR"), ("3", "report.csv")])
    assert len({name.casefold() for name in names.values()}) == 3


# The repository


FOUND = (
    "<CertificateSearchResponse><ResponseCode>{code}</ResponseCode><ResponseMessage>so</ResponseMessage>"
    "{results}</CertificateSearchResponse>"
)


def test_what_a_search_finds_is_a_table_or_json(command):
    result = (
        "<Result><CertificateSerial>AB</CertificateSerial>"
        "<CertificateSubjectName>A\x7fB</CertificateSubjectName>"
        "<CertificateStatus>I</CertificateStatus></Result>"
    )
    octets = response(FOUND.format(code=200, results=result).encode())
    with serving(answers(octets)) as port:
        words = ("client", "search", "Supplier", "--url", url(port))
        outcome, as_json = command(*words), command("--json", *words)
    assert outcome.code == 0, outcome.err
    assert "AB" in outcome.out
    assert "\x7f" not in outcome.out
    assert as_json.json["results"][0]["status"] == "I"


def test_a_search_that_finds_nothing_ends_with_3(command):
    octets = response(FOUND.format(code=402, results="").encode(), "402 Payment Required")
    with serving(answers(octets)) as port:
        outcome = command("--json", "client", "search", "Supplier", "--url", url(port))
    assert outcome.code == 3
    assert outcome.json["error"]["code"] == "client.nothing_found"
    assert outcome.json["error"]["service"]["code"] == "402"


def test_an_api_key_comes_from_a_file_or_the_environment(command, tmp_path, monkeypatch):
    file = tmp_path / "key"
    file.write_text("from-file\n")
    octets = response(FOUND.format(code=200, results="").encode())
    with serving(answers(octets)) as port:
        words = ("client", "search", "Supplier", "--url", url(port))
        command(*words, "--api-key-file", file)
        monkeypatch.setenv("SMKI_TESTCA_API_KEY", "from-environment")
        command(*words)
        heads = [head for head, _ in port.requests]
    assert b"?apikey=from-file " in heads[0]
    assert b"?apikey=from-environment " in heads[1]


def test_a_certificate_is_retrieved_to_a_file(command, tmp_path, key):
    der = bad_servers.device_certificate(key)
    octets = response(
        "<CertificateDataResponse><ResponseCode>200</ResponseCode><CertificateResponse>"
        f"<CertificateStatus>R</CertificateStatus><CertificateBody>{b64(der)}</CertificateBody>"
        "</CertificateResponse></CertificateDataResponse>".encode()
    )
    out = tmp_path / "one.pem"
    with serving(answers(octets)) as port:
        words = ("client", "retrieve", "4d", "--url", url(port))
        outcome, printed = command(*words, "--out", out), command(*words)
        as_json = command("--json", *words)
    assert outcome.code == 0, outcome.err
    assert "status R" in outcome.out
    assert printed.out == out.read_text()
    assert as_json.json["result"]["status"] == "R"


def test_a_revocation_list_is_downloaded_and_checked(command, tmp_path):
    issuer, out = tmp_path / "issuer.pem", tmp_path / "list"
    issuer.write_bytes(authority().pem)
    der = bad_servers.revocation_list()
    with serving(answers(response(der))) as port:
        words = ("client", "crl", "--url", f"{url(port)}/a.crl")
        checked = command(*words, "--issuer", issuer, "--out", out, "--der")
        unchecked = command(*words)
        as_json = command("--json", *words, "--issuer", issuer)
        too_late = command("--clock", "2099-01-01T00:00:00Z", *words)
    assert checked.code == 0, checked.err
    assert out.read_bytes() == der
    assert "The list 7 of CN=Test CA holds until" in checked.out
    assert "signature was not checked" in unchecked.err
    assert unchecked.out.startswith("-----BEGIN X509 CRL-----")
    assert as_json.json["list"]["signature_checked"] is True
    assert too_late.code == 6
    assert "stale" in too_late.err


@pytest.mark.parametrize("words", [("--der",), ("--user", "me"), ("--password-file", "p")])
def test_options_of_a_list_that_do_not_go_together(command, one_line, words):
    outcome = command("client", "crl", "--url", "http://localhost:1/a.crl", *words)
    assert outcome.code == 2
    one_line(outcome)


def test_json_and_a_certificate_do_not_share_standard_output(command, csr):
    outcome = command(
        *("--json", "client", "adhoc", csr, "--url", "http://localhost:1", "--out", "-")
    )
    assert outcome.code == 2
    assert json.loads(outcome.out)["error"]["code"] == "usage"
