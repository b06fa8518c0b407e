"""The DUIS signing tool's jar, run on the signing tool's folder of our kit.

The message is our own: a request to read the inventory, as little as the schema allows.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from shutil import which

import npm
import pytest
import subjects
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

pytestmark = [
    pytest.mark.slow,
    pytest.mark.interop,
    pytest.mark.skipif(which("java") is None, reason="java is not installed"),
]

SUPPLIER, NETWORK = "xml-sign-90B3D51F30010000-ds", "xml-sign-90B3D51F30020000-ds"
PACKAGE = "uk.co.smartdcc.boxed.xmldsig"
DONE, MISSING_KEY, NOT_VALID = 0, 3, 10

MESSAGE = """<?xml version="1.0" encoding="UTF-8"?>
<d:Request xmlns:d="http://www.dccinterface.co.uk/ServiceUserGateway" schemaVersion="5.1">
  <d:Header>
    <d:RequestID>{originator}:{target}:20261123</d:RequestID>
    <d:CommandVariant>8</d:CommandVariant>
    <d:ServiceReference>8.2</d:ServiceReference>
    <d:ServiceReferenceVariant>8.2</d:ServiceReferenceVariant>
  </d:Header>
  <d:Body>
    <d:ReadInventory>
      <d:DeviceID>{target}</d:DeviceID>
    </d:ReadInventory>
  </d:Body>
</d:Request>
"""


def message(originator):
    return MESSAGE.format(originator=originator, target="00-DB-12-00-00-00-00-01")


FROM_SUPPLIER = message("90-B3-D5-1F-30-01-00-00")


@pytest.fixture(scope="session")
def jar():
    return npm.package(npm.SIGNING) / "dist" / "tool.jar"


@pytest.fixture(scope="session")
def folder(kit):
    return kit / "signing-tool"


def run(jar, library, command, *arguments, stdin=None):
    """The tool, a folder of ours before what it brings: its library takes ours by their names."""
    path = os.pathsep.join(str(one) for one in (library, jar) if one is not None)
    return subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-cp", path, f"{PACKAGE}.{command}", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def serial_in(signed):
    return int(re.search(r"X509SerialNumber>(\d+)<", signed)[1])


def serial_of(path):
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


@pytest.fixture(scope="session")
def signed(jar, folder):
    """A message signed without naming a certificate: the tool finds it by our EUI-64."""
    done = run(jar, folder, "Sign", "-", "--preserveCounter", stdin=FROM_SUPPLIER)
    assert done.returncode == DONE, done.stderr
    return done.stdout


def test_the_tool_finds_our_certificate_by_the_eui_64_in_its_subject(signed, folder):
    assert serial_in(signed) == serial_of(folder / f"{SUPPLIER}.pem")
    assert "<ds:X509IssuerName>CN=Z1,OU=07</ds:X509IssuerName>" in signed
    assert "20261123</d:RequestID>" in signed


def test_the_tool_validates_what_our_key_signed_by_the_serial_in_it(jar, folder, signed):
    done = run(jar, folder, "Validate", "-", stdin=signed)
    assert done.returncode == DONE, done.stderr
    assert "passed signature check" in done.stderr
    assert "Signature" not in done.stdout
    assert "<d:DeviceID>00-DB-12-00-00-00-00-01</d:DeviceID>" in done.stdout


def test_the_tool_rejects_our_message_under_another_certificate(jar, folder, signed, tmp_path):
    (tmp_path / "signed.xml").write_text(signed, "utf-8")
    done = run(jar, None, "Validate", tmp_path / "signed.xml", folder / f"{NETWORK}.pem")
    assert done.returncode == NOT_VALID
    assert "failed signature check" in done.stderr


def test_the_tool_rejects_our_message_once_it_was_changed(jar, folder, signed):
    changed = signed.replace("00-01</d:DeviceID>", "00-02</d:DeviceID>")
    assert changed != signed
    done = run(jar, folder, "Validate", "-", stdin=changed)
    assert done.returncode == NOT_VALID
    assert "failed signature check" in done.stderr


def test_the_tool_does_not_know_our_certificate_without_our_folder(jar, signed):
    done = run(jar, None, "Validate", "-", stdin=signed)
    assert done.returncode == MISSING_KEY
    assert str(serial_in(signed)) in done.stderr


def test_the_tool_does_not_find_an_identifier_that_is_not_last(jar, tmp_path):
    # So that the format leaves out what the tool would pass over without a word.
    eui64 = "90b3d51f30010000"
    made, key = subjects.certificate(subjects.identifier(eui64), subjects.role("87"))
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / f"{SUPPLIER}.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (tmp_path / f"{SUPPLIER}.key").write_bytes(private)
    done = run(jar, tmp_path, "Sign", "-", stdin=FROM_SUPPLIER)
    assert done.returncode == MISSING_KEY
    assert done.stdout == ""


def test_on_its_command_line_the_tool_takes_the_keys_of_a_pem_export(jar, kit, folder, tmp_path):
    tree = kit / "pem" / "ZAZ1" / "organisation" / "network-one"
    (tmp_path / "message.xml").write_text(FROM_SUPPLIER, "utf-8")
    pair = (tree / f"{NETWORK}.pem", tree / f"{NETWORK}.key")
    done = run(jar, None, "Sign", tmp_path / "message.xml", *pair)
    assert done.returncode == DONE, done.stderr
    assert serial_in(done.stdout) == serial_of(folder / f"{NETWORK}.pem")


def test_through_its_wrapper_in_node_the_tool_signs_and_validates(jar, folder):
    if which("node") is None:
        pytest.skip("node is not installed")
    program = """
      const { signDuis, validateDuis } = require(process.argv[1])
      const xml = require('node:fs').readFileSync(0, 'utf-8')
      const jarFile = process.argv[2]
      signDuis({ xml, jarFile }).then(async signed => {
        const plain = await validateDuis({ xml: signed, jarFile })
        console.log(JSON.stringify({ signed, plain }))
      })
    """
    path = os.pathsep.join((str(folder), str(jar)))
    done = subprocess.run(
        ["node", "-e", program, jar.parent.parent, path],
        input=message("90-B3-D5-1F-30-02-00-00"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert serial_in(told["signed"]) == serial_of(folder / f"{NETWORK}.pem")
    assert "ReadInventory" in told["plain"]
