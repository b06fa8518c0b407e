"""Exports a folder for each EUI-64 of a run, with PEM certificates and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.item import safe_name
from smki_testca.exporters.own_columns import COLUMNS, columns_file
from smki_testca.exporters.run_formats.run_format import (
    SEEDED_NOTE,
    SEEDED_TEXT,
    ExportContext,
    PathFormat,
    RunTraits,
)
from smki_testca.folders import put
from smki_testca.x509.exported_keys import KeyForm
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.exporters.run_formats.run_content import Issued, Part

_LABELS = {KeyForm.PKCS8: "PRIVATE KEY", KeyForm.SEC1: "EC PRIVATE KEY"}


class PemFolders(PathFormat):
    """``EUI-64 or profile/usage-serial.pem`` and ``.key``; a note where keys are not secret.

    ``usage-serial-columns.json`` has the operator's own columns of a manifest, where there are any.
    """

    traits = RunTraits(
        name="pem-tree",
        summary="a folder for each EUI-64, with PEM certificates and keys",
        keys=FormatNeed.OPTIONAL,
        passphrase=FormatNeed.OPTIONAL,
        suffix="",
        key_forms=(KeyForm.PKCS8, KeyForm.SEC1),
        of_devices=False,
        can_seal=False,
    )

    def make(self, path: Path, part: Part[Issued], context: ExportContext) -> None:
        """Write the files of each certificate."""
        keys = context.keys
        if not keys.are_secret:
            put(path / SEEDED_NOTE, SEEDED_TEXT.encode())
        encrypted = "" if keys.encryption is None else "ENCRYPTED "
        for facts, row in part:
            profile = facts.section.profile
            folder = path / safe_name(row.eui64.hex() if row.eui64 else profile)
            name = "-".join(filter(None, (row.usage, row.serial.hex())))
            put(folder / f"{name}.pem", to_pem(row.der))
            key = keys.of(row)
            if key is not None:
                put(folder / f"{name}.key", to_pem(key, f"{encrypted}{_LABELS[keys.form]}"))
            if row.columns:
                put(folder / f"{name}{COLUMNS}", columns_file(row.columns))
