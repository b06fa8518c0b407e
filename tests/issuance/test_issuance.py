"""The one way to issue: prepare asks the gate, builds and checks; commit signs, audits, stores."""

from __future__ import annotations

import hashlib
import shutil
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

import csrs
from estates import opened
from smki_testca import Estate, kits
from smki_testca.authority import certificates
from smki_testca.authority.csr import CsrFaultsError, parse
from smki_testca.authority.filling import Validity
from smki_testca.errors import InputError, Refusal, SmkiTestcaError
from smki_testca.estate.certificates import Selection, digests
from smki_testca.estate.register import RegisterStore
from smki_testca.identifiers import Eui64, Signifier
from smki_testca.issuance.issuance import Issuance, SubjectKey
from smki_testca.profiles.model import Hierarchy
from smki_testca.profiles.subject import Subject
from smki_testca.profiles.typed_subjects import DeviceSubject, OrganisationSubject
from smki_testca.roles import KeyUsage
from smki_testca.shipped import shipped
from smki_testca.x509.private_keys import from_pkcs8, public_key_info
from smki_testca.x509.view import view_certificate

BOTH = (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT)


@pytest.fixture
def request_for(estate):
    """Makes a request for a Device Certificate of the quickstart estate."""

    def make(*usages, device="00-DB-12-00-00-00-00-31", participant="meters-one"):
        subject = DeviceSubject(Eui64.parse(device), csrs.HW_TYPE)
        usages = usages or (KeyUsage.DIGITAL_SIGNATURE,)
        return estate.request(participant, "device-and-user-system-tests", subject, usages)

    return make


@pytest.fixture
def estate_digest(estate):
    """Tells the SHA-256 of the estate's file, which only a commit changes."""
    path = estate.directory / "estate.sqlite"
    return lambda: hashlib.sha256(path.read_bytes()).hexdigest()


def _body(prepared):
    return lambda signed: {
        **prepared.authorisation.as_json(),
        "certificates": digests(signed[0]),
    }


def test_prepare_writes_nothing(estate, request_for, estate_digest):
    before = estate_digest()
    prepared = Issuance(estate).prepare(request_for(*BOTH), label="prepared")
    assert [unsigned.profile.name for unsigned, _ in prepared.parts] == ["device", "device"]
    assert estate_digest() == before
    assert not list(estate.select(Selection(label="prepared")))


def test_commit_signs_audits_and_stores_in_one_transaction(estate, request_for):
    issuance = Issuance(estate)
    prepared = issuance.prepare(request_for(*BOTH), label="prepared")
    (records,) = issuance.commit([prepared], "issue", _body(prepared))
    for record, (unsigned, key) in zip(records, prepared.parts, strict=True):
        view = view_certificate(record.der)
        assert view.signed.encoded == unsigned.tbs
        assert view.octets("subjectPublicKeyInfo") == key.public
        assert public_key_info(from_pkcs8(estate.private_key(record))) == key.public
    assert list(estate.select(Selection(label="prepared"))) == records
    assert len({record.audit for record in records}) == 1
    assert estate.audit.verify() == records[0].audit


def test_what_was_committed_is_not_committed_again(estate, request_for, estate_digest):
    issuance = Issuance(estate)
    prepared = issuance.prepare(request_for())
    issuance.commit([prepared], "issue", _body(prepared))
    after = estate_digest()
    with pytest.raises(ValueError, match="once"):
        issuance.commit([prepared], "issue", _body(prepared))
    assert estate_digest() == after


def test_what_another_estate_prepared_is_not_committed(
    estate, request_for, estate_digest, tmp_path
):
    prepared = Issuance(estate).prepare(request_for())
    before = estate_digest()
    shutil.copytree(estate.directory, tmp_path / "copy")
    passphrase = (estate.directory / "passphrase").read_text().strip()
    with Estate.open(tmp_path / "copy", lambda: passphrase) as copy:
        count = len(list(copy.select(Selection())))
        with pytest.raises(ValueError, match="by the CA that built it"):
            Issuance(copy).commit([prepared], "issue", _body(prepared))
        assert len(list(copy.select(Selection()))) == count
    assert estate_digest() == before


@pytest.mark.parametrize("part", ["authorisation", "issuer", "parts", "key"])
def test_no_copy_has_a_part_of_another_request(estate, request_for, part):
    issuance = Issuance(estate)
    prepared, other = issuance.prepare(request_for()), issuance.prepare(request_for(*BOTH))
    ((unsigned, _),), ((_, key), _) = prepared.parts, other.parts
    changes: dict[str, Any] = {
        "authorisation": other.authorisation,
        "issuer": issuance.issuing(prepared.authorisation.environment, Hierarchy.DCCKI),
        "parts": other.parts,
        "key": ((unsigned, key),),
    }
    with pytest.raises(ValueError, match="for another request, CA or key"):
        replace(prepared, **{"parts" if part == "key" else part: changes[part]})
    assert issuance.commit_one(replace(prepared, label="another"), "issue")[0].label == "another"
    with pytest.raises(ValueError, match="signed once"):
        issuance.commit_one(prepared, "issue")


@pytest.mark.parametrize("label", [b"octets", 1, [], "lone \ud800"])
def test_a_label_that_is_not_text_is_an_error(estate, request_for, estate_digest, label):
    before = estate_digest()
    with pytest.raises(InputError) as caught:
        Issuance(estate).prepare(request_for(), label=label)
    assert caught.value.code == "request.label"
    assert estate_digest() == before


@pytest.mark.parametrize("value", [None, b"x", 1, True, 1.5, [], {}])
def test_an_input_that_is_not_text_is_an_error(estate, value):
    with pytest.raises(InputError) as caught:
        estate.subject("dccki-personnel", common_name=value)
    assert caught.value.code == "request.input"


def test_a_commit_that_fails_in_the_middle_leaves_nothing(
    estate, request_for, estate_digest, monkeypatch
):
    issuance = Issuance(estate)
    prepared = issuance.prepare(request_for(*BOTH))
    before = estate_digest()
    add = estate.certificates.add

    def fail_at_the_second(record):
        if record.usage == KeyUsage.KEY_AGREEMENT.value:
            raise RuntimeError
        return add(record)

    monkeypatch.setattr(estate.certificates, "add", fail_at_the_second)
    with pytest.raises(RuntimeError):
        issuance.commit([prepared], "issue", _body(prepared))
    assert estate_digest() == before


def test_a_refusal_is_in_the_audit_log_and_nothing_else_is_written(estate, request_for):
    request = request_for(device="70-B3-D5-1F-30-01-00-00")
    count = len(list(estate.select(Selection())))
    with pytest.raises(Refusal):
        estate.issue(request)
    (entry,) = estate.audit.entries(1)
    assert (entry.action, entry.body["granted"]) == ("issue", False)
    assert entry.body["request"] == request.as_json()
    assert len(list(estate.select(Selection()))) == count


@pytest.mark.shows("R21")
def test_what_is_prepared_counts_for_the_quota_of_what_comes_after(estate, request_for):
    issuance = Issuance(estate)
    for _ in range(50):
        issuance.prepare(request_for(*BOTH))
    with pytest.raises(Refusal) as caught:
        issuance.prepare(request_for())
    assert {reason.code for reason in caught.value.reasons} == {"device_id.issuance_anomaly"}
    # Nothing of it was issued: a transaction of its own begins anew.
    Issuance(estate).prepare(request_for())


def test_what_cannot_be_built_does_not_count(estate, request_for):
    issuance = Issuance(estate)
    late = Validity(not_after=datetime(2030, 1, 1, tzinfo=UTC))
    for _ in range(101):
        with pytest.raises(InputError, match="fixes"):
            issuance.prepare(request_for(), validity=late)
    issuance.prepare(request_for())


def test_a_certificate_that_would_not_be_its_csrs_is_not_prepared(estate):
    csr = parse(csrs.device(csrs.new_key()), estate.library)
    other = DeviceSubject(Eui64.parse("00-DB-12-00-00-00-00-32"), csrs.HW_TYPE)
    request = estate.request(
        "meters-one", "device-and-user-system-tests", other, (KeyUsage.KEY_AGREEMENT,)
    )
    with pytest.raises(CsrFaultsError) as caught:
        Issuance(estate).prepare(request, csr=csr)
    assert {fault.code for fault in caught.value.faults} == {"csr.mismatch"}


def test_a_key_of_another_type_is_not_prepared(estate, request_for):
    key = SubjectKey(csrs.spki(csrs.rsa_key()))
    with pytest.raises(InputError) as caught:
        Issuance(estate).prepare(request_for(), key)
    assert caught.value.code == "key.type"


@pytest.fixture
def loads(monkeypatch):
    """Counts how often a register is read from an estate."""
    counted = []
    load = RegisterStore.load

    def count(store):
        counted.append(store)
        return load(store)

    monkeypatch.setattr(RegisterStore, "load", count)
    return counted


@pytest.mark.slow
def test_the_register_is_read_once_for_a_kit(newcomer, loads):
    from estates import opened  # noqa: PLC0415 - beside the fixture that it opens

    with opened(newcomer) as estate:
        kit = kits.load(estate.library, "quickstart")
        kits.issue(estate, kit)
    assert len(kit.requests) > 20
    assert len(loads) == 1


def test_the_register_is_read_once_for_a_request_and_for_a_renewal(estate, request_for, loads):
    records, _ = estate.issue(request_for(*BOTH))
    assert len(loads) == 1
    for record in records:
        estate.renew(Selection(serial=record.serial))
    assert len(loads) == 1 + len(records)


def test_an_organisations_key_pair_is_kept_as_secret_as_its_maker_says(estate):
    role = estate.library.roles.remote_party_role("supplier")
    subject = OrganisationSubject(Eui64.parse("90b3d51f30010000"), role)
    request = estate.request("supplier-one", "uept", subject, (KeyUsage.DIGITAL_SIGNATURE,))
    key = SubjectKey.of_private(csrs.new_key(), secret=False)
    issuance = Issuance(estate)
    prepared = issuance.prepare(request, key)
    ((record,),) = issuance.commit([prepared], "issue", _body(prepared))
    assert not record.keys_secret


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('fill = { derived = "ca-name" }', 'fill = { constant = "LV1" }', "live.ca_name"),
        (
            'fill = { derived = "environment-policy" }',
            'fill = { constant = "1.2.826.0.1.99.1" }',
            "live.policy",
        ),
    ],
)
@pytest.mark.shows("R20")
def test_no_ca_is_made_that_carries_a_live_mark(tmp_path, old, new, code):
    """Whatever its profile fills in, and whatever the environment calls it."""
    name = "certificates/organisation-issuing-ca.toml"
    text = shipped("profiles").joinpath(name).read_text("utf-8")
    marks = shipped("profiles").joinpath("environments.toml").read_text("utf-8")
    marks = marks.replace("ca-names = []", 'ca-names = ["LV1"]', 1)
    marks = marks.replace("policies = []", 'policies = ["1.2.826.0.1.99.1"]', 1)
    own = tmp_path / "own"
    (own / "certificates").mkdir(parents=True)
    (own / name).write_text(text.replace(old, new, 1), "utf-8")
    (own / "environments.toml").write_text(marks, "utf-8")
    with Estate.create(tmp_path / "e", "phrase", profiles=own) as made:
        with pytest.raises(InputError) as caught:
            made.add_environment("ZAZ1")
        assert caught.value.code == code
        assert made.certificates.authorities() == []


@pytest.mark.shows("R20")
def test_no_ca_is_made_of_a_profile_that_weakens_a_rule(tmp_path):
    name = "certificates/organisation-issuing-ca.toml"
    text = shipped("profiles").joinpath(name).read_text("utf-8")
    own = tmp_path / "own"
    (own / "certificates").mkdir(parents=True)
    (own / name).write_text(text.replace("critical = true", "critical = false", 1), "utf-8")
    with Estate.create(tmp_path / "e", "phrase", profiles=own) as made:
        with pytest.raises(InputError, match="weakens the rule of") as caught:
            made.add_environment("ZAZ1")
        assert caught.value.code == "profile.weakened"
        assert made.certificates.authorities() == []


def test_a_point_is_uncompressed(estate, request_for):
    key = csrs.new_key()
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    spki = csrs.tlv(0x30, csrs.spki(key)[2:23], csrs.tlv(0x03, b"\x00", point))
    with pytest.raises(InputError) as caught:
        estate.issue(request_for(), public_key=spki)
    assert caught.value.code == "key.point"


def test_the_live_name_of_one_ca_leaves_the_other_hierarchies_alone(tmp_path, quickstart):
    """Neither their CAs nor what these issue."""
    marks = shipped("profiles").joinpath("environments.toml").read_text("utf-8")
    marks = marks.replace("ca-names = []", 'ca-names = ["U2"]', 1)
    own = tmp_path / "own"
    own.mkdir()
    (own / "environments.toml").write_text(marks, "utf-8")
    passphrase = (quickstart / "passphrase").read_text().strip()
    with Estate.open(quickstart, passphrase, profiles=own) as marked:
        for hierarchies in (None, [Hierarchy.ORGANISATION, Hierarchy.DEVICE]):
            before = marked.certificates.authorities()
            with pytest.raises(InputError) as caught:
                marked.add_environment("UIT-A", hierarchies=hierarchies)
            assert (caught.value.code, "U2" in caught.value.message) == ("live.ca_name", True)
            assert marked.certificates.authorities() == before
        marked.add_environment("UIT-A", hierarchies=[Hierarchy.DEVICE])
        subject = DeviceSubject(Eui64.parse("00-DB-12-00-00-00-00-31"), csrs.HW_TYPE)
        request = marked.request(
            *("meters-one", "device-and-user-system-tests", subject, (BOTH[0],)),
            environment="UIT-A",
        )
        (record,), _ = marked.issue(request)
        assert record.environment == "UIT-A"


def test_a_certificate_is_renewed_with_a_label_that_is_too_long_today(estate, request_for):
    issuance = Issuance(estate)
    authorisation = issuance.authorise(request_for())
    # As an earlier version took it.
    prepared = issuance.prepare_authorised(authorisation, label="x" * 300)
    (record,) = issuance.commit_one(prepared, "issue")
    (renewal,) = estate.renew(Selection(serial=record.serial))
    assert renewal.record.label == "x" * 300


def test_a_ca_that_has_a_live_name_by_now_issues_nothing(quickstart, request_for):
    """Also where its name is a later generation's, which no environment states."""
    with opened(quickstart) as estate:
        estate.roll_over(Hierarchy.DEVICE, "DZ1b")
    marked = shipped("profiles").joinpath("environments.toml").read_text("utf-8")
    (quickstart / "profiles").mkdir()
    path = quickstart / "profiles" / "environments.toml"
    path.write_text(marked.replace("ca-names = []", 'ca-names = ["dz1B"]', 1), "utf-8")
    with opened(quickstart) as estate:
        with pytest.raises(Refusal) as caught:
            estate.issue(request_for())
        assert [reason.code for reason in caught.value.reasons] == ["live.ca_name"]
        with pytest.raises(InputError) as wrong:
            estate.roll_over(Hierarchy.DEVICE, "Dz1B")
        assert wrong.value.code == "live.ca_name"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "participant", "stated", "usages", "written", "what"),
    [
        (
            "organisation",
            "supplier-one",
            {"id": "90-B3-D5-1F-30-01-00-00", "role": "supplier"},
            (KeyUsage.DIGITAL_SIGNATURE,),
            {"eui64": bytes.fromhex("90B3D51F30000002")},
            "ID",
        ),
        (
            "organisation",
            "supplier-one",
            {"id": "90-B3-D5-1F-30-01-00-00", "role": "supplier"},
            (KeyUsage.DIGITAL_SIGNATURE,),
            {"role": "89"},
            "role",
        ),
        (
            "device",
            "supplier-one",
            {"device_id": "00-DB-12-00-00-00-77-77", "hw_type": "1.2.3"},
            (KeyUsage.DIGITAL_SIGNATURE,),
            {"device-id": bytes.fromhex("00DB120000007778")},
            "ID",
        ),
        (
            "iki",
            "supplier-one",
            {"system_name": "x", "role": "supplier"},
            (),
            {"role": "01"},
            "role",
        ),
    ],
)
@pytest.mark.shows("3-issue-3", "¶27", "R4")
def test_what_the_gate_did_not_judge_is_not_signed(
    estate, monkeypatch, name, participant, stated, usages, written, what
):
    """Whatever goes wrong between the gate and the signature."""
    inputs = certificates.inputs
    monkeypatch.setattr(
        certificates, "inputs", lambda subject, usage: inputs(subject, usage) | written
    )
    request = estate.request(participant, "uept", estate.subject(name, **stated), usages)
    before = len(list(estate.select(Selection())))
    with pytest.raises(SmkiTestcaError) as caught:
        estate.issue(request)
    assert caught.value.code == "certificate.not_as_judged"
    assert f"the {what} " in caught.value.message
    assert len(list(estate.select(Selection()))) == before


def test_a_certificate_has_the_signifier_that_the_gate_judged(estate, monkeypatch):
    prepare = certificates.CertificationAuthority.prepare

    def of_another(self, authorisation, *arguments, **options):
        other = replace(authorisation.participant, signifier=Signifier("TPTY-OTHER"))
        object.__setattr__(judged := copy(authorisation), "participant", other)
        return prepare(self, judged, *arguments, **options)

    monkeypatch.setattr(certificates.CertificationAuthority, "prepare", of_another)
    subject = estate.subject("dccki", common_name="gateway.test", dns="gateway.test")
    with pytest.raises(SmkiTestcaError, match="the Signifier TPTY-OTHER"):
        estate.issue(estate.request("supplier-one", "uept", subject))


def test_the_record_of_a_certificate_has_its_id_whatever_types_a_program_made(estate):
    types = estate.library.profile("device").input_types
    blind = tuple(replace(each, is_identifier=False) for each in types)
    stated = estate.subject("device", device_id="00-DB-12-00-00-00-77-77", hw_type="1.2.3")
    subject = Subject("device", blind, stated.inputs)
    request = estate.request("supplier-one", "uept", subject, (KeyUsage.DIGITAL_SIGNATURE,))
    (record,), warnings = estate.issue(request)
    assert record.eui64 == stated.device_id
    assert any("R24" in warning for warning in warnings)
