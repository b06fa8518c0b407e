import hashlib
import random
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from estates import opened
from smki_testca.authority.revocation import Reason, Revocation
from smki_testca.errors import EstateError, InputError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.identifiers import SerialNumber
from smki_testca.lifecycle.crl_comparison import compare_list
from smki_testca.lifecycle.crls import find_authority, name_of
from smki_testca.lifecycle.revocation import parse_reason
from smki_testca.profiles.model import Hierarchy, Tier

SUPPLIER = Selection(label="Z1-supplier-ds")
DAY = timedelta(days=1)


@pytest.fixture
def at(quickstart):
    """Opens the quickstart estate so many days after its certificates were made."""
    with opened(quickstart) as estate:
        start = estate.certificates.authorities()[0].not_before
    estates = []

    def open_at(days=1.0):
        estates.append(opened(quickstart, start + days * DAY))
        return estates[-1]

    yield open_at
    for one in estates:
        one.close()


def _one(estate, selection=SUPPLIER):
    (record,) = estate.select(selection)
    return record


def _organisation_list(estate, **options):
    return estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING, **options)


def _entries(record):
    read = x509.load_der_x509_crl(record.der)
    return {
        one.serial_number: (
            one.revocation_date_utc,
            *(extension.value.reason.name for extension in one.extensions),
        )
        for one in read
    }


def test_a_revoked_certificate_is_on_the_next_list_with_its_date_and_reason(at):
    estate = at(2)
    (record,) = estate.revoke(SUPPLIER, Reason.KEY_COMPROMISE, at=at(1).clock.now())
    assert estate.status(record) is Status.REVOKED
    made = _organisation_list(estate)
    assert _entries(made) == {record.serial.value: (at(1).clock.now(), "key_compromise")}
    assert (made.number, made.count, made.this_update) == (1, 1, estate.clock.now())
    authority = x509.load_der_x509_certificate(estate.by_serial(made.authority).der)
    key: Any = authority.public_key()
    assert x509.load_der_x509_crl(made.der).is_signature_valid(key)


def test_the_history_tells_of_the_revocation_and_why(at):
    estate = at(2)
    estate.revoke(SUPPLIER, Reason.KEY_COMPROMISE, at=at(1).clock.now())
    *_, last = estate.history(_one(estate))
    assert (last.status, last.at) == (Status.REVOKED, at(1).clock.now())
    assert last.note == "revoked: key-compromise"
    entry = estate.audit.entries()[last.audit - 1]
    assert (entry.action, entry.body["reason"]) == ("revoke", "key-compromise")
    assert entry.body["revoked"] == [str(_one(estate).serial)]


@pytest.mark.parametrize("reason", [None, Reason.UNSPECIFIED])
def test_a_list_says_nothing_of_a_reason_that_says_nothing(estate, reason):
    (record,) = estate.revoke(SUPPLIER, reason)
    (entry,) = _entries(_organisation_list(estate)).items()
    assert entry[0] == record.serial.value
    assert len(entry[1]) == 1


def test_numbers_rise_for_each_ca_on_its_own_also_in_the_past(at):
    estate = at(5)
    numbers = [_organisation_list(estate).number for _ in range(2)]
    numbers.append(_organisation_list(estate, at=at(3).clock.now()).number)
    numbers.append(_organisation_list(at(6)).number)
    assert numbers == [1, 2, 3, 4]
    for hierarchy in (Hierarchy.DCCKI, Hierarchy.IKI):
        assert estate.issue_revocation_list(hierarchy, Tier.ISSUING).number == 1
    assert estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ROOT).number == 1
    current = estate.revocation_lists(current_only=True)
    assert [(one.profile, one.number) for one in current] == [
        ("organisation-crl", 4),
        ("dccki-crl", 1),
        ("iki-crl", 1),
        ("organisation-arl", 1),
    ]
    assert len(estate.revocation_lists(current_only=False)) == 7


def test_a_list_of_the_past_leaves_out_what_was_revoked_since(at):
    estate = at(5)
    estate.revoke(SUPPLIER, Reason.SUPERSEDED, at=at(4).clock.now())
    assert _organisation_list(estate, at=at(3).clock.now()).count == 0
    assert _organisation_list(estate, at=at(4).clock.now()).count == 1
    future = _organisation_list(estate, at=at(40).clock.now())
    assert (future.count, future.next_update) == (1, at(42).clock.now())


def test_numbers_go_on_when_a_ca_is_renewed_and_old_revocations_stay(estate):
    (record,) = estate.revoke(SUPPLIER, Reason.SUPERSEDED)
    first = _organisation_list(estate)
    estate.renew_authority("Z1")
    second = _organisation_list(estate)
    assert (first.number, second.number) == (1, 2)
    assert first.authority != second.authority
    assert list(_entries(second)) == [record.serial.value]
    assert compare_list(estate, second.der).discrepancies == ()


def test_each_generation_of_a_ca_has_a_list_of_its_own(estate):
    estate.revoke(SUPPLIER, Reason.SUPERSEDED)
    _organisation_list(estate)
    estate.roll_over(Hierarchy.ORGANISATION, "Z1b")
    newer = _organisation_list(estate)
    assert (newer.number, newer.count) == (1, 0)
    older = _organisation_list(estate, authority="Z1")
    assert (older.number, older.count) == (2, 1)
    assert older.issuer != newer.issuer
    with pytest.raises(InputError) as caught:
        _organisation_list(estate, authority="Z9")
    assert caught.value.code == "ca.unknown"
    assert "Z1, Z1b" in caught.value.remedy


@pytest.mark.slow
def test_a_list_belongs_to_the_cas_of_its_environment(estate):
    with pytest.raises(EstateError) as caught:
        _organisation_list(estate, environment="SIT-A")
    assert caught.value.code == "estate.no_authority"
    estate.add_environment("SIT-A")
    estate.revoke(SUPPLIER, Reason.SUPERSEDED)
    made = _organisation_list(estate, environment="SIT-A")
    assert (made.family, made.count) == ("SIT", 0)


def test_a_revoked_issuing_ca_is_on_the_list_of_the_root(estate):
    issuing = Selection(profile="organisation-issuing-ca")
    (record,) = estate.revoke(issuing, Reason.CA_COMPROMISE)
    made = estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ROOT)
    assert (made.profile, list(_entries(made))) == ("organisation-arl", [record.serial.value])
    assert _organisation_list(estate).count == 0


def _refused(estate, digest, selection, reason=Reason.SUPERSEDED, **options):
    before = digest()
    with pytest.raises(InputError) as caught:
        estate.revoke(selection, reason, **options)
    assert digest() == before
    return caught.value


@pytest.mark.parametrize(
    ("selection", "code"),
    [
        (Selection(label="none"), "selection.nothing"),
        (Selection(profile="organisation-root-ca"), "revocation.root"),
        (Selection(profile="device-root-ca"), "revocation.root"),
        (Selection(profile="device-issuing-ca"), "revocation.device"),
        (Selection(label="ESME-ka"), "revocation.device"),
        (Selection(), "revocation.root"),
    ],
)
def test_what_cannot_be_revoked_is_refused_and_changes_nothing(estate, digest, selection, code):
    assert _refused(estate, digest, selection).code == code


def test_a_device_certificate_is_refused_with_what_to_do_instead(estate, digest):
    error = _refused(estate, digest, Selection(participant="meters-one"))
    assert "set-status" in error.remedy


def test_nothing_is_revoked_twice_nor_any_of_a_selection_with_one_that_is(estate, digest):
    estate.revoke(SUPPLIER, Reason.SUPERSEDED)
    assert _refused(estate, digest, SUPPLIER).code == "revocation.twice"
    organisation = Selection(participant="supplier-one", profile="organisation")
    assert _refused(estate, digest, organisation).code == "revocation.twice"
    left = Selection(participant="supplier-one", profile="organisation", status=Status.IN_USE)
    others = estate.revoke(left, Reason.CESSATION_OF_OPERATION)
    assert len(others) == len(list(estate.select(organisation))) - 1
    assert _organisation_list(estate).count == len(others) + 1


def test_the_date_of_a_revocation_lies_in_the_validity_and_not_in_the_future(at, digest):
    estate = at(2)
    record = _one(estate)
    for when in (record.not_before - DAY, at(2).clock.now() + timedelta(seconds=1)):
        assert _refused(estate, digest, SUPPLIER, at=when).code == "revocation.date"
    assert estate.revoke(SUPPLIER, Reason.SUPERSEDED, at=record.not_before)
    now = estate.clock.now()
    assert estate.revoke(Selection(label="Z1-supplier-ka"), Reason.SUPERSEDED, at=now)


def test_what_has_run_out_is_revoked_only_as_of_a_time_before_that(at, digest):
    estate = at(365.25 * 12)
    record = _one(estate)
    error = _refused(estate, digest, SUPPLIER)
    assert error.code == "revocation.expired"
    late = record.not_after + timedelta(seconds=1)
    assert _refused(estate, digest, SUPPLIER, at=late).code == "revocation.date"
    estate.revoke(SUPPLIER, Reason.KEY_COMPROMISE, at=record.not_after)
    assert _organisation_list(estate).count == 1


def test_what_was_revoked_stays_on_the_list_when_it_has_run_out(at):
    at(1).revoke(SUPPLIER, Reason.SUPERSEDED)
    assert _organisation_list(at(365.25 * 12)).count == 1


@pytest.mark.parametrize("reason", [Reason.CERTIFICATE_HOLD, Reason.REMOVE_FROM_CRL])
def test_nothing_is_suspended_nor_taken_off_a_list(estate, digest, reason):
    assert _refused(estate, digest, SUPPLIER, reason).code == "revocation.reason"


def test_a_reason_that_an_operators_profile_forbids_is_refused_before_a_list_is_issued(
    quickstart, digest, library
):
    shipped = library.directories[-1] / "revocation-lists" / "organisation-crl.toml"
    folder = quickstart / "profiles" / "revocation-lists"
    folder.mkdir(parents=True)
    text = shipped.read_text("utf-8")
    allowed = "holds = { one-of ="
    assert text.count(allowed) == 1
    strict = text.replace(allowed, f'severity = "error"\n{allowed}')
    (folder / shipped.name).write_text(strict, "utf-8")
    with opened(quickstart) as estate:
        error = _refused(estate, digest, SUPPLIER, Reason.CA_COMPROMISE)
        assert error.code == "revocation.reason"
        assert "key-compromise" in error.remedy
        estate.revoke(SUPPLIER, Reason.KEY_COMPROMISE)
        estate.revoke(Selection(label="Z1-supplier-ka"), Reason.UNSPECIFIED)
        assert _organisation_list(estate).count == 2


@pytest.mark.parametrize(
    "reason", [one for one in Reason if "hold" not in one and "remove" not in one]
)
def test_reasons_are_read_in_our_words_and_in_those_of_rfc_5280(reason):
    for text in (reason.value, reason.name_in_crl, reason.value.upper()):
        assert parse_reason(text) is reason


@given(st.text())
def test_any_text_that_is_no_reason_is_refused(text):
    words = {one for reason in Reason for one in (reason.value, reason.name_in_crl.lower())}
    if text.lower() not in words:
        with pytest.raises(InputError) as caught:
            parse_reason(text)
        assert caught.value.code == "revocation.reason"


@pytest.mark.parametrize("text", ["", "stolen", "1", "certificate-hold", "removeFromCRL"])
def test_what_is_no_reason_is_refused(text):
    with pytest.raises(InputError) as caught:
        parse_reason(text)
    assert caught.value.code == "revocation.reason"


@pytest.mark.slow
@pytest.mark.parametrize("label", ["Z1-supplier-ds", "dccki-supplier-one", "iki-supplier-one"])
def test_a_rejected_certificate_is_revoked_without_a_reason(estate, label):
    record = _one(estate, Selection(label=label))
    assert estate.reject(record.serial) == record
    assert estate.status(record) is Status.REVOKED
    *_, last = estate.history(record)
    assert last.note == "rejected by its subscriber (SEC L11)"
    made = estate.issue_revocation_list(record.hierarchy, Tier.ISSUING)
    (entry,) = _entries(made).values()
    assert len(entry) == 1
    assert estate.audit.entries()[last.audit - 1].action == "reject"


def test_a_rejected_device_certificate_is_not_in_use(estate):
    record = _one(estate, Selection(label="ESME-ka"))
    estate.reject(record.serial)
    assert estate.status(record) is Status.NOT_IN_USE
    assert estate.history(record)[-1].note == "rejected by its subscriber (SEC L11)"


def _rejected(estate, digest, serial):
    before = digest()
    with pytest.raises(InputError) as caught:
        estate.reject(serial)
    assert digest() == before
    return caught.value.code


def test_a_certificate_is_rejected_once_and_none_that_is_revoked(estate, digest):
    device = _one(estate, Selection(label="ESME-ka")).serial
    estate.reject(device)
    assert _rejected(estate, digest, device) == "rejection.status"
    estate.revoke(SUPPLIER, Reason.SUPERSEDED)
    assert _rejected(estate, digest, _one(estate).serial) == "revocation.twice"
    assert _rejected(estate, digest, SerialNumber(12)) == "certificate.unknown"
    authority = _one(estate, Selection(profile="organisation-issuing-ca")).serial
    assert _rejected(estate, digest, authority) == "rejection.authority"


@pytest.mark.parametrize("tier", [Tier.ISSUING, Tier.ROOT])
def test_the_device_hierarchy_has_no_lists(estate, digest, tier):
    before = digest()
    with pytest.raises(InputError) as caught:
        estate.issue_revocation_list(Hierarchy.DEVICE, tier)
    assert caught.value.code == "crl.none"
    assert digest() == before


def test_a_list_that_cannot_be_takes_no_number(at, digest):
    estate = at(2)
    before = digest()
    with pytest.raises(InputError):
        _organisation_list(estate, next_update=at(1).clock.now())
    assert digest() == before
    assert _organisation_list(estate).number == 1


def _codes(estate, der):
    return [one.code for one in compare_list(estate, der).discrepancies]


def test_the_newest_list_is_as_the_estate_would_have_it(estate):
    estate.revoke(SUPPLIER, Reason.SUPERSEDED)
    made = _organisation_list(estate)
    found = compare_list(estate, made.der)
    assert found.discrepancies == ()
    assert (found.number, found.entries) == (1, 1)
    assert found.authority.label == "Z1"


def test_a_list_is_told_stale_or_to_come_by_the_clock(at):
    made = _organisation_list(at(10))
    assert _codes(at(12), made.der) == []
    assert _codes(at(12.1), made.der) == ["crl.stale"]
    assert _codes(at(9.9), made.der) == ["crl.future"]


def test_an_older_list_is_told_with_what_it_lacks(estate):
    old = _organisation_list(estate)
    (record,) = estate.revoke(SUPPLIER, Reason.SUPERSEDED)
    _organisation_list(estate)
    found = compare_list(estate, old.der).discrepancies
    assert [one.code for one in found] == ["crl.older", "crl.entry_missing"]
    assert str(record.serial) in found[1].message


def _signed(estate, revocations, number):
    """A list signed by the estate's own CA behind its back."""
    authority = find_authority(estate, Hierarchy.ORGANISATION, Tier.ISSUING)
    profile = estate.library.revocation_list_profile("organisation-crl")
    return (
        estate.authorities.able(authority)
        .issue_revocation_list(profile, revocations, number, at=estate.clock.now())
        .der
    )


def test_entries_that_differ_are_told_one_by_one(at):
    estate = at(3)
    for label in ("Z1-supplier-ds", "Z1-supplier-ka"):
        estate.revoke(Selection(label=label), Reason.SUPERSEDED)
    now = estate.clock.now()
    first, second = (
        _one(estate, Selection(label=label)).serial
        for label in ("Z1-supplier-ds", "Z1-supplier-ka")
    )
    wanted = [Revocation(one, now, Reason.SUPERSEDED) for one in (first, second)]
    assert _codes(estate, _signed(estate, wanted, 1)) == ["crl.unknown"]
    for other in (
        Revocation(first, now, Reason.KEY_COMPROMISE),
        Revocation(first, now, None),
        Revocation(first, now - DAY, Reason.SUPERSEDED),
    ):
        der = _signed(estate, [other, wanted[1]], 1)
        assert _codes(estate, der) == ["crl.unknown", "crl.entry_differs"]
    extra = Revocation(SerialNumber(77), now, None)
    der = _signed(estate, [*wanted, extra], 1)
    assert _codes(estate, der) == ["crl.unknown", "crl.entry_extra"]


def test_a_list_of_a_strange_ca_or_with_a_changed_octet_is_foreign(estate):
    made = _organisation_list(estate)
    changed = bytearray(made.der)
    changed[-1] ^= 1
    assert _codes(estate, bytes(changed)) == ["crl.foreign"]
    changed = bytearray(made.der)
    changed[changed.index(b"Z1") + 1] = ord("9")
    assert _codes(estate, bytes(changed)) == ["crl.foreign"]


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"no list", bytes(100)])
def test_octets_that_are_no_list_are_refused(estate, data):
    with pytest.raises(InputError):
        compare_list(estate, data)


@pytest.mark.slow
def test_a_list_broken_anywhere_is_told_or_refused_and_never_a_fault(estate):
    estate.revoke(SUPPLIER, Reason.SUPERSEDED)
    der = _organisation_list(estate).der
    chance = random.Random(5280)
    refused = set()
    for place in range(len(der)):
        broken = bytearray(der)
        broken[place] ^= 1 << chance.randrange(8)
        cut = der[:place]
        for octets in (bytes(broken), cut):
            try:
                found = compare_list(estate, octets)
            except InputError as error:
                refused.add(error.message)
            else:
                assert found.discrepancies, place
    assert all(message.isprintable() for message in refused)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM revocations", "audit.revocation"),
        ("UPDATE revocations SET audit = 1", "audit.revocation"),
        ("UPDATE revocations SET serial = x'12'", "audit.revocation"),
        ("DELETE FROM revocation_lists", "audit.revocation_list"),
        ("UPDATE revocation_lists SET der = x'3000'", "audit.revocation_list"),
        ("UPDATE revocation_lists SET number = 7", "audit.revocation_list"),
    ],
)
def test_the_audit_log_tells_of_every_revocation_and_list(quickstart, estate, statement, code):
    estate.revoke(SUPPLIER, Reason.SUPERSEDED)
    _organisation_list(estate)
    assert estate.audit.verify()
    with closing(sqlite3.connect(quickstart / "estate.sqlite", isolation_level=None)) as file:
        file.execute(statement)
    with pytest.raises(EstateError) as caught:
        estate.audit.verify()
    assert caught.value.code == code


def test_the_audit_log_tells_of_no_more_than_there_is(estate):
    estate.revoke(SUPPLIER, Reason.SUPERSEDED)
    _organisation_list(estate)
    estate.reject(_one(estate, Selection(label="Z1-supplier-ka")).serial)
    last = estate.audit.entries()
    assert [entry.action for entry in last[-3:]] == ["revoke", "crl.issue", "reject"]
    (made,) = estate.revocation_lists(current_only=True)
    assert last[-2].body["sha256"] == hashlib.sha256(made.der).hexdigest()
    assert last[-2].body["number"] == made.number
    assert estate.audit.verify() == len(last)


def _add_revocations(estate, count):
    """So many revocations of certificates of the Organisation hierarchy's issuing CA."""
    authority = find_authority(estate, Hierarchy.ORGANISATION, Tier.ISSUING)
    now, issuer = estate.clock.now(), name_of(authority)
    reasons = (None, Reason.KEY_COMPROMISE, Reason.SUPERSEDED)
    revocations = [
        Revocation(
            SerialNumber((1 << 124) + number * 0x1234567),
            now - timedelta(minutes=number % 1000),
            reasons[number % 3],
        )
        for number in range(count)
    ]
    with estate.transaction():
        told = {"revoked": [str(one.serial) for one in revocations], "reason": None}
        number = estate.audit.append(now, "revoke", told)
        estate.revocations.add(((issuer, one) for one in revocations), "revoked", now, number)


@pytest.mark.slow
def test_a_list_of_many_names_them_all_in_order(estate):
    _add_revocations(estate, 5000)
    made = _organisation_list(estate)
    assert made.count == 5000
    assert len(_entries(made)) == 5000
    assert compare_list(estate, made.der).discrepancies == ()
    assert estate.audit.verify()
