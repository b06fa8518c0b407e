"""The token process: it alone loads the PKCS#11 module, logs in and signs.

A module is code of a vendor. Here it can crash, hang or write to the terminal without harm to the
command that asked. It is started by ``Tokens`` and ends when its standard input does: with the
command that started it, however that ends.

One thread calls the module; one for each connection passes on what is asked of it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError
from multiprocessing.connection import Listener
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from smki_testca import core_dumps
from smki_testca.authority.signers.tokens import messages
from smki_testca.authority.signers.tokens.addresses import remove_address
from smki_testca.authority.signers.tokens.connection import (
    MAX_OCTETS,
    failure_of,
    token_failed,
)
from smki_testca.authority.signers.tokens.framing import read_frame, write_frame
from smki_testca.authority.signers.tokens.messages import (
    Answer,
    Generate,
    HandOver,
    Key,
    Ready,
    Remove,
    Request,
    Working,
)
from smki_testca.authority.signers.tokens.module import Module
from smki_testca.authority.signers.tokens.request_handler import RequestHandler
from smki_testca.authority.signers.tokens.watch import Watch, ended_if_longer
from smki_testca.errors import SmkiTestcaError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_BACKLOG = 256
_WORKING_SECONDS = 5.0
_LOADING = 3
"""The factor by which loading a module may take longer than a call."""
_TELLING_SECONDS = 2.0
"""For how long those who wait get the error that the module hangs, before the process ends."""
_ENDING_SECONDS = 4.0
"""The time for what was begun, and for logging out, when nobody needs the process any more."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A request that waits for its answer."""

    request: Request
    connection: Connection
    answers: SimpleQueue[Answer] = field(default_factory=SimpleQueue)

    @property
    def is_abandoned(self) -> bool:
        """Whether whoever asked is gone: until there is an answer, nothing else is sent."""
        try:
            return self.connection.poll()
        except OSError:
            return True


class _Process:
    def __init__(self, hand_over: HandOver) -> None:
        self._hand_over = hand_over
        # None is the end.
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._current: _Job | None = None
        self._is_over = threading.Event()

    def run(self, starter: BinaryIO, answer: BinaryIO) -> None:
        """Load the module, and serve until the starter ends."""
        threading.Thread(target=self._end_with, args=(starter,), daemon=True).start()
        watch = Watch(self._hand_over.call_seconds, self._give_up)
        try:
            # The command waits less long, and tells why; here, it may have ended.
            with ended_if_longer(_LOADING * self._hand_over.call_seconds):
                module = Module(self._hand_over.module, watch)
        except SmkiTestcaError as error:
            write_frame(answer, messages.encode(failure_of(error)))
            return
        listener = Listener(
            self._hand_over.address, backlog=_BACKLOG, authkey=self._hand_over.authkey
        )
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        write_frame(answer, messages.encode(Ready()))
        answer.close()
        self._work(RequestHandler(module))
        module.close()
        self._is_over.set()
        self._tidy()

    def _work(self, handler: RequestHandler) -> None:
        """Do what is asked for, one after the other."""
        while (job := self._jobs.get()) is not None:
            self._current = job
            try:
                answer = _answer(handler, job)
            except SmkiTestcaError as error:
                answer = failure_of(error)
            except Exception as error:  # noqa: BLE001 - a module may answer anything
                reason = f"{type(error).__name__}: {error}"
                answer = failure_of(
                    token_failed(f"The PKCS#11 module did what nobody foresaw ({reason}).")
                )
            job.answers.put(answer)

    def _accept(self, listener: Listener) -> None:
        while True:
            # Whoever does not know the key, or goes away, concerns nobody else.
            with contextlib.suppress(AuthenticationError, EOFError, OSError):
                connection = listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        with connection, contextlib.suppress(EOFError, OSError, msgspec.MsgspecError):
            while True:
                request = messages.read_request(connection.recv_bytes(MAX_OCTETS))
                job = _Job(request, connection)
                self._jobs.put(job)
                answer: Answer = Working()
                while isinstance(answer, Working):
                    try:
                        answer = job.answers.get(timeout=_WORKING_SECONDS)
                    except Empty:
                        answer = Working()
                    connection.send_bytes(messages.encode(answer))

    def _give_up(self) -> None:
        """Tell everybody who waits that a call takes too long, and end."""
        seconds = self._hand_over.call_seconds
        failure = failure_of(
            token_failed(f"The PKCS#11 module did not answer within {seconds:g} seconds.")
        )
        ends = time.monotonic() + _TELLING_SECONDS
        if self._current is not None:
            self._current.answers.put(failure)
        while time.monotonic() < ends:
            with contextlib.suppress(Empty):
                job = self._jobs.get(timeout=0.1)
                if job is not None:
                    job.answers.put(failure)
        self._leave()

    def _end_with(self, starter: BinaryIO) -> None:
        """End when the command that started this process has ended, or no longer needs it."""
        while starter.read(1):
            pass
        self._jobs.put(None)
        if not self._is_over.wait(_ENDING_SECONDS):
            self._leave()

    def _leave(self) -> None:
        self._tidy()
        os._exit(1)

    def _tidy(self) -> None:
        remove_address(self._hand_over.address)


def _answer(handler: RequestHandler, job: _Job) -> Answer:
    answer = handler.answer(job.request)
    if isinstance(job.request, Generate) and isinstance(answer, Key) and job.is_abandoned:
        # Such as by Ctrl-C: a key pair that nobody knows of is not left behind.
        return handler.answer(Remove(answer.uri))
    return answer


def _private_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output, for this module alone: what others write there is discarded."""
    mine = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return os.fdopen(mine[0], "rb", 0), os.fdopen(mine[1], "wb", 0)


def main() -> None:
    """Serve the command that started this process."""
    core_dumps.prevent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    starter, answer = _private_streams()
    data = read_frame(starter)
    if data is None:
        return
    _Process(messages.read_hand_over(data)).run(starter, answer)


if __name__ == "__main__":
    main()
