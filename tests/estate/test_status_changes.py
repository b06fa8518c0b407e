import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batches import device_id, range_of
from estates import copied_with_run, opened
from smki_testca.authority.revocation import Reason
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.identifiers import Eui64

LATER = datetime(2040, 1, 1, tzinfo=UTC)
SUPPLIER = Selection(label="Z1-supplier-ds")
COUNT = 40


@pytest.fixture
def later(quickstart):
    """The quickstart estate when some of its certificates have run out."""
    with opened(quickstart, LATER) as estate:
        yield estate


@pytest.fixture(scope="module")
def with_run_original(quickstart_original, tmp_path_factory):
    directory = tmp_path_factory.mktemp("with-run") / "estate"
    words = range_of(COUNT, 0x7000, "key-agreement")
    return copied_with_run(quickstart_original, directory, *words)


@pytest.fixture
def with_run(with_run_original, tmp_path):
    """An estate with a run of 40 Device Certificates."""
    directory = tmp_path / "with-run"
    shutil.copytree(with_run_original, directory)
    with opened(directory) as estate:
        yield estate


def _one(estate, selection=SUPPLIER):
    (record,) = estate.select(selection)
    return record


def _device(number):
    return Selection(eui64=Eui64.parse(device_id(0x7000 + number)))


@pytest.mark.parametrize(
    ("text", "status"),
    [
        *((letter, Status(letter)) for letter in "PINER"),
        *((letter.lower(), Status(letter)) for letter in "PINER"),
        ("pending", Status.PENDING),
        ("in-use", Status.IN_USE),
        ("Not-In-Use", Status.NOT_IN_USE),
        ("expired", Status.EXPIRED),
        ("REVOKED", Status.REVOKED),
    ],
)
def test_letters_and_words_of_a_status_are_read_in_either_case(text, status):
    assert Status.parse(text) is status


@pytest.mark.parametrize("text", ["", "X", "in use", "PI", "\x1b[2J", "\u0131"])
def test_what_is_no_status_is_refused_with_all_that_are(text):
    with pytest.raises(InputError) as caught:
        Status.parse(text)
    assert caught.value.code == "status.unknown"
    assert "not-in-use (N)" in caught.value.remedy
    assert caught.value.message.isprintable()


@given(st.text())
def test_any_text_that_is_no_status_is_refused(text):
    if text.lower() not in {one for status in Status for one in (status.lower(), status.word)}:
        with pytest.raises(InputError) as caught:
            Status.parse(text)
        assert caught.value.code == "status.unknown"


def test_a_fresh_certificate_is_in_use_from_its_issue(estate):
    record = _one(estate)
    assert estate.status(record) is Status.IN_USE
    (step,) = estate.history(record)
    assert (step.status, step.at, step.note) == (Status.IN_USE, record.issued_at, "issued")
    assert estate.audit.entries()[step.audit - 1].action == "issue"


def test_what_was_set_is_stated_and_its_history_kept(quickstart):
    start = datetime(2030, 5, 1, tzinfo=UTC)
    for days, status in enumerate((Status.PENDING, Status.IN_USE, Status.NOT_IN_USE)):
        with opened(quickstart, start + timedelta(days=days)) as estate:
            estate.set_status(SUPPLIER, status)
            assert estate.status(_one(estate)) is status
    with opened(quickstart, start) as estate:
        steps = estate.history(_one(estate))
        assert [step.status.value for step in steps] == ["I", "P", "I", "N"]
        assert [step.at for step in steps[1:]] == [start + timedelta(days=one) for one in range(3)]
        entries = {entry.number: entry for entry in estate.audit.entries()}
        assert [entries[step.audit].body["status"] for step in steps[1:]] == ["P", "I", "N"]
        assert estate.audit.verify()


def test_setting_what_is_set_already_changes_nothing(estate, digest):
    before = digest()
    assert estate.set_status(SUPPLIER, Status.IN_USE) == []
    assert digest() == before


def test_an_expired_certificate_is_expired_whatever_was_set(quickstart):
    with opened(quickstart) as estate:
        estate.set_status(SUPPLIER, Status.NOT_IN_USE)
        record = _one(estate)
    for seconds, status in ((0, Status.NOT_IN_USE), (1, Status.EXPIRED)):
        # RFC 5280 4.1.2.5: notAfter itself is still within.
        with opened(quickstart, record.not_after + timedelta(seconds=seconds)) as estate:
            assert estate.status(record) is status
    with opened(quickstart, record.not_after + timedelta(days=1)) as estate:
        steps = estate.history(record)
    assert [step.status.value for step in steps] == ["I", "N", "E"]
    assert (steps[-1].at, steps[-1].audit) == (record.not_after, None)


def test_a_revoked_certificate_is_revoked_even_when_it_has_run_out(quickstart):
    with opened(quickstart) as estate:
        estate.revoke(SUPPLIER, Reason.SUPERSEDED)
        record = _one(estate)
    with opened(quickstart, LATER) as estate:
        assert estate.status(record) is Status.REVOKED
        assert [step.status.value for step in estate.history(record)] == ["I", "R"]


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.REVOKED])
def test_a_status_that_is_worked_out_cannot_be_set(estate, digest, status):
    before = digest()
    with pytest.raises(InputError) as caught:
        estate.set_status(SUPPLIER, status)
    assert caught.value.code == "status.worked_out"
    assert digest() == before


def test_one_revoked_certificate_keeps_the_whole_selection_as_it_is(estate, digest):
    estate.revoke(SUPPLIER, Reason.SUPERSEDED)
    before = digest()
    with pytest.raises(InputError) as caught:
        estate.set_status(Selection(participant="supplier-one"), Status.NOT_IN_USE)
    assert caught.value.code == "status.revoked"
    assert digest() == before
    living = Selection(participant="supplier-one", status=Status.IN_USE)
    changed = estate.set_status(living, Status.NOT_IN_USE)
    assert len(changed) == len(list(estate.select(Selection(participant="supplier-one")))) - 1


def test_an_expired_certificate_cannot_be_given_a_status(later):
    with pytest.raises(InputError) as caught:
        later.set_status(SUPPLIER, Status.NOT_IN_USE)
    assert caught.value.code == "status.expired"


def test_nothing_selected_is_refused(estate):
    with pytest.raises(InputError) as caught:
        estate.set_status(Selection(label="none"), Status.PENDING)
    assert caught.value.code == "selection.nothing"


def test_every_status_selects_its_certificates_and_all_together_each_once(quickstart):
    with opened(quickstart) as estate:
        estate.revoke(SUPPLIER, Reason.SUPERSEDED)
        estate.set_status(Selection(label="ESME-ka"), Status.NOT_IN_USE)
        estate.set_status(Selection(label="ESME-ds"), Status.NOT_IN_USE)
        estate.set_status(Selection(label="ESME-ds"), Status.PENDING)
    with opened(quickstart, LATER) as estate:
        found = {status: list(estate.select(Selection(status=status))) for status in Status}
        assert [one.label for one in found[Status.REVOKED]] == ["Z1-supplier-ds"]
        assert [one.label for one in found[Status.NOT_IN_USE]] == ["ESME-ka"]
        assert [one.label for one in found[Status.PENDING]] == ["ESME-ds"]
        assert found[Status.EXPIRED]
        assert found[Status.IN_USE]
        for status, records in found.items():
            assert {estate.status(one) for one in records} == {status}
        serials = [one.serial for records in found.values() for one in records]
        assert len(serials) == len(set(serials)) == len(list(estate.select(Selection())))


def test_a_status_and_the_rest_of_a_selection_must_both_fit(estate):
    estate.revoke(Selection(label="Z1-supplier-ds"), Reason.SUPERSEDED)
    revoked = Status.REVOKED
    assert list(estate.select(Selection(participant="dcc", status=revoked))) == []
    record = _one(estate, Selection(participant="supplier-one", status=revoked))
    for selection in (Selection(serial=record.serial), Selection(eui64=record.eui64)):
        both = replace(selection, status=revoked)
        assert _one(estate, both).serial == record.serial
    assert list(estate.select(Selection(serial=record.serial, status=Status.IN_USE))) == []


@pytest.mark.slow
def test_certificates_of_runs_have_a_status_of_their_own(with_run):
    changed = with_run.set_status(_device(3), Status.NOT_IN_USE)
    assert [one.place is not None for one in changed] == [True]
    assert with_run.status(_one(with_run, _device(3))) is Status.NOT_IN_USE
    assert with_run.status(_one(with_run, _device(4))) is Status.IN_USE
    (found,) = with_run.select(Selection(status=Status.NOT_IN_USE))
    assert str(found.eui64) == device_id(0x7003)
    assert [step.status.value for step in with_run.history(found)] == ["I", "N"]
    in_use = with_run.select(Selection(profile="device", status=Status.IN_USE))
    assert sum(one.place is not None for one in in_use) == COUNT - 1
    for status in (Status.EXPIRED, Status.REVOKED, Status.PENDING):
        assert list(with_run.select(Selection(status=status))) == []


@pytest.mark.slow
def test_a_selection_by_status_reads_no_tiles_it_has_no_need_of(with_run, monkeypatch):
    with_run.set_status(Selection(label="ESME-ka"), Status.NOT_IN_USE)
    read = []
    monkeypatch.setattr(with_run.tiles, "open", read.append)
    for status in (Status.NOT_IN_USE, Status.PENDING, Status.REVOKED):
        list(with_run.select(Selection(status=status)))
    assert read == []


def test_only_tiles_that_ran_out_are_gone_through_for_the_expired(with_run_original):
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    with opened(with_run_original, end) as estate:
        assert _one(estate, _device(0)).not_after == end
        assert list(estate.select(Selection(profile="device", status=Status.EXPIRED))) == []
        past = end + timedelta(microseconds=1)
        for at, count in ((end, 0), (past, COUNT)):
            assert len(list(estate.run_certificates.select(Selection(), out_at=at))) == count
