"""Finds files of earlier exports that hold no current certificate, and keys that do not fit.

A certificate that is current has the plain name of its label. What else an earlier export left
under that label is stale: a program that loads it serves an old certificate.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization

from smki_testca.errors import InputError
from smki_testca.exporters.owned_files import OwnedFiles, read_file
from smki_testca.folders import link_below, write
from smki_testca.text import counted, is_or_are
from smki_testca.x509 import untrusted
from smki_testca.x509.keys import key_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path, PurePosixPath

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.exporters.export import Made

_KEY = ".key"
_CERTIFICATES = (".pem", ".der")


@dataclass(frozen=True, slots=True)
class Saved:
    """The outcome of an export to a folder.

    Attributes:
        paths: the files written.
        removed: stale files of earlier exports, which were removed.
        stale: stale files of earlier exports, and files that may be some, which are still there.
        unfit: files of private keys that are still there and do not fit the certificate beside
            them, or are encrypted so that nobody can tell.
    """

    paths: list[Path]
    removed: list[Path]
    stale: list[Path]
    unfit: list[Path]

    def as_json(self) -> dict[str, list[str]]:
        """The paths as JSON; an empty list is left out, but that of the files written."""
        further = {"removed": self.removed, "stale": self.stale, "unfit_keys": self.unfit}
        texts = {name: [str(path) for path in paths] for name, paths in further.items() if paths}
        return {"files": [str(path) for path in self.paths], **texts}

    def removals(self) -> list[str]:
        """A line on the files that were removed; none if there are none."""
        if not self.removed:
            return []
        number = counted(len(self.removed), "file")
        return [f"Removed {number} of earlier exports: {_named(self.removed)}"]

    def warnings(self, with_keys: str = "--with-keys") -> list[str]:
        """A line each on files that are stale, and on keys that do not fit.

        Args:
            with_keys: the option of the command that writes private keys.
        """
        lines = []
        if self.stale:
            lines.append(
                f"{counted(len(self.stale), 'file')} {is_or_are(len(self.stale))} named as in"
                f" earlier exports, and not current: {_named(self.stale)}. --force removes a file"
                " if everything in it is known to be this estate's. Look at others, and remove"
                " them yourself."
            )
        lines += (
            f"{path} is of an earlier export, and is not known to fit the certificate beside it."
            f" {with_keys} writes the one that fits."
            for path in self.unfit
        )
        return lines


def save(
    estate: Stores, made: Made, out: Path, *, force: bool, passphrase: str | None = None
) -> Saved:
    """Write the files of an export below a folder, and remove what is stale there.

    Args:
        estate: the estate that has the certificates.
        made: the files of the export.
        out: the folder.
        force: whether existing files are overwritten, and stale ones removed.
        passphrase: of the export; it may open keys and stores of earlier ones.

    Raises:
        InputError: if a file exists and ``force`` is not set, or cannot be written.
        OutputError: if the disk is full or fails.
    """
    paths = write(made.files, out, force=force)
    return tidied(OwnedFiles(estate, passphrase), made, out, paths, force=force)


def tidied(files: OwnedFiles, made: Made, out: Path, paths: list[Path], *, force: bool) -> Saved:
    """Remove what is stale in a folder to which an export was written; a dry run only finds it.

    Only a file of which everything is known to be the estate's is removed.

    Args:
        files: tells which files are the estate's.
        made: the files of the export.
        out: the folder.
        paths: of the files written.
        force: whether to remove; otherwise the result names what is stale.

    """
    stale, removed = list(_stale(files, made, out)), []
    if force:
        own = [path for path in stale if files.is_own(path)]
        # Certificates last: the one beside a key or columns says whose they are.
        own.sort(key=lambda path: path.suffix in _CERTIFICATES)
        removed = own if files.estate.dry_run else [each for each in own if _is_removed(each)]
        stale = [path for path in stale if path not in removed]
    return Saved(paths, removed, stale, list(_unfit_keys(made, out)))


def _stale(files: OwnedFiles, made: Made, out: Path) -> Iterator[Path]:
    present = _Present(out)
    written = {file.path for file in made.files}
    for folder, name in dict.fromkeys(made.former):
        if name in present[folder] and folder / name not in written:
            path = out.joinpath(*folder.parts, name)
            if files.concerns(path):
                yield path


class _Present(dict["PurePosixPath", set[str]]):
    """The names in each folder below another, read when they are asked for.

    A folder to which a link leads has none: what is there is not below the other one.
    """

    def __init__(self, out: Path) -> None:
        super().__init__()
        self._out = out

    def __missing__(self, folder: PurePosixPath) -> set[str]:
        self[folder] = set()
        if link_below(self._out, folder) is not None:
            return self[folder]
        with (
            contextlib.suppress(OSError),
            os.scandir(self._out.joinpath(*folder.parts)) as entries,
        ):
            self[folder] = {each.name for each in entries if not each.is_dir()}
        return self[folder]


def _is_removed(path: Path) -> bool:
    """Remove a file; whether that was possible. What is written is written either way."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _unfit_keys(made: Made, out: Path) -> Iterator[Path]:
    """Keys that lie beside certificates written without theirs, and may be of earlier ones."""
    written = {file.path for file in made.files}
    present = _Present(out)
    for item in made.written:
        key = f"{item.name}{_KEY}"
        if key not in present[item.folder] or item.folder / key in written:
            continue
        beside = (item.folder / f"{item.name}{suffix}" for suffix in _CERTIFICATES)
        path = out.joinpath(*item.folder.parts, key)
        if any(file in written for file in beside) and not _fits(path, item.record):
            yield path


def _fits(path: Path, record: Record) -> bool:
    data = read_file(path)
    if data is None:
        return False
    try:
        is_pem = data.startswith(b"-----")
        load = serialization.load_pem_private_key if is_pem else serialization.load_der_private_key
        key = untrusted.call(load, data, None)
        spki = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    except InputError:
        return False
    return key_id(spki) == record.key_id


def _named(paths: list[Path]) -> str:
    return ", ".join([*map(str, paths[:3]), *(["…"] if len(paths) > 3 else [])])
