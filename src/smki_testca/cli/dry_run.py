"""``--dry-run``: gives a command an estate that takes back whatever the command does with it."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.cli.session import Session


def with_dry_run(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--dry-run``; the decorator stands next to the function.

    The command does its work as ever and prints what came of it. What it changed in the estate is
    taken back when it closes that. A command that writes files besides asks ``session.dry_run``.
    """

    @click.option("--dry-run", is_flag=True, help="Show what would be done, and change nothing.")
    @wraps(command)
    def tried(session: Session, /, *arguments: Any, dry_run: bool, **options: Any) -> None:
        tried_session = replace(session, dry_run=dry_run)
        try:
            command(tried_session, *arguments, **options)
        except click.exceptions.Exit:
            # An exit code other than 0, for example where something was left out.
            _say_so(tried_session)
            raise
        _say_so(tried_session)

    return tried


def _say_so(session: Session) -> None:
    if session.dry_run and not session.as_json:
        say("This was a dry run: nothing was changed.", err=True)
