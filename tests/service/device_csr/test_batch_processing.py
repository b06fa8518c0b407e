"""What becomes of submitted batches: their states, their results, and each certificate once."""

import contextlib
import io
import sqlite3
import zipfile
from datetime import UTC, datetime, time, timedelta

import pytest
from cryptography import x509

import csrs
import submissions
from estates import opened
from smki_testca.errors import AlreadySoError, EstateError, InputError
from smki_testca.estate.batch_requests import BatchState, Origin
from smki_testca.issuance.batch import portal, running
from smki_testca.register.requests import Delivery
from smki_testca.service.device_csr import csr_batches
from smki_testca.service.device_csr.batch_processing import AGAIN_SECONDS, ProcessingEnded
from smki_testca.service.device_csr.submitted_csrs import source_of
from smki_testca.service.settings import Window

NIGHT = Window(time(20), time(8))
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATE = datetime(2026, 6, 1, 22, tzinfo=UTC)


@pytest.fixture
def ca(newcomer):
    """An estate that has issued nothing."""
    with opened(newcomer) as estate:
        yield estate


def _ids(certificates):
    """The Device IDs in certificates."""
    found = []
    for der in certificates:
        names = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        found.append(names.value[0].value[-8:])
    return found


def _issued(estate):
    """The Device IDs of every certificate that runs issued."""
    return sorted(
        record.eui64.value - submissions.FIRST
        for run in estate.runs.all()
        for record in estate.run_certificates.of_run(run)
    )


def _actions(estate, number):
    """The actions of the audit log that tell of a batch."""
    return [each.action for each in estate.audit.entries() if each.body.get("batch") == number]


def test_a_submitted_batch_is_pending_and_recorded_with_its_peer(ca):
    number = submissions.submit(ca, submissions.good(2))
    batch = ca.batch_requests.get(number)
    assert (batch.state, batch.csrs, batch.run) == (BatchState.PENDING, 2, None)
    assert ca.batch_requests.content(number) == submissions.message(submissions.good(2))
    (entry,) = ca.audit.entries(1)
    assert entry.action == "service.batched"
    assert entry.body["peer"] == submissions.PEER
    assert (entry.body["batch"], entry.body["csrs"], entry.body["reference"]) == (1, 2, "b1999")


def test_a_batch_goes_through_its_states_to_its_certificates(ca):
    number = submissions.submit(ca, submissions.good(3))
    submissions.processing(ca).work()
    batch = ca.batch_requests.get(number)
    assert batch.state is BatchState.COMPLETED
    assert (batch.issued, batch.signable, batch.csrs) == (3, 3, 3)
    assert ca.batch_requests.content(number) is None
    assert _actions(ca, number) == [
        "service.batched",
        "batch_request.parsing",
        "batch_request.queued",
        "batch_request.processing",
        "batch_request.completed",
    ]
    ca.audit.verify()


def test_each_csr_has_its_outcome_in_the_order_of_submission(ca):
    good = submissions.good(1)["ID0"]
    csr_by_id = {
        "first": submissions.device_csr(7),
        "no-csr": "AAAA",
        "empty": "",
        "organisation": csrs.organisation(submissions.key()),
        "agreement": submissions.device_csr(8, "ka"),
        "signing": submissions.device_csr(8, "ds"),
        "good": good,
        "again": good,
        "broken": good[:-1] + bytes([good[-1] ^ 1]),
        "last": submissions.device_csr(9, "ka"),
    }
    number = submissions.submit(ca, csr_by_id)
    submissions.processing(ca).work()
    outcomes = submissions.outcomes(ca, number)
    assert list(outcomes) == list(csr_by_id)
    success = {name for name, each in outcomes.items() if each.certificate}
    assert success == {"first", "agreement", "signing", "good", "last"}
    assert {outcomes[name].status for name in success} == {portal.ReportedOutcome.SUCCESS}
    for name in success:
        (device,) = _ids([outcomes[name].certificate])
        assert device in csr_by_id[name]
    assert {name: outcomes[name].code for name in csr_by_id if name not in success} == {
        "no-csr": "CR:FORM",
        "empty": "CR:FORM",
        "organisation": "CR:FORM",
        "again": "CR:FORM",
        "broken": "CR:SIGN",
    }
    assert all(outcomes[name].reason for name in csr_by_id if name not in success)


def test_a_batch_of_which_nothing_can_be_signed_is_complete_and_has_no_run(ca):
    # Meters One has not agreed to remote delivery, and this is one.
    number = submissions.submit(ca, submissions.good(2), participant="meters-one")
    submissions.processing(ca).work()
    batch = ca.batch_requests.get(number)
    assert (batch.state, batch.run, batch.issued) == (BatchState.COMPLETED, None, 0)
    outcomes = submissions.outcomes(ca, number).values()
    assert [each.status for each in outcomes] == [portal.ReportedOutcome.INELIGIBLE] * 2
    assert "remote delivery" in next(iter(outcomes)).reason
    assert not ca.runs.all()


@pytest.mark.shows("R21")
def test_the_hundredth_certificate_of_a_device_is_the_last(ca):
    csr_by_id = {}
    for number in range(101):
        key = csrs.new_key()
        device = submissions.FIRST.to_bytes(8)
        csr_by_id[f"ID{number}"] = csrs.device(key, device_id=device)
    number = submissions.submit(ca, csr_by_id)
    submissions.processing(ca).work()
    outcomes = submissions.outcomes(ca, number)
    anomalies = {name: each.code for name, each in outcomes.items() if not each.certificate}
    assert anomalies == {"ID100": "CA:LIMIT"}
    assert outcomes["ID100"].status is portal.ReportedOutcome.ANOMALY


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE batch_contents SET content = CAST(replace(content, 'ID0', 'ID9') AS BLOB)",
        "UPDATE batch_requests SET digest = zeroblob(32)",
        "DELETE FROM batch_contents",
    ],
)
def test_a_batch_whose_content_was_changed_is_not_processed(newcomer, change):
    with opened(newcomer) as estate:
        number = submissions.submit(estate, submissions.good(2))
        sound = submissions.submit(estate, submissions.good(1, first=20))
    with contextlib.closing(sqlite3.connect(newcomer / "estate.sqlite")) as file, file:
        file.execute(f"{change} WHERE {'id' if 'requests' in change else 'batch'} = {number}")
    with opened(newcomer) as estate:
        submissions.processing(estate).work()
        batch = estate.batch_requests.get(number)
        assert (batch.state, batch.run) == (BatchState.TAMPERED, None)
        assert estate.batch_requests.get(sound).state is BatchState.COMPLETED
        assert _issued(estate) == [20]
        assert _actions(estate, number)[-1] == "batch_request.tampered"
        with pytest.raises(InputError, match="TAMPERED"):
            csr_batches.result_of(estate, batch)
        # Who changed the file behind the program's back is found out, too.
        with pytest.raises(EstateError):
            estate.audit.verify()


def test_outside_the_window_batches_wait(newcomer):
    with opened(newcomer, NOON) as estate:
        number = submissions.submit(estate, submissions.good(2))
        submissions.processing(estate, NIGHT).work()
        batch = estate.batch_requests.get(number)
        assert (batch.state, batch.issued) == (BatchState.QUEUED, 0)
        assert csr_batches.shown_state(batch, NIGHT, NOON.time()) is BatchState.PAUSED
        assert csr_batches.shown_state(batch, NIGHT, LATE.time()) is BatchState.QUEUED
        assert csr_batches.shown_state(batch, None, NOON.time()) is BatchState.QUEUED
    with opened(newcomer, LATE) as estate:
        submissions.processing(estate, NIGHT).work()
        batch = estate.batch_requests.get(number)
        assert batch.state is BatchState.COMPLETED
        assert csr_batches.shown_state(batch, NIGHT, NOON.time()) is BatchState.COMPLETED
        assert _issued(estate) == [0, 1]


class _Hands:
    """A clock whose hands a test moves."""

    def __init__(self, at):
        self.at = at

    def now(self):
        return self.at


@pytest.mark.slow
def test_a_batch_whose_window_closes_goes_on_when_it_opens_again(newcomer, monkeypatch):
    monkeypatch.setattr("smki_testca.issuance.batch.planning.TILE_ROWS", 2)
    monkeypatch.setattr("smki_testca.issuance.batch.running.GATHER_SECONDS", 0)
    hands = _Hands(datetime(2026, 6, 2, 7, 59, tzinfo=UTC))
    with opened(newcomer) as estate:
        monkeypatch.setattr(estate, "_clock", hands)
        number = submissions.submit(estate, submissions.good(6))
        looks = []

        def close_soon():
            looks.append(estate.batch_requests.get(number).issued)
            if looks[-1] >= 2:
                hands.at = datetime(2026, 6, 2, 8, tzinfo=UTC)

        submissions.processing(estate, NIGHT, check=close_soon).work()
        batch = estate.batch_requests.get(number)
        assert batch.state is BatchState.PROCESSING
        assert 2 <= batch.issued < 6
        assert csr_batches.shown_state(batch, NIGHT, hands.at.time()) is BatchState.PAUSED
        hands.at = datetime(2026, 6, 2, 20, tzinfo=UTC)
        submissions.processing(estate, NIGHT).work()
        assert estate.batch_requests.get(number).state is BatchState.COMPLETED
        assert _issued(estate) == [0, 1, 2, 3, 4, 5]


def test_a_batch_that_is_rejected_before_it_is_parsed_is_not_processed(ca):
    number = submissions.submit(ca, submissions.good(2))
    csr_batches.reject(ca, number, None, {"how": "operator"}, "wrong Devices")
    submissions.processing(ca).work()
    batch = ca.batch_requests.get(number)
    assert (batch.state, batch.run) == (BatchState.REJECTED, None)
    assert batch.finished is not None
    assert ca.batch_requests.content(number) is None
    (entry,) = ca.audit.entries(1)
    assert entry.body == {"batch": 1, "reason": "wrong Devices", "peer": {"how": "operator"}}
    with pytest.raises(AlreadySoError, match="REJECTED already"):
        csr_batches.reject(ca, number, None, {}, "again")


@pytest.mark.slow
def test_rejecting_a_batch_cancels_its_run(newcomer):
    with opened(newcomer, NOON) as estate:
        number = submissions.submit(estate, submissions.good(2))
        submissions.processing(estate, NIGHT).work()
        csr_batches.reject(estate, number, "supplier-one", submissions.PEER, "mine")
        batch = estate.batch_requests.get(number)
        assert batch.state is BatchState.REJECTED
        assert estate.runs.get(batch.run).state == "cancelled"
    with opened(newcomer, LATE) as estate:
        submissions.processing(estate, NIGHT).work()
        assert _issued(estate) == []


def test_a_batch_whose_run_is_cancelled_is_rejected(newcomer):
    with opened(newcomer, NOON) as estate:
        number = submissions.submit(estate, submissions.good(2))
        submissions.processing(estate, NIGHT).work()
        running.cancel(estate, estate.batch_requests.get(number).run)
        assert estate.batch_requests.get(number).state is BatchState.REJECTED
        submissions.processing(estate, NIGHT).work()
        assert _actions(estate, number)[-1] == "batch_request.rejected"
        assert not estate.batch_requests.unfinished()


def test_a_run_that_was_resumed_by_hand_completes_its_batch(newcomer, command):
    with opened(newcomer, NOON) as estate:
        number = submissions.submit(estate, submissions.good(2))
        submissions.processing(estate, NIGHT).work()
    assert command("--estate", newcomer, "batch", "resume", "1").code == 0
    with opened(newcomer) as estate:
        assert estate.batch_requests.get(number).state is BatchState.COMPLETED
        submissions.processing(estate, NIGHT).work()
        assert _actions(estate, number).count("batch_request.completed") == 1
        assert len(submissions.outcomes(estate, number)) == 2


def test_results_are_kept_for_thirty_days(newcomer):
    with opened(newcomer, NOON) as estate:
        number = submissions.submit(estate, submissions.good(1))
        submissions.processing(estate).work()
    last = NOON + timedelta(days=30) - timedelta(seconds=1)
    with opened(newcomer, last) as estate:
        assert submissions.outcomes(estate, number)
    with opened(newcomer, NOON + timedelta(days=30)) as estate:
        with pytest.raises(InputError, match="no longer kept"):
            submissions.outcomes(estate, number)
        with pytest.raises(InputError, match="no longer kept"):
            csr_batches.response(estate, number, None)
        assert not estate.batch_requests.get(number).is_result_kept(estate.clock.now())


def test_two_processes_make_one_run_of_a_batch(newcomer):
    with opened(newcomer) as one, opened(newcomer) as other:
        number = submissions.submit(one, submissions.good(3))
        is_first = [True]

        def meanwhile():
            # The other does all of it while the first one reads the CSRs.
            state = one.batch_requests.get(number).state
            if is_first and state is BatchState.PARSING:
                is_first.clear()
                submissions.processing(other).work()

        told = []
        submissions.processing(one, check=meanwhile, told=told).work()
        assert not is_first
        assert told == []
        assert len(one.runs.all()) == 1
        assert _issued(one) == [0, 1, 2]
        assert _actions(one, number).count("batch_request.queued") == 1
        one.audit.verify()


@pytest.mark.slow
@pytest.mark.parametrize("state", ["PARSING", "PROCESSING"])
def test_a_process_that_ends_leaves_what_the_next_one_goes_on_with(newcomer, state):
    with opened(newcomer) as estate:
        number = submissions.submit(estate, submissions.good(3))

        def end():
            if estate.batch_requests.get(number).state == state:
                raise ProcessingEnded

        with pytest.raises(ProcessingEnded):
            submissions.processing(estate, check=end).work()
        assert estate.batch_requests.get(number).state == state
    with opened(newcomer) as estate:
        submissions.processing(estate).work()
        assert estate.batch_requests.get(number).state is BatchState.COMPLETED
        assert _issued(estate) == [0, 1, 2]
        assert len(estate.runs.all()) == 1


def test_what_the_gate_refuses_meanwhile_waits_and_holds_up_no_other(newcomer, command):
    now = datetime.now(UTC).replace(hour=12)
    with opened(newcomer, now) as estate:
        held = submissions.submit(estate, submissions.good(1))
        submissions.processing(estate, NIGHT).work()
    agreement = ("--estate", newcomer, "agreement")
    assert command(*agreement, "suspend", "SEC-2020-001").code == 0
    seconds, told = [0.0], []
    with opened(newcomer) as estate:
        other = submissions.submit(estate, submissions.good(1, first=30), "supplier-two")
        doing = submissions.processing(estate, told=told, monotonic=lambda: seconds[0])
        doing.work()
        assert estate.batch_requests.get(held).state is BatchState.PROCESSING
        assert estate.batch_requests.get(other).state is BatchState.COMPLETED
        assert len(told) == 1
        assert told[0].startswith(f"batch {held}: ")
        assert command(*agreement, "resume", "SEC-2020-001").code == 0
        doing.work()
        assert estate.batch_requests.get(held).state is BatchState.PROCESSING
        seconds[0] = AGAIN_SECONDS
        doing.work()
        assert estate.batch_requests.get(held).state is BatchState.COMPLETED


def test_a_fault_of_ours_holds_up_no_other_batch(ca, monkeypatch):
    broken = submissions.submit(ca, submissions.good(1), reference="broken")
    other = submissions.submit(ca, submissions.good(1, first=9))

    def fail(batch, content):
        if batch.id == broken:
            raise RuntimeError("a fault")
        return source_of(batch, content)

    told = []
    module = "smki_testca.service.device_csr.batch_processing"
    monkeypatch.setattr(f"{module}.source_of", fail)
    submissions.processing(ca, told=told).work()
    assert told == [f"batch {broken}: internal error: RuntimeError('a fault')"]
    assert ca.batch_requests.get(broken).state is BatchState.PARSING
    assert ca.batch_requests.get(other).state is BatchState.COMPLETED


def test_the_oldest_batch_is_complete_before_the_next_is_parsed(ca):
    numbers = [submissions.submit(ca, submissions.good(1, first=each)) for each in (0, 5)]
    submissions.processing(ca).work()
    entries = [each for each in ca.audit.entries() if each.action.startswith("batch_request.")]
    assert [each.body["batch"] for each in entries] == [numbers[0]] * 4 + [numbers[1]] * 4


# The portal.


def test_a_zip_of_the_portal_gets_its_response(ca):
    data = submissions.zipped(
        {"a.csr": submissions.device_csr(1), "b.csr": submissions.device_csr(2), "c.csr": "AAAA"}
    )
    number = submissions.submit_zip(ca, "C:\\Users\\me\\night.zip", data)
    batch = ca.batch_requests.get(number)
    assert (batch.origin, batch.reference, batch.csrs) == (Origin.PORTAL, "night.zip", 3)
    with pytest.raises(InputError, match="PENDING"):
        csr_batches.response(ca, number, None)
    submissions.processing(ca).work()
    name, response = csr_batches.response(ca, number, "supplier-one")
    assert name == "night-response.zip"
    with zipfile.ZipFile(io.BytesIO(response)) as outer:
        assert {"night-response.txt", "night-response.zip"} <= set(outer.namelist())
        with zipfile.ZipFile(io.BytesIO(outer.read("night-response.zip"))) as inner:
            assert inner.namelist() == ["a.crt", "b.crt"]
    (entry,) = [each for each in ca.audit.entries() if each.action == "service.portal"]
    assert entry.body["peer"] == {"how": "operator"}


def test_a_zip_is_delivered_as_its_portal_delivers(ca):
    # Meters One has not agreed to remote delivery.
    data = submissions.zipped({"a.csr": submissions.device_csr(1)})
    numbers = [
        submissions.submit_zip(ca, "night.zip", data, "meters-one", delivery)
        for delivery in (Delivery.REMOTE, Delivery.LOCAL)
    ]
    submissions.processing(ca).work()
    assert [ca.batch_requests.get(each).issued for each in numbers] == [0, 1]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/night.zip", "night.zip"),
        ("..", "batch.zip"),
        ("", "batch.zip"),
        ("a\nb.zip", "a\\nb.zip"),
        ("x" * 300, "x" * 200),
    ],
)
def test_a_zip_has_a_plain_name(name, kept):
    data = submissions.zipped({"a.csr": submissions.device_csr(1)})
    assert csr_batches.PortalZip.read(name, data).name == kept


def test_a_zip_that_is_refused_as_a_whole_is_no_batch():
    for data in (b"no ZIP", submissions.zipped({"a.txt": "AAAA"})):
        with pytest.raises(InputError) as caught:
            csr_batches.PortalZip.read("night.zip", data)
        assert caught.value.code == "batch.zip"


def test_a_message_has_a_response_on_the_portal_too(ca):
    number = submissions.submit(ca, submissions.good(1), reference="../../b1999")
    submissions.processing(ca).work()
    name, response = csr_batches.response(ca, number, "supplier-one")
    assert name == "batch-1-response.zip"
    with zipfile.ZipFile(io.BytesIO(response)) as outer:
        inner = io.BytesIO(outer.read("batch-1-response.zip"))
    with zipfile.ZipFile(inner) as certificates:
        assert certificates.namelist() == ["ID0.crt"]


def test_a_participant_sees_its_own_batches_and_the_operator_all(ca):
    mine = submissions.submit(ca, submissions.good(1))
    theirs = submissions.submit(ca, submissions.good(1, first=5), "supplier-two")

    def numbers(participant):
        return [each.id for each in csr_batches.visible(ca, participant)]

    assert numbers(None) == [theirs, mine]
    assert numbers("supplier-one") == [mine]
    assert numbers("supplier-two") == [theirs]
    for ask in (
        lambda: csr_batches.find(ca, theirs, "supplier-one"),
        lambda: csr_batches.response(ca, theirs, "supplier-one"),
        lambda: csr_batches.reject(ca, theirs, "supplier-one", {}, "not mine"),
        lambda: csr_batches.find(ca, 99, None),
        lambda: csr_batches.find(ca, 1 << 70, None),
    ):
        with pytest.raises(InputError) as caught:
            ask()
        assert caught.value.code == "batch_request.unknown"
    assert ca.batch_requests.get(theirs).state is BatchState.PENDING


def test_a_row_that_cannot_be_read_is_one_plain_error(newcomer):
    with opened(newcomer) as estate:
        submissions.submit(estate, submissions.good(1))
    with contextlib.closing(sqlite3.connect(newcomer / "estate.sqlite")) as file, file:
        file.execute("UPDATE batch_requests SET peer = '[]'")
    with opened(newcomer) as estate, pytest.raises(EstateError, match="batch_requests"):
        estate.batch_requests.get(1)
