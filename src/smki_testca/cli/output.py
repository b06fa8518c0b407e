"""What the command prints: tables for people, JSON for programs, progress on standard error."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from smki_testca.api import Estate
    from smki_testca.cli.session import Session
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.status import Status
    from smki_testca.roles import Roles


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(document, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """A table; in colour on a terminal unless NO_COLOR is set, never cut off in a pipe."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # As text, because brackets in a name are no markup.
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
        # What others wrote, such as a label, must not steer the terminal.
        table.add_row(*(Text("\n".join(map(plain, cell.split("\n")))) for cell in row))
    width = None if sys.stdout.isatty() else 10_000
    console = Console(
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        width=width,
        highlight=False,
        soft_wrap=width is not None,
    )
    console.print(table)


def print_warnings(warnings: Iterable[str]) -> None:
    """Warnings, one line each, on standard error."""
    for warning in warnings:
        click.echo(f"warning: {plain(warning)}", err=True)


def print_records(
    records: Sequence[Record],
    roles: Roles,
    title: str = "",
    statuses: Sequence[Status] | None = None,
) -> None:
    """Certificates as a table, each with its status if they are given."""
    # Only seeded runs make such keys; elsewhere the column would say the same in every line.
    told = not all(one.keys_secret for one in records)
    columns = ("Label", "Profile", "Participant", "EUI-64", "Role", "Usage", "Not after", "Serial")
    print_table(
        (*columns, *(["Status"] if statuses else []), *(["Keys"] if told else [])),
        [
            (
                one.label or "",
                one.profile,
                one.participant or "",
                "" if one.eui64 is None else str(one.eui64),
                role_name(one.role, roles),
                one.usage,
                f"{one.not_after:%Y-%m-%d}",
                str(one.serial),
                *([statuses[place].word] if statuses else []),
                *(["secret" if one.keys_secret else "not secret"] if told else []),
            )
            for place, one in enumerate(records)
        ],
        title,
    )


def print_with_status(session: Session, estate: Estate, records: Sequence[Record]) -> None:
    """Certificates of an estate, each with the status it has now, as JSON or as a table."""
    statuses = [estate.status(one) for one in records]
    if session.as_json:
        told = zip(records, statuses, strict=True)
        print_json({"certificates": [{**one.as_json(), "status": s.value} for one, s in told]})
        return
    print_records(records, estate.library.roles, statuses=statuses)


def role_name(code: int | None, roles: Roles) -> str:
    """A role's name beside its code."""
    if code is None:
        return ""
    role = roles.by_code(code)
    return f"{code:02X}" if role is None else f"{role.name} ({role.hex})"


class Progress:
    """A counter on standard error, once the work has taken over a second on a terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._start = time.monotonic()
        self._shown = False

    def __call__(self, done: int, total: int) -> None:
        """Show how many of how many are done."""
        if sys.stderr.isatty() and time.monotonic() - self._start > 1:
            click.echo(f"\r{self._what}: {done} of {total}", err=True, nl=done == total)
            self._shown = True
