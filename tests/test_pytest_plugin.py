import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509

from smki_testca import EstateError, InputError, Refusal, Status, Validity, pytest_plugin
from smki_testca.estate.certificates import Selection
from smki_testca.profiles.model import Hierarchy
from smki_testca.testing import SEEDED_INSTANT, PluginOptions, Workshop

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "pytest" / "test_meter_accepts_certificates.py"
SUPPLIER: dict[str, Any] = {"id": "90-B3-D5-1F-30-01-00-00", "role": "supplier"}
DEVICE: dict[str, Any] = {"device_id": "00-DB-12-00-00-00-01-00"}
SEED = "00112233445566778899AABBCCDDEEFF"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

# Each test says what it was given, in a file of its own worker.
DIGESTS = """
import hashlib, json, os, pytest
from pathlib import Path
SUPPLIER = {"id": "90-B3-D5-1F-30-01-00-00", "role": "supplier"}

def said(name, *octets):
    worker = os.environ.get("PYTEST_XDIST_WORKER", "one")
    digests = {name: [hashlib.sha256(one).hexdigest() for one in octets]}
    with Path("digests-" + worker).open("a") as file:
        file.write(json.dumps(digests) + chr(10))

@pytest.mark.parametrize("usage", ["digital-signature", "key-agreement"])
@pytest.mark.parametrize("copy", [1, 2])
def test_issue(smki_issue, usage, copy):
    one = smki_issue("organisation", usage=usage, copy=copy, **SUPPLIER)
    assert not one.record.keys_secret
    said(f"issue {usage} {copy}", one.chain_pem, one.key_pem)

@pytest.mark.parametrize("number", range(3))
def test_devices(smki_devices, number):
    for one in smki_devices(f"00-DB-12-00-00-00-01-0{number}", 2):
        said(str(one.device_id), one.digital_signature.der, one.key_agreement.key_pem)

def test_dates(smki_expired, smki_not_yet_valid):
    said("expired", smki_expired("organisation", **SUPPLIER).pem)
    said("ahead", smki_not_yet_valid("organisation", **SUPPLIER).pem)

@pytest.mark.parametrize("reason", ["superseded", "key-compromise"])
def test_revoked(smki_revoked, reason):
    one = smki_revoked("organisation", reason=reason, **SUPPLIER)
    said("revoked " + reason, one.pem, *one.revocation_lists)

@pytest.mark.parametrize("number", range(2))
def test_authorities(smki_trust, number):
    for hierarchy in ("organisation", "device"):
        said(hierarchy, smki_trust(hierarchy).authorities_file.read_bytes())
    said("lists", *smki_trust().revocation_lists)
"""


def _is_installed():
    points = entry_points(group="pytest11")
    return any(one.value == "smki_testca.pytest_plugin" for one in points)


def _pytest(folder, *options):
    """Run pytest in a folder of its own, the plugin loaded as it is for a user."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    loaded = () if _is_installed() else ("-p", "smki_testca.pytest_plugin")
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *loaded,
            "-p",
            "no:cacheprovider",
            "-W",
            "error",
            *options,
        ],
        cwd=folder,
        env={**outer, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def _digests(folder):
    """What each certificate was, over all workers; each time the same."""
    found = {}
    for path in folder.glob("digests-*"):
        for line in path.read_text().splitlines():
            for name, digests in json.loads(line).items():
                assert found.setdefault(name, digests) == digests
    return found


@pytest.fixture
def suite(tmp_path):
    """A folder with a suite that says what it was given."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "test_digests.py").write_text(DIGESTS)
    return folder


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    with Workshop.open(PluginOptions(instant=NOON), tmp_path_factory.mktemp("workshop")) as made:
        yield made


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    settings = PluginOptions(seed=bytes.fromhex(SEED))
    with Workshop.open(settings, tmp_path_factory.mktemp("seeded")) as made:
        yield made


@pytest.mark.slow
def test_the_example_suite_passes_without_any_option(tmp_path):
    shutil.copy(EXAMPLE, tmp_path)
    done = _pytest(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "10 passed" in done.stdout
    assert "warning" not in done.stdout
    assert "smki-testca:" not in done.stdout


@pytest.mark.slow
def test_from_a_seed_every_run_has_the_same_certificates_in_any_order_on_any_worker(suite):
    seed = ("--smki-seed", SEED)
    shutil.copy(EXAMPLE, suite)
    one = _pytest(suite, *seed, "-p", "no:randomly")
    assert one.returncode == 0, one.stdout
    assert f"smki-testca: seed {SEED}" in one.stdout
    digests = _digests(suite)
    assert len(digests) == 15
    assert len({digest for found in digests.values() for digest in found}) > 20
    for path in suite.glob("digests-*"):
        path.unlink()
    # Of one file each worker gets tests at once, however slowly it starts.
    other = _pytest(suite, *seed, "-n", "2", "test_digests.py")
    assert other.returncode == 0, other.stdout + other.stderr
    assert len(list(suite.glob("digests-*"))) == 2
    assert _digests(suite) == digests


@pytest.mark.slow
def test_a_wrong_option_ends_the_run_before_any_test(suite):
    done = _pytest(suite, "--smki-seed", "FF")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--smki-seed takes 16 to 128 hexadecimal digits" in done.stderr


@pytest.mark.slow
def test_options_may_stand_in_the_configuration_file_and_faults_are_told_in_a_line(suite):
    shutil.copy(ROOT / "examples" / "participants.toml", suite / "ours.toml")
    (suite / "pytest.ini").write_text(
        "[pytest]\nsmki_environment = NOWHERE\nsmki_register = ours.toml\n"
    )
    done = _pytest(suite, "-k", "test_dates", "--rootdir", suite, "-c", suite / "pytest.ini")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "smki-testca: environment NOWHERE, register ours.toml" in done.stdout
    assert "There is no environment 'NOWHERE'." in done.stdout
    assert "Traceback" not in done.stdout
    assert "testing.py" not in done.stdout


@pytest.mark.slow
def test_loading_the_plugin_imports_nothing_else_of_the_package():
    code = (
        "import smki_testca.pytest_plugin, sys;"
        "print(sorted(m for m in sys.modules if m.startswith(('smki_testca.', 'cryptography'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "['smki_testca.pytest_plugin']\n"


class _Config:
    """As much of pytest's configuration as the plugin looks at."""

    def __init__(self, folder, options, file):
        self._options, self._file = options, file
        self.rootpath, self.inipath = folder / "root", folder / "beside" / "pytest.ini"
        self.invocation_params = SimpleNamespace(dir=folder)
        self.stash = pytest.Stash()

    def getoption(self, name):
        return self._options.get(name)

    def addinivalue_line(self, name, line):
        del name, line

    def getini(self, name):
        return self._file.get(name)


def _configured(folder, options, file=()):
    config: Any = _Config(folder, options, dict(file))
    pytest_plugin.pytest_configure(config)
    return PluginOptions(**config.stash[pytest_plugin._SETTINGS])  # noqa: SLF001 - what it found


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"smki_seed": "0" * 15}, "--smki-seed takes 16 to 128 hexadecimal digits."),
        ({"smki_seed": "0" * 130}, "--smki-seed takes 16 to 128 hexadecimal digits."),
        ({"smki_seed": "seed" * 8}, "--smki-seed takes 16 to 128 hexadecimal digits."),
        (
            {"smki_clock": "yesterday"},
            "--smki-clock cannot be read: 'yesterday' is not a UTC time.",
        ),
        (
            {"smki_register": "none.toml"},
            "--smki-register cannot be used: there is no .*none.toml.",
        ),
        ({"smki_profiles": "none"}, "--smki-profiles cannot be used: there is no .*none."),
        ({"smki_estate": ".", "smki_seed": SEED}, "--smki-seed is for a new estate"),
        ({"smki_estate": ".", "smki_register": "."}, "--smki-register is for a new estate"),
    ],
)
def test_options_that_cannot_be_used_are_told(tmp_path, options, said):
    with pytest.raises(pytest.UsageError, match=said):
        _configured(tmp_path, options)


def test_an_option_comes_before_the_configuration_file_and_paths_are_as_they_were_meant(tmp_path):
    for name in ("ours", "beside", "beside/ours"):
        (tmp_path / name).mkdir()
    file = {"smki_profiles": "ours", "smki_clock": "2026-11-23", "smki_environment": "UIT-A"}
    found = _configured(tmp_path, {}, file)
    assert found.profiles == tmp_path / "beside" / "ours"
    assert found.instant == datetime(2026, 11, 23, tzinfo=UTC)
    options = {"smki_profiles": "ours", "smki_clock": "2026-11-23T12:00:00Z", "smki_seed": SEED}
    found = _configured(tmp_path, options, file)
    assert found == PluginOptions(
        "UIT-A", bytes.fromhex(SEED), NOON, profiles=tmp_path / "ours", register=None
    )


def test_every_option_and_fixture_is_in_the_document():
    text = (ROOT / "docs" / "pytest.md").read_text("utf-8")
    options = {f"--smki-{name}" for name in pytest_plugin._OPTIONS}  # noqa: SLF001 - all there are
    assert set(re.findall(r"(?m)^\| `(--smki-[a-z]+)", text)) == options
    fixtures = {name for name in vars(pytest_plugin) if name.startswith("smki_")}
    assert set(re.findall(r"(?m)^\| `(smki_[a-z_]+)`", text)) == fixtures


def test_the_time_is_the_clocks_and_from_a_seed_a_fixed_one(workshop, seeded):
    assert workshop.now() == NOON
    assert seeded.now() == SEEDED_INSTANT
    assert PluginOptions().clock().now() > NOON - timedelta(days=3650)


def test_what_is_asked_again_is_the_same_unless_another_copy_is_asked_for(workshop):
    one = workshop.issue("organisation", **SUPPLIER)
    assert workshop.issue("organisation", usage="digital-signature", **SUPPLIER) is one
    others = [
        workshop.issue("organisation", copy=2, **SUPPLIER),
        workshop.issue("organisation", label="another", **SUPPLIER),
        workshop.issue("organisation", purpose="uept", **SUPPLIER),
        workshop.issue("organisation", validity=Validity(not_before=NOON), **SUPPLIER),
        workshop.revoked("organisation", **SUPPLIER),
    ]
    assert len({other.record.serial for other in (one, *others)}) == 6


def test_certificates_of_every_kind_are_issued_to_whoever_has_the_id(workshop):
    device = workshop.issue("device", **DEVICE)
    assert device.record.participant == "meters-one"
    assert workshop.issue("organisation", **SUPPLIER).record.participant == "supplier-one"
    dccki = workshop.issue("dccki", participant="rdp-one", common_name="gateway.test")
    iki = workshop.issue("iki", participant="dcc", system_name="portal", role="recovery")
    assert [one.private_key.key_size for one in (device, dccki, iki)] == [256, 2048, 2048]


def test_what_cannot_be_issued_is_told(workshop):
    def code(**asked):
        with pytest.raises(InputError) as error:
            workshop.issue(**asked)
        return error.value.code

    assert code(profile="dccki", common_name="gateway.test") == "request.incomplete"
    assert code(profile="device", device_id="00-00-00-00-00-00-00-01") == "whois.nobody"
    with pytest.raises(TypeError, match="profile iki takes no 'usage'"):
        workshop.issue(
            "iki", participant="dcc", system_name="x", role="recovery", usage="key-agreement"
        )
    with pytest.raises(Refusal) as refusal:
        workshop.issue("organisation", participant="supplier-two", **SUPPLIER)
    assert refusal.value.code == "id.outside_range"


def test_expired_and_early_certificates_are_so_at_the_workshops_time_and_in_no_other_way(workshop):
    expired = workshop.expired("organisation", ago=timedelta(seconds=1), **SUPPLIER)
    assert expired.certificate.not_valid_after_utc == NOON - timedelta(seconds=1)
    assert workshop.estate.status(expired.record) is Status.EXPIRED
    for authority in expired.issuers:
        assert authority.not_valid_before_utc < expired.certificate.not_valid_before_utc
    expired.certificate.verify_directly_issued_by(expired.issuers[0])
    early = workshop.not_yet_valid("organisation", **SUPPLIER)
    assert early.certificate.not_valid_before_utc == NOON + timedelta(days=1)
    assert early.certificate.not_valid_after_utc > NOON + timedelta(days=3650)
    assert workshop.not_yet_valid("device", **DEVICE).record.not_before > NOON


@pytest.mark.slow
def test_a_device_certificate_neither_expires_nor_is_revoked(workshop):
    with pytest.raises(InputError, match="9999-12-31") as error:
        workshop.expired("device", **DEVICE)
    assert error.value.code == "validity.fixed"
    with pytest.raises(InputError) as error:
        workshop.revoked("device", **DEVICE)
    assert error.value.code == "crl.none"
    with pytest.raises(InputError):
        _ = workshop.trust("device").revocation_lists


@pytest.mark.parametrize("reason", ["boredom", "certificate-hold"])
def test_for_a_reason_that_is_none_nothing_is_issued(workshop, reason):
    before = len(workshop.estate.certificates.select(Selection()))
    with pytest.raises(InputError) as error:
        workshop.revoked("organisation", reason=reason, **SUPPLIER)
    assert error.value.code == "revocation.reason"
    assert len(workshop.estate.certificates.select(Selection())) == before


def test_a_revoked_certificate_has_a_list_that_names_it_alone(workshop):
    revoked = [
        workshop.revoked("organisation", reason=reason, **SUPPLIER)
        for reason in ("key-compromise", "superseded")
    ]
    for one, reason in zip(revoked, ("key_compromise", "superseded"), strict=True):
        crl, arl = (x509.load_der_x509_crl(der) for der in one.revocation_lists)
        (entry,) = crl
        assert entry.serial_number == one.record.serial.value
        extension = entry.extensions.get_extension_for_class(x509.CRLReason)
        assert extension.value.reason.name == reason
        assert crl.is_signature_valid(one.issuers[0].public_key())
        assert arl.is_signature_valid(one.issuers[1].public_key())
        assert list(arl) == []
        assert workshop.estate.status(one.record) is Status.REVOKED
        assert workshop.revoked("organisation", reason=reason.replace("_", "-"), **SUPPLIER) is one


def test_openssl_takes_the_files_and_rejects_the_revoked_certificate_by_its_list(workshop):
    def verify(certificate, lists):
        trust = workshop.trust()
        words = ("-x509_strict", "-crl_check_all", "-CRLfile", lists, "-CAfile", trust.root_file)
        at = ("-attime", str(int(NOON.timestamp())))
        done = subprocess.run(
            ["openssl", "verify", *words, *at, "-untrusted", trust.authorities_file, certificate],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    lists = workshop.trust().revocation_lists_file
    good = workshop.issue("organisation", **SUPPLIER)
    revoked = workshop.revoked("organisation", **SUPPLIER)
    assert verify(good.certificate_file, lists)[0] == 0
    assert verify(good.certificate_file, revoked.revocation_lists_file)[0] == 0
    code, said = verify(revoked.certificate_file, revoked.revocation_lists_file)
    assert (code, "certificate revoked" in said) == (2, True)
    code, said = verify(workshop.expired("organisation", **SUPPLIER).certificate_file, lists)
    assert (code, "certificate has expired" in said) == (2, True)


@pytest.mark.slow
def test_after_a_roll_over_trust_is_in_the_new_ca_also_in_the_files(tmp_path):
    with Workshop.open(PluginOptions(instant=NOON), tmp_path) as made:
        before = made.trust().authorities_file.read_bytes()
        made.estate.roll_over(Hierarchy.ORGANISATION, "Z1b")
        made.estate.renew_authority("ZA")
        trust, issued = made.trust(), made.issue("organisation", **SUPPLIER)
        assert issued.issuers == tuple(
            x509.load_pem_x509_certificates(trust.authorities_file.read_bytes())
        )
        assert trust.root_file.read_bytes() not in before
        crl = x509.load_pem_x509_crl(trust.revocation_lists_file.read_bytes())
        key: Any = issued.issuers[0].public_key()
        assert crl.is_signature_valid(key)


def test_files_are_written_when_they_are_asked_for_keys_for_their_owner_only(workshop):
    one = workshop.issue("organisation", copy=7, **SUPPLIER)
    assert not one.folder.exists()
    assert one.certificate_file.read_bytes() == one.pem
    assert one.chain_file.read_bytes() == one.chain_pem
    assert one.root_file.read_bytes() == workshop.trust().root_file.read_bytes()
    assert one.key_file.read_bytes() == one.key_pem
    assert one.key_file.stat().st_mode & 0o777 == 0o600
    assert one.key_file == one.key_file


def test_devices_come_side_by_side_with_a_key_for_each_usage(workshop):
    devices = workshop.devices("00-DB-12-00-00-00-00-FE", 3)
    assert [one.device_id.plain[-4:] for one in devices] == ["00fe", "00ff", "0100"]
    for one in devices:
        records = (one.digital_signature.record, one.key_agreement.record)
        assert [record.usage for record in records] == ["digital-signature", "key-agreement"]
        assert {record.eui64 for record in records} == {one.device_id}
    assert devices[2].digital_signature is workshop.issue("device", **DEVICE)
    for first, count in ((DEVICE["device_id"], 0), ("FF-FF-FF-FF-FF-FF-FF-FF", 2)):
        with pytest.raises(ValueError, match=f"no {count} Device IDs"):
            workshop.devices(first, count)


@pytest.mark.slow
def test_rsa_keys_come_from_the_seed_too_whatever_was_asked_for_before(seeded, tmp_path):
    def dccki(workshop):
        return workshop.issue("dccki", participant="rdp-one", common_name="gateway.test")

    with Workshop.open(PluginOptions(seed=bytes.fromhex(SEED)), tmp_path / "one") as other:
        iki, there = other.trust("iki"), dccki(other)
    here = dccki(seeded)
    assert (here.der, here.pkcs8) == (there.der, there.pkcs8)
    assert here.private_key.key_size == 2048
    assert not here.record.keys_secret
    assert seeded.trust("iki").root.der == iki.root.der
    assert iki.root.not_before < seeded.now() - timedelta(days=700)


def test_profiles_decide_the_kind_of_keys_from_a_seed(tmp_path):
    profiles = ROOT / "examples" / "profile-override" / "profiles"
    with Workshop.open(PluginOptions(seed=b"12345678", profiles=profiles), tmp_path) as other:
        dccki = other.issue("dccki", participant="rdp-one", common_name="gateway.test")
    assert dccki.private_key.key_size == 256
    assert not dccki.record.keys_secret


def test_the_same_device_comes_from_a_seed_alone_or_in_a_range(seeded, tmp_path):
    with Workshop.open(PluginOptions(seed=bytes.fromhex(SEED)), tmp_path) as other:
        other.issue("organisation", **SUPPLIER)
        (one,) = other.devices(DEVICE["device_id"], 1)
    alone = seeded.issue("device", usage="key-agreement", **DEVICE)
    assert one.key_agreement.der == alone.der
    assert one.key_agreement.key_pem == alone.key_pem


def test_an_estate_that_is_there_is_opened_and_written_to(quickstart, tmp_path, monkeypatch):
    monkeypatch.delenv("SMKI_TESTCA_PASSPHRASE", raising=False)
    with Workshop.open(PluginOptions(estate=quickstart), tmp_path / "files") as one:
        issued = one.issue("organisation", **SUPPLIER)
        before = one.estate.audit.entries()
    passphrase = (quickstart / "passphrase").read_text()
    (quickstart / "passphrase").unlink()
    with (
        pytest.raises(EstateError, match="passphrase"),
        Workshop.open(PluginOptions(estate=quickstart), tmp_path / "more") as two,
    ):
        two.issue("organisation", **SUPPLIER)
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", passphrase.strip())
    with Workshop.open(PluginOptions(estate=quickstart), tmp_path / "more") as two:
        assert two.estate.by_serial(issued.record.serial) == issued.record
        assert two.issue("organisation", **SUPPLIER).record != issued.record
        assert len(two.estate.audit.entries()) == len(before) + 1


def test_the_command_opens_the_workshops_estate_and_finds_it_whole(workshop, command):
    workshop.issue("organisation", **SUPPLIER)
    directory = workshop.estate.directory
    assert command("--estate", directory, "audit", "verify").code == 0
    listed = command("--estate", directory, "--json", "list", "--participant", "supplier-one")
    assert listed.code == 0


@pytest.mark.slow
def test_a_register_of_ones_own_takes_the_place_of_the_examples(tmp_path):
    register = tmp_path / "register.toml"
    text = (ROOT / "examples" / "participants.toml").read_text("utf-8")
    register.write_text(text.replace("supplier-one", "energy-one"))
    with Workshop.open(PluginOptions(register=register), tmp_path / "files") as one:
        assert one.issue("organisation", **SUPPLIER).record.participant == "energy-one"
    register.write_text("[[participant")
    with pytest.raises(InputError) as error:
        Workshop.open(PluginOptions(register=register), tmp_path / "more")
    assert error.value.code == "toml.syntax"
    with pytest.raises(InputError) as error:
        Workshop.open(PluginOptions(register=tmp_path), tmp_path / "again")
    assert error.value.code == "input.unreadable"
