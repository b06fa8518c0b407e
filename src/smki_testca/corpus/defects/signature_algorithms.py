"""Signature algorithms that are wrong, unknown, or named in two ways."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect, oddity
from smki_testca.corpus.document_changes import but
from smki_testca.corpus.groups import SMKI_ROOTS, led_by
from smki_testca.corpus.parts import (
    ECDSA_NULL,
    ECDSA_SHA256,
    ECDSA_SHA384,
    RSA_NO_PARAMETERS,
    RSA_SHA256,
)
from smki_testca.der.encode import NULL, oid, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, Parts

_ECDSA = ("device", "organisation", "organisation-issuing-ca", "organisation-crl")
_ENDS = ("organisation",)
_RSA = ("dccki", "dccki-crl")

_invalid = partial(
    defect,
    stage=Stage.SIGNATURE,
    at_least=Stage.PATH,
    finding="signature.invalid",
    source="RFC 5280 6.1.3 (a)(1); of a CRL, 6.3.3 (g)",
    importance=Importance.CRITICAL,
    why="Whoever can change a document, or make one up, has it accepted.",
)


# Algorithms


@_invalid(
    "digest-sha-384",
    on=_ECDSA,
    title="that was signed over its SHA-384",
    importance=Importance.HIGH,
)
def signed_with_sha384(it: Parts, base: Base) -> Parts:
    """The algorithm says SHA-256."""
    del base
    return but(it, digest=hashes.SHA384())


@_invalid(
    "digest-sha-1",
    on=("device", "dccki"),
    title="that was signed over its SHA-1",
    importance=Importance.HIGH,
)
def signed_with_sha1(it: Parts, base: Base) -> Parts:
    """The algorithm says SHA-256."""
    del base
    return but(it, digest=hashes.SHA1())  # noqa: S303


_differ = partial(
    defect,
    stage=Stage.SIGNATURE,
    at_least=Stage.PATH,
    finding="signature.algorithms_differ",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.1.1.2: both MUST be the same; 6.1 does not compare them",
    importance=Importance.HIGH,
    why="The algorithm outside is not signed: who verifies by it can be led to a weaker one.",
)


@_differ("algorithms-differ", on=_ECDSA, title="whose outer algorithm is ecdsa-with-SHA384")
def outer_differs(it: Parts, base: Base) -> Parts:
    """The algorithm inside is ecdsa-with-SHA256, and it was signed so."""
    del base
    return but(it, outer=ECDSA_SHA384)


@_differ("outer-algorithm-null", on=_ECDSA, title="whose outer algorithm alone has NULL parameters")
def outer_null(it: Parts, base: Base) -> Parts:
    """The AlgorithmIdentifier outside has NULL, the one inside has none."""
    del base
    return but(it, outer=ECDSA_NULL)


@_differ("outer-algorithm-rsa", on=_ENDS, title="whose outer algorithm is sha256WithRSAEncryption")
def outer_rsa(it: Parts, base: Base) -> Parts:
    """The algorithm inside is ecdsa-with-SHA256, and it was signed so."""
    del base
    return but(it, outer=RSA_SHA256)


@_differ(
    "outer-algorithm-ecdsa",
    also=("signature.malformed",),
    on=led_by("dccki-crl", _RSA),
    title="whose outer algorithm is ecdsa-with-SHA256",
)
def outer_ecdsa(it: Parts, base: Base) -> Parts:
    """The algorithm inside is sha256WithRSAEncryption, and it was signed so."""
    del base
    return but(it, outer=ECDSA_SHA256)


_parameters = partial(
    defect,
    stage=Stage.SIGNATURE,
    at_least=Stage.PATH,
    why="Seen in published certificates (O2): OpenSSL and Java take what other libraries do not"
    " load.",
)


@_parameters(
    "algorithm-null-parameters",
    on=(*_ECDSA, "device-issuing-ca", *SMKI_ROOTS, "organisation-arl"),
    title="whose algorithms have NULL parameters",
    finding="signature.parameters_null",
    rfc5280=Verdict.EITHER,
    source="RFC 5758 3.2: the encoding MUST omit the parameters",
)
def null_parameters(it: Parts, base: Base) -> Parts:
    """NULL follows ecdsa-with-SHA256, inside and outside (O2)."""
    del base
    return but(it, algorithm=ECDSA_NULL)


@oddity(
    "algorithm-no-parameters",
    on=("dccki", "iki", "dccki-crl"),
    title="whose algorithms lack their NULL parameters",
    stage=Stage.SIGNATURE,
    source="RFC 4055 5: NULL MUST be there, and implementations MUST accept its absence",
    why="Whoever compares the AlgorithmIdentifier octet by octet refuses what others issue.",
    importance=Importance.LOW,
)
def no_parameters(it: Parts, base: Base) -> Parts:
    """No NULL follows sha256WithRSAEncryption, inside and outside."""
    del base
    return but(it, algorithm=RSA_NO_PARAMETERS)


@_parameters(
    "algorithm-curve-parameters",
    on=_ENDS,
    title="whose algorithms name the curve as parameters",
    finding="signature.value",
    rfc5280=Verdict.EITHER,
    source="RFC 5758 3.2: the encoding MUST omit the parameters",
)
def curve_parameters(it: CertificateParts, base: Base) -> CertificateParts:
    """The name of prime256v1 follows ecdsa-with-SHA256, inside and outside."""
    del base
    algorithm = sequence(oid("1.2.840.10045.4.3.2"), oid("1.2.840.10045.3.1.7"))
    return replace(it, algorithm=algorithm)


_other = partial(
    defect,
    stage=Stage.SIGNATURE,
    at_least=Stage.PATH,
    finding="signature.value",
    why="A verifier that knows no such algorithm must not take the signature for good.",
)


@_other(
    "algorithm-sha-1",
    on=_ENDS,
    title="that is signed with ecdsa-with-SHA1",
    rfc5280=Verdict.EITHER,
    source="RFC 3279 2.2.3 has it; NIST SP 800-131A no longer",
    importance=Importance.HIGH,
)
def with_sha1(it: CertificateParts, base: Base) -> CertificateParts:
    """The signature is right, with a digest of which two documents can be made."""
    del base
    algorithm = sequence(oid("1.2.840.10045.4.1"))
    return replace(it, algorithm=algorithm, digest=hashes.SHA1())  # noqa: S303


@_other(
    "algorithm-unknown",
    on=(*_ENDS, "organisation-crl"),
    title="that is signed with an algorithm that nobody knows",
    source="RFC 5280 6.1.3 (a)(1); of a CRL, 6.3.3 (g)",
    importance=Importance.CRITICAL,
)
def unknown_algorithm(it: Parts, base: Base) -> Parts:
    """The OBJECT IDENTIFIER is under an arc for examples."""
    del base
    return but(it, algorithm=sequence(oid("2.999.1")))


@_other(
    "algorithm-none",
    on=_ENDS,
    also=("signature.invalid",),
    title="without a signature, as its algorithm says",
    source="RFC 5280 6.1.3 (a)(1); of a CRL, 6.3.3 (g)",
    importance=Importance.CRITICAL,
)
def no_algorithm(it: CertificateParts, base: Base) -> CertificateParts:
    """The algorithm is id-alg-noSignature (RFC 9925), the signature empty."""
    del base
    return replace(it, algorithm=sequence(oid("1.3.6.1.5.5.7.6.36")), signature=b"")


@_other(
    "algorithm-digest-alone",
    on=_ENDS,
    title="whose algorithm is SHA-256",
    source="RFC 5280 6.1.3 (a)(1); of a CRL, 6.3.3 (g)",
    importance=Importance.CRITICAL,
)
def digest_alone(it: CertificateParts, base: Base) -> CertificateParts:
    """The algorithm is a digest, which anybody computes, in place of a signature's."""
    del base
    return replace(it, algorithm=sequence(oid("2.16.840.1.101.3.4.2.1"), tlv(NULL, b"")))
