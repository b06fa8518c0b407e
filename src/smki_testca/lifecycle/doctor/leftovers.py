"""Looks for leftovers of killed commands in an estate."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from smki_testca.lifecycle.doctor import kinds
from smki_testca.lifecycle.doctor.observation import Observation
from smki_testca.text import counted, is_or_are
from smki_testca.unfinished import stale, sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from smki_testca.lifecycle.doctor.patient import Patient
    from smki_testca.lifecycle.looking import Look

ACTION = "doctor.fix"
"""The action of the audit entry about tiles that ``--fix`` removed."""


def check_files(patient: Patient) -> Iterator[Observation]:
    """Look for unfinished files and folders in the estate's directory."""
    left = sorted(path for _, path in stale(patient.directory))
    if left:
        yield Observation(
            kinds.LEFT_FILES,
            _left(left),
            "Run doctor --fix: it removes them, and moves up what is whole.",
            partial(_sweep_files, patient.directory, len(left)),
        )


def check_tiles(patient: Patient, look: Look) -> Iterator[Observation]:
    """Look for unfinished tiles, and for folders that runs left which were never recorded."""
    left = sorted(look.estate.tiles.left_over())
    if left:
        yield Observation(
            kinds.LEFT_TILES,
            _left(left),
            "Run doctor --fix; batch issue and batch resume remove them, too.",
            partial(_sweep_tiles, patient, [path.name for path in left]),
        )
    for path in look.estate.tiles.of_no_run():
        if not os.path.lexists(path):
            continue  # its process has just ended
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            yield Observation(
                kinds.LEFT_RUN,
                f"The folder {path} is empty, and the estate has no run of that name: a command"
                " was killed before it recorded one.",
                f"It does no harm. To remove it: rmdir {path}",
            )
        else:
            yield Observation(
                kinds.TILES_OF_NO_RUN,
                f"{path} is of no run of this estate. It may be of another copy of the estate's"
                " file, or of a later state than a copy that was put back.",
                "Find out which, and then move it elsewhere.",
            )


def _left(paths: list[Path]) -> str:
    if len(paths) == 1:
        return f"A killed command left {paths[0]}."
    return f"Killed commands left {len(paths)} unfinished files or folders, such as {paths[0]}."


def _sweep_files(directory: Path, number: int) -> str:
    sweep(directory)
    return f"{counted(number, 'leftover')} in {directory} {is_or_are(number)} removed."


def _sweep_tiles(patient: Patient, names: list[str]) -> str:
    """Remove unfinished tiles, with an entry of the audit log."""
    with patient.writable() as estate, estate.transaction():
        estate.audit.append(estate.clock.now(), ACTION, {"removed": names})
        estate.tiles.sweep()
    return f"{counted(len(names), 'leftover')} of tiles {is_or_are(len(names))} removed."
