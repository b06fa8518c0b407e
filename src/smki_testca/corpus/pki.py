"""The CAs that issue the corpus, and how documents refer to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smki_testca.corpus.parts import (
    ECDSA_SHA256,
    POLICY,
    RSA_SHA256,
    TRUE,
    CertificateParts,
    Extension,
    at,
    authority_key,
    ca_subject,
    extension,
    lasting,
    policies,
    rdn,
    serial_of,
    usages,
)
from smki_testca.corpus.signing_keys import CorpusSigner, ec_key, key_identifier_of, rsa_key
from smki_testca.der.encode import integer, octet_string, sequence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

AT = at("2026-07-01T12:00:00")
"""The instant at which the corpus is judged; whatever it is, a verdict depends on it only in the
cases that need the time."""

_SMKI = ("organisation", "device")
_CA_SUBJECTS: dict[str, tuple[bytes | str, bytes | str]] = {
    "organisation": (ca_subject("00", "ZA"), ca_subject("07", "Z1")),
    "device": (ca_subject(None, "DZ"), ca_subject(None, "DZ1")),
    "dccki": ("Root DCCKICA ZAZ1 Test", "EII DCCKICA ZAZ1 Test"),
    "iki": ("Root ICA ZAZ1 Test", "Issuing ICA ZAZ1 Test"),
}
HIERARCHIES = tuple(_CA_SUBJECTS)
_ENDS = ("2069-12-31T23:59:59", "2044-12-31T23:59:59")


@dataclass(frozen=True)
class Pki:
    """The CAs that the corpus is issued by: each certificate, and what signs with its key.

    Attributes:
        authorities: the CA Certificates by profile, such as ``device-issuing-ca``.
        signers: the CAs' own keys, by profile.
        policies: the policy OID of end entities, by hierarchy.
        at: the instant at which documents are judged, unless a defect states another.
    """

    authorities: Mapping[str, CertificateParts]
    signers: Mapping[str, CorpusSigner]
    policies: Mapping[str, str] = field(default_factory=dict)
    at: datetime = AT

    def policy(self, hierarchy: str) -> str:
        """The policy OID of a hierarchy."""
        return self.policies.get(hierarchy, POLICY)

    def chain(self, hierarchy: str) -> tuple[CertificateParts, CertificateParts]:
        """The issuing CA and the root of a hierarchy."""
        return (
            self.authorities[f"{hierarchy}-issuing-ca"],
            self.authorities[f"{hierarchy}-root-ca"],
        )


def corpus_pki() -> Pki:
    """The CAs of the corpus itself, whose keys come from their names."""
    authorities: dict[str, CertificateParts] = {}
    signers: dict[str, CorpusSigner] = {}
    for hierarchy, subjects in _CA_SUBJECTS.items():
        above: CertificateParts | None = None
        for tier, subject, end in zip(("root", "issuing"), subjects, _ENDS, strict=True):
            profile = f"{hierarchy}-{tier}-ca"
            smki = hierarchy in _SMKI
            signers[profile] = ec_key(profile) if smki else rsa_key(profile)
            name = subject if isinstance(subject, bytes) else _plain_ca(subject)
            signer = signers[profile if above is None else above.profile]
            above = _ca(profile, name, signers[profile], end, above, signer)
            authorities[profile] = above
    return Pki(authorities, signers)


def _plain_ca(name: str) -> bytes:
    return sequence(rdn("organizationName", "smki-testca"), rdn("commonName", name))


def _ca(
    profile: str,
    name: bytes,
    key: CorpusSigner,
    end: str,
    above: CertificateParts | None,
    signer: CorpusSigner,
) -> CertificateParts:
    smki = profile.startswith(_SMKI)
    length = 1 if above is None else 0
    extensions = {
        "keyUsage": extension("keyUsage", usages("keyCertSign", "cRLSign"), critical=True),
        "basicConstraints": extension(
            "basicConstraints", sequence(TRUE, integer(length)), critical=True
        ),
        "certificatePolicies": extension("certificatePolicies", policies(POLICY), critical=smki),
        "subjectKeyIdentifier": subject_key_identifier(key.spki),
    }
    if above is not None:
        extensions["authorityKeyIdentifier"] = pointer_to(above)
    return CertificateParts(
        profile,
        serial_of(profile),
        name if above is None else above.subject,
        lasting("2020-01-01", end),
        name,
        key.spki,
        extensions,
        signer,
        algorithm=ECDSA_SHA256 if smki else RSA_SHA256,
    )


def subject_key_identifier(spki: bytes) -> Extension:
    """The subjectKeyIdentifier of a key."""
    return extension("subjectKeyIdentifier", octet_string(key_identifier_of(spki)))


def pointer_to(above: CertificateParts) -> Extension:
    """The authorityKeyIdentifier that points to the certificate above."""
    return extension("authorityKeyIdentifier", authority_key(above.key_identifier))
