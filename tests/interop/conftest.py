"""Two estates that know nothing of each other, one whose keys are all on P-256, and a kit."""

from __future__ import annotations

import subprocess
import sys

import pytest
from required import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 - hooks

from serving import serve, serving  # noqa: F401 - fixtures
from smki_testca import kits
from smki_testca.api import Estate
from smki_testca.estate.certificates import Selection
from smki_testca.exporters.export import items
from smki_testca.exporters.registry import FORMATS
from smki_testca.folders import write
from smki_testca.shipped import shipped


def _made(directory, profiles=None):
    with Estate.create(directory, lambda: "phrase", profiles=profiles) as estate:
        estate.add_environment("ZAZ1")
        estate.register.import_file((shipped("examples") / "participants.toml").read_bytes(), "-")
        kits.issue(estate, kits.load(estate.library, "quickstart"))
        records = estate.certificates.select(Selection())
        files = FORMATS["pem"].files(items(estate, records, with_keys=True), None)
        write(files, directory / "export" / "pem", force=False)
    return directory


@pytest.fixture(scope="session")
def other_original(tmp_path_factory):
    """Another estate with the same names, whose CAs have other keys; not to be changed."""
    return _made(tmp_path_factory.mktemp("other") / "estate")


@pytest.fixture(scope="session")
def p256_original(tmp_path_factory):
    """An estate whose operator asks for P-256 in DCCKI, too; not to be changed."""
    folder = tmp_path_factory.mktemp("operator")
    (folder / "certificates").mkdir()
    for path in sorted(shipped("profiles").glob("certificates/dccki*.toml")):
        text = path.read_text("utf-8").replace('key-type = "rsa-2048"', 'key-type = "p-256"')
        text = text.replace('["digitalSignature", "keyEncipherment"]', '["digitalSignature"]')
        (folder / "certificates" / path.name).write_text(text, "utf-8")
    return _made(tmp_path_factory.mktemp("p256") / "estate", folder)


@pytest.fixture(scope="session")
def kit(tmp_path_factory):
    """What ``kit make zaz1`` makes: an estate and every form beside it; not to be changed."""
    folder = tmp_path_factory.mktemp("kit") / "zaz1"
    done = subprocess.run(
        [sys.executable, "-m", "smki_testca", "kit", "make", "zaz1", "--out", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def kit_records(kit):
    """The certificates of the kit, CAs included."""
    phrase = (kit / "estate" / "passphrase").read_text("utf-8").strip()
    with Estate.open(kit / "estate", lambda: phrase) as estate:
        return list(estate.select(Selection()))
