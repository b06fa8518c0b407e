"""CSRs that other programs make: taken, or refused with the cause and a way that works."""

from __future__ import annotations

import subprocess
from shutil import which

import pytest

from smki_testca import make_csr

ORGANISATION = "CN=Supplier One,OU=02,2.5.4.45=#03090090B3D51F30010000"
CONFIGURATION = """
[req]
distinguished_name = dn
req_extensions = asked
prompt = no
[dn]
{subject}
[asked]
keyUsage = critical,keyAgreement
subjectAltName = critical,otherName:1.3.6.1.5.5.7.8.4;SEQUENCE:module
[module]
hwType = OID:1.2.826.0.1.8641679.1.2.2.1
hwSerialNum = FORMAT:HEX,OCTETSTRING:00DB120000000005
"""


def needs(program, *more):
    return [
        *more,
        pytest.mark.interop,
        pytest.mark.skipif(which(program) is None, reason=f"{program} is not installed"),
    ]


def run(*words, text=None):
    done = subprocess.run(
        [str(word) for word in words],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout + done.stderr


@pytest.fixture
def sign(command, quickstart):
    """Signs a CSR, as the Portal or a test CA."""

    def sign(path, taken_as="portal", participant="supplier-one", purpose="uept"):
        return command(
            *("--json", "--estate", quickstart, "sign", path, "--as", taken_as),
            *("--participant", participant, "--purpose", purpose),
        )

    return sign


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key.pem"
    made = make_csr("device", "key-agreement", device_id="0" * 15 + "5", hw_type="1.2.3")
    path.write_bytes(made.key_pem())
    return path


@pytest.fixture
def rsa_key(tmp_path):
    path = tmp_path / "rsa.pem"
    made = make_csr("dccki", common_name="a.test", participant_name="Supplier One")
    path.write_bytes(made.key_pem())
    return path


def refused_then_taken(sign, path, program, *dropped):
    """See that the Portal's rules refuse a CSR by name, and a test CA's take it."""
    refused = sign(path)
    assert refused.code == 4
    assert program in refused.json["error"]["message"]
    assert "--as test-ca" in refused.json["error"]["remedy"]
    taken = sign(path, "test-ca")
    assert taken.code == 0, taken.out
    assert set(dropped) <= {each["path"] for each in taken.json["dropped"]}
    return taken.json


class TestOpenSsl:
    pytestmark = needs("openssl")

    def test_a_device_csr_of_its_configuration_file_is_taken(self, sign, key, tmp_path):
        path, settings = tmp_path / "meter.csr", tmp_path / "meter.cnf"
        settings.write_text(CONFIGURATION.format(subject=""))
        run("openssl", "req", "-new", "-key", key, "-config", settings, "-subj", "/", "-out", path)
        done = sign(path, participant="meters-one", purpose="device-and-user-system-tests")
        assert done.code == 0, done.out
        assert done.json["dropped"] == []

    def test_a_dccki_csr_is_taken(self, sign, rsa_key, tmp_path):
        path = tmp_path / "gateway.csr"
        run(
            *("openssl", "req", "-new", "-key", rsa_key, "-out", path),
            *("-subj", "/O=Supplier One/CN=gateway.test"),
            *("-addext", "keyUsage=critical,digitalSignature,keyEncipherment"),
            *("-addext", "subjectAltName=DNS:gateway.test"),
        )
        done = sign(path)
        assert done.code == 0, done.out
        assert done.json["certificates"][0]["profile"] == "dccki"

    def test_the_eui64_that_it_writes_is_text_and_refused_with_the_cause(self, sign, key, tmp_path):
        path = tmp_path / "text.csr"
        run(
            *("openssl", "req", "-new", "-key", key, "-out", path),
            *("-subj", "/OU=02/x500UniqueIdentifier=90B3D51F30010000"),
            *("-addext", "keyUsage=critical,digitalSignature"),
        )
        for taken_as in ("portal", "test-ca"):
            error = sign(path, taken_as).json["error"]
            assert error["code"] == "csr.subject"
            assert "OpenSSL's command line" in error["message"]

    @pytest.mark.parametrize(
        ("profile", "asked"),
        [
            ("device", {"usage": "key-agreement", "device_id": "0" * 15 + "5", "hw_type": "1.2.3"}),
            (
                "organisation",
                {"usage": "digital-signature", "id": "90B3D51F30010000", "role": "supplier"},
            ),
            ("iki", {"system_name": "a", "role": "supplier", "participant_name": "One"}),
            ("dccki", {"common_name": "a", "participant_name": "One"}),
            ("dccki-personnel", {"common_name": "a", "participant_name": "One"}),
        ],
    )
    def test_it_verifies_what_csr_makes(self, profile, asked):
        made = make_csr(profile, **asked)
        said = run("openssl", "req", "-verify", "-noout", text=made.pem.decode())
        assert "verify OK" in said


class TestKeytool:
    pytestmark = needs("keytool", pytest.mark.slow)

    def test_its_subject_key_identifier_is_named_and_dropped(self, sign, tmp_path):
        store, path = tmp_path / "store.p12", tmp_path / "keytool.csr"
        which_key = ("-keystore", store, "-storepass", "changeit", "-alias", "a")
        run(
            *("keytool", "-genkeypair", *which_key, "-keyalg", "EC", "-groupname", "secp256r1"),
            *("-dname", "OID.2.5.4.45=#03090090B3D51F30010000,OU=02,CN=Supplier One"),
        )
        run("keytool", "-certreq", *which_key, "-file", path, "-ext", "ku:c=dig")
        refused_then_taken(sign, path, "keytool", "extensions.subjectKeyIdentifier")


class TestCerttool:
    pytestmark = needs("certtool")

    def make(self, key, tmp_path, template):
        path, settings = tmp_path / "certtool.csr", tmp_path / "certtool.tmpl"
        settings.write_text(template)
        run(
            *("certtool", "--generate-request", "--load-privkey", key, "--hash", "SHA256"),
            *("--template", settings, "--outfile", path),
        )
        return path

    def test_its_basic_constraints_are_named_and_dropped(self, sign, key, tmp_path):
        template = f'dn = "{ORGANISATION}"\nsigning_key\n'
        path = self.make(key, tmp_path, template)
        refused_then_taken(sign, path, "certtool", "extensions.basicConstraints")

    def test_a_dccki_csr_is_taken_by_a_test_ca(self, sign, rsa_key, tmp_path):
        template = (
            'organization = "Supplier One"\ncn = "gateway.test"\ndns_name = "gateway.test"\n'
            "signing_key\nencryption_key\ntls_www_server\n"
        )
        path = self.make(rsa_key, tmp_path, template)
        told = refused_then_taken(sign, path, "certtool", "extensions.extKeyUsage")
        assert told["certificates"][0]["profile"] == "dccki"
