"""PKCS#11 URIs: what is written is read again, and nothing that is not understood is left aside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.authority.signers.tokens import uri as uris
from smki_testca.authority.signers.tokens.uri import TokenUri
from smki_testca.errors import InputError

TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
URIS = st.builds(
    TokenUri,
    token=TEXTS,
    manufacturer=TEXTS,
    model=TEXTS,
    serial=TEXTS,
    object=TEXTS,
    id=st.none() | st.binary(max_size=uris.MAX_ID_OCTETS),
    slot_id=st.none() | st.integers(0, uris.MAX_SLOT_ID),
)


def refused(text):
    with pytest.raises(InputError) as caught:
        TokenUri.parse(text)
    return caught.value


@given(URIS)
def test_a_uri_that_is_written_is_read_again(uri):
    text = str(uri)
    if len(text) <= uris.MAX_CHARACTERS:
        assert TokenUri.parse(text) == uri
    assert text.isascii()
    assert text.isprintable()


@given(st.text(max_size=60))
def test_whatever_is_given_is_a_uri_or_refused_in_words(text):
    codes = set()
    for one in (text, f"pkcs11:{text}", f"pkcs11:token={text}"):
        try:
            read = TokenUri.parse(one)
            assert TokenUri.parse(str(read)) == read
        except InputError as error:
            codes.add(error.code)
    assert codes <= {"token.uri", "token.pin_in_uri"}


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("pkcs11:", TokenUri()),
        ("PKCS11:token=a", TokenUri(token="a")),
        ("pkcs11:token=The%20Software%20PKCS%2311%20Softtoken", None),
        ("pkcs11:object=z;type=private;id=%69%95%3E%5C", TokenUri(object="z", id=b"i\x95>\\")),
        ("pkcs11:id=abc%3b", TokenUri(id=b"abc;")),
        ("pkcs11:serial=;slot-id=007", TokenUri(serial="", slot_id=7)),
        ("pkcs11:token=%C3%A9&[]:@!$'()*+,=", TokenUri(token="é&[]:@!$'()*+,=")),
    ],
)
def test_a_uri_is_read_as_rfc_7512_says(text, uri):
    expected = uri or TokenUri(token="The Software PKCS#11 Softtoken")
    assert TokenUri.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("4711", "begins with pkcs11:"),
        ("pkcs12:token=a", "begins with pkcs11:"),
        ("pkcs11:tokn=a", "'tokn', which is not taken"),
        ("pkcs11:x-vendor=a", "'x-vendor', which is not taken"),
        ("pkcs11:library-description=a", "'library-description', which is not taken"),
        ("pkcs11:token=a;token=b", "token twice"),
        ("pkcs11:token", "value of token"),
        ("pkcs11:token=a;", "a semicolon with nothing behind"),
        ("pkcs11:token=a b", "value of token"),
        ("pkcs11:token=a%2", "value of token"),
        ("pkcs11:token=a%zz", "value of token"),
        ("pkcs11:token=%ff", "not UTF-8"),
        ("pkcs11:type=cert;object=a", "of another object"),
        ("pkcs11:slot-id=1a", "slot-id"),
        ("pkcs11:slot-id=18446744073709551616", "slot-id"),
        (f"pkcs11:id={'%00' * 256}", "longer than 255 octets"),
        (f"pkcs11:token={'a' * 2048}", "longer than 2048 characters"),
        ("pkcs11:token=a?module-path=/tmp/evil.so", "module-path"),
        ("pkcs11:token=a?pin-source=file:/tmp/pin", "pin-source"),
        ("pkcs11:token=a?x-vendor=1", "x-vendor"),
    ],
)
def test_what_is_not_understood_is_refused_in_words(text, words):
    error = refused(text)
    assert error.code == "token.uri"
    assert words in error.message
    assert error.remedy


@pytest.mark.parametrize("key", ["object=z", "id=%01", "type=private"])
def test_the_uri_of_a_token_to_make_a_key_in_names_no_key(key):
    assert TokenUri.of_token("pkcs11:token=a") == TokenUri(token="a")
    with pytest.raises(InputError) as caught:
        TokenUri.of_token(f"pkcs11:token=a;{key}")
    assert caught.value.code == "token.uri"
    assert f"({key.partition('=')[0]}=)" in caught.value.message
    assert "pkcs11:token=a." in caught.value.remedy
    assert "--ca-key" in caught.value.remedy


def test_a_misspelt_attribute_is_guessed():
    assert "Did you mean token?" in refused("pkcs11:tokne=a").remedy


@pytest.mark.parametrize(
    "text", ["pkcs11:token=a?pin-value=4711", "pkcs11:token=a?module-name=b&pin-value=4711"]
)
def test_a_pin_in_a_uri_is_refused_and_not_repeated(text):
    error = refused(text)
    assert error.code == "token.pin_in_uri"
    assert "4711" not in f"{error.message} {error.remedy}"
    assert "--token-pin-file" in error.remedy


def test_what_is_no_uri_at_all_is_not_repeated_for_it_may_be_a_pin():
    error = refused("4711")
    assert "4711" not in f"{error.message} {error.remedy}"


def test_a_key_in_a_token_is_named_by_its_id_and_label():
    token = TokenUri(token="t", object="other")
    assert str(token.with_key(b"\x01\xff", "z ä")) == "pkcs11:token=t;object=z%20%C3%A4;id=%01%FF"
    assert token.with_key(b"\x01", "").object is None
    assert token.with_key(b"\x01", "z").token_only == TokenUri(token="t")
