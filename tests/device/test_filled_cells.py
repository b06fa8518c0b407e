"""The cells of a Device are filled from an estate, or from what a kit wrote."""

from __future__ import annotations

import json

import pytest

from smki_testca import Device, Estate, InputError, Selection, kits
from smki_testca.kits import maker
from smki_testca.profiles import Library

ESME = {
    "root": "00-00-00-00-00-00-00-00",
    "recovery/DS": "90-B3-D5-1F-30-00-00-01",
    "supplier/DS": "90-B3-D5-1F-30-01-00-00",
    "supplier/KA": "90-B3-D5-1F-30-01-00-00",
    "supplier/KA/prepayment": "90-B3-D5-1F-30-01-00-00",
    "networkOperator/DS": "90-B3-D5-1F-30-02-00-00",
    "networkOperator/KA": "90-B3-D5-1F-30-02-00-00",
    "accessControlBroker/KA": "90-B3-D5-1F-30-00-00-02",
    "transitionalCoS/DS": "90-B3-D5-1F-30-00-00-04",
}
PREPAYMENT = {"supplier/KA/prepayment": "Z1-supplierPP-ka"}


def identifiers(device):
    return {name: cell and cell.eui64 for name, cell in device.cells.items()}


def record_of(estate, label):
    (record,) = estate.select(Selection(label=label))
    return record


def test_an_estate_fills_every_cell_without_its_passphrase(quickstart):
    def ask():
        raise AssertionError("nobody needs the passphrase")

    with Estate.open(quickstart, ask) as estate:
        device = Device.load(estate, "esme", cells=PREPAYMENT)
        assert identifiers(device) == ESME
        for label, cell in (
            ("Z1-supplier-ka", "supplier/KA"),
            ("Z1-supplierPP-ka", "supplier/KA/prepayment"),
        ):
            assert device.certificate(cell) == record_of(estate, label).der
    assert device.environment == "ZAZ1"
    assert device.notes == ()


def test_the_cell_of_prepayment_stays_empty_unless_its_certificate_is_named(estate):
    device = Device.load(estate, "ESME")
    assert device.cells["supplier/KA/prepayment"] is None
    assert any("Z1-supplierPP-ka" in note for note in device.notes)
    assert device.certificate("supplier/KA") == record_of(estate, "Z1-supplier-ka").der


@pytest.mark.parametrize(("kind", "filled"), [("ESME-load-control", 11), ("gsme", 9), ("chf", 3)])
def test_each_type_of_device_gets_its_cells(estate, kind, filled):
    device = Device.load(estate, kind, cells=PREPAYMENT if filled > 3 else {})
    assert sum(cell is not None for cell in device.cells.values()) == filled
    assert device.root is not None


def test_a_renewed_certificate_takes_the_place_of_the_one_before(estate):
    (renewal,) = estate.renew(Selection(label="Z1-supplier-ds"))
    device = Device.load(estate, "ESME", cells=PREPAYMENT)
    assert device.certificate("supplier/DS") == renewal.record.der


def test_a_certificate_is_chosen_by_its_label_or_serial_number(estate):
    other = record_of(estate, "Z1-supplierPP-ka")
    for text in ("Z1-supplierPP-ka", str(other.serial), str(other.serial)[:20]):
        device = Device.load(estate, "ESME", cells={"supplier/KA": text})
        assert device.certificate("supplier/KA") == other.der


def test_a_certificate_that_was_chosen_for_another_cell_is_told_apart_from_none(estate):
    device = Device.load(estate, "ESME", cells={"networkOperator/KA": "Z1-networkOperator-ds"})
    assert device.cells["networkOperator/DS"] is None
    notes = "\n".join(device.notes)
    assert "networkOperator/KA has Z1-networkOperator-ds, as you chose, which is of" in notes
    assert "networkOperator/DS is empty: you chose Z1-networkOperator-ds for another cell" in notes
    assert "has no certificate for it" not in notes


def test_a_certificate_of_another_hierarchy_in_a_cell_is_told(estate):
    device = Device.load(estate, "ESME", cells={**PREPAYMENT, "supplier/DS": "ESME-ds"})
    (note,) = device.notes
    assert note.endswith("which is not a certificate of an organisation")


def test_a_device_that_was_loaded_takes_what_the_estate_issues(estate):
    device = Device.load(estate, "ESME", cells=PREPAYMENT)
    issuing = record_of(estate, "Z1").der
    (renewal,) = estate.renew(Selection(label="Z1-supplier-ds"))
    (answer,) = device.update([renewal.record.der], [issuing])
    assert answer.status == 0
    assert answer.old.key_identifier != answer.new.key_identifier


@pytest.mark.parametrize(
    ("kind", "options", "code"),
    [
        ("TARDIS", {}, "device.type"),
        ("GPF", {}, "device.no_cells"),
        ("ESME", {"environment": "NOWHERE"}, "environment.unknown"),
        ("ESME", {"cells": {"supplier/KA": "nothing"}}, "device.certificate"),
        ("ESME", {"cells": {"supplier": "x"}}, "device.cell_name"),
        ("ESME", {"cells": {"root": "ZA"}}, "device.cell_name"),
        (
            "ESME",
            {"cells": {"supplier/DS": "ESME-ds", "Supplier/digitalSignature": "Z1-supplier-ds"}},
            "device.cell_twice",
        ),
        ("ESME", {"cells": {"loadController/DS": "Z1-loadController-ds"}}, "device.cell_name"),
    ],
)
def test_what_an_estate_cannot_fill_is_an_error(estate, kind, options, code):
    with pytest.raises(InputError) as caught:
        Device.load(estate, kind, **options)
    assert caught.value.code == code


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """The kit device-maker, made once and not to be changed."""
    out = tmp_path_factory.mktemp("device") / "kit"
    maker.make(kits.load(Library(), "device-maker"), out, maker.KitOptions(1, None, ("csv",)))
    return out


@pytest.mark.slow
def test_the_folders_of_a_kit_fill_the_cells_of_each_type(kit):
    esme = Device.load(kit, "esme", "ZAZ1")
    assert identifiers(esme) == ESME
    folder = kit / "trust-anchor-cells" / "ZAZ1" / "GSME"
    assert identifiers(Device.load(folder, "gsme")) == ESME
    issuing = (folder / "path-issuing-ca.der").read_bytes()
    chf = Device.load(str(kit), "CHF")
    held = [chf.certificate(name) for name in chf.cells]
    assert [answer.status for answer in chf.update(held, [issuing])] == [0, 0, 0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"ESME"', '"GSME"', "device.manifest"),
        ('"ZAZ1"', '"SIT-A"', "device.manifest"),
        ('"supplier"', '"loadController"', "device.manifest"),
        ('"recovery-digitalSignature.der"', '"../ESME/manifest.json"', "device.manifest"),
        ('"recovery-digitalSignature.der"', '"supplier-digitalSignature.der"', "device.manifest"),
        ('"recovery-digitalSignature.der"', '"none.der"', "input.unreadable"),
        ('"cells"', '"cell"', "device.manifest"),
        ("{", "", "device.manifest"),
    ],
)
def test_a_manifest_or_file_that_was_changed_is_an_error(kit, tmp_path, old, new, code):
    folder = tmp_path / "ESME"
    folder.mkdir()
    for path in (kit / "trust-anchor-cells" / "ZAZ1" / "ESME").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    manifest = folder / "manifest.json"
    assert old in manifest.read_text("utf-8")
    manifest.write_text(manifest.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(InputError) as caught:
        Device.load(folder, "ESME", "ZAZ1")
    assert caught.value.code == code


@pytest.mark.slow
def test_a_kit_without_the_type_and_a_choice_within_a_kit_are_errors(kit):
    for kind, options, code in (
        ("GPF", {}, "device.no_cells"),
        ("ESME", {"environment": "SIT-A"}, "device.no_cells"),
        ("ESME", {"cells": PREPAYMENT}, "device.certificate"),
    ):
        with pytest.raises(InputError) as caught:
            Device.load(kit, kind, **options)
        assert caught.value.code == code


@pytest.mark.slow
def test_any_kit_that_names_the_types_brings_their_cells(tmp_path, library_of_a_small_kit):
    out = tmp_path / "kit"
    kit = kits.load(library_of_a_small_kit, "one-hub")
    maker.make(kit, out, maker.KitOptions(1, None, ("csv",)))
    device = Device.load(out, "chf")
    assert identifiers(device) == {
        "accessControlBroker/DS": "90-B3-D5-1F-30-00-00-02",
        "accessControlBroker/KA": "90-B3-D5-1F-30-00-00-02",
        "wanProvider/DS": "90-B3-D5-1F-30-00-00-07",
    }
    document = json.loads(
        (out / "trust-anchor-cells" / "ZAZ1" / "CHF" / "manifest.json").read_bytes()
    )
    assert [each["tier"] for each in document["path"]] == ["issuing", "root"]


@pytest.fixture
def library_of_a_small_kit(tmp_path):
    """A library with a kit of another name that names one type of Device."""
    shipped = (Library().directories[-1] / "kits" / "device-maker.toml").read_text("utf-8")
    text = shipped.replace('name = "device-maker"', 'name = "one-hub"')
    start = text.index("trust-anchor-cells = [")
    end = text.index("]", start) + 1
    text = text[:start] + 'trust-anchor-cells = ["CHF"]' + text[end:]
    folder = tmp_path / "profiles" / "kits"
    folder.mkdir(parents=True)
    (folder / "one-hub.toml").write_text(text, "utf-8")
    return Library(tmp_path / "profiles")
