"""A file of anchors, one a line: reads the newest, and adds one at the end.

Several processes may add to one file. An anchor is made and written with the file locked, so that
the last line is always of the newest state. What was written is safe on the disk.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
from typing import TYPE_CHECKING

from smki_testca.errors import InputError, OutputError
from smki_testca.estate.anchor import last_anchor
from smki_testca.estate_files import check_outside
from smki_testca.files import sync_folder, write_error
from smki_testca.text_files import decode, encoding_of

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from smki_testca.estate.anchor import Anchor

LOCK_SECONDS = 30.0
"""The longest time to wait for another process that adds an anchor."""
_PAUSE_SECONDS = 0.02
_HEAD_OCTETS = 4
"""Of the longest byte order mark."""
_TAIL_OCTETS = 4096
"""The octets of the end that are read; an anchor has some 350."""


class AnchorFile:
    """One file of anchors.

    Args:
        path: of the file, which need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def newest(self) -> Anchor | None:
        """The last anchor; None if there is no file or nothing in it.

        Raises:
            InputError: if it cannot be read, or does not end with an anchor.
        """
        try:
            descriptor = self._opened(os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(
                "input.unreadable", f"{self._path} cannot be read: {error.strerror}."
            ) from error
        try:
            return last_anchor(*self._tail(descriptor))[0]
        finally:
            os.close(descriptor)

    def add(self, make: Callable[[], Anchor]) -> Anchor:
        """Add the anchor that a function makes; nothing is left of a write that fails.

        Raises:
            InputError: if the file cannot be written, is one of an estate's own, or does not end
                with an anchor.
            OutputError: if the disk is full or fails, or another process keeps the file locked.
        """
        check_outside(self._path)
        try:
            is_new = not self._path.exists()
            descriptor = self._opened(os.O_RDWR | os.O_CREAT | os.O_APPEND)
            try:
                with self._locked(descriptor):
                    anchor = self._add(descriptor, make)
            finally:
                os.close(descriptor)
            if is_new:
                sync_folder(self._path.parent)
        except OSError as error:
            raise write_error(
                "export.unwritable", f"{self._path} cannot be written", error
            ) from error
        return anchor

    def _add(self, descriptor: int, make: Callable[[], Anchor]) -> Anchor:
        size = os.fstat(descriptor).st_size
        tail, origin = self._tail(descriptor)
        _, begun = last_anchor(tail, origin)
        anchor = make()
        if begun:
            # A write that was cut off, as by a loss of power, left it.
            size -= len(begun.encode("utf-8"))
            self._cut(descriptor, size)
        between = "\n" if not begun and tail and not tail.endswith("\n") else ""
        data = f"{between}{anchor.line}\n".encode("ascii")
        try:
            _write_whole(descriptor, data)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
        return anchor

    def _cut(self, descriptor: int, size: int) -> None:
        """Remove half a line from the end.

        Raises:
            InputError: if the file only grows, as after ``chattr +a``.
        """
        try:
            os.ftruncate(descriptor, size)
        except PermissionError as error:
            raise InputError(
                "export.unwritable",
                f"{self._path} ends with half a line, and the system lets nobody remove it:"
                f" {error.strerror}.",
                "If the file may only grow, lift that, remove the half line, and set it again.",
            ) from error

    def _tail(self, descriptor: int) -> tuple[str, str]:
        """The end of the file as text, and the file's name.

        Raises:
            InputError: if it is no text in UTF-8, in which anchors are added.
        """
        size = os.fstat(descriptor).st_size
        os.lseek(descriptor, 0, os.SEEK_SET)
        encoding, _ = encoding_of(os.read(descriptor, _HEAD_OCTETS))
        if encoding != "utf-8":
            raise InputError(
                "anchor.unreadable",
                f"{self._path} is in {encoding.upper()}: anchors are added to text in UTF-8 only.",
                "Save it as UTF-8.",
            )
        os.lseek(descriptor, max(0, size - _TAIL_OCTETS), os.SEEK_SET)
        octets = os.read(descriptor, _TAIL_OCTETS)
        try:
            return decode(octets, str(self._path)), str(self._path)
        except InputError as error:
            raise InputError("anchor.unreadable", error.message, error.remedy) from error

    def _opened(self, flags: int) -> int:
        """A descriptor of the file, which is a regular one.

        Raises:
            InputError: if it is a folder, a device or a pipe.
            OSError: if it cannot be opened.
        """
        flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(self._path, flags, 0o666)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise InputError(
                "anchor.unreadable",
                f"{self._path} holds no anchors: it is not a regular file.",
                "Name a file.",
            )
        return descriptor

    @contextlib.contextmanager
    def _locked(self, descriptor: int) -> Iterator[None]:
        """Lock the file while the block lasts, where the system can; closing it unlocks it."""
        until = time.monotonic() + LOCK_SECONDS
        while sys.platform != "win32":
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise OutputError(
                        "output.failed",
                        f"{self._path} cannot be written: another process has locked it for over"
                        f" {LOCK_SECONDS:.0f} seconds.",
                        "Wait for it to end and try again.",
                    ) from None
                time.sleep(_PAUSE_SECONDS)
            except OSError:
                break  # the file system has no locks
            else:
                break
        yield


def _write_whole(descriptor: int, data: bytes) -> None:
    """Write octets in one step, and wait until they are safe on the disk.

    Raises:
        OSError: if they cannot be written, or not all of them.
    """
    if os.write(descriptor, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(descriptor)
