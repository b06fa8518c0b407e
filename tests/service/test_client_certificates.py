"""Which certificates of an estate open a service, from the first octet to the answer."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509

from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.x509.pem import to_pem


def credential_of(serving, folder, hierarchy):
    """Files with a certificate of an end entity of a hierarchy, and its key."""
    with serving.open() as estate:
        estate.unlock()
        for record in estate.select(Selection()):
            if record.hierarchy == hierarchy and record.tier is Tier.END_ENTITY:
                key = estate.private_key(record)
                if key is not None:
                    files = folder / "client.pem", folder / "client.key"
                    files[0].write_bytes(to_pem(record.der))
                    files[1].write_bytes(to_pem(key, "PRIVATE KEY"))
                    return files
    raise AssertionError(f"the estate has no certificate of {hierarchy}")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adhoc", "batched"])
@pytest.mark.parametrize("hierarchy", [Hierarchy.DCCKI, Hierarchy.ORGANISATION])
def test_a_certificate_of_another_hierarchy_gets_unknown_ca(serving, tmp_path, name, hierarchy):
    certificate, key = credential_of(serving, tmp_path, hierarchy)
    serving.told.clear()
    outcome = serving.curl(name, "--cert", str(certificate), "--key", str(key))

    assert b"alert unknown ca" in outcome.stderr
    (line,) = serving.told
    assert line.startswith(f"{name}: 127.0.0.1:")
    assert line.endswith("was refused: unable to get local issuer certificate")
    assert serving.curl(name).returncode == 0


@pytest.mark.parametrize("name", ["adhoc", "batched"])
def test_a_client_without_a_certificate_gets_a_handshake_failure(serving, name):
    service = serving.services[name]
    outcome = subprocess.run(
        ["curl", "--silent", "--show-error", "--cacert", service["ca"], service["url"]],
        check=False,
        capture_output=True,
    )

    assert b"handshake failure" in outcome.stderr
    assert serving.curl(name).returncode == 0


@pytest.mark.slow
def test_a_revoked_client_is_refused_at_once_and_by_tls_once_a_list_names_it(serve, command):
    serving = serve()
    pem = Path(serving.services["adhoc"]["client_certificate"]).read_bytes()
    serial = SerialNumber(x509.load_pem_x509_certificate(pem).serial_number)
    estate = ("--estate", serving.estate)
    why = ("--serial", serial, "--reason", "key-compromise")
    assert command(*estate, "revoke", *why).code == 0

    xml = ("--header", "Content-Type: application/xml;charset=UTF-8", "--data", "<a/>")
    outcome = serving.curl("adhoc", *xml, "--write-out", "%{http_code}")
    assert outcome.stdout.endswith(b"403")
    assert f"{serial} is revoked".encode() in outcome.stdout

    assert command(*estate, "crl", "issue", "--hierarchy", "iki").code == 0
    deadline = time.monotonic() + 60
    while serving.curl("adhoc").returncode == 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert b"alert certificate revoked" in serving.curl("adhoc").stderr
    assert serving.told[-1].endswith("was refused: certificate revoked")
    assert serving.curl("batched").returncode == 0
