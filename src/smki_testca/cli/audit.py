"""``audit``: shows and verifies the audit log of an estate."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.numbers import number_from
from smki_testca.cli.output import (
    Progress,
    print_json,
    print_table,
    say,
)
from smki_testca.estate.audit_owners import NAMING, AuditOwners
from smki_testca.estate.entry_text import entry_text
from smki_testca.text import (
    counted,
    is_or_are,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.api import Estate
    from smki_testca.cli.session import Session
    from smki_testca.estate.audit import Entry

_MAX_DETAILS = 120
"""The most characters of an entry's details in the table; --json has all of them."""
_AT_A_TIME = 200
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)


@click.group()
def audit() -> None:
    """The audit log of an estate.

    \b
    Example:
      smki-testca --estate estate audit verify
    """


@audit.command()
@click.option("--last", metavar="N", type=number_from(1), help="Only the last N entries.")
@click.option(
    "--action", metavar="ACTION", default="", help="Such as issue; batch is batch.tile, too."
)
@click.option(
    "--participant",
    metavar="ID",
    default="",
    help="Only entries that tell of this participant, by the id in the register.",
)
@click.pass_obj
def show(session: Session, last: int | None, action: str, participant: str) -> None:
    """Show the entries, the oldest first. Long details are cut off: --json has all of them.

    \b
    Example:
      smki-testca --estate estate audit show --action issue --last 10
    """
    with session.open() as estate:
        if action or participant:
            found = _newest_first(estate, action, participant)
            entries = list(islice(found, last))[::-1]
        else:
            entries = estate.audit.entries(last)
    if session.as_json:
        print_json({"entries": [entry.as_json() for entry in entries]})
        return
    print_table(
        ("No.", "At", "Action", "Details"),
        [
            (str(entry.number), entry.at, entry.action, entry_text(entry, _MAX_DETAILS))
            for entry in entries
        ],
    )
    if not entries:
        say("No entry fits.", err=True)


def _newest_first(estate: Estate, action: str, participant: str) -> Iterator[Entry]:
    """The entries of an action that tell of a participant; of any where one is empty."""
    owners = AuditOwners(estate)
    naming = (participant, NAMING) if participant else None
    before = None
    while True:
        some = estate.audit.latest(_AT_A_TIME, before=before, action=action, naming=naming)
        for entry in some:
            if not participant or participant in owners.of(entry):
                yield entry
        if len(some) < _AT_A_TIME:
            return
        before = some[-1].number


@audit.command()
@click.pass_obj
def head(session: Session) -> None:
    """Print the digest of the log and of every row: keep it outside the estate.

    Later, audit verify --head DIGEST shows that nothing up to here was rewritten.

    \b
    Example:
      smki-testca --estate estate audit head
    """
    with session.open() as estate:
        end = estate.audit.head()
    if session.as_json:
        print_json(end.as_json())
        return
    say(end.digest)


def _digest_option(context: click.Context, parameter: click.Parameter, text: str | None) -> Any:
    del context, parameter
    if text is not None and not _DIGEST.fullmatch(text):
        raise click.BadParameter("a digest has 64 hexadecimal digits, as audit head prints them.")
    return None if text is None else text.lower()


@audit.command()
@click.option(
    "--head",
    "digest",
    metavar="DIGEST",
    callback=_digest_option,
    help="What audit head printed earlier: the log must continue from there.",
)
@click.option(
    "--keys",
    is_flag=True,
    help="Also open every private key, and check that it fits its public key. Tokens are asked if"
    " a PKCS#11 module is configured.",
)
@click.pass_obj
def verify(session: Session, digest: str | None, *, keys: bool) -> None:
    """Check that the log is complete and unchanged, and that every row agrees with it.

    \b
    Example:
      smki-testca --estate estate audit verify --keys
    """
    with session.open() as estate:
        if keys:
            estate.unlock()
        verified = estate.audit.examine(digest)
        tiles = estate.tiles.verify(Progress("tiles"))
        paired = estate.verify_keys(Progress("private keys")) if keys else None
        in_tokens = len(estate.key_store.in_tokens.rows()) if keys else 0
        asks_tokens = in_tokens > 0 and session.has_token_module
        if asks_tokens:
            estate.verify_token_keys()
    if session.as_json:
        print_json(
            {
                "entries": verified.entries,
                "tiles": tiles,
                "whole": True,
                "remarks": list(verified.remarks),
                **({} if paired is None else {"keys": paired}),
                **({"token_keys": in_tokens, "tokens_asked": asks_tokens} if in_tokens else {}),
            }
        )
        return
    entries = counted(verified.entries, "entry", "entries")
    about_tiles = f" {counted(tiles, 'tile')} {is_or_are(tiles)} as it records." if tiles else ""
    about_keys = (
        ""
        if paired is None
        else (f" {counted(paired, 'private key')} {'fits' if paired == 1 else 'fit'}.")
    )
    say(f"The audit log is whole: {entries}.{about_tiles}{about_keys}")
    if in_tokens:
        say(_about_tokens(in_tokens, asked=asks_tokens))
    say(*(f"remark: {remark}" for remark in verified.remarks), err=True)


def _about_tokens(count: int, *, asked: bool) -> str:
    keys = counted(count, "key")
    if asked:
        return f"{keys} in tokens {is_or_are(count)} there, and {'fits' if count == 1 else 'fit'}."
    return (
        f"{keys} in tokens {is_or_are(count)} not checked: no PKCS#11 module is named"
        " (--token-module)."
    )
