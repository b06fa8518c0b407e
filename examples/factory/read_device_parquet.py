"""Prints what a file of the format device-parquet has of one Device, in hexadecimal.

    python read_device_parquet.py devices.parquet 00-DB-12-00-00-00-10-00

Only the row groups that may hold the Device are read. It needs pyarrow.
"""

import sys

from pyarrow import parquet


def main(path: str, eui64: str) -> None:
    """Print the row of the Device."""
    rows = parquet.read_table(path, filters=[("eui64", "=", eui64)]).to_pylist()
    if not rows:
        sys.exit("no such Device")
    row = rows[0]
    print("eui64", row["eui64"].replace("-", "").lower())
    for half in ("ds", "ka"):
        print(f"{half}.der", (row[f"{half}_certificate"] or b"").hex())
        print(f"{half}.key", (row[f"{half}_key"] or b"").hex())
    print("chain.der", row["chain"].hex())


if __name__ == "__main__":
    main(*sys.argv[1:])
