"""Puts a corpus together: the files of its folder, and their sums."""

from __future__ import annotations

import contextlib
import hashlib
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from smki_testca.corpus.delivery.c_source import c_files
from smki_testca.corpus.delivery.corpus_index import (
    GENERATOR,
    Heading,
    as_text,
    index_of,
    schema_text,
)
from smki_testca.corpus.delivery.corpus_page import page
from smki_testca.corpus.delivery.layout import (
    CASES,
    CHAIN,
    CRLS,
    INDEX,
    PAGE,
    SCHEMA,
    SUMS,
    C,
    layout,
)
from smki_testca.corpus.delivery.pkcs7 import bundle
from smki_testca.corpus.delivery.symbols import CNames
from smki_testca.errors import InputError
from smki_testca.folders import OutputFile, link_below, taken, write
from smki_testca.input_files import read_regular

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from smki_testca.corpus.case import Case


_SUM = re.compile(rf"(?m)^([0-9a-f]{{64}})  ((?:{CASES}|{CHAIN}|{CRLS}|{C})/[A-Za-z0-9_.-]+)$")
_MAX_SUMS = 16 << 20
"""The longest list of sums that is read: some 100,000 files."""
_MAX_INDEX = 64 << 20
"""The longest index of an earlier corpus that is read, as ``corpus run`` reads it."""
_MAX_FILE = 16 << 20
"""The longest file of an earlier corpus that is removed."""


def files(
    cases: Sequence[Case], heading: Heading | None = None, in_c: CNames | None = None
) -> list[OutputFile]:
    """The files of a corpus; their paths are relative to its folder.

    Args:
        cases: with their good bases.
        heading: what the index says of all of them.
        in_c: their names in C; the usual ones by default.
    """
    names, in_c = layout(cases), in_c or CNames()
    index = index_of(cases, names, heading or Heading(), in_c)
    contents: dict[str, bytes] = {
        INDEX: as_text(index).encode("ascii"),
        SCHEMA: schema_text().encode("ascii"),
        PAGE: page(index, cases).encode(),
        **{names.cases[case.id]: case.der for case in cases},
        **{name: der for der, name in (*names.certificates.items(), *names.crls.items())},
        **{name: bundle(chain) for chain, name in names.bundles.items()},
        **{
            f"{C}/{name}": text.encode("ascii")
            for name, text in c_files(cases, index["revision"], in_c).items()
        },
    }
    contents[SUMS] = _sums(contents)
    return [OutputFile(PurePosixPath(name), data) for name, data in contents.items()]


def written(
    cases: Sequence[Case],
    out: Path,
    heading: Heading | None = None,
    in_c: CNames | None = None,
    *,
    force: bool = False,
) -> list[Path]:
    """Write a corpus into a folder, all of it or nothing.

    With ``force``, it takes the place of an earlier corpus: a file of that which is not of this
    one is removed, unless it was changed since. Of a folder that holds no corpus nothing is
    overwritten or removed.

    Args:
        cases: with their good bases.
        out: the folder; it is made if it is missing.
        heading: what the index says of all of them.
        in_c: their names in C; the usual ones by default.
        force: whether to overwrite what is there.

    Raises:
        InputError: if a file exists and ``force`` is not set, or the folder holds no corpus; if
            one cannot be written.
        OutputError: if the disk is full or fails.
    """
    corpus_files = files(cases, heading, in_c)
    is_corpus = force and _is_corpus(out)
    foreign = taken(corpus_files, out) if force and not is_corpus else None
    if foreign is not None:
        raise InputError(
            "corpus.folder",
            f"{foreign} is there, and {out} holds no corpus: nothing of it is overwritten.",
            "Name another folder.",
        )
    before = _listed(out) if is_corpus else {}
    paths = write(corpus_files, out, force=force)
    for name in before.keys() - {file.path.as_posix() for file in corpus_files}:
        _remove(out, PurePosixPath(name), before[name])
    return paths


class _Head(msgspec.Struct, frozen=True):
    """The head of an index: format and version."""

    format: int
    generator: str


def _is_corpus(out: Path) -> bool:
    """Whether a folder holds a corpus of this program; not if its index cannot be read."""
    try:
        head = msgspec.json.decode(read_regular(out / INDEX, _MAX_INDEX), type=_Head)
    except (OSError, InputError, msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return head.generator.split(" ")[0] == GENERATOR


def _listed(out: Path) -> dict[str, str]:
    """The files of an earlier corpus in a folder, each with its digest."""
    sums = out / SUMS
    if not sums.is_file():
        return {}
    text = read_regular(sums, _MAX_SUMS).decode("ascii", "replace")
    return {name: digest for digest, name in _SUM.findall(text)}


def _remove(out: Path, name: PurePosixPath, digest: str) -> None:
    """Remove a file of an earlier corpus, if it has a digest; what is behind a link is not its.

    What cannot be read or removed stays.
    """
    if link_below(out, name.parent) is not None:
        return
    path = out / name
    with contextlib.suppress(OSError, InputError):
        if hashlib.sha256(read_regular(path, _MAX_FILE)).hexdigest() == digest:
            path.unlink()


def _sums(contents: Mapping[str, bytes]) -> bytes:
    """The digest of each file, as ``sha256sum -c`` reads them."""
    lines = (f"{hashlib.sha256(contents[name]).hexdigest()}  {name}\n" for name in sorted(contents))
    return "".join(lines).encode("ascii")
