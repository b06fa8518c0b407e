"""Exports the certificates of a run in DER, one after the other in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.exporters.format import Need, RunFormat, Traits
from smki_testca.files import output

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from smki_testca.exporters.format import Keyed


class DerStream(RunFormat):
    """One file; the header of each certificate gives its length."""

    traits = Traits(
        name="der-stream",
        summary="one file of certificates in DER, one after the other",
        keys=Need.NEVER,
        passphrase=Need.NEVER,
    )

    def write(self, out: Path, certificates: Iterable[Keyed], *, secret: bool, force: bool) -> int:
        """Write the certificates without their keys."""
        del secret
        count = 0
        with output(out, force=force) as file:
            for record, _ in certificates:
                file.write(record.der)
                count += 1
        return count
