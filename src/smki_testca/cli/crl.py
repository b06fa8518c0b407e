"""``crl``: the revocation lists of an estate, issued, listed, drawn and compared with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.names import HierarchyName
from smki_testca.cli.output import print_json, print_table
from smki_testca.errors import ExitCode, InputError, UsageError
from smki_testca.files import replace

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from smki_testca.api import Estate
    from smki_testca.cli.session import Session
    from smki_testca.estate.revocations import RevocationListRecord
    from smki_testca.lifecycle.crl_comparison import Comparison
    from smki_testca.profiles.model import Hierarchy, Tier

_OF_AUTHORITY = [
    click.option(
        "--hierarchy",
        type=HierarchyName(),
        default="organisation",
        show_default=True,
        help="Of this hierarchy's issuing CA.",
    ),
    click.option("--arl", is_flag=True, help="Of the root instead: its list of issuing CAs."),
    click.option("--environment", metavar="E", help="Of this environment's CAs."),
    click.option("--ca", metavar="NAME", help="Of the CA of this name; the newest by default."),
]


def _of_authority(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OF_AUTHORITY):
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
@_of_authority
@click.option("--at", metavar="TIME", help="The list's thisUpdate, UTC; now by default.")
@click.option("--next-update", metavar="TIME", help="Its nextUpdate; by the profile if not given.")
@click.option("--out", metavar="FILE", help="Write it there instead of printing it.")
@click.option("--der", is_flag=True, help="Write DER instead of PEM; only with --out.")
@click.pass_obj
def issue(
    session: Session,
    /,
    at: str | None,
    next_update: str | None,
    out: str | None,
    *,
    der: bool,
    **of: Any,
) -> None:
    """Issue the next revocation list of a CA.

    It names whatever was revoked as of its thisUpdate. With --at it is a stale list, or one of
    the future; its number rises all the same. --out replaces what the file held.

    \b
    Example:
      smki-testca --estate estate crl issue --hierarchy organisation --out organisation.crl.pem
    """
    from smki_testca.clock import parse_instant
    from smki_testca.profiles.model import Hierarchy

    if der and out is None:
        raise UsageError("usage", "DER is written to a file only.", "Name it with --out FILE.")
    begin, end = (None if one is None else parse_instant(one) for one in (at, next_update))
    with session.open() as estate:
        record = estate.issue_revocation_list(
            Hierarchy(of["hierarchy"]),
            _tier(of),
            environment=of["environment"],
            authority=of["ca"],
            at=begin,
            next_update=end,
        )
        said = _said(estate, record)
    pem = _pem(record)
    if out is not None:
        _write(Path(out), record.der if der else pem)
    if session.as_json:
        print_json({"revocation_list": {**record.as_json(), "pem": pem.decode("ascii")}})
        return
    click.echo(said, err=out is None)
    if out is None:
        click.echo(pem.decode("ascii"), nl=False)


@crl.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that a newer one replaced.")
@click.pass_obj
def list_(session: Session, *, everything: bool) -> None:
    """List the newest revocation list of each CA.

    \b
    Example:
      smki-testca --estate estate crl list --all
    """
    from smki_testca.clock import iso

    with session.open() as estate:
        records = estate.revocation_lists(current_only=not everything)
        now = estate.clock.now()
        names = [_authority_name(estate, one) for one in records]
    newest = {(one.family, one.issuer): one.number for one in records}
    if session.as_json:
        print_json({"revocation_lists": [one.as_json() for one in records]})
        return
    print_table(
        ("CA", "Profile", "Family", "Number", "This update", "Next update", "Entries", "State"),
        [
            (
                name,
                one.profile,
                one.family,
                str(one.number),
                iso(one.this_update),
                iso(one.next_update),
                str(one.count),
                _state(one, now) if one.number == newest[one.family, one.issuer] else "replaced",
            )
            for name, one in zip(names, records, strict=True)
        ],
    )


@crl.command()
@click.argument("number", metavar="[NUMBER]", required=False, type=click.IntRange(0))
@_of_authority
@click.option("--pem", is_flag=True, help="Print it as PEM instead.")
@click.pass_obj
def show(session: Session, /, number: int | None, *, pem: bool, **of: Any) -> None:
    """Draw a CA's newest revocation list, or that of a NUMBER, as `show` does a file.

    \b
    Example:
      smki-testca --estate estate crl show --hierarchy organisation
    """
    with session.open() as estate:
        record = _find(estate, number, of)
        trusted = [one.der for one in estate.certificates.authorities()]
    if pem:
        click.echo(_pem(record).decode("ascii"), nl=False)
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

    Looked at are its signature, its times, its number, and whether it names exactly what the
    estate has revoked. Ends with exit code 1 where one of them is not as it should be; the
    findings are in docs/living.md.

    \b
    Example:
      smki-testca --estate estate crl verify organisation.crl.pem
    """
    from smki_testca.lifecycle.crl_comparison import compare_list

    data = _read_list(file)
    with session.open() as estate:
        found = compare_list(estate, data)
    if session.as_json:
        print_json(_comparison(found))
    else:
        _print_comparison(file, found)
    if found.discrepancies:
        click.get_current_context().exit(ExitCode.FINDINGS)


def _tier(of: dict[str, Any]) -> Tier:
    from smki_testca.profiles.model import Tier

    return Tier.ROOT if of["arl"] else Tier.ISSUING


def _find(estate: Estate, number: int | None, of: dict[str, Any]) -> RevocationListRecord:
    """A CA's list of a number, or its newest."""
    from smki_testca.lifecycle.crls import find_authority, name_of, profile_of_list
    from smki_testca.profiles.model import Hierarchy

    hierarchy: Hierarchy = Hierarchy(of["hierarchy"])
    profile = profile_of_list(estate, hierarchy, _tier(of))
    authority = find_authority(estate, hierarchy, _tier(of), of["environment"], of["ca"])
    issuer = name_of(authority)
    found = [
        one
        for one in estate.revocation_lists(current_only=number is None)
        if (one.family, one.issuer) == (issuer.family, issuer.name) and number in {None, one.number}
    ]
    if not found:
        which = "no list" if number is None else f"no list of number {number}"
        raise InputError(
            "crl.missing",
            f"{authority.label} has issued {which} of profile {profile.name}.",
            "Issue one: smki-testca crl issue",
        )
    return found[-1]


def _read_list(file: str) -> bytes:
    """The one revocation list in a file, DER."""
    from smki_testca.cli.session import read_input
    from smki_testca.importers.sources import MAX_FILE_OCTETS, sources

    found = list(sources([file], read_input("-", MAX_FILE_OCTETS) if file == "-" else None))
    for one in found:
        if one.problem is not None:
            raise InputError(one.problem.code, f"{file} cannot be read: {one.problem.message}.")
    if len(found) != 1:
        raise InputError(
            "crl.file", f"{file} holds {len(found)} documents, not one revocation list."
        )
    return found[0].data


def _comparison(found: Comparison) -> dict[str, Any]:
    from smki_testca.clock import iso

    times = (found.this_update, found.next_update)
    begin, end = (None if one is None else iso(one) for one in times)
    return {
        "verified": not found.discrepancies,
        "authority": None if found.authority is None else str(found.authority.serial),
        "number": found.number,
        "this_update": begin,
        "next_update": end,
        "entries": found.entries,
        "discrepancies": [one.as_json() for one in found.discrepancies],
    }


_SHOWN_DISCREPANCIES = 50


def _print_comparison(file: str, found: Comparison) -> None:
    if not found.discrepancies:
        label = "" if found.authority is None else f" of {found.authority.label}"
        click.echo(
            f"{file} is list {found.number}{label}, with {found.entries} entries, as the estate"
            " would have it."
        )
        return
    for one in found.discrepancies[:_SHOWN_DISCREPANCIES]:
        click.echo(f"{one.code}: {one.message}")
    left = len(found.discrepancies) - _SHOWN_DISCREPANCIES
    if left > 0:
        click.echo(f"… and {left} more; --json has them all.")


def _authority_name(estate: Estate, record: RevocationListRecord) -> str:
    authority = estate.by_serial(record.authority)
    return "" if authority is None else authority.label or ""


def _said(estate: Estate, record: RevocationListRecord) -> str:
    name = _authority_name(estate, record)
    return f"{name} issued list {record.number} ({record.profile}) with {record.count} entries."


def _state(record: RevocationListRecord, now: datetime) -> str:
    if now < record.this_update:
        return "future"
    return "stale" if record.next_update < now else "current"


def _pem(record: RevocationListRecord) -> bytes:
    from smki_testca.x509.pem import to_pem

    return to_pem(record.der, "X509 CRL")


def _write(path: Path, data: bytes) -> None:
    """Put a list in the place of the one before, so that a reader finds one or the other."""
    try:
        replace(path, data)
    except OSError as error:
        raise InputError(
            "crl.unwritable",
            f"The list is issued, but {path} cannot be written: {error.strerror}.",
            "Print it again: smki-testca crl show --pem",
        ) from error
