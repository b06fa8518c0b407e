"""Seeded runs: the same seed, clock and manifest give the same octets, whoever cuts them."""

import csv
import json
import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

import batches
from batches import range_of
from smki_testca.api import Estate
from smki_testca.estate.terms import TILE_ROWS
from smki_testca.x509.private_keys import P256_ORDER

pytestmark = pytest.mark.slow

SEED = "00112233445566778899aabbccddeeff"
CLOCK = "2026-03-04T05:06:07Z"
OTHER_CLOCK = "2026-03-04T05:06:08Z"


def _kept(directory, run=1):
    """The certificates of a run and their private keys, in the order of its rows."""
    passphrase = (directory / "passphrase").read_text().strip()
    with Estate.open(directory, lambda: passphrase) as estate:
        return [
            (record.der, key)
            for record, key in estate.run_certificates.with_keys(estate.runs.get(run))
        ]


@pytest.fixture
def seeded(command, quickstart, tmp_path):
    """Issues a seeded batch in a fresh copy of the estate; gives its certificates and keys."""
    made = iter(range(100))

    def run(*more, seed=SEED, clock=CLOCK, workers=1):
        directory = tmp_path / f"copy-{next(made)}"
        shutil.copytree(quickstart, directory)
        outcome = command(
            *("--estate", directory, "--clock", clock, "batch", "issue", *more),
            *("--seed", seed, "--workers", workers),
        )
        assert outcome.code == 0, outcome.err
        return _kept(directory)

    return run


def test_a_range_is_the_same_whatever_the_number_of_workers(seeded):
    options = range_of(TILE_ROWS + 50, 0x4000, "key-agreement", "digital-signature")
    first, *others = (seeded(*options, workers=workers) for workers in (1, 2, 3))
    assert len(first) == 2 * (TILE_ROWS + 50)
    assert all(other == first for other in others)
    assert len({key for _, key in first}) == len(first)


def test_a_manifest_is_the_same_whatever_its_kind_and_the_number_of_workers(seeded, tmp_path):
    rows = [row for row in batches.mixed() if row["profile"] in {"device", "organisation"}]
    kinds = ("csv", "jsonl", "parquet")
    paths = [batches.write(tmp_path / f"rows.{kind}", rows) for kind in kinds]
    first, *others = (seeded(path, workers=n) for n, path in enumerate(paths, 1))
    assert len(first) == len(rows)
    assert all(other == first for other in others)


def test_another_seed_gives_other_serials_and_keys(seeded):
    one, other = seeded(*range_of(20)), seeded(*range_of(20), seed=SEED[:-2] + "00")
    keys = {key for _, key in one} & {key for _, key in other}
    serials = [
        {x509.load_der_x509_certificate(der).serial_number for der, _ in run}
        for run in (one, other)
    ]
    assert not keys
    assert not serials[0] & serials[1]


def test_another_clock_gives_other_certificates_for_the_same_keys(seeded):
    one, other = seeded(*range_of(20)), seeded(*range_of(20), clock=OTHER_CLOCK)
    assert [key for _, key in one] == [key for _, key in other]
    assert not {der for der, _ in one} & {der for der, _ in other}


def test_a_seed_is_the_same_in_upper_and_lower_case(seeded):
    assert seeded(*range_of(3)) == seeded(*range_of(3), seed=SEED.upper())


def test_without_a_seed_nothing_comes_again(command, quickstart, tmp_path):
    runs = []
    for name in ("one", "two"):
        shutil.copytree(quickstart, tmp_path / name)
        batches.issue(command, tmp_path / name, *range_of(5))
        runs.append(_kept(tmp_path / name))
    assert not {key for _, key in runs[0]} & {key for _, key in runs[1]}


def test_keys_of_a_seed_are_on_the_curve_and_fit_their_certificates(seeded):
    for der, key in seeded(*range_of(20)):
        loaded = load_der_private_key(key, None)
        assert isinstance(loaded.curve, ec.SECP256R1)
        assert 1 <= loaded.private_numbers().private_value < P256_ORDER
        assert x509.load_der_x509_certificate(der).public_key() == loaded.public_key()


def _ca_keys(folder):
    """PEM keys for every CA, the same for all who read them."""
    folder.mkdir()
    for hierarchy in ("organisation", "device", "dccki", "iki"):
        for tier in ("root", "issuing"):
            is_rsa = hierarchy in {"dccki", "iki"}
            key = (
                rsa.generate_private_key(65537, 2048)
                if is_rsa
                else ec.generate_private_key(ec.SECP256R1())
            )
            (folder / f"{hierarchy}-{tier}-ca.key").write_bytes(
                key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            )
    return folder


def test_two_estates_with_the_same_ca_keys_issue_the_same_end_entity_keys_and_serials(
    command, tmp_path
):
    folder = _ca_keys(tmp_path / "keys")
    passphrase = tmp_path / "phrase"
    passphrase.write_text("a passphrase for tests\n")
    runs = []
    for name in ("one", "two"):
        estate = ("--passphrase-file", passphrase, "--estate", tmp_path / name, "--clock", CLOCK)
        made = command(*estate, "init", tmp_path / name, "--ca-keys", folder)
        assert made.code == 0, made.err
        example = batches.ROOT / "examples" / "participants.toml"
        assert command(*estate, "register", "import", example).code == 0
        issued = command(*estate, "batch", "issue", *range_of(30), "--seed", SEED)
        assert issued.code == 0, issued.err
        out = tmp_path / f"{name}.csv"
        command(*estate, "batch", "export", 1, "--format", "csv", "--with-keys", "--out", out)
        with out.open(newline="") as file:
            runs.append(list(csv.DictReader(file)))
    assert len(runs[0]) == 30
    assert runs[0] == runs[1]


def test_the_same_seed_twice_in_one_estate_is_refused_for_serials_would_come_twice(
    command, quickstart
):
    batches.issue(command, quickstart, *range_of(3), "--seed", SEED)
    again = command(
        "--json", "--estate", quickstart, "batch", "issue", *range_of(3, 0x9000), "--seed", SEED
    )
    assert (again.code, again.json["error"]["code"]) == (4, "batch.seed")
    runs = command("--json", "--estate", quickstart, "batch", "list").json["runs"]
    assert [one["id"] for one in runs] == [1]


def test_a_seeded_run_makes_rsa_keys_from_the_seed_too(command, quickstart, seeded, tmp_path):
    manifest = batches.write(tmp_path / "rows.jsonl", [batches.device(), batches.iki()])
    here = ("--json", "--estate", quickstart)
    assert command(*here, "batch", "check", manifest, "--seed", SEED).json["accepted"] == 2
    one, again = (seeded(manifest, workers=n) for n in (1, 2))
    assert one == again
    assert seeded(manifest, seed=SEED[:-2] + "00")[1] != one[1]
    batches.issue(command, quickstart, manifest, "--seed", SEED)
    used = command(*here, "batch", "check", manifest, "--again", "--seed", SEED)
    assert (used.code, used.json["error"]["code"]) == (4, "batch.seed")


def test_keys_of_a_seed_are_marked_as_not_secret_in_the_estate(command, quickstart):
    assert batches.issue(command, quickstart, *range_of(2), "--seed", SEED)["keys_secret"] is False
    assert batches.issue(command, quickstart, *range_of(2, 0x9000))["keys_secret"] is True
    shown = [
        command("--json", "--estate", quickstart, "batch", "show", run).json["run"]
        for run in (1, 2)
    ]
    assert [(one["seeded"], one["keys_secret"]) for one in shown] == [(True, False), (False, True)]
    listed = command("--json", "--estate", quickstart, "batch", "list").json["runs"]
    assert [one["keys_secret"] for one in listed] == [False, True]
    text = command("--estate", quickstart, "batch", "list").out.splitlines()
    assert "not secret" in text[1]
    assert "not secret" not in text[2]


@pytest.mark.parametrize("form", ["pem-tree", "csv", "parquet"])
@pytest.mark.parametrize("secret", [True, False])
def test_keys_of_a_seed_are_marked_as_not_secret_in_every_batch_export(
    command, quickstart, tmp_path, form, secret
):
    batches.issue(command, quickstart, *range_of(2), *(() if secret else ("--seed", SEED)))
    out = tmp_path / "out"
    options = ("batch", "export", 1, "--format", form, "--out", out, "--with-keys")
    assert command("--estate", quickstart, *options).code == 0
    if form == "pem-tree":
        assert (out / "KEYS-ARE-NOT-SECRET.txt").is_file() is not secret
    elif form == "csv":
        with out.open(newline="") as file:
            assert [one["keys_secret"] for one in csv.DictReader(file)] == [str(secret)] * 2
    else:
        from pyarrow import parquet  # noqa: PLC0415 - an extra

        assert parquet.read_table(out)["keys_secret"].to_pylist() == [secret] * 2


def test_the_seed_itself_stands_nowhere_in_the_estate(command, quickstart):
    batches.issue(command, quickstart, *range_of(2), "--seed", SEED)
    forms = (SEED.encode(), SEED.upper().encode(), bytes.fromhex(SEED))
    for path in quickstart.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(form in data for form in forms)
    entries = command("--json", "--estate", quickstart, "audit", "show").json["entries"]
    assert SEED not in json.dumps(entries)


def test_keys_of_a_seed_are_marked_as_not_secret_in_list_show_and_export(
    command, quickstart, tmp_path
):
    here = ("--json", "--estate", quickstart)
    batches.issue(command, quickstart, *range_of(1, label="seeded"), "--seed", SEED)
    batches.issue(command, quickstart, *range_of(1, 0x9000, label="fresh"))
    for label, secret in (("seeded", False), ("fresh", True)):
        (one,) = command(*here, "list", "--label", label).json["certificates"]
        assert one.get("keys_secret", True) is secret
        shown = command(*here, "show", one["serial"]).json["record"]
        assert shown.get("keys_secret", True) is secret
        listed = command("--estate", quickstart, "list", "--label", label).out
        assert ("not secret" in listed) is not secret
        for keys in (True, False):
            out = tmp_path / f"{label}-{keys}"
            options = ("export", "--format", "pem", "--label", label, "--out", out)
            command(*here, *options, *(["--with-keys"] if keys else []))
            assert (out / "KEYS-ARE-NOT-SECRET.txt").is_file() is (keys and not secret)
