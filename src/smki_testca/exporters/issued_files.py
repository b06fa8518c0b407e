"""Writes certificates to files as they are issued: if they cannot be written, nothing is issued."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from smki_testca.errors import InputError, OutputError, Refusal
from smki_testca.estate.token_keys import stays_in_token
from smki_testca.exporters.export import items, notes, renamed_among
from smki_testca.exporters.item import flat_names
from smki_testca.exporters.owned_files import OwnedFiles
from smki_testca.exporters.pem import own_files
from smki_testca.exporters.prepared_export import PreparedExport
from smki_testca.exporters.renamed_files import files_to_rename
from smki_testca.exporters.stale_files import SavedExport, tidied
from smki_testca.exporters.tree import FULL_CHAIN, chain_files, columns_files, former_files
from smki_testca.files import exists_error
from smki_testca.folders import OutputFile, check_folder, output_folder, put, settle, taken
from smki_testca.text import counted, is_or_are
from smki_testca.x509.private_keys import check_passphrase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.exporters.item import Item
    from smki_testca.exporters.renamed_files import RenamedFile

T = TypeVar("T")
_FLAT = PurePosixPath()


@dataclass(frozen=True, slots=True)
class Target:
    """The folder for the files of certificates that are to be issued.

    Attributes:
        out: the folder; it is made if need be.
        with_key: whether to write the private keys, too.
        passphrase: encrypts them.
        force: whether existing files are overwritten, and stale ones of the labels removed.
    """

    out: Path
    with_key: bool = False
    passphrase: str | None = None
    force: bool = False


def issue_to(
    target: Target, estate: Stores, issue: Callable[[], T], records_of: Callable[[T], list[Record]]
) -> tuple[T, SavedExport]:
    """Issue certificates and write their files, PEM, all in one folder.

    The files are written before the certificates are recorded, and get their names afterwards.
    In a dry run no file is touched.

    Args:
        target: where the files go.
        estate: the estate that issues.
        issue: issues; it is called once, within a transaction.
        records_of: the certificates in the result.

    Returns:
        The result, and the files.

    Raises:
        Refusal: if the gate refuses; the audit log records that.
        InputError: if a file exists or cannot be written, or the estate has no private key to
            write; nothing is issued then.
        OutputError: if the disk is full or fails.
    """
    if target.passphrase is not None:
        check_passphrase(target.passphrase)
    if estate.dry_run:
        return _tried(target, estate, issue(), records_of)
    is_new = not target.out.exists()
    refusal, records = None, []
    files, keeping = OwnedFiles(estate, target.passphrase), []
    try:
        with output_folder(target.out, force=target.force) as work:
            with estate.transaction():
                try:
                    result = issue()
                except Refusal as error:
                    refusal = error  # the audit entry stays
                else:
                    issued = records_of(result)
                    prepared = _prepared(target, estate, issued)
                    keeping = files_to_rename(files, prepared, target.out) if target.force else []
                    _write(prepared, keeping, target, work)
            if refusal is not None:
                raise refusal
            records = issued
    except (InputError, OutputError) as error:
        if not records:
            raise
        raise type(error)(error.code, error.message, _remedy(records)) from error
    if not records and is_new:
        with contextlib.suppress(OSError):
            target.out.rmdir()
    return result, tidied(files, prepared, target.out, keeping, force=target.force)


def _remedy(records: Sequence[Record]) -> str:
    """The remedy where certificates are issued, but their files have not got their names."""
    serials = ", ".join(
        [*(str(record.serial) for record in records[:3]), *["…"][: len(records[3:])]]
    )
    return (
        f"{counted(len(records), 'certificate')} {is_or_are(len(records))} issued anyway:"
        f" {serials}. Write the files: smki-testca export --format pem --serial N --out DIR"
    )


def _tried(
    target: Target, estate: Stores, result: T, records_of: Callable[[T], list[Record]]
) -> tuple[T, SavedExport]:
    """The result of ``issue_to`` where nothing is to stay: the files are checked and named."""
    if target.out.exists() and not target.out.is_dir():
        raise InputError(
            "export.unwritable", f"{target.out} is not a folder.", "Name one with --out."
        )
    check_folder(target.out)
    prepared = _prepared(target, estate, records_of(result))
    _new_files(prepared, target)
    files = OwnedFiles(estate, target.passphrase)
    keeping = files_to_rename(files, prepared, target.out) if target.force else []
    return result, tidied(files, prepared, target.out, keeping, force=target.force)


def _prepared(target: Target, estate: Stores, records: Sequence[Record]) -> PreparedExport:
    issued = items(estate, records, with_keys=target.with_key)
    without = [item for item in issued if target.with_key and item.private_key is None]
    if without and without[0].record.key_uri is not None:
        raise stays_in_token(without[0].name)
    if without:
        raise InputError(
            "credential.no_key",
            f"The estate has no private key for the certificate of {without[0].name}: its"
            " holder brought only the public key. Nothing is issued.",
            "Leave --with-key out.",
        )
    flat = [
        replace(item, name=name, folder=_FLAT)
        for name, item in zip(flat_names(issued), issued, strict=True)
    ]
    files = [
        *(file for item in flat for file in own_files(item, _FLAT, target.passphrase)),
        *_chains(issued),
        *columns_files(flat),
        *notes(issued),
    ]
    former = list(former_files(flat, ".pem", ".key", FULL_CHAIN))
    return PreparedExport(files, [], renamed_among(issued, files), former, flat)


def _chains(issued: Sequence[Item]) -> Iterator[OutputFile]:
    """The chain file of each CA; the family parts CAs of one name."""
    files = list(chain_files(issued))
    count = Counter(file.path.name for file in files)
    for file in files:
        parts = file.path.parts[:: len(file.path.parts) - 1]
        name = file.path.name if count[file.path.name] == 1 else "-".join(parts)
        yield OutputFile(PurePosixPath(name), file.data)


def _write(
    prepared: PreparedExport, keeping: Sequence[RenamedFile], target: Target, work: Path
) -> None:
    """Write the files to a folder that is not finished, safe on the disk.

    Those that get another name are written under it, too.

    Raises:
        InputError: if one would overwrite another.
        OSError: if one cannot be written.
    """
    files = [*_new_files(prepared, target), *(kept.file for kept in keeping)]
    for path, data in {file.path: file.data for file in files}.items():
        put(work.joinpath(*path.parts), data)
    settle(work)


def _new_files(prepared: PreparedExport, target: Target) -> list[OutputFile]:
    """The files to write.

    A file that is there with the same octets stays: other certificates may have the same chain.

    Raises:
        InputError: if one would overwrite another.
    """
    new = [file for file in prepared.files if not _is_there(file, target.out)]
    present = None if target.force else taken(new, target.out)
    if present is not None:
        raise exists_error(present, "Name another folder, or add --force. Nothing is issued.")
    return new


def _is_there(file: OutputFile, out: Path) -> bool:
    path = out.joinpath(*file.path.parts)
    return path.is_file() and not path.is_symlink() and path.read_bytes() == file.data
