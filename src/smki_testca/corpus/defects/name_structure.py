"""Alternative names, purposes and the extensions of CRLs and CSRs, their elements wrong."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.defects.other_names import OF_ITS_TYPE
from smki_testca.corpus.document_changes import added, with_value
from smki_testca.corpus.elements import appended, content_of, doubled, edited, holding, swapped
from smki_testca.corpus.parts import extension
from smki_testca.der.encode import NULL, integer, octet_string, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, CsrParts, Parts, RevocationListParts

_MORE = tlv(NULL, b"")

_broken = partial(
    defect,
    stage=Stage.STRUCTURE,
    at_least=Stage.PROFILE,
    source="RFC 5280 4.2",
    why="A reader that does not check each element, their order and their number reads what the"
    " issuer did not write, or passes over what it did.",
)
_empty = partial(
    _broken,
    finding="der.empty_sequence",
    why="An empty list says nothing: a reader takes it for no restriction, or for none allowed.",
)
_module = "extensions.subjectAltName.hardwareModuleName"


# subjectAltName


@_empty(
    "san-empty",
    on=("device", "dccki"),
    title="whose subjectAltName is empty",
    source="RFC 5280 4.2.1.6: at least one name",
    importance=Importance.HIGH,
)
def names_empty(it: CertificateParts, base: Base) -> CertificateParts:
    """The value is 30 00."""
    del base
    return with_value(it, "subjectAltName", sequence())


@_broken(
    "san-null",
    on=("device", "dccki"),
    title="with a NULL in its subjectAltName",
    finding="structure.GeneralNames",
    source="RFC 5280 4.2.1.6",
)
def null_in_names(it: CertificateParts, base: Base) -> bytes:
    """A NULL follows the only name."""
    del base
    return edited(it, partial(appended, more=_MORE), "extensions.subjectAltName")


@_broken(
    "san-unknown-choice",
    on=("device", "dccki"),
    title="with a name of the kind [9] in its subjectAltName",
    finding="structure.GeneralNames",
    source="RFC 5280 4.2.1.6",
)
def name_of_unknown_kind(it: CertificateParts, base: Base) -> bytes:
    """GeneralName ends with [8]."""
    del base
    return edited(it, partial(appended, more=tlv(0x89, b"name")), "extensions.subjectAltName")


@_broken(
    "other-name-two-values",
    on=("device", "device-csr"),
    title="whose otherName has two values",
    finding="structure.OtherName",
    source="RFC 5280 4.2.1.6",
    importance=Importance.CRITICAL,
    why="Two readers of one certificate read two Devices: the first, or the last.",
)
def two_values(it: Parts, base: Base) -> bytes:
    """Two hardwareModuleNames stand in the [0] of one otherName: two readers read two Devices."""
    del base
    return edited(it, partial(doubled, number=0), "extensions.subjectAltName", 0, 1)


@_broken(
    "hardware-third-element",
    on=("device", "device-csr"),
    title="whose hardwareModuleName has a third element",
    finding="structure.HardwareModuleName",
    rfc5280=Verdict.EITHER,
    source=OF_ITS_TYPE,
)
def third_of_hardware(it: Parts, base: Base) -> bytes:
    """A NULL follows hwSerialNum."""
    del base
    return edited(it, partial(appended, more=_MORE), "extensions.subjectAltName", 0, 1, 0)


@_broken(
    "hardware-serial-twice",
    on=("device", "device-csr"),
    title="with hwSerialNum twice",
    finding="structure.HardwareModuleName",
    importance=Importance.CRITICAL,
    why="Two readers of one certificate read two Devices: the first, or the last.",
    rfc5280=Verdict.EITHER,
    source=OF_ITS_TYPE,
)
def hardware_serial_twice(it: Parts, base: Base) -> bytes:
    """A second Device ID follows the first."""
    del base
    return edited(
        it,
        partial(appended, more=octet_string(b"\x00\xdb" + b"\x12" * 6)),
        "extensions.subjectAltName",
        0,
        1,
        0,
    )


@_broken(
    "hardware-reversed",
    on=("device",),
    title="whose hwSerialNum comes before hwType",
    finding=f"{_module}.hwType.unreadable",
    also=("extensions.subjectAltName.hardwareModuleName.hwSerialNum.unreadable",),
    importance=Importance.HIGH,
    rfc5280=Verdict.EITHER,
    source=OF_ITS_TYPE,
)
def hardware_reversed(it: CertificateParts, base: Base) -> bytes:
    """The two elements have changed places."""
    del base
    return edited(it, partial(swapped, number=0), "extensions.subjectAltName", 0, 1, 0)


@_broken(
    "hardware-implicit",
    on=("device", "device-csr"),
    title="whose otherName has an IMPLICIT value",
    finding="structure.OtherName",
    source="RFC 5280 4.2.1.6: [0] EXPLICIT",
    importance=Importance.HIGH,
)
def hardware_implicit(it: Parts, base: Base) -> bytes:
    """The [0] holds hwType and hwSerialNum themselves, without a SEQUENCE around them."""
    del base
    return edited(it, content_of, "extensions.subjectAltName", 0, 1, 0)


# extKeyUsage


@_empty(
    "purposes-empty",
    on=("dccki", "iki"),
    title="whose extKeyUsage is empty",
    source="RFC 5280 4.2.1.12: SIZE (1..MAX)",
    importance=Importance.HIGH,
)
def purposes_empty(it: CertificateParts, base: Base) -> CertificateParts:
    """The value is 30 00."""
    del base
    return with_value(it, "extKeyUsage", sequence())


@_broken(
    "purposes-null",
    on=("dccki", "iki"),
    title="with a NULL in its extKeyUsage",
    finding="structure.ExtKeyUsageSyntax",
    source="RFC 5280 4.2.1.12",
)
def purposes_null(it: CertificateParts, base: Base) -> bytes:
    """A NULL follows the purposes."""
    del base
    return edited(it, partial(appended, more=_MORE), "extensions.extKeyUsage")


# CRLs and CSRs


@_broken(
    "crl-number-null",
    on=("organisation-arl", "organisation-crl"),
    title="whose cRLNumber is a NULL",
    finding="extensions.cRLNumber.unreadable",
    source="RFC 5280 5.2.3",
)
def crl_number_null(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The value has another type than INTEGER."""
    del base
    return with_value(it, "cRLNumber", _MORE)


@_broken(
    "distribution-point-more",
    on=("organisation-crl",),
    title="whose issuingDistributionPoint has an element more",
    finding="structure.IssuingDistributionPoint",
    also=("extensions.issuingDistributionPoint.present",),
    source="RFC 5280 5.2.5",
)
def distribution_point_more(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A NULL follows onlyContainsCACerts."""
    del base
    return added(it, "issuingDistributionPoint", sequence(tlv(0x82, b"\xff"), _MORE))


@_broken(
    "request-extensions-empty",
    on=("device-csr", "organisation-csr"),
    title="whose list of extensions is empty",
    finding="der.empty_sequence",
    also=("csr.key_usage",),
    source="RFC 5280 4.1: SIZE (1..MAX)",
)
def request_extensions_empty(it: CsrParts, base: Base) -> bytes:
    """The extensionRequest holds 30 00."""
    del base
    return edited(it, partial(holding, content=b""), "extensions")


@_broken(
    "base-number-null",
    on=("organisation-crl",),
    title="whose deltaCRLIndicator is a NULL",
    finding="structure.BaseCRLNumber",
    also=("extensions.deltaCRLIndicator.present",),
    source="RFC 5280 5.2.4",
)
def base_number_null(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The number of the base CRL has another type than INTEGER."""
    del base
    return added(it, "deltaCRLIndicator", _MORE)


@_broken(
    "invalidity-date-integer",
    on=("organisation-crl",),
    title="with an entry whose invalidityDate is an INTEGER",
    finding="structure.InvalidityDate",
    also=("revokedCertificates.invalidityDate.present",),
    source="RFC 5280 5.3.2",
)
def invalidity_date_integer(it: RevocationListParts, base: Base) -> bytes:
    """The extension of the entry has another type than GeneralizedTime."""
    del base
    more = extension("2.5.29.24", integer(4)).encoded
    return edited(it, partial(appended, more=more), "revokedCertificates", 0, 2)


@_broken(
    "attributes-null",
    on=("device-csr", "organisation-csr"),
    title="with a NULL among its attributes",
    finding="structure.Attributes",
    also=("csr.attributes",),
    source="RFC 2986 4.1",
)
def attributes_null(it: CsrParts, base: Base) -> bytes:
    """A NULL follows the extensionRequest."""
    del base
    return edited(it, partial(appended, more=_MORE), "signed", 3)


@_broken(
    "request-crl-number-null",
    on=("organisation-csr",),
    title="that asks for a cRLNumber of NULL",
    finding="structure.CRLNumber",
    also=("csr.extension",),
    source="RFC 5280 5.2.3",
    importance=Importance.LOW,
)
def request_crl_number(it: CsrParts, base: Base) -> CsrParts:
    """The extension belongs to CRLs, and its value is none."""
    del base
    return added(it, "cRLNumber", _MORE)
