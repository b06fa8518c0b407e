"""Whatever signs does so with keys in a token, and asks for no passphrase without need."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509

from custodies import EXAMPLES, issue
from smki_testca.estate.certificates import Selection
from smki_testca.x509.view import view_certificate

pytestmark = pytest.mark.interop

CSR = EXAMPLES / "csrs" / "organisation.csr"
WHO = ("--participant", "supplier-one", "--purpose", "uept")
LABELLED = issue("organisation", "--label", "one")
SIGN = ("sign", CSR, *WHO, "--label", "one")

SEALING: dict[str, list[tuple[Any, ...]]] = {
    "issue": [LABELLED],
    "renew": [LABELLED, ("renew", "--label", "one")],
    "kit apply": [("kit", "apply", "{kit}")],
}
"""Commands that seal keys in the estate, with what comes before them."""

SIGNING: dict[str, list[tuple[Any, ...]]] = {
    "sign": [SIGN],
    "renew --same-key": [SIGN, ("renew", "--label", "one", "--same-key")],
    "crl issue": [("crl", "issue")],
    "crl issue --arl": [("crl", "issue", "--arl")],
    "crl issue --all": [("crl", "issue", "--all", "--also-current", "--hierarchy", "organisation")],
    "ca renew root": [("ca", "renew", "ZA")],
    "ca renew": [("ca", "renew", "Z1")],
    "ca roll-over": [("ca", "roll-over", "organisation", "--name", "Z1b"), SIGN],
    "issue --token": [issue("iki", "--token", "pkcs11:token=smki")],
}
"""Commands that use keys in the token alone."""

KIT = """
name = "one"
title = "One certificate"
hierarchies = ["organisation"]

[[request]]
profile = "organisation"
participant = "supplier-one"
purpose = "uept"
id = "90-B3-D5-1F-30-01-00-00"
role = "supplier"
usages = ["digital-signature"]
label = "of-kit"
"""


def signatures_fit(custody):
    """Whether each certificate of the estate is signed with the key of its issuer."""
    with custody.open() as estate:
        records = list(estate.select(Selection()))
        for record in records:
            issuer, issued = (
                x509.load_der_x509_certificate(each.der)
                for each in (estate.by_serial(record.issuer), record)
            )
            issued.verify_directly_issued_by(issuer)
        return len(records)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SEALING, *SIGNING])
def test_each_command_signs_through_the_token(custody, name, tmp_path):
    kit = tmp_path / "kit.toml"
    kit.write_text(KIT)
    for words in {**SEALING, **SIGNING}[name]:
        outcome = custody(*(str(word).format(kit=kit) for word in words))
        assert outcome.code == 0, outcome.err
    assert signatures_fit(custody) >= 8
    with custody.open() as estate:
        for crl in estate.revocation_lists():
            assert estate.by_serial(crl.authority).key_id in estate.key_holders.authority_keys()
    verified = custody.audited()
    assert verified.code == 0, verified.out
    assert verified.json["tokens_asked"] is True


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SIGNING))
def test_no_passphrase_is_needed_where_only_keys_in_tokens_are_used(custody, name, monkeypatch):
    monkeypatch.delenv("SMKI_TESTCA_PASSPHRASE")
    for words in SIGNING[name]:
        outcome = custody(*words)
        assert outcome.code == 0, outcome.err


@pytest.mark.slow
def test_no_pin_is_needed_where_only_sealed_keys_are_used(custody, monkeypatch):
    monkeypatch.delenv("SMKI_TESTCA_TOKEN_PIN")
    monkeypatch.delenv("SMKI_TESTCA_PKCS11_MODULE")
    assert custody(*issue("dccki")).code == 0
    assert custody("crl", "issue", "--hierarchy", "dccki").code == 0
    assert custody("list").code == 0
    assert custody("ca", "list").code == 0
    outcome = custody(*issue("organisation", "--json"))
    assert (outcome.code, outcome.json["error"]["code"]) == (2, "token.module")
    monkeypatch.setenv("SMKI_TESTCA_PKCS11_MODULE", str(custody.token.module))
    outcome = custody(*issue("organisation", "--json"))
    assert (outcome.code, outcome.json["error"]["code"]) == (5, "token.pin")


@pytest.mark.slow
def test_imported_certificates_are_signed_again(custody, quickstart, command, tmp_path):
    out = tmp_path / "exported"
    words = ("export", "--format", "pem", "--label", "Z1-supplier-ds", "--out", out)
    assert command("--estate", quickstart, *words).code == 0
    assert custody("import", out).code == 0
    outcome = custody("re-sign", "--purpose", "uept", "--label", "Z1-supplier-ds")
    assert outcome.code == 0, outcome.err
    assert signatures_fit(custody) == 9


@pytest.mark.slow
def test_a_corpus_is_signed(custody, tmp_path):
    out = tmp_path / "corpus"
    outcome = custody(
        "corpus", "make", out, "--profile", "organisation", "--importance", "critical"
    )
    assert outcome.code == 0, outcome.err
    with custody.open() as estate:
        ca = x509.load_der_x509_certificate(estate.authorities.named("Z1").der)
    good = next(out.rglob("good-organisation*.der")).read_bytes()
    x509.load_der_x509_certificate(good).verify_directly_issued_by(ca)


@pytest.mark.slow
def test_a_token_with_another_key_signs_nothing(custody):
    """The certificate is what counts: the token of another estate has keys of the same labels."""
    with custody.open() as estate:
        record = estate.authorities.named("Z1")
        uri = estate.key_store.in_tokens.row(record.key_id).key.uri
        estate.tokens.remove(uri)
        made = estate.tokens.generate(
            uri, estate.library.profile(record.profile).key_type, uri.object
        )
        assert made.public_key != view_certificate(record.der).octets("subjectPublicKeyInfo")
    before = (custody.estate / "estate.sqlite").read_bytes()
    outcome = custody(*SIGN, "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (5, "token.key_missing")
    assert (custody.estate / "estate.sqlite").read_bytes() == before
