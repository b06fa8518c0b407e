"""A socket whose peer has until a moment to finish, however slowly it drips."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_CHUNK = 1 << 16


class TimedSocket:
    """A socket with one deadline for all that is sent and received until the next one is set.

    A socket's own timeout is for each piece: a peer that sends an octet now and then is waited for
    without end.

    Args:
        wrapped: the socket, or the connection over TLS.
        monotonic: tells seconds that never go back.
    """

    def __init__(
        self, wrapped: socket.socket, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._socket = wrapped
        self._monotonic = monotonic
        self._deadline = monotonic()

    def allow(self, seconds: float) -> None:
        """Set the deadline, in seconds from now."""
        self._deadline = self._monotonic() + seconds

    def hurry(self) -> None:
        """Give the socket the time that is left.

        Raises:
            TimeoutError: if there is none.
        """
        left = self._deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)

    def sendall(self, data: bytes) -> None:
        """Send octets, as a socket does.

        Raises:
            OSError: as of a socket.
        """
        view = memoryview(data)
        for start in range(0, len(view), _CHUNK):
            self.hurry()
            self._socket.sendall(view[start : start + _CHUNK])

    def recv_into(self, buffer: memoryview) -> int:
        """Receive octets, as a socket does.

        Raises:
            OSError: as of a socket.
        """
        self.hurry()
        return self._socket.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """A file that reads from the socket; to close it leaves the socket open."""
        return io.BufferedReader(_Received(self))

    def close(self) -> None:
        """Do nothing: whoever opened the socket closes it, and reads from it until then."""


class _Received(io.RawIOBase):
    """The octets that a timed socket receives, as a file."""

    def __init__(self, timed: TimedSocket) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._timed.recv_into(buffer)
