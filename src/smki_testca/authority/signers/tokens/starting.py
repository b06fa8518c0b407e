"""Starts the token process, hands it what it needs, and ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from smki_testca.authority.signers.tokens import messages
from smki_testca.authority.signers.tokens.addresses import new_address, remove_address
from smki_testca.authority.signers.tokens.connection import ended, error_of, token_failed
from smki_testca.authority.signers.tokens.framing import read_frame, write_frame
from smki_testca.authority.signers.tokens.messages import Failure, HandOver
from smki_testca.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

CALL_SECONDS = 60.0
"""The longest that one call of a PKCS#11 module may take: a signature, a key pair, a login."""
START_SECONDS = 30.0
"""The time that the process itself may take to start, beside the module."""
_END_SECONDS = 10.0
"""The time that the process may take to end by itself; it takes less."""
_MODULE = "smki_testca.authority.signers.tokens.process"
_OURS = "SMKI_TESTCA_"
"""The start of our variables: the PIN may be in one, and the estate's passphrase in another."""


def check_extra() -> None:
    """Check that the library for PKCS#11 is installed, before anything is asked or done.

    Raises:
        UsageError: if it is not.
    """
    if find_spec("pkcs11") is None:
        raise UsageError(
            "token.extra",
            "Keys in tokens need the extra hsm, which is not installed.",
            "Install it: pip install 'smki-testca[hsm]'.",
        )


class TokenProcess:
    """The token process, as the command that started it sees it.

    Attributes:
        address: where it listens.
        authkey: what its callers prove to know.

    Raises:
        SmkiTestcaError: if it does not start, or the module cannot be loaded.
    """

    def __init__(self, module: Path) -> None:
        self.address = _new_address()
        self.authkey = os.urandom(32)
        self._starter = os.getpid()
        # Ctrl-C in a terminal is for the command: this process sees the end of its input.
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={name: text for name, text in os.environ.items() if not name.startswith(_OURS)},
            )
        except OSError as error:
            remove_address(self.address)
            raise token_failed(
                f"The process that uses the token cannot be started: {error.strerror}.",
                "Check how many processes and how much memory you may have.",
            ) from error
        _running.add(self)
        try:
            self._begin(HandOver(str(module), self.address, self.authkey, CALL_SECONDS))
        except BaseException:  # also Ctrl-C: the process would stay
            self.end()
            raise

    @property
    def how_it_ended(self) -> str:
        """The way it ended, the end of a phrase; empty while it runs, or if nobody knows."""
        with contextlib.suppress(subprocess.TimeoutExpired, ValueError):
            code = self._process.wait(_END_SECONDS)
            if code < 0:
                return f" by {signal.Signals(-code).name}"
        return ""

    @property
    def is_ours(self) -> bool:
        """Whether this process started it, rather than one that this was forked from."""
        return self._starter == os.getpid()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def end(self) -> None:
        """End it, and wait until it has ended."""
        _running.discard(self)
        self.forget()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        remove_address(self.address)

    def forget(self) -> None:
        """Close this side of its pipes."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _begin(self, hand_over: HandOver) -> None:
        """Hand over what it needs, and wait until the module is loaded."""
        stdin, stdout = (
            cast("BinaryIO", pipe) for pipe in (self._process.stdin, self._process.stdout)
        )
        seconds = START_SECONDS + CALL_SECONDS
        timer = threading.Timer(seconds, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            write_frame(stdin, messages.encode(hand_over))
            data = read_frame(stdout)
        except OSError:
            data = None
        finally:
            is_late = timer.finished.is_set()
            timer.cancel()
        if data is None and is_late:
            raise token_failed(
                f"The PKCS#11 module {hand_over.module} was not loaded within {seconds:g} seconds."
            )
        if data is None:
            raise ended(self.how_it_ended)
        answer = messages.read_answer(data)
        if isinstance(answer, Failure):
            raise error_of(answer)


def _new_address() -> str:
    try:
        return new_address()
    except OSError as error:
        reason = error.strerror or str(error)
        raise token_failed(
            f"No folder for the socket of the token process can be made: {reason}.",
            "Let TMPDIR name a folder that can be written.",
        ) from error


_running: set[TokenProcess] = set()
"""Those that this process started. A forked process closes their pipes: it would keep them alive
when this one has ended."""


def _forget_processes() -> None:
    for process in _running:
        process.forget()
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_processes)
