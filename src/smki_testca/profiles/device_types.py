"""The types of Device, and the Trust Anchor Cells of each (GBCS s.12): ``device-types.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smki_testca.roles import Basis, RemotePartyRole


class CellUsage(StrEnum):
    """What a cell's certificate is for; it is not in the certificate."""

    MANAGEMENT = "management"
    PREPAYMENT = "pre-payment-top-up"


class CellKeyUsage(StrEnum):
    """The key usage of a cell's certificate."""

    KEY_CERT_SIGN = "key-cert-sign"
    DIGITAL_SIGNATURE = "digital-signature"
    KEY_AGREEMENT = "key-agreement"


@dataclass(frozen=True, slots=True)
class Cell:
    """One Trust Anchor Cell, known by its role, key usage and cell usage."""

    role: RemotePartyRole
    key_usage: CellKeyUsage
    cell_usage: CellUsage
    basis: Basis
    source: str

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
