"""Kills batches at random moments, resumes them, and checks that nothing is lost or duplicated.

python benchmarks/killing.py [KILLS [SEED]]

Each kill is a SIGKILL of the command or of one of its worker processes, at a moment drawn from the
seed. It needs /proc, to find the workers.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

from cryptography import x509

from smki_testca.api import Estate
from smki_testca.estate.runs import Run, State
from smki_testca.estate.tile import Tile

COMMAND = [sys.executable, "-m", "smki_testca"]
FIRST_ID = 0x00DB120010000000
"""The Devices of ``quickstart`` come before: they have certificates, and get no others unasked."""
COUNT = 40_000
"""Device IDs of one run, with one certificate each."""
MOST_TILES = 6
"""The most tiles that a command writes before it is killed."""
LATEST_SECONDS = 0.2
"""The longest time after those tiles until it is killed."""
START_SECONDS = 1.0
"""The longest time until the kill of a command that need not write a tile first."""
PATIENCE_SECONDS = 120.0
"""The time to wait for tiles and for the end of orphaned workers: enough under any load."""


@dataclass
class Tormentor:
    """Kills the batches of one estate.

    Attributes:
        estate: the directory of the estate.
        chance: the source of random moments and victims.
        kills: the number of kills of the command and of workers.
        kept: the octets of each finished tile, by run and number.
        reported: the number of certificates of each run that were reported as issued.
        serials: the serial numbers of all certificates of the finished runs.
    """

    estate: Path
    chance: random.Random
    kills: dict[str, int] = field(default_factory=lambda: {"command": 0, "worker": 0})
    kept: dict[tuple[int, int], bytes] = field(default_factory=dict)
    reported: dict[int, int] = field(default_factory=dict)
    serials: set[int] = field(default_factory=set)

    def run(self, kills: int) -> int:
        """Run batches to their end, and kill them on the way, until there were so many kills.

        Returns:
            The number of runs.
        """
        number = 0
        while sum(self.kills.values()) < kills:
            number += 1
            first = FIRST_ID + (number << 24)
            while self.state(number) is None:
                self.torment(*range_of(first, COUNT), run=number)
            while self.state(number) in {State.RUNNING, State.INTERRUPTED}:
                enough = sum(self.kills.values()) >= kills
                self.torment("batch", "resume", str(number), run=number, spare=enough)
            self.complete(number, first)
        return number

    def state(self, number: int) -> State | None:
        """Return the state of a run; None if it is not in the estate."""
        with self.opened() as estate:
            return next((run.state for run in estate.runs.all() if run.id == number), None)

    def opened(self) -> Estate:
        """Open the estate."""
        return Estate.open(self.estate, lambda: (self.estate / "passphrase").read_text().strip())

    def torment(self, *arguments: str, run: int, spare: bool = False) -> None:
        """Start one command, and kill it or one of its workers."""
        with TemporaryFile("w+") as out:
            process = start(self.estate, *arguments, out=out)
            victims: list[int] = []
            try:
                if not spare:
                    self.wait(process, run)
                    victims = self.kill(process)
                code = process.wait()
            except BaseException:
                process.kill()
                process.wait()
                raise
            out.seek(0)
            self.judge(code, out.read(), run, killed=bool(victims))
        wait_for_end(victims)
        self.look(run)

    def wait(self, process: subprocess.Popen[str], run: int) -> None:
        """Wait until a command has written a few tiles, and then a moment.

        Progress is waited for, not time, so that a slow machine is killed at the same stages.
        """
        tiles = self.chance.randint(0, MOST_TILES)
        before = tiles_written(self.estate, run)
        until = time.monotonic() + PATIENCE_SECONDS
        while tiles_written(self.estate, run) < before + tiles and process.poll() is None:
            if time.monotonic() > until:
                raise ValueError(f"a command wrote no {tiles} tiles in {PATIENCE_SECONDS:.0f} s")
            time.sleep(0.005)
        time.sleep(self.chance.uniform(0, LATEST_SECONDS if tiles else START_SECONDS))

    def kill(self, process: subprocess.Popen[str]) -> list[int]:
        """Kill the command, or a worker if more commands than workers were killed.

        Returns:
            The processes that must end now; none if the command had ended before.
        """
        workers = children(process.pid)
        if workers and self.kills["worker"] <= self.kills["command"]:
            victim, kind = self.chance.choice(workers), "worker"
        else:
            victim, kind = process.pid, "command"
        if process.poll() is not None:
            return []
        os.kill(victim, signal.SIGKILL)
        self.kills[kind] += 1
        return workers or [process.pid]

    def judge(self, code: int, out: str, run: int, *, killed: bool) -> None:
        """Check that the command ended in a documented way, and note what it reported."""
        expected = {0}
        if killed:
            # A worker killed after its last tile was cut leaves the run done all the same.
            expected |= {-signal.SIGKILL, 5}
        if code not in expected:
            raise ValueError(f"the command ended with {code}: {out}")
        if code == 5 and "batch.worker_died" not in out:
            raise ValueError(f"the death of a worker is not told of: {out}")
        for line in out.splitlines():
            if line.startswith('{"issued"') and line.endswith("}"):
                self.reported[run] = max(self.reported.get(run, 0), json.loads(line)["issued"])

    def look(self, number: int) -> None:
        """Check that everything reported is still there, and remember new tiles."""
        with self.opened() as estate:
            runs = {run.id: run for run in estate.runs.all()}
            for (run_id, tile), octets in self.kept.items():
                (record,) = [
                    record
                    for record in estate.tiles.of_run(run_id, done=True)
                    if record.number == tile
                ]
                if estate.tiles.path(record).read_bytes() != octets:
                    raise ValueError(f"tile {tile} of run {run_id} was changed")
            issued = runs[number].issued if number in runs else 0
            if issued < self.reported.get(number, 0):
                raise ValueError(f"{self.reported[number]} were reported, {issued} are there")
            if number in runs:
                for record in estate.tiles.of_run(number, done=True):
                    path = estate.tiles.path(record)
                    self.kept[number, record.number] = path.read_bytes()

    def complete(self, number: int, first: int) -> None:
        """Check that a finished run has exactly the certificates asked for, and no other files."""
        with self.opened() as estate:
            run = estate.runs.get(number)
            tiles = tiles_of(estate, run)
            files = {path.name for path in estate.tiles.folder(number).iterdir()}
            if len(files) != len(tiles):
                raise ValueError(f"{len(files)} files, {len(tiles)} tiles")
            ids = [tile.eui64(place) for tile in tiles for place in range(len(tile))]
            if set(ids) != set(range(first, first + COUNT)) or len(ids) != COUNT:
                raise ValueError("other Device IDs than were asked for")
            ders = [tile.der(place) for tile in tiles for place in range(len(tile))]
            self.serials |= {x509.load_der_x509_certificate(der).serial_number for der in ders}
            if len(self.serials) != number * COUNT:
                raise ValueError("a serial number came twice")


def range_of(first: int, count: int) -> tuple[str, ...]:
    """Return the command for a range of Devices."""
    return (
        *("batch", "issue", "--profile", "device", "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests", "--usage", "key-agreement"),
        *("--hw-type", "1.2.826.0.1.8641679.1.2.2.1"),
        *("--first-id", f"{first:016x}", "--count", str(count)),
    )


def start(estate: Path, *arguments: str, out: IO[str]) -> subprocess.Popen[str]:
    """Start a command on an estate."""
    return subprocess.Popen(
        [*COMMAND, "--json", "--estate", str(estate), *arguments],
        stdout=out,
        stderr=subprocess.STDOUT,
        text=True,
    )


def tiles_written(estate: Path, run: int) -> int:
    """Return how many tiles of a run are written, recorded or not."""
    # A folder gets its name, or goes, while this looks; os.walk passes over it then.
    return sum(
        file.endswith(".tile")
        for folder, _, files in os.walk(estate / "bulk")
        if Path(folder).name.lstrip(".").startswith(f"{run:06d}")
        for file in files
    )


def tiles_of(estate: Estate, run: Run) -> list[Tile]:
    """Return the finished tiles of a run, each checked against its digest."""
    return [
        Tile.read(estate.tiles.path(record), record.digest)
        for record in estate.tiles.of_run(run.id, done=True)
    ]


def children(parent: int) -> list[int]:
    """Return the processes that a process has started."""
    started = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        fields = status(path)
        if fields is not None and int(fields[1]) == parent:
            started.append(int(path.parent.name))
    return sorted(started)


def status(path: Path) -> list[str] | None:
    """Return the fields of a process from its state and parent on; None if it is gone."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def alive(process: int) -> bool:
    """Whether a process is still running."""
    fields = status(Path(f"/proc/{process}/stat"))
    return fields is not None and fields[0] not in {"Z", "X"}


def wait_for_end(processes: list[int]) -> None:
    """Wait until processes have ended by themselves."""
    until = time.monotonic() + PATIENCE_SECONDS
    while left := [process for process in processes if alive(process)]:
        if time.monotonic() > until:
            raise ValueError(f"workers live on without their parent: {left}")
        time.sleep(0.02)


def main(kills: int, seed: int) -> None:
    """Kill so often, check the audit log, and print a summary."""
    with TemporaryDirectory() as folder:
        estate = Path(folder, "estate")
        subprocess.run([*COMMAND, "quickstart", str(estate)], check=True, capture_output=True)
        tormentor = Tormentor(estate, random.Random(seed))
        begin = time.perf_counter()
        runs = tormentor.run(kills)
        subprocess.run(
            [*COMMAND, "--estate", str(estate), "audit", "verify"], check=True, capture_output=True
        )
        by_kind = ", ".join(f"{count} of a {kind}" for kind, count in tormentor.kills.items())
        print(f"{sum(tormentor.kills.values())} kills ({by_kind}), seed {seed}")
        print(
            f"{runs} runs of {COUNT} certificates in {time.perf_counter() - begin:.0f} s: every one"
            " is there, none twice, no serial number twice, the audit log is whole"
        )


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*numbers, *(300, 1)[len(numbers) :])
