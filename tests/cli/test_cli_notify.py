"""``register notify``: what counts as told, and what was told before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FORMS = ("json", "csv")
ALLOCATED = "90-B3-D5-1F-30-04-00-01"


@pytest.fixture
def notify(command, quickstart):
    """Calls the command for the Panel's flow."""

    def call(*arguments, code=0, flow="panel"):
        outcome = command(
            "--estate", quickstart, "--json", "register", "notify", "--flow", flow, *arguments
        )
        assert outcome.code == code, outcome.err
        return outcome.json

    return call


def into(directory, form, redirection):
    """The command in a process of its own, with its output somewhere."""
    words = f"--estate '{directory}' register notify --flow panel --format {form}"
    line = f"'{sys.executable}' -m smki_testca {words} {redirection}"
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("form", FORMS)
def test_a_notification_that_a_full_disk_swallows_is_not_told(quickstart, notify, form):
    outcome = into(quickstart, form, ">/dev/full")
    assert outcome.returncode == 5
    assert "No space left" in outcome.stderr
    assert "No notification was counted." in outcome.stderr
    assert "may have done its work" not in outcome.stderr
    told = notify()
    assert told["number"] == 1
    assert len(told["changes"]) == 15


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_notification_that_nobody_reads_is_not_told(quickstart, notify, form):
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "smki_testca", "--estate", str(quickstart)),
            *("register", "notify", "--flow", "panel", "--format", form),
        ],
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
    assert notify()["number"] == 1


def test_with_standard_output_closed_nothing_is_told(quickstart, notify):
    outcome = into(quickstart, "json", ">&-")
    assert outcome.returncode == 5
    assert "Standard output is closed" in outcome.stderr
    assert notify()["number"] == 1


def test_a_dry_run_previews_and_counts_nothing(command, quickstart, notify, file_digest):
    before = file_digest(quickstart)
    preview = notify("--dry-run")
    assert file_digest(quickstart) == before
    told = notify()
    assert {**preview, "at": told["at"]} == told
    assert notify("--dry-run")["changes"] == []
    text = command(
        *("--estate", quickstart, "register", "notify", "--flow", "party", "--format", "csv"),
        "--dry-run",
    )
    assert text.out.startswith("change,participant,")
    assert notify(flow="party")["number"] == 1


def test_a_notification_is_printed_again_as_it_was(command, quickstart, notify):
    first = notify()
    command("--estate", quickstart, "register", "allocate", "other-one", "--user-role", "OU")
    second = notify()
    assert [change["eui64"] for change in second["changes"]] == [ALLOCATED]
    assert notify("--number", "1") == first
    assert notify("--number", "2") == second
    # That told nothing new.
    assert notify()["number"] == 3
    again = command(
        *("--estate", quickstart, "register", "notify", "--flow", "panel"),
        *("--number", "2", "--format", "csv"),
    )
    assert again.out.splitlines()[1:] == [f"added,other-one,TPTY-OTHER-ONE,{ALLOCATED}"]


def test_a_number_that_was_never_told_is_an_error(notify):
    error = notify("--number", "1", code=4)["error"]
    assert error["code"] == "notification.unknown"
    notify()
    error = notify("--number", "2", code=4)["error"]
    assert "from 1 to 1" in error["remedy"]


def test_a_number_and_a_dry_run_do_not_go_together(notify):
    assert notify("--number", "1", "--dry-run", code=2)["error"]["code"] == "usage"
