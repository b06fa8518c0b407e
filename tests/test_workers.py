"""The pool of worker processes, and calls that can be ended."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path

import pytest

from smki_testca import workers
from smki_testca.errors import EstateError, InputError

PATIENCE = 60
"""Seconds after which something counts as hung; no load makes it take so long."""

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="it is about Linux")

_given: list[int] = []


def _begin(*given):
    _given[:] = given


def _begin_badly():
    raise InputError("test", "It cannot begin.")


def _times(task):
    return task * _given[0]


def _end(task):
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def _sockets(_=None):
    """The sockets that this process has open."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the folder's own descriptor is closed by now
            if str(link.readlink()).startswith("socket:"):
                found.add(int(link.name))
    return found


def _end_in_the_middle_of_a_message(task):
    """Write the beginning of an answer to the parent, and be killed."""
    if task == 3:
        (pipe,) = _sockets() - set(_given)
        os.write(pipe, struct.pack("!i", 1 << 20) + b"half an answer")
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def _hang(_):
    threading.Event().wait()


def _fails(task):
    raise ValueError(task)


def _exits(_):
    sys.exit("enough")


def _fails_with_what_cannot_travel(_):
    raise ValueError(threading.Lock())


def _megabytes(task):
    return bytes(task)


def _process(_):
    return os.getpid()


def _shout(_):
    os.write(1, b"out")
    os.write(2, b"err")


def _fill_memory(octets):
    return len(bytearray(octets))


def _derive():
    return hashlib.pbkdf2_hmac("sha256", b"p", b"s", 1_000_000_000)


def _call_again(task):
    return workers.call_bounded(_process, task, seconds=PATIENCE)


def test_each_task_comes_back_once_with_its_result():
    results = workers.unordered(2, _times, range(100), _begin, 7)
    assert sorted(results) == [(task, task * 7) for task in range(100)]


def test_ordered_results_keep_the_order_of_their_tasks():
    assert list(workers.ordered(2, _times, range(100), _begin, 7)) == [n * 7 for n in range(100)]


def test_there_are_as_many_processes_as_tasks_at_most():
    assert len(set(workers.ordered(8, _process, range(2), _begin))) <= 2
    assert list(workers.ordered(8, _process, [], _begin)) == []


@pytest.mark.slow
def test_tasks_are_taken_as_workers_come_free():
    taken = []

    def tasks():
        for number in count():
            taken.append(number)
            yield number

    for call in (workers.unordered, workers.ordered):
        taken.clear()
        results = call(2, _times, tasks(), _begin, 1)
        for _ in range(10):
            next(results)
        results.close()
        assert len(taken) <= 10 + 2 * (workers.IN_FLIGHT + workers.WAITING)


@pytest.mark.slow
def test_long_tasks_and_long_results_do_not_wait_for_each_other():
    long = bytes(3_000_000)
    assert list(workers.ordered(2, _megabytes, [long] * 12, _begin)) == [long] * 12


@pytest.mark.slow
@pytest.mark.parametrize("call", [workers.unordered, workers.ordered])
@pytest.mark.parametrize(
    "task", [_end, pytest.param(_end_in_the_middle_of_a_message, marks=on_linux)]
)
def test_a_worker_that_dies_is_told_of_and_takes_the_others_with_it(call, task):
    # Sockets of the test's own process are not a worker's.
    with pytest.raises(workers.WorkerEndedError):
        list(call(2, task, range(100), _begin, *_sockets()))
    assert not multiprocessing.active_children()


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_worker_killed_from_outside_is_told_of(victim):
    results = workers.unordered(2, _times, count(), _begin, 1)
    for _ in range(10):
        next(results)
    os.kill(multiprocessing.active_children()[victim].pid, signal.SIGKILL)
    with pytest.raises(workers.WorkerEndedError):
        list(results)
    assert not multiprocessing.active_children()


def test_the_death_of_a_worker_is_one_documented_error():
    with (
        pytest.raises(EstateError, match="ended unexpectedly; nothing is lost") as caught,
        workers.explained_death("nothing is lost", "Go on."),
    ):
        list(workers.unordered(2, _end, range(100), _begin))
    assert (caught.value.code, caught.value.remedy) == ("batch.worker_died", "Go on.")


def test_an_error_of_a_task_reaches_the_caller_and_ends_the_workers():
    with pytest.raises(ValueError, match="0"):
        list(workers.unordered(1, _fails, range(3), _begin))
    assert not multiprocessing.active_children()


def test_an_error_at_the_beginning_reaches_the_caller():
    with pytest.raises(InputError, match="It cannot begin") as caught:
        list(workers.unordered(2, _times, range(3), _begin_badly))
    assert caught.value.code == "test"


@pytest.mark.parametrize("task", [_exits, _fails_with_what_cannot_travel])
def test_what_is_no_error_or_cannot_travel_is_told_of_as_a_death(task):
    with pytest.raises(workers.WorkerEndedError, match=r"SystemExit: enough|ValueError: <"):
        list(workers.unordered(1, task, range(3), _begin))


def test_workers_that_never_end_are_ended_with_the_generator():
    results = workers.unordered(2, lambda n: n if n == 0 else _hang(n), range(9), _begin)
    assert next(results) == (0, 0)
    assert len(multiprocessing.active_children()) == 2
    results.close()
    assert not multiprocessing.active_children()


@pytest.mark.slow
@on_linux
def test_a_worker_has_no_end_of_the_pipe_of_another():
    inherited = _sockets()
    for _, sockets in workers.unordered(4, _sockets, range(12), _begin):
        assert len(sockets - inherited) == 1


def test_workers_write_nothing(capfd):
    list(workers.unordered(1, _shout, range(1), _begin))
    assert capfd.readouterr() == ("", "")


def test_a_bounded_call_gives_the_result():
    assert workers.call_bounded(max, 3, 5, seconds=PATIENCE) == 5
    assert workers.call_bounded(_fill_memory, 1 << 20, seconds=PATIENCE, octets=1 << 28) == 1 << 20
    assert not multiprocessing.active_children()


def test_a_bounded_call_raises_what_the_function_raised():
    with pytest.raises(ValueError, match="wrong"):
        workers.call_bounded(_fails, "wrong", seconds=PATIENCE)
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_a_bounded_call_ends_work_in_c_that_takes_too_long():
    with pytest.raises(workers.WorkerTimeoutError, match=r"over 0\.2 seconds"):
        workers.call_bounded(_derive, seconds=0.2)
    assert not multiprocessing.active_children()


@on_linux
def test_a_bounded_call_has_no_more_memory_than_it_may():
    with pytest.raises(workers.WorkerEndedError, match="MemoryError"):
        workers.call_bounded(_fill_memory, 1 << 30, seconds=PATIENCE, octets=1 << 28)


def test_a_bounded_call_tells_of_a_crash():
    with pytest.raises(workers.WorkerEndedError, match="killed or crashed"):
        workers.call_bounded(_end, 3, seconds=PATIENCE)


def test_a_worker_can_make_a_bounded_call():
    assert all(pid > 0 for pid in workers.ordered(2, _call_again, range(4), _begin))


@pytest.mark.slow
def test_workers_of_several_threads_do_not_keep_each_other_alive():
    errors = []

    def use():
        try:
            list(workers.unordered(2, _end, range(9), _begin))
        except workers.WorkerEndedError as error:
            errors.append(error)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(errors) == 4
    assert not multiprocessing.active_children()


# In a process of its own, which says what its workers are and then waits in one of three ways.
PROGRAM = """
import sys, threading
sys.path.insert(0, sys.argv[2])
import test_workers
from smki_testca import workers

def run():
    if sys.argv[1] == "bounded":
        print(0, flush=True)
        workers.call_bounded(test_workers._derive, seconds=600)
    results = workers.unordered(2, test_workers._process, iter(range(10**9)), test_workers._begin)
    print(*{next(results)[1] for _ in range(50)}, flush=True)
    list(results)

if sys.argv[1] == "thread":
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
else:
    run()
"""


def _children(parent):
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] not in "ZX":
            found.append(int(path.parent.name))
    return found


def _until(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.slow
@on_linux
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("how", ["pool", "thread", "bounded"])
def test_a_parent_that_ends_leaves_no_worker_behind(how, ending):
    if (how, ending) == ("thread", signal.SIGINT):
        pytest.skip("a thread that waits for another is Python's to interrupt")
    arguments = [sys.executable, "-c", PROGRAM, how, str(Path(__file__).parent)]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        process.stdout.readline()
        try:
            _until(lambda: _children(process.pid))
            children = _children(process.pid)
            if ending is signal.SIGINT:  # as a terminal sends it
                os.killpg(process.pid, ending)
            else:
                process.send_signal(ending)
            _, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()  # so that a failure is told, and leaves nothing behind
    assert process.returncode == -ending or b"KeyboardInterrupt" in err
    assert err.count(b"Traceback") <= 1
    for child in children:
        _until(lambda child=child: not _alive(child))


def _alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
