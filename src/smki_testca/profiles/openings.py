"""Warns of certificate types and environments without a category, and of categories that meet."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Category


def warnings(library: Library) -> list[str]:
    """A line for each type and environment without a category, and each two categories that meet.

    Two categories meet where both hold a request of the same kind of participant in the same
    environment. The gate takes the first of them by name (R6), and never asks the other.
    """
    return [*_without_category(library), *_closed(library), *_meeting(library.categories)]


def _without_category(library: Library) -> Iterator[str]:
    held = {name for category in library.categories for name in category.profiles}
    for profile in library.end_entity_profiles:
        if profile.name not in held:
            yield (
                f"No category holds the certificate type {profile.name}: nobody may have it. Add it"
                " to the profiles of a category, or write a new category."
            )


def _closed(library: Library) -> Iterator[str]:
    opened = {name for category in library.categories for name in category.environments}
    for name in library.environments:
        if name not in opened:
            yield (
                f"No category is open in the environment {name}: nothing is issued there. Add it to"
                ' the environments of the categories, or write environments = "all" in them.'
            )


def _meeting(categories: Iterable[Category]) -> Iterator[str]:
    for first, second in combinations(categories, 2):
        profiles = _common(first.profiles, second.profiles)
        kinds = _common(first.participants, second.participants)
        environments = _common(first.environments, second.environments)
        roles = _common_roles(first, second)
        if not (profiles and kinds and environments) or roles == []:
            continue
        certificates = f"{', '.join(profiles)} certificates"
        of_roles = f" of role {', '.join(roles)}" if roles else ""
        yield (
            f"The category {first.name} takes requests of {second.name}: both hold {certificates}"
            f"{of_roles} for participants of kind {', '.join(kinds)} in {', '.join(environments)}."
            " The gate takes the first by name."
        )


def _common_roles(first: Category, second: Category) -> list[str] | None:
    """The names of the roles that both hold; None for every role."""
    roles, others = first.remote_party_roles, second.remote_party_roles
    if not roles and not others:
        return None
    if roles and others:
        return [role.name for role in roles if role in others]
    return [role.name for role in roles or others]


def _common(first: tuple[str, ...], second: tuple[str, ...]) -> list[str]:
    return [name for name in first if name in second]
