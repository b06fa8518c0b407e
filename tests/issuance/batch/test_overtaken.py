"""Batches that are planned while others write: they wait for nobody, and notice what matters."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import batches
import csrs
from estates import opened
from smki_testca.errors import EstateError
from smki_testca.estate.terms import Secrets
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch import manifest, planning, portal_zip
from smki_testca.issuance.batch.planning import ATTEMPTS, BatchPlan, begin
from smki_testca.issuance.batch.row_requests import RowRequest
from smki_testca.profiles.typed_subjects import DeviceSubject
from smki_testca.roles import KeyUsage

FIRST = 0x9000
QUOTA = 100
USAGE = KeyUsage.KEY_AGREEMENT


def _request(estate, number):
    subject = DeviceSubject(Eui64.parse(batches.device_id(number)), batches.HW_TYPE)
    return estate.request("meters-one", batches.DEVICE_PURPOSE, subject, (USAGE,))


def _rows(estate, *numbers, public_key=None):
    return [
        RowRequest(line, _request(estate, number), public_key)
        for line, number in enumerate(numbers, 1)
    ]


class _Planning:
    """Plans rows; others do something each time before the plan is done."""

    def __init__(self, estate, rows, meanwhile):
        self.times = 0
        self._estate = estate
        self._rows = rows
        self._meanwhile = meanwhile

    def __call__(self):
        plan = BatchPlan(self._estate, "manifest", None, Secrets.of_run(None))
        for row in self._rows:
            plan.add(row)
        self._meanwhile(self.times)
        self.times += 1
        return plan


def _begin(estate, rows, meanwhile):
    planned = _Planning(estate, rows, meanwhile)
    plan, run = begin(estate, planned, lambda plan: plan.store() if plan.ready() else None)
    return planned.times, plan, run


def _codes(plan):
    return [problem.error.code for problem in plan.problems]


@pytest.fixture
def two(quickstart):
    """One estate opened twice, as by two processes."""
    with opened(quickstart) as estate, opened(quickstart) as other:
        yield estate, other


def _issue_run(estate, *numbers, times=1):
    with estate.transaction():
        plan = BatchPlan(estate, "manifest", None, Secrets.of_run(None))
        for _ in range(times):
            for row in _rows(estate, *numbers):
                plan.add(row)
        return plan.store()


def test_others_issue_for_other_ids_while_a_batch_is_planned(two):
    estate, other = two

    def meanwhile(_):
        other.issue(_request(other, FIRST + 50))
        _issue_run(other, FIRST + 51, FIRST + 52)

    times, plan, run = _begin(estate, _rows(estate, FIRST, FIRST + 1), meanwhile)
    assert (times, _codes(plan)) == (1, [])
    assert estate.runs.get(run).terms.count == 2


def test_others_issue_for_the_same_id_within_the_quota(two):
    estate, other = two
    times, plan, _ = _begin(
        estate, _rows(estate, FIRST), lambda _: other.issue(_request(other, FIRST))
    )
    assert (times, _codes(plan)) == (1, [])


def test_what_others_issued_meanwhile_counts_for_the_quota_of_a_device(two):
    estate, other = two
    _issue_run(other, FIRST, times=QUOTA - 1)

    def meanwhile(time):
        if time == 0:
            other.issue(_request(other, FIRST))

    times, plan, run = _begin(estate, _rows(estate, FIRST, FIRST + 1), meanwhile)
    assert (times, _codes(plan)) == (2, ["device_id.issuance_anomaly"])
    assert estate.runs.get(run).terms.count == 1


def test_a_run_and_a_range_of_others_count_for_it_too(two):
    estate, other = two
    _issue_run(other, FIRST, FIRST + 1, times=QUOTA - 1)

    def meanwhile(time):
        if time == 0:
            _issue_run(other, FIRST)
            with other.transaction():
                plan = BatchPlan(other, "range", None, Secrets.of_run(None))
                plan.add_range(_request(other, FIRST + 1), 10)
                plan.store()

    times, plan, run = _begin(estate, _rows(estate, FIRST, FIRST + 1), meanwhile)
    assert (times, _codes(plan), run) == (2, ["device_id.issuance_anomaly"] * 2, None)


def test_what_others_issued_meanwhile_counts_for_the_quota_of_a_category(quickstart):
    folder = quickstart / "profiles" / "categories"
    folder.mkdir(parents=True)
    shipped = Path(__file__).parents[3] / "profiles" / "categories" / "device.toml"
    with opened(quickstart) as estate:
        present = estate.issued.in_category("meters-one", "device")
    quota = f"[quota]\nper-participant = {present + 2}\n"
    (folder / "device.toml").write_text(shipped.read_text().replace("[quota]\n", quota))
    with opened(quickstart) as estate, opened(quickstart) as other:

        def meanwhile(time):
            if time == 0:
                other.issue(_request(other, FIRST + 5))

        times, plan, run = _begin(estate, _rows(estate, FIRST, FIRST + 1), meanwhile)
        assert (times, _codes(plan)) == (2, ["category.quota"])
        assert estate.issued.in_category("meters-one", "device") == present + 2
        assert estate.runs.get(run).terms.count == 1


def test_an_agreement_suspended_meanwhile_refuses_the_batch(two):
    estate, other = two
    (agreement,) = other.register.load().agreements_of("meters-one")

    def meanwhile(time):
        if time == 0:
            other.register.set_suspended(agreement.reference, suspended=True)

    times, plan, run = _begin(estate, _rows(estate, FIRST), meanwhile)
    assert (times, _codes(plan), run) == (2, ["agreement.suspended"], None)


def test_a_key_that_another_took_meanwhile_is_refused(two):
    estate, other = two
    public_key = csrs.spki(csrs.new_key())

    def meanwhile(time):
        if time == 0:
            subject = other.subject("organisation", id=batches.SUPPLIER_ID, role="supplier")
            usages = (KeyUsage.DIGITAL_SIGNATURE,)
            request = other.request("supplier-one", "uept", subject, usages)
            other.issue(request, public_key=public_key)

    rows = _rows(estate, FIRST + 1, public_key=public_key)
    times, plan, run = _begin(estate, rows, meanwhile)
    assert (times, _codes(plan), run) == (2, ["key.held"], None)


def test_a_new_generation_of_the_issuing_ca_is_the_one_that_issues(two):
    estate, other = two
    new = []

    def meanwhile(time):
        if time == 0:
            profile = other.library.profile("device")
            new.append(other.roll_over(profile.hierarchy, "Z1X2"))

    times, _, run = _begin(estate, _rows(estate, FIRST), meanwhile)
    assert times == 2
    assert estate.runs.get(run).terms.sections[0].issuer == str(new[0].serial)


def test_whoever_is_overtaken_each_time_is_told_so_and_begins_nothing(two):
    estate, other = two
    (agreement,) = other.register.load().agreements_of("supplier-one")

    def meanwhile(time):
        other.register.set_suspended(agreement.reference, suspended=time % 2 == 0)

    planned = _Planning(estate, _rows(estate, FIRST), meanwhile)
    with pytest.raises(EstateError) as caught:
        begin(estate, planned, lambda plan: plan.store())
    assert caught.value.code == "estate.changing"
    assert planned.times == ATTEMPTS
    assert estate.runs.all() == []


def test_a_range_is_planned_again_after_any_change(two):
    estate, other = two
    times = []

    def planned():
        plan = BatchPlan(estate, "range", None, Secrets.of_run(None))
        plan.add_range(_request(estate, FIRST), 10)
        times.append(1)
        if len(times) == 1:
            _issue_run(other, FIRST + 3, times=QUOTA)
        return plan

    plan, run = begin(estate, planned, lambda plan: plan.store() if plan.ready() else None)
    assert (len(times), _codes(plan), run) == (2, ["device_id.issuance_anomaly"], None)


@pytest.mark.slow
def test_another_process_can_write_while_a_manifest_is_read(
    command, quickstart, tmp_path, monkeypatch
):
    rows = [batches.device(FIRST), batches.device(FIRST + 1)]
    path = batches.write(tmp_path / "rows.jsonl", rows)
    whole = manifest.lines
    ended = []

    def slow(*arguments):
        for line in whole(*arguments):
            yield line
            words = ("agreement", "suspend" if line.number == 1 else "resume", "SEC-2020-001")
            call = [sys.executable, "-m", "smki_testca", "--estate", quickstart, *words]
            if len(ended) < 2:
                done = subprocess.run(
                    call, check=False, capture_output=True, timeout=batches.PATIENCE
                )
                ended.append(done.returncode)

    monkeypatch.setattr(manifest, "lines", slow)
    assert batches.issue(command, quickstart, path)["issued"] == 2
    assert ended == [0, 0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("column", ["public-key-file", "csr-file"])
def test_a_row_reads_regular_files_only(command, quickstart, tmp_path, column):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "long").write_bytes(bytes(1 << 17))
    names = ["pipe", "folder", "device", "-", "long", "missing"]
    cells = batches.device(FIRST) if column == "public-key-file" else batches.signed("")
    path = batches.write(tmp_path / "rows.jsonl", [cells | {column: name} for name in names])
    outcome = command("--json", "--estate", quickstart, "batch", "check", path)
    codes = [problem["error"]["code"] for problem in outcome.json["problems"]]
    expected = ["input.unreadable"] * len(names)
    expected[names.index("long")] = "input.too_long"
    assert codes == expected


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_manifest_is_a_regular_file(command, quickstart, tmp_path, kind):
    path = tmp_path / f"rows.{kind}"
    os.mkfifo(path)
    outcome = command("--estate", quickstart, "batch", "issue", path)
    assert outcome.code == 4
    assert outcome.err == f"error: {path} cannot be read: it is not a regular file. Give a file.\n"


def test_wrong_rows_beyond_a_limit_are_counted_only(command, quickstart, tmp_path, monkeypatch):
    monkeypatch.setattr(planning, "LISTED_PROBLEMS", 3)
    rows = [batches.device(FIRST), *[batches.device(FIRST, participant="nobody")] * 5]
    path = batches.write(tmp_path / "rows.jsonl", rows)
    outcome = command("--estate", quickstart, "batch", "check", path)
    assert outcome.out == "1 row would go through, 5 would not.\n"
    assert len(outcome.err.splitlines()) == 4
    assert outcome.err.endswith("2 more lines are wrong, too.\n")
    outcome = command("--estate", quickstart, "batch", "issue", path, "--all-or-nothing")
    assert "4 more lines are wrong, too." in outcome.err
    with opened(quickstart) as estate:
        assert estate.audit.entries(1)[0].body["refused"] == 5


def test_every_wrong_csr_of_a_zip_is_listed():
    assert planning.LISTED_PROBLEMS >= portal_zip.MAX_REQUESTS
