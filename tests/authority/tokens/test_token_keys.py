"""Key pairs in a token: made, found, signed with and removed; pkcs11-tool is a second opinion."""

import pytest

from smki_testca.x509.keys import load_public_key, signature_fits
from smki_testca.x509.names import KeyType

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("key_type", KeyType)
def test_a_key_pair_that_is_made_signs(token, tokens, key_type):
    made = tokens.generate(token.uri(), key_type, "zroot")
    assert made.key_type is key_type
    assert tokens.find(made.uri) == made
    data = [b"%d" % number for number in range(300)]
    key = load_public_key(made.public_key)
    signatures = tokens.signer(made.uri, made.public_key).sign_all(data)
    assert all(map(lambda s, d: signature_fits(key, s, d), signatures, data))
