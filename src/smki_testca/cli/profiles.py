"""``profiles``: the data from which certificates are made and linted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.drafting import copy_profile
from smki_testca.cli.output import print_json, print_table, print_warnings, say
from smki_testca.errors import InputError, UsageError
from smki_testca.profiles.model import Profile
from smki_testca.text import (
    counted,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.cli.session import Session
    from smki_testca.profiles.model import Frequency, RevocationListProfile, Row


@click.group()
def profiles() -> None:
    """Hierarchies, certificate and CRL profiles, categories, environments, purposes.

    \b
    Example:
      smki-testca profiles show organisation
    """


profiles.add_command(copy_profile)


@profiles.command("list")
@click.pass_obj
def list_(session: Session) -> None:
    """List hierarchies, profiles, categories, environments, and the purposes of requests.

    \b
    Example:
      smki-testca profiles list
    """
    library = session.library()
    if session.as_json:
        print_json(
            {
                "profiles": [
                    {"name": profile.name, "title": profile.title, "file": profile.origin}
                    for profile in library.profiles
                ],
                "revocation_lists": [
                    {"name": profile.name, "title": profile.title, "file": profile.origin}
                    for profile in library.revocation_list_profiles
                ],
                "categories": [
                    {
                        "name": category.name,
                        "title": category.title,
                        "profiles": list(category.profiles),
                        "participants": [kind.value for kind in category.participants],
                        "basis": category.basis.value,
                    }
                    for category in library.categories
                ],
                "environments": [
                    {
                        "name": environment.name,
                        "title": environment.title,
                        "family": environment.family,
                    }
                    for environment in library.environments.values()
                ],
                "purposes": [
                    {"code": service.code, "name": service.name, "basis": service.basis.value}
                    for service in library.testing_services.values()
                ],
                "hierarchies": [
                    {
                        "name": hierarchy.name,
                        "title": hierarchy.title,
                        "basis": hierarchy.basis.value,
                    }
                    for hierarchy in library.hierarchies.values()
                ],
            }
        )
        return
    print_table(
        ("Profile", "Title", "Tier"), [(p.name, p.title, p.tier.value) for p in library.profiles]
    )
    say("")
    print_table(
        ("CRL profile", "Title", "Signed by"),
        [
            (p.name, p.title, library.profile_for(p.hierarchy, p.tier).name)
            for p in library.revocation_list_profiles
        ],
    )
    say("")
    print_table(
        ("Category", "Title", "Profiles", "Open to"),
        [
            (c.name, c.title, ", ".join(c.profiles), ", ".join(c.participants))
            for c in library.categories
        ],
    )
    say("")
    print_table(
        ("Environment", "Title", "Family"),
        [(e.name, e.title, e.family) for e in library.environments.values()],
    )
    say("")
    print_table(("Purpose", "Name"), [(s.code, s.name) for s in library.testing_services.values()])
    say("")
    print_table(
        ("Hierarchy", "Title", "Basis"),
        [(h.name, h.title, h.basis.value) for h in library.hierarchies.values()],
    )


@profiles.command()
@click.argument("name", metavar="NAME")
@click.pass_obj
def show(session: Session, name: str) -> None:
    """Show a profile row by row: field, how filled, rule, basis, source.

    \b
    Example:
      smki-testca profiles show device
    """
    profile = session.library().any_profile(name)
    further: dict[str, Any]
    if isinstance(profile, Profile):
        further = {"key_type": profile.key_type.value}
        details = f"({profile.key_type.value})"
        if profile.identity is not None:
            further["identity"] = profile.identity.value
            details += f", identified by {profile.identity.value}"
    else:
        frequency = profile.frequency
        further = {
            "at_least_every_hours": _hours(frequency.at_least_every),
            "within_hours_of_revocation": _hours(frequency.within_of_revocation),
        }
        details = f"({', '.join(_frequency_in_words(frequency))})"
    if session.as_json:
        print_json(
            {
                "name": profile.name,
                "title": profile.title,
                "hierarchy": profile.hierarchy.value,
                "tier": profile.tier.value,
                **further,
                "file": profile.origin,
                "rows": [_row_as_json(row) for row in profile.rows],
            }
        )
        return
    print_table(
        ("Field", "How filled", "Rule", "Severity", "Basis", "Source"),
        [
            (
                row.field.path,
                "" if row.fill is None else str(row.fill),
                row.rule,
                row.severity.value,
                row.basis.value,
                row.source,
            )
            for row in profile.rows
        ],
        f"{profile.title} {details}, {profile.origin}",
        least=("Source", "Basis"),
    )


@profiles.command()
@click.pass_obj
def check(session: Session) -> None:
    """Load every profile and kit file, and check that they are consistent.

    The command also tries every certificate and CRL profile, so that you learn of rows that
    contradict each other now and not at the first certificate.

    \b
    Example:
      smki-testca --profiles my-profiles profiles check
    """
    from smki_testca import kits
    from smki_testca.authority.trial import compile_all
    from smki_testca.profiles import openings

    library = session.library()
    files = [*library.check(), *kits.check(library)]
    compile_all(library)
    profiles: list[Profile | RevocationListProfile]
    profiles = [*library.profiles, *library.revocation_list_profiles]
    warnings = [
        f"The profile {profile.name} {weakness}: nothing is issued from it outside an experimental"
        " environment."
        for profile in profiles
        for weakness in library.weaknesses(profile)
    ]
    warnings += openings.warnings(library)
    print_warnings(warnings)
    if session.as_json:
        print_json({"files": files, "warnings": warnings})
        return
    say(f"{counted(len(files), 'file')} {'holds' if len(files) == 1 else 'hold'} together.")


@profiles.command()
@click.argument("name", metavar="[FILE]", required=False)
@click.pass_obj
def diff(session: Session, name: str | None) -> None:
    """Show what your files change against the shipped ones, or what one FILE changes.

    The files are those of --profiles and of the estate. FILE is a path below them, such as
    certificates/device.toml, or the name of a file in it, such as device.

    \b
    Example:
      smki-testca --profiles my-profiles profiles diff
      smki-testca --profiles my-profiles profiles diff certificates/device.toml
    """
    from smki_testca.profiles.differences import differences

    library = session.library()
    if not library.overrides:
        raise UsageError(
            "usage",
            "There are no profiles of your own to compare with the shipped ones.",
            "Name their directory with --profiles, or put them into the estate's folder profiles.",
        )
    compared = differences(library)
    if name is not None:
        compared = [each for each in compared if name in {each.name, PurePosixPath(each.name).stem}]
        if not compared:
            raise InputError(
                "profile.not_overridden",
                f"Your directories have no file {shown(name)}.",
                "See those they have: smki-testca profiles diff",
            )
    if session.as_json:
        print_json({"files": [each.as_json() for each in compared]})
        return
    for each in compared:
        say(f"{each.name} ({each.path})")
        if each.shipped is None:
            say("  a file of your own: none shipped has that name")
        elif not each.differences:
            say("  says the same as the shipped file")
        for difference in each.differences:
            line = "" if difference.line is None else f"line {difference.line}: "
            say(f"  {line}{difference}")
    if not compared:
        say("Your directories have no file that is read.")


def _hours(span: timedelta | None) -> int | None:
    return None if span is None else span // timedelta(hours=1)


def _frequency_in_words(frequency: Frequency) -> Iterator[str]:
    """Yield phrases that say how often a CRL is issued."""
    yield f"at least every {_hours(frequency.at_least_every)} h"
    if frequency.within_of_revocation is not None:
        yield f"within {_hours(frequency.within_of_revocation)} h of a revocation"
    yield frequency.basis.value


def _row_as_json(row: Row) -> dict[str, Any]:
    return {
        "field": row.field.path,
        "fill": None if row.fill is None else str(row.fill),
        "rule": row.rule,
        "severity": row.severity.value,
        "basis": row.basis.value,
        "source": row.source,
        "note": row.note,
    }
