"""The anchors of the audit log that a run of the command checks before it, and adds after it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from smki_testca.clock import Clock
    from smki_testca.errors import SmkiTestcaError
    from smki_testca.lifecycle.anchoring import Anchoring


class Anchors:
    """The anchors of one run of the command.

    Args:
        path: of the file that gets an anchor after each command; None for none.
        named: the directory of the estate that an option or the configuration names; None if
            none is named.
        clock: gives the clock of the command.
        passphrase: gives the passphrase of the estate in a directory.
        anchorings: those of the run so far, by the directory of the estate.
    """

    def __init__(
        self,
        path: Path | None,
        named: str | None,
        clock: Callable[[], Clock],
        passphrase: Callable[[Path], str],
        anchorings: dict[Path, Anchoring],
    ) -> None:
        self._path = path
        self._named = named
        self._clock = clock
        self._passphrase = passphrase
        self._anchorings = anchorings

    def of(self, directory: Path) -> Anchoring | None:
        """Return what anchors an estate after the command; None if no file is configured for it.

        Args:
            directory: of the estate: the one that is named, or any if none is.
        """
        if self._path is None:
            return None
        if self._named is not None and not is_same_place(self._named, directory):
            return None
        from smki_testca.lifecycle.anchoring import Anchoring

        if directory not in self._anchorings:
            self._anchorings[directory] = Anchoring(
                directory, self._path, self._clock(), lambda: self._passphrase(directory)
            )
        return self._anchorings[directory]

    def note_fault(self, directory: Path) -> SmkiTestcaError | None:
        """Return what is wrong with the newest anchor; the command ends with that error, too.

        Args:
            directory: of the estate.
        """
        anchoring = self.of(directory)
        if anchoring is None:
            return None
        anchoring.note()
        return anchoring.fault


def tolerated_fault(anchoring: Anchoring, *, must_continue: bool) -> SmkiTestcaError | None:
    """Check the newest anchor before a command; gives its fault where the command investigates.

    Args:
        anchoring: of the estate that the command opens.
        must_continue: whether even a command of ``INVESTIGATING`` is refused for a fault.

    Raises:
        EstateError: if the log does not continue the newest anchor, and that is not tolerated.
        InputError: if the file of anchors cannot be read, and that is not tolerated.
    """
    if not must_continue and _is_investigating():
        return anchoring.fault
    anchoring.check()
    return None


def is_same_place(path: Path | str, other: Path | str) -> bool:
    """Whether two paths lead to one file or directory, however they are typed."""
    return os.path.realpath(path) == os.path.realpath(other)


def _is_investigating() -> bool:
    """Whether the command that runs is one that also looks at an estate with a fault."""
    from smki_testca.lifecycle.anchoring import INVESTIGATING

    context = click.get_current_context(silent=True)
    return context is not None and context.command_path.partition(" ")[2] in INVESTIGATING
