"""``kit``: whole sets of certificates from data files, in every form that clients load."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.drafting import new_kit
from smki_testca.cli.numbers import NUMBER
from smki_testca.cli.output import Progress, print_json, print_table, print_warnings, say
from smki_testca.cli.output_paths import FOLDER
from smki_testca.cli.secret import first_line
from smki_testca.cli.tokens import Needs, ask_first
from smki_testca.errors import ExitCode, SmkiTestcaError
from smki_testca.estate.runs import State
from smki_testca.estate_files import PASSPHRASE_FILE
from smki_testca.text import counted, is_or_are

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from smki_testca.api import Estate
    from smki_testca.cli.session import Session
    from smki_testca.estate.certificates import Record
    from smki_testca.kits.kit import Kit
    from smki_testca.kits.plan import KitDifference, KitPlan
    from smki_testca.kits.result import KitResult
    from smki_testca.profiles import Library

_DEVICES = click.option(
    "--devices",
    metavar="N",
    type=NUMBER,
    help="The number of Devices of each type in each environment; by default the kit's.",
)


@click.group()
def kit() -> None:
    """Whole sets of certificates from data files, in every form that clients load.

    \b
    Example:
      smki-testca kit make zaz1 --out zaz1
    """


kit.add_command(new_kit)


@kit.command("list")
@click.pass_obj
def list_(session: Session) -> None:
    """List the kits, each with the number of its certificates.

    \b
    Example:
      smki-testca kit list
    """
    from smki_testca import kits

    library = session.library()
    summaries = [_summary(kits.load(library, name)) for name in kits.names(library)]
    if session.as_json:
        print_json({"kits": summaries})
        return
    print_table(
        ("Kit", "Title", "Environments", "Certificates", "Of Devices"),
        [
            (
                summary["name"],
                summary["title"],
                ", ".join(summary["environments"]),
                str(summary["certificates"]),
                str(summary["devices"]),
            )
            for summary in summaries
        ],
    )


def _summary(loaded: Kit) -> dict[str, Any]:
    return {
        "name": loaded.name,
        "title": loaded.title,
        "environments": list(loaded.environments),
        "certificates": loaded.count,
        "devices": loaded.device_count(None),
    }


@kit.command()
@click.argument("name", metavar="NAME")
@_DEVICES
@click.pass_obj
def show(session: Session, name: str, devices: int | None) -> None:
    """Show the certificates that a kit would make, up to 10,000 of them; nothing is made.

    NAME is a kit's name, or the path of a kit file.

    \b
    Example:
      smki-testca kit show zaz1 --devices 10
    """
    from smki_testca import kits
    from smki_testca.kits.kit_issuance import check_count

    library = session.library()
    loaded = kits.load(library, name)
    count = check_count(devices)
    rows = list(islice(_certificates(library, loaded, count), _MAX_SHOWN))
    unlisted = loaded.count + loaded.device_count(count) - len(rows)
    if session.as_json:
        print_json(
            {
                "name": loaded.name,
                "title": loaded.title,
                "environments": list(loaded.environments),
                "certificates": rows,
                **({"certificates_not_listed": unlisted} if unlisted else {}),
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
                row["eui64"] or row["common_name"] or row["system_name"] or _names(row["inputs"]),
                row["role"] or "",
                row["usage"] or "",
            )
            for row in rows
        ],
        title=loaded.title,
        least=("Participant", "Environment", "Profile", "Role"),
    )
    if unlisted:
        say(f"… and {counted(unlisted, 'more certificate')}.")


_MAX_SHOWN = 10_000
"""The most certificates of a kit that are listed; the others are counted."""
_MAX_PLANNED = 1_000
"""The most rows of a plan in its table; the others are counted."""


def _names(inputs: Mapping[str, str]) -> str:
    """The inputs by which a person tells apart certificates of a type without an EUI-64."""
    return ", ".join(text for option, text in inputs.items() if option != "role")


def _identifiers(library: Library, profile: str) -> list[str]:
    """The options of a certificate type that state the EUI-64."""
    return [each.option for each in library.profile(profile).input_types if each.is_identifier]


def _certificates(library: Library, loaded: Kit, devices: int | None) -> Iterator[dict[str, Any]]:
    for request in loaded.requests:
        inputs = request.inputs
        identifiers = _identifiers(library, request.profile)
        for usage in request.usages or (None,):
            yield {
                "environment": request.environment,
                "label": request.label,
                "profile": request.profile,
                "participant": request.participant,
                "eui64": next((inputs[option] for option in identifiers if option in inputs), None),
                "common_name": inputs.get("common-name"),
                "system_name": inputs.get("system-name"),
                "role": inputs.get("role"),
                "usage": usage,
                "inputs": dict(inputs),
            }
    for group, device in loaded.device_certificates(devices):
        eui64 = str(device.device_id)
        yield {
            "environment": device.environment,
            "label": device.label,
            "profile": group.profile,
            "participant": group.participant,
            "eui64": eui64,
            "common_name": group.inputs.get("common-name"),
            "system_name": group.inputs.get("system-name"),
            "role": group.inputs.get("role"),
            "usage": device.usage,
            "inputs": dict.fromkeys(_identifiers(library, group.profile), eui64) | group.inputs,
        }


@kit.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--out", metavar="DIR", type=FOLDER, required=True, help="A directory that is new or empty."
)
@_DEVICES
@click.option(
    "--seed",
    metavar="HEX",
    help="Derive serial numbers and keys from this seed; the keys are not secret.",
)
@click.option(
    "--format",
    "formats",
    metavar="F",
    multiple=True,
    help="An export format of docs/formats.md; every format by default. May be given several"
    " times.",
)
@click.pass_obj
def make(session: Session, /, name: str, out: Path, **options: Any) -> None:
    """Make a kit in DIR: an estate, its certificates in every client's form, CRLs, a README.txt.

    NAME is a kit's name, or the path of a kit file.

    If the command fails, nothing is left in DIR. It generates the passphrases and writes them to
    DIR/estate/passphrase and DIR/export-passphrase.

    \b
    Example:
      smki-testca kit make zaz1 --out zaz1 --devices 100
    """
    from smki_testca import kits
    from smki_testca.api import Estate
    from smki_testca.entropy import parse_seed
    from smki_testca.kits import maker
    from smki_testca.kits.kit_issuance import check_count
    from smki_testca.kits.result import ESTATE

    seed, formats = options["seed"], options["formats"]
    kit_options = maker.KitOptions(
        check_count(options["devices"]),
        None if seed is None else parse_seed(seed),
        formats or None,
    )
    home = out / ESTATE
    # Many kits may be made where one file of anchors is configured, which is for one estate.
    anchoring = session.anchors.of(home) if session.is_named_estate(home) else None
    if anchoring is not None:
        anchoring.check_unused()
    result = maker.make(
        kits.load(session.library(), name),
        out,
        kit_options,
        profiles=session.profiles_directory,
        clock=session.clock(),
        progress=Progress("issuing"),
    )
    if anchoring is not None:
        with Estate.open(home, first_line(str(home / PASSPHRASE_FILE))) as estate:
            estate.unlock()
            anchoring.follow(estate)
    if session.as_json:
        print_json(result.as_json())
        return
    _print_result(result)


@kit.command("apply")
@click.argument("name", metavar="KIT")
@click.option(
    "--within",
    metavar="PERIOD",
    default="90d",
    show_default=True,
    help="Renew what ends within this period, such as 90d or 6w.",
)
@_DEVICES
@click.option("--dry-run", is_flag=True, help="Show what would be done, and change nothing.")
@click.pass_context
def apply_(
    context: click.Context, /, name: str, within: str, devices: int | None, *, dry_run: bool
) -> None:
    """Bring the estate to what KIT says: a kit's name, or the path of a kit file.

    The command adds the CAs, participants, agreements and certificates that the estate lacks, and
    renews what is due. It never changes a participant or an agreement, and never touches what the
    kit does not name. A second application does nothing. If something differs from the kit, or a
    run of others will issue a part of it, the command says what to do, and ends with 1.

    If an earlier application was interrupted, its run is completed, unless the kit does not ask for
    all that the run will still issue.

    \b
    Example:
      smki-testca --estate estate kit apply zaz1 --dry-run
      smki-testca --estate estate kit apply kits/ours.toml --within 30d
    """
    from smki_testca import kits
    from smki_testca.clock import parse_period
    from smki_testca.kits import applying, registering
    from smki_testca.kits.kit_issuance import check_count

    session: Session = replace(context.obj, dry_run=dry_run)
    options = applying.ApplyOptions(parse_period(within), check_count(devices), dry_run)
    with session.open() as estate:
        loaded = kits.load(estate.library, name)
        ask_first(session, estate, lambda: Needs(_issuing_in(estate, loaded)))
        try:
            plan = applying.apply(estate, loaded, options, Progress("issuing"))
        except SmkiTestcaError:
            if not session.as_json:
                # What differs may be why it was refused.
                _print_differences(registering.all_differences(estate, loaded), err=True)
            raise
    if session.as_json:
        print_json(plan.as_json())
    else:
        _print_plan(plan)
    if plan.is_short:
        context.exit(ExitCode.FINDINGS)


def _issuing_in(estate: Estate, kit: Kit) -> list[Record]:
    """The CAs of an estate that a kit issues from."""
    from smki_testca.cli.issue import issuing_authorities

    requested = [(each.environment, each.profile) for each in kit.requests]
    devices = product(kit.environments, (each.profile for each in kit.devices))
    return issuing_authorities(estate, [*requested, *devices])


def _print_plan(plan: KitPlan) -> None:
    print_warnings(plan.warnings)
    rows = list(islice(_plan_rows(plan), _MAX_PLANNED))
    if rows:
        columns = ("Plan", "What", "Environment", "Label", "Profile", "Participant")
        least = ("Participant", "Environment", "Profile", "Usage", "What")
        print_table((*columns, "ID or name", "Usage", "Why"), rows, least=least)
    counts = (len(plan.additions), len(plan.renewals))
    leftovers = len(plan.leftovers) + plan.leftovers_not_listed
    unlisted = sum(counts) + leftovers - len(rows)
    if unlisted:
        say(f"… and {unlisted} more.")
    _print_differences(plan.changed)
    _print_others(plan)
    if plan.does_something:
        adds = "Dry run: nothing is changed. It would add" if plan.dry_run else "Added"
        renews = "renew" if plan.dry_run else "renewed"
        say(f"{adds} {counts[0]} and {renews} {counts[1]}.")
    elif plan.is_short:
        say("Nothing else to do.")
    else:
        say("Nothing to do: the estate has all that the kit says.")
    for each in plan.resumed:
        would = "would be" if plan.dry_run else "is"
        whose = "of an earlier application"
        if each.state == State.RUNNING:
            whose = "which another application is making"
        say(
            f"Run {each.run} {whose} {would} completed: it has"
            f" {each.remaining} of what {would} added."
        )
    if plan.run is not None:
        say(f"The Devices are run {plan.run}.")
    if leftovers:
        certificates = f"{counted(leftovers, 'certificate')} {is_or_are(leftovers)}"
        say(f"{certificates} not in the kit, and left as before.")


def _print_others(plan: KitPlan) -> None:
    """Print which runs are left as they are, and what to do about each."""
    for each in plan.unfinished:
        if each.resumed:
            continue
        say(
            f"Run {each.run} is {each.state} and left as before: of the"
            f" {counted(each.remaining, 'certificate')} that it will still issue, the kit asks for"
            f" {each.asked or 'none'}. {each.remedy}"
        )


def _print_differences(differences: Iterable[KitDifference], *, err: bool = False) -> None:
    for each in differences:
        say(
            f"{each.kind} {each.name} differs in {each.key.replace('_', '-')}: the estate has"
            f" {_as_text(each.in_estate)}, the kit {_as_text(each.in_kit)}. {each.remedy}",
            err=err,
        )


def _as_text(value: Any) -> str:
    """Return a value of a difference in short."""
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _plan_rows(plan: KitPlan) -> Iterator[tuple[str, ...]]:
    for added in plan.additions:
        yield (
            "add",
            added.kind,
            added.environment or "",
            added.label or "",
            added.profile or "",
            added.participant or "",
            added.name or "",
            added.usage or "",
            added.reason,
        )
    for renewal in plan.renewals:
        ends = "ended" if renewal.has_ended else "ends"
        yield ("renew", *_record_row(renewal.record, f"{ends} {renewal.record.not_after.date()}"))
    for leftover in plan.leftovers:
        yield ("leave", *_record_row(leftover.record, "not in the kit"))


def _record_row(record: Record, why: str) -> tuple[str, ...]:
    return (
        "certificate",
        record.environment,
        record.label or "",
        record.profile,
        record.participant or "",
        str(record.eui64 or record.name or record.serial),
        record.usage,
        why,
    )


def _print_result(result: KitResult) -> None:
    out, count = result.directory, result.exports.certificates
    print_warnings(result.warnings)
    say(
        f"{counted(count, 'certificate')} {is_or_are(count)} in {out}/estate, and in these forms"
        f" beside it: {', '.join(result.exports.folders) or 'none'}."
    )
    if result.seeded:
        say("The private keys were made from a seed: they are not secret.")
    say(f"{out}/README.txt says what each folder is, who loads it, and what it cannot hold.")
