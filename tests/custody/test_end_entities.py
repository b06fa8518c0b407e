"""The keys of end entities in a token: made there, certified, renewed, and never given out."""

from __future__ import annotations

import pytest

from custodies import issue
from smki_testca.errors import EstateError
from smki_testca.estate.certificates import Selection
from smki_testca.x509.keys import load_public_key, signature_fits
from smki_testca.x509.view import view_certificate
from tokens import URI

pytestmark = pytest.mark.interop

IKI = issue("iki", "--token", URI, "--label", "lab")


@pytest.fixture
def issued(custody):
    """The record of a certificate whose key is in the token, as JSON."""
    outcome = custody(*IKI, "--json")
    assert outcome.code == 0, outcome.err
    (record,) = outcome.json["certificates"]
    return record


def certificates_in(custody):
    return custody.token.tool("--list-objects", "--type", "cert")


@pytest.mark.slow
def test_the_key_signs_for_the_certificate_that_is_beside_it(custody, issued):
    with custody.open() as estate:
        (record,) = estate.select(Selection(label="lab"))
        key = estate.key_store.in_tokens.row(record.key_id)
        assert (str(key.key.uri), key.holder) == (issued["key_place"], "participant supplier-one")
        signature = estate.tokens.signer(key.key.uri, key.key.public_key).sign(b"data")
        public = view_certificate(record.der).octets("subjectPublicKeyInfo")
        assert signature_fits(load_public_key(public), signature, b"data")
    assert issued["serial"] in certificates_in(custody)
    (entry,) = custody("audit", "show", "--last", "1", "--json").json["entries"]
    assert (entry["action"], entry["body"]["token"]) == ("issue", URI)
    assert "key in token" in custody("list", "--label", "lab").out


@pytest.mark.slow
def test_its_octets_are_not_given_out(custody, issued, tmp_path):
    exporting = ("export", "--format", "pem", "--with-keys", "--out", tmp_path / "out", "--json")
    outcome = custody(*exporting, "--label", "lab")
    assert (outcome.code, outcome.json["error"]["code"]) == (5, "key.in_token")
    assert custody(*issue("dccki", "--label", "other")).code == 0
    outcome = custody(*exporting, "--participant", "supplier-one")
    assert outcome.code == 0, outcome.out
    (left,) = outcome.json["keys_in_tokens"]
    assert (left["serial"], left["key_place"]) == (issued["serial"], issued["key_place"])
    assert len(list((tmp_path / "out").rglob("*.key"))) == 1
    outcome = custody(*exporting[:-1], "--participant", "supplier-one", "--force")
    assert "1 private key left out" in outcome.err
    with custody.open() as estate:
        (record,) = estate.select(Selection(label="lab"))
        assert estate.private_key(record) is None
        with pytest.raises(EstateError) as caught:
            _ = estate.credential(record).key_pem
        assert caught.value.code == "key.in_token"
    outcome = custody(*IKI, "--out", tmp_path / "x", "--with-key", "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (2, "usage")


@pytest.mark.slow
def test_renewals_are_in_the_same_token(custody, issued, keys_in):
    before = len(keys_in())
    outcome = custody("renew", "--label", "lab", "--json")
    assert outcome.code == 0, outcome.err
    (renewed,) = outcome.json["certificates"]
    assert renewed["key_place"] != issued["key_place"]
    assert len(keys_in()) == before + 1
    assert renewed["serial"] in certificates_in(custody)
    same = custody("renew", "--label", "lab", "--same-key", "--json").json["certificates"][0]
    assert same["key_place"] == renewed["key_place"]
    assert len(keys_in()) == before + 1
    listed = certificates_in(custody)
    assert same["serial"] in listed
    assert renewed["serial"] not in listed, "it takes the place of the one before"
    assert "key in token" in custody("renew", "--label", "lab", "--same-key").out
    outcome = custody("renew", "--label", "lab", "--out", custody.estate.parent / "r", "--with-key")
    assert (outcome.code, len(keys_in())) == (5, before + 1)


@pytest.mark.slow
@pytest.mark.usefixtures("issued")
def test_one_key_has_one_holder(custody):
    with custody.open() as estate:
        (record,) = estate.select(Selection(label="lab"))
        public = view_certificate(record.der).octets("subjectPublicKeyInfo")
        holders = estate.key_holders
        assert holders.holders(record.key_id) == {"participant supplier-one"}
        assert holders.has_keys("supplier-one")
        subject = estate.subject("iki", system_name="theirs", role="supplier")
        request = estate.request("supplier-two", "uept", subject)
        with pytest.raises(Exception, match="one key has one holder"):
            estate.issue(request, public_key=public)
        with pytest.raises(ValueError, match="a token makes its own key"):
            estate.issue(request, public_key=public, token=custody.token.uri())


@pytest.mark.slow
def test_a_ca_whose_key_is_sealed_certifies_a_key_in_a_token(custody, keys_in):
    before = len(keys_in())
    outcome = custody(*issue("dccki", "--token", URI), "--json")
    assert outcome.code == 0, outcome.err
    assert len(keys_in()) == before + 1
    assert custody.audited().json["token_keys"] == 5
