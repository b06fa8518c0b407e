"""The examples of docs/consumers.md: each consumer verifies what we issue, and nothing else."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from shutil import copy, which

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

pytestmark = [pytest.mark.slow, pytest.mark.interop]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "consumers"
SECONDS = 120
BOUNCY_CASTLE = Path("/usr/share/java/bcprov.jar")
CHAINS = {
    "organisation": (
        "organisation/ca/ZA",
        "organisation/ca/Z1",
        "organisation/supplier-one/Z1-supplier-ds",
    ),
    "organisation-without-cn": (
        "organisation/ca/ZA",
        "organisation/ca/Z1",
        "organisation/supplier-one/Z1-supplier-ka",
    ),
    "device": ("device/ca/DZ", "device/ca/DZ1", "device/meters-one/ESME-ds"),
    "dccki": (
        "dccki/ca/Root-DCCKICA-ZAZ1-Test",
        "dccki/ca/EII-DCCKICA-ZAZ1-Test",
        "dccki/dcc/dccki-dcc-gateway",
    ),
    "iki": (
        "iki/ca/Root-ICA-ZAZ1-Test",
        "iki/ca/Issuing-ICA-ZAZ1-Test",
        "iki/supplier-one/iki-supplier-one",
    ),
}
"""The root, the issuing CA and the certificate of each kind, below the PEM export."""


@pytest.fixture(scope="session")
def tree(quickstart_original):
    return quickstart_original / "export" / "pem" / "ZAZ1"


@pytest.fixture(scope="session")
def other_tree(other_original):
    return other_original / "export" / "pem" / "ZAZ1"


def _run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def _needs(program):
    if which(program) is None:
        pytest.skip(f"{program} is not installed")


def _compiled(folder, source, *options):
    """A program in C, compiled without a warning; skips where its library is not installed."""
    _needs("cc")
    program = folder / source.stem
    strict = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
    done = _run("cc", *strict, source, "-o", program, *options)
    if "No such file" in done.stderr:
        pytest.skip(f"the library of {source.name} is not installed")
    assert done.returncode == 0, done.stderr
    return program


@pytest.fixture(scope="session")
def consumers(tmp_path_factory):
    """How each consumer is started, by name; a library or program that is absent skips the test."""
    folder = tmp_path_factory.mktemp("consumers")

    def openssl():
        _needs("openssl")
        return ["openssl", "verify", "-x509_strict", "-policy_check"], "openssl"

    def gnutls():
        _needs("certtool")
        return ["certtool", "--verify"], "certtool"

    def java(provider):
        _needs("java")
        command = ["java", "-XX:TieredStopAtLevel=1"]
        if provider == "BC":
            if not BOUNCY_CASTLE.is_file():
                pytest.skip("BouncyCastle is not installed")
            command += ["-cp", str(BOUNCY_CASTLE)]
        return [*command, EXAMPLES / "Verify.java", provider], "pem"

    def go():
        _needs("go")
        program = folder / "verify-go"
        if not program.exists():
            done = _run("go", "build", "-o", program, EXAMPLES / "verify.go")
            assert done.returncode == 0, done.stderr
        return [program], "pem"

    def node():
        _needs("node")
        return ["node", EXAMPLES / "verify.js"], "pem"

    def mbedtls():
        source = EXAMPLES / "verify_mbedtls.c"
        return [_compiled(folder, source, "-lmbedx509", "-lmbedcrypto")], "der"

    def wolfssl():
        return [_compiled(folder, EXAMPLES / "verify_wolfssl.c", "-lwolfssl")], "der"

    return {
        "openssl": openssl,
        "gnutls": gnutls,
        "java": lambda: java("SUN"),
        "bouncycastle": lambda: java("BC"),
        "go": go,
        "node": node,
        "mbedtls": mbedtls,
        "wolfssl": wolfssl,
        "cryptography": lambda: ([sys.executable, EXAMPLES / "verify_cryptography.py"], "pem"),
    }


@pytest.fixture
def verify(consumers, tmp_path):
    """Whether a consumer takes a chain, and what it says."""

    def ask(consumer, root, issuing, certificate):
        command, form = consumers[consumer]()
        if form == "openssl":
            done = _run(*command, "-CAfile", root, "-untrusted", issuing, certificate)
        elif form == "certtool":
            chain = tmp_path / "chain.pem"
            chain.write_bytes(certificate.read_bytes() + issuing.read_bytes())
            done = _run(*command, "--load-ca-certificate", root, "--infile", chain)
        elif form == "der":
            paths = []
            for place, path in enumerate((root, issuing, certificate)):
                paths.append(tmp_path / f"{place}.der")
                loaded = x509.load_pem_x509_certificate(path.read_bytes())
                paths[-1].write_bytes(loaded.public_bytes(Encoding.DER))
            done = _run(*command, *paths)
        else:
            done = _run(*command, root, issuing, certificate)
        return done.returncode == 0, done.stdout + done.stderr

    return ask


CONSUMERS = (
    "openssl",
    "gnutls",
    "java",
    "bouncycastle",
    "go",
    "node",
    "mbedtls",
    "wolfssl",
    "cryptography",
)


def _go_is_before(release):
    found = re.search(r"go1\.(\d+)", _run("go", "version").stdout)
    return found is not None and int(found[1]) < release


@pytest.mark.parametrize("kind", CHAINS)
@pytest.mark.parametrize("consumer", CONSUMERS)
def test_each_consumer_verifies_each_kind_of_certificate(verify, tree, consumer, kind):
    chain = [tree / f"{name}.pem" for name in CHAINS[kind]]
    taken, said = verify(consumer, *chain)
    if consumer == "go" and kind.startswith("organisation") and _go_is_before(27):
        # As the page says: the unique identifier is a BIT STRING, which it cannot read in a name.
        assert not taken
        assert "unsupported string type: 3" in said
        return
    assert taken, said


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_each_consumer_refuses_the_certificates_of_another_root(verify, tree, other_tree, consumer):
    root, issuing, certificate = CHAINS["device"]
    taken, said = verify(
        consumer, other_tree / f"{root}.pem", tree / f"{issuing}.pem", tree / f"{certificate}.pem"
    )
    assert not taken, said


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_each_consumer_refuses_a_certificate_whose_signature_is_not_the_issuers(
    verify, tree, tmp_path, consumer
):
    root, issuing, certificate = CHAINS["device"]
    loaded = x509.load_pem_x509_certificate((tree / f"{certificate}.pem").read_bytes())
    octets = bytearray(loaded.public_bytes(Encoding.DER))
    octets[-1] ^= 1
    broken = tmp_path / "broken.pem"
    broken.write_bytes(x509.load_der_x509_certificate(bytes(octets)).public_bytes(Encoding.PEM))
    taken, said = verify(consumer, tree / f"{root}.pem", tree / f"{issuing}.pem", broken)
    assert not taken, said


@pytest.fixture
def nginx(tree, tmp_path):
    """nginx with the example's configuration, on a port of its own; gives the port."""
    _needs("nginx")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    text = (EXAMPLES / "nginx.conf").read_text("utf-8")
    (tmp_path / "nginx.conf").write_text(text.replace("8443", str(port)), "utf-8")
    root, issuing, server = (tree / f"{name}.pem" for name in CHAINS["dccki"])
    (tmp_path / "server-fullchain.pem").write_bytes(server.read_bytes() + issuing.read_bytes())
    copy(server.with_suffix(".key"), tmp_path / "server.key")
    (tmp_path / "clients-ca-chain.pem").write_bytes(issuing.read_bytes() + root.read_bytes())
    log = tmp_path / "nginx.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            ["nginx", "-p", tmp_path, "-c", tmp_path / "nginx.conf"], stderr=stderr
        )
    try:
        for _ in range(600):
            assert process.poll() is None, log.read_text("utf-8")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(SECONDS)


def test_nginx_serves_a_client_with_a_certificate_and_no_other(nginx, tree):
    root = tree / f"{CHAINS['dccki'][0]}.pem"
    for identity, answer in (
        (tree / "dccki/supplier-one/dccki-supplier-one.pem", "200"),
        (None, "400"),
    ):
        context = ssl.create_default_context(cafile=root)
        if identity is not None:
            context.load_cert_chain(identity, identity.with_suffix(".key"))
        with (
            socket.create_connection(("127.0.0.1", nginx), timeout=SECONDS) as connection,
            context.wrap_socket(connection, server_hostname="gateway.dcc.test") as wrapped,
        ):
            wrapped.sendall(b"GET / HTTP/1.0\r\n\r\n")
            received = b"".join(iter(lambda: wrapped.recv(4096), b""))
        assert received.split()[1].decode() == answer
        assert (b"OU=TPTY-SUPPLIER-ONE" in received) == (identity is not None)
