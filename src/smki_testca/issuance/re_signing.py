"""Signs other people's certificates again under the estate's own CAs: same subject, same key.

Each one passes the gate like any request. One that cannot be is left out, with the reason, or all
are: whichever was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.authority.filling import check_future
from smki_testca.errors import InputError, Refusal
from smki_testca.estate.certificates import Record, digests
from smki_testca.estate.status import LIVING
from smki_testca.issuance.issuance import Issuance, SubjectKey
from smki_testca.profiles.model import Identity
from smki_testca.profiles.subject import Subject
from smki_testca.register.whois import whois_subject
from smki_testca.x509 import private_keys
from smki_testca.x509.keys import load_public_key, public_key_octets
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from datetime import datetime

    from smki_testca.authority.filling import Validity
    from smki_testca.errors import RefusalReason, SmkiTestcaError
    from smki_testca.estate.certificates import Selection
    from smki_testca.estate.externals import ExternalRecord
    from smki_testca.estate.stores import Stores
    from smki_testca.profiles.model import Profile
    from smki_testca.register.requests import Request
    from smki_testca.x509.view import View


@dataclass(frozen=True, slots=True)
class ReSigningTerms:
    """On what terms external certificates are signed again.

    Attributes:
        purpose: the Testing Service that the new ones are for.
        participant: who is to hold them; None for whoever the register says holds the ID.
        environment: the test environment; None for the estate's first.
        validity: dates in place of those that the profiles' rows work out.
        with_defects: whether one that lint finds errors in is signed again, too.
        again: whether one that was signed again already, and is in use, is once more.
        all_or_nothing: whether one that cannot be signed again keeps all of them from it.
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
    """One external certificate, and the estate's own for its key and subject.

    Attributes:
        external: somebody else's.
        record: the estate's own.
        warnings: what its holder should know all the same.
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
        external: which.
        error: why.
    """

    external: ExternalRecord
    error: SmkiTestcaError

    def as_json(self) -> dict[str, Any]:
        """The external record, with the documented error or refusal."""
        return {**self.external.as_json(), **self.error.as_json()}


@dataclass(frozen=True, slots=True)
class ReSigning:
    """What came of signing a selection again."""

    re_signed: tuple[ReSigned, ...]
    left_out: tuple[LeftOut, ...]


class LeftOutError(InputError):
    """All were to be signed again or none, and some could not be."""

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
        """The documented error, with all that were left out."""
        error = super().as_json()["error"]
        return {"error": {**error, "left_out": [one.as_json() for one in self.left_out]}}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What to ask the gate for one certificate, and the key to certify."""

    view: View
    request: Request
    public_key: bytes


class ReSigner:
    """Signs external certificates of one estate again.

    Args:
        estate: that keeps them.
        terms: the same for all.
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
        try:
            return self._selected(selection, now)
        except LeftOutError as error:
            with self._estate.transaction():
                self._tell_refusals(error.left_out, now)
            raise

    def _selected(self, selection: Selection, now: datetime) -> ReSigning:
        with self._estate.transaction():
            records = self._estate.externals.select(selection)
            if not records:
                raise InputError("selection.nothing", "No external certificate fits the selection.")
            done = self._each(records, now)
            if done.left_out and self._terms.all_or_nothing:
                raise LeftOutError("re_sign.left_out", done.left_out, len(records))
            self._tell_refusals(done.left_out, now)
        return done

    def _each(self, records: list[ExternalRecord], now: datetime) -> ReSigning:
        re_signed: list[ReSigned] = []
        left_out: list[LeftOut] = []
        found = self._estate.externals.errors(records, now)
        for record, errors in zip(records, found, strict=True):
            try:
                re_signed.append(self._one(record, errors, now))
            except (InputError, Refusal) as error:
                left_out.append(LeftOut(record, error))
        return ReSigning(tuple(re_signed), tuple(left_out))

    def _one(self, record: ExternalRecord, errors: list[str], now: datetime) -> ReSigned:
        """Sign one again; nothing is changed where that cannot be."""
        self._check_wanted(record, errors)
        asked = self._asked(record)
        private = self._estate.externals.private_key(record)
        key = SubjectKey(
            asked.public_key, None if private is None else private_keys.from_pkcs8(private)
        )
        prepared = self._issuance.prepare(
            asked.request, key, label=record.label, validity=self._terms.validity
        )
        check_future(prepared.parts[0][0].instant("notAfter"), now)
        ((kept,),) = self._issuance.commit(
            [prepared],
            "re-sign",
            lambda signed: {
                **prepared.authorisation.as_json(),
                "certificates": digests(signed[0]),
                "external": record.sha256.hex(),
            },
        )
        self._estate.externals.note_re_signing(record, kept.serial)
        differing = _differences(asked.view, view_certificate(kept.der))
        return ReSigned(record, kept, tuple(dict.fromkeys((*prepared.warnings, *differing))))

    def _check_wanted(self, record: ExternalRecord, errors: list[str]) -> None:
        if not self._terms.again:
            for serial in record.re_signed:
                own = self._estate.by_serial(serial)
                if own is not None and self._estate.status(own) in LIVING:
                    raise InputError(
                        "re_sign.already",
                        f"It was signed again already, as {serial}.",
                        "Add --again to do it once more.",
                    )
        if errors and not self._terms.with_defects:
            raise InputError(
                "re_sign.defective",
                f"Lint finds errors in it: {', '.join(errors)}.",
                "Add --with-defects: the new certificate does not inherit them.",
            )

    def _asked(self, record: ExternalRecord) -> _Asked:
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
                "Its public key is no sound one on an elliptic curve or of RSA.",
                "Issue another with a new key: smki-testca issue",
            )
        request = self._estate.request(
            self._terms.participant or self._holder(profile, subject, view),
            self._terms.purpose,
            subject,
            usages,
            environment=self._terms.environment,
        )
        return _Asked(view, request, public_key_octets(key))

    def _holder(self, profile: Profile, subject: Subject, view: View) -> str:
        """The participant that holds the identifier in a certificate, by the register."""
        register, eui64 = self._issuance.gate.register, subject.embedded_id
        if eui64 is None:
            return whois_subject(register, view, profile).participant.id
        is_device = profile.identity is Identity.DEVICE_ID
        found = register.holder_of_device_id(eui64) if is_device else register.holder_of_id(eui64)
        if found is None:
            raise InputError(
                "whois.nobody",
                f"Nobody in the register has its ID {eui64}.",
                "Say whose it is to be with --participant.",
            )
        return found.id

    def _tell_refusals(self, left_out: tuple[LeftOut, ...], now: datetime) -> None:
        """Keep what the gate refused, within a transaction: one entry for them all."""
        refused = [
            {"external": one.external.sha256.hex(), "reasons": _reasons(one.error)}
            for one in left_out
            if isinstance(one.error, Refusal)
        ]
        if refused:
            told = {"granted": False, "purpose": self._terms.purpose, "refused": refused}
            self._estate.audit.append(now, "re-sign", told)


def _reasons(refusal: Refusal) -> list[dict[str, str]]:
    reasons: tuple[RefusalReason, ...] = refusal.reasons
    return [one.as_json() for one in reasons]


def _differences(old: View, new: View) -> list[str]:
    """Where the new certificate is not for the same subject and key, octet for octet."""
    compared = {
        "subject": "subject",
        "subjectPublicKeyInfo": "public key",
        "extensions.subjectKeyIdentifier": "subjectKeyIdentifier",
    }
    return [
        f"Its {what} is written in other octets than before."
        for path, what in compared.items()
        if old.octets(path) != new.octets(path)
    ]


__all__ = ["LeftOut", "LeftOutError", "ReSigned", "ReSigner", "ReSigning", "ReSigningTerms"]
