"""Exports a tree of files in PEM: certificates, PKCS#8 keys, a chain file for each CA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.exporters.format import Format, Need, Traits
from smki_testca.exporters.tree import chain_files
from smki_testca.folders import OutputFile
from smki_testca.x509.pem import to_pem
from smki_testca.x509.private_keys import encrypted_pkcs8

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.exporters.item import Item


class PemTree(Format):
    """``family/hierarchy/holder/name.pem`` and ``.key``; chains in ``family/hierarchy/ca/``."""

    traits = Traits(
        name="pem",
        summary="PEM certificates and keys by holder: OpenSSL, curl, Node, Python",
        keys=Need.OPTIONAL,
        passphrase=Need.OPTIONAL,
    )

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield every file of the export; with a passphrase the keys are encrypted PKCS#8."""
        for item in items:
            yield OutputFile(item.folder / f"{item.name}.pem", to_pem(item.record.der))
            if item.private_key is None:
                continue
            if passphrase is None:
                key = to_pem(item.private_key, "PRIVATE KEY")
            else:
                encrypted = encrypted_pkcs8(item.private_key, passphrase)
                key = to_pem(encrypted, "ENCRYPTED PRIVATE KEY")
            yield OutputFile(item.folder / f"{item.name}.key", key)
        yield from chain_files(items)
