"""PKCS#12 stores give their certificates and private keys, octet for octet."""

from __future__ import annotations

import random
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import given
from hypothesis import strategies as st

import ber
from material import (
    OTHER,
    PHRASE,
    certificate_bag,
    content,
    needs_openssl,
    nested,
    pem,
    pkcs8,
    plain_store,
    refused,
    safe_bag,
    same,
    store,
    take,
)
from nodes import with_field
from noise import cut, flip_bits, lie_about_length
from smki_testca.der import encode
from smki_testca.errors import InputError
from smki_testca.pkcs12 import reader
from smki_testca.pkcs12.decryption import Decryptor
from smki_testca.pkcs12.reader import StoreReader
from smki_testca.pkcs12.writer import KeyEntry
from smki_testca.pkcs12.writer import store as write_store
from smki_testca.x509.names import ECDSA_WITH_NULL

DER = serialization.Encoding.DER


@pytest.mark.parametrize("phrase", [PHRASE, None])
def test_a_pkcs12_store_gives_its_certificates_key_and_friendly_name(pairs, phrase):
    first, (second, _), *_ = pairs.values()
    found = take(store(first, phrase, [second]), passphrase=phrase)
    assert same(found.certificates[0], first)
    assert found.certificates[0].label == "a friend"
    assert [one.der for one in found.certificates] == [first[0], second]


@pytest.mark.slow
@needs_openssl
@pytest.mark.parametrize(
    "options",
    [
        "",
        "-legacy",
        "-nomac",
        "-certpbe NONE -keypbe NONE",
        "-certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg sha1",
        "-certpbe PBE-SHA1-2DES -keypbe PBE-SHA1-2DES -macalg sha256",
        "-certpbe PBE-SHA1-RC2-128 -keypbe PBE-SHA1-3DES -legacy",
        "-certpbe AES-128-CBC -keypbe DES-EDE3-CBC -macalg sha512",
    ],
)
@pytest.mark.parametrize("phrase", [PHRASE, ""])
def test_stores_of_openssl_open_under_every_algorithm_it_has(tmp_path, pair, options, phrase):
    (tmp_path / "one.pem").write_bytes(pem(pair[0]) + pkcs8(pair[1]))
    made = subprocess.run(
        [
            *("openssl", "pkcs12", "-export", "-in", "one.pem", "-out", "one.p12"),
            *("-name", "Z1-é", "-passout", f"pass:{phrase}", *options.split()),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    if made.returncode != 0 and b"legacy" in made.stderr + options.encode():
        pytest.skip("this openssl has no legacy algorithms")
    assert made.returncode == 0, made.stderr
    data = (tmp_path / "one.p12").read_bytes()
    (one,) = take(data, passphrase=phrase or None).certificates
    assert same(one, pair)
    if phrase:
        assert refused(data) == "import.passphrase"
    if "NONE" not in options or "-nomac" not in options:
        assert refused(data, passphrase=OTHER) == "import.passphrase"


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("phrase", [None, PHRASE])
def test_a_store_in_ber_is_read_like_the_one_in_der(pair, phrase, depth):
    data = ber.to_ber(store(pair, phrase), depth=depth)
    found = take(data, passphrase=phrase)
    (one,) = found.certificates
    assert same(one, pair)
    assert one.label == "a friend"
    as_pem = pem(data, header="PKCS12")
    assert same(take(as_pem, passphrase=phrase).certificates[0], pair)


def test_what_lies_in_a_store_may_be_in_ber_too(pair):
    bags = [certificate_bag(pair[0]), safe_bag(1, pkcs8(pair[1], encoding=DER))]
    safe = encode.sequence(*(ber.to_ber(content(encode.sequence(ber.to_ber(bag)))) for bag in bags))
    data = ber.to_ber(encode.sequence(encode.integer(3), content(safe)), depth=2)
    assert same(take(data).certificates[0], pair)


def test_a_store_gives_a_certificate_that_strict_readers_refuse(pair):
    der = with_field(pair[0], "signature", ECDSA_WITH_NULL)
    key_bag = safe_bag(1, pkcs8(pair[1], encoding=serialization.Encoding.DER))
    data = plain_store(certificate_bag(der), key_bag)
    with pytest.raises(ValueError, match=r"."):
        pkcs12.load_pkcs12(data, None)
    (one,) = take(data).certificates
    assert same(one, (der, pair[1]))


def test_bags_nest_so_deep_and_no_deeper(pair):
    deepest = reader.MAX_NESTING - 1
    assert len(take(plain_store(nested(certificate_bag(pair[0]), deepest))).certificates) == 1
    assert refused(plain_store(nested(certificate_bag(pair[0]), deepest + 1))) == "import.pkcs12"


def test_a_store_with_one_bag_too_many_is_refused(monkeypatch, pair):
    monkeypatch.setattr(reader, "MAX_BAGS", 3)
    bag = certificate_bag(pair[0])
    assert len(take(plain_store(*[bag] * 3)).certificates) == 1
    assert refused(plain_store(*[bag] * 4)) == "import.pkcs12"


CODES = {f"import.{reason}" for reason in ("algorithm", "passphrase", "pkcs12", "work")}


def read_or_refused(data, passphrase):
    """A store is read, or refused with one of the documented codes."""
    try:
        StoreReader(Decryptor(passphrase, iterations_left=50_000)).read(data, "a store")
    except InputError as error:
        code = error.code
    else:
        return
    assert code in CODES


@given(st.binary(max_size=200), st.sampled_from([None, "", "x"]))
def test_any_octets_are_a_store_or_refused(data, passphrase):
    read_or_refused(data, passphrase)


@pytest.fixture(scope="module")
def whole_stores(pairs):
    pair = next(iter(pairs.values()))
    bags = [certificate_bag(pair[0]), safe_bag(1, pkcs8(pair[1], None, DER))]
    entries = [KeyEntry("a", pkcs8(pair[1], None, DER), pair[0])]
    return [
        store(pair, "x"),
        plain_store(*bags, nested(bags[0], 2)),
        write_store(entries, [pair[0]], "x"),
    ]


@pytest.mark.slow
@given(
    st.integers(0, 2), st.integers(0, 1 << 32), st.sampled_from([flip_bits, cut, lie_about_length])
)
def test_a_broken_store_is_read_or_refused(whole_stores, which_one, seed, damage):
    chance = random.Random(seed)
    read_or_refused(damage(whole_stores[which_one], chance, whole_stores), "x")


def test_private_keys_are_given_as_they_lie_in_the_store_whatever_they_are():
    bag = safe_bag(1, b"\x30\x00")
    contents = StoreReader(Decryptor()).read(plain_store(bag, bag), "a store")
    assert contents.private_keys == (b"\x30\x00", b"\x30\x00")
