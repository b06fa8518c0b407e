"""A kit applied to a living estate: what is added, renewed, left, and told."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from smki_testca import kits
from smki_testca.api import Estate
from smki_testca.authority.revocation import Reason
from smki_testca.clock import FixedClock
from smki_testca.entropy import SystemEntropy
from smki_testca.errors import InputError, Refusal
from smki_testca.estate.certificates import Selection
from smki_testca.estate.runs import State
from smki_testca.estate.status import Status
from smki_testca.issuance.batch.existing import Existing
from smki_testca.issuance.batch.issuing import BatchOptions, begin_batch
from smki_testca.issuance.batch.row_sources import Range
from smki_testca.kits import applying
from smki_testca.kits.applying import ApplyOptions
from smki_testca.profiles.model import Tier
from smki_testca.roles import KeyUsage
from smki_testca.x509.names import KeyType
from smki_testca.x509.private_keys import generate, public_key_info

PHRASE = "kit phrase"
NOW = datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC)
DAY = timedelta(days=1)
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"

KIT = """
name = "ours"
title = "A small kit"
environments = ["ZAZ1"]
hierarchies = ["organisation", "device"]

[[participant]]
id = "supplier-one"
name = "Supplier One"
kind = "party"
signifier = "TPTY-SUPPLIER-ONE"
ranges = [{ registry-entry = "90-B3-D5-1F-3", organisation-number = "001" }]
ids = [{ eui64 = "90-B3-D5-1F-30-01-00-00", user-roles = ["IS"] }]

[[participant]]
id = "meters-one"
name = "Meters One"
kind = "manufacturer"
registry-entries = ["00-DB-12"]

[[agreement]]
reference = "OURS-SUPPLIER"
participant = "supplier-one"
kind = "sec-accession"
from-days = -365
purposes = ["device-and-user-system-tests"]
categories = ["organisation-user"]
obligations = ["security-requirements-of-the-etad"]

[[agreement]]
reference = "OURS-METERS"
participant = "meters-one"
kind = "bilateral"
from-days = -365
purposes = ["device-and-user-system-tests"]
categories = ["device"]
obligations = ["security-requirements-of-the-etad"]

[[request]]
profile = "organisation"
participant = "supplier-one"
purpose = "device-and-user-system-tests"
usages = ["digital-signature", "key-agreement"]
label = "supplier"
id = "90-B3-D5-1F-30-01-00-00"
role = "supplier"
common-name = "SUPPLIER ONE"

[[series]]
profile = "organisation"
participant = "supplier-one"
purpose = "device-and-user-system-tests"
first-id = "90-B3-D5-1F-30-01-00-00"
roles = ["supplier"]
usages = ["key-agreement"]
label = "{role}PP"

[[devices]]
type = "ESME"
participant = "meters-one"
purpose = "device-and-user-system-tests"
hw-type = "1.2.826.0.1.8641679.1.2.2.1"
first-id = "00-DB-12-00-00-00-00-01"
count = 2
usages = ["digital-signature", "key-agreement"]
label = "{type}-{number}-{usage}"
"""


class Living:
    """An estate and a kit file, applied at any time."""

    def __init__(self, folder):
        self.directory = folder / "estate"
        self.file = folder / "ours.toml"
        self.file.write_text(KIT, "utf-8")
        with Estate.create(self.directory, PHRASE, clock=FixedClock(NOW)):
            pass

    def open(self, at=NOW):
        return Estate.open(self.directory, PHRASE, clock=FixedClock(at))

    def edit(self, *changes):
        text = self.file.read_text("utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text, "utf-8")

    def apply(self, at=NOW, **options):
        with self.open(at) as estate:
            kit = kits.load(estate.library, str(self.file))
            return applying.apply(estate, kit, ApplyOptions(**options))

    def digest(self):
        return hashlib.sha256((self.directory / "estate.sqlite").read_bytes()).hexdigest()

    def in_use(self, at=NOW):
        with self.open(at) as estate:
            return sorted(
                (record.label, record.usage)
                for record in estate.select(Selection())
                if record.tier is Tier.END_ENTITY and estate.status(record) is Status.IN_USE
            )


@pytest.fixture(scope="module")
def applied_original(tmp_path_factory):
    living = Living(tmp_path_factory.mktemp("applied"))
    return living, living.apply()


@pytest.fixture
def living(applied_original, tmp_path):
    """A copy of an estate to which the kit was applied."""
    made, _ = applied_original
    copy = Living.__new__(Living)
    copy.directory, copy.file = tmp_path / "estate", tmp_path / "ours.toml"
    shutil.copytree(made.directory, copy.directory)
    shutil.copy(made.file, copy.file)
    return copy


def kinds(plan):
    return [(each.kind, each.reason) for each in plan.additions]


def labels(plan):
    return [(each.label, each.usage) for each in plan.additions if each.kind == "certificate"]


ALL = sorted(
    [
        ("supplier", "digital-signature"),
        ("supplier", "key-agreement"),
        ("supplierPP", "key-agreement"),
        ("ESME-1-ds", "digital-signature"),
        ("ESME-1-ka", "key-agreement"),
        ("ESME-2-ds", "digital-signature"),
        ("ESME-2-ka", "key-agreement"),
    ]
)


def test_an_estate_gets_all_that_the_kit_says_and_the_second_time_nothing(applied_original):
    living, plan = applied_original
    assert [kind for kind, _ in kinds(plan)] == [
        *(["authority"] * 4 + ["participant"] * 2 + ["agreement"] * 2 + ["certificate"] * 7)
    ]
    assert sorted(labels(plan)) == ALL == living.in_use()
    assert plan.run == 1
    before = living.digest()
    again = living.apply()
    assert not again.does_something
    assert (again.leftovers, again.changed, again.run) == ([], [], None)
    assert living.digest() == before


def test_devices_come_from_one_run_and_no_ca_of_another_hierarchy(applied_original):
    living, _ = applied_original
    with living.open() as estate:
        assert {each.hierarchy for each in estate.certificates.authorities()} == {
            *("organisation", "device")
        }
        devices = list(estate.select(Selection(profile="device")))
        assert {record.place[0] for record in devices} == {1}
        assert len(devices) == 4


@pytest.mark.slow
def test_a_dry_run_shows_the_same_and_changes_nothing(tmp_path, applied_original):
    living = Living(tmp_path)
    before = living.digest()
    planned = living.apply(dry_run=True)
    assert living.digest() == before
    assert living.apply(dry_run=True).as_json() == planned.as_json()
    assert planned.dry_run
    assert planned.run is None
    _, done = applied_original

    def without_serials(plan):
        return [{**each, "serial": None} for each in plan.as_json()["additions"]]

    assert without_serials(planned) == without_serials(done)
    assert all(each.serial is None for each in planned.additions)
    assert [each.serial is None for each in done.additions if each.kind == "certificate"] == [
        *([False] * 3 + [True] * 4)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("label", ["supplierPP", "ESME-2-ka"])
def test_what_is_not_in_use_is_issued_anew(living, label):
    with living.open() as estate:
        estate.set_status(Selection(label=label), Status.NOT_IN_USE)
    plan = living.apply()
    (added,) = plan.additions
    assert (added.label, added.reason) == (label, "not-in-use")
    assert living.in_use() == ALL
    assert not living.apply().does_something


def test_of_a_request_for_two_usages_only_the_one_that_was_revoked_is_issued_anew(living):
    with living.open() as estate:
        estate.revoke(Selection(label="supplier", usage="key-agreement"), Reason.KEY_COMPROMISE)
    plan = living.apply()
    assert labels(plan) == [("supplier", "key-agreement")]
    assert plan.additions[0].reason == "revoked"
    assert living.in_use() == ALL
    assert not living.apply().does_something


@pytest.mark.slow
def test_what_is_due_is_renewed_and_is_not_due_again_however_long_the_period_is(living):
    with living.open() as estate:
        (record,) = estate.select(Selection(label="supplierPP"))
    soon = record.not_after - 89 * DAY
    assert not living.apply(record.not_after - 91 * DAY, dry_run=True).does_something
    plan = living.apply(soon)
    renewed = {each.record.label: each for each in plan.renewals}
    assert set(renewed) == {"supplier", "supplierPP"}
    assert {each.reason for each in plan.renewals} == {"due"}
    assert plan.additions == []
    with living.open(soon) as estate:
        assert estate.renewal_links.successors(record.serial) == [renewed["supplierPP"].successor]
        assert estate.status(record) is Status.NOT_IN_USE
    long = timedelta(days=36500)
    assert not living.apply(soon, within=long).does_something
    assert [each.reason for each in living.apply(soon + DAY, within=long).renewals] == ["due"] * 3


@pytest.mark.slow
def test_what_has_ended_is_renewed_once(living):
    with living.open() as estate:
        (record,) = estate.select(Selection(label="supplierPP"))
    later = record.not_after + DAY
    assert {each.reason for each in living.apply(later).renewals} == {"expired"}
    assert living.in_use(later) == ALL
    assert not living.apply(later).does_something


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('label = "{role}PP"', 'label = "{role}-prepayment"'),
        ('label = "{role}PP"', 'label = "{role}PP"\ncommon-name = "ANOTHER"'),
    ],
)
def test_another_label_or_subject_is_another_certificate_and_the_old_one_is_left(living, old, new):
    living.edit((old, new))
    plan = living.apply()
    assert len(labels(plan)) == 1
    (left,) = plan.leftovers
    assert (left.record.label, left.status) == ("supplierPP", Status.IN_USE)
    again = living.apply()
    assert not again.does_something
    assert [each.record.serial for each in again.leftovers] == [left.record.serial]


@pytest.mark.slow
def test_fewer_devices_leave_the_others_and_more_are_added(living):
    fewer = living.apply(devices=1)
    assert not fewer.does_something
    assert [each.record.label for each in fewer.leftovers] == ["ESME-2-ds", "ESME-2-ka"]
    more = living.apply(devices=4)
    assert [each.label for each in more.additions] == [
        *("ESME-3-ds", "ESME-3-ka", "ESME-4-ds", "ESME-4-ka")
    ]
    assert more.run == 2


@pytest.mark.slow
def test_of_equal_certificates_the_newest_counts_and_the_others_are_left(living):
    with living.open() as estate:
        kit = kits.load(estate.library, str(living.file))
        kits.issue(estate, kit, selected=lambda request: request.label == "supplierPP")
        old, new = estate.select(Selection(label="supplierPP"))
    plan = living.apply()
    assert not plan.does_something
    assert [each.record.serial for each in plan.leftovers] == [old.serial]
    with living.open() as estate:
        estate.revoke(Selection(serial=new.serial), Reason.SUPERSEDED)
    plan = living.apply()
    assert not plan.does_something
    assert plan.leftovers == []


def test_the_certificates_of_others_are_no_leftovers(living):
    text = living.file.read_text("utf-8")
    start, end = text.index("[[devices]]"), len(text)
    living.edit((text[start:end], ""), ('id = "meters-one"', 'id = "meters-two"'))
    living.edit(("00-DB-12", "00-DB-13"), ("OURS-METERS", "OURS-METERS-2"))
    living.edit(('participant = "meters-one"', 'participant = "meters-two"'))
    plan = living.apply()
    assert kinds(plan) == [("participant", "missing"), ("agreement", "missing")]
    assert plan.leftovers == []


# What differs


def test_a_participant_that_differs_is_told_and_never_changed(living):
    living.edit(
        ('name = "Supplier One"', 'name = "Supplier Uno"'),
        ('user-roles = ["IS"]', 'user-roles = ["IS", "ES"]'),
        ("TPTY-SUPPLIER-ONE", "TPTY-SUPPLIER-UNO"),
    )
    with living.open() as estate:
        before = estate.register.load().participant("supplier-one")
    plan = living.apply()
    assert not plan.does_something
    assert [(each.kind, each.name, each.key) for each in plan.changed] == [
        ("participant", "supplier-one", key) for key in ("name", "signifier", "ids")
    ]
    assert (plan.changed[0].in_estate, plan.changed[0].in_kit) == ("Supplier One", "Supplier Uno")
    assert all(each.remedy for each in plan.changed)
    with living.open() as estate:
        assert estate.register.load().participant("supplier-one") == before


def test_what_the_register_has_beside_the_kit_does_not_differ(living):
    with living.open() as estate:
        estate.register.allocate("supplier-one", "ES", 3)
    assert living.apply(NOW + 40 * DAY).changed == []


def test_an_agreement_that_differs_is_told_and_never_changed(living):
    with living.open() as estate:
        estate.register.set_suspended("OURS-METERS", suspended=True)
        estate.register.end_agreement("OURS-SUPPLIER", NOW.date())
    living.edit(('purposes = ["device-and-user-system-tests"]', 'purposes = ["uept"]'))
    told = {(each.name, each.key): each for each in living.apply(NOW + 2 * DAY).changed}
    assert set(told) == {
        ("OURS-SUPPLIER", "purposes"),
        ("OURS-METERS", "purposes"),
        ("OURS-METERS", "suspended"),
        ("OURS-SUPPLIER", "until"),
    }
    assert "agreement resume OURS-METERS" in told["OURS-METERS", "suspended"].remedy
    assert told["OURS-METERS", "purposes"].in_kit == ["uept"]


def test_a_certificate_whose_key_its_holder_keeps_is_told_and_not_renewed(living):
    with living.open() as estate:
        (old,) = estate.select(Selection(label="supplierPP"))
        estate.set_status(Selection(serial=old.serial), Status.NOT_IN_USE)
        kit = kits.load(estate.library, str(living.file))
        asked = next(each for each in kit.requests if each.label == "supplierPP")
        subject = estate.subject("organisation", id=asked.inputs["id"], role="supplier")
        request = estate.request(asked.participant, asked.purpose, subject, asked.usages)
        key = public_key_info(generate(KeyType.P256, SystemEntropy()))
        (held,), _ = estate.issue(request, label="supplierPP", public_key=key)
    plan = living.apply(held.not_after - DAY)
    assert [each.record.label for each in plan.renewals] == ["supplier", "supplier"]
    (told,) = plan.changed
    assert (told.kind, told.name) == ("certificate", str(held.serial))
    assert "CSR" in told.remedy


# Nothing, where something is wrong


@pytest.mark.slow
def test_every_refusal_is_told_with_its_place_and_nothing_is_done(living):
    living.edit(
        ('label = "{role}PP"', 'label = "{role}-new"\ncount = 2'),
        ("00-DB-12-00-00-00-00-01", "00-DB-99-00-00-00-00-01"),
        ("{role}-new", "{role}-{id}"),
    )
    with living.open() as estate:
        before = (list(estate.select(Selection())), len(list(estate.audit.entries())))
    with pytest.raises(Refusal) as caught:
        living.apply()
    reasons = caught.value.reasons
    assert {each.code for each in reasons} >= {
        *("id.not_allocated", "device_id.outside_own_registry_entry")
    }
    text = "\n".join(caught.value.lines())
    assert f"{living.file}, line 49, series 1 (supplier-90B3D51F30010001): " in text
    for label in ("ESME-1-ds", "ESME-2-ka"):
        assert f"devices 1 ({label}): " in text
    with living.open() as estate:
        assert list(estate.select(Selection())) == before[0]
        *_, last = estate.audit.entries()
        assert (last.number, last.action) == (before[1] + 1, "kit.apply")
        assert last.body["granted"] is False
        assert len(last.body["reasons"]) == len(reasons)
    digest = living.digest()
    with pytest.raises(Refusal):
        living.apply(dry_run=True)
    assert living.digest() == digest


def test_a_refused_renewal_undoes_the_rest(living):
    with living.open() as estate:
        (record,) = estate.select(Selection(label="supplierPP"))
        estate.set_status(Selection(label="ESME-1-ds"), Status.NOT_IN_USE)
        estate.register.set_suspended("OURS-SUPPLIER", suspended=True)
    soon = record.not_after - DAY
    with pytest.raises(Refusal) as caught:
        living.apply(soon)
    assert {each.code for each in caught.value.reasons} == {"agreement.suspended"}
    assert "request 1 (supplier): " in caught.value.reasons[0].reason
    assert ("ESME-1-ds", "digital-signature") not in living.in_use(soon)


def test_what_no_certificate_can_have_is_told_with_its_place_and_nothing_is_done(living):
    living.edit(
        ('common-name = "SUPPLIER ONE"', f'common-name = "{"x" * 65}"'),
        ('label = "{role}PP"', 'label = "another"\ncommon-name = "y\\u0000"'),
    )
    before = living.digest()
    with pytest.raises(InputError) as caught:
        living.apply()
    lines = caught.value.lines()
    assert any("request 1 (supplier): " in line for line in lines)
    assert any("series 1 (another): " in line for line in lines)
    assert living.digest() == before


def test_a_participant_that_another_stands_in_the_way_of_is_told_with_its_place(living):
    living.edit(('id = "supplier-one"', 'id = "supplier-new"'), ("OURS-SUPPLIER", "OURS-NEW"))
    living.edit(('participant = "supplier-one"', 'participant = "supplier-new"'))
    before = living.digest()
    with pytest.raises(InputError) as caught:
        living.apply()
    assert f"{living.file}, line " in caught.value.message
    assert "participant[0]" in caught.value.message
    assert living.digest() == before


# Killed


@pytest.fixture
def interrupted(living, monkeypatch):
    """Applies a kit and stops before the first certificate of its run."""

    def stop(*_):
        raise KeyboardInterrupt

    def apply(**options):
        with monkeypatch.context() as patch:
            patch.setattr(applying, "complete", stop)
            with pytest.raises(KeyboardInterrupt):
                living.apply(**options)

    return apply


def states(living):
    with living.open() as estate:
        return [(run.state, run.terms.count, run.issued) for run in estate.runs.all()]


FIVE = [("unfinished", f"ESME-{n}-{usage}") for n in (3, 4, 5) for usage in ("ds", "ka")]


@pytest.mark.slow
def test_a_run_that_was_interrupted_is_resumed_by_the_next_application(living, interrupted):
    interrupted(devices=5)
    assert living.in_use() == ALL
    before = living.digest()
    planned = living.apply(devices=5, dry_run=True)
    assert living.digest() == before
    plan = living.apply(devices=5)
    assert [(each.reason, each.label) for each in plan.additions] == FIVE
    assert planned.as_json() == {**plan.as_json(), "dry_run": True}
    (run,) = plan.unfinished
    assert (run.run, run.state, run.remaining, run.asked) == (2, State.INTERRUPTED, 6, 6)
    assert run.resumed
    assert len(living.in_use()) == 3 + 10
    assert states(living) == [(State.DONE, 4, 4), (State.DONE, 6, 6)]
    assert not living.apply(devices=5).does_something


@pytest.mark.slow
def test_what_an_interrupted_run_lacks_is_added_beside_it(living, interrupted):
    interrupted(devices=3)
    plan = living.apply(devices=4)
    assert [each.reason for each in plan.additions] == ["unfinished"] * 2 + ["missing"] * 2
    assert plan.run == 3
    assert states(living)[1:] == [(State.DONE, 2, 2)] * 2


@pytest.mark.slow
def test_of_a_run_only_what_the_kit_asks_for_now_is_issued(living, interrupted):
    interrupted(devices=5)
    plan = living.apply(devices=4)
    (run,) = plan.unfinished
    assert (run.remaining, run.asked, run.resumed, plan.is_short) == (6, 4, False, True)
    assert "batch resume 2" in run.remedy
    assert "batch cancel 2" in run.remedy
    assert not plan.does_something
    assert living.in_use() == ALL
    with living.open() as estate:
        estate.batches.cancel(2)
    assert len(living.apply(devices=4).additions) == 4
    assert len(living.in_use()) == 3 + 8


@pytest.mark.slow
def test_a_run_of_another_kit_of_the_same_name_is_left(living, interrupted):
    interrupted(devices=5)
    living.edit(("00-DB-12-00-00-00-00-01", "00-DB-12-00-00-00-01-01"))
    plan = living.apply()
    (run,) = plan.unfinished
    assert (run.asked, run.resumed, plan.is_short) == (0, False, False)
    assert [each.reason for each in plan.additions] == ["missing"] * 4
    assert states(living)[1:] == [(State.INTERRUPTED, 6, 0), (State.DONE, 4, 4)]


@pytest.mark.slow
def test_a_run_that_would_issue_what_is_there_by_now_is_left(living, interrupted):
    interrupted(devices=3)
    with living.open() as estate:
        rows = [
            {"device_id": "00-DB-12-00-00-00-00-03", "usage": "both", "label": "ESME-3-{usage}"}
        ]
        cells = {"profile": "device", "participant": "meters-one"}
        cells |= {"purpose": "device-and-user-system-tests", "hw_type": HW_TYPE}
        options = BatchOptions(existing=Existing.AGAIN)
        estate.batches.issue(rows, options, defaults=cells).check()
    plan = living.apply(devices=3)
    (run,) = plan.unfinished
    assert (run.asked, run.resumed, plan.is_short) == (0, False, False)
    assert not plan.does_something


@pytest.mark.slow
def test_what_a_batch_will_still_issue_is_not_issued_twice(living):
    with living.open() as estate:
        subject = estate.subject(
            "device", **{"device-id": "00-DB-12-00-00-00-00-03", "hw-type": HW_TYPE}
        )
        usages = (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT)
        request = estate.request("meters-one", "device-and-user-system-tests", subject, usages)
        begin_batch(estate, Range(request, 1), BatchOptions(label="ESME-3-{usage}"))
        estate.runs.locks.close()
    plan = living.apply(devices=3)
    (run,) = plan.unfinished
    assert (run.asked, run.resumed, plan.is_short, plan.additions) == (2, False, True, [])
    with living.open() as estate:
        estate.batches.resume(run.run)
    plan = living.apply(devices=3)
    assert (plan.does_something, plan.is_short, plan.unfinished) == (False, False, [])


@pytest.mark.slow
def test_a_run_is_not_resumed_against_the_gate_and_nothing_else_is_done(living, interrupted):
    interrupted(devices=3)
    with living.open() as estate:
        estate.register.set_suspended("OURS-METERS", suspended=True)
        estate.set_status(Selection(label="supplierPP"), Status.NOT_IN_USE)
    before = living.in_use()
    for dry_run in (True, False):
        with pytest.raises(Refusal) as caught:
            living.apply(devices=3, dry_run=dry_run)
        assert {each.code for each in caught.value.reasons} == {"agreement.suspended"}
    assert living.in_use() == before


@pytest.mark.slow
def test_applications_at_once_add_nothing_twice(living, tmp_path):
    phrase = tmp_path / "phrase"
    phrase.write_text(PHRASE, "utf-8")
    words = ("--estate", living.directory, "kit", "apply", living.file, "--devices", "20")
    call = [sys.executable, "-m", "smki_testca", "--passphrase-file", phrase, *words]
    both = [
        subprocess.Popen([*map(str, call)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [each.communicate()[0] for each in both]
    assert [each.returncode for each in both] == [0, 0], said
    assert len(living.in_use(datetime.now(UTC))) == 3 + 40
    assert sum(count for _, count, _ in states(living)) == 40


@pytest.mark.slow
def test_time_in_the_audit_log_never_goes_back(tmp_path):
    living = Living(tmp_path)

    class Ticking:
        def __init__(self):
            self.time = NOW

        def now(self):
            self.time += timedelta(seconds=1)
            return self.time

    with Estate.open(living.directory, PHRASE, clock=Ticking()) as estate:
        applying.apply(estate, kits.load(estate.library, str(living.file)))
        times = [entry.at for entry in estate.audit.entries()]
    assert times == sorted(times)


def test_a_failure_in_the_middle_leaves_nothing(tmp_path, monkeypatch):
    living = Living(tmp_path)
    before = living.digest()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("smki_testca.kits.applying.Renewer", fail)
    monkeypatch.setattr("smki_testca.kits.applying.plan_devices", fail)
    with pytest.raises(OSError, match="space"):
        living.apply()
    assert living.digest() == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_whenever_it_is_killed_the_next_application_completes_it(tmp_path):
    living = Living(tmp_path)
    words = ("--estate", living.directory, "kit", "apply", living.file, "--devices", "400")
    phrase = tmp_path / "phrase"
    phrase.write_text(PHRASE, "utf-8")
    call = [sys.executable, "-m", "smki_testca", "--passphrase-file", phrase, *words]
    for tenths in range(4, 16, 2):
        running = subprocess.Popen([*map(str, call)], stdout=subprocess.DEVNULL)
        time.sleep(tenths / 10)
        running.send_signal(signal.SIGKILL)
        running.wait()
    subprocess.run([*map(str, call)], check=True, stdout=subprocess.DEVNULL)
    now = datetime.now(UTC)
    assert len(living.in_use(now)) == 3 + 800
    assert not living.apply(now, devices=400).does_something
    assert living.apply(now, devices=400).leftovers == []
