"""Plans a run: every row through the gate, like rows together in sections, sections in tiles.

The gate decides once for each participant, purpose, environment and kind of certificate; that
each row's own identifier lies inside what was authorised is seen for every single row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from smki_testca.authority.certificates import inputs
from smki_testca.authority.filling import check_inputs
from smki_testca.clock import iso
from smki_testca.errors import InputError, Refusal, SmkiTestcaError
from smki_testca.estate.terms import TILE_ROWS, Row, Secrets, Section, Terms
from smki_testca.estate.tiles import TileRecord
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch.row_requests import RowProblem, RowRequest
from smki_testca.issuance.issuance import Issuance
from smki_testca.profiles.model import Constant
from smki_testca.x509.keys import P256_HEAD, P256_OCTETS, key_type_of, load_public_key
from smki_testca.x509.names import KeyType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smki_testca.estate.stores import Stores
    from smki_testca.profiles.model import Profile
    from smki_testca.profiles.subject import Subject
    from smki_testca.register.gate import Authorisation
    from smki_testca.register.requests import Request
    from smki_testca.roles import KeyUsage
    from smki_testca.x509.fields import Value

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

    def __init__(self, estate: Stores, source: Any, label: str | None, secrets: Secrets) -> None:
        self._estate = estate
        self._issuance = Issuance(estate)
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
        self._range: dict[str, Any] | None = None
        self.problems: list[RowProblem] = []

    @property
    def count(self) -> int:
        """How many certificates go through."""
        return sum(section.count for section in self._sections)

    def add_range(self, request: Request, count: int) -> None:
        """Certificates for Device IDs side by side, from the request's on, of all its usages each.

        What stands against the range becomes a problem.

        Raises:
            InputError: if the range leaves the 64 bits, or is too long.
        """
        first = request.subject.embedded_id
        if first is None:
            raise ValueError("a range is of certificates that embed an ID")
        wanted = count * request.count
        if not 1 <= wanted <= MAX_COUNT or first.value + count > 1 << 64:
            raise InputError(
                "batch.range",
                f"A range has 1 to {MAX_COUNT:,} certificates and ends within 64 bits.",
            )
        last = Eui64(first.value + count - 1)
        self._range = {"first": str(first), "last": str(last), "count": count}
        try:
            authorisation = self._issuance.gate.authorise_range(request, last, self._at)
            self._issuance.gate.admit_range(authorisation, wanted)
        except Refusal as refusal:
            self.problems.append(RowProblem(1, refusal))
            return
        self._issuance.count(request, authorisation, wanted)
        self._authorised[request.participant, first, last] = authorisation
        shared = request.subject.shared_inputs() | request.subject.own_inputs()
        for usage in request.usages or (None,):
            section = self._section(authorisation, usage, request.subject, shared)
            number = len(self._sections)
            self._sections.append(replace_section(section, count, first.value))
            self._tiles += [
                (number, start, min(TILE_ROWS, count - start), None)
                for start in range(0, count, TILE_ROWS)
            ]

    def add(self, wanted: RowRequest) -> None:
        """One certificate; what stands against it becomes a problem."""
        try:
            authorisation = self._authorise(wanted)
            self._check_row(wanted, authorisation)
            number = self._section_of(wanted, authorisation)
        except SmkiTestcaError as error:
            self.problems.append(RowProblem(wanted.line, error))
            return
        waiting = self._waiting.setdefault(number, [])
        waiting.append(_row(wanted))
        self._issuance.count(wanted.request, authorisation)
        if len(waiting) == TILE_ROWS:
            self._close(number)

    def _section_of(self, wanted: RowRequest, authorisation: Authorisation) -> int:
        """The number of the section that a row goes into, which is begun if need be."""
        subject = wanted.request.subject
        shared = subject.shared_inputs()
        place = (id(authorisation), wanted.usage, *shared.values())
        number = self._places.get(place)
        if number is None:
            section = self._section(authorisation, wanted.usage, subject, shared)
            number = self._places[place] = len(self._sections)
            self._sections.append(section)
        return number

    def add_or_note(self, one: RowRequest | RowProblem) -> None:
        """One row, or what already stands against it."""
        if isinstance(one, RowProblem):
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

    def _authorise(self, wanted: RowRequest) -> Authorisation:
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
            decided = self._authorised[key] = self._issuance.gate.authorise(request, self._at)
        return decided

    def _check_row(self, wanted: RowRequest, authorisation: Authorisation) -> None:
        self._issuance.gate.admit(wanted.request, authorisation)
        profile = self._estate.library.profile(wanted.request.subject.profile)
        texts = wanted.request.subject.own_inputs()
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

    def _section(
        self,
        authorisation: Authorisation,
        usage: KeyUsage | None,
        subject: Subject,
        shared: dict[str, str],
    ) -> Section:
        request, participant = authorisation.request, authorisation.participant
        profile = self._estate.library.profile(request.subject.profile)
        issuer, _ = self._issuance.issuing(authorisation.environment, profile.hierarchy)
        signifier = participant.signifier.text if participant.signifier else None
        given = inputs(subject, usage) | {
            "participant-name": participant.name,
            "signifier": signifier,
        }
        self._check_values(profile, given)
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
            inputs=shared,
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


def _row(wanted: RowRequest) -> Row:
    subject = wanted.request.subject
    eui64 = subject.embedded_id
    return Row(
        wanted.line,
        None if eui64 is None else eui64.value,
        subject.own_inputs(),
        wanted.public_key,
        wanted.label,
    )
