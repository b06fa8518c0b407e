"""DCC's TypeScript key store, run on the keystore.json of our kit."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from shutil import which

import npm
import pytest
import subjects
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from smki_testca.profiles.model import Hierarchy, Tier

pytestmark = [
    pytest.mark.slow,
    pytest.mark.interop,
    pytest.mark.skipif(which("node") is None, reason="node is not installed"),
]

SCRIPT = Path(__file__).parent / "key_store.js"
USAGES = {"digital-signature": "digitalSignature", "key-agreement": "keyAgreement"}
SUPPLIER = "90b3d51f30010000"


@pytest.fixture(scope="session")
def keystore(kit):
    return kit / "keystore-json" / "keystore.json"


@pytest.fixture
def client(tmp_path, keystore):
    """Gives the client a list of things to do; what came of each."""
    local = tmp_path / "local.json"
    package = npm.package(npm.KEYSTORE)

    def run(tasks):
        done = subprocess.run(
            ["node", SCRIPT, package, keystore, local],
            input=json.dumps(tasks),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    run.local = local  # type: ignore[attr-defined] # a function with one more thing to know
    return run


@pytest.fixture(scope="session")
def organisation(kit_records):
    return [
        one
        for one in kit_records
        if one.hierarchy == Hierarchy.ORGANISATION and one.tier is Tier.END_ENTITY
    ]


def told(record, **material):
    return {
        "eui": record.eui64.plain,
        "usage": [USAGES[record.usage]],
        "serial": str(record.serial.value),
        "role": record.role,
        "name": record.label,
        **material,
    }


def is_its_key(record, key):
    private = serialization.load_der_private_key(bytes.fromhex(key), None)
    return private.public_key() == x509.load_der_x509_certificate(record.der).public_key()


def test_each_certificate_and_its_key_is_found_by_serial(client, organisation):
    serials = [str(one.serial.value) for one in organisation]
    tasks = [
        {"query": {"serial": serial, "lookup": lookup}}
        for serial in serials
        for lookup in ("certificate", "privateKey")
    ]
    results = iter(client(tasks))
    for record in organisation:
        (certificate,), (private,) = next(results)["found"], next(results)["found"]
        assert certificate == told(record, certificate=record.der.hex(), key=None)
        assert private == told(record, certificate=None, key=private["key"])
        assert is_its_key(record, private["key"])


def test_all_of_one_eui_64_role_and_usage_are_found_together_and_no_others(client, organisation):
    places = sorted({(one.eui64.plain, one.role, one.usage) for one in organisation})
    tasks = [
        {"query": {"eui": eui, "role": role, "usage": USAGES[usage], "lookup": "certificate"}}
        for eui, role, usage in places
    ]
    for place, result in zip(places, client(tasks), strict=True):
        wanted = [one for one in organisation if (one.eui64.plain, one.role, one.usage) == place]
        found = {one["serial"]: one for one in result["found"]}
        assert found == {
            str(one.serial.value): told(one, certificate=one.der.hex(), key=None) for one in wanted
        }


def test_an_identifier_is_found_in_every_form_that_the_client_takes(client):
    forms = (SUPPLIER, SUPPLIER.upper(), "90-B3-D5-1F-30-01-00-00")
    asked = {"role": 2, "usage": "digitalSignature", "lookup": "certificate"}
    results = client([{"query": {"eui": form, **asked}} for form in forms])
    serials = [sorted(one["serial"] for one in result["found"]) for result in results]
    assert serials[0]
    assert all(one == serials[0] for one in serials)


def test_the_label_tells_the_prepayment_certificate_from_the_ordinary_one(client):
    asked = {"eui": SUPPLIER, "role": 2, "usage": "keyAgreement", "lookup": "privateKey"}
    (result,) = client([{"query": asked}])
    names = [one["name"] for one in result["found"]]
    assert names.count("Z1-supplier-ka") == names.count("Z1-supplierPP-ka") == 1


def test_what_is_not_there_is_not_found(client):
    asked = {"usage": "digitalSignature", "lookup": "privateKey"}
    results = client(
        [
            {"query": {"eui": SUPPLIER, "role": 3, **asked}},
            {"query": {"eui": "90b3d51f3001ffff", "role": 2, **asked}},
            {"query": {"serial": "1", "lookup": "privateKey"}},
        ]
    )
    assert [one["found"] for one in results] == [[], [], []]


def test_devices_are_found_without_a_role(client, kit_records):
    devices = [
        one
        for one in kit_records
        if one.hierarchy == Hierarchy.DEVICE and one.tier is Tier.END_ENTITY
    ]
    tasks = [
        {"query": {"eui": one.eui64.plain, "usage": USAGES[one.usage], "lookup": "privateKey"}}
        for one in devices
    ]
    for record, result in zip(devices, client(tasks), strict=True):
        (found,) = result["found"]
        assert found["role"] is None
        assert is_its_key(record, found["key"])


def pairs(keystore):
    store = json.loads(keystore.read_text("utf-8"))
    for usages in store.values():
        for by_serial in usages.values():
            yield from by_serial.values()


def test_the_client_writes_the_same_store_from_our_certificates_and_keys(client, keystore):
    tasks = [
        {"push": {"certificate": one["certificate"], "key": one["privateKey"], "name": one["name"]}}
        for one in pairs(keystore)
    ]
    assert client(tasks) == [{"pushed": True}] * len(tasks)
    # It reads EUI-64, role, usage and serial off each certificate by itself.
    written = json.loads(client.local.read_text("utf-8"))
    assert written == json.loads(keystore.read_text("utf-8"))


def test_a_key_that_does_not_fit_is_refused(client, keystore):
    one, other = list(pairs(keystore))[:2]
    task = {"certificate": one["certificate"], "key": other["privateKey"], "name": "a"}
    assert client([{"push": task}]) == [{"error": "invalid key pair"}]


def pushed(role):
    made, key = subjects.certificate(subjects.role(role), subjects.identifier(SUPPLIER))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private = key.private_bytes(pem, pkcs8, serialization.NoEncryption())
    return {
        "certificate": made.public_bytes(pem).decode(),
        "key": private.decode(),
        "name": "made",
    }


def test_a_role_written_in_decimal_is_refused_and_in_hexadecimal_taken(client):
    # Defect O4 of the published certificates.
    results = client([{"push": pushed("137")}, {"push": pushed("89")}])
    assert results == [
        {"error": "unable to extract metadata from certificate"},
        {"pushed": True},
    ]
