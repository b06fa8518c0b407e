"""``account``: who may use the repository and the portal with a password or an API key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from smki_testca.cli.dry_run import with_dry_run
from smki_testca.cli.if_needed import with_if_needed
from smki_testca.cli.output import print_json, print_outcome, print_table, say
from smki_testca.cli.secret import first_line, typed
from smki_testca.clock import iso
from smki_testca.errors import InputError, UsageError
from smki_testca.text import counted, is_or_are

if TYPE_CHECKING:
    from smki_testca.cli.session import Session
    from smki_testca.estate.accounts import Account

_password_file = click.option(
    "--password-file",
    metavar="FILE",
    help="The password is the first line of FILE; - is standard input. By default you type it.",
)


@click.group()
def account() -> None:
    """Accounts: who may use the repository and the portal from other machines.

    An account has a password, for people, and an API key, for programs. Five failures to sign in
    within an hour lock it for an hour.

    \b
    Example:
      smki-testca --estate estate account list
    """


@account.command()
@click.argument("name", metavar="NAME")
@click.option("--participant", metavar="P", help="The participant whose account it is.")
@click.option("--operator", is_flag=True, help="It is an operator's, who sees everything.")
@_password_file
@click.pass_obj
@with_dry_run
def add(
    session: Session,
    name: str,
    participant: str | None,
    *,
    operator: bool,
    password_file: str | None,
) -> None:
    """Add account NAME, and print its API key, which is not shown again.

    \b
    Example:
      smki-testca --estate estate account add ann --operator --password-file password.txt
    """
    if operator == (participant is not None):
        raise UsageError(
            "usage", "Say whose account it is: --participant P or --operator, not both."
        )
    with session.open() as estate:
        api_key = estate.accounts.add(name, _password(name, password_file), participant)
        added = estate.accounts.get(name)
    if session.as_json:
        print_outcome(session, {"account": added.as_json(), "api_key": api_key})
        return
    say(f"Account {name} of {_holder(added)} is added.")
    _say_key(api_key)


@account.command("list")
@click.pass_obj
def list_(session: Session) -> None:
    """List the accounts: whose they are, and which are locked.

    \b
    Example:
      smki-testca --estate estate account list
    """
    with session.open() as estate:
        accounts = estate.accounts.all()
    if session.as_json:
        print_json({"accounts": [account.as_json() for account in accounts]})
        return
    if not accounts:
        say("There are no accounts. Add one with: smki-testca account add")
        return
    print_table(
        ("Account", "Of", "Created", "Failures", "Locked until"),
        [
            (
                account.name,
                _holder(account),
                iso(account.created),
                str(account.failures),
                "" if account.locked_until is None else iso(account.locked_until),
            )
            for account in accounts
        ],
    )


@account.command()
@click.argument("name", metavar="ACCOUNT")
@click.pass_obj
@with_dry_run
def remove(session: Session, name: str) -> None:
    """Remove an account; its password and its API key are not taken any more.

    \b
    Example:
      smki-testca --estate estate account remove head-end
    """
    with session.open() as estate:
        removed = estate.accounts.remove(name)
    if session.as_json:
        print_outcome(session, {"account": removed.as_json()})
        return
    say(f"Account {name} is removed.")


@account.command()
@click.argument("name", metavar="ACCOUNT")
@_password_file
@click.pass_obj
@with_dry_run
def password(session: Session, name: str, password_file: str | None) -> None:
    """Give an account another password. If it was locked, it no longer is.

    \b
    Example:
      smki-testca --estate estate account password ann --password-file password.txt
    """
    with session.open() as estate:
        estate.accounts.get(name)
        estate.accounts.set_password(name, _password(name, password_file))
        changed = estate.accounts.get(name)
    if session.as_json:
        print_outcome(session, {"account": changed.as_json()})
        return
    say(f"Account {name} has another password.")


@account.command()
@click.argument("name", metavar="ACCOUNT")
@click.pass_obj
@with_dry_run
@with_if_needed
def unlock(session: Session, name: str) -> None:
    """Unlock an account before its hour is over, and forgive its failures.

    \b
    Example:
      smki-testca --estate estate account unlock ann
    """
    with session.open() as estate:
        forgiven = estate.accounts.get(name).failures
        estate.accounts.unlock(name)
        unlocked = estate.accounts.get(name)
    if session.as_json:
        print_outcome(session, {"account": unlocked.as_json()})
        return
    failures = f"{counted(forgiven, 'failure')} {is_or_are(forgiven)}"
    say(f"Account {name} is not locked; {failures} forgiven.")


@account.command()
@click.argument("name", metavar="ACCOUNT")
@click.pass_obj
@with_dry_run
def key(session: Session, name: str) -> None:
    """Give an account another API key, and print it; the old one is not taken any more.

    \b
    Example:
      smki-testca --estate estate account key head-end
    """
    with session.open() as estate:
        api_key = estate.accounts.new_key(name)
        changed = estate.accounts.get(name)
    if session.as_json:
        print_outcome(session, {"account": changed.as_json(), "api_key": api_key})
        return
    say(f"Account {name} has another API key.")
    _say_key(api_key)


def _holder(account: Account) -> str:
    return "the operator" if account.participant is None else account.participant


def _say_key(api_key: str) -> None:
    say(f"Its API key, which is not shown again: {api_key}")


def _password(name: str, password_file: str | None) -> str:
    """The password on the first line of a file, or one that is typed twice.

    Raises:
        InputError: if there is neither a file nor anybody to type.
    """
    if password_file is not None:
        return str(first_line(password_file))
    password = typed(f"Password of {name}", confirm=True)
    if password is None:
        raise InputError(
            "password.missing",
            f"Account {name} needs a password, and nobody is there to type it.",
            "Name a file that has it: --password-file FILE",
        )
    return str(password)
