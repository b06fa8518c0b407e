"""CSRs that the package makes itself, of every certificate type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import csrs
from smki_testca import InputError, KeyUsage, make_csr
from smki_testca.authority import csr
from smki_testca.lint import csr as rules
from smki_testca.lint import strict
from smki_testca.profiles import Library
from smki_testca.x509.view import view_request

LIBRARY = Library()
ROOT = Path(__file__).parents[2]
SEED = bytes(range(16))
ASKED: dict[str, dict[str, Any]] = {
    "organisation": {
        "usage": "digital-signature",
        "id": "90-B3-D5-1F-30-01-00-00",
        "role": "supplier",
        "common_name": "Supplier One",
    },
    "device": {
        "usage": KeyUsage.KEY_AGREEMENT,
        "device_id": "00-DB-12-00-00-00-00-05",
        "hw_type": csrs.HW_TYPE,
    },
    "iki": {
        "system_name": "adhoc-1",
        "role": "supplier",
        "participant_name": "Supplier One",
    },
    "dccki": {
        "common_name": "gateway.supplier-one.test",
        "dns": "gateway.supplier-one.test",
        "signifier": "TPTY-SUPPLIER-ONE",
        "participant_name": "Supplier One",
    },
    "dccki-personnel": {"common_name": "Alex Example", "participant_name": "Supplier One"},
}


def test_every_certificate_type_is_tried():
    assert set(ASKED) == {profile.name for profile in LIBRARY.end_entity_profiles}


@pytest.mark.slow
@pytest.mark.parametrize("profile", ASKED)
def test_a_csr_of_every_type_is_right_and_recognised(profile):
    made = make_csr(profile, **ASKED[profile])
    view = view_request(made.der)
    assert strict.anomalies(view) == []
    assert list(rules.breaches(view, LIBRARY.roles, LIBRARY.profile(profile))) == []
    read = csr.parse(made.pem, LIBRARY)
    assert read.subject.profile == profile
    assert read.remarks == csr.Remarks()


@pytest.mark.slow
@pytest.mark.parametrize("profile", ASKED)
def test_its_key_is_that_of_the_private_key(profile):
    made = make_csr(profile, **ASKED[profile])
    request = x509.load_der_x509_csr(made.der)
    assert request.is_signature_valid
    key: Any = serialization.load_pem_private_key(made.key_pem(), None)
    assert key.public_key() == request.public_key()
    encrypted = made.key_pem("phrase")
    assert b"ENCRYPTED PRIVATE KEY" in encrypted
    again: Any = serialization.load_pem_private_key(encrypted, b"phrase")
    assert again.public_key() == key.public_key()
    assert made.key_is_secret
    assert made.private_key.hex() not in repr(made)


@pytest.mark.parametrize("kind", ["organisation", "device", "iki"])
def test_it_is_the_csr_that_another_encoder_makes(kind):
    made = make_csr(kind, **ASKED[kind])
    key: Any = serialization.load_der_private_key(made.private_key, None)
    other = {
        "organisation": lambda: csrs.organisation(key, common_name="Supplier One"),
        "device": lambda: csrs.device(key),
        "iki": lambda: csrs.iki(key),
    }[kind]()
    assert view_request(made.der).signed.encoded == view_request(other).signed.encoded


def test_a_seed_gives_the_same_octets_and_each_subject_and_usage_another_key():
    asked = ASKED["device"]
    one, again = (make_csr("device", seed=SEED, **asked) for _ in range(2))
    assert one == again
    assert not one.key_is_secret
    others = [
        make_csr("device", seed=SEED, **asked | {"device_id": "00-DB-12-00-00-00-00-06"}),
        make_csr("device", seed=SEED, **asked | {"usage": "digital-signature"}),
        make_csr("device", seed=bytes(16), **asked),
        make_csr("device", **asked),
    ]
    assert len({one.private_key, *(other.private_key for other in others)}) == 5


def refused(profile, **changed):
    asked = {key: value for key, value in (ASKED[profile] | changed).items() if value is not None}
    with pytest.raises(InputError) as caught:
        make_csr(profile, **asked)
    return caught.value


def test_what_is_missing_is_named():
    assert "device_id" in refused("device", device_id=None).message
    assert "--usage" in refused("device", usage=None).message
    assert "key-agreement" in refused("device", usage="ka").remedy
    assert "no --usage" in refused("iki", usage="digital-signature").message
    assert "--participant-name" in refused("iki", participant_name=None).remedy
    assert "--participant-name" in refused("dccki", participant_name=None).remedy


def test_what_no_certificate_could_have_is_refused():
    assert refused("organisation", common_name="x" * 65).code == "request.value"
    assert refused("iki", system_name="a\x00b").code == "field.characters"
    assert refused("dccki", dns="not a host").code == "request.value"
    assert refused("device", device_id="00-DB").code == "eui64.form"
    assert refused("device", system_name="x").code == "request.input"


@pytest.mark.slow
def test_an_rsa_key_from_a_seed_is_the_same_each_time_and_another_for_each_subject():
    one, again = (make_csr("iki", seed=SEED, **ASKED["iki"]) for _ in range(2))
    assert (one.der, one.key_is_secret) == (again.der, False)
    other = make_csr("iki", seed=SEED, **{**ASKED["iki"], "system_name": "another"})
    assert other.private_key != one.private_key


def test_a_profile_of_an_operator_is_followed():
    profiles = ROOT / "examples" / "profile-override" / "profiles"
    made = make_csr("dccki", seed=SEED, profiles=profiles, **ASKED["dccki"])
    request = x509.load_der_x509_csr(made.der)
    assert request.subject.rfc4514_string() == (
        "CN=gateway.supplier-one.test,UID=TPTY-SUPPLIER-ONE,O=Supplier One"
    )
    library = Library(profiles)
    assert csr.parse(made.der, library, library.profile("dccki")).subject.profile == "dccki"


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "csrs").glob("*.csr")), ids=str)
def test_the_sample_csrs_are_clean_and_signed_by_a_quickstart_estate(command, quickstart, path):
    assert command("lint", path).code == 0
    purposes = {"device": "device-and-user-system-tests", "iki": "srept"}
    participant = "meters-one" if path.stem == "device" else "supplier-one"
    outcome = command(
        *("--json", "--estate", quickstart, "sign", path, "--participant", participant),
        *("--purpose", purposes.get(path.stem, "uept")),
    )
    assert outcome.code == 0, outcome.out
    (issued,) = outcome.json["certificates"]
    assert issued["profile"] == path.stem
    written = quickstart / f"{path.stem}.pem"
    written.write_text(issued["pem"])
    assert command("compare", path, written).code == 0


def test_there_is_a_sample_csr_of_every_certificate_type():
    samples = {path.stem for path in (ROOT / "examples" / "csrs").glob("*.csr")}
    assert samples == {profile.name for profile in LIBRARY.end_entity_profiles}
