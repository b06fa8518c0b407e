"""Gives a TLS context its own certificate, the CAs above it, and the private key."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization

from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from smki_testca.x509.keys import PrivateKey


def load_chain(context: ssl.SSLContext, chain: Iterable[bytes], key: PrivateKey) -> None:
    """Give a context its certificates and key, which it takes from files alone: encrypted.

    Args:
        context: of a server or a client.
        chain: its certificate and the CAs above it, DER.
        key: of the certificate.
    """
    passphrase = secrets.token_hex(32)
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "chain.pem")
        path.write_bytes(b"".join(map(to_pem, chain)) + sealed)
        context.load_cert_chain(path, password=passphrase)
