import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

EXAMPLES = Path(__file__).parents[2] / "examples"
OVERRIDE = EXAMPLES / "profile-override" / "profiles"

LABS = (
    *("check", "device", "--participant", "labs-one"),
    *("--purpose", "device-and-user-system-tests", "--device-id", "00-DB-13-00-00-00-00-01"),
    *("--hw-type", "1.2.3", "--usage", "key-agreement"),
)


def test_the_example_agreement_opens_the_gate_to_its_participant(command, quickstart):
    before = command("--estate", quickstart, "--json", *LABS)
    assert before.code == 3
    assert {one["code"] for one in before.json["refusal"]["all"]} == {
        *("agreement.none", "device_id.outside_own_registry_entry"),
    }
    added = command("--estate", quickstart, "agreement", "add", EXAMPLES / "agreement.toml")
    assert (added.code, added.out) == (0, "1 agreement is registered.\n")
    assert command("--estate", quickstart, *LABS).code == 0


def test_the_example_participants_can_be_imported_again_without_any_change(command, quickstart):
    before = command("--estate", quickstart, "register", "show").out
    file = EXAMPLES / "participants.toml"
    assert command("--estate", quickstart, "register", "import", file).code == 0
    assert command("--estate", quickstart, "register", "show").out == before


@pytest.fixture
def overridden(command, tmp_path):
    directory = tmp_path / "overridden"
    shutil.copytree(OVERRIDE, directory / "profiles")
    assert command("quickstart", directory).code == 0
    return directory


def test_the_example_override_holds_together(command):
    assert command("--profiles", OVERRIDE, "profiles", "check").code == 0


@pytest.mark.slow
def test_the_example_override_changes_key_signifier_usage_and_policy(overridden):
    folder = overridden / "export" / "pem" / "ZAZ1" / "dccki"
    path = folder / "supplier-one" / "dccki-supplier-one.pem"
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME) == []
    (signifier,) = certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
    assert signifier.value == "TPTY-SUPPLIER-ONE"
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_encipherment
    (policy,) = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert policy.policy_identifier.dotted_string == "2.999.1.2.1.4"
    chain = x509.load_pem_x509_certificates(
        (folder / "ca" / "EII-DCCKICA-ZAZ1-Test-chain.pem").read_bytes()
    )
    certificate.verify_directly_issued_by(chain[0])
    chain[0].verify_directly_issued_by(chain[1])
    chain[1].verify_directly_issued_by(chain[1])
    for authority in chain:
        assert isinstance(authority.public_key(), ec.EllipticCurvePublicKey)


@pytest.mark.slow
def test_whois_reads_the_signifier_where_the_override_puts_it(command, overridden):
    folder = overridden / "export" / "pem" / "ZAZ1" / "dccki"
    answer = command(
        "--estate",
        overridden,
        "--json",
        "register",
        "whois",
        folder / "rdp-one" / "dccki-rdp-one.pem",
    ).json
    assert (answer["participant"], answer["found_by"]) == ("rdp-one", "signifier")
    assert answer["issued_here"] is True


@pytest.mark.slow
def test_what_the_override_issues_has_no_findings_under_it(command, overridden):
    path = overridden / "export" / "pem" / "ZAZ1" / "dccki" / "dcc" / "dccki-dcc-gateway.pem"
    shown = command("--estate", overridden, "--json", "show", path)
    assert (shown.code, shown.json["kind"], shown.json["findings"]) == (0, "dccki", [])


@pytest.mark.slow
def test_the_example_of_a_batch_in_python_issues_verifies_and_delivers(tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "batch_from_python.py", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "line 5: device_id.outside_own_registry_entry: " in done.stdout
    assert "again: 0 issued, 8 skipped\n" in done.stdout
    assert "verified 8: 0 findings\n" in done.stdout
    folders = sorted((tmp_path / "out" / "devices").iterdir())
    assert [folder.name for folder in folders] == ["M0000", "M0001", "M0002", "M0003"]
    assert (folders[0] / "ds.key").is_file()
    assert "Certificates: 8\n" in (tmp_path / "out" / "note.txt").read_text()


@pytest.mark.slow
def test_the_example_in_python_issues_is_refused_and_exports(tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "issue_from_python.py", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "refused [id.outside_range, R12]" in done.stdout
    folder = tmp_path / "out" / "ZAZ1" / "organisation" / "supplier-one"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"90b3d51f30010000-supplier-{usage}{suffix}"
        for usage in ("digital-signature", "key-agreement")
        for suffix in ("-fullchain.pem", ".key", ".pem")
    ]
    again = subprocess.run(
        [sys.executable, EXAMPLES / "issue_from_python.py", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 1
    assert again.stderr.startswith("error: ")
    assert "already exists" in again.stderr
