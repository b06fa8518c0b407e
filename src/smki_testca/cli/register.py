"""``register``: the register of participants, their IDs and notifications."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.drafting import new_register
from smki_testca.cli.dry_run import with_dry_run
from smki_testca.cli.if_needed import with_if_needed
from smki_testca.cli.input_files import read_input
from smki_testca.cli.numbers import number_from
from smki_testca.cli.output import (
    print_document,
    print_json,
    print_outcome,
    print_table,
    print_warnings,
    say,
)
from smki_testca.cli.register_check import check
from smki_testca.cli.whois import whois
from smki_testca.errors import MEDIUM_ERRORS, OutputError, UsageError
from smki_testca.estate.register import MAX_ALLOCATED
from smki_testca.identifiers import Eui64, Signifier
from smki_testca.profiles.model import ParticipantKind
from smki_testca.register.notifications import Flow
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.cli.folding import Cell
    from smki_testca.cli.session import Session
    from smki_testca.register.notifications import Notification


@click.group()
def register() -> None:
    """The register: participants, their IDs, and the notifications about them.

    \b
    Example:
      smki-testca --estate estate register whois 90-B3-D5-1F-30-01-00-00
    """


@register.command("import")
@click.argument("file", metavar="FILE")
@click.pass_obj
@with_dry_run
def import_(session: Session, file: str) -> None:
    """Import participants and agreements from a TOML FILE.

    Participants that are there already are updated; the IDs allocated to them stay. A warning
    names each thing that an older file takes back: a correction, a withdrawn ID, exclusivity.

    \b
    Example:
      smki-testca --estate estate register import examples/participants.toml
    """
    data = read_input(file)
    with session.open() as estate:
        warnings: list[str] = []
        participants, agreements = estate.register.import_file(data, file, warnings.append)
    if session.as_json:
        print_outcome(
            session,
            {
                "participants": [participant.id for participant in participants],
                "agreements": [agreement.reference for agreement in agreements],
                **({"warnings": warnings} if warnings else {}),
            },
        )
        return
    print_warnings(warnings)
    say(
        f"{counted(len(participants), 'participant')} and"
        f" {counted(len(agreements), 'agreement')} are registered."
    )


@register.command()
@click.argument("participant", metavar="[ID]", required=False)
@click.option(
    "--user-role", metavar="R", help="Only participants with an ID that serves this User Role."
)
@click.option(
    "--market-participant", metavar="M", help="Only the Party with this Market Participant ID."
)
@click.pass_obj
def show(
    session: Session,
    participant: str | None,
    user_role: str | None,
    market_participant: str | None,
) -> None:
    """Show one participant, or all of them.

    \b
    Example:
      smki-testca --estate estate --json register show supplier-one
    """
    with session.open() as estate:
        current = estate.register.load()
        participants = list(current.participants.values())
        if participant is not None:
            participants = [current.participant(participant)]
        if user_role is not None:
            role = estate.library.roles.user_role(user_role)
            participants = [
                holder
                for holder in participants
                if any(role in allocated.user_roles for allocated in holder.ids)
            ]
        if market_participant is not None:
            holders = current.holders_of_market_participant(market_participant)
            names = {holder.id for holder in holders}
            participants = [holder for holder in participants if holder.id in names]
    if session.as_json:
        print_json({"participants": [holder.as_json() for holder in participants]})
        return
    rows = []
    for holder in participants:
        signifier = "" if holder.signifier is None else holder.signifier.text
        entries = [
            (
                str(entry),
                f"Registry Entry ({entry.kind})"
                + (", exclusive" if entry in holder.exclusive_entries else ""),
            )
            for entry in holder.registry_entries
        ]
        ids = [
            (str(allocated.eui64), ", ".join(role.name for role in allocated.user_roles))
            for allocated in holder.ids
        ]
        for index, (identifier, serves) in enumerate(ids + entries or [("", "")]):
            first = index == 0
            rows.append(
                (
                    holder.id if first else "",
                    holder.kind.value if first else "",
                    signifier if first else "",
                    identifier,
                    serves,
                )
            )
    print_table(
        ("Participant", "Kind", "Signifier", "ID", "Serves"), rows, least=("Signifier", "Kind")
    )


for _command in (whois, check, new_register):
    register.add_command(_command)


@register.command()
@click.argument("participant", metavar="ID")
@click.option("--name", metavar="N", help="Its trading name.")
@click.option("--kind", type=click.Choice([kind.value for kind in ParticipantKind]))
@click.option("--signifier", metavar="S", help="Its Signifier.")
@click.option(
    "--range",
    "ranges",
    metavar="ENTRY:NUMBER[:BITS]",
    multiple=True,
    help="Its range, which replaces all that it has: Registry Entry and organisation number.",
)
@click.option(
    "--exception", metavar="TEXT", help="Why the range lies outside the SEC's Registry Entries."
)
@click.option(
    "--withdraw-id",
    "withdrawn",
    metavar="EUI64|all",
    multiple=True,
    help="Withdraw an ID that was allocated by mistake.",
)
@click.pass_obj
@with_dry_run
@with_if_needed
def correct(
    session: Session,
    participant: str,
    name: str | None,
    kind: str | None,
    signifier: str | None,
    ranges: tuple[str, ...],
    exception: str | None,
    withdrawn: tuple[str, ...],
) -> None:
    """Correct wrong data of participant ID in the register.

    The command is refused if a certificate that is neither revoked nor expired would then be
    wrong; it names the serial numbers. With another range, the IDs outside it are withdrawn. If
    something has changed in the meantime, such as a name, use register import.

    \b
    Example:
      smki-testca --estate estate register correct supplier-two --signifier TPTY-SUPPLIER-2
      smki-testca --estate estate register correct supplier-two --range 90-B3-D5-1F-3:0A1
    """
    from smki_testca.register.correction import Correction, parse_range

    if exception is not None and not ranges:
        raise UsageError("usage", "--exception needs --range: it says why the range is allowed.")
    if not (name is not None or kind or signifier is not None or ranges or withdrawn):
        raise UsageError("usage", "Say what to correct, with --name, --signifier or the like.")
    with session.open() as estate:
        central = tuple(known.entry for known in estate.library.sec_registry_entries)
        present = estate.register.load().participant(participant)
        ids = [each.eui64 for each in present.ids]
        correction = Correction(
            None if kind is None else ParticipantKind(kind),
            name,
            None if signifier is None else Signifier.parse(signifier),
            tuple(parse_range(text, exception, central) for text in ranges),
            frozenset(ids if "all" in withdrawn else map(Eui64.parse, withdrawn)),
        )
        before, after = estate.correct_participant(participant, correction)
    if session.as_json:
        print_outcome(session, {"before": before.as_json(), "participant": after.as_json()})
        return
    was, now = before.as_json(), after.as_json()
    print_table(
        ("Corrected", "Before", "Now"),
        [
            (key.replace("_", " "), _value(was.get(key)), _value(now[key]))
            for key in now
            if was.get(key) != now[key]
        ],
    )


def _value(value: Any) -> Cell:
    """A value of a participant's JSON as a cell, with a line for each in a list."""
    if not isinstance(value, list):
        return "none" if value is None else str(value)
    return tuple(line for item in value for line in _lines(item)) or "none"


def _lines(value: Any) -> tuple[str, ...]:
    if not isinstance(value, dict):
        return (str(value),)
    if "first" in value:
        return value["first"], f"to {value['last']}"
    return (value.get("eui64") or f"{value['scheme']} {value['identifier']}",)


@register.command()
@click.argument("participant", metavar="ID")
@click.pass_obj
@with_dry_run
def remove(session: Session, participant: str) -> None:
    """Remove participant ID, which has no certificates, keys, agreements or IDs.

    Agreements that have ended go with it; the audit log has all that was removed.

    \b
    Example:
      smki-testca --estate estate register remove labs-one
    """
    with session.open() as estate:
        removed = estate.remove_participant(participant)
    if session.as_json:
        print_outcome(session, {"participant": removed.as_json()})
        return
    say(f"Participant {participant} is removed from the register.")


@register.command()
@click.argument("participant", metavar="ID")
@click.option("--user-role", metavar="R", required=True, help="The User Role the IDs will serve.")
@click.option(
    "--count",
    metavar="N",
    type=number_from(1, MAX_ALLOCATED),
    help="The number of IDs; 1 by default.",
)
@click.option(
    "--id", "stated_id", metavar="EUI64", help="Allocate this ID instead of the next one."
)
@click.pass_obj
@with_dry_run
def allocate(
    session: Session, participant: str, user_role: str, count: int | None, stated_id: str | None
) -> None:
    """Allocate the next IDs of participant ID's range, counting in hexadecimal.

    With --id it allocates that ID, which must be in the range and not allocated yet.

    \b
    Example:
      smki-testca --estate estate register allocate supplier-one --user-role "Gas Supplier"
    """
    if stated_id is not None and count is not None:
        raise UsageError("usage", "--id and --count cannot be used together.")
    with session.open() as estate:
        if stated_id is None:
            ids = estate.register.allocate(participant, user_role, count or 1)
        else:
            ids = [Eui64.parse(stated_id)]
            estate.register.allocate_id(participant, user_role, ids[0])
    if session.as_json:
        print_outcome(session, {"participant": participant, "ids": [str(eui64) for eui64 in ids]})
        return
    for eui64 in ids:
        say(str(eui64))


@register.command()
@click.option(
    "--flow",
    type=click.Choice([flow.value for flow in Flow]),
    required=True,
    help="panel: IDs allocated; party: User Roles of IDs; market: Market Participant IDs.",
)
@click.option("--format", "form", type=click.Choice(["json", "csv"]), default="json")
@click.option(
    "--number", metavar="N", type=number_from(1), help="Print notification N again, as it was."
)
@click.pass_obj
@with_dry_run
def notify(session: Session, flow: str, form: str, number: int | None) -> None:
    """Print the next notification to the DCC: the changes since the last one of its flow.

    The notification counts as made when it is printed. If printing fails, the next
    call prints the same one.

    \b
    Example:
      smki-testca --estate estate register notify --flow party --format csv
    """
    if number is not None and session.dry_run:
        raise UsageError("usage", "--number and --dry-run cannot be used together.")
    with session.open() as estate:
        if number is not None:
            notification = estate.register.notification(Flow(flow), number)
            _print_notification(session, notification, form)
            return
        notification = estate.register.next_notification(Flow(flow))
        with _nothing_counted():
            _print_notification(session, notification, form)
        estate.register.count_as_told(notification)


@contextmanager
def _nothing_counted() -> Iterator[None]:
    """Say of an output that fails that the notification is not counted as told."""
    try:
        yield
    except OSError as error:
        if error.errno not in MEDIUM_ERRORS:
            raise
        raise OutputError(
            "output.failed",
            f"The output cannot be written: {error.strerror}.",
            "No notification was counted. Free space on the disk, or repair it, and repeat the"
            " command: it prints the same one.",
        ) from error


def _print_notification(session: Session, notification: Notification, form: str) -> None:
    if form == "csv" and not session.as_json:
        print_document(notification.as_csv())
        return
    print_json(notification.as_json())
