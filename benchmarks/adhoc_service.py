"""How many requests the Ad Hoc Device CSR Web Service answers, with many clients at once.

python benchmarks/adhoc_service.py [REQUESTS [CLIENTS]]

``serve`` runs as a process of its own, and so do the clients, 200 by default. Each keeps one
connection over mutual TLS, and sends its next request when it has the answer to the one before. In
turns with that, this process does what a certificate cannot do without, one after another and
without any service: it verifies the signature of a CSR, signs, and commits one row to a file of
SQLite as an estate does, which waits for the disk. The ratio is that of the two rates in one turn;
the median turn counts. At the end, every certificate that was answered must be in the estate.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sqlite3
import ssl
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, NamedTuple
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.line_signing import processor_ticks
from benchmarks.memory import PURPOSE
from benchmarks.serving import COMMAND, FIRST_ID, HW_TYPE, Server, device_csrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.api import Estate
from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import Eui64

LIMIT = 0.5
"""The least ratio."""
TURNS = 5
DEVICES = 1_000
ALONE = 200
"""How often a turn verifies, signs and commits without a service."""


class Turn(NamedTuple):
    """What one turn measured.

    Attributes:
        alone: how often a second one process verifies, signs and commits.
        served: how many requests a second were answered.
        processor: the seconds of processor time that the server took for a request.
        median, slow: the seconds until an answer came: half, and 99 of 100, were quicker.
    """

    alone: float
    served: float
    processor: float
    median: float
    slow: float

    @property
    def ratio(self) -> float:
        """How much the service does of what is done without."""
        return self.served / self.alone


def alone(folder: Path, csrs: list[bytes]) -> float:
    """Verify, sign and commit, one after another; gives how often a second."""
    key, algorithm = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())
    requests = [x509.load_der_x509_csr(base64.b64decode(csr)) for csr in csrs[:ALONE]]
    database = sqlite3.connect(folder / "alone.sqlite", isolation_level=None)
    database.execute("PRAGMA synchronous = EXTRA")
    database.execute("CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, der BLOB)")
    begin = time.perf_counter()
    for request in requests:
        if not request.is_signature_valid:
            raise SystemExit("a CSR is broken")
        key.sign(request.tbs_certrequest_bytes, algorithm)
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO rows (der) VALUES (?)", (os.urandom(420),))
        database.execute("COMMIT")
    seconds = time.perf_counter() - begin
    database.close()
    return len(requests) / seconds


class Load:
    """The clients, in a process of their own.

    Args:
        service: its address, and the files of a client, as ``serve --json`` prints them.
        csrs: base64.
        requests: how many are sent.
        clients: how many send them.
    """

    def __init__(
        self, service: dict[str, str], csrs: list[str], requests: int, clients: int
    ) -> None:
        self._address = urlsplit(service["url"])
        self._tls = ssl.create_default_context(cafile=service["ca"])
        self._tls.load_cert_chain(service["client_certificate"], service["client_key"])
        self._csrs = csrs
        self._left = iter(range(requests))
        self._clients = clients
        self._waits: list[float] = []
        self._certificates: list[str] = []

    async def run(self) -> dict[str, Any]:
        """Send all requests once every client is connected; gives what came of them."""
        streams = [
            await asyncio.open_connection(self._address.hostname, self._address.port, ssl=self._tls)
            for _ in range(self._clients)
        ]
        begin = time.perf_counter()
        await asyncio.gather(*(self._send(*stream) for stream in streams))
        seconds = time.perf_counter() - begin
        for _, writer in streams:
            writer.close()
        return {"seconds": seconds, "waits": self._waits, "certificates": self._certificates}

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in self._left:
            csr = self._csrs[number % len(self._csrs)]
            body = (
                f'<DeviceCertificateSigningRequest ID="r{number}"><Version>1.0</Version>'
                f"<CertificateSigningRequest>{csr}</CertificateSigningRequest>"
                "</DeviceCertificateSigningRequest>"
            ).encode()
            head = (
                f"POST {self._address.path} HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Type: application/xml;charset=UTF-8\r\nContent-Length: {len(body)}\r\n"
            )
            begin = time.perf_counter()
            writer.write(f"{head}\r\n".encode() + body)
            answered = await reader.readuntil(b"\r\n\r\n")
            (length,) = (
                int(line.partition(b":")[2])
                for line in answered.splitlines()
                if line.lower().startswith(b"content-length:")
            )
            answer = (await reader.readexactly(length)).decode()
            self._waits.append(time.perf_counter() - begin)
            before, _, rest = answer.partition("<Certificate>")
            if not rest or f'ID="r{number}"' not in before:
                raise SystemExit(f"not signed: {answer[-400:]}")
            self._certificates.append(rest.partition("<")[0])


def turn(folder: Path, server: Server, csrs: list[bytes], arguments: list[str]) -> Turn:
    """Measure once each; what was answered is added to a file."""
    rate = alone(folder, csrs)
    before = processor_ticks(server.process.pid)
    done = subprocess.run(
        [sys.executable, __file__, "--load", str(folder / "load.json"), *arguments],
        check=True,
        stdout=subprocess.PIPE,
    )
    ticks = processor_ticks(server.process.pid) - before
    told = json.loads(done.stdout)
    with Path(folder, "answered").open("a") as file:
        file.writelines(f"{certificate}\n" for certificate in told["certificates"])
    waits = sorted(told["waits"])
    return Turn(
        rate,
        len(waits) / told["seconds"],
        ticks / os.sysconf("SC_CLK_TCK") / len(waits),
        waits[len(waits) // 2],
        waits[int(len(waits) * 0.99)],
    )


def missing(estate: Path, folder: Path) -> tuple[int, int]:
    """How many certificates were answered, and how many of them are not in the estate once."""
    answered = Path(folder, "answered").read_text().split()
    passphrase = (estate / "passphrase").read_text().strip()
    with Estate.open(estate, passphrase) as opened:
        devices = opened.certificates.select(Selection(profile="device"))
        stored = [base64.b64encode(each.der).decode() for each in devices]
        opened.audit.verify()
    there = set(stored)
    lost = sum(certificate not in there for certificate in answered)
    return len(answered), lost + len(answered) - len(set(answered))


def main(requests: int = 2_000, clients: int = 200) -> None:
    """Measure in turns, and print each; exit with 1 if the median ratio is below the limit."""
    with TemporaryDirectory() as name, TemporaryFile() as log:
        folder = Path(name)
        estate = folder / "estate"
        subprocess.run([*COMMAND, "quickstart", str(estate)], check=True, capture_output=True)
        first = str(Eui64(FIRST_ID))
        subprocess.run(
            [
                *(*COMMAND, "--estate", str(estate), "batch", "issue", "--profile", "device"),
                *("--participant", "meters-one", "--purpose", PURPOSE, "--hw-type", HW_TYPE),
                *("--usage", "key-agreement", "--first-id", first, "--count", str(DEVICES)),
            ],
            check=True,
            capture_output=True,
        )
        csrs = device_csrs(FIRST_ID, DEVICES)
        server = Server.start(estate, log)
        plan = {"service": server.services["adhoc"], "csrs": [csr.decode() for csr in csrs]}
        Path(folder, "load.json").write_text(json.dumps(plan))
        turn(folder, server, csrs, ["200", str(clients)])  # the first ones load modules
        turns = [turn(folder, server, csrs, [str(requests), str(clients)]) for _ in range(TURNS)]
        code = server.end()
        answered, lost = missing(estate, folder)
    print(f"Python {sys.version.split()[0]}; {clients} clients, {requests} requests a turn;")
    print(f"serve ended with {code}; {answered} certificates were answered, {lost} are missing")
    print("  a second      ratio   ms of the    ms until an answer")
    print("  alone served          processor    median   99 of 100")
    for each in turns:
        print(
            f"{each.alone:7.0f}{each.served:7.0f}{each.ratio:7.2f}{each.processor * 1e3:12.2f}"
            f"{each.median * 1e3:10.0f}{each.slow * 1e3:12.0f}"
        )
    ratio = statistics.median(each.ratio for each in turns)
    print(f"the median ratio is {ratio:.2f} (limit {LIMIT})")
    if ratio < LIMIT or lost or code:
        raise SystemExit(1)


def load(path: str, requests: int, clients: int) -> None:
    """Be the clients; print what came of the requests, as JSON."""
    plan = json.loads(Path(path).read_text())
    print(json.dumps(asyncio.run(Load(plan["service"], plan["csrs"], requests, clients).run())))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        load(sys.argv[2], *map(int, sys.argv[3:]))
    else:
        main(*map(int, sys.argv[1:]))
