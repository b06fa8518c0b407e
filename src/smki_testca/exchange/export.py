"""Writes an export: every file at once or none, private keys for their owner's eyes only."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.exchange.item import Format, Item, OutputFile, file_names
from smki_testca.exchange.pem import DerTree, PemTree
from smki_testca.exchange.pkcs7 import Pkcs7Bundle
from smki_testca.exchange.pkcs12 import Pkcs12Stores
from smki_testca.profiles.model import Tier

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from smki_testca.estate import Estate
    from smki_testca.estate.certificates import Record

FORMATS: dict[str, Format] = {
    "pem": PemTree(),
    "der": DerTree(),
    "pkcs12": Pkcs12Stores(),
    "pkcs7": Pkcs7Bundle(),
}
"""Every format, by the name it has on the command line."""


def items(estate: Estate, records: Sequence[Record], *, with_keys: bool) -> list[Item]:
    """What a format is given for these certificates.

    A CA's private key never leaves the estate.
    """
    names = file_names(records, estate.library.roles)
    made = []
    for name, record in zip(names, records, strict=True):
        is_ca = record.tier is not Tier.END_ENTITY
        owner = "ca" if is_ca else record.participant or "nobody"
        folder = PurePosixPath(record.family, record.hierarchy.value, owner)
        key = estate.private_key(record) if with_keys and not is_ca else None
        made.append(Item(name, folder, record, tuple(estate.certificates.chain(record)), key))
    return made


NOT_SECRET = (
    PurePosixPath("KEYS-ARE-NOT-SECRET.txt"),
    b"Private keys here were made from a seed: they are not secret.\n",
)
"""The note that goes with private keys made from a seed: its name and its text."""


def notes(selected: Iterable[Item]) -> list[OutputFile]:
    """What must be said of an export beside its files."""
    if any(item.private_key is not None and not item.record.keys_secret for item in selected):
        return [OutputFile(*NOT_SECRET)]
    return []


def write(files: Iterable[OutputFile], out: Path, *, force: bool) -> list[Path]:
    """Write the files below a folder, which is made if need be.

    Returns:
        Their paths.

    Raises:
        InputError: if one is there already and ``force`` is not given, or cannot be written;
            in the first case nothing is written.
    """
    made = list(files)
    paths = [out.joinpath(*one.path.parts) for one in made]
    present = next((path for path in paths if path.exists()), None)
    if present is not None and not force:
        raise InputError(
            "export.exists", f"{present} exists already.", "Name another folder, or add --force."
        )
    try:
        for one, path in zip(made, paths, strict=True):
            _write_file(path, one.data)
    except OSError as error:
        raise InputError(
            "export.unwritable", f"{error.filename or out} cannot be written: {error.strerror}."
        ) from error
    return paths


def _write_file(path: Path, data: bytes) -> None:
    missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
