"""Finds files of earlier exports that hold no current certificate, and keys that do not fit.

A certificate that is current has the plain name of its label. What else an earlier export left
under that label is stale: a program that loads it serves an old certificate.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization

from smki_testca.errors import InputError
from smki_testca.estate.key_holders import participant_holder
from smki_testca.folders import write
from smki_testca.identifiers import SerialNumber
from smki_testca.importers.pem import decode_base64, pem_blocks
from smki_testca.text import counted
from smki_testca.x509 import untrusted
from smki_testca.x509.keys import key_id
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path, PurePosixPath

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.exporters.export import Made

_KEY, _STORE = ".key", ".p12"
_CERTIFICATES = (".pem", ".der")
_MAX_OCTETS = 1 << 16
"""The most octets of a file that is looked at; an export's certificate has fewer."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The outcome of an export to a folder.

    Attributes:
        paths: the files written.
        removed: stale files of earlier exports, which were removed.
        stale: stale files of earlier exports, which are still there.
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
                f"{counted(len(self.stale), 'file')} of earlier exports"
                f" {'holds' if len(self.stale) == 1 else 'hold'} no current certificate:"
                f" {_named(self.stale)}. Remove them, or let --force do it where the estate has"
                " the private keys."
            )
        lines += (
            f"{path} is of an earlier export, and is not known to fit the certificate beside it."
            f" {with_keys} writes the one that fits."
            for path in self.unfit
        )
        return lines


def save(estate: Stores, made: Made, out: Path, *, force: bool) -> Saved:
    """Write the files of an export below a folder, and remove what is stale there.

    Args:
        estate: the estate that has the certificates.
        made: the files of the export.
        out: the folder.
        force: whether existing files are overwritten, and stale ones removed.

    Raises:
        InputError: if a file exists and ``force`` is not set, or cannot be written.
        OutputError: if the disk is full or fails.
    """
    return tidied(estate, made, out, write(made.files, out, force=force), force=force)


def tidied(estate: Stores, made: Made, out: Path, paths: list[Path], *, force: bool) -> Saved:
    """Remove what is stale in a folder to which an export was written; a dry run only finds it.

    Args:
        estate: the estate that has the certificates.
        made: the files of the export.
        out: the folder.
        paths: of the files written.
        force: whether to remove; otherwise the result names what is stale.

    """
    stale, removed = list(_stale(estate, made, out)), []
    if force:
        keys = [path for path in stale if path.suffix == _KEY]
        removable = [path for path in keys if _has_key(estate, path)]
        removable += [path for path in stale if path.suffix != _KEY]
        removed = removable if estate.dry_run else [each for each in removable if _is_removed(each)]
        stale = [path for path in stale if path not in removed]
    return Saved(paths, removed, stale, list(_unfit_keys(made, out)))


def _stale(estate: Stores, made: Made, out: Path) -> Iterator[Path]:
    present = _Present(out)
    written = {file.path for file in made.files}
    for folder, name in dict.fromkeys(made.former):
        if name in present[folder] and folder / name not in written:
            path = out.joinpath(*folder.parts, name)
            if path.suffix == _STORE or _record_of(estate, path) is not None:
                yield path


class _Present(dict["PurePosixPath", set[str]]):
    """The names in each folder below another, read when they are asked for."""

    def __init__(self, out: Path) -> None:
        super().__init__()
        self._out = out

    def __missing__(self, folder: PurePosixPath) -> set[str]:
        try:
            with os.scandir(self._out.joinpath(*folder.parts)) as entries:
                self[folder] = {each.name for each in entries if not each.is_dir()}
        except OSError:
            self[folder] = set()
        return self[folder]


def _record_of(estate: Stores, path: Path) -> Record | None:
    """The estate's certificate in a file, or beside a file with a key; None where there is none."""
    files = [path]
    if path.suffix == _KEY:
        files = [path.with_name(f"{path.stem}{suffix}") for suffix in _CERTIFICATES]
    for file in files:
        der = _first_certificate(file)
        try:
            value = None if der is None else view_certificate(der).value("serialNumber")
            record = estate.by_serial(SerialNumber(value)) if isinstance(value, int) else None
        except InputError:  # somebody else's file
            continue
        if record is not None and record.der == der:
            return record
    return None


def _first_certificate(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_OCTETS)
    except OSError:
        return None
    block = next(pem_blocks(data), None)
    return data if block is None else decode_base64(block.body)


def _has_key(estate: Stores, path: Path) -> bool:
    """Whether the private key of the certificate beside a file is in the estate, so not lost."""
    record = _record_of(estate, path)
    if record is None or record.participant is None:
        return False
    if record.place is not None:
        return record.serial in estate.run_certificates.private_keys([record])
    return estate.key_store.has(record.key_id, participant_holder(record.participant))


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
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_OCTETS)
        is_pem = data.startswith(b"-----")
        load = serialization.load_pem_private_key if is_pem else serialization.load_der_private_key
        key = untrusted.call(load, data, None)
        spki = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    except (OSError, InputError):
        return False
    return key_id(spki) == record.key_id


def _named(paths: list[Path]) -> str:
    return ", ".join([*map(str, paths[:3]), *(["…"] if len(paths) > 3 else [])])
