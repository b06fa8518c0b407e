"""A connection to the token process: asks it, waits for its answer, and raises its errors."""

from __future__ import annotations

import threading
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from smki_testca.authority.signers.tokens import messages
from smki_testca.authority.signers.tokens.messages import Answer, Failure, NotOpen, Working
from smki_testca.errors import EstateError, InputError, SmkiTestcaError, UsageError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from smki_testca.authority.signers.tokens.messages import Request

A = TypeVar("A", bound=Answer)

SILENT_SECONDS = 30.0
"""The longest silence of the token process, which says every few seconds that it works."""
MAX_OCTETS = 1 << 28
"""The longest message: the revocation list of a million entries is shorter."""
SECOND_TRY = "Run the command again."
"""The remedy where the token process ended."""

_KINDS: dict[str, type[SmkiTestcaError]] = {
    kind.__name__: kind for kind in (EstateError, InputError, UsageError)
}


class ProcessEndedError(EstateError):
    """The token process is no longer there."""


class KeyNotOpenError(Exception):
    """The token process does not know the key: it was opened in one that has ended."""


class Ask(Protocol):
    """Asks the token process; ``TokenConnection.ask`` is one."""

    def __call__(self, request: Request, kind: type[A], /) -> A:
        """The answer to a request."""
        ...


class TokenConnection:
    """A connection to the token process. Threads may share it: each waits for its turn.

    Args:
        address: where the process listens.
        authkey: what it asks its callers to prove.

    Raises:
        EstateError: if the process has ended.
    """

    def __init__(self, address: str, authkey: bytes) -> None:
        self._turn = threading.Lock()
        try:
            self._connection: Connection = Client(address, authkey=authkey)
        except (OSError, EOFError, AuthenticationError) as error:
            raise ended() from error

    def ask(self, request: Request, kind: type[A]) -> A:
        """The answer to a request.

        Raises:
            SmkiTestcaError: if it fails, or the process ends or does not answer.
            KeyNotOpenError: if it is for a key that must be opened first.
        """
        with self._turn:
            try:
                self._connection.send_bytes(messages.encode(request))
                answer = self._answer()
            except BaseException as error:
                # Such as Ctrl-C: the answer that is still to come would be taken for the next one.
                self._connection.close()
                if isinstance(error, OSError | EOFError | msgspec.MsgspecError):
                    raise ended() from error
                raise
        if isinstance(answer, Failure):
            raise error_of(answer)
        if isinstance(answer, NotOpen):
            raise KeyNotOpenError
        if not isinstance(answer, kind):
            raise TypeError(f"{type(request).__name__} was answered with {type(answer).__name__}")
        return answer

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._connection.closed

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def _answer(self) -> Answer:
        while True:
            if not self._connection.poll(SILENT_SECONDS):
                raise token_failed(
                    f"The process that uses the token said nothing for {SILENT_SECONDS:g} seconds.",
                    SECOND_TRY,
                )
            answer = messages.read_answer(self._connection.recv_bytes(MAX_OCTETS))
            if not isinstance(answer, Working):
                return answer


def error_of(failure: Failure) -> SmkiTestcaError:
    """The error that the token process reports."""
    return _KINDS.get(failure.kind, EstateError)(failure.code, failure.message, failure.remedy)


def failure_of(error: SmkiTestcaError) -> Failure:
    """An error, to be reported to whoever asked."""
    kind = next(name for name, kind in _KINDS.items() if isinstance(error, kind))
    return Failure(kind, error.code, error.message, error.remedy)


def ended(how: str = "") -> ProcessEndedError:
    """The error of a token process that is no longer there.

    Args:
        how: it ended, such as " by SIGSEGV"; empty if nobody knows.
    """
    return ProcessEndedError(
        "token.failed",
        f"The process that uses the token ended{how}: the PKCS#11 module may have crashed.",
        SECOND_TRY,
    )


def token_failed(message: str, remedy: str = "") -> EstateError:
    """The error of a token or a module that fails for a reason of its own."""
    vendor = "Check the token and its module with the vendor's programs."
    return EstateError("token.failed", message, remedy or vendor)
