"""Digests of passwords, and API keys, as an estate stores them: neither gives the secret back."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import unicodedata
from typing import Final

from smki_testca.errors import InputError
from smki_testca.estate.sealing import Cost
from smki_testca.text import is_text

PASSWORD_COST: Final = Cost(1 << 14, 8, 5)
"""Of new digests: a choice of the OWASP Password Storage Cheat Sheet, of 16 MiB a guess.

A service guesses for whoever asks it, so that memory matters more than for an estate's passphrase.
"""
MIN_CHARACTERS = 8
"""The shortest password, as NIST SP 800-63B has it."""
MAX_CHARACTERS = 1024
"""The longest password."""
_SALT_OCTETS = 16
_DIGEST_OCTETS = 32
_API_KEY_OCTETS = 24


def check_password(password: str) -> None:
    """Check that an account can have a password.

    Raises:
        InputError: if it is too short or too long, or no text; the message quotes nothing of it.
    """
    if not is_text(password):
        raise InputError("password.encoding", "The password is not UTF-8.", "Give it as UTF-8.")
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise InputError(
            "password.length",
            f"The password has {len(password):,} characters.",
            f"Choose one of {MIN_CHARACTERS} to {MAX_CHARACTERS:,}.",
        )


def password_digest(password: str) -> bytes:
    """The stored form of a password: cost, salt and digest by scrypt (RFC 7914)."""
    # A salt must never repeat, even if certificates come from a seed.
    salt = os.urandom(_SALT_OCTETS)
    return PASSWORD_COST.header + salt + _stretched(PASSWORD_COST, password, salt)


def nobodys_digest() -> bytes:
    """A digest that no password has: with it, a guess at nobody's password takes as long."""
    return PASSWORD_COST.header + bytes(_SALT_OCTETS + _DIGEST_OCTETS)


def checked_digest(digest: bytes) -> bytes:
    """The digest, checked to be one of a password.

    Raises:
        ValueError: if it is not.
    """
    _parts(digest)
    return digest


def _parts(digest: bytes) -> tuple[Cost, bytes]:
    """The cost of a digest, and its salt and octets."""
    stated = Cost.read(digest)
    if stated is None or len(stated[1]) != _SALT_OCTETS + _DIGEST_OCTETS:
        raise ValueError("the digest of its password cannot be read")
    return stated


def password_fits(password: str, digest: bytes) -> bool:
    """Whether a password is the one of a digest; it takes as long whether it is or not.

    Raises:
        ValueError: if the digest cannot be read.
    """
    cost, body = _parts(digest)
    # Nobody's password is longer, and hashing what somebody sends must have a bound.
    guess = password[: MAX_CHARACTERS + 1] if is_text(password) else ""
    stretched = _stretched(cost, guess, body[:_SALT_OCTETS])
    return hmac.compare_digest(stretched, body[_SALT_OCTETS:])


def make_api_key() -> str:
    """An API key of 192 random bits, in letters, digits, hyphens and underscores."""
    return secrets.token_urlsafe(_API_KEY_OCTETS)


def api_key_digest(key: str) -> bytes:
    """The stored form of an API key: its SHA-256, for nobody guesses 192 bits."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _stretched(cost: Cost, password: str, salt: bytes) -> bytes:
    # One keyboard sends an accent as one character, another as two (RFC 8265 4.2.2).
    return cost.derive_key(unicodedata.normalize("NFC", password), salt)
