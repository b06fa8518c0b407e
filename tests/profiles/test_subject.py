"""Subjects: read from texts, from certificates and CSRs, and written again."""

from __future__ import annotations

from dataclasses import replace

import pytest

import csrs
from smki_testca.authority.csr import parse
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import Eui64
from smki_testca.profiles.model import Tier
from smki_testca.profiles.subject import Subject
from smki_testca.profiles.typed_subjects import (
    DcckiSubject,
    DeviceSubject,
    IkiSubject,
    OrganisationSubject,
)
from smki_testca.roles import KeyUsage
from smki_testca.x509.view import FieldValue, view_certificate

SUPPLIER = Eui64.from_octets(csrs.SUPPLIER_ID)
DEVICE = Eui64.from_octets(csrs.DEVICE_ID)


def read(estate, view, profile):
    library = estate.library
    return Subject.from_view(library.profile(profile), view, library.roles)


def requested(estate, record):
    """What the audit log says was asked for."""
    return estate.audit.entry(record.audit).body["request"]


def test_every_certificate_of_the_kit_says_what_was_asked_for(estate):
    records = [one for one in estate.select(Selection()) if one.tier is Tier.END_ENTITY]
    assert {one.profile for one in records} == {"organisation", "device", "dccki", "iki"}
    for record in records:
        subject, usages = read(estate, view_certificate(record.der), record.profile)
        asked = requested(estate, record)
        request = estate.request(record.participant, asked["purpose"], subject, usages)
        told = request.as_json()
        assert set(told.pop("usages")) <= set(asked.pop("usages"))
        assert told == asked


@pytest.mark.parametrize(
    ("make", "subject", "usage"),
    [
        (
            csrs.organisation,
            lambda role: OrganisationSubject(SUPPLIER, role),
            KeyUsage.DIGITAL_SIGNATURE,
        ),
        (csrs.device, lambda _: DeviceSubject(DEVICE, csrs.HW_TYPE), KeyUsage.KEY_AGREEMENT),
    ],
)
@pytest.mark.parametrize("is_named", [False, True], ids=["by-content", "by-profile"])
def test_a_csr_is_read_by_the_same_rules(library, make, subject, usage, is_named):
    expected = subject(library.roles.remote_party_role("supplier"))
    profile = library.profile(expected.profile) if is_named else None
    csr = parse(make(csrs.new_key()), library, profile)
    assert csr.subject == expected
    assert csr.usage is usage


def test_an_iki_csr_has_its_usage_from_the_profile(library):
    csr = parse(csrs.iki(csrs.rsa_key()), library)
    assert csr.subject == IkiSubject("adhoc-1", library.roles.remote_party_role("supplier"))
    assert csr.usage is None


def one(estate, label):
    (record,) = estate.select(Selection(label=label))
    return view_certificate(record.der)


def without(view, *paths):
    fields = {path: found for path, found in view.fields.items() if path not in paths}
    return replace(view, fields=fields)


def changed(view, path, value):
    return replace(view, fields={**view.fields, path: FieldValue(value, view.fields[path].node)})


def test_a_host_name_is_read_where_there_is_one(estate):
    view = one(estate, "dccki-supplier-one")
    subject, usages = read(estate, view, "dccki")
    assert subject.dns is not None
    assert usages == ()
    unnamed = without(view, "extensions.subjectAltName.dNSName")
    assert read(estate, unnamed, "dccki")[0] == DcckiSubject(subject.common_name)


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
        (lambda v: without(v, "subject.x500UniqueIdentifier"), "subject.unreadable"),
    ],
    ids=["no-usage", "ca-usage", "empty", "7-octets", "no-role", "decimal", "none", "no-id"],
)
def test_a_subject_that_no_request_could_have_is_refused(estate, spoil, code):
    view = spoil(one(estate, "Z1-supplier-ds"))
    with pytest.raises(InputError) as caught:
        read(estate, view, "organisation")
    assert caught.value.code == code


@pytest.mark.parametrize("profile", ["organisation-issuing-ca", "organisation"])
def test_a_ca_asks_for_nothing(estate, profile):
    with pytest.raises(InputError) as caught:
        read(estate, one(estate, "Z1"), profile)
    assert caught.value.code == "subject.authority"
