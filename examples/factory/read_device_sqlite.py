"""Prints what a file of the format device-sqlite has of one Device, in hexadecimal.

python read_device_sqlite.py devices.sqlite 00-DB-12-00-00-00-10-00 [PASSPHRASE]
"""

import sqlite3
import sys
from contextlib import closing

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)


def main(path: str, eui64: str, passphrase: str = "") -> None:
    """Print the row of the Device, keys in the clear."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        row = connection.execute("SELECT * FROM devices WHERE eui64 = ?", (eui64,)).fetchone()
    if row is None:
        sys.exit("no such Device")
    print("eui64", row["eui64"].replace("-", "").lower())
    for half in ("ds", "ka"):
        key = row[f"{half}_key"] or b""
        if key and passphrase:
            opened = load_der_private_key(key, passphrase.encode())
            key = opened.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        print(f"{half}.der", (row[f"{half}_certificate"] or b"").hex())
        print(f"{half}.key", key.hex())
    print("chain.der", row["chain"].hex())


if __name__ == "__main__":
    main(*sys.argv[1:])
