"""Finds the holders of presented certificates, and the CAs of the estate that signed them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.der.read import DerError
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.identifiers import Eui64, RegistryEntry, SerialNumber
from smki_testca.importers.content import problem
from smki_testca.importers.formats import documents_of
from smki_testca.lint.recognise import Recogniser
from smki_testca.profiles.model import Tier
from smki_testca.register.whois import (
    Presented,
    WhoisAnswer,
    WhoisUnanswered,
    whois_id,
    whois_registry_entry,
    whois_subject,
    whois_term,
)
from smki_testca.x509.keys import load_public_key, signature_fits
from smki_testca.x509.view import View, kind_of, view_certificate

if TYPE_CHECKING:
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.importers.content import Content
    from smki_testca.profiles.model import Profile
    from smki_testca.register.register import Register
    from smki_testca.x509.keys import PublicKey


def look_up(estate: Stores, term: str) -> list[WhoisAnswer]:
    """Find whose an identifier is.

    It is an EUI-64, a Signifier, a participant's id, a Market Participant ID, the serial number of
    a certificate or a Registry Entry.

    Returns:
        An answer for each participant, the likeliest first; none if the term is nothing of these.

    Raises:
        InputError: for an EUI-64 or a Registry Entry that nobody has, or a certificate of which
            that is not known.
    """
    register = estate.register.load()
    unknown = None
    if (eui64 := _eui64(term)) is not None:
        try:
            return [whois_id(register, eui64)]
        except InputError as error:
            unknown = error  # also 16 hexadecimal digits may be a Signifier or the like
    answers = whois_term(register, term) or _by_serial(estate, term) or _by_entry(register, term)
    if unknown is not None and not answers:
        raise unknown
    return answers


def _eui64(term: str) -> Eui64 | None:
    try:
        return Eui64.parse(term)
    except InputError:
        return None


def _by_entry(register: Register, term: str) -> list[WhoisAnswer]:
    try:
        entry = RegistryEntry.parse(term)
    except InputError:
        return []
    return [whois_registry_entry(register, entry)]


def _by_serial(estate: Stores, term: str) -> list[WhoisAnswer]:
    try:
        serial = SerialNumber.parse(term)
    except InputError:
        return []
    record = estate.by_serial(serial)
    if record is not None:
        documents = [record.der]
    else:
        documents = [external.der for external in estate.externals.select(Selection(serial=serial))]
    return [
        replace(whois_certificate(estate, der), by="serial", value=str(serial)) for der in documents
    ]


def whois_certificate(estate: Stores, der: bytes) -> WhoisAnswer:
    """Find the holder of a presented certificate.

    Args:
        estate: with the register.
        der: the certificate.

    Raises:
        InputError: if it cannot be read, has no identifier, or it has not one holder.
    """
    answer = _Desk(estate).answer(der)
    if isinstance(answer, WhoisUnanswered):
        raise answer.reason
    return answer


def whois_file(estate: Stores, data: bytes) -> list[WhoisAnswer | WhoisUnanswered]:
    """Find the holder of each certificate in a file, in the file's order.

    Args:
        estate: with the register.
        data: PEM, DER or another format with certificates.
    """
    desk = _Desk(estate)
    contents = list(documents_of(data))
    nothing = problem("document.unknown_kind", "it holds nothing")
    return [desk.answer_content(content) for content in contents or [nothing]]


class _Desk:
    """Answers for certificates, as the register and the estate are when it is made."""

    def __init__(self, estate: Stores) -> None:
        self._estate = estate
        self._register = estate.register.load()
        self._recognise = Recogniser(estate.library)
        self._signer_of = _Signers(estate)

    def answer_content(self, content: Content) -> WhoisAnswer | WhoisUnanswered:
        """The answer for one document of a file."""
        if content.problem is None:
            return self.answer(content.data)
        return WhoisUnanswered(_unreadable(content.problem.code, content.problem.message))

    def answer(self, der: bytes) -> WhoisAnswer | WhoisUnanswered:
        """The answer for a certificate."""
        try:
            view = view_certificate(der)
        except DerError as error:
            kind = kind_of(der)
            if kind is None:
                return WhoisUnanswered(_unreadable(error.code, error.message))
            remedy = "Give the certificate that was issued for it." if kind == "CSR" else ""
            message = f"It is not a certificate, but a {kind}."
            return WhoisUnanswered(InputError(error.code, message, remedy))
        issuer = self._signer_of(view)
        profile = self._profile(view, issuer)
        record = self._record(view, der)
        presented = self._presented(view, profile, issuer, record)
        if profile.tier is not Tier.END_ENTITY:
            reason = InputError(
                "whois.no_identifier",
                f"The certificate (of profile {profile.name}) is a CA's: it carries no identifier"
                " of a participant.",
            )
            return WhoisUnanswered(reason, presented)
        answer: WhoisAnswer | InputError
        try:
            answer = whois_subject(self._register, view, profile)
        except InputError as error:
            answer = error
        holder = None
        if record is not None and record.participant is not None:
            holder = self._register.participant(record.participant)
        # A name is nobody's own: the record of a certificate says more.
        if holder is not None and (
            isinstance(answer, InputError)
            or (answer.by == "participant-name" and answer.participant != holder)
        ):
            answer = WhoisAnswer(holder, "issued-to", holder.id, holder.ids)
        if isinstance(answer, InputError):
            return WhoisUnanswered(answer, presented)
        return replace(answer, certificate=presented)

    def _record(self, view: View, der: bytes) -> Record | None:
        """The estate's record of a certificate, if it is the same octet for octet."""
        serial = _serial(view)
        record = None if serial is None else self._estate.by_serial(serial)
        return record if record is not None and record.der == der else None

    def _presented(
        self, view: View, profile: Profile, issuer: Record | None, record: Record | None
    ) -> Presented:
        serial = _serial(view)
        revocation = None
        if serial is not None and issuer is not None:
            revocation = self._estate.revocations.by_serial(serial)
        return Presented(
            profile.name,
            profile.tier is not Tier.END_ENTITY,
            None if serial is None else str(serial),
            issuer is not None,
            None if record is None else record.participant,
            self._status(view, record, is_revoked=revocation is not None),
            view.instant("validity.notBefore"),
            view.instant("validity.notAfter"),
            None if revocation is None else revocation.at,
        )

    def _status(self, view: View, record: Record | None, *, is_revoked: bool) -> str | None:
        if is_revoked:
            return Status.REVOKED.word
        now = self._estate.clock.now()
        begin, end = view.instant("validity.notBefore"), view.instant("validity.notAfter")
        if end is not None and end < now:
            return Status.EXPIRED.word
        if begin is not None and begin > now:
            return "not-yet-valid"
        return None if record is None else self._estate.status(record).word

    def _profile(self, view: View, issuer: Record | None) -> Profile:
        if issuer is None or view.value("extensions.basicConstraints.cA") is True:
            return self._recognise(view)
        # The CA is known, and so is the hierarchy, however defective the certificate is.
        profile = self._recognise(view, issuer.hierarchy)
        if profile.tier is Tier.END_ENTITY:
            return profile
        return self._estate.library.profile_for(issuer.hierarchy, Tier.END_ENTITY)


class _Signers:
    """The CAs of an estate, to find out which of them signed a certificate or list."""

    def __init__(self, estate: Stores) -> None:
        self._authorities: list[tuple[bytes | None, PublicKey | None, Record]] = []
        for record in reversed(estate.certificates.authorities()):
            ca = view_certificate(record.der)
            key = load_public_key(ca.octets("subjectPublicKeyInfo") or b"")
            self._authorities.append((ca.octets("subject"), key, record))

    def __call__(self, view: View) -> Record | None:
        """The CA that has the issuer's name and whose key fits the signature."""
        if view.octets("signature") != view.signature_algorithm.encoded:
            return None
        issuer = view.octets("issuer")
        for subject, key, record in self._authorities:
            if (
                subject == issuer
                and key is not None
                and signature_fits(key, view.signature, view.signed.encoded)
            ):
                return record
        return None


def signer_of(estate: Stores, view: View) -> Record | None:
    """The CA of the estate that has the issuer's name and whose key fits the signature."""
    return _Signers(estate)(view)


def _serial(view: View) -> SerialNumber | None:
    """The serial number of a certificate; None if it has none that an estate can look up."""
    value = view.value("serialNumber")
    try:
        return SerialNumber(value) if isinstance(value, int) else None
    except InputError:
        return None


def _unreadable(code: str, message: str) -> InputError:
    return InputError(code, f"The certificate cannot be read: {message}.")
