"""``audit``: shows and verifies the audit log of an estate."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.anchoring import is_same_place
from smki_testca.cli.input_files import read_input
from smki_testca.cli.numbers import number_from
from smki_testca.cli.output import (
    Progress,
    anchor_mark,
    print_json,
    print_table,
    say,
)
from smki_testca.cli.output_paths import OUTPUT
from smki_testca.clock import iso
from smki_testca.errors import InputError
from smki_testca.estate.audit_owners import NAMING, AuditOwners
from smki_testca.estate.entry_text import entry_text
from smki_testca.streams import is_standard_output
from smki_testca.text import (
    counted,
    is_or_are,
)
from smki_testca.text_files import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from smki_testca.api import Estate
    from smki_testca.cli.session import Session
    from smki_testca.estate.anchor import Anchor
    from smki_testca.estate.anchor_store import Continuation
    from smki_testca.estate.audit_entry import Entry

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

    Where audit.anchor is configured, and the log does not continue the newest anchor, that is said
    after the entries, and the exit code is 5.

    \b
    Example:
      smki-testca --estate estate audit show --action issue --last 10
    """
    with session.open() as estate:
        if action or participant:
            newest_first = _newest_first(estate, action, participant)
            entries = list(islice(newest_first, last))[::-1]
        else:
            entries = estate.audit.entries(last)
    fault = session.anchors.note_fault(session.estate_directory())
    if session.as_json:
        print_json({"entries": [entry.as_json() for entry in entries], **anchor_mark(fault)})
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


@audit.command()
@click.option(
    "--out",
    metavar="FILE",
    type=OUTPUT,
    help="Add the anchor to the end of FILE, a file of anchors, instead of printing it.",
)
@click.pass_obj
def anchor(session: Session, out: Path | None) -> None:
    """Sign how far the log has come, on one line of text: keep it outside the estate.

    Later, audit verify --anchor shows that nothing up to here was rewritten, cut off or put back.
    The first anchor makes a key for that in the estate; the others change nothing there.

    \b
    Example:
      smki-testca --estate estate audit anchor --out anchors.txt
    """
    from smki_testca.lifecycle.anchor_file import AnchorFile

    to_file = None if out is None or is_standard_output(out) else AnchorFile(out)
    with session.open() as estate:
        if to_file is None:
            new_anchor = estate.anchors.make()
        else:
            estate.anchors.unlock()
            new_anchor = to_file.add(estate.anchors.make)
    if session.as_json:
        where = {} if to_file is None else {"file": str(out)}
        print_json({**new_anchor.as_json(), **where})
    elif to_file is None:
        say(new_anchor.line)
    else:
        say(f"The anchor of entry {new_anchor.number} is in {out}.")


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
@click.option(
    "--anchor",
    "files",
    metavar="FILE",
    multiple=True,
    help="A file of anchors, - for standard input: the log must continue each of them. May be given"
    " several times.",
)
@click.pass_obj
def verify(session: Session, digest: str | None, files: Sequence[str], *, keys: bool) -> None:
    """Check that the log is complete and unchanged, and that every row agrees with it.

    Where audit.anchor is configured, the log must also continue the anchors in that file.

    \b
    Example:
      smki-testca --estate estate audit verify --keys
    """
    anchors, unusable = _anchors_of(_with_configured(session, files))
    with session.open() as estate:
        if keys:
            estate.unlock()
        continuation = estate.anchors.verify(anchors, digest, unusable=unusable)
        verified = continuation.verification
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
                **(
                    {"anchors": [anchor.as_json() for anchor in continuation.anchors]}
                    if anchors
                    else {}
                ),
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
    say(*_about_anchors(continuation))
    if in_tokens:
        say(_about_tokens(in_tokens, are_checked=asks_tokens))
    say(*(f"remark: {remark}" for remark in verified.remarks), err=True)


def _about_tokens(count: int, *, are_checked: bool) -> str:
    keys = counted(count, "key")
    if are_checked:
        return f"{keys} in tokens {is_or_are(count)} there, and {'fits' if count == 1 else 'fit'}."
    return (
        f"{keys} in tokens {is_or_are(count)} not checked: no PKCS#11 module is named"
        " (--token-module)."
    )


def _with_configured(session: Session, files: Sequence[str]) -> list[str]:
    """The files of anchors to read, and the one that is configured, if there is one yet."""
    configured = session.anchor_file
    if configured is None or not configured.exists():
        return list(files)
    if any(is_same_place(name, configured) for name in files if name != "-"):
        return list(files)
    return [*files, str(configured)]


def _anchors_of(files: Sequence[str]) -> tuple[list[Anchor], list[InputError]]:
    """The anchors in files, and what is wrong with files that have anything else or none."""
    from smki_testca.estate.anchor import parse_anchors

    anchors: list[Anchor] = []
    unusable = []
    for name in dict.fromkeys(files):
        origin = "standard input" if name == "-" else name
        try:
            data = read_input(name)
        except InputError as error:  # the other files are judged all the same
            unusable.append(error)
            continue
        try:
            anchors += parse_anchors(decode(data, origin), origin)
        except InputError as error:
            unusable.append(InputError("anchor.unreadable", error.message, error.remedy))
    return anchors, unusable


def _about_anchors(continuation: Continuation) -> list[str]:
    newest = continuation.newest
    if newest is None:
        return []
    anchors = counted(len(continuation.anchors), "anchor")
    of = "of" if len(continuation.anchors) == 1 else "the newest of"
    place = f"entry {newest.number} of {continuation.verification.entries}"
    return [f"The log continues from {anchors}, {of} {iso(newest.at)} at {place}."]
