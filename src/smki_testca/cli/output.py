"""The output of the command: tables for people, JSON for programs, progress on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, TypeVar

import click

from smki_testca.errors import OutputError
from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from smki_testca.api import Estate
    from smki_testca.cli.session import Session
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.status import Status
    from smki_testca.roles import Roles

T = TypeVar("T")


def say(*lines: str, err: bool = False) -> None:
    """Print lines of text, on standard output or standard error.

    Text of others, such as a label or a file's name, neither adds lines nor controls the terminal.
    """
    for line in lines:
        click.echo(plain(line), err=err)


def print_document(text: str) -> None:
    """Print a document of several lines as it is: PEM, CSV, JSON, SARIF or iCalendar.

    On a terminal, its control characters are escaped.
    """
    if sys.stdout.isatty():
        say(*text.splitlines())
    else:
        click.echo(text, nl=False)


def check_open() -> None:
    """Check that standard output leads anywhere, for what is lost if nobody reads it.

    Raises:
        OutputError: if the caller closed it.
    """
    if sys.__stdout__ is None:
        raise OutputError(
            "output.failed",
            "Standard output is closed, so that nothing can be printed.",
            "Give the command again with standard output open.",
        )


def print_progress(text: str, *, last: bool) -> None:
    """Print a line on standard error over the one before; the last one stays."""
    click.echo(f"\r{plain(text)}", err=True, nl=last)


def print_json(document: Any) -> None:
    """Print one JSON document on standard output; it is ASCII."""
    click.echo(json.dumps(document, indent=2))


def print_json_line(document: Any) -> None:
    """Print one JSON document on one line of standard output."""
    click.echo(json.dumps(document))


Cell = str | tuple[str, ...]
"""A cell of a table: its text, or the texts of its lines."""


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], title: str = "") -> None:
    """Print a table: in colour on a terminal unless NO_COLOR is set, never cut off in a pipe."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # As Text, so that rich does not read brackets in a name as markup.
    table = Table(
        title=Text(plain(title)) if title else None,
        title_justify="left",
        box=None,
        pad_edge=False,
        show_header=any(columns),
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text from others, such as a label, must not control the terminal.
        lines = ((cell,) if isinstance(cell, str) else cell for cell in row)
        table.add_row(*(Text("\n".join(map(plain, cell))) for cell in lines))
    width = None if sys.stdout.isatty() else 10_000
    console = Console(
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        width=width,
        highlight=False,
        soft_wrap=width is not None,
    )
    console.print(table)


def print_warnings(warnings: Iterable[str]) -> None:
    """Print warnings on standard error, one line each."""
    for warning in warnings:
        say(f"warning: {warning}", err=True)


def print_records(
    records: Sequence[Record],
    roles: Roles,
    title: str = "",
    statuses: Sequence[Status] | None = None,
) -> None:
    """Print certificates as a table, each with its status if statuses are given."""
    # Only seeded runs make keys that are not secret; otherwise every row would say the same.
    with_keys_column = not all(record.keys_secret for record in records)
    with_marks = any(record.experimental for record in records)
    columns = [
        *("Label", "Profile", "Participant", "EUI-64", "Role", "Usage", "Not after", "Serial"),
        *(["Status"] if statuses else []),
        *(["Keys"] if with_keys_column else []),
        *(["Mark"] if with_marks else []),
    ]
    print_table(
        columns,
        [
            (
                record.label or "",
                record.profile,
                record.participant or "",
                "" if record.eui64 is None else str(record.eui64),
                role_name(record.role, roles),
                record.usage,
                f"{record.not_after.date()}",
                str(record.serial),
                *([statuses[index].word] if statuses else []),
                *(["secret" if record.keys_secret else "not secret"] if with_keys_column else []),
                *(["experimental" if record.experimental else ""] if with_marks else []),
            )
            for index, record in enumerate(records)
        ],
        title,
    )


def print_with_status(session: Session, estate: Estate, records: Sequence[Record]) -> None:
    """Print certificates of an estate, each with its present status, as JSON or as a table."""
    statuses = [estate.status(record) for record in records]
    if session.as_json:
        certificates = [
            {**record.as_json(), "status": status.value}
            for record, status in zip(records, statuses, strict=True)
        ]
        print_json({"certificates": certificates})
        return
    print_records(records, estate.library.roles, statuses=statuses)


def role_name(code: int | None, roles: Roles) -> str:
    """Return a role's name with its code; only the code if it has no name."""
    if code is None:
        return ""
    role = roles.by_code(code)
    return f"{code:02X}" if role is None else f"{role.name} ({role.hex})"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or the plural, such as ``2 files``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


HEARTBEAT_SECONDS = 30.0
"""How often a line tells that long work goes on, where standard error is no terminal."""
_REDRAW_SECONDS = 0.1


class Progress:
    """Shows on standard error how far long work is.

    On a terminal, one line is written over and over once the work takes over a second. Elsewhere,
    such as in the log of a job, a line follows every ``HEARTBEAT_SECONDS``.

    Args:
        activity: what is done, such as ``issuing``.
        monotonic: tells seconds that never go back.
    """

    def __init__(self, activity: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._activity = activity
        self._monotonic = monotonic
        self._start = self._beat = monotonic()
        self._drawn: float | None = None
        self._first: int | None = None
        self._state: tuple[int, int | None] = (0, None)

    def __call__(self, done: int, total: int | None = None) -> None:
        """Show the number done, and the number of all if that is known."""
        if self._first is None:
            self._first = done
        self._state = done, total
        self.tick()

    def tick(self) -> None:
        """Show again what was shown last, if it is time: nothing more is done yet."""
        now = self._monotonic()
        done, total = self._state
        if sys.stderr is None:
            return
        if not sys.stderr.isatty():
            if now - self._beat >= HEARTBEAT_SECONDS:
                self._beat = now
                say(self._text(now), err=True)
            return
        if done == total:
            if self._drawn is not None:
                self._drawn = None
                print_progress(f"{self._text(now)}  ", last=True)
        elif now - (self._start + 1 if self._drawn is None else self._drawn) > _REDRAW_SECONDS:
            self._drawn = now
            print_progress(f"{self._text(now)}  ", last=False)

    def over(self, items: Iterable[T], total: int | None = None) -> Iterator[T]:
        """Yield items, and show how many were drawn."""
        done = 0
        for done, item in enumerate(items, 1):
            yield item
            self(done, total)
        if total is None and done:
            self(done, done)

    def _text(self, now: float) -> str:
        done, total = self._state
        spent = now - self._start
        rate = (done - (self._first or 0)) / spent if spent > 0 else 0.0
        parts = [f"{done}" if total is None else f"{done} of {total}"]
        if rate >= 1:
            parts.append(f"{rate:.0f} a second")
        if rate and total is not None and total > done:
            parts.append(f"{(total - done) / rate:.0f} s left")
        elif not rate:
            parts.append(f"{spent:.0f} s")
        return f"{self._activity}: {', '.join(parts)}"
