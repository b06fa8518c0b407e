"""Breaches of the two key identifiers: which key it is, and which key signed it."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import added, with_critical, with_value, without
from smki_testca.corpus.groups import (
    DEVICES,
    ENDS,
    EVERY,
    ISSUED,
    KINDS,
    ORGANISATIONS,
    RSA_ENDS,
    SMKI,
    SMKI_CAS,
    SMKI_ISSUED,
    SMKI_KINDS,
    SMKI_ROOTS,
    led_by,
)
from smki_testca.corpus.parts import TRUE, authority_key
from smki_testca.der.encode import integer, octet_string, sequence, tlv
from smki_testca.der.read import read

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_SUBJECT, _AUTHORITY = "subjectKeyIdentifier", "authorityKeyIdentifier"
_EVERY_END = (*DEVICES, *ORGANISATIONS, *RSA_ENDS)
key_defect = partial(defect, stage=Stage.PROFILE, at_least=Stage.PATH)


def _each(bases: tuple[str, ...], code: str) -> dict[str, str]:
    """One code of the linter for all these bases."""
    return dict.fromkeys(bases, code)


def _long_serial(octets: bytes) -> bytes:
    """An authorityCertSerialNumber."""
    return tlv(0x82, octets)


# The subject's


@key_defect(
    "ski-critical",
    on=(*KINDS, "device-issuing-ca", *SMKI_ROOTS),
    title="whose subjectKeyIdentifier is critical",
    finding={
        "": "extensions.must_not_be_critical",
        **_each(SMKI, "extensions.subjectKeyIdentifier.critical"),
    },
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.2: CAs must not mark it critical; no rule has readers check",
    why="A library that does not process it refuses the certificate, another takes it.",
    importance=Importance.LOW,
)
def ski_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """The extension is marked critical."""
    return with_critical(it, _SUBJECT, TRUE)


@key_defect(
    "ski-missing",
    on=(*ENDS, *RSA_ENDS, "device-ka"),
    title="without subjectKeyIdentifier",
    finding="extensions.subjectKeyIdentifier.missing",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.2: an end entity's should have it",
    why="A Device answers to an update with the key identifiers in its cells: it has none to tell.",
    importance=Importance.MEDIUM,
)
@key_defect(
    "ski-missing",
    on=("organisation-issuing-ca", "dccki-root-ca", "device-issuing-ca", *SMKI_ROOTS),
    title="without subjectKeyIdentifier",
    finding="extensions.subjectKeyIdentifier.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.2: CAs must write it in their own; no rule has readers miss it",
    why="Where two CAs share a name, nothing says which of them issued a certificate.",
    importance=Importance.MEDIUM,
)
def ski_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The extension is left out."""
    return without(it, _SUBJECT)


@key_defect(
    "ski-20-octets",
    on=(*SMKI_KINDS, "device-issuing-ca", *SMKI_ROOTS),
    title="whose subjectKeyIdentifier has 20 octets",
    finding="extensions.subjectKeyIdentifier.octets",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.2: method (1) is as good as method (2)",
    why="A reader with room for the 8 octets of every SMKI certificate writes past its end, or"
    " compares a part.",
    importance=Importance.HIGH,
)
def ski_20_octets(it: CertificateParts, _: Base) -> CertificateParts:
    """It is as long as one of method (1)."""
    return with_value(it, _SUBJECT, octet_string(b"\x41" * 20))


@key_defect(
    "ski-8-octets",
    on=("iki-issuing-ca", *RSA_ENDS),
    title="whose subjectKeyIdentifier has 8 octets",
    finding="extensions.subjectKeyIdentifier.octets",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.2: method (2) is as good as method (1)",
    why="A program that looks certificates up by 20 octets does not find it.",
    importance=Importance.LOW,
)
def ski_8_octets(it: CertificateParts, _: Base) -> CertificateParts:
    """It is as long as one of method (2)."""
    return with_value(it, _SUBJECT, octet_string(b"\x41" * 8))


@key_defect(
    "ski-empty",
    on=("organisation", "device"),
    title="whose subjectKeyIdentifier is empty",
    finding="extensions.subjectKeyIdentifier.octets",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.2 states no length",
    why="All certificates that have it so share one key identifier.",
    importance=Importance.MEDIUM,
)
def ski_empty(it: CertificateParts, _: Base) -> CertificateParts:
    """It has no octet."""
    return with_value(it, _SUBJECT, octet_string(b""))


@key_defect(
    "ski-of-another-key",
    on=(*EVERY, "device-ka"),
    title="whose subjectKeyIdentifier is that of another key",
    finding="extensions.subjectKeyIdentifier.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.2: it should be derived from the key; no rule has readers check",
    why="Devices, head-ends and CMS messages name keys by it: another key is meant than is used.",
    importance=Importance.HIGH,
)
def ski_of_another_key(it: CertificateParts, _: Base) -> CertificateParts:
    """It has the right length and not the right octets."""
    length = 8 if it.profile.startswith(("organisation", "device")) else 20
    return with_value(it, _SUBJECT, octet_string(b"\x41" * length))


@key_defect(
    "ski-of-no-type-bits",
    on=("organisation", "device"),
    title="whose subjectKeyIdentifier is the last 64 bits of the hash",
    finding="extensions.subjectKeyIdentifier.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.2: it may be derived in another way",
    why="The four bits 0100 are forgotten: a reader that computes the identifier finds another.",
    importance=Importance.MEDIUM,
)
def ski_of_no_type_bits(it: CertificateParts, _: Base) -> CertificateParts:
    """The first hexadecimal digit is that of the hash, not 4."""
    point = read(it.spki)[0].children[1].content[1:]
    digest = hashlib.sha1(point, usedforsecurity=False).digest()
    return with_value(it, _SUBJECT, octet_string(digest[12:]))


@key_defect(
    "ski-integer",
    on=led_by("device-root-ca", (*KINDS, "device-issuing-ca", *SMKI_ROOTS)),
    title="whose subjectKeyIdentifier is an INTEGER",
    finding={
        "": "structure.SubjectKeyIdentifier",
        **_each(SMKI, "extensions.subjectKeyIdentifier.unreadable"),
    },
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2: what is recognised must be processed; what else is up to the reader",
    why="A reader that compares content without tags reads an identifier that nobody wrote.",
    importance=Importance.MEDIUM,
    stage=Stage.STRUCTURE,
)
def ski_integer(it: CertificateParts, _: Base) -> CertificateParts:
    """It is of another type."""
    return with_value(it, _SUBJECT, integer(4))


@key_defect(
    "ski-bare",
    on=led_by("device-root-ca", (*ENDS, *SMKI_CAS)),
    title="whose subjectKeyIdentifier lacks its OCTET STRING",
    finding={
        "": "structure.SubjectKeyIdentifier",
        **_each(SMKI, "extensions.subjectKeyIdentifier.unreadable"),
    },
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2: what is recognised must be processed; what else is up to the reader",
    why="A reader that takes the last 8 octets takes it, a reader of DER does not: they disagree.",
    importance=Importance.MEDIUM,
    stage=Stage.STRUCTURE,
)
def ski_bare(it: CertificateParts, _: Base) -> CertificateParts:
    """The octets stand in the extension without the OCTET STRING that they belong in."""
    return with_value(it, _SUBJECT, it.key_identifier)


# The authority's


@key_defect(
    "aki-critical",
    on=(*KINDS, "device-issuing-ca"),
    title="whose authorityKeyIdentifier is critical",
    finding={
        "": "extensions.must_not_be_critical",
        **_each(SMKI_ISSUED, "extensions.authorityKeyIdentifier.critical"),
    },
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.1: CAs must not mark it critical; no rule has readers check",
    why="A library that does not process it refuses the certificate, another takes it.",
    importance=Importance.LOW,
)
def aki_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """The extension is marked critical."""
    return with_critical(it, _AUTHORITY, TRUE)


@key_defect(
    "aki-missing",
    on=(*KINDS, "iki-issuing-ca", "dccki-issuing-ca", "device-issuing-ca"),
    title="without authorityKeyIdentifier",
    finding="extensions.authorityKeyIdentifier.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.1: CAs must write it; 6.1 does not look at it",
    why="Where two CAs share a name, nothing says which of them issued it.",
    importance=Importance.MEDIUM,
)
def aki_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The extension is left out."""
    return without(it, _AUTHORITY)


@key_defect(
    "aki-with-issuer-and-serial",
    on=(*SMKI_KINDS, "device-issuing-ca"),
    title="whose authorityKeyIdentifier tells the issuer's own issuer and serial, too",
    finding="extensions.authorityKeyIdentifier.sole",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.1 allows them",
    why="The certificate stops matching once its CA is renewed, and is longer than commands have"
    " room for.",
    importance=Importance.LOW,
)
def aki_with_issuer_and_serial(it: CertificateParts, base: Base) -> CertificateParts:
    """The true issuer and serial number of the CA are added."""
    above = base.chain[0]
    pointer = tlv(0x80, above.key_identifier)
    issuer = tlv(0xA1, tlv(0xA4, above.issuer))
    number = _long_serial(read(above.serial)[0].content)
    return with_value(it, _AUTHORITY, sequence(pointer, issuer, number))


@key_defect(
    "aki-half",
    on=("device", "dccki"),
    title="whose authorityKeyIdentifier tells the issuer's own issuer and no serial",
    finding={
        "": "extensions.authorityKeyIdentifier.half",
        **_each(SMKI_ISSUED, "extensions.authorityKeyIdentifier.sole"),
    },
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.1, A.2: both or none; no rule has readers check",
    why="A reader that compares both compares with what it does not have.",
    importance=Importance.LOW,
)
def aki_half(it: CertificateParts, base: Base) -> CertificateParts:
    """The issuer is added without the serial number."""
    above = base.chain[0]
    issuer = tlv(0xA1, tlv(0xA4, above.issuer))
    return with_value(it, _AUTHORITY, sequence(tlv(0x80, above.key_identifier), issuer))


@key_defect(
    "aki-of-serial-alone",
    on=(*SMKI_KINDS, "dccki", "device-issuing-ca"),
    title="whose authorityKeyIdentifier is a serial in place of a key identifier",
    finding={
        "": "extensions.authorityKeyIdentifier.half",
        **_each(SMKI_ISSUED, "extensions.authorityKeyIdentifier.keyIdentifier.missing"),
    },
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.1: CAs must write a keyIdentifier; 6.1 does not look at it",
    why="A reader that finds the issuing key by its identifier finds none.",
    importance=Importance.MEDIUM,
)
def aki_of_serial_alone(it: CertificateParts, _: Base) -> CertificateParts:
    """The keyIdentifier gives way to an authorityCertSerialNumber."""
    return with_value(it, _AUTHORITY, sequence(_long_serial(b"\x41" * 16)))


@key_defect(
    "aki-of-issuer-and-serial",
    on=("device", "organisation", "dccki", "iki-issuing-ca", "dccki-issuing-ca"),
    title="whose authorityKeyIdentifier is the issuer's own issuer and serial",
    finding="extensions.authorityKeyIdentifier.keyIdentifier.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.1: CAs must write a keyIdentifier; 6.1 does not look at it",
    why="A reader that finds the issuing key by its identifier finds none; once the CA is renewed,"
    " nobody finds it.",
    importance=Importance.MEDIUM,
)
def aki_of_issuer_and_serial(it: CertificateParts, base: Base) -> CertificateParts:
    """The true issuer and serial number of the CA stand in place of its key identifier."""
    above = base.chain[0]
    number = _long_serial(read(above.serial)[0].content)
    return with_value(it, _AUTHORITY, sequence(tlv(0xA1, tlv(0xA4, above.issuer)), number))


@key_defect(
    "aki-20-octets",
    on=(*SMKI_KINDS, "device-issuing-ca"),
    title="whose authorityKeyIdentifier has 20 octets",
    finding="extensions.authorityKeyIdentifier.keyIdentifier.octets",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.1: it should match the issuer's; 6.1 does not look at it",
    why="A reader with room for the 8 octets of every SMKI certificate writes past its end.",
    importance=Importance.HIGH,
)
def aki_20_octets(it: CertificateParts, _: Base) -> CertificateParts:
    """It is as long as one of method (1)."""
    return with_value(it, _AUTHORITY, authority_key(b"\x41" * 20))


@key_defect(
    "aki-of-another-key",
    on=(*ISSUED, "device-ka"),
    title="whose authorityKeyIdentifier is that of another key",
    finding="extensions.authorityKeyIdentifier.keyIdentifier.value",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.1: it serves to find the issuer; 6.1 does not look at it",
    why="A program that finds issuers by it finds none, another goes by the name and accepts: a"
    " meter and a head-end disagree.",
    importance=Importance.HIGH,
)
def aki_of_another_key(it: CertificateParts, base: Base) -> CertificateParts:
    """It has the right length and not the right octets."""
    length = len(base.chain[0].key_identifier)
    return with_value(it, _AUTHORITY, authority_key(b"\x41" * length))


@key_defect(
    "aki-of-itself",
    on=SMKI_ROOTS,
    title="with an authorityKeyIdentifier",
    finding="extensions.authorityKeyIdentifier.present",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.1: a self-signed certificate may omit it",
    why="Nothing; it says again what is known, and the root is longer.",
    importance=Importance.LOW,
)
def aki_of_itself(it: CertificateParts, _: Base) -> CertificateParts:
    """A root points to its own key."""
    return added(it, _AUTHORITY, authority_key(it.key_identifier))
