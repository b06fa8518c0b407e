"""Exports a folder for each EUI-64 of a run, with PEM certificates and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.exporters.format import Need, RunFormat, Traits
from smki_testca.exporters.item import safe_name
from smki_testca.folders import output_folder, put
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from smki_testca.exporters.format import Keyed


class PemFolders(RunFormat):
    """``EUI-64 or profile/usage-serial.pem`` and ``.key``; a note where keys are not secret."""

    traits = Traits(
        name="pem-tree",
        summary="a folder for each EUI-64, with PEM certificates and keys",
        keys=Need.OPTIONAL,
        passphrase=Need.NEVER,
    )

    def write(self, out: Path, certificates: Iterable[Keyed], *, secret: bool, force: bool) -> int:
        """Write two files for each certificate."""
        count = 0
        with output_folder(out, force=force) as work:
            if not secret:
                note = "The private keys of this run were made from a seed: they are not secret.\n"
                put(work / "KEYS-ARE-NOT-SECRET.txt", note.encode())
            for record, key in certificates:
                folder = work / (safe_name(record.eui64.plain if record.eui64 else record.profile))
                name = f"{record.usage}-{str(record.serial).lower()}"
                put(folder / f"{name}.pem", to_pem(record.der))
                if key is not None:
                    put(folder / f"{name}.key", to_pem(key, "PRIVATE KEY"))
                count += 1
        return count
