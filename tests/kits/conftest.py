"""The published set's numbers, and the kit that has its shape, made once."""

from __future__ import annotations

import json
import shutil

import pytest

from smki_testca import kits
from smki_testca.api import Estate
from smki_testca.kits import maker
from smki_testca.profiles import Library
from smki_testca.shipped import shipped

DS, KA = "digital-signature", "key-agreement"


def _both(prefix, role):
    return [(role, DS, f"{prefix}-ds"), (role, KA, f"{prefix}-ka")]


# EUI-64, role, usage, label; from keystore.json of @smartdcc/dccboxed-keystore 0.4.2.
PUBLISHED = {
    "00db123456780004": [
        *_both("otherUser", 0x7F),
        (0x87, DS, "xml-sign-00DB123456780004-ds"),
    ],
    "90b3d51f30000001": [(0x01, DS, f"{z}-recovery-ds") for z in ("Z1", "Z1b")],
    "90b3d51f30000002": [
        *_both("Z1-accessControlBroker", 0x04),
        *_both("Z1b-accessControlBroker", 0x04),
        (0x89, DS, "dsp-xml-sign-90B3D51F30000002-ds"),
    ],
    "90b3d51f30000004": [(0x05, DS, f"{z}-transitionalCoS-ds") for z in ("Z1", "Z1b")],
    "90b3d51f30000007": [(0x06, DS, f"{z}-wanProvider-ds") for z in ("Z1", "Z1b")],
    "90b3d51f30010000": [
        *_both("Z1-supplier", 0x02),
        (0x02, KA, "Z1-supplierPP-ka"),
        *_both("Z1b-supplier", 0x02),
        (0x02, KA, "Z1b-supplierPP-ka"),
        (0x87, DS, "xml-sign-90B3D51F30010000-ds"),
    ],
    "90b3d51f30010008": _both("Z1-loadController", 0x08),
    "90b3d51f30010009": _both("mdr", 0x7F),
    "90b3d51f30020000": [
        *_both("Z1-networkOperator", 0x03),
        *_both("Z1b-networkOperator", 0x03),
        (0x87, DS, "xml-sign-90B3D51F30020000-ds"),
    ],
    "90b3d51f30030000": [*_both("Z1-supplier2", 0x02), (0x02, KA, "Z1-supplier2PP-ka")],
}


@pytest.fixture(scope="session")
def published():
    """What the published set consists of: EUI-64, role, usage and label."""
    return {(eui64, *one) for eui64, held in PUBLISHED.items() for one in held}


@pytest.fixture(scope="session")
def zaz1(tmp_path_factory):
    """The kit zaz1 with every format, made once; not to be changed."""
    out = tmp_path_factory.mktemp("kits") / "zaz1"
    maker.make(kits.load(Library(), "zaz1"), out, maker.KitOptions(devices=2))
    return out


@pytest.fixture(scope="session")
def opened():
    """Opens the estate of a kit."""

    def open_(out):
        phrase = (out / "estate" / "passphrase").read_text().strip()
        return Estate.open(out / "estate", lambda: phrase)

    return open_


@pytest.fixture(scope="session")
def keystore():
    """The entries of a kit's ``keystore.json``: EUI-64, role, usage, label."""

    def entries(path):
        usages = {"digitalSignature": DS, "keyAgreement": KA}
        return {
            (eui64, entry.get("role"), usages[usage], entry["name"])
            for eui64, by_usage in json.loads(path.read_text("utf-8")).items()
            for usage, by_serial in by_usage.items()
            for entry in by_serial.values()
        }

    return entries


@pytest.fixture
def library_with(tmp_path):
    """A library in which a shipped kit has changes, each an old and a new text."""

    def library(name, *changes, more=""):
        folder = tmp_path / "operator" / "kits"
        folder.mkdir(parents=True, exist_ok=True)
        text = (shipped("profiles") / "kits" / f"{name}.toml").read_text("utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (folder / f"{name}.toml").write_text(text + more, "utf-8")
        return Library(folder.parent)

    yield library
    shutil.rmtree(tmp_path / "operator", ignore_errors=True)
