"""How long a production line waits for a certificate: ``batch sign -`` with JSON lines.

python benchmarks/line_signing.py [CSRS]

One command runs. Each CSR is sent when the certificate before it has come back, so that the time
of a line is all that passes between the two: reading and checking the CSR, the gate, the signature,
and the transaction, which waits for the disk. The first lines are left out: the command starts.
The disk alone is the time of writing and syncing a page of a file as often as a transaction does.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.memory import COMMAND, FIRST_ID, HW_TYPE, PURPOSE

from smki_testca import make_csr
from smki_testca.identifiers import Eui64

LIMIT = 10.0
"""The most milliseconds that a line may take, without the wait for the disk."""
WARM_UP = 10
SYNCS = 4
"""How often one transaction of SQLite with a rollback journal waits for the disk."""


def disk(folder: Path) -> float:
    """Measure the seconds of the syncs of one transaction, the median of twenty."""
    times = []
    with Path(folder, "page").open("wb") as file:
        for _ in range(20):
            begin = time.perf_counter()
            for _ in range(SYNCS):
                file.write(bytes(4096))
                file.flush()
                os.fsync(file.fileno())
            times.append(time.perf_counter() - begin)
    return statistics.median(times)


def requests(count: int) -> list[bytes]:
    """Make a line for each of many Devices."""
    lines = []
    for number in range(count):
        device_id = str(Eui64(FIRST_ID + number))
        csr = make_csr("device", "digital-signature", device_id=device_id, hw_type=HW_TYPE)
        lines.append(json.dumps({"csr": csr.pem.decode("ascii"), "id": number}).encode() + b"\n")
    return lines


def main(count: int) -> None:
    """Measure every line, and print the median and the slowest of twenty, with the disk's share."""
    with TemporaryDirectory() as folder:
        estate = Path(folder, "estate")
        subprocess.run([*COMMAND, "quickstart", str(estate)], check=True, capture_output=True)
        lines = requests(count + WARM_UP)
        process = subprocess.Popen(
            [
                *(*COMMAND, "--estate", str(estate), "batch", "sign", "-"),
                *("--participant", "meters-one", "--purpose", PURPOSE),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        if process.stdin is None or process.stdout is None:
            raise SystemExit("the command has no pipes")
        times, ticks = [], 0
        for number, line in enumerate(lines):
            if number == WARM_UP:
                ticks = processor_ticks(process.pid)
            begin = time.perf_counter()
            process.stdin.write(line)
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            times.append(time.perf_counter() - begin)
            if "certificate" not in answer:
                raise SystemExit(f"not signed: {answer}")
        ticks = processor_ticks(process.pid) - ticks
        process.stdin.close()
        process.wait()
        waits = disk(Path(folder))
    times = sorted(times[WARM_UP:])
    cpu = ticks / os.sysconf("SC_CLK_TCK") / count
    slow = times[int(len(times) * 0.95)]
    print(f"{count} CSRs, one after the other; Python {sys.version.split()[0]}")
    print(f"{'':32}{'ms':>8}{'limit':>8}{'ratio':>8}")
    for name, seconds in (("processor time of a line", cpu), ("a line, median", times[count // 2])):
        print(f"{name:32}{seconds * 1e3:8.1f}{LIMIT:8.1f}{seconds * 1e3 / LIMIT:8.2f}")
    print(f"{'a line, 95 of 100 are quicker':32}{slow * 1e3:8.1f}")
    print(f"{'the disk alone, median':32}{waits * 1e3:8.1f}")


def processor_ticks(process: int) -> int:
    """Return the processor time of a process so far, in the system's ticks."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


if __name__ == "__main__":
    main(*[int(argument) for argument in sys.argv[1:]] or [300])
