"""The forms of a SubjectPublicKeyInfo that programs write, and certificates do not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.der import encode
from smki_testca.x509 import names
from smki_testca.x509.values import oid_of

if TYPE_CHECKING:
    from smki_testca.der.read import Node

_NULL = 0x05
_POINTS = {2: "compressed", 3: "compressed", 6: "hybrid", 7: "hybrid"}
"""The forms of a point by its first octet (SEC 1 2.3.3)."""


def form_fault(spki: Node) -> str | None:
    """The fault in the form of a key (RFC 5480 2.1.1 and 2.2, RFC 3279 2.3.1).

    Returns:
        The rest of a sentence that begins with the key; None if it is something else.
    """
    parts = spki.children
    algorithm = parts[0].children if len(parts) == 2 else []
    oid = oid_of(algorithm[0]) if algorithm else None
    tags = [parameter.tag for parameter in algorithm[1:]]
    if oid == names.RSA_ENCRYPTION and tags != [_NULL]:
        return "lacks the NULL parameters of an RSA key"
    if oid != names.EC_PUBLIC_KEY:
        return None
    if tags in ([], [_NULL]):
        return "names no curve, where prime256v1 belongs"
    if tags == [encode.SEQUENCE]:
        return "spells its curve out in explicit parameters, where the name prime256v1 belongs"
    if len(tags) > 1:
        return "has more parameters than the name of its curve"
    point = _POINTS.get(int.from_bytes(parts[1].content[1:2]))
    return point and f"is a {point} point, where an uncompressed one, which begins with 04, belongs"
