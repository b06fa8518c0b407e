"""Starts the batch process when there is a batch, tells it of others, and starts it again."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Self

from smki_testca.errors import SmkiTestcaError
from smki_testca.service.device_csr import batch_process
from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from smki_testca.service.estate_access import EstateAccess
    from smki_testca.service.settings import Window

LOOK_SECONDS = 0.5
"""The time between looks whether the process lives, once it was started."""
AGAIN_SECONDS = 1.0
"""The shortest time between two starts of the process."""
_KILL_SECONDS = 3.0
"""The time that the process may take to end by itself."""


class BatchKeeper:
    """Keeps the batch process of a server alive as long as there is something to do.

    Args:
        access: to the estate.
        window: the time of day in which batches are processed.
        has_work: tells whether a batch is unfinished.
        submitted: set whenever a batch was submitted, here or on the portal.
        tell: called with each line that the process writes for the operator.
        workers: the number of the process's workers; as many as there are cores by default.
    """

    def __init__(
        self,
        access: EstateAccess,
        window: Window | None,
        has_work: Callable[[], Awaitable[bool]],
        submitted: asyncio.Event,
        tell: Callable[[str], None],
        workers: int | None = None,
    ) -> None:
        self._access = access
        self._command = batch_process.command(access, window, workers)
        self._has_work = has_work
        self._submitted = submitted
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None
        self._started = float("-inf")
        self._keeping: asyncio.Task[None] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The process; None before it was needed."""
        return self._process

    async def __aenter__(self) -> Self:
        """Begin to keep it. It resumes the unfinished batches of earlier servers at once."""
        self._keeping = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the process. The next start resumes the batch that it was working on."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        if self._process is not None:
            await asyncio.to_thread(_end, self._process)
            self._process = None

    async def _keep(self) -> None:
        self._submitted.set()  # what an earlier server left
        while True:
            seconds = None if self._process is None else LOOK_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._submitted.wait(), seconds)
            is_new = self._submitted.is_set()
            self._submitted.clear()
            if self._process is not None and self._process.poll() is None:
                if is_new:
                    _write(self._process, b"\n")
            elif await self._is_needed():
                await asyncio.sleep(self._started + AGAIN_SECONDS - time.monotonic())
                self._start()
            else:
                self._forget()

    async def _is_needed(self) -> bool:
        """Whether there is work for the process; also where the estate cannot be asked."""
        try:
            return await self._has_work()
        except SmkiTestcaError:
            return True

    def _forget(self) -> None:
        if self._process is not None:
            _close(self._process)
            self._process = None

    def _start(self) -> None:
        self._forget()
        self._started = time.monotonic()
        # Ctrl-C in a terminal is for the server: the process hears of it by the end of its input.
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        _write(self._process, batch_process.secret_line(self._access))
        arguments = (self._process, asyncio.get_running_loop(), self._tell)
        threading.Thread(target=_pass_on, args=arguments, daemon=True).start()


def _pass_on(
    process: subprocess.Popen[bytes],
    loop: asyncio.AbstractEventLoop,
    tell: Callable[[str], None],
) -> None:
    """Tell each line that the process writes, until it ends."""
    if process.stderr is None:
        return
    with process.stderr, contextlib.suppress(RuntimeError):  # of a loop that was closed
        for line in process.stderr:
            text = plain(line.decode("utf-8", "replace").rstrip())
            loop.call_soon_threadsafe(tell, text)


def _write(process: subprocess.Popen[bytes], line: bytes) -> None:
    # That it has ended is found the next time that somebody looks.
    with contextlib.suppress(OSError):
        if process.stdin is not None:
            process.stdin.write(line)
            process.stdin.flush()


def _close(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Tell the process that its server ends, and wait until it has ended."""
    _close(process)
    try:
        process.wait(_KILL_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
