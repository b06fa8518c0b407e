"""``import``, ``re-sign`` and what ``list --external`` prints: other people's certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.output import print_json, print_records, print_table, print_warnings, role_name
from smki_testca.cli.renewal import ending
from smki_testca.cli.selection import selecting_externals, selection
from smki_testca.cli.session import Session, first_line, read_input
from smki_testca.errors import ExitCode, UsageError
from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from smki_testca.api import Estate
    from smki_testca.estate.externals import ExternalRecord
    from smki_testca.issuance.re_signing import ReSigning
    from smki_testca.lifecycle.importing import ImportReport


@click.command("import")
@click.argument("files", metavar="FILE…", nargs=-1, required=True)
@click.option(
    "--import-passphrase-file",
    metavar="FILE",
    help="Its first line opens encrypted private keys and PKCS#12 stores.",
)
@click.option("--without-keys", is_flag=True, help="Leave private keys unread.")
@click.pass_obj
def import_(
    session: Session,
    files: tuple[str, ...],
    import_passphrase_file: str | None,
    *,
    without_keys: bool,
) -> None:
    """Keep other people's certificates, with or without keys, beside the estate's own.

    Give files, folders, or - for standard input: PEM, DER, PKCS#7, PKCS#12, keystore.json and
    ZIPs such as org-crypto.zip. They are linted, never pass for the estate's own, and change
    nothing when they come a second time.

    \b
    Example:
      smki-testca --estate estate import keystore.json certificates/
    """
    from smki_testca.importers.intake import take_in
    from smki_testca.importers.sources import MAX_FILE_OCTETS

    passphrase = None if import_passphrase_file is None else first_line(import_passphrase_file)
    standard_input = read_input("-", MAX_FILE_OCTETS) if "-" in files else None
    with session.open() as estate:
        taken = take_in(files, standard_input, passphrase=passphrase, with_keys=not without_keys)
        done = estate.import_material(taken)
        externals = [one.external for one in done.arrived if one.external is not None]
        now = estate.clock.now()
        errors = estate.externals.errors(externals, now)
        if session.as_json:
            print_json(_import_as_json(done, errors, now))
            return
        arrivals = {one.external.sha256: one.arrival for one in done.arrived if one.external}
        _print(estate, externals, errors, [arrivals[one.sha256].value for one in externals])
        own = [one.own for one in done.arrived if one.own is not None]
        if own:
            click.echo(f"{_count(len(own), 'certificate')} issued by this estate: left as it is.")
        click.echo(_summary(done, externals, errors, now))
    print_warnings(f"{one.source}: {one.message}. [{one.code}]" for one in done.remarks)


@click.command("re-sign")
@click.option("--purpose", metavar="S", required=True, help="The Testing Service they are for.")
@click.option("--participant", metavar="P", help="Who is to hold them; else who holds the ID.")
@click.option("--environment", metavar="E", help="The test environment; else the estate's first.")
@click.option("--days", type=click.IntRange(1, 36525), metavar="N", help="End N days from now.")
@click.option("--until", metavar="DATE", help="End with this day, or at this UTC time.")
@click.option("--with-defects", is_flag=True, help="Also those that lint finds errors in.")
@click.option("--again", is_flag=True, help="Also those that were signed again already.")
@click.option("--all-or-nothing", is_flag=True, help="None, if one of them cannot be.")
@selecting_externals
@click.pass_obj
def re_sign(
    session: Session,
    /,
    purpose: str,
    participant: str | None,
    days: int | None,
    until: str | None,
    *,
    with_defects: bool,
    again: bool,
    all_or_nothing: bool,
    **given: str | None,
) -> None:
    """Sign imported certificates again under the estate's own CA: same subject, key and label.

    Serial and dates are new, and the gate is asked for each. Those that lint finds errors in are
    left out; having expired is none. Ends with exit code 1 where any was left out.

    \b
    Example:
      smki-testca --estate estate re-sign --purpose uept --label Z1-supplier-ds
    """
    from smki_testca.issuance.re_signing import ReSigningTerms

    with session.open() as estate:
        terms = ReSigningTerms(
            purpose,
            participant,
            given["environment"],
            ending(estate.clock.now(), days, until),
            with_defects=with_defects,
            again=again,
            all_or_nothing=all_or_nothing,
        )
        done = estate.re_sign(selection(estate.library, given), terms)
        if not done.re_signed and len(done.left_out) == 1:
            raise done.left_out[0].error
        if session.as_json:
            print_json(
                {
                    "re_signed": [one.as_json() for one in done.re_signed],
                    "left_out": [one.as_json() for one in done.left_out],
                    "warnings": _warnings(done),
                }
            )
        else:
            _print_re_signed(done, estate)
    if done.left_out:
        click.get_current_context().exit(ExitCode.FINDINGS)


def list_externals(session: Session, estate: Estate, given: dict[str, str | None]) -> None:
    """List the external certificates that fit, with what lint finds.

    Raises:
        UsageError: for an option that fits the estate's own certificates only.
    """
    for name in ("participant", "status"):
        if given[name] is not None:
            raise UsageError(
                "usage",
                f"--{name} fits no external certificates: it is of the estate's own alone.",
                "Leave it out, or --external.",
            )
    records = estate.externals.select(selection(estate.library, given))
    now = estate.clock.now()
    errors = estate.externals.errors(records, now)
    if session.as_json:
        shown = [
            _external_as_json(one, found, now) for one, found in zip(records, errors, strict=True)
        ]
        print_json({"externals": shown})
        return
    _print(estate, records, errors, None)


def _external_as_json(record: ExternalRecord, errors: list[str], now: datetime) -> dict[str, Any]:
    return {**record.as_json(), "expired": record.is_expired(now), "errors": errors}


def _import_as_json(done: ImportReport, errors: list[list[str]], now: datetime) -> dict[str, Any]:
    found = iter(errors)
    certificates = []
    for one in done.arrived:
        told = one.as_json()
        if one.external is not None:
            told |= _external_as_json(one.external, next(found), now)
        certificates.append(told)
    return {
        "changed": done.changed,
        "certificates": certificates,
        "keys": done.keys,
        "remarks": [one.as_json() for one in done.remarks],
    }


def _print(
    estate: Estate,
    records: Sequence[ExternalRecord],
    errors: list[list[str]],
    arrivals: list[str] | None,
) -> None:
    now = estate.clock.now()
    columns = ("Label", "Profile", "EUI-64", "Role", "Usage", "Not after", "Errors", "Key")
    further = "Arrival" if arrivals else "Re-signed as"
    rows = []
    for number, (one, found) in enumerate(zip(records, errors, strict=True)):
        last = "unreadable" if one.not_after is None else f"{one.not_after:%Y-%m-%d}"
        re_signed = "\n".join(map(str, one.re_signed))
        rows.append(
            (
                one.name,
                one.profile,
                "" if one.eui64 is None else str(one.eui64),
                role_name(one.role, estate.library.roles),
                one.usage or "",
                f"{last} (expired)" if one.is_expired(now) else last,
                ", ".join(found) or "none",
                "yes" if one.has_key else "no",
                one.serial_text or "",
                arrivals[number] if arrivals else re_signed,
            )
        )
    if rows:
        print_table((*columns, "Serial", further), rows)


def _summary(
    done: ImportReport, records: list[ExternalRecord], errors: list[list[str]], now: datetime
) -> str:
    """What came in, in one line."""
    if not done.changed:
        return "Nothing is new: nothing was changed."
    expired = sum(bool(one.is_expired(now)) for one in records)
    new = sum(one.arrival == "new" for one in done.arrived)
    return (
        f"{_count(new, 'certificate')} and {_count(done.keys, 'private key')} imported. Of"
        f" {_count(len(records), 'certificate')} {expired} expired and"
        f" {sum(map(bool, errors))} have errors."
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _warnings(done: ReSigning) -> list[str]:
    """Each warning, with what it is about."""
    return [f"{one.external.name}: {text}" for one in done.re_signed for text in one.warnings]


def _print_re_signed(done: ReSigning, estate: Estate) -> None:
    if done.re_signed:
        print_records([one.record for one in done.re_signed], estate.library.roles)
    print_warnings(_warnings(done))
    for one in done.left_out:
        for line in one.error.lines():
            click.echo(f"left out: {plain(one.external.name)}: {line}", err=True)
    click.echo(
        f"{_count(len(done.re_signed), 'certificate')} signed again, {len(done.left_out)} left out."
    )
