"""Ends a command that another program ends as Ctrl-C does: what it started and made goes."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 130
"""The exit code after Ctrl-C, as a shell gives it."""
_SIGNALS = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
]  # Windows has no SIGHUP


@contextlib.contextmanager
def ended_as_by_ctrl_c() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into KeyboardInterrupt within the block.

    One that is ignored, as ``nohup`` does, or that the caller handles, stays so.
    """
    # Only the main thread may say what a signal does.
    is_main = threading.current_thread() is threading.main_thread()
    changed = [each for each in _SIGNALS if is_main and signal.getsignal(each) is signal.SIG_DFL]

    def interrupt(number: int, frame: object) -> NoReturn:
        del number, frame
        for each in changed:
            signal.signal(each, signal.SIG_IGN)  # a second one does not disturb the end
        raise KeyboardInterrupt

    try:
        for each in changed:
            signal.signal(each, interrupt)
        yield
    finally:
        for each in changed:
            signal.signal(each, signal.SIG_DFL)
