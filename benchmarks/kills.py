"""Kills every command that writes, and its workers, at any moment, and looks at what is left.

python benchmarks/kills.py [KILLS [SEED [SECONDS]]]

A kill is a SIGKILL at a random time, at a drawn system call that writes (where strace runs), or of
a worker process at a random time. Each command works on a copy of one estate. After each kill:

- the command and its workers end within 20 seconds, and no process is left;
- a command whose worker was killed ends with a documented code, in one line;
- the audit log verifies, all tiles are whole, and what the command printed is there;
- the estate has all of the change or nothing of it; of a run, whole tiles, and its resume makes
  every certificate once;
- the command, given again, works, and leaves no file with a key in the clear that it does not name.

It ends with what was found, and with exit code 1 if that is anything.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from smki_testca.api import Estate
from smki_testca.estate.runs import State
from smki_testca.estate.terms import Secrets
from smki_testca.estate.tile import Tile
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch.planning import BatchPlan
from smki_testca.profiles.typed_subjects import DeviceSubject
from smki_testca.roles import KeyUsage

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = [sys.executable, "-m", "smki_testca", "--json"]
WAIT_SECONDS = 20.0
"""The longest time from a kill to the end of everything."""
PATIENCE_SECONDS = 300.0
"""After so long, a command that was not killed counts as hung."""
FIRST_ID = 0x00DB120000000000
ROWS = 6_000
"""Certificates of a run: three tiles."""
CSRS = 1_200
WRITING = (
    "write,pwrite64,fsync,fdatasync,rename,renameat2,unlink,unlinkat,mkdir,ftruncate,chmod,rmdir"
)
"""The system calls at which a command is killed."""
SERIAL = re.compile(r'"serial": "([0-9A-F]{32})"')
COUNTED = (
    *("participants", "agreements", "certificates", "keys", "runs", "standings", "revocations"),
    *("revocation_lists", "successions", "externals", "external_keys", "re_signings"),
    *("notifications",),
)
"""The tables whose numbers of rows tell whether a change happened."""

Words = tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    """A command that is killed.

    Attributes:
        name: of the command.
        words: its arguments; ``{e}`` is the estate, ``{w}`` the folder around it, ``{m}`` the
            folder of inputs.
        in_runs: whether it makes tiles, so that part of its change may be there.
        makes: the folder that it makes, below ``{w}``; empty if it changes the estate.
    """

    name: str
    words: Words
    in_runs: bool = False
    makes: str = ""


HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"


def range_of(first: int, count: int) -> Words:
    """The command for a range of Devices."""
    return (
        *("batch", "issue", "--profile", "device", *PURPOSE, "--usage", "key-agreement"),
        *("--hw-type", HW_TYPE, "--first-id", f"{first:016x}", "--count", str(count)),
    )


PHRASE = ("--passphrase-file", "{m}/phrase")
ON = ("--estate", "{e}")
PURPOSE = ("--participant", "meters-one", "--purpose", "device-and-user-system-tests")
ONE_DEVICE = (
    *("issue", "device", *PURPOSE, "--device-id", "00DB120000770077"),
    *("--hw-type", "1.2.826.0.1.8641679.1.2.2.1", "--usage", "key-agreement"),
)
SUBJECTS = (
    Subject("init", (*PHRASE, "init", "{w}/new"), makes="new"),
    Subject("quickstart", ("quickstart", "{w}/new"), makes="new"),
    Subject("kit make", ("kit", "make", "supplier", "--out", "{w}/new"), makes="new"),
    Subject(
        "kit make with workers",
        ("kit", "make", "device-maker", "--devices", "1200", "--out", "{w}/new"),
        makes="new",
    ),
    Subject("register import", (*ON, "register", "import", "{m}/register.toml")),
    Subject(
        "register allocate",
        (*ON, "register", "allocate", "supplier-one", "--user-role", "Gas Supplier"),
    ),
    Subject("register correct", (*ON, "register", "correct", "labs-one", "--name", "Labs 1")),
    Subject("register remove", (*ON, "register", "remove", "labs-one")),
    Subject("agreement suspend", (*ON, "agreement", "suspend", "BIL-2020-001")),
    Subject("agreement end", (*ON, "agreement", "end", "BIL-2020-001", "--on", "2030-01-31")),
    Subject(
        "csr", ("csr", *ONE_DEVICE[1:2], *ONE_DEVICE[6:], "--out", "{w}/csr", "--key", "{w}/key")
    ),
    Subject("issue", (*ON, *ONE_DEVICE)),
    Subject("sign", (*ON, "sign", "{m}/one.csr", *PURPOSE)),
    Subject("batch issue, a range", (*ON, *range_of(FIRST_ID + (9 << 24), ROWS)), in_runs=True),
    Subject("batch issue, a manifest", (*ON, "batch", "issue", "{m}/rows.csv"), in_runs=True),
    Subject(
        "batch sign",
        (*ON, "batch", "sign", "{m}/csrs.zip", *PURPOSE, "--out", "{w}/out.zip"),
        in_runs=True,
    ),
    Subject("batch resume", (*ON, "batch", "resume", "2"), in_runs=True),
    Subject("batch cancel", (*ON, "batch", "cancel", "2"), in_runs=True),
    Subject(
        "batch export",
        (*ON, "batch", "export", "1", "--format", "csv", "--with-keys", "--out", "{w}/out.csv"),
    ),
    Subject("export", (*ON, "export", "--format", "pem", "--with-keys", "--out", "{w}/out")),
    Subject("renew", (*ON, "renew", "--participant", "supplier-one")),
    Subject("import", (*ON, "import", "{m}/others")),
    Subject("re-sign", (*ON, "re-sign", "--purpose", "uept")),
    Subject(
        "revoke",
        (
            *(*ON, "revoke", "--participant", "supplier-one", "--role", "supplier"),
            *("--reason", "cessation-of-operation"),
        ),
    ),
    Subject("set-status", (*ON, "set-status", "not-in-use", "--participant", "meters-one")),
    Subject(
        "crl issue",
        (*ON, "crl", "issue", "--hierarchy", "organisation", "--out", "{w}/list.pem"),
    ),
    Subject("ca renew", (*ON, "ca", "renew", "Z1")),
    Subject("ca roll-over", (*ON, "ca", "roll-over", "organisation", "--name", "Z1b")),
    Subject(
        "passphrase change",
        (*ON, "passphrase", "change", "--new-passphrase-file", "{m}/phrase"),
    ),
    Subject("backup", (*ON, "backup", "{w}/one.backup")),
    Subject(
        "restore",
        (*PHRASE, *("restore", "{m}/kept.backup", "{w}/new")),
        makes="new",
    ),
)


@dataclass
class Kills:
    """Kills commands, and notes what is wrong afterwards.

    Attributes:
        folder: to work in.
        chance: the source of moments.
        done: the kills that hit, by kind.
        by_command: the same, by command.
        late: how often a command had ended before it was to be killed.
        faults: what was wrong, with how often.
        slowest: the longest time from a kill to the end of everything, in seconds.
    """

    folder: Path
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    by_command: Counter[str] = field(default_factory=Counter)
    late: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    measuring: threading.Lock = field(default_factory=threading.Lock)
    before: tuple[int, ...] = ()
    complete: dict[str, tuple[int, ...] | None] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)

    def prepare(self) -> None:
        """Make the estate and the inputs of all commands, and see what each does unhindered."""
        inputs = self.folder / "inputs"
        inputs.mkdir()
        (inputs / "phrase").write_text("a passphrase for kills\n")
        base, theirs = self.folder / "base", self.folder / "theirs"
        for path in (base, theirs):
            run("quickstart", str(path))
        exported = theirs / "export" / "pem" / "ZAZ1"
        shutil.copytree(exported / "organisation", inputs / "theirs")
        shutil.copytree(exported / "device", inputs / "others")
        register = theirs.parent / "inputs" / "register.toml"
        register.write_text(
            '[[participant]]\nid = "newcomer"\nname = "Newcomer"\nkind = "manufacturer"\n'
        )
        (inputs / "one.csr").write_bytes(device_csr(FIRST_ID + (7 << 24)))
        with zipfile.ZipFile(inputs / "csrs.zip", "w") as archive:
            for number in range(1, CSRS + 1):
                archive.writestr(f"{number}.csr", device_csr(FIRST_ID + (7 << 24) + number))
        header = "profile,participant,purpose,device-id,hw-type,usage\n"
        row = f"device,{PURPOSE[1]},{PURPOSE[3]},{{}},{HW_TYPE},key-agreement\n"
        first = FIRST_ID + (8 << 24)
        (inputs / "rows.csv").write_text(
            header + "".join(row.format(spaced(first + n)) for n in range(ROWS))
        )
        on = ("--estate", str(base))
        run(*on, *range_of(FIRST_ID + (5 << 24), 500))
        run(*on, "import", str(inputs / "theirs"))
        kept = inputs / "kept"
        run(*PHRASE[:1], str(inputs / "phrase"), "init", str(kept))
        run(*PHRASE[:1], str(inputs / "phrase"), "--estate", str(kept), "backup", f"{kept}.backup")
        begin_run(base, FIRST_ID + (6 << 24))
        self.before = state_of(base)

    def measure(self, subject: Subject) -> None:
        """Run a command to its end: how long it takes, what it changes, how often it writes."""
        with self.copy() as place:
            log = place.folder / "calls"
            trace: Words = ()
            if can_trace():
                trace = ("strace", "-f", "--seccomp-bpf", "-o", str(log), "-e", f"trace={WRITING}")
            start = time.monotonic()
            measured = subprocess.run(
                [*trace, *COMMAND, *place.words(subject)], check=False, capture_output=True
            )
            if measured.returncode not in {0, 1}:  # 1: a part was refused, as of re-sign
                raise ValueError(f"{subject.name}: {measured.stdout!r} {measured.stderr!r}")
            # Half of the time is the tracing.
            self.seconds[subject.name] = (time.monotonic() - start) / (2 if trace else 1)
            self.complete[subject.name] = None if subject.makes else state_of(place.estate)
            if trace:
                lines = log.read_text().splitlines()
                by_process = Counter(line.split(maxsplit=1)[0] for line in lines)
                self.calls[subject.name] = max(by_process.values())

    def copy(self) -> Place:
        """A copy of the estate to work on."""
        return Place(self.folder, self.chance.getrandbits(64))

    def kill_once(self, subject: Subject, kind: str, draw: float) -> None:
        """Kill a command once, and check what is left."""
        with self.measuring:
            if subject.name not in self.complete:
                self.measure(subject)
        with self.copy() as place:
            hit, out, err, code = self.killed(subject, kind, draw, place)
            if not hit:
                self.late += 1
                return
            self.done[kind] += 1
            self.by_command[subject.name] += 1
            try:
                self.check(subject, kind, place, out, err, code)
            except Fault as fault:
                self.faults[f"{subject.name}, {kind}: {fault}"] += 1

    def killed(
        self, subject: Subject, kind: str, draw: float, place: Place
    ) -> tuple[bool, str, str, int]:
        """Start a command and kill it; whether that hit, what it printed and how it ended."""
        trace: Words = ()
        if kind == "system call":
            nth = 1 + int(draw * self.calls[subject.name])
            inject = ("-e", f"trace={WRITING}", "-e", f"inject={WRITING}:signal=KILL:when={nth}")
            # Not by --seccomp-bpf, which is quicker: the signal is not sent then (strace 6.1).
            trace = ("strace", "-f", "-o", os.devnull, *inject)
        process = subprocess.Popen(
            [*trace, *COMMAND, *place.words(subject)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        hit = True
        at = time.monotonic()
        if kind == "random time":
            hit = self.wait_and_kill(process, lambda: [process.pid], subject, draw)
            at = time.monotonic()
        elif kind == "worker":
            hit = self.wait_and_kill(process, lambda: children(process.pid), subject, draw)
            at = time.monotonic()
        limit = PATIENCE_SECONDS if trace or not hit else WAIT_SECONDS
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            self.faults[f"{subject.name}, {kind}: it waited over {limit:.0f} seconds"] += 1
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
        if kind == "system call":
            hit = process.returncode in {-signal.SIGKILL, 128 + signal.SIGKILL, 5}
            at = time.monotonic()
        while place.processes():
            if time.monotonic() - at > WAIT_SECONDS:
                self.faults[f"{subject.name}, {kind}: a process is left"] += 1
                for pid in place.processes():
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        if hit and not trace:
            self.slowest = max(self.slowest, time.monotonic() - at)
        return hit, out, err, process.returncode

    def wait_and_kill(
        self,
        process: subprocess.Popen[str],
        victims: Callable[[], list[int]],
        subject: Subject,
        draw: float,
    ) -> bool:
        """Kill a victim after a part of the time that the command takes; whether there was one."""
        time.sleep(draw * self.seconds[subject.name])
        while process.poll() is None:
            found = victims()
            if found:
                try:
                    os.kill(found[int(draw * 1000) % len(found)], signal.SIGKILL)
                except ProcessLookupError:
                    return False
                return True
            time.sleep(0.002)
        return False

    def check(
        self, subject: Subject, kind: str, place: Place, out: str, err: str, code: int
    ) -> None:
        """Check what is left after a kill."""
        if "Traceback" in err or "Exception ignored" in err:
            raise Fault("a traceback is printed")
        if kind == "worker" and code not in {0, 5}:
            raise Fault(f"the command ended with {code}")
        if code == 5 and "batch.worker_died" not in out:
            raise Fault("the death of a worker is not told of")
        if subject.makes:
            self.check_made(subject, place)
            return
        check_estate(place.estate)
        now = state_of(place.estate)
        if not subject.in_runs and now not in {self.before, self.complete[subject.name]}:
            raise Fault("there is part of a change")
        known = serials_of(place.estate)
        lost = [serial for serial in SERIAL.findall(out) if serial not in known]
        if lost and subject.name != "import":
            raise Fault("what was printed is not there")
        if subject.in_runs:
            check_runs(place.estate)
        elif subject.name == "passphrase change":
            check_estate(place.estate, "--keys")
        elif subject.name in {"batch export", "export", "crl issue", "backup"}:
            words = place.words(subject)
            more = () if subject.name == "crl issue" else ("--force",)
            if subprocess.run(
                [*COMMAND, *words, *more], check=False, capture_output=True
            ).returncode:
                raise Fault("given again, it fails")
        if place.stray_keys():
            raise Fault("a key in the clear is left")

    def check_made(self, subject: Subject, place: Place) -> None:
        """Check that a command that makes a folder works when it is given again."""
        again = subprocess.run(
            [*COMMAND, *place.words(subject)], check=False, capture_output=True, text=True
        )
        complete = (place.folder / "new").exists() and again.returncode in {4, 5}
        if again.returncode and not complete:
            raise Fault(f"given again, it ends with {again.returncode}")
        if again.returncode and not is_usable(place.folder / "new"):
            raise Fault("given again, it is refused, and what is there cannot be used")
        if place.stray_keys():
            raise Fault("a key in the clear is left after the next command")


class Fault(Exception):  # noqa: N818 - it is found, not raised by mistake
    """Something that must not be after a kill."""


class Place:
    """A folder with a copy of the estate, removed at the end."""

    def __init__(self, folder: Path, number: int) -> None:
        self._inputs = folder / "inputs"
        self._base = folder / "base"
        self.folder = folder / f"{number:016x}"
        self.estate = self.folder / "estate"

    def __enter__(self) -> Self:
        self.folder.mkdir()
        shutil.copytree(self._base, self.estate)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def words(self, subject: Subject) -> list[str]:
        """The arguments of a command on this copy."""
        return [word.format(e=self.estate, w=self.folder, m=self._inputs) for word in subject.words]

    def processes(self) -> list[int]:
        """The processes of commands on this copy; a worker has the command line of its parent."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                is_here = str(self.folder).encode() in (path / "cmdline").read_bytes()
                state = (path / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if is_here and state not in "ZX":
                found.append(int(path.name))
        return found

    def stray_keys(self) -> list[Path]:
        """Files with a private key in the clear that no command names: temporary ones."""
        return [
            path
            for path in self.folder.rglob("*")
            if path.is_file()
            and any(part.startswith(".") for part in path.relative_to(self.folder).parts)
            and b"PRIVATE KEY-----" in path.read_bytes()
        ]


def begin_run(directory: Path, first: int) -> None:
    """Begin a run of a range, and make nothing of it."""
    with opened(directory) as estate, estate.transaction():
        plan = BatchPlan(estate, "range", None, Secrets.of_run(None))
        subject = DeviceSubject(Eui64(first), HW_TYPE)
        usages = (KeyUsage.KEY_AGREEMENT,)
        plan.add_range(estate.request(PURPOSE[1], PURPOSE[3], subject, usages), ROWS)
        plan.store()


def device_csr(device_id: int) -> bytes:
    """A CSR of a Device, PEM."""
    oid = bytes.fromhex("060d2a863a0001848fb90f01020201")
    content = oid + b"\x04\x08" + device_id.to_bytes(8)
    module = b"\x30" + bytes([len(content)]) + content
    name = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.4"), module)
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(x509.KeyUsage(*(bit == 4 for bit in range(9))), critical=True)
        .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


def spaced(device_id: int) -> str:
    """A Device ID as a manifest has it."""
    text = f"{device_id:016X}"
    return "-".join(text[n : n + 2] for n in range(0, 16, 2))


def run(*words: str) -> None:
    """Run a command that must work."""
    subprocess.run([*COMMAND, *words], check=True, capture_output=True)


def can_trace() -> bool:
    """Whether strace is there and may trace."""
    call = ["strace", "-f", "-o", os.devnull, "-e", "trace=write", "true"]
    return (
        shutil.which("strace") is not None
        and not subprocess.run(call, check=False, capture_output=True).returncode
    )


def children(parent: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [
            int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        ]
    except OSError:
        return []


def opened(directory: Path) -> Estate:
    """An estate by the passphrase in it."""
    return Estate.open(directory, lambda: (directory / "passphrase").read_text().strip())


def state_of(directory: Path) -> tuple[int, ...]:
    """The number of rows of each table that a command changes."""
    with opened(directory):  # rolls back what a killed command left
        pass
    with closing(sqlite3.connect(directory / "estate.sqlite")) as file:
        return tuple(
            file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - our own names
            for table in COUNTED
        )


def serials_of(directory: Path) -> set[str]:
    """The serial numbers of all certificates that were issued alone."""
    with closing(sqlite3.connect(directory / "estate.sqlite")) as file:
        return {
            serial.hex().upper() for (serial,) in file.execute("SELECT serial FROM certificates")
        }


def check_estate(directory: Path, *more: str) -> None:
    """Check an estate: its audit log, tiles and, if asked, keys; and by the doctor."""
    for words in (("audit", "verify", *more), ("doctor",)):
        checked = subprocess.run(
            [*COMMAND, "--estate", str(directory), *words], check=False, capture_output=True
        )
        if checked.returncode:
            raise Fault(f"{' '.join(words)} fails")


def check_runs(directory: Path) -> None:
    """Resume every run, and check that each certificate is there once."""
    with opened(directory) as estate:
        unfinished = [one.id for one in estate.runs.all() if one.is_unfinished]
    for number in unfinished:
        run("--estate", str(directory), "batch", "resume", str(number))
    with opened(directory) as estate:
        serials: list[object] = []
        for one in estate.runs.all():
            records = estate.tiles.of_run(one.id, done=True)
            tiles = [Tile.read(estate.tiles.path(record), record.digest) for record in records]
            ids = [tile.eui64(place) for tile in tiles for place in range(len(tile))]
            serials += [tile.serial(place) for tile in tiles for place in range(len(tile))]
            if one.state is State.DONE and len(ids) != one.terms.count:
                raise Fault("a run has other certificates than were asked for")
            if len(set(ids)) != len(ids):
                raise Fault("a certificate of a run is there twice")
        if len(set(serials)) != len(serials):
            raise Fault("a serial number is there twice")
    check_estate(directory)


def is_usable(directory: Path) -> bool:
    """Whether a folder that was made has a whole estate."""
    estate = directory if (directory / "estate.sqlite").exists() else directory / "estate"
    verified = subprocess.run(
        [*COMMAND, "--estate", str(estate), "audit", "verify"], check=False, capture_output=True
    )
    return verified.returncode == 0


def plan(
    kills: int, chance: random.Random, subjects: tuple[Subject, ...]
) -> list[tuple[Subject, str, float]]:
    """The kills to do: each command in turn, with a kind and a moment."""
    kinds = ["random time", "worker", *(["system call"] if can_trace() else [])]
    with_workers = {"kit make with workers", "batch sign"} | {
        subject.name for subject in subjects if subject.in_runs and "cancel" not in subject.name
    }
    planned: list[tuple[Subject, str, float]] = []
    turn = 0
    while len(planned) < kills:
        subject = subjects[turn % len(subjects)]
        turn += 1
        # Kits take many times as long as anything else: they get every eighth turn.
        if subject.name.startswith("kit") and turn // len(subjects) % 8 != 1:
            continue
        fitting = [kind for kind in kinds if kind != "worker" or subject.name in with_workers]
        planned.append((subject, chance.choice(fitting), chance.random()))
    return planned


def main(kills: int = 1_000, seed: int = 1, seconds: float = 600.0, jobs: int = 2) -> int:
    """Kill so often, or for so long, and say what was found."""
    chance = random.Random(seed)
    with TemporaryDirectory() as folder:
        killing = Kills(Path(folder), chance)
        killing.prepare()
        until = time.monotonic() + seconds
        start = time.monotonic()

        def once(planned: tuple[Subject, str, float]) -> None:
            if time.monotonic() < until:
                killing.kill_once(*planned)

        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(once, plan(kills, chance, SUBJECTS)))
        spent = time.monotonic() - start
    kinds = ", ".join(f"{count} by {kind}" for kind, count in sorted(killing.done.items()))
    print(f"{sum(killing.done.values())} kills in {spent:.0f} s, seed {seed}: {kinds}")
    print(f"{killing.late} commands had ended before; the slowest end took {killing.slowest:.1f} s")
    for name, count in sorted(killing.by_command.items()):
        print(f"  {count:4} {name}")
    for fault, count in killing.faults.most_common():
        print(f"FAULT {count:4} {fault}")
    print("nothing was found" if not killing.faults else f"{sum(killing.faults.values())} faults")
    return 1 if killing.faults else 0


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*given))
