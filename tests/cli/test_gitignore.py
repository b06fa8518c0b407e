"""Estates and kits stay out of Git."""

import shutil
import subprocess

import pytest


def _commits(folder):
    """The files that Git would commit below a folder."""
    subprocess.run(["git", "init", "-q", folder], check=True)
    done = subprocess.run(
        ["git", "-C", folder, "status", "--porcelain", "-uall"],
        check=True,
        capture_output=True,
        text=True,
    )
    return [line[3:] for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_leaves_estates_and_kits_out(command, quickstart, tmp_path):
    phrase = quickstart / "passphrase"
    assert command("--passphrase-file", phrase, "init", tmp_path / "another").code == 0
    assert command("kit", "make", "zaz1", "--out", tmp_path / "kit", "--format", "csv").code == 0
    (tmp_path / "README.md").touch()
    assert _commits(tmp_path) == ["README.md"]


@pytest.mark.slow
def test_an_estate_says_it_and_whoever_changes_that_keeps_it(command, quickstart):
    path = quickstart / ".gitignore"
    assert path.read_text().splitlines()[-1] == "*"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("*\n!profiles\n")
    init = ("init", quickstart, "--environment", "UIT-A")
    assert command(*init).code == 0
    assert path.read_text() == "*\n!profiles\n"


def test_an_estate_of_before_is_used_without_one(command, quickstart):
    (quickstart / ".gitignore").unlink()
    assert command("--estate", quickstart, "list").code == 0
    assert not (quickstart / ".gitignore").exists()
