"""Makes every check, one after the other, whatever becomes of those before."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from smki_testca.errors import InputError, SmkiTestcaError, is_of_missing_estate
from smki_testca.lifecycle.doctor import (
    damage,
    due_work,
    key_checks,
    kinds,
    leftovers,
    mounts,
    orphan_rows,
    passphrase_keeping,
    permissions,
    profile_changes,
    time_order,
)
from smki_testca.lifecycle.doctor.observation import Observation
from smki_testca.lifecycle.looking import looking
from smki_testca.profiles import Library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from smki_testca.lifecycle.doctor.patient import Patient
    from smki_testca.lifecycle.looking import Look

OUTSIDE: dict[str, Callable[[Patient], Iterable[Observation]]] = {
    "permissions": permissions.check,
    "the passphrase file": passphrase_keeping.check,
    "the file system": mounts.check,
    "leftovers": leftovers.check_files,
    "the profiles": profile_changes.check_files,
    "the clock": time_order.check_now,
}
"""Checks that need no open estate, by what they look at."""
INSIDE: dict[str, Callable[[Patient, Look], Iterable[Observation]]] = {
    "the format": due_work.check_format,
    "the audit log and the rows": damage.check_log,
    "the anchors": damage.check_anchors,
    "the time of the log": time_order.check_log,
    "the tiles": damage.check_tiles,
    "leftovers of tiles": leftovers.check_tiles,
    "the keys": key_checks.check,
    "orphans": orphan_rows.check,
    "changes of the profiles": profile_changes.check_changes,
    "the CAs": due_work.check_authorities,
    "the revocation lists": due_work.check_lists,
    "the runs": due_work.check_runs,
}
"""Checks of an open estate."""


@dataclass(frozen=True, slots=True)
class Examination:
    """The result of all checks.

    Attributes:
        observations: in the order of the checks.
        is_open: whether the estate could be opened, so that the checks of its content were made.
    """

    observations: tuple[Observation, ...]
    is_open: bool

    @property
    def problems(self) -> list[Observation]:
        """The observations that make the command fail."""
        return [each for each in self.observations if each.is_problem]

    @property
    def notes(self) -> list[Observation]:
        """The observations that do not."""
        return [each for each in self.observations if not each.is_problem]

    def with_failed(self, failed: list[Observation]) -> Examination:
        """The same, with what could not be mended."""
        return replace(self, observations=(*self.observations, *failed))


def examine(patient: Patient) -> Examination:
    """Make every check.

    Raises:
        EstateError: if there is no estate in the directory.
    """
    observations: list[Observation] = []
    for name, outside in OUTSIDE.items():
        _add(observations, name, partial(outside, patient))
    with ExitStack() as stack:
        try:
            look = stack.enter_context(
                looking(
                    patient.directory,
                    patient.passphrase,
                    _library(patient),
                    patient.clock,
                    patient.token_access,
                )
            )
        except SmkiTestcaError as error:
            if is_of_missing_estate(error):
                raise
            observations.insert(0, Observation(kinds.OPEN, error.message, error.remedy))
            return Examination(tuple(observations), is_open=False)
        for name, inside in INSIDE.items():
            _add(observations, name, partial(inside, patient, look))
    return Examination(tuple(dict.fromkeys(observations)), is_open=True)


def mend(examination: Examination) -> tuple[list[Observation], list[Observation]]:
    """Mend what is safe to mend.

    Returns:
        What was mended, each with what was done as its message; and what failed.
    """
    mended, failed = [], []
    for each in examination.observations:
        if each.mend is None:
            continue
        try:
            mended.append(Observation(each.kind, each.mend(), ""))
        except (OSError, SmkiTestcaError) as error:
            reason = error.message if isinstance(error, SmkiTestcaError) else f"{error}."
            remedy = "Mend that by hand."
            message = f"{each.kind.code} could not be mended: {reason}"
            failed.append(Observation(kinds.FIX_FAILED, message, remedy))
    return mended, failed


def _add(
    observations: list[Observation], name: str, look: Callable[[], Iterable[Observation]]
) -> None:
    """Make one check; what keeps it from its end is a problem of its own."""
    try:
        for each in look():
            observations.append(each)  # noqa: PERF402 - what was found before a fault is kept
    except SmkiTestcaError as error:
        message = f"The check of {name} could not be made whole: {error.message}"
        observations.append(Observation(kinds.CHECK_FAILED, message, error.remedy))
    except Exception as error:  # noqa: BLE001 - no check foresees everything that damage can do
        reason = f"{type(error).__name__}: {error}"
        message = f"The check of {name} could not be made whole: {reason}."
        remedy = "Mend the other problems first. If it stays, report it."
        observations.append(Observation(kinds.CHECK_FAILED, message, remedy))


def _library(patient: Patient) -> Library:
    """The profiles; the shipped ones where the others cannot be used, as a check tells."""
    try:
        return patient.library()
    except (InputError, OSError):
        return Library()
