"""The CRLs that defects are declared on, and the entry that is in question in each.

The question is the status of the certificate that the good list revokes, by this list alone. Who
refuses the list answers *unknown*. ``facts`` has what the list says to those who take it. The
answer *good* is dangerous wherever it is not among the right ones: a program that drops a bad
list and goes on takes a revoked certificate (see ``corpus.case``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.parts import Extension, entry

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

LISTS = (
    "organisation-crl",
    "organisation-arl",
    "dccki-crl",
    "dccki-arl",
    "iki-crl",
    "iki-arl",
)
ORGANISATION_CRL = ("organisation-crl",)
CRLS = ("organisation-crl", "dccki-crl", "iki-crl")
ARLS = ("organisation-arl", "dccki-arl", "iki-arl")
UNKNOWN_OID = "1.2.826.0.1.99999"
"""Of an extension that nobody knows."""
WHY_DROPPED = "A program that drops the list and goes on takes a certificate that it revokes."
"""The reason why a program must refuse such a list as a whole."""
STATUS_GOOD = {"status": "good"}


def serial_in_question(base: Base) -> bytes:
    """The serial number of the certificate in question, an INTEGER."""
    return about(base).serial


def about(base: Base) -> CertificateParts:
    """The certificate that the good list of a base revokes."""
    if base.about is None:
        raise ValueError(f"{base.name} is not a list")
    return base.about


def entry_with(base: Base, *extensions: Extension, serial: bytes | None = None) -> bytes:
    """The good list's entry, with these extensions in place of its reason."""
    return entry(serial or serial_in_question(base), "2026-06-15", *extensions)
