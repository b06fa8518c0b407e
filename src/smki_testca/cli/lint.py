"""``lint`` and ``compare``: checks certificates, CSRs and CRLs against rules and each other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from smki_testca.authority.csr import differences, to_der
from smki_testca.authority.csr_comparison import only_certificate
from smki_testca.cli.command_line import GLOBAL_OPTIONS
from smki_testca.cli.fail_on import FAIL_ON, end_if_failing
from smki_testca.cli.input_files import read_input
from smki_testca.cli.output import print_document, print_json, print_table, say
from smki_testca.clock import parse_instant
from smki_testca.errors import ExitCode
from smki_testca.importers.sources import (
    MAX_FILE_OCTETS,
    UNREADABLE,
    Documents,
    require_readable,
)
from smki_testca.lint.catalogue import explain as explain_rule
from smki_testca.lint.catalogue import rules as all_rules
from smki_testca.lint.inspection import certificates_to_trust
from smki_testca.lint.linted import LintSettings
from smki_testca.lint.report_formats import REPORTS, as_full_text, as_junit, as_text
from smki_testca.lint.whole_input import lint_all
from smki_testca.profiles.model import Severity
from smki_testca.x509.view import view_certificate, view_request

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from smki_testca.cli.session import Session
    from smki_testca.lint.rule import Rule

_FILES = "files"


class FilesByDefault(click.Group):
    """A group whose first argument is a file, unless it is one of its commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what is the group's; a ``--`` before the files is theirs."""
        with_value = {opt for each in GLOBAL_OPTIONS if not each.is_flag for opt in each.opts}
        place = 0
        while place < len(args) and args[place].startswith("-") and args[place] not in {"-", "--"}:
            place += 2 if args[place] in with_value else 1
        if args[place : place + 1] == ["--"]:
            args = [*args[:place], "--", *args[place:]]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Put the hidden command in front of the files."""
        if args[0] not in self.commands:
            args = [_FILES, *args]
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        """Return file names before anything is typed, then also the commands that fit."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            files = self.get_command(ctx, _FILES)
            return [] if files is None else files.shell_complete(ctx, incomplete)
        fitting = super().shell_complete(ctx, incomplete) if incomplete else []
        return [CompletionItem(incomplete, type="file"), *fitting]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the options of the hidden command as those of the group."""
        files = self.commands[_FILES]
        records = [param.get_help_record(ctx) for param in files.get_params(ctx)]
        with formatter.section("Options with files"):
            formatter.write_dl(
                [record for record in records if record is not None and "--help" not in record[0]]
            )
        super().format_options(ctx, formatter)


@click.group(
    cls=FilesByDefault,
    subcommand_metavar="FILE… | rules | explain CODE",
    # The options of the hidden command may stand in front of the files.
    context_settings={"ignore_unknown_options": True},
)
def lint() -> None:
    """Say what is wrong with certificates, CSRs and CRLs, and by which rule.

    Give files, folders, or - for standard input: PEM, DER, base64, hexadecimal, ZIPs, PKCS#7 and
    keystore.json. Keys and other files in folders and ZIPs are skipped. No estate is needed;
    if you name one, its CAs are trusted.

    \b
    Example:
      smki-testca lint --trust Z1-chain.pem --fail-on warning certificates/
    """


@lint.command(_FILES, hidden=True)
@click.argument("files", metavar="FILE…", nargs=-1, required=True)
@click.option(
    "--as", "profile", metavar="PROFILE", help="Check every certificate against this profile."
)
@click.option("--at", metavar="TIME", help="Judge validity at this UTC time; now by default.")
@click.option(
    "--trust",
    metavar="FILE",
    multiple=True,
    help="A file of trusted CA certificates. May be given several times.",
)
@click.option("--environment", metavar="E", help="The test environment, for its policy OIDs.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(REPORTS)),
    default="text",
    help="The form of the report; with --json it is always json.",
)
@FAIL_ON
@click.option(
    "--all-findings",
    is_flag=True,
    help="In text, repeat findings that many documents share for each of them.",
)
@click.pass_obj
def lint_files(  # noqa: PLR0913 - click passes each option by its name
    session: Session,
    files: tuple[str, ...],
    profile: str | None,
    at: str | None,
    trust: tuple[str, ...],
    environment: str | None,
    form: str,
    fail_on: str,
    *,
    all_findings: bool,
) -> None:
    """Lint files.

    \b
    Example:
      smki-testca lint --at 2024-06-01 --format sarif keystore.json
    """
    clock = session.clock_or_system()
    settings = LintSettings(
        parse_instant(at) if at else clock.now(),
        tuple(session.profile_directories()),
        environment,
        profile,
        tuple(_trusted(session, trust)),
    )
    standard_input = read_input("-", MAX_FILE_OCTETS) if "-" in files else None
    documents = Documents(files, standard_input)
    sources = list(documents)
    if len(sources) == 1:
        require_readable(sources[0])
    linted = lint_all(iter(sources), settings)
    report = REPORTS["json" if session.as_json else form]
    if all_findings and report is as_text:
        report = as_full_text
    if report is as_junit:
        report = partial(as_junit, fail_on=Severity(fail_on))
    print_document(report(linted, documents.passed_over))
    findings = [finding for document in linted for finding in document.findings]
    if any(finding.code == UNREADABLE for finding in findings):
        click.get_current_context().exit(ExitCode.INPUT)
    end_if_failing(findings, fail_on)


@lint.command()
@click.pass_obj
def rules(session: Session) -> None:
    """List every rule: code, severity, basis, source, meaning and remedy.

    \b
    Example:
      smki-testca --json lint rules
    """
    listed = all_rules(session.library())
    if session.as_json:
        print_json({"rules": [rule.as_json() for rule in listed]})
        return
    print_table(
        ("Code", "Severity", "Basis", "Source", "Meaning", "Remedy"),
        [
            (rule.code, rule.severity, rule.basis, rule.source, rule.meaning, rule.remedy)
            for rule in listed
        ],
        least=("Source", "Basis"),
    )


@lint.command()
@click.argument("code", metavar="CODE")
@click.pass_obj
def explain(session: Session, code: str) -> None:
    """Explain one rule, with a good and a bad example.

    \b
    Example:
      smki-testca lint explain signature.integer_padded
    """
    explained = explain_rule(session.library(), code)
    if session.as_json:
        print_json({"rules": [rule.as_json() for rule in explained]})
        return
    for place, rule in enumerate(explained):
        if place:
            say("")
        print_table(("", ""), _explanation(rule))


@click.command()
@click.argument("csr", metavar="CSR")
@click.argument("certificate", metavar="CERT")
@click.pass_obj
def compare(session: Session, csr: str, certificate: str) -> None:
    """Compare a certificate with its CSR, as its subscriber must (SEC App. M; L11.6).

    The exit code is 1 if they differ: reject the certificate then.

    \b
    Example:
      smki-testca compare meter.csr meter.pem
    """
    request = view_request(to_der(read_input(csr)))
    data = read_input(certificate, MAX_FILE_OCTETS) if certificate == "-" else None
    differing = differences(request, view_certificate(only_certificate(certificate, data)))
    if session.as_json:
        print_json({"consistent": not differing, "differences": differing})
    elif differing:
        for difference in differing:
            say(f"error: {difference}")
    else:
        say("The certificate is what the CSR asks for.")
    if differing:
        click.get_current_context().exit(ExitCode.FINDINGS)


def _trusted(session: Session, names: tuple[str, ...]) -> list[bytes]:
    """Return the trusted CA certificates, as DER: those in files, and those of the estate."""
    trusted = certificates_to_trust(names)
    if session.estate is not None:
        with session.open() as estate:
            trusted += [record.der for record in estate.certificates.authorities()]
    return trusted


def _explanation(rule: Rule) -> list[tuple[str, str]]:
    since = [] if rule.since is None else [("Since", rule.since.isoformat())]
    return [
        ("Code", rule.code),
        ("Severity", rule.severity),
        ("Basis", f"{rule.basis} ({rule.source})"),
        *since,
        ("Profiles", ", ".join(rule.profiles) or "all"),
        ("Meaning", rule.meaning),
        ("Remedy", rule.remedy),
        ("Good", rule.good),
        ("Bad", rule.bad),
    ]
