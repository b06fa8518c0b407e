"""Finds the main parts of a certificate without reading the rest of it.

A list of many certificates needs a few fields of each; to read one as a whole takes a hundred times
as long. This is for certificates of the estate's own, whose form is known.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.der.read import DerError, read
from smki_testca.x509.values import time_of

if TYPE_CHECKING:
    from datetime import datetime


class Outline(NamedTuple):
    """Parts of a certificate, each a whole element in DER (RFC 5280 4.1).

    Attributes:
        validity: the Validity.
        subject: the Name of the subject.
        public_key: the SubjectPublicKeyInfo.
    """

    validity: bytes
    subject: bytes
    public_key: bytes


_TAGS = (0xA0, 0x02, 0x30, 0x30, 0x30, 0x30, 0x30)
"""Version, serial number, algorithm, issuer, validity, subject, public key."""


def outline(der: bytes) -> Outline:
    """The main parts of a version 3 certificate.

    Raises:
        DerError: if the octets are no such certificate.
    """
    try:
        at, _ = _content(der, 0)
        at, _ = _content(der, at)
        ends = [at]
        for tag in _TAGS:
            if der[at] != tag:
                raise DerError("der.structure", "these octets are not a certificate", at)
            _, at = _content(der, at)
            ends.append(at)
    except IndexError as error:
        raise DerError("der.structure", "these octets are not a certificate", 0) from error
    if at > len(der):
        raise DerError("der.structure", "these octets are not a certificate", 0)
    _, _, _, _, validity, subject, public_key, end = ends
    return Outline(der[validity:subject], der[subject:public_key], der[public_key:end])


def _content(der: bytes, at: int) -> tuple[int, int]:
    """The start and the end of an element's content."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(der[start : start + count]), start + count
    return start, start + length


@lru_cache(maxsize=1024)
def dates(validity: bytes) -> tuple[datetime, datetime]:
    """The notBefore and notAfter of a Validity, cached since many certificates have the same.

    Raises:
        DerError: if they cannot be read.
    """
    root, _ = read(validity, noun="validity")
    instants = [time_of(node) for node in root.children]
    if len(instants) != 2 or instants[0] is None or instants[1] is None:
        raise DerError("der.structure", "these octets are not a Validity", 0)
    return instants[0], instants[1]
