"""A directory that appears whole, under its name, or not at all."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from typing import TYPE_CHECKING

from smki_testca.errors import InputError, SmkiTestcaError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_UNWRITABLE = {"batch.unwritable", "estate.unusable", "export.unwritable"}
"""What goes wrong with any file in it."""


@contextlib.contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A directory to fill, beside the one that it becomes in the end.

    Whatever goes wrong inside, nothing of it stays. A process that is killed leaves it under a
    name that begins with a dot and ends in ``.unfinished``; the target is never half made.

    Args:
        target: must not be there, or be an empty directory.

    Raises:
        InputError: if it holds anything, or cannot be made.
    """
    try:
        if target.is_dir():
            stray = next(target.iterdir(), None)
            if stray is not None:
                raise InputError(
                    "kit.not_empty",
                    f"{target} is not empty: it holds {stray.name}.",
                    "Name a new directory.",
                )
        elif target.exists():
            raise InputError("kit.not_empty", f"{target} is not a directory.", "Name a new one.")
        missing = [one for one in target.absolute().parents if not one.exists()]
        place = target.absolute().parent
        place.mkdir(parents=True, exist_ok=True)
        work = place / f".{target.absolute().name}.{secrets.token_hex(4)}.unfinished"
        work.mkdir(mode=0o700)
    except OSError as error:
        raise InputError("kit.unwritable", f"{target} cannot be made: {error.strerror}.") from error
    try:
        yield work
        with contextlib.suppress(FileNotFoundError):
            target.rmdir()
        work.rename(target)
    except BaseException as error:
        shutil.rmtree(work, ignore_errors=True)
        for one in missing:
            with contextlib.suppress(OSError):
                one.rmdir()
        if isinstance(error, OSError):
            raise InputError(
                "kit.unwritable", f"{target} cannot be made: {error.strerror or error}."
            ) from error
        if isinstance(error, SmkiTestcaError) and error.code in _UNWRITABLE:
            # What it names is gone, and so is what its remedy would go on with.
            raise InputError(
                "kit.unwritable",
                f"{target} cannot be made: {error.message.replace(str(work), str(target))}",
                "See that there is room on the disk, and permission.",
            ) from error
        raise
