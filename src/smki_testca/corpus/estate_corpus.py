"""Makes the corpus under an estate's own CAs, and says which cases could not be made."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.corpus.build import Builder
from smki_testca.corpus.case_selection import Catalogue
from smki_testca.corpus.delivery.corpus_index import revision_of
from smki_testca.corpus.estate_pki import estate_pki
from smki_testca.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from smki_testca.corpus.case import Case
    from smki_testca.corpus.case_selection import CaseSelection, CatalogueEntry
    from smki_testca.estate.stores import Stores


@dataclass(frozen=True)
class EstateCorpus:
    """Cases that an estate's CAs signed.

    Attributes:
        cases: with their good bases.
        left_out: why each of the others could not be made, by id.
        environment: of the CAs.
        at: the instant at which they are judged, ISO 8601, UTC.
    """

    cases: list[Case]
    left_out: Mapping[str, str]
    environment: str
    at: str


def make(estate: Stores, selection: CaseSelection, environment: str | None = None) -> EstateCorpus:
    """Make the cases of a selection under an estate's CAs; nothing is recorded yet.

    The cases are not recorded as issued certificates. Keep them only within ``recorded``.

    Args:
        estate: whose CAs sign; it must be unlocked.
        selection: the cases.
        environment: the CAs' environment; the estate's first by default.

    Raises:
        InputError: if no case can be made.
        EstateError: if the estate has no CAs of a hierarchy, or a key is missing.
    """
    name = estate.environment(environment)
    builder = Builder(estate_pki(estate, environment), name)
    catalogue = Catalogue(builder)
    catalogue.check(selection)
    entries = [entry for entry in catalogue.entries.values() if entry.may_fit(selection)]
    bases = [catalogue.entries[f"good-{entry.base.name}"] for entry in entries]
    cases, left_out = _build_all(
        catalogue, {entry.id: entry for entry in (*bases, *entries)}.values()
    )
    own = [cases[entry.id] for entry in entries if entry.id in cases]
    fitting = [case for case in own if selection.fits(case)]
    names = dict.fromkeys((*(case.base or case.id for case in fitting), *(c.id for c in fitting)))
    chosen = [cases[name] for name in names]
    if not chosen:
        raise InputError(
            "corpus.selection",
            "Nothing is selected: no case fits all that is asked for.",
            "Ask for less.",
        )
    return EstateCorpus(chosen, left_out, name, chosen[0].at)


@contextlib.contextmanager
def recorded(estate: Stores, corpus: EstateCorpus) -> Iterator[None]:
    """Keep the cases in the block: the audit log gets its entry if the block ends without an error.

    Args:
        estate: whose CAs signed.
        corpus: what they signed.
    """
    body = {
        "environment": corpus.environment,
        "cases": len(corpus.cases),
        "revision": revision_of(corpus.cases),
        "left_out": sorted(corpus.left_out),
    }
    with estate.transaction():
        estate.audit.append(estate.clock.now(), "corpus.make", body)
        yield


def _build_all(
    catalogue: Catalogue, entries: Iterable[CatalogueEntry]
) -> tuple[dict[str, Case], dict[str, str]]:
    """The cases that can be made, and why the others cannot, by id; good bases come first."""
    cases: dict[str, Case] = {}
    left_out: dict[str, str] = {}
    for entry in entries:
        try:
            case = catalogue.build(entry)
        except InputError as error:
            left_out[entry.id] = error.message
            continue
        if case.base is not None and case.base not in cases:
            left_out[entry.id] = f"{case.base} is left out."
        elif not _is_as_declared(entry, case):
            left_out[entry.id] = "The linter says other things of it under these CAs."
        else:
            cases[case.id] = case
    return cases, left_out


def _is_as_declared(entry: CatalogueEntry, case: Case) -> bool:
    """Whether the linter finds in a case what it should, and nothing else."""
    declared = () if entry.defect is None else entry.defect.findings_on(entry.base.name)
    findings = (case.finding, *case.also)
    return Counter(each.code for each in findings if each is not None) == Counter(declared)
