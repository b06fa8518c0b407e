"""Tells which runs a living process works on, by a lock on the folder of the run.

The system ends the lock with the process, however that ends: killed, or with the machine. So a run
that is not done and has no lock is interrupted. Several processes may work on one run.

Where a file system or a platform (Windows) has no such locks, nobody can tell: every run that is
not done counts as worked on.
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class _Lock:
    folder: Path
    descriptor: int


class RunLocks:
    """The locks on the runs of one estate.

    Args:
        folder: gives the folder of a run's tiles.
    """

    def __init__(self, folder: Callable[[int], Path]) -> None:
        self._folder = folder
        self._held: dict[int, _Lock] = {}

    def hold(self, run: int) -> None:
        """Lock a run for this process, until ``release`` or ``close``, or the process ends."""
        if sys.platform == "win32":
            return
        folder = self._folder(run)
        if run in self._held and self._held[run].folder == folder:
            return
        self.release(run)  # of a run that was rolled back, whose number another has now
        # On a full disk it cannot be made: whoever writes the first tile reports that.
        with contextlib.suppress(OSError):
            while True:
                folder.parent.mkdir(mode=0o700, exist_ok=True)
                folder.mkdir(mode=0o700, exist_ok=True)
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_SH)
                    if _is_at(folder, descriptor):
                        self._held[run] = _Lock(folder, descriptor)
                        return
                except OSError:
                    os.close(descriptor)
                    raise
                os.close(descriptor)

    @contextlib.contextmanager
    def holding(self, run: int) -> Iterator[None]:
        """Lock a run while the block lasts."""
        self.hold(run)
        try:
            yield
        finally:
            self.release(run)

    def is_held(self, run: int) -> bool:
        """Whether a living process works on a run, or nobody can tell."""
        return is_locked(self._folder(run))

    def release(self, run: int) -> None:
        """Unlock a run; its folder goes if it holds nothing and nobody else locks it."""
        if sys.platform == "win32" or run not in self._held:
            return
        lock = self._held.pop(run)
        try:
            with contextlib.suppress(OSError):
                fcntl.flock(lock.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                lock.folder.rmdir()
        finally:
            os.close(lock.descriptor)

    def close(self) -> None:
        """Unlock every run."""
        for run in list(self._held):
            self.release(run)


def is_locked(folder: Path) -> bool:
    """Whether a living process works on the run of a folder, or nobody can tell."""
    if sys.platform == "win32":
        return True
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_at(folder: Path, descriptor: int) -> bool:
    """Whether an open folder still has its name: another process may have removed it."""
    try:
        return os.path.samestat(folder.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
