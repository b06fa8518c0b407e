"""Exports a folder for each Device of a run, with its certificates, keys and chain in DER."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.item import safe_name
from smki_testca.exporters.own_columns import DEVICE_COLUMNS, columns_file
from smki_testca.exporters.run_formats.run_format import (
    SEEDED_NOTE,
    SEEDED_TEXT,
    ExportContext,
    PathFormat,
    RunTraits,
    name_of,
)
from smki_testca.folders import put
from smki_testca.text import shown

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.exporters.run_formats.run_content import Part, RunDevice


class DeviceFolders(PathFormat):
    """``EUI-64/ds.der``, ``ds.key``, ``ka.der``, ``ka.key`` and ``chain.der``; ``columns.json``.

    The last is there where a manifest gave the Device columns of the operator's own.
    """

    traits = RunTraits(
        name="device-folders",
        summary="a folder for each Device: ds.der, ds.key, ka.der, ka.key, chain.der",
        keys=FormatNeed.OPTIONAL,
        passphrase=FormatNeed.OPTIONAL,
        suffix="",
        can_seal=False,
        can_name=True,
    )

    def make(self, path: Path, part: Part[RunDevice], context: ExportContext) -> None:
        """Write the folders."""
        keys = context.keys
        if keys.are_written and not keys.are_secret:
            put(path / SEEDED_NOTE, SEEDED_TEXT.encode())
        for device in part:
            folder = path / _name(device, context.name_by)
            if folder.name.casefold() == SEEDED_NOTE.casefold():
                raise InputError(
                    "export.device_name",
                    f"No Device can have the folder {shown(folder.name)}: a note has that name.",
                    "Name Devices by a column that has another value.",
                )
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError as error:
                raise InputError(
                    "export.device_name",
                    f"Two Devices would have the folder {shown(folder.name)}.",
                    "Name Devices by a column that has another value for each.",
                ) from error
            for name, row in device.halves:
                if row is None:
                    continue
                put(folder / f"{name}.der", row.der)
                key = keys.of(row)
                if key is not None:
                    put(folder / f"{name}.key", key)
            put(folder / "chain.der", context.chain(device))
            if device.columns:
                put(folder / DEVICE_COLUMNS, columns_file(device.columns))


def _name(device: RunDevice, column: str | None) -> str:
    """The name of a Device's folder: its EUI-64, or what the operator's own column says."""
    if column is None:
        return device.eui64.hex()
    name = name_of(device, column)
    return safe_name(name) or device.eui64.hex()
