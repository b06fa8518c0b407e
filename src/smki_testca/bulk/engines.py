"""Where tiles are cut: on this machine's cores, or on a Dask cluster; the same tiles either way."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Protocol

from smki_testca.bulk.cutting import Cutter
from smki_testca.errors import EstateError, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from smki_testca.bulk.cutting import Means, Task

IN_FLIGHT = 2
"""How many tiles are handed out for each worker at a time."""
MAX_WORKERS = 256


class Engine(Protocol):
    """Cuts tiles, in any order."""

    def cut(self, means: Means, tasks: Iterable[Task]) -> Generator[tuple[Task, bytes], None, None]:
        """Each task with the octets of its tile, as they are done.

        Raises:
            EstateError: if a worker died; what came before stands.
        """
        ...


class LocalEngine:
    """Processes on this machine.

    Args:
        workers: how many; as many as there are cores by default.

    Raises:
        InputError: for a number that makes no sense.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers if workers is not None else os.cpu_count() or 1
        if not 1 <= self._workers <= MAX_WORKERS:
            raise InputError(
                "batch.workers", f"{workers} is no number of workers; 1 to {MAX_WORKERS} are."
            )

    def cut(self, means: Means, tasks: Iterable[Task]) -> Generator[tuple[Task, bytes], None, None]:
        """Each task with the octets of its tile, as they are done."""
        context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        waiting = iter(tasks)
        with ProcessPoolExecutor(
            self._workers, context, initializer=_begin, initargs=(means,)
        ) as pool:
            running = {}
            try:
                for task in waiting:
                    running[pool.submit(_cut, task)] = task
                    if len(running) < IN_FLIGHT * self._workers:
                        continue
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield running.pop(future), future.result()
                while running:
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield running.pop(future), future.result()
            except BrokenProcessPool as error:
                raise EstateError(
                    "batch.worker_died",
                    "A worker process ended unexpectedly; finished tiles are safe.",
                    "Go on with: smki-testca batch resume ID",
                ) from error
            finally:
                for future in running:
                    future.cancel()


_cutter: list[Cutter] = []


def _begin(means: Means) -> None:
    # Nothing here makes cycles; the collector would only look for them.
    gc.disable()
    _cutter[:] = [Cutter(means)]


def _cut(task: Task) -> bytes:
    return _cutter[0].cut(task)


class DaskEngine:
    """The workers of a Dask cluster, reached over TLS only: the CA's key travels with it.

    Args:
        scheduler: its address, ``tls://host:port``.

    Raises:
        UsageError: without the extra, or for an address without TLS.
    """

    def __init__(self, scheduler: str, certificate: str, key: str, authority: str) -> None:
        if not scheduler.startswith("tls://"):
            raise UsageError(
                "usage",
                f"{scheduler} is no TLS address; the CA's key travels over TLS only.",
                "Give --scheduler tls://HOST:PORT.",
            )
        self._address = scheduler
        self._files = (certificate, key, authority)

    def cut(self, means: Means, tasks: Iterable[Task]) -> Generator[tuple[Task, bytes], None, None]:
        """Each task with the octets of its tile, as they are done."""
        try:
            import distributed  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise UsageError(
                "usage",
                "The engine dask needs the extra [dask].",
                "Install it: pip install 'smki-testca[dask]'",
            ) from error
        from smki_testca.bulk.cluster import cut_on  # noqa: PLC0415 - needs the extra

        certificate, key, authority = self._files
        security = distributed.Security(
            tls_client_cert=certificate,
            tls_client_key=key,
            tls_ca_file=authority,
            require_encryption=True,
        )
        yield from cut_on(self._address, security, means, tasks)
