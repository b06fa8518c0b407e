"""What the Trust Anchor Cells of Devices need: the certificates, by type, and their manifests."""

from __future__ import annotations

import json

import pytest
from cryptography import x509

from smki_testca import kits
from smki_testca.errors import InputError
from smki_testca.kits import maker
from smki_testca.profiles import Library
from smki_testca.roles import Basis

DS, KA = "digitalSignature", "keyAgreement"
MANAGEMENT, PREPAYMENT = "management", "prePaymentTopUp"

# From the published message vectors: role, key usage, cell usage, and the holder's EUI-64.
OF_A_METER = {
    ("root", "keyCertSign", MANAGEMENT): "00-00-00-00-00-00-00-00",
    ("recovery", DS, MANAGEMENT): "90-B3-D5-1F-30-00-00-01",
    ("supplier", DS, MANAGEMENT): "90-B3-D5-1F-30-01-00-00",
    ("supplier", KA, MANAGEMENT): "90-B3-D5-1F-30-01-00-00",
    ("supplier", KA, PREPAYMENT): "90-B3-D5-1F-30-01-00-00",
    ("networkOperator", DS, MANAGEMENT): "90-B3-D5-1F-30-02-00-00",
    ("networkOperator", KA, MANAGEMENT): "90-B3-D5-1F-30-02-00-00",
    ("accessControlBroker", KA, MANAGEMENT): "90-B3-D5-1F-30-00-00-02",
    ("transitionalCoS", DS, MANAGEMENT): "90-B3-D5-1F-30-00-00-04",
}
OF_LOAD_CONTROL = {
    ("loadController", DS, MANAGEMENT): "90-B3-D5-1F-30-01-00-08",
    ("loadController", KA, MANAGEMENT): "90-B3-D5-1F-30-01-00-08",
}
OF_A_CHF = {
    ("accessControlBroker", DS, MANAGEMENT): "90-B3-D5-1F-30-00-00-02",
    ("accessControlBroker", KA, MANAGEMENT): "90-B3-D5-1F-30-00-00-02",
    ("wanProvider", DS, MANAGEMENT): "90-B3-D5-1F-30-00-00-07",
}
EXPECTED = {
    "ESME": OF_A_METER,
    "ESME-load-control": OF_A_METER | OF_LOAD_CONTROL,
    "GSME": OF_A_METER,
    "CHF": OF_A_CHF,
}
BITS = {"keyCertSign": "0204", DS: "0780", KA: "0308"}


@pytest.fixture(scope="module")
def maker_kit(tmp_path_factory):
    """The kit device-maker, made once."""
    out = tmp_path_factory.mktemp("cells") / "kit"
    done = maker.make(
        kits.load(Library(), "device-maker"), out, maker.KitOptions(1, None, ("csv",))
    )
    return out, done


def manifest(out, kind):
    return json.loads((out / "trust-anchor-cells" / "ZAZ1" / kind / "manifest.json").read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXPECTED)
def test_each_type_of_device_has_a_folder_with_what_its_cells_need(maker_kit, kind):
    out, _ = maker_kit
    folder = out / "trust-anchor-cells" / "ZAZ1" / kind
    document = manifest(out, kind)
    found = {
        (cell["role"], cell["key_usage"], cell["cell_usage"]): cell["eui64"]
        for cell in document["cells"]
    }
    assert found == EXPECTED[kind]
    assert all(cell["basis"] in set(Basis) and cell["source"] for cell in document["cells"])
    serials = set()
    for cell in document["cells"]:
        certificate = x509.load_der_x509_certificate((folder / cell["file"]).read_bytes())
        assert f"{certificate.serial_number:032X}" == cell["serial"]
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        assert usage.digital_signature is (cell["key_usage"] == DS)
        assert usage.key_agreement is (cell["key_usage"] == KA)
        assert cell["key_usage_bits"] == BITS[cell["key_usage"]]
        assert cell["cell_usage_number"] == int(cell["cell_usage"] == PREPAYMENT)
        identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        assert identifier.value.digest.hex() == cell["key_identifier"]
        serials.add(cell["serial"])
    assert len(serials) == len(document["cells"])
    files = {cell["file"] for cell in document["cells"]} | {
        each["file"] for each in document["path"]
    }
    assert {path.name for path in folder.iterdir()} == files | {"manifest.json"}


@pytest.mark.slow
def test_the_certificates_of_the_cells_verify_up_to_that_of_the_root_cell(maker_kit):
    out, _ = maker_kit
    folder = out / "trust-anchor-cells" / "ZAZ1" / "ESME"
    document = manifest(out, "ESME")

    def load(name):
        return x509.load_der_x509_certificate((folder / name).read_bytes())

    (issuing,) = document["path"]
    root = load("root-keyCertSign.der")
    load(issuing["file"]).verify_directly_issued_by(root)
    for cell in document["cells"][1:]:
        load(cell["file"]).verify_directly_issued_by(load(issuing["file"]))


@pytest.mark.slow
def test_what_is_not_known_of_cells_is_said_and_not_made_up(maker_kit):
    out, done = maker_kit
    unknown = {each.device_type for each in done.cells if not each.cells}
    assert unknown == {"GPF", "PPMID", "HCALCS", "IHD"}
    folders = {path.name for path in (out / "trust-anchor-cells" / "ZAZ1").iterdir()}
    assert folders == set(EXPECTED)
    assert manifest(out, "CHF")["complete"] is False
    assert manifest(out, "ESME")["complete"] is True
    readme = (out / "README.txt").read_text("utf-8")
    assert "ZAZ1, GPF: no folder. No source at hand shows its cells." in readme
    for each in done.as_json()["trust_anchor_cells"]:
        assert (each["folder"] is None) == (each["device_type"] in unknown)


@pytest.mark.slow
def test_a_device_makers_kit_has_neither_dccki_nor_iki(maker_kit, opened):
    out, _ = maker_kit
    with opened(out) as estate:
        cas = {record.hierarchy for record in estate.certificates.authorities()}
    assert cas == {"organisation", "device"}
    lists = {path.stem for path in (out / "revocation-lists").rglob("*.crl")}
    assert lists == {"organisation-arl", "organisation-crl"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('cell-usage = "pre-payment-top-up"\n', ""), "2 requests"),
        (('roles = ["recovery"]', 'roles = ["other"]'), "No request"),
        (('cell-usage = "pre-payment-top-up"', 'cell-usage = "none"'), "prePaymentTopUp"),
    ],
)
def test_a_cell_that_no_request_fills_or_several_do_is_a_mistake(library_with, change, said):
    library = library_with("device-maker", change)
    with pytest.raises(InputError) as caught:
        kits.load(library, "device-maker")
    assert caught.value.code == "kit.cell"
    assert said in caught.value.message
    assert "device-maker.toml, line " in caught.value.message


def test_types_of_device_and_hierarchies_that_there_are_not_are_mistakes(library_with):
    for change, code in (
        (('"CHF", "GPF"', '"CHF", "TARDIS"'), "profile.reference"),
        (('["organisation", "device"]', '["organisation", "water"]'), "profile.reference"),
        (('["organisation", "device"]', '["organisation"]'), "profile.reference"),
    ):
        with pytest.raises(InputError) as caught:
            kits.load(library_with("device-maker", change), "device-maker")
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('name = "GPF"', 'name = "CHF"', "profile.duplicate"),
        ('role = "wanProvider"', 'role = "nobody"', "role.unknown"),
        ('device-types = ["CHF"]', 'device-types = ["TARDIS"]', "profile.reference"),
        ('key-usage = "key-agreement"', 'key-usage = "signing"', "toml.shape"),
    ],
)
def test_a_mistake_in_the_table_of_cells_names_its_place(tmp_path, old, new, code):
    text = (Library().directories[-1] / "device-types.toml").read_text("utf-8")
    assert old in text
    (tmp_path / "device-types.toml").write_text(text.replace(old, new), "utf-8")
    with pytest.raises(InputError) as caught:
        _ = Library(tmp_path).device_types
    assert caught.value.code == code
    assert "device-types.toml" in caught.value.message
