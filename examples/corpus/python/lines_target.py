"""A target in Python for `smki-testca corpus run CORPUS --with 'lines:python3 lines_target.py'`.

Put your parser into `judge`. docs/corpus-protocol.md has the protocol.
"""

from __future__ import annotations

import binascii
import sys

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

CAPABILITIES = "csr,rsa"
REFUSALS = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises for a document that it refuses."""


def judge(der: bytes, context: dict[str, list[str]]) -> str:
    """Judge a document: what to answer, such as ``reject profile BAD_EXTENSION``."""
    kind = context.get("kind", ["certificate"])[0]
    load = x509.load_der_x509_csr if kind == "CSR" else x509.load_der_x509_certificate
    try:
        loaded = load(der)
        loaded.public_key()
        list(loaded.extensions)
    except REFUSALS as error:
        return f"reject {type(error).__name__} {' '.join(str(error).split())}"
    return "accept"


def answer(line: str, context: dict[str, list[str]]) -> str | None:
    """What to say to a line; None for nothing."""
    words = line.split()
    if words[:3] == ["smki", "1", "hello"]:
        return f"smki 1 hello python-cryptography {CAPABILITIES}"
    if len(words) != 5 or words[:2] != ["smki", "1"]:
        return None
    _, _, name, value, crc = words
    is_whole = binascii.crc_hqx(line[: -len(crc)].encode(), 0xFFFF) == int(crc, 16)
    if name.startswith("+"):
        context.setdefault(name[1:] if is_whole else "broken", []).append(value)
        return None
    is_broken = not is_whole or "broken" in context
    said = "again" if is_broken else judge(bytes.fromhex(value), context)
    context.clear()
    return f"smki 1 {name} {said}"


def main() -> None:
    """Answer every line."""
    context: dict[str, list[str]] = {}
    for line in sys.stdin:
        said = answer(line.strip(), context)
        if said is not None:
            print(said, flush=True)


if __name__ == "__main__":
    main()
