"""The rules that compare the documents of an input with each other."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from smki_testca.lint.chain import SignatureVerdict
from smki_testca.lint.findings import Breach
from smki_testca.lint.rule import PUBLISHED, rule
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis
from smki_testca.x509.keys import key_id
from smki_testca.x509.names import REASON_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from smki_testca.importers.sources import Source
    from smki_testca.lint.chain import DocumentSigner
    from smki_testca.profiles.model import Profile
    from smki_testca.x509.entries import CrlEntry
    from smki_testca.x509.view import View

    OneDocument = TypeVar("OneDocument", "CertificateFacts", "CrlFacts", "RequestFacts")


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """The parts of one certificate that are compared with others.

    Attributes:
        position: the document's place in the input.
        place: its file and index, for messages.
        digest: SHA-256 of the document.
        signed: SHA-256 of what is signed in it, to recognise copies.
        issuer: the Name of its issuer, DER.
        subject: the Name of its subject, DER.
        usage: its key usages.
        key: SHA-256 of its SubjectPublicKeyInfo, however that is encoded.
        eui64: its User, RDP, DCC or Device ID.
        is_device: whether that is a Device ID.
        is_ca: whether basicConstraints says that it is a CA.
        signer: its signer, as far as it is known.
    """

    position: int
    place: str
    digest: bytes
    signed: bytes
    serial: int
    issuer: bytes
    subject: bytes
    usage: tuple[str, ...]
    key: bytes
    eui64: int | None
    is_device: bool
    is_ca: bool
    signer: SignedBy
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignedBy:
    """The signer of a document as far as it is known, to compare it with others.

    Attributes:
        is_verified: whether the signature is by a CA at hand, or a root's by itself.
        is_sound: whether the signature may be right; otherwise the document proves nothing.
        authority: what tells CAs of one name apart, the key identifier of the CA above: a CA has
            the same one after a change of its key. Where the signer is not known, the key
            identifier that the document names; None where it names none.
    """

    is_verified: bool
    is_sound: bool
    authority: tuple[str, bytes] | None

    @classmethod
    def of(cls, signer: DocumentSigner, view: View) -> SignedBy:
        """The signer of a document as far as it is known."""
        is_verified = signer.verdict is SignatureVerdict.RIGHT
        ca = view if signer.issuer is None else signer.issuer.view
        identifier = ca.octets("extensions.authorityKeyIdentifier.keyIdentifier")
        if is_verified:
            identifier = identifier or ca.octets("extensions.subjectKeyIdentifier")
        kind = "above" if is_verified else "named"
        authority = None if identifier is None else (kind, identifier)
        return cls(is_verified, signer.is_sound, authority)


@dataclass(frozen=True, slots=True)
class CrlFacts:
    """The parts of one CRL that are compared with other documents.

    Attributes:
        position: the document's place in the input.
        place: its file and index, for messages.
        digest: SHA-256 of the document.
        signed: SHA-256 of what is signed in it, to recognise copies.
        issuer: the Name of its issuer, DER.
        number: its cRLNumber, if that can be read.
        is_delta: whether it is a delta CRL.
        signer: its signer, as far as it is known.
    """

    position: int
    place: str
    digest: bytes
    signed: bytes
    issuer: bytes
    number: int | None
    this_update: datetime
    is_delta: bool
    signer: SignedBy


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """The parts of one CSR that are compared with other documents: whose key it is, and for what.

    Attributes:
        position: the document's place in the input.
        place: its file and index, for messages.
        digest: SHA-256 of the document.
        signed: SHA-256 of what is signed in it, to recognise copies.
        usage: the key usages that it asks for.
        key: SHA-256 of its SubjectPublicKeyInfo, however that is encoded.
        eui64: its User, RDP, DCC or Device ID.
        is_device: whether that is a Device ID.
    """

    position: int
    place: str
    digest: bytes
    signed: bytes
    usage: tuple[str, ...]
    key: bytes
    eui64: int | None
    is_device: bool


def facts_of(
    view: View, source: Source, profile: Profile, signer: DocumentSigner, position: int
) -> CertificateFacts | None:
    """Extract the facts of a certificate; None where its serial number cannot be read."""
    serial = view.value("serialNumber")
    if not isinstance(serial, int):
        return None
    return CertificateFacts(
        position,
        source.place,
        hashlib.sha256(source.data).digest(),
        hashlib.sha256(view.signed.encoded).digest(),
        serial,
        view.octets("issuer") or b"",
        view.octets("subject") or b"",
        _usage_of(view),
        key_id(view.octets("subjectPublicKeyInfo") or b""),
        *_holder_of(view, profile),
        view.value("extensions.basicConstraints.cA") is True,
        SignedBy.of(signer, view),
        view.instant("validity.notBefore"),
    )


def request_facts_of(view: View, source: Source, profile: Profile, position: int) -> RequestFacts:
    """Extract the facts of a CSR for a certificate of a profile."""
    return RequestFacts(
        position,
        source.place,
        hashlib.sha256(source.data).digest(),
        hashlib.sha256(view.signed.encoded).digest(),
        _usage_of(view),
        key_id(view.octets("subjectPublicKeyInfo") or b""),
        *_holder_of(view, profile),
    )


def _usage_of(view: View) -> tuple[str, ...]:
    usage = view.value("extensions.keyUsage")
    return usage if isinstance(usage, tuple) else ()


def _holder_of(view: View, profile: Profile) -> tuple[int | None, bool]:
    """The User, RDP, DCC or Device ID in a document, and whether a Device is its holder."""
    device_id = profile.field_of("device-id")
    field = device_id or profile.field_of("eui64")
    octets = None if field is None else view.octets(field.path)
    eui64 = int.from_bytes(octets) if octets is not None and len(octets) == 8 else None
    return eui64, device_id is not None


def listing_of(
    view: View, source: Source, signer: DocumentSigner, position: int
) -> CrlFacts | None:
    """Extract the facts of a CRL; None where its time cannot be read."""
    this_update = view.instant("thisUpdate")
    number = view.value("extensions.cRLNumber")
    if this_update is None:
        return None
    return CrlFacts(
        position,
        source.place,
        hashlib.sha256(source.data).digest(),
        hashlib.sha256(view.signed.encoded).digest(),
        view.octets("issuer") or b"",
        number if isinstance(number, int) else None,
        this_update,
        "extensions.deltaCRLIndicator" in view.fields,
        SignedBy.of(signer, view),
    )


@dataclass(frozen=True)
class DocumentSet:
    """All documents of an input, in whatever order they come.

    Attributes:
        facts: the facts of each certificate.
        listings: the facts of each CRL.
        requests: the facts of each CSR that is signed with its own key.
        entries_of: reads the entries of a CRL.
        at: the time of the run, UTC; later revocations have no effect yet.
    """

    facts: Sequence[CertificateFacts]
    listings: Sequence[CrlFacts]
    requests: Sequence[RequestFacts]
    entries_of: Callable[[CrlFacts], Iterable[CrlEntry]]
    at: datetime

    @cached_property
    def distinct(self) -> list[CertificateFacts]:
        """The facts of each certificate, without copies and those of invalid signatures.

        The verified ones come first, so that no other certificate is evidence against them; then
        the older ones, those of organisations before those of Devices. Their octets settle the
        rest, so that the order of the input does not matter.
        """
        sound = (facts for facts in self.facts if facts.signer.is_sound)
        return sorted(
            _without_copies(sound),
            key=lambda facts: (
                not facts.signer.is_verified,
                facts.not_before or _END_OF_TIME,
                facts.is_device,
                facts.key,
                facts.signed,
            ),
        )

    @cached_property
    def key_holders(self) -> list[CertificateFacts | RequestFacts]:
        """The certificates and CSRs that say whose a key is, without copies and CAs.

        The certificates come first, so that no CSR is evidence against them.
        """
        certificates = (facts for facts in self.distinct if not facts.is_ca)
        requests = sorted(
            _without_copies(self.requests),
            key=lambda request: (request.is_device, request.key, request.signed),
        )
        documents: list[CertificateFacts | RequestFacts] = [*certificates, *requests]
        return [document for document in documents if document.eui64 is not None]


_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
_BOTH_USAGES = {("digitalSignature",), ("keyAgreement",)}


def _without_copies(documents: Iterable[OneDocument]) -> Iterable[OneDocument]:
    """One of the copies of each document, the same one in whatever order they come."""
    by_content: dict[bytes, OneDocument] = {}
    for document in documents:
        other = by_content.setdefault(document.signed, document)
        if (document.digest, document.place) < (other.digest, other.place):
            by_content[document.signed] = document
    return by_content.values()


@rule(
    "set.serial_twice", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.1.2.2",
    meaning="Two certificates of one issuer have one serial number.",
    remedy="Issue one of them again.",
    good="every serial once", bad="two certificates of Z1 with one serial",
)  # fmt: skip
@rule(
    "set.serial_of_another_issuer", Severity.WARNING, Basis.OBSERVED,
    "a real client looks certificates up by serial alone",
    meaning="Two certificates of different issuers have one serial number.",
    remedy="Choose serials that are unique over the whole estate.",
    good="every serial once", bad="one serial under Z1 and U2",
)  # fmt: skip
def serials(documents: DocumentSet) -> Iterator[Breach]:
    """Find certificates that share a serial number, at the later one."""
    seen: dict[int, CertificateFacts] = {}
    of_issuer: dict[tuple[int, bytes], dict[object, CertificateFacts]] = defaultdict(dict)
    for facts in documents.distinct:
        path, position = "serialNumber", facts.position
        authority = facts.signer.authority
        namesakes = of_issuer[facts.serial, facts.issuer]
        same = namesakes.get(authority) or namesakes.get(None)
        if same is None and authority is None:
            same = next(iter(namesakes.values()), None)
        earlier = seen.setdefault(facts.serial, facts)
        if same is not None:
            message = f"another certificate of the same issuer has this serial: {same.place}"
            yield Breach("set.serial_twice", None, message, path, position)
        elif earlier is not facts:
            message = f"another certificate of another issuer has this serial: {earlier.place}"
            yield Breach("set.serial_of_another_issuer", None, message, path, position)
        namesakes.setdefault(authority, facts)


@rule(
    "set.renewal_same_key", Severity.NOTICE, Basis.OBSERVED, PUBLISHED,
    meaning="Two certificates have one subject, usage and key: a renewal without a new key. Which"
    " renews which is said where one begins later.",
    remedy="Nothing; it is allowed.",
    good="a renewal with a new key", bad="a renewal with the same key",
)  # fmt: skip
@rule(
    "set.key_agreement_pair", Severity.NOTICE, Basis.OBSERVED, PUBLISHED,
    meaning="Two key agreement certificates have one subject: look-ups are ambiguous, as with"
    " ordinary and prepayment keys.",
    remedy="Nothing, if one of them is the prepayment certificate; distinguish them by label or"
    " serial.",
    good="one KA certificate under an EUI-64", bad="Z1-supplier-ka and Z1-supplierPP-ka",
)  # fmt: skip
def same_subject(documents: DocumentSet) -> Iterator[Breach]:
    """Find certificates that share subject and usage, at the later one."""
    empty = bytes.fromhex("3000")
    seen: dict[object, dict[bytes, CertificateFacts]] = defaultdict(dict)
    for facts in sorted(
        documents.distinct, key=lambda certificate: certificate.not_before or _END_OF_TIME
    ):
        if facts.subject == empty and facts.eui64 is None:
            continue
        earlier = seen[facts.subject, facts.eui64, facts.usage]
        same_key = earlier.get(facts.key)
        if same_key is not None:
            # A renewal has a new serial number: with the old one it is a copy that was changed.
            if (same_key.issuer, same_key.serial) != (facts.issuer, facts.serial):
                message = (
                    f"it has the key, the subject and the notBefore of {same_key.place}"
                    if facts.not_before == same_key.not_before
                    else f"it renews {same_key.place} with the same key"
                )
                path = "subjectPublicKeyInfo"
                yield Breach("set.renewal_same_key", None, message, path, facts.position)
        elif earlier and facts.usage == ("keyAgreement",) and not facts.is_device:
            first = next(iter(earlier.values()))
            message = f"another key agreement certificate has this subject: {first.place}"
            yield Breach("set.key_agreement_pair", None, message, "subject", facts.position)
        earlier.setdefault(facts.key, facts)


@rule(
    "set.device_twice", Severity.WARNING, Basis.ASSUMED, "a Device has one key for each usage",
    meaning="Two certificates of one Device in one PKI have the same usage and notBefore,"
    " and different keys: two Devices may have one ID. A certificate with a later notBefore counts"
    " as a renewal.",
    remedy="Give one of the Devices another ID, or leave out the certificate that is not in use.",
    good="a DS certificate of a Device and its renewal, which begins later",
    bad="two DS certificates of one Device that begin at one moment",
)  # fmt: skip
def devices_twice(documents: DocumentSet) -> Iterator[Breach]:
    """Find certificates of one Device, usage and notBefore with different keys, at the later one.

    A renewal with a new key begins later than its predecessor.
    """
    first: dict[object, CertificateFacts] = {}
    for facts in documents.distinct:
        if not facts.is_device or facts.eui64 is None:
            continue
        # A Device may have certificates in several test environments, each with a PKI of its own.
        identity = facts.eui64, facts.usage, facts.signer.authority, facts.not_before
        earlier = first.setdefault(identity, facts)
        if earlier.key != facts.key:
            message = (
                "another certificate of this Device has another key, and begins at the same"
                f" moment: {earlier.place}"
            )
            path = "extensions.subjectAltName"
            yield Breach("set.device_twice", None, message, path, facts.position)


def shared_keys(documents: DocumentSet) -> Iterator[Breach]:
    """Find keys that two holders share, or two usages of one holder, at the later document."""
    by_key: dict[bytes, list[CertificateFacts | RequestFacts]] = defaultdict(list)
    for document in documents.key_holders:
        by_key[document.key].append(document)
    for sharing in by_key.values():
        if len(sharing) > 1:
            yield from _shared_key(sharing)


@rule(
    "set.key_of_device_shared", Severity.WARNING, Basis.ASSUMED, "one key has one holder",
    meaning="A Device's key is in a certificate or CSR of another Device or organisation: whoever"
    " has the one key can speak for both.",
    remedy="Make a new key pair in each Device, and have their certificates issued again.",
    good="a key pair for each Device", bad="one key in two Devices",
)  # fmt: skip
@rule(
    "set.key_of_organisation_shared", Severity.WARNING, Basis.ASSUMED, "one key has one holder",
    meaning="One key is in certificates or CSRs of two EUI-64s, neither a Device's: whoever has the"
    " one key can speak for both.",
    remedy="Make a new key pair for each of them, and have their certificates issued again.",
    good="a key pair for each organisation", bad="one key for two suppliers",
)  # fmt: skip
@rule(
    "set.key_of_two_usages", Severity.WARNING, Basis.ASSUMED, "a certificate has one key usage",
    meaning="One key of one holder is certified for digital signature and for key agreement, or a"
    " CSR asks for it.",
    remedy="Make a key pair for each usage.",
    good="one key for DS, another for KA", bad="one key for a Device's DS and KA",
)  # fmt: skip
def _shared_key(documents: Sequence[CertificateFacts | RequestFacts]) -> Iterator[Breach]:
    """Compare each document with those before it that have its key; one of a kind is enough."""
    path = "subjectPublicKeyInfo"
    has_device = any(document.is_device for document in documents)
    seen: dict[object, CertificateFacts | RequestFacts] = {}
    for document in documents:
        holder = document.eui64, document.is_device
        earlier = seen.values()
        other = next((each for each in earlier if (each.eui64, each.is_device) != holder), None)
        same = next(
            (each for each in earlier if {each.usage, document.usage} == _BOTH_USAGES), None
        )
        if other is not None:
            message = f"its key is that of another: {other.place}"
            if has_device:
                yield Breach("set.key_of_device_shared", None, message, path, document.position)
            else:
                yield Breach(
                    "set.key_of_organisation_shared", None, message, path, document.position
                )
        elif same is not None:
            message = f"its key has another usage, too: {same.place}"
            yield Breach("set.key_of_two_usages", None, message, path, document.position)
        seen.setdefault((holder, document.usage), document)


@rule(
    "set.decimal_counting", Severity.NOTICE, Basis.OBSERVED, PUBLISHED,
    meaning="IDs seem counted in decimal inside a hexadecimal field: …09 is followed by …10.",
    remedy="Count in hexadecimal: …09, …0A.",
    good="…-00-09, …-00-0A", bad="…-00-09, …-00-10",
)  # fmt: skip
def decimal_counting(documents: DocumentSet) -> Iterator[Breach]:
    """Find an ID …x9 followed by …(x+1)0, with nothing counted from …xA to …xF between them."""
    by_id: dict[int, CertificateFacts] = {}
    for facts in documents.distinct:
        if facts.eui64 is not None:
            by_id.setdefault(facts.eui64, facts)
    for eui64 in sorted(by_id):
        if eui64 & 0xF != 0x9 or eui64 + 7 not in by_id:
            continue
        if not any(eui64 + step in by_id for step in range(1, 7)):
            position = by_id[eui64 + 7].position
            message = f"its ID follows that of {by_id[eui64].place} as if counted in decimal"
            yield Breach("set.decimal_counting", None, message, "subject", position)


@rule(
    "set.crl_number", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 5.2.3",
    meaning="A CRL's number is not above that of an older CRL of the same issuer.",
    remedy="Give each CRL a higher number than the one before.",
    good="7, then 8", bad="7, then 7 again",
)  # fmt: skip
def numbers(documents: DocumentSet) -> Iterator[Breach]:
    """Find CRLs of one issuer whose numbers do not rise with time, at the later one."""
    latest: dict[object, CrlFacts] = {}
    sound = (crl for crl in documents.listings if crl.signer.is_sound and crl.number is not None)
    for crl in sorted(_without_copies(sound), key=_age):
        issuer = crl.issuer, crl.signer.authority
        earlier = latest.get(issuer)
        latest[issuer] = crl
        if earlier is None or earlier.number is None or crl.number is None:
            continue
        # A delta CRL may share its number with the complete one issued with it.
        if crl.number < earlier.number or (
            crl.number == earlier.number and crl.is_delta == earlier.is_delta
        ):
            number, place = crl.number, earlier.place
            message = f"its number {number} is not above that of {place}, which is older"
            path = "extensions.cRLNumber"
            yield Breach("set.crl_number", None, message, path, crl.position)


def _age(crl: CrlFacts) -> tuple[datetime, int, bytes]:
    """A key to sort CRLs by, the oldest first."""
    return crl.this_update, -1 if crl.number is None else crl.number, crl.signed


def revocations(documents: DocumentSet) -> Iterator[Breach]:
    """Find certificates that the newest verified CRL of their issuer lists."""
    by_serial: dict[tuple[bytes, int], list[CertificateFacts]] = defaultdict(list)
    for facts in documents.facts:
        if facts.signer.is_sound:
            by_serial[facts.issuer, facts.serial].append(facts)
    newest: dict[object, CrlFacts] = {}
    verified = (crl for crl in documents.listings if crl.signer.is_verified and not crl.is_delta)
    for listing in sorted(_without_copies(verified), key=_age):
        newest[listing.issuer, listing.signer.authority] = listing
    issuers = {issuer for issuer, _ in by_serial}
    for listing in newest.values():
        if listing.issuer not in issuers:
            continue
        for entry in documents.entries_of(listing):
            serial = -1 if entry.serial is None else entry.serial
            for facts in by_serial.get((listing.issuer, serial), ()):
                same = facts.signer.authority == listing.signer.authority
                if same or not facts.signer.is_verified:
                    yield from _revocation(facts, listing, entry, documents.at)


@rule(
    "set.revoked_before_issue", Severity.WARNING, Basis.ASSUMED,
    "nothing is revoked before there is anything",
    meaning="A CRL revokes a certificate from before its notBefore.",
    remedy="Date the revocation no earlier than the certificate.",
    good="revoked a year after notBefore", bad="revoked a year before notBefore",
)  # fmt: skip
@rule(
    "validity.revoked", Severity.WARNING, Basis.SPECIFIED, "RFC 5280 6.3.3",
    meaning="It is on the newest CRL given. A revoked certificate is not a malformed one.",
    remedy="Use another certificate.",
    good="on no CRL", bad="on a CRL that was linted with it",
)  # fmt: skip
def _revocation(
    facts: CertificateFacts, listing: CrlFacts, entry: CrlEntry, at: datetime
) -> Iterator[Breach]:
    if entry.at is None:
        return
    if facts.not_before is not None and entry.at < facts.not_before:
        path, position = "revokedCertificates", listing.position
        message = f"{facts.place} is revoked from {entry.at.date()}, before it begins"
        yield Breach("set.revoked_before_issue", None, message, path, position)
    if entry.at <= at:
        reason = REASON_NAMES.get(-1 if entry.reason is None else entry.reason)
        why = "" if reason is None else f" ({reason})"
        message = f"it was revoked on {entry.at.date()}{why}, by {listing.place}"
        yield Breach("validity.revoked", None, message, "serialNumber", facts.position)


CHECKERS: tuple[Callable[[DocumentSet], Iterator[Breach]], ...] = (
    serials,
    same_subject,
    devices_twice,
    shared_keys,
    decimal_counting,
    numbers,
    revocations,
)
"""The checkers of the documents of an input together."""
