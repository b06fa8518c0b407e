"""What is not committed leaves no key in a token."""

from __future__ import annotations

import pytest

from custodies import issue
from smki_testca.authority.signers.tokens.tokens import Tokens
from smki_testca.errors import EstateError
from smki_testca.estate.certificates import CertificateStore
from smki_testca.profiles.model import Hierarchy
from tokens import URI

pytestmark = pytest.mark.interop


class FailedError(Exception):
    """Fails a transaction."""


def roll_over_and_fail(estate, name):
    """Make the next generation of a CA in a transaction that fails."""
    with estate.transaction():
        estate.roll_over(Hierarchy.ORGANISATION, name)
        raise FailedError


@pytest.fixture
def nothing_left(keys_in, custody):
    """Checks at the end that the token has what it had, certificates included."""
    keys, objects = keys_in(), len(custody.token.objects)
    yield
    assert keys_in() == keys
    assert len(custody.token.objects) == objects


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_left")
def test_a_dry_run_leaves_no_key(custody):
    outcome = custody("ca", "roll-over", "organisation", "--name", "Z1b", "--dry-run", "--json")
    assert outcome.code == 0
    assert outcome.json["certificates"][0]["key_place"].startswith("pkcs11:")
    with custody.open(dry_run=True) as estate:
        estate.roll_over(Hierarchy.ORGANISATION, "Z1b")
        estate.roll_over(Hierarchy.DEVICE, "DZ1b", token=custody.token.uri())


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_left")
def test_a_refusal_leaves_no_key_and_is_recorded(custody):
    words = issue("iki", "--token", URI)
    outcome = custody(*(word.replace("supplier-one", "nobody") for word in words))
    assert outcome.code == 3
    (entry,) = custody("audit", "show", "--last", "1", "--json").json["entries"]
    assert (entry["action"], entry["body"]["granted"]) == ("issue", False)


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_left")
def test_a_request_that_cannot_be_granted_leaves_no_key(custody):
    for more in (("--not-before", "2030-01-01", "--not-after", "2029-01-01"), ("--label", " ")):
        assert custody(*issue("iki", "--token", URI), *more).code == 4
    agreeing = issue("organisation", "--token", URI, "--usage", "key-agreement", "--json")
    assert custody(*agreeing).json["error"]["code"] == "token.usage"


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_left")
def test_a_transaction_that_fails_leaves_no_key(custody, monkeypatch):
    def fail(*_):
        raise FailedError

    monkeypatch.setattr(CertificateStore, "add", fail)
    with custody.open() as estate:
        with pytest.raises(FailedError):
            estate.roll_over(Hierarchy.ORGANISATION, "Z1b")
        subject = estate.subject("iki", system_name="lab", role="supplier")
        request = estate.request("supplier-one", "uept", subject)
        with pytest.raises(FailedError):
            estate.issue(request, token=custody.token.uri())


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_left")
def test_a_part_of_a_transaction_that_fails_leaves_no_key(custody):
    with custody.open() as estate, estate.transaction():
        with pytest.raises(FailedError):
            roll_over_and_fail(estate, "Z1b")
        estate.issue_revocation_list(Hierarchy.ORGANISATION, estate.authorities.named("Z1").tier)
    assert custody.audited().code == 0


@pytest.mark.slow
def test_a_failure_after_a_success_removes_no_earlier_key(custody, keys_in):
    before = len(keys_in())
    with custody.open() as estate:
        estate.roll_over(Hierarchy.ORGANISATION, "Z1b")
        with pytest.raises(FailedError):
            roll_over_and_fail(estate, "Z1c")
    assert len(keys_in()) == before + 1
    assert custody.audited().code == 0


@pytest.mark.slow
def test_the_first_error_is_told_where_the_token_cannot_be_cleaned(custody, monkeypatch):
    def gone(*_):
        raise EstateError("token.gone", "The token is gone.")

    monkeypatch.setattr(Tokens, "remove", gone)
    with custody.open() as estate, pytest.raises(FailedError):
        roll_over_and_fail(estate, "Z1b")
    assert custody.audited().json["token_keys"] == 4
