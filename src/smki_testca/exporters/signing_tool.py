"""Exports the folder that the DUIS signing tool reads: PEM certificates, keys in DER."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.exporters.fitting import misfit
from smki_testca.exporters.format import Format, FormatNeed, Traits
from smki_testca.exporters.item import flat_names
from smki_testca.folders import OutputFile
from smki_testca.profiles.model import Hierarchy
from smki_testca.x509.pem import to_pem
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.exporters.format import FormerFile
    from smki_testca.exporters.item import Item


class SigningToolFolder(Format):
    """``name.pem`` and ``name.key``, all in one folder."""

    traits = Traits(
        name="signing-tool",
        summary="PEM certificates and DER keys: the DUIS signing tool",
        keys=FormatNeed.REQUIRED,
        passphrase=FormatNeed.NEVER,
    )

    def misfit(self, item: Item) -> str | None:
        """The reason why the tool cannot sign with a certificate, or does not find it."""
        reason = misfit(item, (Hierarchy.ORGANISATION,), ("digital-signature",))
        if reason is not None:
            return reason
        # The tool reads the EUI-64 from the end of the subject, if another attribute precedes it.
        order = view_certificate(item.record.der).subject_order
        if len(order) < 2 or order[-1] != "x500UniqueIdentifier":
            return "has a subject in which the tool finds no EUI-64"
        return None

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield every file of the export."""
        del passphrase
        fitting = self.fitting(items)
        for name, item in zip(flat_names(fitting), fitting, strict=True):
            yield OutputFile(PurePosixPath(f"{name}.pem"), to_pem(item.record.der))
            yield OutputFile(PurePosixPath(f"{name}.key"), item.private_key or b"")

    def former_files(self, items: Sequence[Item]) -> Iterator[FormerFile]:
        """The files that earlier exports may have written for certificates of the same labels."""
        for item in items:
            for name in item.former:
                yield from ((PurePosixPath(), f"{name}{end}") for end in (".pem", ".key"))
