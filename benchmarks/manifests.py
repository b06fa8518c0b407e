"""Cost and memory of checking a manifest, and of finding a Device by a column of it.

python benchmarks/manifests.py [ROWS [DEVICES]]

Processor time is that of the whole command, from the start of its process to its end; the quickest
of three turns counts, for other programs only ever slow one down. The first check is of Devices
without certificates, a row for each usage; the second of Devices of which each has both.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

COMMAND = [sys.executable, "-m", "smki_testca"]
PURPOSE = "device-and-user-system-tests"
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"
FIRST_ID = 0x00DB120100000000
CPU_LIMIT, MEMORY_LIMIT = 8.0, 200
TURNS = 3
OF_ALL = ("--profile", "device", "--participant", "meters-one", "--purpose", PURPOSE)


class Measured(NamedTuple):
    """One command: seconds of all processors, and its peak of memory in megabytes."""

    cpu: float
    memory: float


def measure(*words: str) -> Measured:
    """Run one command."""
    process = subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words} ended with {process.returncode}")
    return Measured(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def write_rows(path: Path, rows: int) -> Path:
    """Write a manifest of a row for each usage of a Device, with every column."""
    usages = ("digital-signature", "key-agreement")
    with path.open("w") as file:
        file.write("profile,participant,purpose,device-id,hw-type,usage,serial_number\n")
        for row in range(rows):
            device_id = f"{FIRST_ID + row // 2:016x}"
            file.write(f"device,meters-one,{PURPOSE},{device_id},{HW_TYPE},{usages[row % 2]},")
            file.write(f"SN{row // 2:08}\n")
    return path


def write_devices(path: Path, devices: int) -> Path:
    """Write a manifest of a row for each Device; options say what they share."""
    with path.open("w") as file:
        file.write("device-id,serial_number,model\n")
        for row in range(devices):
            file.write(f"{FIRST_ID + row:016x},SN{row:08},M-{row % 7}\n")
    return path


def best(estate: Path, *words: str) -> Measured:
    """Measure a command some times, and return the quickest."""
    return min(
        (measure("--estate", str(estate), *words) for _ in range(TURNS)), key=lambda each: each.cpu
    )


def print_row(name: str, measured: Measured, limit: float) -> None:
    """Print one row of the table."""
    ratio = f"{measured.cpu / limit:8.2f}" if limit else " " * 8
    print(
        f"{name:40}{measured.cpu:8.2f}{limit or '':>8}{ratio}{measured.memory:8.0f}{MEMORY_LIMIT:8}"
    )


def main(rows: int, devices: int) -> None:
    """Measure, and print processor seconds and megabytes beside their limits."""
    with TemporaryDirectory() as folder:
        estate = Path(folder, "estate")
        measure("quickstart", str(estate))
        limit = CPU_LIMIT * rows / 200_000
        print(f"{rows} rows, {devices} Devices, {TURNS} turns, the quickest counts")
        print(f"{'':40}{'CPU s':>8}{'limit':>8}{'ratio':>8}{'MB':>8}{'limit':>8}")
        path = write_rows(Path(folder, "rows.csv"), rows)
        print_row(
            "batch check, nothing is there yet", best(estate, "batch", "check", str(path)), limit
        )
        issued = write_devices(Path(folder, "devices.csv"), devices)
        options = (*OF_ALL, "--hw-type", HW_TYPE)
        print_row(
            "batch issue, one turn",
            measure(
                "--estate",
                str(estate),
                "batch",
                "issue",
                str(issued),
                *options,
                "--label",
                "{usage}",
            ),
            0,
        )
        again = best(estate, "batch", "check", str(path), "--skip-existing")
        print_row("batch check, all is there", again, limit)
        found = best(estate, "list", "--where", f"serial_number=SN{devices // 2:08}")
        print_row(f"list --where of {2 * devices}", found, 0)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*numbers, *(200_000, 500_000)[len(numbers) :])
