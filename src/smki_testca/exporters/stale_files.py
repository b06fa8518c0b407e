"""Finds files of earlier exports that hold no current certificate, and keys that do not fit.

A certificate that is current has the plain name of its label. What else an earlier export left
under that label is stale: a program that loads it serves an old certificate.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization

from smki_testca.errors import InputError
from smki_testca.exporters.owned_files import OwnedFiles, read_file
from smki_testca.exporters.renamed_files import files_to_rename
from smki_testca.folders import link_below, write
from smki_testca.text import counted, is_or_are
from smki_testca.x509 import untrusted
from smki_testca.x509.keys import key_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path, PurePosixPath

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.exporters.prepared_export import PreparedExport
    from smki_testca.exporters.renamed_files import RenamedFile

_KEY = ".key"
_CERTIFICATES = (".pem", ".der")


@dataclass(frozen=True, slots=True)
class SavedExport:
    """The outcome of an export to a folder.

    Attributes:
        paths: the files written.
        moved: files of certificates that are current, with the new path that each got because
            another certificate took its name, or because the name is no longer its own.
        removed: stale files of earlier exports, which were removed.
        stale: stale files of earlier exports, and files that may be some, which are still there.
        unfit: files of private keys that are still there and do not fit the certificate beside
            them, or are encrypted so that nobody can tell.
    """

    paths: list[Path]
    removed: list[Path]
    stale: list[Path]
    unfit: list[Path]
    moved: list[tuple[Path, Path]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The paths as JSON; an empty list is left out, but that of the files written."""
        further = {"removed": self.removed, "stale": self.stale, "unfit_keys": self.unfit}
        texts = {name: [str(path) for path in paths] for name, paths in further.items() if paths}
        moved = [{"from": str(old), "to": str(new)} for old, new in self.moved]
        further_moved = {"moved": moved} if moved else {}
        return {"files": [str(path) for path in self.paths], **further_moved, **texts}

    def removals(self) -> list[str]:
        """A line on the files that were renamed, and one on those removed, where there are any."""
        lines = []
        if self.moved:
            names = _named([f"{old} is now {new.name}" for old, new in self.moved])
            number = counted(len(self.moved), "file")
            lines.append(f"Renamed {number} of certificates that are current: {names}")
        if self.removed:
            number = counted(len(self.removed), "file")
            lines.append(f"Removed {number} of earlier exports: {_named(self.removed)}")
        return lines

    def warnings(self, with_keys: str = "--with-keys") -> list[str]:
        """A line each on files that are stale, and on keys that do not fit.

        Args:
            with_keys: the option of the command that writes private keys.
        """
        lines = []
        if self.stale:
            lines.append(
                f"{counted(len(self.stale), 'file')} {is_or_are(len(self.stale))} named as in"
                f" earlier exports, and no current certificate has that name:"
                f" {_named(self.stale)}. --force removes a file if everything in it is known to be"
                " this estate's, and renames it if its certificate is current. Look at others, and"
                " remove them yourself."
            )
        lines += (
            f"{path} is of an earlier export, and is not known to fit the certificate beside it."
            f" {with_keys} writes the one that fits."
            for path in self.unfit
        )
        return lines


def save(
    estate: Stores,
    prepared: PreparedExport,
    out: Path,
    *,
    force: bool,
    passphrase: str | None = None,
) -> SavedExport:
    """Write the files of an export below a folder, and remove what is stale there.

    Args:
        estate: the estate that has the certificates.
        prepared: the files of the export.
        out: the folder.
        force: whether existing files are overwritten, and stale ones removed.
        passphrase: of the export; it may open keys and stores of earlier ones.

    Raises:
        InputError: if a file exists and ``force`` is not set, or cannot be written.
        OutputError: if the disk is full or fails.
    """
    files = OwnedFiles(estate, passphrase)
    keeping = files_to_rename(files, prepared, out) if force else []
    write([*prepared.files, *(kept.file for kept in keeping)], out, force=force)
    return tidied(files, prepared, out, keeping, force=force)


def tidied(
    files: OwnedFiles,
    prepared: PreparedExport,
    out: Path,
    keeping: list[RenamedFile],
    *,
    force: bool,
) -> SavedExport:
    """Remove what is stale in a folder to which an export was written; a dry run only finds it.

    Only a file of which everything is known to be the estate's is removed, or that has another
    name now.

    Args:
        files: tells which files are the estate's.
        prepared: the files of the export.
        out: the folder.
        keeping: files that were written under another name.
        force: whether to remove; otherwise the result names what is stale.

    """
    paths = [
        out.joinpath(*path.parts) for path in dict.fromkeys(file.path for file in prepared.files)
    ]
    moved = [
        (out.joinpath(*kept.old.parts), out.joinpath(*kept.file.path.parts)) for kept in keeping
    ]
    old = {path for path, _ in moved}
    stale, removed = list(_stale(files, prepared, out)), []
    if force:
        own = [path for path in stale if path in old or files.is_own(path)]
        # Certificates last: the one beside a key or columns says whose they are.
        own.sort(key=lambda path: path.suffix in _CERTIFICATES)
        removed = own if files.estate.dry_run else [each for each in own if _is_removed(each)]
        stale = [path for path in stale if path not in removed]
        removed = [path for path in removed if path not in old]
    return SavedExport(paths, removed, stale, list(_unfit_keys(prepared, out)), moved)


def _stale(files: OwnedFiles, prepared: PreparedExport, out: Path) -> Iterator[Path]:
    present = _Present(out)
    written = {file.path for file in prepared.files}
    for folder, name in dict.fromkeys(prepared.former):
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


def _unfit_keys(prepared: PreparedExport, out: Path) -> Iterator[Path]:
    """Keys that lie beside certificates written without theirs, and may be of earlier ones."""
    written = {file.path for file in prepared.files}
    present = _Present(out)
    for item in prepared.written:
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


def _named(paths: Sequence[Path | str]) -> str:
    return ", ".join([*map(str, paths[:3]), *(["…"] if len(paths) > 3 else [])])
