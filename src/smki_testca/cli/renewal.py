"""``renew`` and ``expiring``: certificates near their end, and new ones in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.dry_run import with_dry_run
from smki_testca.cli.issued_files import (
    issued_to,
    print_saved,
    saved_as_json,
    target_of,
    writing,
)
from smki_testca.cli.numbers import number_from
from smki_testca.cli.output import (
    Column,
    print_document,
    print_json,
    print_outcome,
    print_rows,
    print_table,
    print_warnings,
    say,
)
from smki_testca.cli.records import (
    ListedRecord,
    record_columns,
)
from smki_testca.cli.selection import (
    exact_selection,
    narrow_selection,
    selecting,
)
from smki_testca.cli.tokens import Needs, ask_first
from smki_testca.errors import (
    InputError,
    UsageError,
)
from smki_testca.text import (
    closest,
    counted,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from smki_testca.api import Estate
    from smki_testca.authority.filling import Validity
    from smki_testca.cli.selection import Given
    from smki_testca.cli.session import Session
    from smki_testca.estate.certificates import Selection
    from smki_testca.issuance.renewal import Renewal
    from smki_testca.lifecycle.due_lists import DueList
    from smki_testca.lifecycle.expiry import Expiring
    from smki_testca.roles import Roles


@click.command()
@selecting
@click.option("--expiring-before", metavar="DATE", help="Those that expire before this UTC time.")
@click.option(
    "--within", metavar="PERIOD", help="Those that expire within this period, such as 90d or 6w."
)
@click.option(
    "--same-key/--new-key",
    default=False,
    help="Keep the key; by default the certificate gets a new one.",
)
@click.option("--days", type=number_from(1, 36525), metavar="N", help="End N days from now.")
@click.option("--until", metavar="DATE", help="End with this day, or at this UTC time.")
@click.option(
    "--purpose", metavar="S", help="The Testing Service; by default that of the certificate."
)
@writing
@click.pass_obj
@with_dry_run
def renew(
    session: Session,
    /,
    expiring_before: str | None,
    within: str | None,
    days: int | None,
    until: str | None,
    purpose: str | None,
    *,
    same_key: bool,
    **given: Any,
) -> None:
    """Renew certificates: all that fit every option, or none of them.

    The gate checks each request as of now. Certificates that are revoked, renewed already or not
    in use are left out; if you name one by its serial number, the command says why it cannot be
    renewed. If nothing expires in the time that you state, nothing is due, and the exit code is 0.
    To renew a CA, use smki-testca ca renew.

    \b
    Example:
      smki-testca --estate estate renew --participant supplier-one --within 90d
      smki-testca --estate estate renew --label Z1-supplier-ds --same-key --days 30
      smki-testca --estate estate renew --label Z1-supplier-ds --out kit --with-key --force
    """
    from smki_testca.authority.signers.tokens.uri import TokenUri
    from smki_testca.cli.issue import issuing_authorities

    target = target_of(given)
    with session.open() as estate:
        selected = _renewal_selection(estate, given, expiring_before, within)

        def needs() -> Needs:
            fitting = list(estate.select(selected))
            places = ((each.environment, each.profile) for each in fitting)
            # A new key is made where the one before it is.
            sealing = not same_key and any(each.key_uri is None for each in fitting)
            uris = {each.key_uri for each in fitting if each.key_uri}
            tokens = [TokenUri.parse(uri) for uri in sorted(uris)]
            return Needs(issuing_authorities(estate, places), sealing, tokens)

        ask_first(session, estate, needs)
        validity = ending(estate.clock.now(), days, until)
        try:
            renewals, saved = issued_to(
                target,
                estate,
                lambda: estate.renew(
                    selected, same_key=same_key, validity=validity, purpose=purpose
                ),
                lambda renewed: [renewal.record for renewal in renewed],
            )
        except InputError as error:
            if error.code != "selection.nothing" or selected.expires_before is None:
                raise
            _check_named(estate, selected)
            renewals, saved = [], None
    warnings = tuple(dict.fromkeys(line for renewal in renewals for line in renewal.warnings))
    if session.as_json:
        certificates = [renewal.as_json() for renewal in renewals]
        document = {"certificates": certificates, "warnings": list(warnings)}
        print_outcome(session, {**document, **saved_as_json(saved)})
        return
    print_warnings(warnings)
    if not renewals:
        say("nothing is due")
        return
    print_renewals(renewals, estate.library.roles)
    print_saved(saved)


def print_renewals(renewals: Sequence[Renewal], roles: Roles) -> None:
    """Print the certificates that were renewed, as a table."""
    known = record_columns(roles)
    is_noted = any(renewal.record.key_uri is not None for renewal in renewals)
    of_record = [known[name] for name in (*_COLUMNS, *(("notes",) if is_noted else ()))]
    columns: list[Column[Any]] = [*of_record, Column("renews", "Renews", str, 4)]
    rows = (
        (
            *(column.text(ListedRecord(renewal.record, None)) for column in of_record),
            str(renewal.predecessor.serial),
        )
        for renewal in renewals
    )
    print_rows(columns, rows)


_COLUMNS = (
    *("label", "id", "profile", "participant", "environment", "role", "usage", "not-after"),
    "serial",
)


def _check_named(estate: Estate, selected: Selection) -> None:
    """Check that a certificate has each label and EUI-64 that is asked for.

    What no certificate has, a pattern included, is a mistake: it would never be due. Serial numbers
    are checked before.

    Raises:
        InputError: if none has one of them.
    """
    from smki_testca.estate.certificates import Selection, values_of
    from smki_testca.estate.known_names import KnownNames, known_names

    for name, noun in _NAMED.items():
        for value in values_of(getattr(selected, name)) or ():
            if any(estate.select(Selection(**{name: value}))):
                continue
            if name != "label":
                message = f"No certificate has the {noun} {value}."
                raise InputError("selection.nothing", message, "See: smki-testca list")
            if not isinstance(value, str):
                message = f"No certificate has a label that fits {shown(str(value))}."
                raise InputError("selection.nothing", message, _SEE_LABELS)
            known = known_names(estate.directory / "estate.sqlite", KnownNames.LABEL, value[:1])
            meant = closest(value, known)
            raise InputError(
                "selection.nothing",
                f"No certificate has the label {shown(value)}.",
                f"Did you mean {meant}?" if meant else _SEE_LABELS,
            )


_NAMED = {"label": "label", "eui64": "EUI-64"}
_SEE_LABELS = "See: smki-testca list --columns label"


def _renewal_selection(
    estate: Estate, given: Given, before: str | None, within: str | None
) -> Selection:
    from dataclasses import replace

    from smki_testca.clock import later, parse_instant, parse_period

    if before is not None and within is not None:
        raise UsageError("usage", "Give --expiring-before or --within, not both.")
    if before is None and within is None:
        return narrow_selection(estate, given)
    if before is not None:
        limit = parse_instant(before)
    else:
        limit = later(estate.clock.now(), parse_period(within or ""))
    return replace(exact_selection(estate, given), expires_before=limit)


def ending(now: datetime, days: int | None, until: str | None) -> Validity | None:
    """Return the validity that ``--days`` or ``--until`` asks for; None if neither is given.

    Raises:
        UsageError: if both are given.
        InputError: if ``--until`` is not a time.
    """
    from datetime import timedelta

    from smki_testca.authority.filling import Validity
    from smki_testca.clock import later, parse_end

    if days is not None and until is not None:
        raise UsageError("usage", "Give --days or --until, not both.")
    if days is not None:
        return Validity(not_after=later(now, timedelta(days=days)))
    return None if until is None else Validity(not_after=parse_end(until))


@click.command()
@click.option(
    "--within",
    metavar="PERIOD",
    default="90d",
    show_default=True,
    help="A period, such as 90d or 6w.",
)
@click.option("--icalendar", is_flag=True, help="Print an iCalendar file, with alarms.")
@click.option(
    "--alarm",
    metavar="PERIOD",
    default="14d",
    show_default=True,
    help="The time from the iCalendar alarm to the end.",
)
@click.pass_obj
def expiring(session: Session, within: str, alarm: str, *, icalendar: bool) -> None:
    """List the certificates that expire within a period, or have expired, and are not renewed.

    The list includes those of the CAs and external certificates. It leaves out certificates that
    are revoked, not in use or re-signed. Below it are the revocation lists that are due by then.

    \b
    Example:
      smki-testca --estate estate expiring --within 90d
      smki-testca --estate estate expiring --within 26w --icalendar
    """
    from smki_testca.clock import later, parse_period

    if icalendar and session.as_json:
        raise UsageError("usage", "Give --json or --icalendar, not both.")
    period, before_end = parse_period(within), parse_period(alarm)
    with session.open() as estate:
        now = estate.clock.now()
        before = later(now, period)
        items, due = estate.expiring(before), estate.due_revocation_lists(before)
    if icalendar:
        if not items and not due:
            # A calendar has one event at least (RFC 5545 3.6), and programs refuse an empty one.
            print_warnings([f"Nothing is due before {before.date()}, so no calendar is printed."])
            return
        from smki_testca.exporters.icalendar import calendar

        print_document(calendar(items, now, before_end, due).decode("utf-8"))
        return
    if session.as_json:
        from smki_testca.clock import iso

        print_json(
            {
                "before": iso(before),
                "expiring": [item.as_json() for item in items],
                "due": [owed.as_json() for owed in due],
            }
        )
        return
    if items or not due:
        _print_expiring(items, now)
    if items and due:
        say("")
    _print_due(due, now)


def _print_due(due: Sequence[DueList], now: datetime) -> None:
    if not due:
        return
    print_table(
        ("List due", "CA", "Profile", "Why"),
        [
            (
                "now" if certificate.since <= now else f"{certificate.since.date()}",
                certificate.name,
                certificate.profile,
                certificate.why(now),
            )
            for certificate in due
        ],
    )


def _print_expiring(items: Sequence[Expiring], now: datetime) -> None:
    if not items:
        say("nothing expires in that time")
        return
    print_table(
        ("Not after", "Left", "Kind", "Name", "Profile", "Participant", "Serial or SHA-256"),
        [
            (
                f"{item.not_after.date()}",
                "none" if item.not_after < now else counted((item.not_after - now).days, "day"),
                item.kind.value,
                item.name,
                item.profile,
                item.participant or "",
                item.id,
            )
            for item in items
        ],
        least=("Participant", "Profile", "Kind", "Left"),
    )
