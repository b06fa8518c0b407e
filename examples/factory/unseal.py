"""Opens an export that was sealed to the public key of this line.

    python unseal.py devices.smki.sealed line.key devices.smki

It takes memory for one chunk. It needs cryptography 47 or later, for HPKE (RFC 9180).
"""

import os
import struct
import sys
import tempfile
from pathlib import Path
from typing import IO

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key

SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
SEALED_OCTETS, MAX_CHUNK = 113, 1 << 20


def main(path: str, line_key: str, out: str) -> None:
    """Write a file for its owner only, which gets its name when everything in it is opened."""
    if Path(out).exists():
        sys.exit(f"{out} already exists")
    private = key_of(line_key)
    try:
        with tempfile.TemporaryDirectory(dir=Path(out).absolute().parent) as folder:
            unfinished = Path(folder, "opened")
            descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with Path(path).open("rb") as sealed, os.fdopen(descriptor, "wb") as file:
                unseal(sealed, private, file)
            unfinished.rename(out)
    except OSError as error:
        sys.exit(f"{path} cannot be opened: {error.strerror}: {error.filename}")
    except (ValueError, struct.error):
        sys.exit(f"{path} was cut, or is no sealed export of version 1 to a key of P-256")
    except InvalidTag:
        sys.exit(f"{path} was cut or changed, or is for another line than that of {line_key}")


def key_of(line_key: str) -> EllipticCurvePrivateKey:
    """The private key of the line."""
    try:
        private = load_pem_private_key(Path(line_key).read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
        sys.exit(f"{line_key} is no private key of P-256 in PEM, without a passphrase")
    return private


def unseal(sealed: IO[bytes], private: EllipticCurvePrivateKey, file: IO[bytes]) -> None:
    """Open the content key with HPKE, then each chunk; its number and "last" are its nonce."""
    header = sealed.read(24)
    magic, *numbers, chunk, octets = struct.unpack(">8sHHHHII", header)
    known = (b"SMKISEAL", [1, 0x0010, 0x0001, 0x0002], SEALED_OCTETS)
    if (magic, numbers, octets) != known or not 0 < chunk <= MAX_CHUNK:
        raise ValueError
    content = AESGCM(SUITE.decrypt(sealed.read(octets), private, header))
    number, piece, is_last = 0, sealed.read(chunk + 16), False
    while not is_last:
        following = sealed.read(chunk + 16)
        is_last = not following
        file.write(content.decrypt(number.to_bytes(11) + bytes((is_last,)), piece, None))
        number, piece = number + 1, following


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
