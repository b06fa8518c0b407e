"""The process that makes the runs of submitted batches: started, told, killed and ended."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import submissions
from batches import PATIENCE
from estates import opened
from smki_testca.estate.batch_requests import BatchState
from smki_testca.service.device_csr import batch_process
from smki_testca.service.device_csr.batch_keeper import BatchKeeper
from smki_testca.service.estate_access import EstateAccess
from smki_testca.service.settings import Window

PHRASE = "phrase"
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="processes are found by /proc"
)


def _until(is_true):
    """Wait for a condition."""
    until = time.monotonic() + PATIENCE
    while not (found := is_true()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


def _state(directory, number=1):
    with opened(directory) as estate:
        return estate.batch_requests.get(number).state


def _submit(directory, count, first=0):
    with opened(directory) as estate:
        return submissions.submit(estate, submissions.good(count, first))


def _issued(directory):
    """The Devices that have certificates of runs."""
    with opened(directory) as estate:
        estate.audit.verify()
        return sorted(
            record.eui64.value - submissions.FIRST
            for run in estate.runs.all()
            for record in estate.run_certificates.of_run(run)
        )


@contextlib.contextmanager
def _process(directory, passphrase=PHRASE, **settings):
    """The process, as a server starts it."""
    access = EstateAccess(directory, passphrase)
    command = batch_process.command(access, settings.get("window"), workers=1)
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, start_new_session=True, stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        process.stdin.write(batch_process.secret_line(access))
        process.stdin.flush()
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
@needs_proc
def test_it_does_what_there_is_and_then_what_it_is_told_of(newcomer):
    _submit(newcomer, 2)
    with _process(newcomer) as process:
        _until(lambda: _state(newcomer) is BatchState.COMPLETED)
        _submit(newcomer, 1, first=5)
        process.stdin.write(b"\n")
        process.stdin.flush()
        _until(lambda: _state(newcomer, 2) is BatchState.COMPLETED)
        # The passphrase is where nobody else can read it.
        for name in ("cmdline", "environ"):
            assert PHRASE.encode() not in Path("/proc", str(process.pid), name).read_bytes()
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out, err) == (0, b"", b"")
    assert _issued(newcomer) == [0, 1, 5]


@pytest.mark.slow
def test_without_the_passphrase_it_ends_with_one_line(newcomer):
    with _process(newcomer, "wrong") as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 5
    assert err.decode().startswith("batches cannot be processed: ")
    assert len(err.splitlines()) == 1
    assert b"wrong" not in err.replace(b"is wrong", b"")


@pytest.mark.slow
def test_a_server_that_ends_at_once_leaves_no_process(newcomer):
    access = EstateAccess(newcomer, PHRASE)
    command = batch_process.command(access, None, None)
    ended = subprocess.run(command, input=b"", capture_output=True, check=False, timeout=PATIENCE)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize(
    "state", [BatchState.PENDING, BatchState.PARSING, BatchState.QUEUED, BatchState.PROCESSING]
)
def test_whenever_it_is_killed_each_certificate_is_there_once(newcomer, state):
    count = 2_500
    number = _submit(newcomer, count)
    order = list(BatchState)
    with _process(newcomer) as process:
        _until(lambda: order.index(_state(newcomer, number)) >= order.index(state))
        process.kill()
        process.wait()
        seen = _state(newcomer, number)
    with _process(newcomer):
        _until(lambda: _state(newcomer, number) is BatchState.COMPLETED)
    assert order.index(seen) >= order.index(state)
    assert _issued(newcomer) == list(range(count))
    with opened(newcomer) as estate:
        assert len(estate.runs.all()) == 1
        assert len(submissions.outcomes(estate, number)) == count


SERVER = """
import subprocess, sys, time
from pathlib import Path
from smki_testca.service.estate_access import EstateAccess
from smki_testca.service.device_csr import batch_process
access = EstateAccess(Path(sys.argv[1]), "phrase")
child = subprocess.Popen(batch_process.command(access, None, 1), stdin=subprocess.PIPE)
child.stdin.write(batch_process.secret_line(access))
child.stdin.flush()
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
@needs_proc
def test_it_ends_with_its_server_even_if_that_is_killed(newcomer):
    _submit(newcomer, 2_500)
    call = [sys.executable, "-c", SERVER, newcomer]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as server:
        child = int(server.stdout.readline())
        _until(lambda: _state(newcomer) is not BatchState.PENDING)
        server.send_signal(signal.SIGKILL)
        server.wait()
        _until(lambda: not _lives(child))
    with _process(newcomer):
        _until(lambda: _state(newcomer) is BatchState.COMPLETED)
    assert _issued(newcomer) == list(range(2_500))


def _lives(pid):
    """Whether a process lives; one that nobody waited for has ended, too."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


# What keeps it.


def _keeper(directory, told, submitted, window=None):
    async def has_work():
        with opened(directory) as estate:
            return bool(estate.batch_requests.unfinished())

    access = EstateAccess(directory, PHRASE)
    return BatchKeeper(access, window, has_work, submitted, told.append, workers=1)


async def _met(is_true):
    """Wait for a condition, and let others go on meanwhile."""
    until = time.monotonic() + PATIENCE
    while not (found := is_true()):
        assert time.monotonic() < until
        await asyncio.sleep(0.02)
    return found


@pytest.mark.slow
def test_the_process_is_started_when_it_is_needed_and_ended_with_the_server(newcomer):
    told = []

    async def serve():
        submitted = asyncio.Event()
        async with _keeper(newcomer, told, submitted) as keeper:
            await asyncio.sleep(0.1)
            assert keeper.process is None
            _submit(newcomer, 1)
            submitted.set()
            await _met(lambda: _state(newcomer) is BatchState.COMPLETED)
            process = keeper.process
            _submit(newcomer, 1, first=3)
            submitted.set()
            await _met(lambda: _state(newcomer, 2) is BatchState.COMPLETED)
            assert keeper.process is process
        assert process is not None
        assert process.returncode == 0

    asyncio.run(serve())
    assert told == []
    assert _issued(newcomer) == [0, 3]


@pytest.mark.slow
def test_a_new_server_goes_on_with_what_an_earlier_one_left(newcomer):
    _submit(newcomer, 1)

    async def serve():
        async with _keeper(newcomer, [], asyncio.Event()):
            await _met(lambda: _state(newcomer) is BatchState.COMPLETED)

    asyncio.run(serve())


@pytest.mark.slow
def test_a_process_that_was_killed_is_started_again(newcomer):
    async def serve():
        submitted = asyncio.Event()
        closed = Window.parse("00:00-00:01")
        async with _keeper(newcomer, [], submitted, closed) as keeper:
            # Parsed at any time, it waits for the window, unless it is just midnight.
            _submit(newcomer, 1)
            submitted.set()
            await _met(lambda: _state(newcomer) not in {BatchState.PENDING, BatchState.PARSING})
            first = keeper.process
            os.kill(first.pid, signal.SIGKILL)
            _submit(newcomer, 1, first=3)
            submitted.set()
            await _met(lambda: _state(newcomer, 2) not in {BatchState.PENDING, BatchState.PARSING})
            assert keeper.process.pid != first.pid

    asyncio.run(serve())


@pytest.mark.slow
def test_what_goes_wrong_is_told_by_the_server(newcomer):
    told = []

    async def serve():
        _submit(newcomer, 1)
        keeper = _keeper(newcomer, told, asyncio.Event())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(keeper, "_access", EstateAccess(newcomer, "wrong"))
            async with keeper:
                await _met(lambda: told)

    asyncio.run(serve())
    assert told[0].startswith("batches cannot be processed: ")
