"""Public keys of certificates and CSRs, and the signatures they verify."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def load_public_key(spki: bytes) -> PublicKey | None:
    """A P-256 or RSA public key from its SubjectPublicKeyInfo, or None for anything else.

    A point that is not on the curve gives None too.
    """
    try:
        key = serialization.load_der_public_key(spki)
    except Exception:  # noqa: BLE001 - the parser raises several kinds for hostile octets
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) else None


def signature_fits(key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Whether a SHA-256 signature over the data is by this key."""
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
