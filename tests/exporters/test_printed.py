"""``export --out -``: PEM, or the one file of a format, on standard output."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
from exported import PHRASE, fits, records

from smki_testca.identifiers import Eui64

LABEL = "Z1-supplier-ds"


@pytest.fixture
def printed(quickstart, tmp_path):
    """Runs the command in a process of its own; its exit code, standard output and error."""
    phrase = tmp_path / "phrase"
    phrase.write_text(f"{PHRASE}\n")

    def run(form, *words, encrypted=False, before=(), stdout=subprocess.PIPE):
        protected = ("--export-passphrase-file", phrase) if encrypted else ()
        call = [sys.executable, "-m", "smki_testca", *before, "--estate", quickstart, "export"]
        call += ["--format", form, "--out", "-", *protected, *words]
        done = subprocess.run(
            list(map(str, call)), stdout=stdout, stderr=subprocess.PIPE, check=False
        )
        return done.returncode, done.stdout, done.stderr.decode()

    return run


@pytest.mark.slow
def test_pem_is_printed_certificate_after_certificate(printed, estate):
    code, out, _ = printed("pem", "--label", LABEL)
    (record,) = records(estate, label=LABEL)
    assert code == 0
    assert x509.load_pem_x509_certificate(out).serial_number == record.serial.value
    assert out.count(b"BEGIN CERTIFICATE") == 1
    eui64 = Eui64.parse("90b3d51f30010000")
    _, out, _ = printed("pem", "--eui64", eui64)
    found = [one.serial_number for one in x509.load_pem_x509_certificates(out)]
    assert found == [one.serial.value for one in records(estate, eui64=eui64)]


@pytest.mark.slow
def test_with_keys_one_certificate_is_printed_with_its_key_and_several_are_refused(printed):
    code, out, _ = printed("pem", "--label", LABEL, "--with-keys")
    assert code == 0
    assert fits(out, out[out.index(b"-----BEGIN PRIVATE") :])
    code, out, _ = printed("pem", "--label", LABEL, "--with-keys", encrypted=True)
    load_pem_private_key(out[out.index(b"-----BEGIN ENCRYPTED") :], PHRASE.encode())
    code, out, error = printed("pem", "--role", "supplier", "--with-keys")
    assert (code, out) == (4, b"")
    assert "standard output takes one" in error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "words", "begins"),
    [
        ("der", ("--label", LABEL), b"0\x82"),
        ("pkcs12", ("--label", LABEL, "--with-keys"), b"0\x82"),
        ("pkcs7", (), b"-----BEGIN PKCS7-----"),
        ("org-crypto", ("--with-keys",), b"PK\x03\x04"),
        ("keystore-json", ("--with-keys",), b"{"),
        ("c-header", (), b"/* Test Certificates"),
        ("csv", (), b"serial,"),
        ("jwks", (), b"{"),
    ],
)
def test_the_one_file_of_a_format_is_printed_octet_for_octet(printed, export, form, words, begins):
    encrypted = form == "pkcs12"
    code, out, error = printed(form, *words, encrypted=encrypted)
    assert code == 0, error
    assert out.startswith(begins)
    if form == "pkcs12":
        assert pkcs12.load_pkcs12(out, PHRASE.encode()).key is not None
        return
    _, folder = export(form, *words)
    assert out in [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "words"), [("der", ()), ("der", ("--label", LABEL, "--with-keys")), ("capath", ())]
)
def test_several_files_are_refused_in_words(printed, form, words):
    code, out, error = printed(form, *words)
    assert (code, out) == (4, b"")
    assert error.startswith("error: This export has ")
    assert error.count("\n") == 1
    code, out, _ = printed(form, *words, before=("--json",))
    assert json.loads(out)["error"]["code"] == "usage"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
def test_binary_data_is_not_written_to_a_terminal_and_text_is(printed):
    for form, words, expected in (("der", (), 2), ("pem", (), 0)):
        leader, follower = os.openpty()
        try:
            code, _, error = printed(form, "--label", LABEL, *words, stdout=follower)
            assert code == expected, error
            os.set_blocking(leader, False)
            shown = b"" if expected else os.read(leader, 1 << 16)
            assert (b"BEGIN CERTIFICATE" in shown) == (expected == 0)
        finally:
            os.close(leader)
            os.close(follower)


@pytest.mark.slow
def test_what_is_left_out_is_told_on_standard_error(printed):
    code, out, error = printed("keystore-json", "--with-keys")
    assert code == 0
    json.loads(out)
    assert "left out" in error
