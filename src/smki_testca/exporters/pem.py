"""Trees of single files: PEM or DER certificates, PKCS#8 keys, one chain file for each CA."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.exporters.item import Format, OutputFile, safe_name
from smki_testca.x509.pem import to_pem
from smki_testca.x509.private_keys import encrypted_pkcs8

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.estate.certificates import Record
    from smki_testca.exporters.item import Item


class PemTree(Format):
    """``family/hierarchy/holder/name.pem`` and ``.key``; chains in ``family/hierarchy/ca/``."""

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Every file of an export; with a passphrase the keys are encrypted PKCS#8."""
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
        yield from chains(items)


class DerTree(Format):
    """The same tree as PEM with ``.der`` certificates and keys in DER; chains stay PEM."""

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Every file of an export; with a passphrase the keys are encrypted PKCS#8."""
        for item in items:
            yield OutputFile(item.folder / f"{item.name}.der", item.record.der)
            if item.private_key is not None:
                key = item.private_key
                if passphrase is not None:
                    key = encrypted_pkcs8(key, passphrase)
                yield OutputFile(item.folder / f"{item.name}.key", key)
        yield from chains(items)


def chains(items: Sequence[Item]) -> Iterator[OutputFile]:
    """One chain file for each CA among the items or above them: itself, then up to the root.

    Of a CA that was renewed it begins with the newest certificate there. Where two CAs would have
    the same file, their serial numbers tell them apart.
    """
    found: dict[tuple[PurePosixPath, str | None, bytes], tuple[Record, ...]] = {}
    for item in items:
        above = (item.record, *item.chain) if item.is_ca else item.chain
        for number, record in enumerate(above):
            folder = PurePosixPath(record.family, record.hierarchy.value, "ca")
            authority = (folder, record.label, record.key_id)
            if authority not in found or found[authority][0].audit < record.audit:
                found[authority] = above[number:]
    named = [
        (folder, safe_name(label or "") or str(chain[0].serial), chain)
        for (folder, label, _), chain in found.items()
    ]
    count = Counter((folder, name.lower()) for folder, name, _ in named)
    for folder, name, chain in named:
        told_apart = f"-{chain[0].serial}".lower() if count[folder, name.lower()] > 1 else ""
        path = folder / f"{name}{told_apart}-chain.pem"
        yield OutputFile(path, b"".join(to_pem(one.der) for one in chain))
