"""``batch``: issues many certificates at once, in runs that can be resumed."""

from __future__ import annotations

import click

from smki_testca.cli.batch import export, issue, note, runs, sign, verify


@click.group()
def batch() -> None:
    """Issue many certificates at once, in runs that you can resume.

    \b
    Example:
      smki-testca --estate estate batch issue devices.csv
    """


for _command in (
    *(issue.issue, issue.check, sign.sign),
    *(runs.list_, runs.show, runs.resume, runs.cancel, export.export),
    *(verify.verify, note.note),
):
    batch.add_command(_command)
