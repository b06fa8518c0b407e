"""Extensions that are out of place, unknown, or for other kinds of certificate."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import added, but
from smki_testca.corpus.groups import (
    DCAS,
    ENDS,
    EVERY,
    KINDS,
    SMKI,
)
from smki_testca.corpus.parts import ANY_POLICY, POLICY, SUPPLIER_ID, dns
from smki_testca.der.encode import NULL, bit_string, integer, oid, sequence, text, tlv
from smki_testca.x509.names import KEY_PURPOSES

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_URL = tlv(0x86, b"http://test.example/")
_NOTHING = tlv(NULL, b"")
_UNKNOWN = "1.2.826.0.1.99999"
_MAY_IGNORE = "RFC 5280 4.2: an extension that is not critical may be ignored"
_NEVER = (
    "No SMKI certificate has it: a Device that was never shown one may fail, or fetch what it"
    " names."
)
extension_defect = partial(defect, stage=Stage.PROFILE, at_least=Stage.PATH)


@extension_defect(
    "extensions-order",
    on=EVERY,
    title="with keyUsage as the last extension",
    finding="extensions.order",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.1.2.9 states no order",
    why="A reader that looks for extensions at their usual place reads another one.",
    importance=Importance.LOW,
)
def extensions_order(it: CertificateParts, _: Base) -> CertificateParts:
    """The first extension comes last."""
    first, *rest = it.extensions.items()
    return replace(it, extensions=dict([*rest, first]))


@extension_defect(
    "extension-unknown",
    on=(*KINDS, "organisation-root-ca", *DCAS),
    title="with an unknown extension",
    finding="extensions.unexpected",
    rfc5280=Verdict.ACCEPT,
    source=_MAY_IGNORE,
    why="Nobody knows what it says, and a Device with room for the usual ones may fail on it.",
    importance=Importance.LOW,
)
def extension_unknown(it: CertificateParts, _: Base) -> CertificateParts:
    """An extension that nobody knows is added; it is not critical."""
    return added(it, _UNKNOWN, _NOTHING)


@extension_defect(
    "extension-unknown-critical",
    on=EVERY,
    title="with an unknown critical extension",
    finding="extensions.unknown_critical",
    source="RFC 5280 4.2: a reader must reject what has a critical extension it does not know",
    why="What its issuer holds to be essential, perhaps a limit of use, is ignored.",
    importance=Importance.HIGH,
)
def extension_unknown_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """An extension that nobody knows is added; it is critical."""
    return added(it, _UNKNOWN, _NOTHING, critical=True)


@extension_defect(
    "extension-long-oid-critical",
    on=("device", "organisation"),
    title="with an unknown critical extension whose OID has 65 octets",
    finding="extensions.unknown_critical",
    source="RFC 5280 4.2: a reader must reject what has a critical extension it does not know",
    why="A reader with room for short OIDs writes past its end, or compares a part.",
    importance=Importance.MEDIUM,
)
def extension_long_oid_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """The unknown extension has an OID longer than any that is in use."""
    return added(it, ".".join(["1.2", *["3"] * 64]), _NOTHING, critical=True)


@extension_defect(
    "extension-like-key-usage-critical",
    on=("device", "organisation"),
    title="with an unknown critical extension whose OID begins with that of keyUsage",
    finding="extensions.unknown_critical",
    source="RFC 5280 4.2: a reader must reject what has a critical extension it does not know",
    why="A reader that compares OIDs up to the shorter one's end takes it for a keyUsage.",
    importance=Importance.HIGH,
)
def extension_like_key_usage_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """An extension 2.5.29.15.1 is added; its value is that of a keyUsage."""
    return added(it, "2.5.29.15.1", it.extensions["keyUsage"].value, critical=True)


@extension_defect(
    "extension-crl-number-critical",
    on=("device", "organisation"),
    title="with a critical cRLNumber",
    finding="extensions.unknown_critical",
    source="RFC 5280 4.2, 5.2.3: certificates have no such extension, so no reader knows it",
    why="A reader with one list for certificates and CRLs takes what it must reject.",
    importance=Importance.MEDIUM,
)
def extension_crl_number_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """An extension of CRLs is added; it is critical."""
    return added(it, "cRLNumber", integer(7), critical=True)


@extension_defect(
    "issuer-alt-name-critical",
    on=("device", "organisation", "dccki"),
    title="with a critical issuerAltName",
    finding="extensions.critical_unsupported",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2: readers need not know issuerAltName; who does not must reject it",
    why="Readers that know it take it and others do not: a meter and a head-end disagree.",
    importance=Importance.LOW,
)
def issuer_alt_name_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """A name of the issuer is added; it is critical."""
    return added(it, "issuerAltName", sequence(dns(b"ca.example")), critical=True)


# Fields that no SMKI certificate has


@extension_defect(
    "ext-key-usage",
    on=SMKI,
    title="with an extKeyUsage",
    finding="extensions.extKeyUsage.present",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.12 allows it",
    why=_NEVER,
    importance=Importance.LOW,
)
def ext_key_usage(it: CertificateParts, _: Base) -> CertificateParts:
    """Purposes of TLS are added."""
    return added(it, "extKeyUsage", sequence(oid(KEY_PURPOSES["clientAuth"])))


@extension_defect(
    "crl-distribution-points",
    on=SMKI,
    title="with cRLDistributionPoints",
    finding="extensions.cRLDistributionPoints.present",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.13 allows it",
    why=_NEVER,
    importance=Importance.LOW,
)
def crl_distribution_points(it: CertificateParts, _: Base) -> CertificateParts:
    """The address of a CRL is added."""
    return added(it, "cRLDistributionPoints", sequence(sequence(tlv(0xA0, tlv(0xA0, _URL)))))


@extension_defect(
    "authority-info-access",
    on=SMKI,
    title="with authorityInfoAccess",
    finding="extensions.authorityInfoAccess.present",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.2.1 allows it",
    why=_NEVER,
    importance=Importance.LOW,
)
def authority_info_access(it: CertificateParts, _: Base) -> CertificateParts:
    """The address of an OCSP responder is added."""
    return added(it, "authorityInfoAccess", sequence(sequence(oid("1.3.6.1.5.5.7.48.1"), _URL)))


@extension_defect(
    "issuer-alt-name",
    on=SMKI,
    mains=2,
    title="with issuerAltName",
    finding="extensions.issuerAltName.present",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.7 allows it",
    why="A reader that takes any GeneralNames for the holder's reads the name of the issuer.",
    importance=Importance.MEDIUM,
)
def issuer_alt_name(it: CertificateParts, _: Base) -> CertificateParts:
    """A name of the issuer is added."""
    return added(it, "issuerAltName", sequence(dns(b"ca.example")))


@extension_defect(
    "issuer-unique-id",
    on=SMKI,
    title="with an issuerUniqueID",
    finding="issuerUniqueID.present",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.1.2.8: CAs must not write it, and readers should be able to parse it",
    why="A reader that takes the element after the key for the extensions reads none.",
    importance=Importance.LOW,
)
def issuer_unique_id(it: CertificateParts, _: Base) -> CertificateParts:
    """The field of version 2 is there."""
    return but(it, unique_ids=tlv(0x81, bit_string(SUPPLIER_ID)[2:]))


@extension_defect(
    "subject-unique-id",
    on=SMKI,
    title="with a subjectUniqueID",
    finding="subjectUniqueID.present",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.1.2.8: CAs must not write it, and readers should be able to parse it",
    why="The SEC calls the subject's attribute 2.5.4.45 subjectUniqueID: a reader that takes the"
    " Entity Identifier from this field reads what nobody else looks at.",
    importance=Importance.HIGH,
)
def subject_unique_id(it: CertificateParts, _: Base) -> CertificateParts:
    """The field of version 2 is there, with an identifier that is not the holder's."""
    other = SUPPLIER_ID[:5] + b"\x99" + SUPPLIER_ID[6:]
    return but(it, unique_ids=tlv(0x82, bit_string(other)[2:]))


# Extensions for CAs only, and of CAs


@extension_defect(
    "name-constraints",
    on=("device", "organisation", "iki"),
    title="with critical nameConstraints",
    finding="extensions.only_for_cas",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.10: only CAs may have it; no rule has readers check",
    why="A reader that applies limits of an end entity to nothing hides that it applies none.",
    importance=Importance.LOW,
)
def name_constraints(it: CertificateParts, _: Base) -> CertificateParts:
    """An end entity limits the names of those below it, of whom there are none."""
    names = sequence(tlv(0xA0, sequence(dns(b"ca.example"))))
    return added(it, "nameConstraints", names, critical=True)


@extension_defect(
    "policy-constraints",
    on=("device", "organisation"),
    title="with critical policyConstraints",
    finding="extensions.only_for_cas",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.11 speaks of CAs; 6.1.5 (b) heeds it in the last certificate, too",
    why="A reader that demands a policy from here on accepts or refuses by a rule of the holder.",
    importance=Importance.LOW,
)
def policy_constraints(it: CertificateParts, _: Base) -> CertificateParts:
    """An end entity demands an explicit policy at once."""
    return added(it, "policyConstraints", sequence(tlv(0x80, b"\x00")), critical=True)


@extension_defect(
    "name-constraints-not-critical",
    on=("device-issuing-ca", "organisation-issuing-ca"),
    title="with nameConstraints that are not critical",
    finding="extensions.must_be_critical",
    also=("extensions.unexpected",),
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.10: CAs must mark it critical; no rule has readers check",
    why="A reader that does not process them accepts certificates that the root never allowed.",
    importance=Importance.MEDIUM,
)
def name_constraints_not_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """A CA's names are limited, and readers may ignore it."""
    return added(it, "nameConstraints", sequence(tlv(0xA0, sequence(dns(b"ca.example")))))


@extension_defect(
    "policy-mapped-to-any",
    on=("device-issuing-ca", "organisation-issuing-ca"),
    title="that maps its policy to anyPolicy",
    finding="extensions.policyMappings.any_policy",
    also=("extensions.unexpected",),
    rfc5280=Verdict.EITHER,
    source="RFC 5280 6.1.4 (a) asks it of the CAs of a path, not of the certificate at its end",
    why="Every policy of whatever it issues then counts as the test policy.",
    importance=Importance.MEDIUM,
)
def policy_mapped_to_any(it: CertificateParts, _: Base) -> CertificateParts:
    """A CA has any policy stand for its own."""
    mapping = sequence(sequence(oid(POLICY), oid(ANY_POLICY)))
    return added(it, "policyMappings", mapping)


@extension_defect(
    "crl-distribution-points-reasons-only",
    on=("dccki", "iki"),
    title="with a point of distribution that is of reasons only",
    finding="extensions.cRLDistributionPoints.reasons_only",
    also=("extensions.unexpected",),
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.13: it must not be of reasons only; no rule has readers check",
    why="A program that wants the CRL finds no address, and perhaps goes on without one.",
    importance=Importance.LOW,
)
def crl_distribution_points_reasons_only(it: CertificateParts, _: Base) -> CertificateParts:
    """The point names neither a place nor an issuer."""
    return added(it, "cRLDistributionPoints", sequence(sequence(tlv(0x81, b"\x01\x06"))))


@extension_defect(
    "netscape-comment",
    on=ENDS,
    title="with a comment of OpenSSL's usual configuration",
    finding="extensions.unexpected",
    rfc5280=Verdict.ACCEPT,
    source=_MAY_IGNORE,
    why="It tells that the certificate was made by hand, and makes it longer than it need be.",
    importance=Importance.LOW,
)
def netscape_comment(it: CertificateParts, _: Base) -> CertificateParts:
    """A comment is added, as some configurations of OpenSSL do."""
    comment = text(0x16, "OpenSSL Generated Certificate")
    return added(it, "2.16.840.1.113730.1.13", comment)
