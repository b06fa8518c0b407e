"""Stores the certificates of the estate's servers, and of their CA, with their keys sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smki_testca.estate.database import Database
    from smki_testca.estate.estate_key_store import EstateKeyStore


class ServiceCertificateStore:
    """The certificates of the servers of one estate. They are outside its test PKIs."""

    def __init__(self, database: Database, estate_key: EstateKeyStore) -> None:
        self._database = database
        self._estate_key = estate_key

    def get(self, name: str) -> tuple[bytes, bytes] | None:
        """The certificate of a name, DER, and its private key, PKCS#8 DER; None without one.

        Raises:
            EstateError: if the passphrase is wrong, or the key was changed.
        """
        row = self._database.row(
            "SELECT name, der, sealed FROM service_certificates WHERE name = ?", (name,)
        )
        return (
            None
            if row is None
            else (row["der"], self._estate_key.unseal(row["sealed"], _label(name)))
        )

    def keep(self, name: str, der: bytes, pkcs8: bytes) -> None:
        """Store a certificate and its key in place of those of that name, within a transaction."""
        self._database.execute("DELETE FROM service_certificates WHERE name = ?", (name,))
        sealed = self._estate_key.seal(pkcs8, _label(name))
        self._database.insert("service_certificates", {"name": name, "der": der, "sealed": sealed})


def _label(name: str) -> bytes:
    """The label under which the key of a name is sealed."""
    return f"server certificate {name}".encode()
