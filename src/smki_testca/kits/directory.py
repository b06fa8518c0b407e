"""Makes a directory that appears complete, under its name, or not at all."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from smki_testca.errors import InputError, OutputError, SmkiTestcaError
from smki_testca.files import write_error
from smki_testca.folders import first_entry, new_folder
from smki_testca.unfinished import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_UNWRITABLE = {
    "batch.unwritable": OutputError,
    "estate.unusable": OutputError,
    "estate.unwritable": OutputError,
    "output.failed": OutputError,
    "export.unwritable": InputError,
}
"""The codes of errors that a file in the directory can cause, and the class that reports each."""


@contextlib.contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """Yield a working directory to fill; at the end it becomes the target, or moves into it.

    If anything fails, the working directory is removed. If the process is killed, it stays under
    a name that begins with a dot and ends in ``.unfinished``, and the next that makes something
    there removes it.

    Args:
        target: a directory that does not exist yet, or is empty.

    Raises:
        InputError: if it holds anything, or cannot be made.
        OutputError: if the disk is full or fails.
    """
    work = target
    try:
        _check_empty(target)
        with new_folder(target) as work:
            yield work
    except OSError as error:
        raise write_error("kit.unwritable", f"{target} cannot be made", error) from error
    except SmkiTestcaError as error:
        kind = _UNWRITABLE.get(error.code)
        if kind is None:
            raise
        # The error names the working directory, which is gone: name the target instead.
        raise kind(
            "output.failed" if kind is OutputError else "kit.unwritable",
            f"{target} cannot be made: {error.message.replace(str(work), str(target))}",
            "Check that the disk has space and that you have permission.",
        ) from error


def _check_empty(target: Path) -> None:
    if target.is_dir():
        sweep(target)
        stray = first_entry(target)
        if stray is not None:
            raise InputError(
                "kit.not_empty",
                f"{target} is not empty: it holds {stray.name}.",
                "Choose a new directory.",
            )
    elif target.exists():
        raise InputError("kit.not_empty", f"{target} is not a directory.", "Name a new one.")
