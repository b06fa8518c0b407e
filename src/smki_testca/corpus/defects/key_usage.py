"""Breaches of what a keyUsage must say: which of a holder's keys does what."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import with_critical, with_value, without
from smki_testca.corpus.groups import CAS, ENDS, EVERY, KINDS, SMKI_ISSUING, SMKI_ROOTS, led_by
from smki_testca.corpus.parts import usages
from smki_testca.der.encode import BIT_STRING, integer, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_NAME = "keyUsage"
_SMKI_ENDS = (*ENDS, "device-ka", "organisation-ka")
usage_defect = partial(defect, stage=Stage.PROFILE, at_least=Stage.USE)
"""Refusing the key when it is put to use counts as right, too."""


@usage_defect(
    "key-usage-not-critical",
    on=(*EVERY, "device-ka", "organisation-ka"),
    title="whose keyUsage is not critical",
    finding="extensions.keyUsage.critical",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.3: CAs should mark it critical; 6.1 takes it either way",
    why="A reader may then skip it, and use a key agreement key to verify signatures.",
    importance=Importance.MEDIUM,
)
def key_usage_not_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """The criticality of keyUsage is left out."""
    return with_critical(it, _NAME, b"")


@usage_defect(
    "key-usage-missing",
    on=(*KINDS, "device-ka", "organisation-ka", "device-issuing-ca", *SMKI_ROOTS),
    title="without keyUsage",
    finding="extensions.keyUsage.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.3: CAs must write it in some; no rule has readers miss it",
    why="Where no use is stated a reader chooses one: a key acts as what its holder did not ask"
    " for.",
    importance=Importance.HIGH,
)
def key_usage_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The extension is left out."""
    return without(it, _NAME)


@usage_defect(
    "key-usage-integer",
    on=(*KINDS, "device-issuing-ca", *SMKI_ROOTS),
    title="whose keyUsage is an INTEGER",
    finding={"": "extensions.keyUsage.unreadable", "dccki": "structure.KeyUsage"},
    at_least=Stage.PROFILE,
    source="RFC 5280 4.2: a critical extension that cannot be processed",
    why="A reader that takes the octets as bits reads a usage that nobody wrote.",
    importance=Importance.HIGH,
    stage=Stage.STRUCTURE,
)
def key_usage_integer(it: CertificateParts, _: Base) -> CertificateParts:
    """The value is an INTEGER instead of a BIT STRING."""
    return with_value(it, _NAME, integer(3))


@usage_defect(
    "key-usage-without-crl-sign",
    on=led_by("iki-root-ca", CAS),
    title="whose keyUsage lacks cRLSign",
    finding="extensions.keyUsage.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.3: a CA may leave its CRLs to another",
    why="Its CRLs are then refused, or are taken from a key that may not sign them.",
    importance=Importance.MEDIUM,
)
def key_usage_without_crl_sign(it: CertificateParts, _: Base) -> CertificateParts:
    """A CA has keyCertSign alone."""
    return with_value(it, _NAME, usages("keyCertSign"))


@usage_defect(
    "key-usage-without-cert-sign",
    on=SMKI_ISSUING,
    title="whose keyUsage lacks keyCertSign",
    finding="extensions.keyUsage.value",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 6.1.4 (n) asks it of the CAs of a path, not of the certificate at its end",
    why="Whatever it issues has no path: a reader that looks refuses all of it, others take it.",
    importance=Importance.HIGH,
)
def key_usage_without_cert_sign(it: CertificateParts, _: Base) -> CertificateParts:
    """A CA has cRLSign alone."""
    return with_value(it, _NAME, usages("cRLSign"))


@usage_defect(
    "key-usage-of-end-entity",
    on=SMKI_ISSUING,
    title="whose keyUsage is digitalSignature",
    finding="extensions.keyUsage.value",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 6.1.4 (n) asks it of the CAs of a path, not of the certificate at its end",
    why="A reader that goes by keyUsage takes a CA for an organisation, and its key for one that"
    " signs commands.",
    importance=Importance.HIGH,
)
def key_usage_of_end_entity(it: CertificateParts, _: Base) -> CertificateParts:
    """A CA has digitalSignature alone."""
    return with_value(it, _NAME, usages("digitalSignature"))


@usage_defect(
    "key-usage-two",
    on=_SMKI_ENDS,
    title="whose keyUsage is both digitalSignature and keyAgreement",
    finding="extensions.keyUsage.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.3 allows several bits",
    why="One key fills two cells: whoever breaks the one use has the other, and readers differ in"
    " which of the two they take it for.",
    importance=Importance.HIGH,
    facts={"usage": None},
)
def key_usage_two(it: CertificateParts, _: Base) -> CertificateParts:
    """Both bits are set, of which a certificate has one."""
    return with_value(it, _NAME, usages("digitalSignature", "keyAgreement"))


@usage_defect(
    "key-usage-non-repudiation",
    on=_SMKI_ENDS,
    title="whose keyUsage is nonRepudiation",
    finding="extensions.keyUsage.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.3 allows any bit",
    why="No cell is for it: a reader that takes whatever is not key agreement for digital"
    " signature stores a key that signs no command.",
    importance=Importance.HIGH,
    facts={"usage": None},
)
def key_usage_non_repudiation(it: CertificateParts, _: Base) -> CertificateParts:
    """The bit beside digitalSignature is set instead of it."""
    return with_value(it, _NAME, usages("nonRepudiation"))


@usage_defect(
    "key-usage-signature-and-non-repudiation",
    on=("device", "organisation"),
    title="whose keyUsage is nonRepudiation besides digitalSignature",
    finding="extensions.keyUsage.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.3 allows several bits",
    why="A client that compares the octets 03 02 07 80 skips the certificate in silence.",
    importance=Importance.MEDIUM,
)
def key_usage_signature_and_non_repudiation(it: CertificateParts, _: Base) -> CertificateParts:
    """A bit is set besides the right one."""
    return with_value(it, _NAME, usages("digitalSignature", "nonRepudiation"))


@usage_defect(
    "key-usage-key-encipherment",
    on=("device-ka", "organisation-ka"),
    title="whose keyUsage is keyEncipherment",
    finding="extensions.keyUsage.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.3; RFC 5480 3 gives a key on a curve no such use, and no check of it",
    why="A key on a curve enciphers no key: a reader that takes it for key agreement trusts bits"
    " that say something else.",
    importance=Importance.MEDIUM,
    facts={"usage": None},
)
def key_usage_key_encipherment(it: CertificateParts, _: Base) -> CertificateParts:
    """The use of an RSA key is named for a key on a curve."""
    return with_value(it, _NAME, usages("keyEncipherment"))


@usage_defect(
    "key-usage-agreement-and-encipher-only",
    on=("device-ka", "organisation-ka"),
    title="whose keyUsage has encipherOnly",
    finding="extensions.keyUsage.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.3: encipherOnly qualifies keyAgreement",
    why="The bits fill one octet more in part: a reader that compares the first octet alone does"
    " not see the limit.",
    importance=Importance.LOW,
)
def key_usage_agreement_and_encipher_only(it: CertificateParts, _: Base) -> CertificateParts:
    """The bit that limits key agreement is set, too."""
    return with_value(it, _NAME, usages("keyAgreement", "encipherOnly"))


@usage_defect(
    "key-usage-agreement-and-decipher-only",
    on=("device-ka", "organisation-ka"),
    title="whose keyUsage has decipherOnly",
    finding="extensions.keyUsage.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.3: decipherOnly qualifies keyAgreement",
    why="The bit is the ninth: a reader of one octet does not see it.",
    importance=Importance.LOW,
)
def key_usage_agreement_and_decipher_only(it: CertificateParts, _: Base) -> CertificateParts:
    """The only bit of the second octet is set, too."""
    return with_value(it, _NAME, usages("keyAgreement", "decipherOnly"))


@usage_defect(
    "key-usage-signs-certificates",
    on=(*ENDS, "dccki", "device-ka"),
    title="whose keyUsage is keyCertSign",
    finding={"": "extensions.keyUsage.value", "dccki": "extensions.keyUsage.signs_certificates"},
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.3, 4.2.1.9: CAs must not write it; 6.1 does not look at it",
    why="A reader that goes by keyUsage alone accepts certificates that a meter or a supplier"
    " issued.",
    importance=Importance.HIGH,
    facts={"usage": None},
)
def key_usage_signs_certificates(it: CertificateParts, _: Base) -> CertificateParts:
    """An end entity may sign certificates, and nothing else."""
    return with_value(it, _NAME, usages("keyCertSign"))


@usage_defect(
    "key-usage-signs-crls",
    on=("device", "organisation"),
    title="whose keyUsage has cRLSign besides its own bit",
    finding="extensions.keyUsage.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.3 allows several bits; 6.3.3 (f) takes CRLs from such a key",
    why="A reader accepts CRLs of the end entity's key.",
    importance=Importance.MEDIUM,
)
def key_usage_signs_crls(it: CertificateParts, base: Base) -> CertificateParts:
    """An end entity may sign CRLs, too."""
    own = "keyAgreement" if base.name.endswith("-ka") else "digitalSignature"
    return with_value(it, _NAME, usages(own, "cRLSign"))


@usage_defect(
    "key-usage-none",
    on=("device", "device-ka", "organisation", "dccki"),
    title="whose keyUsage has no bit",
    finding={"": "extensions.keyUsage.value", "dccki": "extensions.keyUsage.no_usage"},
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.3: at least one bit must be set; no rule has readers check",
    why="A reader that treats no bit as no extension puts the key to every use.",
    importance=Importance.MEDIUM,
    facts={"usage": None},
)
def key_usage_none(it: CertificateParts, _: Base) -> CertificateParts:
    """The BIT STRING is empty."""
    return with_value(it, _NAME, tlv(BIT_STRING, b"\x00"))


@usage_defect(
    "key-usage-key-agreement",
    on=("dccki", "iki"),
    title="whose keyUsage is keyAgreement",
    finding="extensions.keyUsage.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.3 allows any bit",
    why="A TLS peer that heeds keyUsage ends the handshake; one that does not hides the mistake.",
    importance=Importance.MEDIUM,
)
def key_usage_key_agreement(it: CertificateParts, _: Base) -> CertificateParts:
    """An RSA key is said to agree keys."""
    return with_value(it, _NAME, usages("keyAgreement"))


@usage_defect(
    "key-usage-signs-too",
    on=SMKI_ISSUING,
    title="whose keyUsage has digitalSignature besides its own bits",
    finding="extensions.keyUsage.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.3 allows several bits",
    why="The key that issues certificates may sign commands, too: a reader that goes by the bit"
    " takes them from it.",
    importance=Importance.HIGH,
)
def key_usage_signs_too(it: CertificateParts, _: Base) -> CertificateParts:
    """A CA has the bit of an end entity, too."""
    return with_value(it, _NAME, usages("digitalSignature", "keyCertSign", "cRLSign"))


@usage_defect(
    "key-usage-signature-alone",
    on=("dccki",),
    title="whose keyUsage lacks keyEncipherment",
    finding="extensions.keyUsage.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.3 allows any bit",
    why="TLS 1.2 with RSA key exchange fails, where a gateway still has it.",
    importance=Importance.LOW,
)
def key_usage_signature_alone(it: CertificateParts, _: Base) -> CertificateParts:
    """One of two bits is left out."""
    return with_value(it, _NAME, usages("digitalSignature"))


@usage_defect(
    "key-usage-with-encipherment",
    on=("iki",),
    title="whose keyUsage has keyEncipherment besides digitalSignature",
    finding="extensions.keyUsage.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.3 allows several bits",
    why="The key of a person who signs requests is used to encipher keys, and may be kept in"
    " copies.",
    importance=Importance.LOW,
)
def key_usage_with_encipherment(it: CertificateParts, _: Base) -> CertificateParts:
    """A bit is set besides the right one."""
    return with_value(it, _NAME, usages("digitalSignature", "keyEncipherment"))
