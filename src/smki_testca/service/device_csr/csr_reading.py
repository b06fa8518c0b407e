"""Reads the CSRs of Devices that come one by one; quickly those like one that came before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.authority import csr as csrs
from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch.csr_pattern import CsrPattern
from smki_testca.profiles.model import Identity
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
        der = csrs.to_der(text)
        for pattern, like in self._known:
            match = pattern.read(der)
            if match is not None:
                number, public_key = match
                subject = like.subject.with_identifier(Eui64(number))
                return replace(like, view=view_request(der), subject=subject, public_key=public_key)
        csr = csrs.parse(text, self._library, remedies=_REMEDIES)
        profile = self._library.profile(csr.subject.profile)
        if profile.identity is not Identity.DEVICE_ID:
            raise InputError(
                "device_csr.other_type",
                f"The CSR asks for a certificate of profile {profile.name}, and the service issues"
                " those of Devices.",
                "Submit it with `sign`, or through the Portal.",
            )
        learnt = CsrPattern.of(csr)
        if learnt is not None and len(self._known) < _MAX_PATTERNS:
            self._known.append((learnt, csr))
        return csr
