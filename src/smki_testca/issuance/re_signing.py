"""Signs other people's certificates again under the estate's CAs: same subject, same key.

Each one passes the gate like any request. One that cannot be signed again is left out, with the
reason; on terms of all or nothing, none is signed then. CAs' certificates that were imported with
others, such as those in the file of a chain, are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from smki_testca.authority.filling import check_future
from smki_testca.errors import InputError, Refusal
from smki_testca.estate.status import LIVING
from smki_testca.issuance.issuance import Issuance, SubjectKey
from smki_testca.labels import as_label
from smki_testca.profiles.model import Identity
from smki_testca.profiles.subject import Subject
from smki_testca.register.whois import whois_subject
from smki_testca.x509.keys import load_public_key, public_key_octets
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from datetime import datetime

    from smki_testca.authority.filling import Validity
    from smki_testca.errors import SmkiTestcaError
    from smki_testca.estate.certificates import Record, Selection
    from smki_testca.estate.externals import ExternalRecord
    from smki_testca.estate.stores import Stores
    from smki_testca.profiles.model import Profile
    from smki_testca.register.requests import Request
    from smki_testca.x509.view import View


@dataclass(frozen=True, slots=True)
class ReSigningTerms:
    """The terms on which external certificates are signed again.

    Attributes:
        purpose: the Testing Service that the new certificates are for.
        participant: the holder; None for the participant that has the ID in the register.
        environment: the test environment; None for the estate's first.
        validity: dates in place of those that follow from the profiles' rows.
        with_defects: whether to sign certificates in which lint finds errors.
        again: whether to sign certificates once more that have a new one in use already.
        all_or_nothing: whether to sign none if one cannot be signed again.
    """

    purpose: str
    participant: str | None = None
    environment: str | None = None
    validity: Validity | None = None
    with_defects: bool = False
    again: bool = False
    all_or_nothing: bool = False


@dataclass(frozen=True, slots=True)
class ReSigned:
    """One external certificate, and the new one for its key and subject.

    Attributes:
        external: the external certificate.
        record: the new certificate, which the estate issued.
        warnings: one-line warnings for the holder.
    """

    external: ExternalRecord
    record: Record
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The new certificate's record, with the SHA-256 of the external one."""
        return {**self.record.as_json(), "external_sha256": self.external.sha256.hex()}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One external certificate that was not signed again.

    Attributes:
        external: the certificate.
        error: why it was left out.
    """

    external: ExternalRecord
    error: SmkiTestcaError

    def as_json(self) -> dict[str, Any]:
        """The external record, with the documented error or refusal."""
        return {**self.external.as_json(), **self.error.as_json()}


@dataclass(frozen=True, slots=True)
class ReSigning:
    """The outcome of signing a selection again.

    Attributes:
        re_signed: the certificates that were signed again.
        left_out: those that were not, with the reasons.
        passed_over: CAs' certificates that fit the selection beside those of end entities.
    """

    re_signed: tuple[ReSigned, ...]
    left_out: tuple[LeftOut, ...]
    passed_over: tuple[ExternalRecord, ...] = ()


class LeftOutError(InputError):
    """Raised on terms of all or nothing, if some certificates cannot be signed again.

    Attributes:
        left_out: those certificates, with the reasons.
    """

    def __init__(self, code: str, left_out: tuple[LeftOut, ...], count: int) -> None:
        first = left_out[0]
        super().__init__(
            code,
            f"Nothing was signed: {len(left_out)} of {count} cannot be, the first of them"
            f" {first.external.name}. {first.error.message}",
            "Narrow the selection, or leave --all-or-nothing out.",
        )
        self.left_out = left_out

    def as_json(self) -> dict[str, Any]:
        """The documented error, with every certificate that was left out."""
        error = super().as_json()["error"]
        return {"error": {**error, "left_out": [item.as_json() for item in self.left_out]}}


@dataclass(frozen=True, slots=True)
class _RequestWithKey:
    """The request for one certificate, and the key to certify."""

    view: View
    request: Request
    public_key: bytes


class ReSigner:
    """Signs external certificates of one estate again.

    Args:
        estate: the estate that has imported them.
        terms: for all of them.
    """

    def __init__(self, estate: Stores, terms: ReSigningTerms) -> None:
        self._estate = estate
        self._terms = terms
        self._issuance = Issuance(estate)

    def re_sign(self, selection: Selection) -> ReSigning:
        """Sign a selection again; see ``Estate.re_sign``."""
        now = self._estate.clock.now()
        validity = self._terms.validity
        if validity is not None and validity.not_after is not None:
            check_future(validity.not_after, now)
        self._check_names(now)
        try:
            return self._selected(selection, now)
        except LeftOutError as error:
            with self._estate.transaction():
                self._audit_refusals(error.left_out)
            raise

    def _check_names(self, now: datetime) -> None:
        """Ask the gate about the terms first: to lint many certificates takes long.

        The register may change meanwhile, so this gate decides on no request.
        """
        terms = self._terms
        reasons = Issuance(self._estate).gate.unknown_names(
            terms.participant, terms.purpose, terms.environment
        )
        if reasons:
            texts = [reason.as_json() for reason in reasons]
            body = {"granted": False, "purpose": terms.purpose, "count": 0, "reasons": texts}
            with self._estate.transaction():
                self._estate.audit.append(now, "re-sign", body)
            raise Refusal(tuple(reasons))

    def _selected(self, selection: Selection, now: datetime) -> ReSigning:
        externals = self._estate.externals
        records = externals.select(selection)
        if not records:
            raise InputError("selection.nothing", "No external certificate fits the selection.")
        # Without the write lock: to lint many takes long.
        errors = dict(
            zip((record.sha256 for record in records), externals.errors(records, now), strict=True)
        )
        with self._estate.transaction():
            # Again: another process may have signed one. What it imported was not linted.
            records = [record for record in externals.select(selection) if record.sha256 in errors]
            records, passed_over = self._parted(records, selection)
            outcome = replace(self._re_sign_each(records, errors, now), passed_over=passed_over)
            if outcome.left_out and self._terms.all_or_nothing:
                raise LeftOutError("re_sign.left_out", outcome.left_out, len(records))
            self._audit_refusals(outcome.left_out)
        return outcome

    def _parted(
        self, records: list[ExternalRecord], selection: Selection
    ) -> tuple[list[ExternalRecord], tuple[ExternalRecord, ...]]:
        """Part what was asked for from the CAs' certificates that came along.

        A selection of CAs alone, or by serial, asks for them: each is left out with the reason.
        """
        library = self._estate.library
        end_entities = {profile.name for profile in library.end_entity_profiles}
        authorities = set(library.profile_names) - end_entities
        selected = [record for record in records if record.profile not in authorities]
        if selection.serial is not None or not selected:
            return records, ()
        return selected, tuple(record for record in records if record.profile in authorities)

    def _re_sign_each(
        self, records: list[ExternalRecord], errors: dict[bytes, list[str]], now: datetime
    ) -> ReSigning:
        re_signed: list[ReSigned] = []
        left_out: list[LeftOut] = []
        for record in records:
            try:
                re_signed.append(self._re_sign(record, errors[record.sha256], now))
            except (InputError, Refusal) as error:
                left_out.append(LeftOut(record, error))
        return ReSigning(tuple(re_signed), tuple(left_out))

    def _re_sign(self, record: ExternalRecord, errors: list[str], now: datetime) -> ReSigned:
        """Sign one certificate again; nothing is changed if that fails."""
        self._check_allowed(record, errors)
        rebuilt = self._request_for(record)
        self._estate.externals.check_key(record)
        private = self._estate.externals.private_key(record)
        prepared = self._issuance.prepare(
            rebuilt.request,
            SubjectKey.of_public(rebuilt.public_key, private),
            # One of an earlier version may be blank.
            label=as_label(record.label),
            validity=self._terms.validity,
        )
        check_future(prepared.parts[0][0].instant("notAfter"), now)
        (new,) = self._issuance.commit_one(prepared, "re-sign", external=record.sha256.hex())
        self._estate.externals.note_re_signing(record, new.serial)
        differing = _differences(rebuilt.view, view_certificate(new.der))
        return ReSigned(record, new, tuple(dict.fromkeys((*prepared.warnings, *differing))))

    def _check_allowed(self, record: ExternalRecord, errors: list[str]) -> None:
        if not self._terms.again:
            for serial in record.re_signed:
                earlier = self._estate.by_serial(serial)
                if earlier is not None and self._estate.status(earlier) in LIVING:
                    raise InputError(
                        "re_sign.already",
                        f"It was already signed again, as {serial}.",
                        "Add --again to do it once more.",
                    )
        if errors and not self._terms.with_defects:
            raise InputError(
                "re_sign.defective",
                f"Lint finds errors in it: {', '.join(errors)}.",
                "Add --with-defects: the new certificate does not inherit them.",
            )

    def _request_for(self, record: ExternalRecord) -> _RequestWithKey:
        view = view_certificate(record.der)
        profile = self._estate.library.profile(record.profile)
        subject, usages = Subject.from_view(profile, view, self._estate.library.roles)
        if len(usages) > 1:
            raise InputError(
                "re_sign.usages",
                "It has several key usages; a certificate of the estate's own has one.",
                "Issue one for each: smki-testca issue",
            )
        key = load_public_key(view.octets("subjectPublicKeyInfo") or b"")
        if key is None:
            raise InputError(
                "re_sign.key",
                "Its public key is not a valid one on an elliptic curve or of RSA.",
                "Issue another with a new key: smki-testca issue",
            )
        request = self._estate.request(
            self._terms.participant or self._holder(profile, subject, view),
            self._terms.purpose,
            subject,
            usages,
            environment=self._terms.environment,
        )
        return _RequestWithKey(view, request, public_key_octets(key))

    def _holder(self, profile: Profile, subject: Subject, view: View) -> str:
        """The participant that holds the identifier in a certificate, by the register."""
        register, eui64 = self._issuance.gate.register, subject.embedded_id
        if eui64 is None:
            return whois_subject(register, view, profile).participant.id
        is_device = profile.embedded is Identity.DEVICE_ID
        holder = register.holder_of_device_id(eui64) if is_device else register.holder_of_id(eui64)
        if holder is None:
            raise InputError(
                "whois.nobody",
                f"Nobody in the register has its ID {eui64}.",
                "Say with --participant whose it is.",
            )
        return holder.id

    def _audit_refusals(self, left_out: tuple[LeftOut, ...]) -> None:
        """Record the gate's refusals in one audit entry, within the caller's transaction."""
        refused = [
            {
                "external": item.external.sha256.hex(),
                "reasons": [reason.as_json() for reason in item.error.reasons],
            }
            for item in left_out
            if isinstance(item.error, Refusal)
        ]
        if refused:
            body = {"granted": False, "purpose": self._terms.purpose, "refused": refused}
            self._estate.audit.append(self._estate.clock.now(), "re-sign", body)


def _differences(old: View, new: View) -> list[str]:
    """A warning for each field of the subject and key that has other octets than before."""
    compared = {
        "subject": "subject",
        "subjectPublicKeyInfo": "public key",
        "extensions.subjectKeyIdentifier": "subjectKeyIdentifier",
    }
    return [
        f"Its {name} is written in other octets than before."
        for path, name in compared.items()
        if old.octets(path) != new.octets(path)
    ]
