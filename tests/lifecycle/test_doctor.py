"""The doctor: each code with a fault that gives it, and what ``--fix`` makes of that."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

import ailments
from ailments import FAULTS, NOW
from estates import copied_with_run, unpacked
from smki_testca.clock import iso
from smki_testca.lifecycle.doctor.kinds import KINDS
from smki_testca.lifecycle.doctor.observation import Level

ROOT = Path(__file__).parents[2]
BY_CODE = {kind.code.removeprefix("doctor."): kind for kind in KINDS}
DEVICES = (
    *(
        "--profile",
        "device",
        "--first-id",
        "00-DB-12-00-00-01-00-00",
        "--count",
        3,
        "--participant",
        "meters-one",
    ),
    *("--purpose", "device-and-user-system-tests", "--hw-type", "1.2.826.0.1.8641679.1.2.2.1"),
    *("--usage", "key-agreement"),
)


@pytest.fixture(scope="session")
def with_run_original(quickstart_original, tmp_path_factory):
    """The quickstart estate with a run of three certificates; not to be changed."""
    directory = tmp_path_factory.mktemp("doctor") / "estate"
    return copied_with_run(quickstart_original, directory, *DEVICES)


@pytest.fixture
def patient(request, tmp_path):
    """A copy of the estate that a fault needs, and what makes the fault."""

    def copy(needs):
        if needs == "old":
            directory = unpacked(5, tmp_path / "old")
            close(directory)
            return directory
        original = request.getfixturevalue(f"{needs}_original")
        directory = tmp_path / needs
        shutil.copytree(original, directory)
        # The fixtures' folders are made in other ways than an estate's.
        close(directory)
        return directory

    return copy


def close(directory):
    """Take what others may do with an estate that was not made by the command."""
    directory.chmod(0o700)
    for path in directory.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)


def told(outcome):
    document = outcome.json
    return {each["code"]: each for each in (*document["problems"], *document["notes"])}


def digest(estate):
    return hashlib.sha256((estate / "estate.sqlite").read_bytes()).hexdigest()


def words_for(more):
    """The words of the command; the time is that of the doctor unless the fault is in it."""
    given = [] if more and "--clock" in more else ["--clock", iso(NOW)]
    return ["--json", *given, "doctor", *(more or ())]


def test_every_code_has_a_fault():
    assert set(FAULTS) == set(BY_CODE)


@pytest.mark.slow
@pytest.mark.parametrize("code", FAULTS)
def test_each_fault_is_told_with_its_remedy_and_stays_where_mending_is_not_safe(
    command, patient, monkeypatch, code
):
    needs, make = FAULTS[code]
    estate = patient(needs)
    more = make(estate, monkeypatch)
    before = digest(estate)
    outcome = command("--estate", estate, *words_for(more))
    found = told(outcome)
    kind = BY_CODE[code]
    assert kind.code in found, outcome.out
    each = found[kind.code]
    assert re.fullmatch(r"[^\n]+[.:]", each["message"]), each
    assert each["remedy"]
    assert each["fixable"] is kind.is_mended
    listed = {one["code"] for one in outcome.json[f"{kind.level.value}s"]}
    assert kind.code in listed
    problems = outcome.json["problems"]
    assert outcome.code == (5 if code == "open" else 1 if problems else 0)
    assert kind.level is Level.NOTE or outcome.code
    if not kind.is_mended:
        again = command("--estate", estate, *words_for([*(more or ()), "--fix"]))
        assert kind.code in told(again)
        assert again.json["fixed"] == []
    assert digest(estate) == before


@pytest.mark.slow
@pytest.mark.parametrize("code", [code for code in FAULTS if BY_CODE[code].is_mended])
def test_fix_mends_what_it_says_and_the_estate_is_whole_then(command, patient, monkeypatch, code):
    needs, make = FAULTS[code]
    estate = patient(needs)
    make(estate, monkeypatch)
    outcome = command("--estate", estate, *words_for(("--fix",)))
    assert [each["code"] for each in outcome.json["fixed"]] == [BY_CODE[code].code]
    assert BY_CODE[code].code not in told(outcome)
    assert outcome.code == 0, outcome.out
    assert command("--estate", estate, "--clock", iso(NOW), "audit", "verify").code == 0
    assert command("--estate", estate, *words_for(None)).code == 0


@pytest.mark.slow
def test_a_fix_of_tiles_is_in_the_audit_log(command, patient, monkeypatch):
    estate = patient("with_run")
    FAULTS["leftovers.tiles"][1](estate, monkeypatch)
    command("--estate", estate, *words_for(("--fix",)))
    shown = command("--estate", estate, "--json", "audit", "show", "--last", 1).json
    (entry,) = shown["entries"]
    assert entry["action"] == "doctor.fix"
    assert [name.endswith(".unfinished") for name in entry["body"]["removed"]] == [True]


@pytest.mark.slow
@pytest.mark.parametrize("needs", ["quickstart", "with_run", "old"])
def test_a_healthy_estate_has_no_problem(command, patient, needs):
    estate = patient(needs)
    outcome = command("--estate", estate, *words_for(("--keys",)))
    assert (outcome.json["problems"], outcome.code) == ([], 0)
    notes = {"doctor.passphrase.beside"}
    if needs == "old":
        notes |= {"doctor.format.old", "doctor.profiles.not_recorded"}
    assert set(told(outcome)) == notes


@pytest.mark.slow
@pytest.mark.parametrize("version", range(1, 6))
def test_estates_of_earlier_formats_have_no_problem_and_stay_as_they_are(
    command, tmp_path, version
):
    estate = unpacked(version, tmp_path / "old")
    close(estate)
    before = digest(estate)
    outcome = command("--estate", estate, "--json", "--clock", iso(NOW), "doctor")
    assert outcome.json["problems"] == []
    assert digest(estate) == before


def test_a_ca_that_is_renewed_by_the_changed_profile_is_no_problem_any_more(command, patient):
    estate = patient("quickstart")
    ailments.own_profile(estate, "organisation-root-ca")
    words = ("--estate", estate, "--clock", iso(NOW))
    remedy = told(command(*words, "--json", "doctor"))["doctor.profiles.of_ca"]["remedy"]
    assert remedy.endswith("smki-testca ca renew ZA")
    assert command(*words, "ca", "renew", "ZA").code == 0
    assert command(*words, "doctor").code == 0


def test_an_estate_that_is_named_by_a_link_is_looked_at_as_it_is(command, patient):
    estate = patient("quickstart")
    estate.chmod(0o755)
    link = estate.parent / "link"
    link.symlink_to(estate)
    assert "doctor.permissions.directory" in told(command("--estate", link, *words_for(None)))
    assert command("--estate", link, *words_for(("--fix",))).code == 0
    assert estate.stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
@pytest.mark.parametrize(
    ("passphrase", "is_weak"),
    [("abcdefabcdef", False), ("abcdefabcde", True), ("abcdeabcdeab", True), ("", True)],
)
def test_a_passphrase_of_few_characters_or_few_different_ones_is_weak(
    command, patient, passphrase, is_weak
):
    estate = patient("quickstart")
    (estate / "passphrase").write_text(f"{passphrase}\n")
    found = told(command("--estate", estate, *words_for(None)))
    assert ("doctor.passphrase.weak" in found) is is_weak
    assert not passphrase or passphrase not in str(found)


@pytest.mark.parametrize(("days", "is_told"), [(89, True), (91, False)])
def test_a_ca_that_expires_within_90_days_is_noted(command, patient, days, is_told):
    estate = patient("quickstart")
    soon = ailments.end_of(estate, "Z1") - timedelta(days=days)
    found = told(command("--estate", estate, "--json", "--clock", iso(soon), "doctor"))
    assert ("doctor.ca.expiring" in found) is is_told


def test_a_file_of_anchors_over_16_mib_is_told_and_not_read(command, patient, monkeypatch):
    estate = patient("quickstart")
    FAULTS["damage.anchor"][1](estate, monkeypatch)
    os.truncate(estate.parent / "anchors.txt", (16 << 20) + 1)
    found = told(command("--estate", estate, *words_for(None)))
    assert "longer than 16777216 octets" in found["doctor.damage.anchor"]["message"]


@pytest.mark.slow
def test_a_problem_of_many_files_is_told_in_few_lines(command, patient):
    estate = patient("with_run")
    folder = ailments.run_folder(estate)
    for number in range(15):
        (folder / f"note-{number}").write_text("stray")
        (folder / f"note-{number}").chmod(0o600)
    outcome = command("--estate", estate, "--clock", iso(NOW), "doctor")
    assert outcome.out.count("problem [doctor.tiles.stray]") == 10
    assert "5 more of doctor.tiles.stray" in outcome.out
    assert len(command("--estate", estate, *words_for(None)).json["problems"]) == 15


def test_its_lines_fit_a_terminal_of_80_columns_and_end_with_a_count(command, patient, monkeypatch):
    estate = patient("quickstart")
    monkeypatch.chdir(estate.parent)
    FAULTS["damage.log"][1](estate, monkeypatch)
    estate.chmod(0o755)
    outcome = command("--estate", estate.name, "--clock", iso(NOW), "doctor")
    lines = outcome.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-2:] == ["quickstart: 2 problems, 1 note.", "doctor --fix mends 1 of them."]
    assert outcome.code == 1


def test_its_paths_are_on_one_line_and_as_the_estate_is_named(command, patient, monkeypatch):
    estate = patient("quickstart")
    named = estate.rename(estate.with_name("-".join(["part"] * 20)))
    monkeypatch.chdir(named.parent)
    left = [named / f".a-file-of-{name}.{'0' * 32}.unfinished" for name in ("one", "two")]
    for path in left:
        path.touch(mode=0o600)
    (named / "estate.sqlite").chmod(0o644)
    outcome = command("--estate", named.name, "--clock", iso(NOW), "doctor")
    for inner in (left[0].name, "estate.sqlite", "passphrase"):
        assert re.search(rf"(?m)(^| ){named.name}/{re.escape(inner)}\b", outcome.out)
    assert str(named) not in outcome.out
    assert "left 2 unfinished files or folders, such as" in " ".join(outcome.out.split())


def test_without_an_estate_it_fails_with_the_documented_error(command, tmp_path):
    outcome = command("--estate", tmp_path, "--json", "doctor")
    assert (outcome.code, outcome.json["error"]["code"]) == (5, "estate.missing")


def test_an_estate_whose_making_was_interrupted_is_told_and_cannot_be_opened(command, patient):
    estate = patient("quickstart")
    (estate / ".unfinished").write_text(json.dumps(["estate.sqlite"]))
    outcome = command("--estate", estate, *words_for(None))
    assert (outcome.code, outcome.json["opened"]) == (5, False)
    assert "doctor.open" in told(outcome)


def test_a_wrong_passphrase_is_a_problem_only_where_keys_are_to_be_opened(command, patient):
    estate = patient("newcomer")
    wrong = estate.parent / "wrong"
    wrong.write_text("another\n")
    wrong.chmod(0o600)
    words = ("--estate", estate, *words_for(("--passphrase-file", wrong)))
    assert "doctor.check_failed" not in told(command(*words))
    assert "passphrase" in told(command(*words, "--keys"))["doctor.check_failed"]["message"]


def test_the_document_lists_every_code_with_its_level_and_whether_it_is_mended():
    text = (ROOT / "docs" / "doctor.md").read_text("utf-8")
    rows = re.findall(r"(?m)^\| `(doctor\.[a-z_.]+)` \| (\w+) \| (yes|no) \|", text)
    assert rows == [
        (kind.code, kind.level.value, "yes" if kind.is_mended else "no") for kind in KINDS
    ]
