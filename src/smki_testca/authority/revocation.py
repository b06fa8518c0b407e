"""Revocations and their reasons."""

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
    """The reason for a revocation (RFC 5280 5.3.1)."""

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
        """The name in RFC 5280, such as ``keyCompromise``."""
        return _NAMES_IN_CRL[self]

    @property
    def code(self) -> int:
        """The reasonCode in a CRL."""
        return names.REASONS[self.name_in_crl]


# Both lists have the order of RFC 5280.
_NAMES_IN_CRL: Mapping[Reason, str] = dict(zip(Reason, names.REASONS, strict=True))


@dataclass(frozen=True, slots=True)
class Revocation:
    """The revocation of one certificate.

    Attributes:
        at: when, UTC; a CRL holds whole seconds.
        reason: None where none is known; a CRL leaves out ``unspecified``, too.
    """

    serial: SerialNumber
    at: datetime
    reason: Reason | None = None
