"""Prints what a file of the format device-parquet has of one Device, in hexadecimal.

    python read_device_parquet.py devices.parquet 00-DB-12-00-00-00-10-00 [PASSPHRASE]

Only the row groups that may hold the Device are read. It needs pyarrow.
"""

import sys
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from pyarrow import ArrowException, parquet


def main(path: str, eui64: str, passphrase: str = "") -> None:
    """Print the row of the Device, keys in the clear."""
    try:
        rows = parquet.read_table(path, filters=[("eui64", "=", eui64)]).to_pylist()
        if not rows:
            sys.exit("no such Device")
        show(rows[0], passphrase)
    except OSError as error:
        sys.exit(f"{path} cannot be read: {error}")
    except (ValueError, TypeError, KeyError, AttributeError, ArrowException, UnsupportedAlgorithm):
        sys.exit(f"{path} was cut or changed, or the passphrase is wrong")


def show(row: dict[str, Any], passphrase: str) -> None:
    """Print a row."""
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
    if len(sys.argv) not in {3, 4}:
        sys.exit(__doc__)
    main(*sys.argv[1:])
