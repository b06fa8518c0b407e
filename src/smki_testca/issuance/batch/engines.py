"""Engines that make tiles: this machine's cores, or a Dask cluster. Both make the same tiles."""

from __future__ import annotations

import contextlib
import gc
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from smki_testca.authority.signers.tokens.reference import SharedTokenKey
from smki_testca.errors import UsageError
from smki_testca.estate import tile
from smki_testca.issuance.batch.tile_maker import TileMaker
from smki_testca.workers import explained_death, how_many, unordered

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

    from smki_testca.issuance.batch.tile_maker import Task, TileMaterial


WITH_TOKEN = 3
"""The least number of processes, unless another is asked for, where a token signs: while it works
for one, the next waits, and another makes ready what comes after."""


class Engine(Protocol):
    """Makes tiles, in any order."""

    @property
    def on_cluster(self) -> bool:
        """Whether other machines sign, which reach no token of this one."""
        ...

    def make(
        self,
        material: TileMaterial,
        tasks: Iterable[Task],
        folder: Path,
        while_waiting: Callable[[], None],
    ) -> Generator[tuple[Task, bytes], None, None]:
        """Make tiles and write them to a folder.

        Args:
            material: of the run.
            tasks: the tiles to make.
            folder: of the run's tiles.
            while_waiting: called every few seconds in which no tile is finished; what it raises
                ends the engine.

        Yields:
            Each task with the digest of its tile, once it is written.

        Raises:
            EstateError: if a worker died, or a token that is needed cannot be used; the tiles
                before are written.
            OSError: if a tile cannot be written.
        """
        ...


class LocalEngine:
    """Processes on this machine.

    Args:
        workers: how many; as many as there are cores by default, and at least ``WITH_TOKEN`` where
            a token signs.

    Raises:
        InputError: for a number that makes no sense.
    """

    on_cluster = False

    def __init__(self, workers: int | None = None) -> None:
        self._workers = how_many(workers)
        self._is_default = workers is None

    def make(
        self,
        material: TileMaterial,
        tasks: Iterable[Task],
        folder: Path,
        while_waiting: Callable[[], None],
    ) -> Generator[tuple[Task, bytes], None, None]:
        """Make tiles and write them to a folder; see ``Engine.make``."""
        tasks = iter(tasks)
        first = next(tasks, None)
        if first is None:
            return
        maker = TileMaker(material)
        maker.prepare(first)
        every = chain([first], tasks)
        workers = self._workers
        if self._is_default and any(
            isinstance(key, SharedTokenKey) for key in material.ca_keys.values()
        ):
            workers = max(workers, WITH_TOKEN)
        with explained_death(
            "finished tiles are safe", f"Continue it: smki-testca batch resume {first.run}"
        ):
            yield from unordered(
                workers, _make, every, _begin, maker, folder, while_waiting=while_waiting
            )


_of_this_process: list[tuple[TileMaker, Path]] = []
"""In a worker process: its tile maker, and the folder to write to."""


def _begin(maker: TileMaker, folder: Path) -> None:
    # Nothing here makes cycles; the collector would only search for them.
    gc.disable()
    _of_this_process[:] = [(maker, folder)]


def _make(task: Task) -> bytes:
    maker, folder = _of_this_process[0]
    return tile.write(folder, task.number, maker.make(task))


class DaskEngine:
    """The workers of a Dask cluster, reached over TLS only: the CA's key travels with it.

    Args:
        scheduler: its address, ``tls://host:port``.

    Raises:
        UsageError: without the extra, or for an address without TLS.
    """

    on_cluster = True

    def __init__(self, scheduler: str, certificate: str, key: str, authority: str) -> None:
        if not scheduler.startswith("tls://"):
            raise UsageError(
                "usage",
                f"{scheduler} is not a TLS address, and the CA's key is sent over TLS only.",
                "Give --scheduler tls://HOST:PORT.",
            )
        try:
            import distributed  # noqa: F401, PLC0415 - an extra; its lack is reported before the run
        except ImportError as error:
            raise UsageError(
                "usage",
                "The engine dask needs the extra [dask].",
                "Install it: pip install 'smki-testca[dask]'",
            ) from error
        self._address = scheduler
        self._files = (certificate, key, authority)

    def make(
        self,
        material: TileMaterial,
        tasks: Iterable[Task],
        folder: Path,
        while_waiting: Callable[[], None],
    ) -> Generator[tuple[Task, bytes], None, None]:
        """Make tiles and write them to a folder; see ``Engine.make``."""
        import distributed  # noqa: PLC0415 - an extra

        from smki_testca.issuance.batch.cluster import make_tiles  # noqa: PLC0415 - needs the extra

        certificate, key, authority = self._files
        security = distributed.Security(
            tls_client_cert=certificate,
            tls_client_key=key,
            tls_ca_file=authority,
            require_encryption=True,
        )
        tiles = make_tiles(self._address, security, material, tasks, while_waiting)
        with contextlib.closing(tiles):
            for task, data in tiles:
                yield task, tile.write(folder, task.number, data)
