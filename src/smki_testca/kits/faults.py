"""Collects what is wrong with a kit, so that all of it is reported at once."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError, Refusal, SmkiTestcaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.toml_places import Place

LISTED = 1_000
"""The most mistakes and refusals of a kit that are reported; the others are counted."""
_WITH_LINES = 20
"""The most places in a kit that are reported with their lines: each takes reading the file."""


class KitFaultsError(InputError):
    """A kit has several mistakes; the error carries each of them, and has the code of the first.

    Attributes:
        errors: the first ``LISTED``.
        unlisted: how many there are beside these.
    """

    def __init__(self, errors: tuple[SmkiTestcaError, ...], unlisted: int) -> None:
        first = errors[0]
        super().__init__(first.code, first.message, first.remedy)
        self.errors = errors
        self.unlisted = unlisted

    def as_json(self) -> dict[str, Any]:
        """The documented error of the first, with every one under ``all``."""
        error = super().as_json()["error"]
        every = [each.as_json() for each in self.errors]
        return {"error": {**error, "all": every, "not_listed": self.unlisted}}

    def lines(self) -> list[str]:
        """A line or more for each."""
        lines = [line for error in self.errors for line in error.lines()]
        return [*lines, f"error: … and {self.unlisted} more."] if self.unlisted else lines


class Faults:
    """The mistakes and refusals met so far."""

    def __init__(self) -> None:
        self._errors: list[SmkiTestcaError] = []
        self._messages: set[str] = set()
        self._unlisted = 0

    def add(self, error: SmkiTestcaError) -> None:
        """Add a mistake or refusal, unless it is there, or there are ``LISTED`` already."""
        if error.message in self._messages:
            return
        # The trace would hold on to all that was read.
        error.__traceback__ = error.__cause__ = error.__context__ = None
        if len(self._errors) < LISTED:
            self._errors.append(error)
            self._messages.add(error.message)
        else:
            self._unlisted += 1

    @contextlib.contextmanager
    def collected(self) -> Iterator[None]:
        """Add an InputError raised inside, and go on."""
        try:
            yield
        except InputError as error:
            self.add(error)

    @contextlib.contextmanager
    def collected_at(self, place: Place, label: str | None) -> Iterator[None]:
        """Add a refusal or InputError raised inside, with its place in the kit, and go on."""
        try:
            yield
        except (InputError, Refusal) as error:
            self.add_at(error, place, label)

    def add_at(self, error: SmkiTestcaError, place: Place, label: str | None) -> None:
        """Add a mistake or refusal with its place in the kit."""
        has_room = len(self._errors) < _WITH_LINES
        where = f"{place}" if has_room else f"{place.origin}, {place.noun}"
        where += "" if label is None else f" ({label})"
        if isinstance(error, Refusal):
            reasons = (
                replace(reason, reason=f"{where}: {reason.reason}") for reason in error.reasons
            )
            self.add(Refusal(tuple(reasons)))
        else:
            self.add(InputError(error.code, f"{where}: {error.message}", error.remedy))

    def check(self) -> None:
        """Raise what was added.

        Raises:
            Refusal: if these are refusals only; it has every reason.
            InputError: the only mistake, or a ``KitFaultsError`` with all.
        """
        if not self._errors:
            return
        refusals = [error for error in self._errors if isinstance(error, Refusal)]
        if len(refusals) == len(self._errors):
            raise Refusal(tuple(reason for error in refusals for reason in error.reasons))
        if len(self._errors) == 1:
            raise self._errors[0]
        raise KitFaultsError(tuple(self._errors), self._unlisted)
