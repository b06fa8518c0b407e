"""``profiles``: the data that certificates are made and checked by."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.output import print_json, print_table
from smki_testca.profiles.model import Profile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.cli.session import Session
    from smki_testca.profiles.model import Frequency, Row


@click.group()
def profiles() -> None:
    """Hierarchies, certificate and CRL profiles, categories, environments, purposes.

    \b
    Example:
      smki-testca profiles show organisation
    """


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
                    {"name": one.name, "title": one.title, "file": one.origin}
                    for one in library.profiles
                ],
                "revocation_lists": [
                    {"name": one.name, "title": one.title, "file": one.origin}
                    for one in library.revocation_list_profiles
                ],
                "categories": [
                    {
                        "name": one.name,
                        "title": one.title,
                        "profiles": list(one.profiles),
                        "participants": [kind.value for kind in one.participants],
                        "basis": one.basis.value,
                    }
                    for one in library.categories
                ],
                "environments": [
                    {"name": one.name, "title": one.title, "family": one.family}
                    for one in library.environments.values()
                ],
                "purposes": [
                    {"code": one.code, "name": one.name, "basis": one.basis.value}
                    for one in library.testing_services.values()
                ],
                "hierarchies": [
                    {"name": one.name, "title": one.title, "basis": one.basis.value}
                    for one in library.hierarchies.values()
                ],
            }
        )
        return
    print_table(
        ("Profile", "Title", "Tier"), [(p.name, p.title, p.tier.value) for p in library.profiles]
    )
    click.echo()
    print_table(
        ("CRL profile", "Title", "Signed by"),
        [
            (p.name, p.title, library.profile_for(p.hierarchy, p.tier).name)
            for p in library.revocation_list_profiles
        ],
    )
    click.echo()
    print_table(
        ("Category", "Title", "Profiles", "Open to"),
        [
            (c.name, c.title, ", ".join(c.profiles), ", ".join(c.participants))
            for c in library.categories
        ],
    )
    click.echo()
    print_table(
        ("Environment", "Title", "Family"),
        [(e.name, e.title, e.family) for e in library.environments.values()],
    )
    click.echo()
    print_table(("Purpose", "Name"), [(s.code, s.name) for s in library.testing_services.values()])
    click.echo()
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
    own: dict[str, Any]
    if isinstance(profile, Profile):
        own = {"key_type": profile.key_type.value}
        told = f"({profile.key_type.value})"
        if profile.identity is not None:
            own["identity"] = profile.identity.value
            told += f", identified by {profile.identity.value}"
    else:
        frequency = profile.frequency
        own = {
            "at_least_every_hours": _hours(frequency.at_least_every),
            "within_hours_of_revocation": _hours(frequency.within_of_revocation),
        }
        told = f"({', '.join(_frequency(frequency))})"
    if session.as_json:
        print_json(
            {
                "name": profile.name,
                "title": profile.title,
                "hierarchy": profile.hierarchy.value,
                "tier": profile.tier.value,
                **own,
                "file": profile.origin,
                "rows": [_row(row) for row in profile.rows],
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
        f"{profile.title} {told}, {profile.origin}",
    )


@profiles.command()
@click.pass_obj
def check(session: Session) -> None:
    """Load every file there is and say whether all of it holds together.

    Every certificate and CRL profile is also tried, so that rows which contradict each other
    are found here and not at the first certificate.

    \b
    Example:
      smki-testca --profiles my-profiles profiles check
    """
    from smki_testca import kits
    from smki_testca.authority.trial import compile_all

    library = session.library()
    files = [*library.check(), *kits.check(library)]
    compile_all(library)
    if session.as_json:
        print_json({"files": files})
        return
    click.echo(f"{len(files)} files hold together.")


def _hours(span: timedelta | None) -> int | None:
    return None if span is None else span // timedelta(hours=1)


def _frequency(frequency: Frequency) -> Iterator[str]:
    """How often a CRL is issued, in words."""
    yield f"at least every {_hours(frequency.at_least_every)} h"
    if frequency.within_of_revocation is not None:
        yield f"within {_hours(frequency.within_of_revocation)} h of a revocation"
    yield frequency.basis.value


def _row(row: Row) -> dict[str, Any]:
    return {
        "field": row.field.path,
        "fill": None if row.fill is None else str(row.fill),
        "rule": row.rule,
        "severity": row.severity.value,
        "basis": row.basis.value,
        "source": row.source,
        "note": row.note,
    }
