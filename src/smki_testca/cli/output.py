"""The output of the command: tables for people, JSON for programs, progress on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from smki_testca.errors import OutputError
from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from smki_testca.api import Estate
    from smki_testca.cli.session import Session
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.status import Status
    from smki_testca.roles import Roles


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


def print_outcome(session: Session, document: dict[str, Any]) -> None:
    """Print what a command did as a JSON document, with ``dry_run`` and ``changed`` where asked."""
    print_json({**document, **outcome_marks(session)})


def outcome_marks(session: Session, *, changed: bool = True) -> dict[str, bool]:
    """The keys of a JSON document that say of a command that it was tried, or that it was needed.

    Args:
        session: of the command.
        changed: whether there was anything to change, for a command with ``--if-needed``.
    """
    return {
        **({"dry_run": True} if session.dry_run else {}),
        **({"changed": changed} if session.if_needed else {}),
    }


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
        print_outcome(session, {"certificates": certificates})
        return
    print_records(records, estate.library.roles, statuses=statuses)


def role_name(code: int | None, roles: Roles) -> str:
    """Return a role's name with its code; only the code if it has no name."""
    if code is None:
        return ""
    role = roles.by_code(code)
    return f"{code:02X}" if role is None else f"{role.name} ({role.hex})"


class Progress:
    """Shows a counter on standard error, if that is a terminal and the work takes over a second."""

    def __init__(self, activity: str) -> None:
        self._activity = activity
        self._start = time.monotonic()
        self._shown = False

    def __call__(self, done: int, total: int) -> None:
        """Show the number done, and the number of all."""
        if sys.stderr.isatty() and time.monotonic() - self._start > 1:
            print_progress(f"{self._activity}: {done} of {total}", last=done == total)
            self._shown = True
