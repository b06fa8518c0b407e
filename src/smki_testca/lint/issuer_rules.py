"""The rules on the issuer of a certificate or CRL: its signature, name, rights and validity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.lint.chain import SignatureVerdict, names_itself
from smki_testca.lint.findings import Breach
from smki_testca.lint.rule import PUBLISHED, rule
from smki_testca.profiles.model import Severity, Tier
from smki_testca.roles import Basis
from smki_testca.text import counted
from smki_testca.x509.name_text import subject_text
from smki_testca.x509.view import normalised_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smki_testca.lint.certificate import CheckedCertificate
    from smki_testca.lint.crl import CheckedRevocationList
    from smki_testca.x509.view import View


@rule(
    "signature.invalid", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 6.1.3",
    meaning="The signature does not fit the key that should have made it.",
    remedy="Get the document again from its issuer: an octet changed, or another key signed it.",
    good="the certificate as it was issued", bad="one bit of it changed",
)  # fmt: skip
def signature(document: CheckedCertificate | CheckedRevocationList) -> Iterator[Breach]:
    """Find a signature that its signer did not make."""
    offset = document.view.root.children[2].offset
    if document.signer.verdict is SignatureVerdict.NOT_BY_ITSELF:
        message = "the signature is not by the certificate's key"
        yield Breach("signature.invalid", offset, message)
    elif document.signer.verdict is SignatureVerdict.NOT_BY_NAMED_ISSUER:
        message = f"the signature is not by the issuer that the {document.view.kind} names"
        yield Breach("signature.invalid", offset, message)


@rule(
    "issuer.self_signed", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 6.1.3",
    meaning="It is signed with its own key, but it is not a root, or names another as issuer.",
    remedy="Have it issued by the CA of its hierarchy.",
    good="signed by Z1", bad="an Organisation Certificate that is signed by itself",
)  # fmt: skip
def self_signed(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find a certificate that is signed with its own key and is not a root's."""
    signer, title = certificate.signer, certificate.profile.title
    if signer.verdict is SignatureVerdict.BY_ITSELF:
        message = "the certificate names another as issuer, but is signed with its own key"
        yield Breach("issuer.self_signed", _issuer_offset(certificate.view), message)
    elif (
        signer.verdict is SignatureVerdict.RIGHT
        and signer.issuer is None
        and certificate.profile.tier is not Tier.ROOT
    ):
        message = f"it is signed with its own key, as roots are, but is not a root: {title}"
        yield Breach("issuer.self_signed", _issuer_offset(certificate.view), message)


@rule(
    "issuer.unknown", Severity.NOTICE, Basis.SPECIFIED, "RFC 5280 6.1",
    meaning="The issuer's certificate is not known, so the signature was not checked.",
    remedy="Give the CA's certificates with --trust.",
    good="linted with --trust chain.pem", bad="linted alone",
)  # fmt: skip
def unknown_issuer(document: CheckedCertificate | CheckedRevocationList) -> Iterator[Breach]:
    """Report that the signature was not checked."""
    if document.signer.verdict is SignatureVerdict.UNKNOWN_ISSUER:
        message = "the issuer's certificate is not known, so the signature is unchecked"
        if document.signer.remark:
            message += f"; {document.signer.remark}"
        yield Breach("issuer.unknown", _issuer_offset(document.view), message)


def _issuer_offset(view: View) -> int:
    issuer = view.fields.get("issuer")
    return 0 if issuer is None else issuer.node.offset


@rule(
    "issuer.name_differs", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 6.1.3 (a)(4)",
    meaning="The issuer's name is not the subject of the CA that signed it.",
    remedy="Write the CA's subject as the issuer.",
    good="OU=07, CN=Z1 under Z1", bad="OU=07, CN=Z2 under Z1",
)  # fmt: skip
@rule(
    "issuer.octets_differ", Severity.WARNING, Basis.OBSERVED, PUBLISHED,
    meaning="The issuer's name equals the CA's subject in value, but not octet for octet.",
    remedy="Copy the CA's subject octet for octet.",
    good="PrintableString in both", bad="UTF8String in one of them",
)  # fmt: skip
def issuer_name(document: CheckedCertificate | CheckedRevocationList) -> Iterator[Breach]:
    """Compare the issuer's name with the subject of the CA that signed."""
    if document.signer.issuer is None:
        return
    named = document.view.fields["issuer"].node
    subject = document.signer.issuer.view.fields["subject"].node
    if named.encoded == subject.encoded:
        return
    if normalised_name(named) != normalised_name(subject):
        message = "the issuer's name is not the subject of its CA"
        yield Breach("issuer.name_differs", named.offset, message)
    else:
        message = "the issuer's name equals the CA's subject, but not octet for octet"
        yield Breach("issuer.octets_differ", named.offset, message)


@rule(
    "issuer.not_a_ca", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 6.1.4 (k)",
    meaning="An end entity issued it.", remedy="Have it issued by a CA of its hierarchy.",
    good="a Device Certificate under the Issuing DCA",
    bad="a Device Certificate under a supplier's key",
)  # fmt: skip
def not_a_ca(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find an issuer that is an end entity."""
    issuer = certificate.signer.issuer
    if issuer is not None and not issuer.is_ca:
        message = "the issuer is not a CA: its certificate does not say that it is one"
        yield Breach("issuer.not_a_ca", _issuer_offset(certificate.view), message)


@rule(
    "issuer.key_usage", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 6.1.4 (n)",
    meaning="The issuer's keyUsage lacks keyCertSign.", remedy="Have it issued by a CA whose"
    " keyUsage allows it.",
    good="keyCertSign, cRLSign", bad="digitalSignature only",
)  # fmt: skip
def issuer_key_usage(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find a CA whose keyUsage does not allow it to issue."""
    issuer = certificate.issuing_ca
    if issuer is not None and not issuer.may("keyCertSign"):
        message = "the issuer's keyUsage does not allow it to issue"
        yield Breach("issuer.key_usage", _issuer_offset(certificate.view), message)


@rule(
    "issuer.wrong_hierarchy", Severity.ERROR, Basis.SPECIFIED, "GBCS v0.8.1 s.12",
    meaning="A CA of another hierarchy issued it.",
    remedy="Have it issued by the CA of its own hierarchy.",
    good="an Organisation Certificate under the Issuing OCA",
    bad="a Device Certificate under the Issuing OCA",
)  # fmt: skip
def issuer_hierarchy(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find a CA of another hierarchy than the profile's."""
    actual, expected = certificate.issuer_hierarchy, certificate.profile.hierarchy
    if certificate.issuing_ca is not None and actual != expected:
        message = f"a CA of the {actual} hierarchy issued it, not one of {expected}"
        yield Breach("issuer.wrong_hierarchy", _issuer_offset(certificate.view), message)


@rule(
    "issuer.root", Severity.ERROR, Basis.SPECIFIED, "GBCS v0.8.1 s.12",
    meaning="The root issued it. In the SMKI a root issues CAs only.",
    remedy="Have it issued by the issuing CA.",
    good="an Organisation Certificate under the Issuing OCA",
    bad="an Organisation Certificate under the Root OCA",
)  # fmt: skip
@rule(
    "issuer.root_assumed", Severity.WARNING, Basis.ASSUMED, "no public certificate or policy found",
    meaning="The root issued it, in a hierarchy that is assumed to have an issuing CA.",
    remedy="Have it issued by the issuing CA.",
    good="an IKI Certificate under the issuing CA", bad="an IKI Certificate under the root",
)  # fmt: skip
def issued_by_root(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find an end entity that a root of its hierarchy issued."""
    issuer, profile = certificate.issuing_ca, certificate.profile
    if issuer is None or not issuer.is_root or profile.tier is not Tier.END_ENTITY:
        return
    if certificate.issuer_hierarchy != profile.hierarchy:
        return
    offset, message = _issuer_offset(certificate.view), "a root issued it, not the issuing CA"
    if certificate.library.hierarchies[profile.hierarchy].basis is Basis.SPECIFIED:
        yield Breach("issuer.root", offset, message)
    else:
        yield Breach("issuer.root_assumed", offset, message)


@rule(
    "issuer.path_length", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.2.1.9",
    meaning="The pathLenConstraint of a CA above it allows fewer CAs below that one.",
    remedy="Have the lowest CA issued by the root.",
    good="an end entity below pathLen 0", bad="a CA below pathLen 0",
)  # fmt: skip
def path_length(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find a path with more CAs below one than its pathLenConstraint allows."""
    if certificate.issuing_ca is None:
        return
    view = certificate.view
    # Of an end entity that says it is a CA, only that is reported.
    is_end_entity = certificate.profile.tier is Tier.END_ENTITY
    is_ca = view.value("extensions.basicConstraints.cA") is True and not is_end_entity
    # Self-issued CAs, such as those of a new key, do not count (RFC 5280 6.1.4 (l)).
    below = int(is_ca and not names_itself(view))
    for ca in certificate.path:
        allowed = ca.view.value("extensions.basicConstraints.pathLenConstraint")
        if isinstance(allowed, int) and 0 <= allowed < below:
            if ca is certificate.issuing_ca:
                message = "the issuer's pathLenConstraint 0 allows no CA below it"
            else:
                name = subject_text(ca.view)
                message = (
                    f"{name} above it has pathLenConstraint {allowed}, and"
                    f" {counted(below, 'CA')} below"
                )
            yield Breach("issuer.path_length", _issuer_offset(view), message)
            return
        below += not ca.names_itself


@rule(
    "issuer.expired", Severity.WARNING, Basis.SPECIFIED, "RFC 5280 6.1.3 (a)(2)",
    meaning="A CA in its path, other than the root, has expired: a path is valid only while"
    " each of its"
    " certificates is.",
    remedy="Have it issued again by a CA that is valid, or give the CA's renewed certificate.",
    good="linted before the CA's notAfter", bad="a Device Certificate of an expired CA",
)  # fmt: skip
@rule(
    "issuer.not_yet_valid", Severity.WARNING, Basis.SPECIFIED, "RFC 5280 6.1.3 (a)(2)",
    meaning="A CA in its path, other than the root, is not valid yet.",
    remedy="Wait, check the clock, or give the CA's certificate that is valid.",
    good="linted after the CA's notBefore", bad="a CA that begins tomorrow",
)  # fmt: skip
def issuer_validity(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find the lowest CA of a path that is not valid; of a root only the key counts."""
    for ca in certificate.path:
        period = ca.period
        if period is None or ca.is_root or ca.is_valid_at(certificate.at):
            continue
        offset, name = _issuer_offset(certificate.view), subject_text(ca.view)
        if certificate.at < period[0]:
            message = f"the CA {name} is valid only from {period[0].date()}"
            yield Breach("issuer.not_yet_valid", offset, message)
        else:
            message = f"the CA {name} expired on {period[1].date()}"
            yield Breach("issuer.expired", offset, message)
        return


@rule(
    "subjectPublicKeyInfo.of_a_ca", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.2.1.9",
    meaning="An end entity has the key of a CA. A key that is certified for an end entity must not"
    " verify certificates.",
    remedy="Make a new key pair for the end entity.",
    good="a key pair of its own", bad="the key of Z1 in a Device Certificate",
)  # fmt: skip
def key_of_a_ca(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find an end entity with the key of a CA at hand."""
    owner = certificate.ca_of_key
    if owner is not None and certificate.profile.tier is Tier.END_ENTITY:
        offset = certificate.offset("subjectPublicKeyInfo")
        message = f"its key is that of the CA {subject_text(owner.view)}"
        yield Breach("subjectPublicKeyInfo.of_a_ca", offset, message)


CHECKERS: tuple[Callable[[CheckedCertificate | CheckedRevocationList], Iterator[Breach]], ...] = (
    signature,
    unknown_issuer,
    issuer_name,
)
"""The checkers of the signer of any document."""
OF_CERTIFICATE: tuple[Callable[[CheckedCertificate], Iterator[Breach]], ...] = (
    self_signed,
    not_a_ca,
    issuer_key_usage,
    issuer_hierarchy,
    issued_by_root,
    path_length,
    issuer_validity,
    key_of_a_ca,
)
"""The checkers of whether the issuer of a certificate may issue it, and for this key."""
