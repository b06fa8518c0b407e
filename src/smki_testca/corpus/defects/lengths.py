"""Lengths that DER forbids or that lie: long forms, indefinite, too long, too short, cut off."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.defects.other_names import OF_ITS_TYPE
from smki_testca.corpus.elements import claiming, content_of, edited, indefinite, long_form

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, Parts, RevocationListParts

EACH_KIND = ("device", "organisation-crl", "device-csr")
"""A base of each kind of document."""
_CERTIFICATES = ("organisation", "dccki")

_der = partial(defect, stage=Stage.DER)
_long = partial(
    _der,
    finding="der.length_not_minimal",
    source="X.690 10.1",
    why="Two encodings of one document have two digests: a list of blocked digests misses one.",
)
_indefinite = partial(
    _der,
    finding="der.length_indefinite",
    source="X.690 10.1",
    why="A reader of DER alone and a reader of BER find different ends of the element.",
)
_too_much = partial(
    _der,
    finding="der.truncated",
    source="X.690 8.1.3",
    importance=Importance.CRITICAL,
    why="A reader that believes the length reads memory behind the document.",
)
_cut = partial(
    _der,
    finding="der.truncated",
    source="X.690 8.1.3",
    importance=Importance.HIGH,
    why="A transfer that broke off leaves such octets; a reader must not read on behind them.",
)
_after = partial(
    _der,
    finding="der.trailing_octets",
    source="RFC 5280 4.1; X.690 8.1.1.1",
    why="Octets that no signature covers travel with the document and change its digest.",
)
_after_value = partial(
    _after,
    why="Octets of no element hide in an extension: one reader passes over them, another takes them"
    " for a part of its value.",
)


# In more octets than needed


@_long(
    "length-padded", on=(*EACH_KIND, "dccki"), title="whose outermost length has a zero in front"
)
def outermost_padded(it: Parts, base: Base) -> bytes:
    """The length of the whole document takes one octet more than it needs."""
    del base
    return edited(it, long_form, "document")


@_long("length-five-octets", on=EACH_KIND, title="whose outermost length takes four octets more")
def outermost_of_five_octets(it: Parts, base: Base) -> bytes:
    """The first octet of the outermost length says that five follow."""
    del base
    return edited(it, lambda octets: long_form(octets, 5), "document")


@_long("signed-length-padded", on=EACH_KIND, title="whose signed part has a padded length")
def signed_padded(it: Parts, base: Base) -> bytes:
    """The length of the signed part takes one octet more than it needs."""
    del base
    return edited(it, long_form, "signed")


@_long(
    "serial-length-long",
    on=_CERTIFICATES,
    title="whose serialNumber has its length in the long form",
    importance=Importance.HIGH,
)
def serial_length_long(it: CertificateParts, base: Base) -> bytes:
    """The length 16 of the serial is written 81 10."""
    del base
    return edited(it, long_form, "serialNumber")


@_long(
    "entry-serial-length-long",
    on=("dccki-crl", "organisation-crl"),
    title="with an entry whose serial number has its length in the long form",
    importance=Importance.CRITICAL,
)
def entry_serial_length_long(it: RevocationListParts, base: Base) -> bytes:
    """The length of the revoked serial is written 81 10: octets differ from the certificate's."""
    del base
    return edited(it, long_form, "revokedCertificates", 0, 0)


@_long("subject-length-long", on=("organisation",), title="whose subject has a long length")
def subject_length_long(it: CertificateParts, base: Base) -> bytes:
    """The length of the subject is written in the long form."""
    del base
    return edited(it, long_form, "subject")


@_long(
    "time-length-long",
    on=(*_CERTIFICATES, "organisation-issuing-ca"),
    title="whose notAfter has a long length",
)
def time_length_long(it: CertificateParts, base: Base) -> bytes:
    """The length of notAfter is written in the long form."""
    del base
    return edited(it, long_form, "validity.notAfter")


@_long("extension-length-long", on=EACH_KIND, title="whose first extension has a long length")
def extension_length_long(it: Parts, base: Base) -> bytes:
    """The length of an Extension is written in the long form."""
    del base
    return edited(it, long_form, "extensions", 0)


@_long(
    "key-usage-length-long",
    on=("organisation", "device-issuing-ca"),
    title="whose keyUsage has a long length inside its OCTET STRING",
)
def key_usage_length_long(it: CertificateParts, base: Base) -> bytes:
    """The length of the BIT STRING of keyUsage is written 81 02."""
    del base
    return edited(it, long_form, "extensions.keyUsage")


@_long(
    "key-length-long",
    on=("device", "dccki", "device-csr"),
    title="whose subjectPublicKey has a padded length",
)
def key_length_long(it: Parts, base: Base) -> bytes:
    """The length of the BIT STRING of the key takes one octet more than it needs."""
    del base
    return edited(it, long_form, "subjectPublicKeyInfo", 1)


@_long(
    "signature-length-long",
    on=(*EACH_KIND, "dccki"),
    title="whose signatureValue has a padded length",
)
def signature_length_long(it: Parts, base: Base) -> bytes:
    """The length of the signature's BIT STRING takes one octet more; nothing signs it."""
    del base
    return edited(it, long_form, "signatureValue")


# Indefinite


@_indefinite("length-indefinite", on=(*EACH_KIND, "dccki"), title="of indefinite length")
def outermost_indefinite(it: Parts, base: Base) -> bytes:
    """The outermost length is 80, and two zero octets end the document."""
    del base
    return edited(it, indefinite, "document")


@_indefinite(
    "signed-length-indefinite", on=EACH_KIND, title="whose signed part is of indefinite length"
)
def signed_indefinite(it: Parts, base: Base) -> bytes:
    """The length of the signed part is 80, and two zero octets end it."""
    del base
    return edited(it, indefinite, "signed")


@_indefinite(
    "subject-length-indefinite",
    on=("organisation",),
    title="whose subject is of indefinite length",
)
def subject_indefinite(it: CertificateParts, base: Base) -> bytes:
    """The length of the subject is 80, and two zero octets end it."""
    del base
    return edited(it, indefinite, "subject")


@_indefinite(
    "extensions-length-indefinite", on=EACH_KIND, title="whose extensions are of indefinite length"
)
def extensions_indefinite(it: Parts, base: Base) -> bytes:
    """The length of the list of extensions is 80, and two zero octets end it."""
    del base
    return edited(it, indefinite, "extensions")


@_indefinite(
    "wrapped-length-indefinite",
    on=("organisation",),
    title="whose certificatePolicies is of indefinite length",
)
def wrapped_indefinite(it: CertificateParts, base: Base) -> bytes:
    """The SEQUENCE inside the value of an extension is of indefinite length."""
    del base
    return edited(it, indefinite, "extensions.certificatePolicies")


@_indefinite(
    "entries-length-indefinite",
    on=("organisation-crl",),
    title="whose list of entries is of indefinite length",
    importance=Importance.HIGH,
)
def entries_indefinite(it: RevocationListParts, base: Base) -> bytes:
    """A reader that finds no end of the entries may find no entry."""
    del base
    return edited(it, indefinite, "revokedCertificates")


@_der(
    "primitive-length-indefinite",
    on=("device", "organisation-crl"),
    title="with an INTEGER of indefinite length",
    finding="der.length",
    source="X.690 8.1.3.2 a",
    why="Not even BER has primitive elements of indefinite length: where it ends is a guess.",
)
def primitive_indefinite(it: Parts, base: Base) -> bytes:
    """The first INTEGER of the signed part is of indefinite length."""
    place = ("signed", 1) if base.document.label == "CERTIFICATE" else ("signed", 0)
    return edited(it, indefinite, *place)


@_der(
    "length-reserved",
    on=EACH_KIND,
    title="whose outermost length begins with ff",
    finding="der.length",
    source="X.690 8.1.3.5 c",
    why="The octet ff is reserved; a reader that takes it as a count reads 127 octets of length.",
)
def length_reserved(it: Parts, base: Base) -> bytes:
    """The first octet of the outermost length is ff."""
    del base
    return edited(it, lambda octets: octets[:1] + b"\xff" + content_of(octets), "document")


@_der(
    "length-nine-octets",
    on=EACH_KIND,
    title="whose outermost length has nine octets",
    finding="der.length",
    source="X.690 10.1",
    importance=Importance.HIGH,
    why="A reader that shifts nine octets into a word of eight loses the first.",
)
def length_of_nine_octets(it: Parts, base: Base) -> bytes:
    """The outermost length is written in nine octets, the first 01: the low eight are right."""
    del base
    return edited(
        it,
        lambda octets: (
            octets[:1] + b"\x89\x01" + len(content_of(octets)).to_bytes(8) + content_of(octets)
        ),
        "document",
    )


# More than there is


@_too_much(
    "length-too-long", on=(*EACH_KIND, "dccki"), title="whose outermost length is one too long"
)
def outermost_too_long(it: Parts, base: Base) -> bytes:
    """The document says that it has one octet more than there are."""
    del base
    return edited(it, lambda octets: claiming(octets, 1), "document")


def _of(length: str, octets: bytes) -> bytes:
    """An element with its length octets, from the first on, in hexadecimal."""
    return octets[:1] + bytes.fromhex(length) + content_of(octets)


@_too_much("length-two-gigabytes", on=EACH_KIND, title="whose outermost length is 2,147,483,647")
def two_gigabytes(it: Parts, base: Base) -> bytes:
    """The document claims the most octets that a signed word of 32 bits counts."""
    del base
    return edited(it, partial(_of, "84 7f ff ff ff"), "document")


@_too_much("length-all-ones-32", on=EACH_KIND, title="whose outermost length is ff ff ff ff")
def all_ones_32(it: Parts, base: Base) -> bytes:
    """As a signed word of 32 bits the length is -1: a check of bounds that adds it passes."""
    del base
    return edited(it, partial(_of, "84 ff ff ff ff"), "document")


@_too_much("length-all-ones-64", on=EACH_KIND, title="whose outermost length is eight octets of ff")
def all_ones_64(it: Parts, base: Base) -> bytes:
    """As a signed word of 64 bits the length is -1."""
    del base
    return edited(it, partial(_of, "88 ff ff ff ff ff ff ff ff"), "document")


@_too_much(
    "serial-length-all-ones",
    on=("organisation",),
    title="whose serialNumber claims ff ff ff ff octets",
)
def serial_all_ones(it: CertificateParts, base: Base) -> bytes:
    """The length of an element inside wraps around in a signed word of 32 bits."""
    del base
    return edited(it, partial(_of, "84 ff ff ff ff"), "serialNumber")


@_too_much(
    "signed-length-too-long", on=EACH_KIND, title="whose signed part reaches beyond the document"
)
def signed_too_long(it: Parts, base: Base) -> bytes:
    """The signed part claims 256 octets more than it has, beyond the end of the document."""
    del base
    return edited(it, lambda octets: claiming(octets, 256), "signed")


@_too_much(
    "subject-length-too-long",
    on=("organisation", "organisation-csr"),
    title="whose last RDN reaches beyond the subject",
)
def name_too_long(it: CertificateParts, base: Base) -> bytes:
    """The last RDN of the subject claims one octet more than the subject holds."""
    del base
    return edited(it, lambda octets: claiming(octets, 1), "subject", 2)


@_too_much(
    "hardware-serial-length-too-long",
    on=("device", "device-csr"),
    title="whose hwSerialNum claims nine octets",
    rfc5280=Verdict.EITHER,
    source=OF_ITS_TYPE,
)
def hardware_serial_too_long(it: CertificateParts, base: Base) -> bytes:
    """The Device ID claims an octet behind the end of the names: it would be read as 9 octets."""
    del base
    field = "extensions.subjectAltName.hardwareModuleName.hwSerialNum"
    return edited(it, lambda octets: claiming(octets, 1), field)


@_too_much(
    "key-usage-length-too-long",
    on=("organisation", "organisation-issuing-ca"),
    title="whose keyUsage is cut off in its OCTET STRING",
)
def key_usage_too_long(it: CertificateParts, base: Base) -> bytes:
    """The BIT STRING of keyUsage claims an octet behind the end of the extension."""
    del base
    return edited(it, lambda octets: claiming(octets, 1), "extensions.keyUsage")


@_too_much(
    "signature-length-too-long",
    on=EACH_KIND,
    title="whose signatureValue claims one octet too many",
)
def signature_too_long(it: Parts, base: Base) -> bytes:
    """The BIT STRING of the signature claims an octet behind the end of the document."""
    del base
    return edited(it, lambda octets: claiming(octets, 1), "signatureValue")


@_too_much(
    "entry-length-too-long",
    on=("organisation-arl", "organisation-crl"),
    title="with an entry that reaches beyond the list",
)
def entry_too_long(it: RevocationListParts, base: Base) -> bytes:
    """The entry claims one octet more than the list of entries holds."""
    del base
    return edited(it, lambda octets: claiming(octets, 1), "revokedCertificates", 0)


# Less than there is, or cut off


@_cut("length-too-short", on=EACH_KIND, title="whose outermost length is one too short")
def outermost_too_short(it: Parts, base: Base) -> bytes:
    """The document says that it ends one octet before its signature does."""
    del base
    return edited(it, lambda octets: claiming(octets, -1), "document")


@_cut("truncated-one-octet", on=EACH_KIND, title="that lacks its last octet")
def last_octet_lost(it: Parts, base: Base) -> bytes:
    """The last octet of the document is lost."""
    del base
    return it.der[:-1]


@_cut("truncated-in-signature", on=(*EACH_KIND, "dccki"), title="that lacks half of its signature")
def half_signature_lost(it: Parts, base: Base) -> bytes:
    """The last 32 octets of the document are lost."""
    del base
    return it.der[:-32]


@_cut("truncated-after-signed", on=EACH_KIND, title="that ends after its signed part")
def signature_lost(it: Parts, base: Base) -> bytes:
    """Only the outermost header and the signed part are there."""
    del base
    return it.der[: it.der.index(it.tbs) + len(it.tbs)]


@_cut("truncated-half", on=EACH_KIND, title="of which only the first half is there")
def half_lost(it: Parts, base: Base) -> bytes:
    """The second half of the document is lost."""
    del base
    return it.der[: len(it.der) // 2]


@_cut("truncated-in-header", on=("device",), title="of which only the first two octets are there")
def only_two_octets(it: Parts, base: Base) -> bytes:
    """Of the outermost header, the octets of the length are lost."""
    del base
    return it.der[:2]


@_cut("truncated-tag", on=("device",), title="of which only the first octet is there")
def only_the_tag(it: Parts, base: Base) -> bytes:
    """Only the identifier octet of the document is there."""
    del base
    return it.der[:1]


# Octets after the end


@_after("trailing-octet", on=(*EACH_KIND, "dccki"), title="with a zero octet after its end")
def zero_after(it: Parts, base: Base) -> bytes:
    """One zero octet follows the document."""
    del base
    return it.der + b"\x00"


@_after("trailing-element", on=EACH_KIND, title="with a NULL after its end")
def element_after(it: Parts, base: Base) -> bytes:
    """A whole element follows the document."""
    del base
    return it.der + b"\x05\x00"


@_after_value(
    "key-usage-trailing-octet",
    on=("organisation", "organisation-issuing-ca", "device-csr"),
    title="with an octet after its keyUsage, in the OCTET STRING",
)
def octet_after_key_usage(it: Parts, base: Base) -> bytes:
    """A zero octet follows the BIT STRING inside the value of keyUsage."""
    del base
    return edited(it, lambda octets: octets + b"\x00", "extensions.keyUsage")


@_after_value(
    "names-trailing-octets",
    on=("device", "dccki", "device-csr"),
    title="with octets after its subjectAltName, in the OCTET STRING",
    importance=Importance.HIGH,
)
def octets_after_names(it: Parts, base: Base) -> bytes:
    """A second, empty list of names follows the first inside the value of subjectAltName."""
    del base
    return edited(it, lambda octets: octets + b"\x30\x00", "extensions.subjectAltName")


@_after_value(
    "constraints-trailing-octet",
    on=("organisation-issuing-ca", "device-root-ca", "dccki-issuing-ca"),
    title="with an octet after its basicConstraints, in the OCTET STRING",
)
def octet_after_constraints(it: CertificateParts, base: Base) -> bytes:
    """A zero octet follows the SEQUENCE inside the value of basicConstraints."""
    del base
    return edited(it, lambda octets: octets + b"\x00", "extensions.basicConstraints")


@_after_value(
    "crl-number-trailing-octet",
    on=("organisation-crl",),
    title="with an octet after its cRLNumber, in the OCTET STRING",
)
def octet_after_number(it: RevocationListParts, base: Base) -> bytes:
    """A zero octet follows the INTEGER inside the value of cRLNumber."""
    del base
    return edited(it, lambda octets: octets + b"\x00", "extensions.cRLNumber")
