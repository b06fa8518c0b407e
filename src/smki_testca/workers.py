"""Worker processes on this machine: they leave Ctrl-C to their parent, and end when it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_WORKERS = 256


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


def pool(count: int, begin: Callable[..., None], *given: Any) -> ProcessPoolExecutor:
    """A pool of processes, each of which begins with a call of its own."""
    # A fork inherits what it is given, and the modules imported so far; elsewhere both are sent.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    return ProcessPoolExecutor(count, context, initializer=_begin, initargs=(begin, given))


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
