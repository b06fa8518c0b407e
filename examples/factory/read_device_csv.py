"""Prints what a file of the format device-csv has of every Device, in hexadecimal.

    python read_device_csv.py devices.csv [PASSPHRASE]

Keys that are encrypted share a salt, so that the passphrase is turned into a key once for all.
"""

import csv
import sys
from base64 import b64decode
from functools import cache
from hashlib import pbkdf2_hmac
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

derived = cache(pbkdf2_hmac)


def opened(encrypted: bytes, passphrase: str) -> bytes:
    """The PKCS#8 DER in an EncryptedPrivateKeyInfo of an export."""
    after = encrypted.partition(bytes.fromhex("06092a864886f70d01050c"))[2]
    salt, count = after[4:20], int.from_bytes(after[22 : 22 + after[21]])
    cipher = algorithms.AES(derived("sha256", passphrase.encode(), salt, count))
    clear = Cipher(cipher, modes.CBC(encrypted[-163:-147])).decryptor().update(encrypted[-144:])
    return clear[: -clear[-1]]


def main(path: str, passphrase: str = "") -> None:
    """Print every row."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            print("eui64", row["eui64"].replace("-", "").lower())
            for half in ("ds", "ka"):
                key = b64decode(row[f"{half}_key"])
                print(f"{half}.der", b64decode(row[f"{half}_certificate"]).hex())
                print(f"{half}.key", (opened(key, passphrase) if passphrase and key else key).hex())
            print("chain.der", b64decode(row["chain"]).hex())


if __name__ == "__main__":
    main(*sys.argv[1:])
