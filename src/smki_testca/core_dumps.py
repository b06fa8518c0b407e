"""Keeps private keys out of core dumps."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

if sys.platform != "win32":
    import resource

_PR_SET_DUMPABLE = 4


def prevent() -> None:
    """Keep the memory of this process, and of those it forks, out of core dumps.

    On Linux nobody but the administrator can read the memory from outside either (prctl(2),
    PR_SET_DUMPABLE). On Windows nothing happens.
    """
    if sys.platform != "win32":
        with suppress(OSError, ValueError):
            _, hard = resource.getrlimit(resource.RLIMIT_CORE)
            resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
