"""``corpus list`` and ``corpus explain``: cases are selected, found by id, and explained."""

import dataclasses

import pytest

from smki_testca.cli.corpus.listing import catalogue
from smki_testca.corpus.build import ENVIRONMENT, Builder
from smki_testca.corpus.case_selection import CaseSelection, Catalogue, CatalogueEntry
from smki_testca.corpus.defect import DEFECTS, Importance, Stage, Verdict
from smki_testca.corpus.delivery.folder import written
from smki_testca.corpus.pki import corpus_pki
from smki_testca.errors import ExitCode, InputError

_ID = "device-san-not-critical"


@pytest.fixture(scope="module")
def every():
    return catalogue()


def test_a_catalogue_has_every_case_and_makes_the_same(every, cases):
    main = [name for name, entry in every.entries.items() if entry.is_main]
    assert main == [case.id for case in cases]
    for case in (cases[0], cases[-1]):
        assert every.case(case.id).fingerprint == case.fingerprint


@pytest.mark.slow
def test_every_criterion_narrows_what_is_selected(every, cases):
    wanted = CaseSelection(
        profiles=("device",), stages=(Stage.PROFILE,), verdicts=(Verdict.EITHER,)
    )
    found = every.select(wanted)
    assert [case.id for case in found] == [
        case.id
        for case in cases
        if case.profile == "device"
        and case.stage is Stage.PROFILE
        and case.expect[wanted.level].verdict is Verdict.EITHER
    ]
    assert _ID in {case.id for case in found}


def test_the_bases_of_what_is_selected_come_with_it_if_asked_for(every):
    found = every.select(CaseSelection(only=("device-san-*",)), with_bases=True)
    assert found[0].id == "good-device"
    assert _ID in {case.id for case in found}


def test_a_case_is_found_by_an_id_that_it_had_before(every):
    entry = every.entries[_ID]
    defect = dataclasses.replace(entry.defect, aliases=("san-optional",))
    renamed = Catalogue(Builder(corpus_pki(), ENVIRONMENT))
    renamed.entries = {_ID: CatalogueEntry(_ID, entry.base, defect)}
    assert renamed.entries[_ID].is_called("device-san-opt*")
    assert renamed.case("device-san-optional").id == _ID


@pytest.mark.slow
def test_what_matters_little_is_selected_where_it_is_asked_for(every):
    asked = CaseSelection(importances=(Importance.LOW,))
    found = every.select(asked)
    assert {case.importance for case in found} == {Importance.LOW}
    low = [entry.defect for entry in every.entries.values() if entry.may_fit(asked)]
    assert len({id(defect) for defect in low}) == len(
        {
            id(defect)
            for namesakes in DEFECTS.values()
            for defect in namesakes
            if defect.importance is Importance.LOW and defect.mains
        }
    )
    assert not any(entry.is_main for entry in every.entries.values() if entry.may_fit(asked))


@pytest.mark.parametrize(
    ("wanted", "cause"),
    [
        (CaseSelection(only=("device-san-no-critical",)), "no case is called"),
        (CaseSelection(profiles=("devise",)), "no case is of the profile"),
        (CaseSelection(only=(_ID,), is_good=True), "no case fits"),
    ],
)
def test_a_selection_of_nothing_says_why(every, wanted, cause):
    with pytest.raises(InputError, match=cause) as caught:
        every.select(wanted)
    assert caught.value.code == "corpus.selection"
    assert caught.value.remedy


@pytest.mark.slow
def test_the_list_fits_a_narrow_terminal_and_has_a_line_for_each_case(command, cases):
    listed = command("corpus", "list", "--profile", "device").out.splitlines()
    wanted = [case.id for case in cases if case.profile == "device"]
    assert [line.split()[-1] for line in listed[1:]] == wanted
    as_json = command("--json", "corpus", "list", "--profile", "device").json["cases"]
    assert [case["id"] for case in as_json] == wanted


@pytest.mark.slow
def test_an_explanation_has_the_octets_the_reason_and_each_verdict(command):
    text = " ".join(command("corpus", "explain", _ID).out.split())
    for told in ("0101ff", "extensions.subjectAltName", "Why", "Remedy", "RFC 5280", "GBCS"):
        assert told in text
    assert "must be refused (the verdict is assumed: GBCS" in text
    assert "error; the rule is specified: GBCS" in text
    made = command("--json", "corpus", "explain", _ID).json
    assert made["id"] == _ID
    assert made["change"]["before"] == "0101ff"
    assert bytes.fromhex(made["der"])[0] == 0x30


@pytest.mark.slow
@pytest.mark.parametrize("name", [_ID, "device-version-2"])
def test_an_explanation_fits_a_page_and_no_line_ends_in_blanks(command, name):
    lines = command("corpus", "explain", name).out.splitlines()
    assert all(len(line) <= 80 and line == line.rstrip() for line in lines)


@pytest.fixture(scope="module")
def folder(every, tmp_path_factory):
    """A corpus with a case that the program does not have."""
    made = every.case(_ID)
    own = dataclasses.replace(made, id="device-of-mine", title="Mine")
    out = tmp_path_factory.mktemp("corpus") / "corpus"
    written([every.case("good-device"), made, own], out)
    return out


@pytest.mark.slow
def test_an_explanation_has_the_names_of_files_and_in_c(command):
    text = command("corpus", "explain", _ID).out
    for told in (
        f"cases/{_ID}.der, 417 octets",
        "chain/device-issuing-ca.der, chain/device-root-ca.der",
        "SMKI_CASE_DEVICE_SAN_NOT_CRITICAL",
    ):
        assert told in text


@pytest.mark.slow
def test_cases_of_a_folder_are_listed_and_explained(command, folder):
    listed = command("corpus", "list", "--corpus", folder).out.splitlines()
    assert [line.split()[-1] for line in listed[1:]] == ["good-device", _ID, "device-of-mine"]
    some = command("--json", "corpus", "list", "--corpus", folder, "--only", "*-mine").json["cases"]
    assert [case["id"] for case in some] == ["device-of-mine"]
    text = command("corpus", "explain", "device-of-mine", "--corpus", folder).out
    assert "cases/device-of-mine.der" in text
    own = command("--json", "corpus", "explain", _ID, "--corpus", folder).json
    assert own == command("--json", "corpus", "explain", _ID).json


def test_what_a_folder_has_not_is_told_with_its_name(command, folder):
    unknown = command("corpus", "explain", "device-of-mime", "--corpus", folder)
    assert "Did you mean device-of-mine?" in unknown.err
    assert f"corpus list --corpus {folder}" in unknown.err
    none = command("corpus", "list", "--corpus", folder, "--profile", "organisation")
    assert none.code == ExitCode.INPUT
    (folder / "broken.json").write_text("{}")
    broken = command("--json", "corpus", "list", "--corpus", folder / "broken.json")
    assert broken.json["error"]["code"] == "corpus.index"
    assert "--corpus DIR" in command("corpus", "explain", "device-of-mine").err


def test_an_unknown_case_is_one_line_with_the_one_that_was_meant(command):
    outcome = command("corpus", "explain", "device-san-not-critcal")
    assert outcome.code == ExitCode.INPUT
    assert f"Did you mean {_ID}?" in outcome.err
    assert outcome.err.count("\n") == 1
