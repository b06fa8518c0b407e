"""The command ``csr``: a key and a CSR, without an estate."""

from __future__ import annotations

import stat
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from smki_testca.shipped import shipped

DEVICE = (
    *("csr", "device", "--device-id", "00-DB-12-00-00-00-00-05"),
    *("--hw-type", "1.2.826.0.1.8641679.1.2.2.1"),
)
USAGE = ("--usage", "key-agreement")


@pytest.fixture
def files(tmp_path):
    return tmp_path / "meter.csr", tmp_path / "meter.key"


@pytest.fixture
def make(command, files):
    out, key = files

    def run(*more, options=()):
        return command(*options, *DEVICE, *(more or USAGE), "--out", out, "--key", key)

    return run


def test_csr_makes_a_key_and_a_csr_that_sign_takes(command, make, files, quickstart):
    out, key = files
    outcome = make()
    assert outcome.code == 0, outcome.err
    assert outcome.out == f"The CSR is {out}; its private key is {key}, not encrypted.\n"
    assert command("lint", out).code == 0
    signed = command(
        *("--json", "--estate", quickstart, "sign", out, "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests"),
    )
    assert signed.code == 0, signed.out
    certificate = x509.load_pem_x509_certificate(signed.json["certificates"][0]["pem"].encode())
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    assert certificate.public_key() == private.public_key()


def test_its_files_are_for_their_owner_only_and_never_overwritten(make, files):
    assert make().code == 0
    before = [path.read_bytes() for path in files]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    outcome = make(options=("--json",))
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.exists")
    assert [path.read_bytes() for path in files] == before
    assert make(*USAGE, "--force").code == 0
    assert not {path.read_bytes() for path in files} & set(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_neither_file_is_written_where_one_is_in_the_way(make, files):
    out, key = files
    key.write_text("mine")
    assert make().code == 4
    assert key.read_text() == "mine"
    assert not out.exists()


def test_neither_file_is_written_where_one_cannot_be(command, files, tmp_path):
    out, _ = files
    outcome = command(*DEVICE, *USAGE, "--out", out, "--key", tmp_path / "gone" / "meter.key")
    assert outcome.code == 4
    assert list(tmp_path.iterdir()) == []


def test_the_key_is_encrypted_under_a_passphrase_from_a_file(make, files, tmp_path):
    phrase = tmp_path / "phrase"
    phrase.write_text("a phrase\n")
    outcome = make(*USAGE, "--key-passphrase-file", phrase, options=("--json",))
    assert outcome.json["key_encrypted"] is True
    _, key = files
    assert key.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    serialization.load_pem_private_key(key.read_bytes(), b"a phrase")


def test_json_tells_what_was_made(make, files):
    out, key = files
    told = make(options=("--json",)).json
    assert told == {
        "csr": str(out),
        "key": str(key),
        "profile": "device",
        "pem": out.read_text(),
        "key_encrypted": False,
        "key_secret": True,
    }


def test_a_seed_gives_the_same_files_and_a_warning(make, files):
    seeded = (*USAGE, "--seed", "00112233445566778899", "--force")
    first = make(*seeded)
    assert "not secret" in first.err
    before = [path.read_bytes() for path in files]
    assert make(*seeded, options=("--json",)).json["key_secret"] is False
    assert [path.read_bytes() for path in files] == before


@pytest.mark.parametrize(
    "more", [(*USAGE, *USAGE), ("--usage", "digital-signature", *USAGE), ()], ids=str
)
def test_a_csr_asks_for_one_key_usage(command, files, more):
    out, key = files
    outcome = command("--json", *DEVICE, *more, "--out", out, "--key", key)
    assert (outcome.code, outcome.json["error"]["code"]) == (2, "usage")
    assert not out.exists()
    assert not key.exists()


def test_the_two_files_have_two_names(command, tmp_path):
    one = tmp_path / "one"
    outcome = command(*DEVICE, *USAGE, "--out", one, "--key", tmp_path / "." / "one")
    assert outcome.code == 2
    assert not one.exists()


@pytest.mark.slow
def test_the_csr_goes_to_standard_output_too_but_not_beside_json(command, files):
    _, key = files
    words = (*DEVICE, *USAGE, "--out", "-", "--key", key)
    call = [sys.executable, "-m", "smki_testca", *map(str, words)]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert x509.load_pem_x509_csr(done.stdout.encode()).is_signature_valid
    assert "its private key is" in done.stderr
    key.unlink()
    beside = command("--json", *DEVICE, *USAGE, "--out", "-", "--key", key)
    assert (beside.code, beside.json["error"]["code"]) == (2, "usage")
    assert not key.exists()


def test_the_trading_name_is_asked_for_where_the_csr_states_it(command, files):
    out, key = files
    words = ("csr", "iki", "--system-name", "adhoc", "--role", "supplier")
    missing = command("--json", *words, "--out", out, "--key", key)
    assert missing.code == 2
    assert "--participant-name" in missing.json["error"]["message"]
    outcome = command(*words, "--participant-name", "Supplier One", "--out", out, "--key", key)
    assert outcome.code == 0, outcome.err
    assert "--participant-name" not in command("csr", "device", "--help").out


def test_profiles_of_an_operator_have_commands_and_rows_of_their_own(command, files, tmp_path):
    out, key = files
    folder = tmp_path / "profiles" / "certificates"
    folder.mkdir(parents=True)
    text = (shipped("profiles") / "certificates" / "device.toml").read_text("utf-8")
    (folder / "valve.toml").write_text(text.replace('name = "device"', 'name = "valve"'), "utf-8")
    outcome = command(
        *("--profiles", tmp_path / "profiles", "csr", "valve", *DEVICE[2:], *USAGE),
        *("--out", out, "--key", key),
    )
    assert outcome.code == 0, outcome.err
    assert command("csr", "valve", "--help").code == 2
    assert command("csr", "device-root-ca", "--help").code == 2
