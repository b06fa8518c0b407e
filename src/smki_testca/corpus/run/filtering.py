"""Filters the cases of a corpus by id, profile and stage; their good bases come with them."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.text import closest, shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.corpus.defect import Stage
    from smki_testca.corpus.run.loaded_corpus import LoadedCase


@dataclass(frozen=True)
class CaseFilter:
    """Which cases of a corpus are asked; those that fit every criterion that is given.

    Attributes:
        only: ids, or patterns of ids with ``*`` and ``?``.
        profiles: names of profiles.
        stages: of cases.
    """

    only: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()

    def of(self, cases: Sequence[LoadedCase]) -> tuple[LoadedCase, ...]:
        """The cases that fit, with their bases.

        Raises:
            InputError: if none fits, or a pattern or profile fits none.
        """
        for pattern in self.only:
            if not any(_named(case, pattern) for case in cases):
                meant = closest(pattern, [case.id for case in cases])
                question = "" if meant is None else f"Did you mean {meant}? "
                remedy = f"{question}See: smki-testca corpus list"
                raise _nothing(f"no case is called {shown(pattern)}", remedy)
        profiles = sorted({case.profile for case in cases})
        for profile in self.profiles:
            if profile not in profiles:
                remedy = use_one_of(profiles, given=profile)
                raise _nothing(f"no case is of the profile {shown(profile)}", remedy)
        chosen = {case.id for case in cases if self._fits(case)}
        if not chosen:
            raise _nothing("no case fits all that is asked for", "Ask for less.")
        chosen |= {case.base for case in cases if case.id in chosen and case.base}
        return tuple(case for case in cases if case.id in chosen)

    def _fits(self, case: LoadedCase) -> bool:
        return (
            (not self.only or any(_named(case, pattern) for pattern in self.only))
            and (not self.profiles or case.profile in self.profiles)
            and (not self.stages or case.stage in self.stages)
        )


def _named(case: LoadedCase, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in (case.id, *case.aliases))


def _nothing(cause: str, remedy: str) -> InputError:
    return InputError("corpus.selection", f"Nothing is selected: {cause}.", remedy)
