"""audit anchor, audit verify --anchor, and the file that gets an anchor after each command."""

import errno
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest

import ailments
import batches
from estates import unpacked
from smki_testca.cli import cli
from smki_testca.lifecycle.anchoring import INVESTIGATING

CHECK = (
    *("check", "device", "--participant", "meters-one"),
    *("--purpose", "device-and-user-system-tests", "--device-id", "00-DB-12-00-00-00-00-05"),
    *("--hw-type", "1.2.826.0.1.8641679.1.2.2.1", "--usage", "digital-signature"),
)
SUSPEND = ("agreement", "suspend", "SEC-2020-001")
AT = ("--clock", "2026-12-01T10:00:00Z")


REFUSED = (
    *("check", "iki", "--participant", "labs-one", "--purpose", "uept"),
    *("--system-name", "lab", "--role", "supplier"),
)
"""A request that the gate refuses."""


@pytest.fixture
def run(command, quickstart):
    """Runs a command with the quickstart's estate."""
    return partial(command, "--estate", quickstart)


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """A configuration that names a file of anchors; gives the path of that file."""
    path = tmp_path / "smki-testca.toml"
    path.write_text('estate = "estate"\n\n[audit]\nanchor = "anchors.txt"\n')
    monkeypatch.setenv("SMKI_TESTCA_CONFIG", str(path))
    return tmp_path / "anchors.txt"


def _lines(path):
    return path.read_text().splitlines()


def _numbers(path):
    return [int(line.split(".")[2]) for line in _lines(path)]


def _last(run):
    (entry,) = run("--json", "audit", "show", "--last", "1").json["entries"]
    return entry["number"]


def _code(outcome, code, exit_code=5):
    assert outcome.code == exit_code, outcome.err
    assert outcome.json["error"]["code"] == code
    return outcome.json["error"]


def test_an_anchor_is_one_short_line_and_the_same_for_the_same_state_and_time(
    run, file_digest, quickstart
):
    run("audit", "anchor")  # makes the key
    before = file_digest(quickstart)
    one, other = (run("audit", "anchor", *AT) for _ in range(2))
    assert (one.code, one.err) == (0, "")
    assert one.out == other.out
    assert one.out.startswith("smki-anchor.1.")
    assert one.out.count("\n") == 1
    assert len(one.out) < 300
    assert file_digest(quickstart) == before


def test_a_pasted_anchor_is_verified_from_standard_input_without_a_passphrase(run, quickstart):
    line = run("audit", "anchor", *AT).out.strip()
    (quickstart / "passphrase").unlink()
    pasted = f"\r\n  {line[:76]}\r\n{line[76:152]}\r\n{line[152:]}  \r\n".encode()
    outcome = run("audit", "verify", "--anchor", "-", stdin=pasted)
    count = _last(run)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        f"The audit log is whole: {count} entries.\n"
        f"The log continues from 1 anchor, of 2026-12-01T10:00:00Z at entry {count} of {count}.\n"
    )


def test_out_adds_a_line_and_verify_takes_several_files_of_several(run, tmp_path):
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    for _ in range(2):
        outcome = run("audit", "anchor", "--out", one, *AT)
        assert outcome.out == f"The anchor of entry {_last(run)} is in {one}.\n"
    assert run(*SUSPEND).code == 0
    made = run("--json", "audit", "anchor", "--out", two).json
    assert (made["anchor"], made["file"]) == (_lines(two)[0], str(two))
    told = run("audit", "verify", "--anchor", one, "--anchor", two)
    assert f"3 anchors, the newest of {made['at']} at entry {made['number']}" in told.out
    told = run("--json", "audit", "verify", "--anchor", one, "--anchor", two).json
    assert [each["number"] for each in told["anchors"]] == [made["number"] - 1] * 2 + [
        made["number"]
    ]


def test_the_estate_is_no_place_for_an_anchor(run, quickstart, file_digest):
    before = file_digest(quickstart)
    outcome = run("audit", "anchor", "--out", quickstart / "estate.sqlite")
    assert outcome.code == 2 or "estate" in outcome.err
    assert outcome.code != 0
    assert file_digest(quickstart) == before


def test_an_older_copy_is_told_with_what_is_missing(run, quickstart, tmp_path, one_line):
    run("audit", "anchor")
    shutil.copytree(quickstart, tmp_path / "older")
    last = _last(run)
    run(*SUSPEND, *AT)
    run("audit", "anchor", "--out", tmp_path / "a.txt", *AT)
    shutil.copy(tmp_path / "older" / "estate.sqlite", quickstart)
    assert run("audit", "verify").code == 0
    outcome = run("audit", "verify", "--anchor", tmp_path / "a.txt")
    assert outcome.code == 5
    assert f"the audit log ends with entry {last} of 20" in one_line(outcome)
    assert "1 entry up to the anchor" in outcome.err
    _code(run("--json", "audit", "verify", "--anchor", tmp_path / "a.txt"), "anchor.cut_off")


def test_all_faults_are_told_and_the_gravest_decides(run, command, quickstart, newcomer, tmp_path):
    run("audit", "anchor")
    shutil.copytree(quickstart, tmp_path / "older")
    run(*SUSPEND)
    run("audit", "anchor", "--out", tmp_path / "mixed.txt")
    command("--estate", newcomer, "audit", "anchor", "--out", tmp_path / "mixed.txt")
    (tmp_path / "notes.txt").write_text("buy milk")
    shutil.copy(tmp_path / "older" / "estate.sqlite", quickstart)
    good = run("audit", "anchor").out
    (tmp_path / "good.txt").write_text(good)
    words = ("--anchor", tmp_path / "none.txt", "--anchor", tmp_path / "mixed.txt")
    error = _code(run("--json", "audit", "verify", *words), "anchor.cut_off")
    assert "input.unreadable" in [fault["code"] for fault in error["all"]]
    files = [
        word
        for name in ("notes.txt", "mixed.txt", "good.txt")
        for word in ("--anchor", tmp_path / name)
    ]
    outcome = run("audit", "verify", *files)
    assert outcome.code == 5
    assert [line.split(":")[0] for line in outcome.err.splitlines()] == ["error"] * 3
    error = _code(run("--json", "audit", "verify", *files), "anchor.cut_off")
    assert [fault["code"] for fault in error["all"]] == [
        *("anchor.cut_off", "anchor.estate", "anchor.unreadable"),
    ]


def test_a_file_that_is_no_anchor_is_unusable_input(run, tmp_path, one_line):
    for number, octets in enumerate((b"", b"notes", b"\xff\xfe\xff", b"smki-anchor.1.5.x")):
        path = tmp_path / f"{number}.txt"
        path.write_bytes(octets)
        outcome = run("audit", "verify", "--anchor", path)
        assert outcome.code == 4
        assert str(path) in one_line(outcome)
        _code(run("--json", "audit", "verify", "--anchor", path), "anchor.unreadable", 4)
    _code(run("--json", "audit", "verify", "--anchor", tmp_path), "input.unreadable", 4)


# After each command.


def test_each_command_that_changed_the_log_adds_one_anchor(run, configured):
    assert run("list").code == 0
    assert not configured.exists()
    assert run(*SUSPEND).code == 0
    assert run("agreement", "resume", "SEC-2020-001").code == 0
    assert run("list").code == 0
    assert run("audit", "show").code == 0
    assert _numbers(configured) == [_last(run) - 1, _last(run)]
    refused = run(*SUSPEND[:2], "SEC-0000-000")
    assert refused.code == 4
    assert len(_lines(configured)) == 2
    told = run("audit", "verify")
    assert "The log continues from 2 anchors" in told.out


def test_a_decision_of_the_gate_is_anchored_and_a_dry_run_is_not(run, configured):
    refused = run(*REFUSED)
    assert refused.code == 3
    assert _numbers(configured) == [_last(run)]
    issue = ("issue", *CHECK[1:])
    assert run("renew", "--label", "Z1-supplier-ds", "--dry-run").code == 0
    assert len(_lines(configured)) == 1
    assert run(*issue).code == 0
    assert _numbers(configured)[1:] == [_last(run)]


def test_a_batch_adds_one_anchor(run, configured):
    outcome = run("batch", "issue", *batches.range_of(3))
    assert outcome.code == 0, outcome.err
    assert _numbers(configured) == [_last(run)]


@pytest.mark.slow
def test_init_and_quickstart_anchor_what_they_make(command, configured, tmp_path, monkeypatch):
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", "phrase")
    assert command("init").code == 0
    assert command("init", "--environment", "UIT-A").code == 0
    assert len(_lines(configured)) == 2
    assert command("audit", "verify").code == 0
    # Another estate has no place in that file.
    assert command("quickstart", tmp_path / "other").code == 0
    assert len(_lines(configured)) == 2
    shutil.rmtree(tmp_path / "estate")
    outcome = command("init")
    assert outcome.code == 5
    assert "Nothing was done" in outcome.err
    assert not (tmp_path / "estate").exists()
    configured.unlink()
    assert command("quickstart", tmp_path / "estate").code == 0
    assert len(_lines(configured)) == 1


@pytest.mark.slow
def test_a_relative_path_is_the_configured_estate_too(command, configured, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command("quickstart", "estate").code == 0
    assert _numbers(configured) == [_last(command)]
    twice = command("--json", "audit", "verify", "--anchor", "anchors.txt").json
    assert len(twice["anchors"]) == 1


@pytest.mark.slow
def test_init_heeds_the_anchors_of_the_configured_estate_however_it_is_typed(
    command, configured, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", "phrase")
    assert command("init", "./estate").code == 0
    assert _numbers(configured) == [_last(command)]
    shutil.rmtree("estate")
    _code(command("--json", "init", "estate"), "anchor.estate")
    assert not (tmp_path / "estate").exists()
    other = tmp_path / "other"
    assert command("--no-config", "--estate", other, "init", "other").code == 0


@pytest.mark.parametrize("name", ["estate/anchors.txt", "estate/deep/../anchors.txt", "link.txt"])
def test_no_file_of_anchors_is_kept_in_the_estate(
    run, command, configured, quickstart, file_digest, tmp_path, name
):
    (tmp_path / "link.txt").symlink_to(quickstart / "anchors.txt")
    toml = configured.with_name("smki-testca.toml")
    toml.write_text(f'estate = "estate"\naudit.anchor = "{name}"\n')
    before = file_digest(quickstart)
    for words in (("list",), SUSPEND):
        _code(run("--json", *words), "anchor.inside", 4)
    assert run("--json", "audit", "show").json["anchor_fault"]["code"] == "anchor.inside"
    assert file_digest(quickstart) == before
    shutil.rmtree(quickstart)
    _code(command("--json", "quickstart", quickstart), "anchor.inside", 4)
    assert not quickstart.exists()


@pytest.mark.slow
def test_a_kit_whose_estate_is_configured_is_anchored(command, configured, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kit = ("kit", "make", "quickstart", "--format", "pem", "--out")
    assert command(*kit, "other").code == 0
    assert not configured.exists()
    configured.with_name("smki-testca.toml").write_text(
        'estate = "mine/estate"\naudit.anchor = "anchors.txt"\n'
    )
    # The passphrase is the kit's own, whatever is set.
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", "of another estate")
    made = command(*kit, "mine")
    assert (made.code, made.err) == (0, "")
    monkeypatch.delenv("SMKI_TESTCA_PASSPHRASE")
    assert _numbers(configured) == [_last(command)]
    shutil.rmtree("mine")
    refused = command("--json", *kit, "mine")
    _code(refused, "anchor.estate")
    assert not (tmp_path / "mine").exists()


@pytest.fixture
def put_back(run, configured, quickstart, tmp_path):
    """An older copy of the estate in the place of one that was anchored after its last change."""
    shutil.copy(quickstart / "estate.sqlite", tmp_path / "older.sqlite")
    assert run(*SUSPEND).code == 0
    shutil.copy(tmp_path / "older.sqlite", quickstart / "estate.sqlite")
    return configured


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [("list",), SUSPEND, CHECK, ("audit", "head"), ("audit", "anchor")]
)
def test_an_older_copy_that_is_put_back_stops_the_next_command(
    run, command, put_back, quickstart, file_digest, words
):
    before, anchors = file_digest(quickstart), put_back.read_text()
    outcome = run(*words)
    assert outcome.code == 5
    assert outcome.err.startswith("error: Nothing was done. The anchor of entry ")
    assert f"The anchor is the last in {put_back}." in outcome.err
    _code(run("--json", *words), "anchor.cut_off")
    assert (file_digest(quickstart), put_back.read_text()) == (before, anchors)
    assert command("--no-config", "--estate", quickstart, *words).code == 0


def test_the_refusal_names_the_commands_that_still_look(run, put_back):
    assert put_back.exists()
    assert (
        "To look into it, use audit show, audit verify, doctor or estate info." in run("list").err
    )


@pytest.mark.parametrize("words", [("audit", "show"), ("estate", "info")])
def test_who_looks_into_it_gets_the_whole_answer_with_the_fault_in_it(
    run, command, put_back, quickstart, file_digest, words
):
    before, anchors = file_digest(quickstart), put_back.read_text()
    whole = command("--json", "--no-config", "--estate", quickstart, *words)
    assert whole.code == 0
    assert "anchor_fault" not in whole.json
    found = run("--json", *words)
    assert found.code == 5
    fault = found.json["anchor_fault"]
    assert fault["code"] == "anchor.cut_off"
    assert found.json == {**whole.json, "anchor_fault": fault}
    assert f"The anchor is the last in {put_back}." in fault["remedy"]
    text = run(*words)
    assert text.code == 5
    assert text.err == f"error: {fault['message']} {fault['remedy']}\n"
    assert (file_digest(quickstart), put_back.read_text()) == (before, anchors)


def test_the_summary_says_it_among_the_facts(run, put_back):
    text = " ".join(run("estate", "info").out.split())
    assert "Newest anchor The anchor of entry" in text
    put_back.unlink()
    assert "Newest anchor" not in run("estate", "info").out


@pytest.mark.slow
def test_the_doctor_goes_on_and_mends_no_tiles_of_it(
    run, configured, quickstart, tmp_path, file_digest
):
    assert run("batch", "issue", *batches.range_of(3)).code == 0
    ailments.FAULTS["leftovers.tiles"][1](quickstart, None)
    shutil.copy(quickstart / "estate.sqlite", tmp_path / "older.sqlite")
    assert run(*SUSPEND).code == 0
    shutil.copy(tmp_path / "older.sqlite", quickstart / "estate.sqlite")
    before, anchors = file_digest(quickstart), configured.read_text()
    found = run("--json", "doctor")
    assert found.code == 1
    (problem,) = found.json["problems"]
    assert problem["code"] == "doctor.damage.anchor"
    assert problem["remedy"].startswith("Restore a copy")
    assert "doctor.leftovers.tiles" in [each["code"] for each in found.json["notes"]]
    failed = run("--json", "doctor", "--fix").json["problems"]
    assert [each["code"] for each in failed] == ["doctor.damage.anchor", "doctor.fix_failed"]
    assert (file_digest(quickstart), configured.read_text()) == (before, anchors)


def test_those_who_look_need_not_be_able_to_read_the_file(run, configured):
    configured.write_text("notes of mine\n")
    for words in (("audit", "show"), ("estate", "info")):
        outcome = run("--json", *words)
        assert outcome.code == 4
        assert outcome.json["anchor_fault"]["code"] == "anchor.unreadable"
    assert run("doctor").code == 1


@pytest.mark.slow
def test_an_older_copy_of_an_earlier_format_stays_as_it_is(command, configured, tmp_path):
    estate = unpacked(5, tmp_path / "estate")
    shutil.copytree(estate, tmp_path / "older")
    assert command(*SUSPEND).code in {0, 4}
    assert command("audit", "anchor", "--out", configured).code == 0
    shutil.copy(tmp_path / "older" / "estate.sqlite", estate)
    before = (estate / "estate.sqlite").read_bytes()
    for words in (("audit", "show"), ("estate", "info"), ("doctor",), ("audit", "verify")):
        assert command(*words).code in {1, 5}
    assert (estate / "estate.sqlite").read_bytes() == before


def test_each_command_that_investigates_is_one_and_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
    section = page.partition("### When the estate does not continue")[2].partition("\n### ")[0]
    assert sorted(re.findall(r"(?m)^\| `([^`]+)` \|", section)) == sorted(INVESTIGATING)
    context = click.Context(cli)
    for name in INVESTIGATING:
        found: Any = cli
        for word in name.split():
            found = found.get_command(context, word)
            assert found is not None, name


def test_verify_tells_of_all_anchors_where_others_stop(run, put_back):
    _code(run("--json", "audit", "verify"), "anchor.cut_off")
    assert len(run("audit", "verify").err.splitlines()) == 1
    put_back.rename(put_back.with_suffix(".old"))
    assert run("audit", "verify").code == 0
    assert run("list").code == 0


def _is_unwritten(outcome, error=0):
    told = outcome.err.splitlines()
    assert outcome.code == 5
    assert "The command itself is done" in told[-1]
    assert "smki-testca audit anchor --out FILE" in told[-1]
    assert len(told) == 1 + error


def test_without_a_passphrase_the_command_is_done_and_its_anchor_is_not(
    run, configured, quickstart
):
    (quickstart / "passphrase").unlink()
    before = _last(run)
    outcome = run(*SUSPEND)
    assert outcome.out == "Agreement SEC-2020-001 is suspended.\n"
    _is_unwritten(outcome)
    assert not configured.exists()
    assert _last(run) == before + 1
    # A refusal is said first, and the graver code counts.
    refused = run(*REFUSED)
    assert refused.code == 5
    assert refused.err.splitlines()[0].startswith("refused [")
    assert refused.err.splitlines()[-1].startswith("error: The command itself is done")


@pytest.mark.usefixtures("configured")
def test_with_json_the_output_is_the_commands_own(run, quickstart):
    (quickstart / "passphrase").unlink()
    outcome = run("--json", *SUSPEND)
    assert "error" not in outcome.json
    _is_unwritten(outcome)


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(run, configured):
    configured.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        _is_unwritten(run(*SUSPEND))
    finally:
        configured.parent.chmod(0o700)


def test_a_full_disk_is_told(run, configured, monkeypatch):
    write = os.write
    run(*SUSPEND)
    before = configured.read_bytes()
    monkeypatch.setattr(
        os,
        "write",
        lambda number, data: (
            write(number, data[:9]) if b"smki-anchor" in data else write(number, data)
        ),
    )
    outcome = run("agreement", "resume", "SEC-2020-001")
    assert "No space left" in outcome.err
    _is_unwritten(outcome)
    assert configured.read_bytes() == before
    monkeypatch.undo()


def test_a_folder_that_is_missing_is_told(run, configured, monkeypatch):
    path = configured.parent / "smki-testca.toml"
    path.write_text('audit.anchor = "gone/anchors.txt"\n')
    monkeypatch.setenv("SMKI_TESTCA_CONFIG", str(path))
    _is_unwritten(run(*SUSPEND))


@pytest.mark.parametrize("copies", [1, 20])
def test_a_file_in_utf_16_is_verified_but_not_added_to(
    run, configured, quickstart, file_digest, copies
):
    line = run("audit", "anchor").out
    configured.write_bytes((line * copies).encode("utf-16"))
    before, anchors = file_digest(quickstart), configured.read_bytes()
    for words in (SUSPEND, ("audit", "anchor", "--out", configured)):
        error = _code(run("--json", *words), "anchor.unreadable", 4)
        assert "UTF-8 only" in error["message"]
    assert (file_digest(quickstart), configured.read_bytes()) == (before, anchors)
    assert run("audit", "verify").code == 0
    configured.write_bytes((line * copies).encode("utf-8-sig"))
    assert run(*SUSPEND).code == 0
    assert run("audit", "verify").code == 0


def test_half_a_line_in_a_file_that_only_grows_is_told_with_the_remedy(
    run, configured, monkeypatch
):
    line = run("audit", "anchor").out
    configured.write_text(line + line[:40])

    def refused(*_):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", refused)
        outcome = run(*SUSPEND)
    _is_unwritten(outcome)
    assert "ends with half a line" in outcome.err
    assert configured.read_text() == line + line[:40]
    assert run("agreement", "resume", "SEC-2020-001").code == 0
    assert run("audit", "verify").code == 0


def test_a_file_of_anything_else_stops_the_command_before_it_does_anything(
    run, configured, quickstart, file_digest
):
    configured.write_text("notes of mine\n")
    before = file_digest(quickstart)
    _code(run("--json", *SUSPEND), "anchor.unreadable", 4)
    assert (file_digest(quickstart), configured.read_text()) == (before, "notes of mine\n")


def test_the_key_is_told_in_the_configuration(command, configured):
    settings = {each["name"]: each for each in command("--json", "config").json["settings"]}
    assert settings["audit.anchor"]["value"] == str(configured)
    assert settings["audit.anchor"]["place"].endswith("smki-testca.toml:4")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[audit]\nanchors = 'x'\n", 2, "audit.anchor"),
        ("audit.anchor.file = 'x'\n", 1, "not a text"),
        ("audit = 'x'\n", 1, "no such key"),
        ("[estate]\nname = 'x'\n", 2, "no such key"),
    ],
)
def test_a_wrong_table_is_told_with_its_line(command, configured, text, line, words):
    path = configured.parent / "smki-testca.toml"
    path.write_text(text)
    outcome = command("config")
    assert outcome.code == 4
    assert f"smki-testca.toml, line {line}" in outcome.err
    assert words in outcome.err


@pytest.mark.slow
def test_a_server_adds_anchors_while_it_runs_and_at_its_end(
    command, quickstart, configured, tmp_path, monkeypatch
):
    pytest.importorskip("aiohttp")
    monkeypatch.setattr("smki_testca.service.desk.BETWEEN_SECONDS", 0.01)
    # The passphrase comes from a pipe, which gives it once.
    phrase = (quickstart / "passphrase").read_bytes()
    (quickstart / "passphrase").unlink()
    os.mkfifo(tmp_path / "pipe")

    def give_and_end():
        (tmp_path / "pipe").write_bytes(phrase)
        while not configured.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    with ThreadPoolExecutor(1) as thread:
        giving = thread.submit(give_and_end)
        outcome = command(
            *("--estate", quickstart, "--passphrase-file", tmp_path / "pipe"),
            *("serve", "--port-base", "0", "--clients", tmp_path / "clients"),
        )
        giving.result()
    assert outcome.code == 0, outcome.err
    last = command("--json", "--estate", quickstart, "audit", "head").json["number"]
    assert _numbers(configured)[-1] == last
    assert _numbers(configured) == sorted(set(_numbers(configured)))


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.01, 600.0])
def test_a_server_adds_anchors_after_a_change_of_the_passphrase(
    command, quickstart, configured, tmp_path, monkeypatch, seconds
):
    """Both while it runs and at its end alone."""
    pytest.importorskip("aiohttp")
    monkeypatch.setattr("smki_testca.service.desk.BETWEEN_SECONDS", seconds)
    clients = tmp_path / "clients"
    (tmp_path / "new").write_text("a new passphrase\n")

    def change_and_end():
        while not list(clients.glob("**/*.key")):
            time.sleep(0.05)
        words = ("--no-config", "--estate", quickstart)
        change = ("passphrase", "change", "--new-passphrase-file", tmp_path / "new")
        runs = [(*words, *change), (*words, *SUSPEND)]
        for run in runs:
            called = [sys.executable, "-m", "smki_testca", *map(str, run)]
            subprocess.run(called, check=True, capture_output=True)
        os.kill(os.getpid(), signal.SIGTERM)

    with ThreadPoolExecutor(1) as thread:
        ending = thread.submit(change_and_end)
        outcome = command(
            *("--estate", quickstart, "serve", "--port-base", "0", "--clients", clients)
        )
        ending.result()
    assert outcome.code == 0, outcome.err
    assert "no anchor was added" not in outcome.err
    last = command("--json", "--estate", quickstart, "audit", "head").json["number"]
    assert _numbers(configured)[-1] == last
