"""Batches through the whole Batched Device CSR Web Service: how many CSRs a night can have.

python benchmarks/batched_service.py [CSRS]

``serve`` runs as a process of its own. A client submits batches of growing size over mutual TLS,
polls, and fetches the certificates. The time of a batch is from the beginning of its submission to
the end of its result. The night is the window of SEC App. N, 20:00 to 08:00, in which 375,000 CSRs
come. Its time is worked out from the rate of the largest batch, as if nobody submitted anything
while another batch is processed. Memory is the peak of resident octets (VmHWM) during a batch.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.memory import peak
from benchmarks.serving import COMMAND, FIRST_ID, Server, descendants, forget_peak, message

from smki_testca.api import Estate

NIGHT_CSRS = 375_000
NIGHT_SECONDS = 12 * 3600
LEAST_FACTOR = 4.0
"""How much room a night is to have at least."""
FLATNESS = 1.25
"""The most by which the server's memory may grow from one batch to the next of the same size."""


class Measured(NamedTuple):
    """One batch: seconds on the clock, and peaks of memory in octets."""

    csrs: int
    submitted: float
    processed: float
    fetched: float
    server: int
    batches: int
    worker: int

    @property
    def seconds(self) -> float:
        """The time of the whole."""
        return self.submitted + self.processed + self.fetched


def measure(server: Server, first: int, count: int) -> Measured:
    """Submit one batch, and wait for its certificates."""
    document = message(f"batch-{first:x}", first, count)
    for process in (server.process.pid, *descendants(server.process.pid)):
        forget_peak(process)
    client = server.client()
    begin = time.perf_counter()
    number = client.submit(document)
    submitted = time.perf_counter()
    batches = worker = 0
    while True:
        for process, parent in descendants(server.process.pid).items():
            # The batch process is the server's child, and its workers are below.
            if parent == server.process.pid:
                batches = max(batches, peak(process))
            else:
                worker = max(worker, peak(process))
        polled = time.perf_counter()
        root = client.result(number)
        if root.findtext("BatchStatus") == "COMPLETED":
            break
        time.sleep(0.2)
    ended = time.perf_counter()
    client.close()
    certificates = root.findall("DeviceCertificate")
    success = [row for row in certificates if row.findtext("Status") == "SUCCESS"]
    if len(success) != count or certificates[-1].get("ID") != f"ID{first + count - 1}":
        raise SystemExit(f"{len(success)} certificates of {count}")
    return Measured(
        count,
        submitted - begin,
        polled - submitted,
        ended - polled,
        peak(server.process.pid),
        batches,
        worker,
    )


def main(largest: int) -> int:
    """Measure batches of a tenth, of all, and of all again; gives 1 if a limit is exceeded."""
    with TemporaryDirectory() as folder, TemporaryFile() as log:
        estate = Path(folder, "estate")
        subprocess.run([*COMMAND, "quickstart", str(estate)], check=True, capture_output=True)
        server = Server.start(estate, log)
        measured = []
        try:
            for turn, count in enumerate((largest // 10, largest, largest)):
                measured.append(measure(server, FIRST_ID + (turn << 24), count))
        finally:
            code = server.end()
        passphrase = (estate / "passphrase").read_text().strip()
        with Estate.open(estate, passphrase) as opened:
            opened.audit.verify()
    print(f"Python {sys.version.split()[0]}; serve ended with {code}")
    print(f"{'':10}{'seconds':>40}{'per':>8}{'peak MiB':>26}")
    print(
        f"{'CSRs':>10}{'submit':>10}{'process':>10}{'fetch':>10}{'all':>10}{'second':>8}"
        f"{'server':>8}{'batches':>9}{'worker':>9}"
    )
    for each in measured:
        print(
            f"{each.csrs:10}{each.submitted:10.2f}{each.processed:10.2f}{each.fetched:10.2f}"
            f"{each.seconds:10.2f}{each.csrs / each.seconds:8.0f}"
            f"{each.server >> 20:8}{each.batches >> 20:9}{each.worker >> 20:9}"
        )
    slowest = min(each.csrs / each.seconds for each in measured[1:])
    night = NIGHT_CSRS / slowest
    growth = measured[2].server / measured[1].server
    print(f"{NIGHT_CSRS} CSRs at the rate of the slower large batch: {night:.0f} s,")
    print(f"a window of 12 h has room for {NIGHT_SECONDS / night:.0f} times as many")
    print(f"server's peak, the second large batch to the first: {growth:.2f} (limit {FLATNESS})")
    return int(NIGHT_SECONDS / night < LEAST_FACTOR or growth > FLATNESS)


if __name__ == "__main__":
    sys.exit(main(*[int(argument) for argument in sys.argv[1:]] or [50_000]))
