"""Key pairs in a token: made, found, signed with and removed; pkcs11-tool is a second opinion."""

import hashlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from csrs import new_key
from smki_testca.authority.signers.tokens.access import TokenAccess
from smki_testca.authority.signers.tokens.tokens import Tokens
from smki_testca.authority.signers.tokens.uri import TokenUri
from smki_testca.errors import EstateError
from smki_testca.x509.keys import load_public_key, public_key_octets, signature_fits
from smki_testca.x509.names import KeyType
from tokens import LABEL, PIN, URI

pytestmark = pytest.mark.interop

DATA = [b"%d" % number for number in range(600)]


def signs(tokens, found, data=DATA[:3]):
    key = load_public_key(found.public_key)
    signatures = tokens.signer(found.uri, found.public_key).sign_all(data)
    assert len(signatures) == len(data)
    return all(map(lambda one, other: signature_fits(key, one, other), signatures, data))


def told(call, *arguments):
    with pytest.raises(EstateError) as caught:
        call(*arguments)
    return caught.value


def imported(token, key, *, name="zroot", key_id="01", public=True):
    """Bring a key into a token as its user would, with the token's own tools."""
    file = token.folder / "key.der"
    der = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(key.private_bytes(*der))
    named = ("--label", name, "--id", key_id)
    token.tool("--write-object", file, "--type", "privkey", "--usage-sign", *named)
    if public:
        file.write_bytes(public_key_octets(key.public_key()))
        token.tool("--write-object", file, "--type", "pubkey", *named)


@pytest.mark.slow
@pytest.mark.parametrize("key_type", KeyType)
def test_a_key_pair_that_is_made_signs_and_is_found_again(token, tokens, key_type):
    made = tokens.generate(token.uri(), key_type, "zroot")
    assert made.key_type is key_type
    assert made.remarks == ()
    for uri in (made.uri, TokenUri.parse(f"{URI};object=zroot"), token.uri()):
        assert tokens.find(uri) == made
    assert signs(tokens, made, DATA)


@pytest.mark.slow
@pytest.mark.parametrize("key_type", KeyType)
def test_a_key_that_is_made_stays_in_the_token_and_only_signs(token, tokens, key_type):
    made = tokens.generate(token.uri(), key_type, "zroot")
    listed = token.tool("--list-objects", "--type", "privkey")
    assert re.search(r"label: +zroot\n", listed)
    assert f"{made.uri.id.hex()}\n" in listed
    assert re.search(r"Usage: +sign\n", listed)
    assert re.search(r"Access: +sensitive, always sensitive, never extractable, local\n", listed)
    assert re.search(r"Usage: +verify\n", token.tool("--list-objects", "--type", "pubkey"))


def test_the_id_of_a_key_that_is_made_tells_its_public_key(token, tokens):
    made = tokens.generate(token.uri(), KeyType.P256, "zroot")
    assert made.uri.id == hashlib.sha256(made.public_key).digest()[:20]


@pytest.mark.slow
def test_a_token_is_named_by_its_serial_number_too(token, tokens):
    made = tokens.generate(token.uri(), KeyType.P256, "zroot")
    token.initialise()  # another of the same label
    assert re.fullmatch("[0-9a-f]{16}", made.uri.serial)
    with token.open() as again:
        assert signs(again, made)
        error = told(again.find, token.uri())
    assert error.code == "token.ambiguous"
    assert made.uri.serial in error.remedy


@pytest.mark.slow
def test_a_token_that_is_not_there_is_told_with_those_that_are(tokens):
    error = told(tokens.find, TokenUri.parse("pkcs11:token=smkl"))
    assert error.code == "token.missing"
    assert f"{URI};serial=" in error.remedy
    assert told(tokens.find, TokenUri(token="smki", slot_id=0)).code == "token.missing"


@pytest.mark.slow
def test_a_token_is_found_by_all_that_its_uri_says(token, tokens):
    made = tokens.generate(token.uri(), KeyType.P256, "zroot")
    listed = token.slots()
    model = re.search(r"token model +: (.+)\n", listed)[1].strip()
    manufacturer = re.search(r"token manufacturer +: (.+)\n", listed)[1].strip()
    slot = int(re.search(r"\(0x([0-9a-f]+)\)", listed)[1], 16)
    whole = replace(made.uri, model=model, manufacturer=manufacturer, slot_id=slot)
    assert tokens.find(whole) == made
    for other in ({"model": "x"}, {"manufacturer": "x"}, {"serial": "x"}, {"slot_id": 1}):
        assert told(tokens.find, replace(whole, **other)).code == "token.missing"


@pytest.mark.slow
def test_two_tokens_are_used_side_by_side(token):
    token.initialise("other")
    asked = []

    def pin(label):
        asked.append(label)
        return PIN

    with Tokens(TokenAccess(lambda: token.module, pin)) as tokens:
        made = [
            tokens.generate(TokenUri(token=label), KeyType.P256, "zroot")
            for label in (LABEL, "other")
        ]
        assert all(signs(tokens, one) for one in made)
        assert [one.uri.token for one in made] == [LABEL, "other"]
        # A key of one is not looked for in the other.
        elsewhere = replace(made[0].uri, token="other", serial=made[1].uri.serial)
        assert told(tokens.find, elsewhere).code == "token.key_missing"
    assert asked == [LABEL, "other"]


@pytest.mark.slow
def test_threads_sign_at_once(token, tokens):
    made = tokens.generate(token.uri(), KeyType.P256, "zroot")
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: signs(tokens, made, DATA[:50]), range(8)))


@pytest.mark.slow
def test_a_key_that_is_not_there_is_told(token, tokens):
    error = told(tokens.find, TokenUri.parse(f"{URI};object=zroot"))
    assert error.code == "token.key_missing"
    assert error.message == "The token 'smki' has no private key with the label 'zroot'."
    made = tokens.generate(token.uri(), KeyType.P256, "zroot")
    tokens.generate(token.uri(), KeyType.P256, "other")
    tokens.remove(made.uri)
    error = told(tokens.signer, made.uri, made.public_key)
    assert error.code == "token.key_missing"
    assert made.uri.id.hex() in error.message


def test_of_two_keys_of_one_label_neither_is_taken(token, tokens):
    made = [tokens.generate(token.uri(), KeyType.P256, "zroot") for _ in range(2)]
    error = told(tokens.find, TokenUri.parse(f"{URI};object=zroot"))
    assert error.code == "token.key_ambiguous"
    assert error.message == "The token 'smki' has 2 private keys with the label 'zroot'."
    assert all(str(one.uri) in error.remedy for one in made)
    # By the id, each is the right one.
    assert all(signs(tokens, one) for one in made)


@pytest.mark.slow
def test_of_two_keys_of_one_id_neither_is_taken(token, tokens):
    for _ in range(2):
        imported(token, new_key())
    assert told(tokens.find, TokenUri(token="smki", id=b"\1")).code == "token.key_ambiguous"


@pytest.mark.slow
def test_of_two_keys_of_one_id_the_label_tells_which(token, tokens):
    keys = {name: new_key() for name in ("one", "two")}
    for name, key in keys.items():
        imported(token, key, name=name)
    error = told(tokens.find, TokenUri(token="smki", id=b"\1"))
    for name, key in keys.items():
        uri = TokenUri(token="smki", id=b"\1", object=name)
        found = tokens.find(uri)
        assert found.public_key == public_key_octets(key.public_key())
        assert str(found.uri) in error.remedy
        assert signs(tokens, found)
    error = told(tokens.find, TokenUri(token="smki", id=b"\1", object="three"))
    assert error.code == "token.key_missing"
    assert error.message.endswith("private key with the CKA_ID 01 and the label 'three'.")


def test_a_key_with_another_public_key_than_the_certificate_does_not_sign(token, tokens):
    one, other = (tokens.generate(token.uri(), KeyType.P256, name) for name in "ab")
    error = told(tokens.signer, one.uri, other.public_key)
    assert error.code == "token.key_other"
    assert "not that of the certificate" in error.message


@pytest.mark.slow
@pytest.mark.parametrize("public", [True, False])
def test_a_key_from_a_file_signs_where_it_was_moved_to(token, tokens, public):
    key = new_key()
    imported(token, key, public=public)
    public_key = public_key_octets(key.public_key())
    uri = TokenUri.parse(f"{URI};id=%01")
    assert tokens.signer(uri, public_key).public_key == public_key
    # Without a public key beside it, a signature tells whose key it is.
    assert told(tokens.signer, uri, public_key_octets(new_key().public_key())).code == (
        "token.key_other"
    )
    if public:
        found = tokens.find(uri)
        assert found.public_key == public_key
        assert signs(tokens, found)
        assert any("it was made elsewhere" in remark for remark in found.remarks)
    else:
        error = told(tokens.find, uri)
        assert error.code == "token.key_missing"
        assert "has no public key" in error.message


@pytest.mark.slow
def test_the_public_key_is_found_in_a_certificate_beside_the_private_key(token, tokens):
    key = new_key()
    imported(token, key, public=False)
    file = token.folder / "certificate.der"
    file.write_bytes(_certificate(key).public_bytes(Encoding.DER))
    token.tool("--write-object", file, "--type", "cert", "--id", "01")
    assert tokens.find(token.uri()).public_key == public_key_octets(key.public_key())


def test_a_public_key_that_belongs_to_another_key_is_not_believed(token, tokens):
    imported(token, new_key(), public=False)
    file = token.folder / "other.der"
    file.write_bytes(public_key_octets(new_key().public_key()))
    token.tool("--write-object", file, "--type", "pubkey", "--id", "01")
    error = told(tokens.find, token.uri())
    assert error.code == "token.key_other"
    assert "does not verify" in error.message


def test_the_right_public_key_beside_another_private_key_proves_nothing(token, tokens):
    right = public_key_octets(new_key().public_key())
    imported(token, new_key(), public=False)
    file = token.folder / "right.der"
    file.write_bytes(right)
    token.tool("--write-object", file, "--type", "pubkey", "--id", "01")
    error = told(tokens.signer, TokenUri.parse(f"{URI};id=%01"), right)
    assert error.code == "token.key_other"
    assert "does not verify its signature" in error.message


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["EC:secp384r1", "RSA:1024"])
def test_a_key_of_another_type_is_refused_in_words(token, tokens, kind):
    token.tool("--keypairgen", "--key-type", kind, "--label", "zroot", "--id", "01")
    error = told(tokens.find, token.uri())
    assert error.code == "token.key_type"
    assert "neither on P-256 nor RSA with 2048 bits" in error.message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("id_and_label", "private", "words"),
    [
        ("b'a', 'a'", "{Attribute.SIGN: False}", "may not sign"),
        ("None, None", "{}", "neither a CKA_ID nor a label"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_in_words(token, tokens, id_and_label, private, words):
    script = f"""
import pkcs11
from pkcs11 import Attribute, KeyType
from pkcs11.util.ec import encode_named_curve_parameters
found = pkcs11.lib({str(token.module)!r}).get_token(token_label={LABEL!r})
with found.open(rw=True, user_pin={PIN!r}) as session:
    curve = {{Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}}
    parameters = session.create_domain_parameters(KeyType.EC, curve, local=True)
    parameters.generate_keypair({id_and_label}, store=True, private_template={private})
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    error = told(tokens.find, token.uri())
    assert error.code == "token.key_type"
    assert words in error.message


def test_a_key_that_can_leave_the_token_is_taken_with_a_remark(token, tokens):
    token.tool(
        *("--keypairgen", "--key-type", "EC:prime256v1", "--usage-sign", "--extractable"),
        *("--id", "01"),
    )
    (remark, *_) = tokens.find(token.uri()).remarks
    assert remark == "it can be extracted from the token (CKA_EXTRACTABLE)"


def test_a_key_that_asks_for_the_pin_each_time_gets_it(token, tokens):
    token.tool(
        *("--keypairgen", "--key-type", "EC:prime256v1", "--usage-sign", "--always-auth"),
        *("--id", "01"),
    )
    assert signs(tokens, tokens.find(token.uri()))


@pytest.mark.slow
def test_an_rsa_key_signs_in_a_token_that_takes_digests_only(faulty):
    ckm_sha256_rsa_pkcs = 0x40
    token = faulty(without=ckm_sha256_rsa_pkcs)
    with token.open() as tokens:
        assert signs(tokens, tokens.generate(token.uri(), KeyType.RSA2048, "zroot"))


@pytest.mark.slow
def test_an_rsa_key_signs_data_of_any_length(token, tokens):
    made = tokens.generate(token.uri(), KeyType.RSA2048, "zroot")
    assert signs(tokens, made, [b"a" * (3 << 20), b"b" * (3 << 20), b"", b"c" * (5 << 20)])


def test_a_token_without_a_mechanism_for_a_key_is_told(faulty):
    ckm_ecdsa = 0x1041
    token = faulty(without=ckm_ecdsa)
    with token.open() as tokens:
        made = tokens.generate(token.uri(), KeyType.P256, "zroot")
        error = told(tokens.signer, made.uri, made.public_key)
    assert error.code == "token.key_type"
    assert "CKM_ECDSA" in error.message


def test_a_pair_that_is_removed_leaves_nothing_and_others_stay(token, tokens):
    kept = tokens.generate(token.uri(), KeyType.P256, "zroot")
    before = [path.name for path in token.objects]
    made = tokens.generate(token.uri(), KeyType.P256, "zroot")
    tokens.store_certificate(made.uri, _certificate(new_key()).public_bytes(Encoding.DER))
    tokens.remove(made.uri)
    tokens.remove(made.uri)
    assert [path.name for path in token.objects] == before
    assert signs(tokens, kept)


@pytest.mark.slow
def test_a_certificate_is_stored_beside_its_key_in_place_of_the_older_one(token, tokens):
    made = tokens.generate(token.uri(), KeyType.P256, "zroot")
    for _ in range(2):
        certificate = _certificate(new_key())
        tokens.store_certificate(made.uri, certificate.public_bytes(Encoding.DER))
    listed = token.tool("--list-objects", "--type", "cert")
    assert listed.count("Certificate Object") == 1
    assert made.uri.id.hex() in listed
    assert re.search(r"label: +zroot\n", listed)
    file = token.folder / "read.der"
    token.tool("--read-object", "--type", "cert", "--id", made.uri.id.hex(), "-o", file)
    assert x509.load_der_x509_certificate(file.read_bytes()) == certificate


def _certificate(key):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .serial_number(7)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .public_key(key.public_key())
        .sign(key, SHA256())
    )
