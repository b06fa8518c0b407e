"""Plans a run: every row through the gate, like rows together in sections, sections in tiles.

The gate decides once for each participant, purpose, environment and kind of certificate; that
each row's own identifier lies inside what was authorised is seen for every single row.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from smki_testca.authority.certificates import inputs
from smki_testca.authority.filling import check_inputs
from smki_testca.clock import iso
from smki_testca.errors import InputError, Refusal, RefusalReason, SmkiTestcaError
from smki_testca.estate.terms import TILE_ROWS, Row, Secrets, Section, Terms
from smki_testca.estate.tiles import TileRecord
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch.row_requests import Problem, Wanted
from smki_testca.profiles.model import Constant
from smki_testca.register.requests import DeviceSubject, OrganisationSubject, Request
from smki_testca.x509.keys import P256_HEAD, P256_OCTETS, key_type_of, load_public_key
from smki_testca.x509.names import KeyType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smki_testca.api import Estate
    from smki_testca.profiles.model import Profile
    from smki_testca.register.gate import Authorisation, Gate
    from smki_testca.roles import KeyUsage
    from smki_testca.x509.fields import Value

_BLOCK = 1 << 12
"""How many Device IDs side by side the estate is asked of at a time."""
_KNOWN_IDS = 1 << 16
"""Of how many Device IDs what was issued before is kept in mind."""
TOLD_REFUSALS = 1_000
"""How many refused rows of a batch the audit log tells of one by one."""
MAX_COUNT = 100_000_000
"""The most certificates of one run."""


class Plan:
    """A run in the making, within one transaction of an estate.

    Args:
        estate: whose register and gate decide.
        source: where the rows come from.
        label: of certificates whose row has none.
        secrets: the run's.
    """

    def __init__(self, estate: Estate, source: Any, label: str | None, secrets: Secrets) -> None:
        self._estate = estate
        self._gate: Gate = estate.gate()
        self._at = estate.clock.now()
        self._source = source
        self._label = label
        self._secrets = secrets
        self._sections: list[Section] = []
        self._places: dict[tuple[Any, ...], int] = {}
        self._authorised: dict[tuple[Any, ...], Authorisation] = {}
        self._waiting: dict[int, list[Row]] = {}
        # The rows of closed tiles wait encoded: a million of them take little room so.
        self._tiles: list[tuple[int, int, int, bytes | None]] = []
        self._of_device: Counter[int] = Counter()
        self._in_category: Counter[tuple[str, str]] = Counter()
        self._issued: dict[int, Counter[int]] = {}
        self._known = 0
        self._range: dict[str, Any] | None = None
        self.problems: list[Problem] = []

    @property
    def count(self) -> int:
        """How many certificates go through."""
        return sum(section.count for section in self._sections)

    def add_range(self, request: Request, hw_type: str, first: Eui64, count: int) -> None:
        """Device Certificates for IDs side by side, all usages of the request each.

        What stands against the range becomes a problem.

        Raises:
            InputError: if the range leaves the 64 bits, or is too long.
        """
        wanted = count * request.count
        if not 1 <= wanted <= MAX_COUNT or first.value + count > 1 << 64:
            raise InputError(
                "batch.range",
                f"A range has 1 to {MAX_COUNT:,} certificates and ends within 64 bits.",
            )
        last = Eui64(first.value + count - 1)
        self._range = {"first": str(first), "last": str(last), "count": count}
        try:
            authorisation = self._gate.authorise_range(request, last, self._at)
            reasons = self._category_reasons(authorisation, wanted)
        except Refusal as refusal:
            self.problems.append(Problem(1, refusal))
            return
        if reasons:
            self.problems.append(Problem(1, Refusal(tuple(reasons))))
            return
        self._authorised[request.participant, first, last] = authorisation
        for usage in request.usages:
            section = self._section(authorisation, usage, hw_type=hw_type)
            number = len(self._sections)
            self._sections.append(replace_section(section, count, first.value))
            self._tiles += [
                (number, start, min(TILE_ROWS, count - start), None)
                for start in range(0, count, TILE_ROWS)
            ]

    def add(self, wanted: Wanted) -> None:
        """One certificate; what stands against it becomes a problem."""
        try:
            authorisation = self._authorise(wanted)
            self._check_row(wanted, authorisation)
            number = self._section_of(wanted, authorisation)
        except SmkiTestcaError as error:
            self.problems.append(Problem(wanted.line, error))
            return
        given = wanted.request.subject
        waiting = self._waiting.setdefault(number, [])
        waiting.append(_row(wanted))
        if isinstance(given, DeviceSubject) and given.device_id.value in self._of_device:
            self._of_device[given.device_id.value] += 1
        place = (authorisation.participant.id, authorisation.category.name)
        if place in self._in_category:
            self._in_category[place] += 1
        if len(waiting) == TILE_ROWS:
            self._close(number)

    def _section_of(self, wanted: Wanted, authorisation: Authorisation) -> int:
        """The number of the section that a row goes into, which is begun if need be."""
        given = wanted.request.subject
        role = wanted.request.role
        hw_type = given.hw_type if isinstance(given, DeviceSubject) else None
        place = (id(authorisation), wanted.usage, role, hw_type)
        number = self._places.get(place)
        if number is None:
            section = self._section(authorisation, wanted.usage, role=role, hw_type=hw_type)
            number = self._places[place] = len(self._sections)
            self._sections.append(section)
        return number

    def add_or_note(self, one: Wanted | Problem) -> None:
        """One row, or what already stands against it."""
        if isinstance(one, Problem):
            self.problems.append(one)
        else:
            self.add(one)

    @property
    def is_range(self) -> bool:
        """Whether it is one range of Device IDs."""
        return self._range is not None

    def ready(self) -> bool:
        """Whether there is anything to issue."""
        return bool(self._waiting or self._tiles)

    def close(self) -> None:
        """Make tiles of the rows that still wait."""
        for number in list(self._waiting):
            self._close(number)

    def check_seed(self) -> None:
        """See that no run has the seed, if there is one.

        Raises:
            InputError: if one has.
        """
        if self._secrets.seed is not None and self._estate.runs.has_serials_of(self._secrets):
            raise InputError(
                "batch.seed",
                "A run of this estate has that seed already: serial numbers would come twice.",
                "Give another seed, or issue in another estate.",
            )

    def store(self) -> int:
        """Keep the run in the estate.

        Returns:
            Its id.

        Raises:
            InputError: if another run has the same seed.
        """
        self.close()
        self.check_seed()
        terms = Terms(
            source=self._source,
            at=iso(self._at),
            seeded=self._secrets.seed is not None,
            label=self._label,
            sections=self._sections,
        )
        run = self._estate.runs.add(terms, self._secrets, self._at)
        first_row = 0
        # In the order of sections, so that a section's rows are side by side in the run.
        for tile, (section, first, count, rows) in enumerate(
            sorted(self._tiles, key=lambda one: (one[0], one[1]))
        ):
            record = TileRecord(run, tile, section, first, first_row, count)
            self._estate.tiles.add(record, rows)
            first_row += count
        self.record(run)
        return run

    def record(self, run: int | None) -> None:
        """Tell the audit log what the gate decided, within the caller's transaction.

        Args:
            run: the run that came of it; None where nothing is issued.
        """
        refusals = [
            {"line": one.line, "reasons": [reason.as_json() for reason in one.error.reasons]}
            for one in self.problems
            if isinstance(one.error, Refusal)
        ]
        if run is None and not refusals:
            return
        self._estate.audit.append(
            self._at,
            "batch.authorise",
            {
                "run": run,
                "source": self._source,
                "count": self.count,
                "range": self._range,
                "decisions": [one.as_json() for one in self._authorised.values()],
                "refused": len(refusals),
                "refusals": refusals[:TOLD_REFUSALS],
            },
        )

    def _authorise(self, wanted: Wanted) -> Authorisation:
        """The decision for certificates of this kind, made for the first of them."""
        request = wanted.request
        key = (
            request.participant,
            request.purpose,
            request.environment,
            request.delivery,
            request.subject.profile,
            request.role,
        )
        decided = self._authorised.get(key)
        if decided is None:
            decided = self._authorised[key] = self._gate.authorise(request, self._at)
        return decided

    def _check_row(self, wanted: Wanted, authorisation: Authorisation) -> None:
        reasons = self._gate.identity_reasons(wanted.request, authorisation.participant)
        reasons += self._quota_reasons(wanted, authorisation)
        reasons += self._category_reasons(authorisation, 1)
        if reasons:
            raise Refusal(tuple(reasons))
        profile = self._estate.library.profile(wanted.request.subject.profile)
        texts = _texts(wanted)
        if texts:
            self._check_values(profile, texts)
        if wanted.public_key is not None:
            if _key_type(wanted.public_key) is not profile.key_type:
                raise InputError("key.type", f"The public key is not {profile.key_type}.")
        elif self._secrets.seed is not None and profile.key_type is not KeyType.P256:
            raise InputError(
                "key.seeded_rsa",
                "RSA keys cannot be made from a seed.",
                "Bring the key in public-key-file or csr-file, or leave out the seed.",
            )

    def _check_values(self, profile: Profile, given: Mapping[str, Value | None]) -> None:
        """See that a profile allows what fills it, so that no tile fails for it later."""
        found: dict[str, Value] = {}
        for row in profile.filling_rows:
            if row.fill is None or isinstance(row.fill, Constant):
                continue
            value = given.get(row.fill.name)
            if value is not None:
                found[row.field.path] = value
        check_inputs(profile, found, self._estate.library.roles)

    def _quota_reasons(self, wanted: Wanted, authorisation: Authorisation) -> list[RefusalReason]:
        given = wanted.request.subject
        quota = authorisation.category.quota.per_device_id
        if not isinstance(given, DeviceSubject) or quota is None:
            return []
        value = given.device_id.value
        if value not in self._of_device:
            self._of_device[value] = self._issued_before(given.device_id)
        if self._of_device[value] < quota:
            return []
        return [
            RefusalReason(
                "device_id.issuance_anomaly",
                "R21",
                f"With this row there would be over {quota} Device Certificates under"
                f" {given.device_id}.",
                "Use another Device ID, or raise the quota of the category.",
            )
        ]

    def _category_reasons(self, authorisation: Authorisation, more: int) -> list[RefusalReason]:
        """What the category's quota for one participant has against so many more certificates."""
        participant, category = authorisation.participant.id, authorisation.category
        quota = category.quota.per_participant
        if quota is None:
            return []
        place = (participant, category.name)
        if place not in self._in_category:
            self._in_category[place] = self._estate.issued_in_category(*place)
        if self._in_category[place] + more <= quota:
            return []
        return [
            RefusalReason(
                "category.quota",
                "R6",
                f"With this there would be over {quota} certificates of category {category.name}"
                f" of {participant}.",
                "Raise the quota of the category.",
            )
        ]

    def _issued_before(self, device_id: Eui64) -> int:
        # Device IDs come side by side, so that the estate is asked of many at a time.
        block = device_id.value // _BLOCK
        if block not in self._issued:
            first = Eui64(block * _BLOCK)
            issued = self._estate.issued_for_devices(first, Eui64(first.value + _BLOCK - 1))
            self._known += 1 + len(issued)
            if self._known > _KNOWN_IDS:
                self._issued, self._known = {}, 0
            self._issued[block] = issued
        return self._issued[block][device_id.value]

    def _section(
        self,
        authorisation: Authorisation,
        usage: KeyUsage | None,
        *,
        role: Any = None,
        hw_type: str | None = None,
    ) -> Section:
        request, participant = authorisation.request, authorisation.participant
        profile = self._estate.library.profile(request.subject.profile)
        issuer, _ = self._estate.authorities.issuing(authorisation.environment, profile.hierarchy)
        signifier = participant.signifier.text if participant.signifier else None
        shared = inputs(request.subject, usage) | {
            "hw-type": hw_type,
            "participant-name": participant.name,
            "signifier": signifier,
        }
        self._check_values(profile, shared)
        return Section(
            profile=profile.name,
            participant=participant.id,
            participant_name=participant.name,
            signifier=signifier,
            purpose=request.purpose,
            environment=authorisation.environment.name,
            category=authorisation.category.name,
            agreement=authorisation.agreement,
            issuer=str(issuer.serial),
            usage=usage,
            role=None if role is None else role.code,
            hw_type=hw_type,
            count=0,
        )

    def _close(self, number: int) -> None:
        """Make a tile of the rows that wait in a section."""
        rows = self._waiting.pop(number)
        section = self._sections[number]
        encoded = msgspec.msgpack.encode(rows)
        self._tiles.append((number, section.count, len(rows), encoded))
        self._sections[number] = replace_section(section, section.count + len(rows), None)


def replace_section(section: Section, count: int, first_id: int | None) -> Section:
    """The section with other counts."""
    return msgspec.structs.replace(section, count=count, first_id=first_id)


def _key_type(public_key: bytes) -> KeyType | None:
    # Whoever read the key saw that its point is on the curve: its head tells the rest.
    if public_key.startswith(P256_HEAD) and len(public_key) == P256_OCTETS:
        return KeyType.P256
    key = load_public_key(public_key)
    return None if key is None else key_type_of(key)


def _texts(wanted: Wanted) -> dict[str, str]:
    given = wanted.request.subject
    if isinstance(given, DeviceSubject):
        return {}
    texts = {
        "common-name": getattr(given, "common_name", None),
        "dns": getattr(given, "dns", None),
        "system-name": getattr(given, "system_name", None),
    }
    return {name: text for name, text in texts.items() if text is not None}


def _row(wanted: Wanted) -> Row:
    given = wanted.request.subject
    eui64 = None
    if isinstance(given, DeviceSubject):
        eui64 = given.device_id.value
    elif isinstance(given, OrganisationSubject):
        eui64 = given.eui64.value
    return Row(wanted.line, eui64, _texts(wanted), wanted.public_key, wanted.label)
