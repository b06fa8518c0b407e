"""Reads a record: every name must stand for something, and no date may contradict itself."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from smki_testca.assurance import documents
from smki_testca.assurance.assessment_record import (
    ASSESSED,
    AssessmentRecord,
    Decision,
    DecisionPart,
    Organisation,
    OrganisationKind,
    Oversight,
    Ownership,
    Person,
    Post,
    Recusal,
    Report,
    Scheme,
    Seat,
)
from smki_testca.assurance.period import Period
from smki_testca.errors import InputError
from smki_testca.profiles.assurance_terms import SUPERVISED
from smki_testca.profiles.documents import decode
from smki_testca.text import shown, use_one_of
from smki_testca.toml_places import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from smki_testca.profiles.assurance_terms import AssuranceTerms, Term
    from smki_testca.toml_places import KeyPath

Kind = TypeVar("Kind", bound="Term")

MAX_ORGANISATIONS = 200
MAX_PERSONS = 500
MAX_REPORTS = 50
MAX_DECISIONS = 200
"""Those of all reports together."""
MAX_LINKS = 2_000
"""The most posts, seats, line managers, oversights, parts, recusals and parents together."""


def read(data: bytes, origin: str, terms: AssuranceTerms) -> AssessmentRecord:
    """Read a record.

    Args:
        data: the octets of its file.
        origin: the file's name, for messages.
        terms: what may stand in a record.

    Raises:
        InputError: naming the file and line, if it is not TOML, has another key or value than a
            record, names what it does not define, defines something twice, contradicts its own
            dates, has organisations that own each other, or exceeds a limit.
    """
    return _Reading(data, origin, terms).record()


class _Reading:
    """The reading of one file."""

    def __init__(self, data: bytes, origin: str, terms: AssuranceTerms) -> None:
        self._file = decode(data, documents.RecordFile, origin, dates_are_text=False)
        self._whole = Place(origin, data=data)
        self._terms = terms
        self._check_limits()
        self._organisations = self._ids(
            [organisation.id for organisation in self._file.organisation],
            "organisation",
            ("organisation",),
        )
        self._people = self._ids([person.id for person in self._file.person], "person", ("person",))

    def record(self) -> AssessmentRecord:
        file = self._file
        organisations = {
            organisation.id: self._organisation(organisation, ("organisation", number))
            for number, organisation in enumerate(file.organisation)
        }
        self._check_owners(organisations)
        people = {
            person.id: self._person(person, ("person", number))
            for number, person in enumerate(file.person)
        }
        board = [self._seat(seat, ("board", number)) for number, seat in enumerate(file.board)]
        oversight = chain(
            *(
                self._managers(person, ("person", place))
                for place, person in enumerate(file.person)
            ),
            (
                self._oversight(oversight, ("oversight", place))
                for place, oversight in enumerate(file.oversight)
            ),
        )
        if not file.report:
            raise self._fault(
                "assurance.empty",
                (),
                "the record has no [[report]] to judge",
                "Add a report, also where the assessment is only under way.",
            )
        self._ids([report.id for report in file.report], "report", ("report",))
        return AssessmentRecord(
            self._whole.origin,
            self._whole.data or b"",
            self._scheme(organisations),
            organisations,
            people,
            tuple(board),
            tuple(oversight),
            tuple(
                self._report(report, ("report", place)) for place, report in enumerate(file.report)
            ),
        )

    def _scheme(self, organisations: Mapping[str, Organisation]) -> Scheme:
        table, path = self._file.scheme, ("scheme",)
        name = self._organisation_named(table.organisation, path)
        if organisations[name].kind not in {OrganisationKind.SCHEME, *ASSESSED}:
            raise self._fault(
                "assurance.scheme",
                (*path, "organisation"),
                f"{name} is of kind {organisations[name].kind}, not scheme",
                "Name the organisation whose kind is scheme. One that is the DCC or a DCC Service"
                " Provider as well has that kind.",
            )
        return Scheme(name, table.approved_by_smki_pma, path)

    def _organisation(self, table: documents.OrganisationTable, path: KeyPath) -> Organisation:
        parents = []
        for number, holding in enumerate(table.parent):
            where = (*path, "parent", number)
            parent = self._organisation_named(holding.organisation, where)
            parents.append(Ownership(parent, self._period(holding, where), where))
        return Organisation(
            table.id, table.name, table.kind, self._period(table, path), tuple(parents), path
        )

    def _check_owners(self, organisations: Mapping[str, Organisation]) -> None:
        """Check that no organisation owns itself on any day, itself or through others.

        A circle begins on the first day of one of its links, or has none.
        """
        links = [
            (organisation, link)
            for organisation in organisations.values()
            for link in organisation.parents
        ]
        for day in {link.period.start for _, link in links}:
            parents: dict[str, list[str]] = {}
            for organisation, link in links:
                begun = link.period.start is None or (day is not None and link.period.start <= day)
                if begun and (day is None or not link.period.ends_before(day)):
                    parents.setdefault(organisation.id, []).append(link.parent)
            for organisation, link in links:
                if link.period.start == day and organisation.id in _above(link.parent, parents):
                    raise self._fault(
                        "assurance.circle",
                        (*link.path, "organisation"),
                        f"{link.parent} is a parent of {organisation.id}, which owns {link.parent}"
                        " itself or through others"
                        if link.parent != organisation.id
                        else f"{organisation.id} is its own parent",
                        "Correct the parents, or the days on which they are.",
                    )

    def _person(self, table: documents.PersonTable, path: KeyPath) -> Person:
        return Person(
            table.id,
            table.name,
            tuple(self._post(post, (*path, "post", n)) for n, post in enumerate(table.post)),
            path,
        )

    def _post(self, table: documents.PostTable, path: KeyPath) -> Post:
        kind = self._term(self._terms.post, table.kind, (*path, "kind"), "kind of post")
        if kind.employer != (table.organisation is not None):
            raise self._fault(
                "assurance.post",
                (*path, "organisation") if table.organisation is not None else path,
                f"a post of kind {kind.name} {'needs an' if kind.employer else 'has no'}"
                " organisation",
                "Name the organisation with its id."
                if kind.employer
                else "Remove organisation, or write another kind.",
            )
        organisation = table.organisation
        if organisation is not None:
            organisation = self._organisation_named(organisation, path)
        period = self._period(table, path)
        if table.accepted is not None and not (period.start and table.accepted <= period.start):
            raise self._fault(
                "assurance.period",
                (*path, "accepted"),
                "a post is accepted by the day on which it begins, and that day is in from",
                "Write in from when it begins, and in accepted that day or one before it.",
            )
        return Post(kind, organisation, period, table.accepted, path)

    def _managers(self, table: documents.PersonTable, path: KeyPath) -> Iterable[Oversight]:
        for number, superior in enumerate(table.reports_to):
            where = (*path, "reports-to", number)
            manager = self._person_named(superior.person, where)
            if manager == table.id:
                raise self._themselves(manager, where)
            kind = self._terms.oversight[SUPERVISED]
            yield Oversight(kind, table.id, manager, None, self._period(superior, where), where)

    def _oversight(self, table: documents.OversightTable, path: KeyPath) -> Oversight:
        kind = self._term(self._terms.oversight, table.kind, (*path, "kind"), "kind of oversight")
        person, organisation = table.person, table.organisation
        if (person is None) == (organisation is None):
            raise self._fault(
                "assurance.oversight",
                path,
                "an oversight has either a person or an organisation",
                "Write one of the two. If both did it, write an oversight for each.",
            )
        if person is not None:
            self._person_named(person, path)
        if organisation is not None:
            self._organisation_named(organisation, path)
        of = self._person_named(table.of, path, "of")
        if of == person:
            raise self._themselves(of, path)
        return Oversight(kind, of, person, organisation, self._period(table, path), path)

    def _themselves(self, person: str, path: KeyPath) -> InputError:
        return self._fault(
            "assurance.oversight",
            (*path, "person"),
            f"{person} is over themselves",
            "Name the other person or the organisation that is over them, or remove the table.",
        )

    def _seat(self, table: documents.BoardTable, path: KeyPath) -> Seat:
        return Seat(self._person_named(table.person, path), self._period(table, path), path)

    def _report(self, table: documents.ReportTable, path: KeyPath) -> Report:
        ids = self._ids(
            [decision.id for decision in table.decision], "decision", (*path, "decision")
        )
        return Report(
            table.id,
            self._term(self._terms.stage, table.stage, (*path, "stage"), "stage"),
            table.subject,
            table.outcome,
            tuple(table.caveats),
            tuple(table.failures),
            table.completed,
            table.provided_to_dcc,
            table.provided_to_smki_pma,
            tuple(
                self._decision(decision, (*path, "decision", number))
                for number, decision in enumerate(table.decision)
            ),
            tuple(
                self._recusal(recusal, (*path, "recusal", number), ids)
                for number, recusal in enumerate(table.recusal)
            ),
            path,
        )

    def _decision(self, table: documents.DecisionTable, path: KeyPath) -> Decision:
        kind = self._term(self._terms.decision, table.kind, (*path, "kind"), "kind of decision")
        parts = []
        for number, part in enumerate(table.part):
            where = (*path, "part", number)
            how = self._term(self._terms.part, part.how, (*where, "how"), "way to take part")
            parts.append(DecisionPart(self._person_named(part.person, where), how, where))
        return Decision(table.id, kind, table.on, tuple(parts), path)

    def _recusal(
        self, table: documents.RecusalTable, path: KeyPath, decisions: Sequence[str]
    ) -> Recusal:
        person = self._person_named(table.person, path)
        if table.decision is not None:
            self._known(table.decision, decisions, (*path, "decision"), "decision of the report")
        if table.recorded is not None and table.recorded < table.on:
            raise self._fault(
                "assurance.period",
                (*path, "recorded"),
                f"the recusal of {table.on} was recorded before, on {table.recorded}",
                "Correct on, the day on which the person withdrew, or recorded.",
            )
        return Recusal(person, table.decision, table.on, table.recorded, table.how, path)

    def _period(self, table: documents.PeriodTable, path: KeyPath) -> Period:
        start: date | None = table.from_
        if start is not None and table.until is not None and table.until < start:
            raise self._fault(
                "assurance.period",
                (*path, "until"),
                f"the last day, {table.until}, is before the first one, {start}",
                "Correct from or until.",
            )
        return Period(start, table.until)

    def _ids(self, ids: list[str], noun: str, path: KeyPath) -> list[str]:
        first: dict[str, int] = {}
        for number, identifier in enumerate(ids):
            if identifier in first:
                line = self._whole.within(*path, first[identifier], "id").line
                raise self._fault(
                    "assurance.duplicate",
                    (*path, number, "id"),
                    f"{identifier} is the id of another {noun}, on line {line}",
                    "Give each an id of its own, and use it where this one is meant.",
                )
            first[identifier] = number
        return ids

    def _term(self, terms: Mapping[str, Kind], name: str, path: KeyPath, noun: str) -> Kind:
        self._known(name, terms, path, noun)
        return terms[name]

    def _person_named(self, name: str, path: KeyPath, key: str = "person") -> str:
        return self._known(name, self._people, (*path, key), "person")

    def _organisation_named(self, name: str, path: KeyPath) -> str:
        return self._known(name, self._organisations, (*path, "organisation"), "organisation")

    def _known(self, name: str, names: Iterable[str], path: KeyPath, noun: str) -> str:
        if name not in names:
            raise self._fault(
                "assurance.reference",
                path,
                f"there is no {noun} {shown(name)}",
                use_one_of(names, given=name),
            )
        return name

    def _check_limits(self) -> None:
        file = self._file
        decisions = [decision for report in file.report for decision in report.decision]
        links: tuple[Sequence[object], ...] = (
            *(organisation.parent for organisation in file.organisation),
            *(person.post for person in file.person),
            *(person.reports_to for person in file.person),
            *(decision.part for decision in decisions),
            *(report.recusal for report in file.report),
            *(file.board, file.oversight),
        )
        for count, most, noun in (
            (len(file.organisation), MAX_ORGANISATIONS, "organisations"),
            (len(file.person), MAX_PERSONS, "persons"),
            (len(file.report), MAX_REPORTS, "reports"),
            (len(decisions), MAX_DECISIONS, "decisions"),
            (
                sum(len(values) for values in links),
                MAX_LINKS,
                "posts, seats, parts, recusals and other links",
            ),
        ):
            if count > most:
                raise self._fault(
                    "assurance.limit",
                    (),
                    f"the record has {count} {noun}, but at most {most} are read",
                    "Divide the reports among several records.",
                )

    def _fault(self, code: str, path: KeyPath, fault: str, remedy: str = "") -> InputError:
        return InputError(code, f"{self._whole.within(*path)}: {fault}.", remedy)


def _above(name: str, parents: Mapping[str, Sequence[str]]) -> set[str]:
    """An organisation and all that own it, themselves or through others."""
    reached, unvisited = {name}, [name]
    while unvisited:
        for parent in parents.get(unvisited.pop(), ()):
            if parent not in reached:
                reached.add(parent)
                unvisited.append(parent)
    return reached
