"""``estate``: sums up an estate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import smki_testca
from smki_testca.cli.output import anchor_mark, print_json, print_table, say
from smki_testca.estate.key_store import IN_ESTATE
from smki_testca.lifecycle.estate_summary import sum_up
from smki_testca.lifecycle.looking import looking
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smki_testca.cli.session import Session
    from smki_testca.errors import SmkiTestcaError
    from smki_testca.estate.runs import State
    from smki_testca.lifecycle.estate_summary import AuthorityKey, EstateSummary

_UNITS = ("octets", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024
_ELSEWHERE = "in a token"


@click.group()
def estate() -> None:
    """Sum up an estate.

    \b
    Example:
      smki-testca --estate estate estate info
    """


@estate.command()
@click.pass_obj
def info(session: Session) -> None:
    """Sum up an estate: its format, profiles, certificates, runs, keys and size.

    Nothing is written, and no passphrase is asked for. --json has more, such as the digest of each
    profile. If the audit log does not continue the newest anchor of audit.anchor, that is said, and
    the exit code is 5.

    \b
    Example:
      smki-testca --estate estate estate info
    """
    directory = session.estate_directory()
    library = session.library()
    with looking(
        directory, lambda: session.passphrase(directory), library, session.clock_or_system()
    ) as look:
        summary = sum_up(look)
    fault = session.anchors.note_fault(directory)
    if session.as_json:
        print_json(
            {**summary.as_json(), "profiles_sha256": library.digest.hex(), **anchor_mark(fault)}
        )
        return
    _print_facts(summary, fault)
    say("")
    print_table(
        ("Certificates", "Status", "Number"),
        [
            (profile, status.word, f"{count:,}")
            for (profile, status), count in summary.certificates.items()
        ],
        prose=True,
    )
    say("")
    print_table(
        ("CA", "Tier", "Generation", "Key"),
        [
            (
                _name(each),
                f"{each.state.record.hierarchy} {each.state.record.tier.value}",
                str(each.state.generation),
                _place(each),
            )
            for each in summary.authorities
        ],
        prose=True,
    )
    in_tokens = [each for each in summary.authorities if _place(each) == _ELSEWHERE]
    if in_tokens:
        say("", "Keys in tokens:", *(f"  {_name(each)}: {each.place}" for each in in_tokens))
    _print_profiles(summary, library.digest.hex())


def _name(authority: AuthorityKey) -> str:
    record = authority.state.record
    return record.label or str(record.serial)


def _place(authority: AuthorityKey) -> str:
    """The place of a CA's key; a URI is too long for a table."""
    if authority.place is None or authority.place == IN_ESTATE:
        return authority.place or "missing"
    return _ELSEWHERE


def _print_facts(summary: EstateSummary, fault: SmkiTestcaError | None) -> None:
    """Print what is one line each."""
    rows = summary.rows
    environments = ", ".join(
        f"{environment.name} (family {environment.family})" for environment in summary.environments
    )
    keys = [f"{summary.sealed:,} in the estate"]
    keys += [f"{count:,} in the token {token}" for token, count in summary.in_tokens.items()]
    keys += [f"{summary.imported:,} imported"] if summary.imported else []
    due = ", ".join(each.name for each in summary.due)
    disk = summary.disk
    print_table(
        ("", ""),
        [
            ("Estate", str(summary.directory)),
            ("Format", str(summary.format)),
            ("Environments", environments or "none"),
            ("Certificates", f"{sum(summary.certificates.values()):,}"),
            ("Participants", f"{rows['participants']:,}"),
            ("Agreements", f"{rows['agreements']:,}"),
            ("External certificates", f"{rows['externals']:,}"),
            ("Accounts", f"{rows['accounts']:,}"),
            ("Audit entries", f"{rows['audit']:,}"),
            *([] if fault is None else [("Newest anchor", fault.message)]),
            ("Runs", _in_words(summary.runs)),
            ("Revocation lists due", f"{len(summary.due)}: {due}" if due else "none"),
            ("Private keys", ", ".join(keys)),
            ("Size", f"{_size(disk.file + disk.tiles)}, of which tiles {_size(disk.tiles)}"),
        ],
        prose=True,
    )


def _print_profiles(summary: EstateSummary, digest: str) -> None:
    own = summary.own_files
    shipped = counted(len(summary.files) - len(own), "file")
    say("")
    if own:
        print_table(
            ("Own profile and its SHA-256", "From"),
            [((file.name, file.sha256), file.owner.value) for file in own],
            prose=True,
        )
        say("")
    changed = [file.name for file in summary.files if summary.is_as_created(file) is False]
    if changed:
        say("Changed since the estate was made:", *(f"  {name}" for name in changed), "")
    version = smki_testca.__version__
    say(f"{shipped} of profiles shipped with smki-testca {version}. SHA-256 of all files:", digest)


def _in_words(runs: Mapping[State, int]) -> str:
    """The number of runs in each state that some are in."""
    return ", ".join(f"{count} {state}" for state, count in runs.items() if count) or "none"


def _size(octets: int) -> str:
    """A number of octets in the unit that people use for so many."""
    size, unit = float(octets), 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"
