"""Gives each document of a corpus its file name, below the folder of the corpus."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from smki_testca.corpus.case import Case

INDEX = "corpus.json"
SCHEMA = "corpus.schema.json"
SUMS = "SHA256SUMS"
PAGE = "index.html"
CASES, CHAIN, CRLS, C = "cases", "chain", "crls", "c"
"""The folders: documents under test, certificates around them, CRLs, C."""
_GOOD = "good-"
_DIGITS = 16


@dataclass(frozen=True)
class CorpusLayout:
    """The file names of the documents of some cases, relative to the folder of the corpus.

    Attributes:
        cases: of the documents under test, by the id of the case.
        certificates: of the CAs above them and of certificates that CRLs are about, by their
            octets.
        crls: of the CRLs to judge by, by their octets.
        bundles: of the PKCS#7 files, by the certificates in them.
    """

    cases: Mapping[str, str]
    certificates: Mapping[bytes, str]
    crls: Mapping[bytes, str]
    bundles: Mapping[tuple[bytes, ...], str]

    def names_of(self, case: Case) -> dict[str, object]:
        """The file names of what is around the document of a case, as keys of the index."""
        return {
            "chain": [self.certificates[der] for der in case.chain],
            "crls": [self.crls[der] for der in case.crls],
            "about": None if case.about is None else self.certificates[case.about],
        }


def layout(cases: Sequence[Case]) -> CorpusLayout:
    """Name every document of some cases; what is around several of them has one file.

    A document that is a good case itself has its name; any other that of its digest, so that no
    name depends on which cases there are besides.

    Args:
        cases: with their good bases.
    """
    good = {case.der: case.id.removeprefix(_GOOD) for case in cases if case.base is None}
    around = [der for case in cases for der in (*case.chain, case.about) if der is not None]
    certificates = _named(around, good, CHAIN)
    return CorpusLayout(
        {case.id: f"{CASES}/{case.id}.der" for case in cases},
        certificates,
        _named((der for case in cases for der in case.crls), good, CRLS),
        _bundles(cases, certificates),
    )


def _named(ders: Iterable[bytes], good: Mapping[bytes, str], folder: str) -> dict[bytes, str]:
    return {
        der: f"{folder}/{good.get(der) or _digest(der)}.der"
        for der in sorted(set(ders), key=_digest)
    }


def _bundles(
    cases: Sequence[Case], certificates: Mapping[bytes, str]
) -> dict[tuple[bytes, ...], str]:
    """A name for each chain: that of its first certificate, or its digest if it is changed."""
    usual = {case.chain for case in cases if case.base is None}
    return {
        chain: certificates[chain[0]].removesuffix(".der") + ".p7b"
        if chain in usual
        else f"{CHAIN}/{_digest(b''.join(chain))}.p7b"
        for chain in sorted({case.chain for case in cases if case.chain})
    }


def _digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()[:_DIGITS]
