"""Defects of use: certificates that are right, and are another's, or for something else.

A parser that is asked for the certificate of a holder, usage and role must compare them with what
it reads: ``wanted`` has what it is asked for, ``facts`` what the document says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.corpus.bases import DIGITAL_SIGNATURE, KEY_AGREEMENT, ROLES
from smki_testca.corpus.defect import Importance, Need, Stage, Verdict, defect
from smki_testca.corpus.document_changes import with_value
from smki_testca.corpus.parts import (
    DEVICE_ID,
    SUPPLIER_ID,
    hardware,
    organisation_subject,
    three_names,
    usages,
)
from smki_testca.der.encode import sequence
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_DEVICES = ("device", "device-ka")
_SUPPLIERS = ("organisation", "organisation-ka")
_NO_NAME = "RFC 5280 6.1: whose certificate is wanted is the application's to compare"
_DEVICE_SOURCE = "RTDS 4.5.0 message parsers, CS02d: status 2, wrongDeviceIdentity, in no vector"
_CELLS = "GBCS s.13: a Trust Anchor Cell has one KeyUsage; RFC 5280 4.2.1.3"
# Those of other roles for key agreement are no right ones: roles.usage_not_of_role.
_FOR_SIGNATURES = tuple(
    f"organisation-{role}" for role, (_, _, held) in ROLES.items() if KEY_AGREEMENT in held
)
_FOR_AGREEMENT = tuple(
    f"organisation-{role}-ka" for role, (_, _, held) in ROLES.items() if KEY_AGREEMENT in held
)
_ANOTHER_DEVICE = bytes.fromhex("00db1234567890b7")
_ANOTHER_SUPPLIER = bytes.fromhex("90b3d51f30030000")


@defect(
    "of-another-device",
    on=_DEVICES,
    title="that is right, and another Device's",
    stage=Stage.USE,
    finding="",
    rfc5280=Verdict.ACCEPT,
    source=_NO_NAME,
    gbcs=Verdict.REJECT,
    gbcs_basis=Basis.ASSUMED,
    gbcs_source=_DEVICE_SOURCE,
    why="A Device speaks as another: its readings and alerts are booked for somebody else.",
    remedy="Use the certificate of the Device itself.",
    importance=Importance.CRITICAL,
    needs=(Need.NAMES,),
    facts={"eui64": _ANOTHER_DEVICE.hex().upper()},
)
def of_another_device(it: CertificateParts, base: Base) -> CertificateParts:
    """Another Device ID in hwSerialNum."""
    del base
    return with_value(it, "subjectAltName", sequence(hardware(eui64=_ANOTHER_DEVICE)))


_NEIGHBOUR = DEVICE_ID[:7] + bytes((DEVICE_ID[7] + 1,))


@defect(
    "of-the-next-device",
    on=_DEVICES,
    title="that is right, and of the Device with the next ID",
    stage=Stage.USE,
    finding="",
    rfc5280=Verdict.ACCEPT,
    source=_NO_NAME,
    gbcs=Verdict.REJECT,
    gbcs_basis=Basis.ASSUMED,
    gbcs_source=_DEVICE_SOURCE,
    why="A reader that compares a part of the ID takes it: the factory's next meter.",
    remedy="Use the certificate of the Device itself.",
    importance=Importance.CRITICAL,
    needs=(Need.NAMES,),
    facts={"eui64": _NEIGHBOUR.hex().upper()},
)
def of_the_next_device(it: CertificateParts, base: Base) -> CertificateParts:
    """The last octet of the Device ID is one more."""
    del base
    return with_value(it, "subjectAltName", sequence(hardware(eui64=_NEIGHBOUR)))


_TURNED = DEVICE_ID[::-1]


@defect(
    "of-the-device-turned-round",
    on=_DEVICES,
    title="whose Device ID has its octets in reverse order",
    stage=Stage.USE,
    finding="",
    rfc5280=Verdict.ACCEPT,
    source=_NO_NAME,
    gbcs=Verdict.REJECT,
    gbcs_basis=Basis.ASSUMED,
    gbcs_source=_DEVICE_SOURCE,
    why="A radio sends an EUI-64 with its lowest octet first: a reader that tries both takes it.",
    remedy="Write the Device ID with its highest octet first.",
    importance=Importance.MEDIUM,
    needs=(Need.NAMES,),
    facts={"eui64": _TURNED.hex().upper()},
)
def of_the_device_turned_round(it: CertificateParts, base: Base) -> CertificateParts:
    """The Device ID from its last octet to its first."""
    del base
    return with_value(it, "subjectAltName", sequence(hardware(eui64=_TURNED)))


@defect(
    "of-another-organisation",
    on=_SUPPLIERS,
    title="that is right, and another supplier's",
    stage=Stage.USE,
    finding="",
    rfc5280=Verdict.ACCEPT,
    source=_NO_NAME,
    gbcs=Verdict.REJECT,
    gbcs_source="GBCS s.13: the answer names the identifier that a cell holds",
    why="Another supplier commands the meter: the certificate of the wrong one is in its cell.",
    remedy="Use the certificate of the organisation itself.",
    importance=Importance.CRITICAL,
    needs=(Need.NAMES,),
    facts={"eui64": _ANOTHER_SUPPLIER.hex().upper()},
)
def of_another_organisation(it: CertificateParts, base: Base) -> CertificateParts:
    """Another Entity Identifier in 2.5.4.45; name and role stay."""
    del base
    return replace(it, subject=organisation_subject(eui64=_ANOTHER_SUPPLIER))


_ASSIGNED = bytes((0x70,)) + SUPPLIER_ID[1:]


@defect(
    "of-the-other-registry-entry",
    on=_SUPPLIERS,
    title="whose ID begins with 70 where 90 is meant",
    stage=Stage.USE,
    finding="",
    rfc5280=Verdict.ACCEPT,
    source=_NO_NAME,
    gbcs=Verdict.REJECT,
    gbcs_source="IEEE register; published ZAZ1 certificates: two entries, one never assigned",
    why="70-B3-D5-1F-3 is the SEC's own entry, 90-B3-D5-1F-3 its look-alike: two holders.",
    remedy="Use the ID that was allocated.",
    importance=Importance.HIGH,
    needs=(Need.NAMES,),
    facts={"eui64": _ASSIGNED.hex().upper()},
)
def of_the_other_registry_entry(it: CertificateParts, base: Base) -> CertificateParts:
    """The ID under the SEC's own Registry Entry, not under its look-alike (O17)."""
    del base
    return replace(it, subject=organisation_subject(eui64=_ASSIGNED))


_AGREEMENT_OF_SIGNERS = {
    "": "",
    **{
        f"organisation-{role}": "role.usage"
        for role, (_, _, allowed) in ROLES.items()
        if KEY_AGREEMENT not in allowed
    },
}
"""The linter remarks on a usage that nobody saw with a role."""


@defect(
    "for-key-agreement",
    on=("device", "organisation", *_FOR_SIGNATURES),
    title="that is right, and for key agreement where one for signatures is wanted",
    stage=Stage.USE,
    finding=_AGREEMENT_OF_SIGNERS,
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 6.1: for what a key is used is the application's to compare",
    gbcs=Verdict.REJECT,
    gbcs_source=_CELLS,
    why="A key for one thing is used for another, and no signature of the right one verifies.",
    remedy="Use the holder's certificate for digital signatures.",
    importance=Importance.HIGH,
    needs=(Need.NAMES,),
    facts={"usage": KEY_AGREEMENT},
)
def for_key_agreement(it: CertificateParts, base: Base) -> CertificateParts:
    """KeyAgreement in place of digitalSignature."""
    del base
    return with_value(it, "keyUsage", usages("keyAgreement"))


@defect(
    "for-signatures",
    on=("device-ka", "organisation-ka", *_FOR_AGREEMENT),
    mains=7,
    title="that is right, and for signatures where one for key agreement is wanted",
    stage=Stage.USE,
    finding="",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 6.1: for what a key is used is the application's to compare",
    gbcs=Verdict.REJECT,
    gbcs_source=_CELLS,
    why="A key for one thing is used for another, and no message key comes out right.",
    remedy="Use the holder's certificate for key agreement.",
    importance=Importance.HIGH,
    needs=(Need.NAMES,),
    facts={"usage": DIGITAL_SIGNATURE},
)
def for_signatures(it: CertificateParts, base: Base) -> CertificateParts:
    """DigitalSignature in place of keyAgreement."""
    del base
    return with_value(it, "keyUsage", usages("digitalSignature"))


@defect(
    "of-another-role",
    on=("organisation", "organisation-ka", "organisation-supplier", "organisation-load-controller"),
    title="that is right, and of another role than the one wanted",
    stage=Stage.USE,
    finding="",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 6.1: what an OU means is the application's to compare",
    gbcs=Verdict.EITHER,
    gbcs_source="RTDS 4.5.0: success for an OU of 02 in a load controller's cell",
    why="The rights of one role are used by another; a Device that tells them apart says so.",
    remedy="Use the certificate of the role that is wanted.",
    importance=Importance.MEDIUM,
    needs=(Need.NAMES,),
    facts={"role": "03"},
)
def of_another_role(it: CertificateParts, base: Base) -> CertificateParts:
    """OU 03, networkOperator."""
    holder = bytes.fromhex(base.facts.eui64 or "")
    name = "Supplier One" if base.name in _SUPPLIERS else None
    return replace(it, subject=organisation_subject(name, "03", holder))


@defect(
    "of-recovery",
    on=("organisation", "organisation-supplier"),
    mains=2,
    title="of recovery, with a supplier's ID, where a supplier's is wanted",
    stage=Stage.USE,
    finding="role.holder",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 6.1: what an OU means is the application's to compare",
    gbcs=Verdict.EITHER,
    gbcs_source="RTDS 4.5.0: success for an OU of 02 in a load controller's cell",
    why="Recovery may replace every other certificate: its own in a supplier's cell is a mistake.",
    remedy="Use the certificate of the role that is wanted.",
    importance=Importance.MEDIUM,
    needs=(Need.NAMES,),
    facts={"role": "01"},
)
def of_recovery(it: CertificateParts, base: Base) -> CertificateParts:
    """OU 01, recovery."""
    holder = bytes.fromhex(base.facts.eui64 or "")
    name = "Supplier One" if base.name in _SUPPLIERS else None
    return replace(it, subject=organisation_subject(name, "01", holder))


@defect(
    "for-xml-only",
    on=("organisation", "organisation-supplier"),
    title="that is right, and signs XML where a supplier's for commands is wanted",
    stage=Stage.USE,
    finding="",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 6.1: what an OU means is the application's to compare",
    gbcs=Verdict.EITHER,
    gbcs_source="RTDS 4.5.0: success for an OU of 02 in a load controller's cell",
    why="One EUI-64 holds both: a look-up by identifier and usage alone finds the wrong one.",
    remedy="Use the certificate of the role that is wanted.",
    importance=Importance.HIGH,
    needs=(Need.NAMES,),
    facts={"role": "87"},
)
def for_xml_only(it: CertificateParts, base: Base) -> CertificateParts:
    """OU 87, xmlSign, of the same holder."""
    holder = bytes.fromhex(base.facts.eui64 or "")
    name = "Supplier One" if base.name in _SUPPLIERS else None
    return replace(it, subject=organisation_subject(name, "87", holder))


@defect(
    "of-another-signifier",
    on=("dccki",),
    title="that is right, and of another Signifier",
    stage=Stage.USE,
    finding="",
    rfc5280=Verdict.ACCEPT,
    source=_NO_NAME,
    gbcs=Verdict.REJECT,
    gbcs_source="R8: the Signifier identifies who set up the TLS of a DCC Gateway Connection",
    why="A Party connects as another.",
    remedy="Use the certificate with the Party's own Signifier.",
    importance=Importance.CRITICAL,
    needs=(Need.NAMES,),
    facts={"signifier": "SUP2"},
)
def of_another_signifier(it: CertificateParts, base: Base) -> CertificateParts:
    """Another Signifier in OU."""
    del base
    return replace(it, subject=three_names(unit="SUP2", name="gateway.example"))


@defect(
    "of-another-role",
    on=("iki",),
    title="that is right, and of another role than the one wanted",
    stage=Stage.USE,
    finding="",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 6.1: what an OU means is the application's to compare",
    gbcs=Verdict.EITHER,
    gbcs_source="SEC App. M G: OU is the RemotePartyRole; that it is compared was not read",
    why="An interface gives the rights of one role to another.",
    remedy="Use the certificate of the role that is wanted.",
    importance=Importance.MEDIUM,
    needs=(Need.NAMES,),
    facts={"role": "03"},
)
def iki_of_another_role(it: CertificateParts, base: Base) -> CertificateParts:
    """OU 03, networkOperator."""
    del base
    return replace(it, subject=three_names(unit="03"))
