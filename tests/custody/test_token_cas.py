"""CAs are made with keys in a token: made there, found there, or rolled over there."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from csrs import new_key
from custodies import issue
from smki_testca.api import Estate
from smki_testca.entropy import SeededEntropy
from smki_testca.errors import UsageError
from smki_testca.lifecycle.ca_keys import FoundInToken, MadeInToken
from smki_testca.profiles.model import Hierarchy, Tier
from tokens import PIN, URI

pytestmark = pytest.mark.interop

ROOT = (Hierarchy.ORGANISATION, Tier.ROOT)


@pytest.fixture
def init(custody, command, tmp_path):  # noqa: ARG001 - it sets up the token
    """Makes an estate of its own with the token."""

    def run(*words):
        return command("init", tmp_path / "other", *words)

    return run


def places(outcome):
    return {each["label"]: each["key"].split(":")[0] for each in outcome.json["authorities"]}


def listed(command, tmp_path):
    return places(command("--estate", tmp_path / "other", "ca", "list", "--json"))


@pytest.mark.slow
def test_the_keys_of_the_hierarchies_named_are_made_in_the_token(init, command, tmp_path, keys_in):
    before = len(keys_in())
    outcome = init("--token", URI, "--hierarchy", "organisation", "--hierarchy", "device", "--json")
    assert outcome.code == 0, outcome.err
    assert len(keys_in()) == before + 4
    where = listed(command, tmp_path)
    assert [name for name, place in where.items() if place == "pkcs11"] == ["ZA", "Z1", "DZ", "DZ1"]
    assert set(where.values()) == {"pkcs11", "estate"}
    assert "token smki" in command("--estate", tmp_path / "other", "ca", "list").out
    made = [each["key_place"] for each in outcome.json["certificates"][:4]]
    assert all(uri.startswith("pkcs11:token=smki;") and "pin" not in uri for uri in made)


@pytest.mark.slow
def test_without_a_hierarchy_all_keys_are_made_there(init, command, tmp_path):
    assert init("--token", URI).code == 0
    assert set(listed(command, tmp_path).values()) == {"pkcs11"}


@pytest.mark.slow
def test_a_key_pair_that_is_there_is_taken(init, custody, command, tmp_path):
    tool = custody.token.tool
    tool("--keypairgen", "--key-type", "EC:prime256v1", "--label", "zroot", "--id", "77")
    given = ("--ca-key", "organisation-root-ca", "pkcs11:token=smki;object=zroot")
    outcome = init(*given, "--json")
    assert outcome.code == 0, outcome.err
    key = "organisation-root-ca: it may"
    assert any(key in line for line in outcome.json["warnings"]), outcome.json
    where = listed(command, tmp_path)
    assert (where["ZA"], where["Z1"]) == ("pkcs11", "estate")
    assert init(*given, "--if-needed").code == 0
    assert init("--token", URI, "--if-needed").code == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--hierarchy", "organisation"), "usage"),
        (("--ca-key", "nothing", URI), "usage"),
        (("--ca-key", "organisation-root-ca", f"{URI};object=nothing"), "token.key_missing"),
        (("--ca-key", "organisation-root-ca", f"{URI};object=ZAZ1%20Z1"), "key.type"),
        (("--token", "pkcs11:token=smki?pin-value=1"), "token.pin_in_uri"),
        (("--token", "smki"), "token.uri"),
        (("--token", f"{URI};object=zroot"), "token.uri"),
        (("--token", "pkcs11:token=another"), "token.missing"),
    ],
)
def test_what_cannot_be_made_leaves_no_estate_and_no_key(
    init, custody, tmp_path, keys_in, words, code
):
    if code == "key.type":
        custody.token.tool("--keypairgen", "--key-type", "rsa:2048", "--label", "rsa", "--id", "78")
        words = (*words[:2], f"{URI};object=rsa")
    before = keys_in()
    outcome = init(*words, "--json")
    assert outcome.json["error"]["code"] == code
    assert keys_in() == before
    assert not (tmp_path / "other" / "estate.sqlite").exists()


@pytest.mark.slow
def test_a_key_of_a_ca_is_no_other_ca_of_the_estate(custody):
    with custody.open() as estate:
        record = estate.authorities.named("ZA")
        key = FoundInToken(estate.key_store.in_tokens.row(record.key_id).key.uri)
        estate.add_environment("UIT-A", {ROOT: key}, hierarchies=[Hierarchy.ORGANISATION])
        family = estate.library.environment("UIT-A")
        root = estate.authorities.newest(family, *ROOT)
        assert root.key_id == record.key_id  # as with --ca-keys: the holder is the CAs


@pytest.mark.slow
def test_the_environment_is_not_made_twice(custody):
    outcome = custody("init", "--token", URI, "--hierarchy", "organisation", "--json")
    assert outcome.json["error"]["code"] == "environment.present"
    again = custody("init", "--token", URI, "--hierarchy", "organisation", "--if-needed", "--json")
    assert again.json == {"changed": False}
    other = custody("init", "--token", URI, "--hierarchy", "device", "--if-needed", "--json")
    assert other.json["error"]["code"] == "environment.present"


@pytest.mark.slow
def test_the_next_generation_is_where_the_last_one_is_or_where_it_is_asked_for(custody):
    for words in (
        ("ca", "roll-over", "organisation", "--name", "Z1b"),
        ("ca", "roll-over", "device", "--name", "DZ1b"),
        ("ca", "roll-over", "device", "--name", "DZ1c", "--token", URI),
    ):
        outcome = custody(*words)
        assert outcome.code == 0, outcome.err
    where = places(custody("ca", "list", "--json"))
    assert [where[name] for name in ("Z1b", "DZ1b", "DZ1c")] == ["pkcs11", "estate", "pkcs11"]
    assert custody(*issue("organisation")).code == 0
    assert custody.audited().code == 0


def test_a_seed_is_refused_in_words(custody, tmp_path):
    with custody.open(entropy=SeededEntropy(bytes(8))) as estate:
        with pytest.raises(UsageError) as caught:
            estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING)
        assert caught.value.code == "token.seed"
        estate.issue_revocation_list(Hierarchy.DCCKI, Tier.ISSUING)
    access = custody.token.access()
    with Estate.create(
        tmp_path / "seeded", "phrase", token_access=access, entropy=SeededEntropy(bytes(8))
    ) as estate:
        with pytest.raises(UsageError) as caught:
            estate.add_environment("ZAZ1", {ROOT: MadeInToken(custody.token.uri())})
        assert caught.value.code == "token.seed"


def test_an_estate_that_is_opened_without_access_says_so(custody):
    with custody.open(token_access=None) as estate:
        with pytest.raises(UsageError) as caught:
            estate.renew_authority("Z1")
        assert caught.value.code == "token.module"
        assert "token_access" in caught.value.remedy
        assert PIN not in str(caught.value)


@pytest.mark.slow
def test_the_audit_counts_keys_in_tokens_where_no_module_is_named(custody, monkeypatch):
    assert "4 keys in tokens are there, and fit." in custody("audit", "verify", "--keys").out
    assert "in tokens" not in custody("audit", "verify").out
    monkeypatch.delenv("SMKI_TESTCA_PKCS11_MODULE")
    outcome = custody("audit", "verify", "--keys")
    assert outcome.code == 0
    assert "4 keys in tokens are not checked" in outcome.out
    assert custody.audited().json["tokens_asked"] is False


@pytest.mark.slow
def test_the_audit_tells_of_another_private_key_beside_the_right_public_key(custody):
    with custody.open() as estate:
        record = estate.authorities.named("Z1")
        key_id = estate.key_store.in_tokens.uri(record.key_id).id.hex()
    custody.token.tool("--delete-object", "--type", "privkey", "--id", key_id)
    file = custody.token.folder / "other.der"
    der = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(new_key().private_bytes(*der))
    named = ("--id", key_id, "--label", f"ZAZ1 {record.label}")
    custody.token.tool("--write-object", file, "--type", "privkey", "--usage-sign", *named)
    outcome = custody.audited()
    assert (outcome.code, outcome.json["error"]["code"]) == (5, "token.key_other")


@pytest.mark.slow
def test_the_audit_tells_of_a_key_that_is_gone(custody):
    with custody.open() as estate:
        record = estate.authorities.named("Z1")
        estate.tokens.remove(estate.key_store.in_tokens.row(record.key_id).key.uri)
    outcome = custody.audited()
    assert (outcome.code, outcome.json["error"]["code"]) == (5, "token.key_missing")
