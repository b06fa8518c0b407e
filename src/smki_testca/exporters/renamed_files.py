"""Renames the files of current certificates whose names an export gives to others.

A label that gets a second usage gives the first certificate another name, and another certificate
may get the name that it had. An export to a folder where it lies under the old name gives its files
the new one: a certificate that is current, and its key, do not vanish.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.estate.status import LIVING
from smki_testca.exporters.file_names import file_names
from smki_testca.exporters.item import safe_name
from smki_testca.exporters.own_columns import COLUMNS
from smki_testca.exporters.owned_files import MAX_OCTETS, read_file
from smki_testca.exporters.tree import FULL_CHAIN
from smki_testca.folders import OutputFile, link_below

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from smki_testca.estate.certificates import Record
    from smki_testca.exporters.owned_files import OwnedFiles
    from smki_testca.exporters.prepared_export import PreparedExport

_CERTIFICATES = (".pem", ".der", ".p12")
_KEY = ".key"
_FLAT = PurePosixPath()


@dataclass(frozen=True, slots=True)
class RenamedFile:
    """A file of a certificate that is current, which gets another name.

    Attributes:
        old: the path that it has below the folder of the export.
        file: the same octets under the new name.
    """

    old: PurePosixPath
    file: OutputFile


def files_to_rename(files: OwnedFiles, prepared: PreparedExport, out: Path) -> list[RenamedFile]:
    """The files in a folder that an export would overwrite or remove, under their new names.

    Args:
        files: tells whose the files are.
        prepared: the files of the export.
        out: the folder.
    """
    existing = dict(_certificates_in_the_way(files, prepared, out))
    names = file_names(files.estate, existing.values())
    written = {file.path for file in prepared.files}
    keeping: list[RenamedFile] = []
    for path, record in existing.items():
        name = names[record.serial]
        is_outdated = name.current.serial != record.serial
        if is_outdated and files.estate.status(record) not in LIVING:
            continue
        folder, stem = path.parent, path.stem
        if folder not in {_FLAT, name.folder} or (stem == name.text and path not in written):
            continue
        for text in _names(name.text, record, is_flat=folder == _FLAT):
            new = folder / f"{text}{path.suffix}"
            if new in written:
                continue
            if _is_same(files, out, new, record):
                break
            if out.joinpath(*new.parts).exists():
                continue
            renamed = list(_renamed(files, out, path, text, record))
            keeping += renamed
            written |= {rename.file.path for rename in renamed}
            break
    return keeping


def _certificates_in_the_way(
    files: OwnedFiles, prepared: PreparedExport, out: Path
) -> Iterator[tuple[PurePosixPath, Record]]:
    """The end entities' certificates of others that lie under names of the export."""
    own = {item.record.serial for item in prepared.written}
    names = {item.name for item in prepared.written}
    paths = [folder / name for folder, name in prepared.former]
    paths += [file.path for file in prepared.files if file.path.stem in names]
    for path in dict.fromkeys(paths):
        if path.suffix not in _CERTIFICATES or path.name.endswith(FULL_CHAIN):
            continue
        if link_below(out, path.parent) is None:
            record = files.end_entity(out.joinpath(*path.parts))
            if record is not None and record.serial not in own:
                yield path, record


def _names(text: str, record: Record, *, is_flat: bool) -> Iterable[str]:
    """The names that a certificate may get, the best first.

    In one folder for all holders, another's certificate may have the best.
    """
    if not is_flat:
        return (text,)
    holder = safe_name(record.participant or "nobody")
    return text, f"{text}-{holder}", f"{text}-{str(record.serial).lower()}"


def _is_same(files: OwnedFiles, out: Path, path: PurePosixPath, record: Record) -> bool:
    """Whether a file has that certificate already."""
    present = files.end_entity(out.joinpath(*path.parts))
    return present is not None and present.serial == record.serial


def _renamed(
    files: OwnedFiles, out: Path, path: PurePosixPath, text: str, record: Record
) -> Iterator[RenamedFile]:
    """The files of a certificate under another name; its key only if no other may be it."""
    for ending in (path.suffix, _KEY, FULL_CHAIN, COLUMNS):
        old = path.with_name(f"{path.stem}{ending}")
        new = path.with_name(f"{text}{ending}")
        source = out.joinpath(*old.parts)
        if source.is_symlink() or out.joinpath(*new.parts).exists():
            continue
        if ending == _KEY and not files.may_be_key_of(source, record):
            continue
        data = read_file(source)
        if data is not None and len(data) <= MAX_OCTETS:
            yield RenamedFile(old, OutputFile(new, data))
