"""What a certificate is for, read back from it, and the dates that one may ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from smki_testca.authority.subjects import subject_of

import csrs
from smki_testca.api import Estate
from smki_testca.authority.csr import parse
from smki_testca.authority.filling import Validity
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import Eui64
from smki_testca.profiles.model import Tier
from smki_testca.profiles.typed_subjects import (
    DcckiSubject,
    DeviceSubject,
    IkiSubject,
    OrganisationSubject,
)
from smki_testca.roles import KeyUsage
from smki_testca.shipped import shipped
from smki_testca.x509.view import Found, view_certificate

SUPPLIER = Eui64.parse("90b3d51f30010000")
JAN_2030 = datetime(2030, 1, 1, tzinfo=UTC)


def requested(estate, record):
    """What the audit log says was asked for."""
    return estate.audit.entry(record.audit).body["request"]


@pytest.mark.parametrize("with_profile", [False, True], ids=["by-content", "by-profile"])
def test_every_certificate_of_the_kit_says_what_was_asked_for(estate, with_profile):
    records = [one for one in estate.select(Selection()) if one.tier is Tier.END_ENTITY]
    assert {one.profile for one in records} == {"organisation", "device", "dccki", "iki"}
    for record in records:
        profile = estate.library.profile(record.profile) if with_profile else None
        subject, usages = subject_of(view_certificate(record.der), estate.library.roles, profile)
        asked = requested(estate, record)
        request = estate.request(record.participant, asked["purpose"], subject, usages)
        told = request.as_json()
        assert set(told.pop("usages")) <= set(asked.pop("usages"))
        assert told == asked


@pytest.mark.parametrize(
    ("make", "subject", "usage"),
    [
        (csrs.organisation, OrganisationSubject, KeyUsage.DIGITAL_SIGNATURE),
        (csrs.device, DeviceSubject, KeyUsage.KEY_AGREEMENT),
    ],
)
def test_a_csr_is_read_by_the_same_rules(library, make, subject, usage):
    csr = parse(make(csrs.new_key()), library.roles)
    assert isinstance(csr.subject, subject)
    assert csr.usage is usage


def test_an_iki_csr_has_its_usage_from_the_profile(library):
    csr = parse(csrs.iki(csrs.rsa_key()), library.roles)
    assert csr.subject == IkiSubject("adhoc-1", library.roles.remote_party_role("supplier"))
    assert csr.usage is None


def one(estate, label):
    (record,) = estate.select(Selection(label=label))
    return view_certificate(record.der)


def without(view, *paths):
    fields = {path: found for path, found in view.fields.items() if path not in paths}
    return replace(view, fields=fields)


def changed(view, path, value):
    return replace(view, fields={**view.fields, path: Found(value, view.fields[path].node)})


def test_what_names_a_host_or_serves_one_is_dccki(estate):
    view = one(estate, "dccki-supplier-one")
    subject, usages = subject_of(view, estate.library.roles)
    assert isinstance(subject, DcckiSubject)
    assert usages == ()
    unnamed = without(view, "extensions.subjectAltName.dNSName")
    assert isinstance(subject_of(unnamed, estate.library.roles)[0], DcckiSubject)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda v: without(v, "extensions.keyUsage"), "subject.unreadable"),
        (lambda v: changed(v, "extensions.keyUsage", ("keyCertSign",)), "subject.unreadable"),
        (lambda v: changed(v, "extensions.keyUsage", ()), "subject.unreadable"),
        (lambda v: changed(v, "subject.x500UniqueIdentifier", bytes(7)), "subject.unreadable"),
        (lambda v: without(v, "subject.organizationalUnitName"), "subject.unreadable"),
        (lambda v: changed(v, "subject.organizationalUnitName", "137"), "subject.role"),
        (lambda v: changed(v, "subject.organizationalUnitName", "FE"), "subject.role"),
        (lambda v: without(v, "subject.x500UniqueIdentifier"), "subject.unknown"),
    ],
    ids=["no-usage", "ca-usage", "empty", "7-octets", "no-role", "decimal", "none", "no-id"],
)
def test_a_subject_that_no_request_could_have_is_refused(estate, spoil, code):
    view = spoil(one(estate, "Z1-supplier-ds"))
    with pytest.raises(InputError) as caught:
        subject_of(view, estate.library.roles)
    assert caught.value.code == code


def test_a_ca_asks_for_nothing(estate):
    with pytest.raises(InputError) as caught:
        subject_of(one(estate, "Z1"), estate.library.roles)
    assert caught.value.code == "subject.authority"


# Dates asked for.


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
