"""Runs: what they issue, what the estate then knows of it, and the log that tells of it."""

import hashlib
import shutil
import stat
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key

import batches
import csrs
from batches import device_id, range_of
from experimental import allow_weaker
from smki_testca.api import Estate
from smki_testca.estate.certificates import Selection
from smki_testca.estate.terms import TILE_ROWS
from smki_testca.estate.tile import Tile
from smki_testca.identifiers import Eui64
from smki_testca.importers.sources import Source
from smki_testca.lint.linted import LintSettings
from smki_testca.lint.whole_input import lint_all
from smki_testca.profiles.model import Severity

pytestmark = pytest.mark.slow

COUNT = TILE_ROWS + 300


@pytest.fixture(scope="module")
def filled(quickstart_original, tmp_path_factory):
    """An estate with a run of a mixed manifest and a run of a range over two tiles a usage."""
    directory = tmp_path_factory.mktemp("filled") / "estate"
    shutil.copytree(quickstart_original, directory)
    manifest = batches.write(directory.parent / "rows.csv", batches.mixed())
    both = ("key-agreement", "digital-signature")
    for asked in ([manifest], range_of(COUNT, 0x5000, *both, label="rollout")):
        words = ["-m", "smki_testca", "--estate", directory, "batch", "issue", *asked]
        subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True)
    return directory


@pytest.fixture
def opened(filled):
    passphrase = (filled / "passphrase").read_text().strip()
    with Estate.open(filled, lambda: passphrase) as estate:
        yield estate


def _records(estate, run):
    return list(estate.run_certificates.of_run(estate.runs.get(run)))


def _key_fits(record, key):
    certificate = x509.load_der_x509_certificate(record.der)
    return load_der_private_key(key, None).public_key() == certificate.public_key()


def test_a_range_has_a_certificate_of_each_id_for_each_usage(opened):
    records = _records(opened, 2)
    ids = [str(Eui64.parse(device_id(0x5000 + n))) for n in range(COUNT)]
    for usage in ("key-agreement", "digital-signature"):
        assert [str(one.eui64) for one in records if one.usage == usage] == ids
    assert len(records) == 2 * COUNT
    assert {one.label for one in records} == {"rollout"}


def test_no_serial_and_no_public_key_comes_twice(opened):
    records = [*opened.select(Selection())]
    assert len({one.serial for one in records}) == len(records)
    assert len({one.key_id for one in records}) == len(records)
    assert all(0x10 <= one.serial.value >> 120 < 0x80 for one in records)


def test_each_row_of_a_manifest_has_its_certificate(opened):
    rows = batches.mixed()
    records = {one.der: one for one in _records(opened, 1)}
    found = {
        line: records[der] for line, der in opened.run_certificates.numbered(opened.runs.get(1))
    }
    assert sorted(found) == [number + 2 for number in range(len(rows))]
    for number, row in enumerate(rows):
        record = found[number + 2]
        assert record.profile == row["profile"]
        assert record.participant == row["participant"]
        assert record.label == row.get("label")
        if "usage" in row:
            assert record.usage == row["usage"]
        identifier = row.get("id") or row.get("device-id")
        assert (record.eui64 and str(record.eui64)) == identifier


def test_what_the_estate_says_of_a_certificate_is_what_stands_in_it(opened):
    """The same record that a certificate issued by itself would have."""
    for record in _records(opened, 1):
        certificate = x509.load_der_x509_certificate(record.der)
        assert certificate.serial_number == record.serial.value
        assert certificate.not_valid_before_utc == record.not_before
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        names = record.usage.split("+")
        assert usage.digital_signature == ("digital-signature" in names)
        assert usage.key_agreement == ("key-agreement" in names)
        assert usage.key_encipherment == ("key-encipherment" in names)
        issuer = opened.by_serial(record.issuer)
        certificate.verify_directly_issued_by(x509.load_der_x509_certificate(issuer.der))


def test_every_certificate_of_a_run_lints_clean(opened):
    records = [*_records(opened, 1), *_records(opened, 2)]
    trusted = [one.der for one in opened.certificates.authorities()]
    sources = [Source("run", n, one.der) for n, one in enumerate(records)]
    singles = opened.certificates.select(Selection())
    settings = LintSettings(opened.clock.now(), (), "ZAZ1", None, tuple(trusted))
    # What the linter remarks on in certificates issued one by one is no fault of a run's.
    usual = {
        finding.code
        for one in lint_all((Source("one", n, s.der) for n, s in enumerate(singles)), settings)
        for finding in one.findings
    }
    # Both runs issue at one moment for some Devices, which is the accident that this warns of.
    usual.add("set.device_twice")
    linted = list(lint_all(iter(sources), settings))
    assert len(linted) == len(records)
    for one in linted:
        assert not [f for f in one.findings if f.severity is Severity.ERROR]
        assert {finding.code for finding in one.findings} <= usual


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_openssl_verifies_certificates_of_runs(opened, tmp_path):
    records = _records(opened, 2)
    for record in [*_records(opened, 1), *records[:2], records[TILE_ROWS], records[-1]]:
        chain = opened.certificates.chain(record)
        files = {}
        for name, ders in (
            ("leaf", [record.der]),
            ("ca", [one.der for one in chain[:-1]]),
            ("root", [chain[-1].der]),
        ):
            files[name] = tmp_path / f"{name}.pem"
            certificates = [x509.load_der_x509_certificate(der) for der in ders]
            files[name].write_bytes(
                b"".join(one.public_bytes(csrs.serialization.Encoding.PEM) for one in certificates)
            )
        done = subprocess.run(
            [
                *("openssl", "verify", "-ignore_critical", "-CAfile", files["root"]),
                *("-untrusted", files["ca"], files["leaf"]),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_private_keys_come_back_and_fit(opened):
    whole = list(opened.run_certificates.with_keys(opened.runs.get(1)))
    assert len(whole) == len(batches.mixed())
    assert all(_key_fits(record, key) for record, key in whole)
    for place in (0, 1, TILE_ROWS - 1, TILE_ROWS, COUNT, 2 * COUNT - 1):
        record = _records(opened, 2)[place]
        assert _key_fits(record, opened.private_key(record))


def test_no_private_key_stands_in_a_file_of_the_estate_in_clear(filled, opened):
    keys = [key for _, key in opened.run_certificates.with_keys(opened.runs.get(1))]
    keys += [key for _, key in list(opened.run_certificates.with_keys(opened.runs.get(2)))[:20]]
    # A P-256 key by its scalar, an RSA key by its private exponent.
    secret = []
    for key in keys:
        numbers = load_der_private_key(key, None).private_numbers()
        value = getattr(numbers, "private_value", None) or numbers.d
        secret.append(value.to_bytes((value.bit_length() + 7) // 8))
    assert len(secret) == len(keys)
    for path in filled.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(one in data for one in secret), path


def test_tiles_are_for_their_owner_only_and_hold_no_more_than_they_may(filled):
    paths = [*batches.tiles_of(filled, 1), *batches.tiles_of(filled, 2)]
    assert len(batches.tiles_of(filled, 2)) == 4
    for path in paths:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert 1 <= len(Tile.read(path)) <= TILE_ROWS


def test_the_log_has_one_decision_for_a_range_and_one_entry_with_its_digest_for_each_tile(
    filled, opened
):
    entries = opened.audit.entries()
    (decision,) = [
        one.body for one in entries if one.action == "batch.authorise" and one.body["run"] == 2
    ]
    assert (decision["count"], decision["refused"]) == (2 * COUNT, 0)
    (granted,) = decision["decisions"]
    assert granted["granted"] is True
    assert granted["agreement"] == "BIL-2020-001"
    assert granted["category"] == "device"
    told = [one.body for one in entries if one.action == "batch.tile" and one.body["run"] == 2]
    assert sorted(one["tile"] for one in told) == [0, 1, 2, 3]
    assert sum(one["count"] for one in told) == 2 * COUNT
    digests = {
        hashlib.sha256(path.read_bytes()).hexdigest() for path in batches.tiles_of(filled, 2)
    }
    assert {one["sha256"] for one in told} == digests


def test_a_manifest_has_one_decision_for_each_participant_and_kind_of_certificate(opened):
    (decision,) = [
        one.body
        for one in opened.audit.entries()
        if one.action == "batch.authorise" and one.body["run"] == 1
    ]
    told = sorted(
        (one["request"]["participant"], one["request"]["profile"]) for one in decision["decisions"]
    )
    assert told == sorted({(row["participant"], row["profile"]) for row in batches.mixed()})


def test_a_certificate_of_a_run_is_found_by_its_serial_and_id(opened):
    records = _records(opened, 2)
    for place in (0, TILE_ROWS - 1, TILE_ROWS, COUNT, 2 * COUNT - 1):
        record = records[place]
        assert opened.by_serial(record.serial) == record
        found = [one for one in opened.select(Selection(eui64=record.eui64))]  # noqa: C416
        assert [one.usage for one in found] == ["key-agreement", "digital-signature"]
        assert record in found
    assert opened.by_serial(type(records[0].serial)(records[0].serial.value ^ 1)) is None
    outside = Eui64.parse(device_id(0x5000 + COUNT))
    assert list(opened.select(Selection(eui64=outside))) == []


@pytest.mark.parametrize(
    ("selection", "fits"),
    [
        (Selection(usage="digital-signature+key-encipherment"), {"gate"}),
        (Selection(profile="dccki"), {"gate"}),
        (Selection(role=0x02), {"sup-ds", None}),
        (Selection(role=0x02, usage="digital-signature", profile="organisation"), {"sup-ds"}),
        (Selection(label="sup-ds"), {"sup-ds"}),
        (Selection(participant="network-one"), {None}),
    ],
)
def test_selections_find_certificates_of_runs_and_only_those_that_fit(opened, selection, fits):
    found = [one for one in opened.select(selection) if one.place is not None]
    every = [one for one in [*_records(opened, 1), *_records(opened, 2)] if selection.fits(one)]
    assert found == every
    assert {one.label for one in found} == fits


@pytest.mark.parametrize("change", ["bit", "cut", "gone", "other"])
def test_a_tile_that_was_tampered_with_is_found_by_audit_verify(command, quickstart, change):
    for first in (0x100, 0x200):
        batches.issue(command, quickstart, *range_of(20, first))
    verify = ("--json", "--estate", quickstart, "audit", "verify")
    assert command(*verify).json["tiles"] == 2
    (path,) = batches.tiles_of(quickstart)
    data = path.read_bytes()
    if change == "bit":
        path.write_bytes(data[:500] + bytes([data[500] ^ 0x40]) + data[501:])
    elif change == "cut":
        path.write_bytes(data[:-1])
    elif change == "gone":
        path.unlink()
    else:
        shutil.copy(batches.tiles_of(quickstart, 2)[0], path)
    outcome = command(*verify)
    assert outcome.code == 5
    assert outcome.json["error"]["code"] == ("bulk.missing" if change == "gone" else "bulk.damaged")
    assert command("--estate", quickstart, "list", "--profile", "device").code == 5


def test_a_tile_that_the_log_does_not_tell_of_is_found_by_audit_verify(command, quickstart):
    import sqlite3  # noqa: PLC0415 - for this test alone
    from contextlib import closing  # noqa: PLC0415 - the same

    batches.issue(command, quickstart, *range_of(5))
    with closing(sqlite3.connect(quickstart / "estate.sqlite")) as database:
        database.execute("UPDATE tiles SET digest = ?", (bytes(32),))
        database.commit()
    outcome = command("--json", "--estate", quickstart, "audit", "verify")
    assert (outcome.code, outcome.json["error"]["code"]) == (5, "audit.tile")


def _key_in(tmp_path, name, key, *, pem):
    spki = csrs.spki(key)
    if pem:
        spki = key.public_key().public_bytes(
            csrs.serialization.Encoding.PEM, csrs.serialization.PublicFormat.SubjectPublicKeyInfo
        )
    (tmp_path / name).write_bytes(spki)


def test_rows_may_bring_a_public_key_or_a_csr_and_then_no_private_key_is_kept(
    command, quickstart, tmp_path, estate
):
    own, other, third, rsa = csrs.new_key(), csrs.new_key(), csrs.new_key(), csrs.rsa_key()
    (tmp_path / "keys").mkdir()
    _key_in(tmp_path, "keys/own.pem", own, pem=True)
    _key_in(tmp_path, "rsa.der", rsa, pem=False)
    device_csr = csrs.pem(csrs.device(other, device_id=bytes.fromhex("00db120000000777")))
    (tmp_path / "meter.csr").write_bytes(device_csr)
    (tmp_path / "sup.csr").write_bytes(csrs.organisation(third, usage="ka"))
    manifest = batches.write(
        tmp_path / "rows.csv",
        [
            batches.device(0x700, **{"public-key-file": "keys/own.pem"}, label="own"),
            batches.signed("meter.csr", label="meter"),
            batches.signed("sup.csr", participant="supplier-one", purpose="uept", label="sup"),
            batches.iki(**{"public-key-file": "rsa.der"}, label="rsa"),
            batches.device(0x701, label="fresh"),
        ],
    )
    batches.issue(command, quickstart, manifest)
    kept = {
        record.label: (record, key)
        for record, key in estate.run_certificates.with_keys(estate.runs.get(1))
    }
    for label, key in {"own": own, "meter": other, "sup": third, "rsa": rsa}.items():
        record, private = kept[label]
        assert private is None
        assert estate.private_key(record) is None
        certificate = x509.load_der_x509_certificate(record.der)
        assert certificate.public_key() == key.public_key()
    assert _key_fits(*kept["fresh"])
    assert str(kept["meter"][0].eui64) == "00-DB-12-00-00-00-07-77"
    assert (str(kept["sup"][0].eui64), kept["sup"][0].usage) == (
        batches.SUPPLIER_ID,
        "key-agreement",
    )
    compared = command("compare", tmp_path / "meter.csr", "-", stdin=kept["meter"][0].der)
    assert compared.code == 0, compared.out


def test_a_row_cut_in_a_run_is_the_certificate_that_would_be_issued_by_itself(
    command, quickstart, tmp_path
):
    """But for serial number, key and signature, to the octet."""
    clock = ("--clock", "2026-05-06T07:08:09Z", "--estate", quickstart)
    key = tmp_path / "meter.csr"
    number = 0x900
    key.write_bytes(csrs.device(csrs.new_key(), device_id=(0x00DB12 << 40 | number).to_bytes(8)))
    manifest = batches.write(tmp_path / "rows.jsonl", [batches.signed("meter.csr")])
    assert command(*clock, "batch", "issue", manifest).code == 0
    single = command(
        *clock, "sign", key, "--participant", "meters-one", "--purpose", batches.DEVICE_PURPOSE
    )
    assert single.code == 0
    found = command(*clock, "--json", "list", "--eui64", device_id(number)).json["certificates"]
    ders = []
    for one in found:
        fields = command(*clock, "--json", "show", one["serial"]).json["fields"]
        ders.append({name: value for name, value in fields.items() if name != "serialNumber"})
    assert len(ders) == 2
    signatures = {"signatureValue"}
    plain = [{k: v for k, v in one.items() if k not in signatures} for one in ders]
    assert plain[0] == plain[1]


def test_an_operators_device_profile_with_another_key_identifier_serves_for_ranges_too(
    command, quickstart
):
    shipped = (batches.ROOT / "profiles" / "certificates" / "device.toml").read_text()
    own = quickstart / "profiles" / "certificates"
    own.mkdir(parents=True)
    at = shipped.index("key-identifier-method-2")
    other = (
        shipped[:at] + "key-identifier-method-1" + shipped[at + len("key-identifier-method-2") :]
    )
    end = other.index("holds = { octets = 8 }", at)
    other = other[:end] + "holds = { octets = 20 }" + other[end + len("holds = { octets = 8 }") :]
    (own / "device.toml").write_text(other)
    allow_weaker(own.parent)
    assert command("--estate", quickstart, "profiles", "check").code == 0
    run = batches.issue(command, quickstart, *range_of(3, 0x900))
    assert run["issued"] == 3
    found = command("--json", "--estate", quickstart, "list", "--eui64", device_id(0x901)).json
    (one,) = found["certificates"]
    assert one["experimental"] is True
    shown = command("--json", "--estate", quickstart, "show", one["serial"])
    assert len(shown.json["fields"]["extensions.subjectKeyIdentifier"].replace(":", "")) == 40
