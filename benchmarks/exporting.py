"""Exports of a run against its issuing, everything measured in one go.

python benchmarks/exporting.py [CERTIFICATES [TURNS]]

A range of Devices is issued, half of the certificates for each usage, and exported in every format
with its private keys; in some with the keys encrypted, and sealed. The ratio is the time of
issuing over that of the export: from 1 on, certificates leave as fast as they were issued. Times
are on the clock, of the whole command; the quickest turn counts, for other programs only slow one
down. Processor time is that of all processes. Memory is the peak of the command's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.memory import COMMAND, FIRST_ID, HW_TYPE, PURPOSE, Measured, measure

RATIO_LIMIT, MEMORY_LIMIT = 1.0, 200
FOLDERS = ("pem-tree", "device-folders")
"""Formats that are files for each certificate: no limit is set for their time."""
PLAIN = (
    "der-stream", "csv", "parquet", "device-file", "device-csv", "device-parquet", "device-sqlite",
)  # fmt: skip
ENCRYPTED = ("device-file", "device-csv", "device-sqlite")


def cases(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the options of each export, by its name."""
    phrase = folder / "phrase"
    phrase.write_text("of the benchmark\n")
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    line = folder / "line.pub"
    line.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    found: dict[str, tuple[str, ...]] = {form: ("--format", form) for form in (*PLAIN, *FOLDERS)}
    for form in ENCRYPTED:
        options = ("--format", form, "--export-passphrase-file", str(phrase))
        found[f"{form}, encrypted"] = options
    found["device-file, sealed"] = (
        "--format",
        "device-file",
        "--seal-to",
        str(folder / "line.pub"),
    )
    found["device-csv, --split"] = ("--format", "device-csv", "--split", "10000")
    return found


def export(estate: Path, options: tuple[str, ...]) -> Measured:
    """Export the first run, and remove what was written."""
    out = estate.parent / "out"
    measured = measure(estate, "batch", "export", "1", *options, "--with-keys", "--out", str(out))
    if out.is_dir():
        shutil.rmtree(out)
    else:
        out.unlink()
    return measured


def issue(estate: Path, turn: int, count: int) -> Measured:
    """Issue a range of Devices, each with both certificates."""
    return measure(
        estate,
        *("batch", "issue", "--profile", "device", "--participant", "meters-one"),
        *("--purpose", PURPOSE, "--hw-type", HW_TYPE),
        *("--usage", "digital-signature", "--usage", "key-agreement"),
        *("--first-id", f"{FIRST_ID + ((turn + 1) << 32):016x}", "--count", str(count // 2)),
    )


def main(certificates: int, turns: int) -> None:
    """Measure by turns, and print times, ratios and memory."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        estate = folder / "estate"
        subprocess.run([*COMMAND, "quickstart", str(estate)], check=True, capture_output=True)
        exports = cases(folder)
        print(f"{certificates} certificates, {os.cpu_count()} cores, {turns} turns")
        print(f"memory: at most {MEMORY_LIMIT} MB\n")
        print(f"{'':26}{'seconds':>9}{'cpu s':>8}{'us each':>9}{'ratio':>7}{'limit':>7}{'MB':>6}")
        issued = [issue(estate, turn, certificates) for turn in range(turns)]
        bound = min(each.seconds for each in issued)
        print_row("batch issue", issued, certificates, "")
        for case, options in exports.items():
            measured = [export(estate, options) for _ in range(turns)]
            ratio = f"{bound / min(each.seconds for each in measured):7.2f}"
            limit = "" if case in FOLDERS else f"{RATIO_LIMIT:7.1f}"
            print_row(case, measured, certificates, f"{ratio}{limit:7}")


def print_row(case: str, measured: list[Measured], certificates: int, ratio: str) -> None:
    """Print one row of the table."""
    seconds = min(each.seconds for each in measured)
    cpu = min(each.cpu for each in measured)
    megabytes = max(each.command for each in measured) / 1e6
    each = seconds / certificates * 1e6
    print(f"{case:26}{seconds:9.1f}{cpu:8.1f}{each:9.1f}{ratio:14}{megabytes:6.0f}", flush=True)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*numbers, *(200_000, 3)[len(numbers) :])
