"""The options that select certificates, shared by every command that takes a selection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.errors import UsageError
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from smki_testca.estate.certificates import Selection
    from smki_testca.profiles import Library

# The first fit any certificate; the others fit only certificates that the estate issued.
_OPTIONS_OF_ANY = [
    click.option("--eui64", metavar="EUI64", help="With this User, RDP, DCC or Device ID."),
    click.option("--role", metavar="NAME|HEX", help="Of this RemotePartyRole."),
    click.option("--usage", metavar="U", help="Of this key usage, such as digital-signature."),
    click.option("--profile", metavar="NAME", help="Of this profile, such as organisation."),
    click.option("--label", metavar="L", help="With this label."),
    click.option("--serial", metavar="N", help="With this serial number."),
]
_WHERE = click.option(
    "--where",
    metavar="COLUMN=VALUE",
    multiple=True,
    help="Whose row of a manifest had this value in a column of your own.",
)
_OPTIONS = [
    click.option("--participant", metavar="P", help="Of this participant."),
    *_OPTIONS_OF_ANY,
    click.option("--status", metavar="S", help="Of this status, such as in-use or R."),
]


def selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a selection; they arrive by name, None where not given."""
    for option in reversed([*_OPTIONS, _WHERE]):
        command = option(command)
    return command


def selecting_externals(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that fit external certificates, which have no participant."""
    for option in reversed(_OPTIONS_OF_ANY):
        command = option(command)
    return command


def selection(library: Library, given: dict[str, str | None]) -> Selection:
    """Return the selection that the options make; every certificate if none is given.

    Raises:
        InputError: if the value of an option cannot be read.
    """
    from smki_testca.estate.certificates import Selection
    from smki_testca.estate.status import Status
    from smki_testca.identifiers import Eui64, SerialNumber
    from smki_testca.roles import KeyUsage

    eui64, role, serial = (given[name] for name in ("eui64", "role", "serial"))
    usage, profile = given["usage"], given["profile"]
    status = given.get("status")
    return Selection(
        given.get("participant"),
        None if eui64 is None else Eui64.parse(eui64),
        None if role is None else library.roles.remote_party_role(role).code,
        None if usage is None else KeyUsage.parse(usage),
        None if profile is None else library.any_profile(profile).name,
        given["label"],
        None if serial is None else SerialNumber.parse(serial),
        None if status is None else Status.parse(status),
        columns=_columns(given.get("where") or ()),
    )


def _columns(where: Iterable[str]) -> dict[str, str]:
    """Return the values of the operator's own columns that ``--where`` asks for."""
    from smki_testca.issuance.batch.column_names import own_name

    columns: dict[str, str] = {}
    for text in where:
        name, sign, value = text.partition("=")
        column = own_name(name)
        if not sign or not value or column is None or column in columns:
            raise UsageError(
                "usage",
                f"--where {shown(text)} is no column of your own and its value, given once.",
                "Write COLUMN=VALUE, such as serial_number=17.",
            )
        columns[column] = value
    return columns


def narrow_selection(library: Library, given: dict[str, str | None]) -> Selection:
    """Return the selection that the options make, for a command that needs at least one option.

    Raises:
        UsageError: if no option is given.
        InputError: if the value of an option cannot be read.
    """
    if not any(given.values()):
        raise UsageError(
            "usage",
            "No certificate is selected.",
            "Say which, with --serial, --participant, --eui64 or another option of --help.",
        )
    return selection(library, given)
