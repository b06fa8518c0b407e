"""Breaches of the profiles: what GBCS and the certificate policies ask beyond RFC 5280."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.changes import with_critical
from smki_testca.corpus.defect import Importance, Stage, Verdict, defect

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import Certificate


@defect(
    "san-not-critical",
    on=("device", "device-ka"),
    title="whose subjectAltName is not critical",
    stage=Stage.PROFILE,
    finding="extensions.subjectAltName.critical",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.6",
    why="A reader that knows no subjectAltName takes a certificate that names nobody.",
    importance=Importance.MEDIUM,
)
def san_not_critical(it: Certificate, base: Base) -> Certificate:
    """The criticality of the only name of a Device is left out."""
    del base
    return with_critical(it, "subjectAltName", b"")
