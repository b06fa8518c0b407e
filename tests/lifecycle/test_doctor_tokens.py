"""The doctor and ``estate info`` on an estate whose CAs have their keys in a token."""

from __future__ import annotations

import shutil

import pytest

import ailments
from smki_testca.clock import iso

HERE = ("--clock", iso(ailments.NOW), "--json")


@pytest.fixture
def codes(command, token_estate):
    """The codes of the problems that the doctor finds, and of the notes."""
    directory = token_estate.directory
    directory.chmod(0o700)
    (directory / "passphrase").chmod(0o600)

    def call(*words):
        told = command("--estate", directory, *HERE, "doctor", *words).json
        return [
            {each["code"].removeprefix("doctor.") for each in told[key]}
            for key in ("problems", "notes")
        ]

    return call


@pytest.mark.slow
def test_with_keys_the_token_is_asked_and_has_them_all(codes):
    assert codes("--keys") == [{"passphrase.weak"}, {"passphrase.beside"}]


def test_without_keys_no_token_is_needed(codes, token_estate):
    shutil.rmtree(token_estate.token.folder)
    assert codes() == [{"passphrase.weak"}, {"passphrase.beside"}]


@pytest.mark.slow
def test_a_token_that_is_gone_is_a_problem_of_the_keys(codes, token_estate):
    shutil.rmtree(token_estate.token.folder)
    problems, _ = codes("--keys")
    assert "keys.unfit" in problems


def test_where_no_module_is_named_keys_in_tokens_are_noted_as_not_checked(codes, monkeypatch):
    monkeypatch.delenv("SMKI_TESTCA_PKCS11_MODULE")
    assert codes("--keys")[1] == {"passphrase.beside", "keys.tokens_not_asked"}


@pytest.mark.slow
def test_the_estates_summary_says_which_keys_are_in_which_token(command, token_estate):
    told = command("--estate", token_estate.directory, *HERE, "estate", "info").json
    (token,) = told["keys"]["tokens"]
    assert token["keys"] == 6
    places = {each["name"]: each["key"] for each in told["authorities"]}
    assert places["Z1"] == "estate"
    assert places["DZ1"].startswith("pkcs11:")
    assert f"token={token['token']}" in places["DZ1"]
    lines = command(
        "--estate", token_estate.directory, *HERE[:2], "estate", "info"
    ).out.splitlines()
    assert f"  DZ1: {places['DZ1']}" in lines  # whole, to be copied
