"""The dates and the public keys that a request may ask for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

import csrs
from experimental import allow_weaker
from smki_testca.api import Estate
from smki_testca.authority.filling import Validity
from smki_testca.clock import FixedClock
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import Eui64
from smki_testca.profiles.typed_subjects import DeviceSubject, OrganisationSubject
from smki_testca.roles import KeyUsage
from smki_testca.shipped import shipped
from smki_testca.x509.view import view_certificate

SUPPLIER = Eui64.parse("90b3d51f30010000")
JAN_2030 = datetime(2030, 1, 1, tzinfo=UTC)


def issued(estate, validity, subject=None, **options):
    subject = subject or OrganisationSubject(
        SUPPLIER, estate.library.roles.remote_party_role("supplier")
    )
    purpose = "device-and-user-system-tests"
    participant = options.pop("participant", "supplier-one")
    usages = options.pop("usages", (KeyUsage.KEY_AGREEMENT,))
    request = estate.request(participant, purpose, subject, usages)
    (record,), warnings = estate.issue(request, validity=validity, **options)
    return record, warnings


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)),
        (JAN_2030, JAN_2030 + timedelta(days=1)),
        (None, datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (datetime(1949, 12, 31, tzinfo=UTC), datetime(1950, 1, 1, tzinfo=UTC)),
        (datetime(2050, 1, 1, tzinfo=UTC), datetime(2051, 1, 1, tzinfo=UTC)),
        (JAN_2030, JAN_2030),
    ],
    ids=["expired", "not-yet", "end-alone", "before-1950", "from-2050", "one-second"],
)
def test_the_dates_asked_for_are_in_the_certificate(estate, start, end):
    record, _ = issued(estate, Validity(start, end))
    certificate = x509.load_der_x509_certificate(record.der)
    assert certificate.not_valid_after_utc == record.not_after == end
    assert certificate.not_valid_before_utc == record.not_before
    assert start in {None, record.not_before}


def test_a_beginning_alone_moves_the_end_that_the_profile_counts_from_it(estate):
    record, _ = issued(estate, Validity(JAN_2030))
    assert record.not_after == datetime(2039, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Validity(JAN_2030, JAN_2030 - timedelta(seconds=1)),
        lambda: Validity(None, datetime(2001, 1, 1, tzinfo=UTC)),
    ],
    ids=["both", "end-before-the-profile's-beginning"],
)
def test_an_end_before_the_beginning_is_refused_and_nothing_is_issued(estate, make):
    before = len(list(estate.select(Selection())))
    with pytest.raises(InputError) as caught:
        issued(estate, make())
    assert caught.value.code == "validity.order"
    assert len(list(estate.select(Selection()))) == before


def test_a_profile_that_ends_before_it_begins_issues_nothing(estate, tmp_path):
    text = Path(estate.library.directories[-1], "certificates", "device.toml").read_text("utf-8")
    end = '"9999-12-31T23:59:59Z"'
    assert text.count(end) == 1
    own = tmp_path / "own" / "certificates"
    own.mkdir(parents=True)
    (own / "device.toml").write_text(text.replace(end, '"1900-01-01T00:00:00Z"'), "utf-8")
    allow_weaker(own.parent)
    passphrase = (estate.directory / "passphrase").read_text().strip()
    with Estate.open(estate.directory, lambda: passphrase, profiles=own.parent) as opened:
        before = len(list(opened.select(Selection())))
        subject = DeviceSubject(Eui64.parse("00db120000000078"), csrs.HW_TYPE)
        request = opened.request(
            "meters-one",
            "device-and-user-system-tests",
            subject,
            (KeyUsage.KEY_AGREEMENT,),
        )
        with pytest.raises(InputError) as caught:
            opened.issue(request)
        assert caught.value.code == "validity.order"
        assert len(list(opened.select(Selection()))) == before


def test_a_device_certificate_never_expires_whoever_asks(estate):
    subject = DeviceSubject(Eui64.parse("00db120000000077"), csrs.HW_TYPE)
    meters = {"participant": "meters-one"}
    with pytest.raises(InputError) as caught:
        issued(estate, Validity(None, JAN_2030), subject, **meters)
    assert caught.value.code == "validity.fixed"
    never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    record, _ = issued(estate, Validity(JAN_2030, never), subject, **meters)
    assert (record.not_before, record.not_after) == (JAN_2030, never)


LONG = Validity(JAN_2030, datetime(2045, 1, 1, tzinfo=UTC))


def test_a_longer_time_than_was_ever_seen_is_remarked_on(estate):
    record, warnings = issued(estate, LONG)
    assert record.not_after.year == 2045
    assert any("10 years" in line for line in warnings)
    assert not any("10 years" in line for line in issued(estate, None)[1])


def test_ten_years_last_to_the_end_of_the_day(estate):
    last = datetime(2040, 1, 1, 23, 59, 59, tzinfo=UTC)
    for end, is_longer in ((last, False), (last + timedelta(seconds=1), True)):
        _, warnings = issued(estate, Validity(JAN_2030, end))
        assert any("10 years" in line for line in warnings) == is_longer


def test_a_longer_time_than_an_operator_allows_is_refused(quickstart):
    shipped_text = (shipped("profiles") / "certificates" / "organisation.toml").read_text("utf-8")
    strict = shipped_text.replace("max-years = 10 }", 'max-years = 10 }\nseverity = "error"')
    folder = quickstart / "profiles" / "certificates"
    folder.mkdir(parents=True)
    (folder / "organisation.toml").write_text(strict, "utf-8")
    with Estate.open(quickstart, (quickstart / "passphrase").read_text().strip) as estate:
        with pytest.raises(InputError) as caught:
            issued(estate, LONG)
        assert caught.value.code == "request.value"
        issued(estate, Validity(JAN_2030, datetime(2039, 1, 1, tzinfo=UTC)))


def test_a_public_key_is_certified_as_it_is(estate):
    key = csrs.spki(csrs.new_key())
    record, _ = issued(estate, None, public_key=key)
    assert view_certificate(record.der).octets("subjectPublicKeyInfo") == key
    assert estate.private_key(record) is None


def test_a_public_key_of_another_type_than_the_profile_asks_for_is_refused(estate):
    with pytest.raises(InputError) as caught:
        issued(estate, None, public_key=csrs.spki(csrs.rsa_key()))
    assert caught.value.code == "key.type"


@pytest.mark.slow
def test_a_profile_may_set_not_before_back(tmp_path):
    """For peers whose clocks are behind; the end is counted from the beginning."""
    text = (shipped("profiles") / "certificates" / "organisation.toml").read_text("utf-8")
    ours = tmp_path / "ours" / "certificates" / "organisation.toml"
    ours.parent.mkdir(parents=True)
    ours.write_text(text.replace('derived = "now"', 'derived = "now", backdate = 90', 1), "utf-8")
    now = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
    with Estate.create(
        tmp_path / "estate", "phrase", profiles=tmp_path / "ours", clock=FixedClock(now)
    ) as estate:
        estate.add_environment("ZAZ1")
        example = shipped("examples") / "participants.toml"
        estate.register.import_file(example.read_bytes(), example.name)
        record, warnings = issued(estate, None)
    assert (record.not_before, record.issued_at) == (datetime(2026, 11, 22, 23, tzinfo=UTC), now)
    assert record.not_after == datetime(2036, 11, 22, 22, 59, 59, tzinfo=UTC)
    assert (warnings, record.experimental) == ((), False)
    assert x509.load_der_x509_certificate(record.der).not_valid_before_utc == record.not_before
