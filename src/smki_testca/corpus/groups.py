"""Names groups of good documents, for defects that are declared on several of them."""

from __future__ import annotations

from smki_testca.corpus.bases import KEY_AGREEMENT, ROLES

SMKI_ROOTS = ("organisation-root-ca", "device-root-ca")
SMKI_ISSUING = ("organisation-issuing-ca", "device-issuing-ca")
SMKI_CAS = (*SMKI_ROOTS, *SMKI_ISSUING)
OCAS = ("organisation-root-ca", "organisation-issuing-ca")
DCAS = ("device-root-ca", "device-issuing-ca")
DEVICES = ("device", "device-ka")
ORGANISATIONS = ("organisation", "organisation-ka")
ENDS = ("organisation", "device")
"""The end entities of SMKI."""
SMKI = (*SMKI_CAS, *ENDS)
SMKI_ISSUED = (*SMKI_ISSUING, *ENDS)
"""Those that have a CA above them."""
RSA_ROOTS = ("dccki-root-ca", "iki-root-ca")
RSA_ISSUING = ("dccki-issuing-ca", "iki-issuing-ca")
RSA_CAS = (*RSA_ROOTS, *RSA_ISSUING)
RSA_ENDS = ("dccki", "iki")
RSA = (*RSA_CAS, *RSA_ENDS)
"""The certificates of DCCKI and IKI."""
RSA_ISSUED = (*RSA_ISSUING, *RSA_ENDS)
ROOTS = (*SMKI_ROOTS, *RSA_ROOTS)
CAS = (*SMKI_CAS, *RSA_CAS)
EVERY = (*SMKI, *RSA)
"""One of each certificate profile."""
ISSUED = (*SMKI_ISSUED, *RSA_ISSUED)

HOLDERS = tuple(
    f"organisation-{role}{'-ka' if usage == KEY_AGREEMENT else ''}"
    for role, (_, _, usages) in ROLES.items()
    for usage in usages
)
"""An Organisation Certificate of each role and usage, without a common name."""
KINDS = ("organisation-issuing-ca", "organisation", "device", "dccki", "iki")
"""One of each kind whose profiles differ: for a defect that would say the same of the others."""
SMKI_KINDS = KINDS[:3]
