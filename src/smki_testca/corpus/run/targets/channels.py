"""Channels to targets that stay: a process, a TCP connection, a serial line."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any, Protocol

from smki_testca.corpus.run.targets.processes import end, how_it_ended, start, words_of
from smki_testca.corpus.run.targets.protocol import NUMBER
from smki_testca.corpus.run.targets.target import not_started
from smki_testca.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[[float], "Channel"]
    """Opens a channel, within some seconds."""

MAX_LINE_OCTETS = 1 << 16
"""The longest line that is read; what is longer is thrown away."""
_CHUNK = 1 << 16
_RETRY_SECONDS = 0.1
_END_SECONDS = 1.0
"""The time in which a process must end after it closed its output."""


class ChannelClosedError(Exception):
    """The other side ended; the text says how."""


class ChannelFullError(Exception):
    """The other side did not take what was sent in time."""


class Channel(Protocol):
    """Octets to a target and back."""

    def send(self, data: bytes, deadline: float) -> None:
        """Send octets.

        Raises:
            ChannelFullError: if they are not taken before the deadline.
            ChannelClosedError: if the target ended.
        """

    def receive(self, deadline: float) -> bytes:
        """Some octets; nothing if none came before the deadline.

        Raises:
            ChannelClosedError: if the target ended.
        """

    def close(self) -> None:
        """End the target, or the connection to it."""


class ProcessChannel:
    """A process's standard input and output; its standard error is ours.

    Args:
        command: that starts it.

    Raises:
        InputError: if it cannot be started.
    """

    def __init__(self, command: str) -> None:
        if os.name == "nt":
            raise InputError(
                "corpus.platform",
                "lines: and jsonl: cannot be used on Windows.",
                "Use exec: or tcp:, or run this in WSL.",
            )
        self._process = start(words_of(command), has_stdin=True, has_stderr=False)
        assert self._process.stdin is not None  # noqa: S101 - both are piped
        assert self._process.stdout is not None  # noqa: S101
        self._in = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        os.set_blocking(self._in, False)

    def send(self, data: bytes, deadline: float) -> None:
        """Write to the standard input."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._in, rest) :]
            except BlockingIOError:
                if not select.select([], [self._in], [], _left(deadline))[1]:
                    raise ChannelFullError from None
            except OSError:
                raise self._closed() from None

    def receive(self, deadline: float) -> bytes:
        """Read from the standard output."""
        if not select.select([self._out], [], [], _left(deadline))[0]:
            return b""
        data = os.read(self._out, _CHUNK)
        if not data:
            raise self._closed()
        return data

    def close(self) -> None:
        """Kill the process."""
        end(self._process)

    def _closed(self) -> ChannelClosedError:
        try:
            return ChannelClosedError(how_it_ended(self._process.wait(_END_SECONDS)))
        except subprocess.TimeoutExpired:
            return ChannelClosedError("it closed its output")


class TcpChannel:
    """A TCP connection.

    Args:
        host: the name or address.
        port: the number.
        seconds: how long to try; a target that restarts may refuse at first.

    Raises:
        InputError: if there is no connection until then.
    """

    def __init__(self, host: str, port: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._socket = socket.create_connection((host, port), max(0.1, _left(deadline)))
                break
            except OSError as error:
                if _left(deadline) <= _RETRY_SECONDS:
                    reason = (error.strerror or str(error)).lower()
                    named = f"[{host}]" if ":" in host else host
                    raise not_started(f"tcp:{named}:{port}", reason) from error
                time.sleep(_RETRY_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes, deadline: float) -> None:
        """Send octets."""
        try:
            self._socket.settimeout(max(0.001, _left(deadline)))
            self._socket.sendall(data)
        except TimeoutError:
            raise ChannelFullError from None
        except OSError as error:
            raise ChannelClosedError(_lost_connection(error)) from error

    def receive(self, deadline: float) -> bytes:
        """Receive octets."""
        try:
            self._socket.settimeout(max(0.001, _left(deadline)))
            data = self._socket.recv(_CHUNK)
        except TimeoutError:
            return b""
        except OSError as error:
            raise ChannelClosedError(_lost_connection(error)) from error
        if not data:
            raise ChannelClosedError("it closed the connection")
        return data

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


class SerialChannel:
    """A serial line: 8 bits, no parity, one stop bit.

    Args:
        device: such as ``/dev/ttyUSB0`` or ``COM3``.
        baud: the rate.

    Raises:
        InputError: if it cannot be opened, or pyserial is not installed.
    """

    def __init__(self, device: str, baud: int) -> None:
        try:
            import serial  # noqa: PLC0415 - an extra, which only those with a device on a line need
        except ImportError as error:
            raise InputError(
                "corpus.serial",
                "A target on a serial line needs the package pyserial.",
                "Install it with: pip install 'smki-testca[serial]'.",
            ) from error
        self._error = serial.SerialException
        self._too_slow = serial.SerialTimeoutException
        try:
            self._line: Any = serial.Serial(device, baud)
        except (serial.SerialException, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise not_started(f"serial:{device}@{baud}", reason.rstrip(".")) from error

    def send(self, data: bytes, deadline: float) -> None:
        """Send octets."""
        try:
            self._line.write_timeout = max(0.001, _left(deadline))
            self._line.write(data)
        except self._too_slow:
            raise ChannelFullError from None
        except (self._error, OSError) as error:
            raise ChannelClosedError(f"the line failed: {error}") from error

    def receive(self, deadline: float) -> bytes:
        """Receive octets."""
        try:
            self._line.timeout = _left(deadline)
            data: bytes = self._line.read(1)
            return data + self._line.read(self._line.in_waiting) if data else b""
        except (self._error, OSError) as error:
            raise ChannelClosedError(f"the line failed: {error}") from error

    def close(self) -> None:
        """Close the line."""
        with contextlib.suppress(self._error, OSError):
            self._line.close()


def tcp(named: str) -> Connect:
    """A function that connects to ``HOST:PORT``.

    Raises:
        InputError: if that is no host and port.
    """
    host, _, port = named.rpartition(":")
    if not host or not NUMBER.fullmatch(port) or not 0 < int(port) < 1 << 16:
        raise not_started(f"tcp:{named}", "it is not HOST:PORT")
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise not_started(f"tcp:{named}", "its host is not a name of the DNS") from error
    return lambda seconds: TcpChannel(host.strip("[]"), int(port), seconds)


def serial(named: str) -> Connect:
    """A function that opens ``DEVICE@BAUD``.

    Raises:
        InputError: if that is no device and rate.
    """
    device, _, baud = named.rpartition("@")
    if not device or not NUMBER.fullmatch(baud) or not int(baud):
        raise not_started(f"serial:{named}", "it is not DEVICE@BAUD")
    return lambda _: SerialChannel(device, int(baud))


class Lines:
    """The lines that come from a channel.

    Args:
        channel: to read from.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lines: list[bytes] = []
        self._rest = b""
        self._is_skipping = False

    def next(self, deadline: float) -> str | None:
        """The next line; None if it does not come before the deadline.

        Raises:
            ChannelClosedError: if the target ended.
        """
        # A target that prints without end is never waited for: the time is looked at each time.
        while time.monotonic() < deadline:
            if self._lines:
                return self._lines.pop().decode("utf-8", "replace").strip()
            data = self._channel.receive(deadline)
            *lines, self._rest = (self._rest + data).split(b"\n")
            if self._is_skipping and lines:
                del lines[0]
                self._is_skipping = False
            if len(self._rest) > MAX_LINE_OCTETS:
                self._rest, self._is_skipping = b"", True
            # What is too long is thrown away however it came, in one piece or in many.
            self._lines = [line for line in reversed(lines) if len(line) <= MAX_LINE_OCTETS]
        return None


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _lost_connection(error: OSError) -> str:
    return f"the connection was lost: {(error.strerror or str(error)).lower()}"
