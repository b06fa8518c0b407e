"""PKCS#12 stores of many keys are written, and give back what was put in."""

from __future__ import annotations

import hashlib

from smki_testca.pkcs12.decryption import Decryptor
from smki_testca.pkcs12.reader import StoreReader
from smki_testca.pkcs12.writer import KeyEntry, store

DIGEST = "339cd8f37f53c727248fea66c890def27cb14b73d7c58df2ee340ebc5feeccf7"
"""SHA-256 of the store below, as it has been since the first version of the writer."""


def element(number):
    """A SEQUENCE that stands for a key or certificate: the writer reads neither."""
    return b"\x30\x03\x02\x01" + bytes([number])


def deterministic_store():
    numbers = iter(range(1, 1000))
    entries = [
        KeyEntry("ESME-ds", element(0), element(1)),
        KeyEntry("Z1-é", element(2), element(3)),
    ]
    return store(entries, [element(4)], "secret", lambda length: bytes([next(numbers)]) * length)


def test_a_store_is_the_same_octets_where_the_random_ones_are():
    assert hashlib.sha256(deterministic_store()).hexdigest() == DIGEST
    entries = [KeyEntry("a", element(0), element(1))]
    assert store(entries, [], "secret") != store(entries, [], "secret")


def test_a_store_gives_back_every_key_and_certificate_under_its_alias():
    read = StoreReader(Decryptor("secret")).read(deterministic_store(), "a store")
    assert read.private_keys == (element(0), element(2))
    assert read.certificates == (
        (element(1), "ESME-ds"),
        (element(3), "Z1-é"),
        (element(4), None),
    )
