"""Trial tokens: SoftHSM2, and a module between that makes chosen calls fail; as fixtures.

A conftest.py imports the fixtures that its folder's tests use, ``softhsm`` and ``pkcs11_fault``
always. Such tests are marked ``interop``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from smki_testca.authority.signers.tokens.access import TokenAccess
from smki_testca.authority.signers.tokens.tokens import Tokens
from smki_testca.authority.signers.tokens.uri import TokenUri

LABEL, PIN, SO_PIN = "smki", "4711-secret", "12345678"
URI = f"pkcs11:token={LABEL}"
MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
MODULE = next((Path(path) for path in MODULES if Path(path).exists()), None)
FAULT_SOURCE = Path(__file__).parent / "pkcs11_fault.c"


@dataclass(frozen=True)
class TrialToken:
    """A folder of SoftHSM2 with one token in it, or more."""

    folder: Path
    module: Path

    @property
    def configuration(self) -> Path:
        return self.folder / "softhsm2.conf"

    @property
    def objects(self) -> list[Path]:
        """The files of the objects in it."""
        found = (self.folder / "tokens").glob("*/*.object")
        return sorted(path for path in found if path.name != "token.object")

    def use(self, monkeypatch: pytest.MonkeyPatch) -> TrialToken:
        """Make it what SoftHSM2 sees in this process and those that it starts."""
        monkeypatch.setenv("SOFTHSM2_CONF", str(self.configuration))
        return self

    def copy(self, folder: Path) -> TrialToken:
        """Another one with the same content, and so the same serial number."""
        shutil.copytree(self.folder / "tokens", folder / "tokens")
        _configure(folder)
        return replace(self, folder=folder)

    def access(self, pin: str = PIN) -> TokenAccess:
        return TokenAccess(lambda: self.module, lambda _: pin)

    def open(self, pin: str = PIN) -> Tokens:
        return Tokens(self.access(pin))

    def uri(self) -> TokenUri:
        return TokenUri.parse(URI)

    def initialise(self, label: str = LABEL) -> None:
        """Set up one more token."""
        self._run(
            *("softhsm2-util", "--init-token", "--free", "--label", label),
            *("--so-pin", SO_PIN, "--pin", PIN),
        )

    def tool(self, *arguments: object) -> str:
        """What pkcs11-tool prints, logged in: a second opinion."""
        login = ("--module", MODULE, "--token-label", LABEL, "--login", "--pin", PIN)
        return self._run("pkcs11-tool", *login, *arguments)

    def slots(self) -> str:
        """What pkcs11-tool prints of the slots with tokens."""
        return self._run("pkcs11-tool", "--module", MODULE, "--list-token-slots")

    def _run(self, *words: object) -> str:
        done = subprocess.run(
            list(map(str, words)),
            env=os.environ | {"SOFTHSM2_CONF": str(self.configuration)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def _configure(folder: Path) -> None:
    (folder / "tokens").mkdir(exist_ok=True)
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n"
        "log.level = ERROR\nslots.removable = false\n"
    )


def _skip(reason: str) -> None:
    """Skip a test; where nothing may be skipped unseen, it fails with the reason."""
    if os.environ.get("SMKI_TESTCA_INTEROP") == "required":
        pytest.fail(f"SMKI_TESTCA_INTEROP is required, and this was skipped: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> TrialToken:
    """A token without keys; not to be changed."""
    if find_spec("pkcs11") is None:
        _skip("python-pkcs11 (the extra hsm) is not installed")
    if MODULE is None or shutil.which("softhsm2-util") is None:
        _skip("SoftHSM2 is not installed")
    if shutil.which("pkcs11-tool") is None:
        _skip("OpenSC (pkcs11-tool) is not installed")
    folder = tmp_path_factory.mktemp("softhsm")
    _configure(folder)
    made = TrialToken(folder, MODULE)
    made.initialise()
    return made


@pytest.fixture
def token(softhsm: TrialToken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrialToken:
    """A token without keys, to do with as a test likes; SoftHSM2 sees it."""
    folder = tmp_path / "softhsm"
    folder.mkdir()
    return softhsm.copy(folder).use(monkeypatch)


@pytest.fixture
def tokens(token: TrialToken):
    """That token, opened."""
    with token.open() as opened:
        yield opened


@pytest.fixture(scope="session")
def pkcs11_fault(softhsm, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 - skipped without it
    """The module that hands on to SoftHSM2, and makes chosen calls fail: see pkcs11_fault.c."""
    if shutil.which("cc") is None:
        _skip("there is no C compiler (cc)")
    module = tmp_path_factory.mktemp("pkcs11_fault") / "pkcs11_fault.so"
    options = ("-std=c99", "-D_XOPEN_SOURCE=700", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
    subprocess.run(["cc", *options, "-o", module, FAULT_SOURCE, "-ldl"], check=True)
    return module


@pytest.fixture
def faulty(token: TrialToken, pkcs11_fault: Path, monkeypatch: pytest.MonkeyPatch):
    """Gives the token behind a module with faults, such as ``faulty("C_Sign:5:0x30")``."""

    def made(
        *faults: str,
        flags: int | None = None,
        log: Path | None = None,
        without: int | None = None,
        away: Path | None = None,
    ) -> TrialToken:
        monkeypatch.setenv("PKCS11_FAULT_MODULE", str(token.module))
        monkeypatch.setenv("PKCS11_FAULT", ",".join(faults))
        variables = {"FLAGS": flags, "LOG": log, "WITHOUT": without, "AWAY": away}
        for name, value in variables.items():
            if value is not None:
                monkeypatch.setenv(f"PKCS11_FAULT_{name}", str(value))
        return replace(token, module=pkcs11_fault)

    return made
