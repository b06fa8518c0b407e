"""What earlier exports left in a folder: what is stale is told, and removed with ``--force``."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from exported import PHRASE, modes, names

import csrs
from smki_testca.x509.pem import to_pem
from smki_testca.x509.private_keys import to_pkcs8

LABEL = "Z1-supplier-ds"
DEVICE = "00-DB-12-00-00-00-01-00"
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"
HOME = "ZAZ1/organisation/supplier-one"


@pytest.fixture
def run(command, quickstart):
    """Calls the command on the quickstart estate; its JSON."""

    def call(*words):
        outcome = command("--json", "--estate", quickstart, *words)
        assert outcome.code == 0, outcome.out
        return outcome.json

    return call


def stale(export, run, form="pem", **more):
    """An export with the files of a certificate that was renewed; its folder, and these files."""
    run("renew", "--label", LABEL)
    _, folder = export(form, "--label", LABEL, "--status", "not-in-use", "--with-keys", **more)
    found = list(folder.rglob(f"{LABEL}-*"))
    assert found
    return folder, sorted(map(str, found))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["pem", "der", "pkcs12", "signing-tool"])
def test_stale_files_of_the_label_are_removed_with_force_and_told(export, run, form):
    encrypted = form == "pkcs12"
    folder, found = stale(export, run, form, encrypted=encrypted)
    outcome, _ = export(form, "--label", LABEL, "--with-keys", "--force", encrypted=encrypted)
    assert sorted(outcome.json["removed"]) == found
    assert "stale" not in outcome.json
    left = [name for name in names(folder) if f"{LABEL}-" in name]
    assert left == ([f"{HOME}/{LABEL}-fullchain.pem"] if form == "pem" else [])


def test_without_force_they_stay_and_are_told(export, run, command, quickstart):
    folder, found = stale(export, run)
    # The chains are there already: without them nothing is in the way.
    for path in folder.rglob("*-chain.pem"):
        path.unlink()
    outcome, _ = export("pem", "--label", LABEL)
    assert outcome.code == 0, outcome.out
    assert sorted(outcome.json["stale"]) == found
    assert "removed" not in outcome.json
    told = command(
        *("--estate", quickstart, "export", "--format", "pem", "--label", LABEL),
        *("--out", folder, "--force"),
    )
    assert "Removed 3 files of earlier exports: " in told.out
    assert "left out" in told.err


def test_a_label_that_gets_a_second_usage_leaves_no_plain_file(export, run):
    words = (
        *("issue", "organisation", "--participant", "supplier-one", "--purpose", "uept"),
        *("--id", "90-B3-D5-1F-30-01-00-00", "--role", "supplier", "--label", "two"),
    )
    run(*words, "--usage", "digital-signature")
    _, folder = export("pem", "--label", "two", "--with-keys")
    assert f"{HOME}/two.key" in names(folder)
    run(*words, "--usage", "key-agreement")
    outcome, _ = export("pem", "--label", "two", "--with-keys", "--force")
    home = folder / HOME
    assert sorted(outcome.json["removed"]) == [
        str(home / name) for name in ("two-fullchain.pem", "two.key", "two.pem")
    ]
    assert sorted(path.name for path in home.glob("*.key")) == ["two-ds.key", "two-ka.key"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["pem", "der"])
def test_own_columns_go_and_stay_with_their_certificate(export, run, tmp_path, form):
    manifest = tmp_path / "lot.csv"
    manifest.write_text(f"device-id,serial_number\n{DEVICE},M1\n")
    issuing = ("--profile", "device", "--participant", "meters-one", "--purpose")
    options = (*issuing, "device-and-user-system-tests", "--hw-type", HW_TYPE, "--label", "m")
    run("batch", "issue", manifest, *options, "--usage", "key-agreement")
    run("renew", "--label", "m")
    _, folder = export(form, "--label", "m", "--status", "not-in-use")
    (old,) = folder.rglob("*-columns.json")
    outcome, _ = export(form, "--label", "m", "--force")
    assert str(old) in outcome.json["removed"]
    (new,) = folder.rglob("*-columns.json")
    assert (new.name, new.read_text("utf-8")) == ("m-columns.json", '{"serial_number": "M1"}\n')
    # What was changed by hand is not known to be the estate's.
    old.write_text('{"serial_number": "mine"}\n')
    name = old.name.removesuffix("-columns.json")
    shutil.copy(new.with_name(f"m.{form}"), old.with_name(f"{name}.{form}"))
    outcome, _ = export(form, "--label", "m", "--force")
    assert outcome.json["stale"] == [str(old)]
    assert old.exists()


def test_a_folder_with_columns_is_taken_in_without_a_word_about_them(command, tmp_path, quickstart):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "m-columns.json").write_text('{"serial_number": "M1"}\n')
    (folder / "other.json").write_text('{"serial_number": 1}\n')
    outcome = command("--json", "--estate", quickstart, "import", folder)
    assert "other.json" in outcome.out
    assert "m-columns.json" not in outcome.out


def test_files_that_are_not_of_the_estate_stay(export, run):
    folder, found = stale(export, run)
    for path in map(folder.__class__, found):
        path.write_bytes(b"somebody's notes")
    (folder / HOME / f"{LABEL}-copy.pem").write_bytes(b"mine")
    outcome, _ = export("pem", "--label", LABEL, "--with-keys", "--force")
    assert "removed" not in outcome.json
    assert all(folder.__class__(path).read_bytes() == b"somebody's notes" for path in found)


def test_no_private_key_is_removed_that_the_estate_does_not_have(export, run, tmp_path):
    key = csrs.new_key()
    request = tmp_path / "one.csr"
    request.write_bytes(csrs.pem(csrs.device(key)))
    sign = (
        *("sign", request, "--participant", "meters-one", "--label", "mine"),
        *("--purpose", "device-and-user-system-tests"),
    )
    (old,) = run(*sign)["certificates"]
    run("set-status", "not-in-use", "--serial", old["serial"])
    _, folder = export("pem", "--serial", old["serial"])
    (path,) = (one for one in folder.rglob("mine*.pem") if "chain" not in one.name)
    own = path.with_suffix(".key")
    own.write_bytes(to_pem(to_pkcs8(key), "PRIVATE KEY"))
    run(*sign)
    for _ in range(2):
        outcome, _ = export("pem", "--label", "mine", "--force")
        assert own.exists()
    assert not path.exists() or path.stem == "mine"
    assert outcome.code == 0


@pytest.mark.slow
def test_a_key_that_does_not_fit_the_certificate_beside_it_is_told(export, run):
    _, folder = export("pem", "--label", LABEL, "--with-keys")
    key = folder / HOME / f"{LABEL}.key"
    same = run("renew", "--label", LABEL, "--same-key")
    assert same["certificates"]
    outcome, _ = export("pem", "--label", LABEL, "--force")
    assert "unfit_keys" not in outcome.json
    run("renew", "--label", LABEL)
    outcome, _ = export("pem", "--label", LABEL, "--force")
    assert outcome.json["unfit_keys"] == [str(key)]
    outcome, _ = export("pem", "--label", LABEL, "--force", "--with-keys")
    assert "unfit_keys" not in outcome.json


def test_of_an_encrypted_key_nobody_can_tell_whether_it_fits(export):
    _, folder = export("pem", "--label", LABEL, "--with-keys", encrypted=True)
    outcome, _ = export("pem", "--label", LABEL, "--force")
    assert outcome.json["unfit_keys"] == [str(folder / HOME / f"{LABEL}.key")]
    assert PHRASE


def test_a_folder_for_capath_keeps_no_older_certificate_of_a_ca(export, estate):
    estate.renew_authority("Z1")
    _, folder = export("capath", "--profile", "organisation-issuing-ca", "--status", "not-in-use")
    outcome, _ = export("capath", "--force")
    before = names(folder)
    older = next(path for path in folder.glob("*.0"))
    extra = older.with_suffix(".1")
    record = next(one for one in estate.certificates.authorities() if one.label == "Z1")
    extra.write_bytes(to_pem(record.der))
    outcome, _ = export("capath", "--force")
    assert outcome.json["removed"] == [str(extra)]
    assert names(folder) == before


def kept(export, folder, path, form="pem", *, encrypted=False, told=True):
    """Exports with --force; a file is still there, with the octets that it had, and told or not."""
    before = path.read_bytes()
    for _ in range(2):
        outcome, _ = export(
            form, "--label", LABEL, "--with-keys", "--force", encrypted=encrypted, out=folder.name
        )
        assert outcome.code == 0, outcome.out
        assert str(path) not in outcome.json.get("removed", [])
        assert (str(path) in outcome.json.get("stale", [])) is told
        assert path.read_bytes() == before


def certificate_of(key):
    """A certificate of somebody else."""
    return (
        x509.CertificateBuilder(x509.Name([]), x509.Name([]), key.public_key(), 1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .sign(key, SHA256())
    )


def store_of(key, phrase):
    """A PKCS#12 store of somebody else."""
    encryption = BestAvailableEncryption(phrase.encode())
    return pkcs12.serialize_key_and_certificates(
        b"theirs", key, certificate_of(key), None, encryption
    )


@pytest.mark.slow
@pytest.mark.parametrize("phrase", [PHRASE, "another phrase"])
def test_a_store_of_somebody_else_stays(export, run, phrase):
    folder, (name,) = stale(export, run, "pkcs12", encrypted=True)
    store = Path(name)
    store.write_bytes(store_of(csrs.new_key(), phrase))
    kept(export, folder, store, "pkcs12", encrypted=True)


def test_a_store_that_this_exports_passphrase_does_not_open_stays(export, run):
    folder, (name,) = stale(export, run, "pkcs12", encrypted=True)
    (folder.parent / "phrase").write_text("another phrase\n")
    kept(export, folder, Path(name), "pkcs12", encrypted=True)


def test_a_key_of_somebody_else_beside_a_certificate_of_the_estate_stays(export, run):
    _, found = stale(export, run)
    (key,) = (Path(name) for name in found if name.endswith(".key"))
    key.write_bytes(to_pem(to_pkcs8(csrs.new_key()), "PRIVATE KEY"))
    before = key.read_bytes()
    outcome, _ = export("pem", "--label", LABEL, "--force")
    assert outcome.json["stale"] == [str(key)]
    assert key.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("encrypted", [True, False])
def test_an_encrypted_key_is_removed_with_its_passphrase_only(export, run, encrypted):
    _, found = stale(export, run, encrypted=True)
    (key,) = (name for name in found if name.endswith(".key"))
    outcome, _ = export("pem", "--label", LABEL, "--with-keys", "--force", encrypted=encrypted)
    assert (key in outcome.json["removed"]) is encrypted
    assert (outcome.json.get("stale") == [key]) is not encrypted


@pytest.mark.slow
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("what", ["key", "certificate", "text"])
def test_a_file_with_more_than_a_certificate_of_the_estate_stays(export, run, what, first):
    folder, found = stale(export, run)
    (path,) = (Path(name) for name in found if name.endswith(".pem") and "fullchain" not in name)
    theirs = csrs.new_key()
    more = {
        "key": to_pem(to_pkcs8(theirs), "PRIVATE KEY"),
        "certificate": to_pem(certificate_of(theirs).public_bytes(Encoding.DER)),
        "text": b"# What we did on Monday\n",
    }[what]
    ours = path.read_bytes()
    path.write_bytes(ours + more if first else more + ours)
    kept(export, folder, path)


def test_a_certificate_and_its_key_in_one_file_are_the_estates(export, run):
    _, found = stale(export, run)
    (path,) = (Path(name) for name in found if name.endswith(".pem") and "fullchain" not in name)
    path.write_bytes(path.read_bytes() + path.with_suffix(".key").read_bytes())
    outcome, _ = export("pem", "--label", LABEL, "--with-keys", "--force")
    assert sorted(outcome.json["removed"]) == found


@modes
def test_links_folders_and_pipes_of_stale_names_stay(export, run):
    folder, found = stale(export, run)
    paths = [Path(name) for name in found]
    (pem,) = (path for path in paths if path.suffix == ".pem" and "fullchain" not in path.name)
    target = folder / "elsewhere.pem"
    pem.rename(target)
    pem.symlink_to(target)
    key, chain = pem.with_suffix(".key"), pem.with_name(f"{pem.stem}-fullchain.pem")
    key.unlink()
    os.mkfifo(key)
    chain.unlink()
    chain.mkdir()
    outcome, _ = export("pem", "--label", LABEL, "--with-keys", "--force")
    assert outcome.json["stale"] == [str(pem)]
    assert "removed" not in outcome.json
    assert (pem.is_symlink(), key.is_fifo(), chain.is_dir()) == (True, True, True)
