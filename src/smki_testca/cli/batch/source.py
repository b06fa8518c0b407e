"""The two sources of a batch: a range of Device IDs by options, or the rows of a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.command_line import ConfiguredOption, configured
from smki_testca.cli.library_names import library_of
from smki_testca.cli.numbers import NUMBER
from smki_testca.cli.output import Progress
from smki_testca.errors import UsageError
from smki_testca.identifiers import Eui64
from smki_testca.profiles.model import Identity
from smki_testca.profiles.subject import Subject
from smki_testca.register.requests import Delivery
from smki_testca.roles import BOTH, KeyUsage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smki_testca.api import Estate
    from smki_testca.issuance.batch.existing import Existing
    from smki_testca.issuance.batch.row_sources import RowSource
    from smki_testca.profiles import Library
    from smki_testca.profiles.inputs import InputType
    from smki_testca.profiles.model import Profile

_RANGE_OPTIONS = [
    click.option("--profile", metavar="NAME", help="The certificate type, such as device."),
    click.option(
        "--participant",
        cls=ConfiguredOption,
        metavar="P",
        help="The participant that asks: its id in the register.",
    ),
    click.option(
        "--purpose", cls=ConfiguredOption, metavar="S", help="The Testing Service, such as uept."
    ),
    click.option(
        "--usage",
        "usages",
        type=click.Choice([*(usage.value for usage in KeyUsage), BOTH]),
        multiple=True,
        help="One certificate for each; may be given twice. Without it, one of each.",
    ),
    click.option("--first-id", metavar="EUI64", help="The first Device ID of a range."),
    click.option("--count", metavar="N", type=NUMBER, help="The number of Device IDs in a range."),
]


_EXISTING_OPTIONS = [
    click.option("--again", is_flag=True, help="Issue certificates in addition to those in use."),
    click.option(
        "--skip-existing", is_flag=True, help="Leave out Devices that have a certificate in use."
    ),
    click.option(
        "--replace",
        is_flag=True,
        help="Retire the certificates that Devices have in use, and issue new ones.",
    ),
]


def with_source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a source that all certificate types have.

    They are of a range, or fill the cells that a manifest lacks.
    """
    for option in reversed([*_RANGE_OPTIONS, *_EXISTING_OPTIONS]):
        command = option(command)
    return command


def existing_of(options: dict[str, Any]) -> Existing:
    """Return what to do where there is a certificate already.

    Raises:
        UsageError: if the options contradict each other.
    """
    from smki_testca.issuance.batch.existing import Existing

    given = [each for each in Existing if options.get(each.replace("-", "_"))]
    if len(given) > 1:
        raise UsageError("usage", f"Give one of {', '.join(f'--{each}' for each in given)}.")
    return given[0] if given else Existing.REFUSE


def _range_profiles(library: Library) -> list[Profile]:
    """Return the certificate types that a range can have: those that embed a Device ID."""
    profiles = library.end_entity_profiles
    return [profile for profile in profiles if profile.embedded is Identity.DEVICE_ID]


def _range_inputs(library: Library) -> dict[str, InputType]:
    """Return the inputs of a range other than its first ID, by option."""
    return {
        input_type.option: input_type
        for profile in _range_profiles(library)
        for input_type in profile.input_types
        if not input_type.is_identifier
    }


def _parameter_name(option: str) -> str:
    return option.replace("-", "_")


class SourceCommand(click.Command):
    """A command that takes a manifest or a range of any certificate type of the library.

    It has an option for each input of the types that a range can have, and its help lists the
    columns of every type.
    """

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's options; those of the certificate types follow the purpose."""
        params = super().get_params(ctx)
        names = [param.name for param in params]
        input_types = _range_inputs(library_of(ctx)).values()
        added: list[click.Parameter] = [
            configured(input_type.option)(
                [f"--{input_type.option}"],
                metavar=input_type.metavar,
                help=input_type.help,
            )
            for input_type in input_types
            if _parameter_name(input_type.option) not in names
        ]
        index = names.index("purpose") + 1
        return [*params[:index], *added, *params[index:]]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the columns of a manifest: those of every row, then those of each type."""
        profiles = library_of(ctx).end_entity_profiles
        text = "Options fill cells that a manifest lacks. Other columns are kept as your own."
        with formatter.section("Manifests"):
            formatter.write_text(text)
        with formatter.section("Columns of a manifest, optional ones in brackets"):
            formatter.write_dl(
                [
                    ("every row", _ROW_COLUMNS),
                    *((profile.name, _columns(profile)) for profile in profiles),
                ]
            )


_ROW_COLUMNS = "profile participant purpose [environment] [label] [public-key-file] [csr-file]"


def _columns(profile: Profile) -> str:
    """Return the columns of one certificate type beside those of every row."""
    inputs = [
        f"[{subject_input.type.option}]" if subject_input.optional else subject_input.type.option
        for subject_input in profile.subject_inputs
    ]
    return " ".join([*inputs, *(["[usage]"] if profile.takes_usage else [])])


def range_of(estate: Estate, options: dict[str, Any]) -> RowSource:
    """Return the range that the options name.

    Args:
        estate: that will issue.
        options: of the command, by parameter name.

    Raises:
        UsageError: if an option that the certificate type needs is missing.
    """
    from smki_testca.issuance.batch.row_sources import Range

    profiles = {profile.name: profile for profile in _range_profiles(estate.library)}
    if not profiles:
        raise UsageError("usage", "No certificate type has a Device ID. Give a manifest.")
    if options["profile"] is not None and options["profile"] not in profiles:
        names = " or ".join(profiles)
        raise UsageError("usage", f"A range is of --profile {names}; use a manifest for others.")
    # Where a range names no type, the first one tells which options it lacks.
    profile = profiles.get(options["profile"] or "", next(iter(profiles.values())))
    required_inputs = [
        subject_input.type.option
        for subject_input in profile.subject_inputs
        if not subject_input.optional and not subject_input.type.is_identifier
    ]
    needed = ("profile", "participant", "purpose", *required_inputs, "first-id", "count")
    missing = [f"--{option}" for option in needed if options[_parameter_name(option)] is None]
    if missing:
        raise UsageError("usage", f"Give a manifest, or for a range {', '.join(missing)}.")
    first_id = Eui64.parse(options["first_id"])
    id_option = next(each.option for each in profile.input_types if each.is_identifier)
    if options["usages"] and not profile.takes_usage:
        raise UsageError("usage", f"The profile {profile.name} fixes the usage: leave out --usage.")
    input_options = sorted(
        {input_type.option for each in profiles.values() for input_type in each.input_types}
    )
    given = {
        option: options[_parameter_name(option)]
        for option in input_options
        if _parameter_name(option) in options
    }
    request = estate.request(
        options["participant"],
        options["purpose"],
        Subject.parse(profile, {id_option: str(first_id), **given}, estate.library.roles),
        _usages(options["usages"] or ([BOTH] if profile.takes_usage else [])),
        environment=options["environment"],
        delivery=Delivery(options["delivery"]),
    )
    return Range(request, options["count"])


def _usages(stated: Sequence[str]) -> tuple[KeyUsage, ...]:
    """Return the usages that the option states, each once."""
    if BOTH in stated:
        return tuple(KeyUsage)
    return tuple(dict.fromkeys(KeyUsage(usage) for usage in stated))


def range_options_given(options: dict[str, Any]) -> list[str]:
    """Return the options that are of a range alone and that the command line states."""
    return [f"--{name}" for name in ("first-id", "count") if options[_parameter_name(name)]]


def manifest_of(estate: Estate, manifest: str, options: dict[str, Any]) -> RowSource:
    """Return the manifest of a path, its cells filled by the options."""
    from smki_testca.issuance.batch.row_sources import Manifest

    names = ("profile", "participant", "purpose", "environment", *_range_inputs(estate.library))
    defaults = {name: value for name in names if (value := options.get(_parameter_name(name)))}
    usages = _usages(options["usages"])
    if usages:
        defaults["usage"] = usages[0].value if len(usages) == 1 else BOTH
    return Manifest(
        estate,
        Path(manifest),
        defaults,
        Delivery(options["delivery"]),
        lambda rows: Progress("reading rows").over(rows),
    )
