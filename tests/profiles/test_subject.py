"""Subjects: read from texts, from certificates and CSRs, and written again."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import certificate_types as types
import csrs
from smki_testca.authority import trial
from smki_testca.authority.certificates import inputs
from smki_testca.authority.csr import parse
from smki_testca.authority.filling import Filling, values
from smki_testca.authority.template import compile_template
from smki_testca.der import encode
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import Eui64, SerialNumber, Signifier
from smki_testca.profiles import Library
from smki_testca.profiles.model import Tier
from smki_testca.profiles.subject import Subject
from smki_testca.profiles.typed_subjects import (
    DcckiSubject,
    DeviceSubject,
    IkiSubject,
    OrganisationSubject,
)
from smki_testca.register.requests import Request
from smki_testca.roles import KeyUsage
from smki_testca.x509.names import KeyType
from smki_testca.x509.view import FieldValue, view_certificate
from strategies import eui64s, object_identifiers, signifiers

SUPPLIER = Eui64.from_octets(csrs.SUPPLIER_ID)
DEVICE = Eui64.from_octets(csrs.DEVICE_ID)
KEY = csrs.new_key()


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


# Reading what a request states, and writing it again.


ROLES = Library().roles
SUPPLIER_ROLE = ROLES.remote_party_role("supplier")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def several(texts):
    """Texts of inputs of which there may be several, with commas between."""
    return st.lists(texts, min_size=1, max_size=3, unique=True).map(",".join)


STATED = {
    **dict.fromkeys(("id", "device-id"), eui64s.map(str)),
    "role": st.sampled_from([one.name for one in ROLES.remote_party_roles])
    | st.sampled_from([one.hex for one in ROLES.remote_party_roles]),
    "hw-type": object_identifiers,
    "dns": several(
        st.text(
            st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=",;"),
            min_size=1,
            max_size=40,
        )
    ),
    "ip": several(st.ip_addresses().map(str)),
    "signifier": signifiers,
    "common-name": TEXTS,
    "system-name": TEXTS,
}
KINDS = pytest.mark.parametrize("name", ["organisation", "device", "dccki", "iki"])
TYPED = {
    "organisation": OrganisationSubject,
    "device": DeviceSubject,
    "dccki": DcckiSubject,
    "iki": IkiSubject,
}


@st.composite
def given_texts(draw, profile):
    """The inputs of a request for a certificate of this type: texts by option."""
    return {
        one.type.option: draw(STATED[one.type.option])
        for one in profile.subject_inputs
        if not (one.optional and draw(st.booleans()))
    }


def elsewhere(subject):
    """A subject as another process gets it."""
    return pickle.loads(pickle.dumps(subject))  # noqa: S301 - its own octets


@cache
def template_of(library, name, present):
    return compile_template(trial.setting(library, library.profile(name)), present, library.roles)


def certificate_with(library, profile, subject, usage):
    """A certificate with a subject; its signature is empty."""
    brought = inputs(subject, usage)
    template = template_of(library, profile.name, frozenset(brought))
    public_key = csrs.spki(csrs.rsa_key() if profile.key_type is KeyType.RSA2048 else KEY)
    now = datetime(2026, 11, 23, tzinfo=UTC)
    filling = Filling(SerialNumber(1 << 126), now, public_key, brought, "S", "One")
    cut = template.render(template.elements(values(template.setting, filling)))
    return encode.sequence(cut, encode.sequence(encode.oid("1.2.3")), encode.bit_string(b""))


@pytest.mark.slow
@KINDS
@given(data=st.data())
@settings(max_examples=30)
def test_what_a_certificate_is_read_as_is_what_was_asked_for(library, name, data):
    profile = library.profile(name)
    texts = data.draw(given_texts(profile))
    usage = data.draw(st.sampled_from(KeyUsage)) if profile.takes_usage else None
    subject = Subject.parse(profile, texts, library.roles)
    view = view_certificate(certificate_with(library, profile, subject, usage))
    again, usages = Subject.from_view(profile, view, library.roles)
    stated = {name: value for name, value in subject.inputs.items() if name != "signifier"}
    assert dict(again.inputs) == stated
    assert usages == (() if usage is None else (usage,))
    assert again.field_values() == subject.field_values()


@pytest.mark.slow
@KINDS
@given(data=st.data())
def test_a_subject_is_the_same_in_another_process_and_as_its_typed_constructor_makes_it(
    library, name, data
):
    profile = library.profile(name)
    subject = Subject.parse(profile, data.draw(given_texts(profile)), library.roles)
    typed = TYPED[name](**{name.replace("-", "_"): value for name, value in subject.inputs.items()})
    for other in (typed, elsewhere(subject), elsewhere(typed)):
        assert other == subject
        assert hash(other) == hash(subject)
        assert other.as_json() == subject.as_json()
        assert other.field_values() == subject.field_values()
        assert other.embedded_id == subject.embedded_id
    for key, value in subject.inputs.items():
        assert getattr(subject, key.replace("-", "_")) == value


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        (
            OrganisationSubject(SUPPLIER, SUPPLIER_ROLE),
            {"eui64": str(SUPPLIER), "role": "supplier", "common_name": None},
        ),
        (
            OrganisationSubject(SUPPLIER, SUPPLIER_ROLE, "ONE"),
            {"eui64": str(SUPPLIER), "role": "supplier", "common_name": "ONE"},
        ),
        (DeviceSubject(DEVICE, "1.2.3"), {"device_id": str(DEVICE), "hw_type": "1.2.3"}),
        (DcckiSubject("a.test"), {"common_name": "a.test", "dns": None}),
        (DcckiSubject("a.test", "b.test"), {"common_name": "a.test", "dns": "b.test"}),
        (IkiSubject("adhoc", SUPPLIER_ROLE), {"system_name": "adhoc", "role": "supplier"}),
    ],
)
def test_a_request_is_written_as_it_always_was(library, subject, said):
    request = Request("one", "uept", "ZAZ1", subject, (KeyUsage.KEY_AGREEMENT,))
    head = {
        "profile": subject.profile,
        "participant": "one",
        "purpose": "uept",
        "environment": "ZAZ1",
        "delivery": "local",
        "usages": ["key-agreement"],
    }
    assert json.dumps(request.as_json()) == json.dumps(head | said)
    profile = library.profile(subject.profile)
    options = {one.name: one.option for one in profile.input_types}
    texts = {
        options[name]: value.name if name == "role" else str(value)
        for name, value in subject.inputs.items()
    }
    parsed = Subject.parse(profile, texts, library.roles)
    assert json.dumps(request.of(parsed).as_json()) == json.dumps(head | said)


def test_a_signifier_is_written_where_the_requester_states_one(library):
    stated = DcckiSubject("a.test", None, Signifier("TPTY-ONE"))
    said = {"common_name": "a.test", "dns": None, "signifier": "TPTY-ONE"}
    assert json.dumps(stated.as_json()) == json.dumps(said)
    texts = {"common-name": "a.test", "signifier": "TPTY-ONE"}
    assert Subject.parse(library.profile("dccki"), texts, library.roles).as_json() == said


def test_inputs_are_attributes_and_nothing_else_is(library):
    subject = Subject.parse(library.profile("dccki"), {"common-name": "a.test"}, library.roles)
    assert (subject.common_name, subject.dns, subject.signifier) == ("a.test", None, None)
    assert (subject.embedded_id, subject.remote_party_role) == (None, None)
    for name in ("device_id", "role", "common-name", "__iter__"):
        with pytest.raises(AttributeError, match="a subject of profile dccki has no"):
            getattr(subject, name)
    with pytest.raises(TypeError):
        subject.inputs["dns"] = "other.test"  # type: ignore[index]


def test_subjects_of_two_types_differ_although_they_state_the_same(library):
    texts = {"system-name": "adhoc", "role": "supplier"}
    iki = Subject.parse(library.profile("iki"), texts, library.roles)
    other = Subject("other", library.profile("iki").input_types, iki.inputs)
    assert iki != other
    assert iki != texts
    assert iki == IkiSubject("adhoc", SUPPLIER_ROLE)
    assert len({iki, other, IkiSubject("adhoc", SUPPLIER_ROLE)}) == 2


def test_the_order_in_which_inputs_are_stated_makes_no_difference(tmp_path):
    table = '[inputs.role]\nhelp = "A role."\n'
    both = ("[inputs.system-name]", f"{table}\n[inputs.system-name]")
    text = types.changed("certificates/iki.toml", both)
    types.write(tmp_path, "certificates/iki.toml", text)
    library = Library(tmp_path)
    texts = {"system-name": "adhoc", "role": "supplier"}
    subject = Subject.parse(library.profile("iki"), texts, library.roles)
    assert list(subject.as_json()) == ["role", "system_name"]
    assert len({subject, IkiSubject("adhoc", SUPPLIER_ROLE)}) == 1


def test_another_identifier_leaves_the_rest_as_it_is():
    device = DeviceSubject(DEVICE, "1.2.3").with_identifier(Eui64(7))
    assert device == DeviceSubject(Eui64(7), "1.2.3")
    organisation = OrganisationSubject(SUPPLIER, SUPPLIER_ROLE, "ONE").with_identifier(Eui64(7))
    assert organisation == OrganisationSubject(Eui64(7), SUPPLIER_ROLE, "ONE")


@pytest.mark.parametrize(
    ("name", "texts", "code", "said"),
    [
        ("organisation", {"id": "90b3d51f30010000"}, "request.incomplete", "needs --role"),
        (
            "organisation",
            {"id": "90b3d51f30010000", "role": None},
            "request.incomplete",
            "needs --role",
        ),
        ("organisation", {"id": "", "role": "02"}, "request.incomplete", "needs --id"),
        ("organisation", {"id": "90b3", "role": "02"}, "eui64.form", "90b3"),
        ("organisation", {"id": "90b3d51f30010000", "role": "99"}, "role.unknown", "99"),
        ("device", {"device-id": "00db120000000005"}, "request.incomplete", "needs --hw-type"),
        (
            "device",
            {"device-id": "00db120000000005", "hw-type": "meter"},
            "oid.form",
            "meter",
        ),
        (
            "device",
            {"device-id": "00db120000000005", "hw-type": "1.2.3", "role": "02"},
            "request.input",
            "takes no --role",
        ),
        ("dccki", {"common-name": "a", "signifier": ""}, "signifier.form", ""),
        ("iki", {"role": "02"}, "request.incomplete", "profile iki needs --system-name"),
    ],
)
def test_what_a_request_cannot_state_is_an_error(library, name, texts, code, said):
    with pytest.raises(InputError) as caught:
        Subject.parse(library.profile(name), texts, library.roles)
    assert caught.value.code == code
    assert said in caught.value.message


def test_an_input_that_a_type_does_not_take_is_told_with_those_it_takes(library):
    texts = {"common-name": "a", "hw-type": "1.2.3"}
    with pytest.raises(InputError) as caught:
        Subject.parse(library.profile("dccki"), texts, library.roles)
    assert caught.value.remedy == "It takes --common-name, --dns, --ip, --signifier."


def test_inputs_of_a_types_own_are_read_written_and_kept_like_any(tmp_path):
    library = Library(types.sensor(tmp_path))
    profile = library.profile("sensor")
    texts = {"device-id": str(DEVICE), "model": "1.2.3.4", "site": "Leeds"}
    subject = Subject.parse(profile, texts, library.roles)
    assert (subject.device_id, subject.model, subject.site) == (DEVICE, "1.2.3.4", "Leeds")
    said = {"model": "1.2.3.4", "site": "Leeds", "device_id": str(DEVICE)}
    assert subject.as_json() == said
    assert subject.embedded_id == DEVICE
    assert elsewhere(subject) == subject
    der = certificate_with(library, profile, subject, KeyUsage.KEY_AGREEMENT)
    again, usages = Subject.from_view(profile, view_certificate(der), library.roles)
    assert (again, usages) == (subject, (KeyUsage.KEY_AGREEMENT,))
    unplaced = Subject.parse(profile, texts | {"site": None}, library.roles)
    assert unplaced.site is None
    assert unplaced.as_json() == said | {"site": None}
    with pytest.raises(InputError) as caught:
        Subject.parse(profile, texts | {"model": "four"}, library.roles)
    assert caught.value.code == "oid.form"
