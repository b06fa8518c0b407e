"""Hands octets from outside to ``cryptography``, and turns each of its faults into one error.

Octets that nobody foresaw make it raise errors of any kind, and its Rust code panic: that is a
``BaseException``, and a trace on standard error.
"""

from __future__ import annotations

import contextlib
import os
import threading
from functools import cache
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from smki_testca.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

P = ParamSpec("P")
R = TypeVar("R")

_STANDARD_ERROR = 2
# A second thread must not take the discarded output for the right one, nor a child inherit it.
_redirecting = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_redirecting.acquire,
        after_in_parent=_redirecting.release,
        after_in_child=_redirecting.release,
    )


def call(function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Call a function of ``cryptography`` with octets from outside.

    Raises:
        InputError: if it fails in any way.
    """
    try:
        with _panics_discarded():
            return function(*arguments, **named)
    except (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as error:
        # A panic of Rust is no Exception, and its type cannot be imported.
        name = getattr(function, "__name__", "its reader")
        raise InputError(
            "cryptography.fault", f"The library cryptography cannot use it ({name})."
        ) from error


@contextlib.contextmanager
def _panics_discarded() -> Iterator[None]:
    """Discards what is written to standard error below Python: Rust prints each panic."""
    with _redirecting:
        try:
            before = os.dup(_STANDARD_ERROR)
        except OSError:
            # It is closed: nothing is printed.
            yield
            return
        try:
            os.dup2(_discarded(), _STANDARD_ERROR)
            yield
        finally:
            os.dup2(before, _STANDARD_ERROR)
            os.close(before)


@cache
def _discarded() -> int:
    return os.open(os.devnull, os.O_WRONLY)
