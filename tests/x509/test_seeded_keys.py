"""Private keys: those from a seed are the same on every machine."""

import hashlib

from smki_testca.entropy import SeededEntropy
from smki_testca.x509 import private_keys
from smki_testca.x509.names import KeyType

GOLDEN = "6f44c3e077178a6ac5d42b834dee15a512459dd1d2aad610c4d29a79feeab9f5"


def test_an_rsa_key_from_a_seed_is_the_same_everywhere_and_takes_32_octets():
    entropy = SeededEntropy(b"golden seed")
    key = private_keys.generate(KeyType.RSA2048, entropy)
    numbers = key.private_numbers()
    assert (key.key_size, numbers.public_numbers.e) == (2048, 65537)
    assert numbers.p * numbers.q == numbers.public_numbers.n
    assert hashlib.sha256(private_keys.to_pkcs8(key)).hexdigest() == GOLDEN
    # However long the search was, what is drawn next is the same.
    assert entropy.octets(4) == SeededEntropy(b"golden seed").octets(36)[32:]
