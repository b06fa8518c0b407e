"""``register``: the register of participants, their IDs and notifications."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from smki_testca.cli.numbers import number_from
from smki_testca.cli.output import check_open, print_document, print_json, print_table, say
from smki_testca.cli.session import Session, read_input
from smki_testca.errors import InputError, UsageError
from smki_testca.identifiers import Eui64, Signifier
from smki_testca.lifecycle.whois import whois_certificate
from smki_testca.register.notifications import Flow
from smki_testca.register.whois import whois_id, whois_signifier
from smki_testca.text import shown

if TYPE_CHECKING:
    from smki_testca.api import Estate
    from smki_testca.register.notifications import Notification
    from smki_testca.register.whois import Answer


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
def import_(session: Session, file: str) -> None:
    """Import participants and agreements from a TOML FILE.

    Participants that are there already are updated; the IDs allocated to them stay.

    \b
    Example:
      smki-testca --estate estate register import examples/participants.toml
    """
    data = read_input(file)
    with session.open() as estate:
        participants, agreements = estate.register.import_file(data, file)
    if session.as_json:
        print_json(
            {
                "participants": [participant.id for participant in participants],
                "agreements": [agreement.reference for agreement in agreements],
            }
        )
        return
    say(f"{len(participants)} participants and {len(agreements)} agreements are registered.")


@register.command()
@click.argument("participant", metavar="[ID]", required=False)
@click.option("--user-role", metavar="R", help="Only those with an ID that serves it.")
@click.option("--market-participant", metavar="M", help="Only the Party with that identifier.")
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
            found = current.holders_of_market_participant(market_participant)
            names = {holder.id for holder in found}
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
    print_table(("Participant", "Kind", "Signifier", "ID", "Serves"), rows)


@register.command()
@click.argument("term", metavar="EUI64|SIGNIFIER|CERTIFICATE-FILE")
@click.pass_obj
def whois(session: Session, term: str) -> None:
    """Say which Party or RDP an ID, a Signifier or a presented certificate belongs to.

    \b
    Example:
      smki-testca --estate estate register whois TPTY-SUPPLIER-ONE
    """
    with session.open() as estate:
        answer = _look_up(estate, term)
        document = answer.as_json(estate.library.roles)
    if session.as_json:
        print_json(document)
        return
    ids = [
        f"{each.eui64} ({', '.join(role.name for role in each.user_roles) or 'no User Role'})"
        for each in answer.ids
    ]
    market = [
        f"{each['scheme']} {each['identifier']} ({each['role_code']})"
        for each in document["market_participant_ids"]
    ]
    rows = [
        ("Participant", f"{document['participant']}, {document['name']} ({document['kind']})"),
        ("Found by", f"{document['found_by']} {document['value']}"),
        ("Signifier", document["signifier"] or "none"),
        ("IDs", tuple(ids) or "none"),
        ("May act as", ", ".join(document["remote_party_roles"]) or "no RemotePartyRole"),
        ("Market Participant IDs", ", ".join(market) or "none"),
    ]
    if answer.issued_here is not None:
        signed = "signed by a CA of this estate" if answer.issued_here else "NOT of this estate"
        rows.append(("Certificate", signed))
    print_table(("", ""), rows)


@register.command()
@click.argument("participant", metavar="ID")
@click.option("--user-role", metavar="R", required=True, help="The User Role the IDs will serve.")
@click.option("--count", metavar="N", type=number_from(1, 100_000), default=1)
@click.pass_obj
def allocate(session: Session, participant: str, user_role: str, count: int) -> None:
    """Allocate the next IDs of participant ID's range, counting in hexadecimal.

    \b
    Example:
      smki-testca --estate estate register allocate supplier-one --user-role "Gas Supplier"
    """
    with session.open() as estate:
        ids = estate.register.allocate(participant, user_role, count)
    if session.as_json:
        print_json({"participant": participant, "ids": [str(eui64) for eui64 in ids]})
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
@click.option("--dry-run", is_flag=True, help="Print the next one without counting it as told.")
@click.pass_obj
def notify(session: Session, flow: str, form: str, number: int | None, *, dry_run: bool) -> None:
    """Print the next notification to the DCC: the changes since the last one of its flow.

    It counts as told when it is printed. If printing fails, the next call tells the same.

    \b
    Example:
      smki-testca --estate estate register notify --flow party --format csv
    """
    if number is not None and dry_run:
        raise UsageError("usage", "--number and --dry-run do not go together.")
    with session.open() as estate:
        if number is not None:
            _print_notification(session, estate.register.notification(Flow(flow), number), form)
            return
        notification = estate.register.next_notification(Flow(flow))
        if not dry_run:
            check_open()
        _print_notification(session, notification, form)
        if not dry_run:
            estate.register.count_as_told(notification)


def _print_notification(session: Session, notification: Notification, form: str) -> None:
    if form == "csv" and not session.as_json:
        print_document(notification.as_csv())
        return
    print_json(notification.as_json())


def _look_up(estate: Estate, term: str) -> Answer:
    current = estate.register.load()
    try:
        eui64 = Eui64.parse(term)
    except InputError:
        pass
    else:
        return whois_id(current, eui64)
    try:
        signifier = Signifier.parse(term)
    except InputError:
        signifier = None
    if signifier is not None and current.holder_of_signifier(signifier) is not None:
        return whois_signifier(current, signifier)
    if Path(term).is_file():
        return whois_certificate(estate, read_input(term))
    raise InputError(
        "whois.nobody",
        f"{shown(term)} is no EUI-64, no Signifier in the register and no certificate file.",
    )
