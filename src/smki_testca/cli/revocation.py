"""``revoke``, ``reject``, ``set-status`` and ``status``: the status of certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from smki_testca.cli.dry_run import with_dry_run
from smki_testca.cli.if_needed import (
    print_nothing_needed,
    with_if_needed,
)
from smki_testca.cli.output import (
    print_json,
    print_table,
)
from smki_testca.cli.records import print_with_status
from smki_testca.cli.selection import (
    narrow_selection,
    selecting,
    serial_of,
)

if TYPE_CHECKING:
    from smki_testca.cli.session import Session


@click.command()
@click.option("--reason", metavar="R", required=True, help="Such as key-compromise or superseded.")
@click.option("--at", metavar="TIME", help="The time of the revocation, UTC; now by default.")
@selecting
@click.pass_obj
@with_dry_run
@with_if_needed
def revoke(session: Session, /, reason: str, at: str | None, **given: tuple[str, ...]) -> None:
    """Revoke the certificates that fit every option: all of them, or none.

    The reasons are key-compromise, ca-compromise, affiliation-changed, superseded,
    cessation-of-operation, privilege-withdrawn, aa-compromise and unspecified. A revoked
    certificate stays revoked, and is named on the next list that `crl issue` makes. Devices have
    no revocation lists: use set-status.

    \b
    Example:
      smki-testca --estate estate revoke --participant supplier-one --role supplier
      --reason cessation-of-operation
    """
    from smki_testca.clock import parse_instant
    from smki_testca.lifecycle.revocation import parse_reason

    as_of = None if at is None else parse_instant(at)
    reason_code = parse_reason(reason)
    with session.open() as estate:
        records = estate.revoke(
            narrow_selection(estate, given),
            reason_code,
            at=as_of,
            if_needed=session.if_needed,
        )
        if session.if_needed and not records:
            print_nothing_needed(session, "All that fits the selection is revoked already.")
            return
        print_with_status(session, estate, records)


@click.command()
@click.argument("serial", metavar="SERIAL")
@click.pass_obj
@with_dry_run
def reject(session: Session, serial: str) -> None:
    """Reject the certificate with that SERIAL in its subscriber's name (SEC L11).

    It is revoked without a reason, and named on the next list that `crl issue` makes. A Device
    Certificate, which has no list, is set to not-in-use. The first digits of the serial number
    are enough.

    \b
    Example:
      smki-testca --estate estate reject 6763D10DF35E12D0060FE4D82C1A9B37
    """
    with session.open() as estate:
        print_with_status(session, estate, [estate.reject(serial_of(estate, serial))])


@click.command("set-status")
@click.argument("new", metavar="STATUS")
@selecting
@click.pass_obj
@with_dry_run
def set_status(session: Session, /, new: str, **given: tuple[str, ...]) -> None:
    """Set the STATUS of the certificates that fit every option: of all of them, or none.

    STATUS is pending (P), in-use (I) or not-in-use (N). You cannot set expired or revoked: these
    follow from the dates and the revocations. The command prints the certificates that changed.

    \b
    Example:
      smki-testca --estate estate set-status not-in-use --eui64 00-DB-12-00-00-00-00-01
    """
    from smki_testca.estate.status import Status

    new_status = Status.parse(new)
    with session.open() as estate:
        changed = estate.set_status(narrow_selection(estate, given), new_status)
        print_with_status(session, estate, changed)


@click.command()
@click.argument("serial", metavar="SERIAL")
@click.pass_obj
def status(session: Session, serial: str) -> None:
    """Show the status of the certificate with that SERIAL, and its history.

    The first digits of the serial number are enough.

    \b
    Example:
      smki-testca --estate estate status 6763D10DF35E12D0060FE4D82C1A9B37
    """
    from smki_testca.clock import iso
    from smki_testca.lifecycle.revocation import known

    with session.open() as estate:
        record = known(estate, serial_of(estate, serial))
        now, history = estate.status(record), estate.history(record)
    if session.as_json:
        print_json(
            {
                "serial": str(record.serial),
                "status": now.value,
                "history": [step.as_json() for step in history],
            }
        )
        return
    print_table(
        ("Status", "Since", "Why", "Audit entry"),
        [(step.status.word, iso(step.at), step.note, str(step.audit or "")) for step in history],
        f"Certificate {record.serial} is {now.word}.",
    )
