"""Decides which certificates the formats of other programs can hold, and reports the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from smki_testca.exporters.format import OmittedItem
    from smki_testca.exporters.item import Item
    from smki_testca.profiles.model import Hierarchy

_SMKI = {"organisation": "an Organisation Certificate", "device": "a Device Certificate"}
"""The SEC's names of the certificates of its two hierarchies; other PKIs have one each."""


def misfit(item: Item, hierarchies: Collection[Hierarchy], usages: Collection[str]) -> str | None:
    """The reason why a format for end entities and their keys cannot hold a certificate.

    Args:
        item: the certificate.
        hierarchies: the hierarchies that the format can hold.
        usages: the key usages that the format can hold.

    Returns:
        The rest of a sentence that begins with the certificate; None where it fits.
    """
    record = item.record
    if item.is_ca:
        return "is a CA's"
    if record.hierarchy not in hierarchies:
        return f"is {_SMKI.get(record.hierarchy, f'of {record.hierarchy.upper()}')}"
    if record.usage not in usages:
        return f"is for {record.usage}"
    return no_key(item)


def check_one_environment(
    items: Iterable[Item], places: Callable[[Item], object], form: str
) -> None:
    """Check that no two environments have certificates for one place of a format.

    Args:
        items: certificates that fit.
        places: the place of each; a program looks there whatever the environment.
        form: the name of the format.

    Raises:
        InputError: naming an ID and its environments.
    """
    environments: dict[object, dict[str, None]] = {}
    for item in items:
        by_place = environments.setdefault(places(item), {})
        by_place[item.record.environment] = None
        if len(by_place) > 1:
            first, other = by_place
            raise InputError(
                "export.environments",
                f"The ID {item.record.eui64} has certificates in {first} and in {other}, and the"
                f" format {form} cannot hold both.",
                f"Export one at a time, each to a folder of its own: --environment {first}, then"
                f" --environment {other}.",
            )


def no_key(item: Item) -> str | None:
    """The reason for a certificate whose private key is not to be exported."""
    return "has no private key here" if item.private_key is None else None


def summary(left_out: Sequence[OmittedItem], total: int) -> list[str]:
    """Write one line for each reason why certificates were left out.

    Args:
        left_out: the certificates.
        total: how many were selected.
    """
    by_reason: dict[str, list[str]] = {}
    for entry in left_out:
        by_reason.setdefault(entry.reason, []).append(entry.item.name)
    lines = []
    for reason, names in by_reason.items():
        named = ", ".join([*names[:3], *(["…"] if len(names) > 3 else [])])
        why = f"it {reason}" if len(names) == 1 else f"each {reason}"
        lines.append(f"{len(names)} of {counted(total, 'certificate')} left out ({named}): {why}.")
    return lines
