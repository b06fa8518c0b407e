"""Commands that write, killed: the short version of ``benchmarks/kills.py``."""

import random
from pathlib import Path

import pytest

import scripts
from typed import install

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found by /proc"),
]


kills = scripts.load("kills")

DRAWN = (
    *("issue", "batch sign", "batch issue, a manifest", "renew", "crl issue", "batch resume"),
    *("passphrase change", "backup", "restore"),
)
"""Commands that stand for the others: with and without workers, with and without a file."""


def test_whatever_is_killed_nothing_is_lost_and_nothing_is_left(tmp_path, monkeypatch):
    # It starts many commands: in these, an estate's passphrase is cheap to stretch.
    monkeypatch.setattr(kills, "COMMAND", [str(install(tmp_path / "bin")), "--json"])
    chance = random.Random(20261128)
    killing = kills.Kills(tmp_path, chance)
    killing.prepare()
    subjects = tuple(one for one in kills.SUBJECTS if one.name in DRAWN)
    assert len(subjects) == len(DRAWN)
    for planned in kills.plan(len(subjects), chance, subjects):
        killing.kill_once(*planned)
    assert dict(killing.faults) == {}
    assert sum(killing.done.values()) > 0
