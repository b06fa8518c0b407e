"""What ``corpus fuzz`` costs for each change, beside the target's own time.

python benchmarks/corpus_fuzzing.py [COUNT]

The targets are programs in Python that stay and are asked by ``jsonl:``: one refuses every change,
the other is ``cryptography``, which loads documents and verifies nothing. The processor time is
that of the whole command, without the target's.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path

LIMIT = 60.0
"""The most seconds for 100,000 changes."""
OF = 100_000
REFUSING = """
import json, sys
for line in sys.stdin:
    it = json.loads(line)
    taken = "revoked" if it.get("kind") == "CRL" else "accept"
    verdict = taken if it.get("id", "").startswith("good-") else "reject"
    said = {"hello": "refusing", "capabilities": ["crl", "csr", "time", "chain", "rsa", "names"]}
    print(json.dumps(said if "hello" in it else {"id": it["id"], "verdict": verdict}), flush=True)
"""
LOADING = """
import base64, json, sys, warnings
from cryptography import x509
warnings.simplefilter("ignore")
KINDS = {
    "certificate": (x509.load_der_x509_certificate, "accept"),
    "CSR": (x509.load_der_x509_csr, "accept"),
    "CRL": (x509.load_der_x509_crl, "revoked"),
}
for line in sys.stdin:
    it = json.loads(line)
    if "hello" in it:
        print(json.dumps({"hello": "cryptography", "capabilities": ["crl", "csr", "rsa"]}))
    else:
        load, verdict = KINDS[it["kind"]]
        try:
            list(load(base64.b64decode(it["der"])).extensions)
        except Exception:
            verdict = "reject"
        print(json.dumps({"id": it["id"], "verdict": verdict}))
    sys.stdout.flush()
"""


def seconds_of(program: str, count: int) -> float:
    """The processor time of a search, the target's left out."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "target.py")
        target.write_text(program)
        words = ["corpus", "fuzz", "--with", f"jsonl:{sys.executable} {target}"]
        words += ["--count", str(count), "--most", "10000", "--out", str(Path(folder, "out"))]
        child = os.posix_spawn(
            sys.executable,
            [sys.executable, "-c", MEASURED, *words],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, os.open(Path(folder, "said"), FLAGS, 0o600), 2)],
        )
        os.waitpid(child, 0)
        return float(Path(folder, "said").read_text().split()[-1])


FLAGS = os.O_RDWR | os.O_CREAT
MEASURED = """
import atexit, os, sys, time
sys.stdout = open(os.devnull, "w")
atexit.register(lambda: print(time.process_time(), file=sys.stderr))
from smki_testca.cli import main
sys.argv[0] = "smki-testca"
main()
"""


def main(count: int) -> None:
    """Measure, and print the time of a change and the ratio to the limit."""
    print(f"{count} changes of all good documents; Python {platform.python_version()}")
    print(f"{'target':20}{'µs each':>10}{'limit':>8}{'ratio':>8}")
    for name, program in (("refuses all", REFUSING), ("cryptography", LOADING)):
        each = seconds_of(program, count) / count
        limit = LIMIT / OF
        print(f"{name:20}{each * 1e6:10.0f}{limit * 1e6:8.0f}{each / limit:8.2f}")


if __name__ == "__main__":
    main(int((sys.argv[1:2] or ["100000"])[0]))
