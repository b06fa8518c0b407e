"""The doctor on damaged and on killed estates: always lines, and never a traceback."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import damage
from estates import copied_with_run

DOCTOR = ("--json", "doctor")
RUN = (
    *("--profile", "device", "--usage", "both", "--participant", "meters-one"),
    *("--purpose", "device-and-user-system-tests", "--hw-type", "1.2.826.0.1.8641679.1.2.2.1"),
)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    directory = damage.make(tmp_path_factory.mktemp("doctor") / "estate")
    directory.chmod(0o700)
    for path in directory.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return directory


@pytest.fixture(scope="module")
def copy(original, tmp_path_factory):
    return damage.copied(original, tmp_path_factory.mktemp("damaged") / "estate")


@pytest.fixture(scope="module")
def octets(original):
    return (original / damage.FILE).read_bytes()


def doctor(estate, *words):
    """What the doctor says, after a look at whether it says it as documented."""
    outcome = damage.run(estate, (*DOCTOR, *words))
    assert outcome.code in {0, 1, 5}, outcome.output
    assert "Traceback" not in outcome.output
    assert "Internal error" not in outcome.output
    return outcome


def judged(copy, name, octets):
    """Judge what the doctor says of a damaged file: as much as the audit, and no change of it."""
    path = copy / damage.FILE
    path.write_bytes(octets)
    outcome = doctor(copy)
    assert path.read_bytes() == octets, name
    if damage.run(copy, damage.VERIFY).code:
        assert outcome.code, (name, outcome.output)
    return outcome


@pytest.mark.slow
def test_of_some_edits_it_tells(copy, octets):
    chance = random.Random(7)
    told = [
        judged(copy, name, damaged)
        for name, damaged in islice(damage.edits(octets), 400)
        if chance.random() < 0.04
    ]
    assert len(told) > 8
    assert all(outcome.code for outcome in told)


@pytest.mark.slow
def test_of_an_eighth_of_all_edits_it_tells(copy, octets):
    for name, damaged in islice(damage.edits(octets), 0, None, 8):
        assert judged(copy, name, damaged).code, name


@pytest.mark.slow
def test_whatever_bit_flips_it_ends_in_lines(copy, octets):
    for name, damaged in damage.flips(octets, 40, random.Random(3)):
        judged(copy, name, damaged)


@pytest.mark.slow
@settings(max_examples=25)
@given(data=st.data())
def test_whatever_is_written_over_a_part_of_the_file_it_ends_in_lines(copy, octets, data):
    start = data.draw(st.integers(0, len(octets) - 1))
    written = data.draw(st.binary(max_size=5000))
    cut = data.draw(st.booleans())
    end = len(octets) if cut else start + len(written)
    (copy / damage.FILE).write_bytes(octets[:start] + written + octets[end:])
    doctor(copy)


@pytest.mark.slow
@given(junk=st.binary(max_size=300), place=st.integers(0, 3))
@settings(max_examples=15)
def test_whatever_lies_in_the_place_of_its_other_files_it_ends_in_lines(
    original, tmp_path_factory, junk, place
):
    copy = damage.copied(original, tmp_path_factory.mktemp("junk") / "estate")
    tile = min((copy / "bulk").rglob("*.tile"))
    paths = (
        tile,
        copy / "passphrase",
        copy / "profiles" / "certificates" / "device.toml",
        tile.parent.parent / f".{tile.parent.name}.{'0' * 32}.unfinished",
    )
    paths[place].parent.mkdir(parents=True, exist_ok=True)
    paths[place].write_bytes(junk)
    doctor(copy, "--keys")


@pytest.mark.skipif(sys.platform == "win32", reason="a folder's place is taken by a link")
def test_links_and_pipes_in_the_place_of_files_are_told_and_never_followed(original, tmp_path):
    copy = damage.copied(original, tmp_path / "copy")
    tile = min((copy / "bulk").rglob("*.tile"))
    secret = tmp_path / "elsewhere"
    secret.write_text("another's")
    secret.chmod(0o644)
    tile.unlink()
    tile.symlink_to(secret)
    (copy / "passphrase").unlink()
    os.mkfifo(copy / "passphrase", 0o600)
    outcome = doctor(copy, "--fix")
    assert "doctor.tiles.missing" in outcome.output
    assert secret.stat().st_mode & 0o777 == 0o644


@pytest.mark.slow
@pytest.mark.parametrize("tiles", [0, 1, 3])
def test_after_a_kill_an_estate_has_no_problem_and_fix_removes_what_is_left(
    quickstart_original, tmp_path, tiles
):
    estate = tmp_path / "estate"
    shutil.copytree(quickstart_original, estate)
    words = ("batch", "issue", *RUN, "--first-id", "00-DB-12-01-00-00-00-00", "--count", 20_000)
    call = [sys.executable, "-m", "smki_testca", "--estate", estate, *words]
    with subprocess.Popen(
        [*map(str, call)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        # It is killed when it has a folder for its tiles, and so many of them.
        while process.poll() is None and len([*(estate / "bulk").rglob("*.tile")]) < tiles + (
            0 if (estate / "bulk").exists() else 1
        ):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    found = damage.run(estate, DOCTOR)
    assert '"problems": []' in found.output, found.output
    assert found.code == 0
    mended = damage.run(estate, (*DOCTOR, "--fix"))
    left = mended.output.split('"fixed"')[0]
    assert "doctor.leftovers.files" not in left
    assert "doctor.leftovers.tiles" not in left
    assert damage.run(estate, damage.VERIFY).code == 0


@pytest.mark.slow
def test_while_a_run_goes_on_an_estate_has_no_problem(quickstart_original, tmp_path):
    estate = tmp_path / "estate"
    shutil.copytree(quickstart_original, estate)
    words = ("batch", "issue", *RUN, "--first-id", "00-DB-12-01-00-00-00-00", "--count", 20_000)
    call = [sys.executable, "-m", "smki_testca", "--estate", estate, *words]
    looks = 0
    with subprocess.Popen(
        [*map(str, call)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            argv = ["--estate", str(estate), *DOCTOR]
            found = subprocess.run(
                [sys.executable, "-m", "smki_testca", *argv], check=False, capture_output=True
            )
            assert found.returncode == 0, found.stdout
            looks += 1
    assert process.returncode == 0
    assert looks


@pytest.mark.slow
def test_looking_writes_nothing(quickstart_original, tmp_path):
    estate = copied_with_run(
        quickstart_original,
        tmp_path / "estate",
        *RUN,
        *("--first-id", "00-DB-12-01-00-00-00-00", "--count", 3),
    )
    before = _content(estate)
    doctor(estate, "--keys")
    assert damage.run(estate, ("estate", "info")).code == 0
    assert _content(estate) == before


def _content(folder):
    return {
        path.relative_to(folder): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in (folder, *folder.rglob("*"))
    }
