"""Lints a whole input: each document by itself, on all cores, then all documents together."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from smki_testca import workers
from smki_testca.lint import chain, crl, sets
from smki_testca.lint.engine import Linter, coded_finding, in_order
from smki_testca.lint.guard import run
from smki_testca.x509.view import view_revocation_list

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.importers.sources import Source
    from smki_testca.lint.findings import Breach, Finding
    from smki_testca.lint.linted import Linted, LintSettings
    from smki_testca.x509.entries import CrlEntry

_PARALLEL_FROM = 400
_CHUNK = 250


def lint_all(documents: Iterator[Source], settings: LintSettings) -> list[Linted]:
    """Lint every document of an input.

    Args:
        documents: in the order in which they are to be reported.
        settings: the settings of the run.

    Raises:
        InputError: if there is no such environment or profile as the settings name.
    """
    sources = list(documents)
    certificates = [source.data for source in sources if source.problem is None]
    issuers = chain.gathered([*settings.trusted, *certificates], settings.at)
    # A wrong name in the settings is an error in this process, before anything is linted.
    linter = Linter(settings, issuers)
    count = min(os.cpu_count() or 1, workers.MAX_WORKERS)
    if len(sources) < _PARALLEL_FROM or count == 1:
        linted = [linter.lint(source, position) for position, source in enumerate(sources)]
    else:
        linted = _in_parallel(sources, settings, issuers, count)
    for position, findings in set_findings(linter, linted, sources).items():
        document = linted[position]
        linted[position] = replace(document, findings=in_order([*document.findings, *findings]))
    return linted


def set_findings(
    linter: Linter, linted: Sequence[Linted], documents: Sequence[Source]
) -> dict[int, list[Finding]]:
    """The findings of documents together, by the position of the document at fault.

    Args:
        linter: the linter that read them.
        linted: the result for each document.
        documents: the documents in the same order, to read the entries of CRLs again.
    """

    def entries_of(listing: sets.CrlFacts) -> Iterator[CrlEntry]:
        return crl.entries_of(view_revocation_list(documents[listing.position].data))

    together = sets.DocumentSet(
        [document.facts for document in linted if document.facts is not None],
        [document.listing for document in linted if document.listing is not None],
        [document.request for document in linted if document.request is not None],
        entries_of,
        linter.at,
    )
    breaches: list[Breach] = []
    run(sets.CHECKERS, together, breaches)
    by_position: dict[int, list[Finding]] = {}
    for breach in breaches:
        by_position.setdefault(breach.position, []).append(coded_finding(breach))
    return by_position


def _in_parallel(
    sources: list[Source], settings: LintSettings, issuers: chain.Issuers, count: int
) -> list[Linted]:
    numbered = enumerate(sources)
    chunks = iter(lambda: list(islice(numbered, _CHUNK)), [])
    with workers.explained_death("nothing was reported", "Repeat the command."):
        linted = workers.ordered(count, _lint_chunk, chunks, _start_worker, settings, issuers.ders)
        return [document for chunk in linted for document in chunk]


_worker: list[Linter] = []


def _start_worker(settings: LintSettings, possible_issuers: list[bytes]) -> None:
    _worker[:] = [Linter(settings, chain.gathered(possible_issuers, settings.at))]


def _lint_chunk(chunk: list[tuple[int, Source]]) -> list[Linted]:
    return [_worker[0].lint(source, position) for position, source in chunk]
