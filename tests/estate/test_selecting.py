"""A selection finds what a plain filter over every certificate finds; times are UTC, in seconds."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from fnmatch import fnmatchcase

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

import batches
from estates import opened
from smki_testca.authority.filling import Validity
from smki_testca.authority.revocation import Reason
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.identifiers import Eui64, SerialPrefix
from smki_testca.labels import LabelPattern
from smki_testca.profiles.model import Hierarchy, Tier

FIELDS = ("participant", "eui64", "role", "usage", "profile", "label", "serial", "environment")
NOON = datetime(2028, 7, 1, 12, tzinfo=UTC)
SUMMER = timezone(timedelta(hours=1))
SUPPLIER = Selection(label="Z1-supplier-ds")


@pytest.fixture(scope="module")
def mixed(quickstart_original, tmp_path_factory):
    """Certificates of every status, issued one by one and by runs."""
    folder = tmp_path_factory.mktemp("selecting")
    directory = folder / "estate"
    shutil.copytree(quickstart_original, directory)
    manifest = batches.write(folder / "rows.csv", batches.mixed())
    call = [sys.executable, "-m", "smki_testca", "--estate", directory, "batch", "issue", manifest]
    subprocess.run([*map(str, call)], check=True, capture_output=True)
    with opened(directory) as estate:
        runs = [one for one in estate.select(Selection()) if one.place is not None]
        estate.revoke(Selection(label="sup-ds"), Reason.SUPERSEDED)
        estate.revoke(SUPPLIER, Reason.SUPERSEDED)
        devices = [one for one in runs if one.profile == "device"]
        estate.set_status(Selection(serial=devices[0].serial), Status.PENDING)
        estate.set_status(Selection(label="ESME-ka"), Status.PENDING)
        estate.renew(Selection(serial=devices[1].serial))
        estate.renew(Selection(label="Z1-supplier-ka"))
        estate.renew_authority("Z1")
        estate.roll_over(Hierarchy.DEVICE, "DZ1b")
    return directory


def _known(estate):
    return [(one, estate.status(one)) for one in estate.select(Selection())]


def _fits(record, status, asked):
    if status not in _several(asked.get("status", status)):
        return False
    before = asked.get("expires_before")
    if before is not None and not record.not_after < before:
        return False
    return all(
        any(_is(getattr(record, name), value) for value in _several(asked[name]))
        for name in FIELDS
        if name in asked
    )


def _several(part):
    return part if isinstance(part, list) else [part]


def _is(value, asked):
    if isinstance(asked, SerialPrefix):
        return str(value).startswith(asked.digits)
    if isinstance(asked, LabelPattern):
        return value is not None and fnmatchcase(value, asked.text)
    return value == asked


@pytest.mark.slow
def test_every_selection_finds_what_a_filter_over_all_certificates_finds(mixed):
    # The years are those in which nothing, end entities, issuing CAs and roots have run out.
    for year in (2027, 2045, 2060, 2090):
        with opened(mixed, datetime(year, 1, 1, tzinfo=UTC)) as estate:
            known = _known(estate)
            assert len({status for _, status in known}) >= 4
            _compare(estate, known)


def _compare(estate, known):
    some = st.sampled_from([record for record, _ in known])

    @given(
        like=some,
        names=st.sets(st.sampled_from(FIELDS), max_size=3),
        other=some,
        more=st.sets(st.sampled_from(FIELDS), max_size=1),
        both=st.booleans(),
        loosely=st.booleans(),
        status=st.none() | st.sampled_from(Status) | st.lists(st.sampled_from(Status), max_size=3),
        before=st.none() | some.map(lambda one: one.not_after),
        off=st.sampled_from([-1, 0, 0, 1]),
        zone=st.sampled_from([UTC, SUMMER, timezone(timedelta(hours=-5))]),
    )
    def compare(*, like, names, other, more, both, loosely, status, before, off, zone):
        asked = {name: getattr(like, name) for name in names}
        asked |= {name: getattr(other, name) for name in more}
        asked = {name: value for name, value in asked.items() if value is not None}
        if loosely and "serial" in asked:
            asked["serial"] = SerialPrefix(str(asked["serial"])[:6])
        if loosely and "label" in asked:
            asked["label"] = LabelPattern(f"{asked['label'][:2]}*")
        if both:
            asked = {
                name: [value, getattr(other, name)]
                for name, value in asked.items()
                if getattr(other, name) is not None
            }
        if status is not None:
            asked["status"] = status
        if before is not None and before.year < 9999:
            asked["expires_before"] = (before + timedelta(seconds=off)).astimezone(zone)
        found = [one.serial for one in estate.select(Selection(**asked))]
        wanted = [one.serial for one, status in known if _fits(one, status, asked)]
        assert sorted(map(str, found)) == sorted(map(str, wanted))

    compare()


def test_a_list_of_this_very_second_names_what_was_revoked_in_it(quickstart):
    with opened(quickstart, NOON) as estate:
        (record,) = estate.revoke(SUPPLIER, Reason.SUPERSEDED)
        for at in (NOON + timedelta(milliseconds=700), NOON.astimezone(SUMMER)):
            made = estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING, at=at)
            crl = x509.load_der_x509_crl(made.der)
            assert [one.serial_number for one in crl] == [record.serial.value]
            assert crl.last_update_utc == NOON == made.this_update


def test_a_time_of_another_zone_is_the_same_instant(quickstart):
    when = NOON - timedelta(hours=1)
    with opened(quickstart, NOON) as estate:
        estate.revoke(SUPPLIER, Reason.SUPERSEDED, at=when.astimezone(SUMMER))
        assert estate.history(next(estate.select(SUPPLIER)))[-1].at == when
        end = NOON + timedelta(days=30)
        dates = Validity(not_after=end.astimezone(SUMMER) + timedelta(milliseconds=3))
        (renewal,) = estate.renew(Selection(label="Z1-supplier-ka"), validity=dates)
        certificate = x509.load_der_x509_certificate(renewal.record.der)
        assert certificate.not_valid_after_utc == end == renewal.record.not_after
        soon = estate.expiring(end.astimezone(SUMMER))
        assert str(renewal.record.serial) not in {one.id for one in soon}


@pytest.mark.slow
def test_a_time_without_a_zone_is_refused(estate):
    naive = NOON.replace(tzinfo=None)
    for ask in (
        lambda: Selection(expires_before=naive),
        lambda: Validity(not_after=naive),
        lambda: estate.expiring(naive),
        lambda: estate.revoke(SUPPLIER, None, at=naive),
        lambda: estate.issue_revocation_list(Hierarchy.IKI, Tier.ROOT, at=naive),
    ):
        with pytest.raises(InputError) as caught:
            ask()
        assert caught.value.code == "time.form"


def test_one_value_in_a_list_is_that_value_and_no_value_fits_nothing(estate):
    one = Selection(label=["Z1-supplier-ds"], status=[Status.IN_USE])
    assert one == Selection(label="Z1-supplier-ds", status=Status.IN_USE)
    assert len(list(estate.select(one))) == 1
    for empty in (Selection(serial=[]), Selection(label=()), Selection(status=[])):
        assert list(estate.select(empty)) == []


@pytest.mark.slow
def test_more_values_than_sql_takes_are_found(estate):
    known = list(estate.select(Selection()))
    many = [Eui64(value) for value in range(40_000)]
    ids = [one.eui64 for one in known if one.eui64 is not None]
    found = list(estate.select(Selection(eui64=[*many, *ids])))
    assert {one.serial for one in found} == {one.serial for one in known if one.eui64 is not None}
