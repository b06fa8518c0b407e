"""Breaches of the version: SMKI certificates are of version 3."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import but
from smki_testca.corpus.groups import (
    ENDS,
    EVERY,
    SMKI_CAS,
)
from smki_testca.der.encode import integer, octet_string, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_WHAT_IS_V3 = "RFC 5280 4.1.2.1: what has extensions must be v3; no rule has readers check"
version_defect = partial(defect, stage=Stage.PROFILE)


@version_defect(
    "version-2",
    on=EVERY,
    title="of version 2",
    finding="version.value",
    rfc5280=Verdict.EITHER,
    source=_WHAT_IS_V3,
    why="A reader that skips the extensions of other versions sees no usage, no name of a Device"
    " and no limit of a CA.",
    importance=Importance.MEDIUM,
)
def version_2(it: CertificateParts, _: Base) -> CertificateParts:
    """The number is one less."""
    return but(it, version=tlv(0xA0, integer(1)))


@version_defect(
    "version-missing",
    on=(*ENDS, *SMKI_CAS),
    title="without a version",
    finding="version.missing",
    rfc5280=Verdict.EITHER,
    source=_WHAT_IS_V3,
    why="It is then of version 1, which has no extensions: a reader that skips them sees no usage"
    " and no name of a Device.",
    importance=Importance.MEDIUM,
)
def version_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The element is left out."""
    return but(it, version=b"")


@version_defect(
    "version-4",
    on=ENDS,
    title="of version 4",
    finding="version.value",
    rfc5280=Verdict.EITHER,
    source=_WHAT_IS_V3,
    why="A reader that takes any higher version reads what may mean something else by then.",
    importance=Importance.LOW,
)
def version_4(it: CertificateParts, _: Base) -> CertificateParts:
    """The number is one more."""
    return but(it, version=tlv(0xA0, integer(3)))


@version_defect(
    "version-octet-string",
    on=ENDS,
    title="whose version is an OCTET STRING",
    finding="version.unreadable",
    source="RFC 5280 4.1: Version is an INTEGER",
    why="A reader that compares content without tags reads what is not there.",
    importance=Importance.LOW,
    stage=Stage.STRUCTURE,
    at_least=Stage.PROFILE,
)
def version_octet_string(it: CertificateParts, _: Base) -> CertificateParts:
    """It is of another type."""
    return but(it, version=tlv(0xA0, octet_string(b"\x02")))
