"""Labels: what is one, and that every door keeps to it."""

from __future__ import annotations

import pytest

import batches
from smki_testca.errors import InputError
from smki_testca.estate.terms import Secrets
from smki_testca.issuance.batch.planning import BatchPlan
from smki_testca.labels import MAX_LABEL_CHARACTERS, as_label, check_label

LONGEST = "x" * MAX_LABEL_CHARACTERS
WRONG = ["", " ", "\u00a0\t", "\u200b", LONGEST + "x", 3, b"a", "\ud800"]


@pytest.mark.parametrize("label", [None, "a", " a", LONGEST, "a\nb", "\u00e9"])
def test_a_label_is_text_that_shows_something(label):
    check_label(label)


@pytest.mark.parametrize("label", WRONG)
def test_a_blank_or_long_label_and_what_is_no_text_are_errors(label):
    with pytest.raises(InputError) as caught:
        check_label(label)
    assert caught.value.code == "request.label"
    assert len(caught.value.lines()) == 1


@pytest.mark.parametrize(
    ("name", "label"),
    [(None, None), ("", None), (" \u200b", None), ("a", "a"), (LONGEST + "yz", LONGEST)],
)
def test_the_name_of_an_imported_certificate_is_made_to_fit(name, label):
    assert as_label(name) == label


def refused(outcome):
    assert outcome.code == 4, outcome.err
    return outcome.json["error"]["code"] == "request.label"


@pytest.mark.slow
@pytest.mark.parametrize("label", WRONG[:5])
def test_no_command_gives_a_certificate_such_a_label(
    command, issue, quickstart, tmp_path, digest, label
):
    before = digest()
    assert refused(issue("--label", label))
    asked = ("--participant", "meters-one", "--purpose", batches.DEVICE_PURPOSE)
    device = ("--device-id", batches.device_id(1), "--hw-type", batches.HW_TYPE)
    words = ("check", "device", *asked, *device, "--usage", "key-agreement", "--label", label)
    assert refused(command("--json", "--estate", quickstart, *words))
    path = batches.write(tmp_path / "rows.csv", [batches.device()])
    assert refused(
        command("--json", "--estate", quickstart, "batch", "issue", path, "--label", label)
    )
    assert digest() == before


def test_a_row_of_a_manifest_has_such_a_label_no_more_than_a_command(command, quickstart, tmp_path):
    rows = [batches.device(0x100 + n, label=label) for n, label in enumerate([" ", LONGEST + "x"])]
    path = batches.write(tmp_path / "rows.csv", [*rows, batches.device(0x110, label=LONGEST)])
    outcome = command("--json", "--estate", quickstart, "batch", "check", path)
    assert outcome.code == 1
    assert outcome.json["accepted"] == 1
    codes = [problem["error"]["code"] for problem in outcome.json["problems"]]
    assert codes == ["request.label"] * 2


def test_a_program_gives_no_run_such_a_label(estate):
    with pytest.raises(InputError) as caught:
        BatchPlan(estate, "manifest", " ", Secrets.of_run(None))
    assert caught.value.code == "request.label"
