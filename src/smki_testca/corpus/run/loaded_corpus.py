"""Reads a corpus from the folder that ``corpus make`` wrote, and checks each file's digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from smki_testca.corpus.defect import Need, Stage
from smki_testca.corpus.delivery.layout import INDEX, SUMS
from smki_testca.corpus.run.documents import IndexEntry, IndexFile
from smki_testca.corpus.run.questions import CSR, Question
from smki_testca.errors import InputError
from smki_testca.input_files import read_regular
from smki_testca.text import shown
from smki_testca.text_files import decode, utf8

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from smki_testca.corpus.case import Case
    from smki_testca.corpus.defect import Importance, Level, Verdict
    from smki_testca.roles import Basis

MAX_INDEX_OCTETS = 64 << 20
"""The longest index of a corpus that is read."""
MAX_DOCUMENT_OCTETS = 1 << 20
"""The longest document of a corpus that is read."""
_REMEDY = "Make it again with: smki-testca corpus make, or corpus fuzz if that wrote it."


@dataclass(frozen=True)
class LoadedCase:
    """A case as a run needs it.

    Attributes:
        id: of the case.
        aliases: ids that it had before.
        title: what it is, one line.
        profile: the name of the profile that the document should follow.
        base: the id of the good case that it is a change of; None for a base itself.
        is_good: whether a parser must take it.
        stage: the step that must refuse it.
        at_least: the latest step at which refusing it still counts as right.
        verdicts: what a parser must do, by level.
        bases: how well that is known, by level; None where the corpus does not say.
        importance: how much it matters.
        needs: what a parser must be able to do.
        facts: what a reader that accepts it must have read, by name.
        lost: the names of facts that its good base has, and it has not.
        why: what goes wrong in the field if a parser gets it wrong.
        question: what is asked of a target.
    """

    id: str
    aliases: tuple[str, ...]
    title: str
    profile: str
    base: str | None
    is_good: bool
    stage: Stage
    at_least: Stage
    verdicts: Mapping[Level, Verdict]
    bases: Mapping[Level, Basis | None]
    importance: Importance
    needs: frozenset[Need]
    facts: Mapping[str, str]
    lost: frozenset[str]
    why: str
    question: Question

    @property
    def kind(self) -> str:
        """``certificate``, ``CRL`` or ``CSR``."""
        return self.question.kind


@dataclass(frozen=True)
class LoadedCorpus:
    """A corpus as a run needs it.

    Attributes:
        digest: SHA-256 over its index and the digest of every document that a run uses.
        cases: its cases, in its order.
    """

    digest: str
    cases: tuple[LoadedCase, ...]


def load(path: Path) -> LoadedCorpus:
    """Read a corpus: a folder, or an index of cases with the files that it names beside it.

    Raises:
        InputError: if the index or a file cannot be read, is too long, is not what the index or
            the sums say, or if neither says what it is.
    """
    index = path / INDEX if path.is_dir() else path
    data = read_regular(index, MAX_INDEX_OCTETS)
    try:
        document = msgspec.json.decode(utf8(data), type=IndexFile)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _index_error(index, str(error)) from error
    tables = [
        msgspec.structs.replace(table, at=table.at or document.at) for table in document.cases
    ]
    ids = {table.id for table in tables}
    if len(ids) < len(tables):
        raise _index_error(index, "two cases have one id")
    folder = _Folder(index.parent)
    octets_by_id = {
        table.id: _Octets(
            folder.read(table.files.der, table.files.sha256),
            tuple(map(folder.read, table.chain)),
            tuple(map(folder.read, table.crls)),
            None if table.about is None else folder.read(table.about),
        )
        for table in tables
    }
    return LoadedCorpus(_digest(data, octets_by_id.values()), tuple(_loaded(tables, octets_by_id)))


def of_cases(cases: Sequence[Case]) -> LoadedCorpus:
    """The corpus of cases that were just made."""
    tables = [
        msgspec.convert({**case.as_json(), "files": {"der": "", "sha256": case.sha256}}, IndexEntry)
        for case in cases
    ]
    octets_by_id = {case.id: _Octets(case.der, case.chain, case.crls, case.about) for case in cases}
    ids = "\n".join(octets_by_id).encode()
    return LoadedCorpus(_digest(ids, octets_by_id.values()), tuple(_loaded(tables, octets_by_id)))


@dataclass(frozen=True)
class _Octets:
    """The documents of a case."""

    der: bytes
    chain: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    about: bytes | None


def _digest(index: bytes, documents: Iterable[_Octets]) -> str:
    """The digest of a corpus: of what lists its cases, and of every document."""
    digest = hashlib.sha256(hashlib.sha256(index).digest())
    for each in documents:
        for group in ((each.der,), each.chain, each.crls, (each.about or b"",)):
            digest.update(len(group).to_bytes(4, "big"))
            for der in group:
                digest.update(hashlib.sha256(der).digest())
    return digest.hexdigest()


def _loaded(
    tables: Iterable[IndexEntry], octets_by_id: Mapping[str, _Octets]
) -> Iterator[LoadedCase]:
    by_id = {table.id: table for table in tables}
    for table in by_id.values():
        base = by_id.get(table.base or table.id, table)
        yield LoadedCase(
            table.id,
            tuple(table.aliases),
            table.title,
            table.profile,
            table.base,
            table.good,
            table.stage,
            table.at_least,
            table.expect.by_level(),
            table.expect.bases(),
            table.importance,
            _needs(table),
            table.facts,
            frozenset(base.facts.keys() - table.facts.keys()),
            table.why,
            # A root is judged with the good root as the CA to trust; a good one is that CA itself.
            _question(
                table,
                octets_by_id[table.id],
                table.facts if table.wanted is None else table.wanted,
                octets_by_id[table.id if table.good else base.id].der,
            ),
        )


def _question(
    table: IndexEntry, octets: _Octets, expected: Mapping[str, str], base: bytes
) -> Question:
    # A root is judged with the good root as the CA to trust.
    *above, root = octets.chain or ((None,) if table.kind == CSR else (base,))
    return Question(
        table.id,
        table.kind,
        table.at,
        expected,
        octets.der,
        tuple(der for der in above if der is not None),
        root,
        octets.crls,
        octets.about,
    )


def _needs(table: IndexEntry) -> frozenset[Need]:
    """The abilities that a case needs: a signature is verified with the issuer's key."""
    by_issuer = table.kind != CSR and table.stage in {Stage.SIGNATURE, Stage.PATH}
    return frozenset(table.needs) | ({Need.CHAIN} if by_issuer else set())


class _Folder:
    """The files of a corpus, each read once and checked by its digest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sums = self._read_sums()
        self._read: dict[str, bytes] = {}

    def read(self, name: str, sha256: str = "") -> bytes:
        """Read a file, and check its digest.

        Args:
            name: below the folder.
            sha256: its digest; what the sums say by default.
        """
        data = self._read.get(name)
        if data is None:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or not path.parts:
                raise _index_error(
                    self._folder / INDEX, f"{shown(name)} is not a file of the corpus"
                )
            data = read_regular(self._folder.joinpath(*path.parts), MAX_DOCUMENT_OCTETS)
            self._read[name] = data
        digest = sha256 or self._sums.get(name)
        if digest is None:
            raise InputError(
                "corpus.index",
                f"{self._folder / SUMS} has no digest of {shown(name)}, so it cannot be checked.",
                _REMEDY,
            )
        if hashlib.sha256(data).hexdigest() != digest.lower():
            raise InputError(
                "corpus.changed",
                f"{self._folder.joinpath(*name.split('/'))} is not what the corpus was made with:"
                " its SHA-256 differs.",
                _REMEDY,
            )
        return data

    def _read_sums(self) -> dict[str, str]:
        path = self._folder / SUMS
        if not path.is_file():
            return {}
        lines = decode(read_regular(path, MAX_INDEX_OCTETS), str(path)).splitlines()
        pairs = (line.split(maxsplit=1) for line in lines)
        return {pair[1].removeprefix("*"): pair[0] for pair in pairs if len(pair) == 2}


def _index_error(index: Path, cause: str) -> InputError:
    return InputError(
        "corpus.index", f"{index} cannot be used as the index of a corpus: {cause}.", _REMEDY
    )
