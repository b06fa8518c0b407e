"""The examples, written by the command, from a checkout and from an installed wheel."""

import errno
import importlib.util
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def _tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.slow
def test_the_examples_are_written_as_they_are(command, tmp_path):
    out = tmp_path / "examples"
    outcome = command("examples", out)
    assert outcome.code == 0, outcome.err
    assert _tree(out) == _tree(ROOT / "examples")
    assert outcome.out == f"{len(_tree(out))} files are below {out}.\n"
    assert command("register", "check", out / "participants.toml").code == 0
    assert command("--profiles", out / "another-pki" / "profiles", "profiles", "check").code == 0


@pytest.mark.parametrize(
    "words", [("examples",), ("quickstart",), ("init",), ("profiles", "copy", "device")]
)
def test_standard_output_is_no_folder(command, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    outcome = command(*words, "-")
    assert outcome.code == 2
    assert "standard output is not a folder" in outcome.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_that_nobody_may_write_to_is_named_as_it_was_given(
    command, tmp_path, monkeypatch, number, exists
):
    out = tmp_path / "examples"
    if exists:
        out.mkdir()
    make = Path.mkdir

    def refuse(path, *arguments, **named):
        if path.name.endswith(".unfinished"):
            raise OSError(number, os.strerror(number), str(path))
        make(path, *arguments, **named)

    monkeypatch.setattr(Path, "mkdir", refuse)
    outcome = command("examples", out)
    assert f"{out} cannot be written: {os.strerror(number)}." in outcome.err
    assert "permission" in outcome.err
    assert "unfinished" not in outcome.err
    assert "Free space" not in outcome.err


def test_examples_replace_nothing_unless_they_may(command, tmp_path):
    out = tmp_path / "examples"
    out.mkdir()
    (out / "agreement.toml").write_text("mine")
    assert command("examples", out).code == 4
    assert _tree(out) == {"agreement.toml": b"mine"}
    outcome = command("examples", out, "--force", "--json")
    assert set(outcome.json["files"]) == {str(out / name) for name in _tree(ROOT / "examples")}


@pytest.mark.slow
def test_an_installed_wheel_writes_its_examples_and_drafts(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", tmp_path, ROOT]
    # Without the builder here, pip fetches it, for which it needs a network.
    is_here = importlib.util.find_spec("hatchling") is not None
    build += ["--no-build-isolation"] if is_here else []
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    if done.returncode and not is_here:
        pytest.skip("hatchling is not installed, and cannot be fetched")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("smki_testca-*.whl")
    place = tmp_path / "venv"
    venv.create(place, with_pip=False, symlinks=True)
    (site,) = place.glob("lib/python*/site-packages")
    python = place / "bin" / "python"
    # What it needs is taken from here; the package itself comes from the wheel alone.
    subprocess.run(
        [sys.executable, "-m", "zipfile", "-e", wheel, site], check=True, capture_output=True
    )
    needed = [entry for entry in sys.path if entry.endswith("site-packages")]
    (site / "needed.pth").write_text("\n".join(needed))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*words):
        done = subprocess.run(
            [python, "-m", "smki_testca", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = subprocess.run(
        [python, "-c", "import smki_testca; print(smki_testca.__file__)"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(site))
    run("examples", "examples")
    assert _tree(tmp_path / "examples") == _tree(ROOT / "examples")
    run("register", "check", "examples/participants.toml")
    run("profiles", "check")
    for kind in ("register", "agreement", "kit"):
        assert '""' in run(kind, "new", "-")
