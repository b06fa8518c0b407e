"""``corpus run``: asks a parser under test every case, and reports what it got wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.ending import INTERRUPTED, ended_as_by_ctrl_c
from smki_testca.cli.output import Progress, print_document, print_json, print_warnings, say
from smki_testca.cli.output_paths import OUTPUT, check_alone, check_distinct
from smki_testca.corpus.defect import Importance, Level, Need, Stage
from smki_testca.corpus.run import expectations
from smki_testca.corpus.run.asking import RunSettings, ask_all
from smki_testca.corpus.run.expectations import Expectations
from smki_testca.corpus.run.filtering import CaseFilter
from smki_testca.corpus.run.journal import Journal
from smki_testca.corpus.run.loaded_corpus import LoadedCorpus, load
from smki_testca.corpus.run.report import ReportTerms, RunReport, read_report, report
from smki_testca.corpus.run.reports.expectations_toml import as_expectations_toml
from smki_testca.corpus.run.reports.html import as_html
from smki_testca.corpus.run.reports.json_text import as_json_text
from smki_testca.corpus.run.reports.junit import as_junit
from smki_testca.corpus.run.reports.markdown import as_markdown
from smki_testca.corpus.run.reports.plain_text import as_text
from smki_testca.corpus.run.targets.naming import target_of
from smki_testca.errors import ExitCode, UsageError
from smki_testca.files import check_file, write_texts
from smki_testca.input_files import read_regular
from smki_testca.text import counted, plain, use_one_of
from smki_testca.toml import MAX_OCTETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from smki_testca.cli.session import Session

JOURNAL = "corpus-run.journal"
"""The file with the answers of a run so far, unless another one is named."""


class Capabilities(click.ParamType[frozenset[Need]]):
    """Capabilities of a target, with commas between them; ``none`` for none."""

    name = "list"

    def convert(self, value: Any, param: Any, ctx: Any) -> frozenset[Need]:
        """Return the capabilities that a text names."""
        known = {need.value: need for need in Need}
        words = [] if value == "none" else [word.strip() for word in value.split(",")]
        for word in words:
            if word not in known:
                remedy = use_one_of([*known, "none"])
                self.fail(f"{word!r} is not a capability. {remedy}", param, ctx)
        return frozenset(known[word] for word in words)


@dataclass(frozen=True)
class Outputs:
    """The files that a run writes, by option; None for those not asked for.

    Attributes:
        html: one page.
        junit: XML for CI servers.
        markdown: for a pull request or a page.
        save: JSON, to compare with other runs.
        write_expectations: a draft of an expectations file.
    """

    html: Path | None
    junit: Path | None
    markdown: Path | None
    save: Path | None
    write_expectations: Path | None

    @property
    def by_option(self) -> dict[str, Path | None]:
        """All of them, by the option that names each."""
        return {f"--{name.replace('_', '-')}": path for name, path in vars(self).items()}

    @property
    def paths(self) -> list[Path]:
        """Those that are asked for."""
        return [path for path in self.by_option.values() if path is not None]

    def texts(self, run_report: RunReport) -> dict[Path, str]:
        """The content of each."""
        forms: Iterable[tuple[Path | None, Callable[[RunReport], str]]] = (
            (self.html, lambda it: as_html([it])),
            (self.junit, as_junit),
            (self.markdown, lambda it: as_markdown([it])),
            (self.save, as_json_text),
            (self.write_expectations, as_expectations_toml),
        )
        return {path: form(run_report) for path, form in forms if path is not None}


@click.command()
@click.argument("corpus", metavar="CORPUS", type=click.Path(path_type=Path))
@click.option(
    "--with",
    "target",
    metavar="TARGET",
    required=True,
    help="The parser: exec:COMMAND, lines:COMMAND, jsonl:COMMAND, tcp:HOST:PORT,"
    " serial:DEVICE@BAUD or log:FILE.",
)
@click.option("--name", default="", metavar="NAME", help="What reports call the target.")
@click.option(
    "--level",
    type=click.Choice([level.value for level in Level]),
    default=Level.RFC5280.value,
    show_default=True,
    help="The rules: of any X.509 library, or of a meter besides.",
)
@click.option(
    "--only", multiple=True, metavar="ID", help="Ask these cases; * and ? stand for characters."
)
@click.option("--profile", "profiles", multiple=True, metavar="PROFILE", help="Of these profiles.")
@click.option(
    "--stage",
    "stages",
    multiple=True,
    type=click.Choice([stage.value for stage in Stage]),
    help="Of these stages.",
)
@click.option(
    "--capabilities",
    type=Capabilities(),
    help="What the target can do, if it cannot say: crl, csr, time, chain, rsa, names, or none.",
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
    "--jobs",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    metavar="N",
    help="With exec:, run so many programs at a time.",
)
@click.option("--reset", default="", metavar="COMMAND", help="Run this after a crash or a hang.")
@click.option(
    "--expectations",
    "expected",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What the target is known to get wrong (TOML).",
)
@click.option(
    "--fail-on",
    type=click.Choice([importance.value for importance in Importance]),
    default=Importance.LOW.value,
    show_default=True,
    help="Fail if a wrong case is at least this important.",
)
@click.option(
    "--strict", is_flag=True, help="Fail also on cases refused late or for other reasons."
)
@click.option(
    "--journal",
    type=click.Path(path_type=Path),
    default=JOURNAL,
    show_default=True,
    metavar="FILE",
    help="Where the answers so far are kept until the run ends.",
)
@click.option("--resume", is_flag=True, help="Continue the run whose answers the journal has.")
@click.option("--html", type=OUTPUT, metavar="FILE", help="Write the report as one HTML page.")
@click.option("--junit", type=OUTPUT, metavar="FILE", help="Write the report as JUnit XML.")
@click.option("--markdown", type=OUTPUT, metavar="FILE", help="Write the report as Markdown.")
@click.option("--save", type=OUTPUT, metavar="FILE", help="Write the report as JSON, to compare.")
@click.option(
    "--last",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Report what differs from an earlier report (JSON).",
)
@click.option(
    "--write-expectations", type=OUTPUT, metavar="FILE", help="Draft an expectations file."
)
@click.option("--force", is_flag=True, help="Overwrite files that are there already.")
@click.pass_obj
def run(session: Session, /, corpus: Path, **options: Any) -> None:
    """Ask a parser under test every case of CORPUS, and report what it got wrong.

    CORPUS is a folder that corpus make wrote. The exit code is 1 if the target got a case wrong
    that the expectations do not have, or one right that they have.

    \b
    Example:
      smki-testca corpus run corpus --with 'exec:./verify {der}' --html report.html
    """
    outputs = Outputs(**{name: options.pop(name) for name in Outputs.__dataclass_fields__})
    check_distinct({"--journal": options["journal"], **outputs.by_option})
    for path in outputs.paths:
        check_alone(session, path)
        check_file(path, force=options["force"])
    loaded = load(corpus)
    ids = frozenset(case.id for case in loaded.cases)
    kept_in, resume = options.pop("journal"), options.pop("resume")
    with (
        ended_as_by_ctrl_c(),
        Journal(kept_in, loaded.digest, options["target"], resume=resume, ids=ids) as journal,
    ):
        try:
            run_report = _run(loaded, journal, **options)
        except KeyboardInterrupt:
            if not journal.answers:
                raise
            say(
                f"interrupted: {counted(len(journal.answers), 'answer')} so far in {journal.path}."
                " Continue with the same command and --resume.",
                err=True,
            )
            click.get_current_context().exit(INTERRUPTED)
        write_texts(outputs.texts(run_report), force=options["force"])
        if session.as_json:
            print_json(run_report.as_json())
        else:
            print_document(as_text(run_report))
            for path in outputs.paths:
                say(f"{path} is written.", err=True)
        # Only now has the user what the run found.
        journal.remove()
    if run_report.failed:
        click.get_current_context().exit(ExitCode.FINDINGS)


def _run(loaded: LoadedCorpus, journal: Journal, **options: Any) -> RunReport:
    """Run a corpus as the options say, and report."""
    level = Level(options["level"])
    settings = RunSettings(
        level, options["time_limit"], options["jobs"], options["reset"], options["capabilities"]
    )
    if settings.reset and settings.jobs > 1:
        raise UsageError(
            "usage",
            "--reset would reset a target that other jobs ask.",
            "Leave out --jobs or --reset.",
        )
    terms = ReportTerms(
        level,
        Importance(options["fail_on"]),
        options["strict"],
        _expectations(options["expected"], level, loaded),
    )
    before = None if options["last"] is None else read_report(options["last"])
    if before is not None:
        before.check_level(level)
    chosen = CaseFilter(options["only"], options["profiles"], tuple(map(Stage, options["stages"])))
    cases = chosen.of(loaded.cases)
    journal.check_selected(case.id for case in cases)
    target = target_of(options["target"])
    if settings.jobs > 1 and not target.is_parallel:
        raise UsageError("usage", "Only exec: takes --jobs.", "Leave it out.")
    ids = frozenset(case.id for case in loaded.cases)
    answers = ask_all(target, cases, settings, journal, Progress("asking"), ids=ids)
    run_report = report(loaded, cases, (options["target"], options["name"]), answers, terms)
    _warn_of_another(terms.expectations.target, run_report.name)
    return run_report if before is None else run_report.since(before)


def _warn_of_another(expected: str, name: str) -> None:
    """Tell that expectations are of another target, such as another version of a library."""
    if expected and name and expected != name:
        print_warnings([f"the expectations are of {plain(expected)}, and the target is {name}."])


def _expectations(path: Path | None, level: Level, loaded: LoadedCorpus) -> Expectations:
    if path is None:
        return Expectations()
    return expectations.read(read_regular(path, MAX_OCTETS), str(path), level, loaded.cases)
