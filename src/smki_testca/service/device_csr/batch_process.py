"""The process that makes the runs of submitted batches, beside the one that answers.

The server starts it with the estate's directory, and writes the passphrase and the PINs of tokens
to its standard input: so that the event loop is never held up, and workers are forked by a process
without threads of others. A line on its standard input says that a batch was submitted; the end of
it, that the server has ended, however that was.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.clock import FixedClock, iso, parse_instant
from smki_testca.errors import SmkiTestcaError
from smki_testca.passphrases import Passphrase
from smki_testca.service.device_csr.batch_processing import BatchProcessing, ProcessingEnded
from smki_testca.service.estate_access import EstateAccess, TokenSecrets
from smki_testca.service.settings import Window

if TYPE_CHECKING:
    from io import FileIO

    from smki_testca.clock import Clock

LOOK_SECONDS = 1.0
"""The time between looks for work of another server, or of a window that opens."""
END_SECONDS = 1.0
"""The time that it may go on after the end of its standard input. It can be killed then."""
_NICE = 5
"""So that requests are answered first."""


def command(access: EstateAccess, window: Window | None, workers: int | None) -> list[str]:
    """The command line of the process; nothing in it is secret.

    Args:
        access: to the estate.
        window: the time of day in which batches are processed.
        workers: the number of its workers; as many as there are cores by default.
    """
    words = [sys.executable, "-P", "-m", __name__, str(access.directory.absolute())]
    if access.profiles is not None:
        words += ["--profiles", str(access.profiles.absolute())]
    if access.clock is not None:
        words += ["--clock", iso(access.clock.now())]
    if window is not None:
        words += ["--window", str(window)]
    if workers is not None:
        words += ["--workers", str(workers)]
    return words


def secret_line(access: EstateAccess) -> bytes:
    """The first line of its standard input: the passphrase, what it wraps, and tokens' secrets."""
    passphrase = access.passphrase
    has_mark = isinstance(passphrase, Passphrase) and passphrase.has_mark
    secrets = {
        "passphrase": str(passphrase),
        "mark": has_mark,
        "wrapped": None if access.wrapped is None else access.wrapped.hex(),
        "tokens": access.tokens.as_json(),
    }
    return json.dumps(secrets).encode() + b"\n"


def _access(directory: str, profiles: str | None, clock: str | None, line: bytes) -> EstateAccess:
    secret = json.loads(line)
    passphrase = Passphrase(secret["passphrase"], has_mark=secret["mark"])
    fixed: Clock | None = None if clock is None else FixedClock(parse_instant(clock))
    wrapped = None if secret["wrapped"] is None else bytes.fromhex(secret["wrapped"])
    own = None if profiles is None else Path(profiles)
    tokens = TokenSecrets.of_json(secret["tokens"])
    return EstateAccess(Path(directory), passphrase, own, fixed, wrapped, tokens)


class Server:
    """The server that started the process, as the process hears of it.

    Args:
        lines: standard input, after its first line.
    """

    def __init__(self, lines: FileIO) -> None:
        self._lines = lines
        self._news = threading.Event()
        self._has_ended = threading.Event()
        threading.Thread(target=self._listen, name="server", daemon=True).start()

    def wait(self) -> None:
        """Wait until a batch was submitted, or it is time to look for one.

        Raises:
            Ended: if the server has ended.
        """
        self._news.wait(LOOK_SECONDS)
        self._news.clear()
        self.check()

    def check(self) -> None:
        """Check that the server lives.

        Raises:
            Ended: if it has ended.
        """
        if self._has_ended.is_set():
            raise ProcessingEnded

    def _listen(self) -> None:
        while self._lines.readline():
            self._news.set()
        self._has_ended.set()
        self._news.set()
        # What cannot be asked, such as SQLite or a worker's death, is not waited for.
        ending = threading.Timer(END_SECONDS, os._exit, (0,))
        ending.daemon = True
        ending.start()


def tell(line: str) -> None:
    """Write a line for whoever looks after the server."""
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except OSError:  # nobody reads it any more
        return


def main() -> int:
    """Work until the server ends; gives the exit code."""
    parser = argparse.ArgumentParser(prog="smki-testca batches")
    parser.add_argument("directory")
    parser.add_argument("--profiles")
    parser.add_argument("--clock")
    parser.add_argument("--window")
    parser.add_argument("--workers", type=int)
    given = parser.parse_args()
    if hasattr(os, "nice"):
        os.nice(_NICE)
    # Without a buffer, which has a lock: a worker that is forked meanwhile would never get it.
    lines = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 - standard input
    line = lines.readline()
    if not line:
        return 0
    access = _access(given.directory, given.profiles, given.clock, line)
    window = None if given.window is None else Window.parse(given.window)
    server = Server(lines)
    try:
        with access.open() as estate:
            estate.unlock()
            processing = BatchProcessing(estate, window, tell, server.check, workers=given.workers)
            while True:
                try:
                    processing.work()
                except SmkiTestcaError as error:
                    # Such as an estate that others keep locked: it is tried again.
                    tell(f"batches: {error.message}")
                server.wait()
    except ProcessingEnded:
        return 0
    except SmkiTestcaError as error:
        tell(f"batches cannot be processed: {error.message} {error.remedy}".rstrip())
        return int(error.exit_code)


if __name__ == "__main__":
    sys.exit(main())
