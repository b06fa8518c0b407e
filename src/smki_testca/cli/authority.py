"""``ca``: an estate's own CAs, their certificates and generations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.command_line import ConfiguredOption
from smki_testca.cli.dry_run import with_dry_run
from smki_testca.cli.if_needed import with_if_needed
from smki_testca.cli.library_names import HierarchyName
from smki_testca.cli.output import print_json, print_outcome, print_table, print_warnings, say
from smki_testca.cli.tokens import Needs, TokenUriType, ask_first, remarks_on_key, token_option

if TYPE_CHECKING:
    from datetime import datetime

    from smki_testca.api import Estate
    from smki_testca.authority.signers.tokens.uri import TokenUri
    from smki_testca.cli.session import Session
    from smki_testca.estate.authorities import AuthorityState
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.status import Status
    from smki_testca.lifecycle.due_lists import DueList

_ENVIRONMENT = click.option(
    "--environment",
    cls=ConfiguredOption,
    metavar="E",
    help="The CA's environment; the estate's first by default.",
)


_KEY_IN_TOKEN = click.option(
    "--token",
    metavar="URI",
    type=TokenUriType(),
    required=True,
    help="The key in its PKCS#11 token: pkcs11:token=NAME;object=LABEL.",
)


@click.group()
def ca() -> None:
    """The CAs of an estate: list them, renew their certificates, roll them over, move keys.

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
    """List every CA's certificates, where its key is, which issues now, and which owes a list.

    \b
    Example:
      smki-testca --estate estate ca list
    """
    with session.open() as estate:
        states = estate.authorities.states()
        statuses = [estate.status(state.record) for state in states]
        owed = {due.authority.serial: due for due in estate.due_revocation_lists()}
        places = [estate.key_store.place(state.record.key_id) for state in states]
        now = estate.clock.now()
    if session.as_json:
        authorities = [
            {
                **state.as_json(),
                "status": status.value,
                "key": place,
                "list_due": _as_json(owed.get(state.record.serial)),
            }
            for state, status, place in zip(states, statuses, places, strict=True)
        ]
        print_json({"authorities": authorities})
        return
    columns = ("CA", "Profile", "Generation", "Subject", "Not before", "Not after", "Serial")
    print_table(
        (*columns, "Key", "Status", "Issues now", "List due"),
        [
            (
                state.record.label or "",
                state.record.profile,
                str(state.generation),
                state.subject,
                f"{state.record.not_before.date()}",
                f"{state.record.not_after.date()}",
                str(state.record.serial),
                _where(place),
                status.word,
                _issues_now(state, status),
                _in_words(owed.get(state.record.serial), now),
            )
            for state, status, place in zip(states, statuses, places, strict=True)
        ],
        least=("Subject", "Not before", "Generation", "Profile", "Not after", "List due"),
    )


def _where(place: str | None) -> str:
    """The place of a CA's key, in words."""
    from smki_testca.authority.signers.tokens.uri import TokenUri
    from smki_testca.estate.key_store import IN_ESTATE

    if place is None:
        return "missing"
    if place == IN_ESTATE:
        return place
    uri = TokenUri.parse(place)
    return f"token {uri.token or uri.serial or uri}"


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

    with session.open() as estate:
        ask_first(
            session, estate, lambda: Needs(_signing_for(estate, name, environment), sealing=False)
        )
        renewal = estate.renew_authority(name, environment)
    if session.as_json:
        print_outcome(
            session,
            {"certificates": [renewal.as_json()], "warnings": list(renewal.warnings)},
        )
        return
    print_warnings(renewal.warnings)
    print_renewals([renewal], estate.library.roles)


def _signing_for(estate: Estate, name: str, environment: str | None) -> list[Record]:
    """The CA that signs the certificate of a CA: its root, or a root itself."""
    known = None if environment is None else estate.library.environment(environment)
    record = estate.authorities.named(name, known)
    return [*estate.certificates.chain(record), record][:1]


@ca.command()
@click.argument("name", metavar="CA")
@click.option("--environment", metavar="E", help="The CA's environment, if several have that name.")
@_KEY_IN_TOKEN
@click.pass_obj
@with_if_needed
@with_dry_run
def move(session: Session, name: str, environment: str | None, token: TokenUri) -> None:
    """Use a CA's key in a PKCS#11 token, and delete the one that is sealed in the estate.

    Bring the key into the token first, with the token's own tools. The command finds it by the
    URI, compares it with the CA's certificate, and checks a signature.

    \b
    Example:
      smki-testca --estate estate ca move ZA --token 'pkcs11:token=trial;object=za'
    """
    with session.open() as estate:
        ask_first(session, estate, lambda: Needs(sealing=False, tokens=[token]))
        record, key = estate.move_authority_key(name, token, environment)
    warnings = remarks_on_key(record.label or "", key)
    if session.as_json:
        document = {"ca": record.label, "key": str(key.uri), "warnings": warnings}
        print_outcome(session, document)
        return
    print_warnings(warnings)
    if session.dry_run:
        say(f"The CA {record.label} would sign with its key in {key.uri}.")
    else:
        say(f"The CA {record.label} signs with its key in {key.uri} from now on.")


@ca.command("roll-over")
@click.argument("hierarchy", type=HierarchyName())
@click.option("--name", metavar="CN", required=True, help="The new CA's name, such as Z1b.")
@_ENVIRONMENT
@token_option("Make the key in this PKCS#11 token; by default where the last generation's is.")
@click.pass_obj
@with_dry_run
def roll_over(
    session: Session, hierarchy: str, name: str, environment: str | None, token: TokenUri | None
) -> None:
    """Make the next generation of an issuing CA: a new name and key under the same root.

    The new CA issues all certificates from then on. Certificates of earlier generations stay
    valid and are exported with their own chain. A run that has begun keeps the CA it began with.

    \b
    Example:
      smki-testca --estate estate ca roll-over organisation --name Z1b
    """
    from smki_testca.cli.records import print_records
    from smki_testca.profiles.model import Hierarchy, Tier

    with session.open() as estate:

        def needs() -> Needs:
            known = estate.library.environment(estate.environment(environment))
            root, last = (
                estate.authorities.newest(known, Hierarchy(hierarchy), tier)
                for tier in (Tier.ROOT, Tier.ISSUING)
            )
            # By default, the new key is made where the last generation's is.
            return Needs([root] if token else [root, last], sealing=False, tokens=[token])

        ask_first(session, estate, needs)
        record = estate.roll_over(Hierarchy(hierarchy), name, environment, token=token)
        root = estate.certificates.chain(record)[0]
        warnings = estate.remarks(root, record.not_after)
        roles = estate.library.roles
    if session.as_json:
        document = {"certificates": [record.as_json()], "warnings": list(warnings)}
        print_outcome(session, document)
        return
    print_warnings(warnings)
    print_records([record], roles)
