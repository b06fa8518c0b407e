"""``estate info``: sums an estate up, writes nothing, and reads no tile through."""

from __future__ import annotations

import hashlib
import shutil
from unittest import mock

import pytest

import ailments
import work
from estates import copied_with_run, opened, unpacked
from smki_testca.estate.runs import State
from smki_testca.estate.tile import Tile
from smki_testca.shipped import shipped

RANGE = (
    *("--profile", "device", "--participant", "meters-one", "--usage", "key-agreement"),
    *("--purpose", "device-and-user-system-tests", "--hw-type", "1.2.826.0.1.8641679.1.2.2.1"),
    *("--first-id", "00-DB-12-00-00-01-00-00"),
)


@pytest.fixture(scope="session")
def three_original(quickstart_original, tmp_path_factory):
    """The quickstart estate with a run of 4,100 certificates, in three tiles; not to be changed."""
    directory = tmp_path_factory.mktemp("info") / "estate"
    return copied_with_run(quickstart_original, directory, *RANGE, "--count", 4_100)


def info(command, estate, *words):
    outcome = command("--estate", estate, "--json", *words, "estate", "info")
    assert outcome.code == 0, outcome.out
    return outcome.json


def test_it_tells_what_the_quickstart_made(command, quickstart):
    told = info(command, quickstart)
    assert told["format"] == 6
    assert told["environments"] == [{"name": "ZAZ1", "family": "ZAZ1"}]
    assert told["counts"] == {
        "certificates": 38,
        "participants": 8,
        "agreements": 7,
        "externals": 0,
        "accounts": 0,
        "audit_entries": len(
            command("--estate", quickstart, "--json", "audit", "show").json["entries"]
        ),
    }
    assert sum(each["count"] for each in told["certificates"]) == 38
    assert {each["key"] for each in told["authorities"]} == {"estate"}
    assert len(told["authorities"]) == 8
    assert told["keys"] == {"estate": 38, "imported": 0, "tokens": []}
    assert told["runs"] == dict.fromkeys(map(str, State), 0)
    assert told["revocation_lists_due"] == []
    assert told["octets"]["file"] == (quickstart / "estate.sqlite").stat().st_size


def test_it_needs_no_passphrase(command, quickstart):
    (quickstart / "passphrase").unlink()
    assert info(command, quickstart)["counts"]["certificates"] == 38


def test_certificates_are_counted_by_type_and_status(command, quickstart):
    ailments.revoke(quickstart, "Z1-supplier-ds")
    told = info(command, quickstart, "--clock", "2030-03-01")
    counts = {(each["profile"], each["status"]): each["count"] for each in told["certificates"]}
    assert counts["organisation", "revoked"] == 1
    assert counts["organisation", "in-use"] == 17
    assert [each["name"] for each in told["revocation_lists_due"]] == ["Z1"]


def test_profiles_are_told_with_their_digests_and_whose_they_are(command, quickstart, tmp_path):
    own = ailments.own_profile(quickstart, "device")
    operator = tmp_path / "operator" / "certificates" / "iki.toml"
    operator.parent.mkdir(parents=True)
    shutil.copy(shipped("profiles") / "certificates" / "iki.toml", operator)
    told = info(command, quickstart, "--profiles", tmp_path / "operator")
    files = {each["name"]: each for each in told["profiles"]}
    for name, path, owner, as_created in (
        ("certificates/device.toml", own, "estate", False),
        ("certificates/iki.toml", operator, "operator", True),
    ):
        assert files[name] == {
            "name": name,
            "file": str(path),
            "from": owner,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "as_created": as_created,
        }
    assert files["roles.toml"]["from"] == "shipped"
    assert files["roles.toml"]["as_created"] is None
    text = command("--estate", quickstart, "estate", "info").out
    assert "certificates/device.toml" in text
    assert files["certificates/device.toml"]["sha256"] in text


def test_keys_in_tokens_are_told_by_token_and_ca(command, quickstart):
    ailments.move_to_token(quickstart, "Z1", "pkcs11:token=Test%20token;object=Z1")
    told = info(command, quickstart)
    assert told["keys"]["tokens"] == [{"token": "Test token", "keys": 1}]
    keys = {each["name"]: each["key"] for each in told["authorities"]}
    assert keys["Z1"] == "pkcs11:token=Test%20token;object=Z1"
    assert keys["ZA"] == "estate"
    text = command("--estate", quickstart, "estate", "info").out
    assert "37 in the estate, 1 in the token Test token" in text


def test_a_key_that_is_nowhere_is_told(command, quickstart):
    ailments.FAULTS["keys.missing"][1](quickstart, None)
    keys = {each["name"]: each["key"] for each in info(command, quickstart)["authorities"]}
    assert keys["Z1"] is None


@pytest.mark.slow
def test_runs_are_told_by_state_and_their_tiles_with_their_size(command, three_original, tmp_path):
    estate = tmp_path / "estate"
    shutil.copytree(three_original, estate)
    told = info(command, estate)
    assert told["runs"]["done"] == 1
    assert told["octets"]["tiles"] == sum(p.stat().st_size for p in estate.rglob("*.tile"))
    assert told["octets"]["all"] == told["octets"]["file"] + told["octets"]["tiles"]
    assert {"profile": "device", "status": "in-use", "count": 4_108} in told["certificates"]
    with opened(estate) as whole, whole.transaction():
        whole.runs.set_state(1, State.RUNNING, whole.clock.now())
    assert info(command, estate)["runs"]["interrupted"] == 1


@pytest.mark.slow
def test_it_reads_one_tile_of_a_run_and_as_little_of_the_tables_for_many(
    command, three_original, quickstart_original, tmp_path
):
    with mock.patch.object(Tile, "read", wraps=Tile.read) as read, work.counted() as many:
        info(command, three_original)
    assert read.call_count == 1
    small = copied_with_run(quickstart_original, tmp_path / "small", *RANGE, "--count", 1)
    with work.counted() as one:
        info(command, small)
    assert many.steps < one.steps + 5_000


@pytest.mark.parametrize("version", range(1, 6))
def test_an_estate_of_an_earlier_format_is_told_as_it_is_and_stays_so(command, tmp_path, version):
    estate = unpacked(version, tmp_path / "old")
    before = (estate / "estate.sqlite").read_bytes()
    told = info(command, estate)
    assert told["format"] == version
    assert {each["as_created"] for each in told["profiles"]} == {None}
    assert (estate / "estate.sqlite").read_bytes() == before
    entries = told["counts"]["audit_entries"]
    shown = command("--estate", estate, "--json", "audit", "show").json["entries"]
    assert [each["action"] for each in shown[entries:]] == ["estate.upgrade"]


def test_its_text_fits_80_columns(command, quickstart, monkeypatch):
    monkeypatch.chdir(quickstart.parent)
    ailments.own_profile(quickstart, "device")
    outcome = command("--estate", quickstart.name, "estate", "info")
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert "Audit entries" in outcome.out


def test_a_damaged_estate_is_told_in_one_line(command, quickstart):
    ailments.FAULTS["check_failed"][1](quickstart, None)
    outcome = command("--estate", quickstart, "estate", "info")
    assert outcome.code == 5
    assert len(outcome.err.splitlines()) == 1
