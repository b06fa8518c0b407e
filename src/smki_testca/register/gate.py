"""The gate: decides whether a Testing Participant may have the Test Certificate it asks for.

``authorise`` returns an ``Authorisation``, without which nothing is issued, or raises a
``Refusal`` with every reason at once. ``docs/refusals.md`` lists the rules.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from smki_testca.errors import InputError, Refusal, RefusalReason
from smki_testca.identifiers import IdRange
from smki_testca.profiles.model import Constant, Identity, ParticipantKind
from smki_testca.profiles.subject import Subject
from smki_testca.register.requests import Delivery, Request
from smki_testca.register.rules import BINDING
from smki_testca.roles import KeyUsage
from smki_testca.text import counted, shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import date, datetime

    from smki_testca.identifiers import Eui64, Signifier
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Category, Environment
    from smki_testca.register.agreements import Agreement
    from smki_testca.register.participants import Participant
    from smki_testca.register.register import Register
    from smki_testca.roles import RemotePartyRole, UserRole


class History(Protocol):
    """Counts earlier certificates, for quotas."""

    def issued_for_device(self, device_id: Eui64) -> int:
        """Device Certificates issued under a Device ID."""
        ...

    def most_issued_for_devices(self, first: Eui64, last: Eui64) -> int:
        """The most Device Certificates issued under any one Device ID of a range."""
        ...

    def issued_in_category(self, participant: str, category: str) -> int:
        """Certificates of a category issued to a participant."""
        ...


_TOKEN = object()


@dataclass(frozen=True, slots=True)
class Authorisation:
    """The gate's consent to one request; only the gate makes one.

    Attributes:
        request: what was authorised.
        participant: as registered at the time of the decision.
        category: the category of Test Certificates that the request falls into.
        agreement: the reference of the agreement that covers it.
        environment: of the certificates.
        at: when the gate decided, UTC.
        warnings: lines that the participant should read.
        experimental: whether the profile weakens a rule, as the environment allows.
    """

    request: Request
    participant: Participant
    category: Category
    agreement: str
    environment: Environment
    at: datetime
    warnings: tuple[str, ...]
    token: InitVar[object]
    experimental: bool = False

    def __post_init__(self, token: object) -> None:
        if token is not _TOKEN:
            raise TypeError("only the gate makes an Authorisation")

    def as_json(self) -> dict[str, Any]:
        """The authorisation as ``check --json`` prints it and the audit log records it."""
        return {
            "granted": True,
            "request": self.request.as_json(),
            "category": self.category.name,
            "agreement": self.agreement,
            "environment": self.environment.name,
            "warnings": list(self.warnings),
            **({"experimental": True} if self.experimental else {}),
        }


@dataclass(frozen=True, slots=True)
class Gate:
    """Decides on requests.

    Attributes:
        library: the categories, roles, environments and Testing Services.
        register: its current state.
        history: counts of earlier certificates.
    """

    library: Library
    register: Register
    history: History

    def authorise(self, request: Request, at: datetime) -> Authorisation:
        """Decide on a request at an instant.

        The authorisation is of the request as it was judged.

        Raises:
            Refusal: with every reason against it.
            InputError: as ``judged``.
        """
        request = self.judged(request)
        reasons = list(self._purpose_reasons(request.purpose))
        participant = self.register.participants.get(request.participant)
        category = self._category(request, participant)
        environment = self.library.environments.get(request.environment)
        reasons += self._live_reasons(request, environment)
        reasons += self._environment_reasons(request.environment)
        if category is None:
            reasons.append(
                RefusalReason(
                    "category.none",
                    "R6",
                    f"No category of Test Certificates holds a {request.subject.profile}"
                    f" certificate{f' of role {request.role.name}' if request.role else ''}.",
                    "See: smki-testca profiles list",
                )
            )
        else:
            reasons += _category_reasons(request, category, participant, environment)
        if participant is None:
            reasons += self._participant_reasons(request.participant)
            raise Refusal(_without_echoes(reasons))
        reasons += self._dcc_reasons(participant)
        reasons += self._identity_reasons(request, participant)
        if category is not None:
            reasons += self._quota_reasons(request, participant, category)
        agreement, agreement_reasons = self._agreement(request, participant, category, at.date())
        reasons += agreement_reasons
        if reasons or category is None or environment is None or agreement is None:
            raise Refusal(_without_echoes(reasons))
        return Authorisation(
            request,
            participant,
            category,
            agreement.reference,
            environment,
            at,
            self.warnings(request, participant, environment),
            _TOKEN,
            bool(self.library.weaknesses(self.library.profile(request.subject.profile))),
        )

    def judged(self, request: Request) -> Request:
        """A request that a program may have made by hand, by the library's types and own roles.

        Raises:
            InputError: if an input is missing, of another class, or not one of the profile's.
        """
        profile = self.library.profile(request.subject.profile)
        texts = (request.participant, request.purpose, request.environment, request.policy or "")
        usages = tuple(request.usages)
        # Sets of types, which take half the time of a loop: a batch asks for each row.
        if set(map(type, texts)) != {str} or not {KeyUsage}.issuperset(map(type, usages)):
            raise InputError(
                "request.input",
                "The participant, purpose, environment and policy of a request are text, and its"
                " usages key usages.",
                "Make the request with Estate.request.",
            )
        participant, purpose, environment, _ = texts
        subject = Subject.judged(profile, request.subject, self.library.roles)
        delivery = Delivery(request.delivery)
        return Request(
            participant, purpose, environment, subject, usages, delivery, texts[3] or None
        )

    def authorise_range(self, request: Request, last: Eui64, at: datetime) -> Authorisation:
        """Decide once on Device Certificates for all IDs from the request's to the last.

        Raises:
            Refusal: with every reason against any of them.
            InputError: as ``judged``.
        """
        request = self.judged(request)
        reasons: list[RefusalReason] = []
        authorisation: Authorisation | None = None
        try:
            authorisation = self.authorise(request, at)
        except Refusal as refusal:
            reasons += refusal.reasons
        participant = self.register.participants.get(request.participant)
        first = request.subject.embedded_id
        if participant is not None and first is not None:
            reasons += self._range_reasons(request, first, last, participant)
        if reasons or authorisation is None:
            by_code = {reason.code: reason for reason in reversed(reasons)}
            raise Refusal(_without_echoes(list(by_code.values())))
        ids = IdRange(first or last, last)
        of_range = self._entry_warnings(ids, authorisation.participant)
        warnings = tuple(dict.fromkeys((*authorisation.warnings, *of_range)))
        return replace(authorisation, warnings=warnings, token=_TOKEN)

    def warnings(
        self, request: Request, participant: Participant, environment: Environment
    ) -> tuple[str, ...]:
        """The warnings to the participant, though the gate grants its request.

        A warning about a Registry Entry does not name the ID, so that it is the same for all IDs
        under the entry.
        """
        warnings = list(_usage_warnings(request))
        embedded = self.library.profile(request.subject.profile).embedded
        eui64 = request.subject.embedded_id
        if embedded is Identity.USER_ID and eui64 is not None:
            warnings += self._look_alike_warnings(eui64, environment)
            warnings += _id_warnings(eui64, participant)
        elif (
            embedded is Identity.DEVICE_ID and eui64 is not None and not _is_own(eui64, participant)
        ):
            warnings += self._entry_warnings(IdRange(eui64, eui64), participant)
        return tuple(warnings)

    def _look_alike_warnings(self, eui64: Eui64, environment: Environment) -> Iterator[str]:
        """The warning of an ID under a Registry Entry that is for other environments (R10)."""
        under = [known for known in self.library.sec_registry_entries if eui64 in known.entry]
        if under and not any(known.is_for(environment) for known in under):
            known = under[0]
            yield (
                f"The ID lies under {known.entry}, {known.title}: right in"
                f" {', '.join(known.environments)} only, and not in {environment.name}"
                f" ({known.basis}; R10)."
            )

    def _entry_warnings(self, ids: IdRange, participant: Participant) -> Iterator[str]:
        """A warning for each Registry Entry of another in which Device IDs lie (R24)."""
        for holder, entry in self.register.device_entries_of_others(ids, participant):
            yield (
                f"{participant.id} asks for Device IDs in the Registry Entry {entry}, which is"
                f" {holder.id}'s (R24)."
            )

    def admit(self, request: Request, authorisation: Authorisation) -> Request:
        """Check the identifier and the quota of one more request like an authorised one.

        Returns:
            The request as it was judged.

        Raises:
            Refusal: with every reason against it.
            InputError: as ``judged``.
        """
        request = self.judged(request)
        participant, category = authorisation.participant, authorisation.category
        reasons = list(self._identity_reasons(request, participant))
        reasons += self._quota_reasons(request, participant, category)
        if reasons:
            raise Refusal(tuple(reasons))
        return request

    def admit_range(self, authorisation: Authorisation, count: int) -> None:
        """Check that the quota of the category allows so many certificates of a range.

        Raises:
            Refusal: if it does not.
        """
        reasons = list(
            self._category_quota(authorisation.participant, authorisation.category, count)
        )
        if reasons:
            raise Refusal(tuple(reasons))

    def exceeds_device_quota(
        self, authorisations: Iterable[Authorisation], device_ids: Iterable[Eui64]
    ) -> bool:
        """Whether one of some Device IDs has more certificates than a quota allows (R21)."""
        quotas = (each.category.quota.per_device_id for each in authorisations)
        quota = min((quota for quota in quotas if quota is not None), default=None)
        return quota is not None and any(
            self.history.issued_for_device(device_id) > quota for device_id in device_ids
        )

    def _range_reasons(
        self, request: Request, first: Eui64, last: Eui64, participant: Participant
    ) -> Iterator[RefusalReason]:
        id_range = IdRange(first, last)
        yield from self._exclusive_reasons(id_range, participant)
        yield from self._device_id_reasons(last, participant)
        for central in self.register.central:
            if id_range.overlaps(central.range):
                yield RefusalReason(
                    "device_id.in_sec_registry_entry",
                    "R11",
                    f"The range {id_range} overlaps the SEC Registry Entry {central}, which is"
                    " never for Devices.",
                    "Use IDs under the manufacturer's own Registry Entry.",
                )
        for exceptional in self.register.exceptional:
            if id_range.overlaps(exceptional):
                yield RefusalReason(
                    "device_id.in_organisation_range",
                    "R11",
                    f"The range {id_range} overlaps {exceptional}, which an organisation has.",
                    "Use IDs outside the ranges of organisations.",
                )
        within = any(first in entry and last in entry for entry in participant.registry_entries)
        if participant.registry_entries and not within:
            yield RefusalReason(
                "device_id.outside_own_registry_entry",
                "R11",
                f"The range {id_range} does not lie within one of {participant.id}'s own Registry"
                " Entries.",
                "Shorten the range, or ask for two.",
            )
        category = self._category(request, participant)
        quota = None if category is None else category.quota.per_device_id
        if quota is not None:
            issued = self.history.most_issued_for_devices(first, last)
            if issued + request.count > quota:
                yield RefusalReason(
                    "device_id.issuance_anomaly",
                    "R21",
                    f"Up to {issued} Device Certificates are issued under one ID of the range"
                    f" already; with {request.count} more there would be over {quota}.",
                    "Use other Device IDs, or raise the quota of the category.",
                )

    def _category(self, request: Request, participant: Participant | None) -> Category | None:
        """The first category that holds the request and is open to the participant's kind there.

        Where none is open, the nearest one gives the reasons.
        """

        def openness(category: Category) -> int:
            is_open_to_kind = participant is not None and participant.kind in category.participants
            return is_open_to_kind + (request.environment in category.environments)

        holding = [
            category
            for category in self.library.categories
            if category.holds(request.subject.profile, request.role)
        ]
        return max(holding, key=openness, default=None)

    def unknown_names(
        self, participant: str | None, purpose: str, environment: str | None
    ) -> list[RefusalReason]:
        """The reasons against the names that many requests share: none if there are such things.

        Args:
            participant: None where each request has its own.
            purpose: the Testing Service.
            environment: None for the default.
        """
        reasons = list(self._purpose_reasons(purpose))
        if environment is not None:
            reasons += self._environment_reasons(environment)
        if participant is not None:
            reasons += self._participant_reasons(participant)
        return reasons

    def _environment_reasons(self, environment: str) -> Iterator[RefusalReason]:
        if environment not in self.library.environments:
            yield RefusalReason(
                "environment.unknown",
                "R6",
                f"There is no test environment {shown(environment)}.",
                use_one_of(self.library.environments, given=environment),
            )

    def _participant_reasons(self, participant: str) -> Iterator[RefusalReason]:
        if participant not in self.register.participants:
            known = use_one_of(self.register.participants, given=participant)
            yield RefusalReason(
                "participant.unknown",
                "R1",
                f"The register has no Testing Participant {shown(participant)}.",
                f"{known} Register another first: smki-testca register import FILE".lstrip(),
            )

    def _purpose_reasons(self, purpose: str) -> Iterator[RefusalReason]:
        if purpose not in self.library.testing_services:
            yield RefusalReason(
                "purpose.not_a_testing_service",
                "R3",
                f"There is no Testing Service {shown(purpose)}.",
                use_one_of(self.library.testing_services, given=purpose),
            )

    def _live_reasons(
        self, request: Request, environment: Environment | None
    ) -> Iterator[RefusalReason]:
        live = self.library.live
        if request.environment.lower() in {name.lower() for name in live.environments}:
            yield RefusalReason(
                "live.environment",
                "R20",
                f"{request.environment} is not a test environment.",
                "Test Certificates are for test environments only.",
            )
        if environment is None:
            return
        profile = self.library.profile(request.subject.profile)
        allowed = environment.policies[profile.hierarchy].allowed
        policies = dict.fromkeys((profile.policy(environment), request.policy))
        for policy in policies:
            if policy is not None and (policy in live.policies or policy not in allowed):
                yield RefusalReason(
                    "live.policy",
                    "R20",
                    f"The certificate would carry the policy {policy}, which is not a test"
                    f" policy of {environment.name}: it could pass for live.",
                    "Allow the policy for the environment in environments.toml, if it is a test"
                    " one.",
                )
        weaknesses = self.library.weaknesses(profile)
        if weaknesses and not environment.experimental:
            yield RefusalReason(
                "profile.weakened",
                "R20",
                f"The profile {profile.name} {weaknesses[0]}: its certificates could pass for"
                " others.",
                f"Restore the rule, or set experimental = true for {environment.name} in"
                " environments.toml; then the certificates are marked.",
            )
        for name in environment.names_of_cas(profile.hierarchy):
            if live.names_ca(name):
                yield live_name_reason(name)

    def _dcc_reasons(self, participant: Participant) -> Iterator[RefusalReason]:
        """The reason against whoever is registered as the DCC beside another (R23)."""
        dccs = self.register.dccs
        if participant.id in dccs and len(dccs) > 1:
            yield RefusalReason(
                "participant.dcc",
                "R23",
                f"The register has {len(dccs)} participants of kind dcc: {', '.join(dccs)}. There"
                " is one DCC.",
                "Keep one: correct the kind of the others, or remove them. See: smki-testca"
                " register --help",
            )

    def _identity_reasons(
        self, request: Request, participant: Participant
    ) -> Iterator[RefusalReason]:
        subject = request.subject
        profile = self.library.profile(subject.profile)
        # By the ID that the certificate embeds: a file could state another identity.
        identity, embedded = profile.identity, profile.embedded
        eui64, role, signifier = subject.embedded_id, self.role(request), subject.stated_signifier
        if embedded is Identity.USER_ID and eui64 is not None:
            yield from self._id_reasons(eui64, role, participant)
        elif role is not None:
            yield from _role_reasons(role, participant)
        if embedded is Identity.DEVICE_ID and eui64 is not None:
            yield from self._device_id_reasons(eui64, participant)
        if identity is Identity.SIGNIFIER or signifier is not None:
            yield from _signifier_reasons(signifier, participant)
        yield from self._written_signifier_reasons(request, participant)

    def _written_signifier_reasons(
        self, request: Request, participant: Participant
    ) -> Iterator[RefusalReason]:
        """The reason against a text of an operator's type that is another's Signifier (R8)."""
        texts = {
            fill.value if isinstance(fill, Constant) else request.subject.inputs.get(fill.name)
            for fill in self.library.profile(request.subject.profile).free_texts
        }
        if not texts:
            return
        for other in self.register.participants.values():
            signifier = other.signifier
            if signifier is None or other.id == participant.id or signifier.text not in texts:
                continue
            yield RefusalReason(
                "signifier.not_own",
                "R8",
                f"The subject would hold the Signifier {shown(signifier.text)}, which is"
                f" {other.id}'s and not {participant.id}'s.",
                "Leave it out, or write another text.",
            )

    def role(self, request: Request) -> RemotePartyRole | None:
        """The RemotePartyRole that the certificate would carry, held by whom the library says.

        A certificate type of an operator's may write it as a constant, or take it as text.
        """
        roles = self.library.roles
        if request.role is not None:
            return request.role
        profile = self.library.profile(request.subject.profile)
        for row in profile.filling_rows:
            fill = row.fill
            if row.field.path != profile.role_field or fill is None:
                continue
            stated = request.subject.inputs
            text = fill.value if isinstance(fill, Constant) else stated.get(fill.name)
            return roles.by_text(str(text))
        return None

    def _id_reasons(
        self, eui64: Eui64, role: RemotePartyRole | None, participant: Participant
    ) -> Iterator[RefusalReason]:
        in_range = any(eui64 in organisation.range for organisation in participant.ranges)
        if not in_range:
            owner = self.register.holder_of_range(eui64)
            whose = f"in the range of {owner.id}" if owner else "outside its range"
            yield RefusalReason(
                "id.outside_range",
                "R12",
                f"The ID {eui64} is not {participant.id}'s to use: it lies {whose}.",
                "Ask for an ID in the range allocated to the organisation.",
            )
        allocated = participant.allocated(eui64)
        if allocated is None:
            yield RefusalReason(
                "id.not_allocated",
                "R12",
                f"The ID {eui64} is not allocated to {participant.id}.",
                f"Allocate it: smki-testca register allocate {participant.id} --user-role R --id"
                f" {eui64}"
                if in_range
                else f"See those that are: smki-testca register show {participant.id}",
            )
            return
        holding = _holding(allocated.user_roles, role)
        if role is not None and not holding:
            serves = (
                ", ".join(user_role.name for user_role in allocated.user_roles) or "no User Role"
            )
            yield RefusalReason(
                "id.role_not_held",
                "R13",
                f"The ID {eui64} serves {serves}, which does not hold the role {role.name}.",
                f"The role {role.name} is held by {', '.join(role.held_by) or 'CAs only'}.",
            )
        yield from _kind_reasons(holding, participant)

    def _device_id_reasons(
        self, device_id: Eui64, participant: Participant
    ) -> Iterator[RefusalReason]:
        for central in self.register.central:
            if device_id in central:
                yield RefusalReason(
                    "device_id.in_sec_registry_entry",
                    "R11",
                    f"The Device ID {device_id} lies in the SEC Registry Entry {central}, which is"
                    " never for Devices.",
                    "Use an ID under the manufacturer's own Registry Entry.",
                )
                break
        for exceptional in self.register.exceptional:
            if device_id in exceptional:
                yield RefusalReason(
                    "device_id.in_organisation_range",
                    "R11",
                    f"The Device ID {device_id} lies in {exceptional}, which an organisation has.",
                    "Use an ID outside the ranges of organisations.",
                )
        # An ID under an entry of its own is under no other's: most IDs of a batch are.
        if _is_own(device_id, participant):
            return
        yield from self._exclusive_reasons(IdRange(device_id, device_id), participant)
        must_be_own = participant.registry_entries or participant.kind in {
            ParticipantKind.MANUFACTURER,
            ParticipantKind.OTHER,
        }
        if must_be_own:
            entries = ", ".join(str(entry) for entry in participant.registry_entries)
            yield RefusalReason(
                "device_id.outside_own_registry_entry",
                "R11",
                f"The Device ID {device_id} lies outside {participant.id}'s own Registry Entries"
                f" ({entries or 'it has none'}).",
                "Use an ID under one of them, or register the entry.",
            )

    def _exclusive_reasons(self, ids: IdRange, participant: Participant) -> Iterator[RefusalReason]:
        """The reason against Device IDs in an entry that another keeps to itself (R24)."""
        exclusive = [
            f"{entry} of {holder.id}"
            for holder, entry in self.register.device_entries_of_others(ids, participant)
            if entry in holder.exclusive_entries
        ]
        if exclusive:
            noun = f"Device ID {ids.first}" if ids.first == ids.last else f"range {ids}"
            yield RefusalReason(
                "device_id.exclusive_registry_entry",
                "R24",
                f"The {noun} lies in the Registry Entry {', '.join(exclusive)}, which is"
                " exclusive.",
                f"Use IDs under another entry, or have {exclusive[0].rpartition(' ')[2]} ask.",
            )

    def _device_id(self, request: Request) -> Eui64 | None:
        """The Device ID that the certificate would embed, if its type has one."""
        embedded = self.library.profile(request.subject.profile).embedded
        return request.subject.embedded_id if embedded is Identity.DEVICE_ID else None

    def _quota_reasons(
        self, request: Request, participant: Participant, category: Category
    ) -> Iterator[RefusalReason]:
        quota = category.quota
        device_id = None if quota.per_device_id is None else self._device_id(request)
        if device_id is not None and quota.per_device_id is not None:
            issued = self.history.issued_for_device(device_id)
            if issued + request.count > quota.per_device_id:
                yield RefusalReason(
                    "device_id.issuance_anomaly",
                    "R21",
                    f"{issued} Device Certificates are issued under {device_id} already; with"
                    f" {request.count} more there would be over {quota.per_device_id}.",
                    "Use another Device ID, or raise the quota of the category.",
                )
        yield from self._category_quota(participant, category, request.count)

    def _category_quota(
        self, participant: Participant, category: Category, count: int
    ) -> Iterator[RefusalReason]:
        quota = category.quota
        if quota.per_participant is not None:
            issued = self.history.issued_in_category(participant.id, category.name)
            if issued + count > quota.per_participant:
                yield RefusalReason(
                    "category.quota",
                    "R6",
                    f"{participant.id} has {counted(issued, 'certificate')} of category"
                    f" {category.name}; the quota is {quota.per_participant}.",
                    "Raise the quota of the category.",
                )

    def _agreement(
        self, request: Request, participant: Participant, category: Category | None, today: date
    ) -> tuple[Agreement | None, list[RefusalReason]]:
        """The agreement that covers the request, or the reasons against the nearest one."""
        agreements = self.register.agreements_of(participant.id)
        if not agreements:
            party = participant.kind in {ParticipantKind.PARTY, ParticipantKind.DCC}
            kind = "SEC accession" if party else "agreement with the DCC"
            return None, [
                RefusalReason(
                    "agreement.none",
                    "R2",
                    f"{participant.id} has no {kind} in the register.",
                    "Add it: smki-testca agreement add FILE",
                )
            ]
        judged = [
            (
                agreement,
                list(_agreement_reasons(request, participant.kind, agreement, category, today)),
            )
            for agreement in agreements
        ]
        agreement, reasons = min(judged, key=lambda pair: len(pair[1]))
        return (None if reasons else agreement), reasons


def live_name_reason(name: str) -> RefusalReason:
    """The reason against certificates of a CA that has a live one's name (R20)."""
    return RefusalReason(
        "live.ca_name",
        "R20",
        f"The certificate's issuers would be named like the live CA {name}.",
        "Give the environment's CAs other names in environments.toml.",
    )


def _agreement_reasons(
    request: Request,
    kind: ParticipantKind,
    agreement: Agreement,
    category: Category | None,
    today: date,
) -> Iterator[RefusalReason]:
    reference = agreement.reference
    if agreement.kind not in BINDING[kind]:
        yield RefusalReason(
            "agreement.wrong_kind",
            "R2",
            f"Agreement {reference} is of kind {agreement.kind}, which does not bind a participant"
            f" of kind {kind}.",
            f"Agreements of kind {' or '.join(BINDING[kind])} bind it.",
        )
    if today < agreement.start:
        yield RefusalReason(
            "agreement.not_yet_in_force",
            "R2",
            f"Agreement {reference} comes into force on {agreement.start}.",
            "Wait, or agree on an earlier date: smki-testca agreement replace FILE",
        )
    if agreement.end is not None and today > agreement.end:
        yield RefusalReason(
            "agreement.expired",
            "R2",
            f"Agreement {reference} ended on {agreement.end}.",
            "Renew it: smki-testca agreement replace FILE, or agreement add FILE under another"
            " reference.",
        )
    if agreement.suspended:
        yield RefusalReason(
            "agreement.suspended",
            "R2",
            f"Agreement {reference} is suspended.",
            f"Resume it: smki-testca agreement resume {reference}",
        )
    covered = (
        ("purpose", "R3", request.purpose, agreement.purposes),
        ("environment", "R6", request.environment, agreement.environments),
        ("category", "R6", category.name if category else None, agreement.categories),
    )
    for noun, rule, value, terms in covered:
        if value is not None and value not in terms:
            yield RefusalReason(
                f"{noun}.not_covered",
                rule,
                f"Agreement {reference} does not cover the {noun} {shown(value)}.",
                f"It covers {', '.join(terms) or 'none'}. To agree on more: smki-testca agreement"
                " replace FILE",
            )
    for obligation in category.obligations if category else ():
        if obligation not in agreement.obligations:
            yield RefusalReason(
                "obligation.not_accepted",
                "R6",
                f"Under agreement {reference} the security obligation {obligation} is not"
                " accepted.",
                "Have it accepted, add it to the agreement's obligations in its file, and replace"
                " the agreement: smki-testca agreement replace FILE",
            )
    if request.delivery is Delivery.REMOTE and not agreement.remote_delivery:
        yield RefusalReason(
            "delivery.not_agreed",
            "R6",
            f"Agreement {reference} does not allow remote delivery.",
            "Deliver locally, or agree on it: smki-testca agreement replace FILE",
        )


def _category_reasons(
    request: Request,
    category: Category,
    participant: Participant | None,
    environment: Environment | None,
) -> Iterator[RefusalReason]:
    if participant is not None and participant.kind not in category.participants:
        yield RefusalReason(
            "category.not_open",
            "R6",
            f"The category {category.title} is not open to a participant of kind"
            f" {participant.kind}.",
            f"It is open to {', '.join(category.participants)}.",
        )
    if environment is not None and environment.name not in category.environments:
        yield RefusalReason(
            "environment.not_open",
            "R6",
            f"The category {category.title} is not open in {environment.name}.",
            f"It is open in {', '.join(category.environments)}.",
        )
    if request.purpose not in category.testing_services:
        yield RefusalReason(
            "purpose.not_open",
            "R3",
            f"The category {category.title} is not provided for {shown(request.purpose)}.",
            f"It is provided for {', '.join(category.testing_services)}.",
        )
    if request.delivery is Delivery.REMOTE and not category.remote_delivery:
        yield RefusalReason(
            "delivery.not_open",
            "R6",
            f"The category {category.title} is not delivered remotely.",
            "Deliver locally.",
        )


def _signifier_reasons(
    signifier: Signifier | None, participant: Participant
) -> Iterator[RefusalReason]:
    if participant.signifier is None:
        yield RefusalReason(
            "signifier.none",
            "R8",
            f"{participant.id} has no Signifier; only Parties, RDPs and the DCC have one.",
            "Ask as a Party or an RDP.",
        )
    elif signifier is not None and signifier != participant.signifier:
        yield RefusalReason(
            "signifier.not_own",
            "R8",
            f"The Signifier {shown(signifier.text)} is not {participant.id}'s.",
            f"State {participant.signifier}, or leave it out to use the registered one.",
        )


def _role_reasons(role: RemotePartyRole, participant: Participant) -> Iterator[RefusalReason]:
    served = [user_role for allocated in participant.ids for user_role in allocated.user_roles]
    holding = _holding(served, role)
    if not holding:
        yield RefusalReason(
            "role.not_held",
            "R13",
            f"None of {participant.id}'s IDs serves a User Role that holds {role.name}.",
            f"The role {role.name} is held by {', '.join(role.held_by) or 'CAs only'}.",
        )
    yield from _kind_reasons(holding, participant)


def _holding(
    user_roles: Collection[UserRole], role: RemotePartyRole | None
) -> tuple[UserRole, ...]:
    """Those of some User Roles that hold a RemotePartyRole; without one, all."""
    return tuple(each for each in user_roles if role is None or each.code in role.held_by)


def _kind_reasons(
    holding: Collection[UserRole], participant: Participant
) -> Iterator[RefusalReason]:
    """The reason against User Roles that all belong to another kind of participant (R23)."""
    if holding and not any(map(participant.can_hold, holding)):
        user_role = next(iter(holding))
        yield RefusalReason(
            "user_role.kind",
            "R23",
            f"The User Role {user_role.name} belongs to participants of kind {user_role.kind}, and"
            f" {participant.id} is of kind {participant.kind}.",
            "Give the ID a User Role of its own kind: smki-testca register import FILE",
        )


def _is_own(device_id: Eui64, participant: Participant) -> bool:
    """Whether a Device ID is under a Registry Entry of a participant's own."""
    for entry in participant.registry_entries:  # noqa: SIM110 - quicker: a batch asks for each row
        if device_id in entry:
            return True
    return False


def _usage_warnings(request: Request) -> Iterator[str]:
    role = request.role
    for usage in request.usages:
        if role is not None and usage not in role.usages:
            yield f"No certificate of role {role.name} was seen with {usage} ({role.basis})."


def _id_warnings(eui64: Eui64, participant: Participant) -> Iterator[str]:
    for organisation in participant.ranges:
        if organisation.exception is not None and eui64 in organisation.range:
            yield (
                f"The ID {eui64} lies outside the SEC's Registry Entries, by exception:"
                f" {organisation.exception} (R10)."
            )
    allocated = participant.allocated(eui64)
    if allocated is not None and len(allocated.user_roles) > 1:
        serves = ", ".join(user_role.name for user_role in allocated.user_roles)
        yield (
            f"The ID {allocated.eui64} serves {serves} together; in practice each User Role has"
            " its own ID (R17)."
        )


_ECHOES = {
    "purpose.not_a_testing_service": {"purpose.not_open", "purpose.not_covered"},
    "environment.unknown": {"environment.not_covered"},
    "live.environment": {"environment.unknown", "environment.not_covered"},
    "category.not_open": {"category.not_covered"},
}
"""For each reason, the reasons that follow from it and are not reported beside it."""


def _without_echoes(reasons: list[RefusalReason]) -> tuple[RefusalReason, ...]:
    """The reasons without those that follow from another, in the order of the rules."""
    codes = {reason.code for reason in reasons}
    echoes = {echo for code in codes for echo in _ECHOES.get(code, ())}
    remaining = (reason for reason in reasons if reason.code not in echoes)
    return tuple(sorted(remaining, key=lambda reason: int(reason.rule.removeprefix("R"))))
