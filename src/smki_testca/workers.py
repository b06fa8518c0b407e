"""Worker processes on this machine: they ignore Ctrl-C, and end when their parent ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

from smki_testca.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")

MAX_WORKERS = 256
IN_FLIGHT = 2
"""The number of tasks that are submitted for each worker at a time."""


def how_many(asked: int | None) -> int:
    """The number of workers: as asked for, or one for each core.

    Raises:
        InputError: unless it is from 1 to ``MAX_WORKERS``.
    """
    count = asked if asked is not None else os.cpu_count() or 1
    if not 1 <= count <= MAX_WORKERS:
        raise InputError(
            "batch.workers", f"The number of workers is {asked}.", f"Use 1 to {MAX_WORKERS}."
        )
    return count


class Pool(ProcessPoolExecutor):
    """Processes that are killed at the end of the ``with`` block, whatever they are doing."""

    def __exit__(self, *_: object) -> None:
        # Workers are killed rather than asked to end: one that dies while it ends may hold a lock
        # that the others wait for. By then callers have every result that they need.
        for process in list((self._processes or {}).values()):
            process.kill()
        self.shutdown(cancel_futures=True)


def pool(count: int, begin: Callable[..., None], *arguments: Any) -> Pool:
    """Worker processes on this machine, each initialised by a call.

    Args:
        count: of processes.
        begin: called once in each process, before its first task.
        *arguments: the arguments of ``begin``.
    """
    # A fork inherits the arguments and the imported modules; other platforms send both.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    return Pool(count, context, initializer=_begin, initargs=(begin, arguments))


def unordered(
    count: int,
    call: Callable[[T], R],
    tasks: Iterable[T],
    begin: Callable[..., None],
    *arguments: Any,
) -> Generator[tuple[T, R], None, None]:
    """Call a function for each task in worker processes; yield each task with its result.

    Results come in the order of completion. Tasks are drawn as workers become free.

    Args:
        count: of processes.
        call: a function of a module.
        tasks: its arguments.
        begin: called once in each process, before its first task.
        *arguments: the arguments of ``begin``.

    Raises:
        BrokenProcessPool: if a worker died; the results before it are valid.
    """
    running: dict[Future[R], T] = {}
    with pool(count, begin, *arguments) as workers:
        for task in tasks:
            running[workers.submit(call, task)] = task
            if len(running) >= IN_FLIGHT * count:
                yield from _finished(running)
        while running:
            yield from _finished(running)


def _finished(running: dict[Future[R], T]) -> Iterator[tuple[T, R]]:
    """Wait until at least one task is done, and yield those that are."""
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), future.result()


def _begin(begin: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    # Ctrl-C reaches every process of the terminal; the parent alone handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    begin(*arguments)


def _end_with_parent() -> None:
    """End this process when its parent has ended for any reason."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
