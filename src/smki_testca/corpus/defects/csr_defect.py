"""Declares defects of CSRs: what a CA, or its registration authority, must not sign.

RFC 2986 alone forbids few of them. SEC Appendix M says what a CSR for the SMKI and the IKI holds;
of one for the DCCKI that is assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CsrParts

    Make = Callable[[CsrParts, Base], CsrParts]

REQUESTS = ("organisation-csr", "device-csr", "iki-csr", "dccki-csr")
SMKI_REQUESTS = ("organisation-csr", "device-csr")
APPENDIX_M = "SEC App. M"
APPENDIX_M_FG = f"{APPENDIX_M} F, G"


def csr_defect(  # noqa: PLR0913 - a defect is stated in full
    name: str,
    *,
    on: tuple[str, ...],
    title: str,
    finding: str,
    why: str,
    source: str = APPENDIX_M_FG,
    stage: Stage = Stage.PROFILE,
    rfc: str = "RFC 2986 4.1",
    rfc5280: Verdict = Verdict.ACCEPT,
    importance: Importance = Importance.MEDIUM,
    also: tuple[str, ...] = (),
    facts: Mapping[str, str | None] | None = None,
    basis: Basis = Basis.SPECIFIED,
) -> Callable[[Make], Make]:
    """Declare a defect that SEC Appendix M forbids, unless that is assumed.

    Of a DCCKI CSR, that it does is always assumed. What any library must refuse, a program of this
    field must refuse, too, and that is known as well.
    """

    def declare(make: Make) -> Make:
        of_dccki = (basis, source)
        if rfc5280 is Verdict.REJECT:
            of_dccki = (Basis.SPECIFIED, rfc)
        elif APPENDIX_M in source:
            of_dccki = (Basis.ASSUMED, f"of the SMKI and the IKI: {source}")
        for bases, known, read_in in (
            (tuple(each for each in on if each != "dccki-csr"), basis, source),
            (tuple(each for each in on if each == "dccki-csr"), *of_dccki),
        ):
            if bases:
                defect(
                    name,
                    on=bases,
                    title=title,
                    stage=stage,
                    finding=finding,
                    also=also,
                    rfc5280=rfc5280,
                    source=rfc,
                    gbcs=Verdict.REJECT,
                    gbcs_basis=known,
                    gbcs_source=read_in,
                    why=why,
                    importance=importance,
                    facts=facts,
                )(make)
        return make

    return declare
