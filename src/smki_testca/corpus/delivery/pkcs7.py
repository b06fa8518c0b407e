"""Writes certificates as a PKCS#7 bundle (RFC 2315), whatever is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.der.encode import integer, oid, sequence, set_of, tlv

if TYPE_CHECKING:
    from collections.abc import Sequence

_DATA, _SIGNED_DATA = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2"


def bundle(certificates: Sequence[bytes]) -> bytes:
    """A SignedData without content or signers, DER: the certificates in their order.

    Libraries that write PKCS#7 read the certificates first, and refuse defective ones.
    """
    signed = sequence(
        integer(1),
        set_of([]),
        sequence(oid(_DATA)),
        tlv(0xA0, b"".join(certificates)),
        set_of([]),
    )
    return sequence(oid(_SIGNED_DATA), tlv(0xA0, signed))
