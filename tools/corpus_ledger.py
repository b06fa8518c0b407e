"""Brings the ledger of the corpus up to date: ``python tools/corpus_ledger.py``.

The ledger, ``tests/corpus/ledger.txt``, has a line for each revision of each case that ever was:
its id, its revision, the digest of its octets. A case that is gone keeps its lines and gets one
that says ``retired``. Lines are added, never changed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from smki_testca.corpus.build import corpus

LEDGER = Path(__file__).parents[1] / "tests" / "corpus" / "ledger.txt"


def main() -> int:
    """Add what is missing; refuse octets that changed without a new revision."""
    lines = LEDGER.read_text("ascii").splitlines() if LEDGER.exists() else []
    known = {tuple(line.split()[:2]): line.split()[2] for line in lines}
    cases = corpus(every_base=True)
    changed = [
        case.id
        for case in cases
        if known.get((case.id, str(case.revision)), case.fingerprint) != case.fingerprint
    ]
    if changed:
        ids_changed = ", ".join(changed)
        sys.stderr.write(f"Octets changed without a new revision: {ids_changed}\n")
        return 1
    new = [
        f"{case.id} {case.revision} {case.fingerprint}"
        for case in cases
        if (case.id, str(case.revision)) not in known
    ]
    ids = {case.id for case in cases}
    gone = dict.fromkeys(name for name, revision in known if revision != "retired")
    new += [
        f"{name} retired -" for name in gone if name not in ids and (name, "retired") not in known
    ]
    LEDGER.write_text("".join(f"{line}\n" for line in (*lines, *new)), "ascii")
    sys.stdout.write(f"{len(new)} lines added\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
