from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_der_private_key
from hypothesis import given
from hypothesis import strategies as st

from estates import any_key
from smki_testca.errors import EstateError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.sealing import Cost, EstateKey

modes = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
KEY, WRAPPED = EstateKey.create("right")


@given(secret=st.binary(max_size=300), label=st.binary(max_size=40))
def test_what_is_sealed_opens_again(secret, label):
    sealed = KEY.seal(secret, label)
    assert KEY.open(sealed, label) == secret
    assert len(secret) < 8 or secret not in sealed


def test_the_same_secret_is_never_sealed_the_same_way_twice():
    assert len({KEY.seal(b"secret", b"label") for _ in range(50)}) == 50


@pytest.mark.slow
def test_another_opening_of_the_estate_has_the_same_key():
    again = EstateKey.unlock("right", WRAPPED)
    assert again.open(KEY.seal(b"secret", b"label"), b"label") == b"secret"


@pytest.mark.slow
@pytest.mark.parametrize("passphrase", ["wrong", "", "right ", "Right"])
def test_a_wrong_passphrase_is_told_apart_from_damage(passphrase):
    with pytest.raises(EstateError) as caught:
        EstateKey.unlock(passphrase, WRAPPED)
    assert caught.value.code == "estate.passphrase"


@given(position=st.integers(0, 60), mask=st.integers(1, 255))
def test_any_changed_octet_of_a_sealed_key_is_noticed(position, mask):
    sealed = bytearray(KEY.seal(bytes(33), b"label"))
    assert len(sealed) == 61
    sealed[position] ^= mask
    with pytest.raises(EstateError) as caught:
        KEY.open(bytes(sealed), b"label")
    assert caught.value.code == "estate.damaged"


@pytest.mark.parametrize("length", [0, 1, 11, 12, 27])
def test_a_sealed_key_cut_short_is_noticed(length):
    sealed = KEY.seal(b"secret", b"label")[:length]
    with pytest.raises(EstateError):
        KEY.open(sealed, b"label")


def test_a_key_sealed_for_one_certificate_does_not_open_for_another():
    with pytest.raises(EstateError):
        KEY.open(KEY.seal(b"secret", b"one"), b"other")


@pytest.mark.parametrize("cut", [0, 10, -1])
def test_a_damaged_wrapped_key_is_refused(cut):
    with pytest.raises(EstateError):
        EstateKey.unlock("right", WRAPPED[:cut])


@pytest.mark.slow
def test_no_private_key_is_in_clear_in_the_file(estate, quickstart):
    octets = (quickstart / "estate.sqlite").read_bytes()
    records = estate.certificates.select(Selection())
    for record in records:
        pkcs8 = any_key(estate, record)
        numbers = load_der_private_key(pkcs8, None).private_numbers()
        secret = getattr(numbers, "private_value", None) or numbers.p
        assert secret.to_bytes(128 if secret >> 256 else 32) not in octets
        assert pkcs8[:40] not in octets
    assert (quickstart / "passphrase").read_bytes().strip() not in octets
    assert all(record.der in octets for record in records if len(record.der) < 700)


@pytest.mark.slow
def test_private_keys_fit_their_certificates(estate):
    for record in estate.certificates.select(Selection()):
        key = load_der_private_key(any_key(estate, record), None)
        assert key.public_key() == x509.load_der_x509_certificate(record.der).public_key()


@modes
def test_files_and_directories_are_their_owners_only(quickstart_original):
    paths = [quickstart_original, *quickstart_original.rglob("*")]
    assert len(paths) > 60
    for path in paths:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


@pytest.mark.slow
@modes
def test_init_makes_its_directory_for_the_owner_only(command, tmp_path, monkeypatch):
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", "a passphrase")
    directory = tmp_path / "deep" / "estate"
    directory.mkdir(parents=True, mode=0o755)
    assert command("init", directory).code == 0
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "estate.sqlite").stat().st_mode) == 0o600
    assert {path.name for path in directory.iterdir()} == {"estate.sqlite", ".gitignore"}


def test_a_wrong_passphrase_ends_in_exit_code_5_and_changes_nothing(
    command, issue, quickstart, digest, tmp_path
):
    (tmp_path / "wrong").write_text("wrong\n")
    before = digest()
    outcome = command(
        *("--json", "--estate", quickstart, "--passphrase-file", tmp_path / "wrong"),
        *("issue", "dccki", "--participant", "supplier-one", "--purpose", "uept"),
        *("--common-name", "gateway"),
    )
    assert outcome.code == 5
    assert outcome.json["error"]["code"] == "estate.passphrase"
    assert digest() == before
    assert issue().code == 0


@pytest.mark.slow
def test_passphrase_comes_from_the_file_named_then_the_variable_then_the_estate(
    command, quickstart, tmp_path, monkeypatch
):
    right = (quickstart / "passphrase").read_text()
    arguments = ("export", "--format", "pem", "--with-keys", "--label", "ESME-ds", "--force")
    out = tmp_path / "out"

    def code(*more):
        return command("--estate", quickstart, *more, *arguments, "--out", out).code

    assert code() == 0
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", "wrong")
    assert code() == 5
    (tmp_path / "right").write_text(right)
    assert code("--passphrase-file", tmp_path / "right") == 0
    (quickstart / "passphrase").unlink()
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", right.strip())
    assert code() == 0
    monkeypatch.delenv("SMKI_TESTCA_PASSPHRASE")
    outcome = command("--estate", quickstart, *arguments, "--out", out)
    assert outcome.code == 5
    assert "--passphrase-file" in outcome.err


def test_looking_things_up_needs_no_passphrase(command, quickstart):
    (quickstart / "passphrase").unlink()
    for arguments in (("list",), ("register", "show"), ("audit", "verify")):
        assert command("--estate", quickstart, *arguments).code == 0


def test_a_sealed_key_moved_to_another_certificate_is_noticed(estate, quickstart):
    one, other = estate.certificates.select(Selection(profile="device"))[:2]
    with sqlite3.connect(quickstart / "estate.sqlite") as file:
        file.execute(
            "UPDATE keys SET sealed = (SELECT sealed FROM keys WHERE id = ?) WHERE id = ?",
            (one.key_id, other.key_id),
        )
    file.close()
    assert estate.private_key(one)
    with pytest.raises(EstateError) as caught:
        estate.private_key(other)
    assert caught.value.code == "estate.damaged"


def test_a_changed_ca_key_ends_in_exit_code_5(issue, quickstart):
    with sqlite3.connect(quickstart / "estate.sqlite") as file:
        file.execute("UPDATE keys SET sealed = zeroblob(length(sealed))")
    file.close()
    outcome = issue()
    assert outcome.code == 5
    assert outcome.json["error"]["code"] == "estate.damaged"


# The cost of a guess travels with the wrapped key.


@pytest.mark.slow
def test_a_new_estate_has_the_cost_that_owasp_advises():
    # In another process: in this one, the estates that tests make are cheap to open.
    script = (
        "from smki_testca.estate.sealing import EstateKey\n"
        "print(EstateKey.create('phrase')[1].split(b';')[0].decode())"
    )
    call = [sys.executable, "-c", script]
    told = subprocess.run(call, capture_output=True, text=True, check=True)
    assert told.stdout == "smki-testca scrypt n=131072 r=8 p=1\n"


@pytest.mark.slow
@pytest.mark.parametrize("cost", [Cost(1 << 4, 8, 1), Cost(1 << 14, 8, 5), Cost(1 << 10, 4, 16)])
def test_an_estate_opens_at_the_cost_it_was_made_with(cost):
    key, wrapped = EstateKey.create("phrase", cost)
    again = EstateKey.unlock("phrase", wrapped)
    assert again.open(key.seal(b"secret", b"label"), b"label") == b"secret"
    with pytest.raises(EstateError) as caught:
        EstateKey.unlock("other", wrapped)
    assert caught.value.code == "estate.passphrase"


@pytest.mark.slow
def test_a_key_that_version_0_1_0_wrapped_opens():
    salt, nonce, key = bytes(range(16)), bytes(12), bytes(range(32))
    derived = hashlib.scrypt(b"phrase", salt=salt, n=1 << 15, r=8, p=1, maxmem=1 << 26, dklen=32)
    sealed = AESGCM(derived).encrypt(nonce, key, b"smki-testca estate key")
    wrapped = b"smki-testca scrypt n=32768 r=8 p=1" + salt + nonce + sealed
    opened_key = EstateKey.unlock("phrase", wrapped)
    assert opened_key.open(EstateKey(key).seal(b"secret", b"label"), b"label") == b"secret"


@pytest.mark.parametrize(
    "parameters",
    [
        *(b"n=1048576 r=8 p=1", b"n=131072 r=255 p=1", b"n=131072 r=8 p=17"),
        *(b"n=131071 r=8 p=1", b"n=0 r=8 p=1", b"n=1 r=8 p=1", b"n=2 r=0 p=1", b"n=2 r=8 p=0"),
        b"n=999999999 r=8 p=1",
    ],
)
def test_parameters_that_would_take_the_machines_memory_are_damage(parameters):
    wrapped = b"smki-testca scrypt " + parameters + b";" + WRAPPED.split(b";", 1)[1]
    with pytest.raises(EstateError) as caught:
        EstateKey.unlock("right", wrapped)
    assert caught.value.code == "estate.damaged"


def test_other_parameters_than_those_it_was_wrapped_with_do_not_open_it():
    _, wrapped = EstateKey.create("right", Cost(16, 8, 1))
    with pytest.raises(EstateError):
        EstateKey.unlock("right", wrapped.replace(b"p=1;", b"p=2;"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_the_command_keeps_its_memory_out_of_core_dumps(tmp_path):
    script = (
        "import ctypes, resource, sys\n"
        "from smki_testca.cli import cli\n"
        "try: cli.main(['--estate', sys.argv[1], 'list'], standalone_mode=False)\n"
        "except Exception: pass\n"
        "print(ctypes.CDLL(None).prctl(3), resource.getrlimit(resource.RLIMIT_CORE)[0])\n"
    )
    call = [sys.executable, "-c", script, str(tmp_path / "none")]
    told = subprocess.run(call, capture_output=True, text=True, check=True)
    assert told.stdout == "0 0\n"
