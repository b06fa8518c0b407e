"""Programs that load an export again after a renewal: they get the new certificate and its key."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import npm
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.interop]

HERE = Path(__file__).parent
SERVER = "dccki-supplier-one"
SUPPLIER = "Z1-supplier-ds"
PHRASE = "export phrase"
SECONDS = 10


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.fixture
def home(command, quickstart, tmp_path):
    """Exports, renews and exports again to one folder, with ``--force``: the folder."""
    phrase = tmp_path / "phrase"
    phrase.write_text(f"{PHRASE}\n")
    out = tmp_path / "out"

    def call(*words):
        outcome = command("--json", "--estate", quickstart, *words)
        assert outcome.code == 0, outcome.out
        return outcome.json

    def exported_again(form, label, *more, encrypted=False):
        protected = ("--export-passphrase-file", phrase) if encrypted else ()
        words = ("export", "--format", form, "--out", out, "--with-keys", *protected, *more)
        call(*words)
        (new,) = call("renew", "--label", label)["certificates"]
        call(*words, "--force")
        return out, new["serial"]

    return exported_again


def dccki(folder):
    return folder / "ZAZ1" / "dccki" / "supplier-one", folder / "ZAZ1" / "dccki" / "ca"


def handshake(address, root):
    """The serial number of the certificate that a server presents to who trusts the root alone."""
    context = ssl.create_default_context(cafile=root)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.check_hostname = False
    with (
        socket.create_connection(address, SECONDS) as connection,
        context.wrap_socket(connection) as wrapped,
    ):
        return wrapped.getpeercert()["serialNumber"]


def test_a_server_in_python_presents_the_new_certificate_with_its_chain(home):
    folder, serial = home("pem", SERVER)
    own, ca = dccki(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own / f"{SERVER}-fullchain.pem", own / f"{SERVER}.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SECONDS)

        def serve():
            connection, _ = listener.accept()
            with connection, context.wrap_socket(connection, server_side=True):
                pass

        thread = threading.Thread(target=serve)
        thread.start()
        found = handshake(listener.getsockname(), ca / "Root-DCCKICA-ZAZ1-Test.pem")
        thread.join(SECONDS)
    assert found == serial


@needs("nginx")
def test_nginx_serves_the_full_chain_to_who_trusts_the_root_alone(home, tmp_path):
    folder, serial = home("pem", SERVER)
    own, ca = dccki(folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = tmp_path / "nginx.conf"
    settings.write_text(
        "daemon off; master_process off; worker_processes 1;"
        f" pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log;\n"
        "events {}\n"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/a; proxy_temp_path {tmp_path}/b;"
        f" fastcgi_temp_path {tmp_path}/c; uwsgi_temp_path {tmp_path}/d;"
        f" scgi_temp_path {tmp_path}/e;\n"
        f" server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {own}/{SERVER}-fullchain.pem;"
        f" ssl_certificate_key {own}/{SERVER}.key; }} }}\n"
    )
    started = subprocess.Popen(["nginx", "-c", settings, "-p", tmp_path])
    try:
        for _ in range(1000):
            try:
                found = handshake(("127.0.0.1", port), ca / "Root-DCCKICA-ZAZ1-Test.pem")
                break
            except ConnectionRefusedError:
                assert started.poll() is None, (tmp_path / "error.log").read_text()
                threading.Event().wait(0.05)
    finally:
        started.terminate()
        started.wait(SECONDS)
    assert found == serial


@needs("node")
def test_node_loads_the_full_chain_with_the_key(home):
    folder, serial = home("pem", SERVER)
    own, _ = dccki(folder)
    program = (
        "const fs = require('node:fs'); const [cert, key] = process.argv.slice(1)"
        ".map(name => fs.readFileSync(name)); require('node:tls').createSecureContext({cert, key});"
        "console.log(new (require('node:crypto').X509Certificate)(cert).serialNumber)"
    )
    files = (own / f"{SERVER}-fullchain.pem", own / f"{SERVER}.key")
    done = subprocess.run(
        ["node", "-e", program, *files], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == serial


@needs("java")
def test_java_finds_the_new_key_under_the_same_alias_and_no_other(home):
    folder, serial = home("java", SUPPLIER, encrypted=True)
    stores = (folder / "ZAZ1" / "keystore.p12", folder / "ZAZ1" / "truststore.p12")
    done = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", HERE / "Stores.java", *stores, PHRASE],
        capture_output=True,
        text=True,
        check=True,
    )
    keys = [line.split() for line in done.stdout.splitlines() if line.startswith("key ")]
    found = [line for line in keys if line[1].startswith(SUPPLIER.lower())]
    assert found == [["key", SUPPLIER.lower(), str(int(serial, 16)), "3", "true", "valid"]]


@needs("keytool")
def test_keytool_lists_the_pkcs12_store_under_its_name(home):
    folder, serial = home("pkcs12", SUPPLIER, "--label", SUPPLIER, encrypted=True)
    (path,) = folder.rglob("*.p12")
    done = subprocess.run(
        ["keytool", "-list", "-v", "-keystore", path, "-storepass", PHRASE],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"Alias name: {SUPPLIER.lower()}" in done.stdout.lower().replace(
        "alias name", "Alias name"
    )
    assert f"Serial number: {serial.lower()}" in done.stdout


@needs("openssl")
def test_openssl_verifies_the_full_chain_by_its_root(home):
    folder, _ = home("pem", SERVER)
    own, ca = dccki(folder)
    full = own / f"{SERVER}-fullchain.pem"
    done = subprocess.run(
        [
            *("openssl", "verify", "-x509_strict", "-no-CApath", "-no-CAstore"),
            *("-CAfile", ca / "Root-DCCKICA-ZAZ1-Test.pem", "-untrusted", full, full),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs("node")
def test_dccs_key_store_finds_one_certificate_the_new_one(home, tmp_path):
    folder, serial = home("keystore-json", SUPPLIER)
    package = npm.package(npm.KEYSTORE)
    asked = {"eui": "90b3d51f30010000", "usage": "digitalSignature", "role": 2}
    query = {"query": {**asked, "lookup": "privateKey"}}
    done = subprocess.run(
        ["node", HERE / "key_store.js", package, folder / "keystore.json", tmp_path / "local.json"],
        input=json.dumps([query]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads(done.stdout)
    assert [one["serial"] for one in answer["found"]] == [str(int(serial, 16))]
