"""Nothing is issued twice unasked: manifests, rows and Devices that have certificates in use."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections import Counter

import pytest

import batches
import work
from batches import device_id, range_of
from estates import opened
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.estate.terms import Secrets
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch import existing as existing_certificates
from smki_testca.issuance.batch.existing import Existing, ManifestId
from smki_testca.issuance.batch.manifest import columns, lines
from smki_testca.issuance.batch.planning import BatchPlan, begin
from smki_testca.issuance.batch.row_requests import from_manifest

FIRST = 0x6000
DS, KA = "digital-signature", "key-agreement"
FLAGS = ("--again", "--skip-existing", "--replace")


@pytest.fixture
def batch(command, quickstart):
    """Runs a command of ``batch``; returns how it ended."""

    def run(verb, *words, text=False):
        kind = () if text else ("--json",)
        return command(*kind, "--estate", quickstart, "batch", verb, *words)

    return run


@pytest.fixture
def statuses(quickstart):
    """Counts the certificates of a Device by usage and status."""

    def run(number):
        with opened(quickstart) as estate:
            selection = Selection(eui64=Eui64.parse(device_id(number)))
            return Counter((one.usage, estate.status(one).word) for one in estate.select(selection))

    return run


@pytest.fixture
def rows(tmp_path):
    """Writes a manifest; returns its path."""
    made = []

    def run(*rows, kind="csv"):
        made.append(rows)
        return batches.write(tmp_path / f"rows-{len(made)}.{kind}", list(rows))

    return run


def _of_batch(outcome, code=0):
    assert outcome.code == code, outcome.out + outcome.err
    return json.loads(outcome.out.splitlines()[-1])["run"]


def _error(outcome, code):
    assert outcome.code == 4, outcome.out
    assert outcome.json["error"]["code"] == code
    return outcome.json["error"]


# A manifest that was issued before.


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["check", "issue"])
def test_the_same_manifest_again_is_refused_with_the_way_out(batch, rows, verb):
    path = rows(batches.device(FIRST), batches.organisation(label="o"))
    _of_batch(batch("issue", path))
    error = _error(batch(verb, path), "batch.manifest_again")
    assert "Run 1 of " in error["message"]
    assert all(flag in error["remedy"] for flag in FLAGS)
    copy = path.with_name("copy.csv")
    copy.write_bytes(path.read_bytes())
    _error(batch(verb, copy), "batch.manifest_again")


@pytest.mark.slow
def test_the_ways_out_that_are_told_are_there(batch, rows):
    """Of a manifest without Devices, neither --skip-existing nor --replace would be taken."""
    others = (batches.organisation(label="o"), batches.iki())
    path = rows(*others)
    _of_batch(batch("issue", path))
    remedy = _error(batch("issue", path), "batch.manifest_again")["remedy"]
    assert [flag for flag in FLAGS if flag in remedy] == ["--again"]
    assert _of_batch(batch("issue", path, "--again"))["issued"] == 2
    path = rows(*others, batches.device(FIRST))
    _of_batch(batch("issue", path))
    remedy = _error(batch("issue", path), "batch.manifest_again")["remedy"]
    assert "for Devices alone" in remedy
    path = rows(batches.device(FIRST + 5))
    _of_batch(batch("issue", path))
    remedy = _error(batch("issue", path), "batch.manifest_again")["remedy"]
    assert all(flag in remedy for flag in FLAGS)
    assert "alone" not in remedy


@pytest.mark.slow
def test_a_manifest_of_other_options_is_another_request(batch, rows, command, quickstart):
    command("--estate", quickstart, "init", quickstart, "--environment", "UIT-A")
    path = rows(batches.device(FIRST))
    _of_batch(batch("issue", path))
    assert _of_batch(batch("issue", path, "--environment", "UIT-A"))["issued"] == 1
    _error(batch("issue", path, "--environment", "UIT-A"), "batch.manifest_again")
    _error(batch("issue", path, "--environment", "ZAZ1"), "batch.manifest_again")


@pytest.mark.slow
def test_the_digest_of_a_manifest_is_told_by_its_run_and_the_audit_log(
    batch, rows, command, quickstart
):
    path = rows(batches.device(FIRST))
    run = _of_batch(batch("issue", path))
    entries = command("--json", "--estate", quickstart, "audit", "show").json["entries"]
    (entry,) = [one for one in entries if one["action"] == "batch.authorise"]
    assert entry["body"]["manifest"] == run["manifest"]
    assert entry["body"]["options"] == {"environment": "ZAZ1"}
    assert batch("show", 1).json["run"]["manifest"] == run["manifest"]
    assert "manifest" not in _of_batch(batch("issue", *range_of(1, FIRST + 9)))


@pytest.mark.slow
def test_a_manifest_whose_run_is_not_complete_is_to_be_resumed(batch, rows, monkeypatch):
    path = rows(batches.device(FIRST), batches.device(FIRST + 1))
    _stopped(batch, monkeypatch, "issue", path)
    error = _error(batch("issue", path), "batch.manifest_again")
    assert "smki-testca batch resume 1" in error["remedy"]
    batch("cancel", 1)
    # Nothing of it was issued.
    assert _of_batch(batch("issue", path))["issued"] == 2


def test_a_manifest_that_is_changed_while_it_is_read_is_refused(batch, rows, monkeypatch):
    path = rows(batches.device(FIRST))
    whole = lines

    def changing(*arguments):
        yield from whole(*arguments)
        with path.open("a") as file:
            file.write("\n")

    monkeypatch.setattr("smki_testca.issuance.batch.manifest.lines", changing)
    _error(batch("issue", path), "manifest.changed")


# A row twice in one file.


@pytest.mark.slow
def test_a_row_twice_in_one_file_is_refused_with_the_line_before(batch, rows):
    again = batches.device(FIRST, label="another", model="x")
    path = rows(batches.device(FIRST), batches.device(FIRST, usage=DS), again)
    answer = batch("check", path).json
    assert answer["accepted"] == 2
    (problem,) = answer["problems"]
    assert (problem["line"], problem["error"]["code"]) == (4, "batch.twice")
    assert "line 2" in problem["error"]["message"]
    assert batch("check", path, "--again").json["accepted"] == 3
    skipped = batch("check", path, "--skip-existing").json
    assert (skipped["accepted"], skipped["skipped"], skipped["skipped_lines"]) == (2, 1, [4])
    assert batch("check", path, "--replace").json["problems"][0]["error"]["code"] == "batch.twice"


def test_a_row_that_is_refused_is_not_there_for_the_next(batch, rows):
    path = rows(batches.device(FIRST, participant="nobody"), batches.device(FIRST))
    answer = batch("check", path).json
    assert [one["line"] for one in answer["problems"]] == [2]


def test_of_other_certificates_only_a_row_repeated_whole_is_refused(batch, rows):
    twin = batches.organisation(usage=KA, label="Z1-supplierPP-ka")
    path = rows(
        batches.organisation(usage=KA, label="Z1-supplier-ka"),
        twin,
        batches.iki(),
        batches.iki(),
        twin,
        batches.iki(**{"system-name": "other"}),
    )
    answer = batch("check", path).json
    assert [(one["line"], one["error"]["code"]) for one in answer["problems"]] == [
        (5, "batch.twice"),
        (6, "batch.twice"),
    ]
    assert all("skip" not in one["error"]["remedy"] for one in answer["problems"])
    assert batch("check", path, "--again").json["accepted"] == 6


@pytest.mark.parametrize("flag", ["--skip-existing", "--replace"])
def test_what_is_left_out_or_replaced_is_of_devices(batch, rows, flag):
    answer = batch("check", rows(batches.organisation(), batches.device(FIRST)), flag).json
    (problem,) = answer["problems"]
    assert (problem["line"], problem["error"]["code"]) == (2, "batch.not_a_device")


@pytest.mark.parametrize("verb", ["check", "issue"])
def test_the_flags_exclude_each_other(batch, rows, verb):
    outcome = batch(verb, rows(batches.device(FIRST)), "--again", "--replace", text=True)
    assert outcome.code == 2
    assert "Give one of --again, --replace." in outcome.err


# A Device that has a certificate in use.

SOURCES = (
    "manifest",
    pytest.param("single", marks=pytest.mark.slow),
    pytest.param("range", marks=pytest.mark.slow),
)


@pytest.fixture
def has_one(batch, command, quickstart, rows):
    """Issues to a Device for key agreement, in one of the ways there are."""

    def run(source, number=FIRST):
        if source == "single":
            outcome = command(
                *("--estate", quickstart, "issue", "device", "--participant", "meters-one"),
                *("--purpose", batches.DEVICE_PURPOSE, "--device-id", device_id(number)),
                *("--hw-type", batches.HW_TYPE, "--usage", KA),
            )
            assert outcome.code == 0
        elif source == "manifest":
            _of_batch(batch("issue", rows(batches.device(number, label="before"))))
        else:
            _of_batch(batch("issue", *range_of(1, number)))

    return run


def _asked(as_, rows, usage=KA, count=2):
    """The words that ask for Devices, as rows or a range."""
    if as_ == "range":
        return range_of(count, FIRST, usage)
    return [rows(*(batches.device(FIRST + n, usage=usage) for n in range(count)))]


@pytest.mark.slow
@pytest.mark.parametrize("as_", ["manifest", "range"])
@pytest.mark.parametrize("source", SOURCES)
def test_a_device_with_a_certificate_in_use_is_refused(batch, rows, has_one, statuses, source, as_):
    has_one(source)
    outcome = batch("issue", *_asked(as_, rows))
    if as_ == "range":
        error = _error(outcome, "batch.in_use")
    else:
        (problem,) = _of_batch(outcome, 1)["problems"]
        assert problem["line"] == 2
        error = problem["error"]
    assert error["code"] == "batch.in_use"
    assert device_id(FIRST) in error["message"]
    assert all(flag in error["remedy"] for flag in FLAGS)
    assert statuses(FIRST) == {(KA, "in-use"): 1}
    # For the other usage it has none.
    assert _of_batch(batch("issue", *_asked(as_, rows, DS)))["issued"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("as_", ["manifest", "range"])
@pytest.mark.parametrize("source", SOURCES)
def test_again_issues_beside_it_and_warns(batch, rows, has_one, statuses, source, as_):
    has_one(source)
    run = _of_batch(batch("issue", *_asked(as_, rows), "--again"))
    assert run["issued"] == 2
    (warning,) = run["warnings"]
    assert device_id(FIRST) in warning
    assert "issued in addition" in warning
    assert statuses(FIRST) == {(KA, "in-use"): 2}
    assert statuses(FIRST + 1) == {(KA, "in-use"): 1}


@pytest.mark.slow
@pytest.mark.parametrize("as_", ["manifest", "range"])
@pytest.mark.parametrize("source", SOURCES)
def test_skip_existing_leaves_it_out(batch, rows, has_one, statuses, source, as_):
    has_one(source)
    run = _of_batch(batch("issue", *_asked(as_, rows), "--skip-existing"))
    assert (run["issued"], run["skipped"]) == (1, 1)
    assert run.get("skipped_lines") == (None if as_ == "range" else [2])
    assert statuses(FIRST) == statuses(FIRST + 1) == {(KA, "in-use"): 1}


@pytest.mark.slow
@pytest.mark.parametrize("as_", ["manifest", "range"])
@pytest.mark.parametrize("source", SOURCES)
def test_replace_retires_it_and_links_it_to_the_new_one(
    batch, rows, has_one, statuses, quickstart, command, source, as_
):
    has_one(source)
    run = _of_batch(batch("issue", *_asked(as_, rows), "--replace"))
    assert (run["issued"], run["retired"]) == (2, 1)
    assert statuses(FIRST) == {(KA, "in-use"): 1, (KA, "not-in-use"): 1}
    with opened(quickstart) as estate:
        device = Selection(eui64=Eui64.parse(device_id(FIRST)))
        records = {estate.status(one): one for one in estate.select(device)}
        old, new = records[Status.NOT_IN_USE], records[Status.IN_USE]
        assert estate.renewal_links.successors(old.serial) == [new.serial]
        assert estate.renewal_links.predecessor(new.serial) == old.serial
        (change,) = [one for one in estate.history(old) if one.status is Status.NOT_IN_USE]
        entry = estate.audit.entry(change.audit)
        assert (entry.action, entry.body["count"]) == ("batch.replace", 1)
    assert command("--estate", quickstart, "audit", "verify").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["", *FLAGS])
def test_a_certificate_that_is_of_no_use_is_in_nobodys_way(
    batch, rows, has_one, command, quickstart, statuses, flag
):
    has_one("manifest")
    words = ("set-status", "not-in-use", "--eui64", device_id(FIRST))
    assert command("--estate", quickstart, *words).code == 0
    asked = (*_asked("manifest", rows), *([flag] if flag else []))
    run = _of_batch(batch("issue", *asked))
    assert (run["issued"], run.get("skipped"), run.get("retired")) == (2, None, None)
    assert statuses(FIRST) == {(KA, "not-in-use"): 1, (KA, "in-use"): 1}


@pytest.mark.slow
def test_a_pending_one_is_of_use(batch, rows, has_one, command, quickstart):
    has_one("range")
    command("--estate", quickstart, "set-status", "pending", "--eui64", device_id(FIRST))
    problems = batch("check", *_asked("manifest", rows)).json["problems"]
    assert [one["error"]["code"] for one in problems] == ["batch.in_use"]


def test_an_expired_one_is_of_no_use(quickstart, command):
    """By the clock of the look-up, with the tile that says when its certificates end."""
    assert command("--estate", quickstart, "batch", "issue", *range_of(2, FIRST)).code == 0
    value = Eui64.parse(device_id(FIRST)).value
    with opened(quickstart) as estate:
        certificates = estate.device_certificates()
        found = certificates.of([value])[value]
        assert certificates.of_use(found) == {one.serial for one in found}
        late = estate.device_certificates()
        late._at = late._at.replace(year=9999, month=12, day=31, hour=23, minute=59, second=59)  # noqa: SLF001 - nobody waits so long
        late._at = late._at.replace(microsecond=1)  # noqa: SLF001 - see above
        assert late.of_use(found) == set()


@pytest.mark.slow
def test_one_of_another_environment_is_no_matter(batch, rows, has_one, command, quickstart):
    command("--estate", quickstart, "init", quickstart, "--environment", "UIT-A")
    has_one("manifest")
    asked = _asked("manifest", rows)
    assert batch("check", *asked, "--environment", "UIT-A").json["problems"] == []


@pytest.mark.slow
def test_a_row_of_both_usages_gets_the_one_it_lacks(batch, rows, has_one, statuses):
    has_one("manifest")
    path = rows(batches.device(FIRST, usage="both"))
    (problem,) = batch("check", path).json["problems"]
    assert problem["error"]["code"] == "batch.in_use"
    run = _of_batch(batch("issue", path, "--skip-existing"))
    assert (run["issued"], run["skipped"]) == (1, 1)
    assert statuses(FIRST) == {(KA, "in-use"): 1, (DS, "in-use"): 1}


@pytest.mark.slow
def test_where_all_is_there_already_nothing_is_left_and_that_is_well(batch, rows, quickstart):
    path = rows(batches.device(FIRST), batches.device(FIRST + 1))
    _of_batch(batch("issue", path))
    before = (quickstart / "estate.sqlite").read_bytes()
    outcome = batch("issue", path, "--skip-existing")
    assert (outcome.code, outcome.json["run"], outcome.json["skipped"]) == (0, None, 2)
    assert batch("issue", *range_of(2, FIRST), "--skip-existing").json["skipped"] == 2
    text = batch("issue", path, "--skip-existing", text=True)
    assert (text.code, text.out) == (0, "Nothing is left to issue.\n")
    assert text.err == "2 certificates are skipped: in use already, or asked for twice.\n"
    assert (quickstart / "estate.sqlite").read_bytes() == before


@pytest.mark.slow
def test_what_is_skipped_need_not_be_granted(batch, rows):
    path = rows(batches.device(FIRST), batches.device(FIRST + 1))
    _of_batch(batch("issue", *_hundred(rows), "--again"))
    run = _of_batch(batch("issue", path, "--skip-existing"))
    assert (run["issued"], run["skipped"]) == (1, 1)


def _hundred(rows):
    return [rows(*[batches.device(FIRST)] * 100)]


@pytest.mark.slow
def test_a_range_of_which_some_have_one_is_issued_in_parts(batch, rows, statuses):
    taken = (FIRST + 1, FIRST + 2, FIRST + 7)
    _of_batch(batch("issue", rows(*map(batches.device, taken))))
    _of_batch(batch("issue", *range_of(3, FIRST + 4)))
    words = range_of(10, FIRST, KA, DS, label="{id}-{usage}")
    run = _of_batch(batch("issue", *words, "--skip-existing"))
    assert (run["issued"], run["skipped"]) == (4 + 10, 6)
    for number in range(10):
        assert statuses(FIRST + number) == {(KA, "in-use"): 1, (DS, "in-use"): 1}


@pytest.mark.slow
def test_a_range_is_issued_in_so_many_parts_at_most(batch, rows, monkeypatch):
    monkeypatch.setattr(existing_certificates, "MAX_GAPS", 2)
    _of_batch(batch("issue", rows(*(batches.device(FIRST + n) for n in (1, 3)))))
    words = range_of(10, FIRST)
    assert batch("check", *words, "--skip-existing").json["accepted"] == 8
    _of_batch(batch("issue", rows(batches.device(FIRST + 5))))
    error = _error(batch("check", *words, "--skip-existing"), "batch.gaps")
    assert "over 2 parts" in error["message"]


def test_single_certificates_are_issued_as_often_as_before(has_one, statuses):
    for _ in range(3):
        has_one("single")
    assert statuses(FIRST) == {(KA, "in-use"): 3}


# Runs in progress, and side by side.


def _stopped(batch, monkeypatch, *words):
    """Begin a run, of which nothing is issued."""

    def no_cut(*_):
        raise InputError("batch.workers", "None.")

    with monkeypatch.context() as patch:
        patch.setattr("smki_testca.issuance.batch.engines.LocalEngine.make", no_cut)
        batch(*words)


@pytest.mark.slow
@pytest.mark.parametrize("as_", ["manifest", "range"])
@pytest.mark.parametrize("before", ["manifest", "range"])
@pytest.mark.parametrize("flag", ["", "--replace"])
def test_a_device_that_a_run_is_about_to_issue_to_is_refused(
    batch, rows, monkeypatch, before, as_, flag
):
    _stopped(batch, monkeypatch, "issue", *_asked(before, rows, count=1))
    asked = (*_asked(as_, rows), *([flag] if flag else []))
    outcome = batch("check", *asked)
    if as_ == "range":
        error = _error(outcome, "batch.in_progress")
    else:
        (problem,) = outcome.json["problems"]
        error = problem["error"]
    assert error["code"] == "batch.in_progress"
    assert "smki-testca batch resume 1" in error["remedy"]


@pytest.mark.slow
def test_the_number_of_certificates_that_a_range_retires_is_told(batch, rows, statuses):
    _of_batch(batch("issue", *range_of(4, FIRST, DS, KA)))
    range_again = *range_of(4, FIRST, DS, KA), "--replace"
    assert batch("check", *range_again).json["retired"] == 8
    assert _of_batch(batch("issue", *range_again))["retired"] == 8
    _of_batch(batch("issue", *range_of(4, FIRST, DS, KA), "--again"))
    # Of each Device and usage there are two by now.
    assert batch("check", *range_again).json["retired"] == 16
    assert batch("check", *_asked("manifest", rows, "both", 4), "--replace").json["retired"] == 16
    _of_batch(batch("issue", *range_again))
    assert statuses(FIRST) == {(usage, state): n for usage in (DS, KA) for state, n in _STATES}


_STATES = ("in-use", 1), ("not-in-use", 3)


@pytest.mark.slow
@pytest.mark.parametrize("as_", ["manifest", "range"])
@pytest.mark.parametrize("before", ["manifest", "range"])
def test_what_an_interrupted_run_will_issue_is_told_apart_from_what_is_in_use(
    batch, rows, has_one, monkeypatch, before, as_
):
    has_one("manifest", FIRST + 2)
    _stopped(batch, monkeypatch, "issue", *_asked(before, rows, count=2))
    asked = (*_asked(as_, rows, count=3), "--skip-existing")
    outcome = batch("issue", *asked)
    assert (outcome.code, outcome.json["run"]) == (0, None)
    assert (outcome.json["skipped"], outcome.json["skipped_in_progress"]) == (3, 2)
    (warning,) = outcome.json["warnings"]
    assert warning == (
        "Run 2, which is interrupted, will still issue 2 certificates that are skipped here."
        " Continue it: smki-testca batch resume 2"
    )
    text = batch("issue", *asked, text=True)
    assert warning in text.err
    assert "1 certificate is skipped: in use already" in text.err


@pytest.mark.slow
@pytest.mark.parametrize("as_", ["manifest", "range"])
def test_what_an_interrupted_run_will_issue_has_no_serial_number_yet(batch, rows, monkeypatch, as_):
    _stopped(batch, monkeypatch, "issue", *_asked(as_, rows, count=2))
    (warning,) = batch("check", *_asked(as_, rows, count=2), "--again").json["warnings"]
    assert warning == (
        "Run 1, which is interrupted, will still issue to the Device"
        f" {device_id(FIRST)} for key-agreement: another is issued in addition."
    )


def test_a_row_that_is_refused_does_not_count_as_skipped(batch, rows, monkeypatch):
    _stopped(batch, monkeypatch, "issue", *_asked("manifest", rows, count=1))
    refused = rows(batches.device(FIRST, usage="both", label="{nothing}"))
    document = batch("check", refused, "--skip-existing").json
    assert len(document["problems"]) == 1
    assert not {"skipped", "skipped_in_progress", "warnings"} & document.keys()


@pytest.mark.slow
def test_rows_of_a_cancelled_run_are_free_again(batch, rows, monkeypatch):
    _stopped(batch, monkeypatch, "issue", *_asked("range", rows))
    assert batch("check", *_asked("range", rows), "--skip-existing").json["skipped"] == 2
    batch("cancel", 1)
    assert batch("check", *_asked("range", rows)).json["accepted"] == 2
    assert batch("check", *_asked("manifest", rows)).json["problems"] == []


@pytest.mark.slow
def test_a_run_that_replaces_retires_what_was_issued_while_it_stood(
    batch, rows, has_one, statuses, monkeypatch
):
    _stopped(batch, monkeypatch, "issue", *_asked("manifest", rows), "--replace")
    has_one("single")
    batch("resume", 1)
    assert statuses(FIRST) == {(KA, "in-use"): 1, (KA, "not-in-use"): 1}
    assert statuses(FIRST + 1) == {(KA, "in-use"): 1}


def test_a_cancelled_run_retires_nothing_for_what_it_did_not_issue(
    batch, rows, has_one, statuses, monkeypatch
):
    has_one("single")
    _stopped(batch, monkeypatch, "issue", *_asked("manifest", rows), "--replace")
    assert statuses(FIRST) == {(KA, "in-use"): 1}
    batch("cancel", 1)
    assert statuses(FIRST) == {(KA, "in-use"): 1}


def _planned(estate, path, existing):
    known = ManifestId(path.name, {"environment": "ZAZ1"})
    plan = BatchPlan(
        estate, "manifest", None, Secrets.of_run(None), existing=existing, manifest=known
    )
    plan.add_all(from_manifest(estate, lines(path, columns(estate.library)), lambda _: b""))
    return plan


@pytest.mark.slow
@pytest.mark.parametrize("existing", [Existing.REFUSE, Existing.SKIP, Existing.REPLACE])
def test_of_two_batches_planned_side_by_side_the_second_sees_the_first(quickstart, rows, existing):
    path = rows(batches.device(FIRST), batches.device(FIRST + 1))
    with opened(quickstart) as estate, opened(quickstart) as other:
        times = []

        def planned():
            plan = _planned(estate, path, existing)
            if not times:
                with other.transaction():
                    first = _planned(other, rows(batches.device(FIRST)), Existing.REFUSE)
                    first.store()
            times.append(plan)
            return plan

        plan, _ = begin(estate, planned, lambda plan: plan.count)
        assert len(times) == 2
        skipped = 1 if existing is Existing.SKIP else 0
        assert (plan.count, plan.skipped_count) == (1, skipped)
        codes = [problem.error.code for problem in plan.problems]
        assert codes == ([] if skipped else ["batch.in_progress"])


def test_of_the_same_manifest_side_by_side_one_is_issued(quickstart, rows):
    path = rows(batches.organisation(label="once"))
    with opened(quickstart) as estate, opened(quickstart) as other:

        def planned():
            plan = _planned(estate, path, Existing.REFUSE)
            with other.transaction():
                _planned(other, path, Existing.REFUSE).store()
            return plan

        with pytest.raises(InputError) as raised:
            begin(estate, planned, BatchPlan.store)
        assert raised.value.code == "batch.manifest_again"


def _started(estate, *words):
    call = [sys.executable, "-m", "smki_testca", "--estate", estate, "batch", *words]
    return subprocess.Popen(
        list(map(str, call)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
def test_of_the_same_manifest_given_to_several_processes_at_once_one_is_issued(
    quickstart, rows, statuses
):
    path = rows(*(batches.device(FIRST + n) for n in range(50)))
    processes = [_started(quickstart, "issue", path, "--workers", 1) for _ in range(3)]
    errors = [process.communicate(timeout=batches.PATIENCE)[1] for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert codes[0] == 0, errors
    assert set(codes[1:]) <= {4, 5}, errors
    for number in range(50):
        assert statuses(FIRST + number) == {(KA, "in-use"): 1}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no process groups")
@pytest.mark.parametrize("as_", ["manifest", "range"])
def test_killed_while_it_replaces_a_run_leaves_one_in_use_for_each_device(
    batch, rows, quickstart, command, as_
):
    count = 12_000
    _of_batch(batch("issue", *range_of(count, FIRST)))
    # Tiles are recorded some at a time: some Devices have the old one still, and some the new one.
    process = _started(quickstart, "issue", *_asked(as_, rows, count=count), "--replace")
    while batch("show", 2).code:
        assert process.poll() is None, process.communicate()
    while batch("show", 2).json["run"]["issued"] == 0:
        assert process.poll() is None, process.communicate()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    issued = batch("show", 2).json["run"]["issued"]
    assert _in_use(quickstart, count) == {1: count}
    with opened(quickstart) as estate:
        retired = sum(1 for _ in estate.select(Selection(status=Status.NOT_IN_USE)))
        assert retired == issued
    if issued < count:
        assert batch("resume", 2).code == 0
    assert _in_use(quickstart, count) == {1: count}
    assert command("--estate", quickstart, "audit", "verify").code == 0


def _in_use(directory, count):
    """How many Devices of the range have so many certificates in use."""
    first = Eui64.parse(device_id(FIRST)).value
    with opened(directory) as estate:
        in_use = Counter(
            one.eui64.value
            for one in estate.select(Selection(status=Status.IN_USE, profile="device"))
            if first <= one.eui64.value < first + count
        )
    return Counter(in_use.values())


# A dry run.


def _octets(directory):
    return (directory / "estate.sqlite").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("as_", ["manifest", "range"])
def test_a_dry_run_tells_what_would_be_issued_and_changes_nothing(batch, rows, quickstart, as_):
    words = _asked(as_, rows)
    before = _octets(quickstart)
    outcome = batch("issue", *words, "--dry-run", "--label", "l")
    assert outcome.code == 0
    assert outcome.json["dry_run"] is True
    planned = outcome.json["run"]
    assert _octets(quickstart) == before
    issued = _of_batch(batch("issue", *words, "--label", "l"))
    assert planned.keys() == issued.keys()
    of_run = ("id", "state", "created", "finished", "issued")
    assert {k: v for k, v in planned.items() if k not in of_run} == {
        k: v for k, v in issued.items() if k not in of_run
    }
    assert (planned["id"], planned["state"], planned["issued"]) == (None, "planned", 0)
    text = batch("issue", *_asked(as_, rows, DS), "--dry-run", text=True)
    assert (text.code, text.out) == (0, "2 certificates would be issued.\n")


@pytest.mark.slow
def test_a_dry_run_ends_as_the_command_would(batch, rows, quickstart):
    wrong = batches.device(FIRST, participant="nobody")
    before = _octets(quickstart)
    some = batch("issue", rows(batches.device(FIRST), wrong), "--dry-run")
    assert (some.code, len(some.json["run"]["problems"])) == (1, 1)
    none = batch("issue", rows(batches.device(FIRST), wrong), "--dry-run", "--all-or-nothing")
    assert none.code == 3
    assert batch("issue", rows(wrong), "--dry-run").code == 3
    assert _octets(quickstart) == before
    path = rows(batches.device(FIRST))
    _of_batch(batch("issue", path))
    _error(batch("issue", path, "--dry-run"), "batch.manifest_again")
    left = batch("issue", path, "--dry-run", "--skip-existing").json
    assert (left["run"], left["dry_run"], left["skipped"]) == (None, True, 1)
    assert batch("issue", path, "--dry-run", "--replace").json["run"]["retired"] == 1


@pytest.mark.slow
def test_batch_sign_warns_of_what_is_in_use_already(has_one, command, quickstart, tmp_path):
    from csr_zips import csr_zip  # noqa: PLC0415 - as above

    import csrs  # noqa: PLC0415 - makes keys when it is imported

    has_one("manifest")
    csr = csrs.pem(
        csrs.device(csrs.new_key(), device_id=bytes.fromhex(device_id(FIRST).replace("-", "")))
    )
    path, out = tmp_path / "one.zip", tmp_path / "out.zip"
    path.write_bytes(csr_zip(("one.csr", csr)))
    outcome = command(
        *("--json", "--estate", quickstart, "batch", "sign", path, "--out", out),
        *("--participant", "meters-one", "--purpose", batches.DEVICE_PURPOSE),
    )
    assert outcome.code == 0, outcome.err
    assert [device_id(FIRST) in warning for warning in outcome.json["warnings"]] == [True]


@pytest.mark.slow
def test_batch_sign_leaves_out_what_is_in_use_already_if_asked(has_one, command, quickstart):
    from csr_zips import csr_zip  # noqa: PLC0415 - as above

    import csrs  # noqa: PLC0415 - makes keys when it is imported

    def csr(number):
        octets = bytes.fromhex(device_id(number).replace("-", ""))
        return csrs.pem(csrs.device(csrs.new_key(), device_id=octets))

    has_one("manifest")
    path, out = quickstart.parent / "two.zip", quickstart.parent / "out.zip"
    path.write_bytes(csr_zip(("old.csr", csr(FIRST)), ("new.csr", csr(FIRST + 1))))
    words = ("--participant", "meters-one", "--purpose", batches.DEVICE_PURPOSE, "--skip-existing")
    here = ("--json", "--estate", quickstart, "batch", "sign", path, *words)
    outcome = command(*here, "--out", out)
    assert outcome.code == 0, outcome.err
    assert (outcome.json["success"], outcome.json["skipped"]) == (1, 1)
    assert "old" not in _response(out)
    outcome = command(*here, "--out", out, "--force")
    assert (outcome.code, outcome.json["run"], outcome.json["skipped"]) == (0, None, 2)
    assert "new" not in _response(out)


def _response(path):
    with zipfile.ZipFile(path) as archive:
        return archive.read("two-response.txt").decode()


# What it costs.


@pytest.mark.slow
def test_devices_are_looked_up_by_index(batch, quickstart, rows):
    """What a row costs does not grow with the certificates that there are of other Devices."""
    path = rows(*(batches.device(FIRST + 2 * n) for n in range(200)))

    def steps():
        with work.counted() as counted, opened(quickstart) as estate:
            plan = _planned(estate, path, Existing.REFUSE)
        assert (plan.rows, plan.problem_count) == (200, 0)
        return counted.steps

    before = steps()
    others = (batches.device(FIRST + 2 * n + 1) for n in range(3_000))
    _of_batch(batch("issue", rows(*others)))
    _of_batch(batch("issue", *range_of(3_000, FIRST + 100_000)))
    assert steps() < 2 * before


# A run that was replaced.


def _leaving(tmp_path, run, kind):
    """The words of each command by which a run leaves the estate, or that judges it before."""
    return {
        "file": ("export", run, "--format", "csv", "--out", tmp_path / f"{kind}.csv"),
        "devices": ("export", run, "--format", "device-csv", "--out", tmp_path / f"{kind}-d.csv"),
        "verify": ("verify", run),
        "note": ("note", run, "--out", tmp_path / f"{kind}.txt"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("what", ["file", "devices", "verify", "note"])
def test_what_is_of_no_use_any_more_does_not_leave_as_if_it_were_current(
    batch, rows, has_one, command, quickstart, tmp_path, what
):
    has_one("single", FIRST + 9)  # counts for no run
    words = ("set-status", "not-in-use", "--eui64", device_id(FIRST + 9))
    assert command("--estate", quickstart, *words).code == 0
    old = _of_batch(batch("issue", *_asked("manifest", rows, count=3)))["id"]
    current = batch(*_leaving(tmp_path, old, "current")[what])
    assert current.code == 0, current.out
    assert not {"revoked", "not_in_use"} & current.json.keys()
    new = _of_batch(batch("issue", *_asked("manifest", rows), "--replace"))["id"]
    told = batch(*_leaving(tmp_path, old, "old")[what])
    assert told.code == 0, told.out
    assert (told.json["not_in_use"], "revoked" in told.json) == (2, False)
    assert "not_in_use" not in batch(*_leaving(tmp_path, new, "new")[what]).json
    read = batch(*_leaving(tmp_path, old, "text")[what], text=True)
    line = f"Of run {old}, 2 certificates are not in use."
    assert (f"remark: {line}\n" in read.out) if what == "verify" else (line in read.err)


@pytest.mark.slow
def test_a_note_that_is_printed_stays_the_same_and_the_warning_is_beside_it(batch, rows):
    old = _of_batch(batch("issue", *_asked("manifest", rows)))["id"]
    before = batch("note", old)
    _of_batch(batch("issue", *_asked("manifest", rows), "--replace"))
    after = batch("note", old)
    assert after.out == before.out
    assert before.err == ""
    assert after.err == f"warning: Of run {old}, 2 certificates are not in use.\n"


@pytest.mark.slow
def test_those_of_a_run_that_are_revoked_are_told_apart(command, quickstart, rows, batch):
    path = rows(*(batches.organisation(label=label) for label in "abc"))
    run = _of_batch(batch("issue", path))["id"]
    set_aside = ("set-status", "not-in-use", "--label", "b")
    for words in (("revoke", "--label", "a", "--reason", "superseded"), set_aside):
        assert command("--estate", quickstart, *words).code == 0
    document = batch("verify", run).json
    assert (document["revoked"], document["not_in_use"]) == (1, 1)
