"""Defects of CRLs: lists that must not be used, and those that say another thing than they seem to.

The question is the status of the certificate that the good list revokes, by this list alone. Who
refuses the list answers *unknown*. ``facts`` has what the list says to those who take it. The
answer *good* is dangerous wherever it is not among the right ones: a program that drops a bad
list and goes on takes a revoked certificate (see ``corpus.case``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.bases import organisation
from smki_testca.corpus.defect import Changed, Importance, Need, Stage, Verdict, defect
from smki_testca.corpus.document_changes import (
    added,
    but,
    rekeyed,
    with_critical,
    with_extension,
    with_value,
    without,
)
from smki_testca.corpus.groups import led_by
from smki_testca.corpus.issuer_names import rewritten
from smki_testca.corpus.parts import (
    RSA_SHA256,
    TRUE,
    UTF8,
    Extension,
    RevocationListParts,
    at,
    authority_key,
    ca_subject,
    entry,
    extension,
    fixed_integer,
    lasting,
    rdn,
    reason,
    serial_of,
    usages,
)
from smki_testca.corpus.signing_keys import ec_key, key_identifier_of, rsa_key
from smki_testca.der.encode import GENERALIZED_TIME, INTEGER, integer, sequence, time, tlv
from smki_testca.der.read import read

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts
    from smki_testca.corpus.signing_keys import CorpusSigner

LISTS = (
    "organisation-crl",
    "organisation-arl",
    "dccki-crl",
    "dccki-arl",
    "iki-crl",
    "iki-arl",
)
_FIRST = ("organisation-crl",)
_BOTH = ("organisation-crl", "dccki-crl")
_CRLS = ("organisation-crl", "dccki-crl", "iki-crl")
_ARLS = ("organisation-arl", "dccki-arl", "iki-arl")
_UNKNOWN_OID = "1.2.826.0.1.99999"
_DROPPED = "A program that drops the list and goes on takes a certificate that it revokes."
_GOOD = {"status": "good"}


def _serial(base: Base) -> bytes:
    """The serial number of the certificate in question, an INTEGER."""
    return about(base).serial


def about(base: Base) -> CertificateParts:
    """The certificate that the good list of a base revokes."""
    if base.about is None:
        raise ValueError(f"{base.name} is not a list")
    return base.about


def _entry(base: Base, *extensions: Extension, serial: bytes | None = None) -> bytes:
    """The good list's entry, with these extensions in place of its reason."""
    return entry(serial or _serial(base), "2026-06-15", *extensions)


def _also(it: RevocationListParts, more: bytes) -> RevocationListParts:
    """The list with one more entry."""
    return but(it, entries=(*it.entries, more))


def _another_key(it: RevocationListParts, name: str) -> CorpusSigner:
    return rsa_key("dccki") if it.algorithm == RSA_SHA256 else ec_key(name)


# Who signed it


@defect(
    "by-another-key",
    on=LISTS,
    title="that is signed with another key than its CA's",
    stage=Stage.SIGNATURE,
    finding="signature.invalid",
    source="RFC 5280 6.3.3 (g)",
    why="Anybody can make a list on which a certificate is not, or is.",
    importance=Importance.CRITICAL,
)
def by_another_key(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The signature is a stranger's."""
    del base
    return but(it, signer=_another_key(it, "stranger"))


@defect(
    "of-a-namesake",
    on=_BOTH,
    title="of another CA with the same name",
    stage=Stage.PATH,
    finding="issuer.unknown",
    source="RFC 5280 6.3.3 (g)",
    why="Test PKIs have a Z1 each: the list of one says nothing of the certificates of another.",
    remedy="Use the list of the CA that issued the certificate.",
    importance=Importance.CRITICAL,
)
def of_a_namesake(it: RevocationListParts, base: Base) -> RevocationListParts:
    """AuthorityKeyIdentifier and signature are a namesake's."""
    del base
    key = _another_key(it, "another Z1")
    return but(_pointing(it, key), signer=key)


def _pointing(it: RevocationListParts, key: CorpusSigner) -> RevocationListParts:
    """The list with the key identifier of another key."""
    return with_value(it, "authorityKeyIdentifier", authority_key(key_identifier_of(key.spki)))


@defect(
    "of-another-ca",
    on=_BOTH,
    title="that is right, and of another CA than the one that issued the certificate",
    stage=Stage.USE,
    finding="",
    source="RFC 5280 6.3.3 (b)(1)",
    why="Two CAs may give one serial number: the list of one says nothing of the other's.",
    remedy="Use the list of the CA that issued the certificate.",
    importance=Importance.CRITICAL,
    needs=(Need.NAMES,),
)
def of_another_ca(it: RevocationListParts, base: Base) -> Changed:
    """Another CA of the same root issued the list; the entry has the same serial."""
    issuing = base.chain[0]
    key = _another_key(it, "another CA")
    name = (
        ca_subject("07", "OB")
        if base.profile.startswith("organisation")
        else sequence(rdn("organizationName", "smki-testca"), rdn("commonName", "Another CA"))
    )
    other = but(rekeyed(issuing, key.spki), subject=name, serial=serial_of("another CA"))
    return Changed(but(_pointing(it, key), issuer=name, signer=key), (other, *base.chain[1:]))


@defect(
    "by-end-entity",
    on=_FIRST,
    title="that an Organisation signed",
    stage=Stage.PATH,
    finding="crl.issuer_key_usage",
    source="RFC 5280 6.3.3 (f)",
    why="Every holder of a certificate could make lists, and so free its own certificate.",
    importance=Importance.CRITICAL,
)
def by_end_entity(it: RevocationListParts, base: Base) -> Changed:
    """Issuer, authorityKeyIdentifier and signature are an end entity's."""
    name = "organisation-that-issues"
    key = ec_key(name)
    above = organisation(base.pki, name)
    signed = but(_pointing(it, key), issuer=above.subject, signer=key)
    return Changed(signed, (above, *base.chain))


@defect(
    "ca-without-crl-sign",
    on=LISTS,
    title="whose CA may issue certificates only",
    stage=Stage.PATH,
    finding="crl.issuer_key_usage",
    also=("extensions.keyUsage.value",),
    source="RFC 5280 6.3.3 (f), 4.2.1.3",
    why="The key of the CA is used for what its own issuer did not allow.",
    importance=Importance.MEDIUM,
)
def ca_without_crl_sign(it: RevocationListParts, base: Base) -> Changed:
    """The keyUsage of the CA is keyCertSign."""
    ca = with_value(base.chain[0], "keyUsage", usages("keyCertSign"))
    return Changed(it, (ca, *base.chain[1:]))


@defect(
    "ca-expired",
    on=_CRLS,
    title="whose CA has expired",
    stage=Stage.PATH,
    finding="validity.expired",
    source="RFC 5280 6.3.3 (f), 6.1.3 (a)(2)",
    why="The CA may have given its key up: nobody watches it any more.",
    importance=Importance.MEDIUM,
)
def ca_expired(it: RevocationListParts, base: Base) -> Changed:
    """The issuing CA was valid until last year."""
    ended = lasting("2020-01-01", "2025-12-31T23:59:59")
    return Changed(it, (but(base.chain[0], validity=ended), *base.chain[1:]))


@defect(
    "ca-by-another-key",
    on=_CRLS,
    title="whose CA is signed with another key than the root's",
    stage=Stage.PATH,
    finding="signature.invalid",
    source="RFC 5280 6.3.3 (f), 6.1.3 (a)(1)",
    why="Somebody else made the CA: anybody can make a list on which a certificate is not.",
    importance=Importance.HIGH,
)
def ca_by_another_key(it: RevocationListParts, base: Base) -> Changed:
    """The certificate of the issuing CA is signed with a key that is not the root's."""
    ca = but(base.chain[0], signer=_another_key(it, "not the root"))
    return Changed(it, (ca, *base.chain[1:]))


@defect(
    "issuer-name-differs",
    on=LISTS,
    title="whose issuer is not the subject of the CA that signed it",
    stage=Stage.PATH,
    finding="issuer.name_differs",
    source="RFC 5280 6.3.3 (b)(1)",
    why="The list is another CA's by its name: its serials say nothing of this one's.",
    importance=Importance.HIGH,
)
def issuer_name_differs(it: RevocationListParts, base: Base) -> RevocationListParts:
    """Another CN; the key is the right CA's."""
    del base
    if it.profile.startswith("organisation"):
        return but(it, issuer=ca_subject("07", "Z9"))
    other = sequence(rdn("organizationName", "smki-testca"), rdn("commonName", "Another CA"))
    return but(it, issuer=other)


@defect(
    "issuer-string-type",
    on=("organisation-crl", "organisation-arl"),
    title="whose issuer is written in another string type than the CA's subject",
    stage=Stage.PATH,
    finding="issuer.octets_differ",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 7.1: names are compared by caseIgnoreMatch after StringPrep",
    why="Readers that compare names octet for octet do not find the list, and go without.",
    importance=Importance.MEDIUM,
)
def issuer_string_type(it: RevocationListParts, base: Base) -> RevocationListParts:
    """UTF8String where the CA has PrintableString."""
    del base
    return but(it, issuer=rewritten(it.issuer, tag=UTF8))


# When it holds


@defect(
    "stale",
    on=LISTS,
    title="whose nextUpdate has passed",
    stage=Stage.USE,
    finding="crl.stale",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 6.3.3 (a): the list is to be replaced by a newer one",
    why="What was revoked since is not on it: who keeps an old list back frees a certificate.",
    importance=Importance.HIGH,
)
def stale(it: RevocationListParts, base: Base) -> RevocationListParts:
    """NextUpdate was a year ago, and thisUpdate two days before that."""
    del base
    this_update, next_update = time(at("2025-06-29")), time(at("2025-07-01"))
    gone = at("2025-06-15")
    dated = tuple(entry(_serial_in(each), time(gone), reason(4)) for each in it.entries)
    return but(it, this_update=this_update, next_update=next_update, entries=dated)


def _serial_in(listed: bytes) -> bytes:
    """The serial number in an entry."""
    return read(listed)[0].children[0].encoded


@defect(
    "stale-a-second-ago",
    on=_CRLS,
    title="whose nextUpdate was a second ago",
    stage=Stage.USE,
    finding="crl.stale",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 6.3.3 (a): the list is to be replaced by a newer one",
    why="A reader that compares days, or local time, uses it for hours longer.",
    importance=Importance.LOW,
)
def stale_a_second_ago(it: RevocationListParts, base: Base) -> RevocationListParts:
    """NextUpdate is one second before the instant of the case."""
    del base
    return but(it, next_update=time(at("2026-07-01T11:59:59")))


@defect(
    "future",
    on=LISTS,
    title="of tomorrow",
    stage=Stage.USE,
    finding="crl.future",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.4: no rule for readers",
    why="A clock is wrong, or somebody prepared lists in advance that miss what is revoked since.",
    importance=Importance.LOW,
)
def future(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ThisUpdate is 12 hours after the instant of the case."""
    del base
    later = time(at("2026-07-04" if it.profile.endswith("crl") else "2027-06-29"))
    return but(it, this_update=time(at("2026-07-02")), next_update=later)


@defect(
    "without-next-update",
    on=LISTS,
    title="without nextUpdate",
    stage=Stage.PROFILE,
    finding="nextUpdate.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.5: a rule for CAs; readers may process such a list",
    why="The list never grows old: who keeps newer ones back frees a certificate.",
    importance=Importance.MEDIUM,
)
def without_next_update(it: RevocationListParts, base: Base) -> RevocationListParts:
    """NextUpdate is left out."""
    del base
    return but(it, next_update=b"")


@defect(
    "next-update-first",
    on=_CRLS,
    title="whose nextUpdate is its thisUpdate",
    stage=Stage.USE,
    finding="crl.update_order",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 6.3.3 (a), 5.1.2.5",
    why="The list was out of date when it was made.",
    importance=Importance.LOW,
)
def next_update_first(it: RevocationListParts, base: Base) -> RevocationListParts:
    """Both are midnight."""
    del base
    return but(it, next_update=it.this_update)


@defect(
    "revoked-after-the-list",
    on=_CRLS,
    title="that lists what was revoked after it",
    stage=Stage.USE,
    finding="crl.revoked_later",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 6.3.3 (j): the date is not compared",
    why="Readers that compare the dates take a certificate that others refuse.",
    importance=Importance.MEDIUM,
)
def revoked_after_the_list(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The revocationDate is in August."""
    return but(it, entries=(entry(_serial(base), "2026-08-01", reason(4)),))


# Its version, number and key identifier


@defect(
    "version-missing",
    on=LISTS,
    title="of version 1, with extensions",
    stage=Stage.PROFILE,
    finding="version.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.1: a rule for CAs",
    why="A reader of version 1 passes over the extensions, even critical ones.",
    importance=Importance.LOW,
)
def version_missing(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The version is left out: version 1."""
    del base
    return but(it, version=b"")


@defect(
    "version-3",
    on=LISTS,
    title="of version 3",
    stage=Stage.PROFILE,
    finding="version.value",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.1: if there, it is version 2; no rule for readers",
    why="There is no such version: its parts may mean something else.",
    importance=Importance.MEDIUM,
)
def version_3(it: RevocationListParts, base: Base) -> RevocationListParts:
    """INTEGER 2."""
    del base
    return but(it, version=integer(2))


@defect(
    "this-update-generalized",
    on=led_by("dccki-arl", LISTS),
    title="whose thisUpdate of 2026 is a GeneralizedTime",
    stage=Stage.STRUCTURE,
    finding="thisUpdate.encoding",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.4: UTCTime to 2049; a rule for CAs",
    why="A reader that knows one type refuses the list, and knows nothing of any certificate.",
    importance=Importance.MEDIUM,
    at_least=Stage.USE,
)
def this_update_generalized(it: RevocationListParts, base: Base) -> RevocationListParts:
    """20260701000000Z."""
    del base
    return but(it, this_update=tlv(GENERALIZED_TIME, b"20260701000000Z"))


@defect(
    "revocation-date-generalized",
    on=LISTS,
    title="whose revocationDate of 2026 is a GeneralizedTime",
    stage=Stage.STRUCTURE,
    finding="revokedCertificates.revocationDate.encoding",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.6: UTCTime to 2049; a rule for CAs",
    why="A reader that knows one type passes over the entry, and takes a revoked certificate.",
    importance=Importance.MEDIUM,
    at_least=Stage.USE,
)
def revocation_date_generalized(it: RevocationListParts, base: Base) -> RevocationListParts:
    """20260615000000Z."""
    dated = tlv(GENERALIZED_TIME, b"20260615000000Z")
    return but(it, entries=(entry(_serial(base), dated, reason(4)),))


@defect(
    "number-twice",
    on=led_by("dccki-arl", LISTS),
    title="with two numbers",
    stage=Stage.STRUCTURE,
    finding="extensions.duplicate",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2, 5.2: a rule for CAs",
    why="Two readers read two numbers, and differ about which list is the newer one.",
    importance=Importance.MEDIUM,
    at_least=Stage.USE,
)
def number_twice(it: RevocationListParts, base: Base) -> RevocationListParts:
    """CRLNumber 7 and 8."""
    del base
    return with_extension(it, "again", extension("cRLNumber", integer(8)))


@defect(
    "reason-twice",
    on=led_by("dccki-arl", LISTS),
    title="with an entry of two reasons, superseded and removeFromCRL",
    stage=Stage.STRUCTURE,
    finding="extensions.duplicate",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2, 5.3: a rule for CAs",
    why="A reader that lets the last one count frees the certificate.",
    importance=Importance.HIGH,
    at_least=Stage.USE,
)
def reason_twice(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 4 and 8."""
    return but(it, entries=(_entry(base, reason(4), reason(8)),))


@defect(
    "without-number",
    on=LISTS,
    title="without cRLNumber",
    stage=Stage.PROFILE,
    finding="extensions.cRLNumber.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.3: a rule for CAs",
    why="Which of two lists is the newer one is not to be told by their numbers.",
    importance=Importance.LOW,
)
def without_number(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The extension is left out."""
    del base
    return without(it, "cRLNumber")


@defect(
    "number-negative",
    on=(*_CRLS, *_ARLS),
    title="whose number is -1",
    stage=Stage.PROFILE,
    finding="extensions.cRLNumber.value",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.3: INTEGER (0..MAX)",
    why="A reader without sign takes it for a great number, and every later list for an older one.",
    importance=Importance.LOW,
)
def number_negative(it: RevocationListParts, base: Base) -> RevocationListParts:
    """CRLNumber -1."""
    del base
    return with_value(it, "cRLNumber", integer(-1))


@defect(
    "number-of-21-octets",
    on=_CRLS,
    title="whose number has 21 octets",
    stage=Stage.PROFILE,
    finding="extensions.cRLNumber.octets",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.3: readers handle 20 octets",
    why="A reader with room for 20 octets cuts it, or writes past its end.",
    importance=Importance.LOW,
)
def number_of_21_octets(it: RevocationListParts, base: Base) -> RevocationListParts:
    """CRLNumber 2 to the power of 160."""
    del base
    return with_value(it, "cRLNumber", integer(1 << 160))


@defect(
    "number-critical",
    on=_CRLS,
    title="whose number is critical",
    stage=Stage.PROFILE,
    finding="extensions.cRLNumber.critical",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.3, 5.2: a rule for CAs; a reader that knows it may take it",
    why="A reader that knows no cRLNumber refuses the list.",
    importance=Importance.LOW,
)
def number_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The cRLNumber is critical."""
    del base
    return with_critical(it, "cRLNumber", TRUE)


@defect(
    "without-aki",
    on=LISTS,
    title="without authorityKeyIdentifier",
    stage=Stage.PROFILE,
    finding="extensions.authorityKeyIdentifier.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.1: a rule for CAs",
    why="Of two CAs of one name a reader cannot tell which signed it.",
    importance=Importance.LOW,
)
def without_aki(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The extension is left out."""
    del base
    return without(it, "authorityKeyIdentifier")


@defect(
    "aki-critical",
    on=(*_CRLS, *_ARLS),
    title="whose authorityKeyIdentifier is critical",
    stage=Stage.PROFILE,
    finding="extensions.authorityKeyIdentifier.critical",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.1: a rule for CAs",
    why="A reader that does not know it refuses the list.",
    importance=Importance.LOW,
)
def aki_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The authorityKeyIdentifier is critical."""
    del base
    return with_critical(it, "authorityKeyIdentifier", TRUE)


@defect(
    "aki-of-another-key",
    on=led_by("dccki-arl", LISTS),
    title="whose authorityKeyIdentifier is that of another key than its CA's",
    stage=Stage.PATH,
    finding="extensions.authorityKeyIdentifier.keyIdentifier.value",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.1: it helps to find the key; 6.3 does not check it",
    why="A reader that looks keys up by it does not find the CA's, and goes without the list.",
    importance=Importance.MEDIUM,
)
def aki_of_another_key(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The key identifier of the certificate that the list revokes."""
    return with_value(it, "authorityKeyIdentifier", authority_key(about(base).key_identifier))


@defect(
    "aki-without-key",
    on=(*_CRLS, *_ARLS),
    title="whose authorityKeyIdentifier holds a serial alone",
    stage=Stage.PROFILE,
    finding="extensions.authorityKeyIdentifier.keyIdentifier.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.1: a rule for CAs",
    why="A reader that looks keys up by it does not find the CA's, and goes without the list.",
    importance=Importance.LOW,
)
def aki_without_key(it: RevocationListParts, base: Base) -> RevocationListParts:
    """AuthorityCertSerialNumber without issuer and key identifier."""
    del base
    return with_value(it, "authorityKeyIdentifier", sequence(tlv(0x82, b"\x07")))


# Extensions


@defect(
    "unknown-critical",
    on=LISTS,
    title="with a critical extension that nobody knows",
    stage=Stage.USE,
    finding="extensions.unknown_critical",
    source="RFC 5280 5.2: such a list must not be used to determine a status",
    why=f"Its CA said that who does not understand it must not use it. {_DROPPED}",
    importance=Importance.HIGH,
)
def unknown_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """An extension of an unassigned OID."""
    del base
    return added(it, _UNKNOWN_OID, b"\x05\x00", critical=True)


@defect(
    "delta",
    on=LISTS,
    title="that says it is a delta CRL",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.4, 6.3.3 (c): a delta is used with its base only",
    why="What is not on it may be on its base: who takes it for complete frees certificates.",
    importance=Importance.MEDIUM,
)
def delta(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A critical deltaCRLIndicator of base 6; the certificate is on it."""
    del base
    return added(it, "deltaCRLIndicator", integer(6), critical=True)


_EMPTY_DELTA = "A reader that takes it for complete answers good for everything on its base."


@defect(
    "delta-that-lists-nothing",
    on=_CRLS,
    title="that says it is a delta CRL, and lists nothing",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    source="RFC 5280 5.2.4, 5.2: without its base it tells no status",
    why=_EMPTY_DELTA,
    importance=Importance.HIGH,
    facts=_GOOD,
)
def delta_that_lists_nothing(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A critical deltaCRLIndicator of base 6, and no entry."""
    del base
    return added(but(it, entries=()), "deltaCRLIndicator", integer(6), critical=True)


@defect(
    "delta-not-critical",
    on=LISTS,
    title="that says it is a delta CRL, and not critically",
    stage=Stage.USE,
    finding="extensions.deltaCRLIndicator.present",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.4: it must be critical; a rule for CAs",
    why="Readers that ignore it take a part of the list for the whole, and free what is missing.",
    importance=Importance.MEDIUM,
)
def delta_not_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A deltaCRLIndicator of base 6 that may be ignored; the certificate is on the list."""
    del base
    return added(it, "deltaCRLIndicator", integer(6))


@defect(
    "scope-not-critical",
    on=(*_CRLS, *_ARLS),
    title="that says it is of CAs only, and not critically",
    stage=Stage.USE,
    finding="extensions.issuingDistributionPoint.present",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.5: it must be critical; a rule for CAs",
    why="Readers that ignore it take the list for one of end entities.",
    importance=Importance.MEDIUM,
)
def scope_not_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """OnlyContainsCACerts in an issuingDistributionPoint that may be ignored."""
    del base
    return added(it, "issuingDistributionPoint", sequence(tlv(0x82, b"\xff")))


def _scoped(it: RevocationListParts, scope: bytes) -> RevocationListParts:
    """The list with a critical issuingDistributionPoint."""
    return added(it, "issuingDistributionPoint", sequence(scope), critical=True)


@defect(
    "for-users-only",
    on=_CRLS,
    title="that says it is of end entities only",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.5, 5.2: who does not know the extension must not use the list",
    why=_DROPPED,
    importance=Importance.MEDIUM,
)
def for_users_only(it: RevocationListParts, base: Base) -> RevocationListParts:
    """onlyContainsUserCerts: the certificate is in its scope."""
    del base
    return _scoped(it, tlv(0x81, b"\xff"))


@defect(
    "for-cas-only",
    on=_CRLS,
    title="that says it is of CAs only",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    source="RFC 5280 6.3.3 (b)(2)(iii)",
    why="The list says nothing of end entities: who asks it for one answers good for all of them.",
    importance=Importance.HIGH,
)
def for_cas_only(it: RevocationListParts, base: Base) -> RevocationListParts:
    """onlyContainsCACerts: the certificate is not in its scope."""
    del base
    return _scoped(it, tlv(0x82, b"\xff"))


@defect(
    "for-users-only",
    on=("organisation-arl", "dccki-arl", "iki-arl"),
    title="that says it is of end entities only",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    source="RFC 5280 6.3.3 (b)(2)(ii)",
    why="The list says nothing of CAs: who asks it for one answers good for all of them.",
    importance=Importance.HIGH,
)
def arl_for_users_only(it: RevocationListParts, base: Base) -> RevocationListParts:
    """onlyContainsUserCerts: the CA is not in its scope."""
    del base
    return _scoped(it, tlv(0x81, b"\xff"))


@defect(
    "for-attributes-only",
    on=led_by("iki-crl", _CRLS),
    title="that says it is of attribute certificates only",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    source="RFC 5280 6.3.3 (b)(2)(iv)",
    why="The list says nothing of certificates: who asks it answers good for all of them.",
    importance=Importance.MEDIUM,
)
def for_attributes_only(it: RevocationListParts, base: Base) -> RevocationListParts:
    """onlyContainsAttributeCerts: the certificate is not in its scope."""
    del base
    return _scoped(it, tlv(0x85, b"\xff"))


@defect(
    "for-some-reasons-only",
    on=_CRLS,
    title="that says it is of compromised keys only",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.5, 6.3.3 (e): the other reasons stay open",
    why="What is revoked for another reason is not on it, and passes for good.",
    importance=Importance.MEDIUM,
)
def for_some_reasons_only(it: RevocationListParts, base: Base) -> RevocationListParts:
    """onlySomeReasons: keyCompromise."""
    del base
    return _scoped(it, tlv(0x83, b"\x06\x40"))


@defect(
    "of-another-distribution-point",
    on=_CRLS,
    title="that says it is of a distribution point that the certificate does not name",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    source="RFC 5280 6.3.3 (b)(2)(i)",
    why="The list covers a part of the certificates: who asks it for the rest answers good.",
    importance=Importance.MEDIUM,
)
def of_another_distribution_point(it: RevocationListParts, base: Base) -> RevocationListParts:
    """DistributionPoint is a URI; the certificate has no cRLDistributionPoints."""
    del base
    uri = tlv(0x86, b"http://ca.example/part-2.crl")
    return _scoped(it, tlv(0xA0, tlv(0xA0, uri)))


@defect(
    "indirect",
    on=_CRLS,
    title="that says it lists certificates of other CAs, too",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.5, 5.2: who does not know the extension must not use the list",
    why=_DROPPED,
    importance=Importance.LOW,
)
def indirect(it: RevocationListParts, base: Base) -> RevocationListParts:
    """indirectCRL, and its only entry is of its own CA."""
    del base
    return _scoped(it, tlv(0x84, b"\xff"))


# Entries


@defect(
    "serial-padded",
    on=LISTS,
    title="that lists the serial with a needless zero octet before it",
    stage=Stage.DER,
    finding="der.integer_not_minimal",
    source="X.690 8.3.2, 10",
    why="The certificate is not found on the list, and passes for good although it is revoked.",
    importance=Importance.CRITICAL,
    at_least=Stage.USE,
)
def serial_padded(it: RevocationListParts, base: Base) -> RevocationListParts:
    """00 before a first octet below 80: seen to free the certificate in five libraries."""
    padded = tlv(INTEGER, b"\x00" + _serial(base)[2:])
    return but(it, entries=(_entry(base, reason(4), serial=padded),))


@defect(
    "another-serial-padded",
    on=_CRLS,
    title="that lists another serial with a needless zero octet before it",
    stage=Stage.DER,
    finding="der.integer_not_minimal",
    source="X.690 8.3.2, 10",
    why=_DROPPED,
    importance=Importance.MEDIUM,
    at_least=Stage.USE,
)
def another_serial_padded(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The entry of the certificate is right, and one after it is not DER."""
    del base
    padded = tlv(INTEGER, b"\x00" + serial_of("another that is revoked")[2:])
    return _also(it, entry(padded, "2026-06-15"))


@defect(
    "serial-negative",
    on=LISTS,
    title="that also lists a negative serial",
    stage=Stage.PROFILE,
    finding="revokedCertificates.userCertificate.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.1.2.2: readers handle negative serials gracefully",
    why=_DROPPED,
    gbcs=Verdict.EITHER,
    gbcs_source="RFC 5280 4.1.2.2; GBCS v0.8.1 s.12: no rule for readers was read",
    importance=Importance.LOW,
)
def serial_negative(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A second entry, of a serial whose first bit is set."""
    del base
    return _also(it, entry(tlv(INTEGER, b"\x90" + b"\x41" * 15), "2026-06-15"))


@defect(
    "serial-of-17-octets",
    on=_FIRST,
    title="that also lists a serial of 17 octets",
    stage=Stage.PROFILE,
    finding="revokedCertificates.userCertificate.octets",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.1.2.2: readers handle serials of 20 octets",
    why=_DROPPED,
    gbcs=Verdict.EITHER,
    gbcs_source="GBCS v0.8.1 s.12: no rule for readers was read",
    importance=Importance.LOW,
)
def serial_of_17_octets(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A second entry, of a serial of 17 octets."""
    del base
    return _also(it, entry(fixed_integer(17), "2026-06-15"))


@defect(
    "serial-twice",
    on=LISTS,
    title="that lists the serial twice",
    stage=Stage.PROFILE,
    finding="crl.serial_twice",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.6: no rule for readers",
    why="Two readers may read two reasons and dates; a table with unique keys loads nothing.",
    importance=Importance.LOW,
)
def serial_twice(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A second entry of the same serial, of another day."""
    return _also(it, entry(_serial(base), "2026-06-14", reason(1)))


@defect(
    "released-and-revoked",
    on=_CRLS,
    title="that lists the serial twice: once as revoked, once as released",
    stage=Stage.PROFILE,
    finding="crl.serial_twice",
    also=("crl.reason_remove",),
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.3.1, 6.3.3 (k): no rule which of two entries counts",
    why="A reader that lets the last entry count frees the certificate.",
    importance=Importance.MEDIUM,
)
def released_and_revoked(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A second entry of the same serial, with removeFromCRL."""
    return _also(it, _entry(base, reason(8)))


@defect(
    "released",
    on=LISTS,
    title="that lists the serial with removeFromCRL, and is not a delta CRL",
    stage=Stage.PROFILE,
    finding="crl.reason_remove",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.3.1: in delta CRLs only; by 6.3.3 (k) the certificate is not revoked",
    why="Readers that look at the serial alone, and those that read the reason, differ.",
    importance=Importance.MEDIUM,
    facts=_GOOD,
)
def released(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 8."""
    return but(it, entries=(_entry(base, reason(8)),))


@defect(
    "reason-unspecified",
    on=LISTS,
    title="with an entry whose reason is unspecified",
    stage=Stage.PROFILE,
    finding="crl.reason_unspecified",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 5.3.1: it should be left out",
    why=_DROPPED,
    importance=Importance.LOW,
)
def reason_unspecified(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 0."""
    return but(it, entries=(_entry(base, reason(0)),))


@defect(
    "reason-unknown",
    on=LISTS,
    title="with an entry whose reason is 7",
    stage=Stage.PROFILE,
    finding="crl.reason_unknown",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.3.1: the value 7 is not used",
    why=_DROPPED,
    importance=Importance.MEDIUM,
)
def reason_unknown(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 7, which RFC 5280 leaves out."""
    return but(it, entries=(_entry(base, reason(7)),))


@defect(
    "reason-critical",
    on=LISTS,
    title="with an entry whose reason is critical",
    stage=Stage.PROFILE,
    finding="revokedCertificates.reasonCode.critical",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.3.1, 5.3: a rule for CAs; a reader that knows it may take it",
    why=_DROPPED,
    importance=Importance.LOW,
)
def reason_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A critical reasonCode."""
    return but(it, entries=(_entry(base, reason(4, critical=True)),))


@defect(
    "entry-unknown-critical",
    on=LISTS,
    title="whose entry has a critical extension that nobody knows",
    stage=Stage.USE,
    finding="extensions.unknown_critical",
    source="RFC 5280 5.3: such a list must not be used to determine a status",
    why=f"Its CA said that who does not understand it must not use it. {_DROPPED}",
    importance=Importance.HIGH,
)
def entry_unknown_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The entry of the certificate has an extension of an unassigned OID."""
    unknown = extension(_UNKNOWN_OID, b"\x05\x00", critical=True)
    return but(it, entries=(_entry(base, unknown),))


@defect(
    "another-entry-unknown-critical",
    on=LISTS,
    title="with another entry that has a critical extension that nobody knows",
    stage=Stage.USE,
    finding="extensions.unknown_critical",
    source="RFC 5280 5.3: such a list must not be used to determine a status",
    why="Readers that look at the entry they search for alone do not notice it.",
    importance=Importance.MEDIUM,
)
def another_entry_unknown_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """An entry of another certificate has an extension of an unassigned OID."""
    del base
    unknown = extension(_UNKNOWN_OID, b"\x05\x00", critical=True)
    return _also(it, entry(serial_of("another that is revoked"), "2026-06-15", unknown))


def _of_another(base: Base, *, critical: bool) -> Extension:
    """A certificateIssuer that names another CA."""
    other = base.pki.authorities["device-issuing-ca"]
    named = sequence(tlv(0xA4, other.subject))
    return extension("2.5.29.29", named, critical=critical)


@defect(
    "entry-of-another-ca",
    on=LISTS,
    title="whose entry says, critically, that another CA issued the certificate",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.3.3: it is another CA's certificate; 5.3: or the list must not be used",
    why="Readers that look at the serial alone revoke the wrong certificate.",
    importance=Importance.MEDIUM,
    facts=_GOOD,
)
def entry_of_another_ca(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A critical certificateIssuer in a list that is not indirect."""
    return but(it, entries=(_entry(base, _of_another(base, critical=True)),))


@defect(
    "list-empty",
    on=LISTS,
    title="whose list of certificates is there and empty",
    stage=Stage.STRUCTURE,
    finding="crl.empty",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.6: it must be absent then",
    why="A reader that expects an entry refuses the list, or reads past its end.",
    importance=Importance.LOW,
    at_least=Stage.USE,
    facts=_GOOD,
)
def list_empty(it: RevocationListParts, base: Base) -> RevocationListParts:
    """RevokedCertificates is 30 00."""
    del base
    return but(it, listed=sequence())
