"""CAs renewed and rolled over: old certificates still verify, new ones come from the new one."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

import batches
import csrs
from estates import opened
from smki_testca.authority.revocation import Reason
from smki_testca.errors import EstateError, InputError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.estate.terms import Secrets
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch import running
from smki_testca.issuance.batch.engines import LocalEngine
from smki_testca.issuance.batch.planning import BatchPlan
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.profiles.typed_subjects import DeviceSubject, OrganisationSubject
from smki_testca.roles import KeyUsage
from smki_testca.shipped import shipped
from smki_testca.x509.pem import to_pem

LATER = datetime(2028, 2, 29, 12, 0, tzinfo=UTC)
ROLLED = {
    Hierarchy.ORGANISATION: "Z1b",
    Hierarchy.DEVICE: "DZ1b",
    Hierarchy.DCCKI: "EII DCCKICA ZAZ1 Test 2",
    Hierarchy.IKI: "Issuing ICA ZAZ1 Test 2",
}

HIERARCHIES = (Hierarchy.ORGANISATION, Hierarchy.DEVICE, Hierarchy.DCCKI, Hierarchy.IKI)


@pytest.fixture
def later(quickstart):
    with opened(quickstart, LATER) as estate:
        yield estate


def one(estate, label):
    return list(estate.select(Selection(label=label)))[-1]


def signed_by(record, authority):
    """Whether cryptography finds the signature and the names to be that CA's."""
    leaf = x509.load_der_x509_certificate(record.der)
    ca = x509.load_der_x509_certificate(authority.der)
    key: Any = ca.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(leaf.signature, leaf.tbs_certificate_bytes, padding.PKCS1v15(), hashes.SHA256())
    else:
        key.verify(leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
    return leaf.issuer.public_bytes() == ca.subject.public_bytes()


def whole(estate, record):
    """The chain of a certificate, each signature of which fits."""
    chain = estate.certificates.chain(record)
    assert all(signed_by(low, high) for low, high in zip([record, *chain], chain, strict=False))
    assert signed_by(chain[-1], chain[-1])
    return [item.label for item in chain]


def issue(estate, usage=KeyUsage.KEY_AGREEMENT):
    supplier = estate.library.roles.remote_party_role("supplier")
    subject = OrganisationSubject(Eui64.parse("90b3d51f30010000"), supplier)
    (record,), _ = estate.issue(estate.request("supplier-one", "uept", subject, (usage,)))
    return record


# Renewal: the same name and key.


@pytest.mark.slow
@pytest.mark.parametrize("hierarchy", HIERARCHIES)
@pytest.mark.parametrize("tier", [Tier.ROOT, Tier.ISSUING])
def test_a_renewed_ca_is_the_same_but_for_serial_and_dates(later, hierarchy, tier):
    old = later.certificates.generations("ZAZ1", hierarchy, tier)[-1][-1]
    renewal = later.renew_authority(old.label)
    assert renewal.predecessor.serial == old.serial
    before, after = (x509.load_der_x509_certificate(item.der) for item in (old, renewal.record))
    assert after.subject.public_bytes() == before.subject.public_bytes()
    assert after.public_key() == before.public_key()
    assert [item.value for item in after.extensions] == [item.value for item in before.extensions]
    assert after.serial_number != before.serial_number
    assert after.not_valid_before_utc.date() == LATER.date()
    assert after.not_valid_after_utc > before.not_valid_after_utc
    assert later.status(old) is Status.NOT_IN_USE
    assert later.renewal_links.successors(old.serial) == [renewal.record.serial]
    later.audit.verify()


@pytest.mark.parametrize("label", ["Z1", "ZA"])
def test_what_a_ca_signed_before_verifies_with_its_new_certificate(later, label):
    leaf = one(later, "Z1-supplier-ds")
    old = later.certificates.chain(leaf)
    new = later.renew_authority(label).record
    chain = later.certificates.chain(leaf)
    assert [item.label for item in chain] == ["Z1", "ZA"]
    assert new in chain
    assert whole(later, leaf) == ["Z1", "ZA"]
    assert signed_by(leaf, old[0])
    fresh = issue(later)
    assert later.certificates.chain(fresh) == chain
    issuing = next(item for item in chain if item.tier is Tier.ISSUING)
    assert fresh.issuer == issuing.serial


def test_a_ca_is_renewed_again_and_again_but_each_certificate_once(later):
    first = one(later, "Z1")
    second = later.renew_authority("Z1").record
    third = later.renew_authority("Z1").record
    assert [
        state.record.serial for state in later.authorities.states() if state.record.label == "Z1"
    ] == [item.serial for item in (first, second, third)]
    for serial in (first.serial, second.serial):
        with pytest.raises(InputError) as caught:
            later.renew_authority(str(serial))
        assert caught.value.code == "renew.already"
        assert str(third.serial) in caught.value.message


def test_a_revoked_ca_is_not_renewed(estate):
    estate.revoke(Selection(label="Z1"), Reason.CA_COMPROMISE)
    with pytest.raises(InputError) as caught:
        estate.renew_authority("Z1")
    assert caught.value.code == "renew.revoked"


def own_profile(directory, name, old, new):
    """Gives an estate its own copy of a shipped file, with something changed."""
    text = (shipped("profiles") / name).read_text("utf-8")
    assert old in text
    path = directory / "profiles" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_a_ca_that_its_profile_would_name_otherwise_is_not_renewed(quickstart):
    profile = "certificates/organisation-issuing-ca.toml"
    own_profile(quickstart, profile, 'constant = "07"', 'constant = "06"')
    with opened(quickstart) as estate:
        with pytest.raises(InputError) as caught:
            estate.renew_authority("Z1")
        assert caught.value.code == "ca.profile_changed"
        assert len(estate.authorities.states()) == 8


@pytest.mark.parametrize("name", ["Z9", "supplier-one", "", "FF" * 16])
def test_a_ca_that_there_is_not_is_not_renewed(estate, name):
    with pytest.raises(InputError) as caught:
        estate.renew_authority(name)
    assert caught.value.code == "ca.unknown"


@pytest.mark.slow
def test_a_ca_is_looked_for_in_the_environment_named(estate):
    with pytest.raises(InputError) as caught:
        estate.renew_authority("Z1", "UIT-A")
    assert caught.value.code == "ca.unknown"
    estate.add_environment("UIT-A")
    assert estate.renew_authority("U2", "UIT-B").record.family == "UIT"


# Roll-over: a new name and key.


@pytest.mark.slow
@pytest.mark.parametrize("hierarchy", HIERARCHIES)
def test_after_a_roll_over_certificates_come_from_the_new_one(later, hierarchy):
    before = later.certificates.generations("ZAZ1", hierarchy, Tier.ISSUING)[-1][-1]
    record = later.roll_over(hierarchy, ROLLED[hierarchy])
    assert record.label == ROLLED[hierarchy]
    assert record.key_id != before.key_id
    assert whole(later, record) == whole(later, before)
    old = {
        item.serial: whole(later, item)
        for item in later.select(Selection())
        if item.hierarchy == hierarchy and item.tier is Tier.END_ENTITY
    }
    renewals = later.renew(Selection(profile=hierarchy.value))
    assert len(renewals) == len(old)
    for renewal in renewals:
        assert old[renewal.predecessor.serial][0] == before.label
        assert whole(later, renewal.predecessor)[0] == before.label
        assert whole(later, renewal.record)[0] == ROLLED[hierarchy]
    assert later.status(before) is Status.IN_USE
    later.audit.verify()


def test_the_generation_before_can_still_be_renewed_and_does_not_issue_again(later):
    later.roll_over(Hierarchy.ORGANISATION, "Z1b")
    later.renew_authority("Z1")
    assert whole(later, issue(later))[0] == "Z1b"
    later.renew_authority("Z1b")
    assert whole(later, issue(later))[0] == "Z1b"
    told = [
        (state.record.label, state.generation, state.issues_now)
        for state in later.authorities.states()
        if state.record.profile == "organisation-issuing-ca"
    ]
    assert told == [("Z1", 1, False), ("Z1", 1, False), ("Z1b", 2, False), ("Z1b", 2, True)]


def test_a_process_that_was_open_before_sees_a_roll_over_of_another(quickstart):
    with opened(quickstart) as waiting, opened(quickstart) as other:
        assert whole(waiting, issue(waiting))[0] == "Z1"
        other.roll_over(Hierarchy.ORGANISATION, "Z1b")
        assert whole(waiting, issue(waiting))[0] == "Z1b"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Z1", "ca.name_taken"),
        ("ZA", "ca.name_taken"),
        ("DZ1", "ca.name_taken"),
        ("U2", "ca.name_taken"),
        ("Z1bcd", "ca.name"),
        ("Z1_b", "field.characters"),
        ("Zé", "field.characters"),
        ("", "field.empty"),
        ("  ", "field.empty"),
    ],
)
def test_a_name_that_does_not_do_is_refused_and_nothing_is_made(estate, name, code):
    with pytest.raises(InputError) as caught:
        estate.roll_over(Hierarchy.ORGANISATION, name)
    assert caught.value.code == code
    assert len(estate.authorities.states()) == 8
    assert estate.audit.entries(1)[0].action == "issue"


def test_a_name_of_a_live_ca_is_refused(quickstart):
    own_profile(quickstart, "environments.toml", "ca-names = []", 'ca-names = ["L1"]')
    with opened(quickstart) as estate, pytest.raises(InputError) as caught:
        estate.roll_over(Hierarchy.ORGANISATION, "L1")
    assert caught.value.code == "live.ca_name"


def test_an_estate_without_that_environments_cas_has_none_to_roll_over(estate):
    with pytest.raises(EstateError) as caught:
        estate.roll_over(Hierarchy.DEVICE, "DU3", "UIT-A")
    assert caught.value.code == "estate.no_authority"


def test_after_two_roll_overs_the_third_generation_issues(later):
    for name in ("Z1b", "Z1c"):
        later.roll_over(Hierarchy.ORGANISATION, name)
    assert whole(later, issue(later))[0] == "Z1c"
    assert whole(later, one(later, "Z1-supplier-ds"))[0] == "Z1"


def test_a_run_that_was_begun_ends_with_the_ca_it_began_with(quickstart):
    with opened(quickstart) as estate:
        with estate.transaction():
            plan = BatchPlan(estate, "range", None, Secrets.from_seed(bytes(32), bytes(32)))
            subject = DeviceSubject(Eui64.parse(batches.device_id(0x7000)), csrs.HW_TYPE)
            request = estate.request(
                *("meters-one", "device-and-user-system-tests", subject),
                (KeyUsage.KEY_AGREEMENT,),
            )
            plan.add_range(request, 5)
            run = plan.store()
        estate.roll_over(Hierarchy.DEVICE, "DZ1b")
        estate.renew_authority("DZ1")
        running.resume(estate, run, LocalEngine(1), lambda *_: None)
        for record in estate.run_certificates.of_run(estate.runs.get(run)):
            assert whole(estate, record) == ["DZ1", "DZ"]


# What leaves the estate, and second opinions.


def test_an_export_has_the_right_chain_for_each_generation(command, quickstart, tmp_path):
    for words in (("renew", "Z1"), ("roll-over", "organisation", "--name", "Z1b")):
        assert command("--estate", quickstart, "ca", *words).code == 0
    assert command("--estate", quickstart, "renew", "--label", "Z1-supplier-ka").code == 0
    out = tmp_path / "out"
    done = command("--estate", quickstart, "export", "--format", "pem", "--out", out)
    assert done.code == 0, done.err
    folder = out / "ZAZ1" / "organisation"
    for name, expected in (("Z1", ["Z1", "ZA"]), ("Z1b", ["Z1b", "ZA"])):
        chain = x509.load_pem_x509_certificates((folder / "ca" / f"{name}-chain.pem").read_bytes())
        assert [
            item.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value for item in chain
        ] == expected


def openssl_verify(estate, record, tmp_path, at):
    chain = estate.certificates.chain(record)
    parts = {"leaf": [record], "ca": chain[:-1], "root": chain[-1:]}
    for name, records in parts.items():
        (tmp_path / f"{name}.pem").write_bytes(b"".join(to_pem(item.der) for item in records))
    words = ["verify", "-x509_strict", "-ignore_critical", "-no-CApath", "-no-CAstore"]
    words += ["-attime", str(int(at.timestamp())), "-CAfile", tmp_path / "root.pem"]
    words += ["-untrusted", tmp_path / "ca.pem", tmp_path / "leaf.pem"]
    return subprocess.run(
        ["openssl", *map(str, words)], capture_output=True, text=True, check=False, timeout=30
    )


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_verifies_old_and_new_certificates_of_every_generation(later, tmp_path):
    for hierarchy, name in ROLLED.items():
        for tier in (Tier.ROOT, Tier.ISSUING):
            newest = later.certificates.generations("ZAZ1", hierarchy, tier)[-1][-1]
            later.renew_authority(newest.label)
        later.roll_over(hierarchy, name)
    for label in ("Z1-supplier-ds", "dccki-supplier-one", "iki-supplier-one"):
        (renewal,) = later.renew(Selection(label=label))
        for record in (renewal.predecessor, renewal.record):
            done = openssl_verify(later, record, tmp_path, LATER + timedelta(days=1))
            assert done.returncode == 0, done.stdout + done.stderr
    device = next(later.select(Selection(profile="device")))
    for record in (device, later.renew(Selection(serial=device.serial))[0].record):
        done = openssl_verify(later, record, tmp_path, LATER + timedelta(days=1))
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_every_ca_certificate_lints_clean_after_its_renewal_and_roll_over(command, quickstart):
    words = ("--estate", quickstart)
    for label in ("ZA", "Z1", "DZ", "DZ1"):
        assert command(*words, "ca", "renew", label).code == 0
    for hierarchy, name in ROLLED.items():
        made = command(*words, "--json", "ca", "roll-over", hierarchy.value, "--name", name)
        assert made.code == 0, made.err
    for state in command(*words, "--json", "ca", "list").json["authorities"]:
        shown = command(*words, "--json", "show", state["serial"])
        assert [item for item in shown.json["findings"] if item["severity"] == "error"] == []
        assert shown.code == 0


@pytest.mark.parametrize("word", ["revoked", "expired"])
def test_what_a_ca_signs_that_nobody_trusts_is_remarked_on(quickstart, word):
    at = datetime(2060, 1, 1, tzinfo=UTC) if word == "expired" else None
    with opened(quickstart, at) as estate:
        if word == "revoked":
            estate.revoke(Selection(label="Z1"), Reason.CA_COMPROMISE)
        role = estate.library.roles.remote_party_role("supplier")
        subject = OrganisationSubject(Eui64.parse("90-B3-D5-1F-30-01-00-00"), role, None)
        request = estate.request("supplier-one", "uept", subject, (KeyUsage.KEY_AGREEMENT,))
        (record,), warnings = estate.issue(request, label="new")
        (renewal,) = estate.renew(Selection(serial=record.serial))
    said = f"The CA Z1 is {word}: nobody trusts what it signs."
    assert sum(one.startswith(said) for one in warnings) == 1
    assert sum(one.startswith(said) for one in renewal.warnings) == 1


def test_of_a_ca_in_order_nothing_is_remarked(estate):
    (renewal,) = estate.renew(Selection(label="Z1-supplier-ds"))
    assert not any("nobody trusts" in one for one in renewal.warnings)
