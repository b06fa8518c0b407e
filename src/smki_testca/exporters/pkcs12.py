"""Exports a PKCS#12 store for each certificate, with its chain and, if asked for, its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.exporters.format import Format, FormatNeed, Traits
from smki_testca.exporters.tree import former_files
from smki_testca.folders import OutputFile
from smki_testca.x509.private_keys import from_pkcs8

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.exporters.format import FormerFile
    from smki_testca.exporters.item import Item


class Pkcs12Stores(Format):
    """``family/hierarchy/holder/name.p12``."""

    traits = Traits(
        name="pkcs12",
        summary="a PKCS#12 store for each certificate: Java, Windows, browsers",
        keys=FormatNeed.OPTIONAL,
        passphrase=FormatNeed.REQUIRED,
        store_each=True,
    )

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield every file of the export."""
        from cryptography import x509  # noqa: PLC0415 - a third party that is slow to import
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - the same
            BestAvailableEncryption,
            pkcs12,
        )

        assert passphrase is not None  # noqa: S101 - the traits require it
        for item in items:
            data = pkcs12.serialize_key_and_certificates(
                item.name.encode("ascii"),
                None if item.private_key is None else from_pkcs8(item.private_key),
                x509.load_der_x509_certificate(item.record.der),
                [x509.load_der_x509_certificate(ca.der) for ca in item.chain],
                BestAvailableEncryption(passphrase.encode("utf-8")),
            )
            yield OutputFile(item.folder / f"{item.name}.p12", data)

    def former_files(self, items: Sequence[Item]) -> Iterator[FormerFile]:
        """The files that earlier exports may have written for certificates of the same labels."""
        return former_files(items, ".p12")
