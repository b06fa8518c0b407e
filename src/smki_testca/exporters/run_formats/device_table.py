"""Defines the columns of the tables that have one row for each Device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smki_testca.exporters.run_formats.table import own_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.exporters.run_formats.run_content import Part, RunDevice
    from smki_testca.exporters.run_formats.run_format import ExportContext

COLUMNS: Final[dict[str, type]] = {
    "eui64": str,
    "hw_type": str,
    "participant": str,
    "environment": str,
    "profile": str,
    "not_before": str,
    "not_after": str,
    "keys_secret": bool,
    "issuer": str,
    "issuer_name": str,
    **{
        f"{half}_{name}": kind
        for half in ("ds", "ka")
        for name, kind in (
            ("serial", str),
            ("label", str),
            ("certificate", bytes),
            ("point", bytes),
            ("key", bytes),
        )
    },
    "chain": bytes,
}
"""The columns and their types; the operator's own follow them."""


def schema(context: ExportContext) -> dict[str, type]:
    """The columns of an export and their types, the operator's own included."""
    return {**COLUMNS, **dict.fromkeys(own_names(context.columns, COLUMNS), str)}


def rows(part: Part[RunDevice], context: ExportContext) -> Iterator[tuple[Any, ...]]:
    """The values of each Device, in the order of the columns."""
    keys, columns = context.keys, context.columns
    for device in part:
        facts, issuer = device.facts, context.issuer(device)
        section = facts.section
        halves: list[Any] = []
        for _, row in device.halves:
            if row is None:
                halves += (None,) * 5
            else:
                halves += (row.serial.hex().upper(), row.label, row.der, row.point, keys.of(row))
        own = device.columns if columns else {}
        yield (
            device.eui64.hex("-").upper(),
            facts.hw_type,
            section.participant,
            section.environment,
            section.profile,
            facts.not_before,
            facts.not_after,
            keys.are_secret,
            section.issuer,
            issuer.label,
            *halves,
            context.chain(device),
            *(own.get(name) for name in columns),
        )
