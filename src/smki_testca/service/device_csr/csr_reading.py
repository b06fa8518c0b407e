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

if TYPE_CHECKING:
    from smki_testca.authority.csr import Csr
    from smki_testca.profiles import Library
    from smki_testca.x509.fields import Value

_MAX_PATTERNS = 8


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
                return _alike(like, Eui64(match[0]), match[1], der)
        return None

    def _read(self, text: bytes) -> Csr:
        csr = csrs.parse(text, self._library, remedies=csrs.OF_WEB_SERVICE)
        check_of_device(csr.subject, self._library)
        learnt = CsrPattern.of(csr)
        if learnt is not None and len(self._known) < _MAX_PATTERNS:
            self._known.append((learnt, csr))
        return csr


def _alike(like: Csr, device_id: Eui64, public_key: bytes, der: bytes) -> Csr:
    """A CSR like another one, with values of its own in its fields; their places are the other's.

    To read every field again would take most of the time.
    """
    own: dict[str, Value] = {"subjectPublicKeyInfo": public_key}
    if like.id_path is not None:
        own[like.id_path] = device_id.octets
    fields = like.view.fields
    changed = {path: replace(fields[path], value=value) for path, value in own.items()}
    return replace(
        like,
        view=replace(like.view, fields=fields | changed),
        subject=like.subject.with_identifier(device_id),
        public_key=public_key,
        der=der,
    )
