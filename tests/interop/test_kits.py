"""The kit zaz1 beside the published set, which is fetched and never kept here."""

from __future__ import annotations

import json

import npm
import pytest

from smki_testca import kits
from smki_testca.kits import maker
from smki_testca.profiles import Library

pytestmark = pytest.mark.interop


def entries(path):
    """EUI-64, role, usage and label of every organisation's entry of a ``keystore.json``."""
    return sorted(
        (eui64, entry["role"], usage, entry["name"])
        for eui64, by_usage in json.loads(path.read_text("utf-8")).items()
        for usage, by_serial in by_usage.items()
        for entry in by_serial.values()
        if "role" in entry
    )


@pytest.mark.slow
def test_the_kit_has_the_entries_of_the_published_set_and_no_others(tmp_path):
    out = tmp_path / "zaz1"
    wish = maker.KitOptions(devices=1, seed=bytes(16), formats=("keystore-json",))
    maker.make(kits.load(Library(), "zaz1"), out, wish)
    published = entries(npm.package(npm.KEYSTORE) / "keystore.json")
    assert len(published) == 33
    assert entries(out / "keystore-json" / "keystore.json") == published
