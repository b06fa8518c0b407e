"""BER that says what DER says: indefinite lengths, and OCTET STRINGs in segments."""

from __future__ import annotations

from smki_testca.der import encode
from smki_testca.der.read import read

_CONSTRUCTED = 0x20


def indefinite(tag, content):
    return bytes((tag | _CONSTRUCTED, 0x80)) + content + b"\x00\x00"


def segmented(tag, octets, size=100, depth=1):
    """An OCTET STRING in segments, which are themselves in segments to a depth."""
    pieces = [octets[start : start + size] for start in range(0, len(octets), size)]
    if depth > 1:
        return indefinite(tag, b"".join(segmented(0x04, piece, 40, depth - 1) for piece in pieces))
    return indefinite(tag, b"".join(map(encode.octet_string, pieces)))


def to_ber(der, *, depth=1):
    """The same in BER: every constructed element, and every OCTET STRING in segments."""
    return _to_ber(read(der, limit=1 << 24)[0], depth)


def _to_ber(node, depth):
    if node.constructed:
        return indefinite(node.tag, b"".join(_to_ber(child, depth) for child in node.children))
    # Of a PKCS#12 store or CMS, [0] is an OCTET STRING, too.
    if node.tag in {0x04, 0x80}:
        return segmented(node.tag, node.content, depth=depth)
    return node.encoded
