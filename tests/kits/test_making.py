"""What a kit makes: the published set's shape, every client's form, the same from a seed."""

from __future__ import annotations

import hashlib
import io
import json
import re
import stat
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from estates import any_key, certificates_in
from smki_testca import kits
from smki_testca.clock import FixedClock
from smki_testca.errors import EstateError, InputError, OutputError, Refusal
from smki_testca.estate.certificates import Selection
from smki_testca.exporters.registry import FORMATS
from smki_testca.kits import maker
from smki_testca.kits.directory import appearing
from smki_testca.kits.kit_issuance import check_count
from smki_testca.profiles import Library
from smki_testca.profiles.model import Tier
from smki_testca.shipped import shipped

pytestmark = pytest.mark.slow

SEED = bytes(range(16))
CLOCK = FixedClock(datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC))
NOT_REPEATED = {"pkcs12", "java", "estate"}


def made(out, name="device-maker", *, library=None, devices=1, seed=SEED, formats=("csv",)):
    """A kit of one format, from a seed."""
    wish = maker.KitOptions(devices, seed, formats)
    return maker.make(kits.load(library or Library(), name), out, wish, clock=CLOCK)


def left_beside(out):
    return sorted(path.name for path in out.parent.iterdir()) if out.parent.exists() else []


def end_entities(estate):
    return [one for one in estate.select(Selection()) if one.tier is Tier.END_ENTITY]


# The published set


def test_zaz1_has_the_eui64s_roles_usages_and_labels_of_the_published_set(zaz1, opened, published):
    with opened(zaz1) as estate:
        held = [
            (one.eui64.plain, one.role, one.usage, one.label)
            for one in end_entities(estate)
            if one.role is not None
        ]
    assert len(held) == 33
    assert set(held) == published


def test_its_keystore_json_has_the_same_entries_and_the_devices(zaz1, keystore, published):
    entries = keystore(zaz1 / "keystore-json" / "keystore.json")
    assert {one for one in entries if one[1] is not None} == published
    assert {one[3] for one in entries if one[1] is None} == {
        *("ESME-1-ds", "ESME-1-ka", "ESME-2-ds", "ESME-2-ka")
    }


def test_the_second_set_is_of_the_same_ca_and_subjects_with_other_keys(zaz1, opened):
    with opened(zaz1) as estate:
        labelled = {one.label: one for one in end_entities(estate)}
        renewed = [label for label in labelled if label.startswith("Z1b-")]
        assert len(renewed) == 10
        for label in renewed:
            first, second = labelled[label.replace("Z1b-", "Z1-")], labelled[label]
            one, other = (x509.load_der_x509_certificate(r.der) for r in (first, second))
            assert first.issuer == second.issuer
            assert one.subject == other.subject
            assert first.key_id != second.key_id
        assert len({one.key_id for one in labelled.values()}) == len(labelled)


def test_the_folder_that_holds_one_of_each_takes_the_first_set(zaz1, opened):
    with opened(zaz1) as estate:
        (first,) = estate.select(Selection(label="Z1-supplier-ds"))
    pem = (zaz1 / "gbcs-parser" / "90b3d51f30010000-ds.pem").read_bytes()
    assert x509.load_pem_x509_certificate(pem).serial_number == first.serial.value


def test_every_certificate_lints_without_error_or_warning(command, zaz1):
    pem = zaz1 / "pem" / "ZAZ1"
    paths = certificates_in(pem)
    outcome = command(
        "--json", "lint", "--environment", "ZAZ1", "--trust", pem / "organisation/ca/ZA.pem",
        "--trust", pem / "device/ca/DZ.pem", *paths,
    )  # fmt: skip
    assert outcome.code == 0
    assert len(outcome.json["files"]) == len(paths) == 33 + 4 + 8
    found = {
        (one["code"], document["subject"])
        for document in outcome.json["files"]
        for one in document["findings"]
        if one["severity"] != "notice"
    }
    assert found == set()


@pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize(("hierarchy", "root", "issuing"), [
    ("organisation", "ZA", "Z1"), ("device", "DZ", "DZ1"),
])  # fmt: skip
def test_openssl_verifies_every_certificate(zaz1, hierarchy, root, issuing):
    folder = zaz1 / "pem" / "ZAZ1" / hierarchy
    leaves = [path for path in certificates_in(folder) if path.parent.name != "ca"]
    done = subprocess.run(
        [
            *("openssl", "verify", "-x509_strict", "-policy_check", "-no-CApath", "-no-CAstore"),
            *("-CAfile", folder / "ca" / f"{root}.pem"),
            *("-untrusted", folder / "ca" / f"{issuing}.pem", *leaves),
        ],
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert len(done.stdout.splitlines()) == len(leaves) > 3


def test_the_other_user_outside_the_secs_entries_passed_the_gate_with_a_warning(zaz1, opened):
    with opened(zaz1) as estate:
        holder = estate.register.load().participant("other-one")
        assert [str(one.eui64) for one in holder.ids] == ["00-DB-12-34-56-78-00-04"]
        (record,) = estate.select(Selection(label="otherUser-ds"))
        (entry,) = [one for one in estate.audit.entries() if one.number == record.audit]
    assert entry.body["granted"] is True
    (warning,) = entry.body["warnings"]
    assert "by exception: the published ZAZ1 set has its Other User here" in warning


def test_without_its_exception_the_other_user_would_get_nothing(library_with, tmp_path):
    why = ', exception = "the published ZAZ1 set has its Other User here"'
    with pytest.raises(InputError) as caught:
        made(tmp_path / "kit", "zaz1", library=library_with("zaz1", (why, "")))
    assert caught.value.code == "id_range.entry"


# What lies in the directory


def test_there_is_a_folder_for_each_format_and_a_readme_that_tells_of_each(zaz1):
    beside = {"estate", "revocation-lists", "README.txt", "export-passphrase", ".gitignore"}
    assert {path.name for path in zaz1.iterdir()} == {*FORMATS, *beside}
    readme = (zaz1 / "README.txt").read_text("utf-8")
    assert "\nMade by smki-testca at " in readme
    for name in ("estate/", "revocation-lists/"):
        assert f"\n  {name} " in readme
    for name, form in FORMATS.items():
        assert re.search(rf"\n  {name}/ +{re.escape(form.traits.summary)}\n", readme)
    assert "Test material only" in readme


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_kit_is_its_owners_alone(zaz1):
    for path in (zaz1, *zaz1.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_the_export_passphrase_opens_the_stores_and_other_keys_need_none(zaz1):
    phrase = (zaz1 / "export-passphrase").read_text().strip()
    stores = sorted((zaz1 / "pkcs12").rglob("*.p12"))
    assert stores
    key, certificate, _ = pkcs12.load_key_and_certificates(
        (zaz1 / "pkcs12/ZAZ1/organisation/supplier-one/Z1-supplier-ds.p12").read_bytes(),
        phrase.encode(),
    )
    assert key.public_key() == certificate.public_key()
    keys = list((zaz1 / "pem").rglob("*.key"))
    assert len(keys) == 37
    assert all(b"BEGIN PRIVATE KEY" in path.read_bytes() for path in keys)


def test_there_is_a_revocation_list_of_each_ca_that_has_one(zaz1):
    lists = sorted((zaz1 / "revocation-lists").rglob("*.crl"))
    assert [path.stem for path in lists] == [
        *("dccki-arl", "dccki-crl", "iki-arl", "iki-crl", "organisation-arl", "organisation-crl")
    ]
    for path in lists:
        der = x509.load_der_x509_crl(path.read_bytes())
        assert der == x509.load_pem_x509_crl(path.with_suffix(".pem").read_bytes())
        assert len(der) == 0


def test_what_the_kit_holds_stays_in_its_estate_whole(command, zaz1):
    assert command("--estate", zaz1 / "estate", "audit", "verify").code == 0
    listed = command("--estate", zaz1 / "estate", "--json", "list", "--label", "ESME-2-ka").json
    assert [one["eui64"] for one in listed["certificates"]] == ["00-DB-12-00-00-00-00-02"]


def test_formats_that_hold_nothing_of_a_kit_have_no_folder_and_the_readme_says_so(tmp_path):
    out, devices_only = tmp_path / "kit", tmp_path / "devices.toml"
    text = (shipped("profiles") / "kits" / "device-maker.toml").read_text("utf-8")
    text = text[: text.index("# The holders of the cells")] + text[text.index("# Devices") :]
    devices_only.write_text(re.sub("trust-anchor-cells = .*", "", text), "utf-8")
    done = made(out, str(devices_only), formats=("org-crypto", "jwks"))
    assert done.exports.folders == ["jwks"]
    assert "no org-crypto/" in (out / "README.txt").read_text("utf-8")
    assert not (out / "org-crypto").exists()
    assert not (out / "export-passphrase").exists()


def test_many_devices_get_no_store_each_unless_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("smki_testca.kits.exporting._MANY_STORES", 3)
    kept = tuple(name for name in FORMATS if name in {"pkcs12", "csv"})
    monkeypatch.setattr(
        "smki_testca.kits.exporting.FORMATS", {name: FORMATS[name] for name in kept}
    )
    done = made(tmp_path / "default", formats=None)
    assert list((tmp_path / "default" / "pkcs12" / "ZAZ1" / "device").rglob("*-ds.p12")) == []
    assert done.exports.notes["pkcs12"][-1].startswith("14 Device Certificates left out")
    made(tmp_path / "asked", formats=("pkcs12",))
    assert len(list((tmp_path / "asked" / "pkcs12" / "ZAZ1" / "device").rglob("*-ds.p12"))) == 7


def test_a_supplier_gets_every_certificate_of_its_256_ids(tmp_path, opened):
    out = tmp_path / "kit"
    made(out, "supplier")
    with opened(out) as estate:
        records = end_entities(estate)
        cas = estate.certificates.authorities()
    assert len(records) == 960
    assert len({one.eui64 for one in records}) == 256
    assert {one.family for one in cas} == {"UIT", "SIT"}
    text = (out / "csv").glob("*.csv")
    assert sum(path.read_text("utf-8").count("supplierPP-70B3D51F3001") for path in text) == 192


# From a seed


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    """The kit zaz1 made twice from one seed, and once from another."""
    folder = tmp_path_factory.mktemp("seeded")
    outs = [folder / name for name in ("one", "other", "stranger")]
    for out in outs[:2]:
        made(out, "zaz1", devices=2, formats=None)
    made(outs[2], "zaz1", seed=SEED[::-1], devices=2)
    return outs


def files_of(out):
    return {
        path.relative_to(out): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.relative_to(out).parts[0] not in NOT_REPEATED
    }


def test_the_same_seed_and_clock_give_the_same_octets(seeded, opened):
    one, other, _ = seeded
    assert files_of(one) == files_of(other)
    assert len(files_of(one)) > 150
    with opened(one) as first, opened(other) as second:
        kept = [
            [(record.der, any_key(estate, record)) for record in estate.select(Selection())]
            for estate in (first, second)
        ]
    assert kept[0] == kept[1]


def test_another_seed_shares_no_key_and_no_serial(seeded, opened):
    held = []
    for out in (seeded[0], seeded[2]):
        with opened(out) as estate:
            records = list(estate.select(Selection()))
        held.append({one.key_id for one in records} | {one.serial for one in records})
    assert not held[0] & held[1]


def test_keys_from_a_seed_are_marked_as_not_secret_everywhere(seeded, opened, zaz1):
    out = seeded[0]
    for name in ("pem", "keystore-json", "org-crypto", "."):
        assert (out / name / "KEYS-ARE-NOT-SECRET.txt").is_file()
    assert "they are not secret" in (out / "README.txt").read_text("utf-8")
    with opened(out) as estate:
        assert not any(one.keys_secret for one in estate.select(Selection()))
    assert not list(zaz1.rglob("KEYS-ARE-NOT-SECRET.txt"))


def test_stores_that_are_encrypted_differ_but_hold_the_same(seeded):
    path = "pkcs12/ZAZ1/organisation/dcc/Z1-recovery-ds.p12"
    one, other = ((out / path).read_bytes() for out in seeded[:2])
    assert one != other
    phrases = {(out / "export-passphrase").read_bytes().strip() for out in seeded[:2]}
    (phrase,) = phrases
    opened = [pkcs12.load_key_and_certificates(data, phrase)[1] for data in (one, other)]
    assert opened[0] == opened[1]


GOLDEN = {
    ("organisation", "device"): "f82c46b717a23e522997f16c54e939efa061e86bfbb27c1b1423fd9457b03953",
    ("dccki", "iki"): "c91a8adc67b4b1db14f9def5c765dd38a1fbf8b018cc6154fe24e9239a6e2c7a",
}
"""SHA-256 of the certificates and keys of the kit quickstart from ``SEED`` at ``CLOCK``. The first
is what version 0.1.0 made, the second what the library for RSA keys has found since."""


def test_a_seed_gives_the_same_kit_on_every_machine_dccki_and_iki_included(tmp_path, opened):
    out = tmp_path / "kit"
    made(out, "quickstart")
    with opened(out) as estate:
        assert len(end_entities(estate)) == 30
        for hierarchies, golden in GOLDEN.items():
            digest = hashlib.sha256()
            for record in estate.select(Selection()):
                if record.hierarchy in hierarchies:
                    digest.update(record.der + (estate.private_key(record) or b""))
                    assert not record.keys_secret
            assert digest.hexdigest() == golden


# Nothing, where something is wrong


def test_a_kit_whose_agreement_has_ended_is_refused_and_leaves_nothing(library_with, tmp_path):
    ended = library_with("zaz1", ("from-days = -365", "from-days = -9\nuntil-days = -1"))
    out = tmp_path / "new" / "kit"
    with pytest.raises(Refusal) as caught:
        made(out, "zaz1", library=ended)
    assert {one.code for one in caught.value.reasons} == {"agreement.expired"}
    assert not out.parent.exists()


def test_devices_are_asked_of_the_gate_as_well(library_with, tmp_path):
    for change, code in (
        (("from-days = -365", "from-days = 1"), "agreement.not_yet_in_force"),
        (('"00-DB-12"', '"00-DB-13"'), "device_id.outside_own_registry_entry"),
    ):
        with pytest.raises(Refusal) as caught:
            made(tmp_path / "out" / "kit", library=library_with("device-maker", change))
        assert {one.code for one in caught.value.reasons} == {code}
        assert left_beside(tmp_path / "out" / "kit") == []


def test_an_id_that_was_not_allocated_is_refused(library_with, tmp_path):
    more = (
        'first-id = "70-B3-D5-1F-30-01-00-30"\ncount = 16\nenvironment-step = 0x40\nroles',
        'first-id = "70-B3-D5-1F-30-01-01-00"\ncount = 1\nroles',
    )
    fewer = ('environments = ["UIT-A", "UIT-B", "SIT-A", "SIT-B"]', 'environments = ["UIT-A"]')
    with pytest.raises(Refusal) as caught:
        made(tmp_path / "kit", "supplier", library=library_with("supplier", more, fewer))
    assert {one.code for one in caught.value.reasons} == {"id.not_allocated"}


def test_a_full_disk_is_told_of_the_directory_asked_for_and_nothing_to_go_on_with(tmp_path):
    out = tmp_path / "kit"
    with pytest.raises(OutputError) as caught, appearing(out) as work:
        raise EstateError("estate.unusable", f"{work}/estate is full.", "batch resume 1")
    assert (caught.value.code, caught.value.exit_code) == ("output.failed", 5)
    assert caught.value.message == f"{out} cannot be made: {out}/estate is full."
    assert "resume" not in caught.value.remedy
    assert left_beside(out) == []


@pytest.mark.parametrize("where", ["fill", "readme", "leave_passphrase"])
def test_a_failure_anywhere_leaves_nothing_behind(tmp_path, monkeypatch, where):
    def fail(*_given, **_named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"smki_testca.kits.maker.{where}", fail)
    out = tmp_path / "deep" / "kit"
    with pytest.raises(OutputError) as caught:
        made(out)
    assert caught.value.code == "output.failed"
    assert "No space left" in caught.value.message
    assert not out.parent.exists()


def test_ctrl_c_leaves_an_empty_directory_as_it_was(tmp_path, monkeypatch):
    def stop(*_given, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr("smki_testca.kits.maker.fill", stop)
    (tmp_path / "kit").mkdir()
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "kit")
    assert left_beside(tmp_path / "kit") == ["kit"]
    assert list((tmp_path / "kit").iterdir()) == []


def test_an_empty_directory_is_filled_and_not_replaced(tmp_path, monkeypatch):
    (tmp_path / "lost+found").mkdir()
    before = tmp_path.stat().st_ino
    monkeypatch.chdir(tmp_path)
    made(Path())
    assert tmp_path.stat().st_ino == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".gitignore",
        "KEYS-ARE-NOT-SECRET.txt",
        "README.txt",
        "csv",
        "estate",
        "lost+found",
        "revocation-lists",
        "trust-anchor-cells",
    ]


def test_a_directory_that_holds_anything_is_left_alone(tmp_path):
    (tmp_path / "diary.txt").write_text("mine")
    for out in (tmp_path, tmp_path / "diary.txt"):
        with pytest.raises(InputError) as caught:
            made(out)
        assert caught.value.code == "kit.not_empty"
    assert (tmp_path / "diary.txt").read_text() == "mine"
    assert left_beside(tmp_path / "x") == ["diary.txt"]


@pytest.mark.parametrize("count", [-1, 100_001])
def test_a_number_of_devices_that_cannot_be_is_refused(count):
    with pytest.raises(InputError) as caught:
        check_count(count)
    assert caught.value.code == "kit.devices"


def test_a_refused_request_leaves_those_before_it_and_the_decision(estate):
    kit = kits.load(estate.library, "quickstart")
    estate.register.set_suspended("SEC-2020-002", suspended=True)
    before = len(list(estate.audit.entries()))
    with pytest.raises(Refusal):
        kits.issue(estate, kit)
    entries = list(estate.audit.entries())[before:]
    assert [one.body["granted"] for one in entries] == [True] * 4 + [False]
    assert estate.certificates.select(Selection(label="Z1-supplier-ds"))


def test_the_zip_of_a_kit_is_read_by_others(zaz1):
    data = (zaz1 / "org-crypto" / "org-crypto.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 66
    assert json.loads((zaz1 / "keystore-json" / "keystore.json").read_bytes())
