"""The corpus under an estate's own CAs: they sign, nothing leaves and nothing is recorded."""

import json

import pytest

from smki_testca.corpus.case_selection import CaseSelection
from smki_testca.corpus.defect import Stage
from smki_testca.corpus.estate_corpus import make, recorded
from smki_testca.corpus.parts import at
from smki_testca.errors import ExitCode
from smki_testca.estate.certificates import Selection as Records
from smki_testca.importers.sources import Source
from smki_testca.lint.chain import gathered
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import LintSettings


@pytest.fixture
def own(estate):
    return make(
        estate, CaseSelection(only=("device-san-not-critical", "device-signed-with-sha-384"))
    )


def test_the_estate_s_cas_sign_and_stand_above(estate, own):
    assert [case.id for case in own.cases] == ["good-device", "device-san-not-critical"]
    cas = {
        record.der
        for profile in ("device-issuing-ca", "device-root-ca")
        for record in estate.select(Records(profile=profile))
    }
    assert {der for case in own.cases for der in case.chain} == cas
    good = own.cases[0]
    settings = LintSettings(at(own.at.rstrip("Z")), environment=own.environment, trusted=tuple(cas))
    linter = Linter(settings, gathered(settings.trusted, settings.at))
    assert not linter.lint(Source("-", 0, good.der)).findings


def test_what_a_ca_cannot_sign_is_left_out_and_named(own):
    assert list(own.left_out) == ["device-signed-with-sha-384"]
    assert "SHA-256" in own.left_out["device-signed-with-sha-384"]


def test_the_audit_log_tells_of_it_and_nothing_is_recorded_as_issued(estate):
    before = len(list(estate.select(Records())))
    with recorded(estate, make(estate, CaseSelection(only=("device-san-not-critical",)))):
        pass
    assert len(list(estate.select(Records()))) == before
    last = list(estate.audit.entries())[-1]
    assert last.action == "corpus.make"
    assert last.body["cases"] == 2


def test_the_command_asks_for_the_passphrase_and_writes_no_key(command, quickstart, tmp_path):
    out = tmp_path / "own"
    options = ("--only", "device-san-not-critical", "--estate", quickstart)
    outcome = command("--json", "corpus", "make", out, *options)
    assert outcome.code == ExitCode.DONE, outcome.err
    assert outcome.json["left_out"] == {}
    index = json.loads((out / "corpus.json").read_text())
    assert [case["id"] for case in index["cases"]] == ["good-device", "device-san-not-critical"]
    assert not any(b"PRIVATE" in file.read_bytes() for file in out.rglob("*") if file.is_file())


@pytest.mark.slow
def test_a_corpus_that_is_not_written_leaves_no_entry_in_the_audit_log(
    command, quickstart, tmp_path
):
    (tmp_path / "index.html").write_text("my page")
    log = ("--json", "--estate", quickstart, "audit", "show")
    before = command(*log).json
    options = ("--only", "device-san-not-critical", "--estate", quickstart)
    assert command("corpus", "make", tmp_path, *options).code == ExitCode.INPUT
    assert command("corpus", "make", tmp_path, *options, "--force").code == ExitCode.INPUT
    assert command(*log).json == before


def test_a_corpus_is_not_written_among_an_estate_s_files(command, quickstart):
    before = sorted(quickstart.iterdir())
    outcome = command("corpus", "make", quickstart, "--only", "good-device")
    assert outcome.code == 4
    assert "it is an estate" in outcome.err
    assert sorted(quickstart.iterdir()) == before


@pytest.mark.slow
def test_an_estate_of_the_environment_variable_does_not_sign(command, tmp_path, monkeypatch):
    monkeypatch.setenv("SMKI_TESTCA_ESTATE", str(tmp_path / "absent"))
    outcome = command("corpus", "make", tmp_path / "out", "--only", "device-san-not-critical")
    assert outcome.code == ExitCode.DONE


@pytest.mark.slow
def test_nearly_every_case_can_be_made(estate):
    every = make(estate, CaseSelection(profiles=("device", "organisation-crl")))
    assert len(every.left_out) < 20
    assert {case.stage for case in every.cases} == set(Stage)
