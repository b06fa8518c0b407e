"""Estates to change, back up and restore, and estates whose CAs have their keys in a token."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from custodies import custody, custody_original, keys_in  # noqa: F401 - fixtures
from estates import copied_with_run
from tokens import pkcs11_fault, softhsm  # noqa: F401 - fixtures

ROOT = Path(__file__).parents[2]
RANGE = (
    *("--profile", "device", "--participant", "meters-one"),
    *("--purpose", "device-and-user-system-tests", "--usage", "key-agreement"),
    *("--hw-type", "1.2.826.0.1.8641679.1.2.2.1", "--workers", "1"),
)


def _ids(first, count):
    return ("--first-id", f"00db1200{first:08x}", "--count", count)


@pytest.fixture(scope="session")
def tiled_original(quickstart_original, tmp_path_factory):
    """The quickstart estate with a run and a profile; made once, not to be changed."""
    directory = tmp_path_factory.mktemp("tiled") / "estate"
    copied_with_run(quickstart_original, directory, *RANGE, *_ids(0x1000, 2))
    (directory / "profiles").mkdir()
    shutil.copy(ROOT / "profiles" / "testing-services.toml", directory / "profiles")
    return directory


@pytest.fixture
def tiled(tiled_original, tmp_path):
    """A copy of that estate, to do with as a test likes."""
    directory = tmp_path / "estate"
    shutil.copytree(tiled_original, directory)
    return directory


@pytest.fixture
def add_run(command):
    """Issues to some Devices in a run."""

    def run(directory, first, count=2):
        words = ("--estate", directory, "batch", "issue", *RANGE, *_ids(first, count))
        outcome = command(*words)
        assert outcome.code == 0, outcome.err

    return run
