"""Peak memory and cost per certificate of ranges of growing size, and look-ups in the largest.

python benchmarks/memory.py [LARGEST]

Sizes grow tenfold up to the largest, a million by default. Memory is the peak of resident octets
(VmHWM of /proc): of the command, and of the worker that took most; what a worker shares with the
command counts in both. Cost is processor time of all processes, less that of a range or a
manifest of one; the quickest turn counts, for other programs only ever slow one down.
"""

from __future__ import annotations

import contextlib
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from smki_testca.api import Estate
from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import Eui64

COMMAND = [sys.executable, "-m", "smki_testca"]
HEADER = ("profile", "participant", "purpose", "device-id", "hw-type", "usage")
PURPOSE = "device-and-user-system-tests"
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"
FIRST_ID = 0x00DB120010000000
"""The Devices of ``quickstart`` come before: they have certificates, and get no others unasked."""
BETWEEN = 1 << 32
"""The distance from the first ID of one range to that of the next."""
MEMORY_LIMIT, LOOKUP_LIMIT, FLATNESS_LIMIT = 300, 20.0, 0.10
LOOKUPS = 200


class Measured(NamedTuple):
    """One command: seconds on the clock, seconds of all processors, peaks of memory in octets."""

    seconds: float
    cpu: float
    command: int
    worker: int


def measure(estate: Path, *arguments: str) -> Measured:
    """Run one command, and watch it and its workers."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [*COMMAND, "--estate", str(estate), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    command = worker = 0
    while True:
        command = max(command, peak(process.pid))
        worker = max([worker, *map(peak, children(process.pid))])
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        time.sleep(0.01)
    if status:
        raise SystemExit(f"{arguments} ended with {os.waitstatus_to_exitcode(status)}")
    process.returncode = 0
    cpu = usage.ru_utime + usage.ru_stime
    return Measured(time.perf_counter() - begin, cpu, command, worker)


def peak(process: int) -> int:
    """Return the peak of a process's resident memory so far, in octets."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return 0


def children(process: int) -> list[int]:
    """Return the processes that a process has started."""
    with contextlib.suppress(OSError):
        pids = Path(f"/proc/{process}/task/{process}/children").read_text()
        return [int(pid) for pid in pids.split()]
    return []


def issue(estate: Path, number: int, count: int) -> Measured:
    """Issue a range of Devices."""
    return measure(
        estate,
        *("batch", "issue", "--profile", "device", "--participant", "meters-one"),
        *("--purpose", PURPOSE, "--hw-type", HW_TYPE, "--usage", "digital-signature"),
        *("--first-id", f"{FIRST_ID + number * BETWEEN:016x}", "--count", str(count)),
    )


def issue_manifest(estate: Path, number: int, count: int) -> Measured:
    """Issue as many Devices with a manifest, one line each."""
    path = estate.parent / "devices.csv"
    cells = ("device", "meters-one", PURPOSE, "", HW_TYPE, "key-agreement")
    with path.open("w") as file:
        file.write(",".join(HEADER) + "\n")
        for device_id in range(count):
            octets = f"{FIRST_ID + number * BETWEEN + device_id:016x}"
            file.write(",".join((*cells[:3], octets, *cells[4:])) + "\n")
    return measure(estate, "batch", "issue", str(path))


def print_row(name: str, count: int, best: Measured, cost: float) -> None:
    """Print one row of the table."""
    memory = f"{best.command / 1e6:10.0f}{best.worker / 1e6:9.0f}"
    print(f"{name:10}{count:10}{best.seconds:9.1f}{memory}{cost * 1e6:9.2f}")


def lookups(directory: Path, count: int, number: int) -> dict[str, list[float]]:
    """Measure the milliseconds of random look-ups in a range, each with its tile read from disk."""
    chance = random.Random(1)
    taken: dict[str, list[float]] = {"by EUI-64": [], "by serial number": []}
    serials = []
    with opened(directory) as estate:
        for _ in range(LOOKUPS):
            eui64 = Eui64(FIRST_ID + number * BETWEEN + chance.randrange(count))
            begin = time.perf_counter()
            (record,) = estate.select(Selection(eui64=eui64))
            taken["by EUI-64"].append((time.perf_counter() - begin) * 1e3)
            serials.append(record.serial)
    chance.shuffle(serials)
    with opened(directory) as estate:
        for serial in serials:
            begin = time.perf_counter()
            if estate.by_serial(serial) is None:
                raise SystemExit(f"{serial} is not found")
            taken["by serial number"].append((time.perf_counter() - begin) * 1e3)
    return taken


def opened(directory: Path) -> Estate:
    """Open an estate; nothing here needs its passphrase."""
    return Estate.open(directory, str)


def main(largest: int) -> None:
    """Measure everything, and print the tables."""
    with TemporaryDirectory() as folder:
        # Our modules are compiled once, as they are where the package is installed.
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(folder, "compiled"))
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        estate = Path(folder, "estate")
        subprocess.run([*COMMAND, "quickstart", str(estate)], check=True, capture_output=True)
        numbers = iter(range(BETWEEN))
        sizes = [10_000]
        while sizes[-1] < largest:
            sizes.append(sizes[-1] * 10)
        print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores")
        heads = f"{'seconds':>9}{'command':>10}{'worker':>9}{'µs each':>9}"
        print(f"{'':10}{'number':>10}{heads}\n{'':29}{'MB':>10}{'MB':>9}")
        costs: dict[str, list[float]] = {"range": [], "manifest": []}
        peaks, ranges, issued = [], [], 0
        for name, work in (("range", issue), ("manifest", issue_manifest)):
            alone = min(work(estate, next(numbers), 1).cpu for _ in range(7))
            for count in sizes:
                turns = []
                # Other programs disturb short measurements most: those have more turns.
                for _ in range(max(2, min(7, 300_000 // count))):
                    ranges.append((next(numbers), count))
                    turns.append(work(estate, *ranges[-1]))
                    issued += count
                best = min(turns, key=lambda turn: turn.cpu)
                costs[name].append((best.cpu - alone) / count)
                peaks += [octets for turn in turns for octets in (turn.command, turn.worker)]
                print_row(name, count, best, costs[name][-1])
        written = sum(path.stat().st_size for path in estate.glob("bulk/*/*.tile"))
        print(f"\nmemory at most {max(peaks) / 1e6:.0f} MB (limit {MEMORY_LIMIT})")
        for name, taken in costs.items():
            flat = max(taken) / min(taken) - 1
            difference = f"differs by {flat:.0%} (limit {FLATNESS_LIMIT:.0%})"
            print(f"cost per certificate of a {name} {difference}")
        print(f"{written / issued:.0f} octets on the disk for each certificate and its key")
        print(f"\nlook-ups in {issued} certificates, ms{'median':>12}{'slowest':>10}{'limit':>8}")
        number, count = ranges[-1]
        for name, taken in lookups(estate, count, number).items():
            median, slowest = statistics.median(taken), max(taken)
            print(f"{name:38}{median:10.1f}{slowest:10.1f}{LOOKUP_LIMIT:8.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
