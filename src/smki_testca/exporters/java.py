"""Java key stores: a truststore of the CAs, and one PKCS#12 store of all the private keys."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.exporters.fitting import fitting, need_passphrase
from smki_testca.exporters.item import Format, LeftOut, OutputFile, authorities, safe_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from smki_testca.estate.certificates import Record
    from smki_testca.exporters.item import Item


class JavaStores(Format):
    """``family/truststore.p12`` and, with private keys, ``family/keystore.p12``.

    One of each for a family of environments: who tests in one trusts no other's CAs, and Java
    finds the CAs of a chain by their names alone.
    """

    def left_out(self, items: Sequence[Item]) -> list[LeftOut]:
        """Where key stores are written, the end entities whose keys are not here."""
        if not any(item.private_key for item in items):
            return []
        return fitting(items, _stands_against)[1]

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Every file of an export.

        Raises:
            InputError: without a passphrase, or with one that Java cannot use.
        """
        # This takes a while to import, and issuing has no need of it.
        from smki_testca.pkcs12.writer import KeyEntry, store  # noqa: PLC0415

        passphrase = need_passphrase(passphrase, "Java key stores")
        if not (passphrase.isascii() and passphrase.isprintable()):
            raise InputError(
                "export.passphrase_characters",
                "Java opens no key store whose passphrase has other characters than ASCII.",
                "Choose a passphrase of ASCII characters.",
            )
        for family in dict.fromkeys(item.record.family for item in items):
            own = [item for item in items if item.record.family == family]
            above = authorities(own)
            folder = PurePosixPath(family)
            yield OutputFile(folder / "truststore.p12", _truststore(above, passphrase))
            entries = [
                KeyEntry(item.name, item.private_key, item.record.der)
                for item in own
                if item.private_key is not None
            ]
            if entries:
                data = store(entries, (one.der for one in above), passphrase)
                yield OutputFile(folder / "keystore.p12", data)


def _stands_against(item: Item) -> str | None:
    if item.is_ca or item.private_key is not None:
        return None
    return "has no private key here"


def _truststore(records: Sequence[Record], passphrase: str) -> bytes:
    # These take a while to import, and issuing has no need of them.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        BestAvailableEncryption,
        pkcs12,
    )

    return pkcs12.serialize_java_truststore(
        [
            pkcs12.PKCS12Certificate(
                x509.load_der_x509_certificate(record.der), alias.encode("ascii")
            )
            for record, alias in zip(records, _aliases(records), strict=True)
        ],
        BestAvailableEncryption(passphrase.encode("ascii")),
    )


def _aliases(records: Iterable[Record]) -> list[str]:
    """A CA's label; where two have the same, the serial number tells them apart."""
    plain = [(safe_name(one.label or ""), str(one.serial).lower()) for one in records]
    count = Counter(name.lower() for name, _ in plain)
    return [
        f"{name}-{serial}" if name and count[name.lower()] > 1 else name or serial
        for name, serial in plain
    ]
