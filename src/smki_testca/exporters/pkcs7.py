"""Exports one PKCS#7 bundle of certificates, for programs that import a whole set at once."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.exporters.format import Format, FormatNeed, Traits
from smki_testca.folders import OutputFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.exporters.item import Item


class Pkcs7Bundle(Format):
    """``certificates.p7b``, PEM: the certificates selected and the CAs above them, once each."""

    traits = Traits(
        name="pkcs7",
        summary="one bundle of all certificates, without keys: Windows, keytool",
        keys=FormatNeed.NEVER,
        passphrase=FormatNeed.NEVER,
    )

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield the only file of the export."""
        from cryptography import x509  # noqa: PLC0415 - a third party that is slow to import
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - the same
            Encoding,
            pkcs7,
        )

        del passphrase
        ders = dict.fromkeys(record.der for item in items for record in (item.record, *item.chain))
        certificates = [x509.load_der_x509_certificate(der) for der in ders]
        if certificates:
            data = pkcs7.serialize_certificates(certificates, Encoding.PEM)
            yield OutputFile(PurePosixPath("certificates.p7b"), data)
