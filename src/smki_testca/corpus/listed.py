"""The cases of a corpus in a folder, as its index lists them: they may be none that we declare."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from smki_testca.corpus.delivery.documents import CaseTable
from smki_testca.corpus.delivery.layout import INDEX, layout
from smki_testca.corpus.delivery.symbols import CNames
from smki_testca.corpus.run.loaded_corpus import MAX_INDEX_OCTETS, load
from smki_testca.errors import InputError
from smki_testca.input_files import read_regular
from smki_testca.text import closest, shown, use_one_of
from smki_testca.text_files import utf8

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from smki_testca.corpus.case import Case
    from smki_testca.corpus.case_selection import CaseSelection


class _Index(msgspec.Struct, frozen=True):
    """The keys of an index that are read; other programs may add more."""

    at: str
    cases: list[CaseTable]


@dataclass(frozen=True)
class ListedCorpus:
    """The cases of a corpus in a folder.

    Attributes:
        path: of the folder or its index.
        cases: in the order of the index.
    """

    path: Path
    cases: tuple[CaseTable, ...]

    @classmethod
    def read(cls, path: Path) -> ListedCorpus:
        """Read the index of a folder that ``corpus make`` or ``corpus fuzz`` wrote.

        Raises:
            InputError: if it cannot be read, or is none.
        """
        index = path / INDEX if path.is_dir() else path
        try:
            index_file = msgspec.json.decode(
                utf8(read_regular(index, MAX_INDEX_OCTETS)), type=_Index
            )
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise InputError(
                "corpus.index",
                f"{index} cannot be used as the index of a corpus: {error}.",
                "Name a folder that smki-testca corpus make or corpus fuzz wrote.",
            ) from error
        return cls(path, tuple(_completed(case, index_file.at) for case in index_file.cases))

    def case(self, name: str) -> CaseTable:
        """The case of an id, or of one that it had before.

        Raises:
            InputError: if there is none.
        """
        match = next((case for case in self.cases if name in {case.id, *case.aliases}), None)
        if match is None:
            message = f"{self.path} has no case {shown(name)}."
            raise InputError("corpus.unknown_case", message, self._see(name))
        return match

    def document(self, case: CaseTable) -> bytes:
        """The document of a case, DER.

        Raises:
            InputError: if the corpus cannot be read, or is not what it was made as.
        """
        return next(each.question.der for each in load(self.path).cases if each.id == case.id)

    def select(self, selection: CaseSelection) -> list[CaseTable]:
        """The cases that fit; of importances and bases, all that the folder has by default.

        Raises:
            InputError: if none fits, or a pattern or a profile fits none.
        """
        for pattern in selection.only:
            if not any(_is_called(case, pattern) for case in self.cases):
                raise _nothing(f"no case is called {shown(pattern)}", self._see(pattern))
        profiles = sorted({case.profile for case in self.cases})
        for profile in selection.profiles:
            if profile not in profiles:
                remedy = use_one_of(profiles, given=profile)
                raise _nothing(f"no case is of the profile {shown(profile)}", remedy)
        matches = [case for case in self.cases if _fits(case, selection)]
        if not matches:
            raise _nothing("no case fits all that is asked for", "Ask for less.")
        return matches

    def _see(self, name: str) -> str:
        meant = closest(name, [each for case in self.cases for each in (case.id, *case.aliases)])
        question = "" if meant is None else f"Did you mean {meant}? "
        return f"{question}See: smki-testca corpus list --corpus {self.path}"


def as_table(case: Case, good: Sequence[Case] = ()) -> CaseTable:
    """A case of our own as the index of the whole corpus lists it.

    Args:
        case: of our own.
        good: all good documents, after which files are named.
    """
    names = layout([*good, case])
    files = {
        "der": names.cases[case.id],
        "sha256": case.sha256,
        "octets": len(case.der),
        "symbol": CNames().symbol(case.id),
    }
    entry: dict[str, Any] = {**case.as_json(), "files": files, **names.names_of(case)}
    return msgspec.convert(entry, CaseTable)


_OF_FILES = ("files", "chain", "crls", "about")


def as_json(case: CaseTable) -> dict[str, Any]:
    """The case as a JSON object, without the names of files."""
    document: dict[str, Any] = msgspec.to_builtins(case)
    return {key: value for key, value in document.items() if key not in _OF_FILES}


def _completed(case: CaseTable, at: str) -> CaseTable:
    """The case with what its absence from the index says."""
    expected = case.facts if case.wanted is None else case.wanted
    return msgspec.structs.replace(case, at=case.at or at, wanted=expected)


def _fits(case: CaseTable, selection: CaseSelection) -> bool:
    verdict = case.expect[selection.level].verdict
    return (
        (not selection.only or any(_is_called(case, pattern) for pattern in selection.only))
        and (not selection.profiles or case.profile in selection.profiles)
        and (not selection.stages or case.stage in selection.stages)
        and (not selection.importances or case.importance in selection.importances)
        and (not selection.verdicts or verdict in selection.verdicts)
        and (selection.is_good is None or case.good is selection.is_good)
        and (selection.max_octets is None or case.files.octets <= selection.max_octets)
    )


def _is_called(case: CaseTable, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in (case.id, *case.aliases))


def _nothing(cause: str, remedy: str) -> InputError:
    return InputError("corpus.selection", f"Nothing is selected: {cause}.", remedy)
