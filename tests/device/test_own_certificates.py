"""What a Device answers to certificates of its own (CS02d)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smki_testca import Eui64, InputError, KeyUsage
from smki_testca.corpus.document_changes import with_value
from smki_testca.corpus.parts import DEVICE_ID, at, usages
from smki_testca.corpus.pki import AT
from smki_testca.roles import Basis

OWN_ID = Eui64.from_octets(DEVICE_ID)
SIGNING, AGREEING = KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT


@pytest.fixture
def check(material):
    """Has an ESME judge a certificate, below the Device CAs."""
    device = material.device("ESME")
    authorities = [material.document(f"device-{tier}-ca").der for tier in ("issuing", "root")]

    def run(der, **options):
        return device.check(der, **{"at": AT, "path": authorities, **options})

    return run


def test_the_certificate_that_was_asked_for_is_a_success(check, material):
    answer = check(material.document("device").der, device_id=OWN_ID, usage=SIGNING)
    assert (answer.status.number, answer.status.name) == (0, "success")
    assert answer.device_id == str(OWN_ID)
    assert answer.remarks == ()


def test_a_changed_key_usage_breaks_the_signature_as_the_vectors_show(check, material):
    good = material.document("device").der
    changed = good.replace(bytes.fromhex("03020780"), bytes.fromhex("03020640"))
    assert changed != good
    answer = check(changed, usage=SIGNING)
    assert (answer.status.number, answer.status.name) == (1, "invalidCertificate")
    assert "signature.invalid" in answer.findings
    assert answer.basis is Basis.OBSERVED


@pytest.mark.parametrize("octets", [b"", b"junk", b"\x30\x80"])
def test_octets_that_are_no_certificate_are_invalid(check, octets):
    answer = check(octets)
    assert (answer.status.number, answer.device_id) == (1, None)
    assert answer.basis is Basis.ASSUMED


def test_a_certificate_of_another_pki_is_invalid(check, material):
    assert check(material.document("organisation").der).status.number == 1


def test_a_certificate_of_an_unknown_issuer_is_invalid(check, material):
    answer = check(material.document("device").der, path=material.path)
    assert (answer.status.number, answer.findings) == (1, ("issuer.unknown",))


@pytest.mark.slow
def test_without_a_ca_the_signature_is_unchecked_and_the_answer_says_so(check, material):
    answer = check(material.document("device").der, path=[])
    assert answer.status.number == 0
    assert "unchecked" in answer.remarks[0]


def test_the_id_of_another_device_is_a_wrong_identity(check, material):
    answer = check(material.document("device").der, device_id=Eui64(1))
    assert (answer.status.number, answer.status.name) == (2, "wrongDeviceIdentity")


@pytest.mark.parametrize(("base", "usage"), [("device", AGREEING), ("device-ka", SIGNING)])
def test_another_usage_than_the_one_asked_for_is_an_invalid_key_usage(check, material, base, usage):
    answer = check(material.document(base).der, usage=usage)
    assert (answer.status.number, answer.status.name) == (3, "invalidKeyUsage")


def test_a_certificate_of_another_key_than_the_csrs_is_a_wrong_public_key(check, material):
    csr = material.document("device-csr")
    answer = check(material.document("device").der, csr=csr.der)
    assert (answer.status.number, answer.status.name) == (5, "wrongPublicKey")
    of_its_key = replace(csr, spki=material.document("device").spki)
    assert check(material.document("device").der, csr=of_its_key.der).status.number == 0


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (4, "noCorrespondingKeyPairGenerated"),
        ("certificateStorageFailed", "certificateStorageFailed"),
        (7, "privateKeyChangeFailed"),
    ],
)
def test_what_a_certificate_cannot_bring_about_can_be_asked_for(check, material, asked, name):
    answer = check(material.document("device").der, answer=asked)
    assert answer.status.name == name


def test_its_time_is_a_remark(check, material):
    answer = check(material.document("device").der, at=at("2001-01-01"))
    assert answer.status.number == 0
    assert answer.remarks


def test_the_first_thing_that_is_wrong_decides(check, material):
    broken = with_value(material.document("device"), "keyUsage", usages("nonRepudiation"))
    answer = check(broken.der, device_id=Eui64(1), usage=AGREEING)
    assert answer.status.number == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"csr": b"junk"}, "device.csr"),
        ({"answer": 99}, "device.status_name"),
        ({"path": [b""] * 4}, "device.too_many"),
    ],
)
def test_what_cannot_be_is_an_error(check, material, options, code):
    with pytest.raises(InputError) as caught:
        check(material.document("device").der, **options)
    assert caught.value.code == code
