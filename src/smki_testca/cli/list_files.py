"""The files of ``crl issue --out``: which may be replaced, and how they are written."""

from __future__ import annotations

import contextlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.estate_files import check_outside
from smki_testca.files import check_makeable, check_takes_files, exists_error, replace, write_error
from smki_testca.folders import check_no_link, make_folders
from smki_testca.streams import is_standard_output, is_stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from smki_testca.api import Estate
    from smki_testca.estate.revocations import RevocationListRecord

MAX_OCTETS = 1 << 28
"""The longest file that may be replaced without ``--force``."""
_BEGINNINGS = (b"\x30", b"-----BEGIN X509 CRL-----\n")


def as_pem(record: RevocationListRecord) -> bytes:
    """A list as the command prints it."""
    from smki_testca.x509.pem import to_pem

    return to_pem(record.der, "X509 CRL")


def path_of(estate: Estate, record: RevocationListRecord, *, der: bool) -> PurePosixPath:
    """The file of a list below the folder of --out; it does not depend on what else is issued."""
    from smki_testca.exporters.file_names import authority_names
    from smki_testca.exporters.item import safe_name
    from smki_testca.profiles.model import Tier

    name = authority_names(estate.certificates.authorities())[record.authority].text
    kind = "arl" if record.tier is Tier.ROOT else "crl"
    file = f"{name}.{kind}{'' if der else '.pem'}"
    return PurePosixPath(safe_name(record.family), record.hierarchy, file)


def check_file(estate: Estate, path: Path, *, force: bool, with_folders: bool = False) -> None:
    """Check, before a list is recorded, that it can be written to a file and overwrites no other.

    Args:
        estate: whose list it is.
        path: of the file.
        force: whether it may take the place of any file but an estate's.
        with_folders: whether the file's folders are made.

    Raises:
        InputError: if the file cannot be written, or holds anything but a list of this estate's
            CAs and ``force`` is not set.
        OutputError: if the disk is full or fails.
    """
    if is_stream(path):
        return
    check_outside(path)
    with _nothing_issued(path):
        check_makeable(path, with_folders=with_folders)
        if force or not path.exists() or _may_be_replaced(estate, path):
            return
    raise exists_error(
        path,
        "It holds no revocation list of this estate. Name another, or add --force. Nothing is"
        " issued.",
    )


def check_files(estate: Estate, out: Path, paths: Sequence[PurePosixPath], *, force: bool) -> None:
    """Check the files of several lists below a folder, which is made if need be.

    Raises:
        InputError: as for one; or if a link leads out of the folder.
        OutputError: if the disk is full or fails.
    """
    with _nothing_issued(out):
        check_takes_files(out)
    for path in paths:
        check_no_link(out, path.parent)
        check_file(estate, out.joinpath(*path.parts), force=force, with_folders=True)


def write_all(
    out: Path,
    paths: Sequence[PurePosixPath],
    documents: Sequence[bytes],
    again: Sequence[str],
) -> None:
    """Write each list to its file below a folder, or all of them to standard output.

    Args:
        out: the folder, or standard output.
        paths: of the files below it.
        documents: the lists.
        again: for each, the command that prints it.

    Raises:
        InputError: if a file cannot be written.
        OutputError: if the disk is full or fails.
    """
    if is_standard_output(out):
        write(out, b"".join(documents), again)
        return
    for number, (path, document) in enumerate(zip(paths, documents, strict=True)):
        place = out.joinpath(*path.parts)
        with _kept_in_estate(place, again[number:]):
            make_folders(place.parent)
            replace(place, document)


def write(path: Path, data: bytes, again: Sequence[str]) -> None:
    """Replace a file in one step, so that a reader finds the old list or the new one.

    Args:
        path: of the file.
        data: its new content.
        again: the commands that print the lists in it.

    Raises:
        InputError: if the file cannot be written.
        OutputError: if the disk is full or fails.
    """
    with _kept_in_estate(path, again):
        replace(path, data)


def _may_be_replaced(estate: Estate, path: Path) -> bool:
    """Whether a file is empty, or is a list of one of the estate's CAs as this command writes it.

    Raises:
        OSError: if it cannot be read.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from smki_testca.lifecycle.crls import name_of
    from smki_testca.x509 import untrusted

    with path.open("rb") as file:
        data = file.read(len(_BEGINNINGS[1]))
        if data.startswith(_BEGINNINGS):
            data += file.read(MAX_OCTETS)
    if not data:
        return True
    for load, encoding in (
        (x509.load_pem_x509_crl, Encoding.PEM),
        (x509.load_der_x509_crl, Encoding.DER),
    ):
        with contextlib.suppress(InputError):
            loaded = untrusted.call(load, data)
            issuer = untrusted.call(loaded.issuer.public_bytes)
            names = {name_of(each).name for each in estate.certificates.authorities()}
            return untrusted.call(loaded.public_bytes, encoding) == data and issuer in names
    return False


@contextlib.contextmanager
def _nothing_issued(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise write_error(
            "crl.unwritable",
            f"{path} cannot be written",
            error,
            "Name a file that can be written. Nothing is issued.",
        ) from error


@contextlib.contextmanager
def _kept_in_estate(path: Path, again: Sequence[str]) -> Iterator[None]:
    """Say of a file that cannot be written which lists are issued all the same."""
    try:
        yield
    except OSError as error:
        outcome, lists = "The list is issued", "it"
        if len(again) > 1:
            outcome, lists = f"{len(again)} lists are issued and not written", "each of them"
        raise write_error(
            "crl.unwritable",
            f"{outcome}, but {path} cannot be written",
            error,
            f"Print {lists} again: {'; '.join(again)}",
        ) from error
