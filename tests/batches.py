"""Manifests, ranges and runs, as the tests of batches ask for them."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path

import scripts

_killing = scripts.load("killing")

ROOT = Path(__file__).parent.parent
DEVICE_PURPOSE = "device-and-user-system-tests"
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"
SUPPLIER_ID = "90-B3-D5-1F-30-01-00-00"
NETWORK_ID = "90-B3-D5-1F-30-02-00-00"
PATIENCE = 300
"""Seconds after which a process counts as hung; no load makes one take so long."""


def device_id(number):
    """The Device ID of that number under the manufacturer's own Registry Entry."""
    octets = (0x00DB12 << 40 | number).to_bytes(8).hex().upper()
    return "-".join(octets[i : i + 2] for i in range(0, 16, 2))


def device(number=0x100, **cells):
    return {
        "profile": "device",
        "participant": "meters-one",
        "purpose": DEVICE_PURPOSE,
        "device-id": device_id(number),
        "hw-type": HW_TYPE,
        "usage": "key-agreement",
    } | cells


def organisation(**cells):
    return {
        "profile": "organisation",
        "participant": "supplier-one",
        "purpose": "uept",
        "id": SUPPLIER_ID,
        "role": "supplier",
        "usage": "digital-signature",
    } | cells


def dccki(**cells):
    return {
        "profile": "dccki",
        "participant": "supplier-one",
        "purpose": "uept",
        "common-name": "gateway.test",
    } | cells


def iki(**cells):
    return {
        "profile": "iki",
        "participant": "supplier-one",
        "purpose": "uept",
        "role": "supplier",
        "system-name": "adhoc-2",
    } | cells


def signed(csr_file, **cells):
    """A row that brings a CSR."""
    return {
        "participant": "meters-one",
        "purpose": DEVICE_PURPOSE,
        "csr-file": csr_file,
    } | cells


def mixed():
    """Rows of every profile that can be batched, and of several participants."""
    return [
        organisation(label="sup-ds"),
        device(0x101),
        dccki(dns="gateway.test", label="gate"),
        organisation(
            participant="network-one", id=NETWORK_ID, role="networkOperator", usage="key-agreement"
        ),
        device(0x102, usage="digital-signature"),
        iki(),
        device(0x103),
    ]


def write(path, rows):
    """Write rows as a manifest of the kind that the path ends in."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        import pyarrow as pa  # noqa: PLC0415 - few tests need it
        from pyarrow import parquet  # noqa: PLC0415 - the same

        whole = [{name: row.get(name) for name in columns} for row in rows]
        parquet.write_table(pa.Table.from_pylist(whole), path)
    return path


def range_of(count, first=0x1000, *usages, **options):
    """The options that ask for a range of Device IDs."""
    given = {
        "profile": "device",
        "participant": "meters-one",
        "purpose": DEVICE_PURPOSE,
        "hw-type": HW_TYPE,
        "first-id": first if isinstance(first, str) else device_id(first),
        "count": count,
    } | {name.replace("_", "-"): value for name, value in options.items()}
    flags = [part for usage in usages or ("key-agreement",) for part in ("--usage", usage)]
    return [*flags, *(part for name, value in given.items() for part in (f"--{name}", value))]


def instead(words, options):
    """A line with other values of some options: each has room for one."""
    pairs = zip(words[::2], words[1::2], strict=True)
    return [word for pair in pairs if pair[0] not in options for word in pair] + list(options)


def issue(command, estate, *more, code=0):
    """Issue a batch; returns the run as JSON tells of it."""
    outcome = command("--json", "--estate", estate, "batch", "issue", *more)
    assert outcome.code == code, outcome.out + outcome.err
    return json.loads(outcome.out.splitlines()[-1])["run"]


def tiles_of(estate, run=1):
    """The tile files of a run."""
    return sorted((estate / "bulk").glob(f"{run:06d}*/*.tile"))


def tiles_written(estate, run=1):
    """How many tiles of a run are written, recorded or not."""
    return _killing.tiles_written(estate, run)


def until_tiles_are_written(estate, process, tiles=1):
    """Wait until a process has written tiles of the first run."""
    until = time.monotonic() + PATIENCE
    while True:
        ended = process.poll() is not None  # asked first: it may write its last one and end
        if tiles_written(estate) >= tiles:
            return
        assert not ended, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)
