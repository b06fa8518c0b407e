"""Finds the elements of a DER document and puts others in their place, every length put right.

What was signed is not signed again; ``rechained`` does that.
"""

from __future__ import annotations

from smki_testca.der import encode
from smki_testca.der.read import DerError, Node, read, read_wrapped
from smki_testca.x509.view import view_certificate


def nodes_of(data):
    """Every element, those that OCTET STRINGs wrap included; the outermost first."""
    try:
        root, _ = read(data)
    except DerError:
        return []
    found, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        found.append(node)
        if node.tag == encode.OCTET_STRING:
            inner, anomalies = read_wrapped(node)
            node.children = [inner] if inner is not None and not anomalies else []
        waiting.extend(node.children)
    return found


def replaced(node: Node, target: Node, new: bytes) -> bytes:
    """The element with another one put in the place of a part of it, every length put right."""
    if (node.offset, node.stop) == (target.offset, target.stop):
        return new
    if not node.children or not node.offset <= target.offset < node.stop:
        return node.encoded
    inside = b"".join(replaced(child, target, new) for child in node.children)
    return encode.tlv(node.tag, inside)


def with_field(der: bytes, path: str, new: bytes) -> bytes:
    """A certificate with another element in the place of one of its fields."""
    return replaced(nodes_of(der)[0], view_certificate(der).fields[path].node, new)


def rebuilt(der, *, subject=None, extensions=None):
    """A certificate with another subject or other extensions; its signature is wrong then."""
    tbs, algorithm, signature = read(der)[0].children
    parts = [part.encoded for part in tbs.children]
    if subject is not None:
        parts[5] = encode.sequence(*subject)
    if extensions is not None:
        parts[-1] = encode.tlv(0xA3, encode.sequence(*extensions))
    return encode.sequence(encode.sequence(*parts), algorithm.encoded, signature.encoded)


def extension(oid, value):
    """An extension that is not critical."""
    return encode.sequence(encode.oid(oid), encode.octet_string(value))
