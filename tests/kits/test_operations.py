"""Kits from Python: listed, loaded, made and applied."""

from datetime import UTC, datetime, timedelta

import pytest

from smki_testca import (
    Estate,
    FixedClock,
    InputError,
    Selection,
    apply_kit,
    kit_names,
    kits,
    load_kit,
    make_kit,
)
from smki_testca.profiles import Library

KIT = """
name = "ours"
title = "A small kit"
environments = ["ZAZ1"]
hierarchies = ["organisation", "device"]

[[participant]]
id = "supplier-one"
name = "Supplier One"
kind = "party"
signifier = "TPTY-SUPPLIER-ONE"
ranges = [{ registry-entry = "90-B3-D5-1F-3", organisation-number = "001" }]
ids = [{ eui64 = "90-B3-D5-1F-30-01-00-00", user-roles = ["IS"] }]

[[participant]]
id = "meters-one"
name = "Meters One"
kind = "manufacturer"
registry-entries = ["00-DB-12"]

[[agreement]]
reference = "OURS-SUPPLIER"
participant = "supplier-one"
kind = "sec-accession"
from-days = -365
purposes = ["device-and-user-system-tests"]
categories = ["organisation-user"]
obligations = ["security-requirements-of-the-etad"]

[[agreement]]
reference = "OURS-METERS"
participant = "meters-one"
kind = "bilateral"
from-days = -365
purposes = ["device-and-user-system-tests"]
categories = ["device"]
obligations = ["security-requirements-of-the-etad"]

[[request]]
profile = "organisation"
participant = "supplier-one"
purpose = "device-and-user-system-tests"
usages = ["digital-signature", "key-agreement"]
label = "supplier"
id = "90-B3-D5-1F-30-01-00-00"
role = "supplier"
common-name = "SUPPLIER ONE"

[[devices]]
type = "ESME"
participant = "meters-one"
purpose = "device-and-user-system-tests"
hw-type = "1.2.826.0.1.8641679.1.2.2.1"
first-id = "00-DB-12-00-00-00-00-01"
count = 2
usages = ["digital-signature", "key-agreement"]
label = "{type}-{number}-{usage}"
"""


@pytest.fixture
def ours(tmp_path):
    path = tmp_path / "ours.toml"
    path.write_text(KIT)
    return path


@pytest.mark.slow
def test_kits_are_listed_and_loaded_by_name_or_path(ours, tmp_path):
    assert kit_names() == kits.names(Library())
    assert {load_kit(name).name for name in kit_names()} == set(kit_names())
    assert load_kit(ours) == load_kit(str(ours))
    assert load_kit(ours).title == "A small kit"
    profiles = tmp_path / "profiles"
    (profiles / "kits").mkdir(parents=True)
    (profiles / "kits" / "ours.toml").write_text(KIT)
    assert "ours" in kit_names(profiles)
    assert load_kit("ours", str(profiles)).title == "A small kit"
    with pytest.raises(InputError):
        load_kit("ours")


@pytest.mark.slow
def test_a_kit_is_made_with_an_estate_of_its_own(ours, tmp_path):
    out = tmp_path / "out"
    result = make_kit(ours, str(out), devices=1, seed=b"seed" * 2, formats=["pem"])
    assert (result.directory, result.seeded, result.exports.folders) == (out, True, ["pem"])
    phrase = (out / "estate" / "passphrase").read_text().strip()
    with Estate.open(out / "estate", phrase) as estate:
        records = list(estate.select(Selection()))
        # What the estate has is what the kit says.
        assert not apply_kit(estate, ours, devices=1).does_something
    assert len(records) == result.exports.certificates


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"devices": -1}, "kit.devices"),
        ({"seed": b"short"}, "batch.seed"),
        ({"formats": ["jpeg"]}, "export.format"),
    ],
)
def test_a_kit_that_cannot_be_made_leaves_nothing(ours, tmp_path, options, code):
    with pytest.raises(InputError) as error:
        make_kit(load_kit(ours), tmp_path / "out", **options)
    assert error.value.code == code
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_kit_is_planned_and_applied_as_values(ours, tmp_path):
    with Estate.create(tmp_path / "estate", "phrase") as estate:
        planned = apply_kit(estate, load_kit(ours), dry_run=True)
        assert list(estate.certificates.authorities()) == []
        assert planned.dry_run
        done = apply_kit(estate, str(ours))
        assert [each.reason for each in done.additions] == ["missing"] * len(planned.additions)
        certificates = [each for each in done.additions if each.kind == "certificate"]
        for each in certificates:
            if each.serial is not None:
                assert estate.by_serial(each.serial).label == each.label
        assert any(each.serial is not None for each in certificates)
        assert not apply_kit(estate, ours).does_something
        with pytest.raises(InputError) as error:
            apply_kit(estate, "theirs")
        assert error.value.code == "profile.reference"


@pytest.mark.slow
def test_what_ends_within_a_period_is_renewed(ours, tmp_path):
    start = datetime(2027, 3, 4, tzinfo=UTC)
    with Estate.create(tmp_path / "estate", "phrase", clock=FixedClock(start)) as estate:
        apply_kit(estate, ours)
    later = FixedClock(start + timedelta(days=2))
    with Estate.open(tmp_path / "estate", "phrase", clock=later) as estate:
        assert apply_kit(estate, ours, dry_run=True).renewals == []
        plan = apply_kit(estate, ours, within=timedelta(days=20 * 365))
        assert {each.reason for each in plan.renewals} == {"due"}
        for each in plan.renewals:
            assert estate.by_serial(each.successor).label == each.record.label
