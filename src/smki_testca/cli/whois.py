"""``register whois``: whose an identifier or a presented certificate is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from smki_testca.cli.input_files import read_input
from smki_testca.cli.output import print_json, print_table, say
from smki_testca.clock import iso
from smki_testca.errors import ExitCode, InputError
from smki_testca.lifecycle.whois import look_up, whois_file
from smki_testca.register.whois import WhoisAnswer, WhoisUnanswered
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.api import Estate
    from smki_testca.cli.folding import Cell
    from smki_testca.cli.session import Session
    from smki_testca.register.whois import Presented
    from smki_testca.roles import Roles


@click.command()
@click.argument("term", metavar="TERM")
@click.pass_obj
def whois(session: Session, term: str) -> None:
    """Say which participant an identifier or a presented certificate belongs to.

    TERM is an ID, a Signifier, the id of a participant, a Market Participant ID, a serial number
    in hexadecimal or decimal, a Registry Entry, or a file of certificates. Each
    certificate of a file gets an answer.

    \b
    Example:
      smki-testca --estate estate register whois TPTY-SUPPLIER-ONE
    """
    with session.open() as estate:
        answers = _answers(estate, term)
        roles = estate.library.roles
    # A CA's certificate in a chain is nobody's, and nothing is wrong with that.
    failed = [
        answer
        for answer in answers
        if isinstance(answer, WhoisUnanswered) and not answer.is_authority
    ]
    known = [answer for answer in answers if isinstance(answer, WhoisAnswer)]
    if len(answers) == 1 and isinstance(answers[0], WhoisUnanswered):
        raise answers[0].reason
    if session.as_json:
        print_json(_as_json(answers, known, roles))
    else:
        _print(answers, roles)
        if not known:
            of_whom = "" if failed else ": those of CAs are nobody's"
            say(f"error: No certificate in {term} has a holder in the register{of_whom}.", err=True)
    if failed or not known:
        code = ExitCode.FINDINGS if known else ExitCode.INPUT
        click.get_current_context().exit(code)


def _answers(estate: Estate, term: str) -> Sequence[WhoisAnswer | WhoisUnanswered]:
    answers = look_up(estate, term)
    if answers:
        return answers
    if Path(term).is_file():
        return whois_file(estate, read_input(term))
    raise InputError(
        "whois.nobody",
        f"{shown(term)} is not an EUI-64, not a Signifier, participant id or Market Participant"
        " ID in the"
        " register, no serial number in the estate, no Registry Entry and no certificate file.",
    )


def _as_json(
    answers: Sequence[WhoisAnswer | WhoisUnanswered], known: Sequence[WhoisAnswer], roles: Roles
) -> dict[str, object]:
    """The first answer; where there are several, with all of them."""
    every = [
        answer.as_json(roles) if isinstance(answer, WhoisAnswer) else answer.as_json()
        for answer in answers
    ]
    first = known[0].as_json(roles) if known else {"error": every[0]["error"]}
    return first if len(every) == 1 else {**first, "answers": every}


def _print(answers: Sequence[WhoisAnswer | WhoisUnanswered], roles: Roles) -> None:
    for place, answer in enumerate(answers, 1):
        if len(answers) > 1:
            say(*([""] if place > 1 else []), f"{place} of {len(answers)}")
        rows = _rows(answer, roles) if isinstance(answer, WhoisAnswer) else _rows_of_reason(answer)
        print_table(("", ""), rows)


def _rows(answer: WhoisAnswer, roles: Roles) -> list[tuple[str, Cell]]:
    document = answer.as_json(roles)
    ids = [
        f"{each.eui64} ({', '.join(role.name for role in each.user_roles) or 'no User Role'})"
        for each in answer.ids
    ]
    market = [
        f"{each['scheme']} {each['identifier']} ({each['role_code']})"
        for each in document["market_participant_ids"]
    ]
    entries = [
        f"{entry} ({entry.kind})"
        + (", exclusive" if entry in answer.participant.exclusive_entries else "")
        for entry in answer.participant.registry_entries
    ]
    return [
        ("Participant", f"{document['participant']}, {document['name']} ({document['kind']})"),
        ("Found by", f"{document['found_by']} {document['value']}"),
        ("Signifier", document["signifier"] or "none"),
        ("IDs", tuple(ids) or "none"),
        ("May act as", ", ".join(document["remote_party_roles"]) or "no RemotePartyRole"),
        ("Market Participant IDs", ", ".join(market) or "none"),
        *([("Registry Entries", tuple(entries))] if entries else []),
        *([] if answer.certificate is None else _rows_of_certificate(answer.certificate)),
    ]


def _rows_of_reason(unanswered: WhoisUnanswered) -> list[tuple[str, Cell]]:
    certificate = unanswered.certificate
    if unanswered.is_authority:
        who = "none: it is a CA's certificate"
    else:
        who = f"unknown: {unanswered.reason.message} {unanswered.reason.remedy}".rstrip()
    return [
        ("Participant", who),
        *([] if certificate is None else _rows_of_certificate(certificate)),
    ]


def _rows_of_certificate(certificate: Presented) -> Iterator[tuple[str, Cell]]:
    signed = "signed by a CA of this estate" if certificate.issued_here else "NOT of this estate"
    serial = "" if certificate.serial is None else f" {certificate.serial}"
    yield "Certificate", f"{certificate.profile}{serial}, {signed}"
    if certificate.issued_to is not None:
        yield "Issued to", certificate.issued_to
    yield "Status", _status(certificate)


def _status(certificate: Presented) -> str:
    begin, end = certificate.not_before, certificate.not_after
    match certificate.status:
        case "revoked" if certificate.revoked_at is not None:
            return f"REVOKED on {iso(certificate.revoked_at)}"
        case "expired" if end is not None:
            return f"EXPIRED on {iso(end)}"
        case "not-yet-valid" if begin is not None:
            return f"NOT YET VALID: from {iso(begin)}"
        case None:
            until = "" if end is None else f" until {iso(end)}"
            return f"within its dates{until}; whether it is revoked is not known here"
    until = "" if end is None else f", until {iso(end)}"
    return f"{certificate.status}{until}"
