"""Breaches of the signature algorithm: ecdsa-with-SHA256 in every SMKI certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import but
from smki_testca.corpus.groups import SMKI
from smki_testca.corpus.parts import ECDSA_SHA384

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts


@defect(
    "signed-with-sha-384",
    on=SMKI,
    title="signed with ecdsa-with-SHA384",
    stage=Stage.PROFILE,
    at_least=Stage.SIGNATURE,
    finding="signature.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5758 3.2 defines it; which algorithms a reader knows is its own affair",
    why="GBCS names one algorithm: a Device has no other, and calls a signature wrong that a"
    " head-end finds right.",
    importance=Importance.MEDIUM,
)
def signed_with_sha_384(it: CertificateParts, _: Base) -> CertificateParts:
    """The algorithm is another one inside and outside, and so is the signature."""
    return but(it, algorithm=ECDSA_SHA384, digest=hashes.SHA384())
