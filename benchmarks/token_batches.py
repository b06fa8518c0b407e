"""Batches whose CA has its key in a token, against the token's own signing rate.

python benchmarks/token_batches.py [CERTIFICATES [TURNS [WORKERS]]]

The token is one of SoftHSM2, made for the measurement. Every turn measures three things:

- the limit: C_Sign with the CA's key, over digests made before, one after another in one process,
  with nothing around it;
- ours: ``batch issue`` of a range with the same key, the whole command, from the start of its
  process to its end;
- a peer: the same command with a CA whose key is sealed in the estate.

The median turn counts: the limit is one busy core, and so are the commands.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
COMMAND = [sys.executable, "-m", "smki_testca"]
LABEL, PIN = "benchmark", "1234"
URI = f"pkcs11:token={LABEL}"
LIMIT = 0.80
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"
FIRST_ID = 0x00DB120000000000
PARTICIPANTS = Path(__file__).parent.parent / "examples" / "participants.toml"


def raw_seconds(count: int) -> float:
    """Measure C_Sign in this process: so many signatures of the token's first private key."""
    import pkcs11  # noqa: PLC0415 - the module is loaded where it alone is measured

    digests = [sha256(number.to_bytes(8)).digest() for number in range(min(count, 10_000))]
    token = pkcs11.lib(str(MODULE)).get_token(token_label=LABEL)
    with token.open(user_pin=PIN) as session:
        key = next(session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}))
        sign, mechanism = key.sign, pkcs11.Mechanism.ECDSA
        start = time.perf_counter()
        for number in range(count):
            sign(digests[number % len(digests)], mechanism=mechanism)
        return time.perf_counter() - start


def make_token(folder: Path) -> None:
    """Make a token, and let this process and those that it starts use it alone."""
    tokens = folder / "tokens"
    tokens.mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    words = ("--init-token", "--free", "--label", LABEL, "--so-pin", "12345678", "--pin", PIN)
    subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)


def command(*arguments: str) -> float:
    """Run a command, and return its seconds from start to end."""
    start = time.perf_counter()
    subprocess.run([*COMMAND, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def make_estate(directory: Path, passphrase: Path, *more: str) -> None:
    """Make an estate that issues Device Certificates."""
    words = ("--passphrase-file", str(passphrase))
    command(*words, "init", str(directory), *more)
    command(*words, "--estate", str(directory), "register", "import", str(PARTICIPANTS))


def issue(directory: Path, passphrase: Path, first: int, count: int, workers: int | None) -> float:
    """Return the seconds of a batch of so many Device Certificates."""
    return command(
        *("--passphrase-file", str(passphrase), "--estate", str(directory), "batch", "issue"),
        *("--profile", "device", "--participant", "meters-one", "--hw-type", HW_TYPE),
        *("--purpose", "device-and-user-system-tests", "--usage", "digital-signature"),
        *("--first-id", f"{first:016x}", "--count", str(count)),
        *(() if workers is None else ("--workers", str(workers))),
    )


def main(count: int, turns: int, workers: int | None) -> int:
    """Measure by turns, and print rates and ratios; 1 if the limit is not met."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        # Our modules are compiled once, as they are where the package is installed.
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["SMKI_TESTCA_CONFIG"] = ""
        os.environ["SMKI_TESTCA_PKCS11_MODULE"] = str(MODULE)
        os.environ["SMKI_TESTCA_TOKEN_PIN"] = PIN
        make_token(folder)
        passphrase = folder / "passphrase"
        passphrase.write_text("benchmark\n")
        in_token, in_estate = folder / "in-token", folder / "in-estate"
        make_estate(in_token, passphrase, "--hierarchy", "device", "--token", URI)
        make_estate(in_estate, passphrase)
        firsts = range(FIRST_ID, 1 << 63, 1 << 30)
        measured: dict[str, list[float]] = {"raw": [], "token": [], "software": []}
        for _, first in zip(range(turns), firsts, strict=False):
            measured["raw"].append(float(raw(count)))
            measured["token"].append(issue(in_token, passphrase, first, count, workers))
            measured["software"].append(issue(in_estate, passphrase, first, count, workers))
    print(
        f"{count} certificates, {turns} turns, the median counts; Python"
        f" {sys.version.split()[0]}, {os.cpu_count()} cores, SoftHSM2"
    )
    ratios = [alone / ours for alone, ours in zip(measured["raw"], measured["token"], strict=True)]
    ratio = statistics.median(ratios)
    print(f"\n{'':34}{'seconds':>9}{'per s':>9}{'ratio':>7}{'limit':>7}")
    for label, name, more in (
        ("C_Sign alone, in one process", "raw", ""),
        ("batch issue, key in the token", "token", f"{ratio:7.2f}{LIMIT:7.2f}"),
        ("batch issue, key in the estate", "software", ""),
    ):
        seconds = statistics.median(measured[name])
        print(f"{label:34}{seconds:9.2f}{count / seconds:9.0f}{more}")
    print(f"ratios of the turns: {' '.join(f'{each:.2f}' for each in sorted(ratios))}")
    return 0 if ratio >= LIMIT else 1


def raw(count: int) -> str:
    """Have another process measure C_Sign alone; returns the seconds."""
    words = [sys.executable, __file__, "--raw", str(count)]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    if sys.argv[1:2] == ["--raw"]:
        print(raw_seconds(int(sys.argv[2])))
        sys.exit()
    numbers = [int(argument) for argument in sys.argv[1:]]
    count, turns, *workers = (*numbers, *(100_000, 5)[len(numbers) :])
    sys.exit(main(count, turns, workers[0] if workers else None))
