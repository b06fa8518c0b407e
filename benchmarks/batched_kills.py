"""Kills ``serve`` while clients submit batches to it, and looks at what was answered.

python benchmarks/batched_kills.py [KILLS [SEED]]

Clients submit batches of Device CSRs over mutual TLS, each Device once, one batch after the other.
At a random time the server, its batch process or a worker of that is killed with SIGKILL. If it was
the server, another one is started on the same estate; otherwise it goes on. After the last kill:

- every batch that was answered with a BatchId is there under it, COMPLETED, with the client's ID
  and a certificate for each of its CSRs;
- no batch is there twice: of those that were not answered, each is there once or not at all;
- each Device of a batch that is there has one certificate in the estate, and no other has any;
- each batch has one run;
- the audit log verifies, and no process is left.

It ends with what was found, and with exit code 1 if that is anything.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.serving import (
    COMMAND,
    FIRST_ID,
    BatchClient,
    Server,
    descendants,
    lives,
    message,
)

from smki_testca.api import Estate
from smki_testca.estate.batch_requests import BatchState

CSRS = 600
"""CSRs of a batch: enough for workers to read them."""
CLIENTS = 3
PAUSE_SECONDS = 1.5
"""The time from the answer that a client gets to its next batch."""
LATEST_SECONDS = 6.0
"""The longest time from the start of a server, or the kill before, to a kill."""
WAIT_SECONDS = 30.0
"""The longest time from the end of a server to that of the processes that it started."""


@dataclass
class Load:
    """Clients that submit batches until they are stopped.

    Attributes:
        answered: the references of batches by the BatchId that they were answered with.
        sent: the first Device of every batch that was sent, by its reference.
    """

    answered: dict[int, str] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    _service: dict[str, str] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Start the clients."""
        for _ in range(CLIENTS):
            self._threads.append(threading.Thread(target=self._submit_all))
            self._threads[-1].start()

    def use(self, service: dict[str, str] | None) -> None:
        """Submit to a server from now on; None for no one."""
        with self._lock:
            self._service = service

    def stop(self) -> None:
        """Stop the clients."""
        self._ended.set()
        for each in self._threads:
            each.join()

    def _submit_all(self) -> None:
        while not self._ended.is_set():
            with self._lock:
                service = self._service
                number = len(self.sent)
                reference, first = f"b{number}", FIRST_ID + number * CSRS
                if service is not None:
                    self.sent[reference] = first
            if service is None:
                time.sleep(0.05)
                continue
            document = message(reference, first, CSRS)
            self._ended.wait(PAUSE_SECONDS)
            with contextlib.suppress(OSError, ValueError, SystemExit):
                client = BatchClient(service)
                with contextlib.closing(client):
                    batch = client.submit(document)
                    with self._lock:
                        if self.answered.setdefault(batch, reference) != reference:
                            raise AssertionError(f"two batches were answered with {batch}")


class Tormentor:
    """Kills the servers of one estate."""

    def __init__(self, estate: Path, log: IO[bytes], chance: random.Random) -> None:
        self.estate = estate
        self.kills = Counter[str]()
        self.faults = list[str]()
        self.load = Load()
        self._log = log
        self._chance = chance

    def run(self, kills: int) -> None:
        """Kill so many times, and then let everything be completed."""
        server = Server.start(self.estate, self._log)
        self.load.use(server.services["batched"])
        self.load.start()
        try:
            while self.kills.total() < kills:
                time.sleep(self._chance.uniform(0, LATEST_SECONDS))
                server = self._kill_one(server)
        finally:
            self.load.stop()
            below = descendants(server.process.pid)
            try:
                self._complete(server)
            finally:
                server.end()
        self._wait_for_end(list(below))

    def _kill_one(self, server: Server) -> Server:
        """Kill the server or what it started; gives the server that is there then."""
        below = descendants(server.process.pid)
        batches = [each for each, parent in below.items() if parent == server.process.pid]
        workers = [each for each in below if each not in batches]
        victims = {"server": [server.process.pid], "batch process": batches, "worker": workers}
        # Half of the kills are of the server.
        kind = self._chance.choice(["server", "server", "batch process", "worker"])
        if not victims[kind]:
            return server
        self.kills[kind] += 1
        if kind != "server":
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._chance.choice(victims[kind]), signal.SIGKILL)
            return server
        self.load.use(None)
        server.kill()
        self._wait_for_end(list(below))
        server = Server.start(self.estate, self._log)
        self.load.use(server.services["batched"])
        return server

    def _wait_for_end(self, processes: list[int]) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while any(map(lives, processes)):
            if time.monotonic() > until:
                self.faults.append(f"processes are left: {list(filter(lives, processes))}")
                return
            time.sleep(0.05)

    def _complete(self, server: Server) -> None:
        """Fetch the result of every batch that was answered, as its client does."""
        with contextlib.closing(server.client()) as client:
            for number, reference in sorted(self.load.answered.items()):
                root = client.completed(number)
                first = self.load.sent[reference]
                expected = {f"ID{first + each}" for each in range(CSRS)}
                rows = root.findall("DeviceCertificate")
                signed = {row.get("ID") for row in rows if row.findtext("Status") == "SUCCESS"}
                if root.get("ID") != reference or signed != expected or len(rows) != CSRS:
                    self.faults.append(
                        f"batch {number} is not {reference} with {CSRS} certificates"
                    )

    def judge(self) -> None:
        """Look at the estate, once no process works on it."""
        passphrase = (self.estate / "passphrase").read_text().strip()
        with Estate.open(self.estate, passphrase) as estate:
            estate.audit.verify()
            found = estate.batch_requests.of(None)
            unfinished = [each.id for each in found if each.state is not BatchState.COMPLETED]
            if unfinished:
                self.faults.append(f"batches are not complete: {unfinished}")
            twice = [name for name, n in Counter(each.reference for each in found).items() if n > 1]
            if twice:
                self.faults.append(f"batches are there twice: {twice}")
            runs = Counter(each.run for each in found)
            if len(runs) != len(found) or len(estate.runs.all()) != len(found):
                self.faults.append(f"{len(found)} batches have {len(estate.runs.all())} runs")
            certificates = Counter(
                record.eui64.value
                for run in estate.runs.all()
                for record in estate.run_certificates.of_run(run)
                if record.eui64 is not None
            )
            expected = {
                self.load.sent[each.reference] + number for each in found for number in range(CSRS)
            }
            if set(certificates) != expected or set(certificates.values()) != {1}:
                self.faults.append("Devices have no certificate, or more than one")
            self.batches = len(found)


def main(kills: int, seed: int) -> int:
    """Kill, judge, and print what was found."""
    with TemporaryDirectory() as folder, TemporaryFile() as log:
        estate = Path(folder, "estate")
        subprocess.run([*COMMAND, "quickstart", str(estate)], check=True, capture_output=True)
        tormentor = Tormentor(estate, log, random.Random(seed))
        begin = time.perf_counter()
        tormentor.run(kills)
        tormentor.judge()
        load = tormentor.load
        seconds = time.perf_counter() - begin
        print(
            f"{tormentor.kills.total()} kills in {seconds:.0f} s, seed {seed}: "
            + ", ".join(f"{count} of the {kind}" for kind, count in tormentor.kills.items())
        )
        print(
            f"{len(load.sent)} batches of {CSRS} CSRs were made, {len(load.answered)} answered,"
            f" {tormentor.batches} are there"
        )
        for fault in tormentor.faults:
            print(f"fault: {fault}")
        print(f"faults: {len(tormentor.faults)}")
        return int(bool(tormentor.faults))


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(given + [50, 20261128][len(given) :])))
