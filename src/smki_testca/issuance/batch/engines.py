"""Where tiles are cut: on this machine's cores, or on a Dask cluster; the same tiles either way."""

from __future__ import annotations

import contextlib
import gc
from concurrent.futures.process import BrokenProcessPool
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from smki_testca.errors import EstateError, UsageError
from smki_testca.estate import tile
from smki_testca.issuance.batch.cutting import Cutter
from smki_testca.workers import how_many, unordered

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

    from smki_testca.issuance.batch.cutting import Means, Task


class Engine(Protocol):
    """Cuts tiles, in any order."""

    def cut(
        self, means: Means, tasks: Iterable[Task], folder: Path
    ) -> Generator[tuple[Task, bytes], None, None]:
        """Cut tiles and write them to a folder.

        Returns:
            Each task with the digest of its tile, as they are written.

        Raises:
            EstateError: if a worker died; what came before stands.
            OSError: if a tile cannot be written.
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
        self._workers = how_many(workers)

    def cut(
        self, means: Means, tasks: Iterable[Task], folder: Path
    ) -> Generator[tuple[Task, bytes], None, None]:
        """Each task with the digest of its tile, as they are written."""
        tasks = iter(tasks)
        first = next(tasks, None)
        if first is None:
            return
        cutter = Cutter(means)
        cutter.prepare(first)
        try:
            yield from unordered(self._workers, _cut, chain([first], tasks), _begin, cutter, folder)
        except BrokenProcessPool as error:
            raise EstateError(
                "batch.worker_died",
                "A worker process ended unexpectedly; finished tiles are safe.",
                f"Go on with: smki-testca batch resume {first.run}",
            ) from error


_cutter: list[tuple[Cutter, Path]] = []


def _begin(cutter: Cutter, folder: Path) -> None:
    # Nothing here makes cycles; the collector would only look for them.
    gc.disable()
    _cutter[:] = [(cutter, folder)]


def _cut(task: Task) -> bytes:
    cutter, folder = _cutter[0]
    return tile.write(folder, task.number, cutter.cut(task))


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
        try:
            import distributed  # noqa: F401, PLC0415 - an extra, missed before anything begins
        except ImportError as error:
            raise UsageError(
                "usage",
                "The engine dask needs the extra [dask].",
                "Install it: pip install 'smki-testca[dask]'",
            ) from error
        self._address = scheduler
        self._files = (certificate, key, authority)

    def cut(
        self, means: Means, tasks: Iterable[Task], folder: Path
    ) -> Generator[tuple[Task, bytes], None, None]:
        """Each task with the digest of its tile, as they are written."""
        import distributed  # noqa: PLC0415 - an extra

        from smki_testca.issuance.batch.cluster import cut_on  # noqa: PLC0415 - needs the extra

        certificate, key, authority = self._files
        security = distributed.Security(
            tls_client_cert=certificate,
            tls_client_key=key,
            tls_ca_file=authority,
            require_encryption=True,
        )
        cutting = cut_on(self._address, security, means, tasks)
        with contextlib.closing(cutting):
            for task, data in cutting:
                yield task, tile.write(folder, task.number, data)
