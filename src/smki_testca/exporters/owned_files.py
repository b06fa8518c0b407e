"""Tells which files hold nothing but certificates and private keys that an estate has."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smki_testca.der.read import DerError
from smki_testca.errors import InputError
from smki_testca.estate.key_holders import participant_holder
from smki_testca.exporters.own_columns import COLUMNS, columns_file
from smki_testca.identifiers import SerialNumber
from smki_testca.importers.content import PRIVATE_KEYS, ContentKind
from smki_testca.importers.formats import contents_of
from smki_testca.importers.pem import pem_blocks
from smki_testca.importers.private_keys import PrivateKeyReader
from smki_testca.pkcs12.decryption import Decryptor
from smki_testca.pkcs12.reader import StoreReader
from smki_testca.profiles.model import Tier
from smki_testca.x509.keys import key_id
from smki_testca.x509.private_keys import public_key_info
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.x509.keys import PrivateKey

_KEY = ".key"
_CERTIFICATES = (".pem", ".der")
MAX_OCTETS = 1 << 16
"""The most octets of a file that is read; an export's files have fewer."""
_MAX_ITERATIONS = 2_000_000
"""The most work to open one key or store; an export's takes a third of it."""


@dataclass(frozen=True, slots=True)
class OwnedFiles:
    """The files of an estate among those that have names of its exports.

    Attributes:
        estate: the estate.
        passphrase: of the export that is made now; it may open keys and stores of earlier ones.
    """

    estate: Stores
    passphrase: str | None = None

    def concerns(self, path: Path) -> bool:
        """Whether a file has or may have something of the estate in it.

        A key and a file of columns are those of a certificate beside them. Nothing is decrypted:
        what is encrypted may be the estate's.
        """
        if path.name.endswith(COLUMNS):
            return bool(self._beside(path))
        content = self._content(path)
        if any(self._record(der) is not None for der in content.certificates):
            return True
        return bool(content.stores) or bool(content.keys and self._beside(path))

    def is_own(self, path: Path) -> bool:
        """Whether everything in a file is known to be the estate's.

        It issued each certificate and has each private key; a key is that of a certificate in the
        file or beside it. A link is none of its files, and neither is what cannot be decrypted.
        """
        if path.name.endswith(COLUMNS):
            return not path.is_symlink() and read_file(path) in {
                columns_file(record.columns) for record in self._beside(path)
            }
        content = self._content(path)
        if path.is_symlink() or content.has_more:
            return False
        try:
            certificates, keys = self._opened(content, str(path))
        except (InputError, DerError):
            return False
        records = [self._record(der) for der in certificates]
        known = [record for record in records if record is not None]
        if len(known) < len(records) or not records + keys:
            return False
        candidates = [*known, *self._beside(path)]
        return all(self._has(key, candidates) for key in keys)

    def end_entity(self, path: Path) -> Record | None:
        """The estate's certificate of an end entity in a file; None unless there is just one."""
        try:
            certificates, _ = self._opened(self._content(path), str(path))
        except (InputError, DerError):
            return None
        owned = {
            record.serial: record
            for record in map(self._record, certificates)
            if record is not None and record.tier is Tier.END_ENTITY
        }
        return next(iter(owned.values())) if len(owned) == 1 else None

    def may_be_key_of(self, path: Path, record: Record) -> bool:
        """Whether a file has the private key of a certificate, or one that cannot be opened."""
        content = self._content(path)
        try:
            _, keys = self._opened(content, str(path))
        except (InputError, DerError):
            return bool(content.keys)
        return [key_id(public_key_info(key)) for key in keys if key is not None] == [record.key_id]

    def _opened(
        self, content: _FileContent, name: str
    ) -> tuple[list[bytes], list[PrivateKey | None]]:
        """The certificates, DER, and the keys; None for a key that cannot be read.

        Raises:
            InputError: if something cannot be decrypted.
        """
        decryptor = Decryptor(self.passphrase, _MAX_ITERATIONS)
        reader = PrivateKeyReader(decryptor)
        certificates = list(content.certificates)
        keys = [reader.read(key, name) for key in content.keys]
        for data in content.stores:
            store = StoreReader(decryptor).read(data, name)
            certificates += (der for der, _ in store.certificates)
            keys += (reader.load(key, name) for key in store.private_keys)
        return certificates, keys

    def _has(self, key: PrivateKey | None, candidates: list[Record]) -> bool:
        """Whether the estate has a private key, which is that of one of some certificates."""
        if key is None:
            return False
        identifier = key_id(public_key_info(key))
        return any(
            self._has_key_of(candidate)
            for candidate in candidates
            if candidate.key_id == identifier
        )

    def _has_key_of(self, record: Record) -> bool:
        if record.participant is None:
            return False
        if record.place is not None:
            return record.serial in self.estate.run_certificates.private_keys([record])
        return self.estate.key_store.has(record.key_id, participant_holder(record.participant))

    def _beside(self, path: Path) -> list[Record]:
        """The estate's certificates beside a file of a key or of columns, by their names."""
        end = next((end for end in (_KEY, COLUMNS) if path.name.endswith(end)), None)
        if end is None:
            return []
        name = path.name.removesuffix(end)
        files = (path.with_name(f"{name}{suffix}") for suffix in _CERTIFICATES)
        certificates = (
            self._record(der) for file in files for der in self._content(file).certificates
        )
        return [record for record in certificates if record is not None]

    def _record(self, der: bytes) -> Record | None:
        """The estate's own record of a certificate; None for anybody else's."""
        try:
            value = view_certificate(der).value("serialNumber")
            record = self.estate.by_serial(SerialNumber(value)) if isinstance(value, int) else None
        except InputError:
            return None
        return record if record is not None and record.der == der else None

    def _content(self, path: Path) -> _FileContent:
        data = read_file(path)
        content = _FileContent()
        if data is None:
            return content
        is_too_long = len(data) > MAX_OCTETS
        content.has_more = is_too_long or _has_text_between_blocks(data)
        for part in contents_of(data):
            if part.problem is not None or part.kind in {
                ContentKind.PUBLIC_KEY,
                ContentKind.OTHER,
            }:
                content.has_more = True
            elif part.kind in PRIVATE_KEYS:
                content.keys.append(part.data)
            elif part.kind is ContentKind.PKCS12:
                content.stores.append(part.data)
            else:
                content.certificates.append(part.data)
        return content


@dataclass(slots=True)
class _FileContent:
    """The content of a file.

    Attributes:
        certificates: DER, and perhaps other documents.
        keys: PEM or DER, encrypted or not.
        stores: PKCS#12.
        has_more: whether there is anything else in it.
    """

    certificates: list[bytes] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    stores: list[bytes] = field(default_factory=list)
    has_more: bool = False


def read_file(path: Path) -> bytes | None:
    """The first octets of a file, one more than an export's file has at most.

    None if it cannot be read, or is no file: a pipe would wait for whoever writes to it.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with path.open("rb") as file:
            return file.read(MAX_OCTETS + 1)
    except OSError:
        return None


def _has_text_between_blocks(data: bytes) -> bool:
    rest = data
    blocks = list(pem_blocks(data))
    for block in blocks:
        rest = rest.replace(block.text, b"", 1)
    return bool(blocks) and bool(rest.strip())
