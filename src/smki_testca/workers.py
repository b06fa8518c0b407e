"""Worker processes on this machine: they leave Ctrl-C to their parent, and end when it ends."""

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
"""How many tasks are handed out for each worker at a time."""


def how_many(asked: int | None) -> int:
    """The number of workers: as many as there are cores, unless another is asked for.

    Raises:
        InputError: for a number that makes no sense.
    """
    count = asked if asked is not None else os.cpu_count() or 1
    if not 1 <= count <= MAX_WORKERS:
        raise InputError(
            "batch.workers", f"{asked} is no number of workers; 1 to {MAX_WORKERS} are."
        )
    return count


class Pool(ProcessPoolExecutor):
    """Processes that are ended with the ``with`` block, whatever they are at."""

    def __exit__(self, *_: object) -> None:
        # A worker killed while it ends may hold what the others would wait for for ever, so that
        # none is asked to end. Callers have had every result that they need by then.
        for process in list((self._processes or {}).values()):
            process.kill()
        self.shutdown(cancel_futures=True)


def pool(count: int, begin: Callable[..., None], *given: Any) -> Pool:
    """Worker processes on this machine, each of which begins with a call of its own.

    Args:
        count: of processes.
        begin: called once in each process, before its first task.
        *given: the arguments of ``begin``.
    """
    # A fork inherits what it is given, and the modules imported so far; elsewhere both are sent.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    return Pool(count, context, initializer=_begin, initargs=(begin, given))


def unordered(
    count: int, call: Callable[[T], R], tasks: Iterable[T], begin: Callable[..., None], *given: Any
) -> Generator[tuple[T, R], None, None]:
    """Calls a function for each task in worker processes; each task with its result, once done.

    Tasks are taken from their iterable as workers come free.

    Args:
        count: of processes.
        call: a function of a module.
        tasks: its arguments.
        begin: called once in each process, before its first task.
        *given: the arguments of ``begin``.

    Raises:
        BrokenProcessPool: if a worker died; what came before is done.
    """
    running: dict[Future[R], T] = {}
    with pool(count, begin, *given) as workers:
        for task in tasks:
            running[workers.submit(call, task)] = task
            if len(running) >= IN_FLIGHT * count:
                yield from _finished(running)
        while running:
            yield from _finished(running)


def _finished(running: dict[Future[R], T]) -> Iterator[tuple[T, R]]:
    """Waits for at least one task to be done."""
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), future.result()


def _begin(begin: Callable[..., None], given: tuple[Any, ...]) -> None:
    # Ctrl-C reaches every process of the terminal; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    begin(*given)


def _end_with_parent() -> None:
    """End this process when its parent has ended, however that came."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
