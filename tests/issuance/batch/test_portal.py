"""The Portal's response to a batch of CSRs (SEC App. M F, Appendix N)."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import os
import re
import zipfile

import pytest
from cryptography import x509
from csr_zips import CENTRAL, GOOD, KEY, LOCAL, changed, csr_zip, device_csr, device_id

import csrs
from batches import DEVICE_PURPOSE
from smki_testca.authority import csr as intake
from smki_testca.errors import InputError
from smki_testca.issuance.batch import portal


def _sign(command, estate, data, *more, name="meters.zip", participant="meters-one", out=None):
    path = estate.parent / name
    path.write_bytes(data)
    out = out or estate.parent / "out.zip"
    outcome = command(
        *("--json", "--estate", estate, "batch", "sign", path, "--out", out),
        *("--participant", participant, "--purpose", DEVICE_PURPOSE, *more),
    )
    return outcome, out


def _report(out):
    """The lines of the report, without its head, and the certificates by file name."""
    with zipfile.ZipFile(out) as outer:
        (report,) = [name for name in outer.namelist() if name.endswith(".txt")]
        (inner,) = [name for name in outer.namelist() if name.endswith(".zip")]
        head, *told = outer.read(report).decode().split("\r\n")
        assert told.pop() == ""
        assert head == "Identifier\tFile\tStatus\tErrorCode"
        with zipfile.ZipFile(io.BytesIO(outer.read(inner))) as archive:
            certificates = {name: archive.read(name) for name in archive.namelist()}
    return [line.split("\t") for line in told], certificates


HOSTILE = {
    "nested folders": csr_zip(("a/b.csr", device_csr())),
    "one good beside one with a wrong extension": csr_zip(("a.csr", device_csr()), ("b.txt", b"")),
    "no ZIP": b"nothing",
    "encrypted": changed(changed(GOOD, LOCAL, 6, b"\x01\x00"), CENTRAL, 8, b"\x01\x00"),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_batch_refused_whole_changes_nothing_and_writes_nothing(command, quickstart, data):
    before = {path: path.read_bytes() for path in quickstart.rglob("*") if path.is_file()}
    outcome, out = _sign(command, quickstart, data)
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "batch.zip"
    assert not out.exists()
    after = {path: path.read_bytes() for path in quickstart.rglob("*") if path.is_file()}
    assert before == after


def _requests():
    """One CSR of each fate, by file name: what the report should say, and the CSR."""
    tampered = bytearray(csrs.device(KEY, device_id=device_id(7)))
    tampered[-1] ^= 1
    return {
        "meter-1.csr": (("success", ""), device_csr(5)),
        "meter.2.csr": (("success", ""), device_csr(6, usage="ds")),
        "signature.csr": (("error", "CR:SIGN"), csrs.pem(bytes(tampered))),
        "garbage.csr": (("error", "CR:FORM"), b"nonsense!"),
        "curve.csr": (
            ("error", "CR:KEY"),
            csrs.pem(csrs.device(csrs.new_key(csrs.ec.SECP384R1()))),
        ),
        "elsewhere.csr": (
            ("ineligible", "IN:R11"),
            csrs.pem(csrs.device(KEY, device_id=csrs.SUPPLIER_ID)),
        ),
        "organisation.csr": (("ineligible", None), csrs.pem(csrs.organisation(KEY))),
        "bare.csr": (("success", ""), base64.b64encode(csrs.device(KEY, device_id=device_id(8)))),
    }


@pytest.mark.slow
def test_each_csr_fares_as_the_report_says_and_the_good_ones_have_certificates(command, quickstart):
    requests = _requests()
    data = csr_zip(*((name, csr) for name, (_, csr) in requests.items()))
    outcome, out = _sign(command, quickstart, data)
    assert outcome.code == 1
    counts = {"success": 3, "refused": 5, "passed_over": 0}
    assert {key: outcome.json[key] for key in ("run", "out", *counts)} == {
        "run": 1,
        "out": str(out),
        **counts,
    }
    refused = [name for name, ((status, _), _) in requests.items() if status != "success"]
    assert [problem["file"] for problem in outcome.json["problems"]] == refused
    report, certificates = _report(out)
    assert [(line[0], line[1]) for line in report] == [
        (str(n), name) for n, name in enumerate(requests, 1)
    ]
    for (_, name, status, code), (expected, _) in zip(report, requests.values(), strict=True):
        assert status == expected[0], name
        if expected[1] is not None:
            assert code == expected[1], name
        assert re.fullmatch(r"[A-Z]{2}:[A-Za-z0-9]+", code) if status != "success" else not code
        assert len(code) <= 10
    assert set(certificates) == {"meter-1.crt", "meter.2.crt", "bare.crt"}
    for name, data in certificates.items():
        csr = requests[name.replace(".crt", ".csr")][1]
        der = intake.to_der(csr)
        asked = x509.load_der_x509_csr(der)
        given = x509.load_pem_x509_certificate(data)
        assert given.public_key() == asked.public_key()
        for kind in (x509.KeyUsage, x509.SubjectAlternativeName):
            assert (
                given.extensions.get_extension_for_class(kind).value
                == asked.extensions.get_extension_for_class(kind).value
            )


def test_the_names_in_the_response_follow_from_the_name_of_the_request(command, quickstart):
    _, out = _sign(command, quickstart, GOOD, name="night.2.zip")
    with zipfile.ZipFile(out) as outer:
        assert sorted(outer.namelist()) == ["night.2-response.txt", "night.2-response.zip"]
    assert out.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_why_a_csr_was_refused_is_in_the_response_and_on_the_screen(command, quickstart):
    data = csr_zip(
        ("a.csr", device_csr(1)),
        ("b.csr", b"nonsense"),
        ("c.csr", b"nonsense"),
        ("d.csr", csrs.pem(csrs.device(KEY, device_id=csrs.SUPPLIER_ID))),
    )
    outcome, out = _sign(command, quickstart, data)
    assert (outcome.code, outcome.err) == (1, "run 1\n")
    told = [(each["file"], each["code"]) for each in outcome.json["problems"]]
    assert told[:2] == [("b.csr", told[0][1]), ("c.csr", told[0][1])]
    assert told[2][0] == "d.csr"
    assert all(each["message"] for each in outcome.json["problems"])
    with zipfile.ZipFile(out) as response:
        head, *rows = response.read("meters-problems.tsv").decode().split("\r\n")
    assert head == "Identifier\tFile\tCode\tReason"
    assert rows.pop() == ""
    assert [row.split("\t") for row in rows] == [
        [str(number), *each.values()] for number, each in enumerate(outcome.json["problems"], 2)
    ]
    path = quickstart.parent / "meters.zip"
    shown = command(
        *("--estate", quickstart, "batch", "sign", path, "--out", out, "--force"),
        *("--participant", "meters-one", "--purpose", DEVICE_PURPOSE),
    )
    assert shown.code == 1
    assert f"b.csr and 1 other: {told[0][1]}: " in shown.err
    assert f"d.csr: {told[2][1]}: " in shown.err


def test_a_dry_run_says_what_would_be_signed_and_changes_nothing(command, quickstart):
    before = (quickstart / "estate.sqlite").read_bytes()
    data = csr_zip(("a.csr", device_csr(1)), ("b.csr", b"nonsense"))
    dry, out = _sign(command, quickstart, data, "--dry-run")
    assert dry.code == 1
    assert (quickstart / "estate.sqlite").read_bytes() == before
    assert not out.exists()
    told = dry.json
    assert (told.pop("dry_run"), told.pop("run"), told.pop("out")) == (True, None, None)
    real, _ = _sign(command, quickstart, data)
    assert told == {key: value for key, value in real.json.items() if key not in {"run", "out"}}


@pytest.mark.slow
def test_what_macos_adds_is_told_and_the_csrs_are_signed(command, quickstart):
    data = csr_zip(("a.csr", device_csr()), ("__MACOSX/._a.csr", b"\x00\x05\x16\x07"))
    outcome, out = _sign(command, quickstart, data)
    assert (outcome.json["success"], outcome.json["passed_over"]) == (1, 1)
    assert [line[1] for line in _report(out)[0]] == ["a.csr"]
    path = quickstart.parent / "meters.zip"
    told = command(
        *("--estate", quickstart, "batch", "sign", path, "--out", out, "--force"),
        *("--participant", "meters-one", "--purpose", DEVICE_PURPOSE),
    )
    assert "__MACOSX/._a.csr" in told.err
    assert "1 of 1 CSR is signed" in told.out


def test_over_99_certificates_under_one_device_id_the_rest_are_anomalies(command, quickstart):
    data = csr_zip(*((f"{n}.csr", device_csr(50, usage="ds")) for n in range(102)))
    outcome, out = _sign(command, quickstart, data)
    assert outcome.code == 1
    report, certificates = _report(out)
    assert [line[2] for line in report] == ["success"] * 100 + ["anomaly"] * 2
    assert {line[3] for line in report[100:]} == {"CA:LIMIT"}
    assert len(certificates) == 100


def test_a_batch_of_which_nothing_goes_through_still_has_its_response(command, quickstart):
    outcome, out = _sign(command, quickstart, csr_zip(("a.csr", b"nonsense")))
    assert (outcome.code, outcome.json["success"], outcome.json["run"]) == (1, 0, None)
    report, certificates = _report(out)
    assert [line[2] for line in report] == ["error"]
    assert certificates == {}


def test_the_response_can_be_written_again_from_the_run(command, quickstart, tmp_path):
    data = csr_zip(("a.csr", device_csr(1)), ("b.csr", b"nonsense"), ("c.csr", device_csr(2)))
    outcome, out = _sign(command, quickstart, data)
    run = outcome.json["run"]
    again = tmp_path / "again.zip"
    export = ("--json", "--estate", quickstart, "batch", "export")
    assert command(*export, run, "--format", "response", "--out", again).code == 0
    assert again.read_bytes() == out.read_bytes()


def test_a_run_of_another_source_has_no_response(command, quickstart, tmp_path):
    estate = ("--json", "--estate", quickstart)
    issued = command(
        *estate,
        *("batch", "issue", "--profile", "device", "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests", "--hw-type", "1.2.3"),
        *("--usage", "key-agreement", "--first-id", "00-DB-12-01-00-00-00-00", "--count", 2),
    )
    assert issued.code == 0
    path = tmp_path / "none.zip"
    outcome = command(*estate, "batch", "export", 1, "--format", "response", "--out", path)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "batch.no_response")
    assert not path.exists()


def test_a_participant_that_may_have_nothing_gets_nothing(command, quickstart):
    outcome, out = _sign(command, quickstart, GOOD, participant="labs-one")
    assert outcome.json["success"] == 0
    report, _ = _report(out)
    assert report == [["1", "a.csr", "ineligible", "IN:R2"]]


def test_what_is_signed_from_a_batch_is_found_by_the_csr_files_name(command, quickstart):
    _sign(command, quickstart, csr_zip(("meter-77.csr", device_csr(0x77))))
    found = command("--json", "--estate", quickstart, "list", "--label", "meter-77").json
    (one,) = found["certificates"]
    assert one["eui64"] == "00-DB-12-00-00-00-00-77"


@pytest.mark.slow
def test_a_response_that_is_there_is_kept_unless_forced(command, quickstart):
    _, out = _sign(command, quickstart, GOOD)
    first = out.read_bytes()
    outcome, _ = _sign(command, quickstart, GOOD)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.exists")
    assert out.read_bytes() == first
    outcome, _ = _sign(command, quickstart, GOOD, "--force")
    assert outcome.code == 0
    assert out.read_bytes() != first


def test_a_response_that_cannot_be_written_is_told_of_before_anything_is_signed(
    command, quickstart
):
    for out in (quickstart.parent / "gone" / "out.zip", quickstart.parent):
        outcome, _ = _sign(command, quickstart, GOOD, "--force", out=out)
        assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.unwritable")
    runs = command("--json", "--estate", quickstart, "batch", "list").json
    assert runs == {"runs": []}


def test_a_response_is_the_same_octets_for_the_same_report():
    lines = [
        (1, "meter-1.csr", portal.ReportedOutcome.SUCCESS, ""),
        (2, "b.csr", portal.ReportedOutcome.ERROR, "CR:SIGN"),
        (3, "z\u00e4hler.csr", portal.ReportedOutcome.SUCCESS, ""),
        (4, "d.csr", portal.ReportedOutcome.INELIGIBLE, "IN:R11"),
        (5, "e.csr", portal.ReportedOutcome.ANOMALY, "CA:LIMIT"),
    ]
    issued = {1: bytes(range(200)), 3: b"\x30\x00"}
    data = portal.response(portal.PortalReport("night", lines), issued)
    # As the first version of the writer gave it: dates, modes and order are fixed.
    assert hashlib.sha256(data).hexdigest() == (
        "1cbfe5eeb8a581385ad8d76ed13f5d8ae0cd7b6e68029f7f2c059ba337e6c579"
    )


def test_a_response_that_the_disk_does_not_take_can_be_written_again(
    command, quickstart, monkeypatch
):
    def fail(*_given, **_named):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr("smki_testca.files.give_name", fail)
        outcome, out = _sign(command, quickstart, GOOD)
    error = outcome.json["error"]
    assert (outcome.code, error["code"]) == (5, "output.failed")
    assert "batch export 1 --format response --out FILE" in error["remedy"]
    assert not list(out.parent.glob("*.unfinished"))
    outcome = command(
        *("--estate", quickstart, "batch", "export", 1, "--format", "response", "--out", out)
    )
    assert outcome.code == 0, outcome.err
    assert len(_report(out)[1]) == 1


def _remarks(out):
    """The lines of the table of remarks, without its head."""
    with zipfile.ZipFile(out) as outer:
        (table,) = [name for name in outer.namelist() if name.endswith("-remarks.tsv")]
        head, *told = outer.read(table).decode().split("\r\n")
    assert head == "Identifier\tFile\tCode\tPart\tRemark"
    assert told.pop() == ""
    return [line.split("\t") for line in told]


def _null_csr(number):
    # The quickstart has issued to the first Devices.
    extensions = csrs.device_extensions(device_id(0x100 + number))
    return csrs.pem(csrs.raw(KEY, (), extensions, algorithm=csrs.ECDSA_WITH_SHA256_NULL))


def _surplus_csr(number):
    identifier = csrs.extension("551d0e", csrs.tlv(0x04, bytes(20)), critical=False)
    return csrs.pem(csrs.raw(KEY, (), [identifier, *csrs.device_extensions(device_id(number))]))


def test_firmware_that_writes_null_parameters_gets_its_certificates_with_a_warning(
    command, quickstart, tmp_path
):
    names = [f"{number}.csr" for number in (1, 2, 3)]
    data = csr_zip(
        ("good.csr", device_csr(9)), *((name, _null_csr(int(name[0]))) for name in names)
    )
    outcome, out = _sign(command, quickstart, data)
    assert (outcome.json["success"], outcome.json["refused"]) == (4, 0)
    (warning,) = outcome.json["csr_warnings"]
    assert (warning["code"], warning["files"]) == ("csr.algorithm_parameters", names)
    report, certificates = _report(out)
    assert [line[2:] for line in report] == [["success", ""]] * 4
    assert len(certificates) == 4
    assert [line[1:3] for line in _remarks(out)] == [
        [name, "csr.algorithm_parameters"] for name in names
    ]
    for data in certificates.values():
        signature = x509.load_pem_x509_certificate(data).signature_algorithm_parameters
        assert isinstance(signature, csrs.ec.ECDSA)
    again = tmp_path / "again.zip"
    exported = command(
        *("--estate", quickstart, "batch", "export", outcome.json["run"]),
        *("--format", "response", "--out", again),
    )
    assert exported.code == 0
    assert again.read_bytes() == out.read_bytes()


def test_a_batch_is_taken_as_a_test_ca_takes_it_and_says_what_was_dropped(command, quickstart):
    data = csr_zip(("kt.csr", _surplus_csr(1)), ("kt2.csr", _surplus_csr(2)))
    outcome, out = _sign(command, quickstart, data)
    assert (outcome.json["success"], outcome.json["refused"]) == (0, 2)
    assert "dropped" not in outcome.json
    outcome, out = _sign(command, quickstart, data, "--as", "test-ca", "--force")
    assert (outcome.json["success"], outcome.json["refused"]) == (2, 0)
    assert outcome.json["dropped"] == [
        {
            "path": "extensions.subjectKeyIdentifier",
            "message": "the extension subjectKeyIdentifier",
            "files": ["kt.csr", "kt2.csr"],
        }
    ]
    assert [line[2:4] for line in _remarks(out)] == [
        ["dropped", "extensions.subjectKeyIdentifier"]
    ] * 2
    entries = command("--json", "--estate", quickstart, "audit", "show").json["entries"]
    (authorised,) = [entry for entry in entries if entry["action"] == "batch.authorise"]
    assert authorised["body"]["csr"]["as"] == "test-ca"
    assert authorised["body"]["csr"]["remarked"] == 2
    assert [each["line"] for each in authorised["body"]["csr"]["remarks"]] == [1, 2]


def test_in_text_a_remark_is_told_once_for_all_its_files(command, quickstart):
    path, out = quickstart.parent / "meters.zip", quickstart.parent / "out.zip"
    path.write_bytes(csr_zip(*((f"{number}.csr", _null_csr(number)) for number in range(1, 5))))
    outcome = command(
        *("--estate", quickstart, "batch", "sign", path, "--out", out),
        *("--participant", "meters-one", "--purpose", DEVICE_PURPOSE),
    )
    assert outcome.code == 0
    assert outcome.err.splitlines()[0] == "run 1"
    (line,) = outcome.err.splitlines()[1:]
    assert line.startswith("1.csr and 3 others: csr.algorithm_parameters: ")


def test_a_csr_with_another_trading_name_is_refused_in_a_batch_as_it_is_alone(command, quickstart):
    key = csrs.rsa_key()
    data = csr_zip(
        ("own.csr", csrs.pem(csrs.iki(key))),
        ("other.csr", csrs.pem(csrs.iki(key, name="Somebody Else Ltd"))),
    )
    path, out = quickstart.parent / "iki.zip", quickstart.parent / "out.zip"
    path.write_bytes(data)
    outcome = command(
        *("--json", "--estate", quickstart, "batch", "sign", path, "--out", out),
        *("--participant", "supplier-one", "--purpose", "srept"),
    )
    assert outcome.json["success"] == 1
    report, _ = _report(out)
    assert [line[2] for line in report] == ["success", "error"]


def test_a_manifest_whose_csrs_have_warnings_tells_them_by_line(command, quickstart, tmp_path):
    (tmp_path / "a.csr").write_bytes(_null_csr(1))
    manifest = tmp_path / "requests.csv"
    manifest.write_text(
        f"participant,purpose,csr-file\nmeters-one,{DEVICE_PURPOSE},a.csr\n", "utf-8"
    )
    words = ("--estate", quickstart, "batch", "check", manifest)
    (warning,) = command("--json", *words).json["csr_warnings"]
    assert (warning["code"], len(warning["lines"])) == ("csr.algorithm_parameters", 1)
    assert "csr.algorithm_parameters" in command(*words).err


def test_labels_are_told_apart_and_those_that_differ_from_the_name_are_told(command, quickstart):
    composed, decomposed = "Z\u00e4hler.csr", "Za\u0308hler.csr"
    data = csr_zip(
        (composed, device_csr(70)), (decomposed, device_csr(71)), ("plain.csr", device_csr(72))
    )
    outcome, out = _sign(command, quickstart, data)
    assert outcome.json["success"] == 3
    assert outcome.json["labels"] == [{"file": decomposed, "label": "Z\u00e4hler-2"}]
    _, certificates = _report(out)
    assert set(certificates) == {
        f"{name.removesuffix('.csr')}.crt" for name in (composed, decomposed, "plain.csr")
    }
    for label in ("Z\u00e4hler", "Z\u00e4hler-2", "plain"):
        found = command("--json", "--estate", quickstart, "list", "--label", label).json
        assert len(found["certificates"]) == 1


def test_a_batch_whose_labels_are_its_files_names_tells_nothing_of_them(command, quickstart):
    outcome, _ = _sign(command, quickstart, csr_zip(("a.csr", device_csr(73))))
    assert "labels" not in outcome.json


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_csr_of_a_batch_may_begin_with_a_byte_order_mark(command, quickstart, encoding):
    csr = f"Z\u00e4hler\r\n{device_csr(74).decode()}".encode(encoding)
    outcome, _ = _sign(command, quickstart, csr_zip(("a.csr", csr)))
    assert outcome.json["success"] == 1


def test_the_key_of_somebody_else_is_a_fault_of_the_key(command, quickstart):
    key = csrs.new_key()
    path = quickstart.parent / "held.csr"
    path.write_bytes(csrs.pem(csrs.organisation(key)))
    words = ("sign", path, "--participant", "supplier-one", "--purpose", "uept")
    assert command("--estate", quickstart, *words).code == 0
    _, out = _sign(command, quickstart, csr_zip(("a.csr", csrs.pem(csrs.device(key)))))
    assert [line[1:] for line in _report(out)[0]] == [["a.csr", "error", "CR:KEY"]]


def test_no_refusal_of_a_part_that_has_a_code_is_anything_else():
    for code, told in (
        ("key.authority", "CR:KEY"),
        ("key.type", "CR:KEY"),
        ("csr.criticality", "CR:EXT"),
        ("csr.mismatch", "CR:SUBJ"),
        ("signature.integer_padded", "CR:SIGN"),
        ("csr.version", "CR:FORM"),
    ):
        assert portal.outcome(InputError(code, "")) == (portal.ReportedOutcome.ERROR, told)
