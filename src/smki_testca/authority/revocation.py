"""A revocation: which certificate its CA revoked, when, and for which reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from smki_testca.x509 import names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from smki_testca.identifiers import SerialNumber


class Reason(StrEnum):
    """Why a certificate was revoked (RFC 5280 5.3.1)."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key-compromise"
    CA_COMPROMISE = "ca-compromise"
    AFFILIATION_CHANGED = "affiliation-changed"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessation-of-operation"
    CERTIFICATE_HOLD = "certificate-hold"
    REMOVE_FROM_CRL = "remove-from-crl"
    PRIVILEGE_WITHDRAWN = "privilege-withdrawn"
    AA_COMPROMISE = "aa-compromise"

    @property
    def name_in_crl(self) -> str:
        """RFC 5280's own word, such as ``keyCompromise``."""
        return _NAMES_IN_CRL[self]

    @property
    def code(self) -> int:
        """The number that a CRL carries."""
        return names.REASONS[self.name_in_crl]


# Both lists have the order of RFC 5280.
_NAMES_IN_CRL: Mapping[Reason, str] = dict(zip(Reason, names.REASONS, strict=True))


@dataclass(frozen=True, slots=True)
class Revocation:
    """One certificate that its CA revoked.

    Attributes:
        at: when, UTC; a CRL tells whole seconds.
        reason: None where none was given; a CRL says nothing of ``unspecified`` either.
    """

    serial: SerialNumber
    at: datetime
    reason: Reason | None = None
