"""``corpus make``: writes the corpus into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.configuration import SettingSource
from smki_testca.cli.corpus.listing import catalogue
from smki_testca.cli.corpus.selecting import selecting, selection
from smki_testca.cli.output import print_json, print_warnings, say
from smki_testca.cli.output_paths import FOLDER
from smki_testca.cli.tokens import Needs, ask_first
from smki_testca.estate_files import check_no_estate
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from smki_testca.cli.session import Session


@click.command()
@click.argument("out", metavar="DIR", type=FOLDER)
@selecting
@click.option(
    "--c-name",
    metavar="NAME",
    help="Name the files in C, their guard and what is in them, so that a program may have several"
    " corpora.",
)
@click.option("--force", is_flag=True, help="Take the place of a corpus that is there.")
@click.pass_obj
def make(
    session: Session, /, out: Path, c_name: str | None, *, force: bool, **options: Any
) -> None:
    """Write the corpus into DIR: documents, their index, C, PKCS#7, sums, and a page to search.

    Without an option it has each defect on its main documents; with --every-base on all that it
    fits. Cases of low importance are left out, to keep it small, unless --importance low, --only or
    --every-base asks for them. Other options leave cases out; the good documents that the others
    are changes of stay.

    \b
    Example:
      smki-testca corpus make corpus
      smki-testca corpus make small --profile device --importance critical --max-octets 1024
      smki-testca corpus make own --estate estate --profile device
    """
    from smki_testca.corpus.delivery.corpus_index import Heading
    from smki_testca.corpus.delivery.folder import written
    from smki_testca.corpus.delivery.symbols import CNames
    from smki_testca.corpus.estate_corpus import make as make_under
    from smki_testca.corpus.estate_corpus import recorded
    from smki_testca.corpus.estate_pki import authorities_of
    from smki_testca.folders import check_folder

    check_no_estate(out)
    in_c = CNames() if c_name is None else CNames.own(c_name)
    check_folder(out)
    left_out: Mapping[str, str] = {}
    if session.setting("estate").source is SettingSource.OPTION:
        with session.open() as estate:
            ask_first(session, estate, lambda: Needs(authorities_of(estate), sealing=False))
            estate_corpus = make_under(estate, selection(options))
            cases, left_out = estate_corpus.cases, estate_corpus.left_out
            with recorded(estate, estate_corpus):
                heading = Heading(estate_corpus.environment, estate_corpus.at)
                paths = written(cases, out, heading, in_c, force=force)
    else:
        cases = catalogue().select(selection(options), with_bases=True)
        paths = written(cases, out, in_c=in_c, force=force)
    if session.as_json:
        counts = {"cases": len(cases), "files": len(paths)}
        print_json({"directory": str(out), **counts, "left_out": dict(left_out)})
        return
    print_warnings(f"{name} is left out. {reason}" for name, reason in left_out.items())
    say(f"{counted(len(cases), 'case')} in {out}. Open {out}/index.html to look them up.")
