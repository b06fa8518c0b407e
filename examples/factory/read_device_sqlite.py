"""Prints what a file of the format device-sqlite has of one Device, in hexadecimal.

python read_device_sqlite.py devices.sqlite 00-DB-12-00-00-00-10-00 [PASSPHRASE]
"""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

OCTETS = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"


def main(path: str, eui64: str, passphrase: str = "") -> None:
    """Print the row of the Device, keys in the clear."""
    try:
        with closing(
            sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)
        ) as file:
            file.row_factory = sqlite3.Row
            (octets,) = file.execute(OCTETS).fetchone()
            row = file.execute("SELECT * FROM devices WHERE eui64 = ?", (eui64,)).fetchone()
        if octets != Path(path).stat().st_size:
            sys.exit(f"{path} was cut")
        if row is None:
            sys.exit("no such Device")
        show(row, passphrase)
    except sqlite3.Error as error:
        sys.exit(f"{path} cannot be read: {error}")
    except (ValueError, TypeError, IndexError, AttributeError, UnsupportedAlgorithm):
        sys.exit(f"{path} was changed, or the passphrase is wrong")


def show(row: sqlite3.Row, passphrase: str) -> None:
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
