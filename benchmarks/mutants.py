"""Lints a great many broken documents over all cores and prints what became of them.

    python benchmarks/mutants.py [--count 200000] [--first 0]

Each mutant is made from its number and from certificates with fresh keys. The octets of a mutant
that fails are printed. The exit code is 1 if a mutant raised an exception, made a rule fail or
took too long, or if reading a file of ten megabytes or linting a certificate of a great many
faults took too long.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from huge_inputs import CROWDED, HUGE
from judge import Judge
from nodes import rebuilt
from noise import mutant
from seeds import containers, device_certificate, documents
from smki_testca.cli import cli
from smki_testca.importers.sources import sources

LONGEST = 2.0
"""The most seconds that one mutant may take."""
LONGEST_HUGE = 5.0
"""The most seconds that a file of ten megabytes may take."""
LONGEST_CROWDED = 5.0
"""The most seconds that a certificate of thousands of faults may take, with all its reports."""
_BATCH = 1_000


@dataclass
class Tally:
    """The outcomes of some mutants."""

    findings: int = 0
    silent: int = 0
    octets: int = 0
    slowest: tuple[float, int] = (0.0, 0)
    codes: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add another tally."""
        self.findings += other.findings
        self.silent += other.silent
        self.octets += other.octets
        self.slowest = max(self.slowest, other.slowest)
        self.codes += other.codes
        self.faults += other.faults


_ready: list[tuple[Judge, list[bytes]]] = []


def _start(certificates: list[bytes], seeds: list[bytes]) -> None:
    _ready[:] = [(Judge(certificates), seeds)]


def _batch(numbers: range) -> Tally:
    judge, seeds = _ready[0]
    tally = Tally()
    for number in numbers:
        data = mutant(seeds, number)
        tally.octets += len(data)
        start = time.perf_counter()
        try:
            judged = judge(data)
        except Exception:  # noqa: BLE001 - every exception is a fault of the linter
            tally.faults.append((number, f"{traceback.format_exc(limit=-3)}{data.hex()}"))
            continue
        seconds = time.perf_counter() - start
        tally.findings += judged.findings
        tally.silent += not judged.findings
        tally.codes.update(judged.codes)
        tally.slowest = max(tally.slowest, (seconds, number))
        if "internal.rule_failed" in judged.codes or seconds > LONGEST:
            tally.faults.append((number, f"{seconds:.2f} s: {data.hex()}"))
    return tally


def _huge() -> tuple[float, str]:
    """Return the seconds of the slowest file of ten megabytes to read, and its name."""
    taken = []
    for name, data in HUGE.items():
        start = time.perf_counter()
        list(sources(["-"], data))
        taken.append((time.perf_counter() - start, name))
    return max(taken)


def _crowded(certificates: list[bytes]) -> tuple[float, str]:
    """Return the seconds of the slowest certificate of many faults to lint, and its name."""
    judge, device = Judge(certificates), device_certificate(certificates)
    taken = []
    for name, parts in CROWDED.items():
        der = rebuilt(device, **parts)
        start = time.perf_counter()
        judge(der)
        taken.append((time.perf_counter() - start, name))
    return max(taken)


def _certificates() -> list[bytes]:
    """Make one certificate of every kind, with quickstart."""
    with tempfile.TemporaryDirectory() as scratch:
        estate = Path(scratch) / "estate"
        with open(os.devnull, "w") as silence:  # noqa: PTH123 - not a path of ours
            before, sys.stdout = sys.stdout, silence
            try:
                cli.main(["quickstart", str(estate)], standalone_mode=False)
            finally:
                sys.stdout = before
        documents = [source.data for source in sources([str(estate / "export" / "pem")])]
    return list(dict.fromkeys(documents))


def main() -> None:
    """Make the mutants, lint them, print the tally."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200_000, help="how many mutants")
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    options = parser.parse_args()
    certificates = _certificates()
    seeds = documents(certificates) + containers(certificates) * 2
    stop = options.first + options.count
    batches = [range(at, min(at + _BATCH, stop)) for at in range(options.first, stop, _BATCH)]
    start = time.perf_counter()
    total = Tally()
    with ProcessPoolExecutor(initializer=_start, initargs=(certificates, seeds)) as pool:
        for done, tally in enumerate(pool.map(_batch, batches), start=1):
            total.add(tally)
            if sys.stderr.isatty():
                print(f"\r{done} of {len(batches)} batches", end="", file=sys.stderr)
    seconds, number = total.slowest
    print(
        f"{options.count} mutants, {total.octets >> 20} MiB, in {time.perf_counter() - start:.0f} s"
    )
    print(f"{total.findings} findings of {len(total.codes)} codes; {total.silent} without any")
    print(f"slowest: number {number}, {seconds * 1000:.0f} ms")
    print(f"exceptions, failed rules and mutants over {LONGEST:.0f} s: {len(total.faults)}")
    for number, report in total.faults[:10]:
        print(f"--- {number}\n{report}")
    seconds, name = _huge()
    print(f"slowest of {len(HUGE)} files of ten megabytes: {name}, {seconds * 1000:.0f} ms")
    crowded, name = _crowded(certificates)
    print(f"slowest of {len(CROWDED)} crowded certificates: {name}, {crowded * 1000:.0f} ms")
    if total.faults or seconds > LONGEST_HUGE or crowded > LONGEST_CROWDED:
        sys.exit(1)


if __name__ == "__main__":
    main()
