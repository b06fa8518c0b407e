"""``audit``: what was decided and done, and whether the log is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.output import print_json, print_table

if TYPE_CHECKING:
    from smki_testca.cli.session import Session
    from smki_testca.estate.audit import Entry


@click.group()
def audit() -> None:
    """The audit log of an estate.

    \b
    Example:
      smki-testca --estate estate audit verify
    """


@audit.command()
@click.option("--last", metavar="N", type=click.IntRange(1), help="Only the last N entries.")
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
        [(str(entry.number), entry.at, entry.action, _details(entry)) for entry in entries],
    )


@audit.command()
@click.pass_obj
def verify(session: Session) -> None:
    """See that the log is whole, and that it and the certificates tell the same.

    \b
    Example:
      smki-testca --estate estate audit verify
    """
    with session.open() as estate:
        count = estate.audit.verify()
        tiles = estate.tiles.verify()
    if session.as_json:
        print_json({"entries": count, "tiles": tiles, "whole": True})
        return
    said = f" {tiles} tiles are as it tells." if tiles else ""
    click.echo(f"The audit log is whole: {count} entries.{said}")


_SHOWN_OF_A_LIST = 4


def _shown(value: Any) -> str:
    """A value of an entry; a long list, of serials for one, by its length: JSON has it all."""
    if isinstance(value, list) and len(value) > _SHOWN_OF_A_LIST:
        return f"{len(value)} of them"
    return str(value)


def _of_several(body: dict[str, Any]) -> str:
    """A decision on several certificates at once, renewed or signed again."""
    if body["granted"]:
        return f"granted {len(body['certificates'])} of them"
    refused = body.get("refused")
    count = body["count"] if refused is None else len(refused)
    reasons = body["reasons"] if refused is None else [r for one in refused for r in one["reasons"]]
    return f"refused {count} of them: {', '.join(dict.fromkeys(one['code'] for one in reasons))}"


def _details(entry: Entry) -> str:
    body = entry.body
    if "granted" not in body:
        return ", ".join(f"{name}: {_shown(value)}" for name, value in body.items() if value)
    if "request" not in body:
        return _of_several(body)
    request = body["request"]
    who = f"{request['profile']} for {request['participant']} ({request['purpose']})"
    if body["granted"]:
        return f"granted {who} under {body['agreement']}"
    return f"refused {who}: {', '.join(reason['code'] for reason in body['reasons'])}"
