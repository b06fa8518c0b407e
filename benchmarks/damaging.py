"""Flips bits of an estate's file, and edits it by SQL, and judges what the commands say of it.

python benchmarks/damaging.py [FLIPS [SEED]]

On each damaged copy the eight commonest commands and ``audit verify`` run. None may end with a
fault of ours, or write to the estate; and ``audit verify`` must tell of every edit, and of every
flip that changes what one of them prints or writes.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import islice
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import damage
from smki_testca.estate import sealing

if TYPE_CHECKING:
    from collections.abc import Iterable

CORES = cpu_count() or 1
Tally = tuple[int, int, int, list[tuple[str, str]]]
"""The number of damages, of those that changed what a command says, and of those that the audit
told; and what must not happen."""


def flips(estate: Path, count: int, seed: int) -> Tally:
    """Flip bits, one at a time."""
    octets = (estate / damage.FILE).read_bytes()
    return judged(estate, damage.flips(octets, count, random.Random(seed)))


def edits(estate: Path, part: int) -> Tally:
    """Make every edit whose number leaves a remainder."""
    octets = (estate / damage.FILE).read_bytes()
    return judged(estate, islice(damage.edits(octets), part, None, CORES), all_told=True)


def judged(estate: Path, damages: Iterable[tuple[str, bytes]], *, all_told: bool = False) -> Tally:
    """Judge damages, all of which the audit must tell of if so asked."""
    # The copies have one passphrase and salt.
    sealing._derive_key = cache(sealing._derive_key)  # noqa: SLF001 - see above
    with tempfile.TemporaryDirectory() as folder:
        judge = damage.Judge(estate, Path(folder, "copy"))
        for name, octets in damages:
            verified = judge.judge(name, octets)
            if all_told and verified.code != 5:
                judge.faults.append((name, f"audit verify: {verified.code}"))
    return judge.count, judge.changed, judge.told, judge.faults


def main(count: int, seed: int) -> int:
    """Damage estates over all cores; print numbers, and every fault."""
    faults = []
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(CORES) as pool:
        estate = damage.make(Path(folder, "estate"))
        for name, work in (
            ("edits", [pool.submit(edits, estate, part) for part in range(CORES)]),
            (
                "flips",
                [pool.submit(flips, estate, count // CORES, seed + n) for n in range(CORES)],
            ),
        ):
            start = time.monotonic()
            tallies = [each.result() for each in work]
            number, changed, told = (sum(tally[place] for tally in tallies) for place in range(3))  # type: ignore[misc] # the first three are numbers
            found = [fault for tally in tallies for fault in tally[3]]
            print(
                f"{number} {name} in {time.monotonic() - start:.0f} s: {changed} changed what a"
                f" command says, {told} were told by audit verify, {len(found)} faults",
                flush=True,
            )
            faults += found
    for name, what in faults:
        print(f"{name}: {what}")
    return 1 if faults else 0


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*numbers, *(3_000, 1)[len(numbers) :]))
