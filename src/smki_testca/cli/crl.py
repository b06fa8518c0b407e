"""``crl``: issues, lists, shows and verifies the revocation lists of an estate."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.command_line import ConfiguredOption
from smki_testca.cli.dry_run import with_dry_run
from smki_testca.cli.library_names import HierarchyName, HierarchyWithLists
from smki_testca.cli.list_files import (
    as_pem,
    check_file,
    check_files,
    path_of,
    write,
    write_all,
)
from smki_testca.cli.numbers import number_from
from smki_testca.cli.output import (
    print_document,
    print_json,
    print_outcome,
    print_table,
    print_warnings,
    say,
)
from smki_testca.cli.output_paths import OUTPUT, check_alone
from smki_testca.cli.tokens import Needs, ask_first
from smki_testca.errors import ExitCode, InputError, UsageError
from smki_testca.streams import check_no_terminal, is_standard_output
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from smki_testca.api import Estate
    from smki_testca.cli.session import Session
    from smki_testca.estate.revocations import RevocationListRecord
    from smki_testca.lifecycle.crl_comparison import CrlComparison
    from smki_testca.lifecycle.due_lists import DueList
    from smki_testca.profiles.model import Hierarchy, Tier

_AUTHORITY_OPTIONS = [
    click.option(
        "--hierarchy",
        cls=HierarchyWithLists,
        type=HierarchyName(),
        show_default=True,
        help="Of this hierarchy's issuing CA.",
    ),
    click.option("--arl", is_flag=True, help="Of the root instead: its ARL."),
    click.option(
        "--environment", cls=ConfiguredOption, metavar="E", help="Of this environment's CAs."
    ),
    click.option("--ca", metavar="NAME", help="Of the CA of this name; the newest by default."),
]


def _with_authority_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_AUTHORITY_OPTIONS):
        command = option(command)
    return command


@click.group()
def crl() -> None:
    """Revocation lists: CRLs of the issuing CAs, ARLs of the roots.

    \b
    Example:
      smki-testca --estate estate crl issue --out organisation.crl.pem
    """


@crl.command()
@_with_authority_options
@click.option(
    "--all", "everything", is_flag=True, help="Of every CA that owes a list, older ones included."
)
@click.option("--also-current", is_flag=True, help="With --all: also lists that are not due yet.")
@click.option("--at", metavar="TIME", help="The list's thisUpdate, UTC; now by default.")
@click.option(
    "--next-update", metavar="TIME", help="Its nextUpdate; set by the profile by default."
)
@click.option(
    "--out",
    metavar="FILE|DIR",
    type=OUTPUT,
    help="Write the list to FILE, - for standard output, instead of printing it. With --all, write"
    " one file for each list below DIR.",
)
@click.option("--der", is_flag=True, help="Write DER instead of PEM; only with --out.")
@click.option(
    "--force", is_flag=True, help="With --out: replace a file that holds anything else than a list."
)
@click.pass_obj
@with_dry_run
def issue(
    session: Session,
    /,
    out: Path | None,
    *,
    everything: bool,
    also_current: bool,
    **options: Any,
) -> None:
    """Issue the next revocation list of a CA, or with --all every list that is due.

    A list is due where certificates were revoked that no current list names, and where the last
    list is past its nextUpdate. The command says which CAs still owe one. A list names the
    certificates revoked as of its thisUpdate. With --at you issue a stale list or a future one;
    its number still rises by one. --out replaces a file that holds a list of this estate, or
    nothing; its owner and mode stay. Any other file is replaced only with --force.

    \b
    Example:
      smki-testca --estate estate crl issue --hierarchy organisation --out organisation.crl.pem
    """
    for name in ("der", "force"):
        if options[name] and out is None:
            raise UsageError("usage", f"--{name} needs --out.", "Name a file with --out FILE.")
    if out is not None:
        check_alone(session, out)
        if options["der"]:
            check_no_terminal(out)
    if also_current and not everything:
        raise UsageError("usage", "--also-current needs --all.")
    if everything:
        _issue_all(session, out, options, also_current=also_current)
    else:
        _issue_one(session, out, options)


def _issue_one(session: Session, out: Path | None, options: dict[str, Any]) -> None:
    from smki_testca.clock import parse_instant
    from smki_testca.lifecycle.crls import find_authority
    from smki_testca.profiles.model import Hierarchy

    times = (options["at"], options["next_update"])
    begin, end = (None if text is None else parse_instant(text) for text in times)
    of = (Hierarchy(options["hierarchy"]), _tier(options))
    environment, authority = options["environment"], options["ca"]
    with session.open() as estate:
        ask_first(
            session,
            estate,
            lambda: Needs([find_authority(estate, *of, environment, authority)], sealing=False),
        )
        with estate.transaction():
            record = estate.issue_revocation_list(
                *of, environment=environment, authority=authority, at=begin, next_update=end
            )
            summary, again = _issued_summary(estate, record), _show_command(estate, record)
            due, now = estate.due_revocation_lists(), estate.clock.now()
            if out is not None:
                check_file(estate, out, force=options["force"])
    pem = as_pem(record)
    if out is not None and _is_written(session, out):
        write(out, record.der if options["der"] else pem, [again])
    if session.as_json:
        print_outcome(
            session, {"revocation_list": _with_pem(record), **_remarks_as_json([record], due)}
        )
        return
    print_warnings(record.warnings)
    say(summary, err=out is None or is_standard_output(out))
    if out is None:
        print_document(pem.decode("ascii"))
    print_due(due, now)


def _issue_all(
    session: Session,
    out: Path | None,
    options: dict[str, Any],
    *,
    also_current: bool,
) -> None:
    """Issue every list that is due, or simply every list.

    Raises:
        UsageError: for an option that is about one list.
    """
    from smki_testca.lifecycle.due_lists import authorities_due
    from smki_testca.profiles.model import Hierarchy, Tier

    for name in ("ca", "at", "next_update"):
        if options[name] is not None:
            option = name.replace("_", "-")
            raise UsageError(
                "usage", f"--{option} is about one list and cannot be used with --all."
            )
    # A line in a file chooses the CA of one list; it never leaves out lists that are due.
    typed = {name for name in ("environment", "hierarchy") if _is_typed(name)}
    der: bool = options["der"]
    to_folder = out is not None and not is_standard_output(out)
    chosen: dict[str, Any] = {
        "environment": options["environment"] if "environment" in typed else None,
        "hierarchy": Hierarchy(options["hierarchy"]) if "hierarchy" in typed else None,
        "tier": Tier.ROOT if options["arl"] else None,
        "also_current": also_current,
    }
    with session.open() as estate:
        ask_first(session, estate, lambda: Needs(authorities_due(estate, **chosen), sealing=False))
        with estate.transaction():
            records = estate.issue_revocation_lists(**chosen)
            summaries = [_issued_summary(estate, record) for record in records]
            paths = [path_of(estate, record, der=der) for record in records]
            again = [_show_command(estate, record) for record in records]
            due, now = estate.due_revocation_lists(), estate.clock.now()
            if out is not None and to_folder:
                check_files(estate, out, paths, force=options["force"])
    documents = [record.der if der else as_pem(record) for record in records]
    if out is not None and _is_written(session, out):
        write_all(out, paths, documents, again)
    if session.as_json:
        lists = [_with_pem(record) for record in records]
        print_outcome(session, {"revocation_lists": lists, **_remarks_as_json(records, due)})
        return
    print_warnings(dict.fromkeys(line for record in records for line in record.warnings))
    if not records:
        say("No list is due: nothing was issued.", err=not to_folder)
    for summary, path in zip(summaries, paths, strict=True):
        say(f"{summary} {out / path}" if to_folder and out else summary, err=not to_folder)
    if out is None:
        print_document("".join(document.decode("ascii") for document in documents))
    print_due(due, now)


def _is_typed(option: str) -> bool:
    """Whether the command line gives an option, rather than its default or a file."""
    source = click.get_current_context().get_parameter_source(option)
    return source not in {
        click.core.ParameterSource.DEFAULT,
        click.core.ParameterSource.DEFAULT_MAP,
    }


def _is_written(session: Session, out: Path) -> bool:
    """Whether lists are written: a dry run touches no file, and prints what would be printed."""
    return not session.dry_run or is_standard_output(out)


def _show_command(estate: Estate, record: RevocationListRecord) -> str:
    """The command that prints a list that was issued."""
    from smki_testca.profiles.model import Tier

    authority = estate.certificates.by_serial(record.authority)
    words = ["smki-testca", "crl", "show", "--pem", str(record.number)]
    words += ["--hierarchy", str(record.hierarchy)]
    if record.tier is Tier.ROOT:
        words.append("--arl")
    if authority is not None and authority.environment is not None:
        words += ["--environment", authority.environment]
    if authority is not None and authority.label is not None:
        words += ["--ca", authority.label]
    return shlex.join(words)


def print_due(due: Sequence[DueList], now: datetime) -> None:
    """Print a warning for each list that a CA owes."""
    print_warnings(
        f"The CA {owed.name} owes a revocation list: {owed.why(now)}. Issue every list that is"
        " due: smki-testca crl issue --all --out DIR"
        for owed in due
    )


def _with_pem(record: RevocationListRecord) -> dict[str, Any]:
    return {**record.as_json(), "pem": as_pem(record).decode("ascii")}


def _remarks_as_json(
    records: Sequence[RevocationListRecord], due: Sequence[DueList]
) -> dict[str, Any]:
    warnings = dict.fromkeys(line for record in records for line in record.warnings)
    return {"warnings": list(warnings), "due": [owed.as_json() for owed in due]}


@crl.command("list")
@click.option(
    "--all", "everything", is_flag=True, help="Also the lists that a newer list replaced."
)
@click.pass_obj
def list_(session: Session, *, everything: bool) -> None:
    """List the newest revocation list of each CA, and say which CAs owe one.

    \b
    Example:
      smki-testca --estate estate crl list --all
    """
    from smki_testca.clock import iso

    with session.open() as estate:
        records = estate.revocation_lists(current_only=not everything)
        now = estate.clock.now()
        names = [_authority_name(estate, record) for record in records]
        due = estate.due_revocation_lists()
    newest = {(record.family, record.issuer): record.number for record in records}
    if session.as_json:
        print_json(
            {
                "revocation_lists": [record.as_json() for record in records],
                "due": [owed.as_json() for owed in due],
            }
        )
        return
    print_table(
        ("CA", "Profile", "Family", "Number", "This update", "Next update", "Entries", "State"),
        [
            (
                name,
                record.profile,
                record.family,
                str(record.number),
                iso(record.this_update),
                iso(record.next_update),
                str(record.count),
                _state(record, now)
                if record.number == newest[record.family, record.issuer]
                else "replaced",
            )
            for name, record in zip(names, records, strict=True)
        ],
        least=("Family", "Profile", "Entries"),
    )
    print_due(due, now)


@crl.command()
@click.argument("number", metavar="[NUMBER]", required=False, type=number_from(0))
@_with_authority_options
@click.option("--pem", is_flag=True, help="Print it as PEM instead.")
@click.pass_obj
def show(session: Session, /, number: int | None, *, pem: bool, **options: Any) -> None:
    """Show a CA's newest revocation list, or the list with a NUMBER, as `show` shows a file.

    \b
    Example:
      smki-testca --estate estate crl show --hierarchy organisation
    """
    with session.open() as estate:
        record = _find_list(estate, number, options)
        trusted = [authority.der for authority in estate.certificates.authorities()]
    if pem:
        print_document(as_pem(record).decode("ascii"))
        return
    from smki_testca.cli.show import show_documents
    from smki_testca.importers.sources import Source

    name = f"{record.profile} {record.number}"
    show_documents(session, [Source(name, 0, record.der)], record.as_json(), trusted)


@crl.command()
@click.argument("file", metavar="FILE")
@click.pass_obj
def verify(session: Session, file: str) -> None:
    """Compare the revocation list in FILE with the estate (- for standard input).

    The command checks the list's signature, times and number, and that it names exactly the
    certificates that the estate has revoked. The exit code is 1 if one of them is wrong; the
    findings are in docs/living.md.

    \b
    Example:
      smki-testca --estate estate crl verify organisation.crl.pem
    """
    from smki_testca.lifecycle.crl_comparison import compare_list

    data = _read_list(file)
    with session.open() as estate:
        comparison = compare_list(estate, data)
    if session.as_json:
        print_json(_comparison_as_json(comparison))
    else:
        _print_comparison(file, comparison)
    if comparison.discrepancies:
        click.get_current_context().exit(ExitCode.FINDINGS)


def _tier(options: dict[str, Any]) -> Tier:
    from smki_testca.profiles.model import Tier

    return Tier.ROOT if options["arl"] else Tier.ISSUING


def _find_list(estate: Estate, number: int | None, options: dict[str, Any]) -> RevocationListRecord:
    """Return a CA's revocation list with a number; None is its newest.

    Raises:
        InputError: if the CA has issued no such list.
    """
    from smki_testca.lifecycle.crls import find_authority, name_of, profile_of_list
    from smki_testca.profiles.model import Hierarchy

    hierarchy: Hierarchy = Hierarchy(options["hierarchy"])
    tier = _tier(options)
    profile = profile_of_list(estate, hierarchy, tier)
    authority = find_authority(estate, hierarchy, tier, options["environment"], options["ca"])
    issuer = name_of(authority)
    records = [
        record
        for record in estate.revocation_lists(current_only=number is None)
        if (record.family, record.issuer) == (issuer.family, issuer.name)
        and number in {None, record.number}
    ]
    if not records:
        which = "no list" if number is None else f"no list of number {number}"
        raise InputError(
            "crl.missing",
            f"{authority.label} has issued {which} of profile {profile.name}.",
            "Issue one: smki-testca crl issue",
        )
    return records[-1]


def _read_list(file: str) -> bytes:
    """Return the only revocation list in a file, as DER.

    Raises:
        InputError: if the file cannot be read, or does not hold exactly one document.
    """
    from smki_testca.cli.input_files import read_input
    from smki_testca.importers.sources import MAX_FILE_OCTETS, sources

    documents = list(sources([file], read_input("-", MAX_FILE_OCTETS) if file == "-" else None))
    for document in documents:
        if document.problem is not None:
            problem = document.problem
            raise InputError(problem.code, f"{file} cannot be read: {problem.message}.")
    if len(documents) != 1:
        raise InputError(
            "crl.file", f"{file} holds {len(documents)} documents, not one revocation list."
        )
    return documents[0].data


def _comparison_as_json(comparison: CrlComparison) -> dict[str, Any]:
    from smki_testca.clock import iso

    times = (comparison.this_update, comparison.next_update)
    this_update, next_update = (None if time is None else iso(time) for time in times)
    authority = comparison.authority
    return {
        "verified": not comparison.discrepancies,
        "authority": None if authority is None else str(authority.serial),
        "number": comparison.number,
        "this_update": this_update,
        "next_update": next_update,
        "entries": comparison.entries,
        "discrepancies": [discrepancy.as_json() for discrepancy in comparison.discrepancies],
    }


_SHOWN_DISCREPANCIES = 50


def _print_comparison(file: str, comparison: CrlComparison) -> None:
    if not comparison.discrepancies:
        authority = comparison.authority
        label = "" if authority is None else f" of {authority.label}"
        say(
            f"{file} is list {comparison.number}{label}, with"
            f" {counted(comparison.entries, 'entry', 'entries')}, as the estate would have it."
        )
        return
    for discrepancy in comparison.discrepancies[:_SHOWN_DISCREPANCIES]:
        say(f"{discrepancy.code}: {discrepancy.message}")
    left = len(comparison.discrepancies) - _SHOWN_DISCREPANCIES
    if left > 0:
        say(f"… and {left} more; --json has them all.")


def _authority_name(estate: Estate, record: RevocationListRecord) -> str:
    authority = estate.by_serial(record.authority)
    return "" if authority is None else authority.label or ""


def _issued_summary(estate: Estate, record: RevocationListRecord) -> str:
    name = _authority_name(estate, record)
    entries = counted(record.count, "entry", "entries")
    return f"{name} issued list {record.number} ({record.profile}) with {entries}."


def _state(record: RevocationListRecord, now: datetime) -> str:
    if now < record.this_update:
        return "future"
    return "stale" if record.next_update < now else "current"
