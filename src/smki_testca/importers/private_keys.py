"""Reads private keys in PEM or DER: PKCS#8, PKCS#1 or SEC 1, encrypted or not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from smki_testca.der.read import DerError, read
from smki_testca.errors import InputError
from smki_testca.importers.pem import decode_base64
from smki_testca.pkcs12.decryption import octets_of
from smki_testca.x509 import untrusted

if TYPE_CHECKING:
    from smki_testca.pkcs12.decryption import Decryptor
    from smki_testca.x509.keys import PrivateKey

MAX_KEY_OCTETS = 4 << 10
"""The longest private key read, in octets of its file."""
MAX_PLAIN_KEY_OCTETS = 2_600
"""The longest private key read, in octets of its DER: RSA of 4096 bits."""
MAX_RSA_KEYS = 1_000
"""The most RSA keys that one import reads: each takes some hundredths of a second to check."""

# No EC key is longer.
_MAX_EC_KEY_OCTETS = 300
# PKCS#8, PKCS#1 and SEC 1 begin with a version; encrypted PKCS#8 does not.
_PLAIN_KEY = re.compile(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01[\x00\x01]", re.DOTALL)


@dataclass(slots=True)
class PrivateKeyReader:
    """Reads one private key after another.

    Attributes:
        decryptor: decrypts the keys, within a limit of work.
        rsa_keys_left: how many RSA keys it may still read.
    """

    decryptor: Decryptor
    rsa_keys_left: int = MAX_RSA_KEYS

    def read(self, data: bytes, name: str) -> PrivateKey | None:
        """The private key in the octets of a PEM block or of DER.

        Args:
            data: the octets.
            name: the name of the key, for messages.

        Returns:
            The key; None where it is broken, or neither EC nor RSA.

        Raises:
            InputError: if a passphrase is needed, missing or wrong, the encryption is unknown,
                or it asks for too much work.
        """
        if len(data) > MAX_KEY_OCTETS:
            return None
        if data.lstrip().startswith(b"-----"):
            # The first and the last line are the boundaries, whatever they say.
            headers, body = _headers_and_body(data.strip().splitlines()[1:-1])
            der = decode_base64(body)
            if not der:
                return None
            if b"DEK-Info" in headers:
                return self._read_traditional(headers[b"DEK-Info"], der, name)
            data = der
        if _PLAIN_KEY.match(data) is None:
            try:
                root, _ = read(data, noun="private key")
                algorithm, encrypted = root.children
            except (DerError, ValueError):
                return None
            data = self.decryptor.decrypt(algorithm, octets_of(encrypted), name)
        return self.load(data, name)

    def load(self, der: bytes, name: str) -> PrivateKey | None:
        """The private key in plain DER; None where it is broken, or neither EC nor RSA.

        Raises:
            InputError: if the limit of RSA keys is exceeded.
        """
        if len(der) > MAX_PLAIN_KEY_OCTETS:
            return None
        if len(der) > _MAX_EC_KEY_OCTETS:
            if self.rsa_keys_left == 0:
                raise InputError(
                    "import.work",
                    f"{name} is one RSA key too many: one import reads {MAX_RSA_KEYS:,} at most.",
                    "Import fewer files at a time.",
                )
            self.rsa_keys_left -= 1
        try:
            key = untrusted.call(serialization.load_der_private_key, der, None)
        except InputError:
            return None
        return key if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) else None

    def _read_traditional(self, header: bytes, encrypted: bytes, name: str) -> PrivateKey | None:
        """OpenSSL's own encryption in PEM: ``header`` names the cipher and its initial vector."""
        cipher_name, _, digits = header.decode("ascii", "replace").partition(",")
        try:
            vector = bytes.fromhex(digits)
        except ValueError:
            return None
        plain = self.decryptor.decrypt_traditional(cipher_name.strip(), vector, encrypted, name)
        return self.load(plain, name)


def _headers_and_body(lines: list[bytes]) -> tuple[dict[bytes, bytes], bytes]:
    """The header fields of a PEM block (RFC 1421 4.4), and its base64."""
    headers: dict[bytes, bytes] = {}
    for place, line in enumerate(lines):
        field, colon, value = line.partition(b":")
        if line.strip() and not colon:
            return headers, b"".join(lines[place:])
        if colon:
            headers[field.strip()] = value.strip()
    return headers, b""
