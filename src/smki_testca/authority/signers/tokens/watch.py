"""Limits how long one call of the PKCS#11 module may take."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Watch:
    """Watches one thread that calls the module, from another one.

    Args:
        seconds: the longest that one call may take.
        overdue: called once, from the watching thread, when a call takes longer.
    """

    def __init__(self, seconds: float, overdue: Callable[[], None]) -> None:
        self.seconds = seconds
        self._overdue = overdue
        self._began: float | None = None
        threading.Thread(target=self._look, daemon=True).start()

    @contextlib.contextmanager
    def calling(self) -> Iterator[None]:
        """Watches what is done in the block; ``another`` reports a further call in it.

        Blocks may be in each other.
        """
        is_outer = self._began is None
        self.another()
        try:
            yield
        finally:
            self._began = None if is_outer else time.monotonic()

    def another(self) -> None:
        """Another call begins: it has its own time."""
        self._began = time.monotonic()

    def _look(self) -> None:
        while True:
            time.sleep(min(1.0, self.seconds / 4))
            began = self._began
            if began is not None and time.monotonic() - began > self.seconds:
                self._overdue()
                return


@contextlib.contextmanager
def ended_if_longer(seconds: float) -> Iterator[None]:
    """Ends this process if the block takes longer, even where it holds Python's lock.

    That is so while a module is loaded: no thread of Python could watch it.
    """
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - no path to speak of
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
