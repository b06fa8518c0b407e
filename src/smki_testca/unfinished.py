"""Files and folders that are not finished yet: named at random, and locked while they are made.

The name of one is ``.NAME.32 hexadecimal digits.unfinished``. The process that makes it holds a
lock on it, which ends with the process. So whoever finds one without a lock knows that its maker
was killed, and may remove it.

A file system without locks keeps what a killed process left. Windows keeps such folders, too.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import sys
from itertools import chain, count
from typing import TYPE_CHECKING

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_NAME = re.compile(r"\.(.+)\.[0-9a-f]{32}\.unfinished", re.DOTALL)
_MOST_OCTETS = 150
"""Of the name that the thing will have; a file system takes 255 in all."""
_WHOLE = "whole"
"""The folder in an unfinished one whose content is complete, and moves to its place."""
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def _draw_name(name: str) -> str:
    short = os.fsencode(name)[:_MOST_OCTETS].decode("utf-8", "ignore") or "file"
    return f".{short}.{secrets.token_hex(16)}.unfinished"


def create_file(folder: Path, name: str, mode: int = 0o600) -> tuple[int, Path]:
    """Create an unfinished file.

    Args:
        folder: of the file.
        name: that the file will have.
        mode: of the file, less the process's mask.

    Returns:
        Its descriptor, open to write, and its path. Closing the descriptor ends the lock.

    Raises:
        OSError: if it cannot be created.
    """
    while True:
        path = folder / _draw_name(name)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _NO_LINK, mode)
        if keep(descriptor, path):
            return descriptor, path
        os.close(descriptor)


@contextlib.contextmanager
def unfinished_folder(
    parent: Path,
    name: str,
    *,
    leaves: Callable[[Path], bool] = lambda _: False,
    draw: Callable[[str], str] = _draw_name,
) -> Iterator[Path]:
    """Yield an unfinished folder, for its owner only; what is left of it is removed at the end.

    Args:
        parent: of the folder.
        name: that the folder will have.
        leaves: asked at the end whether to leave the folder to the next sweep.
        draw: makes of that name a random one, which it has by now.

    Raises:
        OSError: if it cannot be created.
    """
    while True:
        path = parent / draw(name)
        path.mkdir(mode=0o700)
        descriptor = _open_folder(path)
        if descriptor is None or keep(descriptor, path):
            break
        os.close(descriptor)
    try:
        yield path
    finally:
        if not leaves(path):
            shutil.rmtree(path, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def stale(folder: Path, name: re.Pattern[str] = _NAME) -> Iterator[tuple[str, Path]]:
    """Yield what killed processes of this user left in a folder, each locked while it is used.

    Args:
        folder: that may have some.
        name: the random names; its first group is the name that the thing would have had.

    Yields:
        The name that it would have had (cut, if it was long), and its path.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if name.fullmatch(entry.name)]
    except OSError:
        return
    for each in names:
        path = folder / each
        match = name.fullmatch(each)
        descriptor = _open_left(path)
        if match is None or descriptor is None:
            continue
        try:
            if lock(descriptor):
                yield match[1], path
        finally:
            os.close(descriptor)


def is_unfinished(name: str) -> bool:
    """Whether that is the name of an unfinished file or folder."""
    return _NAME.fullmatch(name) is not None


def sweep(folder: Path) -> None:
    """Remove what killed processes of this user left in a folder; move up what was whole."""
    for _, path in stale(folder):
        with contextlib.suppress(OSError):
            _move_rest(path, folder)
        remove(path)


def move_up(place: Path, folder: Path) -> None:
    """Move what an unfinished folder's ``new`` holds into the folder around it.

    If the process is killed on the way, a sweep moves the rest.

    Raises:
        OSError: if it cannot be moved; all of it is back then.
    """
    whole = place / _WHOLE
    (place / "new").rename(whole)
    moved: list[Path] = []
    try:
        for path in sorted(whole.iterdir()):
            path.rename(folder / path.name)
            moved.append(path)
    except BaseException:
        for path in reversed(moved):
            (folder / path.name).rename(path)
        whole.rename(place / "new")
        raise


def _move_rest(place: Path, folder: Path) -> None:
    """Move up what a killed process left to be moved.

    Where something else has the name by now, it gets a number: what was made is not removed.
    """
    whole = place / _WHOLE
    if whole.is_symlink() or not whole.is_dir():
        return
    for path in sorted(whole.iterdir()):
        names = chain([path.name], (f"{path.name}.{number}" for number in count(1)))
        free = next(name for name in names if not os.path.lexists(folder / name))
        path.rename(folder / free)


def remove(path: Path) -> None:
    """Remove a file or a folder with everything in it, as far as that can be done."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def lock(descriptor: int) -> bool:
    """Lock an open file or folder against other processes, without waiting.

    Returns:
        Whether it is locked now; False where the file system has no locks.
    """
    if sys.platform == "win32":
        return True  # an open file cannot be removed there
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def keep(descriptor: int, path: Path) -> bool:
    """Lock what was just created, while its descriptor is open.

    Returns:
        False if a sweep was quicker, and has removed it or is about to.
    """
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # without locks, nobody sweeps
    return path.exists()


def _open_folder(path: Path) -> int | None:
    if sys.platform == "win32":
        return None
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK)


def _open_left(path: Path) -> int | None:
    """Open what may be left of a killed process; None if it is no such thing, or another user's."""
    try:
        if sys.platform == "win32":
            return None if path.is_dir() else os.open(path, os.O_RDONLY)
        # Not to wait where somebody has given such a name to a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _NO_LINK)
    except OSError:
        return None
    if os.fstat(descriptor).st_uid == os.geteuid():
        return descriptor
    os.close(descriptor)
    return None
