"""What Java makes of the stores of our kit."""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import which

import pytest

from smki_testca.profiles.model import Tier

pytestmark = [
    pytest.mark.slow,
    pytest.mark.interop,
    pytest.mark.skipif(which("java") is None, reason="java is not installed"),
]

PROGRAM = Path(__file__).parent / "Stores.java"


@pytest.fixture(scope="session")
def phrase(kit):
    return (kit / "export-passphrase").read_text("utf-8").strip()


@pytest.fixture(scope="session")
def stores(kit):
    return kit / "java" / "ZAZ1" / "keystore.p12", kit / "java" / "ZAZ1" / "truststore.p12"


@pytest.fixture(scope="session")
def told(stores, phrase):
    """The lines that Java prints of both stores, by kind and alias."""
    done = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", PROGRAM, *stores, phrase],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        kind, alias, rest = line.split(" ", 2)
        found.setdefault(kind, {})[alias] = rest
    return found


def test_java_trusts_every_ca_of_the_truststore(told, kit_records):
    cas = [one for one in kit_records if one.tier is not Tier.END_ENTITY]
    assert sorted(told["trusted"].values()) == sorted(f"{one.serial.value} true" for one in cas)
    assert {"za", "z1", "dz", "dz1"} < set(told["trusted"])


def test_java_finds_every_key_by_its_alias_with_a_chain_that_it_validates(told, kit_records):
    keyed = [one for one in kit_records if one.tier is Tier.END_ENTITY]
    lines = {one.label.lower(): f"{one.serial.value} 3 true valid" for one in keyed}
    assert len(lines) == len(keyed)
    assert told["key"] == lines


@pytest.mark.skipif(which("keytool") is None, reason="keytool is not installed")
@pytest.mark.parametrize("right", [True, False])
def test_keytool_lists_the_keys_with_the_right_passphrase_only(stores, phrase, told, right):
    asked = ["-list", "-keystore", stores[0], "-storepass", phrase if right else "another"]
    done = subprocess.run(
        ["keytool", *asked], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode == 0) == right, done.stdout
    assert done.stdout.count(", PrivateKeyEntry,") == (len(told["key"]) if right else 0)
