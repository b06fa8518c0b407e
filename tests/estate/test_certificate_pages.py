"""Certificates page by page: nothing is left out, and a page costs little in a large estate."""

import os
import shutil
import sqlite3
from collections import Counter
from datetime import timedelta

import pytest

import work
from batches import HW_TYPE, device, device_id
from estates import copied_with_run, opened
from smki_testca.authority.revocation import Reason
from smki_testca.errors import InputError
from smki_testca.estate import certificate_pages
from smki_testca.estate.certificate_pages import Position, RunPlace
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.identifiers import Eui64, SerialPrefix
from smki_testca.labels import LabelPattern

RUN = (
    *("--profile", "device", "--participant", "meters-one", "--usage", "both"),
    *("--purpose", device()["purpose"], "--hw-type", HW_TYPE, "--label", "run-label"),
    *("--first-id", device_id(0x1000), "--count", "30", "--workers", "1"),
)


@pytest.fixture(scope="module")
def with_runs_original(quickstart_original, tmp_path_factory):
    """An estate with a run of 60 certificates; some are not in use, pending or revoked."""
    directory = tmp_path_factory.mktemp("pages") / "estate"
    copied_with_run(quickstart_original, directory, *RUN)
    with opened(directory) as estate:
        estate.set_status(
            Selection(eui64=[Eui64.parse(device_id(0x1000 + n)) for n in (3, 17)]),
            Status.NOT_IN_USE,
        )
        estate.set_status(Selection(label="ESME-ds"), Status.PENDING)
        estate.revoke(Selection(label="Z1-supplier-ds"), Reason.SUPERSEDED)
    return directory


@pytest.fixture
def with_runs(with_runs_original):
    with opened(with_runs_original) as estate:
        yield estate


def _walk(estate, selection=None, size=7, **more):
    """The certificates of all pages, with their statuses."""
    selection = selection or Selection()
    found, after = [], None
    while True:
        page = estate.certificate_pages.page(
            selection, estate.clock.now(), size, after=after, **more
        )
        assert len(page.certificates) == size or page.onward is None or page.is_cut
        found += page.certificates
        if page.onward is None:
            return found
        after = Position.parse(str(page.onward))


SELECTIONS = {
    "all": Selection(),
    "participant": Selection(participant="meters-one"),
    "profile": Selection(profile="organisation"),
    "label": Selection(label="run-label"),
    "pattern": Selection(label=LabelPattern("Z1-*")),
    "id": Selection(eui64=Eui64.parse(device_id(0x1004))),
    "id in use": Selection(eui64=Eui64.parse(device_id(0x1003)), status=Status.IN_USE),
    "not in use": Selection(status=Status.NOT_IN_USE),
    "pending": Selection(status=Status.PENDING),
    "revoked": Selection(status=Status.REVOKED),
    "in use": Selection(status=Status.IN_USE),
    "expired": Selection(status=Status.EXPIRED),
    "two statuses": Selection(status=(Status.NOT_IN_USE, Status.REVOKED)),
    "no status": Selection(status=()),
    "role": Selection(role=2),
    "usage of devices": Selection(profile="device", usage="key-agreement"),
    "nothing": Selection(participant="nobody"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SELECTIONS)
def test_the_pages_together_have_what_the_selection_has(with_runs, name):
    found = [record for record, _ in _walk(with_runs, SELECTIONS[name])]
    expected = list(with_runs.select(SELECTIONS[name]))
    assert Counter(str(each.serial) for each in found) == Counter(
        str(each.serial) for each in expected
    )


def test_the_newest_come_first_however_they_were_issued(with_runs_original, tmp_path):
    directory = tmp_path / "estate"
    shutil.copytree(with_runs_original, directory)
    with opened(directory) as estate:
        (record,) = estate.select(Selection(label="ESME-ds"))
        (again,) = estate.renew(Selection(serial=record.serial))
        found = [record for record, _ in _walk(estate)]
    assert found[0].serial == again.record.serial
    # A second may have both the run and others: those of the run stay together.
    places = [number for number, record in enumerate(found) if record.place is not None]
    assert places == list(range(places[0], places[0] + 60))
    assert [each.issued_at for each in found] == sorted((r.issued_at for r in found), reverse=True)
    of_run = [record.place for record in found if record.place is not None]
    assert of_run == sorted(of_run, reverse=True)
    alone = [record.audit for record in found if record.place is None]
    assert alone == sorted(alone, reverse=True)


@pytest.mark.parametrize("name", ["all", "id", "not in use", "in use"])
def test_those_of_one_run_are_found_by_it(with_runs, name):
    expected = {str(each.serial) for each in with_runs.select(SELECTIONS[name]) if each.place}
    found = [record for record, _ in _walk(with_runs, SELECTIONS[name], run=1)]
    assert {str(record.serial) for record in found} == expected
    assert len(found) == len(expected) > 0
    assert not _walk(with_runs, SELECTIONS[name], run=2)


def test_each_certificate_has_its_status(with_runs):
    for record, status in _walk(with_runs):
        assert status is with_runs.status(record)


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2, 50, 1000])
def test_pages_of_any_size_leave_nothing_out(with_runs, size):
    assert len(_walk(with_runs, size=size)) == len(list(with_runs.select(Selection())))


def test_a_name_is_found_in_the_subject_alone(with_runs):
    assert {record.label for record, _ in _walk(with_runs, name="supplier-one")} == {
        "dccki-supplier-one",
        "iki-supplier-one",
    }
    assert not _walk(with_runs, name="SUPPLIER-ONE")
    # This is in each certificate, and in the subject of none.
    assert not _walk(with_runs, name="\x06\x03U\x1d#")


def test_the_beginning_of_a_serial_number_finds_those_of_runs(with_runs):
    record = next(with_runs.select(Selection(label="run-label")))
    prefix = SerialPrefix.parse(str(record.serial)[:10])
    assert [each for each, _ in _walk(with_runs, Selection(serial=prefix))] == [record]


def test_a_page_ends_after_a_number_of_looks_and_the_next_goes_on(with_runs, monkeypatch):
    monkeypatch.setattr(certificate_pages, "MAX_LOOKS", 1)
    monkeypatch.setattr(certificate_pages, "_AT_A_TIME", 10)
    selection = Selection(label=LabelPattern("*-one"))
    page = with_runs.certificate_pages.page(selection, with_runs.clock.now(), 50)
    assert page.is_cut
    assert page.onward is not None
    found = [record for record, _ in _walk(with_runs, selection)]
    monkeypatch.undo()
    assert found == [record for record, _ in _walk(with_runs, selection)]
    assert found


@pytest.mark.parametrize(
    "text", ["", "1", "1-2", "-1-1", "1-2-3-4", "a-b-c", "1-2-" + "9" * 30, "²-1-1"]
)
def test_a_position_that_nobody_wrote_is_refused(text):
    with pytest.raises(InputError) as refused:
        Position.parse(text)
    assert refused.value.code == "page.position"


def _crowd(directory, count):
    """Add so many rows of certificates to an estate: copies of one under other numbers and IDs."""
    with sqlite3.connect(directory / "estate.sqlite") as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(certificates)")]
        (row,) = connection.execute("SELECT * FROM certificates WHERE label = 'ESME-ds'")
        place = {name: columns.index(name) for name in ("serial", "eui64", "label", "participant")}

        def rows():
            for number in range(count):
                values = list(row)
                values[place["serial"]] = b"\x20" + os.urandom(15)
                values[place["eui64"]] = (0x00DB12_00_00_100000 + number).to_bytes(8)
                values[place["label"]] = f"crowd-{number}"
                yield values

        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO certificates VALUES ({marks})", rows())  # noqa: S608 - marks
    connection.close()


@pytest.mark.slow
def test_what_an_index_finds_does_not_read_a_hundred_thousand_rows(quickstart_original, tmp_path):
    directory = tmp_path / "crowd"
    shutil.copytree(quickstart_original, directory)
    _crowd(directory, 100_000)
    with opened(directory) as estate:
        serial = next(estate.select(Selection(label="crowd-50000"))).serial
    few = (
        Selection(serial=serial),
        Selection(serial=SerialPrefix.parse(str(serial)[:8])),
        Selection(eui64=Eui64.parse("00-DB-12-00-00-10-C3-50")),
        Selection(label="crowd-50000"),
        Selection(participant="supplier-one"),
        Selection(participant="supplier-one", status=Status.IN_USE, role=2),
        Selection(),
    )
    for selection in few:
        with work.counted() as done, opened(directory) as estate:
            page = estate.certificate_pages.page(selection, estate.clock.now(), 50)
        assert page.certificates
        # Opening the estate takes some, too; one look at each row would take 500,000 and more.
        assert done.steps < 50_000, selection
    with work.counted() as done, opened(directory) as estate:
        # The numbers of all its rows are read from an index, and no row.
        after = Position(60_000, RunPlace(0, 0))
        page = estate.certificate_pages.page(
            Selection(participant="meters-one"), estate.clock.now(), 50, after=after
        )
    assert len(page.certificates) == 50
    assert done.steps < 1_500_000


@pytest.mark.slow
def test_an_expired_certificate_is_found_by_its_status(with_runs_original):
    with opened(with_runs_original) as estate:
        (record,) = estate.select(Selection(label="dccki-rdp-one"))
        later = record.not_after + timedelta(days=1)
        page = estate.certificate_pages.page(Selection(status=Status.EXPIRED), later, 50)
        assert {each.label for each, _ in page.certificates} == {
            "dccki-rdp-one",
            "dccki-supplier-one",
            "dccki-dcc-gateway",
        }
        assert {status for _, status in page.certificates} == {Status.EXPIRED}
