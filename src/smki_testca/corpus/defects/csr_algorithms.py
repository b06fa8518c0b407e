"""Defects of CSRs: their version, key and signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.defects.csr_defect import REQUESTS, SMKI_REQUESTS, csr_defect
from smki_testca.corpus.document_changes import but
from smki_testca.corpus.parts import (
    ECDSA_NULL,
    ECDSA_SHA384,
    RSA_NO_PARAMETERS,
    RSA_SHA256,
    CsrParts,
)
from smki_testca.corpus.signing_keys import ec_key, rsa_key, spki_from
from smki_testca.der.encode import NULL, bit_string, integer, oid, sequence, tlv
from smki_testca.der.read import read

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base


_RSA = ("iki-csr", "dccki-csr")


@csr_defect(
    "version",
    on=REQUESTS,
    title="of version 2",
    finding="csr.version",
    why="It is not a CSR of the format that is known: its parts may mean something else.",
    source="SEC App. M F; RFC 2986 4.1",
    rfc="RFC 2986 4.1: the version is 0 for this format; no rule for readers",
    rfc5280=Verdict.EITHER,
    importance=Importance.LOW,
)
def version(it: CsrParts, base: Base) -> CsrParts:
    """INTEGER 2 in place of 0."""
    del base
    return but(it, version=integer(2))


@csr_defect(
    "key-p384",
    on=SMKI_REQUESTS,
    title="with a key on P-384",
    finding="csr.key",
    why="No Device can use the key: it knows P-256 alone.",
    importance=Importance.HIGH,
)
def key_p384(it: CsrParts, base: Base) -> CsrParts:
    """A key on another curve, which also signs."""
    del base
    key = ec_key("P-384", ec.SECP384R1())
    return but(it, spki=key.spki, signer=key)


@csr_defect(
    "key-compressed",
    on=SMKI_REQUESTS,
    title="whose point is compressed",
    finding="csr.key",
    why="The certificate would carry the point as it is, and Devices read 65 octets.",
    rfc="RFC 5480 2.2: an implementation MAY support compressed points",
    rfc5280=Verdict.EITHER,
    importance=Importance.MEDIUM,
)
def key_compressed(it: CsrParts, base: Base) -> CsrParts:
    """02 or 03 and 32 octets."""
    del base
    point = it.spki[-65:]
    return but(it, spki=spki_from(bytes((2 + (point[-1] & 1),)) + point[1:33]))


@csr_defect(
    "key-without-curve",
    on=SMKI_REQUESTS,
    title="whose key has NULL for the name of its curve",
    finding="csr.key",
    why="Which curve the point is on is guessed.",
    rfc="RFC 5480 2.1.1: the curve is named",
    rfc5280=Verdict.REJECT,
)
def key_without_curve(it: CsrParts, base: Base) -> CsrParts:
    """NULL parameters of id-ecPublicKey."""
    del base
    algorithm = sequence(oid("1.2.840.10045.2.1"), tlv(NULL, b""))
    return but(it, spki=sequence(algorithm, bit_string(it.spki[-65:])))


@csr_defect(
    "key-rsa-without-null",
    on=_RSA,
    title="whose RSA key lacks its NULL parameters",
    finding="csr.key",
    why="The certificate would carry the key as it is, and strict readers refuse it.",
    rfc="RFC 3279 2.3.1: the parameters are NULL; no rule for readers",
    rfc5280=Verdict.EITHER,
    importance=Importance.LOW,
)
def key_rsa_without_null(it: CsrParts, base: Base) -> CsrParts:
    """RsaEncryption without parameters."""
    del base
    bits = read(it.spki)[0].children[1].encoded
    return but(it, spki=sequence(sequence(oid("1.2.840.113549.1.1.1")), bits))


@csr_defect(
    "by-another-key",
    on=REQUESTS,
    title="that is signed with another key than its own",
    finding="csr.signature",
    why="Who asks does not show that it has the key: it may ask for somebody else's.",
    stage=Stage.SIGNATURE,
    source="SEC App. M 2.3.1.2; RFC 2986 4.2",
    rfc="RFC 2986 4.2",
    rfc5280=Verdict.REJECT,
    importance=Importance.CRITICAL,
)
def by_another_key(it: CsrParts, base: Base) -> CsrParts:
    """The key inside is a stranger's."""
    del base
    return but(it, signer=rsa_key("iki-root-ca") if it.algorithm == RSA_SHA256 else ec_key("other"))


@csr_defect(
    "key-of-another",
    on=REQUESTS,
    title="for the key of somebody else",
    finding="csr.signature",
    why="Who asks gets a certificate for a key that another has, and claims what that one signed.",
    stage=Stage.SIGNATURE,
    source="SEC App. M 2.3.1.2; RFC 2986 4.2",
    rfc="RFC 2986 4.2",
    rfc5280=Verdict.REJECT,
    importance=Importance.CRITICAL,
)
def key_of_another(it: CsrParts, base: Base) -> CsrParts:
    """The key inside is replaced; the signature is by the key before."""
    del base
    other = rsa_key("iki-root-ca") if it.algorithm == RSA_SHA256 else ec_key("stranger")
    return but(it, spki=other.spki)


@csr_defect(
    "signature-raw",
    on=SMKI_REQUESTS,
    title="whose signature is r and s side by side",
    finding="csr.signature",
    why="It is the form of a signature elsewhere (IEEE P1363): two readers, two verdicts.",
    stage=Stage.SIGNATURE,
    source="SEC App. M 2.3.1.2; RFC 2986 4.2",
    rfc="RFC 5758 3.2, RFC 3279 2.2.3: Ecdsa-Sig-Value",
    rfc5280=Verdict.REJECT,
)
def signature_raw(it: CsrParts, base: Base) -> CsrParts:
    """64 octets in place of a SEQUENCE of two INTEGERs."""
    del base
    numbers = read(it.signer.sign(it.tbs))[0].children
    raw = b"".join(int.from_bytes(number.content).to_bytes(32) for number in numbers)
    return but(it, signature=raw)


@csr_defect(
    "algorithm-sha384",
    on=SMKI_REQUESTS,
    title="signed with ecdsa-with-SHA384",
    finding="csr.algorithm",
    why="It is not a CSR of the format that is agreed: the portal refuses it.",
    importance=Importance.LOW,
)
def algorithm_sha384(it: CsrParts, base: Base) -> CsrParts:
    """Signed with SHA-384, and says so."""
    del base
    return but(it, algorithm=ECDSA_SHA384, digest=hashes.SHA384())


@defect(
    "algorithm-parameters-null",
    on=SMKI_REQUESTS,
    title="with NULL parameters after ecdsa-with-SHA256, as mbedTLS 2 writes it",
    stage=Stage.PROFILE,
    finding="csr.algorithm_parameters",
    rfc5280=Verdict.EITHER,
    source="RFC 5758 3.2: the parameters are absent; no rule for readers",
    why="A factory's tool writes it so: who refuses it gets no certificates.",
    importance=Importance.LOW,
)
def algorithm_parameters_null(it: CsrParts, base: Base) -> CsrParts:
    """05 00 after the algorithm's OID."""
    del base
    return but(it, algorithm=ECDSA_NULL)


@defect(
    "algorithm-parameters-none",
    on=_RSA,
    title="without the parameters of sha256WithRSAEncryption",
    stage=Stage.PROFILE,
    finding="csr.algorithm_parameters",
    rfc5280=Verdict.EITHER,
    source="RFC 4055 5: the parameters are NULL; readers take them absent",
    why="A tool writes it so: who refuses it gets no certificates.",
    importance=Importance.LOW,
)
def algorithm_parameters_none(it: CsrParts, base: Base) -> CsrParts:
    """The algorithm's OID alone."""
    del base
    return but(it, algorithm=RSA_NO_PARAMETERS)
