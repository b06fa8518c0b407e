"""Holds the corpus to its ledger: octets that were published once never change in silence."""

from pathlib import Path

import pytest

from corpora import every_case

pytestmark = pytest.mark.slow

LEDGER = Path(__file__).parent / "ledger.txt"
HINT = "run: python tools/corpus_ledger.py"


def _ledger():
    lines = [line.split() for line in LEDGER.read_text("ascii").splitlines()]
    return {(name, revision): digest for name, revision, digest in lines}


def test_each_case_has_the_octets_that_the_ledger_tells():
    ledger = _ledger()
    for case in every_case().values():
        digest = ledger.get((case.id, str(case.revision)))
        assert digest is not None, f"{case.id} is not in the ledger; {HINT}"
        assert digest == case.fingerprint, f"{case.id} changed; give it a new revision, then {HINT}"


def test_a_case_that_is_gone_is_retired_and_its_id_not_used_again():
    ids = {case.id for case in every_case().values()}
    ledger = _ledger()
    retired = {name for name, revision in ledger if revision == "retired"}
    assert not ids & retired
    gone = {name for name, _ in ledger} - ids - retired
    assert not gone, f"{sorted(gone)} are gone; {HINT}"
