"""Private keys: those from a seed are the same on every machine."""

import hashlib
import subprocess
import sys

import pytest

from smki_testca.entropy import SeededEntropy
from smki_testca.x509 import private_keys
from smki_testca.x509.names import KeyType

GOLDEN = "6f44c3e077178a6ac5d42b834dee15a512459dd1d2aad610c4d29a79feeab9f5"


@pytest.mark.slow
def test_an_rsa_key_from_a_seed_is_the_same_everywhere_and_takes_32_octets():
    entropy = SeededEntropy(b"golden seed")
    key = private_keys.generate(KeyType.RSA2048, entropy)
    numbers = key.private_numbers()
    assert (key.key_size, numbers.public_numbers.e) == (2048, 65537)
    assert numbers.p * numbers.q == numbers.public_numbers.n
    assert hashlib.sha256(private_keys.to_pkcs8(key)).hexdigest() == GOLDEN
    # However long the search was, what is drawn next is the same.
    assert entropy.octets(4) == SeededEntropy(b"golden seed").octets(36)[32:]


WITHOUT_GMP = """
import hashlib, sys
sys.modules["Cryptodome.Math._IntegerGMP"] = None
sys.modules["Cryptodome.Math._IntegerCustom"] = None
from Cryptodome.Math.Numbers import Integer
from smki_testca.entropy import SeededEntropy
from smki_testca.x509 import private_keys
from smki_testca.x509.names import KeyType
key = private_keys.generate(KeyType.RSA2048, SeededEntropy(b"golden seed"))
print(Integer.__name__, hashlib.sha256(private_keys.to_pkcs8(key)).hexdigest())
"""


@pytest.mark.slow
def test_it_is_the_same_where_the_library_has_no_arithmetic_of_the_machine():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_GMP], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["IntegerNative", GOLDEN]
