"""Oddities of CRLs. The question is the status of one certificate; see ``corpus.case``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Changed, Importance, Need, Stage, oddity
from smki_testca.corpus.defects.crl_bases import LISTS, about
from smki_testca.corpus.document_changes import added, but, with_value
from smki_testca.corpus.parts import at, dns, entry, extension, lasting, reason, serial_of
from smki_testca.der.encode import GENERALIZED_TIME, INTEGER, integer, oid, sequence, time, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import Extension, RevocationListParts

_CRLS = ("organisation-crl", "dccki-crl", "iki-crl")
_ARLS = ("organisation-arl", "dccki-arl", "iki-arl")
_MANY = ("organisation-crl", "dccki-crl")
_UNKNOWN_OID = "1.2.826.0.1.99999"
_GOOD = {"status": "good"}
_REFUSED = "A reader that refuses the list knows nothing of any certificate of the CA."
_MISSED = "A reader that misses the entry takes a revoked certificate."
_REASON = "RFC 5280 6.3.3 (j), 5.3.1: whatever the reason, the certificate is revoked"


def _with(it: RevocationListParts, base: Base, *extensions: Extension) -> RevocationListParts:
    """The list with other extensions in its entry."""
    return but(it, entries=(entry(about(base).serial, "2026-06-15", *extensions),))


# Entries


@oddity(
    "that-lists-nothing",
    on=LISTS,
    title="that lists nothing",
    stage=Stage.STRUCTURE,
    source="RFC 5280 5.1.2.6: revokedCertificates is absent then",
    why=_REFUSED,
    importance=Importance.CRITICAL,
    facts=_GOOD,
)
def that_lists_nothing(it: RevocationListParts, base: Base) -> RevocationListParts:
    """No revokedCertificates."""
    del base
    return but(it, entries=())


@oddity(
    "that-lists-others",
    on=LISTS,
    title="that lists another certificate",
    stage=Stage.USE,
    source="RFC 5280 6.3.3 (j)",
    why="A reader that takes any entry for its own revokes every certificate of the CA.",
    facts=_GOOD,
)
def that_lists_others(it: RevocationListParts, base: Base) -> RevocationListParts:
    """One entry, of another serial."""
    del base
    return but(it, entries=(entry(serial_of("another that is revoked"), "2026-06-15", reason(4)),))


@oddity(
    "that-lists-the-next-serial",
    on=_CRLS,
    title="that lists the next serial",
    stage=Stage.USE,
    source="RFC 5280 6.3.3 (j)",
    why="A reader that compares a part of the serial revokes the wrong certificate.",
    facts=_GOOD,
)
def that_lists_the_next_serial(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The last bit of the serial is another."""
    serial = about(base).serial
    other = serial[:-1] + bytes((serial[-1] ^ 1,))
    return but(it, entries=(entry(other, "2026-06-15", reason(4)),))


@oddity(
    "that-lists-the-end-of-the-serial",
    on=_CRLS,
    title="that lists the serial without its first octet",
    stage=Stage.USE,
    source="RFC 5280 6.3.3 (j)",
    why="A reader that compares the last octets alone revokes the wrong certificate.",
    importance=Importance.MEDIUM,
    facts=_GOOD,
)
def that_lists_the_end_of_the_serial(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The last octets of the serial, positive and minimal."""
    octets = about(base).serial[3:].lstrip(b"\x00")
    positive = bytes((octets[0] & 0x7F | 0x01,)) + octets[1:]
    return but(it, entries=(entry(tlv(INTEGER, positive), "2026-06-15", reason(4)),))


_COUNT = 120


def _others(it: RevocationListParts, count: int) -> tuple[bytes, ...]:
    """So many entries of other certificates."""
    return tuple(
        entry(serial_of(f"{it.profile} {number}"), "2026-06-01") for number in range(count)
    )


@oddity(
    "of-many",
    on=_MANY,
    title="that lists 120 others before the certificate",
    stage=Stage.USE,
    source="RFC 5280 5.1.2.6: no upper bound, no order",
    why=_MISSED,
    importance=Importance.CRITICAL,
)
def of_many(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The certificate's entry is the last of 121."""
    del base
    return but(it, entries=(*_others(it, _COUNT), *it.entries))


@oddity(
    "of-many-after-it",
    on=_MANY,
    title="that lists the certificate before 120 others",
    stage=Stage.USE,
    source="RFC 5280 5.1.2.6: no upper bound, no order",
    why=_MISSED,
)
def of_many_after_it(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The certificate's entry is the first of 121."""
    del base
    return but(it, entries=(*it.entries, *_others(it, _COUNT)))


@oddity(
    "of-128-octets",
    on=_CRLS,
    title="whose list takes a length of two octets",
    stage=Stage.DER,
    source="X.690 8.1.3",
    why="A reader of short lengths ends at the wrong place.",
    importance=Importance.MEDIUM,
)
def of_128_octets(it: RevocationListParts, base: Base) -> RevocationListParts:
    """Four entries more: 128 octets and above."""
    del base
    return but(it, entries=(*_others(it, 4), *it.entries))


# Reasons


@oddity(
    "without-reason",
    on=LISTS,
    title="whose entry has no reason",
    stage=Stage.STRUCTURE,
    source="RFC 5280 5.3.1: a reason that is unspecified is left out",
    why="A reader that wants a reason passes over the entry.",
    importance=Importance.CRITICAL,
)
def without_reason(it: RevocationListParts, base: Base) -> RevocationListParts:
    """No extensions in the entry."""
    return _with(it, base)


@oddity(
    "for-key-compromise",
    on=_CRLS,
    title="whose entry says that the key is compromised",
    stage=Stage.USE,
    source=_REASON,
    why=_MISSED,
    importance=Importance.CRITICAL,
)
def for_key_compromise(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 1."""
    return _with(it, base, reason(1))


@oddity(
    "for-ca-compromise",
    on=_ARLS,
    title="whose entry says that the CA's key is compromised",
    stage=Stage.USE,
    source=_REASON,
    why=_MISSED,
    importance=Importance.CRITICAL,
)
def for_ca_compromise(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 2."""
    return _with(it, base, reason(2))


@oddity(
    "for-ca-compromise",
    on=_CRLS,
    title="whose entry says that the CA's key is compromised",
    stage=Stage.USE,
    source=_REASON,
    why=_MISSED,
    importance=Importance.MEDIUM,
    notices=("revokedCertificates.reasonCode.value",),
)
def crl_for_ca_compromise(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 2 for an end entity."""
    return _with(it, base, reason(2))


@oddity(
    "for-affiliation-changed",
    on=_CRLS,
    title="whose entry says that its holder's affiliation changed",
    stage=Stage.USE,
    source=_REASON,
    why=_MISSED,
    importance=Importance.MEDIUM,
)
def for_affiliation_changed(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 3."""
    return _with(it, base, reason(3))


@oddity(
    "for-cessation-of-operation",
    on=_CRLS,
    title="whose entry says that its holder ceased to operate",
    stage=Stage.USE,
    source=_REASON,
    why=_MISSED,
    importance=Importance.MEDIUM,
)
def for_cessation_of_operation(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 5."""
    return _with(it, base, reason(5))


@oddity(
    "on-hold",
    on=LISTS,
    title="whose entry suspends the certificate",
    stage=Stage.USE,
    source=_REASON,
    why="A certificate on hold must not be used as long as it is.",
    notices=("revokedCertificates.reasonCode.value",),
)
def on_hold(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 6, certificateHold."""
    return _with(it, base, reason(6))


@oddity(
    "for-privilege-withdrawn",
    on=_CRLS,
    title="whose entry says that a privilege is withdrawn",
    stage=Stage.USE,
    source=_REASON,
    why=_MISSED,
    importance=Importance.MEDIUM,
)
def for_privilege_withdrawn(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 9."""
    return _with(it, base, reason(9))


@oddity(
    "for-aa-compromise",
    on=_CRLS,
    title="whose entry says that an attribute authority's key is compromised",
    stage=Stage.USE,
    source=_REASON,
    why=_MISSED,
    importance=Importance.LOW,
    notices=("revokedCertificates.reasonCode.value",),
)
def for_aa_compromise(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 10, the last."""
    return _with(it, base, reason(10))


@oddity(
    "invalid-since",
    on=LISTS,
    title="whose entry says since when the certificate is invalid",
    stage=Stage.STRUCTURE,
    source="RFC 5280 5.3.2: not critical; it may be ignored",
    why=_MISSED,
    importance=Importance.MEDIUM,
    notices=("revokedCertificates.invalidityDate.present",),
)
def invalid_since(it: RevocationListParts, base: Base) -> RevocationListParts:
    """An invalidityDate before the revocationDate."""
    date = extension("2.5.29.24", tlv(GENERALIZED_TIME, b"20260601000000Z"))
    return _with(it, base, reason(4), date)


@oddity(
    "unknown-entry-extension",
    on=LISTS,
    title="whose entry has an extension that nobody knows, and that is not critical",
    stage=Stage.STRUCTURE,
    source="RFC 5280 5.3: it may be ignored",
    why=_MISSED,
    importance=Importance.MEDIUM,
)
def unknown_entry_extension(it: RevocationListParts, base: Base) -> RevocationListParts:
    """An unassigned OID, NULL."""
    return _with(it, base, reason(4), extension(_UNKNOWN_OID, b"\x05\x00"))


# Number, times and extensions


@oddity(
    "number-zero",
    on=LISTS,
    title="whose number is 0",
    stage=Stage.STRUCTURE,
    source="RFC 5280 5.2.3: INTEGER (0..MAX)",
    why=_REFUSED,
    importance=Importance.MEDIUM,
)
def number_zero(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The first list of a CA."""
    del base
    return with_value(it, "cRLNumber", integer(0))


@oddity(
    "number-of-20-octets",
    on=LISTS,
    title="whose number has 20 octets",
    stage=Stage.STRUCTURE,
    source="RFC 5280 5.2.3: readers handle 20 octets",
    why="A reader with less room cuts it, or writes past its end.",
    importance=Importance.MEDIUM,
)
def number_of_20_octets(it: RevocationListParts, base: Base) -> RevocationListParts:
    """7f and 19 times ff."""
    del base
    return with_value(it, "cRLNumber", tlv(INTEGER, b"\x7f" + b"\xff" * 19))


@oddity(
    "number-of-high-bits",
    on=_CRLS,
    title="whose number is 128",
    stage=Stage.DER,
    source="X.690 8.3",
    why="It takes two octets: a reader of one sees a negative number.",
    importance=Importance.LOW,
)
def number_of_high_bits(it: RevocationListParts, base: Base) -> RevocationListParts:
    """00 80."""
    del base
    return with_value(it, "cRLNumber", integer(128))


@oddity(
    "of-this-second",
    on=LISTS,
    title="of this second",
    stage=Stage.USE,
    source="RFC 5280 5.1.2.4",
    why="A list is used in the moment in which it is made: clocks agree to a second.",
    importance=Importance.MEDIUM,
)
def of_this_second(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ThisUpdate is the instant of the case."""
    del base
    return but(it, this_update=time(at("2026-07-01T12:00:00")))


@oddity(
    "for-a-month",
    on=_CRLS,
    title="that lasts a month",
    stage=Stage.USE,
    source="RFC 5280 5.1.2.5: no upper bound",
    why=_REFUSED,
    importance=Importance.MEDIUM,
    notices=("nextUpdate.period",),
)
def for_a_month(it: RevocationListParts, base: Base) -> RevocationListParts:
    """NextUpdate is 30 days after thisUpdate."""
    del base
    return but(it, next_update=time(at("2026-07-31")))


@oddity(
    "over-2050",
    on=_ARLS,
    title="from 2049 to 2050",
    stage=Stage.STRUCTURE,
    source="RFC 5280 5.1.2.4, 5.1.2.5: UTCTime to 2049, GeneralizedTime from 2050",
    why="The two dates have two types: a reader of one finds the list out of date.",
    importance=Importance.MEDIUM,
    needs=(Need.TIME,),
    revision=2,
    at="2049-12-01T12:00:00",
)
def over_2050(it: RevocationListParts, base: Base) -> Changed:
    """NextUpdate is a GeneralizedTime; the CA that is asked about is valid at that time, too."""
    until = lasting("2025-01-01", "2064-12-31T23:59:59")
    return Changed(
        but(it, this_update=time(at("2049-07-01")), next_update=time(at("2050-06-28"))),
        about=None if base.about is None else but(base.about, validity=until),
    )


@oddity(
    "extensions-turned",
    on=LISTS,
    title="whose extensions are in another order",
    stage=Stage.STRUCTURE,
    source="RFC 5280 5.2: no order",
    why=_REFUSED,
    importance=Importance.MEDIUM,
    notices=("extensions.order",),
)
def extensions_turned(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The number before the key identifier."""
    del base
    return replace(it, extensions=dict(reversed(list(it.extensions.items()))))


@oddity(
    "unknown-extension",
    on=LISTS,
    title="with an extension that nobody knows, and that is not critical",
    stage=Stage.STRUCTURE,
    source="RFC 5280 5.2: it may be ignored",
    why=_REFUSED,
    importance=Importance.MEDIUM,
    notices=("extensions.unexpected",),
)
def unknown_extension(it: RevocationListParts, base: Base) -> RevocationListParts:
    """An unassigned OID, NULL."""
    del base
    return added(it, _UNKNOWN_OID, b"\x05\x00")


_MAY_BE_IGNORED = "RFC 5280 5.2: an extension that is not critical may be ignored"


@oddity(
    "freshest-crl",
    on=LISTS,
    title="that names a place for delta CRLs",
    stage=Stage.STRUCTURE,
    source=f"{_MAY_BE_IGNORED}; 5.2.6",
    why=_REFUSED,
    importance=Importance.MEDIUM,
    notices=("extensions.freshestCRL.present",),
)
def freshest_crl(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A URI in freshestCRL."""
    del base
    place = tlv(0x86, b"http://ca.example/delta.crl")
    return added(it, "freshestCRL", sequence(sequence(tlv(0xA0, tlv(0xA0, place)))))


@oddity(
    "other-name-of-its-ca",
    on=LISTS,
    title="with another name of its CA",
    stage=Stage.STRUCTURE,
    source=f"{_MAY_BE_IGNORED}; 5.2.2",
    why=_REFUSED,
    importance=Importance.MEDIUM,
    notices=("extensions.issuerAltName.present",),
)
def other_name_of_its_ca(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A dNSName in issuerAltName."""
    del base
    return added(it, "issuerAltName", sequence(dns(b"ca.example")))


@oddity(
    "place-of-its-ca",
    on=LISTS,
    title="that names a place for the certificate of its CA",
    stage=Stage.STRUCTURE,
    source=f"{_MAY_BE_IGNORED}; 5.2.7",
    why=_REFUSED,
    importance=Importance.MEDIUM,
    notices=("extensions.authorityInfoAccess.present",),
)
def place_of_its_ca(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A URI of caIssuers in authorityInfoAccess."""
    del base
    place = tlv(0x86, b"http://ca.example/ca.cer")
    access = sequence(oid("1.3.6.1.5.5.7.48.2"), place)
    return added(it, "authorityInfoAccess", sequence(access))
