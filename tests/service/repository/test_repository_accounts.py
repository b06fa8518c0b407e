"""Who may use the repository: anybody on this machine, or the holder of an account."""

from __future__ import annotations

import asyncio
import base64
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from serving import Serving
from smki_testca.estate import passwords
from smki_testca.estate.accounts import MAX_FAILURES
from smki_testca.service import sign_in
from smki_testca.service.estate_access import EstateAccess
from smki_testca.service.in_thread import ServicesInThread
from smki_testca.service.settings import Listener, Settings

FILE = "/ca/ZAZ1/organisation/Z1/certificate.cer"
SEARCH = "<CertificateSubjectName>Z1</CertificateSubjectName>"
PASSWORD = "correct: horse"  # noqa: S105 - of an account that the tests make
ELSEWHERE = "127.0.0.2"
"""Loopback by its number, but none of the names that count as this machine alone."""


@pytest.fixture
def basic():
    """The header of a name and a password."""

    def header(name, password):
        octets = base64.b64encode(f"{name}:{password}".encode())
        return {"Authorization": f"Basic {octets.decode()}"}

    return header


@pytest.fixture(autouse=True)
def _refusals_are_told_at_once(monkeypatch):
    monkeypatch.setattr(sign_in, "REFUSAL_SECONDS", 0.0)


@pytest.fixture(scope="module")
def elsewhere(quickstart_original, tmp_path_factory):
    """Services that others reach, and the API key of the account ann; no test may lock it."""
    directory = tmp_path_factory.mktemp("elsewhere") / "estate"
    shutil.copytree(quickstart_original, directory)
    passphrase = (directory / "passphrase").read_text("utf-8").strip()
    settings = Settings(port_base=0, bind=ELSEWHERE, issue_clients=False)
    with ServicesInThread(EstateAccess(directory, passphrase), settings) as running:
        serving = Serving(directory, passphrase, running, [])
        yield serving, with_account(serving)


def with_account(serving, name="ann"):
    with serving.open() as estate:
        return estate.accounts.add(name, PASSWORD)


@pytest.mark.slow
def test_without_accounts_any_api_key_will_do_on_this_machine(serve, client):
    asked = client(serve())
    assert asked.search(SEARCH, "anything").status == 200
    assert asked.get(FILE).status == 200


@pytest.mark.slow
def test_once_there_is_an_account_the_api_key_must_be_one(serve, client):
    serving = serve()
    asked = client(serving)
    key = with_account(serving)
    for wrong in ("anything", key.swapcase(), f"{key}x"):
        refused = asked.search(SEARCH, wrong)
        assert refused.status == 401
        assert refused.xml.find("Result") is None
        assert asked.retrieve("1", wrong).status == 401
    assert asked.search(SEARCH, key).status == 200
    assert asked.get(FILE).status == 200


def test_bound_elsewhere_nothing_is_open_without_an_account(elsewhere, client):
    serving, _ = elsewhere
    for listener in (Listener.REPOSITORY, Listener.REPOSITORY_TLS):
        asked = client(serving, listener)
        assert asked.search(SEARCH, "anything").status == 401
        for path in ("/", FILE, "/ca/ZAZ1/organisation/Z1/crl/latest.crl"):
            refused = asked.get(path)
            assert refused.status in {401, 403}
            assert b"CERTIFICATE" not in refused.body
            assert len(refused.text.splitlines()) == 1


def test_bound_elsewhere_an_account_opens_downloads(elsewhere, client, basic):
    serving, key = elsewhere
    secure, clear = client(serving, Listener.REPOSITORY_TLS), client(serving)
    challenged = secure.get(FILE)
    assert challenged.status == 401
    assert challenged.headers["WWW-Authenticate"].startswith("Basic realm=")
    answer = secure.get(FILE, **basic("ann", PASSWORD))
    assert answer.status == 200
    assert answer.headers["Cache-Control"].startswith("private,")
    assert secure.get("/", **basic("ann", PASSWORD)).status == 200
    for asked in (secure, clear):
        assert asked.get(f"{FILE}?apikey={key}").status == 200
        assert asked.search(SEARCH, key).status == 200


@pytest.mark.slow
def test_a_search_takes_a_name_and_a_password_besides_any_api_key(serve, client, basic):
    # The DCC's client has its API key built in, but sends headers.
    serving = serve()
    asked = client(serving)
    with_account(serving)
    assert asked.search(SEARCH, "any", **basic("ann", PASSWORD)).status == 200
    assert asked.search(SEARCH, "any", **basic("ann", "wrong")).status == 401


def test_no_password_is_taken_over_plain_http(elsewhere, client, basic):
    serving, key = elsewhere
    asked = client(serving)
    assert asked.search(SEARCH, key, **basic("ann", PASSWORD)).status == 401
    refused = asked.get(FILE, **basic("ann", PASSWORD))
    assert refused.status == 403
    assert "WWW-Authenticate" not in refused.headers
    assert serving.running.services.context.addresses[Listener.REPOSITORY_TLS] in refused.text


@pytest.mark.slow
@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic !!!", "Basic YW5u", "Bearer abc", "Basic /////w==", "Digest username=ann"],
)
def test_another_authorization_is_challenged(elsewhere, client, header):
    refused = client(elsewhere[0], Listener.REPOSITORY_TLS).get(FILE, Authorization=header)
    assert refused.status == 401
    assert "WWW-Authenticate" in refused.headers


@pytest.mark.slow
def test_five_failures_lock_the_account_and_its_api_key_also_after_a_restart(
    serve, client, basic, quickstart
):
    serving = serve(bind=ELSEWHERE)
    key = with_account(serving)
    asked = client(serving, Listener.REPOSITORY_TLS)
    texts = {
        asked.get(FILE, **basic(name, "wrong")).text
        for name in ("ann", "nobody", *["ann"] * (MAX_FAILURES - 1))
    }
    assert len(texts) == 1
    again = client(serve(quickstart, bind=ELSEWHERE), Listener.REPOSITORY_TLS)
    for each in (asked, again):
        assert each.get(FILE, **basic("ann", PASSWORD)).text in texts
        assert each.search(SEARCH, key).status == 401
    with serving.open() as estate:
        (lock,) = estate.audit.entries_of("account.lock")
        assert lock.body["peer"]["address"].startswith("127.0.0.")
        assert len(estate.audit.entries_of("account.failure")) == MAX_FAILURES - 1
        estate.accounts.unlock("ann")
        assert estate.audit.verify()
    assert asked.get(FILE, **basic("ann", PASSWORD)).status == 200


def test_a_refusal_takes_its_time_for_a_name_that_nobody_has_too(
    elsewhere, client, basic, monkeypatch
):
    serving, _ = elsewhere
    slept = []
    sleep = asyncio.sleep

    async def noted(seconds, *rest):
        slept.append(seconds)
        await sleep(0, *rest)

    monkeypatch.setattr(sign_in, "REFUSAL_SECONDS", 500.0)
    monkeypatch.setattr(asyncio, "sleep", noted)
    asked = client(serving, Listener.REPOSITORY_TLS)
    for name in ("ann", "nobody"):
        asked.get(FILE, **basic(name, "wrong"))
    assert len([seconds for seconds in slept if 400 < seconds <= 500]) == 2


@pytest.mark.slow
def test_guesses_are_made_one_at_a_time_and_searches_go_on(elsewhere, client, basic, monkeypatch):
    serving, key = elsewhere
    asked = client(serving, Listener.REPOSITORY_TLS)
    busy, release, at_once = threading.Event(), threading.Event(), []
    stretched = passwords._stretched  # noqa: SLF001 - it is held, as by a slow machine

    def held(*arguments):
        at_once.append(threading.current_thread().name)
        busy.set()
        assert release.wait(60)
        return stretched(*arguments)

    monkeypatch.setattr(passwords, "_stretched", held)
    with ThreadPoolExecutor(4) as others:
        guesses = [others.submit(asked.get, FILE, **basic("nobody", "wrong")) for _ in range(4)]
        assert busy.wait(60)
        assert asked.search(SEARCH, key).status == 200
        assert len(at_once) == 1
        release.set()
        assert {guess.result().status for guess in guesses} == {401}
    assert not any(name.startswith("desk") for name in at_once)
