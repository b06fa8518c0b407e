"""Decryption works within a budget, and says why it does not."""

from __future__ import annotations

import pytest

from material import (
    OTHER,
    PHRASE,
    locked_key,
    refused,
    store,
)
from smki_testca.der import encode
from smki_testca.der.read import read
from smki_testca.errors import InputError
from smki_testca.importers.private_keys import PrivateKeyReader
from smki_testca.pkcs12 import decryption
from smki_testca.pkcs12.decryption import Decryptor


@pytest.mark.parametrize(
    ("derivation", "number"),
    [
        ("pbkdf2", decryption.MAX_ITERATIONS + 1),
        ("pbkdf2", 1 << 62),
        ("pbkdf2", 0),
        ("pbkdf2", -1),
        ("scrypt", 1 << 20),
        ("scrypt", 1 << 40),
        ("scrypt", 0),
    ],
)
def test_a_key_that_asks_for_too_much_work_is_refused_at_once(derivation, number):
    assert refused(locked_key(derivation, number), passphrase=OTHER) == "import.work"


def test_the_work_of_many_keys_is_counted_together():
    keys = PrivateKeyReader(Decryptor("x", iterations_left=2500))
    one = locked_key("pbkdf2", 1000)
    for _ in range(2):
        with pytest.raises(InputError) as caught:
            keys.read(one, "a key")
        assert caught.value.code == "import.passphrase"
    with pytest.raises(InputError) as caught:
        keys.read(one, "a key")
    assert caught.value.code == "import.work"


def test_the_mac_of_a_store_counts_as_work(pair):
    version, safe, mac = read(store(pair, PHRASE))[0].children
    parts = [one.encoded for one in mac.children[:2]]
    hungry = encode.sequence(*parts, encode.integer(decryption.MAX_ITERATIONS + 1))
    data = encode.sequence(version.encoded, safe.encoded, hungry)
    assert refused(data, passphrase=PHRASE) == "import.work"


def test_a_store_under_an_unknown_algorithm_says_how_to_convert_it():
    scheme = encode.sequence(encode.oid("1.2.840.113549.1.5.3"), encode.sequence())
    locked = encode.sequence(scheme, encode.octet_string(bytes(16)))
    assert refused(locked, passphrase=OTHER) == "import.algorithm"
