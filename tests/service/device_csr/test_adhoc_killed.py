"""The Ad Hoc service, killed under load: the short version of ``benchmarks/adhoc_kills.py``."""

import random
from tempfile import TemporaryFile

import pytest

import scripts
from typed import install

pytestmark = pytest.mark.slow

adhoc_kills = scripts.load("adhoc_kills")


def test_what_was_answered_is_there_once_however_often_the_server_is_killed(tmp_path, monkeypatch):
    # In this command, an estate's passphrase is cheap to stretch.
    command = [str(install(tmp_path / "bin"))]
    monkeypatch.setattr(adhoc_kills, "COMMAND", command)
    monkeypatch.setattr(f"{adhoc_kills.Server.__module__}.COMMAND", command)
    monkeypatch.setattr(adhoc_kills, "LATEST_SECONDS", 1.0)
    with TemporaryFile() as log:
        killing = adhoc_kills.Tormentor(adhoc_kills.prepare(tmp_path), log, random.Random(20261128))
        killing.run(kills=3, clients=12)
    assert killing.faults == []
    assert killing.there >= len(killing.load.answered) >= 3
