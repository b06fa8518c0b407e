"""Exports Java key stores: a truststore of the CAs, and a PKCS#12 store of all private keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.exporters.fitting import no_key
from smki_testca.exporters.format import Format, FormatNeed, OmittedItem, Traits
from smki_testca.exporters.item import authorities, flat_names, folder_of
from smki_testca.folders import OutputFile
from smki_testca.pkcs12.writer import KeyEntry, store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from smki_testca.estate.certificates import Record
    from smki_testca.exporters.item import Item


class JavaStores(Format):
    """``family/truststore.p12`` and, with private keys, ``family/keystore.p12``.

    Each family of environments has its own stores: tests of one must not trust the CAs of another,
    and Java finds the CAs of a chain by their names alone.
    """

    traits = Traits(
        name="java",
        summary="a trust store and a PKCS#12 key store: Java programs",
        keys=FormatNeed.OPTIONAL,
        passphrase=FormatNeed.REQUIRED,
    )

    def misfit(self, item: Item) -> str | None:
        """The reason why a key store has no entry for an end entity; None for a CA."""
        return None if item.is_ca else no_key(item)

    def left_out(self, items: Sequence[Item]) -> list[OmittedItem]:
        """The end entities without a private key here, if the export has a key store."""
        if not any(item.private_key for item in items):
            return []
        return super().left_out(items)

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield every file of the export.

        Raises:
            InputError: if Java cannot use the passphrase.
        """
        assert passphrase is not None  # noqa: S101 - the traits require it
        if not (passphrase.isascii() and passphrase.isprintable()):
            raise InputError(
                "export.passphrase_characters",
                "Java cannot open a key store whose passphrase has characters outside ASCII.",
                "Choose a passphrase of ASCII characters only.",
            )
        for family in dict.fromkeys(item.record.family for item in items):
            members = [item for item in items if item.record.family == family]
            above = authorities(members)
            folder = folder_of(family)
            yield OutputFile(folder / "truststore.p12", _truststore(above, passphrase))
            entries = [
                KeyEntry(alias, item.private_key, item.record.der)
                for alias, item in zip(flat_names(members), members, strict=True)
                if item.private_key is not None
            ]
            if entries:
                data = store(entries, (record.der for _, record in above), passphrase)
                yield OutputFile(folder / "keystore.p12", data)


def _truststore(named: Iterable[tuple[str, Record]], passphrase: str) -> bytes:
    from cryptography import x509  # noqa: PLC0415 - a third party that is slow to import
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - the same
        BestAvailableEncryption,
        pkcs12,
    )

    return pkcs12.serialize_java_truststore(
        [
            pkcs12.PKCS12Certificate(
                x509.load_der_x509_certificate(record.der), alias.encode("ascii")
            )
            for alias, record in named
        ],
        BestAvailableEncryption(passphrase.encode("ascii")),
    )
