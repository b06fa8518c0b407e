"""Executes a run: has an engine make the unfinished tiles, and records each finished one.

Tiles are safe on the disk before the estate records them, in one transaction with their audit
entries. After a crash at any moment, the recorded tiles are complete and the others are made again.
"""

from __future__ import annotations

import contextlib
import time
from datetime import datetime
from typing import TYPE_CHECKING

from smki_testca.authority.signers.tokens.connection import SECOND_TRY, ProcessEndedError, ended
from smki_testca.errors import AlreadySoError, EstateError, InputError, is_of_token
from smki_testca.estate.runs import State
from smki_testca.issuance.batch import issuing_keys
from smki_testca.issuance.batch.reauthorisation import Reauthorisation
from smki_testca.issuance.batch.replacing import retire_replaced
from smki_testca.issuance.batch.tile_maker import Task, TileMaterial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from smki_testca.estate.runs import Run
    from smki_testca.estate.stores import Stores
    from smki_testca.issuance.batch.engines import Engine

GATHER_SECONDS = 0.25
"""The longest time that finished tiles wait for others, to be recorded together."""

Finished = tuple[Task, bytes]
"""A task that is done, and the digest of its tile."""


def resume(
    estate: Stores,
    number: int,
    engine: Engine,
    progress: Callable[[int, int], None],
    monotonic: Callable[[], float] = time.monotonic,
) -> Run:
    """Make the unfinished tiles of a run.

    Args:
        estate: the run's estate.
        number: the run's id.
        engine: makes the tiles.
        progress: called with how many certificates are issued, and of how many; again with the
            same numbers while no tile is finished.
        monotonic: tells when the gate is to be asked again.

    Raises:
        Refusal: if the gate consents no longer; the run can be resumed once it does.
        InputError: if the run is done or cancelled already.
        UsageError: if the run has a seed, and the key of a CA is in a token now.
        EstateError: if a worker died, the disk is full, a CA is missing, or a token that is needed
            cannot be used.
    """
    run = _unfinished(estate, number)
    with estate.runs.locks.holding(number), _resumable(estate, number):
        _complete(estate, run, engine, progress, monotonic)
    return estate.runs.get(number)


def check_resumable(estate: Stores, number: int) -> Run:
    """Check that a run can be resumed, and that the gate consents; nothing is made.

    Raises:
        Refusal, InputError, EstateError: as ``resume`` does at its start.
    """
    run = _unfinished(estate, number)
    Reauthorisation(estate, run).check_if_due()
    _material(estate, run, on_cluster=False)
    return run


def _unfinished(estate: Stores, number: int) -> Run:
    run = estate.runs.get(number)
    if not run.is_unfinished:
        # A run that was cancelled is not what this would make of it.
        kind = AlreadySoError if run.state is State.DONE else InputError
        raise kind("batch.state", f"Run {number} is {run.state} already.")
    return run


def _complete(
    estate: Stores,
    run: Run,
    engine: Engine,
    progress: Callable[[int, int], None],
    monotonic: Callable[[], float],
) -> None:
    """Make the unfinished tiles of a run that this process has locked; see ``resume``."""
    number, total, issued = run.id, run.terms.count, run.issued
    progress(issued, total)
    reauthorisation = Reauthorisation(estate, run, monotonic)
    reauthorisation.check_if_due()

    def wait() -> None:
        reauthorisation.check_if_due()
        progress(issued, total)

    material = _material(estate, run, on_cluster=engine.on_cluster)
    estate.tiles.sweep()
    with _translated_write_errors(number), estate.tiles.attempt(number) as attempt:
        tiles = engine.make(material, _tasks(estate, run), attempt, wait)
        with contextlib.closing(tiles):
            for group in _gathered(tiles):
                try:
                    issued += _record(estate, number, attempt, group)
                except KeyboardInterrupt:
                    # The transaction was rolled back: record it again, so that none is lost.
                    _record(estate, number, attempt, group)
                    raise
                progress(issued, total)
                reauthorisation.check_if_due()
    with estate.transaction():
        if estate.runs.state(number) is State.RUNNING and not estate.tiles.of_run(
            number, done=False
        ):
            estate.runs.set_state(number, State.DONE, estate.clock.now())


def _gathered(tiles: Iterator[Finished]) -> Iterator[list[Finished]]:
    """Groups tiles finished shortly after each other, to wait for the disk once a group."""
    waiting: list[Finished] = []
    since = time.monotonic()
    try:
        for finished in tiles:
            waiting.append(finished)
            if time.monotonic() - since >= GATHER_SECONDS:
                yield waiting
                waiting, since = [], time.monotonic()
    except (Exception, KeyboardInterrupt):
        # Tiles finished before a worker died or somebody ended the run are recorded, too.
        if waiting:
            yield waiting
        raise
    if waiting:
        yield waiting


def _record(estate: Stores, number: int, attempt: Path, group: list[Finished]) -> int:
    """Record finished tiles once they are safe on the disk; how many certificates that issues."""
    try:
        return _record_all(estate, number, attempt, group)
    except BaseException:
        # Also after Ctrl-C: a tile that was moved and not recorded must not stay.
        estate.tiles.take_back(number, attempt)
        raise


def _record_all(estate: Stores, number: int, attempt: Path, group: list[Finished]) -> int:
    tiles = estate.tiles
    with estate.transaction():
        state = estate.runs.state(number)
        # Another process may have been quicker with a tile.
        new = [
            (task, digest) for task, digest in group if not tiles.is_finished(number, task.number)
        ]
        if state is State.RUNNING:
            tiles.adopt(number, attempt, [(task.number, digest) for task, digest in new])
            for task, digest in new:
                tiles.finish(number, task.number, digest, task.count, estate.clock.now())
            retire_replaced(estate, estate.runs.get(number), [task.number for task, _ in new])
    if state is State.CANCELLED:
        raise InputError("batch.state", f"Run {number} was cancelled in the meantime.")
    return sum(task.count for task, _ in new)


@contextlib.contextmanager
def _translated_write_errors(number: int) -> Iterator[None]:
    """Turns an OSError into an error that names the run and the remedy."""
    try:
        yield
    except OSError as error:
        raise EstateError(
            "batch.unwritable",
            f"A tile of run {number} cannot be written: {error.strerror or error}.",
            f"Free space on the disk, then: smki-testca batch resume {number}",
        ) from error


@contextlib.contextmanager
def _resumable(estate: Stores, number: int) -> Iterator[None]:
    """Adds to an error of a token that the run can be resumed, once the token can be used."""
    try:
        yield
    except EstateError as error:
        if not is_of_token(error):
            raise
        failure = error
        if isinstance(error, ProcessEndedError):
            # A worker sees only that the process is gone. Its starter can tell how it ended.
            failure = ended(estate.tokens.how_it_ended)
        again = f"smki-testca batch resume {number}"
        is_all = failure.remedy == SECOND_TRY
        first = "Continue it" if is_all else f"{failure.remedy} Then continue it"
        raise EstateError(failure.code, failure.message, f"{first}: {again}") from failure


def cancel(estate: Stores, number: int) -> Run:
    """Cancel a run; certificates that it issued stay issued.

    Raises:
        InputError: if the run is done or cancelled already.
    """
    with estate.transaction():
        run = estate.runs.get(number)
        if not run.is_unfinished:
            raise InputError("batch.state", f"Run {number} is {run.state} already.")
        estate.runs.set_state(number, State.CANCELLED, estate.clock.now())
    estate.tiles.sweep()
    return estate.runs.get(number)


def _tasks(estate: Stores, run: Run) -> Iterator[Task]:
    """The tiles of a run that are still to be made."""
    for record in estate.tiles.of_run(run.id, done=False):
        section = run.terms.section(record.section)
        rows = estate.tiles.rows(run.id, record.number)
        if rows is None and section.first_id is None:
            continue  # another process has finished it meanwhile
        yield Task(
            run.id,
            record.number,
            record.section,
            section,
            record.first,
            record.first_row,
            record.count,
            rows,
        )


def _material(estate: Stores, run: Run, *, on_cluster: bool) -> TileMaterial:
    records = issuing_keys.issuers(estate, run.terms.sections, run.id)
    for record in records.values():
        issuing_keys.check_place(estate, record, is_seeded=run.terms.seeded, on_cluster=on_cluster)
    return TileMaterial(
        {place: record.der for place, record in records.items()},
        *estate.authorities.keys_for_workers(records),
        estate.runs.secrets(run.id),
        datetime.fromisoformat(run.terms.at),
        estate.library.overrides,
    )
