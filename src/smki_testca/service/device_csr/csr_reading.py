"""Reads the CSRs of Devices that come one by one; quickly those like one that came before."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.authority import csr as csrs
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch.csr_pattern import CsrPattern
from smki_testca.issuance.batch.csr_reader import check_of_device
from smki_testca.x509.view import view_request

if TYPE_CHECKING:
    from smki_testca.authority.csr import Csr
    from smki_testca.profiles import Library

_MAX_PATTERNS = 8
_REMEDIES = csrs.Remedies(
    "have it signed with `sign --profile`",
    "Or have it signed with `sign --as test-ca`, which drops what no certificate takes from a CSR.",
)


class DeviceCsrReader:
    """Reads CSRs by the rules of the Portal.

    Args:
        library: the certificate types, and the RemotePartyRoles.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._known: list[tuple[CsrPattern, Csr]] = []

    def read(self, text: bytes) -> Csr:
        """Read a CSR and check its format and self-signature.

        Args:
            text: base64.

        Raises:
            InputError: with every fault; or if it is not of a Device.
        """
        return self._like_a_known(text) or self._read(text)

    def _like_a_known(self, text: bytes) -> Csr | None:
        """A CSR that differs from one before only in its key, Device ID and signature."""
        try:
            der = base64.b64decode(text, validate=True)
        except binascii.Error:
            return None
        for pattern, like in self._known:
            match = pattern.read(der)
            if match is not None:
                number, public_key = match
                subject = like.subject.with_identifier(Eui64(number))
                return replace(like, view=view_request(der), subject=subject, public_key=public_key)
        return None

    def _read(self, text: bytes) -> Csr:
        csr = csrs.parse(text, self._library, remedies=_REMEDIES)
        check_of_device(csr.subject, self._library)
        learnt = CsrPattern.of(csr)
        if learnt is not None and len(self._known) < _MAX_PATTERNS:
            self._known.append((learnt, csr))
        return csr
