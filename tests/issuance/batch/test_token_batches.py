"""Batches whose CA has its key in a token: what goes wrong is one line, and the run goes on."""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
from itertools import repeat
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import batches
import csrs
import scripts
import submissions
from smki_testca import workers
from smki_testca.authority.signers import SigningMeans
from smki_testca.authority.signers.tokens import starting
from smki_testca.errors import EstateError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.runs import State
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch import planning, running
from smki_testca.issuance.batch.engines import LocalEngine
from smki_testca.issuance.batch.issuing import BatchOptions, begin_batch
from smki_testca.issuance.batch.row_sources import Range
from smki_testca.profiles.typed_subjects import DeviceSubject
from smki_testca.roles import KeyUsage
from smki_testca.x509.keys import load_public_key, signature_fits
from smki_testca.x509.view import view_certificate
from tokens import PIN

pytestmark = pytest.mark.interop

killing = scripts.load("killing")
ROWS, TILE = 90, 20
FIRST = 0x00DB12_00_0000_1000
"""The first Device of ``batches.range_of``."""


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch):
    monkeypatch.setattr(planning, "TILE_ROWS", TILE)


@pytest.fixture
def broken(token_estate, faulty, monkeypatch):
    """Puts a module with faults between the estate and its token; without any, the true one."""

    def put(*faults, **more):
        faulty(*faults, **more)
        token_estate.token.use(monkeypatch)
        module = faulty(*faults, **more).module if faults or more else token_estate.token.module
        monkeypatch.setenv("SMKI_TESTCA_PKCS11_MODULE", str(module))

    return put


@pytest.fixture
def call(command, token_estate):
    """Calls a command on the estate."""
    return lambda *words, **more: command("--estate", token_estate.directory, *words, **more)


@pytest.fixture
def issue(call):
    """Issues a range of Devices."""
    return lambda *more: call("batch", "issue", *batches.range_of(ROWS), *more)


def _error(outcome):
    """The one line of a command that the estate or the token ended."""
    assert outcome.code == 5, outcome.out + outcome.err
    (line,) = [line for line in outcome.err.splitlines() if not line.startswith("run ")]
    assert line.startswith("error: ")
    return line


def _devices(estate, run=1):
    """The Devices that a run issued for, counted from the first."""
    with estate.open() as opened:
        stored = opened.runs.get(run)
        found = [each.eui64.value for each in opened.run_certificates.of_run(stored)]
    return [value - FIRST for value in found]


def _is_whole(call, estate, run=1):
    """Checks that a run has every row once, that its certificates verify, and that the log does."""
    assert _devices(estate, run) == list(range(ROWS))
    verified = call("batch", "verify", run)
    assert verified.code == 0, verified.out + verified.err
    audited = call("audit", "verify")
    assert audited.code == 0, audited.out + audited.err


def _token_processes():
    """The token processes that live and were started by this one."""
    return [pid for pid in killing.children(os.getpid()) if killing.alive(pid) and _is_token(pid)]


def _is_token(pid):
    try:
        return b"signers.tokens.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="workers are not forked")
def test_workers_do_not_have_the_pin(issue, monkeypatch, tmp_path):
    serve = workers._serve  # noqa: SLF001 - what a worker process does

    def told(*arguments):
        (tmp_path / f"{os.getpid()}.worker").write_text(repr(dict(os.environ)))
        serve(*arguments)

    monkeypatch.setattr(workers, "_serve", told)
    assert issue("--workers", "2").code == 0
    environments = [path.read_text() for path in tmp_path.glob("*.worker")]
    assert environments
    assert not any(PIN in text for text in environments)
    # Whoever calls the command in a process has it as before.
    assert os.environ["SMKI_TESTCA_TOKEN_PIN"] == PIN


# What goes right.


@pytest.mark.slow
def test_a_range_is_signed_in_the_token_by_each_worker(call, issue, token_estate):
    outcome = issue("--workers", 3)
    assert outcome.code == 0, outcome.err
    _is_whole(call, token_estate)
    assert _token_processes() == []


@pytest.mark.slow
def test_a_manifest_may_have_rows_of_cas_in_the_token_and_in_the_estate(call, tmp_path):
    manifest = batches.write(tmp_path / "rows.jsonl", batches.mixed())
    outcome = call("batch", "issue", manifest)
    assert outcome.code == 0, outcome.err
    assert call("batch", "verify", 1).code == 0


@pytest.mark.slow
def test_csrs_are_signed_in_the_token(call, tmp_path):
    zipped = tmp_path / "meters.zip"
    devices = [(FIRST + number).to_bytes(8) for number in range(3)]
    made = {f"{each.hex()}.csr": csrs.device(csrs.new_key(), device_id=each) for each in devices}
    zipped.write_bytes(submissions.zipped(made))
    asked = ("--participant", "meters-one", "--purpose", batches.DEVICE_PURPOSE)
    outcome = call("batch", "sign", zipped, *asked, "--out", tmp_path / "response.zip")
    assert outcome.code == 0, outcome.err
    assert call("batch", "verify", 1).code == 0


@pytest.mark.slow
def test_lines_are_signed_one_by_one_until_the_token_is_gone(call, broken, tmp_path):
    broken("C_Sign:4:gone", away=tmp_path / "away")
    devices = [(FIRST + number).to_bytes(8) for number in range(20)]
    asked = [csrs.pem(csrs.device(csrs.new_key(), device_id=each)).decode() for each in devices]
    lines = "".join(json.dumps({"csr": text}) + "\n" for text in asked).encode()
    requested = ("--participant", "meters-one", "--purpose", batches.DEVICE_PURPOSE)
    outcome = call("batch", "sign", "-", *requested, stdin=lines)
    *signed, last = map(json.loads, outcome.out.splitlines())
    assert outcome.code == 5
    assert signed
    assert all("certificate" in each for each in signed)
    assert last["error"]["code"] == "token.gone"
    assert outcome.err.splitlines() == [
        "error: The token 'smki' was removed, or is lost, while it was in use. Connect it again."
    ]
    (tmp_path / "away").unlink()
    broken()
    again = call("batch", "sign", "-", *requested, stdin=lines)
    assert (again.code, len(again.out.splitlines())) == (0, len(asked))


@pytest.mark.slow
def test_the_devices_of_a_kit_are_signed_in_the_token(call):
    outcome = call("--json", "kit", "apply", "device-maker", "--devices", 1)
    assert outcome.code == 0, outcome.err
    assert call("batch", "verify", 1).code == 0


@pytest.mark.slow
def test_what_travels_to_workers_tells_no_secret_and_signs(token_estate):
    with token_estate.open() as estate:
        (record,) = estate.select(Selection(profile="device-issuing-ca"))
        references, transport = estate.authorities.keys_for_workers({"ca": record})
        _, authkey = estate.tokens.share()
        for told in (repr(references).encode(), pickle.dumps(references)):
            for secret in (authkey, PIN.encode()):
                assert secret not in told
                assert repr(secret).encode() not in told
        signer = references["ca"].open(SigningMeans.of_worker(transport))
        data = [number.to_bytes(2) for number in range(600)]
        signatures = signer.sign_all(data)
    key = load_public_key(view_certificate(record.der).octets("subjectPublicKeyInfo"))
    assert all(map(signature_fits, repeat(key), signatures, data))


def _begun(estate, **more):
    subject = DeviceSubject(Eui64(FIRST), batches.HW_TYPE)
    request = estate.request(
        "meters-one", batches.DEVICE_PURPOSE, subject, (KeyUsage.KEY_AGREEMENT,)
    )
    return begin_batch(estate, Range(request, ROWS), BatchOptions(), **more).run


# What is refused before anything is stored.


def test_a_seed_is_refused_and_so_is_a_dry_run_with_one(issue, token_estate):
    for more in ((), ("--dry-run",)):
        outcome = issue("--seed", "00" * 16, *more)
        assert outcome.code == 2
        assert "a seed could not give the same octets again" in outcome.err
    with token_estate.open() as estate:
        assert estate.runs.all() == []


@pytest.mark.slow
def test_a_seed_is_refused_by_the_first_row_of_a_manifest_that_needs_the_token(call, tmp_path):
    rows = [batches.organisation(), batches.device()]
    both = batches.write(tmp_path / "both.csv", rows)
    one = batches.write(tmp_path / "one.csv", rows[:1])
    refused = call("--json", "batch", "issue", both, "--seed", "00" * 16)
    assert (refused.code, refused.json["error"]["code"]) == (2, "token.seed")
    assert call("batch", "issue", one, "--seed", "00" * 16).code == 0


def test_a_cluster_is_refused_when_a_run_is_begun_and_when_it_is_resumed(token_estate):
    class Cluster(LocalEngine):
        on_cluster = True

    with token_estate.open() as estate:
        with pytest.raises(EstateError) as caught:
            _begun(estate, on_cluster=True)
        assert caught.value.code == "token.cluster"
        assert estate.runs.all() == []
        run = _begun(estate)
        with pytest.raises(EstateError) as caught:
            running.resume(estate, run.id, Cluster(1), lambda *_: None)
        assert caught.value.code == "token.cluster"


def _refuses(issue, token_estate, words):
    line = _error(issue())
    assert words in line
    with token_estate.open() as estate:
        assert estate.runs.all() == []
    assert _token_processes() == []
    return line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "words"),
    {
        "a wrong PIN": ("C_Login:0:0xa0", "does not accept the PIN"),
        "a locked PIN": ("C_Login:0:0xa4", "has locked its PIN"),
        "no token": ("C_GetSlotList:0:gone", "There is no token"),
        "a module that does not start": ("C_Initialize:0:0x5", "CKR_GENERAL_ERROR"),
        "a module that crashes": ("C_Initialize:0:crash", "SIGABRT"),
    }.values(),
)
def test_a_token_that_cannot_be_used_is_told_of_before_there_is_a_run(
    issue, token_estate, broken, fault, words
):
    broken(fault)
    _refuses(issue, token_estate, words)


@pytest.mark.slow
def test_a_wrong_pin_is_tried_once(issue, token_estate, broken, monkeypatch, tmp_path):
    log = tmp_path / "calls"
    broken(log=log)
    monkeypatch.setenv("SMKI_TESTCA_TOKEN_PIN", "wrong")
    line = _refuses(issue, token_estate, "does not accept the PIN")
    assert "wrong" not in line.replace("a few wrong ones", "")
    assert log.read_text().split().count("C_Login") == 1


@pytest.mark.slow
def test_a_key_that_is_missing_or_there_twice_is_told_of(issue, token_estate):
    with token_estate.open() as estate:
        (record,) = estate.select(Selection(profile="device-issuing-ca"))
        uri = estate.key_store.in_tokens.row(record.key_id).key.uri
    token, name = token_estate.token, uri.id.hex()
    other = ("--keypairgen", "--key-type", "EC:prime256v1", "--label", uri.object, "--id", name)
    token.tool(*other)
    _refuses(issue, token_estate, "2 private keys")
    for _ in range(2):
        token.tool("--delete-object", "--type", "privkey", "--id", name)
    _refuses(issue, token_estate, "no private key")
    token.tool(*other)
    _refuses(issue, token_estate, "does not verify its signature")
    for _ in range(3):
        token.tool("--delete-object", "--type", "pubkey", "--id", name)
    _refuses(issue, token_estate, "is another one")


@pytest.mark.slow
def test_two_keys_of_one_label_do_not_matter_to_a_key_that_is_known_by_its_id(
    call, issue, token_estate
):
    with token_estate.open() as estate:
        (record,) = estate.select(Selection(profile="device-issuing-ca"))
        uri = estate.key_store.in_tokens.row(record.key_id).key.uri
    label = ("--label", uri.object, "--id", "4711")
    token_estate.token.tool("--keypairgen", "--key-type", "EC:prime256v1", *label)
    assert issue().code == 0
    _is_whole(call, token_estate)


# What ends a run in the middle.


LINES = {
    "C_Sign:50:gone": (
        "error: The token 'smki' was removed, or is lost, while it was in use. Connect it again."
        " Then continue it: smki-testca batch resume 1"
    ),
    "C_SignInit:50:0x30": (
        "error: The token 'smki' failed to sign: CKR_DEVICE_ERROR (device error). Check the token"
        " and its module with the vendor's programs. Then continue it: smki-testca batch resume 1"
    ),
    "C_Sign:50:crash": (
        "error: The process that uses the token ended by SIGABRT: the PKCS#11 module may have"
        " crashed. Continue it: smki-testca batch resume 1"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "line"), LINES.items(), ids=LINES)
def test_a_token_that_fails_in_the_middle_ends_the_run_which_then_continues(
    call, issue, token_estate, broken, fault, line
):
    broken(fault)
    assert _error(issue("--workers", 2)) == line
    assert _token_processes() == []
    with token_estate.open() as estate:
        run = estate.runs.get(1)
        assert run.state is State.INTERRUPTED
        assert 0 < run.issued < ROWS
    kept = {path: path.read_bytes() for path in batches.tiles_of(token_estate.directory)}
    assert call("audit", "verify").code == 0
    broken()  # another module: the true one
    assert call("batch", "resume", 1).code == 0
    _is_whole(call, token_estate)
    assert all(path.read_bytes() == octets for path, octets in kept.items())


@pytest.mark.slow
def test_a_module_that_hangs_ends_the_run(call, issue, token_estate, broken, monkeypatch):
    monkeypatch.setattr(starting, "CALL_SECONDS", 1.0)
    broken("C_Sign:50:hang")
    line = _error(issue("--workers", 2))
    assert "did not answer within 1 seconds" in line
    assert line.endswith("continue it: smki-testca batch resume 1")
    assert _token_processes() == []
    broken()
    assert call("batch", "resume", 1).code == 0
    _is_whole(call, token_estate)


@pytest.mark.slow
def test_a_token_that_signs_nonsense_from_some_time_on_ends_the_run(
    call, issue, token_estate, broken
):
    broken("C_Sign:50:garbage+")
    assert "gave a signature that its public key does not verify" in _error(issue("--workers", 2))
    broken()
    assert call("batch", "resume", 1).code == 0
    _is_whole(call, token_estate)


@pytest.mark.slow
def test_a_session_that_was_lost_is_opened_again_and_nobody_notices(
    call, issue, token_estate, broken
):
    broken("C_Sign:50:0xb3")  # CKR_SESSION_HANDLE_INVALID
    assert issue().code == 0
    _is_whole(call, token_estate)


@pytest.mark.slow
def test_a_resume_with_a_wrong_pin_says_so_and_leaves_the_run_as_it_is(
    call, issue, token_estate, broken, monkeypatch
):
    broken("C_Sign:50:gone")
    issue()
    broken()
    monkeypatch.setenv("SMKI_TESTCA_TOKEN_PIN", "wrong")
    line = _error(call("batch", "resume", 1))
    assert "does not accept the PIN" in line
    assert line.endswith("Then continue it: smki-testca batch resume 1")
    assert call("batch", "resume", 1, "--dry-run").code == 5
    monkeypatch.setenv("SMKI_TESTCA_TOKEN_PIN", PIN)
    assert call("batch", "resume", 1).code == 0
    _is_whole(call, token_estate)


CALLS = {
    "C_Sign": 120,
    "C_SignInit": 120,
    "C_FindObjectsInit": 6,
    "C_FindObjects": 8,
    "C_GetAttributeValue": 30,
    "C_OpenSession": 2,
    "C_Login": 1,
    "C_GetSlotList": 6,
    "C_GetTokenInfo": 6,
}
"""Calls that a run makes, and about how many of each at the most."""
ERRORS = [0x02, 0x05, 0x06, 0x07, 0x30, 0x31, 0x32, 0x50, 0x54, 0x60, 0x82, 0x90, 0xA0, 0xA4]
ERRORS += [0xB0, 0xB3, 0xE0, 0xE1, 0x101, 0x150, 0x190, 0x80000001]


@pytest.mark.slow
@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(
    call_and_number=st.sampled_from(sorted(CALLS)).flatmap(
        lambda name: st.tuples(st.just(name), st.integers(0, CALLS[name]))
    ),
    error=st.sampled_from(ERRORS),
    stays=st.booleans(),
    workers=st.integers(1, 2),
)
def test_whatever_call_fails_with_whatever_error_the_run_has_every_row_once_in_the_end(
    call, token_estate, broken, call_and_number, error, stays, workers
):
    name, number = call_and_number
    broken(f"{name}:{number}:{error:#x}{'+' if stays else ''}")
    with token_estate.open() as estate:
        before = len(estate.runs.all())
    first = FIRST + (before << 16)
    words = batches.range_of(ROWS, f"{first:016x}")
    outcome = call("batch", "issue", *words, "--workers", workers)
    broken()
    with token_estate.open() as estate:
        runs = estate.runs.all()
    assert _token_processes() == []
    if len(runs) == before:
        _error(outcome)
        return
    if outcome.code != 0:
        assert _error(outcome).endswith(f"smki-testca batch resume {runs[-1].id}")
        assert call("batch", "resume", runs[-1].id).code == 0
    with token_estate.open() as estate:
        records = list(estate.run_certificates.of_run(estate.runs.get(runs[-1].id)))
        (issuer,) = estate.select(Selection(profile="device-issuing-ca"))
    assert [record.eui64.value - first for record in records] == list(range(ROWS))
    ca = x509.load_der_x509_certificate(issuer.der)
    for record in records:
        x509.load_der_x509_certificate(record.der).verify_directly_issued_by(ca)
    assert call("audit", "verify").code == 0


# Kills.

COUNT = 12_000


def _started(estate, *words):
    return subprocess.Popen(
        [sys.executable, "-m", "smki_testca", "--estate", estate, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["token process", "worker", "command", "Ctrl-C"])
def test_a_kill_leaves_no_process_behind_and_the_run_continues(call, token_estate, victim):
    # Tiles of their ordinary size: this command is a process of its own.
    process = _started(
        token_estate.directory, "batch", "issue", *batches.range_of(COUNT), "--workers", 2
    )
    batches.until_tiles_are_written(token_estate.directory, process)
    all_of_it = killing.children(process.pid)
    (token_process,) = filter(_is_token, all_of_it)
    (worker, _) = [pid for pid in all_of_it if pid != token_process]
    if victim == "Ctrl-C":
        os.killpg(process.pid, signal.SIGINT)
    else:
        pids = {"token process": token_process, "worker": worker, "command": process.pid}
        os.kill(pids[victim], signal.SIGKILL)
    _, err = process.communicate(timeout=batches.PATIENCE)
    killing.wait_for_end(all_of_it)
    assert "Traceback" not in err
    if victim == "command":
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == (130 if victim == "Ctrl-C" else 5), err
        assert re.fullmatch(
            r"(error|interrupted): .* Continue it: smki-testca batch resume 1",
            err.splitlines()[-1],
        )
    resumed = call("--json", "batch", "resume", 1)
    assert resumed.code == 0, resumed.err
    assert json.loads(resumed.out.splitlines()[-1])["run"]["issued"] == COUNT
    assert _devices(token_estate) == list(range(COUNT))
    assert call("batch", "verify", 1).code == 0
    assert call("audit", "verify").code == 0
