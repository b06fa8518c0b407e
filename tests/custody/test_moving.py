"""``ca move``: a CA's key that was brought into a token is used there, and the sealed one goes."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from custodies import issue
from smki_testca.errors import EstateError
from smki_testca.estate.key_store import IN_ESTATE
from smki_testca.x509 import private_keys
from smki_testca.x509.keys import key_id
from smki_testca.x509.names import KeyType

pytestmark = pytest.mark.interop

DZ = "pkcs11:token=smki;object=dz"
PKCS8 = "pkcs8.der"


def sealed(custody, identifier):
    with closing(sqlite3.connect(custody.estate / "estate.sqlite")) as file:
        rows = file.execute("SELECT sealed FROM keys WHERE id = ?", (identifier,)).fetchall()
    return [octets for (octets,) in rows]


@pytest.fixture
def brought(custody, tmp_path):
    """The key of the CA DZ is in the token, too; gives the id of the key."""
    with custody.open() as estate:
        record = estate.authorities.named("DZ")
        reference = estate.key_store.reference(record.key_id)
        pkcs8 = estate.estate_key.key().open(reference.sealed, reference.label)
        public = estate.authorities.signer(record).public_key
    for name, octets, kind in ((PKCS8, pkcs8, "privkey"), ("public.der", public, "pubkey")):
        (tmp_path / name).write_bytes(octets)
        words = ("--write-object", tmp_path / name, "--type", kind, "--id", "5A", "--label", "dz")
        custody.token.tool(*words, "--usage-sign")
    return record.key_id


@pytest.mark.slow
def test_the_sealed_key_is_gone_and_the_ca_signs(custody, brought):
    (before,) = sealed(custody, brought)
    outcome = custody("ca", "move", "DZ", "--token", DZ, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["key"].startswith("pkcs11:token=smki;")
    assert any("About the key of the CA DZ" in line for line in outcome.json["warnings"])
    assert sealed(custody, brought) == []
    octets = (custody.estate / "estate.sqlite").read_bytes()
    assert before not in octets
    assert before[12:44] not in octets, "not a part of it is left"
    with custody.open(token_access=custody.token.access()) as estate:
        assert estate.key_store.place(brought) == outcome.json["key"]
    assert custody("ca", "renew", "DZ1").code == 0
    assert custody.audited().code == 0
    (entry,) = custody("audit", "show", "--action", "authority.move", "--json").json["entries"]
    assert (entry["body"]["ca"], entry["body"]["from"]) == ("DZ", IN_ESTATE)
    again = custody("ca", "move", "DZ", "--token", DZ, "--json")
    assert (again.code, again.json["error"]["code"]) == (4, "ca.moved")
    needed = custody("ca", "move", "DZ", "--token", DZ, "--if-needed", "--json")
    assert (needed.code, needed.json) == (0, {"changed": False})


@pytest.mark.slow
def test_a_dry_run_checks_and_moves_nothing(custody, brought):
    before = (custody.estate / "estate.sqlite").read_bytes()
    outcome = custody("ca", "move", "DZ", "--token", DZ, "--dry-run")
    assert outcome.code == 0, outcome.err
    assert "The CA DZ would sign with its key in pkcs11:token=smki" in outcome.out
    assert "from now on" not in outcome.out
    assert (custody.estate / "estate.sqlite").read_bytes() == before
    assert len(sealed(custody, brought)) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("brought")
def test_after_a_move_the_other_keys_of_the_hierarchy_can_be_exported(custody, command, tmp_path):
    (tmp_path / "phrase").write_text("a phrase\n")
    out = tmp_path / "shared"
    words = ("export", "ca-keys", "--out", out, "--export-passphrase-file", tmp_path / "phrase")
    assert custody("ca", "move", "DZ", "--token", DZ).code == 0
    told = custody("--json", *words, "--hierarchy", "device")
    assert told.code == 0, told.out
    assert told.json["warnings"] == ["1 CA left out: the key is in a PKCS#11 token: DZ."]
    names = ["device-issuing-ca.crt", "device-issuing-ca.key"]
    assert sorted(path.name for path in out.iterdir()) == names
    taken = ("--ca-keys", out, "--ca-keys-passphrase-file", tmp_path / "phrase")
    error = command("--json", "init", tmp_path / "other", *taken).json["error"]
    assert error["code"] == "ca_keys.certificate"
    assert "the root's key" in error["remedy"]
    refused = custody("--json", *words, "--force", "--hierarchy", "organisation")
    assert refused.json["error"]["code"] == "key.in_token"


@pytest.mark.slow
@pytest.mark.usefixtures("brought")
def test_another_key_is_refused(custody):
    before = (custody.estate / "estate.sqlite").read_bytes()
    for ca, uri, code in (
        ("DZ1", DZ, "token.key_other"),
        ("DZ", "pkcs11:token=smki;object=nothing", "token.key_missing"),
        ("DZ", "pkcs11:token=smki", "token.key_ambiguous"),
        ("NONE", DZ, "ca.unknown"),
    ):
        outcome = custody("ca", "move", ca, "--token", uri, "--json")
        assert outcome.json["error"]["code"] == code
    assert (custody.estate / "estate.sqlite").read_bytes() == before


@pytest.mark.slow
def test_an_open_estate_signs_with_the_token_after_a_move(custody, brought):
    with custody.open() as estate:
        estate.authorities.able(estate.authorities.named("DZ"))
        estate.move_authority_key("DZ", custody.token.uri().with_key(b"\x5a", "dz"))
        signer = estate.authorities.signer(estate.authorities.named("DZ"))
        assert key_id(signer.public_key) == brought
        assert type(signer).__name__ == "TokenSigner"


def test_a_key_in_a_token_is_not_sealed_as_well(custody):
    """What imports keys, such as ``re-sign``, meets the same check."""
    with custody.open() as estate:
        private = private_keys.generate(KeyType.P256, estate.entropy)
        public = private_keys.public_key_info(private)
        row = {
            "id": key_id(public),
            "uri": "pkcs11:token=smki;id=%01",
            "public_key": public,
            "holder": "participant supplier-one",
        }
        with estate.transaction():
            estate._database.insert("token_keys", row)  # noqa: SLF001 - no token has a key of a file
            estate.audit.append(estate.clock.now(), "test", {})
        with pytest.raises(EstateError) as caught, estate.transaction():
            estate.key_store.keep(private, "participant supplier-one")
        assert caught.value.code == "key.in_token"


@pytest.mark.slow
@pytest.mark.usefixtures("brought")
def test_the_ca_goes_on_after_the_move(custody):
    assert custody("ca", "move", "DZ", "--token", DZ).code == 0
    assert custody("ca", "roll-over", "device", "--name", "DZ1b").code == 0
    assert custody(*issue("organisation")).code == 0
