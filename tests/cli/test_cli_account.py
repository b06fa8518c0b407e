"""``account``: accounts are added, listed, changed and removed; no secret is an argument."""

from __future__ import annotations

import pytest

from smki_testca.api import Estate
from smki_testca.estate.accounts import MAX_FAILURES, SignInError


@pytest.fixture
def call(command, newcomer):
    return lambda *words, **more: command("--estate", newcomer, "account", *words, **more)


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password.txt"
    path.write_text("correct horse\n")
    return path


def accounts_of(directory, work):
    with Estate.open(directory, "phrase") as estate:
        return work(estate.accounts)


def test_an_account_is_added_and_signs_in_with_what_was_given_and_printed(
    call, newcomer, password_file
):
    added = call("add", "ann", "--operator", "--password-file", password_file)
    assert (added.code, added.err) == (0, "")
    assert added.out.splitlines()[0] == "Account ann of the operator is added."
    api_key = added.out.split()[-1]
    assert accounts_of(newcomer, lambda accounts: accounts.by_api_key(api_key)).name == "ann"
    signed_in = accounts_of(newcomer, lambda accounts: accounts.sign_in("ann", "correct horse"))
    assert signed_in.participant is None
    assert "correct horse" not in added.out


def test_the_password_may_come_from_standard_input(call, newcomer):
    words = ("add", "he", "--participant", "supplier-one", "--password-file", "-", "--json")
    added = call(*words, stdin=b"another horse\nand what follows\n").json
    assert added["account"]["participant"] == "supplier-one"
    assert accounts_of(newcomer, lambda accounts: accounts.sign_in("he", "another horse"))
    key = added["api_key"]
    changed = call("key", "he", "--json").json
    assert changed["api_key"] != key
    assert key not in str(call("list", "--json").json)
    with pytest.raises(SignInError):
        accounts_of(newcomer, lambda accounts: accounts.by_api_key(key))


def test_the_list_says_whose_they_are_and_which_are_locked(call, newcomer, password_file):
    assert "There are no accounts" in call("list").out
    given = ("--password-file", password_file)
    call("add", "ann", "--operator", *given)
    call("add", "he", "--participant", "supplier-one", *given)

    def lock(accounts):
        for _ in range(MAX_FAILURES):
            with pytest.raises(SignInError):
                accounts.sign_in("he", "wrong")

    accounts_of(newcomer, lock)
    listed = {one["name"]: one for one in call("list", "--json").json["accounts"]}
    assert listed["ann"]["locked_until"] is None
    assert listed["he"]["failures"] == MAX_FAILURES
    assert listed["he"]["locked_until"] in call("list").out
    unlocked = call("unlock", "he")
    assert unlocked.out == "Account he is not locked; 5 failures are forgiven.\n"
    assert accounts_of(newcomer, lambda accounts: accounts.sign_in("he", "correct horse"))


def test_an_account_is_removed_and_gets_another_password(call, newcomer, password_file):
    call("add", "ann", "--operator", "--password-file", password_file)
    password_file.write_text("battery staple\n")
    assert call("password", "ann", "--password-file", password_file).code == 0
    assert accounts_of(newcomer, lambda accounts: accounts.sign_in("ann", "battery staple"))
    assert call("remove", "ann").out == "Account ann is removed.\n"
    assert call("remove", "ann", "--json").json["error"]["code"] == "account.unknown"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("add", "ann"), 2, "--participant P or --operator"),
        (("add", "ann", "--operator", "--participant", "supplier-one"), 2, "not both"),
        (("add", "ann", "--operator"), 4, "nobody is there to type it"),
        (("add", "ann", "--operator", "--password-file", "none.txt"), 4, "none.txt"),
        (("password", "ann"), 4, "no account 'ann'"),
    ],
)
def test_what_is_missing_is_said_in_one_line(call, words, code, text):
    outcome = call(*words)
    assert outcome.code == code
    assert text in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_an_empty_or_short_password_is_refused_and_not_quoted(call, password_file):
    for password, code in (("\n", "passphrase.empty"), ("hunter2\n", "password.length")):
        password_file.write_text(password)
        words = ("add", "ann", "--operator", "--password-file", password_file, "--json")
        error = call(*words).json["error"]
        assert error["code"] == code
        assert "hunter2" not in str(error)
    assert call("list", "--json").json == {"accounts": []}
