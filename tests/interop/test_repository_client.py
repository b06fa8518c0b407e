"""DCC's TypeScript key store finds in our repository what it does not hold itself.

It gives up after 4 seconds in all, and asks for serial numbers without their leading zeros.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from shutil import which

import npm
import pytest

from estates import copied_with_run, opened
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.identifiers import Eui64
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.service.estate_access import EstateAccess
from smki_testca.service.in_thread import ServicesInThread
from smki_testca.service.settings import Listener, Settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.interop,
    pytest.mark.skipif(which("node") is None, reason="node is not installed"),
]

SCRIPT = Path(__file__).parent / "key_store.js"
USAGES = {"digital-signature": "digitalSignature", "key-agreement": "keyAgreement"}
FIRST = Eui64.parse("00-DB-12-01-00-00-00-00").value
COUNT = 20_000
RANGE = (
    *("--profile", "device", "--participant", "meters-one"),
    *("--purpose", "device-and-user-system-tests", "--hw-type", "1.2.826.0.1.8641679.1.2.2.1"),
    *("--usage", "digital-signature", "--usage", "key-agreement"),
    *("--first-id", "00-DB-12-01-00-00-00-00", "--count", COUNT),
)


@pytest.fixture(scope="module")
def estate_original(quickstart_original, tmp_path_factory):
    """The quickstart's estate with 40,000 certificates of Devices besides; not to be changed."""
    return copied_with_run(quickstart_original, tmp_path_factory.mktemp("many") / "estate", *RANGE)


@pytest.fixture
def directory(estate_original, tmp_path):
    directory = tmp_path / "estate"
    shutil.copytree(estate_original, directory)
    return directory


@pytest.fixture
def services(directory):
    access = EstateAccess(directory, (directory / "passphrase").read_text().strip())
    with ServicesInThread(access, Settings(port_base=0)) as running:
        yield running


@pytest.fixture
def client(services, tmp_path):
    """Gives the client, which holds nothing, a list of queries; what came of each."""
    package, held, local = npm.package(npm.KEYSTORE), tmp_path / "held.json", tmp_path / "new.json"
    held.write_text("{}")

    def run(*queries, listener=Listener.REPOSITORY, **headers):
        address = services.services.context.addresses[listener]
        tasks = [{"query": {"lookup": "certificate", **query}} for query in queries]
        done = subprocess.run(
            ["node", SCRIPT, package, held, local, address, json.dumps(headers)],
            input=json.dumps(tasks),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "NODE_EXTRA_CA_CERTS": services.served["repository"]["ca"]},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    run.local = local  # type: ignore[attr-defined] # a function with one more thing to know
    return run


def asked_for(record):
    return {"eui": str(record.eui64), "usage": USAGES[record.usage]}


def told(record, role=None):
    """What the client reads off the certificate of a record."""
    return {
        "eui": record.eui64.plain,
        "usage": [USAGES[record.usage]],
        "serial": str(record.serial.value),
        "role": role,
        "name": None,
        "certificate": record.der.hex(),
        "key": None,
    }


@pytest.mark.parametrize("listener", [Listener.REPOSITORY, Listener.REPOSITORY_TLS])
def test_devices_that_the_client_does_not_hold_are_found(client, directory, listener):
    with opened(directory) as estate:
        records = [
            record
            for eui64 in (Eui64.parse("00-DB-12-00-00-00-00-01"), Eui64(FIRST + COUNT - 1))
            for record in estate.select(Selection(eui64=eui64))
        ]
    assert len(records) == 4
    results = client(*map(asked_for, records), listener=listener)
    assert [one["found"] for one in results] == [[told(record)] for record in records]
    # It keeps them: the next time it does not ask.
    kept = client.local.read_text("utf-8")
    assert all(str(record.serial.value) in kept for record in records)


def test_certificates_are_found_by_serial_number(client, directory):
    with opened(directory) as estate:
        devices = list(estate.select(Selection(eui64=Eui64(FIRST))))
        organisations = [
            record
            for record in estate.certificates.select(Selection())
            if record.hierarchy == Hierarchy.ORGANISATION and record.tier is Tier.END_ENTITY
        ]
    expected = [told(record) for record in devices]
    expected += [told(record, record.role) for record in organisations]
    results = client(*({"serial": one["serial"]} for one in expected))
    assert [one["found"] for one in results] == [[one] for one in expected]


def test_what_the_repository_does_not_have_is_not_found(client):
    nobody = {"eui": "00-DB-12-00-00-00-FF-FF", "usage": "digitalSignature"}
    assert client(nobody, {"serial": "12345"}) == [{"found": []}] * 2


def test_the_client_takes_none_that_is_not_in_use(client, directory):
    eui64 = Eui64(FIRST)
    with opened(directory) as estate:
        (retired, living) = estate.select(Selection(eui64=eui64))
        estate.set_status(Selection(serial=retired.serial), Status.NOT_IN_USE)
    results = client(asked_for(retired), asked_for(living))
    assert results == [{"found": []}, {"found": [told(living)]}]


def test_where_there_are_accounts_the_client_sends_the_password_of_one(client, directory):
    with opened(directory) as estate:
        estate.accounts.add("boxed", "correct horse", "supplier-one")
        record = next(iter(estate.select(Selection(eui64=Eui64(FIRST)))))
    refused = {"error": "invalid search parameters"}
    assert client(asked_for(record)) == [refused]
    basic = base64.b64encode(b"boxed:correct horse").decode()
    (found,) = client(asked_for(record), authorization=f"Basic {basic}")
    assert found == {"found": [told(record)]}
