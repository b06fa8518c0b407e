"""Renewal: what takes the place of a certificate, and what stands against it."""

from __future__ import annotations

import hashlib
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import batches
import csrs
from estates import copied_with_run, opened
from smki_testca.authority.filling import Validity
from smki_testca.authority.revocation import Reason
from smki_testca.errors import InputError, Refusal
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.identifiers import Eui64, SerialNumber
from smki_testca.issuance.renewal import Renewer
from smki_testca.profiles.model import Tier
from smki_testca.profiles.typed_subjects import DeviceSubject
from smki_testca.roles import KeyUsage
from work import counted

SUPPLIER = Selection(label="Z1-supplier-ds")
COUNT = 1_000
FIRST = 0x7000
LATER = datetime(2040, 1, 1, tzinfo=UTC)


@pytest.fixture
def later(quickstart):
    """The quickstart estate when some of its certificates have run out."""
    with opened(quickstart, LATER) as estate:
        yield estate


@pytest.fixture(scope="module")
def with_run_original(quickstart_original, tmp_path_factory):
    directory = tmp_path_factory.mktemp("with-run") / "estate"
    words = ("--workers", 1, "--seed", "5A" * 32, *batches.range_of(COUNT, FIRST))
    return copied_with_run(quickstart_original, directory, *words)


@pytest.fixture
def with_run(with_run_original, tmp_path):
    """An estate with a seeded run of Device Certificates."""
    directory = tmp_path / "with-run"
    shutil.copytree(with_run_original, directory)
    with opened(directory) as estate:
        yield estate


def one(estate, selection=SUPPLIER):
    (record,) = estate.select(selection)
    return record


def serial(record):
    return Selection(serial=record.serial)


def refused(estate, selection, **options):
    """The error that a renewal ends in; nothing is changed by it."""
    before = [item.serial for item in estate.select(Selection())]
    with pytest.raises(InputError) as caught:
        estate.renew(selection, **options)
    assert [item.serial for item in estate.select(Selection())] == before
    return caught.value


def read(record):
    return x509.load_der_x509_certificate(record.der)


def key_fits(estate, record):
    private = serialization.load_der_private_key(estate.private_key(record), None)
    return private.public_key() == read(record).public_key()


# What is the same, and what is new.


@pytest.mark.slow
@pytest.mark.parametrize("same_key", [False, True], ids=["new-key", "same-key"])
def test_everything_of_a_participant_is_renewed_for_the_same_subjects(estate, same_key):
    selection = Selection(participant="supplier-one")
    before = list(estate.select(selection))
    assert {item.profile for item in before} == {"organisation", "dccki", "iki"}
    renewals = estate.renew(selection, same_key=same_key)
    assert [item.predecessor for item in renewals] == before
    for renewal in renewals:
        old, new = read(renewal.predecessor), read(renewal.record)
        assert new.subject.public_bytes() == old.subject.public_bytes()
        assert new.serial_number != old.serial_number
        assert (new.public_key() == old.public_key()) is same_key
        for kind in (x509.KeyUsage, x509.SubjectKeyIdentifier):
            told = [item.extensions.get_extension_for_class(kind).value for item in (old, new)]
            assert (told[0] == told[1]) is (same_key or kind is x509.KeyUsage)
        assert key_fits(estate, renewal.record)
        assert renewal.record.label == renewal.predecessor.label
        assert renewal.as_json()["predecessor"] == str(renewal.predecessor.serial)
    estate.audit.verify()


def test_a_predecessor_is_not_in_use_any_more_and_its_history_says_why(estate):
    ((old, new),) = [(item.predecessor, item.record) for item in estate.renew(SUPPLIER)]
    assert estate.status(old) is Status.NOT_IN_USE
    assert estate.status(new) is Status.IN_USE
    assert estate.history(old)[-1].note == f"renewed as {new.serial}"
    assert estate.renewal_links.successors(old.serial) == [new.serial]
    assert estate.renewal_links.predecessor(new.serial) == old.serial
    assert estate.renewal_links.predecessor(old.serial) is None


@pytest.mark.slow
def test_one_entry_of_the_audit_log_tells_of_all_of_a_renewal(estate):
    before = len(estate.audit.entries())
    renewals = estate.renew(Selection(participant="supplier-one"))
    (entry,) = estate.audit.entries()[before:]
    assert entry.action == "renew"
    assert entry.body["granted"] is True
    assert [item["predecessor"] for item in entry.body["certificates"]] == [
        str(item.predecessor.serial) for item in renewals
    ]
    assert [item["sha256"] for item in entry.body["certificates"]] == [
        hashlib.sha256(item.record.der).hexdigest() for item in renewals
    ]


def test_the_dates_are_those_of_today_or_those_asked_for(later):
    old = one(later)
    assert later.status(old) is Status.EXPIRED
    (renewal,) = later.renew(SUPPLIER)
    assert renewal.record.not_before == LATER
    assert renewal.record.not_after == datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
    end = LATER + timedelta(days=30)
    (again,) = later.renew(serial(renewal.record), validity=Validity(not_after=end))
    assert (again.record.not_before, again.record.not_after) == (LATER, end)


def test_a_device_is_renewed_for_ever_and_not_for_less(estate):
    device = Selection(profile="device", participant="meters-one")
    until = Validity(not_after=datetime(2099, 1, 1, tzinfo=UTC))
    assert refused(estate, device, validity=until).code == "validity.fixed"
    for renewal in estate.renew(device):
        assert renewal.record.not_after.year == 9999
        assert renewal.record.eui64 == renewal.predecessor.eui64


@pytest.mark.slow
def test_what_runs_out_before_a_date_is_renewed_and_nothing_else(estate):
    limit = estate.clock.now() + timedelta(days=1000)
    renewals = estate.renew(Selection(expires_before=limit))
    assert renewals
    assert {item.record.profile for item in renewals} == {"dccki"}
    assert refused(estate, Selection(expires_before=datetime(2001, 1, 1, tzinfo=UTC))).code == (
        "selection.nothing"
    )


def test_a_renewal_can_be_renewed_and_the_purpose_goes_along(estate):
    (first,) = estate.renew(SUPPLIER)
    (second,) = estate.renew(serial(first.record))
    asked = estate.audit.entry(first.predecessor.audit).body["request"]["purpose"]
    for renewal in (first, second):
        (told,) = estate.audit.entry(renewal.record.audit).body["certificates"]
        assert told["purpose"] == asked
    (third,) = estate.renew(serial(second.record), purpose="srept")
    (fourth,) = estate.renew(serial(third.record))
    (told,) = estate.audit.entry(fourth.record.audit).body["certificates"]
    assert told["purpose"] == "srept"


@pytest.mark.slow
def test_a_wide_selection_passes_over_what_nobody_would_renew(estate):
    renewed = estate.renew(SUPPLIER)[0]
    revoked = one(estate, Selection(label="Z1-supplier-ka"))
    retired = one(estate, Selection(label="Z1-supplierPP-ka"))
    estate.revoke(serial(revoked), Reason.SUPERSEDED)
    estate.set_status(serial(retired), Status.NOT_IN_USE)
    done = {item.predecessor.serial for item in estate.renew(Selection(participant="supplier-one"))}
    assert done.isdisjoint({renewed.predecessor.serial, revoked.serial, retired.serial})
    assert renewed.record.serial in done
    estate.renew(Selection(participant="supplier-one", profile="dccki"))
    everything = estate.renew(Selection())
    assert {item.record.tier for item in everything} == {Tier.END_ENTITY}


def test_what_was_put_out_of_use_is_renewed_when_it_is_asked_for(later):
    retired = one(later)
    (renewal,) = later.renew(SUPPLIER)
    later.set_status(serial(renewal.record), Status.NOT_IN_USE)
    assert refused(later, SUPPLIER).code == "selection.nothing"
    (by_status,) = later.renew(Selection(label=retired.label, status=Status.NOT_IN_USE))
    assert by_status.predecessor.serial == renewal.record.serial


# What stands against it.


def test_a_revoked_certificate_is_not_renewed(estate):
    estate.revoke(SUPPLIER, Reason.KEY_COMPROMISE)
    for selection in (SUPPLIER, serial(one(estate))):
        assert refused(estate, selection, same_key=True).code == "renew.revoked"


def test_a_certificate_is_renewed_once(estate):
    old = one(estate)
    (renewal,) = estate.renew(SUPPLIER)
    (second,) = estate.renew(serial(renewal.record))
    error = refused(estate, serial(old))
    assert error.code == "renew.already"
    assert str(second.record.serial) in error.message
    estate.revoke(serial(second.record), Reason.SUPERSEDED)
    (again,) = estate.renew(serial(old))
    assert estate.renewal_links.successors(old.serial) == [
        renewal.record.serial,
        again.record.serial,
    ]


def test_another_participants_certificate_is_not_renewed(estate):
    record = one(estate)
    error = refused(estate, Selection(participant="meters-one", serial=record.serial))
    assert error.code == "renew.not_own"
    assert "supplier-one" in error.message


@pytest.mark.parametrize("label", ["Z1", "ZA"])
def test_a_ca_is_renewed_by_its_own_command(estate, label):
    for selection in (Selection(label=label), serial(one(estate, Selection(label=label)))):
        error = refused(estate, selection)
        assert error.code == "renew.authority"
        assert "ca renew" in error.remedy


@pytest.mark.parametrize(
    ("selection", "code"),
    [
        (Selection(participant="nobody"), "selection.nothing"),
        (Selection(serial=SerialNumber(0x5A << 120)), "certificate.unknown"),
    ],
    ids=["nothing", "unknown"],
)
def test_a_selection_that_nothing_fits_is_refused(estate, selection, code):
    assert refused(estate, selection).code == code


@pytest.mark.parametrize("when", [timedelta(0), timedelta(seconds=-1), timedelta(days=-9999)])
def test_a_date_that_has_passed_is_refused(later, when):
    assert refused(later, SUPPLIER, validity=Validity(not_after=LATER + when)).code == (
        "validity.past"
    )


def test_dates_that_the_profile_counts_into_the_past_are_refused(later):
    long_ago = Validity(not_before=datetime(2020, 1, 1, tzinfo=UTC))
    assert refused(later, SUPPLIER, validity=long_ago).code == "validity.past"


def test_a_key_that_was_never_here_is_kept_or_comes_in_a_new_csr(estate):
    key = csrs.new_key()
    purpose = "device-and-user-system-tests"
    record, _ = estate.sign(csrs.device(key), "meters-one", purpose)
    assert refused(estate, serial(record)).code == "renew.no_key"
    (renewal,) = estate.renew(serial(record), same_key=True)
    assert read(renewal.record).public_key() == key.public_key()
    assert estate.private_key(renewal.record) is None


def test_an_agreement_that_ended_ends_renewals_and_the_decision_is_told_of(estate):
    estate.register.set_suspended("SEC-2020-001", suspended=True)
    before = [item.serial for item in estate.select(Selection())]
    with pytest.raises(Refusal) as caught:
        estate.renew(Selection(participant="supplier-one"))
    assert [reason.code for reason in caught.value.reasons] == ["agreement.suspended"]
    assert [item.serial for item in estate.select(Selection())] == before
    entry = estate.audit.entries(1)[0]
    assert (entry.action, entry.body["granted"], entry.body["count"]) == ("renew", False, 8)
    assert estate.status(one(estate)) is Status.IN_USE
    estate.audit.verify()


def test_one_refusal_stops_the_whole_selection_and_every_reason_is_given(estate):
    estate.register.set_suspended("SEC-2020-001", suspended=True)
    estate.register.set_suspended("BIL-2020-001", suspended=True)
    before = len(list(estate.select(Selection())))
    with pytest.raises(Refusal) as caught:
        estate.renew(Selection())
    assert len(caught.value.reasons) == 2
    assert len(list(estate.select(Selection()))) == before


@pytest.mark.slow
def test_the_hundredth_certificate_of_a_device_is_the_last(estate):
    record = next(estate.select(Selection(profile="device", participant="meters-one")))
    request = estate.request(
        *("meters-one", "device-and-user-system-tests"),
        DeviceSubject(record.eui64, csrs.HW_TYPE),
        (KeyUsage.KEY_AGREEMENT,),
    )
    while estate.issued.for_device(record.eui64) < 99:
        estate.issue(request)
    with pytest.raises(Refusal) as caught:
        estate.renew(Selection(eui64=record.eui64, usage="key-agreement"))
    assert caught.value.code == "device_id.issuance_anomaly"
    assert estate.issued.for_device(record.eui64) == 99
    (renewal,) = estate.renew(serial(record))
    with pytest.raises(Refusal):
        estate.renew(serial(renewal.record))


# Certificates of runs.


def device(number):
    return Selection(eui64=Eui64.parse(batches.device_id(FIRST + number)))


@pytest.mark.slow
def test_a_certificate_of_a_run_is_renewed_as_an_ordinary_record(with_run):
    old = one(with_run, device(7))
    (renewal,) = with_run.renew(device(7))
    assert renewal.predecessor.place is not None
    assert renewal.record.place is None
    assert with_run.status(old) is Status.NOT_IN_USE
    assert with_run.by_serial(renewal.record.serial) == renewal.record
    assert renewal.record.keys_secret
    assert key_fits(with_run, renewal.record)
    with_run.audit.verify()


@pytest.mark.slow
def test_the_same_key_of_a_run_goes_along_with_its_secrecy(with_run):
    (renewal,) = with_run.renew(device(7), same_key=True)
    assert read(renewal.record).public_key() == read(renewal.predecessor).public_key()
    assert key_fits(with_run, renewal.record)
    kept = with_run.by_serial(renewal.record.serial)
    assert not kept.keys_secret
    assert not renewal.record.keys_secret


@pytest.mark.slow
def test_the_work_of_renewing_a_thousand_grows_with_their_number_only(
    with_run_original, quickstart_original, tmp_path
):
    directory, small = tmp_path / "thousand", tmp_path / "few"
    shutil.copytree(with_run_original, directory)
    copied_with_run(quickstart_original, small, "--workers", 1, *batches.range_of(COUNT // 4))
    with counted() as few, opened(small) as estate:
        estate.renew(Selection(profile="device"))
    with counted() as many, opened(directory) as estate:
        renewals = estate.renew(Selection(profile="device"))
    with opened(directory) as estate:
        estate.audit.verify()
    assert many.calls < 5 * few.calls
    assert many.steps < 5 * few.steps
    devices = {item.record.eui64 for item in renewals}
    assert len(renewals) >= COUNT
    assert {Eui64.parse(batches.device_id(FIRST + number)) for number in range(COUNT)} <= devices


# Two at once, and one killed.


@pytest.mark.slow
@pytest.mark.parametrize(
    "selection", [Selection(label="Z1-supplier-ds"), Selection(participant="supplier-one")]
)
def test_of_two_that_renew_at_once_one_is_told_so_and_nothing_is_twice(
    quickstart, monkeypatch, selection
):
    with opened(quickstart) as estate:
        before = len(list(estate.select(Selection())))
    both, whole = threading.Barrier(2), Renewer._selected  # noqa: SLF001 - between its choice and the lock

    def selected_by_both(renewer, selection):
        # Neither has the write lock yet, and both have chosen the same certificates.
        records = whole(renewer, selection)
        both.wait(batches.PATIENCE)
        return records

    def renew(_):
        with opened(quickstart) as estate:
            try:
                return estate.renew(selection)
            except InputError as error:
                return error

    with monkeypatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(Renewer, "_selected", selected_by_both)
        outcomes = list(pool.map(renew, range(2)))
    (error,) = (each for each in outcomes if isinstance(each, InputError))
    assert error.code == "renew.already"
    with opened(quickstart) as estate:
        selected = list(estate.select(Selection()))
        old = [item for item in selected if estate.renewal_links.successors(item.serial)]
        assert len(selected) == before + len(old)
        assert all(len(estate.renewal_links.successors(item.serial)) == 1 for item in old)
        estate.audit.verify()


@pytest.mark.slow
@pytest.mark.parametrize("step", ["add", "change"])
def test_what_dies_in_the_middle_leaves_nothing_behind(estate, monkeypatch, step):
    selection = Selection(participant="supplier-one")
    before = len(list(estate.select(Selection())))
    entries = len(estate.audit.entries())
    store = estate.certificates if step == "add" else estate.statuses
    whole, calls = getattr(store, step), []

    def dying(*arguments):
        calls.append(arguments)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(store, step, dying)
    with pytest.raises(KeyboardInterrupt):
        estate.renew(selection)
    monkeypatch.undo()
    assert len(list(estate.select(Selection()))) == before
    assert len(estate.audit.entries()) == entries
    assert all(estate.status(item) is Status.IN_USE for item in estate.select(selection))
    assert len(estate.renew(selection)) == 8
