"""Reads certificates and private keys from files of any format, and pairs them.

Defective certificates are read, too, octet for octet. A private key goes to every certificate with
its public key. A remark gives the reason for each content that is not taken.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from smki_testca.der.read import DerError
from smki_testca.errors import InputError
from smki_testca.file_labels import label_of, told_apart
from smki_testca.importers.content import PRIVATE_KEYS, ContentKind
from smki_testca.importers.private_keys import PrivateKeyReader
from smki_testca.importers.sources import ArchivedFile, sources_with_keys
from smki_testca.labels import MAX_LABEL_CHARACTERS
from smki_testca.passphrases import readings
from smki_testca.pkcs12.decryption import Decryptor
from smki_testca.pkcs12.reader import StoreReader
from smki_testca.text import plain
from smki_testca.x509.keys import key_id, public_key_octets
from smki_testca.x509.view import is_in_place, kind_of, view_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from smki_testca.importers.sources import Source
    from smki_testca.x509.keys import PrivateKey
    from smki_testca.x509.view import View

_T = TypeVar("_T")

MAX_CERTIFICATES = 50_000
"""The most certificates that one import takes."""
MAX_KEYS = 50_000
"""The most private keys that one import reads."""
MAX_OCTETS = 256 << 20
"""The most octets that the certificates of one import may have together."""


@dataclass(frozen=True, slots=True)
class Remark:
    """The reason why a content was not taken.

    Attributes:
        code: a stable dotted code.
        source: the file.
        message: one clause, without the file.
    """

    code: str
    source: str
    message: str

    def as_json(self) -> dict[str, str]:
        """The remark as a JSON object: source, code, message."""
        return {"source": self.source, "code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class FoundCertificate:
    """A certificate that was read from a file.

    Attributes:
        der: its octets, unchanged.
        source: its file, relative to the path that the user named.
        label: its name in a key store, or the name of a file that holds nothing else.
        key: its private key, where the files have it.
    """

    der: bytes
    source: str
    label: str | None
    key: PrivateKey | None = None


@dataclass(frozen=True, slots=True)
class LooseKey:
    """A private key that belongs to none of the certificates taken with it."""

    key: PrivateKey
    source: str


@dataclass(frozen=True, slots=True)
class Intake:
    """The certificates and private keys that were read from files.

    Attributes:
        certificates: each certificate once, in the order of the files.
        loose_keys: each private key without a certificate once.
        remarks: the reasons for what was not taken.
    """

    certificates: tuple[FoundCertificate, ...]
    loose_keys: tuple[LooseKey, ...] = ()
    remarks: tuple[Remark, ...] = ()


def take_in(
    names: Iterable[str],
    standard_input: bytes | None = None,
    *,
    passphrase: str | None = None,
    with_keys: bool = True,
) -> Intake:
    """Read the certificates and private keys in files, folders, bundles, stores and archives.

    Args:
        names: paths; ``-`` is standard input.
        standard_input: the octets of standard input.
        passphrase: opens encrypted private keys and PKCS#12 stores.
        with_keys: whether private keys are read at all.

    Raises:
        InputError: if a path cannot be read, it holds nothing to import, a passphrase is missing
            or wrong, or a limit is exceeded.
    """
    collector = _Collector(passphrase, with_keys=with_keys)
    for name in names:
        for source in sources_with_keys([name], standard_input):
            collector.take(source, _below_named(name, source.file))
    intake = collector.paired()
    if not intake.certificates and not intake.loose_keys:
        if intake.remarks:
            first = intake.remarks[0]
            file = collector.name_of(first.source)
            raise InputError(first.code, f"{file} cannot be imported: {first.message}.")
        raise InputError("import.nothing", "There is nothing in it to import.")
    return intake


class _Collector:
    """Collects certificates and private keys, within the limits of one import."""

    def __init__(self, passphrase: str | None, *, with_keys: bool) -> None:
        self._readings = (None,) if passphrase is None else readings(passphrase)
        self._decryptor = Decryptor()
        self._private_keys = PrivateKeyReader(self._decryptor)
        self._stores = StoreReader(self._decryptor)
        self._with_keys = with_keys
        self._certificates: dict[bytes, FoundCertificate] = {}
        self._identities: dict[bytes, bytes | None] = {}
        self._files: dict[bytes, list[str]] = {}
        self._names: dict[str, str] = {}
        self._count_by_file: Counter[str] = Counter()
        self._octets = 0
        self._keys: dict[bytes, LooseKey] = {}
        self._keys_read = 0
        self._remarks: list[Remark] = []
        self._previous: bytes | None = None

    def take(self, source: Source, file: str) -> None:
        """Take one source; ``file`` is its file for messages."""
        self._names[file] = source.file
        if source.problem is not None:
            self._previous = None
            self._remark(source.problem.code, file, source.problem.message)
        elif source.kind is ContentKind.DOCUMENT:
            self._take_certificate(source.data, file, source.name)
        elif source.kind is ContentKind.PKCS12:
            self._take_store(source.data, file)
        elif self._with_keys and source.kind in PRIVATE_KEYS:
            self._count_key()
            name = _key_name(file, source.name)
            key = self._unlocked(lambda: self._private_keys.read(source.data, name))
            beside = self._previous if source.kind is ContentKind.KEY_OF_DOCUMENT else None
            self._take_key(key, file, name, beside)

    def name_of(self, file: str) -> str:
        """The file of a remark as the user named it."""
        return self._names.get(file, file)

    def paired(self) -> Intake:
        """Pair the certificates with their keys."""
        certificates: list[FoundCertificate] = []
        fitting = set()
        labels = self._labels()
        for der, certificate in self._certificates.items():
            identity = self._identities[der]
            loose = None if identity is None else self._keys.get(identity)
            if loose is not None and identity is not None:
                fitting.add(identity)
            certificates.append(
                replace(
                    certificate,
                    source=self._file_alone(der) or certificate.source,
                    label=labels[der],
                    key=None if loose is None else loose.key,
                )
            )
        loose_keys = tuple(key for identity, key in self._keys.items() if identity not in fitting)
        return Intake(tuple(certificates), loose_keys, tuple(self._remarks))

    def _file_alone(self, der: bytes) -> str | None:
        """The first file that holds a certificate and no other."""
        files = self._files[der]
        return next((file for file in files if self._count_by_file[file] == 1), None)

    def _labels(self) -> dict[bytes, str | None]:
        """The label of each certificate: its name in a key store, or that of its own file.

        Labels from the names of files are told apart; a remark says so.
        """
        stated = {der: certificate.label for der, certificate in self._certificates.items()}
        of_files: dict[bytes, str] = {}
        for der, label in stated.items():
            file = None if label is not None else self._file_alone(der)
            if file is not None and (file_label := _label_of(self._names[file])) is not None:
                of_files[der] = file_label
        names = [label for label in stated.values() if label is not None]
        apart = told_apart([*dict.fromkeys(names), *of_files.values()])[len(set(names)) :]
        for (der, label), other in zip(of_files.items(), apart, strict=True):
            if other != label:
                message = f"its label is {other!r}: another certificate has the label {label!r}"
                self._remark("import.label", self._file_alone(der) or "", message)
            stated[der] = other
        return stated

    def _take_certificate(self, der: bytes, file: str, name: str | None) -> None:
        self._previous = None
        message = ""
        try:
            view: View | None = view_certificate(der)
        except DerError as error:
            view = None
            if error.code != "der.structure":
                message = f"it is not a certificate: {error.message}"
        if view is None or not is_in_place(view):
            kind = kind_of(der)
            if kind not in {None, "certificate"}:
                message = f"it is not a certificate, but a {kind}"
            message = message or "it is not a certificate, but something else"
            self._remark("import.no_certificate", file, message)
            return
        self._previous = der
        self._count_by_file[file] += 1
        self._files.setdefault(der, []).append(file)
        label = None if name is None else plain(name)[:MAX_LABEL_CHARACTERS]
        known = self._certificates.get(der)
        if known is not None:
            self._certificates[der] = replace(known, label=known.label or label)
            return
        self._octets += len(der)
        if len(self._certificates) == MAX_CERTIFICATES or self._octets > MAX_OCTETS:
            raise InputError(
                "import.too_much",
                f"One import takes {MAX_CERTIFICATES:,} certificates of {MAX_OCTETS >> 20} MiB"
                " together, and there are more.",
                "Import fewer files at a time.",
            )
        self._certificates[der] = FoundCertificate(der, file, label)
        self._identities[der] = _identity(view)

    def _take_store(self, data: bytes, file: str) -> None:
        store = self._unlocked(lambda: self._stores.read(data, file))
        for der, friendly_name in store.certificates:
            self._take_certificate(der, file, friendly_name)
        for private_key in store.private_keys if self._with_keys else ():
            self._count_key()
            self._take_key(self._private_keys.load(private_key, file), file, file, None)

    def _unlocked(self, read: Callable[[], _T]) -> _T:
        """The result of reading with the passphrase, by either of its readings.

        Raises:
            InputError: if the passphrase is missing or wrong.
        """
        *earlier, last = self._readings
        for self._decryptor.passphrase in earlier:
            try:
                return read()
            except InputError as error:
                if error.code != "import.passphrase":
                    raise
        self._decryptor.passphrase = last
        return read()

    def _take_key(self, key: PrivateKey | None, file: str, name: str, beside: bytes | None) -> None:
        if key is None:
            message = "it is not a readable private key on an elliptic curve or of RSA"
            self._remark("key.unreadable", name, message)
            return
        identity = hashlib.sha256(public_key_octets(key.public_key())).digest()
        self._keys.setdefault(identity, LooseKey(key, file))
        if beside is not None and self._identities[beside] != identity:
            message = "the private key given with the certificate is not its own"
            self._remark("import.key_mismatch", name, message)

    def _count_key(self) -> None:
        self._keys_read += 1
        if self._keys_read > MAX_KEYS:
            raise InputError(
                "import.too_much",
                f"One import reads {MAX_KEYS:,} private keys, and there are more.",
                "Import fewer files at a time.",
            )

    def _remark(self, code: str, source: str, message: str) -> None:
        self._remarks.append(Remark(code, source, plain(message)))


def _identity(view: View) -> bytes | None:
    spki = view.octets("subjectPublicKeyInfo")
    return None if spki is None else key_id(spki)


def _below_named(name: str, file: str) -> str:
    """The path of a file relative to the folder that holds what the user named."""
    if name == "-":
        return plain(file)
    above = str(Path(name).parent)
    if above != ".":
        file = file.removeprefix(above).lstrip(os.sep)
    return plain(file)


def _key_name(file: str, name: str | None) -> str:
    """The name of a private key for messages: its file, and its name in a key store."""
    return file if name is None else f"{file} ({plain(name)[:MAX_LABEL_CHARACTERS]})"


def _label_of(file: str) -> str | None:
    """The label that the name of a file makes; None for standard input."""
    if isinstance(file, ArchivedFile):
        # The separator in an archive is a slash on every system.
        return label_of(PurePosixPath(file.entry).stem)
    return None if file == "-" else label_of(Path(file).stem)
