"""Opens an export that was sealed to the public key of this line.

    python unseal.py devices.smki.sealed line.key devices.smki

It takes memory for one chunk. It needs cryptography 47 or later, for HPKE (RFC 9180).
"""

import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key

SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def main(path: str, line_key: str, out: str) -> None:
    """Open the content key with HPKE, then each chunk; its number and "last" are its nonce."""
    private = load_pem_private_key(Path(line_key).read_bytes(), None)
    if not isinstance(private, EllipticCurvePrivateKey):
        sys.exit(f"{line_key} is not a P-256 key")
    with Path(path).open("rb") as sealed, Path(out).open("xb") as file:
        header = sealed.read(24)
        magic, *numbers, chunk, octets = struct.unpack(">8sHHHHII", header)
        if (magic, numbers) != (b"SMKISEAL", [1, 0x0010, 0x0001, 0x0002]):
            sys.exit("not a sealed export of version 1 to a key of P-256")
        content = AESGCM(SUITE.decrypt(sealed.read(octets), private, header))
        number, piece, is_last = 0, sealed.read(chunk + 16), False
        while not is_last:
            following = sealed.read(chunk + 16)
            is_last = not following
            file.write(content.decrypt(number.to_bytes(11) + bytes((is_last,)), piece, None))
            number, piece = number + 1, following


if __name__ == "__main__":
    main(*sys.argv[1:])
