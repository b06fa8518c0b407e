"""Plans a run: passes every row through the gate, groups rows in sections and sections in tiles.

The gate decides once for each participant, purpose, environment and kind of certificate. Every
single row is checked to have an identifier inside what the gate authorised.

Planning reads files and takes long, so it does not hold the estate's write lock. ``begin`` takes
the lock to store the run, when it checks that nothing changed meanwhile that the plan rests on.
"""

from __future__ import annotations

from array import array
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from smki_testca.authority.certificates import inputs
from smki_testca.authority.csr import check_holder_name
from smki_testca.authority.filling import check_inputs, end_by_rows
from smki_testca.clock import iso
from smki_testca.errors import EstateError, InputError, Refusal, SmkiTestcaError
from smki_testca.estate.key_holders import check_holders, participant_holder
from smki_testca.estate.terms import TILE_ROWS, Secrets, Section, SectionRow, Terms
from smki_testca.estate.tiles import TileRecord
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch import issuing_keys
from smki_testca.issuance.batch.existing import (
    Existing,
    ExistingCertificates,
    ManifestId,
    check_new,
)
from smki_testca.issuance.batch.reauthorisation import basis_of
from smki_testca.issuance.batch.row_requests import RowProblem, RowRequest
from smki_testca.issuance.issuance import Issuance
from smki_testca.labels import LabelTemplate, check_label
from smki_testca.profiles.model import Constant
from smki_testca.x509.keys import is_plain_p256, key_id, key_type_of, load_public_key
from smki_testca.x509.names import KeyType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from smki_testca.authority.csr import Remarks, TakenAs
    from smki_testca.estate.changes import Changes
    from smki_testca.estate.stores import Stores
    from smki_testca.profiles.model import Profile
    from smki_testca.profiles.subject import Subject
    from smki_testca.register.gate import Authorisation
    from smki_testca.register.requests import Request
    from smki_testca.roles import KeyUsage
    from smki_testca.x509.fields import Value

_AT_A_TIME = 500
"""The most rows that are looked up at once."""
LISTED_REFUSALS = 1_000
"""The most refused rows of a batch that the audit log lists."""
LISTED_REMARKS = 1_000
"""The most CSRs of a batch whose remarks the audit log lists."""
MAX_COUNT = 100_000_000
"""The most certificates of one run."""


LISTED_PROBLEMS = 50_000
"""The most rows of a batch that are listed as wrong: all of a ZIP, which has no more. Of a manifest
with more, the others are counted."""
LISTED_WARNINGS = 1_000
"""The most different warnings of a batch that are listed; the others are counted."""
ATTEMPTS = 3
"""The most times that a run is planned because others changed what the last plan rested on."""


def begin(
    estate: Stores, planned: Callable[[], BatchPlan], store: Callable[[BatchPlan], int | None]
) -> tuple[BatchPlan, int | None]:
    """Plan a run without the estate's write lock, and store it with the lock.

    Args:
        estate: the estate that will issue.
        planned: makes the plan; called again if others changed meanwhile what it rests on.
        store: stores the run, or records why there is none; its result is returned.

    Raises:
        EstateError: if it was overtaken ``ATTEMPTS`` times, or a token that it needs cannot be
            used.
    """
    for _ in range(ATTEMPTS):
        plan = planned()
        plan.close()
        if plan.ready():
            # Whatever it waits for, such as somebody who types the passphrase, no other does. The
            # estate key may be unlocked by a thread meanwhile.
            plan.try_tokens()
            estate.estate_key.unlock()
        with estate.transaction():
            if not plan.is_overtaken():
                return plan, store(plan)
    raise EstateError(
        "estate.changing",
        f"Others changed the register, or issued for the same IDs, {ATTEMPTS} times while the batch"
        " was planned.",
        "Repeat the command when they have finished.",
    )


class BatchPlan:
    """A run that is being planned.

    Args:
        estate: the estate that will issue.
        source: where the rows come from: ``range``, ``manifest`` or ``requests``.
        label: for certificates whose row has none, or what it is made from.
        secrets: of the run.
        existing: what is done where a Device has a certificate in use already.
        manifest: that the rows are of, if they are of one.
        on_cluster: whether other machines will sign, which reach no token of this one.

    Raises:
        InputError: if the label is blank or too long, or the manifest was issued before and that
            is refused.

    Attributes:
        rows: the number of rows that will be issued, in part at least.
        skipped: the lines of rows that are skipped whole, because their certificates are there.
        skipped_count: how many certificates are skipped.
        existing: what is done where a Device has a certificate in use already.
        manifest: that the rows are of; without a digest if they are of none.
        problems: the rows that cannot be issued, with the reasons: the first
            ``LISTED_PROBLEMS``.
        problem_count: the number of all such rows.
        remarks: on the CSRs of rows that will be issued, by line, where there is anything to say.
        warnings: what the participants should read of the other rows, each line once: the first
            ``LISTED_WARNINGS``.
        warnings_not_listed: how many warnings there are beside these.
    """

    def __init__(
        self,
        estate: Stores,
        source: Any,
        label: str | LabelTemplate | None,
        secrets: Secrets,
        *,
        existing: Existing = Existing.AGAIN,
        manifest: ManifestId | None = None,
        on_cluster: bool = False,
    ) -> None:
        check_label(label.text if isinstance(label, LabelTemplate) else label)
        self._estate = estate
        # Before anything is read, so that no change after that goes unnoticed.
        self._mark = estate.changes.mark()
        self._issuance = Issuance(estate)
        self._at = estate.clock.now()
        self._source = source
        self._label = label
        self._secrets = secrets
        self._on_cluster = on_cluster
        self._sections: list[Section] = []
        self._section_numbers: dict[tuple[Any, ...], int] = {}
        self._authorised: dict[tuple[Any, ...], Authorisation] = {}
        self._waiting: dict[int, list[SectionRow]] = {}
        # Section, first row in it, count and encoded rows. Encoded, a million rows take little
        # memory.
        self._tiles: list[tuple[int, int, int, bytes | None]] = []
        self._range: dict[str, Any] | None = None
        self._columns: dict[str, None] = {}
        self._holders: dict[bytes, str] = {}
        self._free_keys: set[bytes] = set()
        self._refusals: list[dict[str, Any]] = []
        self._refused = 0
        self.problems: list[RowProblem] = []
        self.problem_count = 0
        self.remarks: dict[int, Remarks] = {}
        self._taken_as: TakenAs | None = None
        self.rows = 0
        self.skipped = array("Q")
        self.skipped_count = 0
        self.existing = existing
        self.manifest = manifest or ManifestId()
        self._certificates = ExistingCertificates(estate, existing, self._issuance.history)
        if manifest is not None and existing is Existing.REFUSE:
            check_new(estate, manifest)
        self.warnings: dict[str, None] = {}
        self.warnings_not_listed = 0

    @property
    def count(self) -> int:
        """The number of certificates that will be issued."""
        waiting = sum(map(len, self._waiting.values()))
        return waiting + sum(section.count for section in self._sections)

    @property
    def columns(self) -> tuple[str, ...]:
        """The operator's own columns that rows have, in the order of their first use."""
        return tuple(self._columns)

    @property
    def skipped_in_progress(self) -> int:
        """The number of skipped certificates that other runs are still to issue."""
        is_skipped = self.existing is Existing.SKIP
        return self._certificates.in_progress.total() if is_skipped else 0

    @property
    def retired(self) -> int:
        """The number of certificates in use that the new ones will retire."""
        return self._certificates.in_use if self.existing is Existing.REPLACE else 0

    def add_range(self, request: Request, count: int) -> None:
        """Add a range of consecutive Device IDs, with a certificate of each usage for each ID.

        A refusal is added to the problems.

        Args:
            request: its subject has the first Device ID.
            count: how many Device IDs.

        Raises:
            InputError: if the range leaves the 64 bits, or is too long; if a Device of it has a
                certificate in use, and that is refused; or if the label cannot be made.
        """
        first = request.subject.embedded_id
        if first is None:
            raise ValueError("a range is of certificates that embed an ID")
        certificates = count * request.count
        if not 1 <= certificates <= MAX_COUNT or first.value + count > 1 << 64:
            raise InputError(
                "batch.range",
                f"A range has 1 to {MAX_COUNT:,} certificates and ends within 64 bits.",
            )
        last = Eui64(first.value + count - 1)
        self._range = {"first": str(first), "last": str(last), "count": count}
        try:
            authorisation = self._issuance.gate.authorise_range(request, last, self._at)
            self._issuance.gate.admit_range(authorisation, certificates)
        except Refusal as refusal:
            self._add_problem(RowProblem(1, refusal))
            return
        request = authorisation.request
        parts = {
            usage: self._certificates.gaps(request, usage, last)
            for usage in request.usages or (None,)
        }
        issued = sum(len(part) for of_usage in parts.values() for part in of_usage)
        self.skipped_count = certificates - issued
        self._issuance.count(request, authorisation, issued)
        self._add_warnings(authorisation.warnings)
        self._authorised[request.participant, first, last] = authorisation
        shared = request.subject.shared_inputs() | request.subject.own_inputs()
        for usage, of_usage in parts.items():
            section = self._section(authorisation, usage, request.subject, shared)
            self._fill_label(self._label, {}, usage, first)
            for part in of_usage:
                number = len(self._sections)
                self._sections.append(_with_rows(section, len(part), part.start))
                self._tiles += [
                    (number, start, min(TILE_ROWS, len(part) - start), None)
                    for start in range(0, len(part), TILE_ROWS)
                ]

    def add_all(self, rows: Iterable[RowRequest | RowProblem]) -> None:
        """Add rows; quicker than one by one."""
        rows = iter(rows)
        while some := list(islice(rows, _AT_A_TIME)):
            self._certificates.look_up(row for row in some if isinstance(row, RowRequest))
            self._look_up_keys(row for row in some if isinstance(row, RowRequest))
            for row in some:
                self.add(row)

    def _look_up_keys(self, rows: Iterable[RowRequest]) -> None:
        """Find at once which keys of some rows nobody holds. What changes later counts at the end.

        See ``is_overtaken``.
        """
        keys = {key_id(row.public_key) for row in rows if row.public_key is not None}
        self._free_keys = keys - self._estate.key_holders.held(keys) if keys else keys

    def add(self, row: RowRequest | RowProblem) -> None:
        """Add a row; one that cannot be issued is added to the problems.

        Raises:
            UsageError, EstateError: if the whole run cannot be, because a CA's key is in a token.
        """
        if isinstance(row, RowProblem):
            self._add_problem(row)
            return
        if row.remarks is not None:
            self._taken_as = row.remarks.taken_as
        try:
            # What is skipped need not be granted; of the others, a refusal of the gate comes first.
            skips = self.existing is Existing.SKIP
            usages = self._certificates.remaining(row) if skips else row.request.usages or (None,)
            request = _for_usages(row.request, usages)
            if request is None:
                self._certificates.count_left_out()
                self._skip(row.line, row.request.count)
                return
            authorisation = self._authorise(request)
            request = self._check_row(row, request, authorisation)
            if not skips:
                self._certificates.remaining(row)
            shared, texts = request.subject.inputs_apart()
            if texts:
                self._check_values(self._estate.library.profile(request.subject.profile), texts)
            columns = self._columns_of(row.columns)
            parts = [
                (
                    self._section_of(request, usage, authorisation, shared),
                    self._row(row, request, usage, texts, columns),
                )
                for usage in usages
            ]
            warnings = self._issuance.gate.warnings(
                request, authorisation.participant, authorisation.environment
            )
        except SmkiTestcaError as error:
            if error.code in issuing_keys.OF_A_RUN:
                raise
            self._add_problem(RowProblem(row.line, error))
            return
        if row.remarks is not None and (row.remarks.warnings or row.remarks.dropped):
            self.remarks[row.line] = row.remarks
        self._add_warnings(warnings)
        self._issuance.count(request, authorisation, len(usages))
        self._certificates.count_left_out()
        self._certificates.note(row, usages)
        self.rows += 1
        self.skipped_count += row.request.count - len(usages)
        for number, part in parts:
            rows = self._waiting.setdefault(number, [])
            rows.append(part)
            if len(rows) == TILE_ROWS:
                self._close(number)

    def _skip(self, line: int, count: int) -> None:
        self.skipped_count += count
        self.skipped.append(line)

    def _section_of(
        self,
        request: Request,
        usage: KeyUsage | None,
        authorisation: Authorisation,
        shared: dict[str, str],
    ) -> int:
        """The number of the section for a row; the section is added if there is none yet."""
        key = (id(authorisation), usage, *shared.values())
        number = self._section_numbers.get(key)
        if number is None:
            section = self._section(authorisation, usage, request.subject, shared)
            number = self._section_numbers[key] = len(self._sections)
            self._sections.append(section)
        return number

    def _columns_of(self, stated: Mapping[str, str]) -> list[str]:
        """The operator's own columns of a row, in the order of the names in its section."""
        if not stated:
            return []
        if not stated.keys() <= self._columns.keys():
            self._columns |= dict.fromkeys(stated)
        return [stated.get(name, "") for name in self._columns]

    def _row(
        self,
        row: RowRequest,
        request: Request,
        usage: KeyUsage | None,
        texts: dict[str, str],
        columns: list[str],
    ) -> SectionRow:
        """The row of a certificate: all that its section does not have."""
        eui64 = request.subject.embedded_id
        label = self._fill_label(
            self._label if row.label is None else row.label, row.columns, usage, eui64
        )
        return SectionRow(
            row.line,
            None if eui64 is None else eui64.value,
            texts,
            row.public_key,
            label,
            columns,
        )

    def _fill_label(
        self,
        label: str | LabelTemplate | None,
        columns: Mapping[str, str],
        usage: KeyUsage | None,
        eui64: Eui64 | None,
    ) -> str | None:
        """The label of one certificate; None where it is the run's."""
        if not isinstance(label, LabelTemplate):
            return None if label is self._label else label
        of_certificate = {} if eui64 is None else {"id": str(eui64)}
        if usage is not None:
            of_certificate["usage"] = usage.short
        return label.fill({**columns, **of_certificate})

    def _add_problem(self, problem: RowProblem) -> None:
        self.problem_count += 1
        if len(self.problems) < LISTED_PROBLEMS:
            error = problem.error
            # Both hold on to every frame on the way, and so to the row.
            error.__traceback__ = error.__cause__ = error.__context__ = None
            self.problems.append(problem)
        if isinstance(problem.error, Refusal):
            self._refused += 1
            if len(self._refusals) < LISTED_REFUSALS:
                reasons = [reason.as_json() for reason in problem.error.reasons]
                self._refusals.append({"line": problem.line, "reasons": reasons})

    def _add_warnings(self, warnings: Iterable[str]) -> None:
        for warning in warnings:
            if warning in self.warnings:
                continue
            if len(self.warnings) < LISTED_WARNINGS:
                self.warnings[warning] = None
            else:
                self.warnings_not_listed += 1

    def is_overtaken(self) -> bool:
        """Whether others changed what the plan rests on. Ask with the write lock held.

        What they issued for other IDs, within the quotas, does not matter.
        """
        changes = self._estate.changes.since(self._mark)
        if changes is None or not self.ready():
            return False
        if changes.register or changes.authorities or self.is_range:
            return True
        if self.existing is not Existing.AGAIN and self._is_doubled(changes):
            return True
        try:
            for identifier in changes.keys & self._holders.keys():
                self._issuance.check_holder(identifier, self._holders[identifier])
            return self._is_over_quota(changes)
        except (InputError, Refusal):
            return True

    def _is_doubled(self, changes: Changes) -> bool:
        """Whether others began to issue the same manifest, or for the same Devices."""
        if any(True for _ in self._issuance.history.touched_by(changes)):
            return True
        if self.existing is not Existing.REFUSE or not self.manifest.sha256:
            return False
        manifest = self.manifest
        return bool(self._estate.runs.of_manifest(manifest.sha256, manifest.options))

    def _is_over_quota(self, changes: Changes) -> bool:
        """Whether the plan exceeds a quota of Device IDs together with what others issued.

        Raises:
            Refusal: if it exceeds the quota of a category.
        """
        history, decisions = self._issuance.history, self._authorised.values()
        history.refresh()
        for decision in decisions:
            self._issuance.gate.admit_range(decision, 0)
        touched = history.touched_by(changes)
        return self._issuance.gate.exceeds_device_quota(decisions, touched)

    @property
    def is_range(self) -> bool:
        """Whether the run is one range of Device IDs."""
        return self._range is not None

    def ready(self) -> bool:
        """Whether there is anything to issue."""
        return bool(self._waiting or self._tiles)

    def close(self) -> None:
        """Group the remaining rows in tiles."""
        for number in list(self._waiting):
            self._close(number)
        self._add_warnings(self._certificates.warnings())

    def try_tokens(self) -> None:
        """Open the CAs' keys that are in tokens.

        Raises:
            EstateError: if a token cannot be used.
        """
        issuing_keys.try_tokens(self._estate, (section.issuer for section in self._sections))

    def check_seed(self) -> None:
        """Check that no other run of the estate has the same seed.

        Raises:
            InputError: if one has.
        """
        if self._secrets.seed is not None and self._estate.runs.has_serials_of(self._secrets):
            raise InputError(
                "batch.seed",
                "A run of this estate already used that seed: serial numbers would be the same"
                " again.",
                "Give another seed, or issue in another estate.",
            )

    def store(self) -> int:
        """Store the run in the estate, within the caller's transaction.

        Returns:
            Its id.

        Raises:
            InputError: if another run has the same seed.
        """
        self.close()
        self.check_seed()
        run = self._estate.runs.add(self.terms(), self._secrets, self._at)
        first_row = 0
        # In the order of sections, so that the rows of a section are consecutive in the run.
        for tile, (section, first, count, rows) in enumerate(
            sorted(self._tiles, key=lambda entry: entry[:2])
        ):
            record = TileRecord(run, tile, section, first, first_row, count)
            self._estate.tiles.add(record, rows, self._sections[section].participant)
            first_row += count
        self.record(run)
        return run

    def terms(self) -> Terms:
        """The terms of the run, once the plan is closed."""
        template = self._label if isinstance(self._label, LabelTemplate) else None
        return Terms(
            source=self._source,
            at=iso(self._at),
            seeded=self._secrets.seed is not None,
            label=None if isinstance(self._label, LabelTemplate) else self._label,
            label_template=None if template is None else template.text,
            sections=[self._with_columns(section) for section in self._sections],
            basis=basis_of(self._estate.library, self._mark),
            manifest=self.manifest.sha256,
            options=dict(self.manifest.options),
            replaces=self.existing is Existing.REPLACE,
        )

    def record(self, run: int | None) -> None:
        """Record the gate's decisions in the audit log, within the caller's transaction.

        Args:
            run: the id of the run; None if nothing is issued.
        """
        if run is None and not self._refused:
            return
        self._estate.audit.append(
            self._estate.clock.now(),  # others may have written to the log since it was planned
            "batch.authorise",
            {
                "run": run,
                "source": self._source,
                "count": self.count,
                "range": self._range,
                "decisions": [decision.as_json() for decision in self._authorised.values()],
                "refused": self._refused,
                "refusals": self._refusals,
                **self._manifest_as_json(),
                **self._csrs_as_json(),
            },
        )

    def _manifest_as_json(self) -> dict[str, Any]:
        """The manifest, and what was done where Devices had certificates in use."""
        document: dict[str, Any] = {}
        if self.manifest.sha256:
            document["manifest"] = self.manifest.sha256
            document["options"] = dict(self.manifest.options)
        is_beside = self._certificates.in_use or self._certificates.in_progress
        if self.existing in {Existing.SKIP, Existing.REPLACE} or is_beside:
            document["existing"] = self.existing.value
        if self.skipped_count:
            document["skipped"] = self.skipped_count
        return document

    def _csrs_as_json(self) -> dict[str, Any]:
        """By whose rules the CSRs were taken, and the first of those that there are remarks on."""
        if self._taken_as is None:
            return {}
        listed = list(self.remarks.items())[:LISTED_REMARKS]
        remarks = [{"line": line, **each.as_json()} for line, each in listed]
        count = len(self.remarks)
        return {"csr": {"as": self._taken_as.value, "remarked": count, "remarks": remarks}}

    def _authorise(self, request: Request) -> Authorisation:
        """The gate's decision for requests of one kind; it is asked for the first of them."""
        key = (
            request.participant,
            request.purpose,
            request.environment,
            request.delivery,
            request.subject.profile,
            request.role,
        )
        authorisation = self._authorised.get(key)
        if authorisation is None:
            authorisation = self._issuance.gate.authorise(request, self._at)
            self._authorised[key] = authorisation
        return authorisation

    def _check_row(
        self, row: RowRequest, request: Request, authorisation: Authorisation
    ) -> Request:
        """Check a row like those that the gate authorised; gives its request as it was judged."""
        if not isinstance(row.label, LabelTemplate):
            check_label(row.label)
        request = self._issuance.gate.admit(request, authorisation)
        check_holder_name(row.holder_name, authorisation.participant.name)
        profile = self._estate.library.profile(request.subject.profile)
        if row.public_key is not None:
            if _key_type(row.public_key) is not profile.key_type:
                raise InputError("key.type", f"The public key is not {profile.key_type}.")
            if profile.key_type is KeyType.P256 and not is_plain_p256(row.public_key):
                raise InputError("key.point", "The point of the public key is not uncompressed.")
            self._check_holder(row.public_key, authorisation)
        return request

    def _check_holder(self, public_key: bytes, authorisation: Authorisation) -> None:
        """Check that nobody else holds a key: in the estate, or by an earlier row."""
        identifier, participant = key_id(public_key), authorisation.participant.id
        if identifier not in self._free_keys:
            self._issuance.check_holder(identifier, participant)
        earlier = self._holders.setdefault(identifier, participant)
        check_holders({participant_holder(earlier)}, participant_holder(participant))

    def _check_values(self, profile: Profile, inputs: Mapping[str, Value | None]) -> None:
        """Check inputs against the profile's rows, so that no tile fails for them later."""
        field_values: dict[str, Value] = {}
        for row in profile.filling_rows:
            if row.fill is None or isinstance(row.fill, Constant):
                continue
            value = inputs.get(row.fill.name)
            if value is not None:
                field_values[row.field.path] = value
        check_inputs(profile, field_values, self._estate.library.roles)

    def _section(
        self,
        authorisation: Authorisation,
        usage: KeyUsage | None,
        subject: Subject,
        shared: dict[str, str],
    ) -> Section:
        request, participant = authorisation.request, authorisation.participant
        profile = self._estate.library.profile(request.subject.profile)
        issuer = self._issuance.issuer(authorisation.environment, profile.hierarchy)
        issuing_keys.check_place(
            self._estate,
            issuer,
            is_seeded=self._secrets.seed is not None,
            on_cluster=self._on_cluster,
        )
        self._add_warnings(self._estate.remarks(issuer, end_by_rows(profile, self._at)))
        signifier = participant.signifier.text if participant.signifier else None
        section_inputs = inputs(subject, usage) | {
            "participant-name": participant.name,
            "signifier": signifier,
        }
        self._check_values(profile, section_inputs)
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
            delivery=request.delivery.value,
            inputs=shared,
            count=0,
            experimental=authorisation.experimental,
        )

    def _with_columns(self, section: Section) -> Section:
        """A section as it is stored: with the names of the operator's own columns."""
        if not self._columns:
            return section
        return msgspec.structs.replace(section, columns=list(self._columns))

    def _close(self, number: int) -> None:
        """Group the rows that wait in a section in a tile."""
        rows = self._waiting.pop(number)
        section = self._sections[number]
        self._tiles.append((number, section.count, len(rows), msgspec.msgpack.encode(rows)))
        self._sections[number] = _with_rows(section, section.count + len(rows), None)


def _with_rows(section: Section, count: int, first_id: int | None) -> Section:
    """The section with another number of rows."""
    return msgspec.structs.replace(section, count=count, first_id=first_id)


def _key_type(public_key: bytes) -> KeyType | None:
    # The key was read before, so its point is known to be on the curve.
    if is_plain_p256(public_key):
        return KeyType.P256
    key = load_public_key(public_key)
    return None if key is None else key_type_of(key)


def _for_usages(request: Request, usages: Sequence[KeyUsage | None]) -> Request | None:
    """A request for some of its usages; None if there are none."""
    if len(usages) == request.count:
        return request
    stated = tuple(usage for usage in usages if usage is not None)
    return replace(request, usages=stated) if stated else None
