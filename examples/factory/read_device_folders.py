"""Prints what a folder of the format device-folders has of one Device, in hexadecimal.

    python read_device_folders.py devices/00db120000001000 [PASSPHRASE]

Keys are PKCS#8. They are opened, and compared with their certificates. The columns of your own
manifest are JSON, and printed as they are.
"""

import sys
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.x509 import load_der_x509_certificate


def main(folder: str, passphrase: str | None = None) -> None:
    """Print every file of the folder, keys in the clear."""
    path = Path(folder)
    try:
        for path in sorted(Path(folder).iterdir()):
            octets = path.read_bytes()
            if path.suffix == ".json":
                print(path.name, octets.decode("utf-8").strip())
                continue
            if path.suffix == ".key":
                key = load_der_private_key(octets, passphrase.encode() if passphrase else None)
                certificate = load_der_x509_certificate(path.with_suffix(".der").read_bytes())
                if key.public_key() != certificate.public_key():
                    sys.exit(f"{path} is not the key of its certificate")
                octets = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            print(path.name, octets.hex())
    except OSError as error:
        sys.exit(f"{error.filename} cannot be read: {error.strerror}")
    except (ValueError, TypeError, UnsupportedAlgorithm):
        sys.exit(f"{path} was cut or changed, or the passphrase is wrong")


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3}:
        sys.exit(__doc__)
    main(*sys.argv[1:])
