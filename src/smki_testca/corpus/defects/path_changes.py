"""Changes of a path: a certificate above the document is changed, or issues another one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Changed
from smki_testca.corpus.document_changes import with_value
from smki_testca.corpus.parts import RSA_SHA256, authority_key, ca_subject, rdn
from smki_testca.corpus.signing_keys import ec_key, rsa_key
from smki_testca.der.encode import sequence

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts
    from smki_testca.corpus.signing_keys import CorpusSigner

END_ENTITIES = ("organisation", "device", "dccki", "iki")
"""An end entity of each hierarchy."""
ISSUING = ("organisation-issuing-ca", "device-issuing-ca", "dccki-issuing-ca", "iki-issuing-ca")
SMKI_ENDS = ("organisation", "device")


def below(
    it: CertificateParts,
    base: Base,
    change: Callable[[CertificateParts], CertificateParts],
    number: int = 0,
) -> Changed:
    """The document below a chain, one certificate of which is changed."""
    chain = list(base.chain)
    chain[number] = change(chain[number])
    return Changed(it, chain)


def issued_by(
    it: CertificateParts, issuer: CertificateParts, signer: CorpusSigner
) -> CertificateParts:
    """The certificate as another issuer would have issued it."""
    pointed = with_value(it, "authorityKeyIdentifier", authority_key(issuer.key_identifier))
    return replace(pointed, issuer=issuer.subject, signer=signer)


def another_key(it: CertificateParts, name: str) -> CorpusSigner:
    """A key of the same kind as that of the certificate's CA, that is not its."""
    if it.algorithm != RSA_SHA256:
        return ec_key(name)
    return rsa_key("dccki" if it.profile == "iki" else "iki")


def another_name(profile: str) -> bytes:
    """The name of a CA that there is not."""
    if profile == "organisation":
        return ca_subject("07", "Z9")
    if profile == "device":
        return ca_subject(None, "DZ9")
    return sequence(rdn("organizationName", "smki-testca"), rdn("commonName", "Another CA"))
