"""Selects cases by id, profile, stage, importance and verdict, and finds the one of an id."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from smki_testca.corpus import declared
from smki_testca.corpus.defect import Importance, Level, Stage, Verdict
from smki_testca.errors import InputError
from smki_testca.text import closest, shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.build import Builder
    from smki_testca.corpus.case import Case
    from smki_testca.corpus.defect import Defect


@dataclass(frozen=True)
class CaseSelection:
    """Which cases are wanted: those that fit every criterion that is given.

    Attributes:
        only: ids, or patterns of ids with ``*`` and ``?``.
        profiles: names of profiles.
        stages: the steps that must refuse a case.
        importances: how much a case matters. Those that matter little are left out unless this
            names them.
        verdicts: what a parser must do with it.
        level: of the verdicts.
        is_good: whether a parser must take it; None for both.
        max_octets: the longest document that is wanted; None for any.
        every_base: whether to make each defect of every base that it is declared on; otherwise
            of its main bases, and of those that ``only`` names.
    """

    only: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    importances: tuple[Importance, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    level: Level = Level.RFC5280
    is_good: bool | None = None
    max_octets: int | None = None
    every_base: bool = False

    def fits(self, case: Case) -> bool:
        """Whether a case fits by its verdict and length; the rest is known before it is made."""
        return self.has_room(case) and (
            not self.verdicts or case.verdict(self.level) in self.verdicts
        )

    def has_room(self, case: Case) -> bool:
        """Whether the document of a case is not too long."""
        return self.max_octets is None or len(case.der) <= self.max_octets


@dataclass(frozen=True)
class CatalogueEntry:
    """A case that is declared, and may not be made yet.

    Attributes:
        id: of the case.
        base: the good document that it is, or is a change of.
        defect: the change; None for a good base.
    """

    id: str
    base: Base
    defect: Defect | None

    @property
    def names(self) -> tuple[str, ...]:
        """Its id, and the ids that it had before."""
        if self.defect is None:
            return (self.id,)
        prefixes = ("", "good-") if self.defect.is_good else ("",)
        aliases = self.defect.aliases
        return (self.id, *(f"{pre}{self.base.name}-{name}" for name in aliases for pre in prefixes))

    @property
    def is_main(self) -> bool:
        """Whether the case is in the corpus where not every base is asked for."""
        return self.defect is None or self.base.name in self.defect.main_bases

    def may_fit(self, selection: CaseSelection) -> bool:
        """Whether the case fits a selection, but for the verdict."""
        defect = self.defect
        is_good = defect is None or defect.is_good
        stage = Stage.USE if defect is None else defect.stage
        importance = Importance.CRITICAL if defect is None else defect.importance
        return (
            (
                selection.every_base
                or bool(selection.only)
                or self.is_main
                or self._is_asked_for(selection)
            )
            and (not selection.only or any(map(self.is_called, selection.only)))
            and (not selection.profiles or self.base.profile in selection.profiles)
            and (not selection.stages or stage in selection.stages)
            and (not selection.importances or importance in selection.importances)
            and (selection.is_good is None or is_good is selection.is_good)
        )

    def _is_asked_for(self, selection: CaseSelection) -> bool:
        """Whether the case matters little, which is what is asked for."""
        defect = self.defect
        return (
            Importance.LOW in selection.importances
            and defect is not None
            and defect.importance is Importance.LOW
            and self.base.name in defect.first_bases
        )

    def is_called(self, pattern: str) -> bool:
        """Whether its id, or one that it had before, fits a pattern."""
        return any(fnmatch.fnmatchcase(name, pattern) for name in self.names)


class Catalogue:
    """Every case that there is; each is made when it is asked for.

    Args:
        builder: makes the cases.
    """

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._made: dict[str, Case] = {}

    @cached_property
    def entries(self) -> dict[str, CatalogueEntry]:
        """Every case by its id: the good bases first, then the oddities, then the defects."""
        bases = self._builder.bases
        every = {f"good-{base.name}": (base, None) for base in bases.values()} | {
            f"{'good-' if is_good else ''}{name}-{defect.name}": (bases[name], defect)
            for is_good in (True, False)
            for namesakes in declared.DEFECTS.values()
            for defect in namesakes
            if defect.is_good is is_good
            for name in defect.on
        }
        return {id_: CatalogueEntry(id_, *declaration) for id_, declaration in every.items()}

    def case(self, name: str) -> Case:
        """The case of an id, or of one that it had before.

        Raises:
            InputError: if there is none.
        """
        if not isinstance(name, str):
            message = f"There is no case {name!r}: an id is a text."
            raise InputError("corpus.unknown_case", message, self._see(""))
        entry = self.entries.get(name) or next(
            (entry for entry in self.entries.values() if name in entry.names), None
        )
        if entry is None:
            message = f"There is no case {shown(name)}."
            raise InputError("corpus.unknown_case", message, self._see(name))
        return self.build(entry)

    def good(self) -> list[Case]:
        """Every good document of which cases are changes."""
        return [self.build(entry) for entry in self.entries.values() if entry.defect is None]

    def _see(self, name: str) -> str:
        """The remedy for an id that no case has."""
        meant = closest(name, [each for entry in self.entries.values() for each in entry.names])
        question = "" if meant is None else f"Did you mean {meant}? "
        return f"{question}See: smki-testca corpus list. Of a folder, add --corpus DIR."

    def select(self, selection: CaseSelection, *, with_bases: bool = False) -> list[Case]:
        """The cases that fit.

        Args:
            selection: the selection.
            with_bases: whether to add the good bases of those that fit, before them. A case
                whose base is too long is left out.

        Raises:
            InputError: if none fits, or a pattern or a profile fits none.
        """
        self.check(selection)
        fitting = [case for case in self._fitting(selection) if selection.fits(case)]
        if not fitting:
            raise _nothing("no case fits all that is asked for", "Ask for less.")
        if not with_bases:
            return fitting
        good = {case.id: case for case in fitting if case.base is None}
        names = dict.fromkeys(case.base or case.id for case in fitting)
        bases = [good.get(name) or self.case(name) for name in names]
        roomy = {base.id for base in bases if selection.has_room(base)}
        return [
            *(base for base in bases if base.id in roomy),
            *(case for case in fitting if case.base in roomy),
        ]

    def _fitting(self, selection: CaseSelection) -> Iterator[Case]:
        return (self.build(entry) for entry in self.entries.values() if entry.may_fit(selection))

    def check(self, selection: CaseSelection) -> None:
        """Check that every pattern and profile of a selection fits a case.

        Raises:
            InputError: if one does not.
        """
        for pattern in selection.only:
            if not any(entry.is_called(pattern) for entry in self.entries.values()):
                raise _nothing(f"no case is called {shown(pattern)}", self._see(pattern))
        profiles = sorted({entry.base.profile for entry in self.entries.values()})
        for profile in selection.profiles:
            if profile not in profiles:
                remedy = use_one_of(profiles, given=profile)
                raise _nothing(f"no case is of the profile {shown(profile)}", remedy)

    def build(self, entry: CatalogueEntry) -> Case:
        """The case of an entry; it is made once."""
        case = self._made.get(entry.id)
        if case is None:
            defect, base = entry.defect, entry.base
            case = self._builder.good(base) if defect is None else self._builder.case(defect, base)
            self._made[entry.id] = case
        return case


def _nothing(cause: str, remedy: str) -> InputError:
    return InputError("corpus.selection", f"Nothing is selected: {cause}.", remedy)
