"""The wrapped contingency key of a root is off, and is turned on as profiles.md says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from corpora import good_pem
from smki_testca.profiles import Library
from smki_testca.profiles.model import Tier

MANUAL = Path(__file__).parents[2] / "docs" / "profiles.md"
WRAPPED = "ab" * 104
EXTENSION = "extensions.wrappedApexContinKey"


@pytest.fixture
def turned_on(tmp_path):
    """The profile of a root with the rows of the manual in place of the shipped ones."""
    shipped = Path(Library().profile("organisation-root-ca").origin).read_text("utf-8")
    section = MANUAL.read_text("utf-8").split("### The wrapped contingency key")[1]
    rows = re.search(r"```toml\n(.*?)```", section, re.DOTALL)[1].replace("…", WRAPPED)
    tables = shipped.split("\n[[row]]\n")
    first = next(n for n, table in enumerate(tables) if f'"{EXTENSION}"' in table)
    changed = [*tables[:first], rows.removeprefix("[[row]]\n"), *tables[first + 3 :]]
    folder = tmp_path / "profiles" / "certificates"
    folder.mkdir(parents=True)
    (folder / "organisation-root-ca.toml").write_text("\n[[row]]\n".join(changed), "utf-8")
    return folder.parent


def test_a_root_is_made_without_it():
    profile = Library().profile("organisation-root-ca")
    assert all(row.field.extension != "wrappedApexContinKey" for row in profile.filling_rows)


@pytest.mark.slow
def test_an_operators_profile_turns_it_on(command, turned_on, tmp_path):
    estate = tmp_path / "estate"
    secret = tmp_path / "secret"
    secret.write_text("a passphrase for this test")
    given = ("--passphrase-file", secret, "--estate", estate)
    assert command(*given, "--profiles", turned_on, "init", estate).code == 0
    listed = command(*given, "--json", "ca", "list").json["authorities"]
    (root,) = (ca for ca in listed if ca["profile"] == "organisation-root-ca")
    shown = command(*given, "--json", "show", root["serial"])
    assert shown.code == 0
    assert shown.json["findings"] == []
    fields = shown.json["fields"]
    assert fields[f"{EXTENSION}.wrapAlgorithm"] == "2.16.840.1.101.3.4.1.45"
    assert fields[f"{EXTENSION}.wrappedContinPubKey"].startswith(WRAPPED[:64])
    with_it = command(*given, "--profiles", turned_on, "--json", "show", root["serial"])
    assert with_it.json["findings"] == []


def test_with_such_a_profile_a_root_without_it_is_told_of(turned_on, command, tmp_path):
    path = tmp_path / "root.pem"
    path.write_bytes(good_pem("organisation-root-ca"))
    linted = command("--profiles", turned_on, "--json", "lint", path).json["files"][0]
    assert {finding["code"] for finding in linted["findings"]} == {f"{EXTENSION}.missing"}


def test_profiles_made_before_the_row_was_there_are_no_weaker(tmp_path):
    shipped = Path(Library().profile("organisation-root-ca").origin).read_text("utf-8")
    tables = [
        table for table in shipped.split("\n[[row]]\n") if f'field = "{EXTENSION}' not in table
    ]
    (tmp_path / "certificates").mkdir()
    text = "\n[[row]]\n".join(tables)
    (tmp_path / "certificates" / "organisation-root-ca.toml").write_text(text, "utf-8")
    library = Library(tmp_path)
    profile = library.profile("organisation-root-ca")
    assert profile.tier is Tier.ROOT
    assert library.weaknesses(profile) == ()
