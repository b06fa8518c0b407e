"""The corpus' keys come from their names alone."""

import pytest

from smki_testca.corpus.signing_keys import RSA_STEPS, ec_key, key_identifier_of, rsa_key, rsa_steps


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dccki-root-ca", "iki"])
def test_a_search_finds_the_primes_that_are_written_down(name):
    assert rsa_steps(name) == RSA_STEPS[name]


def test_every_rsa_key_is_one():
    for name in RSA_STEPS:
        numbers = rsa_key(name).private.private_numbers()
        assert numbers.public_numbers.n.bit_length() == 2048
        assert pow(2, numbers.p - 1, numbers.p) == pow(2, numbers.q - 1, numbers.q) == 1


def test_a_signature_and_a_key_are_the_same_each_time():
    assert ec_key("device").sign(b"data") == ec_key.__wrapped__("device").sign(b"data")
    assert ec_key("device").spki != ec_key("device-ka").spki


def test_a_key_identifier_has_8_octets_on_a_curve_and_20_of_rsa():
    short, long = key_identifier_of(ec_key("device").spki), key_identifier_of(rsa_key("iki").spki)
    assert (len(short), short[0] >> 4) == (8, 4)
    assert len(long) == 20
