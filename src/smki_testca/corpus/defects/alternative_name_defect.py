"""Declares defects of subjectAltName, which GBCS alone forbids."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import with_value
from smki_testca.der.encode import sequence

if TYPE_CHECKING:
    from smki_testca.corpus.parts import CertificateParts

NAME = "subjectAltName"
PATH = f"extensions.{NAME}"
NO_RULE = "a rule of GBCS alone: RFC 5280 4.2.1.6 leaves other names to their own definition"
device_name_defect = partial(
    defect,
    stage=Stage.PROFILE,
    at_least=Stage.USE,
    rfc5280=Verdict.ACCEPT,
    source=NO_RULE,
    importance=Importance.HIGH,
)


def named(it: CertificateParts, *names: bytes) -> CertificateParts:
    """The certificate with these GeneralNames as its subjectAltName."""
    return with_value(it, NAME, sequence(*names))
