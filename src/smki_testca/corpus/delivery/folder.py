"""Puts a corpus together: the files of its folder, and their sums."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.corpus.delivery.c_source import c_files
from smki_testca.corpus.delivery.index import Heading, as_text, index_of, schema_text
from smki_testca.corpus.delivery.layout import INDEX, PAGE, SCHEMA, SUMS, C, layout
from smki_testca.corpus.delivery.page import page
from smki_testca.corpus.delivery.pkcs7 import bundle
from smki_testca.folders import OutputFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from smki_testca.corpus.case import Case


def files(cases: Sequence[Case], heading: Heading | None = None) -> list[OutputFile]:
    """The files of a corpus; their paths are relative to its folder.

    Args:
        cases: with their good bases.
        heading: what the index says of all of them.
    """
    names = layout(cases)
    index = index_of(cases, names, heading or Heading())
    contents: dict[str, bytes] = {
        INDEX: as_text(index).encode("ascii"),
        SCHEMA: schema_text().encode("ascii"),
        PAGE: page(index, cases).encode(),
        **{names.cases[case.id]: case.der for case in cases},
        **{name: der for der, name in (*names.certificates.items(), *names.crls.items())},
        **{name: bundle(chain) for chain, name in names.bundles.items()},
        **{
            f"{C}/{name}": text.encode("ascii")
            for name, text in c_files(cases, index["revision"]).items()
        },
    }
    contents[SUMS] = _sums(contents)
    return [OutputFile(PurePosixPath(name), data) for name, data in contents.items()]


def _sums(contents: Mapping[str, bytes]) -> bytes:
    """The digest of each file, as ``sha256sum -c`` reads them."""
    lines = (f"{hashlib.sha256(contents[name]).hexdigest()}  {name}\n" for name in sorted(contents))
    return "".join(lines).encode("ascii")
