"""Observations of the doctor: a problem or a note, its remedy, and the mending of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Mend = Callable[[], str]
    """Mends a problem, and says in a sentence what was done."""


class ObservationLevel(StrEnum):
    """The weight of an observation: a problem makes the command fail, a note does not."""

    PROBLEM = "problem"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class ObservationKind:
    """A kind of observation; ``kinds`` has them all.

    Attributes:
        code: a stable dotted code, for programs.
        level: problem or note.
        is_mended: whether ``--fix`` mends it.
    """

    code: str
    level: ObservationLevel
    is_mended: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """Something that the doctor found.

    Attributes:
        kind: its code and level.
        message: what is wrong and where, in a sentence.
        remedy: what to do about it.
        mend: mends it; None where that is not safe, or not possible.
    """

    kind: ObservationKind
    message: str
    remedy: str
    mend: Mend | None = field(default=None, compare=False)

    @property
    def is_problem(self) -> bool:
        """Whether it is a problem, not a note."""
        return self.kind.level is ObservationLevel.PROBLEM

    def as_json(self) -> dict[str, Any]:
        """The observation as a JSON object."""
        return {
            "code": self.kind.code,
            "message": self.message,
            "remedy": self.remedy,
            "fixable": self.mend is not None,
        }
