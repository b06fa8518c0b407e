"""``--if-needed``: lets a script repeat a command whose work is done already."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.output import outcome_marks, print_json_line, say
from smki_testca.errors import AlreadySoError

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.cli.session import Session


def with_if_needed(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--if-needed``; the decorator stands next to the function.

    Where the command fails because the state is already as it would make it, it then says so and
    ends with 0. Whatever else is wrong still fails.
    """

    @click.option(
        "--if-needed", is_flag=True, help="Succeed also if the state is already as asked."
    )
    @wraps(command)
    def repeated(session: Session, /, *arguments: Any, if_needed: bool, **options: Any) -> None:
        repeated_session = replace(session, if_needed=if_needed)
        try:
            command(repeated_session, *arguments, **options)
        except AlreadySoError as error:
            if not if_needed:
                raise
            print_nothing_needed(repeated_session, error.message)

    return repeated


def print_nothing_needed(session: Session, reason: str) -> None:
    """Print that a command had nothing to do, and why."""
    if session.as_json:
        print_json_line(outcome_marks(session, changed=False))
        return
    say(f"Nothing was needed. {reason}")
