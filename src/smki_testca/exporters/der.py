"""Exports a tree of files in DER: certificates and PKCS#8 keys, with PEM chain files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.exporters.format import Format, FormatNeed, Traits
from smki_testca.exporters.own_columns import COLUMNS
from smki_testca.exporters.tree import CHAIN, chain_files, columns_files, former_files
from smki_testca.folders import OutputFile
from smki_testca.x509.private_keys import encrypted_pkcs8

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.exporters.format import FormerFile
    from smki_testca.exporters.item import Item


class DerTree(Format):
    """The same tree as PEM with ``.der`` certificates and keys in DER; chains stay PEM."""

    traits = Traits(
        name="der",
        summary="the same in DER: device rigs, Java, smart-card tools",
        keys=FormatNeed.OPTIONAL,
        passphrase=FormatNeed.OPTIONAL,
    )

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield every file of the export; with a passphrase the keys are encrypted PKCS#8."""
        for item in items:
            yield OutputFile(item.folder / f"{item.name}.der", item.record.der)
            if item.private_key is not None:
                key = item.private_key
                if passphrase is not None:
                    key = encrypted_pkcs8(key, passphrase)
                yield OutputFile(item.folder / f"{item.name}.key", key)
        yield from chain_files(items)
        yield from columns_files(items)

    def former_files(self, items: Sequence[Item]) -> Iterator[FormerFile]:
        """The files that earlier exports may have written for certificates of the same labels."""
        return former_files(items, ".der", ".key")

    def printable(self, items: Sequence[Item], passphrase: str | None) -> list[OutputFile]:
        """The certificates and keys, without what is beside them."""
        files = self.files(items, passphrase)
        return [file for file in files if not file.path.name.endswith((CHAIN, COLUMNS))]
