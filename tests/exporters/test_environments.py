"""Formats that know IDs only: one environment at a time where IDs meet."""

from __future__ import annotations

import pytest
from exported import names

from smki_testca.estate.certificates import Selection
from smki_testca.kits import exporting

FORMS = pytest.mark.parametrize("form", ["gbcs-parser", "keystore-json"])
ID = "90-B3-D5-1F-30-01-00-00"


@pytest.fixture
def run(command, quickstart):
    def call(*words):
        outcome = command("--json", "--estate", quickstart, *words)
        assert outcome.code == 0, outcome.out
        return outcome.json

    return call


@pytest.fixture
def both(run, quickstart):
    """The quickstart estate with a certificate of another environment for an ID of its own."""
    run("init", quickstart, "--environment", "UIT-A")
    run(
        *("issue", "organisation", "--participant", "supplier-one", "--purpose", "uept"),
        *("--id", ID, "--role", "supplier", "--usage", "digital-signature"),
        *("--environment", "UIT-A", "--label", "U1-supplier-ds"),
    )


@pytest.mark.slow
@FORMS
@pytest.mark.usefixtures("both")
def test_where_ids_meet_the_export_is_refused_with_the_way_out(export, form):
    outcome, folder = export(form, "--with-keys")
    error = outcome.json["error"]
    assert (outcome.code, error["code"]) == (4, "export.environments")
    assert ID in error["message"]
    assert "ZAZ1" in error["message"]
    assert "--environment UIT-A" in error["remedy"]
    assert not folder.exists()


@pytest.mark.slow
@FORMS
@pytest.mark.usefixtures("both")
def test_where_no_id_is_in_two_environments_both_are_written(export, form):
    outcome, folder = export(form, "--with-keys", "--usage", "key-agreement")
    assert outcome.code == 0, outcome.out
    assert names(folder)


@pytest.mark.slow
@FORMS
@pytest.mark.usefixtures("both")
def test_a_kit_has_a_folder_for_each_environment_where_ids_meet(estate, tmp_path, form):
    exports = exporting.export(estate, [form], tmp_path, "phrase")
    assert sorted(path.name for path in (tmp_path / form).iterdir()) == ["UIT-A", "ZAZ1"]
    assert any("each environment" in note for note in exports.notes[form])
    every = names(tmp_path / form / "ZAZ1")
    assert every
    assert names(tmp_path / form / "UIT-A")


@FORMS
def test_a_kit_of_one_environment_has_one_folder(estate, tmp_path, form):
    exporting.export(estate, [form], tmp_path, "phrase")
    assert all(path.is_file() for path in (tmp_path / form).iterdir())


def test_a_kit_leaves_out_what_was_renewed(estate, tmp_path):
    estate.renew(Selection(label="Z1-supplier-ds"))
    out = tmp_path / "kit"
    exports = exporting.export(estate, ["pem"], out, "phrase")
    assert [path.stem for path in out.rglob("Z1-supplier-ds*.key")] == ["Z1-supplier-ds"]
    assert any("was renewed or replaced" in note for note in exports.notes["pem"])
