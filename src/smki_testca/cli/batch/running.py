"""Completes a run with its engine, and shows its progress and its outcome."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.ending import INTERRUPTED
from smki_testca.cli.numbers import NUMBER
from smki_testca.cli.output import (
    Progress,
    outcome_marks,
    print_json_line,
    say,
)
from smki_testca.errors import (
    ExitCode,
    InputError,
    UsageError,
)
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.api import Estate
    from smki_testca.cli.session import Session
    from smki_testca.estate.runs import Run
    from smki_testca.issuance.batch.engines import Engine

_ENGINE_OPTIONS = [
    click.option(
        "--workers", metavar="N", type=NUMBER, help="The number of processes; all cores by default."
    ),
    click.option(
        "--engine",
        type=click.Choice(["local", "dask"]),
        default="local",
        help="Make certificates on this machine (the default), or on a Dask cluster.",
    ),
    click.option(
        "--scheduler", metavar="ADDRESS", help="The scheduler of a Dask cluster: tls://HOST:PORT."
    ),
    click.option("--tls-cert", metavar="FILE", help="This client's certificate for the cluster."),
    click.option("--tls-key", metavar="FILE", help="The private key of that certificate."),
    click.option("--tls-ca", metavar="FILE", help="The CA of the cluster."),
]


def with_engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say which engine makes the tiles."""
    for option in reversed(_ENGINE_OPTIONS):
        command = option(command)
    return command


def engine_of(options: dict[str, Any]) -> Engine:
    """Return the engine that the options ask for.

    Raises:
        UsageError: if they do not go together.
        InputError: if a file that they name is missing.
    """
    from smki_testca.issuance.batch.engines import DaskEngine, LocalEngine

    if options["engine"] == "local":
        if options["scheduler"] is not None:
            raise UsageError("usage", "--scheduler needs --engine dask.")
        return LocalEngine(options["workers"])
    needed = ("scheduler", "tls_cert", "tls_key", "tls_ca")
    missing = [f"--{name.replace('_', '-')}" for name in needed if options[name] is None]
    if missing:
        raise UsageError("usage", f"The engine dask needs {', '.join(missing)}.")
    for name in needed[1:]:
        if not Path(options[name]).is_file():
            raise InputError(
                "input.unreadable", f"{options[name]} cannot be read: it is not a file."
            )
    return DaskEngine(
        options["scheduler"], options["tls_cert"], options["tls_key"], options["tls_ca"]
    )


class RunProgress:
    """Shows the certificates done, their rate and the time left; as JSON, a line per thousand."""

    def __init__(self, session: Session, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._as_json = session.as_json
        self._progress = Progress("issuing", monotonic)
        self._monotonic = monotonic
        self._start = monotonic()
        self._first: int | None = None
        self._thousands_shown = 0

    def __call__(self, issued: int, total: int) -> None:
        """Show the number issued, and the number of all."""
        if self._first is None:
            self._first = issued
            self._thousands_shown = issued // 1000
        if not self._as_json:
            self._progress(issued, total)
            return
        spent = self._monotonic() - self._start
        rate = (issued - self._first) / spent if spent > 0 else 0.0
        while self._thousands_shown < issued // 1000:
            self._thousands_shown += 1
            line = {
                "issued": self._thousands_shown * 1000,
                "count": total,
                "per_second": round(rate),
            }
            print_json_line(line)
        if sys.stderr is not None and not sys.stderr.isatty():
            self._progress(issued, total)


def announce(run: int) -> None:
    """Tell the number of a run at its start, on standard error: whoever resumes it needs it."""
    say(f"run {run}", err=True)


def complete_run(session: Session, estate: Estate, run: int, engine: Engine) -> Run:
    """Issue the tiles of a run that are not done; Ctrl-C ends the command with one line."""
    from smki_testca.issuance.batch import running

    try:
        return running.resume(estate, run, engine, RunProgress(session))
    except KeyboardInterrupt:
        stored_run = estate.runs.get(run)
        say(
            f"interrupted: {stored_run.issued} of"
            f" {counted(stored_run.terms.count, 'certificate')} are issued."
            f" Continue it: smki-testca batch resume {run}",
            err=True,
        )
        click.get_current_context().exit(INTERRUPTED)


def complete_and_report(
    session: Session, estate: Estate, run: int, engine: Engine, outcome: dict[str, Any]
) -> None:
    """Complete a run and print its outcome; end with 1 where a row could not be issued."""
    finished = complete_run(session, estate, run, engine)
    print_run(session, finished, outcome)
    if outcome["problems"]:
        click.get_current_context().exit(ExitCode.FINDINGS)


def print_run(session: Session, run: Run, outcome: dict[str, Any] | None = None) -> None:
    """Print a run, with what else there is to say of it as JSON."""
    if session.as_json:
        document = run.as_json()
        document |= outcome or {}
        print_json_line({"run": document, **outcome_marks(session)})
        return
    # Plain lines, so that this command does not import rich.
    for name, value in run.as_json().items():
        if value is not None:
            say(f"{name.replace('_', ' '):13} {_in_words(value)}")


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)
