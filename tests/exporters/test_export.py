from __future__ import annotations

import hashlib
import re
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from exported import PHRASE, files, load_key, modes, records

from smki_testca.estate.certificates import Selection
from smki_testca.exporters.export import items
from smki_testca.exporters.file_names import file_names
from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.registry import FORMATS
from smki_testca.identifiers import Eui64
from smki_testca.profiles.model import Tier

NEED_KEYS = [name for name, form in FORMATS.items() if form.traits.keys is FormatNeed.REQUIRED]


# Certificates that a format does not hold.


@pytest.mark.slow
@pytest.mark.parametrize("form", NEED_KEYS)
def test_a_format_that_holds_none_of_the_selection_says_why(export, form):
    outcome, folder = export(form, "--with-keys", "--profile", "dccki")
    error = outcome.json["error"]
    assert (outcome.code, error["code"]) == (4, "export.none_fit")
    assert "3 of 3" in error["remedy"]
    assert "of DCCKI" in error["remedy"]
    assert not folder.exists()


def test_a_certificate_whose_key_is_elsewhere_is_left_out_and_told(estate):
    selected = items(estate, records(estate, profile="device"), with_keys=True)
    without = [replace(selected[0], private_key=None), *selected[1:]]
    for form in ("keystore-json", "gbcs-parser"):
        (left_out,) = FORMATS[form].left_out(without)
        assert (left_out.item, left_out.reason) == (without[0], "has no private key here")
        written = list(FORMATS[form].files(without, None))
        assert written
        assert not any(without[0].name in one.path.name for one in written)
        serial = str(left_out.item.record.serial.value).encode()
        assert not any(serial in one.data for one in written)


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
        "warning: 1 of 38 certificates left out (iki-supplier-one): it is of IKI.",
    ]


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_of_certificates_of_one_name_the_newest_in_use_has_it(command, quickstart, export):
    serials = [issue(command, quickstart) for _ in range(2)]
    issue(command, quickstart, "--label", "00DB12000000000A-Digital-Signature")
    _, folder = export("pem", "--eui64", "00db12000000000a", "--with-keys")
    plain = "00db12000000000a-digital-signature"
    assert {path.stem.lower() for path in files(folder, ".pem")} == {
        plain,
        f"{plain}-e7bcad0c",
        f"{plain}-e7bcad0c-{serials[0].lower()}",
    }
    assert len(files(folder, ".key")) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "label", ["../../../outside", "/etc/passwd", "a/b\\c", "..", ".", "-rf", "x" * 200, "ünïcode"]
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
    names = [name.text for name in file_names(estate, records).values()]
    assert len({name.lower() for name in names}) == len(records)


@pytest.mark.slow
def test_no_label_takes_the_name_that_a_serial_number_makes(command, quickstart, estate):
    serial = issue(command, quickstart, "--label=twin")
    issue(command, quickstart, "--label=twin")
    issue(command, quickstart, f"--label=twin-{serial}")
    records = [*estate.certificates.select(Selection(eui64=Eui64.parse("00db12000000000a")))]
    names = file_names(estate, records)
    texts = {names[record.serial].text.lower() for record in records}
    assert len(texts) == len(records) == 3
    assert {"twin", f"twin-{serial}"} < texts


def test_items_of_cas_have_no_key_even_when_asked(estate):
    for item in items(estate, estate.certificates.select(Selection()), with_keys=True):
        assert (item.private_key is None) == (item.record.tier is not Tier.END_ENTITY)
