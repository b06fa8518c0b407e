"""``list``: lists the certificates of an estate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from smki_testca.cli.output import print_with_status
from smki_testca.cli.selection import selecting, selection

if TYPE_CHECKING:
    from smki_testca.cli.session import Session


@click.command("list")
@click.option(
    "--external", is_flag=True, help="List imported certificates, not those of the estate."
)
@selecting
@click.pass_obj
def list_(session: Session, /, *, external: bool, **given: str | None) -> None:
    """List the certificates of an estate, or those that fit every option.

    \b
    Example:
      smki-testca --estate estate list --participant supplier-one --usage key-agreement
    """
    with session.open() as estate:
        if external:
            from smki_testca.cli.external import list_externals

            list_externals(session, estate, given)
            return
        records = list(estate.select(selection(estate.library, given)))
        print_with_status(session, estate, records)
