"""``corpus fuzz``: searches for documents that a parser and the linter judge differently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.corpus.run import Capabilities
from smki_testca.cli.ending import INTERRUPTED, ended_as_by_ctrl_c
from smki_testca.cli.numbers import number_from
from smki_testca.cli.output import Progress, print_document, print_json
from smki_testca.cli.output_paths import FOLDER
from smki_testca.corpus.defect import Level
from smki_testca.errors import ExitCode, InputError, SmkiTestcaError
from smki_testca.text import use_one_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from smki_testca.cli.session import Session
    from smki_testca.corpus.fuzz.disagreements import DisagreementSearch

FOLDER_NAME = "corpus-fuzz"
"""The folder for the results, unless another one is named."""
_MOST_COUNT = 100_000_000


@click.command()
@click.option(
    "--with",
    "target",
    metavar="TARGET",
    required=True,
    help="The parser: exec:COMMAND, lines:COMMAND, jsonl:COMMAND, tcp:HOST:PORT or"
    " serial:DEVICE@BAUD.",
)
@click.option(
    "--seed",
    type=number_from(0),
    default=1,
    show_default=True,
    metavar="N",
    help="The changes are the same for the same seed.",
)
@click.option(
    "--count",
    type=number_from(1, _MOST_COUNT),
    default=10_000,
    show_default=True,
    metavar="N",
    help="Ask so many changes.",
)
@click.option(
    "--base",
    "names",
    multiple=True,
    metavar="ID",
    help="Change this good document, such as good-device; all if none is named.",
)
@click.option(
    "--level",
    type=click.Choice([level.value for level in Level]),
    default=Level.RFC5280.value,
    show_default=True,
    help="The rules: of any X.509 library, or of a meter besides.",
)
@click.option(
    "--most",
    type=number_from(1, 10_000),
    default=100,
    show_default=True,
    metavar="N",
    help="End after so many disagreements.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(0.01, 3600),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="After so long without an answer, the target hangs.",
)
@click.option(
    "--capabilities",
    type=Capabilities(),
    help="What the target can do, if it cannot say: crl, csr, time, chain, rsa, names, or none.",
)
@click.option("--reset", default="", metavar="COMMAND", help="Run this after a crash or a hang.")
@click.option(
    "--out",
    type=FOLDER,
    default=FOLDER_NAME,
    show_default=True,
    metavar="DIR",
    help="Write what is found into this folder.",
)
@click.option("--force", is_flag=True, help="Overwrite the files of a folder that is there.")
@click.pass_obj
def fuzz(session: Session, /, out: Path, *, force: bool, **options: Any) -> None:
    """Search for changes of good documents that a parser under test judges wrongly.

    Each change is of one element, drawn from the seed; the linter and the corpus say what a parser
    must do with it. Of each kind of disagreement one is kept, made as small as possible, as a case
    for corpus run. The exit code is 1 if there is any.

    \b
    Example:
      smki-testca corpus fuzz --with 'jsonl:./verify' --seed 7 --count 100000
      smki-testca corpus run corpus-fuzz --with 'jsonl:./verify'
    """
    _check_free(out, force=force)
    search = _search(options)
    error: SmkiTestcaError | None = None
    interrupted = False
    try:
        with ended_as_by_ctrl_c():
            search.run(options["count"], options["most"], Progress("asking"))
    except KeyboardInterrupt:
        interrupted = True
    except InputError as caught:
        # What was found so far is kept.
        if not search.disagreements:
            raise
        error = caught
    folder = _write(search, out, force=force) if search.disagreements else None
    if error is not None:
        remedy = f"What was found so far is in {out}."
        raise InputError(error.code, error.message, remedy) from error
    _report(session, search, folder, interrupted=interrupted)
    if interrupted or search.disagreements:
        code = INTERRUPTED if interrupted else ExitCode.FINDINGS
        click.get_current_context().exit(code)


def _search(options: dict[str, Any]) -> DisagreementSearch:
    """The search that the options ask for."""
    from smki_testca.corpus.build import ENVIRONMENT, Builder
    from smki_testca.corpus.fuzz.disagreements import DisagreementSearch
    from smki_testca.corpus.pki import corpus_pki
    from smki_testca.corpus.run.asking import RunSettings
    from smki_testca.corpus.run.targets.naming import target_of

    builder = Builder(corpus_pki(), ENVIRONMENT)
    names = _names(options["names"], list(builder.bases))
    settings = RunSettings(
        Level(options["level"]),
        options["time_limit"],
        reset=options["reset"],
        capabilities=options["capabilities"],
    )
    return DisagreementSearch(
        builder, target_of(options["target"]), settings, options["seed"], names
    )


def _names(ids: Iterable[str], known: Sequence[str]) -> Sequence[str]:
    """The names of good documents of their ids, or of all of them.

    Raises:
        InputError: if there is no such document.
    """
    names = list(dict.fromkeys(each.removeprefix("good-") for each in ids))
    for name in names:
        if name not in known:
            remedy = use_one_of([f"good-{each}" for each in known], given=f"good-{name}")
            raise InputError("corpus.unknown_case", f"There is no good document {name!r}.", remedy)
    return names or known


def _check_free(out: Path, *, force: bool) -> None:
    """Check before a long search that its cases can be written.

    Raises:
        InputError: if a corpus is there and may not be overwritten, the folder is an estate, or
            none can be made.
    """
    from smki_testca.corpus.delivery.layout import INDEX
    from smki_testca.estate_files import check_no_estate
    from smki_testca.files import check_free
    from smki_testca.folders import check_folder

    check_no_estate(out)
    check_free(out / INDEX, force=force)
    check_folder(out)


def _write(search: DisagreementSearch, out: Path, *, force: bool) -> Path:
    """Write the cases of what was found."""
    from smki_testca.corpus.delivery.folder import files
    from smki_testca.corpus.fuzz.cases import cases_of
    from smki_testca.folders import write

    write(files(cases_of(search.builder, list(search.disagreements.values()))), out, force=force)
    return out


def _report(
    session: Session, search: DisagreementSearch, folder: Path | None, *, interrupted: bool
) -> None:
    from smki_testca.corpus.fuzz.search_report import as_json, as_text

    if session.as_json:
        print_json(as_json(search, folder, interrupted=interrupted))
    else:
        print_document(as_text(search, folder))
