"""A small corpus in a folder, as ``corpus make`` writes one, and targets for it that misbehave."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import sys
import threading
import time
import tty
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GOOD = ("good-one", "good-one-odd", "good-list", "good-two")
BAD = ("one-short", "one-unsure", "one-late", "list-stale", "two-short")

# Of each case: base, stage, at_least, verdict, importance, needs, kind.
_CASES = {
    "good-one": (None, "use", "use", "accept", "critical", [], "certificate"),
    "good-list": (None, "use", "use", "accept", "critical", ["crl"], "CRL"),
    "good-two": (None, "use", "use", "accept", "critical", ["rsa"], "certificate"),
    "good-one-odd": ("good-one", "profile", "profile", "accept", "high", [], "certificate"),
    "one-short": ("good-one", "structure", "structure", "reject", "high", [], "certificate"),
    "one-unsure": ("good-one", "profile", "profile", "either", "low", [], "certificate"),
    "one-late": ("good-one", "profile", "signature", "reject", "low", [], "certificate"),
    "list-stale": ("good-list", "use", "use", "reject", "medium", ["time"], "CRL"),
    "two-short": ("good-two", "der", "der", "reject", "critical", ["rsa"], "certificate"),
}
FACTS = {"eui64": "00DB1234567890A0", "usage": "digital-signature"}


def write(folder: Path) -> Path:
    """Write the corpus; each document is a SEQUENCE of one INTEGER."""
    (folder / "cases").mkdir(parents=True)
    (folder / "chain").mkdir()
    for name in ("issuer", "root", "revoked"):
        (folder / "chain" / f"{name}.der").write_bytes(b"0\x06\x0c\x04" + name[:4].encode())
    cases = []
    for number, (case, stated) in enumerate(_CASES.items()):
        der = bytes((0x30, 3, 2, 1, number))
        (folder / "cases" / f"{case}.der").write_bytes(der)
        cases.append(_entry(case, der, stated))
    (folder / "corpus.json").write_text(json.dumps({"cases": cases}))
    chain = sorted(folder.glob("chain/*.der"))
    sums = [f"{_sha256(path.read_bytes())}  chain/{path.name}\n" for path in chain]
    (folder / "SHA256SUMS").write_text("".join(sums))
    return folder


def replace(folder: Path, case: str, der: bytes) -> None:
    """Give a case another document."""
    index = folder / "corpus.json"
    document = json.loads(index.read_text())
    for entry in document["cases"]:
        if entry["id"] == case:
            (folder / entry["files"]["der"]).write_bytes(der)
            entry["files"]["sha256"] = _sha256(der)
    index.write_text(json.dumps(document))


def _entry(case: str, der: bytes, stated: tuple[Any, ...]) -> dict[str, Any]:
    base, stage, at_least, verdict, importance, needs, kind = stated
    is_good = verdict == "accept"
    expected = {"verdict": verdict, "basis": "specified", "source": "a clause"}
    return {
        "id": case,
        "revision": 1,
        "aliases": [f"old-{case}"],
        "title": f"A document called {case}",
        "kind": kind,
        "profile": case.split("-")[1 if is_good else 0],
        "base": base,
        "good": is_good,
        "stage": stage,
        "at_least": at_least,
        "expect": {
            "rfc5280": expected,
            "gbcs": {**expected, "verdict": "reject" if verdict == "either" else verdict},
        },
        "why": "Somebody must.",
        "remedy": "",
        "importance": importance,
        "needs": needs,
        "at": "2026-07-01T12:00:00Z",
        "facts": {} if kind == "CRL" else FACTS,
        "files": {"der": f"cases/{case}.der", "sha256": _sha256(der), "octets": len(der)},
        "chain": ["chain/issuer.der", "chain/root.der"],
        "crls": [],
        "about": "chain/revoked.der" if kind == "CRL" else None,
    }


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# A target that answers by a plan: of each case what to say, or how to misbehave.

RIGHT = {
    "good-list": "revoked",
    "one-short": "reject structure",
    "one-late": "reject profile",
    "list-stale": "unknown",
    "two-short": "reject der 7 too short",
}
"""The answers that are right, where they are not accept."""
HELLO = "smki 1 code 7 TOO_SHORT\nsmki 1 hello planned crl,time,rsa,chain,names max=1000\n"

PROGRAM = """
import json, os, sys, time
plan, hello = json.loads(sys.argv[1]), sys.argv[2]
if "!boot" in plan:
    print(hello, end="", flush=True)
for line in sys.stdin:
    words = line.split()
    if words[:2] != ["smki", "1"] or words[2].startswith("+"):
        continue
    if words[2] == "hello":
        print(hello, end="", flush=True)
        continue
    said = plan.get(words[2], "accept")
    if said == "!crash":
        os.abort()
    elif said == "!exit":
        sys.exit(3)
    elif said == "!hang":
        time.sleep(600)
    elif said == "!babble":
        while True:
            print("a line of the log " * 50)
    elif said == "!lie":
        print("smki 1 somebody-else accept", flush=True)
    elif said == "!nonsense":
        print(f"smki 1 {words[2]} perhaps", flush=True)
    else:
        print(f"log: asked {words[2]}\\nsmki 1 {words[2]} {said}", flush=True)
"""


def lines_target(folder: Path, plan: dict[str, str], hello: str = HELLO) -> str:
    """The name of a target that answers by a plan, over the line protocol."""
    program = folder / "planned.py"
    program.write_text(PROGRAM)
    arguments = (sys.executable, "-S", "-E", str(program), json.dumps(plan), hello)
    return "lines:" + " ".join(f"'{each}'" for each in arguments)


class Device:
    """A device on a line, in a thread of this process, that answers by a plan.

    Args:
        plan: of each case what to say, or ``!crash``, ``!hang``, ``!lie``, ``!babble``; with
            ``!boot`` it says hello when it starts, too.
        hello: what it says.
    """

    def __init__(self, plan: dict[str, str], hello: str = HELLO) -> None:
        self.plan = plan
        self.hello = hello
        self.context: dict[str, list[str]] = {}
        self._context: list[str] = []
        self.asked: list[str] = []
        self.is_hanging = False
        self.reset: Path | None = None
        self._rest = b""

    def start(self, put: Callable[[bytes], None]) -> None:
        """Start, as a device does on a new connection or when its power comes."""
        self.is_hanging = False
        if "!boot" in self.plan:
            put(self.hello.encode())

    def take(self, data: bytes, put: Callable[[bytes], None]) -> bool:
        """Take octets and answer; whether the device is still there."""
        if self.reset is not None and self.reset.exists():
            self.reset.unlink()
            self.start(put)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            words = line.decode("ascii", "replace").split()
            if len(words) < 3 or self.is_hanging:
                continue
            if words[2].startswith("+"):
                self._context.append(words[2])
                continue
            if words[2] == "hello":
                put(b"booted\r\n" + self.hello.replace("\n", "\r\n").encode())
                continue
            self.context[words[2]], self._context = self._context, []
            self.asked.append(words[2])
            if not self._answer(words[2], put):
                return False
        return True

    def _answer(self, case: str, put: Callable[[bytes], None]) -> bool:
        said = self.plan.get(case, "accept")
        if said == "!crash":
            return False
        if said == "!reboot":
            put(self.hello.encode())
        elif said == "!hang":
            self.is_hanging = True
        elif said == "!lie":
            put(b"smki 1 somebody-else accept\n")
        elif said == "!babble":
            put(b"\xff\x00garbage without an end" * 5000)
            self.is_hanging = True
        else:
            put(f"[00:01] smki 1 {case} {said}\r\n".encode())
        return True


@contextlib.contextmanager
def over_tcp(device: Device) -> Iterator[str]:
    """Yield the name of a target on loopback; a new connection resets the device."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.05)
    is_over = threading.Event()

    def serve() -> None:
        while not is_over.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            with connection, contextlib.suppress(OSError):
                device.start(connection.sendall)
                while data := connection.recv(4096):
                    if not device.take(data, connection.sendall):
                        break

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"tcp:127.0.0.1:{server.getsockname()[1]}"
    finally:
        is_over.set()
        thread.join()
        server.close()


@contextlib.contextmanager
def over_serial(device: Device) -> Iterator[str]:
    """Yield the name of a target on a pseudo-terminal."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    is_over = threading.Event()
    os.set_blocking(ours, False)

    def put(data: bytes) -> None:
        rest = memoryview(data)
        while rest and not is_over.is_set():
            try:
                rest = rest[os.write(ours, rest) :]
            except BlockingIOError:
                time.sleep(0.001)

    def serve() -> None:
        device.start(put)
        while not is_over.is_set():
            try:
                data = os.read(ours, 4096)
            except BlockingIOError:
                time.sleep(0.001)
                continue
            except OSError:
                return
            device.take(data, put)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"serial:{os.ttyname(theirs)}@115200"
    finally:
        is_over.set()
        thread.join()
        os.close(ours)
        os.close(theirs)
