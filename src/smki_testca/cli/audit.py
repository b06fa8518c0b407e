"""``audit``: shows and verifies the audit log of an estate."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.numbers import number_from
from smki_testca.cli.output import (
    Progress,
    print_json,
    print_table,
    say,
)
from smki_testca.estate.entry_text import entry_text
from smki_testca.text import (
    counted,
    is_or_are,
)

if TYPE_CHECKING:
    from smki_testca.cli.session import Session


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
@click.pass_obj
def show(session: Session, last: int | None) -> None:
    """Show the entries, the oldest first.

    \b
    Example:
      smki-testca --estate estate audit show --last 10
    """
    with session.open() as estate:
        entries = estate.audit.entries(last)
    if session.as_json:
        print_json({"entries": [entry.as_json() for entry in entries]})
        return
    print_table(
        ("No.", "At", "Action", "Details"),
        [(str(entry.number), entry.at, entry.action, entry_text(entry)) for entry in entries],
    )


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
    help="Also open every private key, and check that it fits its public key.",
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
    if session.as_json:
        print_json(
            {
                "entries": verified.entries,
                "tiles": tiles,
                "whole": True,
                "remarks": list(verified.remarks),
                **({} if paired is None else {"keys": paired}),
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
    say(*(f"remark: {remark}" for remark in verified.remarks), err=True)
