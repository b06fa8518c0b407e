"""``corpus compare``: reports of several targets side by side."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smki_testca.cli.output import print_document, print_json, say
from smki_testca.cli.output_paths import OUTPUT, check_alone, check_distinct
from smki_testca.corpus.run.report import read_report
from smki_testca.corpus.run.reports.html import as_html
from smki_testca.corpus.run.reports.markdown import as_markdown
from smki_testca.corpus.run.run_comparison import RunComparison, as_comparison_text
from smki_testca.files import check_file, write_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smki_testca.cli.session import Session
    from smki_testca.corpus.run.report import RunReport


@click.command()
@click.argument(
    "files", metavar="REPORT…", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--html", type=OUTPUT, metavar="FILE", help="Write the matrix as one HTML page.")
@click.option("--markdown", type=OUTPUT, metavar="FILE", help="Write the matrix as Markdown.")
@click.option("--force", is_flag=True, help="Overwrite files that are there already.")
@click.pass_obj
def compare(
    session: Session,
    files: tuple[Path, ...],
    html: Path | None,
    markdown: Path | None,
    *,
    force: bool,
) -> None:
    """Put the reports of several targets side by side: what each got wrong, and where they differ.

    Each REPORT is a file that corpus run wrote with --save, or printed with --json.

    \b
    Example:
      smki-testca corpus compare mbedtls.json wolfssl.json --html matrix.html
    """
    forms: dict[Path | None, Callable[[Sequence[RunReport]], str]] = {
        html: partial(as_html, subject="comparison"),
        markdown: as_markdown,
    }
    outputs = {path: form for path, form in forms.items() if path is not None}
    for report in files:
        check_distinct({"REPORT": report, "--html": html, "--markdown": markdown})
    for path in outputs:
        check_alone(session, path)
        check_file(path, force=force)
    comparison = RunComparison.of(
        [read_report(path) for path in files], [str(path) for path in files]
    )
    write_texts({path: form(comparison.reports) for path, form in outputs.items()}, force=force)
    if session.as_json:
        print_json(comparison.as_json())
        return
    print_document(as_comparison_text(comparison))
    for path in outputs:
        say(f"{path} is written.", err=True)
