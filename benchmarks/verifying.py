"""What ``batch verify`` costs, beside the verification of the same signatures alone.

python benchmarks/verifying.py [CERTIFICATES [TURNS]]

Cost is processor time of all processes; the whole command counts, from its start to its end. The
bound is the time that the package cryptography takes to verify that many signatures of the run,
with the CA's key and the certificates loaded before. Everything is measured by turns; the quickest
counts, for other programs only ever slow one down. Memory is the peak of resident octets, of the
command and of the worker that took most; what they share counts in both.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.memory import COMMAND, issue, measure

from smki_testca.api import Estate
from smki_testca.identifiers import SerialNumber

RATIO_LIMIT, MEMORY_LIMIT = 2.5, 200
"""The most times the bound, and the most megabytes of the command and its workers together."""
SAMPLE = 2_000
ECDSA = ec.ECDSA(hashes.SHA256())


def signatures(directory: Path) -> float:
    """Measure the seconds of processor time that one signature of the first run takes."""
    passphrase = (directory / "passphrase").read_text().strip()
    with Estate.open(directory, passphrase) as estate:
        run = estate.runs.get(1)
        authority = estate.by_serial(SerialNumber.parse(run.terms.sections[0].issuer))
        if authority is None:
            raise SystemExit("the CA is missing")
        key = x509.load_der_x509_certificate(authority.der).public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise SystemExit("the CA's key is of another type")
        tile = estate.tiles.open(estate.tiles.of_run(1, done=True)[0])
        loaded = [x509.load_der_x509_certificate(tile.der(place)) for place in range(len(tile))]
    parts = [(each.signature, each.tbs_certificate_bytes) for each in loaded[:SAMPLE]]
    begin = time.process_time()
    for signature, signed in parts:
        key.verify(signature, signed, ECDSA)
    return (time.process_time() - begin) / len(parts)


def main(count: int, turns: int) -> None:
    """Measure by turns, and print the cost, the ratio and the memory."""
    with TemporaryDirectory() as folder:
        estate = Path(folder, "estate")
        subprocess.run([*COMMAND, "quickstart", str(estate)], check=True, capture_output=True)
        issue(estate, 1, count)  # its Devices have no certificates in that estate yet
        bounds, whole = [], []
        for _ in range(turns):
            bounds.append(signatures(estate))
            whole.append(measure(estate, "batch", "verify", "1"))
            bounds.append(signatures(estate))
    best = min(whole, key=lambda each: each.cpu)
    bound, cost = min(bounds), best.cpu / count
    print(f"{count} certificates, {turns} turns, the quickest; Python {sys.version.split()[0]}")
    print(f"{'':28}{'µs':>8}{'ratio':>8}{'limit':>8}")
    print(f"{'a signature alone':28}{bound * 1e6:8.1f}")
    print(f"{'batch verify':28}{cost * 1e6:8.1f}{cost / bound:8.2f}{RATIO_LIMIT:8.2f}")
    memory = f"{best.command / 1e6:.0f} MB, a worker {best.worker / 1e6:.0f} MB"
    print(f"peak memory: the command {memory}; limit {MEMORY_LIMIT} MB")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*numbers, *(100_000, 3)[len(numbers) :])
