"""Batches that are killed, interrupted or run out of room, and what is left of them."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import batches
import scripts
from smki_testca.estate.runs import State

KILLS = 30
PATIENCE = batches.PATIENCE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="workers are found by /proc"),
]


killing = scripts.load("killing")


def _started(estate, *arguments, limit=None):
    """The command in a process group of its own, as a terminal starts it."""
    code = "import os, sys; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    if limit is not None:
        limited = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
        code = code.replace(";", f", resource; {limited};", 1)
    # Where files may not grow, neither may those in which coverage is noted: it would say so.
    kept = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    return subprocess.Popen(
        [sys.executable, "-c", code, "-m", "smki_testca", "--estate", estate, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ if limit is None else kept,
    )


def _holds_exactly(estate, first, count):
    tormentor = killing.Tormentor(estate, random.Random(0))
    tormentor.look(1)
    with tormentor.opened() as opened:
        run = opened.runs.get(1)
        tiles = killing.tiles_of(opened, run)
        ids = [tile.eui64(place) for tile in tiles for place in range(len(tile))]
        serials = {tile.serial(place) for tile in tiles for place in range(len(tile))}
        assert run.state is State.DONE
        assert run.issued == count
        assert sorted(ids) == list(range(first, first + count))
        assert len(serials) == count
        assert len(list(opened.tiles.folder(1).iterdir())) == len(tiles)


def test_killed_at_random_moments_a_batch_loses_nothing_and_repeats_nothing(command, quickstart):
    tormentor = killing.Tormentor(quickstart, random.Random(20261123))
    # Whatever is lost, changed or there twice is raised on the way.
    tormentor.run(KILLS)
    assert sum(tormentor.kills.values()) >= KILLS
    assert min(tormentor.kills.values()) > 0
    outcome = command("--estate", quickstart, "audit", "verify")
    assert outcome.code == 0, outcome.err


def test_workers_end_by_themselves_when_the_command_is_killed(quickstart):
    process = _started(quickstart, *killing.range_of(killing.FIRST_ID, 1_000_000))
    batches.until_tiles_are_written(quickstart, process)
    workers = killing.children(process.pid)
    assert workers
    process.kill()
    process.communicate()
    killing.wait_for_end(workers)


def test_a_killed_worker_is_told_of_in_one_line_with_the_way_on(quickstart):
    process = _started(quickstart, *killing.range_of(killing.FIRST_ID, 1_000_000))
    batches.until_tiles_are_written(quickstart, process)
    workers = killing.children(process.pid)
    os.kill(workers[0], signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 5
    assert err.splitlines()[-1] == (
        "error: A worker process ended unexpectedly; finished tiles are safe."
        " Continue it: smki-testca batch resume 1"
    )
    assert "Traceback" not in err
    killing.wait_for_end(workers)


def test_ctrl_c_ends_a_batch_in_one_line_and_it_can_be_resumed(command, quickstart):
    count = 60_000
    process = _started(quickstart, *killing.range_of(killing.FIRST_ID, count))
    here = ("--json", "--estate", quickstart, "batch", "show", 1)
    batches.until_tiles_are_written(quickstart, process)
    while command(*here).json["run"]["issued"] == 0:
        assert process.poll() is None, process.communicate()
    workers = killing.children(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert out == ""
    issued = command(*here).json["run"]["issued"]
    assert 0 < issued < count
    assert err.splitlines()[-1] == (
        f"interrupted: {issued} of {count} certificates are issued."
        " Continue it: smki-testca batch resume 1"
    )
    assert "Traceback" not in err
    killing.wait_for_end(workers)
    assert command("--estate", quickstart, "batch", "resume", 1).code == 0
    _holds_exactly(quickstart, killing.FIRST_ID, count)
    assert command("--estate", quickstart, "audit", "verify").code == 0


def test_without_room_for_a_tile_the_command_says_so_and_can_be_resumed(command, quickstart):
    count = 6_000
    # There is room for the estate's file, but not for a tile.
    limit = 600_000
    assert (quickstart / "estate.sqlite").stat().st_size < limit
    process = _started(quickstart, *killing.range_of(killing.FIRST_ID, count), limit=limit)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 5, err
    assert err.splitlines()[-1] == (
        "error: A tile of run 1 cannot be written: File too large."
        " Free space on the disk, then: smki-testca batch resume 1"
    )
    assert "Traceback" not in err
    assert batches.tiles_written(quickstart) == 0
    assert command("--estate", quickstart, "batch", "resume", 1).code == 0
    _holds_exactly(quickstart, killing.FIRST_ID, count)
    assert command("--estate", quickstart, "audit", "verify").code == 0


def test_without_room_for_the_estate_nothing_is_begun(command, quickstart):
    path = quickstart / "estate.sqlite"
    before = path.read_bytes()
    process = _started(
        quickstart, *killing.range_of(killing.FIRST_ID, 2_000_000), limit=len(before)
    )
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 5, err
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith("Check that the disk has space and that you have permission.")
    assert command("--json", "--estate", quickstart, "batch", "list").json["runs"] == []
    assert path.read_bytes() == before
    assert command("--estate", quickstart, "audit", "verify").code == 0


def test_a_run_is_running_until_its_last_process_is_killed_and_interrupted_from_then_on(
    command, quickstart
):
    def state():
        return command("--json", "--estate", quickstart, "batch", "show", 1).json["run"]["state"]

    process = _started(quickstart, *killing.range_of(killing.FIRST_ID, 1_000_000))
    batches.until_tiles_are_written(quickstart, process)
    assert state() == "running"
    # It is stopped first: it would start another worker after they are listed.
    process.send_signal(signal.SIGSTOP)
    workers = killing.children(process.pid)
    process.kill()
    process.communicate()
    killing.wait_for_end(workers)
    assert state() == "interrupted"
    again = _started(quickstart, "batch", "resume", "--last")
    batches.until_tiles_are_written(quickstart, again, batches.tiles_written(quickstart) + 1)
    assert state() == "running"
    again.kill()
    again.communicate()
    assert command("--estate", quickstart, "batch", "cancel", 1).code == 0
    assert state() == "cancelled"


def test_two_processes_that_resume_one_run_do_its_tiles_once(command, quickstart):
    count = 40_000
    process = _started(quickstart, *killing.range_of(killing.FIRST_ID, count))
    batches.until_tiles_are_written(quickstart, process)
    process.kill()
    process.communicate()
    both = [_started(quickstart, "batch", "resume", "1") for _ in range(2)]
    for one in both:
        _, err = one.communicate(timeout=PATIENCE)
        # The second may come when the first is done.
        assert one.returncode == 0 or "Run 1 is done already" in err
    _holds_exactly(quickstart, killing.FIRST_ID, count)
    assert command("--estate", quickstart, "audit", "verify").code == 0


def test_a_run_that_is_cancelled_meanwhile_stops(command, quickstart):
    process = _started(quickstart, *killing.range_of(killing.FIRST_ID, 1_000_000))
    # More files than are handed out at a time: some of them are told of.
    batches.until_tiles_are_written(quickstart, process, tiles=12)
    assert command("--estate", quickstart, "batch", "cancel", 1).code == 0
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 4
    assert err.splitlines()[-1] == "error: Run 1 was cancelled in the meantime."
    shown = command("--json", "--estate", quickstart, "batch", "show", 1).json["run"]
    assert shown["state"] == "cancelled"
    assert 0 < shown["issued"] < 1_000_000
    assert command("--estate", quickstart, "audit", "verify").code == 0
