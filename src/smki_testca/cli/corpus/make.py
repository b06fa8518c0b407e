"""``corpus make``: writes the corpus into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.corpus.listing import catalogue
from smki_testca.cli.corpus.selecting import selecting, selection
from smki_testca.cli.output import print_json, say
from smki_testca.cli.output_paths import FOLDER
from smki_testca.text import counted

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.cli.session import Session


@click.command()
@click.argument("out", metavar="DIR", type=FOLDER)
@selecting
@click.option("--force", is_flag=True, help="Overwrite the files of a corpus that is there.")
@click.pass_obj
def make(session: Session, /, out: Path, *, force: bool, **given: Any) -> None:
    """Write the corpus into DIR: documents, their index, C, PKCS#7, sums, and a page to search.

    Without an option it has each defect on its main documents; with --every-base on all that it
    fits. Other options leave cases out; the good documents that the others are changes of stay.

    \b
    Example:
      smki-testca corpus make corpus
      smki-testca corpus make small --profile device --importance critical --max-octets 1024
    """
    from smki_testca.corpus.delivery.folder import files
    from smki_testca.folders import write

    cases = catalogue().select(selection(given), with_bases=True)
    paths = write(files(cases), out, force=force)
    if session.as_json:
        print_json({"directory": str(out), "cases": len(cases), "files": len(paths)})
        return
    say(f"{counted(len(cases), 'case')} in {out}. Open {out}/index.html to look them up.")
