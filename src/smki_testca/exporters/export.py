"""Writes an export: every file at once or none, private keys for their owner's eyes only."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.exporters.c_header import CHeader
from smki_testca.exporters.capath import CaPath
from smki_testca.exporters.csv_inventory import CsvInventory
from smki_testca.exporters.fitting import summary
from smki_testca.exporters.gbcs_parser import GbcsParserFolder
from smki_testca.exporters.item import Format, Item, LeftOut, OutputFile, file_names
from smki_testca.exporters.java import JavaStores
from smki_testca.exporters.jwks import JwkSet
from smki_testca.exporters.keystore_json import JsonKeyStore
from smki_testca.exporters.org_crypto import OrganisationZip
from smki_testca.exporters.pem import DerTree, PemTree
from smki_testca.exporters.pkcs7 import Pkcs7Bundle
from smki_testca.exporters.pkcs12 import Pkcs12Stores
from smki_testca.exporters.signing_tool import SigningToolFolder
from smki_testca.profiles.model import Tier
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.identifiers import SerialNumber

FORMATS: dict[str, Format] = {
    "pem": PemTree(),
    "der": DerTree(),
    "pkcs12": Pkcs12Stores(),
    "pkcs7": Pkcs7Bundle(),
    "java": JavaStores(),
    "keystore-json": JsonKeyStore(),
    "signing-tool": SigningToolFolder(),
    "gbcs-parser": GbcsParserFolder(),
    "org-crypto": OrganisationZip(),
    "c-header": CHeader(),
    "capath": CaPath(),
    "jwks": JwkSet(),
    "csv": CsvInventory(),
}
"""Every format, by the name it has on the command line."""


def check_format(name: str) -> None:
    """See that there is a format of a name.

    Raises:
        InputError: if there is none.
    """
    if name not in FORMATS:
        raise InputError(
            "export.format",
            f"There is no format {shown(name)}.",
            f"Known are {', '.join(FORMATS)}.",
        )


def items(estate: Estate, records: Sequence[Record], *, with_keys: bool) -> list[Item]:
    """What a format is given for these certificates.

    A CA's private key never leaves the estate.
    """
    names = file_names(records, estate.library.roles)
    chains: dict[SerialNumber, tuple[Record, ...]] = {}
    lists = _revocation_lists(estate)
    end_entities = [one for one in records if one.tier is Tier.END_ENTITY]
    keys = estate.private_keys(end_entities) if with_keys else {}
    made = []
    for name, record in zip(names, records, strict=True):
        is_ca = record.tier is not Tier.END_ENTITY
        owner = "ca" if is_ca else record.participant or "nobody"
        folder = PurePosixPath(record.family, record.hierarchy.value, owner)
        key = None if is_ca else keys.get(record.serial)
        # What is above a certificate is above every other of the same issuer, but for a root.
        above = () if record.issuer == record.serial else chains.get(record.issuer)
        if above is None:
            above = chains[record.issuer] = tuple(estate.certificates.chain(record))
        signers = (record, *above) if is_ca else above
        found = tuple(der for one in signers for der in lists.get(one.key_id, ()))
        made.append(Item(name, folder, record, above, key, found, estate.status(record)))
    return made


def _revocation_lists(estate: Estate) -> dict[bytes, list[bytes]]:
    """The current revocation lists, DER, by the id of the key that signed them."""
    found: dict[bytes, list[bytes]] = {}
    for one in estate.revocation_lists(current_only=True):
        signer = estate.certificates.by_serial(one.authority)
        if signer is not None:
            found.setdefault(signer.key_id, []).append(one.der)
    return found


@dataclass(frozen=True, slots=True)
class Made:
    """An export before it is written.

    Attributes:
        files: every file of it, notes included.
        left_out: the certificates that the format cannot hold.
    """

    files: list[OutputFile]
    left_out: list[LeftOut]


def make(form: str, selected: Sequence[Item], passphrase: str | None) -> Made:
    """Every file of an export.

    Args:
        form: a name in ``FORMATS``.
        selected: what to write.
        passphrase: protects private keys, where the format can.

    Raises:
        InputError: if the format holds none of what was selected, or cannot do what is asked.
    """
    writer = FORMATS[form]
    files = [*writer.files(selected, passphrase)]
    left_out = writer.left_out(selected)
    if not files:
        raise InputError(
            "export.none_fit",
            f"The format {form} holds none of the certificates selected.",
            " ".join(summary(left_out, len(selected))),
        )
    out = {id(one.item) for one in left_out}
    return Made([*files, *notes(one for one in selected if id(one) not in out)], left_out)


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


def export(
    estate: Estate,
    records: Iterable[Record],
    form: str,
    out: Path | str,
    *,
    with_keys: bool = False,
    passphrase: str | None = None,
    force: bool = False,
) -> list[Path]:
    """Write certificates, and their private keys where asked for, in the form a program loads.

    Args:
        estate: whose certificates they are.
        records: which; a CA's private key never leaves the estate.
        form: a format of ``docs/formats.md``, such as ``pem``.
        out: the folder to write below; it is made if need be.
        with_keys: whether private keys are written, too.
        passphrase: protects them, where the format can.
        force: whether files that are there already are overwritten.

    Returns:
        The paths of what was written. What a client's format cannot hold is left out;
        ``FORMATS[form].left_out`` says what and why.

    Raises:
        InputError: if there is no such format, it holds none of the certificates or cannot do
            what is asked, or a file is there already or cannot be written.
    """
    check_format(form)
    chosen = list(records)
    if not chosen:
        raise InputError("export.nothing", "No certificate fits the selection.")
    selected = items(estate, chosen, with_keys=with_keys)
    return write(make(form, selected, passphrase).files, Path(out), force=force)


def write(files: Iterable[OutputFile], out: Path, *, force: bool) -> list[Path]:
    """Write the files below a folder, which is made if need be.

    Returns:
        Their paths.

    Raises:
        InputError: if one is there already and ``force`` is not given, or cannot be written;
            nothing that was written stays then.
    """
    made = list(files)
    paths = [out.joinpath(*one.path.parts) for one in made]
    present = next((path for path in paths if path.exists()), None)
    if present is not None and not force:
        raise InputError(
            "export.exists", f"{present} exists already.", "Name another folder, or add --force."
        )
    folders: list[Path] = []
    begun: list[Path] = []
    try:
        for folder in dict.fromkeys(path.parent for path in paths):
            _make_folder(folder, folders)
        for one, path in zip(made, paths, strict=True):
            _write_file(path, one.data, begun)
    except BaseException as error:
        # Half an export passes for a whole one, and stands in the way of the next.
        with contextlib.suppress(OSError):
            for path in begun:
                path.unlink(missing_ok=True)
            for folder in reversed(folders):
                folder.rmdir()
        if isinstance(error, OSError):
            raise InputError(
                "export.unwritable", f"{error.filename or out} cannot be written: {error.strerror}."
            ) from error
        raise
    return paths


def _make_folder(path: Path, made: list[Path]) -> None:
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700)
        made.append(folder)


def _write_file(path: Path, data: bytes, begun: list[Path]) -> None:
    path.unlink(missing_ok=True)
    begun.append(path)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
