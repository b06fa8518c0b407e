"""Answers that said something else than they meant."""

from __future__ import annotations

import pytest

from findings_reference import _cell
from smki_testca import InputError, describe_documents, load_kit, make_csr
from smki_testca.cli.batch.reports import signed_text


def _error(call, *arguments, **named):
    with pytest.raises(InputError) as caught:
        call(*arguments, **named)
    return caught.value


def test_an_unknown_kit_is_named_once():
    error = _error(load_kit, "zaz2")
    assert error.message == "There is no kit 'zaz2'."
    assert error.remedy.startswith("Did you mean zaz1?")


def test_a_file_that_is_not_there_is_said_once_not_to_be_readable(tmp_path):
    assert str(_error(describe_documents, tmp_path / "none")).count("cannot be read") == 1


def test_python_names_inputs_as_python_takes_them():
    assert "needs device_id" in str(_error(make_csr, "device", "key-agreement"))


@pytest.mark.parametrize(
    ("signed", "number", "text"),
    [
        (0, 1, "0 of 1 CSR is signed"),
        (1, 1, "1 of 1 CSR is signed"),
        (0, 2, "0 of 2 CSRs are signed"),
        (1, 2, "1 of 2 CSRs is signed"),
        (2, 2, "2 of 2 CSRs are signed"),
    ],
)
def test_signed_csrs_are_counted_in_english(signed, number, text):
    assert signed_text(signed, number, is_dry_run=False) == text


def test_a_pattern_in_the_list_of_findings_shows_as_it_is():
    assert _cell(r"([0-9]([a-z]\.)*)|<x>") == r"(\[0-9\](\[a-z\]\\.)\*)\|\<x>"
