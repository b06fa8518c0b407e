"""The file of a Device: what is written is read again, and nothing else is."""

from __future__ import annotations

import base64
import json
import os

import pytest

from smki_testca import Device, InputError
from smki_testca.device.state import MAX_CERTIFICATE_OCTETS, MAX_FILE_OCTETS

KEYS = {"format", "version", "device_type", "environment", "root", "cells"}


@pytest.fixture
def stored(material, tmp_path):
    """The file of an ESME."""
    path = tmp_path / "device.json"
    material.device("ESME").write(path)
    return path


def test_what_is_written_is_read_again(material, stored):
    device = Device.read(stored, material.library)
    assert device.as_json() == material.device("ESME").as_json()
    assert device.environment == "ZAZ1"
    document = json.loads(stored.read_bytes())
    assert set(document) == KEYS
    assert [cell["cell"] for cell in document["cells"]][:2] == ["recovery/DS", "supplier/DS"]


def test_an_empty_device_is_one(material, tmp_path):
    path = tmp_path / "empty.json"
    Device(material.library.device_types["CHF"], library=material.library).write(path)
    device = Device.read(path, material.library)
    assert set(device.cells.values()) == {None}
    assert device.root is None


def test_a_file_is_not_overwritten_unless_asked(material, stored):
    before = stored.read_bytes()
    with pytest.raises(InputError) as caught:
        material.device("GSME").write(stored)
    assert caught.value.code == "export.exists"
    assert stored.read_bytes() == before
    material.device("GSME").write(stored, force=True)
    assert Device.read(stored, material.library).kind.name == "GSME"


def _encoded(octets):
    return base64.b64encode(octets).decode()


@pytest.mark.parametrize(
    "change",
    [
        {"format": "another"},
        {"version": 2},
        {"version": True},
        {"surplus": 1},
        {"environment": 3},
        {"root": "not base64"},
        {"root": ""},
        {"root": _encoded(b"\x30\x80junk")},
        {"root": _encoded(b"\x30" * (MAX_CERTIFICATE_OCTETS + 1))},
        {"cells": {}},
        {"cells": [{"cell": "supplier/DS"}]},
        {"cells": [{"cell": "supplier/DS", "certificate": None, "more": 1}]},
        {"cells": [{"cell": "supplier/DS", "certificate": None}] * 2},
        {"cells": [{"cell": "loadController/DS", "certificate": None}]},
        {"cells": [{"cell": "root", "certificate": None}]},
        {"cells": [{"cell": "supplier/DS", "certificate": _encoded(b"junk")}]},
        {"cells": [{"cell": "supplier/DS", "certificate": None}] * 100},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_file_of_another_shape_is_an_error_that_names_it(material, stored, change):
    document = json.loads(stored.read_bytes())
    stored.write_text(json.dumps({**document, **change}))
    with pytest.raises(InputError) as caught:
        Device.read(stored, material.library)
    assert caught.value.code == "device.file"
    assert str(stored) in caught.value.message


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_key_is_needed(material, stored, key):
    document = json.loads(stored.read_bytes())
    del document[key]
    stored.write_text(json.dumps(document))
    with pytest.raises(InputError) as caught:
        Device.read(stored, material.library)
    assert caught.value.code == "device.file"


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"", "device.file"),
        (b"[" * 200_000, "device.file"),
        (b"\xff\xfe\x00", "input.encoding"),
        (b"PK\x03\x04", "input.encoding"),
        (b" " * (MAX_FILE_OCTETS + 1), "input.too_long"),
        (b'{"format": "\\ud800"}', "device.file"),
        (b"null", "device.file"),
    ],
)
def test_hostile_octets_are_an_error(material, stored, octets, code):
    stored.write_bytes(octets)
    with pytest.raises(InputError) as caught:
        Device.read(stored, material.library)
    assert caught.value.code == code


def test_a_cell_or_type_that_there_is_not_is_an_error(material, stored):
    text = stored.read_text()
    for old, new, code in (
        ('"supplier/DS"', '"nobody/DS"', "role.unknown"),
        ('"supplier/DS"', '"supplier"', "device.cell_name"),
        ('"ESME"', '"TARDIS"', "device.type"),
        ('"ZAZ1"', '"NOWHERE"', "environment.unknown"),
    ):
        stored.write_text(text.replace(old, new))
        with pytest.raises(InputError) as caught:
            Device.read(stored, material.library)
        assert caught.value.code == code


def test_what_is_no_regular_file_is_not_waited_for(material, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, code in ((pipe, "input.unreadable"), (tmp_path / "none", "device.file")):
        with pytest.raises(InputError) as caught:
            Device.read(path, material.library)
        assert caught.value.code == code
