"""``batch note``: writes the delivery note of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from smki_testca.cli.numbers import number_from
from smki_testca.cli.output import Progress, print_json, print_warnings, say
from smki_testca.cli.output_paths import FILE_HELP, OUTPUT, check_alone, place_of
from smki_testca.files import check_free, output
from smki_testca.streams import is_standard_output

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.cli.session import Session

_FORMS = ("text", "json", "html")


@click.command()
@click.argument("run", metavar="ID", type=number_from(0))
@click.option("--format", "form", type=click.Choice(_FORMS), default="text")
@click.option("--each", is_flag=True, help="List every certificate with its SHA-256.")
@click.option("--out", metavar="FILE", type=OUTPUT, help=f"{FILE_HELP} Without it, it is printed.")
@click.option("--force", is_flag=True, help="Overwrite the file if it is there already.")
@click.pass_obj
def note(
    session: Session, run: int, form: str, out: Path | None, *, each: bool, force: bool
) -> None:
    """Write a delivery note: what a run's certificates are, and the SHA-256 to check them by.

    It says how many certificates there are, for whom and of which type, the first and the last ID,
    and their validity. It holds no secret, and the same run makes the same note.

    \b
    Example:
      smki-testca --estate estate batch note 1 --format html --out note.html
    """
    from smki_testca.estate.out_of_use import out_of_use
    from smki_testca.issuance.batch import delivery_note

    if out is not None:
        check_free(out, force=force)
        check_alone(session, out)
    writers = {
        "text": delivery_note.as_text,
        "json": delivery_note.as_json,
        "html": delivery_note.as_html,
    }
    with session.open() as estate:
        stored_run = estate.runs.get(run)
        run_note = delivery_note.note_of(estate, stored_run, Progress("reading"))
        unused = out_of_use(estate, stored_run)
        if out is None or not session.as_json:
            print_warnings(unused.remarks(run))
        every = delivery_note.delivered(estate, stored_run) if each else None
        if out is None:
            form = "json" if session.as_json else form
            for line in writers[form](run_note, every):
                say(*(line.splitlines() or [""]))
            return
        with output(out, force=force, text=True) as file:
            file.writelines(f"{line}\n" for line in writers[form](run_note, every))
    if session.as_json:
        document = {
            "run": run,
            "out": str(out),
            "certificates": run_note.count,
            "sha256": run_note.sha256,
        }
        print_json(document | unused.as_json())
    else:
        say(f"The delivery note of run {run} is {place_of(out)}.", err=is_standard_output(out))
