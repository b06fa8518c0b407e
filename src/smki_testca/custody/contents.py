"""The content of a backup: a manifest, then the files of an estate, each after a line of its own.

    manifest in JSON, end of line; for each file: its head in JSON, end of line, its octets

A path is that of the estate's file, of a tile or of a profile, below the estate's directory. No
other path is ever written or followed, whoever made the backup.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec

from smki_testca.custody.container import damaged
from smki_testca.estate_files import BULK_FOLDER, FILE_NAME, PROFILES_FOLDER
from smki_testca.text import is_text, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.custody.container import ContainerReader, ContainerWriter

MAX_MANIFEST_OCTETS = 1 << 20
MAX_HEAD_OCTETS = 1 << 14
MAX_TILE_OCTETS = 1 << 30
MAX_PROFILE_OCTETS = 16 << 20
MAX_NAME_OCTETS = 255
"""Of each part of a profile's path, in UTF-8: what file systems take."""
MAX_CHAIN = 1000
"""The most earlier backups that one may build on."""
ESTATE_PATH = PurePosixPath(FILE_NAME)

_PIECE_OCTETS = 1 << 20
_TILE = re.compile(
    rf"{BULK_FOLDER}/[0-9]{{6,19}}(-[0-9a-f]{{1,64}})?/[0-9]{{6,19}}-[0-9a-f]{{32}}\.tile"
)
_PROFILE_DEPTH = 3
"""The most parts of a profile's path: the folder, a folder in it, the file."""

T = TypeVar("T")
_Identity = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
_Time = Annotated[str, msgspec.Meta(max_length=40)]
_Name = Annotated[str, msgspec.Meta(max_length=255)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 62))]


class Link(msgspec.Struct, frozen=True):
    """A backup that another builds on.

    Attributes:
        backup: its identity, in hexadecimal.
        at: when it was made.
        file: the name of its file then; empty if it had none.
    """

    backup: _Identity
    at: _Time
    file: _Name


class BackupManifest(msgspec.Struct, frozen=True, kw_only=True):
    """The list of what a backup has.

    Attributes:
        at: when it was made, in ISO 8601.
        chain: the earlier backups that have the tiles which this one leaves out, the newest first.
        entries: of the audit log.
        head: what the log's next entry continues from, in hexadecimal.
        format: of the estate.
        version: of the program that made the backup.
        files: how many follow.
        octets: of them together.
    """

    at: _Time
    chain: Annotated[list[Link], msgspec.Meta(max_length=MAX_CHAIN)]
    entries: _Count
    head: str
    format: int
    version: str
    files: _Count
    octets: _Count


class _Head(msgspec.Struct, frozen=True):
    """The line before a file.

    Attributes:
        path: below the estate's directory, with slashes.
        octets: of the file.
    """

    path: str
    octets: _Count


def is_tile(path: PurePosixPath) -> bool:
    """Whether a path is that of a tile."""
    return _TILE.fullmatch(str(path)) is not None


def most_octets(path: PurePosixPath) -> int | None:
    """The most octets of a file of a backup; None where only the manifest and the disk limit it.

    Raises:
        ValueError: if a backup has no file of that path.
    """
    if path == ESTATE_PATH:
        return None
    if is_tile(path):
        return MAX_TILE_OCTETS
    folder, *inner = path.parts or ("",)
    if folder == PROFILES_FOLDER and 0 < len(inner) < _PROFILE_DEPTH and all(map(_is_name, inner)):
        return MAX_PROFILE_OCTETS
    raise ValueError("it has a file with a path that no estate has")


def _is_name(part: str) -> bool:
    """Whether that names something in a folder, on this system, and leads nowhere else."""
    if part == ".." or "\0" in part or not is_text(part) or PurePath(part).name != part:
        return False
    return len(part.encode("utf-8")) <= MAX_NAME_OCTETS


def write_manifest(writer: ContainerWriter, manifest: BackupManifest) -> None:
    """Write the manifest."""
    writer.write(msgspec.json.encode(manifest) + b"\n")


def write_head(writer: ContainerWriter, path: PurePosixPath, octets: int) -> None:
    """Write the line before a file."""
    writer.write(msgspec.json.encode(_Head(str(path), octets)) + b"\n")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a backup.

    Attributes:
        path: below the estate's directory.
        pieces: its octets; they are read before the next file, or passed by.
    """

    path: PurePosixPath
    pieces: Iterator[bytes]


class Contents:
    """Reads what is in a backup.

    Args:
        reader: of its container, at the beginning.

    Raises:
        InputError: if the file was changed, or its manifest is none.
    """

    def __init__(self, reader: ContainerReader) -> None:
        self._reader = reader
        self.name = reader.name
        self.identity = reader.header.identity.hex()
        self.manifest = self._decoded(
            reader.line(MAX_MANIFEST_OCTETS), BackupManifest, "its manifest"
        )

    @property
    def chain(self) -> tuple[Link, ...]:
        """The earlier backups that this one builds on, the newest first."""
        return tuple(self.manifest.chain)

    def files(self) -> Iterator[StoredFile]:
        """Yield the files, in their order; then look whether that was all.

        Raises:
            InputError: if the backup was changed or cut off, has more than its manifest says, or
                a path or a size that no estate has.
        """
        octets_left = self.manifest.octets
        seen: set[PurePosixPath] = set()
        for _ in range(self.manifest.files):
            head = self._decoded(self._reader.line(MAX_HEAD_OCTETS), _Head, "the head of a file")
            path = PurePosixPath(head.path)
            try:
                most = most_octets(path)
            except ValueError as error:
                raise damaged(self.name, str(error)) from error
            if str(path) != head.path or path in seen:
                raise damaged(self.name, f"{shown(head.path)} is in it twice, or written otherwise")
            seen.add(path)
            octets_left -= head.octets
            if octets_left < 0 or (most is not None and head.octets > most):
                raise damaged(self.name, f"a file in it has {head.octets} octets")
            pieces = self._pieces(head.octets)
            yield StoredFile(path, pieces)
            for _rest in pieces:
                pass
        if octets_left or self._reader.read(1):
            raise damaged(self.name, "it has another length than its manifest says")

    def _pieces(self, octets: int) -> Iterator[bytes]:
        while octets:
            piece = self._reader.read(min(octets, _PIECE_OCTETS))
            if not piece:
                raise damaged(self.name, "what is in it ends too early")
            octets -= len(piece)
            yield piece

    def _decoded(self, line: bytes, kind: type[T], part: str) -> T:
        try:
            return msgspec.json.decode(line, type=kind)
        except msgspec.MsgspecError as error:
            raise damaged(self.name, f"{part} cannot be read") from error
