"""The command that resets a target after a crash or a hang, such as one that cuts its power."""

from __future__ import annotations

import subprocess

from smki_testca.corpus.run.targets.processes import end, how_it_ended, start, words_of
from smki_testca.errors import InputError

MOST_SECONDS = 60
"""The longest time that the command may take."""


class Reset:
    """The command of ``--reset``.

    Args:
        command: its words, as a shell reads quotes; empty to do nothing.

    Raises:
        InputError: if it is no command, or there is no such program.
    """

    def __init__(self, command: str) -> None:
        self._words = words_of(command, _not_started) if command else []

    def run(self) -> None:
        """Run it until it ends. What it started in the background stays: it may be the target.

        Raises:
            InputError: if it cannot be started, fails, or takes longer than a minute.
        """
        if not self._words:
            return
        process = start(
            self._words,
            has_stdin=False,
            has_stdout=False,
            has_stderr=False,
            not_started=_not_started,
        )
        try:
            code = process.wait(MOST_SECONDS)
        except subprocess.TimeoutExpired:
            end(process)
            raise _failed(f"it takes over {MOST_SECONDS} seconds") from None
        except BaseException:
            # Ctrl-C and signals, too: the command must not outlive the run.
            end(process)
            raise
        if code != 0:
            raise _failed(how_it_ended(code))


def _not_started(command: str, reason: str) -> InputError:
    return InputError(
        "corpus.reset",
        f"The command {command} of --reset cannot be started: {reason}.",
        "Check what --reset names.",
    )


def _failed(cause: str) -> InputError:
    return InputError(
        "corpus.reset",
        f"The command of --reset fails: {cause}.",
        "Mend it, then continue with --resume.",
    )
