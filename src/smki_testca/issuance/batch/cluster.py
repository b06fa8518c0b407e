"""Cuts tiles on a Dask cluster. The means, the CA's key in them, go to each worker once.

The CA's key is sealed, under a key of this run alone that goes with it. Both travel as a worker
plug-in over the scheduler's TLS, never among the arguments of a task: those are a run's public
terms and the number of a tile.
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
from smki_testca.issuance.batch.cutting import Cutter

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from smki_testca.issuance.batch.cutting import Means, Task

_CONNECT_SECONDS = 5
_IN_FLIGHT = 2


_cutters: dict[str, Cutter] = {}
"""Of a worker: one for each run that is being cut there, by the name of its plug-in."""


class CutterPlugin(distributed.WorkerPlugin):  # type: ignore[misc]
    """Gives a worker its cutter."""

    def __init__(self, name: str, means: Means) -> None:
        self.name = name
        self._means = means
        self._version = smki_testca.__version__

    def setup(self, worker: Any) -> None:
        """Make the cutter when the plug-in arrives, also at a worker that joins late."""
        del worker
        if self._version != smki_testca.__version__:
            raise RuntimeError(f"it has smki-testca {smki_testca.__version__}, not {self._version}")
        _cutters[self.name] = Cutter(self._means)

    def teardown(self, worker: Any) -> None:
        """Forget the cutter and its keys."""
        del worker
        _cutters.pop(self.name, None)


def cut_task(task: Task, name: str) -> bytes:
    """Cut one tile on the worker where this runs."""
    return _cutters[name].cut(task)


def cut_on(
    address: str, security: Any, means: Means, tasks: Iterable[Task]
) -> Generator[tuple[Task, bytes], None, None]:
    """Each task with the octets of its tile, as they are done.

    Raises:
        EstateError: if the scheduler cannot be reached, has no workers, or is lost, or a tile is.
    """
    with _told_once():
        yield from _cut_on(address, security, means, tasks)


def _cut_on(
    address: str, security: Any, means: Means, tasks: Iterable[Task]
) -> Generator[tuple[Task, bytes], None, None]:
    try:
        client = distributed.Client(address, security=security, timeout=_CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise EstateError(
            "batch.scheduler",
            f"The scheduler {address} cannot be reached: {_first_line(error)}.",
            "See that it runs, and that the certificates given are its own.",
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
        # Another run may be cut on the same cluster, with other means.
        name = f"smki-testca-{token_hex(8)}"
        try:
            try:
                client.register_plugin(CutterPlugin(name, means))
            except Exception as error:
                raise EstateError(
                    "batch.scheduler",
                    f"A worker of {address} cannot cut tiles: {_first_line(error)}.",
                    f"Install smki-testca {smki_testca.__version__} on every worker.",
                ) from error
            yield from _cut_all(client, tasks, name, _IN_FLIGHT * workers)
        finally:
            # A scheduler that is gone, or took no plug-in, has nothing to forget.
            with contextlib.suppress(Exception):
                client.unregister_worker_plugin(name)


@contextlib.contextmanager
def _told_once() -> Iterator[None]:
    """Keep the client from logging, with tracebacks, the errors that are raised here."""
    logger = logging.getLogger("distributed.client")

    def is_no_error(record: logging.LogRecord) -> bool:
        return record.levelno < logging.ERROR

    logger.addFilter(is_no_error)
    try:
        yield
    finally:
        logger.removeFilter(is_no_error)


def _logs_messages(client: Any) -> bool:
    """Whether the scheduler or a worker writes what it receives into its log."""

    # A function within a function travels whole: the scheduler need not have this package.
    def logs() -> bool:
        import logging  # noqa: PLC0415 - it runs elsewhere

        return logging.getLogger("distributed.core").isEnabledFor(logging.DEBUG)

    return client.run_on_scheduler(logs) or any(client.run(logs).values())


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0].rstrip(".")


def _cut_all(
    client: Any, tasks: Iterable[Task], name: str, in_flight: int
) -> Generator[tuple[Task, bytes], None, None]:
    waiting = iter(tasks)
    running: dict[Any, Task] = {}
    completed = distributed.as_completed()

    def hand_out() -> None:
        for task in waiting:
            # Each call of a tile draws fresh keys: two calls are never the same result.
            future = client.submit(cut_task, task, name, pure=False, retries=3)
            running[future] = task
            completed.add(future)
            if len(running) >= in_flight:
                return

    hand_out()
    while running:
        future = next(completed)
        task = running.pop(future)
        try:
            data: bytes = future.result()
        except Exception as error:
            lost = (distributed.comm.CommClosedError, CancelledError)
            if isinstance(error, lost) or client.status != "running":
                raise EstateError(
                    "batch.scheduler",
                    f"The scheduler was lost in the middle of run {task.run}.",
                    f"Go on with: smki-testca batch resume {task.run}",
                ) from error
            raise EstateError(
                "batch.worker_died",
                f"Tile {task.number} of run {task.run} was lost on the cluster:"
                f" {_first_line(error)}.",
                f"Go on with: smki-testca batch resume {task.run}",
            ) from error
        future.release()
        hand_out()
        yield task, data
