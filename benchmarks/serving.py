"""The services as a process of their own, and a client of the Batched service, for benchmarks."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import ssl
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from benchmarks import batches

COMMAND = [sys.executable, "-m", "smki_testca"]
FIRST_ID = 0x00DB120010000000
"""The Devices of ``quickstart`` come before."""
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"
PATIENCE_SECONDS = 600.0


@dataclass
class Server:
    """``serve`` of one estate.

    Attributes:
        process: of the command.
        services: what it printed.
    """

    process: subprocess.Popen[bytes]
    services: dict[str, Any]

    @classmethod
    def start(cls, estate: Path, log: IO[bytes], *options: str) -> Self:
        """Start it, and wait until it answers."""
        process = subprocess.Popen(
            [
                *(*COMMAND, "--json", "--estate", str(estate), "serve", "--port-base", "0"),
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=log,
        )
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise SystemExit(f"serve ended with {process.wait()}")
        return cls(process, json.loads(line)["services"])

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.process.kill()
        self.process.wait()
        self._close()

    def end(self) -> int:
        """End it as Ctrl-C does; gives its exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE_SECONDS)
        self._close()
        return code

    def _close(self) -> None:
        if self.process.stdout is not None:
            self.process.stdout.close()

    def client(self) -> BatchClient:
        """A client of the Batched service, over mutual TLS."""
        return BatchClient(self.services["batched"])


class BatchClient:
    """A client of the Batched service, with one connection.

    Args:
        service: its addresses, and the files of a client, as ``serve --json`` prints them.
    """

    def __init__(self, service: dict[str, str]) -> None:
        self._paths = {name: urlsplit(service[name]).path for name in ("submit", "result")}
        tls = ssl.create_default_context(cafile=service["ca"])
        tls.load_cert_chain(service["client_certificate"], service["client_key"])
        address = urlsplit(service["url"])
        self._connection = http.client.HTTPSConnection(
            address.hostname or "", address.port, context=tls, timeout=PATIENCE_SECONDS
        )

    def submit(self, message: bytes) -> int:
        """Submit a batch; gives its BatchId."""
        headers = {"Content-Type": "application/xml;charset=UTF-8"}
        root = self._ask("POST", self._paths["submit"], message, headers)
        number = root.findtext("BatchId")
        if number is None:
            raise SystemExit(f"not accepted: {ET.tostring(root)[:300]!r}")
        return int(number)

    def result(self, number: int) -> ET.Element:
        """The result of a batch as it is now."""
        return self._ask("GET", f"{self._paths['result']}?BatchId={number}")

    def completed(self, number: int) -> ET.Element:
        """The result of a batch once it is complete."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            root = self.result(number)
            if root.findtext("BatchStatus") == "COMPLETED":
                return root
            time.sleep(0.25)
        raise SystemExit(f"batch {number} is still {root.findtext('BatchStatus')}")

    def _ask(self, method: str, path: str, *more: Any) -> ET.Element:
        self._connection.request(method, path, *more)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise SystemExit(f"HTTP {answer.status}: {body[:300]!r}")
        return ET.fromstring(body)  # noqa: S314 - of our own server

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def device_csrs(first: int, count: int) -> list[bytes]:
    """Make CSRs of Devices with consecutive IDs, each with a key of its own, in base64."""
    pem = (csr for _, csr in batches.device_csrs(first, count))
    return [b"".join(each.splitlines()[1:-1]) for each in pem]


def message(reference: str, first: int, count: int) -> bytes:
    """Make a SubmitCSRBatch of Devices with consecutive IDs."""
    if count <= 1000:
        csrs = device_csrs(first, count)
    else:
        starts = range(first, first + count, 1000)
        sizes = [min(1000, first + count - start) for start in starts]
        with ProcessPoolExecutor() as pool:
            csrs = [csr for part in pool.map(device_csrs, starts, sizes) for csr in part]
    rows = b"".join(
        b'<DeviceCSR ID="ID%d">%b</DeviceCSR>\n' % (first + number, csr)
        for number, csr in enumerate(csrs)
    )
    return (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<SubmitCSRBatch ID="%b">\n<Version>1.0</Version>\n%b</SubmitCSRBatch>\n'
        % (reference.encode(), rows)
    )


def descendants(process: int) -> dict[int, int]:
    """The processes below one, each with its parent."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found: dict[int, int] = {}
    waiting = [process]
    while waiting:
        parent = waiting.pop()
        children = [each for each, above in parents.items() if above == parent]
        found |= dict.fromkeys(children, parent)
        waiting += children
    return found


def lives(process: int) -> bool:
    """Whether a process lives."""
    try:
        return Path("/proc", str(process), "stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def forget_peak(process: int) -> None:
    """Let the peak of a process's memory begin anew."""
    with open(f"/proc/{process}/clear_refs", "w") as file:  # noqa: PTH123 - no file to speak of
        file.write("5")
