"""PEM, the text form of DER (RFC 7468)."""

from __future__ import annotations

import base64


def to_pem(der: bytes, label: str = "CERTIFICATE") -> bytes:
    """One PEM block (RFC 7468), lines of 64 characters ending in LF."""
    text = base64.b64encode(der).decode("ascii")
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", "")).encode()
