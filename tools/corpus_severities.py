"""Writes what the linter says of each case of the corpus: ``python tools/corpus_severities.py``.

The table, ``tests/corpus/severities.txt``, has a line for each finding of each case on each base:
the case's id, the finding's code, its severity. A test compares it. After a change that alters
findings on purpose, run this, read the difference, and commit it with the change.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.corpus.build import corpus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smki_testca.corpus.case import Case

TABLE = Path(__file__).parents[1] / "tests" / "corpus" / "severities.txt"


def lines(cases: Iterable[Case]) -> Iterator[str]:
    """The lines of the table: case by case, its own finding first."""
    for case in cases:
        own = () if case.finding is None else (case.finding,)
        for finding in (*own, *case.also):
            yield f"{case.id} {finding.code} {finding.severity.value}"


def main() -> int:
    """Write the table anew and tell how many of its lines are new."""
    before = set(TABLE.read_text("ascii").splitlines()) if TABLE.exists() else set()
    now = list(lines(corpus(every_base=True)))
    TABLE.write_text("".join(f"{line}\n" for line in now), "ascii")
    sys.stdout.write(f"{len(set(now) - before)} lines new, {len(before - set(now))} gone\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
