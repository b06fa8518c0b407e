import os
import shutil
import stat
import sys
from pathlib import Path, PurePosixPath

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from smki_testca.estate.certificates import Selection
from smki_testca.profiles.model import Tier

SPKI = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
ANOTHER_PKI = Path(__file__).parents[2] / "examples" / "another-pki"
HOLDERS = {
    "organisation": {"supplier-one", "network-one", "other-one", "rdp-one", "dcc"},
    "device": {"meters-one"},
    "dccki": {"supplier-one", "rdp-one", "dcc"},
    "iki": {"supplier-one"},
}


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("correct horse\n")
    return path


def _export(quickstart):
    return quickstart / "export" / "pem" / "ZAZ1"


@pytest.mark.slow
def test_quickstart_prints_a_table_of_all_it_issued_and_three_commands_to_try(command, tmp_path):
    outcome = command("quickstart", tmp_path / "new")
    assert outcome.code == 0
    assert outcome.err == ""
    table, rest = outcome.out.split("\n\n", 1)
    listed = command("--estate", tmp_path / "new", "--json", "list").json["certificates"]
    assert [line.split()[-1] for line in table.splitlines()[1:]] == [
        one["serial"] for one in listed
    ]
    tried = rest.split("Try next:\n")[1].splitlines()
    assert len(tried) == 3
    for line in tried:
        program, *arguments = line.split()
        assert program == "smki-testca"
        assert command(*arguments).code == 0


@pytest.mark.slow
def test_quickstart_in_json_names_what_it_made(command, tmp_path):
    directory = tmp_path / "new"
    outcome = command("--json", "quickstart", directory)
    assert outcome.code == 0
    said = outcome.json
    assert said["estate"] == str(directory)
    assert said["passphrase_file"] == str(directory / "passphrase")
    assert said["export"] == str(directory / "export" / "pem")
    listed = command("--estate", directory, "--json", "list").json["certificates"]
    assert [{**one, "status": "I"} for one in said["certificates"]] == listed


def test_the_kit_holds_every_kind_of_certificate(estate):
    held = {
        (one.profile, one.participant, one.role, one.usage)
        for one in estate.certificates.select(Selection())
        if one.tier is Tier.END_ENTITY
    }
    ds, ka, tls = "digital-signature", "key-agreement", "digital-signature+key-encipherment"
    assert held == {
        *(("organisation", "supplier-one", 0x02, usage) for usage in (ds, ka)),
        ("organisation", "supplier-one", 0x87, ds),
        *(("organisation", "network-one", 0x03, usage) for usage in (ds, ka)),
        ("organisation", "network-one", 0x87, ds),
        *(("organisation", "supplier-one", 0x08, usage) for usage in (ds, ka)),
        *(("organisation", "other-one", 0x7F, usage) for usage in (ds, ka)),
        ("organisation", "rdp-one", 0x88, ds),
        ("organisation", "dcc", 0x01, ds),
        *(("organisation", "dcc", 0x04, usage) for usage in (ds, ka)),
        ("organisation", "dcc", 0x89, ds),
        ("organisation", "dcc", 0x05, ds),
        ("organisation", "dcc", 0x06, ds),
        *(("device", "meters-one", None, usage) for usage in (ds, ka)),
        *(("dccki", holder, None, tls) for holder in ("supplier-one", "rdp-one", "dcc")),
        ("iki", "supplier-one", 0x02, ds),
    }


def test_the_kit_has_two_key_agreement_certificates_of_one_supplier_id(command, quickstart):
    found = command(
        "--estate", quickstart, "--json", "list", "--role", "supplier", "--usage", "key-agreement"
    ).json["certificates"]
    assert [one["label"] for one in found] == ["Z1-supplier-ka", "Z1-supplierPP-ka"]
    assert len({one["eui64"] for one in found}) == 1


def test_the_exported_tree_has_a_folder_for_each_holder_and_one_for_the_cas(quickstart):
    tree = {
        hierarchy.name: {holder.name for holder in hierarchy.iterdir()}
        for hierarchy in _export(quickstart).iterdir()
    }
    assert tree == {name: holders | {"ca"} for name, holders in HOLDERS.items()}


@pytest.mark.slow
def test_every_certificate_is_exported_once_with_its_key_beside_it(quickstart, estate):
    records = estate.certificates.select(Selection())
    exported = {}
    for path in _export(quickstart).rglob("*.pem"):
        if not path.stem.endswith(("-chain", "-fullchain")):
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
            exported[certificate.public_bytes(Encoding.DER)] = path
    assert set(exported) == {one.der for one in records}
    for one in records:
        path = exported[one.der]
        assert path.parent.parent.name == one.hierarchy
        if one.tier is not Tier.END_ENTITY:
            assert path.parent.name == "ca"
            assert not path.with_suffix(".key").exists()
            continue
        assert path.parent.name == one.participant
        assert path.stem == one.label
        key = load_pem_private_key(path.with_suffix(".key").read_bytes(), None)
        certificate = x509.load_der_x509_certificate(one.der)
        assert key.public_key().public_bytes(*SPKI) == certificate.public_key().public_bytes(*SPKI)


def test_each_ca_has_one_chain_file_that_leads_from_it_to_its_root(quickstart):
    for hierarchy in HOLDERS:
        folder = _export(quickstart) / hierarchy / "ca"
        chains = [
            x509.load_pem_x509_certificates(path.read_bytes())
            for path in folder.glob("*-chain.pem")
        ]
        assert sorted(map(len, chains)) == [1, 2]
        for chain in chains:
            for below, above in zip(chain, [*chain[1:], chain[-1]], strict=True):
                below.verify_directly_issued_by(above)


def test_nothing_else_lies_in_the_exported_tree(quickstart):
    suffixes = {path.suffix for path in _export(quickstart).rglob("*") if path.is_file()}
    assert suffixes == {".pem", ".key"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_the_estate_is_its_owners_alone(quickstart_original):
    for path in (quickstart_original, *quickstart_original.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_later_commands_find_the_passphrase_that_quickstart_left(command, quickstart):
    outcome = command(
        *("--estate", quickstart, "issue", "iki", "--participant", "supplier-one"),
        *("--purpose", "srept", "--system-name", "another", "--role", "supplier"),
    )
    assert outcome.code == 0


def test_quickstart_says_that_there_is_an_estate_already(command, quickstart):
    error = command("--json", "quickstart", quickstart).json["error"]
    assert error["code"] == "estate.not_empty"
    assert error["message"] == f"There is an estate in {quickstart} already."
    assert f"--estate {quickstart}" in error["remedy"]


def test_quickstart_refuses_a_directory_that_holds_anything(command, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "diary.txt").write_text("mine")
    outcome = command("--json", "quickstart", tmp_path / "full")
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "estate.not_empty"
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["diary.txt"]
    assert (tmp_path / "full" / "diary.txt").read_text() == "mine"


def test_quickstart_refuses_its_own_estate(command, quickstart, files_of):
    before = files_of(quickstart)
    assert command("quickstart", quickstart).code == 4
    assert files_of(quickstart) == before


@pytest.mark.slow
def test_quickstart_takes_an_empty_directory(command, tmp_path):
    (tmp_path / "empty").mkdir()
    assert command("quickstart", tmp_path / "empty").code == 0


def test_quickstart_cannot_be_made_in_a_file(command, tmp_path):
    (tmp_path / "file").write_text("x")
    outcome = command("--json", "quickstart", tmp_path / "file")
    assert outcome.code == 5
    assert outcome.json["error"]["code"] == "estate.unwritable"
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.slow
def test_a_quickstart_that_fails_leaves_nothing_and_can_be_called_again(command, tmp_path):
    profiles = tmp_path / "profiles" / "categories"
    profiles.mkdir(parents=True)
    (profiles / "device.toml").write_text("name =")
    outcome = command("--profiles", profiles.parent, "quickstart", tmp_path / "new")
    assert outcome.code == 4
    assert not (tmp_path / "new").exists()
    assert command("quickstart", tmp_path / "new").code == 0


def test_a_hierarchy_without_its_profiles_leaves_no_estate(command, tmp_path):
    profiles = tmp_path / "profiles"
    shutil.copytree(ANOTHER_PKI / "profiles", profiles)
    (profiles / "certificates" / "s1spki-root-ca.toml").unlink()
    (tmp_path / "phrase").write_text("a phrase\n")
    outcome = command(
        *("--json", "--profiles", profiles, "--passphrase-file", tmp_path / "phrase"),
        *("init", tmp_path / "new"),
    )
    assert outcome.code == 4
    assert "s1spki" in outcome.json["error"]["message"]
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_quickstart_takes_the_profiles_that_lie_in_its_directory(command, tmp_path, library):
    shipped = Path(library.directories[-1]) / "environments.toml"
    own = tmp_path / "new" / "profiles"
    own.mkdir(parents=True)
    text = shipped.read_text("utf-8").replace('issuing = "Z1"', 'issuing = "Z9"')
    (own / "environments.toml").write_text(text, "utf-8")
    assert command("quickstart", tmp_path / "new").code == 0
    found = command("--estate", tmp_path / "new", "--json", "list", "--label", "Z9").json
    assert [one["profile"] for one in found["certificates"]] == ["organisation-issuing-ca"]


@pytest.mark.slow
def test_a_fixed_clock_dates_everything(command, tmp_path):
    directory = tmp_path / "new"
    assert command("--clock", "2031-05-06T07:08:09Z", "quickstart", directory).code == 0
    issued = {
        one["issued_at"]
        for one in command("--estate", directory, "--json", "list").json["certificates"]
    }
    assert issued == {"2031-05-06T07:08:09Z"}


@pytest.mark.slow
def test_init_makes_the_cas_of_the_environment_named_and_nothing_else(command, tmp_path, secret):
    directory = tmp_path / "new"
    outcome = command(
        "--json", "--passphrase-file", secret, "init", directory, "--environment", "SIT-B"
    )
    assert outcome.code == 0
    assert outcome.json["estate"] == str(directory)
    made = outcome.json["certificates"]
    assert [(one["hierarchy"], one["tier"]) for one in made] == [
        (hierarchy, tier)
        for hierarchy in ("organisation", "device", "dccki", "iki")
        for tier in ("root", "issuing")
    ]
    assert {one["environment"] for one in made} == {"SIT-B"}
    listed = command("--estate", directory, "--json", "list").json["certificates"]
    assert listed == [{**one, "status": "I"} for one in made]
    assert {path.name for path in directory.iterdir()} == {"estate.sqlite", ".gitignore"}


@pytest.mark.slow
def test_init_without_a_directory_makes_the_estate_that_is_named_elsewhere(
    command, tmp_path, secret, monkeypatch
):
    by_option = ("--passphrase-file", secret, "--estate", tmp_path / "a", "init")
    assert command(*by_option).code == 0
    monkeypatch.setenv("SMKI_TESTCA_ESTATE", str(tmp_path / "b"))
    assert command("--passphrase-file", secret, "init").code == 0
    # An argument comes before the variable; two on one line are no answer.
    assert command("--passphrase-file", secret, "init", tmp_path / "c").code == 0
    assert all((tmp_path / name / "estate.sqlite").exists() for name in "abc")
    outcome = command(*by_option, tmp_path / "d")
    assert (outcome.code, (tmp_path / "d").exists()) == (2, False)
    assert f"DIR is {tmp_path / 'd'}, and --estate {tmp_path / 'a'}" in outcome.err
    monkeypatch.delenv("SMKI_TESTCA_ESTATE")
    assert "No directory is given" in command("--passphrase-file", secret, "init").err


@pytest.mark.slow
def test_init_adds_an_environment_to_an_estate_and_refuses_one_that_is_there(
    command, quickstart, file_digest
):
    assert command("init", quickstart, "--environment", "UIT-A").code == 0
    before = file_digest(quickstart)
    outcome = command("--json", "init", quickstart, "--environment", "UIT-B")
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "environment.present"
    assert file_digest(quickstart) == before


def test_init_of_an_unknown_environment_makes_nothing(command, tmp_path, secret):
    outcome = command(
        "--json", "--passphrase-file", secret, "init", tmp_path / "new", "--environment", "LIVE"
    )
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "environment.unknown"
    assert not (tmp_path / "new").exists()


def test_init_without_any_passphrase_says_how_to_give_one(command, tmp_path):
    outcome = command("init", tmp_path / "new")
    assert outcome.code == 5
    assert outcome.err == (
        "error: The estate's passphrase is needed."
        " Give it with --passphrase-file FILE or SMKI_TESTCA_PASSPHRASE.\n"
    )
    assert not (tmp_path / "new" / "estate.sqlite").exists()


@pytest.mark.slow
def test_init_uses_the_ca_keys_given(command, tmp_path, secret):
    keys = tmp_path / "keys"
    keys.mkdir()
    private = _p256_pem(keys / "organisation-root-ca.key")
    outcome = command("--passphrase-file", secret, "init", tmp_path / "new", "--ca-keys", keys)
    assert outcome.code == 0
    root = command("--estate", tmp_path / "new", "--json", "list", "--label", "ZA").json
    serial = root["certificates"][0]["serial"]
    out = tmp_path / "out"
    assert (
        command(
            *("--estate", tmp_path / "new", "export", "--format", "der", "--out", out),
            *("--serial", serial),
        ).code
        == 0
    )
    path = out.joinpath(*PurePosixPath("ZAZ1/organisation/ca/ZA.der").parts)
    certificate = x509.load_der_x509_certificate(path.read_bytes())
    assert certificate.public_key() == private.public_key()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("organisation-root-ca.pem", b"", "ca_keys.stray"),
        ("organisation-root-ca.key", b"noise", "key.unreadable"),
        ("organisation-root-ca.key", os.urandom(2000), "key.unreadable"),
        ("dccki-root-ca.key", None, "key.type"),
    ],
)
def test_init_refuses_ca_keys_that_cannot_be_used(command, tmp_path, secret, name, content, code):
    keys = tmp_path / "keys"
    keys.mkdir()
    if content is None:
        _p256_pem(keys / name)
    else:
        (keys / name).write_bytes(content)
    outcome = command(
        "--json", "--passphrase-file", secret, "init", tmp_path / "new", "--ca-keys", keys
    )
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == code
    again = command("--passphrase-file", secret, "init", tmp_path / "new")
    assert again.code == 0, "a failed init can be called again"


def test_init_refuses_a_file_in_place_of_a_folder_of_ca_keys(command, tmp_path, secret):
    outcome = command(
        "--json", "--passphrase-file", secret, "init", tmp_path / "new", "--ca-keys", secret
    )
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "ca_keys.folder"


def _p256_pem(path):
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key
