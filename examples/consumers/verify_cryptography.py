"""Verifies a chain: python verify_cryptography.py ROOT.pem ISSUING.pem CERTIFICATE.pem.

The defaults of ``cryptography`` are those of web browsers: they take no critical
certificatePolicies, and want a subjectAltName. The policies here say what these PKIs have.
"""

import sys
from pathlib import Path

from cryptography.x509 import CertificatePolicies, load_pem_x509_certificate
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

root, issuing, certificate = (
    load_pem_x509_certificate(Path(path).read_bytes()) for path in sys.argv[1:]
)
of_cas = ExtensionPolicy.webpki_defaults_ca().may_be_present(
    CertificatePolicies, Criticality.AGNOSTIC, None
)
of_end_entities = ExtensionPolicy.permit_all().may_be_present(
    CertificatePolicies, Criticality.AGNOSTIC, None
)
verifier = (
    PolicyBuilder()
    .store(Store([root]))
    .extension_policies(ca_policy=of_cas, ee_policy=of_end_entities)
    .build_client_verifier()
)
try:
    verifier.verify(certificate, [issuing])
except VerificationError as error:
    sys.exit(f"refused: {error}")
print("OK")
