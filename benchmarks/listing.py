"""The list of a run of many certificates, against what it reads at least.

python benchmarks/listing.py [CERTIFICATES [TURNS]]

The bound is what no list can do without: reading the run's tiles, comparing their digests, and
writing each serial number. Ours is the whole command, from the start of its process to its end; the
CPU time of the process and its children counts. Every turn measures each once; the quickest turn
counts, for other programs only ever slow one down.
"""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

COMMAND = [sys.executable, "-m", "smki_testca"]
RANGE = (
    *("--profile", "device", "--participant", "meters-one"),
    *("--purpose", "device-and-user-system-tests", "--usage", "digital-signature"),
    *("--hw-type", "1.2.826.0.1.8641679.1.2.2.1", "--first-id", "00-DB-12-01-00-00-00-00"),
)
LISTS: dict[str, tuple[str, ...]] = {
    "list": ("list",),
    "list --json": ("--json", "list"),
    "list --status in-use": ("list", "--status", "in-use"),
    "list --sort -serial": ("list", "--sort", "-serial"),
    "list --serial PREFIX": ("list", "--serial", "123456"),
}
LIMIT_SECONDS, LIMIT_OF = 3.0, 40_000
LIMIT_MEBIBYTES = 200


def listed(estate: Path, words: tuple[str, ...]) -> tuple[float, float, int]:
    """Measure a list: its CPU seconds, the seconds to its first line, and its memory in KiB."""
    globals_, command = [word for word in words if word == "--json"], list(words)
    command = [word for word in command if word != "--json"]
    start = time.perf_counter()
    with subprocess.Popen(
        [*COMMAND, "--estate", str(estate), *globals_, *command], stdout=subprocess.PIPE
    ) as process:
        output: Any = process.stdout
        output.read(1)
        first = time.perf_counter() - start
        while output.read(1 << 20):
            pass
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
    return used.ru_utime + used.ru_stime, first, used.ru_maxrss


def bound(estate: Path) -> float:
    """Measure the CPU seconds of reading the tiles, and of writing a line for each serial."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    with Path(os.devnull).open("w", encoding="ascii") as sink:
        for path in estate.rglob("*.tile"):
            data = path.read_bytes()
            hashlib.sha256(data).digest()
            sink.writelines(
                f"{data[start : start + 16].hex()}\n" for start in range(100, 100 + 16 * 2000, 16)
            )
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(count: int = LIMIT_OF, turns: int = 3) -> None:
    """Make a run, measure its lists, and print the ratios."""
    with TemporaryDirectory() as folder:
        estate = Path(folder) / "estate"
        commands: tuple[tuple[str, ...], ...] = (
            ("quickstart", str(estate)),
            ("--estate", str(estate), "batch", "issue", *RANGE, "--count", str(count)),
        )
        for words in commands:
            subprocess.run([*COMMAND, *words], check=True, capture_output=True)
        print(f"{count} Devices, {turns} turns, the quickest; Python {sys.version.split()[0]}")
        print(f"{'':24}{'CPU s':>8}{'limit':>8}{'ratio':>8}{'first s':>9}{'MiB':>6}")
        print(f"{'read and write':24}{min(bound(estate) for _ in range(turns)):8.2f}")
        limit = LIMIT_SECONDS * count / LIMIT_OF
        for name, words in LISTS.items():
            measured = [listed(estate, words) for _ in range(turns)]
            cpu, first, memory = (min(values) for values in zip(*measured, strict=True))
            print(
                f"{name:24}{cpu:8.2f}{limit:8.2f}{cpu / limit:8.2f}{first:9.2f}{memory / 1024:6.0f}"
            )
        print(f"limits: {LIMIT_SECONDS} s of CPU for {LIMIT_OF}, {LIMIT_MEBIBYTES} MiB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
