"""Issues certificates: ``prepare`` asks the gate, builds and checks; ``commit`` signs and stores.

There is no other way to issue. ``prepare`` writes nothing. Its result can be committed once, by
the CA that it was prepared for. ``commit`` signs, audits and stores in one transaction.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from smki_testca.authority.csr import (
    CsrFaultsError,
    Fault,
    check_holder_name,
    differences,
)
from smki_testca.errors import InputError, Refusal, SmkiTestcaError
from smki_testca.estate.certificates import digests, record_of
from smki_testca.estate.key_holders import participant_holder
from smki_testca.issuance.history import IssueHistory
from smki_testca.labels import check_label
from smki_testca.profiles.inputs import SIGNIFIER
from smki_testca.profiles.model import Tier
from smki_testca.register.gate import Gate, live_name_reason
from smki_testca.roles import KeyUsage
from smki_testca.x509 import private_keys
from smki_testca.x509.keys import key_id
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Iterator,
        Mapping,
        Sequence,
    )
    from datetime import datetime

    from smki_testca.authority.certificates import (
        Certificate,
        CertificationAuthority,
        Unsigned,
    )
    from smki_testca.authority.csr import Csr
    from smki_testca.authority.filling import Validity
    from smki_testca.authority.signers.tokens.uri import TokenUri
    from smki_testca.estate.authorities import Authority
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.identifiers import SerialNumber
    from smki_testca.profiles.model import Environment, Hierarchy, Profile
    from smki_testca.register.gate import Authorisation
    from smki_testca.register.requests import Request
    from smki_testca.x509.keys import PrivateKey


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """The key that a certificate is for.

    Attributes:
        public: its SubjectPublicKeyInfo, DER.
        private: to be sealed in the estate at the commit; None if its holder keeps it.
        secret: False for a key made from a seed; None to take the estate's entropy's word.
        in_token: where the pair was made in a PKCS#11 token, which gets the certificate, too.
    """

    public: bytes
    private: PrivateKey | None = None
    secret: bool | None = None
    in_token: TokenUri | None = None

    @classmethod
    def of_private(cls, private: PrivateKey, *, secret: bool | None = None) -> SubjectKey:
        """The key pair of a private key, which the estate will keep."""
        return cls(private_keys.public_key_info(private), private, secret)

    @classmethod
    def of_public(
        cls, public: bytes, pkcs8: bytes | None, *, secret: bool | None = None
    ) -> SubjectKey:
        """The key of another certificate, with its private key in PKCS#8 DER, if there is one."""
        return cls(public, None if pkcs8 is None else private_keys.from_pkcs8(pkcs8), secret)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The certificates of one authorised request, built and checked, still to be signed.

    A copy with parts of another is an error.

    Attributes:
        authorisation: from the gate.
        issuer: the CA that they were built for.
        parts: each certificate with the key that it is for.
        label: a name to find them by.
        warnings: one-line warnings for the participant.
        columns: the operator's own, of the certificates that they renew.
    """

    authorisation: Authorisation
    issuer: Authority
    parts: tuple[tuple[Unsigned, SubjectKey], ...]
    label: str | None
    warnings: tuple[str, ...]
    columns: Mapping[str, str]

    def __post_init__(self) -> None:
        for unsigned, key in self.parts:
            if (
                unsigned.authorisation is not self.authorisation
                or unsigned.authority is not self.issuer[1]
                or unsigned.public_key != key.public
            ):
                raise ValueError("the certificate was prepared for another request, CA or key")

    def sign(self, authority: CertificationAuthority) -> list[Certificate]:
        """Sign them.

        Raises:
            ValueError: if they were signed before, or are for another CA.
        """
        return [authority.sign(unsigned) for unsigned, _ in self.parts]


class Issuance:
    """Issues certificates in one transaction of an estate.

    The register is loaded once. Every certificate counts for the quotas of the ones after it.

    Args:
        estate: the estate that issues.
    """

    def __init__(self, estate: Stores) -> None:
        self._estate = estate
        self._history = IssueHistory(estate)
        self._authorities: dict[tuple[str, Hierarchy], Authority] = {}
        self._remarks: dict[tuple[SerialNumber, datetime | None], tuple[str, ...]] = {}
        self._remarks_at: datetime | None = None

    @cached_property
    def gate(self) -> Gate:
        """The gate, with the register as it is when the gate is first used."""
        return Gate(self._estate.library, self._estate.register.load(), self._history)

    @property
    def history(self) -> IssueHistory:
        """The counts of certificates that the gate compares with quotas."""
        return self._history

    def authorise(self, request: Request) -> Authorisation:
        """Ask the gate as of now.

        Raises:
            Refusal: with every reason.
        """
        return self.gate.authorise(request, self._estate.clock.now())

    def check(self, request: Request) -> Authorisation:
        """Ask the gate as of now, and record its decision in the audit log.

        Raises:
            Refusal: with every reason.
        """
        with self._recording_refusal("check", request):
            authorisation = self.authorise(request)
            self._estate.audit.append(self._estate.clock.now(), "check", authorisation.as_json())
        return authorisation

    def count(self, request: Request, authorisation: Authorisation, count: int = 1) -> None:
        """Count certificates that will be issued, for the quotas of the ones after them."""
        self._history.add(request, authorisation, count)

    def prepare(
        self,
        request: Request,
        key: SubjectKey | None = None,
        *,
        label: str | None = None,
        validity: Validity | None = None,
        csr: Csr | None = None,
        token: TokenUri | None = None,
    ) -> Prepared:
        """Ask the gate about a request, and build and check its certificates; nothing is written.

        Args:
            request: one certificate is prepared for each usage asked for.
            key: to certify; without it and a CSR, a fresh key pair for each certificate.
            label: a name to find the certificates by.
            validity: dates in place of those that follow from the profile's rows.
            csr: its public key is certified, and the certificate must match it.
            token: the PKCS#11 token in which the fresh key pairs are made once the gate has
                granted the request. That alone is written, so there must be a transaction: the
                pairs are removed again if it is taken back.

        Raises:
            Refusal: with every reason of the gate.
            InputError: if the profile's rows forbid a value of the request, a date or the key,
                the key is held by a CA of the estate or another participant, or the certificate
                would not be what the CSR asks for.
        """
        check_label(label)
        authorisation = self.authorise(request)
        prepared = self.prepare_authorised(
            authorisation, key, label=label, validity=validity, csr=csr, token=token
        )
        self._history.add(authorisation.request, authorisation, request.count)
        return prepared

    def prepare_authorised(
        self,
        authorisation: Authorisation,
        key: SubjectKey | None = None,
        *,
        label: str | None = None,
        validity: Validity | None = None,
        csr: Csr | None = None,
        token: TokenUri | None = None,
        columns: Mapping[str, str] = MappingProxyType({}),
    ) -> Prepared:
        """Build and check the certificates of a request that the gate authorised.

        ``columns`` are the operator's own, of a certificate that is renewed. The other arguments
        and errors are those of ``prepare``.
        """
        request = authorisation.request
        profile = self._estate.library.profile(request.subject.profile)
        issuer = self.issuing(authorisation.environment, profile.hierarchy)
        if csr is not None:
            key = SubjectKey(csr.public_key)
            check_holder_name(csr.holder_name, authorisation.participant.name)
        parts: list[tuple[Unsigned, SubjectKey]] = []
        holder = participant_holder(authorisation.participant.id)
        if key is not None:
            self._estate.key_holders.check(key_id(key.public), holder)
        if token is not None and KeyUsage.KEY_AGREEMENT in request.usages:
            raise InputError(
                "token.usage",
                "A key that is made in a token signs and does nothing else: it is of no use for"
                " key agreement.",
                "Leave out --usage key-agreement, or --token.",
            )
        for usage in request.usages or (None,):
            if key is not None:
                certified = key
            elif token is not None:
                participant = authorisation.participant.id
                certified = self.key_in_token(token, profile, participant, label)
            else:
                certified = self.fresh_key(profile)
            unsigned = issuer[1].prepare(
                authorisation,
                usage,
                certified.public,
                entropy=self._estate.entropy,
                validity=validity,
            )
            self._check_judged(profile, authorisation, unsigned)
            if csr is not None:
                _check_match(csr, unsigned)
            parts.append((unsigned, certified))
        of_fields = [warning for unsigned, _ in parts for warning in unsigned.warnings]
        of_csr = () if csr is None else csr.remarks.texts()
        ends = max((unsigned.instant("notAfter") for unsigned, _ in parts), default=None)
        of_issuer = self._remarks_on(issuer[0], None if profile.fixes_end else ends)
        warnings = (*of_csr, *authorisation.warnings, *of_issuer, *of_fields)
        remarks = tuple(dict.fromkeys(warnings))
        return Prepared(authorisation, issuer, tuple(parts), label, remarks, columns)

    def _check_judged(
        self, profile: Profile, authorisation: Authorisation, unsigned: Unsigned
    ) -> None:
        """Check that a certificate has the ID, the role and the Signifier that the gate judged.

        Raises:
            SmkiTestcaError: if it has others.
        """
        view, request, roles = unsigned.view(), authorisation.request, self._estate.library.roles
        registered = authorisation.participant.signifier
        judged: dict[str, tuple[object, object]] = {}
        for each in profile.subject_inputs:
            if each.type.is_identifier and each.path is not None:
                stated = request.subject.inputs.get(each.type.name)
                judged["ID"] = (stated, each.type.from_field(view, each.path, roles))
        if profile.role_field is not None:
            judged["role"] = (self.gate.role(request), profile.role_in(view, roles))
        field = profile.field_of(SIGNIFIER)
        if field is not None:
            text = None if registered is None else registered.text
            judged["Signifier"] = (text, view.text(field.path))
        for noun, (expected, actual) in judged.items():
            if expected != actual:
                raise SmkiTestcaError(
                    "certificate.not_as_judged",
                    f"The certificate of profile {profile.name} would have the {noun} {actual},"
                    f" but the gate judged {expected}. It is not signed.",
                )

    def commit(
        self,
        prepared: Sequence[Prepared],
        action: str,
        body: Callable[[list[list[Certificate]]], dict[str, Any]],
    ) -> list[list[Record]]:
        """Sign and store prepared certificates with one audit entry: all of them, or none.

        Args:
            prepared: each can be committed once.
            action: of the audit entry.
            body: makes the body of the audit entry from the certificates of each.

        Returns:
            For each, the records of its certificates.

        Raises:
            ValueError: if one was committed before, or prepared in another estate; nothing is
                stored then.
        """
        estate = self._estate
        with estate.transaction():
            signed = [request.sign(self._issuer_of(request)) for request in prepared]
            number = estate.audit.append(estate.clock.now(), action, body(signed))
            records = [
                [
                    self._store(certificate, key, request, number)
                    for certificate, (_, key) in zip(certificates, request.parts, strict=True)
                ]
                for request, certificates in zip(prepared, signed, strict=True)
            ]
        self._history.restart()
        return records

    def _remarks_on(self, issuer: Record, ends: datetime | None) -> tuple[str, ...]:
        """The warnings about a CA, looked up once for all that is issued in the same second."""
        now = self._estate.clock.now().replace(microsecond=0)
        if self._remarks_at != now:
            self._remarks.clear()
            self._remarks_at = now
        key = (issuer.serial, ends)
        if key not in self._remarks:
            self._remarks[key] = self._estate.remarks(issuer, ends)
        return self._remarks[key]

    def _issuer_of(self, prepared: Prepared) -> CertificationAuthority:
        """This estate's CA for a request; it signs only what was prepared here."""
        authorisation = prepared.authorisation
        profile = self._estate.library.profile(authorisation.request.subject.profile)
        return self.issuing(authorisation.environment, profile.hierarchy)[1]

    def commit_one(self, prepared: Prepared, action: str, **details: Any) -> list[Record]:
        """Sign and store the certificates of one request; see ``commit``.

        Args:
            prepared: can be committed once.
            action: of the audit entry.
            details: of the audit entry, beside the authorisation and the certificates.
        """
        (records,) = self.commit(
            [prepared],
            action,
            lambda signed: {
                **prepared.authorisation.as_json(),
                "certificates": digests(signed[0]),
                **details,
            },
        )
        return records

    def issue(
        self,
        request: Request,
        key: SubjectKey | None = None,
        *,
        label: str | None = None,
        validity: Validity | None = None,
        csr: Csr | None = None,
        token: TokenUri | None = None,
        details: Mapping[str, Any] = MappingProxyType({}),
    ) -> tuple[list[Record], tuple[str, ...]]:
        """Prepare and commit one request; a refusal is recorded in the audit log.

        ``details`` are added to the body of either audit entry. The other arguments and the errors
        are those of ``prepare``.

        Returns:
            The certificates, and one-line warnings for the participant.
        """
        estate = self._estate
        of_csr = {} if csr is None else {"csr": csr.as_json()}
        of_token = {} if token is None else {"token": str(token)}
        # A transaction of its own: a refusal takes back what was made in the token.
        key_transaction = contextlib.nullcontext() if token is None else estate.transaction()
        with self._recording_refusal("issue", request, details), key_transaction:
            prepared = self.prepare(
                request, key, label=label, validity=validity, csr=csr, token=token
            )
            records = self.commit_one(prepared, "issue", **of_csr, **of_token, **details)
        return records, prepared.warnings

    @contextlib.contextmanager
    def _recording_refusal(
        self, action: str, request: Request, details: Mapping[str, Any] = MappingProxyType({})
    ) -> Iterator[None]:
        """A transaction in which the audit log records a refusal, which is raised after it.

        Within another one, it needs none of its own: before a refusal, nothing is changed.
        """
        refused: Refusal | None = None
        estate = self._estate
        with contextlib.nullcontext() if estate.in_transaction else estate.transaction():
            try:
                yield
            except Refusal as refusal:
                refused = refusal
                body = {
                    "granted": False,
                    "request": request.as_json(),
                    "reasons": [reason.as_json() for reason in refusal.reasons],
                    **details,
                }
                self._estate.audit.append(self._estate.clock.now(), action, body)
        if refused is not None:
            raise refused

    def fresh_key(self, profile: Profile) -> SubjectKey:
        """A new key pair of the type that a profile has.

        Raises:
            InputError: if the estate has it: its seed was used here before.
        """
        return SubjectKey.of_private(self._estate.key_store.fresh(profile.key_type))

    def key_in_token(
        self, token: TokenUri, profile: Profile, participant: str, label: str | None
    ) -> SubjectKey:
        """A new key pair in a PKCS#11 token, made within a transaction.

        Args:
            token: the URI of the token.
            profile: of the certificate that the pair is for.
            participant: who holds the pair: its id in the register.
            label: the name that the pair gets in the token; None for one of its holder and type.

        Raises:
            UsageError: if the estate's entropy comes from a seed.
            EstateError: if the token cannot be used.
        """
        keys, holder = self._estate.key_store, participant_holder(participant)
        label = label or f"{participant} {profile.name}"
        public = keys.generate_in_token(token, profile.key_type, holder, label)
        return SubjectKey(public, in_token=keys.in_tokens.uri(key_id(public)))

    def issuing(self, environment: Environment, hierarchy: Hierarchy) -> Authority:
        """The CA that issues in a hierarchy now.

        Raises:
            Refusal: if the CA, or one above it, has the name of a live one.
            EstateError: if the estate was not made for that environment.
        """
        key = (environment.family, hierarchy)
        if key not in self._authorities:
            self.issuer(environment, hierarchy)
            self._authorities[key] = self._estate.authorities.issuing(environment, hierarchy)
        return self._authorities[key]

    def issuer(self, environment: Environment, hierarchy: Hierarchy) -> Record:
        """The certificate of that CA, for which no passphrase is needed; the errors are the same.

        A wrong passphrase is none of them.
        """
        issuer = self._estate.authorities.newest(environment, hierarchy, Tier.ISSUING)
        for record in (issuer, *self._estate.certificates.chain(issuer)):
            name = view_certificate(record.der).text("subject.commonName")
            if self._estate.library.live.names_ca(name):
                raise Refusal((live_name_reason(name or ""),))
        return issuer

    def _store(
        self, certificate: Certificate, key: SubjectKey, prepared: Prepared, audit: int
    ) -> Record:
        holder = participant_holder(prepared.authorisation.participant.id)
        if key.private is not None:
            self._estate.key_store.keep(key.private, holder, secret=key.secret)
        else:
            # Again: others may have been given the key since it was prepared.
            self._estate.key_holders.check(key_id(key.public), holder)
        record = record_of(
            certificate,
            prepared.authorisation.environment,
            prepared.issuer[0].serial,
            audit,
            label=prepared.label,
            authorisation=prepared.authorisation,
            columns=prepared.columns,
        )
        if key.in_token is not None:
            self._estate.tokens.store_certificate(key.in_token, certificate.der)
        return self._estate.certificates.add(record)


def _check_match(csr: Csr, unsigned: Unsigned) -> None:
    """Check a certificate against its CSR, as its subscriber will (SEC L11.6)."""
    faults = tuple(
        Fault("csr.mismatch", f"In the certificate, {difference} from the CSR's.")
        for difference in differences(csr.view, unsigned.view())
    )
    if faults:
        raise CsrFaultsError(faults)
