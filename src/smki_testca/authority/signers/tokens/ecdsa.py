"""Encodes the ECDSA signatures of tokens, which give r and s alone."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

OCTETS = 64
"""The length of r and s of P-256 together."""


def signature_value(octets: bytes) -> bytes:
    """The Ecdsa-Sig-Value (RFC 3279 2.2.3) of r and s, one after the other.

    Raises:
        ValueError: if they are not those of P-256.
    """
    if len(octets) != OCTETS:
        raise ValueError(f"{len(octets)} octets are not an ECDSA signature of P-256")
    half = OCTETS // 2
    return encode_dss_signature(int.from_bytes(octets[:half]), int.from_bytes(octets[half:]))
