"""Runs whose agreement is suspended or ends on the way: the gate stops them."""

from datetime import date

import pytest

import batches
from estates import opened
from smki_testca.clock import parse_instant
from smki_testca.errors import Refusal
from smki_testca.estate import tile
from smki_testca.estate.runs import State
from smki_testca.estate.terms import TILE_ROWS, Secrets
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch import reauthorisation, running
from smki_testca.issuance.batch.manifest import columns, lines
from smki_testca.issuance.batch.planning import Plan
from smki_testca.issuance.batch.row_requests import from_manifest
from smki_testca.issuance.batch.tile_maker import TileMaker
from smki_testca.profiles.typed_subjects import DeviceSubject
from smki_testca.register.gate import Gate
from smki_testca.roles import KeyUsage
from smki_testca.shipped import shipped

TILES = 3
COUNT = TILES * TILE_ROWS


class _Engine:
    """Makes tiles in this process; something happens after each."""

    on_cluster = False

    def __init__(self, happens=lambda: None, *, waits=False):
        self.made = 0
        self._happens = happens
        self._waits = waits

    def make(self, material, tasks, folder, while_waiting):
        maker = TileMaker(material)
        for task in tasks:
            digest = tile.write(folder, task.number, maker.make(task))
            self.made += 1
            self._happens()
            if self._waits:
                while_waiting()
            yield task, digest


class _Seconds:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def _begun(estate, count=COUNT):
    """A range of meters-one that is planned, and of which nothing is made."""
    with estate.transaction():
        plan = Plan(estate, "range", None, Secrets.of_run(None))
        subject = DeviceSubject(Eui64.parse(batches.device_id(0x7000)), batches.HW_TYPE)
        usages = (KeyUsage.KEY_AGREEMENT,)
        request = estate.request("meters-one", batches.DEVICE_PURPOSE, subject, usages)
        plan.add_range(request, count)
        return plan.store()


def _agreement(estate, participant="meters-one"):
    (agreement,) = estate.register.load().agreements_of(participant)
    return agreement.reference


def _resume(estate, run, engine, monotonic=None):
    more = () if monotonic is None else (monotonic,)
    return running.resume(estate, run, engine, lambda _done, _of: None, *more)


@pytest.mark.shows("R2")
def test_a_suspended_agreement_stops_a_resume_before_anything_is_made(quickstart):
    with opened(quickstart) as estate:
        run = _begun(estate)
        estate.register.set_suspended(_agreement(estate), suspended=True)
        engine = _Engine()
        with pytest.raises(Refusal, match="is suspended"):
            _resume(estate, run, engine)
        assert engine.made == 0
        assert estate.runs.state(run) is State.RUNNING
        entry = estate.audit.entries(1)[0]
        assert (entry.action, entry.body["run"]) == ("batch.refused", run)
        assert entry.body["refused"][0]["reasons"][0]["code"] == "agreement.suspended"
        assert estate.audit.verify()


@pytest.mark.slow
def test_a_run_that_was_stopped_is_resumed_once_the_agreement_is(quickstart):
    with opened(quickstart) as estate:
        run = _begun(estate)
        reference = _agreement(estate)
        estate.register.set_suspended(reference, suspended=True)
        with pytest.raises(Refusal):
            _resume(estate, run, _Engine())
        estate.register.set_suspended(reference, suspended=False)
        assert _resume(estate, run, _Engine()).issued == COUNT


@pytest.mark.slow
@pytest.mark.parametrize("waits", [True, False])
def test_a_run_stops_within_a_minute_of_the_suspension_and_keeps_its_tiles(
    quickstart, waits, monkeypatch
):
    monkeypatch.setattr(running, "GATHER_SECONDS", 0.0)
    seconds = _Seconds()
    with opened(quickstart) as estate, opened(quickstart) as other:
        run = _begun(estate)

        def suspended_by_another():
            if engine.made == 1:
                other.register.set_suspended(_agreement(other), suspended=True)
            seconds.now += reauthorisation.SECONDS / 2

        engine = _Engine(suspended_by_another, waits=waits)
        with pytest.raises(Refusal, match="is suspended"):
            _resume(estate, run, engine, seconds)
        assert engine.made == 2
        kept = estate.runs.get(run)
        assert (kept.state, 0 < kept.issued < COUNT) == (State.INTERRUPTED, True)
        other.register.set_suspended(_agreement(other), suspended=False)
        assert _resume(estate, run, _Engine()).issued == COUNT
        assert estate.tiles.verify() == TILES


@pytest.mark.slow
def test_the_gate_is_not_asked_more_often_than_it_must(quickstart, monkeypatch):
    asked = []
    monkeypatch.setattr(reauthorisation.Reauthorisation, "_check", lambda _: asked.append(1))
    monkeypatch.setattr(running, "GATHER_SECONDS", 0.0)
    with opened(quickstart) as estate:
        _resume(estate, _begun(estate), _Engine(), _Seconds())
    assert len(asked) == 1
    assert reauthorisation.SECONDS < 60


def test_an_agreement_that_has_ended_stops_a_run(quickstart):
    with opened(quickstart) as estate:
        run = _begun(estate)
        estate.register.end_agreement(_agreement(estate), date(2198, 12, 31))
    at = parse_instant("2199-01-01")
    with opened(quickstart, at) as estate, pytest.raises(Refusal) as caught:
        _resume(estate, run, _Engine())
    assert [reason.code for reason in caught.value.reasons] == ["agreement.expired"]


@pytest.mark.slow
def test_an_agreement_that_was_replaced_stops_a_run_until_it_covers_the_run_again(quickstart):
    text = (shipped("examples") / "participants.toml").read_bytes()
    start = text.index(b'reference = "BIL-2020-001"')
    changed = text[start:].replace(b"environments = [", b'environments = ["SIT-A"] # [')
    fewer = b"[[agreement]]\n" + changed
    with opened(quickstart) as estate:
        run = _begun(estate)
        estate.register.replace_agreements(fewer, "fewer.toml")
        with pytest.raises(Refusal) as caught:
            _resume(estate, run, _Engine())
        assert [reason.code for reason in caught.value.reasons] == ["environment.not_covered"]
        estate.register.replace_agreements(text, "participants.toml")
        assert _resume(estate, run, _Engine()).issued == COUNT
        assert estate.audit.verify()


@pytest.mark.slow
def test_quotas_are_not_counted_twice(quickstart):
    with opened(quickstart) as estate:
        category = next(one for one in estate.library.categories if one.holds("device", None))
        assert category.quota.per_device_id is not None
        run = _begun(estate, 5)
        for _ in range(category.quota.per_device_id - 1):
            _begun(estate, 5)
        assert _resume(estate, run, _Engine()).state is State.DONE


@pytest.mark.slow
def test_every_kind_of_row_is_asked_about_again(quickstart, tmp_path):
    path = batches.write(tmp_path / "rows.jsonl", batches.mixed())
    with opened(quickstart) as estate:
        with estate.transaction():
            plan = Plan(estate, "manifest", None, Secrets.of_run(None))
            for row in from_manifest(estate, lines(path, columns(estate.library)), lambda _: b""):
                plan.add(row)
            run = plan.store()
        estate.register.set_suspended(_agreement(estate, "network-one"), suspended=True)
        with pytest.raises(Refusal) as caught:
            _resume(estate, run, _Engine())
        assert {reason.code for reason in caught.value.reasons} == {"agreement.suspended"}
        estate.register.set_suspended(_agreement(estate, "network-one"), suspended=False)
        assert _resume(estate, run, _Engine()).state is State.DONE


def test_the_command_is_refused_and_says_why(command, quickstart):
    with opened(quickstart) as estate:
        run = _begun(estate)
        estate.register.set_suspended(_agreement(estate), suspended=True)
    outcome = command("--estate", quickstart, "batch", "resume", run, "--workers", 1)
    assert outcome.code == 3
    assert outcome.err.startswith("refused [agreement.suspended, R2]: ")
    assert command("--estate", quickstart, "audit", "verify").code == 0


_OTHER_ENTRY = """
[[participant]]
id = "late-owner"
name = "Late Owner"
kind = "manufacturer"
registry-entries = [{ value = "00-DB-99", exclusive = true }]
"""


def _of_two_entries(estate, tmp_path, count=2 * TILE_ROWS + 5, party="supplier-one"):
    """A run of a Party whose tiles each begin in one Registry Entry and go on in another."""
    rows = [
        {
            "participant": party,
            "purpose": "uept",
            "profile": "device",
            "device-id": f"{'88-88-88' if n % TILE_ROWS == 0 else '00-DB-99'}-00-00-{n >> 16:02X}"
            f"-{n >> 8 & 255:02X}-{n & 255:02X}",
            "hw-type": batches.HW_TYPE,
            "usage": "key-agreement",
        }
        for n in range(count)
    ]
    path = batches.write(tmp_path / "two.jsonl", rows)
    with estate.transaction():
        plan = Plan(estate, "manifest", None, Secrets.of_run(None))
        for row in from_manifest(estate, lines(path, columns(estate.library)), lambda _: b""):
            plan.add(row)
        assert not plan.problems
        return plan.store()


@pytest.mark.slow
def test_rows_that_the_register_forbids_meanwhile_are_not_issued(quickstart, tmp_path):
    with opened(quickstart) as estate:
        run = _of_two_entries(estate, tmp_path)
        estate.register.import_file(_OTHER_ENTRY.encode(), "late.toml")
        engine = _Engine()
        with pytest.raises(Refusal) as caught:
            _resume(estate, run, engine)
        codes = {reason.code for reason in caught.value.reasons}
        assert (engine.made, codes) == (0, {"device_id.exclusive_registry_entry"})
        open_to_all = _OTHER_ENTRY.replace(", exclusive = true", "")
        estate.register.import_file(open_to_all.encode(), "late.toml")
        assert _resume(estate, run, _Engine()).state is State.DONE


@pytest.mark.slow
def test_a_run_stops_within_a_minute_of_an_entry_becoming_exclusive(
    quickstart, tmp_path, monkeypatch
):
    monkeypatch.setattr(running, "GATHER_SECONDS", 0.0)
    seconds = _Seconds()
    with opened(quickstart) as estate, opened(quickstart) as other:
        run = _of_two_entries(estate, tmp_path)

        def claimed_by_another():
            if engine.made == 1:
                other.register.import_file(_OTHER_ENTRY.encode(), "late.toml")
            seconds.now += reauthorisation.SECONDS

        engine = _Engine(claimed_by_another)
        with pytest.raises(Refusal, match="which is exclusive"):
            _resume(estate, run, engine, seconds)
        assert 0 < estate.runs.get(run).issued <= TILE_ROWS


def test_every_row_is_asked_about_only_after_a_change(quickstart, tmp_path, monkeypatch):
    asked = []
    admit = Gate.admit

    def counted(gate, request, authorisation):
        asked.append(request.subject.embedded_id)
        admit(gate, request, authorisation)

    with opened(quickstart) as estate:
        run = _of_two_entries(estate, tmp_path, 5)
        other = _of_two_entries(estate, tmp_path, 5, "network-one")
        monkeypatch.setattr(Gate, "admit", counted)
        _resume(estate, run, _Engine())
        assert not asked
        open_to_all = _OTHER_ENTRY.replace(", exclusive = true", "")
        estate.register.import_file(open_to_all.encode(), "late.toml")
        _resume(estate, other, _Engine())
        assert len(asked) == 4


@pytest.mark.slow
def test_what_a_row_states_is_asked_about_again(quickstart, tmp_path, monkeypatch):
    """Not only its role and ID: its Signifier and texts, too."""
    asked = []
    authorise = Gate.authorise

    def kept(gate, request, at):
        asked.append(request.subject)
        return authorise(gate, request, at)

    path = batches.write(tmp_path / "rows.jsonl", batches.mixed())
    with opened(quickstart) as estate:
        with estate.transaction():
            plan = Plan(estate, "manifest", None, Secrets.of_run(None))
            rows = from_manifest(estate, lines(path, columns(estate.library)), lambda _: b"")
            planned = list(rows)
            for row in planned:
                plan.add(row)
            run = plan.store()
        monkeypatch.setattr(Gate, "authorise", kept)
        _resume(estate, run, _Engine())
        stated = [dict(row.request.subject.inputs) for row in planned]
        register = estate.register.load()
        assert asked
        for subject in asked:
            inputs = dict(subject.inputs)
            signifier = inputs.pop("signifier", None)
            assert inputs in stated
            assert signifier is None or register.holder_of_signifier(signifier) is not None
