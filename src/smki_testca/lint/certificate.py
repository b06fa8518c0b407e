"""The rules for any certificate, whatever its profile."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

from smki_testca.clock import span_in_words
from smki_testca.identifiers import identifies_nobody
from smki_testca.lint.findings import Breach
from smki_testca.lint.rule import PUBLISHED, rule
from smki_testca.profiles.model import Severity, Tier
from smki_testca.roles import Basis, KeyUsage
from smki_testca.text import counted
from smki_testca.x509 import names
from smki_testca.x509.key_forms import form_fault
from smki_testca.x509.keys import (
    has_even_modulus,
    is_plain_p256,
    key_type_of,
    load_public_key,
    public_key_octets,
)
from smki_testca.x509.name_text import subject_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from smki_testca.lint.chain import DocumentSigner, PossibleIssuer
    from smki_testca.lint.findings import Finding
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import (
        DocumentProfile,
        Hierarchy,
        Profile,
        SecRegistryEntry,
    )
    from smki_testca.x509.view import View

SOON = timedelta(days=90)
"""The time before its end from which a certificate is reported to expire soon."""
_ALTERNATIVE_NAME = "extensions.subjectAltName"
_HARDWARE_MODULE = tuple(
    f"{_ALTERNATIVE_NAME}.hardwareModuleName.{part}" for part in ("hwType", "hwSerialNum")
)
_CONSTRAINTS = "extensions.basicConstraints"
_TYPOS = {"Distributer": "Distributor"}


class CheckedDocument(Protocol):
    """A certificate or CRL, as the rules that hold for both read it."""

    @property
    def view(self) -> View:
        """Its fields."""

    @property
    def profile(self) -> DocumentProfile | None:
        """The profile that it must follow; None for a document of no known kind."""


class CheckedCertificate(NamedTuple):
    """A certificate and the facts that its rules check it against.

    Attributes:
        view: its fields.
        profile: the profile that it must follow.
        library: the profiles, with the SEC's Registry Entries.
        signer: the certificate's signer, as far as it is known.
        path: the issuer and those above it, as far as they are known.
        ca_of_key: a CA at hand that has the certificate's own key.
        issuer_hierarchy: the hierarchy of the issuer; None where no issuer is known.
        at: the instant that validity is judged at, UTC.
        environment: the name of the test environment; None for any.
    """

    view: View
    profile: Profile
    library: Library
    signer: DocumentSigner
    path: tuple[PossibleIssuer, ...]
    ca_of_key: PossibleIssuer | None
    issuer_hierarchy: Hierarchy | None
    at: datetime
    environment: str | None

    @property
    def issuing_ca(self) -> PossibleIssuer | None:
        """The issuer, if it is a CA."""
        issuer = self.signer.issuer
        return issuer if issuer is not None and issuer.is_ca else None

    @property
    def period(self) -> tuple[datetime, datetime] | None:
        """The validity; None where it cannot be read, or ends before it begins."""
        start, end = self.view.instant("validity.notBefore"), self.view.instant("validity.notAfter")
        return None if start is None or end is None or end < start else (start, end)

    def offset(self, path: str) -> int:
        """The offset of a field that the certificate has."""
        return self.view.fields[path].node.offset


@rule(
    "signature.algorithms_differ", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.1.1.2",
    meaning="The signature algorithm inside differs from the one outside.",
    remedy="Sign again with one algorithm in both places.",
    good="ecdsa-with-SHA256 twice", bad="ecdsa-with-SHA256 inside, ecdsa-with-SHA384 outside",
)  # fmt: skip
def algorithms(document: CheckedDocument) -> Iterator[Breach]:
    """Compare the signature algorithm inside with the one outside."""
    inner, outer = document.view.fields.get("signature"), document.view.signature_algorithm
    if inner is not None and inner.value != outer.encoded:
        message = "the signature algorithm outside differs from the one inside"
        yield Breach("signature.algorithms_differ", outer.offset, message)


@rule(
    "subjectPublicKeyInfo.key", Severity.ERROR, Basis.SPECIFIED,
    "RFC 5480 2; of RSA, RFC 8017 3.1 and RFC 3279 2.3.1",
    meaning="The public key cannot be used: of another kind, its point not on the curve, or its"
    " modulus even.",
    remedy="Make a new key pair.",
    good="04 and a point on P-256", bad="05 and 64 octets",
)  # fmt: skip
@rule(
    "subjectPublicKeyInfo.type", Severity.ERROR, Basis.SPECIFIED, "GBCS v0.8.1 s.12; SEC App. M G",
    meaning="The key is not of the profile's type.",
    remedy="Use a key of the type that the profile names.",
    good="P-256 in a Device Certificate", bad="P-384 in a Device Certificate",
)  # fmt: skip
@rule(
    "subjectPublicKeyInfo.form", Severity.ERROR, Basis.SPECIFIED,
    "RFC 5480 2.1.1, 2.2; RFC 3279 2.3.1; GBCS v0.8.1 s.12",
    meaning="The key is not written as a named curve and an uncompressed point, or, of RSA, with"
    " NULL parameters.",
    remedy="Write the same key in that form, compute the key identifier again and sign again.",
    good="prime256v1, 04 and 64 octets", bad="02 or 03 and 32 octets; explicit curve parameters",
)  # fmt: skip
def public_key(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find a public key that cannot be used, or is not of the profile's type or form."""
    spki = certificate.view.fields.get("subjectPublicKeyInfo")
    if spki is None:
        return
    key = load_public_key(spki.node.encoded)
    if key is None or has_even_modulus(key):
        message = "the public key cannot be used: " + (
            "its kind is unknown, or its point is off the curve"
            if key is None
            else "its modulus is even"
        )
        yield Breach("subjectPublicKeyInfo.key", spki.node.offset, message)
    elif key_type_of(key) is not certificate.profile.key_type:
        message = f"the key is not {certificate.profile.key_type}"
        yield Breach("subjectPublicKeyInfo.type", spki.node.offset, message)
    elif not is_plain_p256(spki.node.encoded) and public_key_octets(key) != spki.node.encoded:
        message = f"the key {form_fault(spki.node) or 'is not in the form that certificates have'}"
        yield Breach("subjectPublicKeyInfo.form", spki.node.offset, message)


def key_evidence(finding: Finding, profile: DocumentProfile | None) -> Finding:
    """A finding with the basis and source that its rule has for a certificate type.

    That of the key's type is as well known as the profile's row of the key; others are as they are.
    """
    if profile is None or finding.code != "subjectPublicKeyInfo.type":
        return finding
    row = next((row for row in profile.rows if row.field.path == "subjectPublicKeyInfo"), None)
    return finding if row is None else replace(finding, basis=row.basis, source=row.source)


@rule(
    "validity.order", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.1.2.5",
    meaning="It ends before it begins.", remedy="Issue it with its dates in order.",
    good="2026 to 2036", bad="2036 to 2026",
)  # fmt: skip
def validity_order(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find a validity that ends before it begins."""
    start = certificate.view.instant("validity.notBefore")
    end = certificate.view.instant("validity.notAfter")
    if start is not None and end is not None and end < start:
        message = f"it ends on {end.date()}, before it begins"
        yield Breach("validity.order", certificate.offset("validity.notAfter"), message)


@rule(
    "validity.not_yet_valid", Severity.WARNING, Basis.SPECIFIED, "RFC 5280 4.1.2.5",
    meaning="It is not valid yet.", remedy="Wait, or check the clock.",
    good="linted after its notBefore", bad="linted before its notBefore",
)  # fmt: skip
def not_yet_valid(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find a certificate that is not valid yet."""
    period = certificate.period
    if period is not None and certificate.at < period[0]:
        message = f"it is valid only from {period[0].date()}"
        yield Breach("validity.not_yet_valid", certificate.offset("validity.notBefore"), message)


@rule(
    "validity.expired", Severity.WARNING, Basis.SPECIFIED, "RFC 5280 4.1.2.5",
    meaning="It has expired. An old certificate is not a malformed one.", remedy="Renew it.",
    good="linted before its notAfter", bad="linted after its notAfter",
)  # fmt: skip
def expired(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find a certificate that has expired."""
    period = certificate.period
    if period is not None and certificate.at > period[1]:
        ago = span_in_words(certificate.at - period[1])
        message = f"it expired {ago} ago, on {period[1].date()}"
        yield Breach("validity.expired", certificate.offset("validity.notAfter"), message)


@rule(
    "validity.ends_soon", Severity.NOTICE, Basis.SPECIFIED, "RFC 5280 4.1.2.5",
    meaning="It expires within 90 days.", remedy="Renew it in time.",
    good="91 days left", bad="89 days left",
)  # fmt: skip
def ends_soon(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find a certificate that expires within 90 days."""
    period = certificate.period
    if period is None or not period[0] <= certificate.at <= period[1]:
        return
    left = period[1] - certificate.at
    if left <= SOON:
        message = f"it expires in {counted(left.days, 'day')}"
        yield Breach("validity.ends_soon", certificate.offset("validity.notAfter"), message)


@rule(
    "extensions.duplicate", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.2",
    meaning="An extension is there twice.", remedy="Leave one out.",
    good="one keyUsage", bad="two keyUsages",
)  # fmt: skip
def duplicate_extensions(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find each extension that is there twice, at its second place."""
    view = certificate.view
    if len(set(view.extension_order)) == len(view.extension_order):
        return
    seen: Counter[str] = Counter()
    for name, node in zip(view.extension_order, view.extension_nodes, strict=True):
        seen[name] += 1
        if seen[name] == 2 and name != "unreadable":
            message = f"the extension {name} is there twice"
            yield Breach("extensions.duplicate", node.offset, message)


@rule(
    "extensions.unknown_critical", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.2",
    meaning="An extension that is unknown here, or that this kind of document never has, is"
    " critical: readers must reject it.",
    remedy="Leave it out, or mark it not critical.",
    good="an unknown extension, not critical", bad="an unknown extension, critical",
)  # fmt: skip
def unknown_critical_extensions(document: CheckedDocument) -> Iterator[Breach]:
    """Find each critical extension that readers must reject."""
    view = document.view
    known = names.CRL_EXTENSIONS if view.kind == "CRL" else _OF_CERTIFICATE
    for name, node in zip(view.extension_order, view.extension_nodes, strict=True):
        if name not in known and view.criticality.get(name):
            message = f"the extension {name} is critical and unknown here"
            if name in names.EXTENSIONS:
                message = f"the extension {name} is critical, and no {view.kind} has it"
            yield Breach("extensions.unknown_critical", node.offset, message)


_OF_CERTIFICATE = names.EXTENSIONS.keys() - {"cRLNumber"}
_FOR_CAS = frozenset({"nameConstraints", "policyMappings", "policyConstraints", "inhibitAnyPolicy"})
# RFC 5280 4.2 lists those that a conforming reader recognises; it also has rows of its own for
# the key identifiers, which are never critical.
_RECOGNISED = _FOR_CAS | {
    "keyUsage",
    "certificatePolicies",
    "subjectAltName",
    "basicConstraints",
    "extKeyUsage",
    "authorityKeyIdentifier",
    "subjectKeyIdentifier",
}
_NOT_SUPPORTED = frozenset(
    (_OF_CERTIFICATE | names.CRL_EXTENSIONS.keys()) - _RECOGNISED - {"cRLNumber"}
)


@rule(
    "extensions.critical_unsupported", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.2, 5, 5.2, 5.3",
    meaning="A critical extension that no reader has to support, and that this kind of document"
    " does not have: such a reader must reject the document.",
    remedy="Leave the extension out.",
    good="a complete CRL of one CA", bad="a CRL with a critical deltaCRLIndicator",
)  # fmt: skip
def unsupported_critical_extensions(document: CheckedDocument) -> Iterator[Breach]:
    """Find each critical extension that readers need not support, and that no row fills."""
    view, profile = document.view, document.profile
    for name, is_critical in view.criticality.items():
        if not is_critical or name not in _NOT_SUPPORTED or profile is None:
            continue
        if not any(row.field.extension == name for row in profile.filling_rows):
            path = f"extensions.{name}"
            message = f"the extension {name} is critical, and readers need not support it"
            yield Breach(
                "extensions.critical_unsupported", view.fields[path].node.offset, message, path
            )


@rule(
    "extensions.only_for_cas", Severity.ERROR, Basis.SPECIFIED,
    "RFC 5280 4.2.1.5, 4.2.1.10, 4.2.1.11, 4.2.1.14",
    meaning="An end entity has an extension that only a CA's certificate may have.",
    remedy="Leave the extension out.",
    good="nameConstraints in a CA's certificate", bad="nameConstraints in a Device Certificate",
)  # fmt: skip
def extensions_for_cas(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find extensions of CAs in a certificate that is no CA's."""
    view = certificate.view
    if view.value(f"{_CONSTRAINTS}.cA") is True:
        return
    for name in view.criticality.keys() & _FOR_CAS:
        path = f"extensions.{name}"
        message = f"the extension {name} is for CAs only"
        yield Breach("extensions.only_for_cas", certificate.offset(path), message, path)


@rule(
    "issuer.constraints_not_evaluated", Severity.WARNING, Basis.SPECIFIED,
    "RFC 5280 4.2.1.10, 4.2.1.11, 6.1.3, 6.1.4",
    meaning="A CA above it has critical nameConstraints or policyConstraints, which are not"
    " evaluated here: whether they allow the certificate is not known.",
    remedy="Compare the certificate's names and policies with them, or validate its path with a"
    " program that applies them.",
    good="a certificate below CAs without such constraints",
    bad="a certificate of a CA whose nameConstraints permit other.test only",
)  # fmt: skip
def constraints_above(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find CAs of the path whose constraints this program does not evaluate."""
    for ca in certificate.path:
        held = [name for name in _CONSTRAINING if ca.view.criticality.get(name)]
        issuer = certificate.view.fields.get("issuer")
        if held and issuer is not None:
            message = (
                f"the critical {' and '.join(held)} of the CA {subject_text(ca.view)} above it"
                " are not evaluated"
            )
            yield Breach("issuer.constraints_not_evaluated", issuer.node.offset, message, "issuer")


_CONSTRAINING = ("nameConstraints", "policyConstraints")


@rule(
    "extensions.basicConstraints.path_length", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.2.1.9",
    meaning="The pathLenConstraint is negative, is in a certificate that is not a CA's, or is 0"
    " in a root"
    " that CAs are issued by.",
    remedy="Leave it out, or write the number of CAs that may follow in a path.",
    good="cA TRUE, pathLenConstraint 1 in a root", bad="pathLenConstraint 0 without cA",
)  # fmt: skip
def path_length(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find a pathLenConstraint that cannot be, and one that allows a root no CA."""
    view, profile = certificate.view, certificate.profile
    path = f"{_CONSTRAINTS}.pathLenConstraint"
    field = view.fields.get(path)
    if field is None:
        return
    value = field.value
    if isinstance(value, int) and value < 0:
        message = f"the pathLenConstraint is {value}"
    elif view.value(f"{_CONSTRAINTS}.cA") is not True:
        message = "it has a pathLenConstraint and is not a CA"
    elif value == 0 and profile.tier is Tier.ROOT and _has_issuing_ca(certificate):
        message = "the pathLenConstraint 0 of a root allows no CA below it"
    else:
        return
    yield Breach("extensions.basicConstraints.path_length", field.node.offset, message, path)


@rule(
    "extensions.basicConstraints.end_entity", Severity.ERROR, Basis.SPECIFIED,
    "GBCS v0.8.1 s.12; RFC 5280 4.2.1.9",
    meaning="An end entity's certificate says that its holder is a CA: whoever has its key could"
    " issue certificates.",
    remedy="Leave basicConstraints out.",
    good="no basicConstraints", bad="cA TRUE in a Device Certificate",
)  # fmt: skip
def end_entity(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find an end entity that says it is a CA."""
    says_ca = certificate.view.value(f"{_CONSTRAINTS}.cA") is True
    if says_ca and certificate.profile.tier is Tier.END_ENTITY:
        message = f"it says that it is a CA, but is not one: {certificate.profile.title}"
        offset = certificate.offset(_CONSTRAINTS)
        yield Breach("extensions.basicConstraints.end_entity", offset, message, _CONSTRAINTS)


def _has_issuing_ca(certificate: CheckedCertificate) -> bool:
    """Whether the certificate's hierarchy has CAs below its root."""
    hierarchy = certificate.profile.hierarchy
    return any(
        profile.hierarchy == hierarchy and profile.tier is Tier.ISSUING
        for profile in certificate.library.profiles
    )


@rule(
    "extensions.subjectAltName.hardware_module", Severity.ERROR, Basis.SPECIFIED,
    "GBCS v0.8.1 s.12; RFC 4108 5",
    meaning="A certificate of another kind than a Device's has a hardwareModuleName: it names a"
    " Device.",
    remedy="Leave the hardwareModuleName out.",
    good="a hardwareModuleName in a Device Certificate",
    bad="a hardwareModuleName in an Organisation Certificate",
)  # fmt: skip
def hardware_module(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find the name of a Device in a certificate whose profile has none."""
    fields = certificate.view.fields
    path = next((path for path in _HARDWARE_MODULE if path in fields), None)
    if path is None:
        return
    rows = certificate.profile.rows
    if not any(row.field.path in _HARDWARE_MODULE and row.fill is not None for row in rows):
        message = "it has a hardwareModuleName, which names a Device"
        yield Breach(
            "extensions.subjectAltName.hardware_module",
            certificate.offset(path),
            message,
            _ALTERNATIVE_NAME,
        )


@rule(
    "subject.duplicate", Severity.WARNING, Basis.OBSERVED, PUBLISHED,
    meaning="An attribute of the subject is there twice.", remedy="Leave one out.",
    good="one OU", bad="two OUs",
)  # fmt: skip
def duplicate_attributes(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find each attribute of the subject that is there twice."""
    order = certificate.view.subject_order
    if len(set(order)) == len(order):
        return
    for name, count in Counter(order).items():
        if count > 1:
            message = f"{name} is there {count} times"
            yield Breach("subject.duplicate", certificate.offset("subject"), message)


@rule(
    "serial.leading_zero_nibble", Severity.NOTICE, Basis.OBSERVED, PUBLISHED,
    meaning="The serial's first hexadecimal digit is zero; programs that drop leading zeros miss"
    " it.", remedy="Choose serials whose first digit is 1 to 7.",
    good="4FBC…", bad="0F48…",
)  # fmt: skip
def leading_zero(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find a serial number whose first hexadecimal digit is zero."""
    serial = certificate.view.fields.get("serialNumber")
    # A first octet of 00 only keeps the number positive: its digits begin with 8 to F.
    if serial is None or serial.value is None:
        return
    if b"\x01" <= serial.node.content[:1] < b"\x10":
        message = f"the serial {serial.node.content.hex()} begins with a zero digit"
        yield Breach("serial.leading_zero_nibble", serial.node.start, message)


@rule(
    "subject.commonName.typo", Severity.NOTICE, Basis.OBSERVED, PUBLISHED,
    meaning="The common name has a known spelling mistake, which published certificates have.",
    remedy="Spell it correctly in new certificates.",
    good="Electricity Distributor", bad="Electricity Distributer",
)  # fmt: skip
def typos(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Find known slips of spelling."""
    name = certificate.view.text("subject.commonName") or ""
    for wrong, right in _TYPOS.items():
        if wrong in name:
            offset = certificate.offset("subject.commonName")
            yield Breach(
                "subject.commonName.typo", offset, f"{wrong!r} is a misspelling of {right!r}"
            )


@rule(
    "device_id.central", Severity.ERROR, Basis.SPECIFIED, "SEC Response 2015 ¶33 (R11)",
    meaning="The Device ID is under a Registry Entry of the SEC, which is never for Devices.",
    remedy="Use an ID under the manufacturer's own Registry Entry.",
    good="00-DB-12-34-56-78-90-A4", bad="70-B3-D5-1F-30-01-00-00 in a Device Certificate",
)  # fmt: skip
@rule(
    "eui64.not_central", Severity.NOTICE, Basis.SPECIFIED, "SEC Response 2015 ¶31 to 33 (R10)",
    meaning="The ID is under none of the SEC's Registry Entries, from which User, DCC and RDP IDs"
    " come.", remedy="Use an ID that the Panel allocated.",
    good="70-B3-D5-1F-30-01-00-00", bad="00-DB-12-34-56-78-00-04 in an Organisation Certificate",
)  # fmt: skip
@rule(
    "eui64.look_alike", Severity.NOTICE, Basis.OBSERVED,
    "IEEE register; published ZAZ1 certificates",
    meaning="The ID lies under a look-alike of the SEC's Registry Entry, which IEEE never"
    " assigned.",
    remedy="Right in the ZAZ1 test PKI; elsewhere use the entry 70-B3-D5-1F-3.",
    good="70-B3-D5-1F-30-01-00-00", bad="90-B3-D5-1F-30-01-00-00",
)  # fmt: skip
def identifiers(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Compare the User, RDP, DCC or Device ID with the SEC's Registry Entries."""
    profile = certificate.profile
    user, device = profile.field_of("eui64"), profile.field_of("device-id")
    field = user or device
    octets = None if field is None else certificate.view.octets(field.path)
    if field is None or octets is None or len(octets) != 8 or identifies_nobody(octets):
        return
    offset = certificate.offset(field.path)
    text = octets.hex("-").upper()
    value = int.from_bytes(octets)
    under = [
        sec
        for sec in certificate.library.sec_registry_entries
        if value >> sec.entry.extension_bits == sec.entry.prefix
    ]
    if device is not None and under:
        message = f"{text} is under {under[0].entry}, {under[0].title}"
        yield Breach("device_id.central", offset, message)
    elif user is not None and not under:
        message = f"{text} is under no Registry Entry of the SEC"
        yield Breach("eui64.not_central", offset, message)
    elif user is not None and _is_for_other_environments(under[0], certificate.environment):
        message = f"{text} is under {under[0].entry}, {under[0].title}"
        yield Breach("eui64.look_alike", offset, message)


def _is_for_other_environments(entry: SecRegistryEntry, environment: str | None) -> bool:
    """Whether a Registry Entry belongs to other environments only."""
    return bool(entry.environments) and environment not in entry.environments


@rule(
    "role.holder", Severity.NOTICE, Basis.OBSERVED, PUBLISHED,
    meaning="The role is one that only the DCC holds, and the ID is not under the DCC's"
    " organisation number 000: a Device would take the holder's key for the DCC's.",
    remedy="Write the holder's own role, or the ID that the DCC has for this one.",
    good="01 with 90-B3-D5-1F-30-00-00-01", bad="01 with 90-B3-D5-1F-30-01-00-00",
)  # fmt: skip
@rule(
    "role.usage", Severity.NOTICE, Basis.OBSERVED, PUBLISHED,
    meaning="The key usage is one that no certificate of its role was seen with: no Trust Anchor"
    " Cell is for it.",
    remedy="Issue it for the usage that the role has.",
    good="01 for digital signature", bad="01 for key agreement",
)  # fmt: skip
def role_of_holder(certificate: CheckedCertificate) -> Iterator[Breach]:
    """Compare the role of an organisation with its ID and its key usage."""
    profile, view = certificate.profile, certificate.view
    place, identifier = profile.field_of("role"), profile.field_of("eui64")
    if place is None or identifier is None:
        return
    roles = certificate.library.roles
    role = roles.by_text(view.text(place.path) or "")
    if role is None:
        return
    octets = view.octets(identifier.path)
    kinds = {user.kind for user in roles.user_roles if user.code in role.held_by}
    if kinds == {"dcc"} and octets is not None and _is_of_another(octets, certificate.library):
        text = octets.hex("-").upper()
        message = f"{role.hex}, {role.name}, is a role of the DCC, and {text} is none of its IDs"
        yield Breach("role.holder", certificate.offset(place.path), message, place.path)
    usages = {_USAGES[usage] for usage in role.usages}
    stated = view.value(_KEY_USAGE)
    if not usages or not isinstance(stated, tuple) or len(stated) != 1:
        return
    if stated[0] in set(_USAGES.values()) - usages:
        message = f"certificates of the role {role.hex}, {role.name}, have no {stated[0]}"
        yield Breach("role.usage", certificate.offset(_KEY_USAGE), message, _KEY_USAGE)


_KEY_USAGE = "extensions.keyUsage"
_USAGES = {
    KeyUsage.DIGITAL_SIGNATURE: "digitalSignature",
    KeyUsage.KEY_AGREEMENT: "keyAgreement",
}
_NUMBER_BITS = 12
"""The number of bits after the Registry Entry that hold the organisation number (observed)."""


def _is_of_another(octets: bytes, library: Library) -> bool:
    """Whether an ID lies under the SEC's Registry Entries, and not under the DCC's number."""
    value = int.from_bytes(octets)
    return any(
        value >> sec.entry.extension_bits == sec.entry.prefix
        and value >> sec.entry.extension_bits - _NUMBER_BITS & (1 << _NUMBER_BITS) - 1
        for sec in library.sec_registry_entries
    )


CHECKERS: tuple[Callable[[CheckedCertificate], Iterator[Breach]], ...] = (
    algorithms,
    public_key,
    validity_order,
    not_yet_valid,
    expired,
    ends_soon,
    duplicate_extensions,
    unknown_critical_extensions,
    unsupported_critical_extensions,
    extensions_for_cas,
    end_entity,
    constraints_above,
    path_length,
    hardware_module,
    duplicate_attributes,
    leading_zero,
    typos,
    identifiers,
    role_of_holder,
)
"""The checkers of a certificate."""
