"""Processes of targets: started in a group of their own, and ended with all that they started."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smki_testca.corpus.run.targets import target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from smki_testca.errors import InputError

    NotStarted = Callable[[str, str], InputError]
    """Makes the error for a command that cannot be started, and why."""


def words_of(command: str, not_started: NotStarted = target.not_started) -> list[str]:
    """The words of a command, as a shell reads quotes; no shell runs it.

    Args:
        command: the program and its arguments.
        not_started: makes the error.

    Raises:
        InputError: if there is none, or a quote is not closed.
    """
    try:
        words = shlex.split(command, posix=os.name != "nt")
    except ValueError as error:
        raise not_started(command, str(error).lower()) from error
    if not words:
        raise not_started(command or "''", "no command is named")
    if shutil.which(words[0]) is None:
        is_file = Path(words[0]).name != words[0] and Path(words[0]).is_file()
        why = "it is not executable" if is_file else "there is no such program"
        raise not_started(words[0], why)
    return words


_ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let signals that end us wait until the block is over.

    One that comes while a process starts would leave it running: nobody has it yet.
    """
    # Only the main thread is disturbed, and only it may say what a signal does.
    is_main = threading.current_thread() is threading.main_thread()
    before = {each: signal.getsignal(each) for each in _ENDING} if is_main else {}
    came: list[int] = []
    handled = {each: handler for each, handler in before.items() if callable(handler)}
    try:
        for each in handled:
            signal.signal(each, lambda number, _: came.append(number))
        yield
    finally:
        for each, handler in handled.items():
            signal.signal(each, handler)
    if came:
        signal.raise_signal(came[0])


def start(
    words: Sequence[str],
    *,
    has_stdin: bool,
    has_stderr: bool,
    has_stdout: bool = True,
    not_started: NotStarted = target.not_started,
) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own.

    Args:
        words: the program and its arguments.
        has_stdin: whether its standard input is piped; it is empty otherwise.
        has_stderr: whether its standard error is piped; it is ours otherwise.
        has_stdout: whether its standard output is piped; it is thrown away otherwise.
        not_started: makes the error.

    Raises:
        InputError: if it cannot be started.
    """
    own_group: dict[str, Any] = {} if os.name == "nt" else {"start_new_session": True}
    try:
        return subprocess.Popen(  # noqa: S603 - the user names the program
            words,
            stdin=subprocess.PIPE if has_stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE if has_stdout else subprocess.DEVNULL,
            stderr=subprocess.PIPE if has_stderr else None,
            bufsize=0,
            **own_group,
        )
    except (OSError, ValueError) as error:
        raise not_started(words[0], getattr(error, "strerror", None) or str(error)) from error


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all of its group, and close its pipes."""
    if os.name == "nt":
        process.kill()
    else:
        # The group outlives its leader if something of it still runs.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def how_it_ended(returncode: int) -> str:
    """The end of a process in words: by a signal or with an exit code."""
    if returncode >= 0:
        return f"it ended with exit code {returncode}"
    with contextlib.suppress(ValueError):
        return f"it was ended by {signal.Signals(-returncode).name}"
    return f"it was ended by signal {-returncode}"
