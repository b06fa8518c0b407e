"""Makes tiles on a Dask cluster. Each worker receives the run's material, with the CA's key, once.

The CA's key is sealed under a key that is made for this run and travels with it, so the seal
protects it from nobody who receives both: the scheduler and every worker. They travel as a worker
plug-in over TLS, never among the arguments of a task, which are a run's public terms and rows.
"""

from __future__ import annotations

import contextlib
import logging
from concurrent.futures import CancelledError
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import distributed

import smki_testca
from smki_testca.errors import EstateError
from smki_testca.issuance.batch.tile_maker import TileMaker
from smki_testca.workers import TICK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from smki_testca.issuance.batch.tile_maker import Task, TileMaterial

_CONNECT_SECONDS = 5
_IN_FLIGHT = 2


_tile_makers: dict[str, TileMaker] = {}
"""On a worker: the tile maker of each run in progress, by the name of its plug-in."""


class TileMakerPlugin(distributed.WorkerPlugin):  # type: ignore[misc]
    """Gives a worker the tile maker of a run."""

    def __init__(self, name: str, material: TileMaterial) -> None:
        self.name = name
        self._material = material
        self._version = smki_testca.__version__

    def setup(self, worker: Any) -> None:
        """Build the tile maker when the plug-in arrives, also on a worker that joins late."""
        del worker
        if self._version != smki_testca.__version__:
            raise RuntimeError(f"it has smki-testca {smki_testca.__version__}, not {self._version}")
        _tile_makers[self.name] = TileMaker(self._material)

    def teardown(self, worker: Any) -> None:
        """Forget the tile maker and its keys."""
        del worker
        _tile_makers.pop(self.name, None)


def make_tile(task: Task, name: str) -> bytes:
    """Make one tile on the worker where this runs."""
    return _tile_makers[name].make(task)


def make_tiles(
    address: str,
    security: Any,
    material: TileMaterial,
    tasks: Iterable[Task],
    while_waiting: Callable[[], None],
) -> Generator[tuple[Task, bytes], None, None]:
    """Make tiles on a cluster, and yield each task with the octets of its tile once it is done.

    Args:
        address: of the scheduler.
        security: its ``distributed.Security``.
        material: of the run.
        tasks: the tiles to make.
        while_waiting: called every few seconds in which no tile is made.

    Raises:
        EstateError: if the scheduler cannot be reached, has no workers, or is lost, or a tile is.
    """
    with _without_error_log():
        yield from _connect_and_make(address, security, material, tasks, while_waiting)


def _connect_and_make(
    address: str,
    security: Any,
    material: TileMaterial,
    tasks: Iterable[Task],
    while_waiting: Callable[[], None],
) -> Generator[tuple[Task, bytes], None, None]:
    try:
        client = distributed.Client(address, security=security, timeout=_CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise EstateError(
            "batch.scheduler",
            f"The scheduler {address} cannot be reached: {_first_line(error)}.",
            "Check that it is running, and that you gave its own certificates.",
        ) from error
    with client:
        workers = len(client.scheduler_info()["workers"])
        if not workers:
            raise EstateError("batch.scheduler", f"The scheduler {address} has no workers.")
        if _logs_messages(client):
            raise EstateError(
                "batch.scheduler",
                f"The cluster of {address} logs every message, and would log the CA's key.",
                "Set the logging of distributed.core to info there.",
            )
        # Another run may be in progress on the same cluster, with other material.
        name = f"smki-testca-{token_hex(8)}"
        try:
            try:
                client.register_plugin(TileMakerPlugin(name, material))
            except Exception as error:  # a worker sends whatever its own setup raised
                raise EstateError(
                    "batch.scheduler",
                    f"A worker of {address} cannot make tiles: {_first_line(error)}.",
                    f"Install smki-testca {smki_testca.__version__} on every worker.",
                ) from error
            yield from _make_all(client, tasks, name, _IN_FLIGHT * workers, while_waiting)
        finally:
            # A scheduler that is gone, or has no plug-in, has nothing to unregister.
            with contextlib.suppress(Exception):
                client.unregister_worker_plugin(name)


@contextlib.contextmanager
def _without_error_log() -> Iterator[None]:
    """Keep the client from logging, with tracebacks, the errors that are raised here."""
    logger = logging.getLogger("distributed.client")

    def is_below_error(record: logging.LogRecord) -> bool:
        return record.levelno < logging.ERROR

    logger.addFilter(is_below_error)
    try:
        yield
    finally:
        logger.removeFilter(is_below_error)


def _logs_messages(client: Any) -> bool:
    """Whether the scheduler or a worker writes what it receives into its log."""

    # A function within a function travels whole: the scheduler need not have this package.
    def logs() -> bool:
        import logging  # noqa: PLC0415 - it runs elsewhere

        return logging.getLogger("distributed.core").isEnabledFor(logging.DEBUG)

    return client.run_on_scheduler(logs) or any(client.run(logs).values())


def _is_any_done(futures: Iterable[Any]) -> bool:
    """Wait for a few seconds until a tile is made or lost; whether one is."""
    try:
        distributed.wait(list(futures), timeout=TICK_SECONDS, return_when="FIRST_COMPLETED")
    except TimeoutError:
        return False
    except Exception:  # noqa: BLE001 - the future's result raises it again
        return True
    return True


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0].rstrip(".")


def _make_all(
    client: Any,
    tasks: Iterable[Task],
    name: str,
    in_flight: int,
    while_waiting: Callable[[], None],
) -> Generator[tuple[Task, bytes], None, None]:
    waiting = iter(tasks)
    running: dict[Any, Task] = {}
    completed = distributed.as_completed()

    def submit() -> None:
        for task in waiting:
            # Each call draws fresh keys, so two calls never have the same result.
            future = client.submit(make_tile, task, name, pure=False, retries=3)
            running[future] = task
            completed.add(future)
            if len(running) >= in_flight:
                return

    submit()
    while running:
        while not _is_any_done(running):
            while_waiting()
        future = next(completed)
        task = running.pop(future)
        try:
            data: bytes = future.result()
        except Exception as error:  # a worker sends whatever the making of its tile raised
            lost = (distributed.comm.CommClosedError, CancelledError)
            if isinstance(error, lost) or client.status != "running":
                raise EstateError(
                    "batch.scheduler",
                    f"The scheduler was lost in the middle of run {task.run}.",
                    f"Continue it: smki-testca batch resume {task.run}",
                ) from error
            raise EstateError(
                "batch.worker_died",
                f"Tile {task.number} of run {task.run} was lost on the cluster:"
                f" {_first_line(error)}.",
                f"Continue it: smki-testca batch resume {task.run}",
            ) from error
        future.release()
        submit()
        yield task, data
