"""Defines the columns that the tables of a run's certificates have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.exporters.run_formats.run_content import Issued

COLUMNS: Final = (
    "serial",
    "profile",
    "participant",
    "environment",
    "eui64",
    "role",
    "usage",
    "label",
    "not_before",
    "not_after",
    "keys_secret",
)
"""The columns before ``certificate`` and ``private_key``."""


def values(issued: Issued, *, secret: bool) -> tuple[Any, ...]:
    """The values of a certificate, in the order of the columns."""
    facts, row = issued
    section = facts.section
    return (
        row.serial.hex().upper(),
        section.profile,
        section.participant,
        section.environment,
        None if row.eui64 is None else row.eui64.hex("-").upper(),
        facts.role,
        row.usage,
        row.label,
        facts.not_before,
        facts.not_after,
        secret,
    )


def own_names(columns: Iterable[str], taken: Iterable[str]) -> list[str]:
    """The names of the operator's own columns in a table that has others, too."""
    known = set(taken)
    return [f"own_{name}" if name in known else name for name in columns]
