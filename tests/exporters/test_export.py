from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from exported import PHRASE, needs_openssl, openssl

from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.exporters import FORMATS, items
from smki_testca.exporters.export import write
from smki_testca.exporters.item import OutputFile, file_names
from smki_testca.identifiers import Eui64
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.x509.pem import to_pem

modes = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes and links")


def files(folder, suffix):
    return sorted(path for path in folder.rglob(f"*{suffix}") if "-chain" not in path.name)


def ders(estate, **selection):
    return {one.der for one in estate.certificates.select(Selection(**selection))}


def load_key(data, password=None):
    loader = (
        serialization.load_pem_private_key
        if data.startswith(b"-----")
        else serialization.load_der_private_key
    )
    return loader(data, password)


# What is written, and what is not.


NEED_KEYS = ("keystore-json", "signing-tool", "gbcs-parser", "org-crypto")
NEED_PASSPHRASE = ("pkcs12", "java")


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in NEED_KEYS])
def test_no_private_key_is_written_unless_asked_for(export, form):
    outcome, folder = export(form, encrypted=form in NEED_PASSPHRASE)
    assert outcome.code == 0
    assert not files(folder, ".key")
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"PRIVATE" not in path.read_bytes()
        if path.suffix == ".p12":
            assert pkcs12.load_pkcs12(path.read_bytes(), PHRASE.encode()).key is None


@pytest.mark.parametrize("form", NEED_KEYS)
def test_formats_that_are_of_no_use_without_keys_say_so(export, form):
    outcome, folder = export(form)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.needs_keys")
    assert "--with-keys" in outcome.json["error"]["remedy"]
    assert not folder.exists()


@pytest.mark.parametrize("form", [*NEED_KEYS, "c-header"])
def test_formats_that_cannot_encrypt_keys_write_none_where_a_passphrase_is_given(export, form):
    outcome, folder = export(form, "--with-keys", encrypted=True)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.cannot_encrypt")
    assert not folder.exists()


@pytest.mark.parametrize("form", NEED_KEYS)
def test_a_format_that_holds_none_of_the_selection_says_why(export, form):
    outcome, folder = export(form, "--with-keys", "--profile", "dccki")
    error = outcome.json["error"]
    assert (outcome.code, error["code"]) == (4, "export.none_fit")
    assert "3 of 3" in error["remedy"]
    assert "of DCCKI" in error["remedy"]
    assert not folder.exists()


def test_what_a_format_leaves_out_is_told_on_standard_error(command, quickstart, tmp_path):
    outcome = command(
        *("--estate", quickstart, "export", "--format", "keystore-json", "--with-keys"),
        *("--out", tmp_path / "out"),
    )
    assert outcome.code == 0
    dccki = "dccki-supplier-one, dccki-rdp-one, dccki-dcc-gateway"
    assert outcome.err.splitlines() == [
        "warning: 8 of 38 certificates left out (ZA, Z1, DZ, …): each is a CA's.",
        f"warning: 3 of 38 certificates left out ({dccki}): each is of DCCKI.",
        "warning: 1 of 38 certificates left out (iki-supplier-one): each is of IKI.",
    ]


def test_the_note_on_seeded_keys_goes_with_the_keys_that_are_written(command, quickstart, export):
    seeded = command(
        *("--estate", quickstart, "batch", "issue", "--profile", "device", "--seed", "00" * 32),
        *("--participant", "meters-one", "--purpose", "device-and-user-system-tests"),
        *("--hw-type", "1.2.3", "--first-id", "00-DB-12-00-00-00-01-00", "--count", "2"),
        *("--usage", "digital-signature"),
    )
    assert seeded.code == 0, seeded.err
    note = "KEYS-ARE-NOT-SECRET.txt"
    assert (export("gbcs-parser", "--with-keys", out="a")[1] / note).exists()
    assert not (export("org-crypto", "--with-keys", out="b")[1] / note).exists()


@pytest.mark.parametrize("form", ["pem", "der", "pkcs12"])
def test_a_cas_private_key_is_never_written(export, estate, form):
    outcome, folder = export(form, "--with-keys", encrypted=form == "pkcs12")
    assert outcome.code == 0
    assert not files(folder / "ZAZ1" / "organisation" / "ca", ".key")
    written = []
    for path in folder.rglob("*"):
        if path.suffix == ".key":
            written.append(load_key(path.read_bytes()))
        elif path.suffix == ".p12":
            written.append(pkcs12.load_pkcs12(path.read_bytes(), PHRASE.encode()).key)
    public = {
        key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        for key in written
        if key is not None
    }
    ids = {hashlib.sha256(one).digest() for one in public}
    records = estate.certificates.select(Selection())
    assert ids == {one.key_id for one in records if one.tier is Tier.END_ENTITY}
    assert not ids & {one.key_id for one in records if one.tier is not Tier.END_ENTITY}


@pytest.mark.parametrize(("form", "suffix"), [("pem", ".pem"), ("der", ".der")])
@pytest.mark.parametrize("encrypted", [False, True])
def test_trees_hold_every_certificate_with_its_key(export, estate, form, suffix, encrypted):
    outcome, folder = export(form, "--with-keys", encrypted=encrypted)
    assert outcome.code == 0
    found = set()
    for path in files(folder, suffix):
        data = path.read_bytes()
        load = x509.load_pem_x509_certificate if form == "pem" else x509.load_der_x509_certificate
        loaded = load(data)
        found.add(loaded.public_bytes(serialization.Encoding.DER))
        key = path.with_suffix(".key")
        assert key.exists() == (path.parent.name != "ca")
        if key.exists():
            octets = key.read_bytes()
            password = PHRASE.encode() if encrypted else None
            assert load_key(octets, password).public_key() == loaded.public_key()
            if form == "pem":
                label = "ENCRYPTED PRIVATE KEY" if encrypted else "PRIVATE KEY"
                assert octets.startswith(f"-----BEGIN {label}-----\n".encode())
            if encrypted:
                with pytest.raises(ValueError, match=r".+"):
                    load_key(octets, b"another")
                with pytest.raises(TypeError):
                    load_key(octets)
    assert found == ders(estate)


def test_chain_files_lead_from_each_ca_to_its_root(export):
    _, folder = export("pem", "--label", "Z1-supplier-ds")
    (leaf,) = files(folder, ".pem")
    certificate = x509.load_pem_x509_certificate(leaf.read_bytes())
    chain = x509.load_pem_x509_certificates(
        (folder / "ZAZ1" / "organisation" / "ca" / "Z1-chain.pem").read_bytes()
    )
    assert [one.subject.rfc4514_string() for one in chain] == ["CN=Z1,OU=07", "CN=ZA,OU=00"]
    certificate.verify_directly_issued_by(chain[0])
    chain[0].verify_directly_issued_by(chain[1])
    (root,) = x509.load_pem_x509_certificates(
        (folder / "ZAZ1" / "organisation" / "ca" / "ZA-chain.pem").read_bytes()
    )
    assert root == chain[1]


def chain_files(estate):
    every = items(estate, list(estate.select(Selection())), with_keys=False)
    return [one for one in FORMATS["pem"].files(every, None) if "-chain" in one.path.name]


def test_a_chain_file_begins_with_the_newest_certificate_of_its_ca_and_is_written_once(estate):
    made = [estate.renew_authority(label).record for label in ("ZA", "Z1", "Z1", "ZA")]
    found = {
        one.path.name: x509.load_pem_x509_certificates(one.data) for one in chain_files(estate)
    }
    assert len(found) == len(chain_files(estate))
    issuing, root = (found[f"{name}-chain.pem"] for name in ("Z1", "ZA"))
    assert [one.serial_number for one in issuing] == [made[2].serial.value, made[3].serial.value]
    assert root == issuing[1:]


def test_chain_files_of_cas_whose_names_make_the_same_file_are_told_apart(estate):
    before = {str(one.path).lower() for one in chain_files(estate)}
    estate.roll_over(Hierarchy.IKI, "Issuing-ICA ZAZ1 Test")
    after = {str(one.path).lower() for one in chain_files(estate)}
    assert len(after) == len(before) + 1 == len(chain_files(estate))


def test_pkcs12_stores_hold_certificate_key_and_chain(export, estate):
    outcome, folder = export("pkcs12", "--with-keys", "--profile", "organisation", encrypted=True)
    assert outcome.code == 0
    found = set()
    for path in files(folder, ".p12"):
        store = pkcs12.load_pkcs12(path.read_bytes(), PHRASE.encode())
        certificate = store.cert.certificate
        found.add(certificate.public_bytes(serialization.Encoding.DER))
        assert store.key.public_key() == certificate.public_key()
        assert store.cert.friendly_name == path.stem.encode()
        names = [one.certificate.subject.rfc4514_string() for one in store.additional_certs]
        assert names == ["CN=Z1,OU=07", "CN=ZA,OU=00"]
        with pytest.raises(ValueError, match="password"):
            pkcs12.load_pkcs12(path.read_bytes(), b"another")
    assert found == ders(estate, profile="organisation")


def test_pkcs12_needs_a_passphrase_and_writes_nothing_without(export):
    outcome, folder = export("pkcs12", "--with-keys")
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "export.passphrase"
    assert not folder.exists()


def test_pkcs7_holds_each_certificate_and_ca_once(export, estate):
    outcome, folder = export("pkcs7", "--participant", "supplier-one", "--with-keys")
    assert outcome.code == 0
    (path,) = (one for one in folder.rglob("*") if one.is_file())
    loaded = pkcs7.load_pem_pkcs7_certificates(path.read_bytes())
    octets = [one.public_bytes(serialization.Encoding.DER) for one in loaded]
    assert len(octets) == len(set(octets))
    hierarchies = {
        one.hierarchy for one in estate.certificates.select(Selection(participant="supplier-one"))
    }
    above = {one.der for one in estate.certificates.authorities() if one.hierarchy in hierarchies}
    assert set(octets) == ders(estate, participant="supplier-one") | above


# What another program makes of it.


@needs_openssl
@pytest.mark.interop
@pytest.mark.parametrize("encrypted", [False, True])
def test_openssl_reads_pem_and_der_certificates_and_keys(export, encrypted):
    pass_in = ("-passin", f"pass:{PHRASE}") if encrypted else ()
    for form, suffix in (("pem", ".pem"), ("der", ".der")):
        selection = ("--participant", "network-one", "--with-keys")
        _, folder = export(form, *selection, out=form, encrypted=encrypted)
        found = files(folder / "ZAZ1" / "organisation" / "network-one", suffix)
        assert len(found) == 3
        for path in found:
            public = openssl("x509", "-inform", form, "-in", path, "-pubkey", "-noout")
            key = path.with_suffix(".key")
            assert openssl("pkey", "-inform", form, "-in", key, *pass_in, "-pubout") == public


@needs_openssl
@pytest.mark.interop
def test_openssl_reads_pkcs12_and_pkcs7(export):
    selection = ("--label", "dccki-rdp-one", "--with-keys")
    _, folder = export("pkcs12", *selection, encrypted=True)
    (store,) = files(folder, ".p12")
    text = openssl("pkcs12", "-in", store, "-passin", f"pass:{PHRASE}", "-noenc")
    assert text.count(b"BEGIN CERTIFICATE") == 3
    assert text.count(b"BEGIN PRIVATE KEY") == 1
    _, folder = export("pkcs7", *selection, out="bundle")
    bundle = openssl("pkcs7", "-in", folder / "certificates.p7b", "-print_certs", "-noout")
    assert bundle.count(b"subject=") == 3


@needs_openssl
@pytest.mark.interop
def test_pem_is_as_openssl_would_write_it(export):
    _, folder = export("pem", "--with-keys", "--label", "ESME-ds")
    (path,) = files(folder, ".pem")
    assert openssl("x509", "-in", path) == path.read_bytes()
    key = path.with_suffix(".key")
    assert openssl("pkey", "-in", key) == key.read_bytes()


# Selection.


@pytest.mark.parametrize(
    ("option", "value", "count"),
    [
        ("--participant", "network-one", 3),
        ("--eui64", "90-B3-D5-1F-30-01-00-08", 2),
        ("--eui64", "90b3d51f30010008", 2),
        ("--role", "supplier", 4),
        ("--role", "87", 2),
        ("--usage", "key-agreement", 10),
        ("--profile", "dccki", 3),
        ("--label", "Z1-supplierPP-ka", 1),
    ],
)
def test_selection_is_what_was_asked_for(export, option, value, count):
    outcome, folder = export("der", option, value)
    assert outcome.code == 0
    assert len(files(folder, ".der")) == count
    assert sorted(outcome.json["files"]) == sorted(
        str(path) for path in folder.rglob("*") if path.is_file()
    )


def test_options_of_a_selection_must_all_fit(export):
    _, folder = export("der", "--role", "supplier", "--usage", "digital-signature")
    assert {path.stem for path in files(folder, ".der")} == {"Z1-supplier-ds", "iki-supplier-one"}
    outcome, _ = export("der", "--role", "supplier", "--participant", "rdp-one", out="none")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.nothing")


# Files that are there already.


@pytest.mark.parametrize("form", ["pem", "der", "pkcs7"])
def test_nothing_is_written_where_one_file_is_there_already(export, form):
    _, folder = export(form)
    kept = max(path for path in folder.rglob("*") if path.is_file())
    for path in folder.rglob("*"):
        if path.is_file() and path != kept:
            path.unlink()
    kept.write_bytes(b"mine")
    outcome, _ = export(form, "--with-keys")
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "export.exists"
    assert [path for path in folder.rglob("*") if path.is_file()] == [kept]
    assert kept.read_bytes() == b"mine"


@modes
def test_force_overwrites_and_makes_keys_their_owners_only(export):
    _, folder = export("pem", "--with-keys", "--label", "ESME-ds")
    (key,) = files(folder, ".key")
    key.chmod(0o644)
    key.write_bytes(b"mine")
    outcome, _ = export("pem", "--with-keys", "--label", "ESME-ds", "--force")
    assert outcome.code == 0
    assert key.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert key.stat().st_mode & 0o777 == 0o600


@modes
def test_force_does_not_write_through_a_link(export, tmp_path):
    _, folder = export("pem", "--label", "ESME-ds")
    (path,) = files(folder, ".pem")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"mine")
    path.unlink()
    path.symlink_to(elsewhere)
    assert export("pem", "--label", "ESME-ds", "--force")[0].code == 0
    assert elsewhere.read_bytes() == b"mine"
    assert not path.is_symlink()


def test_a_folder_that_cannot_be_written_is_told(export, tmp_path):
    (tmp_path / "out").write_bytes(b"a file")
    outcome, _ = export("pem")
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "export.unwritable"


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), KeyboardInterrupt()],
    ids=["full", "interrupt"],
)
def test_an_export_that_does_not_come_to_its_end_leaves_nothing(tmp_path, monkeypatch, error):
    class Failing:
        def __fspath__(self):
            raise error

    kept = tmp_path / "out" / "kept"
    kept.parent.mkdir()
    kept.write_bytes(b"mine")
    opened = os.open

    def fail_at_the_second(path, *given):
        return opened(Failing() if path.name == "two" else path, *given)

    monkeypatch.setattr("smki_testca.exporters.export.os.open", fail_at_the_second)
    made = [OutputFile(Path("a") / name, b"octets") for name in ("one", "two")]
    with pytest.raises((InputError, KeyboardInterrupt)):
        write(made, tmp_path / "out", force=False)
    assert list(kept.parent.iterdir()) == [kept]


# Names of files.


def issue(command, quickstart, *more):
    outcome = command(
        *("--json", "--estate", quickstart, "issue", "device", "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests", "--hw-type", "1.2.3"),
        *("--device-id", "00db12000000000a", "--usage", "digital-signature", *more),
    )
    assert outcome.code == 0, outcome.out
    (one,) = outcome.json["certificates"]
    return one["serial"].lower()


def test_certificates_of_one_name_are_told_apart_by_serial(command, quickstart, export):
    serials = [issue(command, quickstart) for _ in range(2)]
    upper = issue(command, quickstart, "--label", "00DB12000000000A-Digital-Signature")
    _, folder = export("pem", "--eui64", "00db12000000000a", "--with-keys")
    plain = "00db12000000000a-digital-signature"
    assert {path.stem.lower() for path in files(folder, ".pem")} == {
        f"{plain}-{serial}" for serial in (*serials, upper)
    }
    assert len(files(folder, ".key")) == 3


@pytest.mark.parametrize(
    "label", ["../../../outside", "/etc/passwd", "a/b\\c", "..", ".", "-rf", "x" * 300, "ünïcode"]
)
def test_no_label_leads_out_of_the_folder(command, quickstart, export, tmp_path, label):
    issue(command, quickstart, f"--label={label}")
    before = {path for path in tmp_path.rglob("*") if "out" not in path.parts}
    outcome, folder = export("pem", f"--label={label}")
    assert outcome.code == 0, outcome.out
    (path,) = files(folder, ".pem")
    assert path.parent == folder / "ZAZ1" / "device" / "meters-one"
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\.pem", path.name)
    after = {path for path in tmp_path.rglob("*") if folder not in (path, *path.parents)}
    assert after <= before


def test_names_are_different_whatever_the_case(estate):
    records = estate.certificates.select(Selection())
    names = file_names([*records, *records[:3]], estate.library.roles)
    assert len(names) == len(records) + 3
    plain = file_names(records, estate.library.roles)
    assert len({name.lower() for name in plain}) == len(records)


def test_no_label_takes_the_name_that_a_serial_number_makes(command, quickstart, estate):
    serial = issue(command, quickstart, "--label=twin")
    issue(command, quickstart, "--label=twin")
    issue(command, quickstart, f"--label=twin-{serial}")
    records = [*estate.certificates.select(Selection(eui64=Eui64.parse("00db12000000000a")))]
    names = file_names(records, estate.library.roles)
    assert len({name.lower() for name in names}) == len(records) == 3


def test_items_of_cas_have_no_key_even_when_asked(estate):
    for item in items(estate, estate.certificates.select(Selection()), with_keys=True):
        assert (item.private_key is None) == (item.record.tier is not Tier.END_ENTITY)


@modes
def test_writing_makes_folders_for_the_owner_only(tmp_path):
    paths = write([OutputFile(Path("a/b/c.pem"), b"octets")], tmp_path / "new" / "out", force=False)
    assert [path.read_bytes() for path in paths] == [b"octets"]
    for folder in (tmp_path / "new", tmp_path / "new" / "out", tmp_path / "new" / "out" / "a"):
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("length", [0, 1, 47, 48, 49, 96, 500])
def test_pem_lines_have_64_characters(length):
    lines = to_pem(bytes(length)).decode().splitlines()
    assert all(len(line) == 64 for line in lines[1:-2])
    assert all(len(line) <= 64 for line in lines[1:-1])
