"""Runs a run: hands its open tiles to an engine, and keeps each as soon as it is cut.

Tiles are safe on the disk before the estate says so, in one transaction with their audit entries.
Whatever dies at whatever moment, the tiles told of stand, and the others are still to be cut.
"""

from __future__ import annotations

import contextlib
import time
from datetime import datetime
from typing import TYPE_CHECKING

from smki_testca.errors import EstateError, InputError
from smki_testca.estate import tile
from smki_testca.estate.runs import State
from smki_testca.identifiers import SerialNumber
from smki_testca.issuance.batch.cutting import Means, Task
from smki_testca.profiles.model import Tier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smki_testca.estate.runs import Run
    from smki_testca.estate.stores import Stores
    from smki_testca.issuance.batch.engines import Engine

GATHER_SECONDS = 0.25
"""How long tiles that are cut may wait for others, to be kept in one transaction."""

Cut = tuple[Task, bytes]
"""A task that is done, and the digest of its tile."""


def resume(
    estate: Stores, number: int, engine: Engine, progress: Callable[[int, int], None]
) -> Run:
    """Cut what is still open of a run.

    Args:
        estate: that the run is of.
        number: of the run.
        engine: that cuts tiles.
        progress: told how many certificates of how many are issued.

    Raises:
        InputError: if the run is done or cancelled already.
        EstateError: if a worker died, the disk is full, or a CA is missing.
    """
    run = estate.runs.get(number)
    if run.state is not State.RUNNING:
        raise InputError("batch.state", f"Run {number} is {run.state} already.")
    total, issued = run.terms.count, run.issued
    progress(issued, total)
    folder = estate.tiles.folder(number)
    cutting = engine.cut(_means(estate, run), _tasks(estate, run), folder)
    with contextlib.closing(cutting), _told_if_unwritable(number):
        for group in _gathered(cutting):
            try:
                issued += _keep(estate, number, group)
            except KeyboardInterrupt:
                # Whoever ends the run loses nothing that is cut; of it nothing was kept so far.
                _keep(estate, number, group)
                raise
            progress(issued, total)
    with estate.transaction():
        if estate.runs.state(number) is State.RUNNING and not estate.tiles.of_run(
            number, done=False
        ):
            estate.runs.set_state(number, State.DONE, estate.clock.now())
    if estate.runs.state(number) is State.DONE:
        estate.tiles.sweep(number)
    return estate.runs.get(number)


def _gathered(cutting: Iterator[Cut]) -> Iterator[list[Cut]]:
    """Tiles cut within a short while of each other, so that the disk is waited for once."""
    waiting: list[Cut] = []
    since = time.monotonic()
    try:
        for one in cutting:
            waiting.append(one)
            if time.monotonic() - since >= GATHER_SECONDS:
                yield waiting
                waiting, since = [], time.monotonic()
    except (Exception, KeyboardInterrupt):
        # What was cut before a worker died or somebody ended the run is kept all the same.
        if waiting:
            yield waiting
        raise
    if waiting:
        yield waiting


def _keep(estate: Stores, number: int, group: list[Cut]) -> int:
    """Have tiles safe on the disk, then in the estate; how many certificates that issues."""
    tiles = estate.tiles
    # All in the transaction: a process that ended the run meanwhile may have swept its folder.
    with estate.transaction():
        state = estate.runs.state(number)
        # Another process may have been quicker with a tile.
        kept = [one for one in group if not tiles.is_finished(number, one[0].number)]
        if state is State.RUNNING:
            tile.settle(tiles.folder(number), [(task.number, digest) for task, digest in kept])
            for task, digest in kept:
                tiles.finish(number, task.number, digest, task.count, estate.clock.now())
    if state is State.CANCELLED:
        raise InputError("batch.state", f"Run {number} was cancelled meanwhile.")
    return sum(task.count for task, _ in kept)


@contextlib.contextmanager
def _told_if_unwritable(number: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EstateError(
            "batch.unwritable",
            f"A tile of run {number} cannot be written: {error.strerror or error}.",
            f"Make room, then: smki-testca batch resume {number}",
        ) from error


def cancel(estate: Stores, number: int) -> Run:
    """End a run; what it issued stays issued.

    Raises:
        InputError: if the run is done or cancelled already.
    """
    with estate.transaction():
        run = estate.runs.get(number)
        if run.state is not State.RUNNING:
            raise InputError("batch.state", f"Run {number} is {run.state} already.")
        estate.runs.set_state(number, State.CANCELLED, estate.clock.now())
    return estate.runs.get(number)


def _tasks(estate: Stores, run: Run) -> Iterator[Task]:
    for one in estate.tiles.of_run(run.id, done=False):
        rows = estate.tiles.rows(run.id, one.number)
        if rows is None and run.terms.sections[one.section].first_id is None:
            continue  # another process has finished it meanwhile
        yield Task(
            run.id,
            one.number,
            one.section,
            run.terms.sections[one.section],
            one.first,
            one.first_row,
            one.count,
            rows,
        )


def _means(estate: Stores, run: Run) -> Means:
    records = {}
    for section in run.terms.sections:
        record = estate.certificates.by_serial(SerialNumber.parse(section.issuer))
        if record is None or record.tier is not Tier.ISSUING:
            raise EstateError(
                "estate.damaged", f"The CA {section.issuer} of run {run.id} is missing."
            )
        records[section.environment, section.profile] = record
    return Means(
        {place: record.der for place, record in records.items()},
        *estate.authorities.keys_for_workers(records),
        estate.runs.secrets(run.id),
        datetime.fromisoformat(run.terms.at),
        estate.library.overrides,
    )
