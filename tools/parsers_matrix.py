"""Writes what the libraries that were run as targets get wrong, as Markdown.

The result is a part of docs/parsers.md: ``python tools/parsers_matrix.py`` prints it. It is made of
the corpus and of the expectations in examples/corpus/targets/, which the tests hold each library
to.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.corpus.build import ENVIRONMENT, Builder
from smki_testca.corpus.defect import Importance, Level, Stage, Verdict
from smki_testca.corpus.pki import corpus_pki
from smki_testca.corpus.run import expectations
from smki_testca.corpus.run.loaded_corpus import LoadedCase, of_cases
from smki_testca.corpus.run.questions import CRL, CSR
from smki_testca.corpus.run.target_answers import Behaviour
from smki_testca.toml import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from smki_testca.corpus.run.expectations import Expectations

FOLDER = Path(__file__).parents[1] / "examples" / "corpus" / "targets" / "expectations"
LIBRARIES = {
    "openssl": "OpenSSL",
    "gnutls": "GnuTLS",
    "mbedtls": "Mbed TLS",
    "wolfssl": "wolfSSL",
    "nss": "NSS",
    "jdk": "JDK",
    "bouncycastle": "BouncyCastle",
    "cryptography": "`cryptography`",
}
"""The libraries, by the name of their expectations."""
_WITHOUT_CSRS = {"jdk"}


def expectations_of(library: str, cases: Iterable[LoadedCase]) -> tuple[str, Expectations]:
    """The version that a library's expectations are of, and what it gets wrong."""
    path = FOLDER / f"{library}.toml"
    data = path.read_bytes()
    read = expectations.read(data, str(path), Level.RFC5280, cases)
    return str(parse(data, str(path))["target"]), read


@dataclass(frozen=True)
class _Column:
    """What is known of a library.

    Attributes:
        title: its name and version.
        wrong: what it did with a case that it gets wrong.
        asked: the cases that it is asked: those whose base it takes.
    """

    title: str
    wrong: dict[str, Behaviour]
    asked: frozenset[str]


def tables(cases: Sequence[LoadedCase]) -> tuple[str, str]:
    """The two tables of the page: numbers by stage, and the cases that matter most."""
    columns = [_column(library, cases) for library in LIBRARIES]
    titles = [column.title for column in columns]
    return (
        _table(("takes what it must refuse", *titles), _by_stage(cases, columns)),
        _table(("what matters most", *titles), _critical(cases, columns)),
    )


def _column(library: str, cases: Sequence[LoadedCase]) -> _Column:
    name, known = expectations_of(library, cases)
    wrong = {case: each.seen for case, each in known.known.items()}
    refused = {case.id for case in cases if case.base is None and case.id in wrong}
    asked = frozenset(
        case.id
        for case in cases
        if case.base not in refused
        and "names" not in case.needs
        and not (case.kind == CSR and library in _WITHOUT_CSRS)
    )
    version = name.rpartition("-")[2]
    return _Column(f"{LIBRARIES[library]} {version}", wrong, asked)


def _by_stage(cases: Sequence[LoadedCase], columns: Sequence[_Column]) -> Iterator[list[str]]:
    for stage in Stage:
        bad = [case for case in cases if case.stage is stage and _is_bad(case)]
        yield [stage.value, *(_of(column, bad) for column in columns)]
    bad = [case for case in cases if _is_bad(case)]
    good = [case for case in cases if case.verdicts[Level.RFC5280] is Verdict.ACCEPT]
    revoked = [case for case in cases if _is_dangerous(case)]
    yield ["**all**", *(_of(column, bad) for column in columns)]
    yield ["lets a revoked certificate pass", *(_passing(column, revoked) for column in columns)]
    yield ["refuses or misreads what it must take", *(_of(column, good) for column in columns)]
    either = [case for case in cases if case.verdicts[Level.RFC5280] is Verdict.EITHER]
    yield ["misreads what it may refuse", *(_of(column, either) for column in columns)]


def _is_bad(case: LoadedCase) -> bool:
    return case.verdicts[Level.RFC5280] is Verdict.REJECT


def _is_dangerous(case: LoadedCase) -> bool:
    """Whether the good base of a CRL says that the certificate is revoked."""
    return (
        case.kind == CRL
        and case.facts.get("status", Behaviour.REVOKED.value) == Behaviour.REVOKED.value
    )


def _of(column: _Column, cases: Iterable[LoadedCase]) -> str:
    asked = [case.id for case in cases if case.id in column.asked]
    return f"{sum(case in column.wrong for case in asked)} of {len(asked)}"


def _passing(column: _Column, cases: Iterable[LoadedCase]) -> str:
    asked = [case.id for case in cases if case.id in column.asked]
    passing = sum(column.wrong.get(case) is Behaviour.ACCEPTED for case in asked)
    return f"{passing} of {len(asked)}"


def _critical(cases: Sequence[LoadedCase], columns: Sequence[_Column]) -> Iterator[list[str]]:
    for case in cases:
        passes = _is_dangerous(case) and any(
            column.wrong.get(case.id) is Behaviour.ACCEPTED for column in columns
        )
        matters = case.importance is Importance.CRITICAL and _is_bad(case)
        if (matters or passes) and any(case.id in column.wrong for column in columns):
            answers = [_answer(case, column) for column in columns]
            yield [f"`{case.id}`: {case.title}", *answers]


def _answer(case: LoadedCase, column: _Column) -> str:
    if case.id not in column.asked:
        return "not asked"
    seen = column.wrong.get(case.id)
    if seen is Behaviour.ACCEPTED and _is_dangerous(case):
        return "**passes**"
    return "" if seen is None else {Behaviour.ACCEPTED: "takes"}.get(seen, seen.value)


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (heading, ["---"] * len(heading), *rows)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    made = of_cases(list(Builder(corpus_pki(), ENVIRONMENT).cases()))
    sys.stdout.write("\n".join(tables(made.cases)))
