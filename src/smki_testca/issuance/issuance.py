"""The one way to issue: ``prepare`` asks the gate, builds and checks; ``commit`` signs and stores.

``prepare`` writes nothing. What it returns can be committed once, by the CA that it was prepared
for. ``commit`` signs, audits and stores in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from smki_testca.authority.csr import CsrFaultsError, Fault, differences
from smki_testca.errors import Refusal
from smki_testca.estate.certificates import Record, digests
from smki_testca.estate.status import Status
from smki_testca.issuance.history import IssueHistory
from smki_testca.register.gate import Gate
from smki_testca.x509 import private_keys
from smki_testca.x509.key_usages import names_of_usage
from smki_testca.x509.keys import PrivateKey, key_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smki_testca.authority.certificates import Certificate, Unsigned
    from smki_testca.authority.csr import Csr
    from smki_testca.authority.filling import Validity
    from smki_testca.estate.authorities import Authority
    from smki_testca.estate.stores import Stores
    from smki_testca.profiles.model import Environment, Hierarchy, Profile
    from smki_testca.register.gate import Authorisation
    from smki_testca.register.requests import Request


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """The key that a certificate is for.

    Attributes:
        public: its SubjectPublicKeyInfo, DER.
        private: sealed in the estate at the commit; None where its holder keeps it.
        secret: False for one made from a seed; None as the estate's entropy is.
    """

    public: bytes
    private: PrivateKey | None = None
    secret: bool | None = None

    @classmethod
    def of_private(cls, private: PrivateKey, *, secret: bool | None = None) -> SubjectKey:
        """The key pair of a private key, which the estate will keep."""
        return cls(private_keys.public_key_info(private), private, secret)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The certificates of one authorised request, built and checked, still to be signed.

    Attributes:
        authorisation: the gate's consent.
        issuer: the CA that they were built for.
        parts: each certificate with the key that it is for.
        label: a name to find them by.
        warnings: what the participant should know all the same.
    """

    authorisation: Authorisation
    issuer: Authority
    parts: tuple[tuple[Unsigned, SubjectKey], ...]
    label: str | None
    warnings: tuple[str, ...]

    def sign(self) -> list[Certificate]:
        """Sign them.

        Raises:
            ValueError: if they were signed before.
        """
        authority = self.issuer[1]
        return [authority.sign(unsigned) for unsigned, _ in self.parts]


class Issuance:
    """Issues certificates in one transaction of an estate.

    The register is loaded once, and what it issues counts for the quotas of what comes after.

    Args:
        estate: whose certificates they will be.
    """

    def __init__(self, estate: Stores) -> None:
        self._estate = estate
        self._history = IssueHistory(estate)
        self._authorities: dict[tuple[str, Hierarchy], Authority] = {}

    @cached_property
    def gate(self) -> Gate:
        """The gate, as the register stands when it is first asked."""
        return Gate(self._estate.library, self._estate.register.load(), self._history)

    def authorise(self, request: Request) -> Authorisation:
        """Ask the gate as of now.

        Raises:
            Refusal: with every reason.
        """
        return self.gate.authorise(request, self._estate.clock.now())

    def count(self, request: Request, authorisation: Authorisation, count: int = 1) -> None:
        """Count certificates that will be issued for the quotas of those that come after."""
        self._history.add(request, authorisation, count)

    def prepare(
        self,
        request: Request,
        key: SubjectKey | None = None,
        *,
        label: str | None = None,
        validity: Validity | None = None,
        csr: Csr | None = None,
    ) -> Prepared:
        """Ask the gate for a request, and build and check its certificates; nothing is written.

        Args:
            request: one certificate is prepared for each usage asked for.
            key: to certify; without it and a CSR, a fresh key pair for each certificate.
            label: a name to find the certificates by.
            validity: dates in place of those that the profile's rows work out.
            csr: whose public key is certified, and which the certificate must answer.

        Raises:
            Refusal: with every reason of the gate.
            InputError: if the profile's rows forbid a value of the request, a date or the key,
                or the certificate would not be what the CSR asks for.
        """
        authorisation = self.authorise(request)
        prepared = self.prepare_authorised(
            authorisation, key, label=label, validity=validity, csr=csr
        )
        self._history.add(request, authorisation, request.count)
        return prepared

    def prepare_authorised(
        self,
        authorisation: Authorisation,
        key: SubjectKey | None = None,
        *,
        label: str | None = None,
        validity: Validity | None = None,
        csr: Csr | None = None,
    ) -> Prepared:
        """Build and check the certificates of a request that the gate consented to.

        The arguments and errors are those of ``prepare``. Whoever holds a key is checked here,
        and nowhere else.
        """
        request = authorisation.request
        profile = self._estate.library.profile(request.subject.profile)
        issuer = self.issuing(authorisation.environment, profile.hierarchy)
        given = SubjectKey(csr.public_key) if csr is not None else key
        parts: list[tuple[Unsigned, SubjectKey]] = []
        for usage in request.usages or (None,):
            certified = given or self.fresh_key(profile)
            unsigned = issuer[1].prepare(
                authorisation,
                usage,
                certified.public,
                entropy=self._estate.entropy,
                validity=validity,
            )
            if csr is not None:
                _check_against(csr, unsigned)
            parts.append((unsigned, certified))
        remarks = [remark for unsigned, _ in parts for remark in unsigned.warnings]
        warnings = (*authorisation.warnings, *self._remarks(issuer[0]), *remarks)
        return Prepared(authorisation, issuer, tuple(parts), label, tuple(dict.fromkeys(warnings)))

    def commit(
        self,
        prepared: Sequence[Prepared],
        action: str,
        body: Callable[[list[list[Certificate]]], dict[str, Any]],
    ) -> list[list[Record]]:
        """Sign what was prepared, with one audit entry for it all, and store it: all, or nothing.

        Args:
            prepared: each is committed once.
            action: of the audit entry.
            body: of the audit entry, from the certificates of each.

        Returns:
            The records of the certificates of each.

        Raises:
            ValueError: if one was committed before.
        """
        estate = self._estate
        with estate.transaction():
            signed = [one.sign() for one in prepared]
            number = estate.audit.append(estate.clock.now(), action, body(signed))
            stored = [
                [
                    self._store(certificate, key, one, number)
                    for certificate, (_, key) in zip(certificates, one.parts, strict=True)
                ]
                for one, certificates in zip(prepared, signed, strict=True)
            ]
        self._history.restart()
        return stored

    def issue(
        self,
        request: Request,
        key: SubjectKey | None = None,
        *,
        label: str | None = None,
        validity: Validity | None = None,
        csr: Csr | None = None,
    ) -> tuple[list[Record], tuple[str, ...]]:
        """Prepare and commit one request; a refusal is in the audit log, too.

        The arguments and errors are those of ``prepare``.

        Returns:
            The certificates, and what the participant should know all the same.
        """
        refused: Refusal | None = None
        with self._estate.transaction():
            try:
                one = self.prepare(request, key, label=label, validity=validity, csr=csr)
            except Refusal as refusal:
                refused = refusal
                self.audit_refusal("issue", request, refusal)
            else:
                (records,) = self.commit(
                    [one],
                    "issue",
                    lambda signed: {
                        **one.authorisation.as_json(),
                        "certificates": digests(signed[0]),
                    },
                )
        if refused is not None:
            raise refused
        return records, one.warnings

    def audit_refusal(self, action: str, request: Request, refusal: Refusal) -> None:
        """Note in the audit log that the gate refused a request, within a transaction."""
        body = {
            "granted": False,
            "request": request.as_json(),
            "reasons": [reason.as_json() for reason in refusal.reasons],
        }
        self._estate.audit.append(self._estate.clock.now(), action, body)

    def fresh_key(self, profile: Profile) -> SubjectKey:
        """A new key pair of the kind that a certificate type takes.

        Raises:
            InputError: for an RSA key from a seed.
        """
        return SubjectKey.of_private(private_keys.generate(profile.key_type, self._estate.entropy))

    def issuing(self, environment: Environment, hierarchy: Hierarchy) -> Authority:
        """The CA that issues in a hierarchy now.

        Raises:
            EstateError: if the estate was not made for that environment.
        """
        place = (environment.family, hierarchy)
        if place not in self._authorities:
            self._authorities[place] = self._estate.authorities.issuing(environment, hierarchy)
        return self._authorities[place]

    def _remarks(self, issuer: Record) -> tuple[str, ...]:
        """Warnings of a CA that is expired or revoked."""
        status = self._estate.status(issuer)
        if status is Status.EXPIRED:
            remedy = f"Renew it: smki-testca ca renew {issuer.label}"
        elif status is Status.REVOKED:
            remedy = "Make the next generation: smki-testca ca roll-over"
        else:
            return ()
        return (f"The CA {issuer.label} is {status.word}: nobody trusts what it signs. {remedy}",)

    def _store(
        self, certificate: Certificate, key: SubjectKey, prepared: Prepared, audit: int
    ) -> Record:
        if key.private is not None:
            self._estate.key_store.keep(key.private, secret=key.secret)
        authorisation = prepared.authorisation
        role = authorisation.request.role
        return self._estate.certificates.add(
            Record(
                serial=certificate.serial,
                der=certificate.der,
                profile=certificate.profile.name,
                hierarchy=certificate.profile.hierarchy,
                tier=certificate.profile.tier,
                family=authorisation.environment.family,
                environment=authorisation.environment.name,
                category=authorisation.category.name,
                participant=authorisation.participant.id,
                eui64=authorisation.request.subject.embedded_id,
                role=None if role is None else role.code,
                usage=names_of_usage(certificate.key_usage),
                label=prepared.label,
                key_id=key_id(certificate.public_key),
                issuer=prepared.issuer[0].serial,
                not_before=certificate.instant("notBefore"),
                not_after=certificate.instant("notAfter"),
                issued_at=certificate.issued_at,
                audit=audit,
            )
        )


def _check_against(csr: Csr, unsigned: Unsigned) -> None:
    """See that a certificate is what its CSR asks for, as its subscriber will (SEC L11.6)."""
    found = differences(csr.view, unsigned.view())
    if found:
        raise CsrFaultsError(
            tuple(
                Fault("csr.mismatch", f"In the certificate it asks for, {difference} from its own.")
                for difference in found
            )
        )
