"""Accounts sign in with a password or an API key; five failures in an hour lock them for one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from estates import opened
from smki_testca.errors import AlreadySoError, EstateError, InputError
from smki_testca.estate import passwords, sealing
from smki_testca.estate.accounts import LOCK_TIME, MAX_FAILURES, SignInError

START = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RIGHT, WRONG = "correct horse", "correct house"


@pytest.fixture
def at(newcomer):
    """Opens the estate at some time, counted from the start, and does something with its accounts.

    Each time it is opened anew, as by a service that was started again.
    """

    def do(after, work):
        with opened(newcomer, START + after) as estate:
            return work(estate.accounts)

    do(0 * MINUTE, lambda accounts: accounts.add("ann", RIGHT))
    return do


def fails(accounts, name="ann", password=WRONG):
    with pytest.raises(SignInError) as caught:
        accounts.sign_in(name, password)
    return caught.value


def signs_in(accounts):
    return accounts.sign_in("ann", RIGHT)


def entries(accounts_of):
    """The actions of the audit log that tell of accounts, without the word."""
    return [
        entry.action.removeprefix("account.")
        for entry in accounts_of.audit.entries()
        if entry.action.startswith("account.")
    ]


def test_an_account_signs_in_with_its_password_and_its_api_key_only(estate):
    key = estate.accounts.add("ann", RIGHT)
    other = estate.accounts.add("head-end", RIGHT + "!", "supplier-one")
    assert estate.accounts.sign_in("ann", RIGHT).participant is None
    assert estate.accounts.by_api_key(key).name == "ann"
    assert estate.accounts.by_api_key(other).participant == "supplier-one"
    for name, password in (("ann", RIGHT + "!"), ("Ann", RIGHT), ("ann", ""), ("ann", "\ud800")):
        fails(estate.accounts, name, password)
    for api_key in ("", key[:-1], key.swapcase(), RIGHT, "\ud800"):
        with pytest.raises(SignInError):
            estate.accounts.by_api_key(api_key)
    assert estate.audit.verify()


def test_neither_a_password_nor_an_api_key_is_in_the_estate(estate):
    keys = [estate.accounts.add("ann", RIGHT), estate.accounts.new_key("ann")]
    estate.accounts.set_password("ann", WRONG)
    octets = (estate.directory / "estate.sqlite").read_bytes()
    for secret in (RIGHT, WRONG, *keys):
        assert secret.encode() not in octets


def test_equal_passwords_have_other_digests_which_say_what_they_cost():
    first, second = passwords.password_digest(RIGHT), passwords.password_digest(RIGHT)
    assert first != second
    assert first.startswith(passwords.PASSWORD_COST.header)
    assert passwords.password_fits(RIGHT, first)
    assert not passwords.password_fits(WRONG, first)
    assert not passwords.password_fits("", passwords.nobodys_digest())


def test_an_accent_is_the_same_however_the_keyboard_sends_it(estate):
    estate.accounts.add("ann", "caf\u00e9 au lait")
    assert estate.accounts.sign_in("ann", "cafe\u0301 au lait")


def test_another_password_or_key_ends_the_old_one(estate):
    old = estate.accounts.add("ann", RIGHT)
    new = estate.accounts.new_key("ann")
    estate.accounts.set_password("ann", RIGHT + "!")
    fails(estate.accounts, password=RIGHT)
    with pytest.raises(SignInError):
        estate.accounts.by_api_key(old)
    assert estate.accounts.sign_in("ann", RIGHT + "!") == estate.accounts.by_api_key(new)
    estate.accounts.remove("ann")
    fails(estate.accounts, password=RIGHT + "!")
    with pytest.raises(SignInError):
        estate.accounts.by_api_key(new)
    assert not estate.accounts.exist()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "password", "participant", "code"),
    [
        ("", RIGHT, None, "account.name"),
        ("a:b", RIGHT, None, "account.name"),
        ("-a", RIGHT, None, "account.name"),
        ("a" * 65, RIGHT, None, "account.name"),
        ("é", RIGHT, None, "account.name"),
        ("<b>", RIGHT, None, "account.name"),
        ("ann", RIGHT, None, "account.taken"),
        ("bob", "a" * 7, None, "password.length"),
        ("bob", "a" * 1025, None, "password.length"),
        ("bob", "\ud800" * 9, None, "password.encoding"),
        ("bob", RIGHT, "nobody", "participant.unknown"),
    ],
)
def test_what_cannot_be_an_account_is_none(estate, name, password, participant, code):
    estate.accounts.add("ann", RIGHT)
    head = estate.audit.head()
    with pytest.raises(InputError) as caught:
        estate.accounts.add(name, password, participant)
    assert caught.value.code == code
    assert password not in caught.value.message
    assert [one.name for one in estate.accounts.all()] == ["ann"]
    assert estate.audit.head() == head


@pytest.mark.parametrize(
    "change",
    [
        lambda accounts: accounts.get("bob"),
        lambda accounts: accounts.remove("bob"),
        lambda accounts: accounts.set_password("bob", RIGHT),
        lambda accounts: accounts.new_key("bob"),
        lambda accounts: accounts.unlock("bob"),
    ],
)
def test_an_account_that_is_not_there_is_named_with_those_that_are(estate, change):
    estate.accounts.add("ann", RIGHT)
    with pytest.raises(InputError) as caught:
        change(estate.accounts)
    assert (caught.value.code, caught.value.remedy) == ("account.unknown", "Use one of ann.")


def test_five_failures_within_an_hour_lock_an_account_for_an_hour(at):
    for minute in range(MAX_FAILURES - 1):
        at(minute * MINUTE, fails)
    assert at(4 * MINUTE, lambda accounts: accounts.get("ann")).locked_until is None
    at(5 * MINUTE, fails)
    locked = at(5 * MINUTE, lambda accounts: accounts.get("ann"))
    assert (locked.failures, locked.locked_until) == (5, START + 5 * MINUTE + LOCK_TIME)
    for minute in (5, 6, 64):
        refused = at(minute * MINUTE, lambda accounts: fails(accounts, password=RIGHT))
        assert refused.code == "account.refused"
    assert at(65 * MINUTE, signs_in).locked_until is None


def test_a_locked_account_is_locked_for_its_api_key_too(at):
    key = at(0 * MINUTE, lambda accounts: accounts.new_key("ann"))
    for _ in range(MAX_FAILURES):
        at(MINUTE, fails)
    with pytest.raises(SignInError):
        at(2 * MINUTE, lambda accounts: accounts.by_api_key(key))
    assert at(61 * MINUTE, lambda accounts: accounts.by_api_key(key)).name == "ann"


def test_failures_of_more_than_an_hour_do_not_lock_an_account(at):
    for minute in (0, 10, 20, 30, 60, 75, 85, 95):
        at(minute * MINUTE, fails)
    assert at(95 * MINUTE, signs_in).failures == 0


def test_a_success_clears_the_failures(at):
    for round_ in range(3):
        for _ in range(MAX_FAILURES - 1):
            at(round_ * MINUTE, fails)
        assert at(round_ * MINUTE, signs_in).failures == 0


def test_guesses_at_a_locked_account_do_not_lock_it_for_longer(at):
    for _ in range(MAX_FAILURES):
        at(0 * MINUTE, fails)
    for minute in range(1, 60, 7):
        at(minute * MINUTE, fails)
    assert at(60 * MINUTE, signs_in).name == "ann"


def test_after_the_lock_it_takes_five_failures_again(at):
    for _ in range(MAX_FAILURES):
        at(0 * MINUTE, fails)
    for _ in range(MAX_FAILURES - 1):
        at(61 * MINUTE, fails)
    assert at(61 * MINUTE, signs_in).name == "ann"


def test_a_password_that_was_right_before_the_lock_is_refused_after_it(estate):
    # As many guess at once, all are proved before the first is settled.
    estate.accounts.add("ann", RIGHT)
    proofs = [estate.accounts.prove("ann", WRONG) for _ in range(MAX_FAILURES)]
    late = estate.accounts.prove("ann", RIGHT)
    for proof in (*proofs, late):
        with pytest.raises(SignInError):
            estate.accounts.settle(proof)


def test_a_password_that_was_changed_meanwhile_is_refused(estate):
    estate.accounts.add("ann", RIGHT)
    proof = estate.accounts.prove("ann", RIGHT)
    estate.accounts.set_password("ann", RIGHT)
    with pytest.raises(SignInError):
        estate.accounts.settle(proof)


def test_the_operator_unlocks_an_account_and_another_password_does_too(estate):
    estate.accounts.add("ann", RIGHT)
    with pytest.raises(AlreadySoError):
        estate.accounts.unlock("ann")
    for mend in (estate.accounts.unlock, lambda name: estate.accounts.set_password(name, RIGHT)):
        for _ in range(MAX_FAILURES):
            fails(estate.accounts)
        mend("ann")
        assert signs_in(estate.accounts).failures == 0
    assert estate.audit.verify()


def test_the_audit_log_tells_of_failures_and_locks_with_who_guessed(estate):
    estate.accounts.add("ann", RIGHT)
    for _ in range(MAX_FAILURES + 3):
        with pytest.raises(SignInError):
            estate.accounts.sign_in("ann", WRONG, {"peer": {"address": "127.0.0.1"}})
    estate.accounts.unlock("ann")
    fails(estate.accounts)
    signs_in(estate.accounts)
    signs_in(estate.accounts)
    told = ["add", *["failure"] * 4, "lock", "unlock", "failure", "sign-in"]
    assert entries(estate) == told
    (lock,) = estate.audit.entries_of("account.lock")
    assert lock.body["peer"] == {"address": "127.0.0.1"}
    assert lock.body["failures"] == MAX_FAILURES
    assert WRONG not in str([entry.body for entry in estate.audit.entries()])


def test_names_that_nobody_has_cost_as_much_and_leave_nothing(estate, monkeypatch):
    estate.accounts.add("ann", RIGHT)
    stretched = []
    stretch = passwords._stretched  # noqa: SLF001 - it is counted, as time cannot be asserted

    def counted(cost, *rest):
        stretched.append(cost)
        return stretch(cost, *rest)

    monkeypatch.setattr(passwords, "_stretched", counted)
    head = estate.audit.head()
    texts = {fails(estate.accounts, name).message for name in ("bob", "", "a'; DROP", "\ud800")}
    assert estate.audit.head() == head
    texts.add(fails(estate.accounts).message)
    assert len(texts) == 1
    assert stretched == [passwords.PASSWORD_COST] * 5


def test_an_account_of_another_version_signs_in_at_the_cost_of_its_digest(estate, monkeypatch):
    estate.accounts.add("ann", RIGHT)
    monkeypatch.setattr(passwords, "PASSWORD_COST", sealing.Cost(1 << 5, 4, 2))
    assert signs_in(estate.accounts)


@pytest.mark.parametrize(
    "digest", [b"", b"none", b"smki-testca scrypt n=1073741824 r=8 p=1;" + bytes(48)]
)
def test_a_digest_that_was_changed_is_damage(estate, digest):
    estate.accounts.add("ann", RIGHT)
    with closing(sqlite3.connect(estate.directory / "estate.sqlite")) as file, file:
        file.execute("UPDATE accounts SET password = ?", (digest,))
    with pytest.raises(EstateError) as caught:
        signs_in(estate.accounts)
    assert caught.value.code == "estate.damaged"
    assert "the row with name 'ann' in its table accounts" in caught.value.message


def test_a_participants_accounts_are_known(estate):
    assert not estate.accounts.exist()
    estate.accounts.add("b", RIGHT, "supplier-one")
    estate.accounts.add("a", RIGHT, "supplier-one")
    estate.accounts.add("c", RIGHT)
    assert estate.accounts.exist()
    assert estate.accounts.of_participant("supplier-one") == ["a", "b"]
    assert [one.name for one in estate.accounts.all()] == ["a", "b", "c"]
