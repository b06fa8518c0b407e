"""Pauses Python's garbage collector for work that makes many objects and no garbage in cycles."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Disable the search for reference cycles; reference counting frees the objects."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Import modules without searches for cycles, and leave what they made out of later ones.

    What a module defines stays until the process ends, so no search finds anything in it.
    """
    with without_collector():
        yield
    gc.freeze()
