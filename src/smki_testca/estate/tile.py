"""Tiles: immutable files with the certificates of consecutive rows, and their sealed keys.

    magic, length of the header (4 octets), header in JSON, serials (16 octets each),
    EUI-64s (8 each, if there are any), lengths of the certificates (2 each),
    the certificates, labels, lines and own columns in JSON, sealed private keys

Numbers are big-endian. The digest of the whole file is in the estate and its audit log.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from array import array
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from smki_testca.errors import EstateError
from smki_testca.files import sync_file, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_MAGIC = b"SMKITILE1\n"
_NONCE_OCTETS = 12
_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC")
)
"""To read a file and nothing else: no link, and no waiting where somebody has put a pipe."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The header of a tile, which describes the octets after it.

    Attributes:
        run, number: the tile's run, and its number within the run.
        section: the place of its section in the run's terms.
        first_row: the run's row of the first certificate.
        count: the number of certificates.
        has_ids: whether each has an EUI-64.
        der_octets: of all certificates together.
        extra_octets: of the labels, lines and own columns.
        seeded: whether the private keys come from a seed, and so are not secret.
    """

    run: int
    number: int
    section: int
    first_row: int
    count: int
    has_ids: bool
    der_octets: int
    extra_octets: int
    seeded: bool


class Extra(msgspec.Struct, frozen=True):
    """The labels, lines and columns of rows; each part is empty where no row has any.

    Attributes:
        labels: by place.
        lines: that the rows came from.
        columns: the values of the operator's own columns, for each place; see ``Row``.
    """

    labels: dict[int, str] = {}
    lines: list[int] = []
    columns: list[list[str]] = []

    def columns_at(self, place: int, names: Sequence[str]) -> dict[str, str]:
        """The operator's own columns of the row at a place, by name."""
        if not self.columns:
            return {}
        return {
            name: value for name, value in zip(names, self.columns[place], strict=False) if value
        }


class Tile:
    """The content of a tile.

    Args:
        data: the whole file.

    Raises:
        EstateError: if the file is no tile.
    """

    def __init__(self, data: bytes) -> None:
        length_at = len(_MAGIC)
        if data[:length_at] != _MAGIC:
            raise EstateError("bulk.damaged", "A tile of the estate is damaged.")
        start = length_at + 4
        size = int.from_bytes(data[length_at:start])
        self.header = msgspec.json.decode(data[start : start + size], type=Header)
        self._data = data
        count = self.header.count
        self._serials = start + size
        self._ids = self._serials + 16 * count
        lengths_at = self._ids + (8 * count if self.header.has_ids else 0)
        lengths = array("H", data[lengths_at : lengths_at + 2 * count])
        if sys.byteorder == "little":
            lengths.byteswap()
        ders = lengths_at + 2 * count
        self._places = list(accumulate(lengths, initial=ders))
        self._extra_at = ders + self.header.der_octets
        self._keys = self._extra_at + self.header.extra_octets
        self._extra: Extra | None = None

    def __len__(self) -> int:
        return self.header.count

    def der(self, place: int) -> bytes:
        """The certificate at a place in the tile."""
        return self._data[self._places[place] : self._places[place + 1]]

    def serial(self, place: int) -> int:
        """The serial number of the certificate at a place."""
        start = self._serials + 16 * place
        return int.from_bytes(self._data[start : start + 16])

    def eui64(self, place: int) -> int | None:
        """The EUI-64 of the certificate at a place, if it has one."""
        if not self.header.has_ids:
            return None
        start = self._ids + 8 * place
        return int.from_bytes(self._data[start : start + 8])

    def ders(self) -> list[bytes]:
        """The certificates, in the order of their rows."""
        data, places = self._data, self._places
        return [data[start:end] for start, end in pairwise(places)]

    def serials(self) -> list[bytes]:
        """The serial numbers, 16 octets each."""
        return _slices(self._data, self._serials, 16, self.header.count)

    def ids(self) -> list[bytes] | None:
        """The EUI-64s, 8 octets each; None if the certificates have none."""
        return _slices(self._data, self._ids, 8, self.header.count) if self.header.has_ids else None

    def extra(self) -> Extra:
        """Labels, lines and own columns."""
        if self._extra is None:
            encoded = self._data[self._extra_at : self._keys]
            self._extra = msgspec.json.decode(encoded, type=Extra)
        return self._extra

    def keys(self, sealing_key: bytes) -> list[bytes | None]:
        """The private keys: P-256 scalars of 32 octets, or PKCS#8 DER; None if the holder has it.

        Raises:
            EstateError: if they were changed.
        """
        sealed = self._data[self._keys :]
        try:
            clear = AESGCM(sealing_key).decrypt(
                sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:], _label(self.header)
            )
        except InvalidTag as error:
            raise EstateError("bulk.damaged", "The sealed keys of a tile were changed.") from error
        return msgspec.msgpack.decode(clear, type=list[bytes | None])

    @classmethod
    def read(cls, path: Path, digest: bytes | None = None) -> Self:
        """Read the file of a tile, and compare it with its digest if that is given.

        Neither the file nor its folder may be a link.

        Raises:
            EstateError: if it is missing, no regular file or differs.
        """
        return cls(read_octets(path, digest))


def read_octets(path: Path, digest: bytes | None = None) -> bytes:
    """The octets of the file of a tile; see ``Tile.read``."""
    try:
        data = _read_regular(path)
    except OSError as error:
        raise missing(path, error) from error
    if digest is not None and hashlib.sha256(data).digest() != digest:
        raise EstateError("bulk.damaged", f"The tile {path} was changed.")
    return data


def missing(path: Path, error: OSError) -> EstateError:
    """The error for a tile that cannot be read."""
    return EstateError("bulk.missing", f"The tile {path} cannot be read: {error.strerror}.")


def assemble(
    header: Header,
    serials: Sequence[bytes],
    ids: Sequence[int],
    ders: Sequence[bytes],
    extra: bytes,
    keys: Sequence[bytes | None],
    sealing_key: bytes,
) -> bytes:
    """The octets of a tile, its private keys sealed.

    Args:
        header: of the tile.
        serials: 16 octets for each certificate.
        ids: the EUI-64s; none if the certificates have none.
        ders: the certificates.
        extra: an ``Extra`` in JSON.
        keys: the private keys as ``Tile.keys`` returns them.
        sealing_key: of the run.
    """
    lengths = array("H", map(len, ders))
    if sys.byteorder == "little":
        lengths.byteswap()
    head = msgspec.json.encode(header)
    nonce = os.urandom(_NONCE_OCTETS)
    clear = msgspec.msgpack.encode(keys)
    return b"".join(
        (
            _MAGIC,
            len(head).to_bytes(4),
            head,
            b"".join(serials),
            b"".join([eui64.to_bytes(8) for eui64 in ids]),
            lengths.tobytes(),
            b"".join(ders),
            extra,
            nonce,
            AESGCM(sealing_key).encrypt(nonce, clear, _label(header)),
        )
    )


def file_name(number: int, digest: bytes) -> str:
    """The name of a tile's file. It contains the digest, so that no tile replaces another."""
    return f"{number:06d}-{digest.hex()[:32]}.tile"


def write(folder: Path, number: int, data: bytes) -> bytes:
    """Write the file of a tile; it must be settled before the estate records it.

    Returns:
        The tile's digest.
    """
    digest = hashlib.sha256(data).digest()
    path = folder / file_name(number, digest)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError:
        path.unlink(missing_ok=True)  # if the disk is full, its space is needed
        raise
    return digest


def settle(folder: Path, tiles: Iterable[tuple[int, bytes]]) -> None:
    """Wait until the files of tiles and their names are safe on the disk.

    Args:
        folder: of the tiles.
        tiles: the number and the digest of each.
    """
    for number, digest in tiles:
        sync_file(folder / file_name(number, digest))
    sync_folder(folder)


def _read_regular(path: Path) -> bytes:
    """The octets of a regular file, without following a link to it or to its folder."""
    if path.parent.is_symlink() or path.is_symlink():
        raise OSError(errno.ELOOP, "it is reached by a symbolic link")
    descriptor = os.open(path, _FLAGS)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return file.read()


def _slices(data: bytes, start: int, width: int, count: int) -> list[bytes]:
    return [data[at : at + width] for at in range(start, start + width * count, width)]


def _label(header: Header) -> bytes:
    return f"tile {header.run} {header.number}".encode("ascii")
