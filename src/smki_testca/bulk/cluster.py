"""Cuts tiles on a Dask cluster. The means, the CA's key in them, go to each worker once.

They travel as a worker plug-in over the scheduler's TLS, never among the arguments of a task:
those are a run's public terms and the number of a tile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import distributed

from smki_testca.bulk.cutting import Cutter
from smki_testca.errors import EstateError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from smki_testca.bulk.cutting import Means, Task

_PLUGIN = "smki-testca"
_CONNECT_SECONDS = 10
_IN_FLIGHT = 2


class CutterPlugin(distributed.WorkerPlugin):  # type: ignore[misc]
    """Gives a worker its cutter."""

    def __init__(self, means: Means) -> None:
        self._means = means

    def setup(self, worker: Any) -> None:
        """Make the cutter when the plug-in arrives, also at a worker that joins late."""
        worker.smki_testca_cutter = Cutter(self._means)

    def teardown(self, worker: Any) -> None:
        """Forget the cutter and its keys."""
        worker.smki_testca_cutter = None


def cut_task(task: Task) -> bytes:
    """Cut one tile on the worker where this runs."""
    cutter: Cutter = distributed.get_worker().smki_testca_cutter
    return cutter.cut(task)


def cut_on(
    address: str, security: Any, means: Means, tasks: Iterable[Task]
) -> Generator[tuple[Task, bytes], None, None]:
    """Each task with the octets of its tile, as they are done.

    Raises:
        EstateError: if the scheduler cannot be reached, has no workers, or a tile is lost.
    """
    try:
        client = distributed.Client(address, security=security, timeout=_CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise EstateError(
            "batch.scheduler",
            f"The scheduler {address} cannot be reached: {error}.",
            "See that it runs, and that the certificates given are its own.",
        ) from error
    with client:
        workers = len(client.scheduler_info()["workers"])
        if not workers:
            raise EstateError("batch.scheduler", f"The scheduler {address} has no workers.")
        client.register_plugin(CutterPlugin(means), name=_PLUGIN)
        try:
            yield from _cut_all(client, tasks, _IN_FLIGHT * workers)
        finally:
            client.unregister_worker_plugin(_PLUGIN)


def _cut_all(
    client: Any, tasks: Iterable[Task], in_flight: int
) -> Generator[tuple[Task, bytes], None, None]:
    waiting = iter(tasks)
    running: dict[Any, Task] = {}
    completed = distributed.as_completed()

    def hand_out() -> None:
        for task in waiting:
            # Each call of a tile draws fresh keys: two calls are never the same result.
            future = client.submit(cut_task, task, pure=False, retries=3)
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
            raise EstateError(
                "batch.worker_died",
                f"Tile {task.number} of run {task.run} was lost on the cluster: {error}.",
                f"Go on with: smki-testca batch resume {task.run}",
            ) from error
        future.release()
        hand_out()
        yield task, data
