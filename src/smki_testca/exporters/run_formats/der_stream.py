"""Exports the certificates of a run in DER, one after the other in one file."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.run_formats.run_format import ExportContext, FileFormat, RunTraits

if TYPE_CHECKING:
    from smki_testca.exporters.run_formats.run_content import Issued, Part


class DerStream(FileFormat):
    """One file; the header of each certificate gives its length."""

    traits = RunTraits(
        name="der-stream",
        summary="one file of certificates in DER, one after the other",
        keys=FormatNeed.NEVER,
        passphrase=FormatNeed.NEVER,
        suffix=".der",
        of_devices=False,
    )

    def write(self, file: IO[Any], part: Part[Issued], context: ExportContext) -> None:
        """Write the certificates without their keys."""
        del context
        for _, row in part:
            file.write(row.der)
