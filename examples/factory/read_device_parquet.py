"""Prints what a file of the format device-parquet has of one Device, in hexadecimal.

    python read_device_parquet.py devices.parquet 00-DB-12-00-00-00-10-00 [PASSPHRASE]

Only the row groups that may hold the Device are read. It needs pyarrow.
"""

import sys

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from pyarrow import parquet


def main(path: str, eui64: str, passphrase: str = "") -> None:
    """Print the row of the Device, keys in the clear."""
    rows = parquet.read_table(path, filters=[("eui64", "=", eui64)]).to_pylist()
    if not rows:
        sys.exit("no such Device")
    print("eui64", rows[0]["eui64"].replace("-", "").lower())
    for half in ("ds", "ka"):
        key = rows[0][f"{half}_key"] or b""
        if key and passphrase:
            opened = load_der_private_key(key, passphrase.encode())
            key = opened.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        print(f"{half}.der", (rows[0][f"{half}_certificate"] or b"").hex())
        print(f"{half}.key", key.hex())
    print("chain.der", rows[0]["chain"].hex())


if __name__ == "__main__":
    main(*sys.argv[1:])
