from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from exported import names, records

from smki_testca.exporters.jwks import thumbprint

RFC7638 = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJ"
    "ECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Qvzq"
    "Y368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM"
    "4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
}
"""The example of RFC 7638 3.1."""


def octets(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(text):
    return int.from_bytes(octets(text))


@pytest.fixture
def keys(export):
    outcome, folder = export("jwks", "--with-keys")
    assert outcome.code == 0
    assert names(folder) == ["jwks.json"]
    return json.loads((folder / "jwks.json").read_text("ascii"))["keys"]


def test_the_thumbprint_is_that_of_the_example_in_rfc_7638():
    assert thumbprint(RFC7638) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_every_certificate_has_a_jwk_with_its_public_key_and_no_private_member(keys, estate):
    assert len(keys) == len(records(estate))
    for jwk in keys:
        assert not set(jwk) & {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}
        certificate = x509.load_der_x509_certificate(base64.b64decode(jwk["x5c"][0]))
        if jwk["kty"] == "EC":
            assert jwk["crv"] == "P-256"
            assert len(octets(jwk["x"])) == len(octets(jwk["y"])) == 32
            made: Any = ec.EllipticCurvePublicNumbers(
                number(jwk["x"]), number(jwk["y"]), ec.SECP256R1()
            ).public_key()
        else:
            made = rsa.RSAPublicNumbers(number(jwk["e"]), number(jwk["n"])).public_key()
        assert made == certificate.public_key()
    assert {jwk["kty"] for jwk in keys} == {"EC", "RSA"}


def test_a_jwk_names_its_certificate_and_the_chain_above_it(keys, estate):
    ders = {hashlib.sha256(one.der).digest(): one for one in records(estate)}
    for jwk in keys:
        record = ders[octets(jwk["x5t#S256"])]
        chain = [base64.b64decode(one) for one in jwk["x5c"]]
        assert chain == [record.der, *(one.der for one in estate.certificates.chain(record))]
        required = ("crv", "kty", "x", "y") if jwk["kty"] == "EC" else ("e", "kty", "n")
        text = json.dumps({one: jwk[one] for one in required}, separators=(",", ":"))
        assert octets(jwk["kid"]) == hashlib.sha256(text.encode()).digest()


def test_use_follows_key_usage_and_stands_never_beside_key_ops(keys, estate):
    by_digest = {octets(jwk["x5t#S256"]): jwk for jwk in keys}
    said = set()
    for record in records(estate):
        jwk = by_digest[hashlib.sha256(record.der).digest()]
        assert ("use" in jwk) != ("key_ops" in jwk)
        said.add((record.usage, jwk.get("use") or tuple(jwk["key_ops"])))
    assert said == {
        ("digital-signature", "sig"),
        ("key-agreement", "enc"),
        ("key-cert-sign+crl-sign", "sig"),
        ("digital-signature+key-encipherment", ("verify", "wrapKey")),
    }
