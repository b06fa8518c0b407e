"""The keyUsage bits of RFC 5280 4.2.1.3, and their names on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.roles import KeyUsage

if TYPE_CHECKING:
    from collections.abc import Mapping

_USAGE_NAMES = {
    "digitalSignature": "digital-signature",
    "nonRepudiation": "non-repudiation",
    "keyEncipherment": "key-encipherment",
    "keyAgreement": "key-agreement",
    "keyCertSign": "key-cert-sign",
    "cRLSign": "crl-sign",
}


def names_of_usage(bits: Any) -> str:
    """The names of keyUsage bits as on the command line, joined by ``+``; none for no extension."""
    return "+".join(_USAGE_NAMES.get(bit, bit) for bit in bits or ())


USAGE_BITS: Mapping[str, str] = {
    "digital-signature": "digitalSignature",
    "key-agreement": "keyAgreement",
}
"""The keyUsage bit of each usage that a participant asks for."""


USAGES = {"digitalSignature": KeyUsage.DIGITAL_SIGNATURE, "keyAgreement": KeyUsage.KEY_AGREEMENT}
"""The usages that a participant asks for, by their keyUsage bits."""


@dataclass(frozen=True, slots=True)
class UsageBit:
    """One keyUsage bit: it fits each certificate that has it, whatever others it has.

    Attributes:
        name: as on the command line.
    """

    name: str

    def fits(self, usage: str) -> bool:
        """Whether the names of a certificate's bits, joined by ``+``, have it among them."""
        return self.name in usage.split("+")

    def __str__(self) -> str:
        return self.name
