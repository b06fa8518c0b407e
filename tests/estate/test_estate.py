from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import csrs
from estates import any_key
from experimental import allow_weaker
from smki_testca import kits
from smki_testca.api import Estate
from smki_testca.clock import FixedClock
from smki_testca.entropy import SeededEntropy
from smki_testca.errors import InputError
from smki_testca.estate import database
from smki_testca.estate.certificates import Selection
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles import Library
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.shipped import shipped

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
UNUSABLE = ("list", "audit verify", "register show", "init")


def run(command, directory, text, *, init=True):
    words = text.split()
    if words == ["init"] and init:
        return command("--json", "init", directory, "--environment", "UIT-A")
    return command("--json", "--estate", directory, *words)


# An estate that cannot be used.


def newer(file):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA user_version = {database.FORMAT + 1}")


def foreign(file):
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE certificates (serial)")


def noise(file):
    file.write_bytes(random.Random(1).randbytes(20_000))


def scribbled(file):
    octets = bytearray(file.read_bytes())
    octets[1000:] = bytes(len(octets) - 1000)
    file.write_bytes(octets)


def cut(file):
    file.write_bytes(file.read_bytes()[:6000])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (newer, "estate.newer"),
        (foreign, "estate.foreign"),
        (noise, "estate.damaged"),
        (scribbled, "estate.damaged"),
        (cut, "estate.damaged"),
        (lambda file: file.write_bytes(b""), "estate.foreign"),
    ],
    ids=["newer", "foreign", "noise", "scribbled", "cut", "empty"],
)
@pytest.mark.parametrize("text", UNUSABLE)
def test_an_estate_that_cannot_be_used_is_refused_in_one_line(
    command, quickstart, spoil, code, text
):
    file = quickstart / "estate.sqlite"
    spoil(file)
    before = file.read_bytes()
    outcome = run(command, quickstart, text)
    assert outcome.code == 5
    assert outcome.json["error"]["code"] == code
    assert file.read_bytes() == before


@pytest.mark.parametrize("text", [one for one in UNUSABLE if one != "init"])
def test_a_missing_estate_is_told_and_not_made(command, tmp_path, text):
    outcome = run(command, tmp_path / "none", text)
    assert outcome.code == 5
    assert outcome.json["error"]["code"] == "estate.missing"
    assert "init" in outcome.json["error"]["remedy"]
    assert not (tmp_path / "none").exists()


def test_no_estate_named_is_wrong_usage(command):
    assert command("list").code == 2


@pytest.mark.parametrize("name", ["quickstart", "init"])
def test_a_directory_with_something_in_it_is_left_alone(command, tmp_path, name):
    (tmp_path / "mine.txt").write_text("mine")
    outcome = command("--json", name, tmp_path)
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "estate.not_empty"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_estate_that_another_process_holds_is_told_after_the_wait(
    issue, quickstart, monkeypatch
):
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.05)
    with closing(sqlite3.connect(quickstart / "estate.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        outcome = issue()
        assert outcome.code == 5
        assert outcome.json["error"]["code"] == "estate.locked"
        other.execute("ROLLBACK")
    assert issue().code == 0


# Bad input leaves the estate as it was.

ORGANISATION = "issue organisation --participant supplier-one --purpose uept"
DEVICE = "issue device --participant meters-one --purpose section-t"
BAD_INPUT = {
    "7 octets": (4, f"{ORGANISATION} --id 90-B3-D5-1F-30-01-00 --role 02"),
    "9 octets": (4, f"{ORGANISATION} --id 90-B3-D5-1F-30-01-00-00-00 --role 02"),
    "0x": (4, f"{ORGANISATION} --id 0x90b3d51f30010000 --role 02"),
    "MAC": (4, f"{ORGANISATION} --id 90-B3-D5-1F-30-01 --role 02"),
    "unknown role": (4, f"{ORGANISATION} --id 90b3d51f30010000 --role overlord"),
    "unknown role code": (4, f"{ORGANISATION} --id 90b3d51f30010000 --role FE"),
    "long name": (4, f"{ORGANISATION} --id 90b3d51f30010000 --role 02 --common-name {'x' * 65}"),
    "Device ID": (4, f"{DEVICE} --device-id 00db12 --hw-type 1.2.3"),
    "hw-type": (
        4,
        f"{DEVICE} --device-id 00db120000000001 --hw-type 1.99.1",
    ),
    "host name": (
        4,
        "issue dccki --participant supplier-one --purpose uept --common-name a --dns -.test",
    ),
    "unknown usage": (2, f"{ORGANISATION} --id 90b3d51f30010000 --role 02 --usage signing"),
    "no id": (2, f"{ORGANISATION} --role 02"),
    "allocate role": (4, "register allocate supplier-one --user-role Emperor"),
    "allocate nobody": (4, "register allocate nobody --user-role IS"),
    "allocate too many": (4, "register allocate supplier-one --user-role IS --count 65536"),
    "allocate none": (2, "register allocate supplier-one --user-role IS --count 0"),
    "no such agreement": (4, "agreement suspend SEC-1999-001"),
    "not suspended": (4, "agreement resume SEC-2020-001"),
    "no file": (4, "register import no-such-file.toml"),
    "no serial": (4, "show 00"),
    "environment present": (4, "init DIR --environment ZAZ1"),
    "unknown environment": (4, "init DIR --environment LIVE"),
    "no format": (2, "export --format jks --out out"),
    "nothing selected": (4, "export --format pem --out out --label none"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_clear_line_and_changes_nothing(command, quickstart, digest, case):
    code, text = BAD_INPUT[case]
    if text.startswith("issue") and "dccki" not in text and "--usage" not in text:
        text += " --usage digital-signature"
    words = [str(quickstart) if word == "DIR" else word for word in text.split()]
    before = digest()
    outcome = command("--estate", quickstart, *words)
    assert outcome.code == code, outcome.err
    assert outcome.out == ""
    assert len(outcome.err.splitlines()) == 1
    assert outcome.err.startswith("error: ")
    assert digest() == before


@pytest.mark.parametrize("name", ["", "line\nbreak", "tab\there", "\x00"])
def test_a_name_that_no_certificate_should_have_is_refused(command, quickstart, digest, name):
    before = digest()
    outcome = command(
        *("--json", "--estate", quickstart, *ORGANISATION.split(), "--role", "02"),
        *("--id", "90b3d51f30010000", "--usage", "digital-signature", "--common-name", name),
    )
    assert (outcome.code, digest() == before) == (4, True)


def test_a_refusal_leaves_everything_but_the_log_as_it_was(quickstart, issue):
    def dump():
        with closing(sqlite3.connect(quickstart / "estate.sqlite")) as file:
            log = ('INTO "audit"', "audit-head")
            return [line for line in file.iterdump() if not any(one in line for one in log)]

    before = dump()
    assert issue(device="90-B3-D5-1F-30-01-00-00").code == 3
    assert dump() == before


# Several at once.


def start(directory, number):
    text = (
        f"issue device --participant meters-one --purpose device-and-user-system-tests"
        f" --device-id 00-DB-12-00-00-00-01-{number:02X} --hw-type 1.2.3"
        " --usage digital-signature --usage key-agreement"
    )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("SMKI_TESTCA")
    }
    return subprocess.Popen(
        [sys.executable, "-m", "smki_testca", "--estate", str(directory), *text.split()],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.slow
def test_processes_that_issue_at_once_wait_for_each_other(command, quickstart):
    with sqlite3.connect(quickstart / "estate.sqlite", isolation_level=None) as held:
        # All are made to meet at the door.
        held.execute("BEGIN IMMEDIATE")
        started = [start(quickstart, number) for number in range(3)]
        for process in started:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.3)
        held.execute("ROLLBACK")
    held.close()
    for process in started:
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, b"")
    listed = command("--json", "--estate", quickstart, "list").json["certificates"]
    new = [one for one in listed if (one["eui64"] or "").startswith("00-DB-12-00-00-00-01")]
    assert len(new) == 6
    assert len({one["serial"] for one in listed}) == len(listed)
    assert command("--estate", quickstart, "audit", "verify").code == 0


@pytest.mark.slow
def test_a_killed_process_loses_nothing_that_was_reported(command, quickstart):
    first = start(quickstart, 1)
    assert first.wait(60) == 0
    first.communicate()
    killed = [start(quickstart, number) for number in (2, 3, 4)]
    for process in killed:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1)
        process.kill()
        process.communicate()
    assert command("--estate", quickstart, "audit", "verify").code == 0
    listed = command("--json", "--estate", quickstart, "list").json["certificates"]
    devices = [one["eui64"] for one in listed]
    assert devices.count("00-DB-12-00-00-00-01-01") == 2
    for number in (2, 3, 4):
        assert devices.count(f"00-DB-12-00-00-00-01-0{number}") in {0, 2}


# Time, randomness and keys are parameters.


@pytest.fixture
def p256_profiles(tmp_path):
    """An operator's profiles in which DCCKI and IKI have P-256 keys, too."""
    folder = tmp_path / "operator"
    (folder / "certificates").mkdir(parents=True)
    for path in sorted(shipped("profiles").glob("certificates/*.toml")):
        text = path.read_text("utf-8")
        if 'key-type = "rsa-2048"' in text:
            text = text.replace('key-type = "rsa-2048"', 'key-type = "p-256"')
            text = text.replace('["digitalSignature", "keyEncipherment"]', '["digitalSignature"]')
            (folder / "certificates" / path.name).write_text(text, "utf-8")
    assert len(list((folder / "certificates").iterdir())) == 6
    allow_weaker(folder)  # the rule of IKI keys is specified
    return folder


def made(directory, profiles, *, seed=b"seed", at=NOW):
    """Every certificate and key of an estate made from a seed and a clock."""
    with Estate.create(
        directory,
        lambda: "phrase",
        profiles=profiles,
        clock=FixedClock(at),
        entropy=SeededEntropy(seed),
    ) as estate:
        estate.add_environment("ZAZ1")
        estate.register.import_file((shipped("examples") / "participants.toml").read_bytes(), "-")
        kits.issue(estate, kits.load(estate.library, "quickstart"))
        records = estate.certificates.select(Selection())
        return [(one.der, any_key(estate, one)) for one in records]


@pytest.mark.slow
def test_the_same_seed_and_clock_give_the_same_octets(tmp_path, p256_profiles):
    one = made(tmp_path / "one", p256_profiles)
    assert len(one) == 38
    assert made(tmp_path / "two", p256_profiles) == one
    other = made(tmp_path / "three", p256_profiles, seed=b"other")
    assert not {der for der, _ in one} & {der for der, _ in other}
    assert not {key for _, key in one} & {key for _, key in other}
    later = made(tmp_path / "four", p256_profiles, at=NOW + timedelta(days=1))
    assert [key for _, key in later] == [key for _, key in one]
    assert not {der for der, _ in one} & {der for der, _ in later}


@pytest.mark.slow
def test_keys_made_from_a_seed_are_marked_as_no_secret(tmp_path, p256_profiles, quickstart):
    made(tmp_path / "seeded", p256_profiles)

    def marks(directory):
        with closing(sqlite3.connect(directory / "estate.sqlite")) as file:
            return {row[0] for row in file.execute("SELECT secret FROM keys")}

    assert marks(tmp_path / "seeded") == {0}
    assert marks(quickstart) == {1}


@pytest.mark.slow
def test_rsa_cas_from_a_seed_have_the_same_keys_in_every_estate(tmp_path):
    cas = []
    for name in ("one", "two"):
        with Estate.create(
            tmp_path / name, "phrase", entropy=SeededEntropy(b"seed"), clock=FixedClock(NOW)
        ) as estate:
            cas.append(estate.add_environment("ZAZ1", hierarchies=[Hierarchy("iki")]))
    assert [each.der for each in cas[0]] == [each.der for each in cas[1]]
    assert not any(each.keys_secret for each in cas[0])


def test_the_clock_of_the_command_is_the_certificates_time(command, quickstart):
    outcome = command(
        *("--json", "--estate", quickstart, "--clock", "2049-12-31T23:59:59Z"),
        *("issue", "iki", "--participant", "supplier-one", "--purpose", "srept"),
        *("--system-name", "late", "--role", "supplier"),
    )
    (one,) = outcome.json["certificates"]
    loaded = x509.load_pem_x509_certificate(one["pem"].encode())
    assert loaded.not_valid_before_utc == datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert loaded.not_valid_after_utc == datetime(2059, 12, 31, 23, 59, 58, tzinfo=UTC)


# CA keys of the operator's own.


def pem_key(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.fixture
def ca_keys(tmp_path):
    folder = tmp_path / "keys"
    folder.mkdir()
    keys = {}
    for hierarchy in Library().hierarchies:
        for tier in (Tier.ROOT, Tier.ISSUING):
            profile = Library().profile_for(hierarchy, tier)
            key = csrs.rsa_key() if profile.key_type.value == "rsa-2048" else csrs.new_key()
            keys[profile.name] = key
            (folder / f"{profile.name}.key").write_bytes(pem_key(key))
    return folder, keys


@pytest.fixture
def passphrase(command, monkeypatch):
    # The command's own fixture takes the variable away first.
    assert command
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", "a passphrase")


@pytest.mark.slow
@pytest.mark.usefixtures("passphrase")
def test_imported_ca_keys_are_the_cas_keys(command, tmp_path, ca_keys):
    folder, keys = ca_keys
    directory = tmp_path / "estate"
    outcome = command("--json", "init", directory, "--ca-keys", folder)
    assert outcome.code == 0, outcome.err
    with Estate.open(directory, lambda: "a passphrase") as estate:
        for record in estate.certificates.authorities():
            loaded = x509.load_der_x509_certificate(record.der)
            assert loaded.public_key() == keys[record.profile].public_key()
        told = [e.body for e in estate.audit.entries() if e.action == "authority.create"]
    assert [body["imported_key"] for body in told] == [True] * 8


@pytest.mark.slow
@pytest.mark.usefixtures("passphrase")
def test_cas_without_a_given_key_get_a_fresh_one(command, tmp_path, ca_keys):
    folder, keys = ca_keys
    for path in folder.iterdir():
        if path.stem != "organisation-issuing-ca":
            path.unlink()
    assert command("init", tmp_path / "estate", "--ca-keys", folder).code == 0
    with Estate.open(tmp_path / "estate", lambda: "a passphrase") as estate:
        given = {one.profile: one for one in estate.certificates.authorities()}
    loaded = x509.load_der_x509_certificate(given["organisation-issuing-ca"].der)
    assert loaded.public_key() == keys["organisation-issuing-ca"].public_key()
    assert len({one.key_id for one in given.values()}) == 8


@pytest.mark.slow
@pytest.mark.usefixtures("passphrase")
@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("organisation-root-ca.key", b"no key", "key.unreadable"),
        ("organisation-root-ca.key", pem_key(csrs.new_key(ec.SECP384R1())), "key.type"),
        ("dccki-root-ca.key", pem_key(csrs.new_key()), "key.type"),
        ("root.key", pem_key(csrs.new_key()), "ca_keys.stray"),
    ],
)
def test_an_unfit_ca_key_is_refused_and_no_ca_is_made(command, tmp_path, name, content, code):
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / name).write_bytes(content)
    outcome = command("--json", "init", tmp_path / "estate", "--ca-keys", folder)
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == code
    if (tmp_path / "estate").exists():
        listed = command("--json", "--estate", tmp_path / "estate", "list")
        assert listed.json["certificates"] == []
        assert command("init", tmp_path / "estate").code == 0


# Environments, and what an estate refers to.


@pytest.mark.slow
def test_an_environment_can_be_added_later(command, quickstart):
    outcome = command("--json", "init", quickstart, "--environment", "UIT-A")
    assert outcome.code == 0, outcome.err
    labels = {one["label"] for one in outcome.json["certificates"]}
    assert {"UA", "U2", "DU", "DU2"} <= labels
    arguments = (
        *("--json", "--estate", quickstart, *ORGANISATION.split(), "--role", "02"),
        *("--id", "90b3d51f30010000", "--usage", "digital-signature"),
    )
    (old,) = command(*arguments).json["certificates"]
    assert old["environment"] == "ZAZ1"
    for name in ("UIT-A", "UIT-B"):
        (new,) = command(*arguments, "--environment", name).json["certificates"]
        loaded = x509.load_pem_x509_certificate(new["pem"].encode())
        assert loaded.issuer.rfc4514_string() == "CN=U2,OU=07"
        assert new["environment"] == name
    again = command("--json", "init", quickstart, "--environment", "UIT-B")
    assert (again.code, again.json["error"]["code"]) == (4, "environment.present")


def test_an_environment_without_cas_is_told_how_to_get_them(command, quickstart, digest):
    before = digest()
    outcome = command(
        *("--json", "--estate", quickstart, *ORGANISATION.split(), "--role", "02"),
        *("--id", "90b3d51f30010000", "--usage", "digital-signature", "--environment", "SIT-A"),
    )
    assert outcome.code == 5
    assert outcome.json["error"]["code"] == "estate.no_authority"
    assert "--environment SIT-A" in outcome.json["error"]["remedy"]
    assert digest() == before


@pytest.mark.slow
@pytest.mark.usefixtures("passphrase")
def test_the_first_environment_is_the_default_ever_after(command, tmp_path):
    directory = tmp_path / "estate"
    assert command("init", directory, "--environment", "SIT-B").code == 0
    assert command("init", directory, "--environment", "ZAZ1").code == 0
    example = shipped("examples") / "participants.toml"
    assert command("--estate", directory, "register", "import", example).code == 0
    outcome = command(
        *("--json", "--estate", directory, *ORGANISATION.split(), "--role", "02"),
        *("--id", "90b3d51f30010000", "--usage", "digital-signature"),
    )
    (one,) = outcome.json["certificates"]
    assert one["environment"] == "SIT-B"
    loaded = x509.load_pem_x509_certificate(one["pem"].encode())
    assert loaded.issuer.rfc4514_string() == "CN=S4,OU=07"


def test_serials_are_unique_and_of_32_digits_none_of_them_a_leading_zero(estate):
    serials = [str(one.serial) for one in estate.certificates.select(Selection())]
    assert len(set(serials)) == len(serials)
    assert all(re.fullmatch(r"[1-7][0-9A-F]{31}", one) for one in serials)


def test_two_usages_are_two_certificates_with_two_keys(command, quickstart):
    outcome = command(
        *("--json", "--estate", quickstart, *ORGANISATION.split(), "--role", "02"),
        *("--id", "90b3d51f30010000", "--usage", "key-agreement", "--usage", "digital-signature"),
    )
    first, second = outcome.json["certificates"]
    assert [first["usage"], second["usage"]] == ["key-agreement", "digital-signature"]
    keys = [
        x509.load_pem_x509_certificate(one["pem"].encode()).public_key() for one in (first, second)
    ]
    assert keys[0] != keys[1]


def test_the_hundredth_device_certificate_is_issued_and_no_more(estate, quickstart, issue):
    (record,) = estate.certificates.select(Selection(label="ESME-ds"))
    with closing(sqlite3.connect(quickstart / "estate.sqlite")) as file:
        columns = [row[1] for row in file.execute("PRAGMA table_info(certificates)")][1:]
        text = ", ".join(columns)
        for _ in range(97):
            file.execute(
                f"INSERT INTO certificates (serial, {text})"  # noqa: S608 - its own columns
                f" SELECT randomblob(16), {text} FROM certificates WHERE label = 'ESME-ds' LIMIT 1"
            )
        file.commit()
    assert estate.issued.for_device(record.eui64) == 99
    device = "00-DB-12-00-00-00-00-01"
    both = issue("--usage", "key-agreement", device=device)
    assert both.code == 3
    assert issue(device=device).code == 0
    refused = issue(device=device)
    assert refused.code == 3
    assert refused.json["refusal"]["code"] == "device_id.issuance_anomaly"
    assert refused.json["refusal"]["rule"] == "R21"


@pytest.mark.parametrize("case", ["upper", "lower", "colons", "decimal"])
def test_a_certificate_is_found_by_its_serial_in_any_form(command, quickstart, case, estate):
    (record,) = estate.certificates.select(Selection(label="Z1-supplier-ds"))
    upper = str(record.serial)
    forms = {
        "upper": upper,
        "lower": upper.lower(),
        "colons": ":".join(upper[i : i + 2] for i in range(0, 32, 2)),
        "decimal": str(record.serial.value),
    }
    outcome = command("--json", "--estate", quickstart, "show", forms[case])
    assert outcome.code == 0
    assert outcome.json["record"]["label"] == "Z1-supplier-ds"
    assert SerialNumber.parse(forms[case]) == record.serial


@pytest.mark.slow
def test_nothing_is_wrong_with_anything_in_the_kit(command, quickstart, estate):
    for record in estate.certificates.select(Selection()):
        outcome = command("--json", "--estate", quickstart, "show", record.serial)
        assert outcome.code == 0
        # The example IDs lie under the look-alike of the SEC's Registry Entry, on purpose.
        found = {finding["code"] for finding in outcome.json["findings"]}
        assert found <= {"eui64.look_alike"}, record.label
        assert outcome.json["kind"] == record.profile


def test_an_estate_can_be_moved(quickstart, tmp_path, issue):
    moved = tmp_path / "elsewhere" / "renamed"
    moved.parent.mkdir()
    shutil.move(quickstart, moved)
    assert issue(estate=moved).code == 0
    assert Path(moved, "estate.sqlite").is_file()


@pytest.mark.slow
def test_a_seed_used_again_is_said_to_be(tmp_path, p256_profiles):
    made(tmp_path / "estate", p256_profiles)
    with Estate.open(
        tmp_path / "estate",
        lambda: "phrase",
        profiles=p256_profiles,
        entropy=SeededEntropy(b"seed"),
    ) as estate:
        with pytest.raises(InputError) as caught:
            estate.add_environment("UIT-A")
        assert caught.value.code == "seed.used"
        assert "damaged" not in caught.value.message
