"""Renews certificates: the same subject and usage, a new serial and dates, the same or a new key.

A whole selection is renewed in one transaction, or none of it. The gate is asked again for every
certificate as of now, because an agreement may have ended since.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from smki_testca.authority.filling import check_future
from smki_testca.errors import InputError, Refusal
from smki_testca.estate.certificates import Record, Selection, digests, values_of
from smki_testca.estate.key_holders import participant_holder
from smki_testca.estate.status import LIVING, Status
from smki_testca.estate.stores import roll_over_command
from smki_testca.issuance.issuance import Issuance, SubjectKey
from smki_testca.issuance.purposes import Purposes
from smki_testca.profiles.model import Tier
from smki_testca.profiles.subject import Subject
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from smki_testca.authority.certificates import Certificate
    from smki_testca.authority.filling import Validity
    from smki_testca.errors import RefusalReason
    from smki_testca.estate.stores import Stores
    from smki_testca.identifiers import SerialNumber
    from smki_testca.issuance.issuance import Prepared
    from smki_testca.register.gate import Authorisation
    from smki_testca.register.requests import Request

MAX_COUNT = 100_000
"""The most certificates renewed at once."""
LISTED = 1_000
"""The most certificates and reasons of a refused renewal that the audit log lists."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """One certificate renewed.

    Attributes:
        predecessor: the certificate that was renewed; it is not in use any more.
        record: the new certificate.
        warnings: one-line warnings for the participant.
    """

    predecessor: Record
    record: Record
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The new certificate's record, with the serial of its predecessor."""
        return {**self.record.as_json(), "predecessor": str(self.predecessor.serial)}


class Renewer:
    """Renews certificates of one estate.

    Args:
        estate: the estate that issued them.
    """

    def __init__(self, estate: Stores) -> None:
        self._estate = estate
        self._issuance = Issuance(estate)
        self._purposes = Purposes(estate)

    def renew(
        self,
        selection: Selection,
        *,
        same_key: bool,
        validity: Validity | None,
        purpose: str | None,
    ) -> list[Renewal]:
        """Renew a selection, or nothing of it; see ``Estate.renew``."""
        return self.renew_each(
            self._selected(selection), same_key=same_key, validity=validity, purpose=purpose
        )

    def renew_each(
        self,
        records: list[Record],
        *,
        same_key: bool = False,
        validity: Validity | None = None,
        purpose: str | None = None,
    ) -> list[Renewal]:
        """Renew some certificates, or none of them; the other arguments are ``Estate.renew``'s.

        Raises:
            Refusal: with every reason of the gate against any of them.
            InputError: if one cannot be renewed, or a date cannot be used.
        """
        now = self._estate.clock.now()
        if validity is not None and validity.not_after is not None:
            check_future(validity.not_after, now)
        with self._estate.transaction():
            for record in records:  # again: another process may have been quicker
                obstacle = self._obstacle(record)
                if obstacle is not None:
                    raise obstacle
            authorisations, reasons = self._decide(records, purpose)
            if reasons:
                refused = _refused(records, reasons)
                self._estate.audit.append(self._estate.clock.now(), "renew", refused)
            else:
                renewals = self._renew(records, authorisations, validity, now, same_key=same_key)
        if reasons:
            raise Refusal(tuple(reasons))
        return renewals

    # The choice of certificates.

    def _selected(self, selection: Selection) -> list[Record]:
        """The certificate with a serial number, or those of a wider selection that are current."""
        fitting = list(self._estate.select(selection))
        if not fitting:
            raise self._nothing_selected(selection)
        if selection.serial is not None:
            return fitting
        retired_too = selection.status is not None
        records = [
            record
            for record in fitting
            if is_current(self._estate, record, retired_too=retired_too)
        ]
        if not records:
            # What is due at a time is asked again and again: that nothing is due has no reason.
            is_named = selection.label is not None or len(fitting) == 1
            named = fitting if is_named and selection.expires_before is None else ()
            raise next(filter(None, map(self._obstacle, named)), None) or InputError(
                "selection.nothing",
                "Nothing is due: what fits the selection is a CA's, revoked, renewed already or not"
                " in use.",
                "For the reason, name one with --serial; --status not-in-use renews what is not in"
                " use.",
            )
        if len(records) > MAX_COUNT:
            raise InputError(
                "renew.too_many",
                f"{len(records)} certificates fit the selection; at most {MAX_COUNT} are renewed at"
                " once.",
                "Narrow the selection.",
            )
        return records

    def _nothing_selected(self, selection: Selection) -> InputError:
        """The error if no certificate fits a selection."""
        serials = values_of(selection.serial)
        if serials is not None:
            named = list(self._estate.select(Selection(serial=serials)))
            if not named:
                listed = " or ".join(map(str, serials))
                return InputError("certificate.unknown", f"The estate has no certificate {listed}.")
            for record in named:
                if not selection.allows(participant=record.participant):
                    return _not_own(record, selection)
        return InputError("selection.nothing", "No certificate fits the selection.")

    def _obstacle(self, record: Record) -> InputError | None:
        """The error if a certificate cannot be renewed; None if it can."""
        if record.tier is not Tier.END_ENTITY:
            return InputError(
                "renew.authority",
                f"Certificate {record.serial} is that of the CA {record.label}.",
                f"Renew the CA: smki-testca ca renew {record.serial}",
            )
        return _obstacle(self._estate, record)

    # The gate.

    def _decide(
        self, records: list[Record], purpose: str | None
    ) -> tuple[list[Authorisation], list[RefusalReason]]:
        """Ask the gate about each certificate; gives the authorisations, and every reason once."""
        authorisations: list[Authorisation] = []
        reasons: dict[RefusalReason, None] = {}
        for record in records:
            request = self._request(record, purpose)
            try:
                authorisation = self._issuance.authorise(request)
            except Refusal as refusal:
                reasons |= dict.fromkeys(refusal.reasons)
            else:
                self._issuance.count(request, authorisation)
                authorisations.append(authorisation)
        return authorisations, list(reasons)

    def _request(self, record: Record, purpose: str | None) -> Request:
        library = self._estate.library
        profile = library.profile(record.profile)
        view = view_certificate(record.der)
        subject, usages = Subject.from_view(profile, view, library.roles)
        return self._estate.request(
            record.participant or "",
            self._purposes.of(record) if purpose is None else purpose,
            subject,
            usages,
            environment=record.environment,
        )

    # Issuing.

    def _renew(
        self,
        records: list[Record],
        authorisations: list[Authorisation],
        validity: Validity | None,
        now: datetime,
        *,
        same_key: bool,
    ) -> list[Renewal]:
        subject_keys = self._subject_keys(records, same_key=same_key)
        prepared = []
        for record, authorisation, key in zip(records, authorisations, subject_keys, strict=True):
            renewal = self._issuance.prepare_authorised(
                authorisation,
                key,
                label=record.label,
                validity=validity,
                columns=record.columns,
            )
            check_future(renewal.parts[0][0].instant("notAfter"), now)
            prepared.append(renewal)

        def body(signed: list[list[Certificate]]) -> dict[str, Any]:
            entries = [
                _entry(record, renewal, certificate)
                for record, renewal, (certificate,) in zip(records, prepared, signed, strict=True)
            ]
            return {"granted": True, "same_key": same_key, "certificates": entries}

        renewals = []
        successors = self._issuance.commit(prepared, "renew", body)
        for record, renewal, (successor,) in zip(records, prepared, successors, strict=True):
            supersede(self._estate, record, successor, now, successor.audit)
            renewals.append(Renewal(record, successor, renewal.warnings))
        return renewals

    def _subject_keys(self, records: list[Record], *, same_key: bool) -> list[SubjectKey]:
        """The keys to certify, in the order of the records."""
        of_runs = self._estate.run_certificates.private_keys(records)
        in_tokens = self._estate.key_store.in_tokens
        keys = []
        for record in records:
            if same_key:
                public = view_certificate(record.der).octets("subjectPublicKeyInfo") or b""
                private = of_runs.get(record.serial)
                key = SubjectKey.of_public(public, private, secret=record.keys_secret)
                keys.append(replace(key, in_token=in_tokens.uri(record.key_id)))
            elif (uri := in_tokens.uri(record.key_id)) is not None:
                profile = self._estate.library.profile(record.profile)
                holder = record.participant or ""
                keys.append(
                    self._issuance.key_in_token(uri.token_only, profile, holder, record.label)
                )
            elif self._has_key(record, of_runs):
                keys.append(self._issuance.fresh_key(self._estate.library.profile(record.profile)))
            else:
                raise InputError(
                    "renew.no_key",
                    f"The private key of certificate {record.serial} is not in the estate: a new"
                    " one would be of no use to its holder.",
                    "Keep the key with --same-key, or sign a new CSR: smki-testca sign FILE",
                )
        return keys

    def _has_key(self, record: Record, of_runs: dict[SerialNumber, bytes]) -> bool:
        """Whether the estate has a certificate's private key."""
        if record.place is None:
            holder = participant_holder(record.participant or "")
            return self._estate.key_store.has(record.key_id, holder)
        return record.serial in of_runs


def supersede(
    estate: Stores, predecessor: Record, successor: Record, at: datetime, audit: int
) -> None:
    """Record that a certificate renews another, within the transaction that issues it.

    Args:
        estate: the estate that issued them.
        predecessor: becomes not in use.
        successor: stored before.
        at: when the predecessor becomes not in use, UTC.
        audit: the number of the audit entry.
    """
    estate.renewal_links.add([(predecessor.serial, successor.serial)], audit)
    note = f"renewed as {successor.serial}"
    estate.statuses.change([predecessor.serial], Status.NOT_IN_USE, at, note, audit)


def is_current(estate: Stores, record: Record, *, retired_too: bool = False) -> bool:
    """Whether a certificate is one to renew.

    It is an end entity's, was not renewed before, and is pending or in use, or was when it ran out.

    Args:
        estate: the estate that issued it.
        record: the certificate.
        retired_too: whether one that is not in use counts, too.
    """
    if record.tier is not Tier.END_ENTITY or estate.renewal_links.successors(record.serial):
        return False
    status = estate.status(record)
    if status is Status.REVOKED:
        return False
    return retired_too or not is_retired(estate, record, status)


def is_retired(estate: Stores, record: Record, status: Status) -> bool:
    """Whether a certificate of that status is not in use, or was not when it ran out."""
    if status is Status.EXPIRED:
        history = (change.status for change in estate.history(record))
        status = [earlier for earlier in history if earlier.settable][-1]
    return status is Status.NOT_IN_USE


def check_renewable_authority(estate: Stores, record: Record) -> None:
    """Check that a CA's certificate may be renewed.

    Raises:
        InputError: if it is revoked, or was renewed before.
    """
    obstacle = _obstacle(estate, record)
    if obstacle is not None:
        raise obstacle


def _obstacle(estate: Stores, record: Record) -> InputError | None:
    """The error if a certificate, also a CA's, cannot be renewed; None if it can."""
    if estate.status(record) is Status.REVOKED:
        return InputError(
            "renew.revoked",
            f"Certificate {record.serial} is revoked.",
            "Issue another with a new key."
            if record.tier is Tier.END_ENTITY
            else f"Make the next generation: {roll_over_command(record)}",
        )
    renewal = _current_renewal(estate, record.serial)
    if renewal is not None:
        return InputError(
            "renew.already",
            f"Certificate {record.serial} was already renewed, as {renewal.serial}.",
            f"Renew that one, if need be: {renewal.serial}",
        )
    return None


def _current_renewal(estate: Stores, serial: SerialNumber) -> Record | None:
    """The renewal of a certificate, or a renewal of that, that is pending or in use."""
    for successor in estate.renewal_links.successors(serial):
        record = estate.by_serial(successor)
        if record is not None and estate.status(record) in LIVING:
            return record
        later = _current_renewal(estate, successor)
        if later is not None:
            return later
    return None


def _entry(predecessor: Record, prepared: Prepared, certificate: Certificate) -> dict[str, str]:
    """A renewed certificate for the audit log."""
    (digest,) = digests([certificate])
    return {
        **digest,
        "predecessor": str(predecessor.serial),
        "purpose": prepared.authorisation.request.purpose,
        "agreement": prepared.authorisation.agreement,
    }


def _not_own(record: Record, selection: Selection) -> InputError:
    whose = "a CA's" if record.participant is None else f"{record.participant}'s"
    owners = " or ".join(f"{name}'s" for name in values_of(selection.participant) or ())
    return InputError(
        "renew.not_own",
        f"Certificate {record.serial} is {whose}, not {owners}.",
        "Only the participant's own certificates are renewed.",
    )


def _refused(records: Iterable[Record], reasons: list[RefusalReason]) -> dict[str, Any]:
    """A refused renewal for the audit log."""
    serials = [str(record.serial) for record in records]
    return {
        "granted": False,
        "count": len(serials),
        "serials": serials[:LISTED],
        "reasons": [reason.as_json() for reason in reasons[:LISTED]],
    }
