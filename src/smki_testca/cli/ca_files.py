"""Reads a folder of the keys and certificates of CAs: ``--ca-keys`` of ``init``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.cli.input_files import read_input
from smki_testca.errors import InputError
from smki_testca.importers.pem import decode_base64, pem_blocks
from smki_testca.importers.private_keys import PrivateKeyReader
from smki_testca.lifecycle.shared_authorities import CERTIFICATE_SUFFIX, KEY_SUFFIX
from smki_testca.pkcs12.decryption import Decryptor
from smki_testca.text import use_one_of
from smki_testca.text_files import utf8
from smki_testca.x509.pem import to_pem
from smki_testca.x509.private_keys import to_pkcs8

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Hierarchy, Tier

_MAX_OCTETS = 1 << 16
_ENCRYPTED = (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"DEK-Info:")


@dataclass(frozen=True, slots=True)
class CaFiles:
    """The content of such a folder, by hierarchy and tier.

    Attributes:
        keys: private keys, PEM, not encrypted.
        certificates: DER.
    """

    keys: Mapping[tuple[Hierarchy, Tier], bytes]
    certificates: Mapping[tuple[Hierarchy, Tier], bytes]


def ca_places(library: Library) -> dict[str, tuple[Hierarchy, Tier]]:
    """The hierarchy and tier of each CA, by the name of its profile."""
    return {
        profile: (hierarchy.name, tier)
        for hierarchy in library.hierarchies.values()
        for tier, profile in hierarchy.tiers.items()
    }


def read_ca_files(folder: Path, library: Library, passphrase: str | None) -> CaFiles:
    """Read the folder.

    Args:
        folder: of files that are named after the profiles of CAs.
        library: has the profiles.
        passphrase: of encrypted keys; None for none.

    Raises:
        InputError: if it is not a folder, has another file, or a file cannot be read.
    """
    places = ca_places(library)
    if not folder.is_dir():
        raise InputError("ca_keys.folder", f"{folder} is not a folder of CA keys.")
    reader = PrivateKeyReader(Decryptor(passphrase))
    keys: dict[tuple[Hierarchy, Tier], bytes] = {}
    certificates: dict[tuple[Hierarchy, Tier], bytes] = {}
    for path in sorted(folder.iterdir()):
        place = places.get(path.stem)
        if place is None or path.suffix not in {KEY_SUFFIX, CERTIFICATE_SUFFIX}:
            names = [f"{profile}{KEY_SUFFIX}" for profile in places]
            raise InputError("ca_keys.stray", f"{path} is not a CA's key.", use_one_of(names))
        data = read_input(str(path), _MAX_OCTETS)
        if path.suffix == KEY_SUFFIX:
            keys[place] = _plain(data, path, reader)
        else:
            certificates[place] = _certificate(data, path)
    return CaFiles(keys, certificates)


def _plain(data: bytes, path: Path, reader: PrivateKeyReader) -> bytes:
    """A private key in PEM as it is, or decrypted.

    Raises:
        InputError: if the passphrase is missing or wrong, or the key cannot be read.
    """
    text = utf8(data)
    if not any(mark in text for mark in _ENCRYPTED):
        return data
    try:
        key = reader.read(text, str(path))
    except InputError as error:
        if error.code != "import.passphrase":
            raise
        raise InputError(
            "ca_keys.passphrase",
            error.message,
            "Give the right one with --ca-keys-passphrase-file FILE.",
        ) from error
    if key is None:
        raise InputError("key.unreadable", f"{path} is not a PEM private key.")
    return to_pem(to_pkcs8(key), "PRIVATE KEY")


def _certificate(data: bytes, path: Path) -> bytes:
    """The one certificate of a PEM file, DER."""
    files = [
        decode_base64(block.body)
        for block in pem_blocks(utf8(data))
        if block.label == b"CERTIFICATE"
    ]
    if len(files) != 1 or files[0] is None:
        raise InputError(
            "ca_keys.certificate",
            f"{path} is not one certificate in PEM.",
            "Give the file as export ca-keys wrote it.",
        )
    return files[0]
