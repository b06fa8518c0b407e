"""Outputs that are no regular files: standard output, devices, pipes, open files of the process.

They are written to directly and never replaced.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from smki_testca.errors import UsageError

STANDARD_OUTPUT = Path("/dev/stdout")
"""Names standard output, also where the system has no such file; ``-`` on the command line."""

_STDOUT = 1
_LOOK = os.O_WRONLY | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_NONBLOCK", 0)
_OWN_FILES = re.compile(r"/proc/(\d+)/fd|/dev/fd")


def open_stream(path: Path) -> int | None:
    """Open what is not a regular file; None if the path names a regular file, a folder or nothing.

    Raises:
        OSError: if it cannot be opened.
    """
    number = _own_file(path)
    if number is not None:
        return os.dup(number)  # opened again, it would be written to from its start
    return os.open(path, os.O_WRONLY) if is_stream(path) else None


def is_stream(path: Path) -> bool:
    """Whether a path names an open file of this process, a device, a pipe or a socket."""
    if _own_file(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def is_standard_output(path: Path) -> bool:
    """Whether a path names standard output, or a link to it."""
    return _own_file(path) == _STDOUT


def check_no_terminal(path: Path) -> None:
    """Check that a path, to which binary data goes, is not a terminal.

    Raises:
        UsageError: if it is one.
    """
    number = _own_file(path)
    if number is None:
        try:
            if not stat.S_ISCHR(path.stat().st_mode):
                return
            descriptor = os.open(path, _LOOK)
        except OSError:
            return  # whoever writes to it is told why
    else:
        descriptor = os.dup(number)
    try:
        is_terminal = os.isatty(descriptor)
    finally:
        os.close(descriptor)
    if is_terminal:
        raise UsageError(
            "usage",
            "Binary data is not written to a terminal.",
            "Name a file, or send it to another program.",
        )


def _own_file(path: Path) -> int | None:
    """The number of an open file of this process that a path names, such as ``/dev/stdout``."""
    if path == STANDARD_OUTPUT:
        return _STDOUT
    names = [path]
    if path.is_symlink():
        names.append(path.parent / path.readlink())
    for name in names:
        match = _OWN_FILES.fullmatch(os.path.realpath(name.parent))
        if match is not None and name.name.isascii() and name.name.isdecimal():
            return int(name.name) if int(match[1] or os.getpid()) == os.getpid() else None
    return None
