"""The token process: it keeps secrets, serves many processes at once, and ends with its parent."""

import os
import pickle
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from multiprocessing.connection import Client
from pathlib import Path

import pytest

from smki_testca import workers
from smki_testca.authority.signers import SigningMeans
from smki_testca.authority.signers.tokens.connection import TokenConnection
from smki_testca.authority.signers.tokens.messages import Generate, HandOver, LogIn
from smki_testca.authority.signers.tokens.reference import TokenKey
from smki_testca.errors import EstateError
from smki_testca.estate.sealing import TransportKey
from smki_testca.x509.keys import key_id, load_public_key, signature_fits
from smki_testca.x509.names import KeyType
from tokens import PIN

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc"),
]

OF_WORKER = {}
"""What a worker process of these tests was begun with."""
PHRASE = "passphrase-of-an-estate"
PROGRAM = "smki_testca.authority.signers.tokens.process"


def token_processes(parent):
    """The token processes that a process has started, and that have not ended."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            status = (place / "status").read_text()
            command = (place / "cmdline").read_bytes()
        except OSError:
            continue
        if f"\nPPid:\t{parent}\n" in status and PROGRAM.encode() in command:
            found.append(int(place.name))
    return found


def has_ended(process):
    """Whether a process and all of its threads are gone; its first thread may go before others."""
    directory = Path(f"/proc/{process}")
    try:
        is_zombie = "\nState:\tZ" in (directory / "status").read_text()
        return is_zombie and len(list((directory / "task").iterdir())) == 1
    except OSError:
        return True


def wait_until(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it does not happen")


@pytest.fixture
def folders(monkeypatch):
    """Where token processes make their folders: with a short name, as sockets need."""
    folder = tempfile.mkdtemp(prefix="t")
    monkeypatch.setattr(tempfile, "tempdir", folder)
    monkeypatch.setenv("TMPDIR", folder)
    yield Path(folder)
    shutil.rmtree(folder)


@pytest.fixture
def made(token, tokens):
    return tokens.generate(token.uri(), KeyType.P256, "zroot")


@pytest.fixture
def reference(made):
    return TokenKey(key_id(made.public_key), made.uri, made.public_key)


def means_of(tokens):
    return SigningMeans(TransportKey, lambda: tokens)


def test_nothing_is_started_before_a_token_is_used(token):
    with token.open():
        assert token_processes(os.getpid()) == []


@pytest.mark.slow
def test_no_secret_is_in_the_arguments_or_the_environment(token, monkeypatch):
    monkeypatch.setenv("SMKI_TESTCA_TOKEN_PIN", PIN)
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", PHRASE)
    with token.open() as tokens:
        tokens.generate(token.uri(), KeyType.P256, "zroot")
        _, authkey = tokens.share()
        (process,) = token_processes(os.getpid())
        command = Path(f"/proc/{process}/cmdline").read_bytes()
        try:
            environment = Path(f"/proc/{process}/environ").read_bytes()
        except PermissionError:  # nobody but the administrator may look
            environment = b""
    for secret in (PIN.encode(), PHRASE.encode(), authkey, authkey.hex().encode()):
        assert secret not in command + environment


@pytest.mark.slow
def test_no_secret_is_in_what_is_logged_or_pickled(tokens, reference):
    transport = TransportKey()
    shared = reference.for_workers(means_of(tokens), transport)
    _, authkey = tokens.share()
    told = (
        repr(LogIn("pkcs11:", PIN)),
        repr(HandOver("m", "a", authkey, 1.0)),
        repr(shared),
        pickle.dumps(shared).decode("latin-1"),
        repr(reference),
    )
    for text in told:
        assert PIN not in text
        assert authkey.decode("latin-1") not in text
        assert repr(authkey) not in text


@pytest.mark.slow
def test_only_its_owner_who_knows_the_secret_reaches_the_process(token):
    with token.open() as tokens:
        tokens.generate(token.uri(), KeyType.P256, "zroot")
        address, _ = tokens.share()
        assert stat.S_IMODE(Path(address).parent.stat().st_mode) == 0o700
        with pytest.raises(EstateError):
            TokenConnection(address, os.urandom(32))
        # Whoever does not know the secret is in nobody's way.
        assert tokens.find(token.uri())


@pytest.mark.slow
def test_a_long_path_for_temporary_files_is_no_hindrance(token, tmp_path, monkeypatch):
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with token.open() as tokens:
        tokens.generate(token.uri(), KeyType.P256, "zroot")


@pytest.mark.slow
def test_it_ends_when_it_is_closed_and_leaves_nothing(token, folders):
    with token.open() as tokens:
        tokens.generate(token.uri(), KeyType.P256, "zroot")
        (process,) = token_processes(os.getpid())
        assert list(folders.iterdir())
    assert has_ended(process)
    assert list(folders.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["", "C_Sign:3:hang"])
def test_it_ends_with_a_parent_that_is_killed_and_leaves_nothing(faulty, folders, fault):
    token = faulty(*filter(None, [fault]))
    script = f"""
import time
from dataclasses import replace
from pathlib import Path
from smki_testca.authority.signers.tokens.access import TokenAccess
from smki_testca.authority.signers.tokens.tokens import KeyType, Tokens, TokenUri
tokens = Tokens(TokenAccess(lambda: Path({str(token.module)!r}), lambda _: {PIN!r}))
made = tokens.generate(TokenUri(token="smki"), KeyType.P256, "zroot")
print("made", flush=True)
signer = tokens.signer(made.uri, made.public_key)
while True:
    signer.sign(b"data")
    time.sleep(0.01)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"made\n"
        (process,) = token_processes(parent.pid)
        parent.kill()
    wait_until(lambda: has_ended(process))
    assert list(folders.iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_is_for_the_command_alone(token):
    with token.open() as tokens:
        made = tokens.generate(token.uri(), KeyType.P256, "zroot")
        (process,) = token_processes(os.getpid())
        os.kill(process, signal.SIGINT)
        assert os.getpgid(process) != os.getpgrp()
        assert tokens.find(made.uri) == made


@pytest.fixture
def interrupted():
    """Makes the next wait for an answer end as Ctrl-C ends it."""
    with pytest.MonkeyPatch.context() as patch:

        def interrupt(_):
            patch.undo()
            raise KeyboardInterrupt

        yield lambda: patch.setattr(TokenConnection, "_answer", interrupt)


@pytest.mark.slow
def test_after_an_interruption_no_answer_is_taken_for_another(tokens, made, interrupted):
    key = load_public_key(made.public_key)
    signer = tokens.signer(made.uri, made.public_key)
    interrupted()
    with pytest.raises(KeyboardInterrupt):
        signer.sign(b"one")
    assert signature_fits(key, signer.sign(b"other"), b"other")


@pytest.mark.slow
def test_a_key_pair_whose_making_is_interrupted_is_removed_again(faulty, interrupted, monkeypatch):
    token = faulty("C_GenerateKeyPair:1:slow")
    with token.open() as tokens:
        kept = tokens.generate(token.uri(), KeyType.P256, "kept")
        before = token.objects
        ask = TokenConnection.ask

        def asked(self, request, kind):
            if isinstance(request, Generate):
                interrupted()
            return ask(self, request, kind)

        monkeypatch.setattr(TokenConnection, "ask", asked)
        with pytest.raises(KeyboardInterrupt):
            tokens.generate(token.uri(), KeyType.P256, "zroot")
        assert tokens.find(kept.uri) == kept  # when the other one was made
        wait_until(lambda: token.objects == before)


@pytest.mark.slow
def test_a_process_that_was_killed_is_told_and_the_next_use_starts_another(token):
    with token.open() as tokens:
        one, other = (tokens.generate(token.uri(), KeyType.P256, name) for name in "ab")
        signer = tokens.signer(one.uri, one.public_key)
        (process,) = token_processes(os.getpid())
        os.kill(process, signal.SIGKILL)
        wait_until(lambda: has_ended(process))
        # What another process opens first is not taken for what this one had opened.
        tokens.signer(other.uri, other.public_key).sign(b"data")
        key = load_public_key(one.public_key)
        assert signature_fits(key, signer.sign(b"data"), b"data")


@pytest.mark.slow
def test_a_process_that_was_forked_starts_its_own(tokens, made):
    (mine,) = token_processes(os.getpid())
    ((_, found),) = workers.unordered(1, _find, [made.uri], _begin_with_tokens, tokens)
    assert found == made
    assert not has_ended(mine)
    assert tokens.find(made.uri) == made


def _begin_with_tokens(tokens):
    OF_WORKER["tokens"] = tokens


def _find(uri):
    found = OF_WORKER["tokens"].find(uri)
    OF_WORKER["tokens"].close()
    return found


def _begin_with_reference(shared, transport):
    OF_WORKER["signer"] = shared.open(SigningMeans.of_worker(transport))


def _sign(data):
    return OF_WORKER["signer"].sign_all(data)


@pytest.mark.slow
@pytest.mark.parametrize("key_type", KeyType)
def test_four_processes_sign_at_once(token, tokens, key_type):
    made = tokens.generate(token.uri(), key_type, "zroot")
    reference = TokenKey(key_id(made.public_key), made.uri, made.public_key)
    transport = TransportKey()
    shared = reference.for_workers(means_of(tokens), transport)
    tasks = [[b"%d of %d" % (number, task) for number in range(50)] for task in range(12)]
    key = load_public_key(made.public_key)
    signed = list(workers.unordered(4, _sign, tasks, _begin_with_reference, shared, transport))
    assert len(signed) == len(tasks)
    for data, signatures in signed:
        assert all(map(lambda one, other: signature_fits(key, one, other), signatures, data))


@pytest.mark.slow
def test_a_shared_reference_is_sealed_anew_for_others(tokens, reference):
    first, second = TransportKey(), TransportKey()
    shared = reference.for_workers(means_of(tokens), first)
    again = shared.for_workers(SigningMeans.of_worker(first), second)
    assert again.open(SigningMeans.of_worker(second)).public_key == reference.public_key
    with pytest.raises(EstateError):
        again.open(SigningMeans.of_worker(first))
    other = replace(again, key_id=bytes(32))
    with pytest.raises(EstateError):
        other.open(SigningMeans.of_worker(second))


@pytest.mark.slow
def test_what_is_no_request_ends_its_own_connection_only(tokens, made):
    address, authkey = tokens.share()
    with Client(address, authkey=authkey) as stranger:
        stranger.send_bytes(b"what is this?")
        with pytest.raises(EOFError):
            stranger.recv_bytes()
    assert tokens.find(made.uri) == made


@pytest.mark.slow
def test_a_worker_is_told_when_the_process_has_ended(tokens, reference):
    transport = TransportKey()
    shared = reference.for_workers(means_of(tokens), transport)
    signer = shared.open(SigningMeans.of_worker(transport))
    tokens.close()
    for use in (
        lambda: signer.sign(b"data"),
        lambda: shared.open(SigningMeans.of_worker(transport)),
    ):
        with pytest.raises(EstateError) as caught:
            use()
        assert caught.value.code == "token.failed"
        assert caught.value.remedy


@pytest.mark.slow
def test_what_a_module_writes_to_the_terminal_is_not_seen(faulty, capfd):
    token = faulty("C_GetInfo:0:chat")
    with token.open() as tokens:
        tokens.generate(token.uri(), KeyType.P256, "zroot")
    assert capfd.readouterr() == ("", "")
