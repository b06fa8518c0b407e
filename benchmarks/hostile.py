"""Gives every reader a great many hostile inputs and prints what became of them.

    python benchmarks/hostile.py [--count 100000] [--first 0] [--minutes 30]

Each input is made from its number: a good one after one to four changes. Each is read in a process
with 512 MiB of memory and a limit of time. The exit code is 1 if a reader gave anything but a
result or one documented error. Where the minutes run out, it says how many inputs were read.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from hostile_inputs import READERS, Tally, bounded_tally

_CHUNK = 200
_SECONDS = 60.0
"""The most seconds for a chunk, and so for one input."""


def main() -> int:
    """Read the inputs; return 1 if there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=30)
    options = parser.parse_args()
    deadline = time.monotonic() + 60 * options.minutes
    each = -(-options.count // len(READERS))
    tasks = [
        (reader.name, range(start, min(start + _CHUNK, options.first + each)))
        for start in range(options.first, options.first + each, _CHUNK)
        for reader in READERS
    ]

    def run(task: tuple[str, range]) -> tuple[str, Tally | None]:
        name, numbers = task
        late = time.monotonic() > deadline
        return name, None if late else bounded_tally(name, numbers, _SECONDS)

    codes: dict[str, Counter[str]] = {reader.name: Counter() for reader in READERS}
    faults: list[str] = []
    slowest = (0.0, "")
    start = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, found in pool.map(run, tasks):
            if found is not None:
                codes[name] += found.codes
                faults += found.faults
                slowest = max(slowest, found.slowest)
    read = sum(counter.total() for counter in codes.values()) + len(faults)
    print(f"{read} inputs of {each * len(READERS)} in {time.monotonic() - start:.0f} s")
    for name, counter in codes.items():
        most = ", ".join(f"{code} {count}" for code, count in counter.most_common(4))
        print(f"{name:14} {counter.total():6}  {most}")
    print(f"slowest: {slowest[0]:.2f} s, {slowest[1]}")
    print(f"tracebacks, other errors, over 512 MiB or over {_SECONDS:.0f} s: {len(faults)}")
    for fault in faults[:20]:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
