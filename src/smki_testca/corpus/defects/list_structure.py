"""Elements of CRLs and CSRs that are missing, twice, out of order, empty or too many."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.elements import (
    appended,
    doubled,
    edited,
    element,
    holding,
    swapped,
    without_element,
)
from smki_testca.der.encode import NULL, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CsrParts, RevocationListParts

_MORE = tlv(NULL, b"")

_broken = partial(
    defect,
    stage=Stage.STRUCTURE,
    finding="der.structure",
    source="RFC 5280 4.1",
    why="A reader that counts elements takes one of them for another.",
)
_list = partial(_broken, finding="structure.TBSCertList", source="RFC 5280 5.1")
_csr = partial(_broken, finding="structure.CertificationRequestInfo", source="RFC 2986 4.1")


# CRLs


@_list(
    "this-update-missing",
    on=("organisation-crl", "organisation-arl"),
    title="without a time",
    finding="der.structure",
)
def times_missing(it: RevocationListParts, base: Base) -> bytes:
    """The signed part has neither thisUpdate nor nextUpdate."""
    del base
    return edited(
        it,
        lambda octets: without_element(without_element(octets, 4), 3),
        "signed",
    )


@_list("third-update", on=("iki-crl", "organisation-crl"), title="with a third time")
def third_update(it: RevocationListParts, base: Base) -> bytes:
    """The nextUpdate is there twice."""
    del base
    return edited(it, partial(doubled, number=4), "signed")


@_list(
    "entries-twice",
    on=("organisation-arl", "organisation-crl"),
    title="with two lists of entries",
    importance=Importance.CRITICAL,
    why="A reader that finds no entries, or half of them, lets revoked certificates pass.",
)
def entries_twice(it: RevocationListParts, base: Base) -> bytes:
    """A second list of entries follows the first: a reader may read only one."""
    del base
    return edited(it, partial(doubled, number=5), "signed")


@_list(
    "extensions-first",
    on=("iki-arl", "organisation-crl"),
    title="whose extensions come before its entries",
    importance=Importance.CRITICAL,
    why="A reader that finds no entries, or half of them, lets revoked certificates pass.",
)
def extensions_first(it: RevocationListParts, base: Base) -> bytes:
    """A reader that takes the entries to be missing lets every certificate pass."""
    del base
    return edited(it, partial(swapped, number=5), "signed")


@_list(
    "list-more", on=("dccki-crl", "organisation-crl"), title="with an element after its extensions"
)
def list_more(it: RevocationListParts, base: Base) -> bytes:
    """A NULL follows the extensions in the signed part."""
    del base
    return edited(it, partial(appended, more=_MORE), "signed")


_entry = partial(
    _broken,
    finding="crl.entry",
    source="RFC 5280 5.1.2.6",
    importance=Importance.CRITICAL,
    why="A reader that passes over the entry lets the revoked certificate pass.",
)


@_entry(
    "entry-without-date",
    on=("organisation-arl", "organisation-crl"),
    title="with an entry without date",
)
def entry_without_date(it: RevocationListParts, base: Base) -> bytes:
    """The entry is a serial number and its extensions."""
    del base
    return edited(it, partial(without_element, number=1), "revokedCertificates", 0)


@_entry("entry-reversed", on=("organisation-crl",), title="with an entry whose date comes first")
def entry_reversed(it: RevocationListParts, base: Base) -> bytes:
    """The serial and the date have changed places."""
    del base
    return edited(it, partial(swapped, number=0), "revokedCertificates", 0)


@_entry(
    "entry-more",
    on=("iki-crl", "organisation-crl"),
    title="with an entry of four elements",
)
def entry_more(it: RevocationListParts, base: Base) -> bytes:
    """A NULL follows the extensions of the entry."""
    del base
    return edited(it, partial(appended, more=_MORE), "revokedCertificates", 0)


@_entry("entry-empty", on=("organisation-crl",), title="with an empty entry")
def entry_empty(it: RevocationListParts, base: Base) -> bytes:
    """The only entry is 30 00."""
    del base
    return edited(it, partial(holding, content=b""), "revokedCertificates", 0)


@_entry("entry-bare", on=("organisation-crl",), title="with a serial number in place of an entry")
def entry_bare(it: RevocationListParts, base: Base) -> bytes:
    """The serial and the date stand in the list itself, without a SEQUENCE around them."""
    del base
    entry = element(it, "revokedCertificates", 0, 0)
    return edited(it, lambda _: entry, "revokedCertificates", 0)


@_entry(
    "entry-extensions-empty",
    on=("organisation-crl", "organisation-arl"),
    title="with an entry whose extensions are empty",
    finding="der.empty_sequence",
    importance=Importance.LOW,
    rfc5280=Verdict.REJECT,
)
def entry_extensions_empty(it: RevocationListParts, base: Base) -> bytes:
    """The list of the entry's extensions is 30 00."""
    del base
    return edited(it, partial(holding, content=b""), "revokedCertificates", 0, 2)


# CSRs


@_csr(
    "request-more",
    on=("device-csr", "organisation-csr", "dccki-csr"),
    title="with an element after its attributes",
)
def request_more(it: CsrParts, base: Base) -> bytes:
    """A NULL follows the attributes in the signed part."""
    del base
    return edited(it, partial(appended, more=_MORE), "signed")


@_csr(
    "request-version-missing",
    on=("device-csr", "organisation-csr"),
    title="without version",
    finding="der.structure",
)
def request_version_missing(it: CsrParts, base: Base) -> bytes:
    """The signed part begins with its subject."""
    del base
    return edited(it, partial(without_element, number=0), "signed")


@_csr(
    "attributes-twice",
    also=("csr.attributes", "csr.extension", "csr.extension"),
    on=("device-csr",),
    title="with [0] attributes twice",
)
def attributes_twice(it: CsrParts, base: Base) -> bytes:
    """The whole field of attributes is there twice."""
    del base
    return edited(it, partial(doubled, number=3), "signed")


@_csr(
    "attribute-more",
    on=("device-csr", "organisation-csr"),
    title="with a third element in its extensionRequest",
    finding="structure.Attribute",
)
def attribute_more(it: CsrParts, base: Base) -> bytes:
    """A NULL follows the values of the attribute."""
    del base
    return edited(it, partial(appended, more=_MORE), "signed", 3, 0)


@_csr(
    "extension-request-two-values",
    on=("device-csr", "organisation-csr"),
    title="with two values in its extensionRequest",
    finding="structure.ExtensionRequest",
    source="RFC 2985 5.4.2",
    importance=Importance.HIGH,
    why="Whoever checks the CSR reads one list, and the CA issues by the other.",
)
def request_of_two_values(it: CsrParts, base: Base) -> bytes:
    """The list of extensions is there twice in the attribute: a CA may take either."""
    del base
    return edited(it, partial(doubled, number=0), "signed", 3, 0, 1)


@_csr(
    "extension-request-no-value",
    on=("organisation-csr",),
    title="without a value in its extensionRequest",
    finding="structure.ExtensionRequest",
    also=("csr.key_usage",),
    source="RFC 2985 5.4.2",
)
def request_of_no_value(it: CsrParts, base: Base) -> bytes:
    """The SET of values of the attribute is empty."""
    del base
    return edited(it, partial(holding, content=b""), "signed", 3, 0, 1)


@_csr(
    "request-subject-missing",
    on=("device-csr", "organisation-csr"),
    title="without subject",
    finding="der.structure",
)
def request_subject_missing(it: CsrParts, base: Base) -> bytes:
    """The signed part lacks its subject, which may be empty, and must be there."""
    del base
    return edited(it, partial(without_element, number=1), "signed")


@_csr(
    "request-key-missing",
    on=("device-csr", "organisation-csr"),
    title="without subjectPublicKeyInfo",
    finding="der.structure",
)
def request_key_missing(it: CsrParts, base: Base) -> bytes:
    """The signed part lacks its key."""
    del base
    return edited(it, partial(without_element, number=2), "signed")
