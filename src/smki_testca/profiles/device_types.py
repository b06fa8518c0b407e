"""The types of Device, and the Trust Anchor Cells of each (GBCS s.12): ``device-types.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smki_testca.roles import Basis, RemotePartyRole


NO_IDENTIFIER = "00-00-00-00-00-00-00-00"
"""The EUI-64 of a cell whose certificate has none, as that of a root."""


class CellUsage(StrEnum):
    """The use of a cell's certificate; it is not in the certificate."""

    MANAGEMENT = "management"
    PREPAYMENT = "pre-payment-top-up"

    @property
    def in_messages(self) -> str:
        """Its name in messages: ``management`` or ``prePaymentTopUp``."""
        return "prePaymentTopUp" if self is CellUsage.PREPAYMENT else self.value

    @property
    def number(self) -> int:
        """Its number in messages."""
        return int(self is CellUsage.PREPAYMENT)


class CellKeyUsage(StrEnum):
    """The key usage of a cell's certificate."""

    KEY_CERT_SIGN = "key-cert-sign"
    DIGITAL_SIGNATURE = "digital-signature"
    KEY_AGREEMENT = "key-agreement"

    @property
    def bit(self) -> str:
        """Its name in certificates and messages, such as ``digitalSignature``."""
        return _BITS[self][0]

    @property
    def octets(self) -> str:
        """The octets of its BIT STRING in messages, in hexadecimal."""
        return _BITS[self][1]

    @property
    def short(self) -> str:
        """``DS``, ``KA`` or ``keyCertSign``."""
        return _BITS[self][2]


_BITS = {
    CellKeyUsage.KEY_CERT_SIGN: ("keyCertSign", "0204", "keyCertSign"),
    CellKeyUsage.DIGITAL_SIGNATURE: ("digitalSignature", "0780", "DS"),
    CellKeyUsage.KEY_AGREEMENT: ("keyAgreement", "0308", "KA"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One Trust Anchor Cell, known by its role, key usage and cell usage."""

    role: RemotePartyRole
    key_usage: CellKeyUsage
    cell_usage: CellUsage
    basis: Basis
    source: str

    @property
    def name(self) -> str:
        """The cell in full, as messages name its parts: ``supplier/keyAgreement/management``."""
        return f"{self.role.name}/{self.key_usage.bit}/{self.cell_usage.in_messages}"

    @property
    def short(self) -> str:
        """The cell in short: ``root``, ``supplier/DS``, ``supplier/KA/prepayment``."""
        if self.is_root:
            return self.role.name
        prepayment = "/prepayment" if self.cell_usage is CellUsage.PREPAYMENT else ""
        return f"{self.role.name}/{self.key_usage.short}{prepayment}"

    @property
    def is_root(self) -> bool:
        """Whether a root CA's certificate fills it."""
        return self.key_usage is CellKeyUsage.KEY_CERT_SIGN


@dataclass(frozen=True, slots=True)
class DeviceType:
    """A type of Device.

    Attributes:
        number: as messages state it.
        cells: those known.
        is_complete: whether these are all.
        note: what is not known; empty if nothing is to say.
        basis, source: of the type and its number.
    """

    name: str
    title: str
    number: int
    cells: tuple[Cell, ...]
    is_complete: bool
    note: str
    basis: Basis
    source: str
