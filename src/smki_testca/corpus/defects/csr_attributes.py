"""Defects of CSRs: their attributes, and the extensions that they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Verdict
from smki_testca.corpus.defects.csr_defect import REQUESTS, SMKI_REQUESTS, csr_defect
from smki_testca.corpus.document_changes import (
    added,
    but,
    with_critical,
    with_extension,
    with_value,
    without,
)
from smki_testca.corpus.parts import PRINTABLE, TRUE, CsrParts, extension, usages
from smki_testca.der.encode import IA5_STRING, integer, octet_string, oid, sequence, set_of, text

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base


@csr_defect(
    "attributes-password",
    on=REQUESTS,
    title="with a challengePassword",
    finding="csr.attributes",
    why="A password travels in clear, and stays in every archive of CSRs.",
    rfc="RFC 2986 4.1, RFC 2985 5.4.1: an attribute that may be there",
)
def attributes_password(it: CsrParts, base: Base) -> CsrParts:
    """A second attribute."""
    del base
    challenge = sequence(oid("1.2.840.113549.1.9.7"), set_of([text(PRINTABLE, "secret")]))
    return but(it, attributes=(challenge,))


@csr_defect(
    "attributes-windows",
    on=REQUESTS,
    title="with Windows' attributes, as certreq always adds",
    finding="csr.attributes",
    why="The portal refuses it, and its user finds out on the day that the key is needed.",
    importance=Importance.LOW,
)
def attributes_windows(it: CsrParts, base: Base) -> CsrParts:
    """The version of Windows and the client's data."""
    del base
    system = sequence(oid("1.3.6.1.4.1.311.13.2.3"), set_of([text(IA5_STRING, "10.0.26100.2")]))
    client = sequence(oid("1.3.6.1.4.1.311.21.20"), set_of([sequence(integer(9))]))
    return but(it, attributes=(system, client))


@csr_defect(
    "extension-purpose",
    on=SMKI_REQUESTS,
    title="for an extKeyUsage",
    finding="csr.extension",
    why="A CA that copies what is asked for issues a purpose that no policy has.",
)
def extension_purpose(it: CsrParts, base: Base) -> CsrParts:
    """A critical extKeyUsage of serverAuth."""
    del base
    return added(it, "extKeyUsage", sequence(oid("1.3.6.1.5.5.7.3.1")), critical=True)


@csr_defect(
    "extension-ca",
    on=REQUESTS,
    title="for the basicConstraints of a CA",
    finding="csr.extension",
    why="A CA that copies what is asked for makes another CA.",
    importance=Importance.CRITICAL,
)
def extension_ca(it: CsrParts, base: Base) -> CsrParts:
    """CA TRUE."""
    del base
    return added(it, "basicConstraints", sequence(TRUE), critical=True)


@csr_defect(
    "extension-policy",
    on=SMKI_REQUESTS,
    title="for a policy",
    finding="csr.extension",
    why="A CA that copies what is asked for issues a live policy.",
    importance=Importance.HIGH,
)
def extension_policy(it: CsrParts, base: Base) -> CsrParts:
    """CertificatePolicies of another arc."""
    del base
    return added(
        it, "certificatePolicies", sequence(sequence(oid("1.2.826.0.1.99999.1"))), critical=True
    )


@csr_defect(
    "extension-key-identifier",
    on=REQUESTS,
    title="for a subjectKeyIdentifier, as keytool always asks for",
    finding="csr.extension",
    why="A CA that copies it issues another key identifier than the key's.",
    importance=Importance.LOW,
)
def extension_key_identifier(it: CsrParts, base: Base) -> CsrParts:
    """20 octets of zeros, before everything else."""
    del base
    key_identifier = extension("subjectKeyIdentifier", octet_string(bytes(20)))
    return but(it, extensions={"subjectKeyIdentifier": key_identifier, **it.extensions})


@csr_defect(
    "extension-twice",
    on=REQUESTS,
    title="for keyUsage twice",
    finding="csr.extension",
    why="Two readers read two usages.",
    rfc="RFC 5280 4.2: a rule for CAs, which goes for certificates",
    rfc5280=Verdict.EITHER,
)
def extension_twice(it: CsrParts, base: Base) -> CsrParts:
    """The same extension again, at the end."""
    del base
    return with_extension(it, "keyUsage again", it.extensions["keyUsage"])


@csr_defect(
    "key-usage-not-critical",
    on=("organisation-csr",),
    title="whose keyUsage is not critical",
    finding="csr.criticality",
    why="The portal refuses it.",
    source="SEC App. M F",
    importance=Importance.LOW,
)
def key_usage_not_critical(it: CsrParts, base: Base) -> CsrParts:
    """The criticality is left out."""
    del base
    return with_critical(it, "keyUsage", b"")


@csr_defect(
    "key-usage-two",
    on=("organisation-csr", "device-csr"),
    title="for two usages",
    finding="csr.key_usage",
    why="One key for two usages: a signature may open what key agreement closed.",
    importance=Importance.HIGH,
    facts={"usage": None},
)
def key_usage_two(it: CsrParts, base: Base) -> CsrParts:
    """DigitalSignature and keyAgreement."""
    del base
    return with_value(it, "keyUsage", usages("digitalSignature", "keyAgreement"))


@csr_defect(
    "key-usage-of-a-ca",
    on=("organisation-csr", "device-csr", "iki-csr"),
    title="for signing certificates",
    finding="csr.key_usage",
    why="A CA that copies what is asked for makes another CA.",
    importance=Importance.CRITICAL,
    facts={"usage": None},
)
def key_usage_of_a_ca(it: CsrParts, base: Base) -> CsrParts:
    """KeyCertSign."""
    del base
    return with_value(it, "keyUsage", usages("keyCertSign"))


@csr_defect(
    "key-usage-agreement",
    on=("iki-csr",),
    title="for key agreement",
    finding="csr.key_usage",
    why="An RSA key agrees on nothing; the interface wants digitalSignature.",
)
def key_usage_agreement(it: CsrParts, base: Base) -> CsrParts:
    """KeyAgreement in place of digitalSignature."""
    del base
    return with_value(it, "keyUsage", usages("keyAgreement"))


@csr_defect(
    "without-key-usage",
    on=("device-csr",),
    title="without a keyUsage",
    finding="csr.key_usage",
    why="What the key is for is guessed.",
    facts={"usage": None},
)
def without_key_usage(it: CsrParts, base: Base) -> CsrParts:
    """The extension is left out."""
    del base
    return without(it, "keyUsage")


@csr_defect(
    "without-key-usage",
    on=("organisation-csr", "iki-csr"),
    title="without a keyUsage, and so without an extensionRequest",
    finding="csr.key_usage",
    also=("csr.attributes",),
    why="What the key is for is guessed.",
    facts={"usage": None},
)
def without_extensions(it: CsrParts, base: Base) -> CsrParts:
    """The only extension is left out, and the attribute that holds it."""
    del base
    return without(it, "keyUsage")
