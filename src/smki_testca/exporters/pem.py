"""Exports a tree of files in PEM: certificates, PKCS#8 keys, chains."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.exporters.format import Format, FormatNeed, Traits
from smki_testca.exporters.tree import FULL_CHAIN, chain_files, columns_files, former_files
from smki_testca.folders import OutputFile
from smki_testca.x509.pem import to_pem
from smki_testca.x509.private_keys import encrypted_pkcs8

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.exporters.format import FormerFile
    from smki_testca.exporters.item import Item


class PemTree(Format):
    """``family/hierarchy/holder/name.pem`` and ``.key``; chains in ``family/hierarchy/ca/``.

    Beside an end entity's certificate, ``name-fullchain.pem`` has the CAs below the root, too, and
    ``name-columns.json`` the operator's own columns of a manifest.
    """

    traits = Traits(
        name="pem",
        summary="PEM certificates and keys by holder: OpenSSL, curl, Node, Python",
        keys=FormatNeed.OPTIONAL,
        passphrase=FormatNeed.OPTIONAL,
    )

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield every file of the export; with a passphrase the keys are encrypted PKCS#8."""
        for item in items:
            yield from own_files(item, item.folder, passphrase)
        yield from chain_files(items)
        yield from columns_files(items)

    def former_files(self, items: Sequence[Item]) -> Iterator[FormerFile]:
        """The files that earlier exports may have written for certificates of the same labels."""
        return former_files(items, ".pem", ".key", FULL_CHAIN)

    def printable(self, items: Sequence[Item], passphrase: str | None) -> list[OutputFile]:
        """The certificates selected, one after the other; the key of a single one follows it."""
        path = PurePosixPath("certificates.pem")
        certificates = OutputFile(path, b"".join(to_pem(item.record.der) for item in items))
        keys = [
            OutputFile(PurePosixPath(f"{item.name}.key"), _key(item.private_key, passphrase))
            for item in items
            if item.private_key is not None
        ]
        if len(items) == len(keys) == 1:
            return [OutputFile(path, certificates.data + keys[0].data)]
        return [certificates, *keys]


def own_files(item: Item, folder: PurePosixPath, passphrase: str | None) -> Iterator[OutputFile]:
    """The files of one certificate: itself, with the CAs below the root, and its key.

    Args:
        item: the certificate.
        folder: of the files.
        passphrase: encrypts the private key.
    """
    yield OutputFile(folder / f"{item.name}.pem", to_pem(item.record.der))
    if not item.is_ca:
        below_root = (item.record, *item.chain[:-1])
        data = b"".join(to_pem(record.der) for record in below_root)
        yield OutputFile(folder / f"{item.name}{FULL_CHAIN}", data)
    if item.private_key is not None:
        yield OutputFile(folder / f"{item.name}.key", _key(item.private_key, passphrase))


def _key(pkcs8: bytes, passphrase: str | None) -> bytes:
    if passphrase is None:
        return to_pem(pkcs8, "PRIVATE KEY")
    return to_pem(encrypted_pkcs8(pkcs8, passphrase), "ENCRYPTED PRIVATE KEY")
