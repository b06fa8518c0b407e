"""``kit``: whole sets of certificates from data files, in every form that clients load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.output import Progress, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.cli.session import Session
    from smki_testca.kits.kit import Kit
    from smki_testca.kits.result import KitResult

_DEVICES = click.option(
    "--devices",
    metavar="N",
    type=int,
    help="How many Devices of each type in each environment; the kit says otherwise.",
)


@click.group()
def kit() -> None:
    """Whole sets of certificates from data files, in every form that clients load.

    \b
    Example:
      smki-testca kit make zaz1 --out zaz1
    """


@kit.command("list")
@click.pass_obj
def list_(session: Session) -> None:
    """List the kits there are, and how many certificates each holds.

    \b
    Example:
      smki-testca kit list
    """
    from smki_testca import kits

    library = session.library()
    found = [_summary(kits.load(library, name)) for name in kits.names(library)]
    if session.as_json:
        print_json({"kits": found})
        return
    print_table(
        ("Kit", "Title", "Environments", "Certificates", "Of Devices"),
        [
            (
                one["name"],
                one["title"],
                ", ".join(one["environments"]),
                str(one["certificates"]),
                str(one["devices"]),
            )
            for one in found
        ],
    )


def _summary(one: Kit) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "environments": list(one.environments),
        "certificates": one.count,
        "devices": sum(1 for _ in one.device_certificates(None)),
    }


@kit.command()
@click.argument("name", metavar="NAME")
@_DEVICES
@click.pass_obj
def show(session: Session, name: str, devices: int | None) -> None:
    """Show every certificate that a kit would make; nothing is made.

    \b
    Example:
      smki-testca kit show zaz1 --devices 10
    """
    from smki_testca import kits
    from smki_testca.kits.issuing import check_count

    library = session.library()
    found = kits.load(library, name)
    rows = list(_certificates(found, check_count(devices)))
    if session.as_json:
        print_json(
            {
                "name": found.name,
                "title": found.title,
                "environments": list(found.environments),
                "certificates": rows,
            }
        )
        return
    print_table(
        ("Environment", "Label", "Profile", "Participant", "ID or name", "Role", "Usage"),
        [
            (
                row["environment"],
                row["label"] or "",
                row["profile"],
                row["participant"],
                row["eui64"] or row["common_name"] or row["system_name"] or "",
                row["role"] or "",
                row["usage"] or "",
            )
            for row in rows
        ],
        title=found.title,
    )


def _certificates(found: Kit, devices: int | None) -> Iterator[dict[str, Any]]:
    for one in found.requests:
        inputs = one.inputs
        for usage in one.usages or (None,):
            yield {
                "environment": one.environment,
                "label": one.label,
                "profile": one.profile,
                "participant": one.participant,
                "eui64": inputs.get("id") or inputs.get("device-id"),
                "common_name": inputs.get("common-name"),
                "system_name": inputs.get("system-name"),
                "role": inputs.get("role"),
                "usage": usage,
            }
    for group, device in found.device_certificates(devices):
        yield {
            "environment": device.environment,
            "label": device.label,
            "profile": group.profile,
            "participant": group.participant,
            "eui64": str(device.device_id),
            "common_name": None,
            "system_name": None,
            "role": None,
            "usage": device.usage,
        }


@kit.command()
@click.argument("name", metavar="NAME")
@click.option("--out", metavar="DIR", required=True, help="A directory that is new or empty.")
@_DEVICES
@click.option("--seed", metavar="HEX", help="Derive serials and keys from it; they are not secret.")
@click.option(
    "--format",
    "formats",
    metavar="F",
    multiple=True,
    help="An export format of docs/formats.md, as often as needed; every one by default.",
)
@click.pass_obj
def make(session: Session, /, name: str, out: str, **options: Any) -> None:
    """Make a kit in DIR: an estate, its certificates in every client's form, CRLs, a README.txt.

    Either all of it is there in the end or nothing. The passphrases are made up and left in
    DIR/estate/passphrase and DIR/export-passphrase.

    \b
    Example:
      smki-testca kit make zaz1 --out zaz1 --devices 100
    """
    from smki_testca import kits
    from smki_testca.entropy import parse_seed
    from smki_testca.kits import maker
    from smki_testca.kits.issuing import check_count

    seed, formats = options["seed"], options["formats"]
    wish = maker.KitOptions(
        check_count(options["devices"]),
        None if seed is None else parse_seed(seed),
        formats or None,
    )
    made = maker.make(
        kits.load(session.library(), name),
        Path(out),
        wish,
        profiles=session.profiles_directory,
        clock=session.clock(),
        progress=Progress("issuing"),
    )
    if session.as_json:
        print_json(made.as_json())
        return
    _print_made(made)


def _print_made(made: KitResult) -> None:
    out = made.directory
    click.echo(
        f"{made.exports.certificates} certificates are in {out}/estate, and in these forms"
        f" beside it: {', '.join(made.exports.folders) or 'none'}."
    )
    if made.left_out:
        click.echo(
            f"{len(made.left_out)} requests are left out, because RSA keys cannot be made from a"
            f" seed: {', '.join(made.left_out)}."
        )
    if made.seeded:
        click.echo("The private keys were made from a seed: they are not secret.")
    click.echo(
        f"{out}/README.txt tells what each folder is, who loads it, and what it cannot hold."
    )
