"""Signing in with an account: sessions, their cookies and limits, and guesses at passwords."""

import contextlib
import shutil

import pytest

from estates import opened
from smki_testca.estate.accounts import MAX_FAILURES
from smki_testca.service.portal.sessions import IDLE, LONGEST, MAX_OF_ACCOUNT, Sessions
from smki_testca.service.settings import Listener
from visitors import PASSWORD, unchecked_tls, visitor_of


class _Time:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def time():
    return _Time()


@pytest.fixture
def sessions(time):
    return Sessions(time)


def _account(sessions, token):
    signed_in = sessions.signed_in(token)
    return None if signed_in is None else signed_in.account


def test_a_session_ends_when_it_is_not_used(sessions, time):
    token = sessions.begin("ann", b"")
    for _ in range(3):
        time.seconds += IDLE
        assert _account(sessions, token) == "ann"
    time.seconds += IDLE + 1
    assert _account(sessions, token) is None
    time.seconds -= IDLE
    assert _account(sessions, token) is None


def test_a_session_ends_however_much_it_is_used(sessions, time):
    token = sessions.begin("ann", b"")
    while time.seconds + IDLE <= LONGEST:
        time.seconds += IDLE
        assert _account(sessions, token) == "ann"
    time.seconds = LONGEST + 1
    assert _account(sessions, token) is None


def test_an_account_has_a_number_of_sessions_of_which_the_oldest_ends(sessions, time):
    tokens = []
    for _ in range(MAX_OF_ACCOUNT + 1):
        time.seconds += 1
        tokens.append(sessions.begin("ann", b""))
    other = sessions.begin("bob", b"")
    assert [_account(sessions, token) for token in tokens] == [None] + ["ann"] * MAX_OF_ACCOUNT
    assert _account(sessions, other) == "bob"


def test_tokens_and_what_forms_carry_are_nobody_elses(sessions):
    tokens = {sessions.begin("ann", b"") for _ in range(5)}
    assert len(tokens) == 5
    assert all(len(token) == 43 for token in tokens)
    token = tokens.pop()
    assert sessions.form_token(token) == sessions.form_token(token)
    assert sessions.form_token(token) != sessions.form_token(tokens.pop())
    assert Sessions().form_token(token) != sessions.form_token(token)


def _cookie(answer):
    (cookie,) = answer.headers.get_all("Set-Cookie")
    name, *attributes = [part.strip() for part in cookie.split(";")]
    return name.partition("=")[0], {attribute.lower() for attribute in attributes}


def test_the_cookie_is_for_this_portal_alone(portal):
    visitor = visitor_of(portal)
    name, attributes = _cookie(visitor.get("/sign-in"))
    assert name == f"smki-portal-{visitor.url.rpartition(':')[2]}"
    assert attributes == {"httponly", "path=/", "samesite=strict"}


def test_over_https_the_cookie_is_never_sent_in_the_clear(portal):
    visitor = visitor_of(portal, Listener.PORTAL_TLS, unchecked_tls())
    name, attributes = _cookie(visitor.get("/sign-in"))
    assert name.startswith("__Host-")
    assert attributes == {"httponly", "path=/", "samesite=strict", "secure"}
    assert visitor.sign_in("one").status == 303
    assert "participant supplier-one" in visitor.get("/").text


def test_signing_in_gives_another_token_so_that_a_planted_one_is_worth_nothing(portal):
    victim, attacker = visitor_of(portal), visitor_of(portal)
    attacker.get("/sign-in")
    victim.cookies = dict(attacker.cookies)
    answer = victim.sign_in("one", onward="/audit?action=issue")
    assert (answer.status, answer.location) == (303, "/audit?action=issue")
    assert victim.cookies != attacker.cookies
    assert "participant supplier-one" in victim.get("/").text
    assert "operator (this machine)" in attacker.get("/").text


def test_signing_out_ends_the_session_for_whoever_has_its_token(portal):
    visitor, thief = visitor_of(portal), visitor_of(portal)
    visitor.sign_in("two")
    thief.cookies = dict(visitor.cookies)
    assert "participant meters-one" in thief.get("/").text
    assert visitor.submit("/", "/sign-out", {}).status == 303
    assert "participant meters-one" not in visitor.get("/").text
    assert "participant meters-one" not in thief.get("/").text


@pytest.mark.slow
@pytest.mark.parametrize(
    "token", ["x", "x" * 43, "x" * 4000, '"' + "x" * 43 + '"', "../../etc/passwd", "é" * 43]
)
def test_a_token_that_somebody_made_up_is_nobodys(portal, token):
    visitor = visitor_of(portal)
    (name,) = (visitor.get("/"), visitor.cookies)[1]
    page = visitor.get("/", Cookie=f"{name}={token}".encode().decode("latin-1"))
    assert page.status == 200
    assert "operator (this machine)" in page.text


@pytest.mark.slow
def test_a_wrong_password_is_told_at_the_fields(portal):
    visitor = visitor_of(portal)
    page = visitor.sign_in("nobody", "wrong password")
    assert page.status == 422
    assert "There is a problem" in page.text
    assert '<a href="#name">' in page.html
    assert 'aria-invalid="true"' in page.html
    assert 'value="nobody"' in page.html
    assert "wrong password" not in page.html
    assert visitor.sign_in("", "").status == 422


@pytest.mark.slow
def test_guesses_lock_the_account_and_nothing_tells_that_it_exists(beyond):
    guesser = visitor_of(beyond, Listener.PORTAL_TLS, unchecked_tls())
    answers = [guesser.sign_in("one", f"guess {n} of many") for n in range(MAX_FAILURES)]
    answers.append(guesser.sign_in("nobody", "guess 1 of many"))
    # By now the right password does not open it, and is answered as any other.
    answers.append(guesser.sign_in("one", PASSWORD))
    assert {answer.status for answer in answers} == {422}
    assert len({answer.text.split("Name")[0] for answer in answers}) == 1
    assert guesser.get("/").status == 303
    with opened(beyond.estate) as estate:
        assert estate.accounts.get("one").locked_until is not None
        entries = estate.audit.entries_of("account.failure", "account.lock")
        assert len(entries) == MAX_FAILURES
        assert entries[-1].body["peer"]["address"].startswith("127.0.0.1:")
        estate.accounts.unlock("one")
    assert guesser.sign_in("one", PASSWORD).status == 303


@pytest.mark.slow
def test_a_session_ends_with_its_password_and_with_its_account(portal_original, tmp_path, serve):
    directory = tmp_path / "accounts"
    shutil.copytree(portal_original, directory)
    serving = serve(directory)
    one, two = visitor_of(serving), visitor_of(serving)
    one.sign_in("one")
    two.sign_in("two")
    with contextlib.closing(opened(directory)) as estate:
        estate.accounts.set_password("one", "another horse")
        estate.accounts.remove("two")
    assert "operator (this machine)" in one.get("/").text
    assert "operator (this machine)" in two.get("/").text
    assert one.sign_in("one", "another horse").status == 303
    assert "participant supplier-one" in one.get("/").text
