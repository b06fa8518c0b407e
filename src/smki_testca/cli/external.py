"""``import``, ``re-sign``, ``delete`` and ``list --external``: other people's certificates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from smki_testca.cli.command_line import ConfiguredOption
from smki_testca.cli.dry_run import with_dry_run
from smki_testca.cli.input_files import read_input
from smki_testca.cli.lists import (
    ListTerms,
    print_list,
)
from smki_testca.cli.numbers import number_from
from smki_testca.cli.output import (
    Column,
    print_outcome,
    print_rows,
    print_warnings,
    say,
)
from smki_testca.cli.records import (
    print_records,
    role_name,
)
from smki_testca.cli.renewal import ending
from smki_testca.cli.secret import first_line
from smki_testca.cli.selection import OF_OWN_ALONE, external_selection, selecting_externals
from smki_testca.cli.tokens import Needs, ask_first
from smki_testca.errors import ExitCode, InputError, UsageError
from smki_testca.text import counted, shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from smki_testca.api import Estate
    from smki_testca.cli.selection import Given
    from smki_testca.cli.session import Session
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.externals import ExternalRecord
    from smki_testca.issuance.re_signing import ReSigning
    from smki_testca.lifecycle.importing import ImportReport
    from smki_testca.roles import Roles


@click.command("import")
@click.argument("files", metavar="FILE…", nargs=-1, required=True)
@click.option(
    "--import-passphrase-file",
    metavar="FILE",
    help="Open encrypted private keys and PKCS#12 stores with the passphrase on the first line"
    " of FILE.",
)
@click.option("--without-keys", is_flag=True, help="Do not read private keys.")
@click.pass_obj
@with_dry_run
def import_(
    session: Session,
    files: tuple[str, ...],
    import_passphrase_file: str | None,
    *,
    without_keys: bool,
) -> None:
    """Import other people's certificates, with or without keys, beside the estate's own.

    Give files, folders, or - for standard input: PEM, DER, PKCS#7, PKCS#12, keystore.json and
    ZIPs such as org-crypto.zip. The certificates are linted and never count as the estate's own.
    To import them a second time changes nothing.

    \b
    Example:
      smki-testca --estate estate import keystore.json certificates/
    """
    from smki_testca.importers.intake import take_in
    from smki_testca.importers.sources import MAX_FILE_OCTETS

    passphrase = None if import_passphrase_file is None else first_line(import_passphrase_file)
    standard_input = read_input("-", MAX_FILE_OCTETS) if "-" in files else None
    with session.open(needs_keys=True) as estate:
        intake = take_in(files, standard_input, passphrase=passphrase, with_keys=not without_keys)
        report = estate.import_material(intake)
        externals = [item.external for item in report.arrived if item.external is not None]
        now = estate.clock.now()
        errors = estate.externals.errors(externals, now)
        if session.as_json:
            print_outcome(session, _import_as_json(report, errors, now))
            return
        arrivals = {item.external.sha256: item.arrival for item in report.arrived if item.external}
        items = [
            _Listed(record, codes, arrivals[record.sha256].value)
            for record, codes in zip(externals, errors, strict=True)
        ]
        _print_arrivals(estate, items)
        own = [item.own for item in report.arrived if item.own is not None]
        if own:
            say(f"{counted(len(own), 'certificate')} issued by this estate: left as it is.")
        say(_import_summary(report, externals, errors, now))
    print_warnings(
        f"{remark.source}: {remark.message}. [{remark.code}]" for remark in report.remarks
    )


@click.command("re-sign")
@click.option(
    "--purpose",
    cls=ConfiguredOption,
    metavar="S",
    required=True,
    help="The Testing Service, such as uept.",
)
@click.option(
    "--participant",
    metavar="P",
    help="The participant that holds them; by default the holder of the ID.",
)
@click.option(
    "--environment",
    cls=ConfiguredOption,
    metavar="E",
    help="The test environment; the estate's first by default.",
)
@click.option("--days", type=number_from(1, 36525), metavar="N", help="End N days from now.")
@click.option("--until", metavar="DATE", help="End with this day, or at this UTC time.")
@click.option("--with-defects", is_flag=True, help="Also those that lint finds errors in.")
@click.option("--again", is_flag=True, help="Also those that were signed again before.")
@click.option("--all-or-nothing", is_flag=True, help="Sign none if one of them cannot be signed.")
@selecting_externals
@click.pass_obj
@with_dry_run
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
    **given: Any,
) -> None:
    """Sign imported certificates again under the estate's own CA: same subject, key and label.

    Serial number and dates are new, and the gate decides on each. Certificates in which lint
    finds errors are left out; expiry does not count as an error. The exit code is 1 if any is
    left out. CAs' certificates that were imported with others are skipped.

    \b
    Example:
      smki-testca --estate estate re-sign --purpose uept --label Z1-supplier-ds
    """
    from smki_testca.issuance.re_signing import ReSigningTerms

    environment = given.pop("environment")
    with session.open() as estate:
        ask_first(session, estate, lambda: Needs(_issuing_in(estate, environment)))
        terms = ReSigningTerms(
            purpose,
            participant,
            environment,
            ending(estate.clock.now(), days, until),
            with_defects=with_defects,
            again=again,
            all_or_nothing=all_or_nothing,
        )
        outcome = estate.re_sign(external_selection(estate, given), terms)
        if not outcome.re_signed and len(outcome.left_out) == 1:
            raise outcome.left_out[0].error
        if session.as_json:
            print_outcome(
                session,
                {
                    "re_signed": [pair.as_json() for pair in outcome.re_signed],
                    "left_out": [left_out.as_json() for left_out in outcome.left_out],
                    "passed_over": len(outcome.passed_over),
                    "warnings": _warnings(outcome),
                },
            )
        else:
            _print_re_signed(outcome, estate)
    if outcome.left_out:
        click.get_current_context().exit(ExitCode.FINDINGS)


def _issuing_in(estate: Estate, environment: str | None) -> list[Record]:
    """The CAs that issue now in an environment; imported certificates may be of any hierarchy."""
    from smki_testca.profiles.model import Tier

    known = estate.library.environment(estate.environment(environment))
    return [
        state.record
        for state in estate.authorities.states()
        if state.issues_now
        and state.record.tier is Tier.ISSUING
        and state.record.family == known.family
    ]


@click.command()
@click.argument("digests", metavar="[SHA256]…", nargs=-1)
@selecting_externals
@click.option(
    "--import",
    "imports",
    metavar="N",
    type=number_from(1),
    multiple=True,
    help="Those that came with the import of entry N of the audit log. May be given several times.",
)
@click.option("--all-externals", is_flag=True, help="Every imported certificate and key.")
@click.pass_obj
@with_dry_run
def delete(
    session: Session,
    /,
    digests: tuple[str, ...],
    imports: tuple[int, ...],
    *,
    all_externals: bool,
    **given: Any,
) -> None:
    """Delete imported certificates and their private keys; never what this estate issued.

    Select them by SHA-256, as list --external shows it, or with options; those that fit all of
    them go. The audit log keeps their digests. A certificate that was signed again stays.

    \b
    Example:
      smki-testca --estate estate delete --label theirs --dry-run
    """
    from smki_testca.lifecycle.deletion import delete_externals

    if all_externals == bool(digests or imports or any(given.values())):
        raise UsageError(
            "usage",
            "--all-externals goes with no other selection."
            if all_externals
            else "No certificate is selected.",
            "Name certificates by SHA-256, give an option such as --label or --import, or"
            " --all-externals alone.",
        )
    with session.open() as estate:
        deletion = delete_externals(estate, _to_delete(estate, digests, imports, given))
        columns = _columns(estate.library.roles, estate.clock.now())
    if session.as_json:
        print_outcome(session, deletion.as_json())
        return
    chosen = [columns[name] for name in _DELETED]
    items = [_Listed(record, []) for record in deletion.records]
    print_rows(chosen, ([column.text(item) for column in chosen] for item in items))
    say(
        f"{counted(len(deletion.records), 'certificate')} and"
        f" {counted(deletion.keys, 'private key')} {'would be ' if session.dry_run else ''}deleted."
    )


_DELETED = ("label", "sha256", "profile", "id", "not-after", "key", "source")
"""The columns of the table of what was deleted."""


def _to_delete(
    estate: Estate, digests: Sequence[str], imports: Sequence[int], given: Given
) -> list[ExternalRecord]:
    """The external certificates that a selection means.

    Raises:
        InputError: if a digest is none or of no external certificate, or nothing fits.
    """
    from smki_testca.lifecycle.deletion import issued_error

    records = estate.externals.select(external_selection(estate, given))
    if digests:
        named = [_named(estate, text) for text in digests]
        records = [record for record in records if record.sha256 in named]
    if imports:
        records = [record for record in records if record.audit in imports]
    if records:
        return records
    if any(given.values()):
        own = next(iter(estate.select(external_selection(estate, given))), None)
        if own is not None:
            raise issued_error(own)
    raise InputError(
        "delete.nothing",
        "No imported certificate fits the selection.",
        "See: smki-testca list --external",
    )


def _named(estate: Estate, text: str) -> bytes:
    """The SHA-256 of an external certificate.

    Raises:
        InputError: if it is none, or that of something else.
    """
    from smki_testca.identifiers import SerialNumber
    from smki_testca.lifecycle.deletion import issued_error, issued_with

    if _SHA256.fullmatch(text):
        digest = bytes.fromhex(text)
        if estate.externals.by_digests([digest]):
            return digest
        own = issued_with(estate, digest)
    else:
        own = estate.by_serial(SerialNumber.parse(text)) if _SERIAL.fullmatch(text) else None
    if own is not None:
        raise issued_error(own)
    raise InputError(
        "certificate.unknown",
        f"No imported certificate has the SHA-256 {shown(text)}.",
        "See: smki-testca list --external",
    )


_SHA256 = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
_SERIAL = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)


def list_externals(session: Session, estate: Estate, given: Given, terms: ListTerms) -> None:
    """List the external certificates that fit, with the errors that lint finds.

    Raises:
        UsageError: for an option that fits the estate's own certificates only.
    """
    for name in OF_OWN_ALONE:
        if given[name]:
            raise UsageError(
                "usage",
                f"--{name} cannot select external certificates: only the estate's own have it.",
                "Leave it out, or --external.",
            )
    records = estate.externals.select(external_selection(estate, given))
    now = estate.clock.now()
    errors = estate.externals.errors(records, now)
    print_list(
        session,
        terms,
        "externals",
        map(_Listed, records, errors),
        _columns(estate.library.roles, now),
        _DEFAULT,
        lambda item: _external_as_json(item.record, item.errors, now),
    )


class _Listed(NamedTuple):
    """An external certificate in a table, with the codes of the errors in it."""

    record: ExternalRecord
    errors: list[str]
    arrival: str = ""


_DEFAULT = (
    *("label", "sha256", "profile", "id", "role", "usage", "not-after", "errors", "key"),
    *("serial", "re-signed"),
)
"""The columns of a table of external certificates unless others are asked for."""


def _columns(roles: Roles, now: datetime) -> dict[str, Column[_Listed]]:
    """Return every column that a table of external certificates can have, by name."""
    columns: tuple[Column[_Listed], ...] = (
        Column("label", "Label or file", lambda item: item.record.name, 3),
        Column("sha256", "SHA-256", lambda item: item.record.sha256.hex(), 0),
        Column("profile", "Profile", lambda item: item.record.profile, 7),
        Column("id", "EUI-64 or name", _id, 2),
        Column("role", "Role", lambda item: role_name(item.record.role, roles), 9),
        Column("usage", "Usage", lambda item: item.record.usage or "", 8),
        Column("not-after", "Not after", lambda item: _end_of(item.record, now), 5),
        Column("errors", "Errors", lambda item: ", ".join(item.errors) or "none", 4),
        Column("key", "Key", lambda item: "yes" if item.record.has_key else "no", 6),
        Column("serial", "Serial", lambda item: item.record.serial_text or "", 1),
        Column(
            "re-signed", "Re-signed as", lambda item: ", ".join(map(str, item.record.re_signed)), 10
        ),
        Column("source", "File", lambda item: item.record.source, 11),
        Column("arrival", "Arrival", lambda item: item.arrival, 1),
    )
    return {column.name: column for column in columns}


def _id(item: _Listed) -> str:
    record = item.record
    return str(record.eui64) if record.eui64 is not None else record.common_name or ""


def _end_of(record: ExternalRecord, now: datetime) -> str:
    if record.not_after is None:
        return "unreadable"
    return f"{record.not_after.date()}{' (expired)' if record.is_expired(now) else ''}"


def _external_as_json(record: ExternalRecord, errors: list[str], now: datetime) -> dict[str, Any]:
    return {**record.as_json(), "expired": record.is_expired(now), "errors": errors}


def _import_as_json(report: ImportReport, errors: list[list[str]], now: datetime) -> dict[str, Any]:
    errors_of_externals = iter(errors)
    certificates = []
    for item in report.arrived:
        certificate = item.as_json()
        if item.external is not None:
            certificate |= _external_as_json(item.external, next(errors_of_externals), now)
        certificates.append(certificate)
    return {
        "changed": report.changed,
        "certificates": certificates,
        "keys": report.keys,
        "remarks": [remark.as_json() for remark in report.remarks],
    }


def _print_arrivals(estate: Estate, items: Sequence[_Listed]) -> None:
    known = _columns(estate.library.roles, estate.clock.now())
    columns = [known["arrival" if name == "re-signed" else name] for name in _DEFAULT]
    if items:
        print_rows(columns, ([column.text(item) for column in columns] for item in items))


def _import_summary(
    report: ImportReport, records: list[ExternalRecord], errors: list[list[str]], now: datetime
) -> str:
    """Return one line that says how much was imported."""
    if not report.changed:
        return "Nothing is new: nothing was changed."
    expired = sum(bool(record.is_expired(now)) for record in records)
    wrong = sum(map(bool, errors))
    new = sum(item.arrival == "new" for item in report.arrived)
    return (
        f"{counted(new, 'certificate')} and {counted(report.keys, 'private key')} imported. Of"
        f" {counted(len(records), 'certificate')} {expired} expired and"
        f" {wrong} {'has' if wrong == 1 else 'have'} errors."
    )


def _warnings(outcome: ReSigning) -> list[str]:
    """Return each warning, after the name of the external certificate that it is about."""
    return [f"{pair.external.name}: {text}" for pair in outcome.re_signed for text in pair.warnings]


def _print_re_signed(outcome: ReSigning, estate: Estate) -> None:
    re_signed, left_out = outcome.re_signed, outcome.left_out
    if re_signed:
        print_records([pair.record for pair in re_signed], estate.library.roles)
    print_warnings(_warnings(outcome))
    for certificate in left_out:
        for line in certificate.error.lines():
            say(f"left out: {certificate.external.name}: {line}", err=True)
    if outcome.passed_over:
        say(f"{counted(len(outcome.passed_over), 'certificate')} of CAs skipped.", err=True)
    say(f"{counted(len(re_signed), 'certificate')} signed again, {len(left_out)} left out.")
