"""``assurance``: judges whether an SMKI Assessment Report was independent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.assurance import Judgement, judge, read
from smki_testca.assurance.record_rules import rules as all_rules
from smki_testca.cli.drafting import new_assurance_record
from smki_testca.cli.fail_on import FAIL_ON, end_if_failing
from smki_testca.cli.input_files import read_input
from smki_testca.cli.output import print_document, print_json, print_table, say, say_folded
from smki_testca.lint.report_formats import as_document, as_junit, as_sarif
from smki_testca.profiles.model import Severity
from smki_testca.toml import MAX_OCTETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from smki_testca.assurance.record_finding import RecordFinding
    from smki_testca.cli.session import Session


@click.group()
def assurance() -> None:
    """Judge whether SMKI Assessment Reports were independent (SEC Appendix C).

    \b
    Example:
      smki-testca assurance check record.toml
    """


assurance.add_command(new_assurance_record)


@assurance.command()
@click.argument("file", metavar="FILE")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "junit"]),
    default="text",
    help="The form of the report; with --json it is always json.",
)
@FAIL_ON
@click.pass_obj
def check(session: Session, file: str, form: str, fail_on: str) -> None:
    """Judge a record FILE of reports, persons and their employers; - is standard input.

    No director or employee of the DCC or of a DCC Service Provider may be able to influence the
    outcome of a report (R19). What goes beyond these words is assumed, and a warning. The exit code
    is 1 if there is a finding of severity error.

    \b
    Example:
      smki-testca assurance check --format sarif record.toml
    """
    library = session.library()
    terms = library.assurance_terms
    judgement = judge(
        read(read_input(file, MAX_OCTETS), file, terms),
        terms,
        by_shipped_terms=library.are_assurance_terms_shipped,
    )
    _REPORTS["json" if session.as_json else form](judgement, Severity(fail_on))
    findings = (finding for document in judgement.documents for finding in document.findings)
    end_if_failing(findings, fail_on)


@assurance.command()
@click.pass_obj
def rules(session: Session) -> None:
    """List every rule: code, severity, basis, source, meaning and remedy.

    \b
    Example:
      smki-testca assurance rules
    """
    if session.as_json:
        print_json({"rules": [rule.as_json() for rule in all_rules()]})
        return
    print_table(
        ("Code", "Severity", "Basis", "Source", "Meaning", "Remedy"),
        [
            (rule.code, rule.severity, rule.basis, rule.source, rule.meaning, rule.remedy)
            for rule in all_rules()
        ],
        least=("Source", "Basis"),
    )


def _print_text(judgement: Judgement, fail_on: Severity) -> None:
    """Print the verdict in one sentence, then each report's with its findings."""
    del fail_on
    say_folded(judgement.sentence)
    if not judgement.by_shipped_terms:
        say_folded("What counts is not as shipped: your assurance-terms.toml changes it.")
    for judged in judgement.reports:
        if len(judgement.reports) > 1:
            say("")
            say_folded(judged.sentence)
        _print_findings(judged.findings)
    if judgement.findings:
        say("")
        say_folded("The record as a whole:")
        _print_findings(judgement.findings)


def _print_findings(findings: Iterable[RecordFinding]) -> None:
    for finding in findings:
        say("")
        say_folded(f"{finding.severity}: {finding.message}")
        where = f"{finding.where}; " if finding.where else ""
        say_folded(f"[{finding.code}; {where}{finding.basis}, {finding.source}]", indented=True)
        say_folded(finding.remedy, indented=True)


def _print_json(judgement: Judgement, fail_on: Severity) -> None:
    del fail_on
    document: dict[str, Any] = {**judgement.as_json(), **as_document(judgement.documents)}
    print_json(document)


def _print_sarif(judgement: Judgement, fail_on: Severity) -> None:
    del fail_on
    print_document(as_sarif(judgement.documents, properties={"terms": judgement.terms}))


def _print_junit(judgement: Judgement, fail_on: Severity) -> None:
    command = "smki-testca assurance check"
    print_document(as_junit(judgement.documents, command=command, fail_on=fail_on))


_REPORTS: dict[str, Callable[[Judgement, Severity], None]] = {
    "text": _print_text,
    "json": _print_json,
    "sarif": _print_sarif,
    "junit": _print_junit,
}
"""The printers of a report, by their names on the command line."""
