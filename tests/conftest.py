"""Fixtures that tests of several folders share: a finished estate, and the command in process."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import pickle
import shutil
import signal
import sys
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from smki_testca import toml, workers
from smki_testca.api import Estate
from smki_testca.cli import main
from smki_testca.estate import passwords, sealing
from smki_testca.profiles import Library
from smki_testca.shipped import shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent.parent

# Where the tests run in the background, Ctrl-C is ignored, and under nohup a hang-up. Every program
# that they start would ignore it, too; a handler is not inherited.
for _number, _handler in (
    (signal.SIGINT, signal.default_int_handler),
    (getattr(signal, "SIGHUP", None), lambda *_: None),
):
    if _number is not None and signal.getsignal(_number) is signal.SIG_IGN:
        with contextlib.suppress(ValueError):  # only the main thread can say so
            signal.signal(_number, _handler)

# A stray smki-testca.toml above a test's folder is none of its business, nor of programs it starts.
os.environ["SMKI_TESTCA_CONFIG"] = ""

settings.register_profile(
    "suite", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


_answer = workers._answer  # noqa: SLF001 - see below
_saved: set[int] = set()


def _answer_measured(call: Callable[[Any], Any], data: bytes) -> bytes:
    """Save the coverage of a worker with its first answer: it is killed, not ended."""
    answer = _answer(call, data)
    measured = coverage.Coverage.current()
    if measured is not None and os.getpid() not in _saved:
        _saved.add(os.getpid())
        with warnings.catch_warnings(action="ignore"):
            measured.save()
    return answer


with contextlib.suppress(ImportError):
    import coverage

    workers._answer = _answer_measured  # noqa: SLF001 - the workers that tests start inherit it


@dataclass(frozen=True)
class Outcome:
    """How a run of the command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """Runs ``smki-testca`` in this process, through its own entry point."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: object, stdin: bytes = b"") -> Outcome:
        out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
        with self._monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["smki-testca", *map(str, arguments)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            code: Any = 0
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    main()
                except SystemExit as exit_:
                    code = exit_.code
        return Outcome(int(code or 0), _text(out), _text(err))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    octets: io.BytesIO = stream.buffer  # type: ignore[assignment] # it was made around one
    return octets.getvalue().decode("utf-8")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    for name in ("SMKI_TESTCA_ESTATE", "SMKI_TESTCA_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    return Command(monkeypatch)


@pytest.fixture(scope="session", autouse=True)
def _each_key_is_stretched_once() -> Iterator[None]:
    """Remembers keys that scrypt made: the copies of an estate have one passphrase and salt.

    It gives the same octets as before. Estates that tests make are cheap to open, also for the
    programs that tests start: a guess costs as much as the wrapped key says.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "COST", sealing.Cost(1 << 10, 8, 1))
        patch.setattr(passwords, "PASSWORD_COST", sealing.Cost(1 << 4, 8, 1))
        patch.setattr(sealing, "_derive_key", cache(sealing._derive_key))  # noqa: SLF001 - see above
        yield


@pytest.fixture(scope="session", autouse=True)
def _shipped_files_are_parsed_once() -> Iterator[None]:
    """Remembers what the shipped TOML files say: almost every command reads many of them.

    It gives the same as before, each time anew. Other files are parsed as ever.
    """
    parse = toml.parse
    folders = (shipped("profiles"), shipped("examples"))
    files = [path.read_bytes() for folder in folders for path in folder.rglob("*.toml")]
    said = {octets: pickle.dumps(parse(octets, "a shipped file")) for octets in files}

    def remembered(data: bytes, origin: str) -> dict[str, Any]:
        parsed: dict[str, Any]
        kept = said.get(data)
        parsed = parse(data, origin) if kept is None else pickle.loads(kept)  # noqa: S301 - our own
        return parsed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toml, "parse", remembered)
        yield


@pytest.fixture(scope="session")
def quickstart_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``quickstart`` makes; made once, not to be changed."""
    directory = tmp_path_factory.mktemp("quickstart") / "estate"
    with pytest.MonkeyPatch.context() as patch:
        outcome = Command(patch)("quickstart", directory)
    assert outcome.code == 0, outcome.err
    return directory


@pytest.fixture
def quickstart(quickstart_original: Path, tmp_path: Path) -> Path:
    """A copy of what ``quickstart`` makes, to do with as a test likes."""
    directory = tmp_path / "estate"
    shutil.copytree(quickstart_original, directory)
    return directory


@pytest.fixture
def estate(quickstart: Path) -> Iterator[Estate]:
    """The quickstart estate, open."""
    passphrase = (quickstart / "passphrase").read_text().strip()
    with Estate.open(quickstart, lambda: passphrase) as opened:
        yield opened


@pytest.fixture(scope="session")
def newcomer_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An estate with CAs and the example participants, which has issued nothing; not to be changed.

    Its CAs have the names of the quickstart estate's, and other keys.
    """
    directory = tmp_path_factory.mktemp("newcomer") / "estate"
    with Estate.create(directory, "phrase") as made:
        made.add_environment("ZAZ1")
        made.register.import_file((ROOT / "examples" / "participants.toml").read_bytes(), "-")
    (directory / "passphrase").write_text("phrase\n")
    return directory


@pytest.fixture
def newcomer(newcomer_original: Path, tmp_path: Path) -> Path:
    """A copy of that estate, to do with as a test likes."""
    directory = tmp_path / "newcomer"
    shutil.copytree(newcomer_original, directory)
    return directory


@pytest.fixture(scope="session")
def library() -> Library:
    """The shipped profiles."""
    return Library()


@pytest.fixture
def issue(command: Command, quickstart: Path) -> Callable[..., Outcome]:
    """Issues a Device Certificate in the quickstart estate."""

    def run(*more: object, device: str = "00-DB-12-00-00-00-00-05", **options: Any) -> Outcome:
        participant = options.get("participant", "meters-one")
        return command(
            *("--json", "--estate", options.get("estate", quickstart)),
            *("issue", "device", "--participant", participant),
            *("--purpose", "device-and-user-system-tests", "--device-id", device),
            *("--hw-type", "1.2.826.0.1.8641679.1.2.2.1", "--usage", "digital-signature"),
            *more,
        )

    return run


@pytest.fixture
def digest(quickstart: Path) -> Callable[[], str]:
    """Tells the SHA-256 of the quickstart estate's file."""
    return lambda: hashlib.sha256((quickstart / "estate.sqlite").read_bytes()).hexdigest()
