"""Names and OBJECT IDENTIFIERs of attributes, extensions, usages and algorithms (RFC 5280)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from smki_testca.der import encode

ATTRIBUTES = {
    "commonName": "2.5.4.3",
    "serialNumber": "2.5.4.5",
    "countryName": "2.5.4.6",
    "localityName": "2.5.4.7",
    "stateOrProvinceName": "2.5.4.8",
    "organizationName": "2.5.4.10",
    "organizationalUnitName": "2.5.4.11",
    "title": "2.5.4.12",
    "name": "2.5.4.41",
    "dnQualifier": "2.5.4.46",
    "x500UniqueIdentifier": "2.5.4.45",
    "userId": "0.9.2342.19200300.100.1.1",
    "domainComponent": "0.9.2342.19200300.100.1.25",
}
"""The attributes of names that a profile can state."""
OTHER_ATTRIBUTES = {
    "surname": "2.5.4.4",
    "streetAddress": "2.5.4.9",
    "description": "2.5.4.13",
    "businessCategory": "2.5.4.15",
    "postalCode": "2.5.4.17",
    "telephoneNumber": "2.5.4.20",
    "givenName": "2.5.4.42",
    "initials": "2.5.4.43",
    "generationQualifier": "2.5.4.44",
    "pseudonym": "2.5.4.65",
    "organizationIdentifier": "2.5.4.97",
    "emailAddress": "1.2.840.113549.1.9.1",
}
"""Others that names in certificates may have (RFC 5280 A.1, RFC 4519, RFC 2985, X.520)."""
SHORT_NAMES = {
    "commonName": "CN",
    "countryName": "C",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "userId": "UID",
    "domainComponent": "DC",
}
"""The short names of RFC 4514 3; other attributes have their OIDs in its texts."""

EXTENSIONS = {
    "subjectDirectoryAttributes": "2.5.29.9",
    "subjectKeyIdentifier": "2.5.29.14",
    "keyUsage": "2.5.29.15",
    "subjectAltName": "2.5.29.17",
    "issuerAltName": "2.5.29.18",
    "cRLNumber": "2.5.29.20",
    "basicConstraints": "2.5.29.19",
    "nameConstraints": "2.5.29.30",
    "cRLDistributionPoints": "2.5.29.31",
    "certificatePolicies": "2.5.29.32",
    "policyMappings": "2.5.29.33",
    "authorityKeyIdentifier": "2.5.29.35",
    "policyConstraints": "2.5.29.36",
    "extKeyUsage": "2.5.29.37",
    "freshestCRL": "2.5.29.46",
    "inhibitAnyPolicy": "2.5.29.54",
    "authorityInfoAccess": "1.3.6.1.5.5.7.1.1",
    "subjectInfoAccess": "1.3.6.1.5.5.7.1.11",
}

ROOT_EXTENSIONS = {"wrappedApexContinKey": "1.3.6.1.5.5.7.1.20"}
"""The extensions of a root (RFC 5934) that a reader of other certificates need not know."""

CRL_EXTENSIONS = {
    "issuerAltName": "2.5.29.18",
    "cRLNumber": "2.5.29.20",
    "deltaCRLIndicator": "2.5.29.27",
    "issuingDistributionPoint": "2.5.29.28",
    "authorityKeyIdentifier": "2.5.29.35",
    "freshestCRL": "2.5.29.46",
    "authorityInfoAccess": "1.3.6.1.5.5.7.1.1",
}
"""The extensions of a CRL (RFC 5280 5.2)."""

ENTRY_EXTENSIONS = {
    "reasonCode": "2.5.29.21",
    "invalidityDate": "2.5.29.24",
    "certificateIssuer": "2.5.29.29",
}
"""The extensions of an entry of a CRL (RFC 5280 5.3)."""

REASONS = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "removeFromCRL": 8,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}
"""The codes of the reasons for a revocation (RFC 5280 5.3.1); 7 is not used."""

KEY_USAGE_BITS = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)

KEY_PURPOSES = {
    "serverAuth": "1.3.6.1.5.5.7.3.1",
    "clientAuth": "1.3.6.1.5.5.7.3.2",
    "codeSigning": "1.3.6.1.5.5.7.3.3",
    "emailProtection": "1.3.6.1.5.5.7.3.4",
    "timeStamping": "1.3.6.1.5.5.7.3.8",
    "OCSPSigning": "1.3.6.1.5.5.7.3.9",
}

HARDWARE_MODULE_NAME = "1.3.6.1.5.5.7.8.4"
EXTENSION_REQUEST = "1.2.840.113549.1.9.14"

REQUEST_ATTRIBUTES = {
    "1.2.840.113549.1.9.2": "unstructuredName",
    "1.2.840.113549.1.9.7": "challengePassword",
    "1.2.840.113549.1.9.8": "unstructuredAddress",
    EXTENSION_REQUEST: "extensionRequest",
    "1.3.6.1.4.1.311.2.1.14": "Windows' own extensionRequest",
    "1.3.6.1.4.1.311.13.1": "Windows' renewal certificate",
    "1.3.6.1.4.1.311.13.2.1": "Windows' enrolment name and value",
    "1.3.6.1.4.1.311.13.2.2": "Windows' enrolment CSP",
    "1.3.6.1.4.1.311.13.2.3": "Windows' OS version",
    "1.3.6.1.4.1.311.21.20": "Windows' request client info",
}
"""The names of attributes of CSRs by OID (RFC 2985 5.4; Windows' enrolment), for messages."""
WINDOWS_ATTRIBUTES = "1.3.6.1.4.1.311."
"""The start of the OIDs of Windows' attributes."""
_OTHER_NAMES = {
    "1.2.840.113549.1.9.15": "sMIMECapabilities",
    "1.3.6.1.4.1.311.20.2": "Windows' certificate template name",
    "1.3.6.1.4.1.311.21.7": "Windows' certificate template",
    "1.3.6.1.4.1.311.21.10": "Windows' application policies",
    "2.16.840.1.113730.1.1": "Netscape's certificate type",
    "2.16.840.1.113730.1.13": "Netscape's comment",
}


def described(label: str) -> str:
    """The name of an attribute or extension that no profile has, for messages.

    Args:
        label: its OID in dotted decimal, or its name, which is returned as it is.
    """
    name = REQUEST_ATTRIBUTES.get(label) or _OTHER_NAMES.get(label)
    return label if name is None else f"{name} ({label})"


ATTRIBUTE_NAMES = {oid: name for name, oid in (ATTRIBUTES | OTHER_ATTRIBUTES).items()}
EXTENSION_NAMES = {oid: name for name, oid in (EXTENSIONS | ROOT_EXTENSIONS).items()}
CRL_EXTENSION_NAMES = EXTENSION_NAMES | {oid: name for name, oid in CRL_EXTENSIONS.items()}
ENTRY_EXTENSION_NAMES = {oid: name for name, oid in ENTRY_EXTENSIONS.items()}
REASON_NAMES = {code: name for name, code in REASONS.items()}
KEY_PURPOSE_NAMES = {oid: name for name, oid in KEY_PURPOSES.items()}


class KeyType(StrEnum):
    """The key types that a profile can ask for."""

    P256 = "p-256"
    RSA2048 = "rsa-2048"


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """A signature algorithm and the encoding of its AlgorithmIdentifier.

    Attributes:
        name: as profiles write it.
        oid: of the algorithm.
        null_parameters: whether NULL parameters follow it (RFC 4055) or none (RFC 5758 3.2).
    """

    name: str
    oid: str
    null_parameters: bool

    @property
    def encoded(self) -> bytes:
        """The AlgorithmIdentifier in DER."""
        parameters = b"\x05\x00" if self.null_parameters else b""
        return encode.sequence(encode.oid(self.oid), parameters)


ECDSA_WITH_SHA256 = SignatureAlgorithm(
    "ecdsa-with-SHA256", "1.2.840.10045.4.3.2", null_parameters=False
)
SHA256_WITH_RSA = SignatureAlgorithm(
    "sha256WithRSAEncryption", "1.2.840.113549.1.1.11", null_parameters=True
)
ECDSA_WITH_NULL = encode.sequence(encode.oid(ECDSA_WITH_SHA256.oid), b"\x05\x00")
"""ecdsa-with-SHA256 with NULL parameters, as some write it contrary to RFC 5758 3.2."""
SIGNATURE_ALGORITHMS = {
    algorithm.name: algorithm for algorithm in (ECDSA_WITH_SHA256, SHA256_WITH_RSA)
}

EC_PUBLIC_KEY = "1.2.840.10045.2.1"
PRIME256V1 = "1.2.840.10045.3.1.7"
RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
RSA_ENCRYPTION_OID = encode.oid(RSA_ENCRYPTION)

_OF_ANYTHING = {
    **_OTHER_NAMES,
    **REQUEST_ATTRIBUTES,
    **ATTRIBUTE_NAMES,
    **CRL_EXTENSION_NAMES,
    **ENTRY_EXTENSION_NAMES,
    **KEY_PURPOSE_NAMES,
    **{algorithm.oid: algorithm.name for algorithm in SIGNATURE_ALGORITHMS.values()},
    HARDWARE_MODULE_NAME: "hardwareModuleName",
    EC_PUBLIC_KEY: "ecPublicKey",
    PRIME256V1: "prime256v1",
    RSA_ENCRYPTION: "rsaEncryption",
    "1.2.840.113549.1.7.1": "pkcs7-data",
    "1.2.840.113549.1.7.2": "pkcs7-signedData",
    "1.3.6.1.5.5.7.48.1": "OCSP",
    "1.3.6.1.5.5.7.48.2": "caIssuers",
    "2.5.29.32.0": "anyPolicy",
}


def name_of_oid(oid: str) -> str | None:
    """The name of an OBJECT IDENTIFIER of any use, in dotted decimal; None if it is not known."""
    return _OF_ANYTHING.get(oid)
