"""Makes a directory that appears complete, under its name, or not at all."""

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
"""The codes of errors that a file in the directory can cause."""


@contextlib.contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """Yield a working directory to fill; it is renamed to the target at the end.

    If anything fails, the working directory is removed. If the process is killed, it stays under
    a name that begins with a dot and ends in ``.unfinished``. The target is never incomplete.

    Args:
        target: a directory that does not exist yet, or is empty.

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
        missing = [folder for folder in target.absolute().parents if not folder.exists()]
        parent = target.absolute().parent
        parent.mkdir(parents=True, exist_ok=True)
        work = parent / f".{target.absolute().name}.{secrets.token_hex(4)}.unfinished"
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
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, OSError):
            raise InputError(
                "kit.unwritable", f"{target} cannot be made: {error.strerror or error}."
            ) from error
        if isinstance(error, SmkiTestcaError) and error.code in _UNWRITABLE:
            # The error names the working directory, which is gone: name the target instead.
            raise InputError(
                "kit.unwritable",
                f"{target} cannot be made: {error.message.replace(str(work), str(target))}",
                "See that there is room on the disk, and permission.",
            ) from error
        raise
