"""Prints what a file of the format device-csv has of every Device, in hexadecimal.

    python read_device_csv.py devices.csv [PASSPHRASE]

Keys that are encrypted share a salt, so that the passphrase is turned into a key once for all.
"""

import csv
import os
import sys
from base64 import b64decode
from functools import cache
from hashlib import pbkdf2_hmac
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import load_der_private_key

MAX_ITERATIONS = 10_000_000
COLUMNS = ("ds_key", "ds_certificate", "ka_key", "ka_certificate", "chain")
derived = cache(pbkdf2_hmac)


def opened(encrypted: bytes, passphrase: str) -> bytes:
    """The PKCS#8 DER in an EncryptedPrivateKeyInfo of an export."""
    after = encrypted.partition(bytes.fromhex("06092a864886f70d01050c"))[2]
    salt, count = after[4:20], int.from_bytes(after[22 : 22 + after[21]])
    if count > MAX_ITERATIONS:
        raise ValueError("more iterations of PBKDF2 than an export has")
    cipher = algorithms.AES(derived("sha256", passphrase.encode(), salt, count))
    clear = Cipher(cipher, modes.CBC(encrypted[-163:-147])).decryptor().update(encrypted[-144:])
    load_der_private_key(clear[: -clear[-1]], None)  # a wrong passphrase gives no key
    return clear[: -clear[-1]]


def show(row: dict[str, str], passphrase: str) -> None:
    """Print a row, keys in the clear."""
    octets = {name: b64decode(row[name], validate=True) for name in COLUMNS}
    print("eui64", row["eui64"].replace("-", "").lower())
    for half in ("ds", "ka"):
        key = octets[f"{half}_key"]
        print(f"{half}.der", octets[f"{half}_certificate"].hex())
        print(f"{half}.key", (opened(key, passphrase) if passphrase and key else key).hex())
    print("chain.der", octets["chain"].hex())


def main(path: str, passphrase: str = "") -> None:
    """Print every row."""
    try:
        with Path(path).open("rb") as whole:
            whole.seek(-1, os.SEEK_END)
            if whole.read() != b"\n":
                sys.exit(f"{path} was cut")
        with Path(path).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file, strict=True):
                show(row, passphrase)
    except OSError as error:
        sys.exit(f"{path} cannot be read: {error.strerror}")
    except (csv.Error, ValueError, TypeError, LookupError):
        sys.exit(f"{path} was cut or changed, or the passphrase is wrong")


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3}:
        sys.exit(__doc__)
    main(*sys.argv[1:])
