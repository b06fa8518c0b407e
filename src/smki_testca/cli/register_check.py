"""``register check``: judges a file of participants and agreements without importing it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from smki_testca.cli.input_files import read_input
from smki_testca.cli.output import print_json, print_warnings, say
from smki_testca.register.checking import check_file
from smki_testca.text import counted

if TYPE_CHECKING:
    from smki_testca.cli.session import Session


@click.command()
@click.argument("file", metavar="FILE")
@click.pass_obj
def check(session: Session, file: str) -> None:
    """Check a TOML FILE of participants and agreements as its import would; nothing is changed.

    With an estate, it is checked against that estate's register. Without one, it is checked as
    the first file of an empty register.

    \b
    Example:
      smki-testca register check examples/participants.toml
    """
    data = read_input(file)
    warnings: list[str] = []
    if session.estate is None:
        participants, agreements = check_file(data, file, session.library())
    else:
        # The import itself, taken back: so it tells the same.
        with replace(session, dry_run=True).open() as estate:
            participants, agreements = estate.register.import_file(data, file, warnings.append)
    if session.as_json:
        print_json(
            {
                "participants": [participant.id for participant in participants],
                "agreements": [agreement.reference for agreement in agreements],
                "estate": session.estate,
                "warnings": warnings,
            }
        )
        return
    print_warnings(warnings)
    say(
        f"{counted(len(participants), 'participant')} and"
        f" {counted(len(agreements), 'agreement')} can be imported into"
        f" {'an empty register' if session.estate is None else session.estate}."
    )
