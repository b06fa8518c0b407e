"""Makes writes fail, or kills commands there, and checks what is left of estates and outputs.

python benchmarks/write_errors.py [--seconds S] [--seed N] [--kinds eio,enospc,kill] [--skip N]
    [COMMAND…]

A library that is preloaded into the command (tests/write_fault.c, built with cc) counts the calls
that write: open to create, write, fsync, truncate, close, rename, link, unlink, mkdir. Each call of
each command that writes is made to fail in turn, in an order drawn from the seed, until the time is
over. With --skip, the first N of each command are left out: those that an earlier run tried. It
needs Linux and a C compiler.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import mmap
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from bisect import bisect_left
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING

from smki_testca.api import Estate
from smki_testca.custody.container import ContainerReader
from smki_testca.custody.contents import Contents
from smki_testca.errors import SmkiTestcaError
from smki_testca.passphrases import Passphrase

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parents[1] / "tests" / "write_fault.c"
REGISTER = Path(__file__).parents[1] / "examples" / "participants.toml"
COMMAND = [sys.executable, "-m", "smki_testca"]
PATIENCE_SECONDS = 120
"""The time after which a command counts as hung: enough under any load."""
PURPOSE = ("--purpose", "device-and-user-system-tests")
DEVICES = (*("--participant", "meters-one"), *PURPOSE)
ALONE = ("--workers", "1")


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Attributes:
        name: of the kind.
        number: of the error; 0 kills the process.
        stays: whether later writes fail, too, as on a full disk.
    """

    name: str
    number: int
    stays: bool = False


KINDS = {
    kind.name: kind
    for kind in (Kind("eio", errno.EIO), Kind("enospc", errno.ENOSPC, stays=True), Kind("kill", 0))
}


@dataclass(frozen=True)
class Writing:
    """A command that writes.

    Attributes:
        name: of the case.
        words: the command; ``{}`` is the folder in which it works.
        outputs: the files and folders that it makes, below that folder.
        estate: the directory of the estate that it changes or makes, below that folder.
        makes: whether the command makes the estate.
        fixed: whether the output has the same octets each time.
        again: what is added to the words when it is called again after it failed.
    """

    name: str
    words: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    estate: str = "estate"
    makes: bool = False
    fixed: bool = True
    again: tuple[str, ...] = ()


def _on_estate(
    name: str,
    *words: str,
    outputs: tuple[str, ...] = (),
    fixed: bool = True,
    again: tuple[str, ...] = (),
) -> Writing:
    words = ("--estate", "{}/estate", *words)
    return Writing(name, words, outputs, fixed=fixed, again=again)


def _exports() -> Iterator[Writing]:
    for form in ("csv", "parquet", "der-stream", "pem-tree"):
        keys = () if form == "der-stream" else ("--with-keys",)
        words = ("batch", "export", "1", "--format", form, *keys, "--out")
        yield _on_estate(
            f"batch export {form}", *words, "{}/out", outputs=("out",), again=("--force",)
        )
        yield _on_estate(
            f"batch export {form} --force", *words, f"{{}}/old-{form}", "--force",
            outputs=(f"old-{form}",),
        )  # fmt: skip
    words = ("export", "--format", "pem", "--with-keys", "--participant", "supplier-one", "--out")
    yield _on_estate("export", *words, "{}/out", outputs=("out",), again=("--force",))
    yield _on_estate("export --force", *words, "{}/old-pem", "--force", outputs=("old-pem",))


WRITINGS = {
    writing.name: writing
    for writing in (
        Writing("quickstart", ("quickstart", "{}/new"), ("new/export",), "new", makes=True),
        Writing("init", ("init", "{}/new"), (), "new", makes=True),
        _on_estate("init another", "init", "{}/estate", "--environment", "UIT-A"),
        _on_estate("register import", "register", "import", str(REGISTER)),
        _on_estate("agreement add", "agreement", "add", str(REGISTER.with_name("agreement.toml"))),
        _on_estate("register allocate", "register", "allocate", "supplier-one",
                   "--user-role", "Gas Supplier"),
        _on_estate("register correct", "register", "correct", "labs-one", "--name", "Labs 1"),
        _on_estate("register remove", "register", "remove", "labs-one"),
        _on_estate("agreement suspend", "agreement", "suspend", "BIL-2020-001"),
        _on_estate("agreement end", "agreement", "end", "BIL-2020-001", "--on", "2030-01-31"),
        _on_estate("csr", "csr", "device", "--device-id", "00db12000000000b", "--hw-type", "1.2.3",
                   "--usage", "digital-signature", "--out", "{}/csr.pem", "--key", "{}/key.pem",
                   outputs=("csr.pem", "key.pem"), fixed=False, again=("--force",)),
        _on_estate("check", "check", "device", *DEVICES, "--device-id", "00db12000000000b",
                   "--hw-type", "1.2.3", "--usage", "digital-signature"),
        _on_estate("issue", "issue", "device", *DEVICES, "--device-id", "00db12000000000b",
                   "--hw-type", "1.2.3", "--usage", "digital-signature"),
        _on_estate("issue --out", "issue", "device", *DEVICES, "--device-id", "00db12000000000b",
                   "--hw-type", "1.2.3", "--usage", "digital-signature", "--out", "{}/out",
                   "--with-key", outputs=("out",), fixed=False, again=("--force",)),
        _on_estate("sign", "sign", "{}/device.csr", *DEVICES),
        _on_estate("import", "import", "{}/others"),
        _on_estate("renew", "renew", "--label", "Z1-supplier-ds"),
        _on_estate("ca renew", "ca", "renew", "Z1"),
        _on_estate("ca roll-over", "ca", "roll-over", "organisation", "--name", "Z1b"),
        _on_estate("set-status", "set-status", "not-in-use", "--label", "Z1-supplier-ds"),
        _on_estate("revoke", "revoke", "--label", "Z1-supplier-ds", "--reason", "superseded"),
        _on_estate("crl issue --out", "crl", "issue", "--force", "--out", "{}/list.pem",
                   outputs=("list.pem",), fixed=False),
        _on_estate("register notify", "register", "notify", "--flow", "panel"),
        _on_estate("batch issue", "batch", "issue", "{}/devices.csv", *ALONE),
        _on_estate("batch resume", "batch", "resume", "2", *ALONE),
        _on_estate("batch cancel", "batch", "cancel", "2"),
        _on_estate("batch sign", "batch", "sign", "{}/requests.zip", *DEVICES, *ALONE,
                   "--out", "{}/out.zip", outputs=("out.zip",), fixed=False, again=("--force",)),
        _on_estate("batch sign --force", "batch", "sign", "{}/requests.zip", *DEVICES, *ALONE,
                   "--out", "{}/old.zip", "--force", outputs=("old.zip",), fixed=False),
        *_exports(),
        _on_estate("passphrase change", "passphrase", "change", "--new-passphrase-file",
                   "{}/phrase"),
        _on_estate("backup", "backup", "{}/one.backup", "--backup-passphrase-file", "{}/phrase",
                   outputs=("one.backup",), fixed=False, again=("--force",)),
        _on_estate("backup --force", "backup", "{}/old.backup", "--backup-passphrase-file",
                   "{}/phrase", "--force", outputs=("old.backup",), fixed=False),
        Writing("restore", ("restore", "{}/kept.backup", "{}/new", "--passphrase-file",
                            "{}/kept-phrase"), (), "new", makes=True),
        Writing("kit make", ("kit", "make", "device-maker", "--devices", "2", "--out", "{}/kit",
                             "--format", "pem", "--format", "pkcs12"),
                ("kit",), "kit/estate", makes=True, fixed=False),
    )
}  # fmt: skip
_HALF_DONE = _on_estate("batch issue, half done", "batch", "issue", "{}/half.csv", *ALONE)


def build(folder: Path) -> Path:
    """Build the library that makes calls fail.

    Raises:
        OSError: if there is no C compiler.
    """
    library = folder / "write_fault.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"], check=True
    )
    return library


def prepare(folder: Path) -> None:
    """Make what each command finds: an estate with a run, another one half done, and inputs."""
    sys.path.insert(0, str(SOURCE.parent))
    import csrs  # noqa: PLC0415 - a module of the tests

    estate, others = folder / "estate", folder / "theirs"
    _run("quickstart", str(others))
    shutil.move(others / "export", folder / "others")
    shutil.rmtree(others)
    _run("quickstart", str(estate))
    # One for each run: Devices that have a certificate are not given another unasked.
    for number, name in ((1, "devices"), (3, "done"), (4, "half")):
        header = "profile,participant,purpose,device-id,hw-type,usage\n"
        rows = [
            f"device,meters-one,{PURPOSE[1]},00db12000000{number:02x}{place:02x},1.2.3,key-agreement"
            for place in range(3)
        ]
        (folder / f"{name}.csv").write_text(header + "\n".join(rows) + "\n")
    ids = [(0x00DB1200000002 << 8 | place).to_bytes(8) for place in range(3)]
    requests = [csrs.pem(csrs.device(csrs.new_key(), device_id=each)) for each in ids]
    (folder / "device.csr").write_bytes(requests[0])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for place, request in enumerate(requests):
            zipped.writestr(f"{place}.csr", request)
    (folder / "requests.zip").write_bytes(archive.getvalue())
    _run("--estate", str(estate), "batch", "issue", str(folder / "done.csv"), *ALONE)
    for form in ("csv", "parquet", "der-stream", "pem-tree"):
        out = folder / f"old-{form}"
        if form == "pem-tree":
            _run("--estate", str(estate), "batch", "export", "1", "--format", form, "--out", out)
            (out / "mine.txt").write_text("mine")
        else:
            out.write_text("old")
    for old in ("old.zip", "old.backup"):
        (folder / old).write_text("old")
    (folder / "phrase").write_text("phrase\n")
    shutil.copy(estate / "passphrase", folder / "kept-phrase")
    _run("--estate", str(estate), "backup", str(folder / "kept.backup"))
    (folder / "list.pem").write_text("old")
    _run("--estate", str(estate), "export", "--format", "pem", "--participant", "supplier-one",
         "--out", folder / "old-pem")  # fmt: skip


def opened(estate: Path) -> Estate:
    """Open an estate by the passphrase in it, or the one that ``init`` was given."""
    file = estate / "passphrase"
    return Estate.open(
        estate, lambda: Passphrase.of_file(file.read_bytes(), "-") if file.exists() else "phrase"
    )


def _run(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, words)], check=True, capture_output=True, text=True,
        env={**os.environ, **environment},
    )  # fmt: skip


@dataclass
class Scene:
    """Runs commands with faults, each in its own copy of a prepared folder.

    Attributes:
        original: the prepared folder.
        library: the preloaded library.
        good: the outputs of each command without a fault, by its name, and its number of calls.
    """

    original: Path
    library: Path
    good: dict[str, tuple[dict[str, bytes], int]] = field(default_factory=dict)

    @classmethod
    def prepared(cls, folder: Path) -> Scene:
        """Build the library and prepare a folder."""
        original = folder / "original"
        original.mkdir()
        prepare(original)
        scene = cls(original, build(folder))
        scene.leave_run_half_done()
        return scene

    def leave_run_half_done(self) -> None:
        """Kill a batch after it has begun its run, and before that is done."""
        calls = range(1, self.calls(_HALF_DONE) + 1)
        first = bisect_left(calls, 1, key=self._runs_begun_if_killed) + 1
        self._run(_HALF_DONE, self.original, first, KINDS["kill"])
        with opened(self.original / "estate") as estate:
            if not any(run.is_unfinished for run in estate.runs.all()):
                raise ValueError("no kill left a run half done")

    def _runs_begun_if_killed(self, at: int) -> int:
        """Return how many runs a batch has begun that is killed at a call."""
        with self._copied() as folder:
            with opened(folder / "estate") as estate:
                before = len(estate.runs.all())
            self._run(_HALF_DONE, folder, at, KINDS["kill"])
            with opened(folder / "estate") as estate:
                return len(estate.runs.all()) - before

    def calls(self, writing: Writing) -> int:
        """Return the number of calls that a command makes without a fault; note its outputs."""
        if writing.name not in self.good:
            with self._copied() as folder:
                code, out, number = self._run(writing, folder, 0, KINDS["eio"])
                if code != 0:
                    raise ValueError(f"{writing.name} ends with {code} without a fault: {out}")
                self.good[writing.name] = (outputs(folder, writing), number)
        return self.good[writing.name][1]

    def fail(self, writing: Writing, at: int, kind: Kind) -> tuple[int, list[str]]:
        """Run a command with a fault, and judge what it leaves.

        Returns:
            Its exit code, and what is wrong.
        """
        self.calls(writing)
        with self._copied() as folder:
            before = outputs(folder, writing)
            code, out, _ = self._run(writing, folder, at, kind)
            wrong = list(self._judge(writing, folder, code, out, before))
            if not wrong and code != 0:
                wrong += self._judge_next(writing, folder)
        return code, [f"{writing.name}, {kind.name} at {at}: {each}" for each in wrong]

    @contextlib.contextmanager
    def _copied(self) -> Iterator[Path]:
        folder = Path(mkdtemp(dir=self.original.parent))
        shutil.copytree(self.original, folder, dirs_exist_ok=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _run(self, writing: Writing, folder: Path, at: int, kind: Kind) -> tuple[int, str, int]:
        """Run a command; return its exit code, what it printed, and its number of calls."""
        count = folder.with_name(f"{folder.name}.count")
        count.write_bytes(bytes(8))
        faults = {
            "LD_PRELOAD": str(self.library),
            "FAULT_COUNT": str(count),
            "FAULT_BELOW": str(folder),
            "FAULT_AT": str(at),
            "FAULT_ERRNO": str(kind.number),
            **({"FAULT_STAYS": "1"} if kind.stays else {}),
        }
        done = _call(writing.words, folder, faults)
        with count.open("rb") as file, mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ) as it:
            number = int.from_bytes(it[:8], sys.byteorder)
        count.unlink()
        return done.returncode, done.stderr, number

    def _judge(
        self, writing: Writing, folder: Path, code: int, err: str, before: dict[str, bytes]
    ) -> Iterator[str]:
        killed = code == -signal.SIGKILL
        if code not in {0, 5} and not killed:
            yield f"exit code {code}: {err}"
        if code == 5 and (not err.splitlines()[-1].startswith("error: ") or "Traceback" in err):
            yield f"not one line: {err}"
        yield from judge_estate(writing, folder, code)
        after, good = outputs(folder, writing), self.good[writing.name][0]
        if after != before and not _alike(after, good, before, fixed=writing.fixed, mixed=killed):
            yield f"outputs are neither the old ones nor the new: {sorted(after)}"

    def _judge_next(self, writing: Writing, folder: Path) -> Iterator[str]:
        """Call the command again without a fault, and look for what nobody has removed."""
        if writing.name in {"batch issue", "batch resume", "batch sign", "batch sign --force"}:
            with opened(folder / "estate") as estate:
                running = [run.id for run in estate.runs.all() if run.is_unfinished]
            for run in running:
                done = _call(
                    ("--estate", "{}/estate", "batch", "resume", str(run), *ALONE), folder, {}
                )
                if done.returncode != 0:
                    yield f"resuming ends with {done.returncode}: {done.stderr}"
        if writing.outputs or writing.makes:
            finished = writing.makes and (folder / writing.estate / "estate.sqlite").exists()
            finished = finished and not (folder / writing.estate / ".unfinished").exists()
            done = _call((*writing.words, *writing.again), folder, {})
            if done.returncode != (4 if finished else 0) and writing.name != "init":
                yield f"called again, it ends with {done.returncode}: {done.stderr}"
            left = [path for path in folder.rglob("*unfinished") if not _is_of_run(path)]
            if left and not finished:
                yield f"nobody removes {left}"


def _call(
    words: tuple[str, ...], folder: Path, faults: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    known = {
        name: value
        for name, value in os.environ.items()
        if "COVERAGE" not in name and "SMKI" not in name
    }
    if words[0] == "init":
        known["SMKI_TESTCA_PASSPHRASE"] = "phrase"  # noqa: S105 - of an estate made here
    return subprocess.run(
        [*COMMAND, *(word.replace("{}", str(folder)) for word in words)],
        check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS,
        stdin=subprocess.DEVNULL, env={**known, **faults},
    )  # fmt: skip


def _is_of_run(path: Path) -> bool:
    """Whether something unfinished is of a run, which only commands of batches remove."""
    return path.parent.name == "bulk"


def outputs(folder: Path, writing: Writing) -> dict[str, bytes]:
    """Return the octets of a command's outputs by path, without what is named as unfinished."""
    found = {}
    for name in writing.outputs:
        root = folder / name
        if writing.makes and (folder / writing.estate / ".unfinished").exists():
            continue  # what was made so far is of no estate
        for path in [root, *sorted(root.rglob("*"))]:
            if path.is_file() and ".unfinished" not in str(path.relative_to(folder)):
                found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def _alike(
    after: dict[str, bytes],
    good: dict[str, bytes],
    before: dict[str, bytes],
    *,
    fixed: bool,
    mixed: bool,
) -> bool:
    """Whether outputs are as without a fault; if the command was killed, some may be the old."""
    if "kit/README.txt" in good or "new/export" in " ".join(good):
        return len(after) == len(good) and all(after.values())
    if not mixed and set(after) != set(good):
        return False
    for name, octets in after.items():
        is_old = mixed and before.get(name) == octets
        is_new = octets == good.get(name) if fixed else _is_whole(name, octets)
        if not is_old and not is_new:
            return False
    return mixed or set(after) == set(good)


def _is_whole(name: str, octets: bytes) -> bool:
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            return archive.testzip() is None
    if name.endswith(".backup"):
        with io.BytesIO(octets) as file:
            contents = Contents(ContainerReader.open(file, name, ["phrase"]))
            return len(list(contents.files())) > 0
    return octets.startswith(b"-----BEGIN") and octets.endswith(b"-----\n")


def judge_estate(writing: Writing, folder: Path, code: int) -> Iterator[str]:
    """Say what is wrong with the estate of a command."""
    directory = folder / writing.estate
    if writing.makes and code != 0:
        if not directory.exists() or (directory / ".unfinished").exists():
            return
        if code != 5 and not any(directory.iterdir()):
            return  # killed before it marked the directory as its own
        if code == 5 and not (directory / "estate.sqlite").exists():
            yield f"{sorted(path.name for path in directory.iterdir())} are left"
            return
    try:
        with opened(directory) as estate:
            estate.audit.verify()
            estate.tiles.verify()
            if writing.name == "passphrase change":
                estate.unlock()
            if not list(estate.certificates.authorities()):
                yield "the estate has no CAs"
    except SmkiTestcaError as error:
        yield f"the estate is not whole: {error}"


def _faults(
    writing: Writing, calls: int, kinds: list[Kind], seed: int
) -> list[tuple[Writing, int, Kind]]:
    """Every fault of a command, in an order drawn; other commands have no part in it."""
    drawn = random.Random(f"{seed} {writing.name}")
    tasks = [(writing, at, kind) for at in range(1, calls + 1) for kind in kinds]
    return drawn.sample(tasks, len(tasks))


def main(seconds: float, seed: int, kinds: list[Kind], names: list[str], skip: int = 0) -> None:
    """Make calls fail until the time is over, and print a table of what came of it."""
    wrong: list[str] = []
    with TemporaryDirectory() as folder:
        scene = Scene.prepared(Path(folder))
        chosen = [WRITINGS[name] for name in names or WRITINGS]
        # By turns, so that a command with many calls leaves the others their share of the time.
        faults = [_faults(writing, scene.calls(writing), kinds, seed)[skip:] for writing in chosen]
        todo = [task for tasks in zip_longest(*faults) for task in tasks if task is not None]
        codes: dict[str, Counter[int]] = {writing.name: Counter() for writing in chosen}
        until = time.monotonic() + seconds

        def attempt(task: tuple[Writing, int, Kind]) -> None:
            if time.monotonic() < until:
                code, found = scene.fail(*task)
                codes[task[0].name][code] += 1
                wrong.extend(found)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(attempt, todo))
        print(f"{'':32}{'calls':>7}{'failed':>8}{'exit 5':>8}{'exit 0':>8}{'killed':>8}")
        for writing in chosen:
            counts = codes[writing.name]
            row = (scene.calls(writing), counts.total(), counts[5], counts[0], counts[-9])
            print(f"{writing.name:32}{row[0]:7}" + "".join(f"{number:8}" for number in row[1:]))
        tried = sum(counts.total() for counts in codes.values())
        print(f"{tried} of {len(todo)} faults, seed {seed}: {len(wrong)} left something wrong")
        for each in wrong:
            print(each)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default="eio,enospc,kill")
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("commands", metavar="COMMAND", nargs="*")
    given = parser.parse_args()
    chosen_kinds = [KINDS[kind] for kind in given.kinds.split(",")]
    main(given.seconds, given.seed, chosen_kinds, given.commands, given.skip)
