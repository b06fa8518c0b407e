from __future__ import annotations

import subprocess
from shutil import which

import pytest

from estates import certificates_in

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed"),
]

POLICY = "1.2.826.0.1.8641679.1.2.1.4"
ROOTS = {
    "organisation": "ZA",
    "device": "DZ",
    "dccki": "Root-DCCKICA-ZAZ1-Test",
    "iki": "Root-ICA-ZAZ1-Test",
}
ISSUING = {
    "organisation": "Z1",
    "device": "DZ1",
    "dccki": "EII-DCCKICA-ZAZ1-Test",
    "iki": "Issuing-ICA-ZAZ1-Test",
}


def openssl(*arguments, stdin=b""):
    return subprocess.run(  # noqa: PLW1510 - each test looks at the return code
        ["openssl", *map(str, arguments)], input=stdin, capture_output=True, timeout=30
    )


def tree(estate, hierarchy):
    return estate / "export" / "pem" / "ZAZ1" / hierarchy


def verify(certificates, *, root, issuing, more=()):
    return openssl(
        *("verify", "-x509_strict", "-policy_check", "-no-CApath", "-no-CAstore", *more),
        *("-CAfile", root, "-untrusted", issuing, *certificates),
    )


def found(estate, hierarchy):
    folder = tree(estate, hierarchy)
    leaves = [path for path in certificates_in(folder) if path.parent.name != "ca"]
    ca = folder / "ca"
    return leaves, ca / f"{ROOTS[hierarchy]}.pem", ca / f"{ISSUING[hierarchy]}.pem"


@pytest.mark.parametrize("hierarchy", ROOTS)
def test_every_certificate_of_the_kit_verifies_to_its_root(quickstart_original, hierarchy):
    leaves, root, issuing = found(quickstart_original, hierarchy)
    assert leaves
    done = verify([*leaves, issuing, root], root=root, issuing=issuing)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().splitlines() == [f"{path}: OK" for path in (*leaves, issuing, root)]


@pytest.mark.parametrize("hierarchy", ROOTS)
def test_the_test_policy_holds_along_the_whole_path(quickstart_original, hierarchy):
    leaves, root, issuing = found(quickstart_original, hierarchy)
    explicit = ("-explicit_policy", "-policy", POLICY)
    assert verify(leaves, root=root, issuing=issuing, more=explicit).returncode == 0
    another = ("-explicit_policy", "-policy", "1.2.3.4")
    refused = verify(leaves[:1], root=root, issuing=issuing, more=another)
    assert refused.returncode == 2
    assert b"policy" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("hierarchy", ROOTS)
def test_the_roots_of_another_estate_vouch_for_nothing(
    quickstart_original, other_original, hierarchy
):
    leaves, root, issuing = found(quickstart_original, hierarchy)
    _, other_root, other_issuing = found(other_original, hierarchy)
    for leaf in leaves:
        for between in (issuing, other_issuing):
            done = verify([leaf], root=other_root, issuing=between)
            assert done.returncode == 2, leaf
            assert b"verification failed" in done.stderr
    assert verify([issuing], root=other_root, issuing=root).returncode == 2


@pytest.mark.parametrize(
    ("name", "purpose", "fits"),
    [
        ("dccki-supplier-one", "sslclient", True),
        ("dccki-supplier-one", "sslserver", True),
        ("dccki-dcc-gateway", "smimesign", False),
    ],
)
def test_dccki_certificates_serve_both_ends_of_tls(quickstart_original, name, purpose, fits):
    leaves, root, issuing = found(quickstart_original, "dccki")
    (leaf,) = (path for path in leaves if path.stem == name)
    done = verify([leaf], root=root, issuing=issuing, more=("-purpose", purpose))
    assert (done.returncode == 0) == fits, done.stderr.decode()


def test_iki_certificates_are_for_clients_only(quickstart_original):
    (leaf,), root, issuing = found(quickstart_original, "iki")
    client = verify([leaf], root=root, issuing=issuing, more=("-purpose", "sslclient"))
    server = verify([leaf], root=root, issuing=issuing, more=("-purpose", "sslserver"))
    assert (client.returncode, server.returncode) == (0, 2)


def test_p256_certificates_of_an_operators_profile_verify(p256_original):
    leaves, root, issuing = found(p256_original, "dccki")
    done = verify([*leaves, issuing, root], root=root, issuing=issuing)
    assert done.returncode == 0, done.stderr.decode()
    text = openssl("x509", "-in", leaves[0], "-noout", "-text").stdout.decode()
    assert "prime256v1" in text
    assert text.count("ecdsa-with-SHA256") == 2


def test_one_changed_bit_breaks_the_signature(quickstart_original, tmp_path):
    leaves, root, issuing = found(quickstart_original, "organisation")
    der = bytearray(openssl("x509", "-in", leaves[0], "-outform", "der").stdout)
    der[-1] ^= 1
    changed = tmp_path / "changed.pem"
    changed.write_bytes(openssl("x509", "-inform", "der", stdin=bytes(der)).stdout)
    done = verify([changed], root=root, issuing=issuing)
    assert done.returncode == 2
    assert b"signature" in done.stderr


def test_openssl_shows_what_the_certificates_say(quickstart_original):
    folder = tree(quickstart_original, "organisation")
    supplier = folder / "supplier-one" / "Z1-supplier-ds.pem"
    text = openssl("x509", "-in", supplier, "-noout", "-text", "-nameopt", "RFC2253,show_type")
    text = text.stdout.decode()
    assert "Issuer: CN=PRINTABLESTRING:Z1,OU=PRINTABLESTRING:07" in text
    assert "OU=UTF8STRING:02,CN=UTF8STRING:SUPPLIER ONE" in text
    assert "X509v3 Key Usage: critical\n                Digital Signature\n" in text
    assert f"X509v3 Certificate Policies: critical\n                Policy: {POLICY}\n" in text
    assert "NIST CURVE: P-256" in text
    meter = tree(quickstart_original, "device") / "meters-one" / "ESME-ka.pem"
    text = openssl("x509", "-in", meter, "-noout", "-text").stdout.decode()
    assert "Not After : Dec 31 23:59:59 9999 GMT" in text
    assert "X509v3 Subject Alternative Name: critical" in text
    assert "Key Agreement" in text


def test_a_csr_of_openssls_own_making_is_signed(command, quickstart, tmp_path):
    key, request, settings = (tmp_path / name for name in ("key.pem", "request.csr", "settings"))
    settings.write_text(
        "oid_section = oids\n"
        "[oids]\n"
        "hardwareModuleName = 1.3.6.1.5.5.7.8.4\n"
        "[req]\n"
        "distinguished_name = nobody\n"
        "req_extensions = asked\n"
        "[nobody]\n"
        "[asked]\n"
        "keyUsage = critical, keyAgreement\n"
        "subjectAltName = critical, otherName:hardwareModuleName;SEQUENCE:module\n"
        "[module]\n"
        "type = OID:1.2.826.0.1.8641679.1.2.2.1\n"
        "serial = FORMAT:HEX,OCTETSTRING:00DB120000000042\n"
    )
    made = openssl(
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"),
        *("-keyout", key, "-out", request, "-config", settings, "-subj", "/", "-sha256"),
    )
    assert made.returncode == 0, made.stderr.decode()
    outcome = command(
        *("--estate", quickstart, "sign", request, "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests"),
    )
    assert outcome.code == 0, outcome.err
    issued = tmp_path / "issued.pem"
    issued.write_text(outcome.out)
    _, root, issuing = found(quickstart, "device")
    done = verify([issued], root=root, issuing=issuing)
    assert done.returncode == 0, done.stderr.decode()
    public = openssl("x509", "-in", issued, "-noout", "-pubkey").stdout
    assert public == openssl("pkey", "-in", key, "-pubout").stdout
