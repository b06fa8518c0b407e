"""Extensions whose values have an element too many, too few, twice, empty or of another type."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import but, with_value
from smki_testca.corpus.elements import (
    appended,
    content_of,
    doubled,
    edited,
    element,
    holding,
    swapped,
    without_element,
)
from smki_testca.corpus.parts import TRUE
from smki_testca.der.encode import NULL, integer, octet_string, oid, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, Parts, RevocationListParts

_ENDS = ("organisation",)
_EACH_KIND = ("organisation", "organisation-crl")
_ISSUING = ("organisation-issuing-ca", "device-issuing-ca")
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
_twice = partial(
    _broken,
    finding="extensions.duplicate",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2: no extension more than once; 6.1 does not look for that",
    importance=Importance.HIGH,
    why="Two readers of one certificate read two values: the first, or the last.",
)


def _sibling(it: CertificateParts, name: str, value: bytes) -> bytes:
    """The certificate with a second extension of a name, with another value, at the end."""
    second = replace(it.extensions[name], value=value).encoded
    return edited(it, partial(appended, more=second), "extensions")


# The list of extensions


@_empty(
    "extensions-empty",
    on=(*_ENDS, "organisation-issuing-ca", "dccki"),
    title="whose list of extensions is empty",
    source="RFC 5280 4.1: SIZE (1..MAX)",
    importance=Importance.HIGH,
)
def extensions_empty(it: CertificateParts, base: Base) -> CertificateParts:
    """The [3] holds 30 00."""
    del base
    return but(it, extensions={})


@_empty(
    "crl-extensions-empty",
    on=("iki-arl", "organisation-crl"),
    title="whose list of extensions is empty",
    source="RFC 5280 4.1 and 5.1: SIZE (1..MAX)",
)
def list_extensions_empty(it: RevocationListParts, base: Base) -> bytes:
    """The [0] holds 30 00."""
    del base
    return edited(it, partial(holding, content=b""), "extensions")


@_broken(
    "extension-fourth-element",
    on=(*_EACH_KIND, "device-csr"),
    title="whose first extension has an element more",
    finding="structure.Extension",
    source="RFC 5280 4.1",
)
def fourth_element(it: Parts, base: Base) -> bytes:
    """A NULL follows the value of the extension."""
    del base
    return edited(it, partial(appended, more=_MORE), "extensions", 0)


@_broken(
    "extension-critical-twice",
    on=_ENDS,
    title="whose keyUsage says twice that it is critical",
    finding="structure.Extension",
    also=("extensions.keyUsage.unreadable",),
    source="RFC 5280 4.1",
)
def critical_twice(it: CertificateParts, base: Base) -> bytes:
    """Two BOOLEANs stand in the extension."""
    del base
    return edited(it, partial(doubled, number=1), "extensions", 0)


@_broken(
    "extension-critical-last",
    on=_ENDS,
    title="whose keyUsage says after its value that it is critical",
    finding="structure.Extension",
    also=("extensions.keyUsage.critical",),
    source="RFC 5280 4.1",
)
def critical_last(it: CertificateParts, base: Base) -> bytes:
    """The BOOLEAN and the OCTET STRING have changed places."""
    del base
    return edited(it, partial(swapped, number=1), "extensions", 0)


@_broken(
    "extension-without-value",
    on=_ENDS,
    title="whose keyUsage has no value",
    finding="structure.Extension",
    also=("extensions.keyUsage.unreadable",),
    source="RFC 5280 4.1",
)
def without_value(it: CertificateParts, base: Base) -> bytes:
    """The extension ends after its criticality."""
    del base
    return edited(it, partial(without_element, number=2), "extensions", 0)


@_broken(
    "extension-without-oid",
    on=_ENDS,
    title="whose first extension has no identifier",
    finding="structure.Extension",
    also=("extensions.unexpected",),
    source="RFC 5280 4.1",
)
def without_oid(it: CertificateParts, base: Base) -> bytes:
    """The extension begins with its criticality."""
    del base
    return edited(it, partial(without_element, number=0), "extensions", 0)


@_broken(
    "extension-empty",
    on=_ENDS,
    title="with an extension that is an empty SEQUENCE",
    finding="structure.Extension",
    also=("extensions.unexpected",),
    source="RFC 5280 4.1",
)
def extension_empty(it: CertificateParts, base: Base) -> bytes:
    """The list of extensions ends with 30 00."""
    del base
    return edited(it, partial(appended, more=sequence()), "extensions")


@_broken(
    "extension-value-empty",
    on=(*_ENDS, "organisation-issuing-ca"),
    title="whose keyUsage has a value of no octets",
    finding="extensions.keyUsage.unreadable",
    source="RFC 5280 4.2: the DER encoding of an ASN.1 value",
)
def value_empty(it: CertificateParts, base: Base) -> CertificateParts:
    """The OCTET STRING of keyUsage is empty."""
    del base
    return with_value(it, "keyUsage", b"")


@_broken(
    "extension-value-wrapped-twice",
    on=_ENDS,
    title="whose certificatePolicies is wrapped twice",
    finding="structure.CertificatePolicies",
    source="RFC 5280 4.2.1.4",
)
def wrapped_twice(it: CertificateParts, base: Base) -> CertificateParts:
    """An OCTET STRING is in the OCTET STRING, and the policies in it."""
    del base
    return with_value(
        it, "certificatePolicies", octet_string(it.extensions["certificatePolicies"].value)
    )


# Twice


@_twice(
    "key-usage-twice",
    on=(*_ENDS, "organisation-ka", "organisation-issuing-ca"),
    title="with keyUsage twice",
)
def key_usage_twice(it: CertificateParts, base: Base) -> bytes:
    """The second keyUsage is the first one's octets."""
    del base
    return _sibling(it, "keyUsage", it.extensions["keyUsage"].value)


@_twice(
    "key-usage-contradicts",
    on=_ENDS,
    title="with a second keyUsage that says keyAgreement",
    importance=Importance.CRITICAL,
)
def key_usage_contradicts(it: CertificateParts, base: Base) -> bytes:
    """The first keyUsage is digitalSignature."""
    del base
    return _sibling(it, "keyUsage", b"\x03\x02\x03\x08")


@_twice(
    "san-twice",
    on=("device", "dccki"),
    title="with subjectAltName twice",
    importance=Importance.CRITICAL,
)
def names_twice(it: CertificateParts, base: Base) -> bytes:
    """The second subjectAltName names another."""
    del base
    name = "subjectAltName"
    value = it.extensions[name].value
    return _sibling(it, name, value[:-1] + bytes((value[-1] ^ 1,)))


@_twice(
    "constraints-twice",
    on=_ISSUING,
    title="with basicConstraints twice",
    importance=Importance.CRITICAL,
)
def constraints_twice(it: CertificateParts, base: Base) -> bytes:
    """The second basicConstraints has no pathLenConstraint."""
    del base
    return _sibling(it, "basicConstraints", sequence(TRUE))


@_twice("policies-extension-twice", on=_ENDS, title="with certificatePolicies twice")
def policies_twice(it: CertificateParts, base: Base) -> bytes:
    """The second certificatePolicies is the first one's octets."""
    del base
    return _sibling(it, "certificatePolicies", it.extensions["certificatePolicies"].value)


@_twice("ski-twice", on=_ENDS, title="with subjectKeyIdentifier twice")
def key_identifier_twice(it: CertificateParts, base: Base) -> bytes:
    """The second subjectKeyIdentifier is another."""
    del base
    return _sibling(it, "subjectKeyIdentifier", octet_string(b"\x41" * 8))


# keyUsage, key identifiers


@_broken(
    "ski-twice-wrapped",
    on=_ENDS,
    title="whose subjectKeyIdentifier is wrapped once too often",
    finding="extensions.subjectKeyIdentifier.octets",
    source="RFC 5280 4.2.1.2",
    rfc5280=Verdict.EITHER,
    importance=Importance.LOW,
)
def key_identifier_wrapped(it: CertificateParts, base: Base) -> CertificateParts:
    """The identifier is 04 08 and the right one."""
    del base
    return with_value(
        it, "subjectKeyIdentifier", octet_string(it.extensions["subjectKeyIdentifier"].value)
    )


@_broken(
    "aki-more",
    on=(*_EACH_KIND, "dccki"),
    title="with an element after its keyIdentifier",
    finding="structure.AuthorityKeyIdentifier",
    source="RFC 5280 4.2.1.1",
)
def authority_key_more(it: Parts, base: Base) -> bytes:
    """A NULL follows the keyIdentifier."""
    del base
    return edited(it, partial(appended, more=_MORE), "extensions.authorityKeyIdentifier")


@_broken(
    "aki-bare",
    on=_EACH_KIND,
    title="whose authorityKeyIdentifier is an OCTET STRING",
    finding="structure.AuthorityKeyIdentifier",
    source="RFC 5280 4.2.1.1",
)
def authority_key_bare(it: Parts, base: Base) -> Parts:
    """The value has the form of a subjectKeyIdentifier."""
    del base
    identifier = content_of(element(it, "extensions.authorityKeyIdentifier.keyIdentifier"))
    return with_value(it, "authorityKeyIdentifier", octet_string(identifier))


@_empty(
    "aki-empty",
    on=(*_EACH_KIND, "dccki"),
    title="whose authorityKeyIdentifier is empty",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.1: all of it is OPTIONAL; keyIdentifier MUST be there",
    importance=Importance.LOW,
)
def authority_key_empty(it: Parts, base: Base) -> Parts:
    """The value is 30 00."""
    del base
    return with_value(it, "authorityKeyIdentifier", sequence())


# basicConstraints


@_broken(
    "constraints-more",
    on=_ISSUING,
    title="with a third element in its basicConstraints",
    finding="structure.BasicConstraints",
    source="RFC 5280 4.2.1.9",
)
def constraints_more(it: CertificateParts, base: Base) -> bytes:
    """A second pathLenConstraint of 0 follows the first."""
    del base
    return edited(it, partial(appended, more=integer(0)), "extensions.basicConstraints")


@_broken(
    "constraints-reversed",
    on=_ISSUING,
    title="whose pathLenConstraint comes before cA",
    finding="structure.BasicConstraints",
    source="RFC 5280 4.2.1.9",
    importance=Importance.HIGH,
)
def constraints_reversed(it: CertificateParts, base: Base) -> bytes:
    """The two elements have changed places: a reader may take it for no CA."""
    del base
    return edited(it, partial(swapped, number=0), "extensions.basicConstraints")


@_broken(
    "constraints-bare",
    on=_ISSUING,
    title="whose basicConstraints is a BOOLEAN",
    finding="structure.BasicConstraints",
    source="RFC 5280 4.2.1.9",
    importance=Importance.HIGH,
)
def constraints_bare(it: CertificateParts, base: Base) -> CertificateParts:
    """TRUE is in the value without a SEQUENCE around it."""
    del base
    return with_value(it, "basicConstraints", TRUE)


# certificatePolicies


@_empty(
    "policies-empty",
    on=(*_ENDS, "organisation-issuing-ca", "dccki"),
    title="whose certificatePolicies is empty",
    source="RFC 5280 4.2.1.4: SIZE (1..MAX)",
)
def policies_empty(it: CertificateParts, base: Base) -> CertificateParts:
    """The value is 30 00."""
    del base
    return with_value(it, "certificatePolicies", sequence())


@_broken(
    "policies-more",
    on=_ENDS,
    title="with a NULL in its certificatePolicies",
    finding="structure.CertificatePolicies",
    source="RFC 5280 4.2.1.4",
)
def policies_more(it: CertificateParts, base: Base) -> bytes:
    """A NULL follows the only policy."""
    del base
    return edited(it, partial(appended, more=_MORE), "extensions.certificatePolicies")


@_broken(
    "policy-bare",
    on=_ENDS,
    title="whose policy has no SEQUENCE around it",
    finding="structure.CertificatePolicies",
    source="RFC 5280 4.2.1.4",
)
def policy_bare(it: CertificateParts, base: Base) -> bytes:
    """The OBJECT IDENTIFIER is in the list itself."""
    del base
    return edited(it, content_of, "extensions.certificatePolicies", 0)


@_broken(
    "policy-more",
    on=_ENDS,
    title="with a NULL after its policyIdentifier",
    finding="structure.PolicyInformation",
    source="RFC 5280 4.2.1.4",
)
def policy_more(it: CertificateParts, base: Base) -> bytes:
    """The PolicyInformation holds a NULL in the place of qualifiers."""
    del base
    return edited(it, partial(appended, more=_MORE), "extensions.certificatePolicies", 0)


@_broken(
    "policy-qualifiers-null",
    on=_ENDS,
    title="whose policy qualifiers hold a NULL",
    finding="structure.PolicyQualifiers",
    source="RFC 5280 4.2.1.4",
)
def qualifiers_null(it: CertificateParts, base: Base) -> bytes:
    """The list of qualifiers has an element that is none."""
    del base
    return edited(it, partial(appended, more=sequence(_MORE)), "extensions.certificatePolicies", 0)


@_empty(
    "policy-qualifiers-empty",
    on=_ENDS,
    title="whose list of policy qualifiers is empty",
    source="RFC 5280 4.2.1.4: SIZE (1..MAX)",
    importance=Importance.LOW,
)
def qualifiers_empty(it: CertificateParts, base: Base) -> bytes:
    """30 00 follows the policyIdentifier."""
    del base
    return edited(it, partial(appended, more=sequence()), "extensions.certificatePolicies", 0)


@_broken(
    "policy-qualifier-third-element",
    on=_ENDS,
    title="with a policy qualifier of three elements",
    finding="structure.PolicyQualifierInfo",
    source="RFC 5280 4.2.1.4",
)
def qualifier_of_three(it: CertificateParts, base: Base) -> bytes:
    """Two NULLs follow the identifier of the qualifier."""
    del base
    qualifier = sequence(oid("1.3.6.1.5.5.7.2.1"), _MORE, _MORE)
    return edited(
        it, partial(appended, more=sequence(qualifier)), "extensions.certificatePolicies", 0
    )


@_broken(
    "aki-identifier-twice",
    on=("organisation", "organisation-crl"),
    title="with two keyIdentifiers",
    finding="structure.AuthorityKeyIdentifier",
    source="RFC 5280 4.2.1.1",
)
def identifier_twice(it: Parts, base: Base) -> bytes:
    """The keyIdentifier is there twice in authorityKeyIdentifier."""
    del base
    return edited(it, partial(doubled, number=0), "extensions.authorityKeyIdentifier")
