"""Worker processes on this machine, each with a pipe of its own to the process that started it.

Processes share no lock and no queue: one that is killed, even in the middle of a message, is an end
of file on its own pipe and disturbs no other. Workers ignore Ctrl-C, which their parent handles.
They end when their parent ends for any reason. They write nothing to a terminal and leave no core
dump, which would hold keys.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections import deque
from functools import partial
from multiprocessing.connection import wait
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from smki_testca.errors import EstateError, InputError

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from multiprocessing.connection import Connection

T = TypeVar("T")
R = TypeVar("R")

MAX_WORKERS = 256
IN_FLIGHT = 2
"""The number of tasks that each worker has at a time: the one it does, and the next."""
WAITING = 4
"""For each worker, the most results that wait for an earlier one, where their order matters."""
TICK_SECONDS = 5.0
"""The longest time that a caller waits for a task without being asked whether to go on."""
DIED = "batch.worker_died"
"""The code of the error that a command ends with when a worker of it died."""

# A fork inherits the arguments and the imported modules; other platforms send both.
if sys.platform == "linux":
    _CONTEXT = multiprocessing.get_context("fork")
else:
    _CONTEXT = multiprocessing.get_context("spawn")
_PDEATHSIG = 1
"""``PR_SET_PDEATHSIG`` of Linux."""


class WorkerEndedError(Exception):
    """A worker ended before it gave its result: it was killed, crashed or ran out of memory."""


class WorkerTimeoutError(WorkerEndedError):
    """A worker took too long, and was ended."""


def how_many(stated: int | None) -> int:
    """The number of workers: as asked for, or one for each core.

    Raises:
        InputError: unless it is from 1 to ``MAX_WORKERS``.
    """
    count = stated if stated is not None else os.cpu_count() or 1
    if not 1 <= count <= MAX_WORKERS:
        raise InputError(
            "batch.workers", f"The number of workers is {stated}.", f"Use 1 to {MAX_WORKERS}."
        )
    return count


def unordered(
    count: int,
    call: Callable[[T], R],
    tasks: Iterable[T],
    begin: Callable[..., None],
    *arguments: Any,
    while_waiting: Callable[[], None] | None = None,
) -> Generator[tuple[T, R], None, None]:
    """Call a function for each task in worker processes; yield each task with its result.

    Results come in the order of completion. Tasks are drawn as workers become free. The workers
    are killed when the generator ends or is closed, whatever they are doing.

    Args:
        count: the most processes; there are fewer for fewer tasks.
        call: a function of a module.
        tasks: its arguments.
        begin: called once in each process, before its first task.
        *arguments: the arguments of ``begin``.
        while_waiting: called every ``TICK_SECONDS`` in which no task is done.

    Raises:
        WorkerEndedError: if a worker ended; the results before it are valid.
        Exception: whatever ``begin`` or ``call`` raised.
    """
    with contextlib.closing(_Pool(count, call, begin, arguments, tasks)) as pool:
        for _, task, result in pool.results(while_waiting=while_waiting):
            yield task, result


def ordered(
    count: int,
    call: Callable[[T], R],
    tasks: Iterable[T],
    begin: Callable[..., None],
    *arguments: Any,
) -> Generator[R, None, None]:
    """Call a function for each task in worker processes; yield the results in the tasks' order.

    See ``unordered`` for the arguments and errors. While one task takes long, at most
    ``WAITING`` results of each worker wait for it.
    """
    early: dict[int, R] = {}
    next_number = 0
    with contextlib.closing(_Pool(count, call, begin, arguments, tasks)) as pool:
        for number, _, result in pool.results(lambda: len(early) < WAITING * count):
            early[number] = result
            while next_number in early:
                yield early.pop(next_number)
                next_number += 1


def call_bounded(
    function: Callable[..., R], *arguments: Any, seconds: float, octets: int | None = None
) -> R:
    """Call a function in a process of its own that can be ended, whatever it is doing.

    Use it for work in C that may last or take much memory, such as a key derivation whose
    iterations the input chooses. Ctrl-C in the caller ends it, too.

    Args:
        function: a function of a module.
        *arguments: its arguments; they and the result must be picklable.
        seconds: the longest time that it may take.
        octets: the most memory that it may take beyond what the process starts with; None for
            no limit. It holds where the system has ``RLIMIT_AS`` and ``/proc``: on Linux.

    Raises:
        WorkerTimeoutError: if it took longer.
        WorkerEndedError: if it ran out of memory, crashed, was killed, or raised what is no
            ``Exception``.
        Exception: whatever the function raised.
    """
    worker = _Worker(partial(_spread, function), limit_memory, (octets,))
    try:
        worker.give(0, arguments)
        if not wait([worker.pipe, worker.process.sentinel], seconds):
            raise WorkerTimeoutError(f"it took over {seconds:g} seconds")
        result: R = worker.answer()[1]
        return result
    finally:
        worker.end()


@contextlib.contextmanager
def explained_death(consequence: str, remedy: str) -> Iterator[None]:
    """Turns the death of a worker into the documented error.

    Args:
        consequence: what it means for the user, the end of a sentence.
        remedy: what to do about it.

    Raises:
        EstateError: if a worker died.
    """
    try:
        yield
    except WorkerEndedError as error:
        raise EstateError(
            DIED, f"A worker process ended unexpectedly; {consequence}.", remedy
        ) from error


class _Pool(Generic[T, R]):
    """Workers that do the tasks of one iterable. They are started as tasks are drawn."""

    def __init__(
        self,
        count: int,
        call: Callable[[T], R],
        begin: Callable[..., None],
        arguments: tuple[Any, ...],
        tasks: Iterable[T],
    ) -> None:
        self._count = count
        self._start = partial(_Worker, call, begin, arguments)
        self._tasks = enumerate(tasks)
        self._workers: list[_Worker] = []
        self._unanswered: dict[int, T] = {}

    def results(
        self,
        is_wanted: Callable[[], bool] = lambda: True,
        while_waiting: Callable[[], None] | None = None,
    ) -> Iterator[tuple[int, T, R]]:
        """Each task's number, from 0, the task and its result, in the order of completion.

        Args:
            is_wanted: whether another task may be drawn now.
            while_waiting: called every ``TICK_SECONDS`` in which no task is done.
        """
        while True:
            if is_wanted():
                self._hand_out()
            busy = [worker for worker in self._workers if worker.unanswered]
            if not busy:
                return
            ready = _readable(busy, TICK_SECONDS)
            if not ready and while_waiting is not None:
                while_waiting()
            for worker in ready:
                number, result = worker.answer()
                if is_wanted():
                    self._hand_out()
                yield number, self._unanswered.pop(number), result

    def _hand_out(self) -> None:
        """Give every worker tasks, as long as there are any; each gets one before any gets two."""
        for load in range(1, IN_FLIGHT + 1):
            for place in range(self._count):
                is_started = place < len(self._workers)
                if is_started and len(self._workers[place].unanswered) >= load:
                    continue
                drawn = next(self._tasks, None)
                if drawn is None:
                    return
                if not is_started:
                    self._workers.append(self._start())
                self._unanswered[drawn[0]] = drawn[1]
                self._workers[place].give(*drawn)

    def close(self) -> None:
        """Kill the workers."""
        for worker in self._workers:
            worker.end()


def _readable(workers: list[_Worker], seconds: float) -> list[_Worker]:
    """Wait until a worker has answered or ended; all of which that holds, none after a time."""
    ends = [end for worker in workers for end in (worker.pipe, worker.process.sentinel)]
    ready = set(wait(ends, seconds))
    return [worker for worker in workers if ready & {worker.pipe, worker.process.sentinel}]


class _Worker:
    """One worker process, as its parent sees it."""

    def __init__(
        self, call: Callable[[Any], Any], begin: Callable[..., None], arguments: tuple[Any, ...]
    ) -> None:
        self.unanswered: deque[int] = deque()
        # One start at a time: no worker then inherits the other's end of another's pipe, which
        # would keep that pipe open after the other's death.
        with _starting, _signals_held(), _daemon_allowed():
            self.pipe, theirs = _CONTEXT.Pipe()
            _parents_ends.add(self.pipe)
            self.process = _CONTEXT.Process(
                target=_serve,
                args=(theirs, call, begin, arguments, _parent_to_watch()),
                daemon=True,
            )
            try:
                self.process.start()
            except BaseException:
                self._close_pipe()
                raise
            finally:
                theirs.close()

    def give(self, number: int, task: Any) -> None:
        """Send it a task."""
        self.unanswered.append(number)
        data = pickle.dumps(task, pickle.HIGHEST_PROTOCOL)
        # That it has ended is found when it is asked for its answer.
        with contextlib.suppress(OSError):
            self.pipe.send_bytes(data)

    def answer(self) -> tuple[int, Any]:
        """The number and the result of the task that it has done.

        Raises:
            WorkerEndedError: if it ended.
            Exception: whatever the task raised.
        """
        data = b""
        with contextlib.suppress(EOFError, OSError):
            # Never a wait for a process that has ended.
            data = self.pipe.recv_bytes() if self.pipe.poll() else b""
        if not data:
            raise WorkerEndedError("it was killed or crashed")
        is_result, value = pickle.loads(data)  # noqa: S301 - our own process
        if not is_result:
            raise value
        return self.unanswered.popleft(), value

    def end(self) -> None:
        """Kill it, whatever it is doing."""
        self.process.kill()
        self.process.join()
        self.process.close()
        self._close_pipe()

    def _close_pipe(self) -> None:
        _parents_ends.discard(self.pipe)
        self.pipe.close()


_starting = threading.RLock()
"""Re-entrant, for a worker that starts one: it was forked while its parent held the lock."""
_parents_ends: set[Connection] = set()
"""The parent's ends of the pipes to all workers. A forked process closes them: it would keep a
worker from seeing the end of its parent."""


def _forget_workers() -> None:
    for pipe in _parents_ends:
        pipe.close()
    _parents_ends.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Holds Ctrl-C back, so that it finds a new process ignoring it and its parent knowing it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _daemon_allowed() -> Iterator[None]:
    """Lets a daemonic process start a worker, such as one of a caller's own pool.

    multiprocessing forbids it because the children of a daemon are left behind. Ours are not.
    """
    config: dict[str, Any] = multiprocessing.current_process()._config  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public way
    daemon = config.pop("daemon", None)
    try:
        yield
    finally:
        if daemon is not None:
            config["daemon"] = daemon


def _parent_to_watch() -> int | None:
    """This process's id if the kernel can tell a worker of its end; None if only the pipe can."""
    # The kernel tells of the end of the thread that starts the worker: only the main thread lasts
    # as long as its process.
    is_main = threading.current_thread() is threading.main_thread()
    return os.getpid() if sys.platform == "linux" and is_main else None


# In a worker process.


def _serve(
    pipe: Connection,
    call: Callable[[Any], Any],
    begin: Callable[..., None],
    arguments: tuple[Any, ...],
    parent: int | None,
) -> None:
    """Do tasks until the parent ends or kills this process."""
    _become_worker(parent)
    tasks: SimpleQueue[bytes] = SimpleQueue()
    # It empties the pipe while a result is written, so that parent and worker never wait for each
    # other, and sees the end of the parent.
    threading.Thread(target=_receive, args=(pipe, tasks), daemon=True).start()
    try:
        begin(*arguments)
    except BaseException as error:  # noqa: BLE001 - every error is the parent's to raise
        begin_failure: bytes | None = _failure(error)
    else:
        begin_failure = None
    while True:
        data = tasks.get()
        answer = begin_failure or _answer(call, data)
        try:
            pipe.send_bytes(answer)
        except OSError:  # the parent is gone
            os._exit(1)


def _become_worker(parent: int | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if parent is not None:
        # A worker that is deep in C does not see that its pipe ended: the kernel kills it.
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _receive(pipe: Connection, tasks: SimpleQueue[bytes]) -> None:
    try:
        while True:
            tasks.put(pipe.recv_bytes())
    except BaseException:  # noqa: BLE001 - without tasks there is nothing to live for
        os._exit(1)


def _answer(call: Callable[[Any], Any], data: bytes) -> bytes:
    try:
        result = call(pickle.loads(data))  # noqa: S301 - of the process that started this one
        return pickle.dumps((True, result), pickle.HIGHEST_PROTOCOL)
    except BaseException as error:  # noqa: BLE001 - every error is the parent's to raise
        return _failure(error)


def _failure(error: BaseException) -> bytes:
    """The answer that makes the parent raise an error."""
    described = f"{type(error).__name__}: {error}"
    if isinstance(error, Exception) and not isinstance(error, MemoryError):
        with contextlib.suppress(Exception):
            error.add_note("In a worker process:\n" + "".join(traceback.format_exception(error)))
            data = pickle.dumps((False, error))
            pickle.loads(data)  # noqa: S301 - what cannot be read back is told in words
            return data
    return pickle.dumps((False, WorkerEndedError(described)))


def _spread(function: Callable[..., R], arguments: tuple[Any, ...]) -> R:
    return function(*arguments)


def limit_memory(octets: int | None) -> None:
    """Limit the memory that this process takes from now on, where the system can.

    Args:
        octets: beyond what it has now; None for no limit.
    """
    if octets is None or sys.platform != "linux":
        return
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - no path to speak of
        present = int(file.read().split()[0]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = present + octets
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
