"""Defines the columns that the tables of a run have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smki_testca.clock import iso

if TYPE_CHECKING:
    from smki_testca.estate.certificates import Record

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


def row(record: Record, *, secret: bool) -> dict[str, Any]:
    """The values of a certificate, by column."""
    return {
        "serial": str(record.serial),
        "profile": record.profile,
        "participant": record.participant,
        "environment": record.environment,
        "eui64": None if record.eui64 is None else str(record.eui64),
        "role": None if record.role is None else f"{record.role:02X}",
        "usage": record.usage,
        "label": record.label,
        "not_before": iso(record.not_before),
        "not_after": iso(record.not_after),
        "keys_secret": secret,
    }
