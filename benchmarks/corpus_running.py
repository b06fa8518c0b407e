"""What ``corpus run`` costs with a program, beside the starts of that program alone.

python benchmarks/corpus_running.py [TURNS [PROGRAM…]]

The program is ``openssl x509`` by default; the name of a file is put behind its words. Its own
starts are measured by starting it once for each case that the run asks, with its output thrown
away. The whole command counts, from its start to its end: reading the corpus, the journal and the
report, too. Both are measured by turns, in time of the clock and of the processor; the quickest
counts, for other programs only ever slow one down.
"""

from __future__ import annotations

import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

COMMAND = [sys.executable, "-m", "smki_testca"]
PROGRAM = ["openssl", "x509", "-inform", "DER", "-noout", "-in"]
LIMIT = 1.2
"""The most times the starts alone."""


class Cost(NamedTuple):
    """Seconds of the clock, and of the processor of all processes."""

    wall: float
    cpu: float


def _now() -> Cost:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime + own.ru_utime + own.ru_stime
    return Cost(time.perf_counter(), cpu)


def _since(begin: Cost) -> Cost:
    now = _now()
    return Cost(now.wall - begin.wall, now.cpu - begin.cpu)


def starts(program: list[str], files: list[Path]) -> Cost:
    """Start a program for each file."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    to_nowhere = [(os.POSIX_SPAWN_DUP2, nowhere, stream) for stream in (0, 1, 2)]
    begin = _now()
    for file in files:
        child = os.posix_spawn(
            program[0], [*program, str(file)], os.environ, file_actions=to_nowhere
        )
        os.waitpid(child, 0)
    return _since(begin)


def run(program: list[str], corpus: Path, report: Path) -> Cost:
    """Run the corpus; the report is saved."""
    target = f"exec:{shlex.join(program)} {{der}}"
    begin = _now()
    subprocess.run(
        [*COMMAND, "corpus", "run", corpus, "--with", target, "--save", report, "--force"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=corpus.parent,
        check=False,
    )
    return _since(begin)


def main(turns: int, program: list[str]) -> None:
    """Measure by turns, and print the costs and their ratio."""
    found = shutil.which(program[0])
    if found is None:
        raise SystemExit(f"{program[0]} is not installed")
    program = [found, *program[1:]]
    with TemporaryDirectory() as folder:
        corpus, report = Path(folder, "corpus"), Path(folder, "report.json")
        subprocess.run([*COMMAND, "corpus", "make", corpus], check=True, stdout=subprocess.DEVNULL)
        run(program, corpus, report)
        cases = json.loads(report.read_text())["cases"]
        asked = [corpus / "cases" / f"{each['id']}.der" for each in cases if each["seen"]]
        alone, whole = [], []
        for _ in range(turns):
            alone.append(starts(program, asked))
            whole.append(run(program, corpus, report))
    print(f"{len(asked)} cases, {turns} turns, the quickest; Python {sys.version.split()[0]}")
    print(f"{'seconds of':22}{'clock':>8}{'cpu':>8}")
    bound = Cost(*(min(each[place] for each in alone) for place in (0, 1)))
    cost = Cost(*(min(each[place] for each in whole) for place in (0, 1)))
    print(f"{'the starts alone':22}{bound.wall:8.2f}{bound.cpu:8.2f}")
    print(f"{'corpus run':22}{cost.wall:8.2f}{cost.cpu:8.2f}")
    ratios = f"{cost.wall / bound.wall:8.2f}{cost.cpu / bound.cpu:8.2f}"
    print(f"{'ratio':22}{ratios}   limit {LIMIT}")


if __name__ == "__main__":
    main(int((sys.argv[1:2] or ["3"])[0]), sys.argv[2:] or PROGRAM)
