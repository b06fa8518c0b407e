"""Wall time of the command against its limits, and of a bare interpreter for comparison.

python benchmarks/startup.py [RUNS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = [sys.executable, "-m", "smki_testca"]
ISSUE = (
    *("issue", "organisation", "--participant", "supplier-one", "--purpose", "uept"),
    *("--id", "90-B3-D5-1F-30-01-00-00", "--role", "supplier", "--usage", "digital-signature"),
)


def seconds(arguments: list[str]) -> float:
    """Return the seconds that a program takes from start to end."""
    start = time.perf_counter()
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main(runs: int) -> None:
    """Measure everything by turns, so that a busy moment of the machine affects all of it."""
    with TemporaryDirectory() as directory:
        estate = str(Path(directory) / "estate")
        subprocess.run([*COMMAND, "quickstart", estate], check=True, stdout=subprocess.DEVNULL)
        numbers = iter(range(1_000_000))
        cases: list[tuple[str, float | None, Callable[[], list[str]]]] = [
            ("python -c pass", None, lambda: [sys.executable, "-c", "pass"]),
            ("smki-testca --help", 0.150, lambda: [*COMMAND, "--help"]),
            (
                "completing a label",
                0.300,
                lambda: [
                    *("env", "_SMKI_TESTCA_COMPLETE=bash_complete", "COMP_CWORD=5"),
                    f"COMP_WORDS=smki-testca --estate {estate} list --label Z1",
                    *COMMAND,
                ],
            ),
            ("smki-testca issue", 0.400, lambda: [*COMMAND, "--estate", estate, *ISSUE]),
            (
                "smki-testca quickstart",
                3.0,
                lambda: [*COMMAND, "quickstart", str(Path(directory) / f"new-{next(numbers)}")],
            ),
        ]
        measured: dict[str, list[float]] = {name: [] for name, _, _ in cases}
        for _ in range(runs):
            for name, _, arguments in cases:
                measured[name].append(seconds(arguments()))
    print(f"{runs} runs each, median; Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    print(f"{'':24}{'ms':>8}{'limit':>8}{'ratio':>8}")
    for name, limit, _ in cases:
        median = statistics.median(measured[name])
        columns = f"{limit * 1000:8.0f}{median / limit:8.2f}" if limit else ""
        print(f"{name:24}{median * 1000:8.0f}{columns}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
