"""Exports a JWK Set (RFC 7517) of the public keys of certificates, never of private keys."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode, urlsafe_b64encode
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.exporters.format import Format, FormatNeed, Traits
from smki_testca.folders import OutputFile
from smki_testca.x509.keys import load_public_key
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.exporters.item import Item
    from smki_testca.x509.keys import PublicKey

_P256_OCTETS = 32
_USES = {"digital-signature": "sig", "key-cert-sign": "sig", "crl-sign": "sig"}
_USES |= {"key-agreement": "enc", "key-encipherment": "enc"}
_OPERATIONS = {
    "digital-signature": "verify",
    "key-cert-sign": "verify",
    "crl-sign": "verify",
    "key-agreement": "deriveKey",
    "key-encipherment": "wrapKey",
}


class JwkSet(Format):
    """``jwks.json``: a JWK for each certificate selected."""

    traits = Traits(
        name="jwks",
        summary="the public keys as a JSON Web Key Set: web programs",
        keys=FormatNeed.NEVER,
        passphrase=FormatNeed.NEVER,
    )

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield the only file of the export."""
        del passphrase
        text = json.dumps({"keys": [_jwk(item) for item in items]}, indent=2)
        yield OutputFile(PurePosixPath("jwks.json"), f"{text}\n".encode("ascii"))


def _jwk(item: Item) -> dict[str, Any]:
    der = item.record.der
    spki = view_certificate(der).octets("subjectPublicKeyInfo")
    key = load_public_key(spki or b"")
    assert key is not None  # noqa: S101 - the estate's own certificates have such keys
    members = _key_members(key)
    return {
        **members,
        "kid": thumbprint(members),
        **_purpose(item.record.usage),
        "x5t#S256": _base64url(hashlib.sha256(der).digest()),
        "x5c": [b64encode(each).decode() for each in (der, *(ca.der for ca in item.chain))],
        **({"columns": dict(item.record.columns)} if item.record.columns else {}),
    }


def _key_members(key: PublicKey) -> dict[str, str]:
    """The members that a public key must have (RFC 7518 6.2.1, 6.3.1)."""
    numbers = key.public_numbers()
    if isinstance(numbers, ec.EllipticCurvePublicNumbers):
        x, y = (_base64url(value.to_bytes(_P256_OCTETS)) for value in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    members = {"n": numbers.n, "e": numbers.e}
    sizes = {name: (value.bit_length() + 7) // 8 for name, value in members.items()}
    encoded = {name: _base64url(value.to_bytes(sizes[name])) for name, value in members.items()}
    return {"kty": "RSA", **encoded}


def thumbprint(members: dict[str, str]) -> str:
    """The JWK thumbprint with SHA-256 (RFC 7638 3) of a key's required members."""
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(text.encode("ascii")).digest())


def _purpose(usage: str) -> dict[str, Any]:
    """``use`` if the usages have one in common, else ``key_ops``; never both (RFC 7517 4.3)."""
    usages = usage.split("+")
    uses = {_USES[name] for name in usages if name in _USES}
    if len(uses) == 1:
        return {"use": uses.pop()}
    operations = dict.fromkeys(_OPERATIONS[name] for name in usages if name in _OPERATIONS)
    return {"key_ops": list(operations)}


def _base64url(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
