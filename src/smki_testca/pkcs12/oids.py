"""The object identifiers that PKCS#12 stores and encrypted private keys use, in DER."""

from __future__ import annotations

from smki_testca.der.encode import oid

DATA = oid("1.2.840.113549.1.7.1")
ENCRYPTED_DATA = oid("1.2.840.113549.1.7.6")

# Bags (RFC 7292 4.2), the type of certificate in them, and their attributes.
KEY_BAG, SHROUDED_KEY_BAG, CERT_BAG, SAFE_CONTENTS_BAG = (
    oid(f"1.2.840.113549.1.12.10.1.{number}") for number in (1, 2, 3, 6)
)
X509_CERTIFICATE = oid("1.2.840.113549.1.9.22.1")
FRIENDLY_NAME = oid("1.2.840.113549.1.9.20")
LOCAL_KEY_ID = oid("1.2.840.113549.1.9.21")

# Schemes of PKCS#5 (RFC 8018, RFC 7914, RFC 9579).
PBES2 = oid("1.2.840.113549.1.5.13")
PBKDF2 = oid("1.2.840.113549.1.5.12")
PBMAC1 = oid("1.2.840.113549.1.5.14")
SCRYPT = oid("1.3.6.1.4.1.11591.4.11")

# Schemes of PKCS#12 itself (RFC 7292 C).
TRIPLE_DES_3_KEYS, TRIPLE_DES_2_KEYS, RC2_128, RC2_40 = (
    oid(f"1.2.840.113549.1.12.1.{number}") for number in (3, 4, 5, 6)
)

PKCS12_SCHEMES = frozenset({TRIPLE_DES_3_KEYS, TRIPLE_DES_2_KEYS, RC2_128, RC2_40})

AES128_CBC, AES192_CBC, AES256_CBC = (
    oid(f"2.16.840.1.101.3.4.1.{number}") for number in (2, 22, 42)
)
TRIPLE_DES_CBC = oid("1.2.840.113549.3.7")

HMAC_WITH_SHA256 = oid("1.2.840.113549.2.9")
HMACS = {
    oid("1.2.840.113549.2.7"): "sha1",
    oid("1.2.840.113549.2.8"): "sha224",
    HMAC_WITH_SHA256: "sha256",
    oid("1.2.840.113549.2.10"): "sha384",
    oid("1.2.840.113549.2.11"): "sha512",
}
"""The digest of each HMAC, as hashlib names it."""

SHA256 = oid("2.16.840.1.101.3.4.2.1")
DIGESTS = {
    oid("1.3.14.3.2.26"): "sha1",
    oid("2.16.840.1.101.3.4.2.4"): "sha224",
    SHA256: "sha256",
    oid("2.16.840.1.101.3.4.2.2"): "sha384",
    oid("2.16.840.1.101.3.4.2.3"): "sha512",
}
"""Each digest, as hashlib names it."""
