"""The C of ``export --format c-table``: how long a compiler takes, and how much memory.

python benchmarks/c_tables.py [CERTIFICATES [TURNS]]

A range of Devices is issued and exported with its keys; its units are compiled by each compiler
that is installed. Seconds are the processor's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.memory import COMMAND, FIRST_ID, HW_TYPE, PURPOSE

SECONDS_LIMIT, MEMORY_LIMIT = 3.0, 200
STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic", "-c")
COMPILERS = (
    ("gcc", "-std=c99"),
    ("g++", "-x", "c++", "-std=c++11"),
    ("clang", "-std=c99"),
    ("clang++", "-x", "c++", "-std=c++17"),
)


def exported(folder: Path, count: int) -> Path:
    """Issue Devices, export them, and return the folder."""
    estate, out = folder / "estate", folder / "firmware"
    device = ("--profile", "device", "--participant", "meters-one", "--purpose", PURPOSE)
    of_both = ("--usage", "digital-signature", "--usage", "key-agreement")
    for command in (
        ("quickstart", str(estate)),
        (
            *("--estate", str(estate), "batch", "issue", *device, "--hw-type", HW_TYPE, *of_both),
            *("--first-id", f"{FIRST_ID:016x}", "--count", str(count // 2)),
        ),
        (
            *("--estate", str(estate), "export", "--format", "c-table", "--out", str(out)),
            *("--profile", "device", "--with-keys"),
        ),
    ):
        subprocess.run([*COMMAND, *command], check=True, capture_output=True)
    return out


def compiled(folder: Path, command: tuple[str, ...]) -> tuple[float, float]:
    """Compile all units one by one; return the seconds, and the megabytes of the largest."""
    each = [_compiled(unit, command) for unit in sorted(folder.glob("*.c"))]
    return sum(seconds for seconds, _ in each), max(megabytes for _, megabytes in each)


def _compiled(unit: Path, command: tuple[str, ...]) -> tuple[float, float]:
    line = [*command, *STRICT, str(unit), "-o", str(unit.with_suffix(".o"))]
    # One child of one child: its peak is that of the compiler itself.
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *line], check=True, capture_output=True, text=True
    )
    seconds, kibibytes = map(float, done.stdout.split())
    return seconds, kibibytes * 1024 / 1e6


def main(certificates: int, turns: int) -> None:
    """Measure each compiler, and print its time and memory with their limits."""
    with TemporaryDirectory() as name:
        folder = exported(Path(name), certificates)
        size = sum(unit.stat().st_size for unit in folder.iterdir()) / 1e6
        print(f"{certificates} certificates in {size:.1f} MB of C, {os.cpu_count()} cores")
        print(f"{'':12}{'seconds':>9}{'limit':>7}{'MB':>6}{'limit':>7}")
        for command in COMPILERS:
            if shutil.which(command[0]) is None:
                continue
            measured = [compiled(folder, command) for _ in range(turns)]
            seconds, megabytes = (min(values) for values in zip(*measured, strict=True))
            print(
                f"{command[0]:12}{seconds:9.2f}{SECONDS_LIMIT:7.1f}"
                f"{megabytes:6.0f}{MEMORY_LIMIT:7}",
                flush=True,
            )


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*numbers, *(10_000, 3)[len(numbers) :])
