"""BIT STRINGs that DER forbids: unused bits, stray bits, trailing zeros, no content."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, defect
from smki_testca.corpus.document_changes import with_subject, with_value
from smki_testca.corpus.elements import content_of, edited, holding
from smki_testca.corpus.parts import SUPPLIER_ID, identifier, rdn
from smki_testca.der.encode import BIT_STRING, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, CsrParts, Parts

_ENDS = ("organisation",)
_der = partial(defect, stage=Stage.DER, at_least=Stage.PROFILE)
_bits = partial(
    _der,
    finding="der.bit_string",
    source="X.690 8.6.2",
    why="A reader that trusts the count of unused bits shifts by eight or more, or reads bits that"
    " nobody set.",
)


# BIT STRING


@_bits(
    "key-usage-eight-unused",
    on=("device", "organisation"),
    title="whose keyUsage has eight unused bits",
)
def key_usage_eight_unused(it: CertificateParts, base: Base) -> bytes:
    """The octet of unused bits says 8."""
    del base
    return edited(
        it, lambda octets: holding(octets, b"\x08" + content_of(octets)[1:]), "extensions.keyUsage"
    )


@_bits("key-usage-all-unused", on=_ENDS, title="whose keyUsage has 255 unused bits")
def key_usage_all_unused(it: CertificateParts, base: Base) -> bytes:
    """The octet of unused bits says 255."""
    del base
    return edited(
        it, lambda octets: holding(octets, b"\xff" + content_of(octets)[1:]), "extensions.keyUsage"
    )


@_bits(
    "key-usage-stray-bits",
    on=(*_ENDS, "organisation-issuing-ca"),
    title="whose keyUsage sets a bit that it calls unused",
    source="X.690 11.2.1",
    importance=Importance.HIGH,
    why="A reader that ignores the count reads another usage than one that does not.",
)
def key_usage_stray_bits(it: Parts, base: Base) -> bytes:
    """The lowest of the unused bits of keyUsage is set."""
    del base
    return edited(
        it,
        lambda octets: octets[:-1] + bytes((octets[-1] | 1,)),
        "extensions.keyUsage",
    )


@_bits(
    "key-usage-no-octet",
    on=("device", "organisation"),
    title="whose keyUsage has no content",
    source="X.690 8.6.2.3",
)
def key_usage_no_octet(it: CertificateParts, base: Base) -> CertificateParts:
    """The BIT STRING has not even the octet of unused bits."""
    del base
    return with_value(it, "keyUsage", tlv(BIT_STRING, b""))


@_bits(
    "key-usage-unused-of-none",
    on=_ENDS,
    title="whose keyUsage has seven unused bits of no octet",
    source="X.690 8.6.2.3",
)
def key_usage_unused_of_none(it: CertificateParts, base: Base) -> CertificateParts:
    """The BIT STRING has no bit, and says that seven are unused."""
    del base
    return with_value(it, "keyUsage", tlv(BIT_STRING, b"\x07"))


@_bits(
    "key-usage-trailing-zeros",
    on=(*_ENDS, "organisation-issuing-ca", "dccki"),
    title="whose keyUsage has trailing zero bits",
    source="X.690 11.2.2",
    importance=Importance.LOW,
    why="DER has one encoding of a list of named bits; nearly all readers take others, too.",
)
def key_usage_trailing_zeros(it: CertificateParts, base: Base) -> bytes:
    """All bits of the last octet of keyUsage are said to be in use."""
    del base
    return edited(
        it, lambda octets: holding(octets, b"\x00" + content_of(octets)[1:]), "extensions.keyUsage"
    )


@_bits(
    "identifier-stray-bits",
    on=("organisation", "organisation-csr"),
    title="whose identifier of 60 bits sets a bit that it calls unused",
    source="X.690 11.2.1",
)
def identifier_stray_bits(
    it: CertificateParts | CsrParts, base: Base
) -> CertificateParts | CsrParts:
    """The identifier says that four bits are unused, and sets them (O18)."""
    del base
    unit, name = rdn("organizationalUnitName", "02"), rdn("commonName", "Supplier One")
    attribute = identifier(SUPPLIER_ID[:7] + b"\x0f", 4)
    return with_subject(it, sequence(name, unit, attribute))


@_bits(
    "key-unused-bits-eight",
    on=("device", "dccki"),
    title="whose subjectPublicKey has eight unused bits",
)
def key_unused_bits_eight(it: CertificateParts, base: Base) -> bytes:
    """The octet before the key's own octets says 8."""
    del base
    return edited(
        it,
        lambda octets: holding(octets, b"\x08" + content_of(octets)[1:]),
        "subjectPublicKeyInfo",
        1,
    )
