"""What runs out: certificates, CAs, those of runs, and other people's; also as a calendar."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

import batches
from estates import opened
from smki_testca.authority.filling import Validity
from smki_testca.authority.revocation import Reason
from smki_testca.clock import parse_end, parse_period
from smki_testca.errors import InputError
from smki_testca.estate import run_certificates
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.exporters.icalendar import calendar
from smki_testca.lifecycle.expiry import Expiring, ExpiringKind
from smki_testca.x509.view import view_certificate

COUNT = 30
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
FORTNIGHT = timedelta(days=14)


def end_of(estate, label):
    (record,) = estate.select(Selection(label=label))
    return record.not_after


@pytest.fixture
def dccki_end(estate):
    return max(item.not_after for item in estate.select(Selection(profile="dccki")))


def names(found):
    return [item.name for item in found]


DCCKI = ["dccki-dcc-gateway", "dccki-rdp-one", "dccki-supplier-one"]


def test_what_ends_before_a_time_is_listed_the_first_first(estate, dccki_end):
    assert estate.expiring(estate.clock.now() + timedelta(days=90)) == []
    found = estate.expiring(dccki_end + timedelta(seconds=1))
    assert sorted(names(found)) == DCCKI
    assert [item.not_after for item in found] == sorted(item.not_after for item in found)
    assert {item.kind for item in found} == {ExpiringKind.CERTIFICATE}
    assert len(estate.expiring(dccki_end)) < len(found)


@pytest.mark.slow
def test_what_has_run_out_already_is_listed_until_something_takes_its_place(quickstart, dccki_end):
    with opened(quickstart, dccki_end + timedelta(days=1)) as estate:
        soon = estate.clock.now() + timedelta(days=90)
        assert sorted(names(estate.expiring(soon))) == DCCKI
        estate.renew(Selection(label="dccki-rdp-one"))
        estate.revoke(
            Selection(label="dccki-dcc-gateway"), Reason.SUPERSEDED, at=NOW.replace(year=2027)
        )
        assert names(estate.expiring(soon)) == ["dccki-supplier-one"]


def test_what_was_put_out_of_use_is_not_listed_not_even_once_it_has_run_out(
    estate, quickstart, dccki_end
):
    estate.set_status(Selection(label="dccki-rdp-one"), Status.NOT_IN_USE)
    after = dccki_end + timedelta(days=1)
    assert "dccki-rdp-one" not in names(estate.expiring(after))
    with opened(quickstart, after) as later:
        assert "dccki-rdp-one" not in names(later.expiring(after))


def test_cas_are_listed_until_they_are_renewed(quickstart, estate):
    soon = end_of(estate, "Z1") + timedelta(days=1)
    with opened(quickstart, end_of(estate, "Z1") - timedelta(days=30)) as later:
        found = [item for item in later.expiring(soon) if item.kind is ExpiringKind.AUTHORITY]
        assert {"Z1", "DZ1"} < set(names(found))
        later.renew_authority("Z1")
        found = [item for item in later.expiring(soon) if item.kind is ExpiringKind.AUTHORITY]
        assert "Z1" not in names(found)
        assert "DZ1" in names(found)
        later.revoke(Selection(label="EII DCCKICA ZAZ1 Test"), Reason.CA_COMPROMISE)
        assert "EII DCCKICA ZAZ1 Test" not in names(later.expiring(soon))


@pytest.fixture(scope="module")
def with_runs_original(quickstart_original, tmp_path_factory):
    folder = tmp_path_factory.mktemp("with-runs")
    directory = folder / "estate"
    shutil.copytree(quickstart_original, directory)
    rows = [batches.dccki(**{"common-name": f"host-{n}.test"}) for n in range(3)]
    rows += [batches.device(0x7000 + n) for n in range(COUNT)]
    manifest = batches.write(folder / "rows.jsonl", rows)
    for words in ([manifest], batches.range_of(COUNT, 0x8000)):
        call = [
            sys.executable,
            "-m",
            "smki_testca",
            "--estate",
            directory,
            "batch",
            "issue",
            *words,
        ]
        subprocess.run([*map(str, call)], check=True, capture_output=True)
    return directory


@pytest.fixture
def with_runs(with_runs_original, tmp_path):
    directory = tmp_path / "with-runs"
    shutil.copytree(with_runs_original, directory)
    with opened(directory) as estate:
        yield estate


@pytest.mark.slow
def test_certificates_of_runs_that_end_are_listed_and_the_endless_ones_not_even_read(
    with_runs, monkeypatch
):
    read = []
    whole = view_certificate

    def counting(der):
        read.append(der)
        return whole(der)

    monkeypatch.setattr(run_certificates, "view_certificate", counting)
    found = with_runs.expiring(with_runs.clock.now() + timedelta(days=1000))
    of_run = [item for item in found if item.name not in DCCKI]
    assert len(of_run) == 3
    assert {item.profile for item in of_run} == {"dccki"}
    assert len(read) < COUNT


@pytest.mark.slow
def test_a_renewed_certificate_of_a_run_is_not_listed_any_more(with_runs):
    soon = with_runs.clock.now() + timedelta(days=1000)
    with_runs.renew(
        Selection(profile="dccki", expires_before=soon),
        validity=Validity(not_after=soon + timedelta(days=1)),
    )
    assert with_runs.expiring(soon) == []


# The calendar.


def expiring(number=1, **changed):
    told: dict[str, Any] = {
        "kind": ExpiringKind.CERTIFICATE,
        "id": f"{number:032X}",
        "name": f"name-{number}",
        "participant": "supplier-one",
        "profile": "organisation",
        "not_after": datetime(2027, 1, 2, 23, 59, 59, tzinfo=UTC),
    }
    return Expiring(**(told | changed))


def test_every_certificate_is_one_event_at_its_end_with_an_alarm_before():
    octets = calendar([expiring(1), expiring(2)], NOW, FORTNIGHT)
    events = Calendar.from_ical(octets).walk("VEVENT")
    assert [str(item["uid"]) for item in events] == [
        f"{number:032x}@smki-testca" for number in (1, 2)
    ]
    for event in events:
        assert event["dtstart"].dt == datetime(2027, 1, 2, 23, 59, 59, tzinfo=UTC)
        assert event["dtstamp"].dt == NOW
        (alarm,) = event.walk("VALARM")
        assert alarm["trigger"].dt == -FORTNIGHT
        assert str(alarm["action"]) == "DISPLAY"
    assert str(events[0]["summary"]) == "Certificate name-1 of supplier-one expires"


def test_the_same_estate_and_time_give_the_same_octets(estate, dccki_end):
    found = estate.expiring(dccki_end + timedelta(days=1))
    assert calendar(found, NOW, FORTNIGHT) == calendar(list(found), NOW, FORTNIGHT)


@pytest.mark.parametrize("name", ["x" * 300, "Zürich; a,b\\c: " * 12, "多" * 90, 'q"\nnext'])
def test_long_and_strange_names_are_folded_and_escaped(name):
    octets = calendar([expiring(name=name)], NOW, FORTNIGHT)
    assert octets.endswith(b"END:VCALENDAR\r\n")
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert all(len(line) <= 75 for line in octets.split(b"\r\n"))
    (event,) = Calendar.from_ical(octets).walk("VEVENT")
    assert str(event["summary"]) == f"Certificate {name} of supplier-one expires"


def test_a_calendar_without_events_is_one_all_the_same():
    assert Calendar.from_ical(calendar([], NOW, FORTNIGHT)).walk("VEVENT") == []


def test_cas_and_external_certificates_have_no_holder():
    given = [
        expiring(1, kind=ExpiringKind.AUTHORITY, participant=None, name="Z1"),
        expiring(
            2, kind=ExpiringKind.EXTERNAL, participant=None, name="keystore.json", id="ab" * 32
        ),
    ]
    events = Calendar.from_ical(calendar(given, NOW, FORTNIGHT)).walk("VEVENT")
    assert [str(item["summary"]) for item in events] == [
        "CA Z1 expires",
        "External certificate keystore.json expires",
    ]
    assert str(events[1]["uid"]) == "ab" * 32 + "@smki-testca"


# How times are told.


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("6w", timedelta(weeks=6)),
        ("0d", timedelta(0)),
        ("36525d", timedelta(days=36525)),
    ],
)
def test_a_length_of_time_is_a_number_and_a_unit(text, period):
    assert parse_period(text) == period


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5d", "36526d", "9999999d", "٣d", "1y"])
def test_other_lengths_of_time_are_refused(text):
    with pytest.raises(InputError) as caught:
        parse_period(text)
    assert caught.value.code == "time.period"


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2027-01-31", datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)),
        ("2027-01-31T00:00:00Z", datetime(2027, 1, 31, tzinfo=UTC)),
        ("20270131", datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_date_ends_with_its_day(text, end):
    assert parse_end(text) == end


@pytest.mark.parametrize("text", ["tomorrow", "2027-02-30", "2027-01-31T00:00:00+02:00"])
def test_an_end_that_is_no_utc_time_is_refused(text):
    with pytest.raises(InputError) as caught:
        parse_end(text)
    assert caught.value.code == "time.form"
