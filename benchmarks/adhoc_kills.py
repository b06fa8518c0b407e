"""Kills ``serve`` while clients of the Ad Hoc service submit CSRs, and looks at what was answered.

python benchmarks/adhoc_kills.py [KILLS [CLIENTS [SEED]]]

Each client keeps a connection over mutual TLS and sends its next request, with a key of its own,
when it has the answer to the one before. At a random time the server is killed with SIGKILL, and
another one is started on the same estate. After each kill, and at the end:

- every certificate that was answered is in the estate, octet for octet, once, and the audit entry
  of its TransactionId tells of it;
- no CSR has two certificates: those of requests that were not answered are there once or not at
  all, and no others are there;
- the audit log verifies.

It ends with what was found, and with exit code 1 if that is anything.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import random
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.memory import PURPOSE
from benchmarks.serving import COMMAND, FIRST_ID, HW_TYPE, Server, device_csrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from smki_testca.api import Estate
from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import Eui64

DEVICES = 1_000
"""That have a certificate before, of which each may have a hundred."""
LATEST_SECONDS = 3.0
"""The longest time from the first answer of a server to its end."""
WAIT_SECONDS = 60.0
"""The longest time from the start of a server to its first answer."""


@dataclass
class Load:
    """Clients that submit until they are stopped.

    Attributes:
        sent: the public keys of all CSRs that were sent, or were about to be.
        answered: the TransactionId of each certificate, DER, that was answered.
        faults: what was answered in place of a certificate.
        lock: held while any of these changes.
    """

    sent: set[bytes] = field(default_factory=set)
    answered: list[tuple[int, bytes]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _service: dict[str, str] | None = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, clients: int) -> None:
        """Start the clients."""
        for number in range(clients):
            self._threads.append(threading.Thread(target=self._submit_all, args=(number,)))
            self._threads[-1].start()

    def use(self, service: dict[str, str] | None) -> None:
        """Submit to a server from now on; None for no one."""
        self._service = service

    def stop(self) -> None:
        """Stop the clients."""
        self._ended.set()
        for each in self._threads:
            each.join()

    def _submit_all(self, number: int) -> None:
        while not self._ended.is_set():
            service = self._service
            if service is None:
                self._ended.wait(0.05)
                continue
            address = urlsplit(service["url"])
            tls = ssl.create_default_context(cafile=service["ca"])
            tls.load_cert_chain(service["client_certificate"], service["client_key"])
            connection = http.client.HTTPSConnection(
                address.hostname or "", address.port, context=tls, timeout=WAIT_SECONDS
            )
            with (
                contextlib.suppress(OSError, http.client.HTTPException),
                contextlib.closing(connection),
            ):
                while not self._ended.is_set() and self._service is service:
                    number += 1
                    self._submit(connection, address.path, FIRST_ID + number * 37 % DEVICES)

    def _submit(self, connection: http.client.HTTPConnection, path: str, device: int) -> None:
        (csr,) = device_csrs(device, 1)
        body = (
            b'<DeviceCertificateSigningRequest ID="r"><Version>1.0</Version>'
            b"<CertificateSigningRequest>%b</CertificateSigningRequest>"
            b"</DeviceCertificateSigningRequest>" % csr
        )
        with self.lock:
            self.sent.add(_key(x509.load_der_x509_csr(base64.b64decode(csr))))
        connection.request("POST", path, body, {"Content-Type": "application/xml;charset=UTF-8"})
        response = connection.getresponse()
        answer = response.read()
        root = ET.fromstring(answer) if response.status == 200 else None  # noqa: S314 - our server's
        text = None if root is None else root.findtext("Certificate")
        with self.lock:
            if root is None or text is None:
                self.faults.append(f"not signed: HTTP {response.status}: {answer[-300:]!r}")
            else:
                transaction = int(root.findtext("TransactionId") or 0)
                self.answered.append((transaction, base64.b64decode(text)))


def _key(holder: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    return holder.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


class Tormentor:
    """Kills the servers of one estate."""

    def __init__(self, estate: Path, log: IO[bytes], chance: random.Random) -> None:
        self.estate = estate
        self.kills = 0
        self.load = Load()
        self._log = log
        self._chance = chance
        self._before = set(self._stored())
        self._judged = 0
        self.there = 0

    @property
    def faults(self) -> list[str]:
        """What was found."""
        return self.load.faults

    def run(self, kills: int, clients: int) -> None:
        """Kill so many times, looking at the estate after each."""
        self.load.start(clients)
        try:
            while self.kills < kills:
                server = self._start()
                try:
                    self.load.use(server.services["adhoc"])
                    self._wait_for_answer()
                    time.sleep(self._chance.uniform(0, LATEST_SECONDS))
                finally:
                    server.kill()
                    self.load.use(None)
                self.kills += 1
                self._judge()
        finally:
            self.load.stop()
        if code := self._start().end():
            self.faults.append(f"serve ended with {code}")
        self._judge()

    def _start(self) -> Server:
        folder = str(self.estate.parent / "clients")
        return Server.start(self.estate, self._log, "--clients", folder)

    def _wait_for_answer(self) -> None:
        before, until = len(self.load.answered), time.monotonic() + WAIT_SECONDS
        while len(self.load.answered) == before:
            if time.monotonic() > until:
                self.faults.append("a server answered nothing")
                return
            time.sleep(0.01)

    def _open(self) -> Estate:
        return Estate.open(self.estate, (self.estate / "passphrase").read_text().strip())

    def _stored(self) -> list[bytes]:
        """The certificates of Devices that were issued one by one, DER."""
        with self._open() as estate:
            return [each.der for each in estate.certificates.select(Selection(profile="device"))]

    def _judge(self) -> None:
        """Compare what was answered with the estate, on which no process works."""
        stored = Counter(self._stored())
        keys = Counter(
            _key(x509.load_der_x509_certificate(der)) for der in stored if der not in self._before
        )
        with self.load.lock:
            answered, sent = list(self.load.answered), set(self.load.sent)
        when = f"after {self.kills} kills"
        if lost := sum(stored[der] != 1 for _, der in answered):
            self.faults.append(f"{when}, {lost} answered certificates are not there once")
        if doubled := sum(count != 1 for count in keys.values()):
            self.faults.append(f"{when}, {doubled} CSRs have more than one certificate")
        if strange := len(set(keys) - sent):
            self.faults.append(f"{when}, {strange} certificates are of no CSR")
        new, self._judged = answered[self._judged :], len(answered)
        with self._open() as estate:
            estate.audit.verify()
            for transaction, der in new:
                told = estate.audit.entry(transaction).body.get("certificates", [])
                if [each["sha256"] for each in told] != [hashlib.sha256(der).hexdigest()]:
                    self.faults.append(f"{when}, entry {transaction} does not tell of its request")
        self.there = len(keys)


def prepare(folder: Path) -> Path:
    """Make an estate whose Devices have a certificate each; gives its directory."""
    estate = folder / "estate"
    subprocess.run([*COMMAND, "quickstart", str(estate)], check=True, capture_output=True)
    subprocess.run(
        [
            *(*COMMAND, "--estate", str(estate), "batch", "issue", "--profile", "device"),
            *("--participant", "meters-one", "--purpose", PURPOSE, "--hw-type", HW_TYPE),
            *("--usage", "key-agreement", "--first-id", str(Eui64(FIRST_ID))),
            *("--count", str(DEVICES)),
        ],
        check=True,
        capture_output=True,
    )
    return estate


def main(kills: int, clients: int, seed: int) -> int:
    """Kill, judge, and print what was found."""
    with TemporaryDirectory() as folder, TemporaryFile() as log:
        tormentor = Tormentor(prepare(Path(folder)), log, random.Random(seed))
        begin = time.perf_counter()
        tormentor.run(kills, clients)
        seconds, load = time.perf_counter() - begin, tormentor.load
    print(f"{kills} kills in {seconds:.0f} s, {clients} clients, seed {seed}")
    print(
        f"{len(load.sent)} CSRs were sent, {len(load.answered)} answered with a certificate,"
        f" {tormentor.there} certificates are there"
    )
    for fault in tormentor.faults:
        print(f"fault: {fault}")
    print(f"faults: {len(tormentor.faults)}")
    return int(bool(tormentor.faults))


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(given + [50, 40, 20261128][len(given) :])))
