"""Writes a corpus in C, for firmware: a header, a unit for each profile, and a table of these."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Level, Need, Stage, Verdict
from smki_testca.corpus.delivery.deltas import delta
from smki_testca.corpus.delivery.symbols import CNames
from smki_testca.exporters.c_arrays import array

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from smki_testca.corpus.case import Case

_TEMPLATE = Path(__file__).with_name("corpus.h.in")
_WARNING = "/* Made by smki-testca. The keys are public: trust nothing that they sign. */\n"
_IDENTITY = ("eui64", "usage", "role", "signifier", "status")


def c_files(cases: Sequence[Case], revision: str, names: CNames | None = None) -> dict[str, str]:
    """The content of each file by its name.

    Args:
        cases: with their good bases.
        revision: of the corpus.
        names: in C; the usual ones by default.
    """
    names = names or CNames()
    families: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        families[case.profile].append(case)
    good = {case.id: case for case in cases if case.base is None}
    longest = max(len(case.der) for case in cases)
    return {
        f"{names.file}.h": _header(families, names, revision, longest),
        f"{names.file}.c": _table(families, names),
        **{
            f"{names.unit(profile)}.c": _head(names)
            + _Unit(f"{names.table(profile)}[{names.count(profile)}]", members, good).text()
            for profile, members in families.items()
        },
    }


def _head(names: CNames) -> str:
    return f'{_WARNING}#include "{names.file}.h"\n\n'


def _header(
    families: Mapping[str, Sequence[Case]], names: CNames, revision: str, longest: int
) -> str:
    tables = []
    for profile, cases in families.items():
        places = ",\n    ".join(names.symbol(case.id) for case in cases)
        table, count = names.table(profile), names.count(profile)
        tables.append(
            f"/* Profile {profile}: the places of its cases in its table. */\n"
            f"enum {table} {{\n    {places}\n}};\n"
            f"#define {count} {len(cases)}u\n"
            f"extern const smki_case {table}[{count}];\n"
        )
    values = {
        "@FILE@": names.file,
        "@NAME@": names.tables,
        "@PREFIX@": names.tables.upper(),
        "@REVISION@": revision,
        "@LONGEST@": str(longest),
        "@FAMILIES@": str(len(families)),
        "@TABLES@": "\n".join(tables),
    }
    text = _TEMPLATE.read_text("ascii")
    for place, value in values.items():
        text = text.replace(place, value)
    return text


def _table(families: Mapping[str, Sequence[Case]], names: CNames) -> str:
    rows = ",\n    ".join(
        f'{{"{profile}", {names.table(profile)}, {names.count(profile)}}}' for profile in families
    )
    name = f"{names.tables}[{names.tables.upper()}_FAMILIES]"
    return f"{_head(names)}const smki_family {name} = {{\n    {rows}\n}};\n"


@dataclass(frozen=True)
class _Question:
    """The question about a document, in C: the values of its struct."""

    at: str
    expected: tuple[str | None, ...]
    facts: tuple[str | None, ...]
    chain: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    about: bytes | None

    @classmethod
    def of(cls, case: Case) -> _Question:
        expected, facts = (tuple(map(each.get, _IDENTITY)) for each in (case.wanted, case.facts))
        return cls(case.at, expected, facts, case.chain, case.crls, case.about)


class _Unit:
    """The unit of a profile: each array once, then the questions, then the table.

    Args:
        table: the declarator of its table.
        cases: in their order.
        good: every good base by its id.
    """

    def __init__(self, table: str, cases: Sequence[Case], good: Mapping[str, Case]) -> None:
        self._table, self._cases, self._good = table, cases, good
        self._parts: list[str] = []
        self._octets: dict[bytes, str] = {}
        self._lists: dict[tuple[bytes, ...], str] = {}
        self._identities: dict[tuple[str | None, ...], str] = {}
        self._questions: dict[_Question, str] = {}

    def text(self) -> str:
        """The unit, without its head."""
        rows = ",\n".join([self._row(number, case) for number, case in enumerate(self._cases)])
        return f"{''.join(self._parts)}\nconst smki_case {self._table} = {{\n{rows}\n}};\n"

    def _row(self, number: int, case: Case) -> str:
        base = self._good[case.base or case.id]
        changes = delta(base.der, case.der)
        name = "NULL"
        if changes:
            name = f"d{number}"
            self._parts.append(array(name, changes))
        needs = sum(1 << place for place, need in enumerate(Need) if need in case.needs)
        marks = (
            _KINDS[case.kind],
            _STAGES[case.stage],
            _STAGES[case.at_least],
            *(_VERDICTS[case.verdict(level)] for level in Level),
            _IMPORTANCES[case.importance],
            needs,
            int(case.is_good),
            case.revision,
        )
        return (
            f'{{"{case.id}",{self._list((base.der,))},{name},&{self._question(case)},'
            f"{len(changes)},{len(case.der)},{','.join(map(str, marks))}}}"
        )

    def _array(self, octets: bytes) -> str:
        name = self._octets.get(octets)
        if name is None:
            name = self._octets[octets] = f"o{len(self._octets)}"
            self._parts.append(array(name, octets))
        return name

    def _list(self, documents: tuple[bytes, ...]) -> str:
        """The name of an array of documents; NULL for none."""
        if not documents:
            return "NULL"
        name = self._lists.get(documents)
        if name is None:
            rows = ", ".join([f"{{{self._array(der)}, {len(der)}}}" for der in documents])
            name = self._lists[documents] = f"l{len(self._lists)}"
            self._parts.append(f"static const smki_octets {name}[{len(documents)}] = {{{rows}}};\n")
        return name

    def _identity(self, values: tuple[str | None, ...]) -> str:
        name = self._identities.get(values)
        if name is None:
            name = self._identities[values] = f"i{len(self._identities)}"
            words = ", ".join("NULL" if value is None else f'"{value}"' for value in values)
            self._parts.append(f"static const smki_identity {name} = {{{words}}};\n")
        return name

    def _question(self, case: Case) -> str:
        question = _Question.of(case)
        name = self._questions.get(question)
        if name is None:
            around = () if question.about is None else (question.about,)
            lists = [(self._list(each), len(each)) for each in (question.chain, question.crls)]
            values = ", ".join(
                (
                    f'"{question.at}"',
                    *(f"&{self._identity(each)}" for each in (question.expected, question.facts)),
                    *(f"{each}, {count}" for each, count in lists),
                    self._list(around),
                )
            )
            name = self._questions[question] = f"q{len(self._questions)}"
            self._parts.append(f"static const smki_question {name} = {{{values}}};\n")
        return name


_KINDS = {"certificate": 0, "CRL": 1, "CSR": 2}
_STAGES, _VERDICTS, _IMPORTANCES = (
    {member: number for number, member in enumerate(kind)} for kind in (Stage, Verdict, Importance)
)
"""The values of the enumerations in ``corpus.h``, in the same order."""
