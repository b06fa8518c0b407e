"""Defects of CSRs that are right, where who asks may not have what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Need, Stage, Verdict, defect
from smki_testca.corpus.document_changes import but, with_value
from smki_testca.corpus.parts import CsrParts, hardware, organisation_subject, three_names
from smki_testca.der.encode import sequence
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.defects.csr_defect import Make


def _refused(
    name: str,
    *,
    on: str,
    title: str,
    rule: str,
    why: str,
    facts: Mapping[str, str | None],
    basis: Basis = Basis.SPECIFIED,
) -> Callable[[Make], Make]:
    """Declare a CSR that the gate refuses to whoever is wanted."""
    declare_defect = defect(
        name,
        on=(on,),
        title=title,
        stage=Stage.USE,
        finding="",
        rfc5280=Verdict.ACCEPT,
        source="RFC 2986 1: whether to issue is the CA's to decide",
        gbcs=Verdict.REJECT,
        gbcs_basis=basis,
        gbcs_source=rule,
        why=why,
        remedy="Ask for what the register says is the participant's.",
        importance=Importance.HIGH,
        needs=(Need.NAMES,),
        facts=facts,
    )

    def declare(make: Make) -> Make:
        declare_defect(make)
        return make

    return declare


@_refused(
    "of-the-sec",
    on="device-csr",
    title="whose Device ID lies under the SEC's Registry Entry",
    rule="SEC Response 2015 ¶33 (R11): the SEC's Registry Entry is never for Devices",
    why="A Device would have the ID of a User, or of the DCC.",
    facts={"eui64": "70B3D51F30010000"},
)
def of_the_sec(it: CsrParts, base: Base) -> CsrParts:
    """70-B3-D5-1F-30-01-00-00 in hwSerialNum."""
    del base
    named = hardware(eui64=bytes.fromhex("70b3d51f30010000"))
    return with_value(it, "subjectAltName", sequence(named))


@_refused(
    "of-another-device",
    on="device-csr",
    title="of another Device than the one that is wanted",
    rule="SEC Response 2015 ¶33 (R11): Device IDs are under the maker's own Registry Entry",
    why="A manufacturer gets a certificate for another's Device.",
    facts={"eui64": "00DB1234567890B7"},
)
def of_another_device(it: CsrParts, base: Base) -> CsrParts:
    """Another Device ID in hwSerialNum."""
    del base
    named = hardware(eui64=bytes.fromhex("00db1234567890b7"))
    return with_value(it, "subjectAltName", sequence(named))


@_refused(
    "of-another-organisation",
    on="organisation-csr",
    title="with the ID of another organisation",
    rule="R12: an ID lies in the range of the organisation that uses it",
    why="An organisation gets a certificate with which it speaks as another.",
    facts={"eui64": "90B3D51F30030000"},
)
def of_another_organisation(it: CsrParts, base: Base) -> CsrParts:
    """Another ID in 2.5.4.45."""
    del base
    return but(it, subject=organisation_subject(eui64=bytes.fromhex("90b3d51f30030000")))


@_refused(
    "of-another-role",
    on="organisation-csr",
    title="for another role than the one that is wanted",
    rule="R13: the Party says which User Role each of its IDs serves",
    why="A supplier gets a certificate of a network operator.",
    facts={"role": "03"},
)
def of_another_role(it: CsrParts, base: Base) -> CsrParts:
    """OU 03 in place of 02."""
    del base
    return but(it, subject=organisation_subject(role="03"))


@_refused(
    "of-another-signifier",
    on="dccki-csr",
    title="with another's Signifier",
    rule="R8: Signifiers identify who set up the TLS of a DCC Gateway Connection; that a CSR with"
    " another's is refused is assumed",
    basis=Basis.ASSUMED,
    why="A Party gets a certificate with which it connects as another.",
    facts={"signifier": "SUP2"},
)
def of_another_signifier(it: CsrParts, base: Base) -> CsrParts:
    """SUP2 in OU."""
    del base
    return but(it, subject=three_names(unit="SUP2", name="gateway.example"))
