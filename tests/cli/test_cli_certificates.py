import json
import os
import stat
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_der_private_key,
    load_pem_private_key,
    pkcs7,
    pkcs12,
)

SUPPLIER = "90-B3-D5-1F-30-01-00-00"


def _pem(quickstart, name="organisation/supplier-one/Z1-supplier-ds"):
    return quickstart / "export" / "pem" / "ZAZ1" / f"{name}.pem"


@pytest.mark.parametrize(
    ("option", "value", "key", "expected"),
    [
        ("--participant", "rdp-one", "participant", "rdp-one"),
        ("--eui64", SUPPLIER.lower(), "eui64", SUPPLIER),
        ("--role", "xmlSign", "role", "87"),
        ("--role", "87", "role", "87"),
        ("--usage", "key-agreement", "usage", "key-agreement"),
        ("--profile", "device", "profile", "device"),
        ("--label", "ESME-ds", "label", "ESME-ds"),
    ],
)
def test_list_gives_those_that_fit_and_all_of_those(
    command, quickstart, option, value, key, expected
):
    everything = command("--estate", quickstart, "--json", "list").json["certificates"]
    found = command("--estate", quickstart, "--json", "list", option, value).json["certificates"]
    assert found == [one for one in everything if one[key] == expected]
    assert found


def test_list_finds_one_by_its_serial_in_hexadecimal_or_decimal(command, quickstart):
    one = command("--estate", quickstart, "--json", "list").json["certificates"][5]
    serial = one["serial"]
    for text in (serial, serial.lower(), str(int(serial, 16))):
        found = command("--estate", quickstart, "--json", "list", "--serial", text).json
        assert found["certificates"] == [one]


def test_every_part_of_a_selection_must_fit(command, quickstart):
    outcome = command(
        *("--estate", quickstart, "--json", "list", "--participant", "supplier-one"),
        *("--role", "loadController", "--usage", "digital-signature"),
    )
    assert [one["label"] for one in outcome.json["certificates"]] == ["Z1-loadController-ds"]


def test_a_selection_that_nothing_fits_is_an_empty_list(command, quickstart):
    outcome = command("--estate", quickstart, "--json", "list", "--label", "nothing")
    assert (outcome.code, outcome.json) == (0, {"certificates": []})
    assert command("--estate", quickstart, "list", "--label", "nothing").code == 0


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--eui64", "90-B3", "eui64.form"),
        ("--role", "baker", "role.unknown"),
        ("--serial", "not-a-serial", "serial.form"),
        ("--serial", "0", "serial.range"),
        ("--serial", "F" * 32, "serial.range"),
        ("--label", os.fsdecode(b"\xff"), "input.encoding"),
    ],
)
def test_a_selection_that_cannot_be_read_is_one_line(
    command, quickstart, one_line, option, value, code
):
    outcome = command("--estate", quickstart, "list", option, value)
    assert outcome.code == 4
    one_line(outcome)
    said = command("--estate", quickstart, "--json", "list", option, value)
    assert said.json["error"]["code"] == code


def test_show_a_file_needs_no_estate(command, quickstart):
    outcome = command("show", _pem(quickstart))
    assert outcome.code == 0
    assert outcome.out.startswith("Organisation Certificate")
    assert SUPPLIER in outcome.out
    assert "02 (supplier)" in outcome.out
    assert "error" not in outcome.out


def test_show_in_json_gives_kind_fields_findings_and_the_estates_record(command, quickstart):
    shown = command("--json", "show", _pem(quickstart))
    assert shown.code == 0
    digests = {"serial_decimal", "sha256", "sha1_base64"}
    assert set(shown.json) == {"kind", "subject", "fields", "findings", "record"} | digests
    assert shown.json["kind"] == "organisation"
    assert shown.json["fields"]["subject.x500UniqueIdentifier"] == SUPPLIER
    assert shown.json["record"] is None
    serial = shown.json["fields"]["serialNumber"].split()[0]
    known = command("--estate", quickstart, "--json", "show", serial)
    # The estate has the issuer of what it shows, by which the signature verifies.
    assert known.json["fields"] | {"signatureValue": ""} == shown.json["fields"] | {
        "signatureValue": ""
    }
    assert known.json["record"]["label"] == "Z1-supplier-ds"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("organisation/ca/ZA", "organisation-root-ca"),
        ("organisation/ca/Z1", "organisation-issuing-ca"),
        ("device/ca/DZ", "device-root-ca"),
        ("device/ca/DZ1", "device-issuing-ca"),
        ("device/meters-one/GPF-ka", "device"),
        ("dccki/dcc/dccki-dcc-gateway", "dccki"),
        ("iki/supplier-one/iki-supplier-one", "iki"),
    ],
)
def test_show_tells_which_kind_of_certificate_a_file_holds(command, quickstart, name, kind):
    shown = command("--json", "show", _pem(quickstart, name))
    assert (shown.code, shown.json["kind"]) == (0, kind)
    assert {one["severity"] for one in shown.json["findings"]} <= {"notice"}


def test_show_reads_standard_input_in_der(command, quickstart):
    certificate = x509.load_pem_x509_certificate(_pem(quickstart).read_bytes())
    outcome = command("show", "-", stdin=certificate.public_bytes(Encoding.DER))
    assert outcome.code == 0


def test_a_certificate_with_an_error_in_it_ends_with_1_and_says_what_and_where(command, quickstart):
    certificate = x509.load_pem_x509_certificate(_pem(quickstart).read_bytes())
    der = certificate.public_bytes(Encoding.DER)
    ou = bytes.fromhex("0603550 40b0c02".replace(" ", ""))
    bad = der.replace(ou + b"02", ou + b"2a")
    assert bad != der
    outcome = command("--json", "show", "-", stdin=bad)
    assert outcome.code == 1
    errors = [one for one in outcome.json["findings"] if one["severity"] == "error"]
    assert {one["path"] for one in errors} == {"subject.organizationalUnitName"}
    assert set(errors[0]) == {
        *("code", "severity", "path", "offset", "message", "basis", "source", "remedy"),
    }
    assert bad[errors[0]["offset"] :].startswith(b"\x0c\x022a")
    told = command("show", "-", stdin=bad)
    assert told.code == 1
    assert f"error: {errors[0]['message']}" in told.out


def test_a_certificate_cannot_steer_the_terminal(command, quickstart):
    certificate = x509.load_pem_x509_certificate(_pem(quickstart).read_bytes())
    der = certificate.public_bytes(Encoding.DER)
    bad = der.replace(b"SUPPLIER ONE", b"\x1b[31m\nER ONE")
    assert bad != der
    outcome = command("show", "-", stdin=bad)
    assert "\x1b" not in outcome.out
    assert r"\x1b[31m\nER ONE" in outcome.out


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "document.unknown_kind"),
        (b"hello", "document.unknown_kind"),
        (b"-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n", "document.base64"),
        (bytes(10_000_000), "document.unknown_kind"),
    ],
)
def test_show_of_what_is_no_certificate_is_one_line(command, one_line, data, code):
    outcome = command("show", "-", stdin=data)
    assert outcome.code == 4
    one_line(outcome)
    assert command("--json", "show", "-", stdin=data).json["error"]["code"] == code


@pytest.mark.parametrize(
    "data", [b"\x30\x00", b"\x30\x80" * 100, bytes.fromhex("3082ffff") + b"\x00" * 20]
)
def test_show_of_broken_der_names_the_defect_and_ends_with_1(command, data):
    outcome = command("--json", "show", "-", stdin=data)
    assert outcome.code == 1
    assert [one["severity"] for one in outcome.json["findings"]] == ["error"]
    assert outcome.json["findings"][0]["code"].startswith("der.")
    assert command("show", "-", stdin=data).code == 1


@pytest.mark.parametrize("what", ["no-such-file.pem", "0123456789", "A" * 33, "."])
def test_show_of_what_is_not_there_is_one_line(command, quickstart, one_line, what):
    outcome = command("--estate", quickstart, "show", what)
    assert outcome.code == 4
    one_line(outcome)
    said = command("--estate", quickstart, "--json", "show", what)
    assert said.json["error"]["code"] == "certificate.unknown"


@pytest.mark.parametrize("form", ["pem", "der", "pkcs12", "pkcs7"])
def test_export_writes_no_private_key_unless_asked(command, quickstart, tmp_path, form):
    out = tmp_path / "out"
    phrase = tmp_path / "phrase"
    phrase.write_text("for export\n")
    outcome = command(
        *("--estate", quickstart, "--json", "export", "--format", form, "--out", out),
        *("--participant", "meters-one", "--export-passphrase-file", phrase),
    )
    assert outcome.code == 0
    written = sorted(str(path) for path in out.rglob("*") if path.is_file())
    assert sorted(outcome.json["files"]) == written
    assert not [path for path in written if path.endswith(".key")]
    for path in out.rglob("*.p12"):
        key, certificate, chain = pkcs12.load_key_and_certificates(path.read_bytes(), b"for export")
        assert key is None
        assert {len(chain), certificate is None} in ({3, True}, {2, False})


def _exported(command, quickstart, out, *arguments):
    outcome = command(
        *("--estate", quickstart, "export", "--out", out, "--label", "ESME-ka", *arguments)
    )
    assert outcome.code == 0, outcome.err
    return out / "ZAZ1" / "device" / "meters-one"


def test_exported_keys_are_the_certificates_own(command, quickstart, tmp_path):
    folder = _exported(command, quickstart, tmp_path / "p", "--format", "pem", "--with-keys")
    certificate = x509.load_pem_x509_certificate((folder / "ESME-ka.pem").read_bytes())
    key = load_pem_private_key((folder / "ESME-ka.key").read_bytes(), None)
    assert key.public_key() == certificate.public_key()
    folder = _exported(command, quickstart, tmp_path / "d", "--format", "der", "--with-keys")
    assert x509.load_der_x509_certificate((folder / "ESME-ka.der").read_bytes()) == certificate
    key = load_der_private_key((folder / "ESME-ka.key").read_bytes(), None)
    assert key.public_key() == certificate.public_key()


def test_an_export_passphrase_encrypts_the_keys(command, quickstart, tmp_path):
    phrase = tmp_path / "phrase"
    phrase.write_text("zażółć\r\nsecond line\n", "utf-8")
    given = ("--with-keys", "--export-passphrase-file", phrase)
    folder = _exported(command, quickstart, tmp_path / "p", "--format", "pem", *given)
    text = (folder / "ESME-ka.key").read_bytes()
    assert text.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    load_pem_private_key(text, "zażółć".encode())
    folder = _exported(command, quickstart, tmp_path / "p12", "--format", "pkcs12", *given)
    key, certificate, chain = pkcs12.load_key_and_certificates(
        (folder / "ESME-ka.p12").read_bytes(), "zażółć".encode()
    )
    assert key.public_key() == certificate.public_key()
    assert len(chain) == 2


def test_a_pkcs7_bundle_holds_each_certificate_and_the_cas_above_it_once(
    command, quickstart, tmp_path
):
    out = tmp_path / "out"
    arguments = ("--format", "pkcs7", "--out", out, "--participant", "meters-one")
    assert command("--estate", quickstart, "export", *arguments).code == 0
    found = pkcs7.load_pem_pkcs7_certificates((out / "certificates.p7b").read_bytes())
    assert len(found) == len(set(found)) == 10


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_exported_files_are_their_owners_alone(command, quickstart, tmp_path):
    _exported(command, quickstart, tmp_path / "new" / "out", "--format", "pem", "--with-keys")
    for path in (tmp_path / "new").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


@pytest.mark.slow
def test_export_overwrites_only_with_force(command, quickstart, tmp_path, files_of):
    arguments = ("--estate", quickstart, "export", "--format", "pem", "--out", tmp_path / "out")
    assert command(*arguments).code == 0
    marked = tmp_path / "out" / "ZAZ1" / "iki" / "supplier-one" / "iki-supplier-one.pem"
    good = marked.read_bytes()
    marked.write_text("mine")
    before = files_of(tmp_path / "out")
    outcome = command("--json", *arguments)
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "export.exists"
    assert files_of(tmp_path / "out") == before
    assert command(*arguments, "--force").code == 0
    assert marked.read_bytes() == good


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--format", "pem", "--out", "{new}", "--label", "nothing"), "export.nothing"),
        (("--format", "pkcs12", "--out", "{new}"), "export.passphrase"),
        (("--format", "pem", "--out", "{file}"), "export.unwritable"),
        (
            ("--format", "pkcs12", "--out", "{new}", "--export-passphrase-file", "{missing}"),
            "input.unreadable",
        ),
        (
            ("--format", "pkcs12", "--out", "{new}", "--export-passphrase-file", "{empty}"),
            "passphrase.empty",
        ),
        (
            ("--format", "pkcs12", "--out", "{new}", "--export-passphrase-file", "{binary}"),
            "passphrase.encoding",
        ),
    ],
)
def test_an_export_that_cannot_be_is_one_line_and_writes_nothing(
    command, quickstart, one_line, file_digest, tmp_path, arguments, code
):
    names = {name: tmp_path / name for name in ("new", "file", "missing", "empty", "binary")}
    names["file"].write_text("mine")
    names["empty"].write_text("")
    names["binary"].write_bytes(b"\xff")
    given = [one.format(**names) for one in arguments]
    before = file_digest(quickstart)
    outcome = command("--estate", quickstart, "export", *given)
    assert outcome.code == 4
    one_line(outcome)
    said = command("--estate", quickstart, "--json", "export", *given)
    assert said.json["error"]["code"] == code
    assert not names["new"].exists()
    assert names["file"].read_text() == "mine"
    assert file_digest(quickstart) == before


@pytest.mark.parametrize(
    "arguments", [("--format", "docx", "--out", "x"), ("--format", "pem"), ("--out", "x")]
)
def test_wrong_usage_of_export_is_2(command, quickstart, one_line, arguments):
    outcome = command("--estate", quickstart, "export", *arguments)
    assert outcome.code == 2
    one_line(outcome)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no broken pipes")
def test_a_reader_that_has_had_enough_is_no_fault(quickstart):
    with subprocess.Popen(
        [sys.executable, "-m", "smki_testca", "--estate", quickstart, "--json", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0


def test_json_is_ascii_so_that_every_pipe_carries_it(command, quickstart):
    command(
        *("--estate", quickstart, "issue", "iki", "--participant", "supplier-one"),
        *("--purpose", "srept", "--system-name", "x", "--role", "supplier", "--label", "Zażółć"),
    )
    outcome = command("--estate", quickstart, "--json", "list", "--label", "Zażółć")
    assert outcome.out.isascii()
    assert json.loads(outcome.out)["certificates"][0]["label"] == "Zażółć"


@pytest.mark.parametrize("words", [("list",), ("export", "--format", "pem", "--out", "out")])
def test_a_profile_that_there_is_not_is_told_with_those_that_there_are(command, quickstart, words):
    outcome = command("--json", "--estate", quickstart, *words, "--profile", "foo")
    assert outcome.code == 4
    assert "organisation" in outcome.json["error"]["remedy"]
