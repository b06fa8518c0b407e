"""Names groups of good documents, for defects that are declared on several of them.

The main ones come first in each group: see ``Defect.on``.
"""

from __future__ import annotations

from smki_testca.corpus.bases import KEY_AGREEMENT, ROLES

DEVICES = ("device", "device-ka")
ORGANISATIONS = ("organisation", "organisation-ka")
ENDS = ("device", "organisation")
"""The end entities of SMKI."""
OCAS = ("organisation-issuing-ca", "organisation-root-ca")
DCAS = ("device-issuing-ca", "device-root-ca")
SMKI_ISSUING = ("organisation-issuing-ca", "device-issuing-ca")
SMKI_ROOTS = ("organisation-root-ca", "device-root-ca")
SMKI_CAS = (*SMKI_ISSUING, *SMKI_ROOTS)
SMKI = (*ENDS, *SMKI_CAS)
SMKI_ISSUED = (*ENDS, *SMKI_ISSUING)
"""Those that have a CA above them."""
RSA_ENDS = ("dccki", "iki")
RSA_ISSUING = ("dccki-issuing-ca", "iki-issuing-ca")
RSA_ROOTS = ("dccki-root-ca", "iki-root-ca")
RSA_CAS = (*RSA_ISSUING, *RSA_ROOTS)
RSA = (*RSA_ENDS, *RSA_CAS)
"""The certificates of DCCKI and IKI."""
ROOTS = (*SMKI_ROOTS, *RSA_ROOTS)
CAS = (*SMKI_CAS, *RSA_CAS)
KINDS = (*ENDS, "organisation-issuing-ca", *RSA_ENDS)
"""One of each kind whose profiles differ: for a defect that would say the same of the others."""
SMKI_KINDS = KINDS[:3]
ISSUED = (*KINDS, "device-issuing-ca", *RSA_ISSUING)
EVERY = (*ISSUED, *ROOTS)
"""One of each certificate profile."""

HOLDERS = tuple(
    f"organisation-{role}{'-ka' if usage == KEY_AGREEMENT else ''}"
    for role, (_, _, usages) in ROLES.items()
    for usage in usages
)
"""An Organisation Certificate of each role and usage, without a common name."""


def led_by(main: str, bases: tuple[str, ...]) -> tuple[str, ...]:
    """The same bases with another one first: the main base of a defect."""
    return (main, *(base for base in bases if base != main))
