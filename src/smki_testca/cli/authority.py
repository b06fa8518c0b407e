"""``ca``: an estate's own CAs, their certificates and generations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.command_line import ConfiguredOption
from smki_testca.cli.dry_run import with_dry_run
from smki_testca.cli.names import HierarchyName
from smki_testca.cli.output import print_json, print_outcome, print_table, print_warnings

if TYPE_CHECKING:
    from datetime import datetime

    from smki_testca.cli.session import Session
    from smki_testca.estate.authorities import AuthorityState
    from smki_testca.estate.status import Status
    from smki_testca.lifecycle.due_lists import DueList

_ENVIRONMENT = click.option(
    "--environment",
    cls=ConfiguredOption,
    metavar="E",
    help="The CA's environment; the estate's first by default.",
)


@click.group()
def ca() -> None:
    """The CAs of an estate: list them, renew their certificates, roll them over.

    \b
    Example:
      smki-testca --estate estate ca list
    """


def _issues_now(state: AuthorityState, status: Status) -> str:
    """Whether a CA issues, and the status for which nobody trusts what it issues."""
    from smki_testca.estate.status import LIVING

    if not state.issues_now:
        return ""
    return "yes" if status in LIVING else f"yes, though {status.word}"


@ca.command("list")
@click.pass_obj
def list_(session: Session) -> None:
    """List the certificates of every CA, which of them issues now, and which CA owes a list.

    \b
    Example:
      smki-testca --estate estate ca list
    """
    with session.open() as estate:
        states = estate.authorities.states()
        statuses = [estate.status(state.record) for state in states]
        owed = {one.authority.serial: one for one in estate.due_revocation_lists()}
        now = estate.clock.now()
    if session.as_json:
        authorities = [
            {
                **state.as_json(),
                "status": status.value,
                "list_due": _as_json(owed.get(state.record.serial)),
            }
            for state, status in zip(states, statuses, strict=True)
        ]
        print_json({"authorities": authorities})
        return
    columns = ("CA", "Profile", "Generation", "Subject", "Not before", "Not after", "Serial")
    print_table(
        (*columns, "Status", "Issues now", "List due"),
        [
            (
                state.record.label or "",
                state.record.profile,
                str(state.generation),
                state.subject,
                f"{state.record.not_before.date()}",
                f"{state.record.not_after.date()}",
                str(state.record.serial),
                status.word,
                _issues_now(state, status),
                _in_words(owed.get(state.record.serial), now),
            )
            for state, status in zip(states, statuses, strict=True)
        ],
        least=("Subject", "Not before", "Generation", "Profile", "Not after", "List due"),
    )


def _as_json(owed: DueList | None) -> dict[str, Any] | None:
    return None if owed is None else owed.as_json()


def _in_words(owed: DueList | None, now: datetime) -> str:
    return "" if owed is None else owed.why(now)


@ca.command()
@click.argument("name", metavar="CA")
@click.option(
    "--environment", metavar="E", help="The CA's environment, if several CAs have that name."
)
@click.pass_obj
@with_dry_run
def renew(session: Session, name: str, environment: str | None) -> None:
    """Give a CA a new certificate: the same name and key, a new serial number and dates.

    CA is its name, such as Z1 or ZA, or the serial number of its certificate. Earlier
    signatures verify with the old certificate and with the new one.

    \b
    Example:
      smki-testca --estate estate ca renew Z1
    """
    from smki_testca.cli.renewal import print_renewals

    with session.open(needs_keys=True) as estate:
        renewal = estate.renew_authority(name, environment)
    if session.as_json:
        print_outcome(
            session,
            {"certificates": [renewal.as_json()], "warnings": list(renewal.warnings)},
        )
        return
    print_warnings(renewal.warnings)
    print_renewals([renewal], estate.library.roles)


@ca.command("roll-over")
@click.argument("hierarchy", type=HierarchyName())
@click.option("--name", metavar="CN", required=True, help="The new CA's name, such as Z1b.")
@_ENVIRONMENT
@click.pass_obj
@with_dry_run
def roll_over(session: Session, hierarchy: str, name: str, environment: str | None) -> None:
    """Make the next generation of an issuing CA: a new name and key under the same root.

    The new CA issues all certificates from then on. Certificates of earlier generations stay
    valid and are exported with their own chain. A run that has begun keeps the CA it began with.

    \b
    Example:
      smki-testca --estate estate ca roll-over organisation --name Z1b
    """
    from smki_testca.cli.records import print_records
    from smki_testca.profiles.model import Hierarchy

    with session.open(needs_keys=True) as estate:
        record = estate.roll_over(Hierarchy(hierarchy), name, environment)
        root = estate.certificates.chain(record)[0]
        warnings = estate.remarks(root, record.not_after)
        roles = estate.library.roles
    if session.as_json:
        document = {"certificates": [record.as_json()], "warnings": list(warnings)}
        print_outcome(session, document)
        return
    print_warnings(warnings)
    print_records([record], roles)
